//! Whether a process belongs to an attempt, for whoever is asked for something that attempts must not do.
//!
//! Whoever was started by an attempt descends from its keeper for as long as that lives, because orphans come to it; and it
//! carries the marker unless it threw its environment away. It signals nobody and reaps nobody.

use super::MARKER_VARIABLE;
use super::proc::{Mark, Proc, Process};

/// No line of parents is longer; one that seems so changed while it was read.
const MOST_PARENTS: usize = 4_096;

/// Whether a process, or one that it descends from, carries the marker of an attempt or `is_keeper` by its command line;
/// none if there is no process of that number, so that nobody can tell.
#[must_use]
pub fn belongs_to_an_attempt(pid: u32, is_keeper: &dyn Fn(&[u8]) -> bool) -> Option<bool> {
    let mut proc = Proc::new();
    let mut next = find(&mut proc, pid);
    next?;
    for _ in 0..MOST_PARENTS {
        let Some(process) = next else { return Some(false) };
        if is_marked(&mut proc, &process) || is_keeper(&command_line(process.pid)) {
            return Some(true);
        }
        next = find(&mut proc, process.parent);
    }
    None
}

/// A process whose stat cannot be read is as good as none.
fn find(proc: &mut Proc, pid: u32) -> Option<Process> {
    proc.process(pid).ok().flatten()
}

fn is_marked(proc: &mut Proc, process: &Process) -> bool {
    if process.pid == proc.own() {
        return std::env::var_os(MARKER_VARIABLE).is_some_and(|marker| !marker.is_empty());
    }
    matches!(proc.mark(process), Mark::Is(marker) if !marker.is_empty())
}

/// Words that end with NUL; nothing if it cannot be read.
fn command_line(pid: u32) -> Vec<u8> {
    std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};

    fn nobody(_: &[u8]) -> bool {
        false
    }

    fn sleeper(command: &mut Command) -> Child {
        command.arg("60").spawn().unwrap()
    }

    #[test]
    fn who_carries_a_marker_or_descends_from_a_keeper_belongs_to_an_attempt() {
        let mut marked = sleeper(Command::new("sleep").env(MARKER_VARIABLE, "r/1"));
        let mut plain = sleeper(Command::new("sleep").env_clear().env("PATH", "/usr/bin:/bin"));
        let (own, us) = (std::process::id(), std::fs::read("/proc/self/cmdline").unwrap());
        let found = [
            belongs_to_an_attempt(marked.id(), &nobody),
            belongs_to_an_attempt(plain.id(), &|words| words == us),
            belongs_to_an_attempt(own, &|words| words == us),
        ];
        // These tests may themselves be run by an attempt.
        let unmarked = belongs_to_an_attempt(plain.id(), &nobody);
        assert_eq!(unmarked, belongs_to_an_attempt(own, &nobody));
        for child in [&mut marked, &mut plain] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert_eq!(found, [Some(true); 3]);
        assert_eq!(belongs_to_an_attempt(marked.id(), &nobody), None, "a process that is gone is nobody");
    }
}
