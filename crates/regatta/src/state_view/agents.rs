//! The agents of a run in the words of formats 8: one that the plan names is as busy as its tasks.
//!
//! Pure; knows no driver of agents.

use super::document::time;
use super::track::Track;
use regatta_engine::Engine;
use regatta_engine::ids::NodeId;
use regatta_engine::outcome::NodeOutcome;
use regatta_engine::state::node::NodeState;
use serde_json::{Map, Value, json};

/// Every agent by its name.
pub(super) fn agents(engine: &Engine, track: &Track) -> Map<String, Value> {
    let graph = engine.graph();
    let mut tasks: Vec<Vec<NodeId>> = vec![Vec::new(); graph.agents.len()];
    for &node in graph.order() {
        if let Some(agent) = graph.facts(node).agent {
            tasks[agent as usize].push(node);
        }
    }
    graph
        .agents
        .iter()
        .zip(&tasks)
        .map(|(name, tasks)| (name.clone(), agent(engine, track, (name, tasks))))
        .collect()
}

fn agent(engine: &Engine, track: &Track, (name, tasks): (&str, &[NodeId])) -> Value {
    let (status, assigned) = standing(engine, tasks);
    let past = || tasks.iter().filter_map(|node| track.nodes.get(node));
    let done = matches!(status, "completed" | "error" | "terminated");
    json!({
        "agent_id": name,
        "assigned_phase": assigned.map(|node| engine.graph().name(node)),
        "status": status,
        "created_at": time(past().filter_map(|p| p.started).min()),
        "terminated_at": time(past().filter_map(|p| p.ended).max().filter(|_| done)),
    })
}

/// Its status, and the task that it has; of several the first in order key.
fn standing(engine: &Engine, tasks: &[NodeId]) -> (&'static str, Option<NodeId>) {
    let state = |node: &NodeId| &engine.state().node(*node).state;
    let first = |wanted: &dyn Fn(&NodeState) -> bool| tasks.iter().copied().find(|n| wanted(state(n)));
    if let Some(node) = first(&|s| matches!(s, NodeState::Running(_))) {
        return ("working", Some(node));
    }
    let waits = |s: &NodeState| {
        matches!(s, NodeState::Ready | NodeState::WaitingRetry { .. } | NodeState::InDoubt(_))
    };
    if let Some(node) = first(&waits) {
        return ("assigned", Some(node));
    }
    if tasks.is_empty() || tasks.iter().any(|node| !engine.state().node(*node).is_settled()) {
        return ("idle", None);
    }
    let ended = |wanted: &dyn Fn(NodeOutcome) -> bool| {
        tasks.iter().any(|n| engine.state().node(*n).outcome().is_some_and(wanted))
    };
    match (ended(&NodeOutcome::is_failure), ended(&|o| o == NodeOutcome::Cancelled)) {
        (true, _) => ("error", None),
        (false, true) => ("terminated", None),
        (false, false) => ("completed", None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_view::{Subject, document, sealed, verify};
    use crate::view::engine_of;
    use regatta_engine::cause::Cause;
    use regatta_engine::ids::{AttemptId, Timestamp};
    use regatta_engine::input::{Ended, Input, Verdict};
    use regatta_engine::report::Report;
    use regatta_plan::{Format, Given};

    const PLAN: &[u8] = b"version: 1
agents: { claude: { command: [x] }, codex: { command: [x] }, idle: { command: [x] } }
tasks:
  - { id: a, agent: claude, prompt: x }
  - { id: b, agent: claude, prompt: x, needs: [a] }
  - { id: c, agent: codex, prompt: x, needs: [a], retry: { max_attempts: 2, backoff: 1s } }
  - { id: d, agent: idle, prompt: x, needs: [b, c] }
";

    /// Plays the inputs, a turn each, and answers what the document then says of each agent.
    fn after(inputs: &[(u64, Input)]) -> String {
        let plan = regatta_plan::load(("plan.yaml", PLAN), Format::Yaml, &Given::default()).plan;
        let Some(Ok(mut engine)) = plan.as_ref().map(engine_of) else { return "no plan".to_owned() };
        let mut track = Track::default();
        for (now, input) in inputs {
            for input in [input.clone(), Input::Settle] {
                let step = engine.step(Timestamp(*now), input);
                step.events.iter().for_each(|event| track.push(1_000 * now, event));
            }
        }
        let subject = Subject {
            run_id: "r".into(),
            schedule_plan_hash: "h".into(),
            workspace: "/w".into(),
            created_wall_ms: 0,
        };
        let state = sealed(document(&subject, &engine, &track));
        assert_eq!(verify(state.to_string().as_bytes()), Vec::<String>::new());
        let told = ["claude", "codex", "idle"].map(|name| {
            let agent = &state["agents"][name];
            let phase = agent["assigned_phase"].as_str().unwrap_or("-");
            let time = |at: &str| agent[at].as_str().map_or("-", |t| &t[14..19]).to_owned();
            format!("{} {phase} {}..{}", agent["status"], time("created_at"), time("terminated_at"))
        });
        told.join(", ").replace('"', "")
    }

    fn ended(attempt: u64, verdict: Verdict) -> Input {
        Input::AttemptEnded(Ended { attempt: AttemptId(attempt), verdict, report: Report::default() })
    }

    #[test]
    fn an_agent_is_as_busy_as_its_tasks() {
        let good = |attempt| ended(attempt, Verdict::Succeeded);
        let bad = |attempt| ended(attempt, Verdict::Failed(Cause::Exit));
        assert_eq!(after(&[]), "idle - -..-, idle - -..-, idle - -..-");
        let mut inputs = vec![(0, Input::Begin)];
        assert_eq!(after(&inputs), "working a 00:00..-, idle - -..-, idle - -..-");
        inputs.push((60, good(1)));
        assert_eq!(after(&inputs), "working b 00:00..-, working c 01:00..-, idle - -..-");
        inputs.extend([(120, good(2)), (120, bad(3))]);
        assert_eq!(after(&inputs), "completed - 00:00..02:00, assigned c 01:00..-, idle - -..-");
        inputs.push((1_200, Input::Settle));
        assert_eq!(after(&inputs), "completed - 00:00..02:00, working c 01:00..-, idle - -..-");
        let mut cancelled = inputs.clone();
        cancelled.extend([(1_260, Input::Cancel { node: None }), (1_320, bad(4))]);
        assert_eq!(
            after(&cancelled),
            "completed - 00:00..02:00, terminated - 01:00..22:00, terminated - -..21:00"
        );
        inputs.push((1_260, bad(4)));
        assert_eq!(after(&inputs), "completed - 00:00..02:00, error - 01:00..21:00, completed - -..21:00");
    }
}
