//! How an orchestrator comes to a keeper: meets the one that lives or starts one, takes up what it owns, replaces it when
//! it dies, and stops before anything is lost where there is no room. It does not know what follows from an end.

use crate::clock::wall_ms;
use crate::keeper::{Found, Heard, Keeper};
use crate::orchestrator::{Message, Orchestrator};
use crate::recovery;
use crate::run_error::{MOST_KEEPERS, RunError};
use crate::turn::{Arrival, When, turn};
use regatta_engine::input::Input;
use regatta_engine::state::Phase;
use regatta_fault as fault;
use std::collections::BTreeSet;

impl Orchestrator {
    /// Meets the keeper and finds out what became of what was in flight.
    pub(crate) fn take_up(&mut self) -> Result<(), RunError> {
        // What had ended is collected now, before the first turn.
        self.local.wall_ms = wall_ms();
        let found = self.meet()?;
        if self.engine.state().phase == Phase::New {
            self.first.push(Input::Begin.into());
            let skipped = self.local.memory().skipped().iter();
            self.first.extend(skipped.map(|&node| Input::Skip { node }.into()));
            return Ok(());
        }
        if found.fresh {
            self.sweep();
        }
        let ids: Vec<u64> =
            found.live.iter().copied().chain(found.ended.iter().map(|(e, _)| e.attempt)).collect();
        recovery::check_known(&self.engine, &self.store, &ids)?;
        let known = self.local.adopt(self.engine.state(), &ids);
        self.local.forget_results(self.engine.state(), &known);
        self.take_leases_up(&found.live)?;
        let Found { live, ended, boot_changed, fresh } = found;
        for (ended, streams) in ended {
            self.local.hear_kept(&ended, streams);
        }
        self.check_room()?;
        // What never came to a keeper that lived all the time was never started.
        let again = if fresh { Vec::new() } else { self.local.begin_again(self.engine.state(), &ids) };
        let in_hand: BTreeSet<u64> = again.into_iter().chain(self.local.in_hand()).collect();
        let live = live.into_iter().filter(|id| known.contains(id)).collect::<BTreeSet<u64>>();
        let live = live.union(&in_hand).copied().collect();
        let judged: Vec<Arrival> = self.local.take_arrivals().collect();
        fault::point("adopted");
        let resumed = recovery::resumed((self.place.epoch, boot_changed), live, judged);
        // What somebody said while we were waiting comes after.
        self.first.insert(0, resumed);
        Ok(())
    }

    /// What a live attempt holds stays with it.
    fn take_leases_up(&mut self, known: &[u64]) -> Result<(), RunError> {
        let graph = self.engine.graph();
        let live = self.engine.state().live().filter(|(attempt, _)| known.contains(&attempt.0));
        let live: Vec<&str> = live.map(|(_, node)| graph.name(node)).collect();
        Ok(self.local.leases.take_up(&live)?)
    }

    fn meet(&mut self) -> Result<Found, RunError> {
        self.keepers += 1;
        if self.keepers > MOST_KEEPERS {
            return Err(RunError::KeepersDie);
        }
        regatta_journal::private_dir(&self.place.run_dir.join("attempts"))?;
        let (handle, number) = (self.handle.clone(), self.keepers);
        // A loop that is gone needs no words: it is ending everything.
        let deliver = Box::new(move |heard| {
            let _ = handle.tell(Message::Heard(number, heard));
        });
        let (keeper, found) = Keeper::meet(&self.program, &self.place.run_dir, self.place.epoch, deliver)?;
        self.local.employ(keeper);
        fault::point("met");
        Ok(found)
    }

    /// The keeper died, and its children with it: what it recorded stands, the rest is lost.
    pub(crate) fn replace_keeper(&mut self) -> Result<(), RunError> {
        // What it owned is dead, which stands still enough.
        self.say_still();
        self.local.leases.sweep_again();
        drop(self.local.release());
        let gone = self.local.with_keeper();
        self.local.forget_host();
        self.local.forget_commands();
        let found = self.meet()?;
        if found.fresh {
            self.sweep();
        }
        let with_heir: Vec<u64> =
            found.live.iter().copied().chain(found.ended.iter().map(|(e, _)| e.attempt)).collect();
        for (ended, streams) in found.ended {
            self.local.hear(Heard::Ended(ended, streams));
        }
        self.check_room()?;
        self.local.end_again(self.engine.state());
        let lost = self.local.forget_jobs(&gone, &found.live);
        self.local.forget_results_of_lost(self.engine.state(), &with_heir);
        self.first.extend(lost);
        self.local.sweep_dead();
        Ok(())
    }

    /// An end that could not be stored is known to the keeper alone: before any turn says that it is lost, the run stops.
    fn check_room(&self) -> Result<(), RunError> {
        self.local.full().map_or(Ok(()), |what| Err(RunError::NoRoom(what)))
    }

    /// Records what never came about, lest it count as lost, and that nothing more is to start; if there is no room for
    /// that either, the effect contract decides at resume.
    pub(crate) fn stop_without_room(&mut self, what: String) -> RunError {
        let mut arrivals: Vec<Arrival> = vec![Input::Pause.into()];
        arrivals.extend(self.drain());
        if arrivals.len() > 1 {
            let when = When { now: self.clock.now(), wall_ms: wall_ms() };
            self.local.begin(when);
            // What is told is that there is no room, whichever way that showed first.
            let _ = turn(&mut self.engine, &mut self.store, &mut self.local, (when, arrivals));
        }
        RunError::NoRoom(what)
    }

    /// Nothing of an earlier keeper may live when anything is started.
    fn sweep(&mut self) {
        fault::point("sweep.before");
        self.swept = false;
        self.local.sweep();
        while !self.swept && self.local.broken().is_none() {
            match self.inbox.recv() {
                Ok(message) => self.take(message),
                Err(_) => return,
            }
        }
        fault::point("sweep.after");
    }
}
