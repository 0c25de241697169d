//! The agent's process: its pipes for the protocol, its standard error ours, and how it is brought to its end.
//!
//! Knows no protocol.

use std::ffi::OsString;
use std::io;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// An agent whose standard input is closed has so long to go by itself, and after TERM once more.
const PATIENCE: Duration = Duration::from_secs(2);

/// Starts an agent.
pub(super) fn start(argv: &[OsString]) -> io::Result<(Child, ChildStdin, ChildStdout)> {
    let (program, args) = argv.split_first().ok_or_else(|| io::Error::other("no program is named"))?;
    let mut command = Command::new(program);
    // It stays in our process group: whoever ends that ends it too.
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = command.spawn()?;
    match (child.stdin.take(), child.stdout.take()) {
        (Some(stdin), Some(stdout)) => Ok((child, stdin, stdout)),
        _ => Err(io::Error::other("it has no pipes")),
    }
}

/// Waits for the end of an agent whose standard input is closed; then TERM. What does not go then is the keeper's.
pub(super) async fn let_go(mut child: Child) {
    if timeout(PATIENCE, child.wait()).await.is_ok() {
        return;
    }
    let pid = child.id().and_then(|pid| rustix::process::Pid::from_raw(i32::try_from(pid).ok()?));
    if let Some(pid) = pid {
        // It is our child and not reaped, so this meets nobody else.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    let _ = timeout(PATIENCE, child.wait()).await;
}
