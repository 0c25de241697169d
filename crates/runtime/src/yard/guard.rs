//! Watches over settings and hooks of the repository while something of its runs is at work: what changed meanwhile is put
//! back and told, and what stood there is kept (spec 6 "Guard").
//!
//! ```text
//! nobody at work -> somebody begins: pinned anew -> … others may begin … -> somebody ends: compared, put back
//!        ^                  `-> open                                                   the last one: compared again
//!        `--------------------------------- closed, if all is as it was <-----------------------------'
//! ```
//! What changes while nobody is at work is the user's. What is open is never pinned anew: it is put back first, whatever way the
//! last one left, and whoever takes the run over finds the pinned copy in the directory of the run, and a file that says
//! that it is open. So does another run (`neighbours`): while one is at work, what that one pinned counts for both; what one
//! left that broke off is put back before anything is pinned. Whoever compares has the turn of the repository. What is to be
//! told of that is written down first (`owed`). Refs are not looked at: what moves them outside of a run's own names is the
//! user's business.

use super::Ground;
use super::lock::Lock;
use super::neighbours::{Neighbours, OPEN, Others};
use super::owed::{self, Owed};
use super::pinned::{Pinned, Place};
use super::stash::{Stashed, stash};
use crate::private_file;
use regatta_fault as fault;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The file with the pinned copy, in the directory of the run.
const FILE: &str = "guard.json";
/// The directory there in which is what was replaced.
const KEPT: &str = "put-back";
/// Who lands or merges, among the ids of attempts.
pub(crate) const LANDING: u64 = u64::MAX;

/// Who watches.
#[derive(Debug)]
pub(super) struct Guard {
    common_dir: PathBuf,
    run_dir: PathBuf,
    /// The run.
    run: String,
    neighbours: Neighbours,
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
    /// Attempts that something is told with whose ends are not durable yet.
    telling: BTreeSet<u64>,
    /// Something may be owed from before.
    owes: bool,
}

/// Somebody is at work as long as this is there.
pub(crate) struct Watch<'a>(&'a Ground, u64);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.0.ends_work(self.1);
    }
}

/// Of whom what is put back is said.
struct Of<'a> {
    who: &'a str,
    /// Written down, to be told with this attempt; or with the next one, if it is not known.
    owed: Option<Option<u64>>,
    /// It speaks against that attempt.
    blames: bool,
}

