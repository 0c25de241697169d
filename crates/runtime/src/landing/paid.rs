//! What gates said of which commit: a gate that was paid for is not paid again, whoever lands from the same tip.
//!
//! A file of lines in the directory of the run, each synced before anything follows from it. A line that was cut off by a
//! crash is no line, and its gate runs again.

use crate::synced_lines;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The file in the directory of a run.
const PAID: &str = "gates.jsonl";

/// What a gate said.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Told {
    /// The commit that it looked at.
    pub(super) tip: String,
    /// Its id, or the command.
    pub(super) gate: String,
    /// It passed.
    pub(super) passed: bool,
    /// For people.
    pub(super) said: String,
    /// The number of its log.
    pub(super) log: Option<u64>,
    /// How long it ran.
    pub(super) ran_ms: u64,
}

/// What all gates of a run said so far.
#[derive(Debug)]
pub(super) struct Paid {
    path: PathBuf,
    all: BTreeMap<(String, String), Told>,
}

impl Paid {
    /// What is recorded.
    ///
    /// # Errors
    /// The file is there and cannot be read or cut.
    pub(super) fn read(run_dir: &Path) -> io::Result<Paid> {
        let path = run_dir.join(PAID);
        let told = synced_lines::take_over::<Told>(&path)?.into_iter();
        let all = told.map(|told| ((told.tip.clone(), told.gate.clone()), told));
        Ok(Paid { path, all: all.collect() })
    }

    /// What a gate said of a commit.
    pub(super) fn find(&self, tip: &str, gate: &str) -> Option<&Told> {
        self.all.get(&(tip.to_owned(), gate.to_owned()))
    }

    /// Records what a gate said.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn add(&mut self, told: Told) -> io::Result<()> {
        synced_lines::add(&self.path, std::slice::from_ref(&told))?;
        self.all.insert((told.tip.clone(), told.gate.clone()), told);
        Ok(())
    }

    /// The highest number among the logs that are spoken of.
    pub(super) fn last_log(&self) -> u64 {
        self.all.values().filter_map(|told| told.log).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn what_was_told_is_found_again_and_a_line_that_was_cut_off_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let told = |tip: &str, passed, log| Told {
            tip: tip.to_owned(),
            gate: "g".to_owned(),
            passed,
            said: "exit code 0".to_owned(),
            log,
            ran_ms: 7,
        };
        let mut paid = Paid::read(dir.path()).unwrap();
        assert!(paid.find("t", "g").is_none());
        paid.add(told("t", true, Some(3))).unwrap();
        std::fs::OpenOptions::new()
            .append(true)
            .open(dir.path().join(PAID))
            .unwrap()
            .write_all(b"{\"tip\": \"u")
            .unwrap();
        let mut paid = Paid::read(dir.path()).unwrap();
        assert_eq!(
            (paid.find("t", "g").cloned(), paid.find("u", "g"), paid.last_log()),
            (Some(told("t", true, Some(3))), None, 3)
        );
        paid.add(told("u", false, None)).unwrap();
        let paid = Paid::read(dir.path()).unwrap();
        assert!(!paid.find("u", "g").unwrap().passed && paid.find("t", "h").is_none());
        std::fs::write(dir.path().join(PAID), "{}\n").unwrap();
        assert!(Paid::read(dir.path()).is_err());
    }
}
