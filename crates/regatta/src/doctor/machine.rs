//! What a run takes from the machine: git, open files, processes, disk room, clocks.

use super::Finding;
use regatta_journal::rfc3339;
use regatta_runtime::orchestrator::now_wall_ms;
use rustix::process::{Resource, getrlimit};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Open files of a live attempt in the keeper: two outputs, a handle on the process, two of its cgroup, and one to
/// spare.
const FILES_A_TASK: u64 = 6;
/// Open files of orchestrator or keeper besides.
const FILES_BESIDES: u64 = 32;
/// Processes of a small task: a shell and what it starts.
const PROCESSES_A_TASK: u64 = 2;
/// Threads of orchestrator and keeper.
const PROCESSES_BESIDES: u64 = 10;
/// With less room no run should be started, in bytes.
const TOO_LITTLE_BYTES: u64 = 64 << 20;
/// With less room a run that writes much may be stopped, in bytes.
const LITTLE_BYTES: u64 = 1 << 30;
/// With fewer files to be made no run should be started.
const TOO_FEW_FILES: u64 = 1_000;
/// 2020-01-01: the clock of a machine that says less was never set.
const LONG_AGO_MS: u64 = 1_577_836_800_000;

/// Is git there?
pub(super) fn git() -> Finding {
    const NAME: &str = "git";
    let asked = Command::new("git").arg("--version").stdin(Stdio::null()).output();
    let without = "plans run without it; worktrees and merges will need it";
    match asked {
        Ok(said) if said.status.success() => {
            Finding::ok(NAME, String::from_utf8_lossy(&said.stdout).trim().escape_debug().to_string())
        }
        Ok(said) => Finding::note(NAME, format!("`git --version` failed: {}", said.status)).hint(without),
        Err(error) => Finding::note(NAME, format!("git does not start: {error}")).hint(without),
    }
}

/// Do the limits of this user allow so many tasks at once?
pub(super) fn limits(max_parallel: u32) -> Vec<Finding> {
    let tasks = u64::from(max_parallel);
    let files = room(
        ("open files", "ulimit -n"),
        getrlimit(Resource::Nofile).current,
        (FILES_BESIDES, FILES_A_TASK),
        tasks,
    );
    let most = getrlimit(Resource::Nproc).current.map(|most| most.saturating_sub(processes()));
    // The limit does not hold for the superuser.
    let most = most.filter(|_| !rustix::process::geteuid().is_root());
    let processes = room(("processes", "ulimit -u"), most, (PROCESSES_BESIDES, PROCESSES_A_TASK), tasks);
    vec![files, processes]
}

fn room(
    (name, raise): (&'static str, &str),
    free: Option<u64>,
    (besides, each): (u64, u64),
    tasks: u64,
) -> Finding {
    let Some(free) = free else { return Finding::ok(name, "no limit") };
    let fit = free.saturating_sub(besides) / each;
    let told = format!("{free} free: enough for {fit} tasks at once, {tasks} asked for");
    if fit >= tasks {
        return Finding::ok(name, told);
    }
    Finding::problem(name, told)
        .hint(format!("raise the limit (`{raise}`), or lower `max_parallel` to {fit}"))
}

/// Threads of this user, which is what the limit on processes counts; 0 where /proc does not tell.
fn processes() -> u64 {
    let me = rustix::process::geteuid().as_raw();
    let Ok(entries) = std::fs::read_dir("/proc") else { return 0 };
    let numbered =
        entries.filter_map(Result::ok).filter(|e| e.file_name().to_string_lossy().parse::<u32>().is_ok());
    let mine = numbered.filter(|e| e.metadata().is_ok_and(|meta| meta.uid() == me));
    mine.map(|e| {
        e.path().join("task").symlink_metadata().map_or(1, |meta| meta.nlink().saturating_sub(2).max(1))
    })
    .sum()
}

/// Is there room on the disk of the workspace?
pub(super) fn disk(workspace: &Path) -> Finding {
    const NAME: &str = "disk";
    let told = match rustix::fs::statvfs(workspace) {
        Ok(told) => told,
        Err(error) => return Finding::problem(NAME, format!("the room cannot be told: {error}")),
    };
    let bytes = told.f_bavail.saturating_mul(told.f_frsize);
    // Some file systems make files as long as there is room, and count none.
    let files = (told.f_files > 0).then_some(told.f_favail);
    let detail = format!("{} MiB free", bytes >> 20);
    let detail = files.map_or(detail.clone(), |n| format!("{detail}, {n} files"));
    let hint = "make room: a run on a full disk stops with exit code 4 and can be resumed";
    if bytes < TOO_LITTLE_BYTES || files.is_some_and(|n| n < TOO_FEW_FILES) {
        return Finding::problem(NAME, detail).hint(hint);
    }
    if bytes < LITTLE_BYTES {
        return Finding::note(NAME, detail).hint(hint);
    }
    Finding::ok(NAME, detail)
}

/// Is the clock set, and is a reboot told apart from a crash?
pub(super) fn clock() -> Finding {
    const NAME: &str = "clock";
    let now_ms = now_wall_ms();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    if boot.trim().is_empty() {
        return Finding::problem(NAME, "the id of this boot cannot be read: a reboot looks like a crash")
            .hint("/proc must be mounted");
    }
    let detail = format!("{}, boot {}", rfc3339(now_ms), boot.trim());
    if now_ms < LONG_AGO_MS {
        return Finding::note(NAME, detail)
            .hint("set the clock: events carry its time, though nothing is decided by it");
    }
    Finding::ok(NAME, detail)
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn a_limit_is_held_against_the_tasks_that_are_asked_for() {
        let told = |free, tasks| {
            let found = room(("open files", "ulimit -n"), free, (32, 4), tasks);
            (found.verdict, found.detail)
        };
        assert_eq!(told(None, 1_000_000), (Verdict::Ok, "no limit".to_owned()));
        let text = "1024 free: enough for 248 tasks at once, 248 asked for";
        assert_eq!(told(Some(1_024), 248), (Verdict::Ok, text.to_owned()));
        assert_eq!(told(Some(1_024), 249).0, Verdict::Problem);
        assert_eq!(told(Some(3), 1).1, "3 free: enough for 0 tasks at once, 1 asked for");
    }
}
