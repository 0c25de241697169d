//! Plain lines for everything that is not a terminal: one line per event that a person cares about.
//!
//! Fixed layout: engine time, what happened, the task, details. Writes to a sink that may be closed at any time.

use super::duration;
use super::escape::escape;
use regatta_engine::Engine;
use regatta_engine::budget::Level;
use regatta_engine::cause::Cause;
use regatta_engine::event::{Event, EventKind};
use regatta_engine::graph::Graph;
use regatta_engine::ids::{AttemptId, NodeId};
use regatta_engine::input::{Answer, Claimed, Expansion, LeaseChange};
use regatta_engine::outcome::{AttemptOutcome, NodeOutcome};
use regatta_engine::permission::{PermissionTold, QuestionId};
use regatta_engine::report::Report;
use regatta_engine::scope::Scope;
use regatta_engine::spec::{Asked, EffectContract};
use regatta_runtime::escalation::shell_word;

/// The line for an event of a run, without newline at its end; a question has two more, with what answers it. `None` for
/// events that say nothing new to a person.
#[must_use]
pub fn line((engine, run_id): (&Engine, &str), event: &Event) -> Option<String> {
    let graph = engine.graph();
    let task = event.kind.node().map(|n| graph.name(n)).unwrap_or_default();
    let text = match &event.kind {
        EventKind::RunStarted { .. } => format!(
            "run started: {}, {}",
            super::count(u64::from(engine.state().shown()), "task"),
            super::count(u64::from(graph.waves()), "wave")
        ),
        EventKind::RunPaused { reason } => format!("run paused ({})", reason.name()),
        EventKind::RunSuspended => "run suspended: what runs stands still".to_owned(),
        EventKind::RunResumed { .. } => "run resumed".to_owned(),
        EventKind::RunStopping { .. } => format!("run stopping because {task} failed"),
        EventKind::RunEnding { cause } => format!("run ending ({})", cause.code()),
        EventKind::RunEnded { status } => format!("run {}", status.name()),
        EventKind::DispatchStarted { .. }
        | EventKind::DispatchEnding { .. }
        | EventKind::DispatchAdopted { .. }
        | EventKind::DispatchEnded { .. } => of_attempt(engine, &event.kind, task)?,
        EventKind::LeakedProcesses { count, .. } => {
            format!("leaked     {task}: {} ended", super::count(u64::from(*count), "process"))
        }
        EventKind::RetryScheduled { number, delay_ms, .. } => {
            format!("retry      {task}: attempt {} in {}", number + 1, duration(*delay_ms))
        }
        EventKind::NodeInDoubt { .. } | EventKind::Answered { .. } => {
            of_doubt(engine, &event.kind, (run_id, task))?
        }
        EventKind::NodeEnded { node, outcome: NodeOutcome::Succeeded, .. } if lands(engine, *node) => {
            format!("landed     {task}")
        }
        EventKind::NodeEnded { outcome, cause, upstream, .. } => {
            ended(*outcome, *cause, (task, &names(engine, upstream)))?
        }
        EventKind::UndoStarted { .. } | EventKind::UndoEnded { .. } => of_undo(&event.kind, task)?,
        EventKind::Permission(_, attempt, told) => of_permission(told, *attempt, (run_id, task)),
        EventKind::LeaseClaimed { answer: Claimed::Taken { .. }, .. }
        | EventKind::LeaseTold { .. }
        | EventKind::NodeReused { .. } => of_other_runs(&event.kind, task)?,
        EventKind::BreakerOpened { .. }
        | EventKind::BreakerHalfOpen { .. }
        | EventKind::BreakerClosed { .. }
        | EventKind::HoldStarted { .. }
        | EventKind::HoldEnded { .. }
        | EventKind::Escalated { .. }
        | EventKind::BudgetReached { .. } => of_scope(graph, &event.kind)?,
        EventKind::ConflictPredicted(..)
        | EventKind::BatchTested(_)
        | EventKind::NodeExpanded(_, Expansion::Items(_))
        | EventKind::HelperSpent(_) => of_many(engine, &event.kind, task)?,
        EventKind::NodeReady { .. }
        | EventKind::WaveStarted { .. }
        | EventKind::WaveEnded { .. }
        | EventKind::ConditionEvaluated { .. }
        | EventKind::NodeExpanded(..)
        | EventKind::LeaseGranted { .. }
        | EventKind::LeaseReleased { .. }
        | EventKind::LeaseRefused { .. }
        | EventKind::NodeCollected { .. }
        | EventKind::LimitsChanged { .. }
        | EventKind::ReuseMissed(..)
        | EventKind::LeaseClaimed { .. }
        | EventKind::LeaseWaitEnded { .. }
        | EventKind::ReportIgnored { .. } => return None,
    };
    Some(format!("{:>9} {text}", seconds(event.at.0)))
}

