//! What a call of a tool works with, and how its arguments are read.

use crate::context::Context;
use crate::error::CliError;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::time::Duration;

/// Arguments of a call.
pub(super) type Arguments = Map<String, Value>;

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// It grows from one word to the next, also while no task ends.
    pub(super) done: f64,
    /// The tasks of the run.
    pub(super) total: u32,
}

/// What a call works with.
pub(super) struct Desk<'a> {
    /// Workspace and settings.
    pub(super) context: &'a Context,
    /// A call that waits for a run does so at most that long.
    pub(super) wait: Duration,
    /// Whether the client has taken the call back.
    pub(super) is_over: &'a dyn Fn() -> bool,
    /// Tells the client how far the run is.
    pub(super) tell: &'a dyn Fn(Progress),
}

/// Why a call is not obeyed: the client is to read it.
#[derive(Debug)]
pub(super) struct Refused {
    /// What is wrong.
    pub(super) message: String,
    /// What to do.
    pub(super) hint: Option<String>,
}

impl From<CliError> for Refused {
    fn from(error: CliError) -> Refused {
        Refused { message: error.message, hint: error.hint }
    }
}

impl Refused {
    /// Without a hint.
    pub(super) fn new(message: impl Into<String>) -> Refused {
        Refused { message: message.into(), hint: None }
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
