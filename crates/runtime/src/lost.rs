//! What the driver does about attempts that nobody can tell of any more: their owner is gone, or its words are.
//!
//! A part of the driver. What being lost means is not known here.

use crate::action::Kind;
use crate::collect;
use crate::judge::Job;
use crate::keeper::Ask;
use crate::local::Local;
use crate::turn::Arrival;
use regatta_engine::ids::AttemptId;
use regatta_engine::input::{Input, Reconciliation};
use regatta_engine::state::State;
use regatta_engine::state::node::NodeState;
use std::collections::{BTreeMap, BTreeSet};

impl Local {
    /// Deletes the raw results of what is lost: nobody's input, and never redacted. `kept` are those that live on or
    /// have ended and are to be judged.
    pub fn forget_results(&self, state: &State, kept: &[u64]) {
        let in_hand = self.in_hand();
        let lives = |attempt: AttemptId| {
            kept.contains(&attempt.0) || self.driven.has(attempt) || in_hand.contains(&attempt.0)
        };
        let lost = state.live().filter(|(attempt, _)| !lives(*attempt));
        let lost = lost.map(|(attempt, _)| self.dir(attempt, Kind::Attempt));
        let asked = state.in_doubt().filter_map(|node| {
            let NodeState::InDoubt(doubt) = &state.node(node).state else { return None };
            doubt.asking.then(|| self.dir(doubt.attempt, Kind::Reconcile))
        });
        for dir in lost.chain(asked) {
            collect::forget(&dir);
        }
    }

    /// What a keeper has been asked to start and has not told the end of.
    pub fn with_keeper(&self) -> BTreeSet<u64> {
        self.jobs.keys().chain(self.asking.keys()).copied().collect()
    }

    /// Forgets what was with a keeper that is gone, but for what still lives; answers what that means. What was ordered since
    /// is for its heir.
    pub fn forget_jobs(&mut self, gone: &BTreeSet<u64>, live: &[u64]) -> Vec<Arrival> {
        // What is with a driver of the program did not die with a keeper.
        let stays = |id: &u64| !gone.contains(id) || live.contains(id) || self.driven.has(AttemptId(*id));
        let (kept, lost) = std::mem::take(&mut self.jobs).into_iter().partition(|(id, _)| stays(id));
        self.jobs = kept;
        self.asking.retain(|id, _| !gone.contains(id) || live.contains(id));
        let lost: BTreeMap<u64, Job> = lost;
        lost.values().for_each(|job| collect::clear_tmp(&job.dir.path));
        lost.keys().for_each(|id| self.looks.over(*id));
        let input = |job: Job| match job.kind {
            Kind::Reconcile => Input::Reconciled { node: job.node, found: Reconciliation::Unknown },
            Kind::Attempt | Kind::Undo | Kind::Setup(_) | Kind::Verify(_) => {
                Input::AttemptLost { attempt: job.attempt, why: None }
            }
        };
        lost.values().for_each(|job| self.lost_apart(job.attempt));
        lost.into_values().map(|job| input(job).into()).collect()
    }

    /// The same after a keeper was replaced: also of what is still to be judged, or was ordered since, nothing is deleted.
    pub fn forget_results_of_lost(&self, state: &State, with_heir: &[u64]) {
        let ordered = self.jobs.values().map(|job| job.attempt.0);
        let kept: Vec<u64> = with_heir.iter().copied().chain(ordered).collect();
        self.forget_results(state, &kept);
    }

    /// Asks once more for the end of what is being ended: the first request may have been lost with a connection.
    pub fn end_again(&mut self, state: &State) {
        for (attempt, node) in state.live() {
            if state.node(node).live().is_some_and(|live| live.ending.is_some()) {
                let grace_ms = self.actions.policy(node).grace_ms;
                self.asks.push(Ask::End { attempt: attempt.0, grace_ms });
            }
        }
    }
}
