//! Could each attempt have a cgroup (version 2) of its own, and be killed with it? Tried with one that is removed
//! again.

use regatta_runtime::escape::escape_path;
use regatta_runtime::owner::own_cgroup;
use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// SIGKILL.
const KILL: i32 = 9;

/// Our cgroup, below which that works; or why not.
pub(super) fn tried() -> Result<String, String> {
    let ours = own_cgroup().ok_or("no cgroup of version 2 is mounted")?;
    let shown = format!("`{}`", escape_path(&ours));
    let made = ours.join(format!("regatta-doctor-{}", uuid::Uuid::new_v4().simple()));
    fs::create_dir(&made).map_err(|e| format!("no cgroup can be made in {shown}: {e}"))?;
    let killed = kill_one_in(&made);
    let removed =
        fs::remove_dir(&made).map_err(|e| format!("`{}` cannot be removed: {e}", escape_path(&made)));
    killed.and(removed).map(|()| shown)
}

/// Starts a process, moves it there, and ends it by `cgroup.kill`.
fn kill_one_in(made: &Path) -> Result<(), String> {
    let kill = made.join("cgroup.kill");
    if !kill.exists() {
        return Err("the kernel has no `cgroup.kill` (it is there since Linux 5.14)".to_owned());
    }
    let mut cat = Command::new("cat");
    cat.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = cat.spawn().map_err(|e| format!("`cat` cannot be started: {e}"))?;
    let put = |path: &Path, text: &str, what: &str| {
        fs::write(path, text).map_err(|e: io::Error| format!("{what}: {e}"))
    };
    let told =
        put(&made.join("cgroup.procs"), &child.id().to_string(), "no process can be moved into a new cgroup")
            .and_then(|()| put(&kill, "1", "a cgroup cannot be killed"));
    // Ends it in any case: its input ends.
    let status = child.wait().map_err(|e| e.to_string())?;
    told?;
    if status.signal() == Some(KILL) {
        Ok(())
    } else {
        Err("what was killed with its cgroup lived on".to_owned())
    }
}
