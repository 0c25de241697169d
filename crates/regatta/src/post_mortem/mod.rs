//! The post-mortem of a run (formats 5): what the journal knows, in the sections of a report.
//! ```text
//! events --Gathered::push--> Gathered --\
//! RunView -------------------------------+--of--> PostMortem --> Markdown, JSON
//! ```
//! Facts only: whatever would be a judgement reads "not analysed", unless an agent is asked (`judging`). Text of tasks is as they wrote it; who shows it
//! escapes it.

mod asking;
mod challenges;
mod facts;
mod gathered;
mod judging;
mod kept;
mod markdown;

pub use asking::judged;
pub use gathered::Gathered;
pub use kept::{at_end, kept, refuse_kept};
pub use markdown::text;

use crate::render::looking::look;
use crate::render::{count, duration, escalations, summary};
use crate::snapshots::FILES;
use crate::view::RunView;
use challenges::Challenge;
use judging::Analysis;
use regatta_engine::graph::Graph;
use regatta_engine::ids::NodeId;
use regatta_engine::outcome::{NodeOutcome, RunStatus};
use regatta_engine::scope::Scope;
use regatta_engine::state::Phase;
use regatta_journal::rfc3339;
use regatta_runtime::escalation::remedies;
use regatta_runtime::workspace::DOT_DIR;
use serde::Serialize;

/// What stands where somebody would have to judge.
pub const NOT_ANALYSED: &str = "not analysed";
/// Tasks, and files, that are listed one by one.
const MAX_LISTED: usize = 200;

/// The post-mortem of a run.
#[derive(Debug, Serialize)]
pub struct PostMortem {
    epic_id: String,
    title: String,
    /// RFC 3339; none while the run goes on.
    completed_at: Option<String>,
    /// The schedule.
    execution_mode: String,
    /// The most that ran at once.
    parallel_agents: u32,
    summary: Vec<String>,
    execution_details: Details,
    what_worked_well: Vec<String>,
    challenges: Vec<Challenge>,
    recommendations: Vec<Recommendation>,
    metrics: Numbers,
    artifacts: Vec<String>,
    /// What an agent said of it, where one was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    analysis: Option<Analysis>,
}

#[derive(Debug, Serialize)]
struct Details {
    run_id: String,
    status: &'static str,
    started_at: Option<String>,
    waves: u32,
    resumed: u32,
    tasks: Vec<Row>,
    tasks_in_all: usize,
}

#[derive(Debug, Serialize)]
struct Row {
    task: String,
    title: Option<String>,
    status: &'static str,
    attempts: u32,
    duration_ms: u64,
    cause: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Recommendation {
    about: String,
    command: String,
    does: &'static str,
}

#[derive(Debug, Serialize)]
struct Numbers {
    attempts: u64,
    retries: u64,
    lost_or_interrupted: u64,
    held: u64,
    breaker_opens: u64,
    wall_ms: u64,
    sum_ms: u64,
    lower_bound_ms: u64,
    max_parallel: u32,
    most_at_once: u32,
    token_input: u64,
    token_output: u64,
}

impl PostMortem {
    /// The epic that it is about, or the run.
    #[must_use]
    pub fn epic_id(&self) -> &str {
        &self.epic_id
    }

