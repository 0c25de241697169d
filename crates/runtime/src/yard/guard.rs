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
//! that it is open. While another run of the store is at work (`neighbours`), what that one pinned counts for both, and what is
//! found is nobody's fault. What one left open that broke off is told, and put back by nobody but itself. Whoever compares has
//! the turn. What is to be told is written down first (`owed`). Of refs `refs` knows.

use super::Ground;
use super::lock::Lock;
use super::neighbours::{Neighbours, Others};
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

/// So much of a copy is read, in bytes: all that is pinned at most, in hexadecimal.
const MOST_BYTES: u64 = 512 << 20;

/// Who watches.
#[derive(Debug)]
pub(super) struct Guard {
    common_dir: PathBuf,
    run_dir: PathBuf,
    /// The run.
    run: String,
    neighbours: Neighbours,
    watched: Mutex<Watched>,
    /// Held for moments only, and taken after the other.
    owes: Mutex<Owes>,
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
    /// The runs that had broken off when it was pinned: whatever they did was done before.
    broken_off: Vec<PathBuf>,
}

/// Which lines of what is owed can go.
#[derive(Debug, Default)]
struct Owes {
    /// Attempts that something is told with whose ends are not durable yet.
    telling: BTreeSet<u64>,
    /// Attempts whose ends are, and whose lines are there still.
    over: BTreeSet<u64>,
    /// Something may be owed from before.
    before: bool,
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

/// Nobody of this run.
const BEFORE: Of<'_> = Of { who: "what ran before", owed: Some(None), blames: false };

/// Who else may have done what is found.
struct Beside {
    /// Directories of other runs that are at work.
    runs: Vec<PathBuf>,
    /// Some other run may have.
    shared: bool,
    /// Nobody.
    alone: bool,
}

impl Guard {
    /// Whoever guards a run: with the copy of the last one, if there is one.
    pub(super) fn of(common_dir: &Path, (run_dir, run): (&Path, &str)) -> io::Result<Guard> {
        let neighbours = Neighbours::of(common_dir, run_dir);
        let turn = neighbours.turn();
        let pinned = match stored(run_dir, common_dir) {
            Some(pinned) => pinned,
            None => Pinned::take(common_dir)?,
        };
        let watched = Watched {
            pinned,
            at_work: BTreeSet::new(),
            stash: stash(common_dir),
            written: false,
            open: neighbours.is_open(),
            broken_off: Vec::new(),
        };
        let owes = Owes { before: !owed::read(run_dir).is_empty(), ..Owes::default() };
        drop(turn);
        Ok(Guard {
            common_dir: common_dir.to_owned(),
            run_dir: run_dir.to_owned(),
            run: run.to_owned(),
            neighbours,
            watched: Mutex::new(watched),
            owes: Mutex::new(owes),
        })
    }

    /// Somebody may have been at work before whose changes nobody has compared.
    pub(super) fn is_open(&self) -> bool {
        self.watched().open
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn owes(&self) -> MutexGuard<'_, Owes> {
        self.owes.lock().unwrap_or_else(PoisonError::into_inner)
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
            let others = self.neighbours.others();
            let in_force = others.at_work.iter().find_map(|dir| stored(dir, &self.common_dir));
            if watched.open && in_force.as_ref().is_some_and(|pinned| *pinned != watched.pinned) {
                self.give_up(&mut watched);
            }
            if !found {
                self.begin_anew(&mut watched, &others);
            }
            if !watched.open {
                self.pin(&mut watched, (in_force, others));
            }
        }
        watched.at_work.insert(who);
    }

    /// Another run began when this one had broken off, and works by what it found: two copies cannot both count.
    fn give_up(&self, watched: &mut Watched) {
        let changes = watched.pinned.changes(&self.common_dir).unwrap_or_default();
        if !changes.is_empty() {
            let names = names(changes);
            owed::add(
                &self.run_dir,
                Owed::note(format!(
                    "{names} of the repository changed since this run broke off; that stays, because another run is at work by it"
                )),
            );
        }
        watched.open = false;
    }

    fn begin_anew(&self, watched: &mut Watched, others: &Others) {
        if !watched.written {
            for dir in [self.common_dir.clone(), self.common_dir.join("info")] {
                Lock::sweep(&dir, &self.mark());
            }
        }
        watched.stash = stash(&self.common_dir);
        owed::settle(&self.run_dir, &self.owes().telling);
        self.close(watched, others);
    }

