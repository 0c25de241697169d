//! How the driver has worktrees made before attempts begin in them, and lets attempts in.
//!
//! ```text
//! begin -> made for it, and for those that begin with it -> gate open -> setup, work
//! ```
//! A part of the driver: it never waits. What is made when is known to `readying`.

use crate::apart::{Apart, InFlight, Stage};
use crate::judge::Job;
use crate::local::Local;
use crate::readying::Gate;
use crate::yard::{Again, Begin, Errand, Failed};
use regatta_engine::cause::Cause;
use regatta_engine::ids::{AttemptId, NodeId};
use regatta_engine::input::Input;
use regatta_engine::spec::Limits;
use std::sync::Arc;

impl Apart {
    pub(crate) fn errand(&self, node: NodeId) -> Errand {
        let waits = self.in_flight.iter().find(|(_, flight)| flight.node == node);
        let again = |id| Again { id, goes_on: self.kept_task(node).is_some() };
        let attempt = waits.map(|(attempt, _)| again(attempt.0));
        let (task, heads) = (self.works.graph.name(node).to_owned(), self.works.handed(node));
        Errand::Make { node, task, heads, attempt }
    }

    /// Asks for removal.
    fn ask_gone(&self, node: NodeId) {
        self.workers.ask(Errand::Remove { node, task: self.works.graph.name(node).to_owned() });
    }

    /// Attempts that wait for their worktrees, the first that began first.
    pub(crate) fn waiting(&self) -> Vec<(AttemptId, NodeId)> {
        let waits = |(attempt, flight): (&AttemptId, &InFlight)| {
            matches!(flight.stage, Stage::Making).then_some((*attempt, flight.node))
        };
        self.in_flight.iter().filter_map(waits).collect()
    }
}

impl Local {
    /// Begins an attempt: its worktree is asked for.
    pub(crate) fn begin_apart(&mut self, job: Job, number: u32) {
        let Some(apart) = self.apart.as_mut() else { return };
        if apart.has_worked() && !apart.readying.is_one_by_one() {
            apart.readying.goes_on();
        }
        let (attempt, node) = (job.attempt, job.node);
        let wanted = apart.readying.begin(node);
        apart.workers.hurry(node);
        apart.in_flight.insert(attempt, InFlight::new((node, number), Stage::Making, Some(job)));
        wanted.into_iter().for_each(|node| apart.workers.ask(apart.errand(node)));
        self.go_in();
    }

    /// A turn is over: what was the first admission is known, there may be room for worktrees of tasks to come, and the
    /// one worktree may be free.
    pub(crate) fn make_ahead(&mut self) {
        if self.apart.as_ref().is_some_and(|apart| apart.readying.is_one_by_one()) {
            self.go_in();
        }
        let Some(apart) = self.apart.as_mut() else { return };
        if !std::mem::take(&mut apart.durable) {
            // What has ended is not recorded: its worktree is not to be used again yet, nor another made in its place.
            return;
        }
        let done = std::mem::take(&mut apart.done).into_iter();
        for node in done.filter(|node| !apart.is_undone_there(*node)) {
            apart.workers.ground().release(apart.works.graph.name(node));
        }
        for node in std::mem::take(&mut apart.useless) {
            apart.ask_gone(node);
        }
        apart.readying.turn_ends();
        for node in apart.readying.ahead(apart.in_flight.len()) {
            apart.workers.ask_ahead(apart.errand(node));
        }
    }

    /// A worktree was made, or not.
    pub(crate) fn made(&mut self, node: NodeId, made: Result<Begin, Failed>) {
        let Some(apart) = self.apart.as_mut() else { return };
        if apart.readying.made(node, made) {
            apart.ask_gone(node);
        }
        self.go_in();
    }

    /// A worktree that nobody needed is gone. One that stays is in nobody's way: who needs its place says so.
    pub(crate) fn removed(&mut self, node: NodeId) {
        let Some(apart) = self.apart.as_mut() else { return };
        apart.readying.removed(node);
        // Perhaps an attempt came meanwhile.
        if apart.waiting().iter().any(|(_, waits)| *waits == node) {
            let wanted = apart.readying.begin(node);
            wanted.into_iter().for_each(|node| apart.workers.ask(apart.errand(node)));
        }
        self.go_in();
    }

