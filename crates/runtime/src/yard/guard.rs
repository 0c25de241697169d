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
pub(crate) use super::at_work::LANDING;
use super::at_work::{AtWork, BEFORE, Beside, Does, IT, Of, SETUP};
use super::entries::{Bytes, Entry};
use super::lock::Lock;
use super::neighbours::{Neighbours, Others};
use super::owed::{self, Owed, PutBack, Told, joined};
use super::pinned::{Pinned, Place};
use super::stash::{Stashed, stash};
use crate::private_file;
use regatta_fault as fault;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The file with the pinned copy, in the directory of the run.
const FILE: &str = "guard.json";
/// The directory there in which is what was replaced.
const KEPT: &str = "put-back";

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
    at_work: AtWork,
    /// What commands of `setup` made of it while nobody else could have.
    by_setup: Vec<(Bytes, Option<Entry>)>,
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
            at_work: AtWork::default(),
            by_setup: Vec::new(),
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
        if watched.at_work.is_nobody() {
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
        watched.at_work.begins(who);
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
        if watched.at_work.ends(who) && watched.at_work.is_nobody() {
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
        private_file::replace(&self.run_dir.join(FILE), &serde_json::to_vec(pinned)?)
    }

    /// The same in our turn.
    fn restore(&self, watched: &mut Watched, of: &Of<'_>) -> PutBack {
        let _turn = self.neighbours.turn();
        let mut beside = beside(watched, &self.neighbours.others());
        let found = watched.pinned.differing(&self.common_dir).unwrap_or_default();
        let known = found.iter().all(|one| watched.by_setup.contains(one));
        if known && (of.sets_up || watched.at_work.sets_up()) {
            beside.suspects.clear();
            return self.put_right(&mut watched.pinned, &beside, &Of { who: SETUP, blames: false, ..*of });
        }
        if of.sets_up && beside.suspects.is_empty() && !beside.shared {
            watched.by_setup.extend(found);
        }
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
        // Nobody can tell which of them it was.
        let suspects = beside.suspects.iter().filter(|who| !beside.shared && of.owed != Some(Some(**who)));
        let as_of =
            |one: Owed, who: u64| Owed { attempt: Some(who), blames: true, who: IT.to_owned(), ..one };
        if let Some(owed) = &owed {
            told.iter().for_each(|dir| owed::add(dir, owed.clone()));
            suspects.clone().for_each(|who| owed::add(&self.run_dir, as_of(owed.clone(), *who)));
        }
        fault::point("guard.recorded");
        let failed = pinned.restore(&place);
        fault::point("guard.restored");
        if let Some(was) = owed.clone().filter(|_| failed.is_some()) {
            let left = pinned.changes(&self.common_dir).unwrap_or_default();
            let left: Vec<String> = left.into_iter().map(|(name, _)| name).collect();
            owed = was.without(&left);
            told.iter().for_each(|dir| owed::amend(dir, &was, owed.clone()));
            suspects.for_each(|who| {
                let less = owed.clone().map(|one| as_of(one, *who));
                owed::amend(&self.run_dir, &as_of(was.clone(), *who), less);
            });
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
    let alone = !shared && watched.at_work.is_one();
    Beside { runs: others.at_work.clone(), suspects: watched.at_work.suspects(), shared, alone }
}

fn names(changes: Vec<(String, bool)>) -> String {
    changes.into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(", ")
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
        self.guard.restore(&mut watched, &Of { who, owed: None, blames: false, sets_up: false }).said()
    }

    /// Commands prepare the worktree of an attempt that is at work, or it works there itself.
    pub(crate) fn sets_up(&self, attempt: u64, sets_up: bool) {
        self.guard.watched().at_work.does(attempt, if sets_up { Does::SetsUp } else { Does::Works });
    }

    /// The same after such a command: that is nobody's fault, unless somebody worked meanwhile.
    pub(crate) fn put_back_of_setup(&self) -> Option<String> {
        let mut watched = self.guard.watched();
        let of = Of { who: SETUP, owed: None, blames: false, sets_up: true };
        self.guard.restore(&mut watched, &of).said()
    }

    /// All that is owed and that no attempt will be told with any more, for where work lands. It is owed until that is durable.
    pub(crate) fn owed_where_work_lands(&self) -> Option<String> {
        let watched = self.guard.watched();
        if !watched.at_work.is_landing() {
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
        let of = Of { who, owed: Some(Some(attempt)), blames: true, sets_up: false };
        let put_back = self.guard.restore(&mut watched, &of);
        watched.at_work.does(attempt, Does::WasLookedAt);
        // What somebody else found while it ran.
        let _turn = self.guard.neighbours.turn();
        let owed = owed::read(&self.guard.run_dir);
        let owed = owed.into_iter().filter(|owed| owed.attempt == Some(attempt) && owed.blames);
        let others: Vec<Owed> = owed.filter(|owed| Some(owed) != put_back.owed.as_ref()).collect();
        self.guard.owes().telling.extend(put_back.owed.iter().chain(&others).map(|_| attempt));
        joined(put_back.said().into_iter().chain(others.iter().map(Owed::text)))
    }

    /// An attempt has worked: the same, with all that is owed.
    pub(super) fn all_put_back(&self, attempt: u64) -> Told {
        let guard = &self.guard;
        let mut watched = guard.watched();
        let of = Of { who: IT, owed: Some(Some(attempt)), blames: true, sets_up: false };
        let put_back = guard.restore(&mut watched, &of);
        watched.at_work.does(attempt, Does::WasLookedAt);
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
