//! Watches over settings and hooks of the repository while something of the run is at work: what changed meanwhile is put
//! back and told, and what stood there is kept (spec 6 "Guard").
//!
//! ```text
//! nobody at work -> somebody begins: pinned anew -> … others may begin … -> somebody ends: compared, put back
//!        ^                  `-> open                                                   the last one: compared again
//!        `--------------------------------- closed, if all is as it was <-----------------------------'
//! ```
//! What changes while nobody is at work is the user's. What is open is never pinned anew: it is put back first, whatever way the
//! last one left, and whoever takes the run over finds the pinned copy in the directory of the run, and a file that says
//! that it is open. Refs are not looked at: what moves them outside of a run's own names is the user's business.

use super::Ground;
use super::lock::Lock;
use super::pinned::{Pinned, Place, Restored};
use super::stash::{Stashed, stash};
use crate::private_file;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The file with the pinned copy, in the directory of the run.
const FILE: &str = "guard.json";
/// An empty file there as long as something may have been changed that nobody has compared.
const OPEN: &str = "guard.open";
/// The directory there in which is what was replaced.
const KEPT: &str = "put-back";
/// Who lands or merges, among the ids of attempts.
pub(crate) const LANDING: u64 = u64::MAX;

/// Who watches.
#[derive(Debug)]
pub(super) struct Guard {
    common_dir: PathBuf,
    run_dir: PathBuf,
    /// What new names in the repository's directory begin with.
    mark: String,
    watched: Mutex<Watched>,
}

#[derive(Debug)]
struct Watched {
    pinned: Pinned,
    at_work: BTreeSet<u64>,
    /// The entries of the stash that were not ours.
    stash: Vec<Stashed>,
    /// The file has the copy.
    written: bool,
    /// Somebody was at work since it was last seen that all is as it was.
    open: bool,
    /// What was put back, and nobody was told.
    owed: Option<String>,
}

/// Somebody is at work as long as this is there.
pub(crate) struct Watch<'a>(&'a Ground, u64);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.0.ends_work(self.1);
    }
}

impl Guard {
    /// Whoever guards a run: with the copy of the last one, if there is one.
    pub(super) fn of(common_dir: &Path, (run_dir, run): (&Path, &str)) -> io::Result<Guard> {
        let pinned = match stored(&run_dir.join(FILE)) {
            Some(pinned) => pinned,
            None => Pinned::take(common_dir)?,
        };
        Ok(Guard {
            common_dir: common_dir.to_owned(),
            run_dir: run_dir.to_owned(),
            mark: format!("regatta-{run}"),
            watched: Mutex::new(Watched {
                pinned,
                at_work: BTreeSet::new(),
                stash: stash(common_dir),
                written: false,
                open: run_dir.join(OPEN).symlink_metadata().is_ok(),
                owed: None,
            }),
        })
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, who: u64) {
        let mut watched = self.watched();
        if watched.at_work.is_empty() {
            if !watched.written {
                for dir in [self.common_dir.clone(), self.common_dir.join("info")] {
                    Lock::sweep(&dir, &self.mark);
                }
            }
            watched.stash = stash(&self.common_dir);
            self.close(&mut watched);
            if !watched.open {
                // What cannot be read now is compared with what was known last.
                if let Ok(now) = Pinned::take(&self.common_dir)
                    && (now != watched.pinned || !watched.written)
                {
                    // Without the file only a successor knows less.
                    watched.written = self.store(&now).is_ok();
                    watched.pinned = now;
                }
                watched.open = true;
                let _ = private_file::create(&self.run_dir.join(OPEN));
            }
        }
        watched.at_work.insert(who);
    }

    fn end(&self, who: u64) {
        let mut watched = self.watched();
        if watched.at_work.remove(&who) && watched.at_work.is_empty() {
            self.close(&mut watched);
        }
    }

    /// Nobody is at work: what is not as it was is put back. It stays open if that cannot be.
    fn close(&self, watched: &mut Watched) {
        if !watched.open {
            return;
        }
        if !Pinned::take(&self.common_dir).is_ok_and(|now| now == watched.pinned) {
            let PutBack { said, lfs, failed } = self.restore(watched, "what ran before");
            watched.owed = said.or(lfs).or(watched.owed.take());
            if failed {
                return;
            }
        }
        watched.open = false;
        // A successor that finds it compares once more.
        let _ = fs::remove_file(self.run_dir.join(OPEN));
    }

