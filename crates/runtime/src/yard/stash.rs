//! The stash is one for all worktrees: what tasks leave there is taken out again and kept by refs of ours, and what vanishes
//! from it while they work is kept too (spec 9 "Git": the user's stash is never touched).
//!
//! ```text
//! an entry names the branch that it was made on: one of the task -> refs/regatta/RUN/+stash/ID, out of the stash
//!                                                any other       -> somebody's, stays
//! an entry that was there before and is gone     -> refs/regatta/RUN/+stash/ID
//! ```
//! Who made one vanish cannot be told, so it is not put back. Reads the log of the stash as git writes it into a file; where
//! git keeps refs otherwise nothing is seen.

use super::Ground;
use crate::git::{GitError, Oid};
use crate::private_file;
use std::io::Read as _;
use std::path::Path;

/// Where git writes the log of the stash, in the directory that all worktrees share.
const LOG: &str = "logs/refs/stash";
/// So much of it is looked at, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// One entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Stashed {
    commit: Oid,
    /// What it says of itself: `On BRANCH: …`, `WIP on BRANCH: …`.
    said: String,
}

impl Stashed {
    fn is_on(&self, branch: &str) -> bool {
        let on = self.said.strip_prefix("WIP on ").or_else(|| self.said.strip_prefix("On "));
        on.and_then(|rest| rest.strip_prefix(branch)).is_some_and(|rest| rest.starts_with(':'))
    }
}

/// The entries, the oldest first.
pub(super) fn stash(common_dir: &Path) -> Vec<Stashed> {
    let mut text = Vec::new();
    let read = private_file::open(&common_dir.join(LOG));
    // What cannot be read is nothing that could be told.
    if read.and_then(|file| file.take(MOST_BYTES).read_to_end(&mut text)).is_err() {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    let one = |line: &str| {
        let (head, said) = line.split_once('\t').unwrap_or((line, ""));
        Some(Stashed { commit: Oid::parse(head.split(' ').nth(1)?)?, said: said.to_owned() })
    };
    text.lines().filter_map(one).collect()
}

impl Ground {
    /// Takes what was stashed on a branch of ours out of the stash, and keeps it and what has vanished from there. Answers
    /// what is to be said of that; the branch is a short name.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn tidy_stash(&self, branch: &str) -> Result<Option<String>, GitError> {
        let mut said = Vec::new();
        let now = stash(&self.repo.common_dir);
        let own: Vec<&Stashed> = now.iter().filter(|one| one.is_on(branch)).collect();
        for one in &own {
            let kept = self.keep_stashed(one)?;
            said.push(format!("it left an entry in the stash, which is the user's; that is at {kept} now"));
            self.unstash(one)?;
        }
        for one in self.vanished(&now) {
            let kept = self.keep_stashed(&one)?;
            said.push(format!(
                "an entry of the stash ({}) went while it worked; if that was not you: git stash store {kept}",
                one.said
            ));
        }
        Ok((!said.is_empty()).then(|| said.join("; ")))
    }

    fn keep_stashed(&self, one: &Stashed) -> Result<String, GitError> {
        let name = self.names.stashed(one.commit.as_str());
        self.repo.git.set_ref(&name, &one.commit)?;
        Ok(name)
    }

    /// Takes one entry out. If somebody stashed at that very moment, theirs is put back.
    fn unstash(&self, one: &Stashed) -> Result<(), GitError> {
        let before = stash(&self.repo.common_dir);
        let Some(at) = before.iter().rev().position(|other| other.commit == one.commit) else {
            return Ok(());
        };
        self.repo.git.run(&["stash", "drop", "--quiet", &format!("stash@{{{at}}}")])?;
        let after = stash(&self.repo.common_dir);
        for other in before.iter().filter(|other| other.commit != one.commit && !after.contains(other)) {
            self.repo.git.run(&["stash", "store", "--message", &other.said, other.commit.as_str()])?;
        }
        Ok(())
    }
}
