//! How long a run will still take, by the weights of its tasks.
//!
//! A weight is what the order of starts goes by: the estimate of a task, else the median of those that have one, else 1.
//! What has succeeded tells how long a unit of weight takes. The time that is left is the lower bound of what is left,
//! under every cap: its longest path, and its work over each cap. Good durations are not promised: it is a bound, so
//! rather too short. Looks at the clock only to know what it costs itself.

use regatta_engine::Engine;
use regatta_engine::event::{Event, EventKind};
use regatta_engine::graph::Graph;
use regatta_engine::ids::NodeId;
use regatta_engine::outcome::AttemptOutcome;
use regatta_engine::schedule::lower_bound_of;
use regatta_engine::state::node::NodeState;
use std::time::{Duration, Instant};

/// It is reckoned anew at most so often,
const BETWEEN: Duration = Duration::from_millis(500);
/// and takes at most one part in so many of the time.
const SHARE: u32 = 50;

/// What is known of durations, and the last answer.
#[derive(Debug, Default)]
pub(super) struct Eta {
    /// Weights of what has succeeded, and how long it took, in milliseconds.
    weight: u64,
    took_ms: u64,
    last: Option<(Instant, Duration, Option<u64>)>,
}

impl Eta {
    /// Takes note of an end.
    pub(super) fn take(&mut self, graph: &Graph, event: &Event) {
        if let EventKind::DispatchEnded { node, outcome: AttemptOutcome::Succeeded, duration_ms, .. } =
            &event.kind
        {
            self.weight = self.weight.saturating_add(graph.duration_ms(*node));
            self.took_ms = self.took_ms.saturating_add(*duration_ms);
        }
    }

    /// The time that is left in milliseconds from `now` on; none while nothing is known.
    pub(super) fn left_ms(&mut self, engine: &Engine, now: Instant) -> Option<u64> {
        if let Some((at, cost, left_ms)) = self.last {
            let ago = now.duration_since(at);
            if ago < BETWEEN.max(cost * SHARE) {
                return left_ms
                    .map(|ms| ms.saturating_sub(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX)));
            }
        }
        let left_ms = self.reckon(engine);
        self.last = Some((now, now.elapsed(), left_ms));
        left_ms
    }

    fn reckon(&self, engine: &Engine) -> Option<u64> {
        let (graph, state) = (engine.graph(), engine.state());
        // Weights of 1 say nothing of time.
        let known = graph.order().iter().any(|&node| graph.duration_ms(node) > 1);
        if self.weight == 0 && !known {
            return None;
        }
        let left = |node: NodeId| match &state.node(node).state {
            NodeState::Ended { .. } | NodeState::Collected => 0,
            // An item that there may be is not work that is left.
            NodeState::Pending if !state.is_shown(graph, node) => 0,
            NodeState::Running(live) => {
                let ran_ms = engine.now().since_ms(live.started).saturating_sub(live.suspended_ms);
                self.duration_ms(graph.duration_ms(node)).saturating_sub(ran_ms)
            }
            NodeState::Pending
            | NodeState::Ready
            | NodeState::WaitingRetry { .. }
            | NodeState::InDoubt(_) => self.duration_ms(graph.duration_ms(node)),
        };
        Some(lower_bound_of(graph, &state.limits, &left))
    }

    /// What a weight takes, as far as what has succeeded tells.
    fn duration_ms(&self, weight: u64) -> u64 {
        if self.weight == 0 {
            return weight;
        }
        let ms = u128::from(weight) * u128::from(self.took_ms) / u128::from(self.weight);
        u64::try_from(ms).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use regatta_engine::build::GraphError;
    use regatta_plan::{Format, Given, load, lower};
    use std::sync::Arc;

    fn engine(plan: &str) -> Result<Engine, GraphError> {
        let loaded = load(("p.yaml", plan.as_bytes()), Format::Yaml, &Given::default());
        assert!(loaded.problems.is_empty(), "{}", loaded.render(false));
        let (spec, config) = loaded.plan.as_ref().map(lower).unwrap_or_default();
        Ok(Engine::new(Arc::new(Graph::build(spec)?), config))
    }

    const TWO: &str = "version: 1\nlimits: { max_parallel: 1 }\ntasks:\n  - { id: a, run: x, estimate: 2s }\n  \
                       - { id: b, run: x, estimate: 6s }\n";

    #[test]
    fn estimates_are_believed_until_what_has_succeeded_says_otherwise() -> Result<(), GraphError> {
        let engine = engine(TWO)?;
        assert_eq!(Eta::default().reckon(&engine), Some(8_000));
        let slow = Eta { weight: 2_000, took_ms: 4_000, last: None };
        assert_eq!(slow.reckon(&engine), Some(16_000));
        Ok(())
    }

    #[test]
    fn without_estimates_nothing_is_said_before_something_has_succeeded() -> Result<(), GraphError> {
        let engine = engine(
            "version: 1\nlimits: { max_parallel: 2 }\ntasks:\n  - { id: a, run: x }\n  \
                             - { id: b, run: x }\n  - { id: c, needs: [a, b], run: x }\n",
        )?;
        assert_eq!(Eta::default().reckon(&engine), None);
        let known = Eta { weight: 1, took_ms: 3_000, last: None };
        assert_eq!(known.reckon(&engine), Some(6_000), "the longest path");
        Ok(())
    }

    #[test]
    fn items_that_there_may_be_are_not_work_that_is_left() -> Result<(), GraphError> {
        let engine = engine(
            "version: 1\ninputs: { l: [] }\ntasks:\n  - { id: m, for_each: '${inputs.l}', run: x, estimate: 3s }\n",
        )?;
        assert_eq!(Eta::default().reckon(&engine), Some(3_000));
        Ok(())
    }
}