    /// About an epic that somebody names.
    #[must_use]
    pub fn of_epic(self, epic_id: Option<String>) -> PostMortem {
        PostMortem { epic_id: epic_id.unwrap_or(self.epic_id), ..self }
    }
}

/// The post-mortem of a run as its journal tells it.
#[must_use]
pub fn of(view: &RunView, gathered: &Gathered) -> PostMortem {
    let (engine, run_id) = (&view.engine, view.record.summary.run_id.as_str());
    let graph = engine.graph();
    let epic = view.plan.epic.as_deref();
    let row = |node: NodeId| Row {
        task: graph.name(node).to_owned(),
        title: view.plan.tasks[node.index()].title.clone(),
        status: engine.state().node(node).state_name(),
        attempts: engine.state().node(node).attempts,
        duration_ms: view.metrics.node_ms(node),
        cause: view.cause(node),
    };
    PostMortem {
        epic_id: epic.unwrap_or(run_id).to_owned(),
        title: view.record.summary.plan_name.clone(),
        completed_at: gathered.ended_wall_ms.map(rfc3339),
        execution_mode: view.plan.schedule.clone(),
        parallel_agents: engine.state().high_water.total,
        summary: summary_of(view),
        execution_details: Details {
            run_id: run_id.to_owned(),
            status: view.status(),
            started_at: gathered.started_wall_ms.map(rfc3339),
            waves: graph.waves(),
            resumed: gathered.resumed,
            tasks: engine.shown().take(MAX_LISTED).map(row).collect(),
            tasks_in_all: engine.state().shown() as usize,
        },
        what_worked_well: gathered.worked_well(graph),
        challenges: challenges::of(view, gathered),
        recommendations: recommendations(view),
        metrics: metrics(view),
        artifacts: artifacts(view, gathered),
        analysis: None,
    }
}

fn summary_of(view: &RunView) -> Vec<String> {
    let metrics = &view.metrics;
    let status = match view.engine.state().phase {
        Phase::Ended(status) => format!("The run ended as {}", status.name()),
        Phase::New | Phase::Running | Phase::Paused(_) => format!("The run has not ended: {}", view.status()),
    };
    vec![
        format!("{status}: {}.", summary::counts(&view.engine)),
        format!(
            "{} took {} in all, within {}.",
            count(metrics.attempts, "attempt"),
            duration(metrics.busy_ms),
            duration(metrics.wall_ms)
        ),
    ]
}

/// The commands that go on where something is open; more would be a judgement.
fn recommendations(view: &RunView) -> Vec<Recommendation> {
    let (graph, run_id) = (view.engine.graph(), view.record.summary.run_id.as_str());
    let open = &view.engine.state().scopes.escalations;
    let escalated = open.iter().filter_map(|(about, escalation)| {
        let first = remedies((run_id, view.landing.as_ref()), graph, (*about, escalation.cause))
            .into_iter()
            .next()?;
        Some(Recommendation { about: plain(graph, *about), command: first.command, does: first.does })
    });
    let mut found: Vec<Recommendation> = escalated.take(MAX_LISTED).collect();
    if matches!(view.engine.state().phase, Phase::Ended(status) if status != RunStatus::Succeeded) {
        let quiet = |node: &NodeId| {
            let outcome = view.engine.state().node(*node).outcome();
            outcome.is_some_and(NodeOutcome::is_failure) && !open.contains_key(&Scope::Node(*node))
        };
        let looks = view.engine.shown().filter(quiet).map(|node| Recommendation {
            about: plain(graph, Scope::Node(node)),
            command: look(view.stand(), node),
            does: "shows what it wrote, or where it stands",
        });
        found.extend(looks.take(MAX_LISTED));
        found.push(Recommendation {
            about: "the run".to_owned(),
            command: format!("regatta retry {run_id}"),
            does: "runs what did not succeed again as a new run, with the results of what did",
        });
    }
    found
}

fn metrics(view: &RunView) -> Numbers {
    let (metrics, state) = (&view.metrics, view.engine.state());
    let usage = &metrics.usage;
    Numbers {
        attempts: metrics.attempts,
        retries: metrics.retries,
        lost_or_interrupted: metrics.lost,
        held: metrics.held,
        breaker_opens: metrics.breaker_opens,
        wall_ms: metrics.wall_ms,
        sum_ms: metrics.busy_ms,
        lower_bound_ms: metrics.lower_bound_ms(view.engine.graph(), &state.limits),
        max_parallel: state.limits.max_parallel,
        most_at_once: state.high_water.total,
        token_input: usage.input_tokens + usage.cached_tokens,
        token_output: usage.output_tokens,
    }
}

/// `tag api`: a scope in a sentence that is escaped as a whole.
fn plain(graph: &Graph, scope: Scope) -> String {
    format!("{} {}", scope.kind(), scope.name(graph).unwrap_or_default())
}

/// Files beside the run, from the workspace on, as the journal knows of them.
fn artifacts(view: &RunView, gathered: &Gathered) -> Vec<String> {
    let run_dir = format!("{DOT_DIR}/runs/{}", view.record.summary.run_id);
    let ended = matches!(view.engine.state().phase, Phase::Ended(_));
    let snapshots = FILES.iter().filter(|_| ended).map(|name| format!("{run_dir}/{name}"));
    let told =
        view.engine.state().scopes.escalations.keys().map(|about| escalations::file(view.stand(), *about));
    let wrote = gathered.outputs(view.engine.graph()).map(|path| format!("{run_dir}/attempts/{path}"));
    snapshots.chain(told).chain(wrote).take(MAX_LISTED).collect()
}
