//! What one input led to.
//!
//! Pure data; knows neither who decides nor who obeys.

use crate::effect::Effect;
use crate::event::Event;

/// What one input led to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Step {
    /// Facts, to be made durable first.
    pub events: Vec<Event>,
    /// What to do then.
    pub effects: Vec<Effect>,
}
