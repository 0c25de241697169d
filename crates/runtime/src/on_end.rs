//! The command of a plan that is run when its run has ended: to tell somebody, to begin something else.
//!
//! It belongs to no task: its process is no attempt, its end changes nothing. Who dies in between leaves it undone: it
//! is run once at most.

use crate::environment::{Environment, Passing};
use crate::redact::{Redactor, Stream};
use regatta_plan::Plan;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::io::{self, PipeReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// It may take so many seconds.
const MOST_SECONDS: u64 = 60;

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

/// Runs the command of a plan, if it has one. What it writes until it ends goes to `shown`, redacted.
///
/// # Errors
/// It did not do its work; the run has ended all the same.
pub fn run(
    plan: &Plan,
    workspace: &Path,
    (run_id, status): (&str, &str),
    (redactor, shown): (&Arc<Redactor>, &mut dyn io::Write),
) -> Result<(), OnEndError> {
    let Some((program, arguments)) = plan.on_end.split_first() else { return Ok(()) };
    let fail = |source: io::Error| OnEndError::Io { program: program.clone(), source };
    let passing = plan.env.clone().map_or(Passing::Inherit, Passing::Names);
    let environment = Environment::read(&passing, std::env::vars_os());
    let (output, theirs) = io::pipe().map_err(fail)?;
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(workspace)
        .env_clear()
        .envs(environment.iter())
        .env("REGATTA_RUN_ID", run_id)
        .env("REGATTA_RUN_STATUS", status)
        .env("REGATTA_PLAN_NAME", redactor.declared(&plan.name).unwrap_or_else(|| plan.name.clone()))
        .stdin(Stdio::null())
        .stdout(theirs.try_clone().map_err(fail)?)
        .stderr(theirs)
        .process_group(0)
        .spawn()
        .map_err(fail)?;
    match wait(&mut child, output, Shown::new(redactor, shown)).map_err(fail)? {
        None => Err(OnEndError::TooLong { program: program.clone() }),
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(OnEndError::Failed { program: program.clone(), status }),
    }
}

/// What it writes, on its way to whoever shows it.
struct Shown<'a>(Stream, &'a mut dyn io::Write);

impl<'a> Shown<'a> {
    fn new(redactor: &Arc<Redactor>, to: &'a mut dyn io::Write) -> Shown<'a> {
        Shown(Stream::new(Arc::clone(redactor)), to)
    }

    /// Shows what has come. False at the end.
    fn take(&mut self, output: &mut PipeReader) -> io::Result<bool> {
        let (mut chunk, mut out) = ([0; 8_192], Vec::new());
        loop {
            match output.read(&mut chunk) {
                Ok(0) => return Ok(false),
                Ok(n) => self.0.push(&chunk[..n], &mut out),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            // Nobody may be left to read it.
            let _ = self.1.write_all(&out);
            out.clear();
        }
    }

    fn end(mut self) {
        let mut out = Vec::new();
        self.0.finish(&mut out);
        // As above.
        let _ = self.1.write_all(&out);
    }
}

/// How it ended; none if it had to be ended.
fn wait(child: &mut Child, mut output: PipeReader, mut shown: Shown<'_>) -> io::Result<Option<ExitStatus>> {
    let pid = Pid::from_child(child);
    let handle = pidfd_open(pid, PidfdFlags::empty())?;
    fcntl_setfl(&output, fcntl_getfl(&output)? | OFlags::NONBLOCK)?;
    let until = Instant::now() + Duration::from_secs(MOST_SECONDS);
    let mut open = true;
    let ended = loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(0),
            tv_nsec: left.subsec_nanos().into(),
        };
        let mut watched = vec![PollFd::new(&handle, PollFlags::IN)];
        if open {
            watched.push(PollFd::new(&output, PollFlags::IN));
        }
        match poll(&mut watched, Some(&left)) {
            Ok(0) => break false,
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let has_ended = !watched[0].revents().is_empty();
        // What it has left running may hold the pipe open: that is not waited for.
        open = open && shown.take(&mut output)?;
        if has_ended {
            break true;
        }
    };
    shown.end();
    if !ended {
        // One that has just ended is as good.
        let _ = kill_process_group(pid, Signal::KILL);
    }
    let status = child.wait()?;
    Ok(ended.then_some(status))
}
