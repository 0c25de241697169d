//! Who speaks to a run: a person, or an attempt that would answer for one.
//!
//! An attempt of this run, or of another run of the same store, is no person; one of a run elsewhere is as good as one, for
//! a whole Regatta may be what a task runs. Of the same user all can do whatever the others can; this tells honest
//! mistakes and simple tricks, and is no border against a program that looks for another way in. Knows no request.

use crate::owner::{Relative, line_of};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The first argument of our program where it is started as a helper of a run: `keeper`, `tool-host`, `tool-call` or
/// `acp-agent` follows. No program has such a verb of its own, so one that embeds us can serve as its own helper.
pub const HELPER: &str = "regatta-helper";

const BY_AN_ATTEMPT: &str =
    "an answer is a person's: whoever gives this one was started by an attempt of a task";
const BY_NOBODY_KNOWN: &str = "an answer is a person's: it cannot be told who gives this one";

/// Whoever speaks to a run, with all that it descends from; none where that cannot be told.
#[derive(Clone, Debug)]
pub struct Caller(Option<Vec<Relative>>);

impl Caller {
    /// This process.
    #[must_use]
    pub fn ourselves() -> Caller {
        Caller::of(Some(std::process::id()))
    }

    /// The process of that number, as it is now.
    #[must_use]
    pub fn of(pid: Option<u32>) -> Caller {
        Caller(pid.and_then(line_of))
    }

    /// Why it may not answer for a person in the run in `run_dir`, if so.
    #[must_use]
    pub fn why_not_a_person(&self, run_dir: &Path) -> Option<&'static str> {
        let runs = run_dir.canonicalize().ok().and_then(|run| Some(run.parent()?.to_owned()));
        let (Some(line), Some(runs)) = (&self.0, runs) else { return Some(BY_NOBODY_KNOWN) };
        let belongs = |relative: &Relative| {
            relative.marker.as_deref().is_some_and(|marker| is_of(marker, &runs))
                || kept(&relative.command_line)
                    .is_some_and(|run| is_in(&as_seen_by(relative.pid, run), &runs))
        };
        line.iter().any(belongs).then_some(BY_AN_ATTEMPT)
    }
}

/// Whether a marker, `RUN/ATTEMPT`, names a run of the store whose runs are in `runs`.
fn is_of(marker: &[u8], runs: &Path) -> bool {
    let run = marker.split(|byte| *byte == b'/').next().unwrap_or_default();
    !run.is_empty() && runs.join(OsStr::from_bytes(run)).is_dir()
}

/// The directory of the run that a keeper with this command line keeps; none if it is no keeper's.
fn kept(command_line: &[u8]) -> Option<&Path> {
    let mut words = command_line.split(|byte| *byte == 0).skip(1);
    let is_keeper = words.next() == Some(HELPER.as_bytes()) && words.next() == Some(b"keeper");
    is_keeper.then(|| Path::new(OsStr::from_bytes(words.next().unwrap_or_default())))
}

/// A path of another process's, which may have another root or another directory.
fn as_seen_by(pid: u32, path: &Path) -> PathBuf {
    match path.strip_prefix("/") {
        Ok(path) => Path::new(&format!("/proc/{pid}/root")).join(path),
        Err(_) => Path::new(&format!("/proc/{pid}/cwd")).join(path),
    }
}

/// Whether a run's directory lies in `runs`, under whatever path; also if that cannot be told.
fn is_in(run_dir: &Path, runs: &Path) -> bool {
    let place = |path: &Path| path.metadata().ok().map(|data| (data.dev(), data.ino()));
    let theirs = place(&run_dir.join(".."));
    theirs.is_none() || theirs == place(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(marker: Option<&str>, words: &[&str]) -> Caller {
        let command_line = words.iter().flat_map(|word| [word.as_bytes(), b"\0"].concat()).collect();
        let marker = marker.map(|marker| marker.as_bytes().to_vec());
        let person = Relative { pid: std::process::id(), marker: None, command_line: b"sh\0".to_vec() };
        Caller(Some(vec![person.clone(), Relative { marker, command_line, ..person }]))
    }

    #[test]
    fn attempts_of_the_same_store_are_no_persons_and_those_of_another_one_are() {
        let dir = tempfile::tempdir().unwrap();
        let run = |path: &str| {
            std::fs::create_dir_all(dir.path().join(path)).unwrap();
            dir.path().join(path)
        };
        let [ours, beside, elsewhere] = ["s/runs/r1", "s/runs/r2", "o/runs/r9"].map(run);
        std::os::unix::fs::symlink(dir.path().join("s"), dir.path().join("link")).unwrap();
        let linked = dir.path().join("link/runs/r2");
        let of = |caller: Caller| caller.why_not_a_person(&ours).is_some();
        let keeper = |of: &Path| caller(None, &["x", HELPER, "keeper", of.to_str().unwrap(), "--cgroup"]);
        assert_eq!([&ours, &beside, &linked].map(|run| of(keeper(run))), [true; 3]);
        assert!(!of(keeper(&elsewhere)));
        assert!(of(keeper(&dir.path().join("gone/runs/r1"))), "a keeper of nobody knows which run");
        assert_eq!(["r1/4", "r2/1"].map(|marker| of(caller(Some(marker), &["sh"]))), [true; 2]);
        assert_eq!(["r9/1", "/1", "x"].map(|marker| of(caller(Some(marker), &["sh"]))), [false; 3]);
        assert!(!of(caller(None, &["sh", "-c", HELPER])));
        assert!(of(Caller(None)) && of(Caller::of(None)));
        assert!(caller(None, &["sh"]).why_not_a_person(&dir.path().join("none")).is_some());
    }

    #[test]
    fn a_keeper_is_known_by_its_first_words() {
        let kept = |words: &'static [u8]| kept(words).map(Path::to_str);
        assert_eq!(kept(b"/usr/bin/regatta\0regatta-helper\0keeper\0/r\0"), Some(Some("/r")));
        for other in [&b"regatta\0keeper\0"[..], b"x\0regatta-helper\0acp-agent\0", b""] {
            assert_eq!(kept(other), None);
        }
    }
}
