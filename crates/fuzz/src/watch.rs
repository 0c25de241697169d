//! Starts a worker for each target and watches it: whoever dies or stands still has found something.
//!
//! Knows targets by name only.

use crate::target::Target;
use crate::worker::last_input;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant, SystemTime};

/// A worker judges thousands of inputs a second; one over which it sits so long is a finding.
const MOST_SILENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// Lets a worker of its own feed a target; it tells its report itself.
///
/// # Errors
/// What was found, and where the input is.
pub fn run(target: &Target, args: &[String], dir: &Path) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|e| format!("who am I: {e}"))?;
    let mut child = Command::new(program)
        .args(["--worker", target.name])
        .args(args)
        .spawn()
        .map_err(|e| format!("no worker: {e}"))?;
    let last = last_input(dir, target);
    let why = match wait(&mut child, &last)? {
        Ended::Well => return Ok(()),
        Ended::Found => "it says so above".to_owned(),
        Ended::Died(how) => how,
        Ended::Stood => format!("it sat over one input for {} s", MOST_SILENCE.as_secs()),
    };
    let keep = dir.join(format!("{}.found", target.name));
    std::fs::copy(&last, &keep).map_err(|e| format!("{}: {e}", last.display()))?;
    Err(format!(
        "target `{0}`: {why}\nreplay: cargo xtask fuzz --target {0} --input {1}",
        target.name,
        keep.display()
    ))
}

enum Ended {
    Well,
    Found,
    Died(String),
    Stood,
}

fn wait(child: &mut Child, last: &Path) -> Result<Ended, String> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(|e| format!("no word of the worker: {e}"))? {
            return Ok(match status.code() {
                Some(0) => Ended::Well,
                Some(1) => Ended::Found,
                _ => Ended::Died(format!("the worker died: {status}")),
            });
        }
        let changed = std::fs::metadata(last).and_then(|meta| meta.modified()).ok();
        let silent = changed.and_then(|at| SystemTime::now().duration_since(at).ok()).unwrap_or_default();
        if silent > MOST_SILENCE && began.elapsed() > MOST_SILENCE {
            child.kill().and_then(|()| child.wait()).map_err(|e| format!("the worker stays: {e}"))?;
            return Ok(Ended::Stood);
        }
        std::thread::sleep(LOOK);
    }
}