impl Guard {
    /// Whoever guards a run: with the copy of the last one, if there is one.
    pub(super) fn of(common_dir: &Path, (run_dir, run): (&Path, &str)) -> io::Result<Guard> {
        let neighbours = Neighbours::of(common_dir, run_dir);
        let turn = neighbours.turn();
        let open = is_open(run_dir);
        let pinned = match stored(run_dir) {
            Some(pinned) => pinned,
            None => Pinned::take(common_dir)?,
        };
        let owes = !owed::read(run_dir).is_empty();
        drop(turn);
        let watched = Watched {
            pinned,
            at_work: BTreeSet::new(),
            stash: stash(common_dir),
            written: false,
            open,
            telling: BTreeSet::new(),
            owes,
        };
        let (common_dir, run_dir) = (common_dir.to_owned(), run_dir.to_owned());
        Ok(Guard { common_dir, run_dir, run: run.to_owned(), neighbours, watched: Mutex::new(watched) })
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What new names in the repository's directory begin with.
    fn mark(&self) -> String {
        format!("regatta-{}", self.run)
    }

    /// Somebody begins, or is found at work: then what is open stays as it is.
    fn begin(&self, who: u64, found: bool) {
        let mut watched = self.watched();
        if watched.at_work.is_empty() {
            let _turn = self.neighbours.turn();
            self.neighbours.sign_in();
            let others = self.neighbours.others();
            if !found {
                self.begin_anew(&mut watched, &others);
            }
            if !watched.open {
                self.pin(&mut watched, &others);
            }
        }
        watched.at_work.insert(who);
    }

    fn begin_anew(&self, watched: &mut Watched, others: &Others) {
        if !watched.written {
            for dir in [self.common_dir.clone(), self.common_dir.join("info")] {
                Lock::sweep(&dir, &self.mark());
            }
        }
        watched.stash = stash(&self.common_dir);
        owed::settle(&self.run_dir, &watched.telling);
        self.close(watched, others);
    }

    /// What stands there now counts from now on; or what another run pinned that is at work.
    fn pin(&self, watched: &mut Watched, others: &Others) {
        let in_force = others.at_work.iter().find_map(|dir| Some((dir, stored(dir)?)));
        let now = match in_force {
            Some((dir, mut pinned)) => {
                // We did nothing yet: what is not as it was is of those who are at work.
                let of = Of { who: "it", owed: Some(None), blames: true };
                self.put_right(&mut pinned, (dir, false), &of);
                Some(pinned)
            }
            None => {
                others.broken_off.iter().for_each(|dir| self.close_for(dir));
                // What cannot be read now is compared with what was known last.
                Pinned::take(&self.common_dir).ok()
            }
        };
        if let Some(now) = now.filter(|now| *now != watched.pinned || !watched.written) {
            // Without the file only a successor knows less, and other runs; with an older one they would know it wrong.
            watched.written = self.store(&now).is_ok();
            if !watched.written {
                let _ = fs::remove_file(self.run_dir.join(FILE));
            }
            watched.pinned = now;
        }
        watched.open = true;
        let _ = private_file::create(&self.run_dir.join(OPEN));
    }

    /// Nobody of another run lives, and what it left open is put back, as its successor would do. That one is told, and we are.
    fn close_for(&self, dir: &Path) {
        let put_back = match stored(dir) {
            Some(mut pinned) => {
                let of = Of { who: "it", owed: Some(None), blames: true };
                self.put_right(&mut pinned, (dir, true), &of)
            }
            None => PutBack::default(),
        };
        if let Some(mut owed) = put_back.owed {
            let run = dir.file_name().unwrap_or_default().to_string_lossy();
            (owed.who, owed.blames) = (format!("run {run}, which broke off,"), false);
            owed::add(&self.run_dir, owed);
        }
        if put_back.failed.is_none() {
            let _ = fs::remove_file(dir.join(OPEN));
        }
    }

    fn end(&self, who: u64) {
        let mut watched = self.watched();
        if watched.at_work.remove(&who) && watched.at_work.is_empty() {
            let _turn = self.neighbours.turn();
            self.close(&mut watched, &self.neighbours.others());
        }
    }

    /// Nobody is at work: what is not as it was is put back. It stays open if that cannot be.
    fn close(&self, watched: &mut Watched, others: &Others) {
        if !watched.open {
            return;
        }
        let of = Of { who: "what ran before", owed: Some(None), blames: false };
        let alone = others.at_work.is_empty();
        if self.put_right(&mut watched.pinned, (&self.run_dir, alone), &of).failed.is_some() {
            return;
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

    /// The same in our turn.
    fn restore(&self, watched: &mut Watched, of: &Of<'_>) -> PutBack {
        let _turn = self.neighbours.turn();
        let alone = watched.at_work.len() < 2 && self.neighbours.others().at_work.is_empty();
        self.put_right(&mut watched.pinned, (&self.run_dir, alone), of)
    }

    /// Puts back what is not as it was, for the run that has that directory. What git-lfs does when it is used is told apart.
    fn put_right(&self, pinned: &mut Pinned, (dir, alone): (&Path, bool), of: &Of<'_>) -> PutBack {
        let failed = |why: String| Some(format!("settings of the repository cannot be put back: {why}"));
        let kept = dir.join(KEPT);
        let mut free = (1_u64..).map(|n| kept.join(n.to_string()));
        let keep = free.find(|path| path.symlink_metadata().is_err()).unwrap_or_default();
        let mark = self.mark();
        let place = Place { common_dir: &self.common_dir, mark: &mark, keep: &keep, alone };
        let changes = match pinned.changes(&self.common_dir) {
            Ok(changes) if changes.is_empty() => {
                let failed = pinned.unlock(&place).and_then(failed);
                return PutBack { failed, ..PutBack::default() };
            }
            Ok(changes) => changes,
            Err(error) => return PutBack { failed: failed(error.to_string()), ..PutBack::default() },
        };
        let (by_lfs, changed): (Vec<_>, Vec<_>) = changes.into_iter().partition(|(_, by_lfs)| *by_lfs);
        let names = |some: Vec<(String, bool)>| some.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let lfs = (!by_lfs.is_empty()).then(|| {
            format!(
                "git-lfs set itself up in the repository ({}); that was put back, tasks have it without",
                names(by_lfs).join(", ")
            )
        });
        let owed = (!changed.is_empty()).then(|| Owed {
            attempt: of.owed.flatten(),
            blames: of.blames,
            who: of.who.to_owned(),
            beside: !alone,
            names: names(changed),
            kept: keep.to_string_lossy().into_owned(),
        });
        let write_down = of.owed.is_some();
        if let Some(owed) = owed.clone().filter(|_| write_down) {
            owed::add(dir, owed);
        }
        fault::point("guard.recorded");
        let failed = pinned.restore(&place).and_then(failed);
        fault::point("guard.restored");
        let left = failed.as_ref().map(|_| names(pinned.changes(&self.common_dir).unwrap_or_default()));
        let owed = match (owed, left) {
            (Some(owed), Some(left)) => {
                let less = owed.without(&left);
                owed::amend(dir, &owed, less.clone().filter(|_| write_down));
                less
            }
            (owed, _) => owed,
        };
        PutBack { lfs, owed, failed }
    }
}

/// What was put back.
#[derive(Default)]
struct PutBack {
    /// What git-lfs did by being used, for people.
    lfs: Option<String>,
    /// What somebody did who must not.
    owed: Option<Owed>,
    /// What could not be put back, for people.
    failed: Option<String>,
}

impl PutBack {
    /// What speaks against somebody, for people.
    fn said(&self) -> Option<String> {
        joined(self.owed.iter().map(Owed::text).chain(self.failed.clone()))
    }
}

/// What is told with an attempt.
#[derive(Default)]
pub(super) struct Told {
    /// What speaks against it.
    pub(super) blame: Option<String>,
    /// What is nobody's fault.
    pub(super) note: Option<String>,
}

fn joined(some: impl Iterator<Item = String>) -> Option<String> {
    let all: Vec<String> = some.collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// The copy that somebody wrote for a run.
fn stored(run_dir: &Path) -> Option<Pinned> {
    let mut text = Vec::new();
    private_file::open(&run_dir.join(FILE)).ok()?.read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

fn is_open(run_dir: &Path) -> bool {
    run_dir.join(OPEN).symlink_metadata().is_ok()
}

impl Ground {
    /// An attempt begins to work in its worktree, or what takes part in a landing. If nobody else is at work, settings and
    /// hooks are pinned as they are now; what those changed who left without being looked at is put back before.
    pub(crate) fn begins_work(&self, who: u64) {
        self.guard.begin(who, false);
    }

    /// The same for what an earlier orchestrator began: what it pinned stands, unless another run has closed that since.
    pub(crate) fn goes_on_working(&self, who: u64) {
        self.guard.begin(who, true);
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
        self.guard.restore(&mut watched, &Of { who, owed: None, blames: false }).said()
    }

    /// The same where work lands, with all that is owed and that no attempt will be told with any more.
    pub(crate) fn put_back_landing(&self, who: &str) -> Option<String> {
        let guard = &self.guard;
        let mut watched = guard.watched();
        let put_back = guard.restore(&mut watched, &Of { who, owed: None, blames: false });
        let mut owed = Vec::new();
        if watched.at_work.iter().all(|who| *who == LANDING) {
            let _turn = guard.neighbours.turn();
            owed = owed::claim(&guard.run_dir, LANDING);
            owed::told(&guard.run_dir, &BTreeSet::from([LANDING]));
        }
        joined(put_back.said().into_iter().chain(owed.iter().map(Owed::text)))
    }

    /// The same after a command that speaks against an attempt.
    pub(crate) fn put_back_of(&self, attempt: u64, who: &str) -> Option<String> {
        let mut watched = self.guard.watched();
        let of = Of { who, owed: Some(Some(attempt)), blames: true };
        let put_back = self.guard.restore(&mut watched, &of);
        watched.telling.extend(put_back.owed.iter().map(|_| attempt));
        put_back.said()
    }

    /// An attempt has worked: the same, with all that is owed.
    pub(super) fn all_put_back(&self, attempt: u64) -> Told {
        let guard = &self.guard;
        let mut watched = guard.watched();
        let of = Of { who: "it", owed: Some(Some(attempt)), blames: true };
        let put_back = guard.restore(&mut watched, &of);
        let _turn = guard.neighbours.turn();
        let mut owed = owed::claim(&guard.run_dir, attempt);
        // What could not be written down is told all the same.
        owed.extend(put_back.owed.filter(|one| !owed.contains(one)));
        watched.telling.extend(owed.first().map(|_| attempt));
        let (blames, notes): (Vec<Owed>, Vec<Owed>) = owed.into_iter().partition(|owed| owed.blames);
        Told {
            blame: joined(blames.iter().map(Owed::text).chain(put_back.failed)),
            note: joined(put_back.lfs.into_iter().chain(notes.iter().map(Owed::text))),
        }
    }

    /// Something that is nobody's fault is said with the next attempt that ends.
    pub(super) fn to_be_said(&self, what: String) {
        let _watched = self.guard.watched();
        let _turn = self.guard.neighbours.turn();
        owed::add(&self.guard.run_dir, Owed::note(what));
    }

    /// Attempts have ended for good, and that is durable: nothing is owed of them any more.
    pub(crate) fn told(&self, attempts: &BTreeSet<u64>) {
        let mut watched = self.guard.watched();
        let owed = watched.owes || attempts.iter().any(|attempt| watched.telling.contains(attempt));
        if owed {
            let _turn = self.guard.neighbours.turn();
            owed::told(&self.guard.run_dir, attempts);
            watched.telling.retain(|attempt| !attempts.contains(attempt));
            watched.owes = false;
        }
    }
}
