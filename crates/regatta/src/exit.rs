//! Exit codes of the binary, documented in `docs/cli.md`. Order of precedence: 2, 3 > 4 > 130 > 5 > 1 > 0.

use std::process::ExitCode;

/// The end of a command as the shell sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// Everything went well.
    Success,
    /// Some task failed, or the run was cancelled.
    Failed,
    /// The command line is wrong, or the plan needs what is not built.
    Usage,
    /// The plan is not valid.
    InvalidPlan,
    /// The environment is at fault: store, disk, another orchestrator.
    Environment,
    /// The run waits for a person, or ended with something that a person must look at.
    Waiting,
    /// A signal interrupted it.
    Interrupted,
}

impl Exit {
    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Exit::Success => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::InvalidPlan => 3,
            Exit::Environment => 4,
            Exit::Waiting => 5,
            Exit::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
