//! The command of a plan that is run when its run has ended: to tell somebody, to begin something else.
//!
//! It belongs to no task: its process is no attempt, its end changes nothing. Who dies in between leaves it undone: it
//! is run once at most.

use crate::environment::{Environment, Passing};
use regatta_plan::Plan;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

/// It may take so many seconds.
const MOST_SECONDS: i64 = 60;

/// Why it did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum OnEndError {
    /// It cannot be started or waited for.
    #[error("`{program}` cannot be run: {source}")]
    Io {
        /// The program.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// It failed.
    #[error("`{program}` ended with {status}")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// It took too long and was ended, with all of its group.
    #[error("`{program}` took more than {MOST_SECONDS} s and was ended")]
    TooLong {
        /// The program.
        program: String,
    },
}

/// Runs the command of a plan, if it has one. What it writes goes to standard error.
///
/// # Errors
/// It did not do its work; the run has ended all the same.
pub fn run(plan: &Plan, workspace: &Path, (run_id, status): (&str, &str)) -> Result<(), OnEndError> {
    let Some((program, arguments)) = plan.on_end.split_first() else { return Ok(()) };
    let fail = |source: io::Error| OnEndError::Io { program: program.clone(), source };
    let passing = plan.env.clone().map_or(Passing::Inherit, Passing::Names);
    let environment = Environment::read(&passing, std::env::vars_os());
    let stderr = || io::stderr().as_fd().try_clone_to_owned().map(Stdio::from);
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(workspace)
        .env_clear()
        .envs(environment.iter())
        .env("REGATTA_RUN_ID", run_id)
        .env("REGATTA_RUN_STATUS", status)
        .env("REGATTA_PLAN_NAME", &plan.name)
        .stdin(Stdio::null())
        .stdout(stderr().map_err(fail)?)
        .stderr(stderr().map_err(fail)?)
        .process_group(0)
        .spawn()
        .map_err(fail)?;
    match wait(&mut child).map_err(fail)? {
        None => Err(OnEndError::TooLong { program: program.clone() }),
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(OnEndError::Failed { program: program.clone(), status }),
    }
}

/// How it ended; none if it had to be ended.
fn wait(child: &mut Child) -> io::Result<Option<ExitStatus>> {
    let pid = Pid::from_child(child);
    let handle = pidfd_open(pid, PidfdFlags::empty())?;
    let most = Timespec { tv_sec: MOST_SECONDS, tv_nsec: 0 };
    let ended = loop {
        match poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&most)) {
            Ok(n) => break n > 0,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    };
    if !ended {
        // One that has just ended is as good.
        let _ = kill_process_group(pid, Signal::KILL);
    }
    let status = child.wait()?;
    Ok(ended.then_some(status))
}