    /// Lets attempts into their worktrees, as far as these stand there.
    pub(crate) fn go_in(&mut self) {
        let Some(apart) = self.apart.as_mut() else { return };
        match apart.readying.gate() {
            Gate::Shut => return,
            Gate::Fallen(there) => {
                there.into_iter().for_each(|node| apart.ask_gone(node));
                if apart.readying.gate() == Gate::Shut {
                    return;
                }
            }
            Gate::Open => {}
        }
        if apart.readying.failure.is_some() && !self.fall_back() {
            return;
        }
        let Some(apart) = self.apart.as_mut() else { return };
        apart.next_one();
        for (attempt, node) in apart.waiting() {
            let Some(apart) = self.apart.as_mut() else { return };
            let taken = apart.readying.take(node);
            let Some((made, flight)) = taken.zip(apart.in_flight.get_mut(&attempt)) else { continue };
            match made {
                Ok(Begin { base, goes_on, note }) => {
                    flight.note(note);
                    (flight.base, flight.goes_on) = (Some(base), goes_on);
                    self.next_setup(attempt, 0);
                }
                Err(Failed::Conflict { .. }) if self.disputed(node) => {}
                Err(failed) => {
                    let cause = match failed {
                        Failed::Conflict { .. } => Cause::MergeConflict,
                        Failed::Make(_) => Cause::Worktree,
                    };
                    self.refuse_apart(attempt, (cause, &failed.to_string()));
                }
            }
        }
    }

    /// One of the first admission could not be made, and all of it is gone. Answers whether the run goes on, with one
    /// worktree for all tasks.
    fn fall_back(&mut self) -> bool {
        let Some(apart) = self.apart.as_mut() else { return false };
        if apart.readying.is_one_by_one() {
            return true;
        }
        let (waiting, why) = (apart.waiting(), apart.readying.failure.clone().unwrap_or_default());
        if apart.workers.ground().rules.on_error != "sequential" {
            for (attempt, _) in waiting {
                self.refuse_apart(attempt, (Cause::Worktree, &why));
            }
            return false;
        }
        apart.readying.one_by_one();
        apart.workers.ground().one_by_one();
        let first = waiting.first().and_then(|(attempt, _)| apart.in_flight.get_mut(attempt));
        if let Some(flight) = first {
            flight.note(Some(format!("{why}; tasks work one after the other in one worktree")));
        }
        // Who has begun already waits for its turn in its slot.
        let limits = Limits { max_parallel: 1, ..apart.limits.clone() };
        self.arrivals.push_back(Input::LimitsChanged { limits: Box::new(limits) }.into());
        true
    }

    /// An attempt that waits for its worktree is to end: at once, unless git is at work on it.
    pub(crate) fn end_waiting(&mut self, attempt: AttemptId) {
        let Some(apart) = self.apart.as_ref() else { return };
        let Some(flight) = apart.in_flight.get(&attempt) else { return };
        let node = flight.node;
        if !apart.readying.is_under_way(node) {
            self.drop_dispute(node);
            self.refuse_apart(attempt, (Cause::Stopped, "it was ended before it began"));
        }
    }

    /// The run is being left: worktrees in which nobody worked go.
    pub(crate) fn move_out(&mut self) {
        let Some(apart) = self.apart.take() else { return };
        let Apart { workers, readying, works, .. } = apart;
        let ground = Arc::clone(workers.ground());
        drop(workers);
        for node in readying.unused() {
            // What stays is in nobody's way, and `worktree gc` finds it.
            let _ = ground.remove(works.graph.name(node));
        }
    }
}

impl Apart {
    /// Where tasks have one worktree: it is made for the next one, if nobody is in it.
    fn next_one(&mut self) {
        let waiting = self.waiting();
        let taken = waiting.len() < self.in_flight.len()
            || waiting
                .iter()
                .any(|(_, node)| self.readying.is_under_way(*node) || self.disputes.contains(node));
        let Some((_, node)) = waiting.first().filter(|_| self.readying.is_one_by_one() && !taken) else {
            return;
        };
        if self.readying.turn_of(*node) {
            self.workers.ask(self.errand(*node));
        }
    }
}
