//! Leases as the driver of this machine deals with them: claims of the engine, claims of running attempts, the dead.
//!
//! The table cannot be used: the run cannot go on, for nobody may run without the lease that it believes it holds.

use crate::control::{Reply, ReplyTo, Wanted};
use crate::keeper::Ask;
use crate::leases::{self, Dropped, Settled};
use crate::local::{Broken, Local};
use crate::turn::Driver as _;
use regatta_engine::Engine;
use regatta_engine::event::{Event, EventKind};
use regatta_engine::graph::Graph;
use regatta_engine::ids::NodeId;
use regatta_engine::input::{Claimed, Input, LeaseChange, LeaseTold, OwnLease};
use regatta_engine::spec::{Claim, ClaimKind};
use regatta_journal::{Claimed as Outcome, Grant, LeaseKind, LeaseWant, Refusal, StoreError};

impl Local {
    pub(crate) fn check<T>(&mut self, done: Result<T, StoreError>) -> Option<T> {
        match done {
            Ok(done) => Some(done),
            Err(error) => {
                let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
                self.broken.get_or_insert(Broken::Leases(format!("{error}{hint}")));
                None
            }
        }
    }

    /// All leases that a node declares, or none.
    pub(crate) fn claim_all(&mut self, graph: &Graph, node: NodeId) -> Claimed {
        let leased = |claim: &&Claim| graph.resources[claim.resource as usize].lease;
        let claims: Vec<&Claim> = graph.claims(node).iter().filter(leased).collect();
        let wants = claims.iter().map(|claim| want(graph, claim)).collect();
        let (task, priority) = (graph.name(node), graph.facts(node).priority.name());
        let claimed = self.leases.claim(task, priority, wants);
        let taken = |resource: u32, by: String| Claimed::Taken { resource, by: by.into() };
        let first = claims.first().map_or(0, |claim| claim.resource);
        let answer = match self.check(claimed) {
            Some(Outcome::Granted(Grant { epoch, .. })) => {
                self.epochs.insert(node, epoch);
                Claimed::Granted { epoch }
            }
            Some(Outcome::Waits { by, .. }) => {
                let index =
                    |name: &str| claims.iter().find(|c| graph.resources[c.resource as usize].name == name);
                let blocker = by.first();
                let resource = blocker.and_then(|row| index(&row.want.name)).map_or(first, |c| c.resource);
                let who = blocker.map(|row| leases::blamed(row, &self.place.run_id));
                taken(resource, who.unwrap_or_default())
            }
            Some(Outcome::Refused(Refusal::Endless(why) | Refusal::Unfit(why))) => {
                // Validation keeps such plans out, and what has not started stands in nobody's way.
                self.broken.get_or_insert(Broken::Leases(why.clone()));
                taken(first, why)
            }
            None => taken(first, "nobody can tell".to_owned()),
        };
        self.sweep_dead();
        answer
    }

    /// What a dead run left is ended before its leases are taken.
    pub(crate) fn sweep_dead(&mut self) {
        if let Some(run) = self.leases.next_dead() {
            self.asks.push(Ask::Sweep { run_marker: run });
            self.flush();
        }
    }

    /// The attempt of a node is dead. A grant that waits for its start is that of the next one.
    pub(crate) fn release_leases(&mut self, node: NodeId) {
        let task = self.actions.task(node).id.clone();
        let released = self.leases.end_attempt(&task, self.epochs.contains_key(&node));
        self.check(released);
    }

    pub(crate) fn leave_line(&mut self, node: NodeId) {
        self.epochs.remove(&node);
        let task = self.actions.task(node).id.clone();
        let withdrawn = self.leases.withdraw(&task);
        self.check(withdrawn);
    }

    /// Leases that a running attempt took by itself go back: those named, or all of them. Answers which, for people.
    pub(crate) fn give_some_back(&mut self, node: NodeId, task: &str, names: &[String]) -> String {
        let released = self.leases.give_back(task, names);
        let gone = self.check(released).unwrap_or_default();
        let (held, not): (Vec<&str>, Vec<&str>) =
            names.iter().map(String::as_str).partition(|name| gone.iter().any(|lease| lease.name == *name));
        let mut text = match (names.is_empty(), held.is_empty()) {
            (true, _) if !gone.is_empty() => "all of its own".to_owned(),
            (_, true) => "nothing".to_owned(),
            (_, false) => held.join(", "),
        };
        if !not.is_empty() {
            text.push_str(&format!("; not taken by this task: {}", not.join(", ")));
        }
        self.arrivals.push_back(input(node, (LeaseChange::Dropped, text.clone()), &gone).into());
        text
    }

