//! Processes of this machine as `/proc` shows them: who carries a run's marker, who keeps a run, how much memory it had.
//!
//! Knows no run and no plan.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use std::path::Path;
use std::time::Duration;

/// Processes whose environment says that they belong to an attempt of this run, by number.
#[must_use]
pub fn marked(run_id: &str) -> Vec<u32> {
    let wanted = format!("REGATTA_MARKER={run_id}/");
    let carries = |pid: &u32| {
        let text = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        text.split(|byte| *byte == 0).any(|variable| variable.starts_with(wanted.as_bytes()))
    };
    all().filter(carries).collect()
}

/// The keeper whose run lies below `workspace`.
#[must_use]
pub fn keeper(workspace: &Path) -> Option<u32> {
    let below = workspace.as_os_str().as_encoded_bytes();
    let is_one = |pid: &u32| {
        let text = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = text.split(|byte| *byte == 0).collect();
        words.windows(2).any(|pair| pair[0] == b"keeper" && pair[1].starts_with(below))
    };
    // A child of it that has not come to its exec looks like it.
    all().filter(is_one).find(|pid| !parent(*pid).is_some_and(|parent| is_one(&parent)))
}

fn parent(pid: u32) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

fn all() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// The most memory that a process ever had in RAM, in bytes; 0 if it is gone.
#[must_use]
pub fn peak_bytes(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).map_or(0, |kib: u64| kib << 10)
}

/// Kills without a goodbye; one that is gone already is as good.
pub fn kill(pid: u32) {
    if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Waits until a process is gone, at most so long; answers whether it is.
#[must_use]
pub fn gone(pid: u32, most: Duration) -> bool {
    let Some(pid) = Pid::from_raw(pid.cast_signed()) else { return true };
    let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { return true };
    let seconds = i64::try_from(most.as_secs()).unwrap_or(i64::MAX);
    let time = Timespec { tv_sec: seconds, tv_nsec: i64::from(most.subsec_nanos()) };
    poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&time)).is_ok_and(|n| n > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::process::{Command, Stdio};

    #[test]
    fn a_keeper_is_found_and_not_a_child_that_looks_like_it() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("keeper"), "exec 3<&0; (read x <&3; true) & echo; wait").unwrap();
        let mut command = Command::new("sh");
        command.arg("keeper").arg(dir.path()).current_dir(dir.path());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
        assert_eq!(keeper(dir.path()), Some(child.id()));
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn a_process_with_the_marker_of_a_run_is_found_until_it_is_gone() {
        let mut child = Command::new("sleep").arg("60").env("REGATTA_MARKER", "some-run/7").spawn().unwrap();
        // Until it has executed its program it has no environment of its own.
        while marked("some-run").is_empty() {}
        assert_eq!((marked("some-run"), marked("some")), (vec![child.id()], vec![]));
        assert!(peak_bytes(child.id()) > 0 && !gone(child.id(), Duration::ZERO));
        kill(child.id());
        assert!(gone(child.id(), Duration::from_secs(60)));
        child.wait().unwrap();
        assert!(marked("some-run").is_empty());
    }
}