/// What is about several tasks: conflicts, batches, maps, helpers.
fn of_many(engine: &Engine, kind: &EventKind, task: &str) -> Option<String> {
    let graph = engine.graph();
    Some(match kind {
        EventKind::ConflictPredicted(_, with, paths) => {
            format!("conflict   {task} with {} in {}, where work is merged", graph.name(*with), escape(paths))
        }
        EventKind::BatchTested(batch) => {
            let word = if batch.passed { "passed" } else { "red" };
            format!("gates      {word}: {}", names(engine, &batch.nodes))
        }
        EventKind::NodeExpanded(_, Expansion::Items(items)) => {
            let map = task.strip_suffix("[0]").unwrap_or(task);
            format!("mapped     {map}: {}", super::count(u64::from(*items), "item"))
        }
        EventKind::HelperSpent(usage) => format!("helper     used {} tokens", usage.tokens()),
        _ => return None,
    })
}

/// What becomes of an attempt.
fn of_attempt(engine: &Engine, kind: &EventKind, task: &str) -> Option<String> {
    Some(match kind {
        EventKind::DispatchStarted { number, .. } if *number > 1 => {
            format!("started    {task} (attempt {number})")
        }
        EventKind::DispatchStarted { .. } => format!("started    {task}"),
        EventKind::DispatchEnding { cause, .. } => format!("ending     {task} ({})", cause.code()),
        EventKind::DispatchAdopted { .. } => format!("adopted    {task}"),
        EventKind::DispatchEnded {
            node, outcome: AttemptOutcome::Succeeded, duration_ms, report, ..
        } => {
            // Where work is merged, done means merged.
            let word = if lands(engine, *node) { "collected" } else { "succeeded" };
            format!("{word:<10} {task} in {}{}", duration(*duration_ms), reason(None, report))
        }
        EventKind::DispatchEnded { outcome, cause, duration_ms, report, .. } => {
            let why = reason(*cause, report);
            format!("{:<10} {task} after {}{why}", outcome.name(), duration(*duration_ms))
        }
        _ => return None,
    })
}

/// A node in doubt, and what settled that.
fn of_doubt(engine: &Engine, kind: &EventKind, (run_id, task): (&str, &str)) -> Option<String> {
    if let Some(asked) = kind.node().and_then(|node| engine.graph().asked(node)) {
        return of_person(kind, (run_id, task), asked);
    }
    Some(match kind {
        EventKind::NodeInDoubt { asking: true, .. } => format!("asking     {task}: its reconcile command"),
        EventKind::NodeInDoubt { cause: Cause::MergeConflict, .. } => {
            format!("conflict   {task}: a person must resolve what it would begin from")
        }
        EventKind::NodeInDoubt { .. } => format!("in doubt   {task}: a person must answer"),
        EventKind::Answered { by_person: true, .. } => format!("answered   {task}"),
        EventKind::Answered { node, .. }
            if engine.graph().policy(*node).effect != EffectContract::Reconcile =>
        {
            format!("again      {task}")
        }
        EventKind::Answered { .. } => format!("reconciled {task}"),
        _ => return None,
    })
}