    /// Leases that attempts took by themselves go with them.
    pub(crate) fn release_own(&mut self, engine: &Engine, events: &[Event]) {
        for event in events {
            let EventKind::DispatchEnded { node, .. } = &event.kind else { continue };
            let task = engine.graph().name(*node);
            if self.leases.has_own(task) && !engine.graph().has_lease(*node) {
                let released = self.leases.end_attempt(task, false);
                self.check(released);
            }
        }
    }

    /// A running attempt wants leases; answers what is known at once.
    pub(crate) fn acquire(
        &mut self,
        (graph, node): (&Graph, NodeId),
        wants: &[Wanted],
        reply: ReplyTo,
    ) -> Option<Settled> {
        let wants: Result<Vec<LeaseWant>, String> = wants.iter().map(|want| self.wanted(want)).collect();
        let wants = match wants {
            Ok(wants) => wants,
            Err(why) => {
                // Whoever asked may have gone away.
                let _ = reply.send(Reply::Refused(why));
                return None;
            }
        };
        let who = (node, graph.name(node), graph.facts(node).priority.name());
        let settled = self.leases.acquire(who, wants, reply);
        let settled = self.check(settled).flatten();
        self.sweep_dead();
        settled
    }

    /// What a running attempt wants, if that can be: units of what is counted, and of nothing else.
    fn wanted(&self, want: &Wanted) -> Result<LeaseWant, String> {
        let capacity = self.actions.lease_units(&want.name)?;
        let name = want.name.escape_debug();
        let kind = match (want.units, capacity, want.shared) {
            (Some(units), Some(capacity), _) if units > capacity => {
                return Err(format!("`{name}` has {capacity} units, not {units}"));
            }
            (Some(units), Some(capacity), _) => LeaseKind::Units { units, capacity },
            (Some(_), None, _) => return Err(format!("`{name}` is not counted: it has no units")),
            (None, Some(_), _) => return Err(format!("`{name}` is counted: it is claimed by `--units`")),
            (None, None, true) => LeaseKind::Shared,
            (None, None, false) => LeaseKind::Exclusive,
        };
        Ok(LeaseWant { name: want.name.clone(), kind })
    }

    /// Something was given back, or somebody who asked has gone: what running attempts wait for is tried again.
    pub(crate) fn leases_freed(&mut self) -> Vec<Settled> {
        let gone = self.leases.forget_gone();
        for Dropped { node, leases } in self.check(gone).unwrap_or_default() {
            let text = format!("{}: who asked has gone", leases::names(&leases));
            self.arrivals.push_back(input(node, (LeaseChange::Dropped, text), &leases).into());
        }
        let settled = self.leases.try_again();
        let settled = self.check(settled).unwrap_or_default();
        self.sweep_dead();
        settled
    }
}

/// What is recorded of a claim of a running attempt, and what it is answered once that is durable.
pub(crate) fn told(node: NodeId, settled: &Settled) -> (Input, Reply) {
    let (change, text, reply) = match &settled.outcome {
        Ok(Grant { epoch, .. }) => {
            let text = format!("{} (epoch {epoch})", settled.text);
            (LeaseChange::Acquired, text, Reply::Done(epoch.to_string()))
        }
        Err(Refusal::Endless(why)) => {
            let said = format!("waiting for {} would never end: {why}", settled.text);
            (LeaseChange::Denied, format!("{}: {why}", settled.text), Reply::Endless(said))
        }
        Err(Refusal::Unfit(why)) => (LeaseChange::Denied, why.clone(), Reply::Refused(why.clone())),
    };
    let got = settled.outcome.as_ref().map_or(&[][..], |grant| &grant.got);
    (input(node, (change, text), got), reply)
}

fn input(node: NodeId, (change, text): (LeaseChange, String), leases: &[LeaseWant]) -> Input {
    let own = |want: &LeaseWant| {
        let kind = match want.kind {
            LeaseKind::Units { units, .. } => ClaimKind::Units(units),
            LeaseKind::Shared => ClaimKind::Shared,
            LeaseKind::Exclusive => ClaimKind::Exclusive,
        };
        OwnLease { name: want.name.as_str().into(), kind }
    };
    let told = LeaseTold { change, text: text.into(), leases: leases.iter().map(own).collect() };
    Input::LeaseTold { node, told }
}

fn want(graph: &Graph, claim: &Claim) -> LeaseWant {
    let resource = &graph.resources[claim.resource as usize];
    let kind = match claim.kind {
        ClaimKind::Units(units) => LeaseKind::Units { units, capacity: resource.capacity.unwrap_or(1) },
        ClaimKind::Shared => LeaseKind::Shared,
        ClaimKind::Exclusive => LeaseKind::Exclusive,
    };
    LeaseWant { name: resource.name.clone(), kind }
}
