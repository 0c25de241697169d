//! A second opinion on breakers and holds, from the durable events alone: who may start when, and what must open.
//!
//! Counts for itself and imports none of the engine's decisions.

use crate::scenario::Scenario;
use regatta_engine::breaker::BreakerPolicy;
use regatta_engine::cause::Cause;
use regatta_engine::event::{Event, EventKind};
use regatta_engine::ids::{AttemptId, NodeId, Timestamp};
use regatta_engine::outcome::AttemptOutcome;
use regatta_engine::scope::Scope;
use regatta_journal::Turn;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of one agent, tool or tag.
#[derive(Clone, Debug, Default)]
struct Known {
    /// Attempts since it was last closed, newest last; true if one failed.
    ends: Vec<bool>,
    /// The end of the cool-down, while it is open.
    open: Option<Timestamp>,
    /// The attempt that tries, while it is half open; `None` inside if none does yet.
    half_open: Option<Option<AttemptId>>,
    /// What must come next: true to open, false to close.
    due: Option<bool>,
    /// The end of a rate limit.
    held: Option<Timestamp>,
}

/// The second opinion.
#[derive(Debug, Default)]
pub struct Watch {
    known: BTreeMap<Scope, Known>,
    undos: BTreeSet<AttemptId>,
    turns: usize,
    /// Breakers that opened.
    pub openings: u32,
    /// Attempts that met a rate limit.
    pub holds: u32,
}

impl Watch {
    /// Looks at the turns that have come since.
    ///
    /// # Errors
    /// The first broken law.
    pub fn look(&mut self, scenario: &Scenario, durable: &[Turn]) -> Result<(), String> {
        for turn in &durable[self.turns.min(durable.len())..] {
            for event in &turn.events {
                let law = self.take(scenario, event);
                law.map_err(|law| format!("breakers: {law}: {event:?}"))?;
            }
            if let Some((scope, _)) = self.known.iter().find(|(_, known)| known.due.is_some()) {
                return Err(format!("breakers: {scope:?} neither opened nor closed although it was to"));
            }
        }
        self.turns = durable.len();
        Ok(())
    }

    fn take(&mut self, scenario: &Scenario, event: &Event) -> Result<(), &'static str> {
        let at = event.at;
        match &event.kind {
            EventKind::UndoStarted { attempt, .. } => {
                self.undos.insert(*attempt);
            }
            EventKind::DispatchStarted { node, attempt, .. } => {
                return self.started(scenario, (*node, *attempt), at);
            }
            EventKind::DispatchEnded { node, attempt, outcome, cause, .. }
                if !self.undos.contains(attempt) =>
            {
                self.holds += u32::from(*outcome == AttemptOutcome::Held);
                self.ended(scenario, (*node, *attempt), (*outcome, *cause));
            }
            EventKind::BreakerOpened { scope, until, .. } => return self.opened(*scope, *until),
            EventKind::BreakerHalfOpen(scope) => {
                let known = self.known.entry(*scope).or_default();
                let open = known.open.take().ok_or("it was not open")?;
                known.half_open = Some(None);
                return if open <= at { Ok(()) } else { Err("a probe before the cool-down was over") };
            }
            EventKind::BreakerClosed(scope) => {
                let known = self.known.entry(*scope).or_default();
                if known.due != Some(false) {
                    return Err("it closed without a success");
                }
                *known = Known { held: known.held, ..Known::default() };
            }
            EventKind::HoldStarted(scope, until) => {
                self.known.entry(*scope).or_default().held = Some(*until);
            }
            EventKind::HoldEnded(scope) => {
                let held = self.known.entry(*scope).or_default().held.take();
                return if held.is_some_and(|until| until <= at) { Ok(()) } else { Err("too early") };
            }
            _ => {}
        }
        Ok(())
    }

    fn started(
        &mut self,
        scenario: &Scenario,
        (node, attempt): (NodeId, AttemptId),
        at: Timestamp,
    ) -> Result<(), &'static str> {
        for scope in scopes(scenario, node).into_iter().chain([Scope::Node(node)]) {
            let known = self.known.entry(scope).or_default();
            if known.held.is_some_and(|until| at < until) {
                return Err("a start before the time of a rate limit");
            }
            if known.open.is_some() {
                return Err("a start while it is open");
            }
            match &mut known.half_open {
                Some(Some(_)) => return Err("two probes at once"),
                Some(probe) => *probe = Some(attempt),
                None => {}
            }
        }
        Ok(())
    }

    fn ended(
        &mut self,
        scenario: &Scenario,
        (node, attempt): (NodeId, AttemptId),
        (outcome, cause): (AttemptOutcome, Option<Cause>),
    ) {
        let Some(policy) = &scenario.config.breaker else { return };
        let failed = match outcome {
            AttemptOutcome::Succeeded => Some(false),
            AttemptOutcome::Failed | AttemptOutcome::TimedOut => {
                (cause != Some(Cause::Resolution)).then_some(true)
            }
            _ => None,
        };
        for scope in scopes(scenario, node) {
            let known = self.known.entry(scope).or_default();
            if known.half_open == Some(Some(attempt)) {
                known.half_open = Some(None);
            }
            let Some(failed) = failed else { continue };
            known.ends.push(failed);
            if known.half_open == Some(None) {
                known.due = Some(failed);
            } else if known.half_open.is_none()
                && known.open.is_none()
                && failed
                && trips(policy, &known.ends)
            {
                known.due = Some(true);
            }
        }
    }

    fn opened(&mut self, scope: Scope, until: Timestamp) -> Result<(), &'static str> {
        self.openings += 1;
        let known = self.known.entry(scope).or_default();
        if known.due.take() != Some(true) {
            return Err("it opened without a reason");
        }
        (known.open, known.half_open) = (Some(until), None);
        Ok(())
    }
}

fn trips(policy: &BreakerPolicy, ends: &[bool]) -> bool {
    let row = ends.iter().rev().take_while(|failed| **failed).count();
    let share = policy.window.is_some_and(|window| {
        let last = ends.len().checked_sub(window.attempts as usize).map(|from| &ends[from..]);
        last.is_some_and(|last| last.iter().filter(|failed| **failed).count() >= window.failures as usize)
    });
    row >= policy.failures as usize || share
}

fn scopes(scenario: &Scenario, node: NodeId) -> Vec<Scope> {
    let spec = &scenario.spec.nodes[node.index()];
    match (spec.agent, spec.tool) {
        (Some(agent), _) => vec![Scope::Agent(agent)],
        (None, Some(tool)) => vec![Scope::Tool(tool)],
        (None, None) => spec.tags.iter().map(|&tag| Scope::Tag(tag)).collect(),
    }
}
