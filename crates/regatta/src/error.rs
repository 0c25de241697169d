//! Errors of the user's world: what is wrong with which object, a hint, an exit code.
//!
//! Bugs of ours are assertions, not values of this type.

use crate::exit::Exit;
use regatta_runtime::escape::escape_block;
use std::fmt;

/// An error to show a person.
#[derive(Debug)]
pub struct CliError {
    /// The exit code.
    pub exit: Exit,
    /// Lower-case, names the object and the path.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl CliError {
    /// An error without a hint.
    pub fn new(exit: Exit, message: impl Into<String>) -> CliError {
        CliError { exit, message: message.into(), hint: None }
    }

    /// The command line is wrong.
    pub fn usage(message: impl Into<String>) -> CliError {
        CliError::new(Exit::Usage, message)
    }

    /// The environment is at fault.
    pub fn environment(message: impl Into<String>) -> CliError {
        CliError::new(Exit::Environment, message)
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> CliError {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names of files and what other programs say may be in it.
        write!(f, "error: {}", escape_block(&self.message))?;
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {}", escape_block(hint))?;
        }
        Ok(())
    }
}

impl std::error::Error for CliError {}
