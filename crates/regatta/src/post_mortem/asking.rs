//! Asks an agent for its judgement of a run: a run of its own, in a workspace of its own, by a process of ours like any
//! other, whose result is read from the journal.

use super::PostMortem;
use super::judging::{Judgement, TASK, asking, plan};
use crate::config::Config;
use crate::context::{Context, err};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::escape::{escape, escape_path};
use crate::view::{RunView, graph_of, plan_of, plan_to_run, reader, store_error};
use regatta_engine::ids::NodeId;
use regatta_journal::{Payload, Which};
use regatta_plan::model::{Agent, Driver};
use regatta_plan::{Format, Given};
use regatta_runtime::agents::{Preset, preset};
use regatta_runtime::outputs::Outputs;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::DirBuilder;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A post-mortem with the judgement of an agent.
///
/// # Errors
/// The agent is not known (exit 3) or cannot be kept from acting (2), it cannot be run (4), or it gave no judgement (1).
pub fn judged(
    context: &Context,
    view: &RunView,
    (report, name): (PostMortem, &str),
) -> Result<PostMortem, CliError> {
    let agent = agent(context, view, name)?;
    refuse_unheld(name, &agent)?;
    let desk = desk(context, view)?;
    let run_id = run(&desk, name, &plan(&report, (name, &agent)))?;
    let failed = |why: String| {
        CliError::new(Exit::Failed, format!("agent `{name}` gave no judgement in run {run_id}: {why}"))
            .hint(format!("`regatta logs {TASK}` in {}", escape_path(&desk)))
    };
    let answer = answer(&desk, &run_id)?.map_err(&failed)?;
    let judgement = Judgement::read(&answer).map_err(failed)?;
    err(&format!("judged by {} in run {run_id}, kept in {}\n", escape(name), escape_path(&desk)));
    Ok(report.judged(judgement, (name, &run_id)))
}

/// The agent as the plan of the run has it, else as the settings have it now.
fn agent(context: &Context, view: &RunView, name: &str) -> Result<Agent, CliError> {
    if let Some(agent) = plan_to_run(&view.record)?.0.agents.remove(name) {
        return Ok(agent);
    }
    let fail = |why: &str| {
        CliError::new(Exit::InvalidPlan, format!("agent `{name}` cannot be asked: {why}"))
            .hint("`regatta agents` lists those of the settings")
    };
    let config = Config::read(context)?;
    if !config.agents().any(|(known, _)| known == name) {
        return Err(fail("neither the run's plan nor the settings have it"));
    }
    let text = asking(name, "judge").to_string();
    let (defaults, mcp_servers) = (config.defaults(), config.mcp_servers.servers.clone());
    let given = Given { defaults, mcp_servers, ..Given::default() };
    let mut loaded = regatta_plan::load(("post-mortem", text.as_bytes()), Format::Json, &given);
    let found = loaded.plan.take().and_then(|mut plan| plan.agents.remove(name));
    found.ok_or_else(|| {
        err(&loaded.render(context.color));
        fail("what the settings say of it is no agent")
    })
}

/// Whoever judges reads what tasks wrote, so it must be possible to keep it from acting on that.
fn refuse_unheld(name: &str, agent: &Agent) -> Result<(), CliError> {
    let Driver::Preset(preset_name) = &agent.driver else { return Ok(()) };
    if preset(preset_name).is_none_or(Preset::can_be_held) {
        return Ok(());
    }
    let message = format!(
        "agent `{name}` cannot judge: preset `{preset_name}` acts unasked and cannot be told to only read"
    );
    Err(CliError::usage(message)
        .hint("name an agent of another preset; `regatta agents` says which act unasked"))
}

/// A fresh directory below that of the run, the workspace of whoever judges: neither its files nor its run are among those of
/// the workspace, and they go with the run.
fn desk(context: &Context, view: &RunView) -> Result<PathBuf, CliError> {
    let run_dir = reader(&context.workspace)?.place().run_dir(&view.record.summary.run_id);
    let all = run_dir.join("judging");
    for dir in [&run_dir, &all] {
        regatta_journal::private_dir(dir).map_err(store_error)?;
    }
    for number in 1_u32.. {
        let desk = all.join(number.to_string());
        match DirBuilder::new().mode(0o700).create(&desk) {
            Ok(()) => return Ok(desk),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(CliError::environment(format!("cannot make `{}`: {error}", escape_path(&desk))));
            }
        }
    }
    Err(CliError::environment(format!("`{}` is full", escape_path(&all))))
}

/// Runs the plan in a workspace, and answers the id of the run.
fn run(desk: &Path, name: &str, plan: &Value) -> Result<String, CliError> {
    let fail = |exit, why: String| CliError::new(exit, format!("agent `{name}` cannot be asked: {why}"));
    let failed = |error: std::io::Error| fail(Exit::Environment, error.to_string());
    let program = std::env::current_exe().map_err(failed)?;
    let mut child = Command::new(program)
        .arg("--workspace")
        .arg(desk)
        .args(["run", "-", "--json"])
        .current_dir(desk)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // Who does not read it says why, and ends.
        let _ = stdin.write_all(plan.to_string().as_bytes());
    }
    let output = child.wait_with_output().map_err(failed)?;
    let said: Option<Value> = serde_json::from_slice(&output.stdout).ok();
    match said.as_ref().and_then(|said| said["run_id"].as_str()) {
        Some(run_id) => Ok(run_id.to_owned()),
        None => {
            let exits = [Exit::Usage, Exit::InvalidPlan];
            let exit = exits.into_iter().find(|exit| output.status.code() == Some(i32::from(exit.code())));
            Err(fail(exit.unwrap_or(Exit::Environment), "its run was not started".to_owned()))
        }
    }
}

/// What the task that judges left, or why it left nothing.
fn answer(desk: &Path, run_id: &str) -> Result<Result<Value, String>, CliError> {
    let reader = reader(desk)?;
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
