//! How the driver has a conflict resolved that a task would begin from: on a thread, as it lets work land, with the commands
//! and agents for that under the keeper.
//!
//! ```text
//! its worktree cannot be made -> in the line -> a thread (one at a time) -> made after all | a person | refused
//! ```
//! A part of the driver: it never waits. While one is seen to, other tasks go on; nothing lands then, because the task that
//! waits has not ended. Knows no merge; `landing` does.

use crate::apart::Stage;
use crate::docks::{Docking, ThroughLoop, Word};
use crate::keeper::Ask;
use crate::landing::{Agreed, Dock, LandError, last_log};
use crate::local::Local;
use regatta_engine::cause::Cause;
use regatta_engine::ids::{AttemptId, NodeId};
use regatta_plan::model::Merge;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

impl Local {
    /// What a node would begin from conflicts. Answers whether somebody sees to that; then its attempt waits.
    pub(crate) fn disputed(&mut self, node: NodeId) -> bool {
        let Some(apart) = self.apart.as_mut() else { return false };
        let resolves = |merge: &Merge| merge.on_conflict != "fail-fast";
        if !apart.works.plan.merge.as_ref().is_some_and(resolves) || self.tell.is_none() {
            return false;
        }
        apart.disputes.push_back(node);
        self.agree_next();
        true
    }

    /// Begins with the first in the line, if nothing else is under way.
    pub(crate) fn agree_next(&mut self) {
        let (Some(apart), Some(tell)) = (self.apart.as_mut(), self.tell.clone()) else { return };
        // What an earlier orchestrator left could still write where work is merged.
        if self.docking.is_some() || !self.leftovers.ending.is_empty() {
            return;
        }
        let waits = |node: &NodeId| {
            apart
                .in_flight
                .values()
                .any(|flight| flight.node == *node && matches!(flight.stage, Stage::Making))
        };
        apart.disputes.retain(waits);
        let (Some(&node), Some(merge)) = (apart.disputes.front(), apart.works.plan.merge.clone()) else {
            return;
        };
        let stop = Arc::<AtomicBool>::default();
        let dock = Dock {
            ground: Arc::clone(apart.workers.ground()),
            // A base is a merge, whatever the work lands as.
            merge: Merge { strategy: "no-ff".to_owned(), ..merge },
            runner: Box::new(ThroughLoop(Arc::clone(&tell))),
            stop: Arc::clone(&stop),
            run_dir: self.place.run_dir.clone(),
            redactor: Arc::clone(self.actions.redactor()),
            // No gate runs where predecessors are merged.
            expressions: BTreeMap::new(),
            most_at_once: 1,
        };
        let (task, pieces) = (apart.works.graph.name(node).to_owned(), apart.works.handed_pieces(node));
        let thread = std::thread::spawn(move || {
            let agreed = dock.agree(&task, &pieces);
            // A loop that is gone is told by what stands in git.
            tell(Word::Agreed(Box::new(agreed)));
        });
        let count = self.docked.max(last_log(&self.place.run_dir));
        self.docking = Some(Docking::new(stop, thread, count));
    }

    /// One was seen to.
    pub(crate) fn agreed(&mut self, agreed: Result<Agreed, LandError>) {
        let Some(docking) = self.docking.take() else { return };
        self.docked = docking.count;
        let was_stopped = docking.stop.load(Ordering::SeqCst);
        // Whatever it started and did not wait for is of an earlier one now.
        for attempt in docking.under_way.keys().copied() {
            self.leftovers.ending.push(attempt);
            self.asks.push(Ask::End { attempt, grace_ms: 0 });
        }
        // It has said its last word.
        drop(docking);
        let Some(apart) = self.apart.as_mut() else { return };
        let node = apart.disputes.front().copied();
        let waits = apart.waiting().into_iter().find(|(_, waits)| Some(*waits) == node);
        if let Some((attempt, node)) = waits {
            match agreed {
                Ok(Agreed::Left) if was_stopped => {
                    apart.disputes.pop_front();
                }
                // What it asked for died with the keeper: it begins again.
                Ok(Agreed::Left) => {}
                Ok(Agreed::Yes(notes)) => {
                    apart.disputes.pop_front();
                    if let Some(flight) = apart.in_flight.get_mut(&attempt).filter(|_| !notes.is_empty()) {
                        flight.note =
                            Some(flight.note.iter().chain(&notes).cloned().collect::<Vec<_>>().join("; "));
                    }
                    apart
                        .readying
                        .begin(node)
                        .into_iter()
                        .for_each(|node| apart.workers.ask(apart.errand(node)));
                    self.go_in();
                }
                Ok(Agreed::No(why)) => self.not_agreed((attempt, node), (Cause::MergeConflict, &why)),
                Err(error) => {
                    // Git may have quoted a remote with its password.
                    let why = self.actions.redactor().text(error.to_string());
                    self.not_agreed((attempt, node), (Cause::Worktree, &why));
                }
            }
        }
        self.agree_next();
    }

    fn not_agreed(&mut self, (attempt, node): (AttemptId, NodeId), why: (Cause, &str)) {
        if let Some(apart) = self.apart.as_mut() {
            apart.disputes.retain(|waits| *waits != node);
        }
        self.refuse_apart(attempt, why);
    }

    /// Nobody wants a node to begin any more: who sees to what it would begin from stops.
    pub(crate) fn drop_dispute(&mut self, node: NodeId) {
        let first = self.apart.as_ref().and_then(|apart| apart.disputes.front());
        if let (Some(docking), true) = (self.docking.as_ref(), first == Some(&node)) {
            docking.stop.store(true, Ordering::SeqCst);
            let ids = docking.under_way.keys().copied();
            self.asks.extend(ids.map(|attempt| Ask::End { attempt, grace_ms: 0 }));
        }
    }
}
