//! From whom a process descends, for whoever is asked for something that attempts must not do.
//!
//! Whoever was started by an attempt descends from its keeper for as long as that lives, because orphans come to it; and it
//! carries the marker unless it threw its environment away. A parent may end while the line is read: numbers first, each
//! link read twice; what a process says of itself afterwards, however long that takes. It signals nobody and reaps nobody.

use super::MARKER_VARIABLE;
use super::proc::{Mark, Proc, Process};
use std::path::Path;

/// No line of parents is longer; one that seems so changed while it was read.
const MOST_PARENTS: usize = 4_096;
/// A line of which somebody ended meanwhile is read so often.
const MOST_TRIES: u32 = 8;

/// A process, or one that it descends from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Relative {
    /// Its number.
    pub pid: u32,
    /// The marker of an attempt, if it carries one.
    pub marker: Option<Vec<u8>>,
    /// Its words, each with a NUL behind it; nothing if it cannot be read.
    pub command_line: Vec<u8>,
}

/// A process and all that it descends from, itself first; none if nobody can tell: there is no process of that number, or
/// numbers mean something else in /proc than they do here.
#[must_use]
pub fn line_of(pid: u32) -> Option<Vec<Relative>> {
    if !numbers_are_ours(&std::fs::read_link("/proc/self").ok()?, std::process::id()) {
        return None;
    }
    let mut proc = Proc::new();
    (0..MOST_TRIES).find_map(|_| {
        let line = parents(&mut |pid| find(&mut proc, pid), pid)?;
        let relatives = line.iter().map(|process| relative(&mut proc, process)).collect();
        // One that is gone by now may have told nothing.
        let stays =
            |process: &Process| find(&mut proc, process.pid).is_some_and(|p| p.start == process.start);
        line.iter().all(stays).then_some(relatives)
    })
}

/// In a namespace of process numbers with the /proc of another one, /proc shows us under another number.
fn numbers_are_ours(shown: &Path, own: u32) -> bool {
    shown.to_str().and_then(|shown| shown.parse().ok()) == Some(own)
}

/// The line of parents as `look` shows processes. A child whose parent is gone has another one; only a parent that stays
/// and is not shown ends the line.
fn parents(look: &mut dyn FnMut(u32) -> Option<Process>, pid: u32) -> Option<Vec<Process>> {
    let (mut line, mut child) = (Vec::new(), look(pid)?);
    for _ in 0..MOST_PARENTS {
        let parent = if child.parent == 0 { None } else { look(child.parent) };
        let again = look(child.pid).filter(|again| again.start == child.start)?;
        if again.parent != child.parent {
            child = again;
            continue;
        }
        line.push(child);
        match parent {
            Some(parent) => child = parent,
            None => return Some(line),
        }
    }
    None
}

/// A process whose stat cannot be read is as good as none.
fn find(proc: &mut Proc, pid: u32) -> Option<Process> {
    proc.process(pid).ok().flatten()
}

fn relative(proc: &mut Proc, process: &Process) -> Relative {
    let marker = if process.pid == proc.own() {
        std::env::var_os(MARKER_VARIABLE).map(std::os::unix::ffi::OsStringExt::into_vec)
    } else {
        match proc.mark(process) {
            Mark::Is(marker) => Some(marker),
            Mark::No | Mark::Empty => None,
        }
    };
    let command_line = std::fs::read(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
    Relative { pid: process.pid, marker: marker.filter(|marker| !marker.is_empty()), command_line }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::process::{Child, Command};

    fn process(pid: u32, parent: u32) -> Process {
        Process { pid, parent, group: pid, start: u64::from(pid), zombie: false, exiting: false }
    }

    /// The line of 9 among these processes; after so many looks what stands at `then` holds.
    fn line(looks: usize, then: &[(u32, Option<Process>)]) -> Option<Vec<u32>> {
        let mut table: BTreeMap<u32, Process> =
            [(9, 7), (7, 5), (5, 1), (1, 0)].map(|(pid, parent)| (pid, process(pid, parent))).into();
        let mut seen = 0;
        let mut look = |pid: u32| {
            if seen == looks {
                for (pid, process) in then {
                    match process {
                        Some(process) => table.insert(*pid, *process),
                        None => table.remove(pid),
                    };
                }
            }
            seen += 1;
            table.get(&pid).copied()
        };
        Some(parents(&mut look, 9)?.iter().map(|process| process.pid).collect())
    }

    #[test]
    fn a_parent_that_ends_while_the_line_is_read_hides_nobody_behind_it() {
        assert_eq!(line(99, &[]), Some(vec![9, 7, 5, 1]));
        // Its parent ends: it comes to whoever takes orphans.
        let orphaned = [(7, None), (9, Some(process(9, 5)))];
        for looks in 0..3 {
            assert_eq!(line(looks, &orphaned), Some(vec![9, 5, 1]), "after {looks} looks");
        }
        // So does the number of its parent, with somebody else's process.
        let taken = [(7, Some(Process { start: 99, ..process(7, 1) })), (9, Some(process(9, 5)))];
        assert_eq!(line(1, &taken), Some(vec![9, 5, 1]));
    }

    #[test]
    fn a_line_of_which_somebody_is_gone_is_no_line() {
        assert_eq!(line(1, &[(9, None), (7, None)]), None);
        let another = Process { start: 99, ..process(9, 1) };
        assert_eq!(line(1, &[(9, Some(another))]), None, "another process under its number");
        // Where other users' processes are hidden, the line ends at them.
        assert_eq!(line(0, &[(5, None)]), Some(vec![9, 7]));
    }

    #[test]
    fn numbers_of_another_namespace_tell_nothing() {
        assert!(numbers_are_ours(Path::new("17"), 17));
        for shown in ["4711", "", "self"] {
            assert!(!numbers_are_ours(Path::new(shown), 1));
        }
    }

    fn sleeper(command: &mut Command) -> Child {
        command.arg("60").spawn().unwrap()
    }

    #[test]
    fn a_process_is_shown_with_its_marker_and_its_parents() {
        let mut marked = sleeper(Command::new("sleep").env(MARKER_VARIABLE, "r/1"));
        let mut plain = sleeper(Command::new("sleep").env_clear().env("PATH", "/usr/bin:/bin"));
        let lines = [&marked, &plain].map(|child| line_of(child.id()).unwrap());
        for child in [&mut marked, &mut plain] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let markers = lines.each_ref().map(|line| line[0].marker.as_deref());
        assert_eq!(markers, [Some(&b"r/1"[..]), None]);
        for line in lines {
            assert_eq!(line[1].pid, std::process::id());
            assert_eq!(line[1].command_line, std::fs::read("/proc/self/cmdline").unwrap());
        }
        assert_eq!(line_of(marked.id()), None, "a process that is gone is nobody");
    }
}