    /// Whole or not at all.
    fn store(&self, pinned: &Pinned) -> io::Result<()> {
        let new = self.run_dir.join(format!("{FILE}.new"));
        private_file::create(&new)?.write_all(&serde_json::to_vec(pinned)?)?;
        fs::rename(&new, self.run_dir.join(FILE))
    }

    /// What changed since nobody was at work, for people; it is put back. What git-lfs does when it is used is told apart.
    fn restore(&self, watched: &mut Watched, who: &str) -> PutBack {
        let kept = self.run_dir.join(KEPT);
        let mut free = (1_u64..).map(|n| kept.join(n.to_string()));
        let keep = free.find(|path| path.symlink_metadata().is_err()).unwrap_or_default();
        let alone = watched.at_work.len() < 2;
        let place = Place { common_dir: &self.common_dir, mark: &self.mark, keep: &keep, alone };
        let Restored { changed, failed } = watched.pinned.restore(&place);
        let (by_lfs, changed): (Vec<_>, Vec<_>) = changed.into_iter().partition(|(_, by_lfs)| *by_lfs);
        let names =
            |some: Vec<(String, bool)>| some.into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(", ");
        let lfs = (!by_lfs.is_empty()).then(|| {
            format!(
                "git-lfs set itself up in the repository ({}); that was put back, tasks have it without",
                names(by_lfs)
            )
        });
        let besides = if alone { "" } else { ", or what ran beside it," };
        let kept = if keep.exists() {
            format!(", and what stood there is in {}", keep.display())
        } else {
            String::new()
        };
        let mut said = Vec::new();
        if !changed.is_empty() {
            let what = names(changed);
            said.push(format!("{who}{besides} changed {what} of the repository; that was put back{kept}"));
        }
        said.extend(failed.iter().map(|why| format!("settings of the repository cannot be put back: {why}")));
        PutBack { said: (!said.is_empty()).then(|| said.join("; ")), lfs, failed: failed.is_some() }
    }
}

/// What was put back, for people.
#[derive(Default)]
pub(super) struct PutBack {
    /// What somebody did who must not.
    pub(super) said: Option<String>,
    /// What git-lfs did by being used, and what was put back before.
    pub(super) lfs: Option<String>,
    /// Something could not be put back.
    failed: bool,
}

/// The copy that an earlier one wrote.
fn stored(path: &Path) -> Option<Pinned> {
    let mut text = Vec::new();
    private_file::open(path).ok()?.read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

impl Ground {
    /// An attempt begins to work in its worktree, or what takes part in a landing. If nobody else is at work, settings and
    /// hooks are pinned as they are now; what those changed who left without being looked at is put back before.
    pub(crate) fn begins_work(&self, who: u64) {
        self.guard.begin(who);
    }

    /// The same for what an earlier orchestrator began: what it pinned stands.
    pub(crate) fn goes_on_working(&self, who: u64) {
        let mut watched = self.guard.watched();
        watched.at_work.insert(who);
        watched.open = true;
    }

    /// It has ended. If it is the last one, what is not as it was is put back now.
    pub(crate) fn ends_work(&self, who: u64) {
        self.guard.end(who);
    }

    /// Entries that are in the stash no more, each told once.
    pub(super) fn vanished(&self, now: &[Stashed]) -> Vec<Stashed> {
        let mut watched = self.guard.watched();
        let (there, gone) = std::mem::take(&mut watched.stash).into_iter().partition(|one| now.contains(one));
        watched.stash = there;
        gone
    }

    /// What takes part in a landing works as long as the answer is there.
    pub(crate) fn watch(&self) -> Watch<'_> {
        self.begins_work(LANDING);
        Watch(self, LANDING)
    }

    /// Puts back what was changed of settings and hooks; says so of `who`.
    pub(crate) fn put_back(&self, who: &str) -> Option<String> {
        let mut watched = self.guard.watched();
        self.guard.restore(&mut watched, who).said
    }

    /// The same with what is nobody's fault.
    pub(super) fn all_put_back(&self, who: &str) -> PutBack {
        let mut watched = self.guard.watched();
        let owed = watched.owed.take();
        let put_back = self.guard.restore(&mut watched, who);
        let notes: Vec<String> = put_back.lfs.into_iter().chain(owed).collect();
        PutBack { lfs: (!notes.is_empty()).then(|| notes.join("; ")), ..put_back }
    }
}