/// A gate that a person decides, and what they said.
fn of_person(kind: &EventKind, of: (&str, &str), asked: &Asked) -> Option<String> {
    let task = of.1;
    Some(match kind {
        EventKind::NodeInDoubt { .. } => {
            let next = gate_lines(of, "           ");
            format!("asks       {task}: {}\n{}", escape(&asked.words()), next.trim_end())
        }
        EventKind::Answered { answer: Answer::Failed, .. } => format!("denied     {task}"),
        EventKind::Answered { .. } => format!("allowed    {task}"),
        _ => return None,
    })
}

/// What an attempt asks a person, with the commands that answer, and what it was answered.
fn of_permission(told: &PermissionTold, attempt: AttemptId, (run_id, task): (&str, &str)) -> String {
    match told {
        PermissionTold::Asked(question) => {
            let id = QuestionId { attempt, number: question.number };
            let next = permit_lines((run_id, task), id, "           ");
            format!("asks       {task}: {}\n{}", escape(&question.words()), next.trim_end())
        }
        PermissionTold::Answered { number, allowed } => {
            let (id, word) =
                (QuestionId { attempt, number: *number }, if *allowed { "allowed" } else { "denied" });
            format!("{word:<10} {task}: question {id}")
        }
    }
}

/// The command that answers what an attempt asks: one answer, and the question that it was shown for.
#[must_use]
pub fn permit_command((run_id, task): (&str, &str), id: QuestionId, allow: bool) -> String {
    let answer = if allow { "--allow" } else { "--deny" };
    format!("regatta answer {run_id} {} {answer} --question {id}", shell_word(task))
}

/// Both commands, a line each: whatever of it is pasted, it says one thing.
#[must_use]
pub fn permit_lines(of: (&str, &str), id: QuestionId, indent: &str) -> String {
    let command = |allow| permit_command(of, id, allow);
    format!("{indent}to allow: {}\n{indent}to deny:  {}\n", command(true), command(false))
}

/// The command that answers what a gate asks.
#[must_use]
pub fn gate_command((run_id, task): (&str, &str), allow: bool) -> String {
    format!("regatta answer {run_id} {} {}", shell_word(task), if allow { "--allow" } else { "--deny" })
}

/// Both commands, a line each.
#[must_use]
pub fn gate_lines(of: (&str, &str), indent: &str) -> String {
    let command = |allow| gate_command(of, allow);
    format!("{indent}to allow: {}\n{indent}to deny:  {}\n", command(true), command(false))
}

/// What an undo does.
fn of_undo(kind: &EventKind, task: &str) -> Option<String> {
    Some(match kind {
        EventKind::UndoStarted { .. } => format!("undoing    {task}"),
        EventKind::UndoEnded { cause: None, .. } => format!("undone     {task}"),
        EventKind::UndoEnded { cause: Some(cause), report, .. } => {
            format!("not undone {task}{}", reason(Some(*cause), report))
        }
        _ => return None,
    })
}

/// What other runs of the workspace have to do with it.
fn of_other_runs(kind: &EventKind, task: &str) -> Option<String> {
    Some(match kind {
        EventKind::LeaseClaimed { answer: Claimed::Taken { by, .. }, .. } => {
            format!("waiting    {task}: for a lease that {} has", escape(by))
        }
        EventKind::LeaseTold { told, .. } if told.change == LeaseChange::Denied => {
            format!("refused    {task}: {}", escape(&told.text))
        }
        EventKind::NodeReused { reused, .. } => format!("reused     {task} from run {}", short(&reused.run)),
        _ => return None,
    })
}

