//! Numbers of a run as a view over its events: attempts, retries, busy time, lower bound.
//!
//! Times are engine time in milliseconds. Knows no terminal.

use regatta_engine::event::{Event, EventKind};
use regatta_engine::graph::Graph;
use regatta_engine::ids::{AttemptId, NodeId, Timestamp};
use regatta_engine::outcome::AttemptOutcome;
use regatta_engine::report::Usage;
use regatta_engine::schedule;
use regatta_engine::spec::Limits;
use std::collections::{BTreeMap, BTreeSet};

/// Numbers of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Metrics {
    /// Attempts that were started.
    pub attempts: u64,
    /// Attempts that followed a failed one.
    pub retries: u64,
    /// Attempts that were lost or interrupted.
    pub lost: u64,
    /// Attempts that met a rate limit.
    pub held: u64,
    /// Breakers that opened.
    pub breaker_opens: u64,
    /// Sum of the durations of all attempts.
    pub busy_ms: u64,
    /// Engine time of the last event.
    pub wall_ms: u64,
    /// Some attempt also ran while nobody orchestrated, so its duration is more than engine time knows of.
    pub unwatched: bool,
    /// Sum of what attempts reported to have used.
    pub usage: Usage,
    /// Nodes for which the outcome of an earlier run stands.
    pub reused: u64,
    node_ms: Vec<u64>,
    node_usage: BTreeMap<NodeId, Usage>,
    /// An agent that helped landing reported something.
    helped: bool,
    /// Attempts that run.
    live: BTreeSet<AttemptId>,
    /// Those of them that a later orchestrator found.
    found: BTreeSet<AttemptId>,
    /// The fencing epoch so far.
    epoch: u64,
}

impl Metrics {
    /// Takes the next event.
    pub fn push(&mut self, event: &Event) {
        self.wall_ms = event.at.since_ms(Timestamp(0));
        match &event.kind {
            EventKind::RunResumed { epoch } if *epoch > self.epoch => {
                self.epoch = *epoch;
                self.found.extend(&self.live);
            }
            EventKind::DispatchStarted { attempt, number, .. } => {
                self.live.insert(*attempt);
                self.attempts += 1;
                self.retries += u64::from(*number > 1);
            }
            EventKind::DispatchEnded { node, attempt, outcome, duration_ms, report, .. } => {
                let held = *outcome == AttemptOutcome::Held;
                self.held += u64::from(held);
                self.lost += u64::from(!held && !outcome.counts());
                self.busy_ms += duration_ms;
                // What is judged beside the loop says how long it ran, too.
                self.live.remove(attempt);
                self.unwatched |= self.found.remove(attempt) && report.ran_ms.is_some();
                if self.node_ms.len() <= node.index() {
                    self.node_ms.resize(node.index() + 1, 0);
                }
                self.node_ms[node.index()] += duration_ms;
                self.add_usage(*node, report.usage.as_ref());
            }
            EventKind::NodeReused { .. } => self.reused += 1,
            EventKind::HelperSpent(usage) => {
                self.usage.add(usage);
                self.helped = true;
            }
            EventKind::BreakerOpened { .. } => self.breaker_opens += 1,
            _ => {}
        }
    }

    fn add_usage(&mut self, node: NodeId, usage: Option<&Usage>) {
        let Some(usage) = usage else { return };
        self.usage.add(usage);
        self.node_usage.entry(node).or_default().add(usage);
    }

    /// What attempts of a node reported to have used in all; `None` if none reported anything.
    #[must_use]
    pub fn node_usage(&self, node: NodeId) -> Option<&Usage> {
        self.node_usage.get(&node)
    }

    /// What attempts reported to have used in all; `None` if none reported anything.
    #[must_use]
    pub fn reported(&self) -> Option<&Usage> {
        (!self.node_usage.is_empty() || self.helped).then_some(&self.usage)
    }

    /// The same by agent, for agents of which anything was reported.
    #[must_use]
    pub fn by_agent<'a>(&self, graph: &'a Graph) -> BTreeMap<&'a str, Usage> {
        let mut sums: BTreeMap<&str, Usage> = BTreeMap::new();
        for (node, usage) in self.node_usage.iter().filter(|(node, _)| node.index() < graph.len()) {
            if let Some(agent) = graph.facts(*node).agent {
                sums.entry(&graph.agents[agent as usize]).or_default().add(usage);
            }
        }
        sums
    }

    /// Milliseconds that attempts of a node took in all.
    #[must_use]
    pub fn node_ms(&self, node: NodeId) -> u64 {
        self.node_ms.get(node.index()).copied().unwrap_or(0)
    }

    /// Lower bound of the makespan in milliseconds for the durations that were measured, under all caps.
    #[must_use]
    pub fn lower_bound_ms(&self, graph: &Graph, limits: &Limits) -> u64 {
        schedule::lower_bound_of(graph, limits, &|node| self.node_ms(node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use regatta_engine::report::Report;
    use std::num::NonZeroU64;

    /// Numbers of a run of one attempt, which says how long it ran, with something in between.
    fn with(between: Option<EventKind>) -> Metrics {
        let (node, attempt, number) = (NodeId(0), AttemptId(1), 1);
        let report = Box::new(Report { ran_ms: NonZeroU64::new(5_000), ..Report::default() });
        let outcome = AttemptOutcome::Succeeded;
        let ended = EventKind::DispatchEnded {
            node,
            attempt,
            number,
            outcome,
            cause: None,
            duration_ms: 5_000,
            report,
        };
        let started = EventKind::DispatchStarted { node, attempt, number, delay_before_ms: 0, round: 1 };
        let mut metrics = Metrics::default();
        for kind in [Some(started), between, Some(ended)].into_iter().flatten() {
            metrics.push(&Event { at: Timestamp(1_000), kind });
        }
        metrics
    }

    #[test]
    fn nobody_orchestrated_only_where_a_later_orchestrator_found_an_attempt_that_ran() {
        assert!(!with(None).unwatched, "it was judged beside the loop");
        assert!(!with(Some(EventKind::RunResumed { epoch: 0 })).unwatched, "a pause was lifted");
        assert!(with(Some(EventKind::RunResumed { epoch: 2 })).unwatched);
    }
}
