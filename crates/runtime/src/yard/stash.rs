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
/// So often an entry is looked for again, because somebody stashed meanwhile.
const MOST_TRIES: u32 = 5;

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
    if read.and_then(|mut file| file.read_to_end(&mut text)).is_err() {
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
    /// what is to be said of that, also that it failed, which is nobody's fault; the branch is a short name.
    pub(crate) fn tidy_stash(&self, branch: &str) -> Option<String> {
        let mut said = Vec::new();
        if let Err(error) = self.tidy(branch, &mut said) {
            said.push(format!("the stash could not be tidied: {error}"));
        }
        (!said.is_empty()).then(|| said.join("; "))
    }

    fn tidy(&self, branch: &str, said: &mut Vec<String>) -> Result<(), GitError> {
        // An entry is dropped by its number, which changes with every other one that goes.
        let _turn = self.repo.turn()?;
        let now = stash(&self.repo.common_dir);
        for one in now.iter().filter(|one| one.is_on(branch)) {
            let kept = self.keep_stashed(one)?;
            said.push(match self.unstash(one) {
                Ok(true) => {
                    format!("it left an entry in the stash, which is the user's; that is at {kept} now")
                }
                Ok(false) => {
                    format!("it left an entry in the stash, which is the user's; that is at {kept}, too")
                }
                Err(error) => format!("it left an entry in the stash, which stays there: {error}"),
            });
        }
        for one in self.vanished(&now) {
            let kept = self.keep_stashed(&one)?;
            said.push(format!(
                "an entry of the stash ({}) went while it worked; if that was not you: git stash store {kept}",
                one.said
            ));
        }
        Ok(())
    }

    fn keep_stashed(&self, one: &Stashed) -> Result<String, GitError> {
        let name = self.names.stashed(one.commit.as_str());
        self.repo.git.set_ref(&name, &one.commit)?;
        Ok(name)
    }

    /// Takes one entry out. If somebody stashed at that very moment and theirs went, it is put back. Answers whether the
    /// entry is gone.
    fn unstash(&self, one: &Stashed) -> Result<bool, GitError> {
        let git = &self.repo.git;
        for _ in 0..MOST_TRIES {
            let now = stash(&self.repo.common_dir);
            let Some(at) = now.iter().rev().position(|other| other.commit == one.commit) else {
                return Ok(true);
            };
            let said = git.run(&["stash", "drop", &format!("stash@{{{at}}}")])?;
            let Some(other) = dropped(&said).filter(|commit| *commit != one.commit) else {
                return Ok(true);
            };
            let message = git.written(&other)?.message;
            let subject = message.lines().next().unwrap_or_default();
            git.run(&["stash", "store", "--message", subject, other.as_str()])?;
        }
        Ok(false)
    }
}

/// The entry that git says it has dropped: `Dropped stash@{0} (ID)`.
fn dropped(said: &[u8]) -> Option<Oid> {
    let said = String::from_utf8_lossy(said);
    let (_, id) = said.trim_end().strip_suffix(')')?.rsplit_once('(')?;
    Oid::parse(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_has_dropped_is_read_from_what_it_says() {
        let id = "a".repeat(40);
        let expected = Oid::parse(&id);
        assert_eq!(dropped(format!("Dropped stash@{{0}} ({id})\n").as_bytes()), expected);
        assert_eq!(dropped(format!("Dropped refs/stash@{{12}} ({id})\n").as_bytes()), expected);
        assert_eq!(dropped(b""), None);
    }
}