/// What happened to an agent, a tool, a tag, or to what a person must look at.
fn of_scope(graph: &Graph, kind: &EventKind) -> Option<String> {
    let words = |scope: &Scope| escape(&scope.words(graph));
    Some(match kind {
        EventKind::BreakerOpened { scope, until, failures } => {
            let failures = super::count(u64::from(*failures), "failure");
            format!("breaker    of {} opened after {failures}, until {}", words(scope), seconds(until.0))
        }
        EventKind::BreakerHalfOpen(scope) => {
            format!("breaker    of {} half open: one task may try", words(scope))
        }
        EventKind::BreakerClosed(scope) => format!("breaker    of {} closed", words(scope)),
        EventKind::HoldStarted(scope, until) => {
            format!("holding    {} until {}: rate limit", words(scope), seconds(until.0))
        }
        EventKind::HoldEnded(scope) => format!("free       {}", words(scope)),
        EventKind::BudgetReached(node, level) => {
            let of = node.map_or("the run", |node| graph.name(node));
            let full = *level == Level::Full;
            let what = if full { "is used up: no agent starts for it" } else { "is used up to 80 %" };
            format!("budget     of {of} {what}")
        }
        EventKind::Escalated { about, class, cause } => {
            format!("escalated  {} ({}: {})", words(about), class.name(), cause.code())
        }
        _ => return None,
    })
}

/// A node that ended by its own attempt was told already; the others are told here.
fn ended(outcome: NodeOutcome, cause: Option<Cause>, (task, upstream): (&str, &str)) -> Option<String> {
    let code = cause.map(Cause::code).unwrap_or_default();
    match outcome {
        NodeOutcome::Succeeded => None,
        NodeOutcome::Exhausted => Some(format!("exhausted  {task}: no attempt is left")),
        NodeOutcome::Failed
            if matches!(cause, Some(Cause::Plan | Cause::Stopped | Cause::User | Cause::BreakerOpen)) =>
        {
            Some(format!("failed     {task} ({code})"))
        }
        NodeOutcome::Failed
            if matches!(
                cause,
                Some(Cause::MergeConflict | Cause::Gate | Cause::Refused | Cause::NotLanded)
            ) =>
        {
            Some(format!("left out   {task} ({code})"))
        }
        NodeOutcome::Failed | NodeOutcome::TimedOut => None,
        // Its work contains what was left out.
        NodeOutcome::Blocked if upstream.is_empty() => Some(format!("left out   {task} ({code})")),
        NodeOutcome::Blocked => Some(format!("blocked    {task} by {upstream}")),
        NodeOutcome::Skipped if upstream.is_empty() => Some(format!("skipped    {task} ({code})")),
        NodeOutcome::Skipped => Some(format!("skipped    {task} because of {upstream}")),
        NodeOutcome::Cancelled => Some(format!("cancelled  {task} ({code})")),
    }
}

/// Whether the work of a node is merged before it is done.
fn lands(engine: &Engine, node: NodeId) -> bool {
    engine.graph().policy(node).collects
}

fn names(engine: &Engine, nodes: &[NodeId]) -> String {
    nodes.iter().map(|&n| engine.graph().name(n)).collect::<Vec<_>>().join(", ")
}

/// `: exit 3`, `: signal 9`, `: timeout`, with the message if there is one.
#[must_use]
pub fn reason(cause: Option<Cause>, report: &Report) -> String {
    let mut text = match (cause, report.exit, report.signal) {
        (Some(Cause::Exit), Some(code), _) => format!(": exit {code}"),
        (Some(Cause::Signal), _, Some(signal)) => format!(": signal {signal}"),
        (Some(cause), _, _) => format!(": {}", cause.code()),
        (None, _, _) => String::new(),
    };
    text.push_str(&message(report));
    text
}

/// `: …`, the message of a report; nothing if it has none.
#[must_use]
pub fn message(report: &Report) -> String {
    report.message.as_ref().map_or_else(String::new, |message| format!(": {}", escape(message)))
}

/// The beginning of a run's id, which is enough for people.
#[must_use]
pub fn short(run: &str) -> &str {
    run.get(..8).unwrap_or(run)
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}s", ms / 1_000, ms % 1_000)
}
