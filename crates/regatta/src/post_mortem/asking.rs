//! Asks an agent for its judgement of a run: a run of its own, by a process of ours like any other, whose result is read
//! from the journal.

use super::PostMortem;
use super::judging::{Judgement, TASK, plan};
use crate::context::{Context, err};
use crate::error::CliError;
use crate::exit::Exit;
use crate::view::{RunView, graph_of, plan_of, reader, store_error};
use regatta_engine::ids::NodeId;
use regatta_journal::{Payload, Which};
use regatta_runtime::outputs::Outputs;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// A post-mortem with the judgement of an agent.
///
/// # Errors
/// The agent is not known (exit 3), it cannot be run (4), or it gave no judgement (1).
pub fn judged(
    context: &Context,
    view: &RunView,
    (report, name): (PostMortem, &str),
) -> Result<PostMortem, CliError> {
    let plan = plan(&report, (name, view.plan.agents.get(name)));
    let run_id = run(context, name, &plan)?;
    let failed = |why: String| {
        CliError::new(Exit::Failed, format!("agent `{name}` gave no judgement in run {run_id}: {why}"))
            .hint(format!("regatta logs {TASK} --run {run_id}"))
    };
    let answer = answer(context, &run_id)?.map_err(&failed)?;
    let judgement = Judgement::read(&answer).map_err(failed)?;
    err(&format!("judged by {name} in run {run_id}\n"));
    Ok(report.judged(judgement, (name, &run_id)))
}

/// Runs the plan, and answers the id of the run.
fn run(context: &Context, name: &str, plan: &Value) -> Result<String, CliError> {
    let fail = |why: String| CliError::environment(format!("agent `{name}` cannot be asked: {why}"));
    let program = std::env::current_exe().map_err(|e| fail(e.to_string()))?;
    let mut child = Command::new(program)
        .arg("--workspace")
        .arg(&context.workspace)
        .args(["run", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| fail(e.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // Who does not read it says why, and ends.
        let _ = stdin.write_all(plan.to_string().as_bytes());
    }
    let output = child.wait_with_output().map_err(|e| fail(e.to_string()))?;
    let said: Option<Value> = serde_json::from_slice(&output.stdout).ok();
    match said.as_ref().and_then(|said| said["run_id"].as_str()) {
        Some(run_id) => Ok(run_id.to_owned()),
        None if output.status.code() == Some(i32::from(Exit::InvalidPlan.code())) => {
            let message =
                format!("agent `{name}` cannot be asked: neither the run's plan nor the settings have it");
            Err(CliError::new(Exit::InvalidPlan, message)
                .hint("`regatta agents` lists those of the settings"))
        }
        None => Err(fail("its run was not started".to_owned())),
    }
}

/// What the task that judges left, or why it left nothing.
fn answer(context: &Context, run_id: &str) -> Result<Result<Value, String>, CliError> {
    let reader = reader(&context.workspace)?;
    let id = reader.resolve(Which::Named(run_id)).map_err(store_error)?.run_id;
    let record = reader.run(&id).map_err(store_error)?;
    let graph = graph_of(&plan_of(&record)?.0)?;
    let all: BTreeSet<NodeId> = (0..).map(NodeId).take(graph.len()).collect();
    let mut outputs = Outputs::new(&all, reader.place().run_dir(&id));
    let view = RunView::load(&reader, Which::Named(run_id), &mut |stored| {
        let attempt = stored.event.kind.attempt();
        let payload = attempt.zip(stored.payload.clone());
        let payload = payload.map(|(attempt, bytes)| Payload { attempt, bytes });
        outputs.absorb(&stored.event, payload.as_ref());
    })?;
    let node = NodeId(0);
    let cause = view.cause(node).unwrap_or("no result");
    let why = view.failures.get(&node).map_or(cause.to_owned(), crate::render::why::last);
    Ok(outputs.result(node).ok_or(why))
}
