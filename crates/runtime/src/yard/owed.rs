//! What was put back and is still to be told, in the directory of the run: whoever put it back may die before that is durable,
//! and another run may have done it.
//!
//! ```text
//! put back -> nobody's yet -> an attempt of the run ends: its -> that end is durable: told
//!                  ^              `-> it was lost: nobody's again, and a note only
//!                  `- another run found it
//! ```
//! All of it in our turn. Knows no settings.

use crate::private_file;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

/// The file.
const FILE: &str = "guard.owed";
/// So much of it is read, in bytes.
const MOST_BYTES: u64 = 16 << 20;

/// Something that was put back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Owed {
    /// The attempt with whose end it is told, if that is known.
    pub(super) attempt: Option<u64>,
    /// It speaks against that attempt; else it is only to be known.
    pub(super) blames: bool,
    /// Who did it; or all there is to say, where nothing was put back.
    pub(super) who: String,
    /// Somebody else may have done it.
    pub(super) beside: bool,
    /// What.
    pub(super) names: Vec<String>,
    /// Where that lies which was replaced.
    pub(super) kept: String,
}

impl Owed {
    /// What of it was put back, where some could not be; nothing if nothing was.
    pub(super) fn without(&self, some: &[String]) -> Option<Owed> {
        let names: Vec<String> = self.names.iter().filter(|name| !some.contains(name)).cloned().collect();
        (!names.is_empty()).then(|| Owed { names, ..self.clone() })
    }

    /// Something that is only to be known, and is no putting back.
    pub(super) fn note(said: String) -> Owed {
        let (beside, names, kept) = (false, Vec::new(), String::new());
        Owed { attempt: None, blames: false, who: said, beside, names, kept }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        if self.names.is_empty() {
            return self.who.clone();
        }
        let beside = if self.beside { ", or what ran beside it," } else { "" };
        let kept = match Path::new(&self.kept).exists() {
            true => format!(", and what stood there is in {}", self.kept),
            false => String::new(),
        };
        let names = self.names.join(", ");
        format!("{}{beside} changed {names} of the repository; that was put back{kept}", self.who)
    }
}

/// Everything that is owed; nothing that could be told is in what cannot be read.
pub(super) fn read(run_dir: &Path) -> Vec<Owed> {
    let mut text = Vec::new();
    let read = private_file::open(&run_dir.join(FILE));
    if read.and_then(|file| file.take(MOST_BYTES).read_to_end(&mut text)).is_err() {
        return Vec::new();
    }
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Whole or not at all.
fn write(run_dir: &Path, all: &[Owed]) -> io::Result<()> {
    let path = run_dir.join(FILE);
    if all.is_empty() {
        return fs::remove_file(path);
    }
    let new = run_dir.join(format!("{FILE}.new"));
    let mut file = private_file::create(&new)?;
    file.write_all(&serde_json::to_vec(all)?)?;
    file.sync_all()?;
    fs::rename(new, path)
}

/// Changes what is owed. What cannot be written is told by who lives, and forgotten by who comes after a death.
fn change(run_dir: &Path, how: impl FnOnce(&mut Vec<Owed>)) -> Vec<Owed> {
    let before = read(run_dir);
    let mut all = before.clone();
    how(&mut all);
    if all != before {
        let _ = write(run_dir, &all);
    }
    all
}

/// Something more is owed. Who comes after a death finds the same once more, and it is told once.
pub(super) fn add(run_dir: &Path, owed: Owed) {
    change(run_dir, |all| {
        if !all.contains(&owed) {
            all.push(owed);
        }
    });
}

/// One that was added last turned out to be less.
pub(super) fn amend(run_dir: &Path, was: &Owed, is: Option<Owed>) {
    change(run_dir, |all| {
        if let Some(at) = all.iter().rposition(|owed| owed == was) {
            all.splice(at..=at, is);
        }
    });
}

/// An attempt ends: what is nobody's is its from now on. Answers all that is to be told with it.
pub(super) fn claim(run_dir: &Path, attempt: u64) -> Vec<Owed> {
    let all = change(run_dir, |all| {
        all.iter_mut().filter(|owed| owed.attempt.is_none()).for_each(|owed| owed.attempt = Some(attempt));
    });
    all.into_iter().filter(|owed| owed.attempt == Some(attempt)).collect()
}

/// Ends are durable: what was told with them is not owed any more.
pub(super) fn told(run_dir: &Path, attempts: &BTreeSet<u64>) {
    change(run_dir, |all| all.retain(|owed| owed.attempt.is_none_or(|attempt| !attempts.contains(&attempt))));
}

/// Nobody is at work but attempts that have ended: what nobody of these is told is only to be known.
pub(super) fn settle(run_dir: &Path, ended: &BTreeSet<u64>) {
    change(run_dir, |all| {
        for owed in all.iter_mut().filter(|owed| owed.attempt.is_none_or(|a| !ended.contains(&a))) {
            if owed.blames {
                let who = "an attempt that broke off";
                // Without names it says itself what happened.
                owed.who =
                    if owed.names.is_empty() { format!("{who}: {}", owed.who) } else { who.to_owned() };
            }
            (owed.attempt, owed.blames) = (None, false);
        }
    });
}
