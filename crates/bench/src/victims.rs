//! A tool that is to be killed, what owns its tasks, and what is known of the tasks at that instant.
//!
//! It knows the marks that tasks leave, and no tool.

use regatta_crash::Outcome;
use regatta_crash::processes::kill;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What a task does, as `sh mark.sh NUMBER`. One that finds the process of an earlier copy alive says so.
pub(crate) const MARK: &str = r#"if read -r was <"alive.$1" && read -r _ _ state _ <"/proc/$was/stat"; then
  [ "$state" = Z ] || echo "twice $1" >>ran.log
fi 2>/dev/null
echo $$ >"alive.$1"
echo "began $1" >>ran.log
sleep 0.02
echo "done $1" >>ran.log
: >"o/t$1"
"#;
/// Time between two looks.
const LOOK: Duration = Duration::from_micros(500);
/// The longest that is waited for anything.
const PATIENCE: Duration = Duration::from_secs(120);

/// Starts a tool in a directory with `mark.sh`, and waits until its tasks have written so many lines.
pub(crate) fn started(mut tool: Command, dir: &Path, lines: usize) -> Outcome<Child> {
    std::fs::write(dir.join("mark.sh"), MARK).map_err(|e| format!("cannot write a script: {e}"))?;
    // Where ninja looks for what a task has made.
    std::fs::create_dir(dir.join("o")).map_err(|e| format!("cannot make a directory: {e}"))?;
    tool.current_dir(dir).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = tool.spawn().map_err(|e| format!("cannot start what is to be killed: {e}"))?;
    until(|| log(dir).lines().count() >= lines).ok_or("it does not come to the point where it is killed")?;
    Ok(child)
}

/// What the tasks wrote.
pub(crate) fn log(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("ran.log")).unwrap_or_default()
}

/// Stops a tool and the owner of its tasks, sees who is done and gone, then kills both and the tasks that are left.
/// Before a task is gone nobody could know that it is finished.
pub(crate) fn everything(mut tool: Child, owner: u32, dir: &Path) -> Outcome<BTreeSet<String>> {
    let both = [owner, tool.id()];
    both.iter().for_each(|pid| signal(*pid, Signal::STOP));
    let stopped = until(|| both.iter().all(|pid| matches!(state(*pid), Some('T' | 'Z') | None)));
    let gone = |number: &&str| {
        let pid = std::fs::read_to_string(dir.join(format!("alive.{number}"))).unwrap_or_default();
        pid.trim().parse().is_ok_and(|pid: u32| state(pid).is_none())
    };
    let log = log(dir);
    let finished = numbers(&log, "done").filter(gone).map(str::to_owned).collect();
    let tasks = children(owner);
    both.into_iter().chain(tasks).for_each(kill);
    ended(&mut tool)?;
    stopped.ok_or("what was to be killed could not be stopped")?;
    Ok(finished)
}

/// Kills the tool and nothing else; answers the tasks that had begun: nobody else died, so none need begin again.
pub(crate) fn alone(mut tool: Child, dir: &Path) -> Outcome<BTreeSet<String>> {
    kill(tool.id());
    let begun = numbers(&log(dir), "began").map(str::to_owned).collect();
    ended(&mut tool)?;
    Ok(begun)
}

/// The tasks of which a log has a line with this word.
pub(crate) fn numbers<'a>(log: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
    log.lines().filter_map(move |line| line.strip_prefix(word)?.strip_prefix(' '))
}

fn ended(tool: &mut Child) -> Outcome<()> {
    let status = tool.wait().map_err(|e| format!("cannot wait for what was killed: {e}"))?;
    if status.code().is_some() { Err(format!("it ended with {status} before it was killed")) } else { Ok(()) }
}

fn until(done: impl Fn() -> bool) -> Option<()> {
    let began = Instant::now();
    while !done() {
        if began.elapsed() > PATIENCE {
            return None;
        }
        std::thread::sleep(LOOK);
    }
    Some(())
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
        // One that is gone already is seen to be.
        let _ = kill_process(pid, signal);
    }
}

/// The state of a process in one letter; none if there is no such process.
fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

fn children(pid: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    let lists =
        threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("children")).ok());
    let lists: Vec<String> = lists.collect();
    lists.iter().flat_map(|list| list.split_whitespace()).filter_map(|pid| pid.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_finds_itself_alive_says_so() {
        let dir = std::env::temp_dir().join(format!("regatta-bench-mark-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("o")).unwrap();
        std::fs::write(dir.join("mark.sh"), MARK).unwrap();
        let mark = || Command::new("sh").args(["mark.sh", "7"]).current_dir(&dir).status().unwrap();
        assert!(mark().success() && mark().success());
        let before = log(&dir);
        std::fs::write(dir.join("alive.7"), std::process::id().to_string() + "\n").unwrap();
        assert!(mark().success());
        let after = log(&dir);
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!(before, "began 7\ndone 7\nbegan 7\ndone 7\n");
        assert_eq!(after.lines().nth(4), Some("twice 7"));
        assert_eq!(numbers(&after, "twice").collect::<Vec<_>>(), ["7"]);
    }

    #[test]
    fn the_state_of_a_process_is_known_until_it_is_gone() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        assert!(children(std::process::id()).contains(&child.id()));
        signal(child.id(), Signal::STOP);
        assert!(until(|| state(child.id()) == Some('T')).is_some());
        kill(child.id());
        assert_eq!(ended(&mut child), Ok(()));
        assert_eq!(state(child.id()), None);
    }
}
