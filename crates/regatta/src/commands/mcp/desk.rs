//! What a call of a tool works with, and how its arguments are read.

use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::time::Duration;

/// Arguments of a call.
pub type Arguments = Map<String, Value>;

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// It grows from one word to the next, also while no task ends.
    pub done: f64,
    /// The tasks of the run.
    pub total: u32,
}

/// What a call works with.
pub struct Desk<'a> {
    /// Workspace and settings.
    pub context: &'a Context,
    /// A call that waits for a run does so at most that long.
    pub wait: Duration,
    /// Whether the client has taken the call back.
    pub is_over: &'a dyn Fn() -> bool,
    /// Tells the client how far the run is.
    pub tell: &'a dyn Fn(Progress),
}

/// Why a call is not obeyed: the client is to read it.
#[derive(Debug)]
pub struct Refused {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// Nothing that the client said is wrong: something here cannot be read or started.
    pub is_ours: bool,
}

impl From<CliError> for Refused {
    fn from(error: CliError) -> Refused {
        let is_ours = error.exit == Exit::Environment;
        Refused { message: error.message, hint: error.hint, is_ours }
    }
}

impl Refused {
    /// Without a hint.
    pub fn new(message: impl Into<String>) -> Refused {
        Refused { message: message.into(), hint: None, is_ours: false }
    }
}

/// Reads arguments into their type.
///
/// # Errors
/// One is missing, unknown or of another kind.
pub(super) fn read<T: DeserializeOwned>(arguments: Arguments) -> Result<T, Refused> {
    serde_json::from_value(Value::Object(arguments))
        .map_err(|e| Refused::new(format!("the arguments do not fit: {e}")))
}