    /// What stands there now counts from now on; or what another run pinned that is at work.
    fn pin(&self, watched: &mut Watched, (in_force, others): (Option<Pinned>, Others)) {
        for dir in others.broken_off.iter().filter(|dir| !watched.broken_off.contains(dir)) {
            self.tell_of(dir);
        }
        let now = match in_force {
            Some(mut pinned) => {
                self.put_right(&mut pinned, &beside(watched, &others), &BEFORE);
                Some(pinned)
            }
            // What cannot be read now is compared with what was known last.
            None => Pinned::take(&self.common_dir).ok(),
        };
        if let Some(now) = now.filter(|now| *now != watched.pinned || !watched.written) {
            // Without the file only a successor knows less, and other runs; with an older one they would know it wrong.
            watched.written = self.store(&now).is_ok();
            if !watched.written {
                let _ = fs::remove_file(self.run_dir.join(FILE));
            }
            watched.pinned = now;
        }
        watched.broken_off = others.broken_off;
        watched.open = true;
        self.neighbours.open();
    }

    /// Another run broke off and left something open. Nobody can tell what its tasks did from what persons did since.
    fn tell_of(&self, dir: &Path) {
        let changes = stored(dir, &self.common_dir)
            .and_then(|pinned| pinned.changes(&self.common_dir).ok())
            .unwrap_or_default();
        if !changes.is_empty() {
            let (run, names) = (dir.file_name().unwrap_or_default().to_string_lossy(), names(changes));
            owed::add(
                &self.run_dir,
                Owed::note(format!(
                    "run {run} broke off while it was at work; {names} of the repository changed since then; `regatta resume {run}` puts back what it pinned"
                )),
            );
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
        let beside = beside(watched, others);
        if watched.open && self.put_right(&mut watched.pinned, &beside, &BEFORE).failed.is_none() {
            watched.open = false;
            // A successor that finds it compares once more.
            self.neighbours.close();
        }
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
        let beside = beside(watched, &self.neighbours.others());
        self.put_right(&mut watched.pinned, &beside, of)
    }

    /// Puts back what is not as it was. What git-lfs does when it is used is told apart.
    fn put_right(&self, pinned: &mut Pinned, beside: &Beside, of: &Of<'_>) -> PutBack {
        let kept = self.run_dir.join(KEPT);
        let mut free = (1_u64..).map(|n| kept.join(n.to_string()));
        let keep = free.find(|path| path.symlink_metadata().is_err()).unwrap_or_default();
        let mark = self.mark();
        let place = Place { common_dir: &self.common_dir, mark: &mark, keep: &keep, alone: beside.alone };
        let changes = match pinned.changes(&self.common_dir) {
            Ok(changes) if changes.is_empty() => return self.failed(pinned.unlock(&place), beside),
            Ok(changes) => changes,
            Err(error) => return self.failed(Some(error.to_string()), beside),
        };
        let (by_lfs, changed): (Vec<_>, Vec<_>) = changes.into_iter().partition(|(_, by_lfs)| *by_lfs);
        let lfs = (!by_lfs.is_empty()).then(|| {
            let names = names(by_lfs);
            format!(
                "git-lfs set itself up in the repository ({names}); that was put back, tasks have it without"
            )
        });
        let changed: Vec<String> = changed.into_iter().map(|(name, _)| name).collect();
        let owed = Owed {
            attempt: of.owed.flatten().filter(|_| !beside.shared),
            blames: of.blames && !beside.shared,
            who: match beside.shared {
                true => format!("what ran in this repository (found by run {})", self.run),
                false => of.who.to_owned(),
            },
            beside: !beside.alone && !beside.shared,
            names: changed,
            kept: keep.to_string_lossy().into_owned(),
        };
        let mut owed = Some(owed).filter(|owed| !owed.names.is_empty());
        let own = (of.owed.is_some() || beside.shared).then_some(&self.run_dir);
        let told: Vec<&PathBuf> = own.into_iter().chain(&beside.runs).collect();
        if let Some(owed) = &owed {
            told.iter().for_each(|dir| owed::add(dir, owed.clone()));
        }
        fault::point("guard.recorded");
        let failed = pinned.restore(&place);
        fault::point("guard.restored");
        if let Some(was) = owed.clone().filter(|_| failed.is_some()) {
            let left = pinned.changes(&self.common_dir).unwrap_or_default();
            let left: Vec<String> = left.into_iter().map(|(name, _)| name).collect();
            owed = was.without(&left);
            told.iter().for_each(|dir| owed::amend(dir, &was, owed.clone()));
        }
        PutBack { lfs, owed: owed.filter(|_| !beside.shared), ..self.failed(failed, beside) }
    }

    /// Something cannot be put back, if it is said why.
    fn failed(&self, why: Option<String>, beside: &Beside) -> PutBack {
        let failed = why.map(|why| format!("settings of the repository cannot be put back: {why}"));
        if let Some(said) = failed.clone().filter(|_| beside.shared) {
            owed::add(&self.run_dir, Owed::note(said));
        }
        PutBack { failed, shared: beside.shared, ..PutBack::default() }
    }
}

/// Who else may have done what is found now.
fn beside(watched: &Watched, others: &Others) -> Beside {
    // Who broke off since may have done it as well as who is at work.
    let died = others.broken_off.iter().any(|dir| !watched.broken_off.contains(dir));
    let shared = died || !others.at_work.is_empty();
    Beside { runs: others.at_work.clone(), shared, alone: !shared && watched.at_work.len() < 2 }
}

fn names(changes: Vec<(String, bool)>) -> String {
    changes.into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(", ")
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
    /// Another run may have done it: everybody is told by what is owed, and it speaks against nobody.
    shared: bool,
}

impl PutBack {
    /// What speaks against somebody, for people.
    fn said(&self) -> Option<String> {
        joined(self.owed.iter().map(Owed::text).chain(self.failed.clone().filter(|_| !self.shared)))
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

/// The copy that somebody wrote for a run, if it can be one.
fn stored(run_dir: &Path, common_dir: &Path) -> Option<Pinned> {
    let mut text = Vec::new();
    private_file::open(&run_dir.join(FILE)).ok()?.take(MOST_BYTES).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok().filter(|pinned: &Pinned| pinned.is_sound(common_dir))
}

impl Ground {
    /// An attempt begins to work in its worktree, or what takes part in a landing. If nobody else is at work, settings and
    /// hooks are pinned as they are now; what those changed who left without being looked at is put back before.
    pub(crate) fn begins_work(&self, who: u64) {
        self.guard.begin(who, false);
        self.refs_begin(who, false);
    }

    /// The same for what an earlier orchestrator began: what it pinned stands, unless another run works by something else.
    pub(crate) fn goes_on_working(&self, who: u64) {
        self.guard.begin(who, true);
        self.refs_begin(who, true);
    }

    /// It has ended. If it is the last one, what is not as it was is put back now.
    pub(crate) fn ends_work(&self, who: u64) {
        self.refs_end(who);
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

    /// All that is owed and that no attempt will be told with any more, for where work lands. It is owed until that is durable.
    pub(crate) fn owed_where_work_lands(&self) -> Option<String> {
        let watched = self.guard.watched();
        if watched.at_work.iter().any(|who| *who != LANDING) {
            return None;
        }
        let _turn = self.guard.neighbours.turn();
        let owed = owed::claim(&self.guard.run_dir, LANDING);
        self.guard.owes().telling.extend(owed.first().map(|_| LANDING));
        joined(owed.iter().map(Owed::text))
    }

    /// The same after a command that speaks against an attempt.
    pub(crate) fn put_back_of(&self, attempt: u64, who: &str) -> Option<String> {
        let mut watched = self.guard.watched();
        let of = Of { who, owed: Some(Some(attempt)), blames: true };
        let put_back = self.guard.restore(&mut watched, &of);
        self.guard.owes().telling.extend(put_back.owed.iter().map(|_| attempt));
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
        guard.owes().telling.extend(owed.first().map(|_| attempt));
        let (blames, notes): (Vec<Owed>, Vec<Owed>) = owed.into_iter().partition(|owed| owed.blames);
        Told {
            blame: joined(blames.iter().map(Owed::text).chain(put_back.failed.filter(|_| !put_back.shared))),
            note: joined(put_back.lfs.into_iter().chain(notes.iter().map(Owed::text))),
        }
    }

    /// Something other than settings and hooks that speaks against an attempt, before it is put back.
    pub(super) fn is_blamed(&self, attempt: u64, what: String) {
        let _turn = self.guard.neighbours.turn();
        owed::add(&self.guard.run_dir, Owed { attempt: Some(attempt), blames: true, ..Owed::note(what) });
        self.guard.owes().telling.insert(attempt);
    }

    /// Something that is nobody's fault is said with the next attempt that ends.
    pub(crate) fn to_be_said(&self, what: String) {
        let _watched = self.guard.watched();
        let _turn = self.guard.neighbours.turn();
        owed::add(&self.guard.run_dir, Owed::note(what));
    }

    /// Attempts have ended for good, and that is durable: nothing is owed of them any more. Waits for nobody: what cannot be
    /// done now is done next time.
    pub(crate) fn told(&self, attempts: &BTreeSet<u64>) {
        let mut owes = self.guard.owes();
        let ours = |attempt: &&u64| owes.before || owes.telling.contains(attempt);
        let over: Vec<u64> = attempts.iter().filter(ours).copied().collect();
        owes.over.extend(over);
        if owes.over.is_empty() {
            return;
        }
        if let Some(_turn) = self.guard.neighbours.turn_now() {
            let over = std::mem::take(&mut owes.over);
            owed::told(&self.guard.run_dir, &over);
            owes.telling.retain(|attempt| !over.contains(attempt));
            owes.before = false;
        }
    }
}
