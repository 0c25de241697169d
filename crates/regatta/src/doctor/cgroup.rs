//! Could each attempt have a cgroup (version 2) of its own, and be killed with it? Tried with one that is removed
//! again.

use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// SIGKILL.
const KILL: i32 = 9;

/// Our cgroup, below which that works; or why not.
pub(super) fn tried() -> Result<String, String> {
    let ours = ours().ok_or("no cgroup of version 2 is mounted")?;
    let shown = format!("`{}`", ours.display());
    let made = ours.join(format!("regatta-doctor-{}", uuid::Uuid::new_v4().simple()));
    fs::create_dir(&made).map_err(|e| format!("no cgroup can be made in {shown}: {e}"))?;
    let killed = kill_one_in(&made);
    let removed = fs::remove_dir(&made).map_err(|e| format!("`{}` cannot be removed: {e}", made.display()));
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

/// The directory of our own cgroup.
fn ours() -> Option<PathBuf> {
    let inside = fs::read_to_string("/proc/self/cgroup").ok()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    directory(&inside, &mounts)
}

/// The same from the texts of `/proc/self/cgroup` and `/proc/self/mountinfo`.
fn directory(inside: &str, mounts: &str) -> Option<PathBuf> {
    let path = inside.lines().find_map(|line| line.strip_prefix("0::"))?;
    let (root, point) = mounts.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut fields = before.split(' ').skip(3);
        after.starts_with("cgroup2 ").then_some((fields.next()?, fields.next()?))
    })?;
    let below = Path::new(path).strip_prefix(root).ok()?;
    Some(Path::new(point).join(below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_cgroup_is_found_below_its_mount() {
        let mount = |root: &str, point: &str| {
            format!(
                "1 2 0:3 / /proc rw - proc proc rw\n4 5 0:6 {root} {point} rw shared:1 - cgroup2 cgroup2 rw\n"
            )
        };
        let find = |inside: &str, mounts: &str| directory(inside, mounts).map(|p| p.display().to_string());
        let session = "0::/user.slice/u.scope\n";
        assert_eq!(
            find(session, &mount("/", "/sys/fs/cgroup")).as_deref(),
            Some("/sys/fs/cgroup/user.slice/u.scope")
        );
        assert_eq!(find("1:cpu:/x\n0::/\n", &mount("/", "/c")).as_deref(), Some("/c/"));
        assert_eq!(find("0::/a/b\n", &mount("/a", "/c")).as_deref(), Some("/c/b"));
        assert_eq!(find("0::/a/b\n", &mount("/z", "/c")), None);
        assert_eq!(find("1:cpu:/x\n", &mount("/", "/c")), None);
        assert_eq!(find(session, "1 2 0:3 / /proc rw - proc proc rw\n"), None);
    }
}
