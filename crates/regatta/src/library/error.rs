//! Errors of the library: a kind to match on, words, a hint, the exit code that the command line would end with.

use crate::error::CliError;
use crate::exit::Exit;
use regatta_plan::{Fact, Severity};
use regatta_runtime::escape::escape_block;
use std::fmt;

/// What kind of error it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The plan is not valid: [`Error::problems`] has every problem. Or it has changed since its run began.
    InvalidPlan,
    /// What was asked cannot be: no such run or task, or it does not fit the state of the run.
    Refused,
    /// The environment is at fault: store, disk, repository, another orchestrator, no keeper.
    Environment,
    /// No program can be found that serves as the keeper of runs.
    NoProgram,
}

/// An error.
///
/// `Display` is one sentence, in lower case, that names the object. What to do about it is the [`Error::hint`].
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    problems: Vec<Problem>,
}

impl Error {
    pub(super) fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), hint: None, problems: Vec::new() }
    }

    pub(super) fn hinted(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn with(mut self, problems: Vec<Problem>) -> Error {
        self.problems = problems;
        self
    }

    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What to do about it, where that can be said.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Every problem of a plan that is not valid, in order of place.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The exit code with which the command line ends on this error, as `docs/cli.md` has them.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            ErrorKind::InvalidPlan => Exit::InvalidPlan,
            ErrorKind::Refused => Exit::Usage,
            ErrorKind::Environment | ErrorKind::NoProgram => Exit::Environment,
        }
        .code()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names of files and what other programs say may be in it.
        out.write_str(escape_block(&self.message).trim_end())
    }
}

impl std::error::Error for Error {}

impl From<CliError> for Error {
    fn from(error: CliError) -> Error {
        let kind = match error.exit {
            Exit::InvalidPlan => ErrorKind::InvalidPlan,
            Exit::Usage => ErrorKind::Refused,
            Exit::Environment | Exit::Success | Exit::Failed | Exit::Waiting | Exit::Interrupted => {
                ErrorKind::Environment
            }
        };
        Error { kind, message: error.message, hint: error.hint, problems: Vec::new() }
    }
}

/// A problem of a plan, with its place.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Problem {
    /// Its code; `docs/errors` has a page for each.
    pub code: &'static str,
    /// The plan cannot run with it; otherwise it is a warning.
    pub is_error: bool,
    /// What is wrong.
    pub message: String,
    /// 1-based line.
    pub line: usize,
    /// 1-based column in characters.
    pub column: usize,
    /// How to mend it, where that can be said.
    pub help: Option<String>,
}

impl From<Fact> for Problem {
    fn from(fact: Fact) -> Problem {
        Problem {
            code: fact.code,
            is_error: fact.severity == Severity::Error,
            message: fact.message,
            line: fact.line,
            column: fact.column,
            help: fact.help,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { code, line, column, .. } = self;
        write!(out, "{line}:{column}: {} [{code}]", escape_block(&self.message).trim_end())
    }
}
