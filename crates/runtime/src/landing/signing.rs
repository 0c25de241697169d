//! Signs what lands of our own commits, last of all (`merge.commit.sign`).
//!
//! ```text
//! merged, gates passed, answered -> each of our commits since the target once more, signed: same tree, words, people, dates
//! ```
//! Gates and persons speak of commits that come out the same whenever they are made anew; a signature has a time in it. So
//! what lands is their twin. Commits of tasks that a merge brings in are not ours and stay as they are. Knows no key.

use super::joining::Strategy;
use super::{Dock, LandError};
use crate::git::{GitError, Oid};

impl Dock {
    /// The signed twin of a tip, as far as it is ours; the tip itself where nothing is to be signed.
    pub(super) fn signed(&self, (from, tip): (&Oid, &Oid)) -> Result<Result<Oid, String>, LandError> {
        if !self.merge.sign || self.strategy() == Strategy::FfOnly {
            return Ok(Ok(tip.clone()));
        }
        // Now, because what tasks changed of the settings is put back; such a setting names a program.
        let (git, signing) = (&self.ground.repo.git, self.ground.repo.signing());
        let mut at: Option<Oid> = None;
        for commit in git.first_parents((from, tip))? {
            let mut parents = git.parents(&commit)?;
            if let (Some(at), Some(first)) = (at.take(), parents.first_mut()) {
                *first = at;
            }
            match git.sign_again(&commit, &parents, (&self.ground.committer, &signing)) {
                Ok(signed) => at = Some(signed),
                Err(GitError::Failed { said, .. }) => return Ok(Err(said)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Ok(at.unwrap_or_else(|| tip.clone())))
    }
}
