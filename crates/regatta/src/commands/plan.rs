//! `regatta plan`: the schedule of a plan, without running it: waves, caps, critical path, bounds.

use crate::args::PlanArgs;
use crate::context::{Context, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::overrides::Asked;
use crate::render::escape::escape;
use crate::render::{conflicts, count, duration};
use crate::session::Show;
use crate::source;
use crate::view::engine_of;
use regatta_engine::Engine;
use regatta_engine::schedule;
use regatta_plan::{Conflicts, Plan};

/// Tasks of a wave that are listed.
const MAX_LISTED: usize = 40;

/// Runs the verb.
///
/// # Errors
/// The plan cannot be read or is not valid.
pub fn run(context: &Context, args: &PlanArgs) -> Result<Exit, CliError> {
    let asked = Asked::read(context, &args.caps)?;
    let plan = source::load(context, &args.plan, &source::inputs(&args.inputs)?, Show::People)?.plan;
    let overrides = asked.of(&plan)?;
    let mut plan = source::part(plan, source::part_asked(&args.part).as_ref())?;
    overrides.apply(&mut plan);
    if args.json {
        out(&format!("{}\n", json(&engine_of(&plan)?, &regatta_plan::conflicts(&plan))));
    } else {
        out(&text(&plan)?);
    }
    Ok(Exit::Success)
}

/// Formats 3 with the hash, and what the hash does not cover.
fn json(engine: &Engine, found: &Conflicts) -> String {
    let graph = engine.graph();
    let mut text = String::from_utf8_lossy(&schedule::canonical(graph)).into_owned();
    text.pop();
    format!(
        "{text},\"schedulePlanHash\":\"{}\",\"conflicts\":{},\"conflictsComplete\":{}}}",
        schedule::hash(graph),
        conflicts::json(found),
        found.complete
    )
}

/// The schedule for people.
///
/// # Errors
/// The plan is no graph.
pub fn text(plan: &Plan) -> Result<String, CliError> {
    let engine = engine_of(plan)?;
    let graph = engine.graph();
    let mut out = format!(
        "plan {}: {} in {}, {}, schedule {}\n",
        escape(&plan.name),
        count(graph.len() as u64, "task"),
        count(u64::from(graph.waves()), "wave"),
        count(graph.edges() as u64, "dependency").replace("dependencys", "dependencies"),
        plan.schedule
    );
    out.push_str(&caps(plan));
    for wave in 0..graph.waves() {
        let nodes = graph.wave(wave);
        let names: Vec<&str> = nodes.iter().take(MAX_LISTED).map(|&n| graph.name(n)).collect();
        let more = nodes.len().saturating_sub(MAX_LISTED);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        out.push_str(&format!("  wave {} of {}  {}{rest}\n", wave + 1, graph.waves(), names.join(" ")));
    }
    let path: Vec<&str> =
        schedule::critical_path(graph).iter().take(MAX_LISTED).map(|&n| graph.name(n)).collect();
    out.push_str(&format!("critical path  {}\n", path.join(" -> ")));
    if plan.tasks.iter().any(|t| t.estimate_ms.is_some()) {
        out.push_str(&format!("sequential     {}\n", duration(schedule::sequential_ms(graph))));
        let bound = schedule::lower_bound_ms(graph, &engine.state().limits);
        out.push_str(&format!("lower bound    {}\n", duration(bound)));
    }
    out.push_str(&conflicts::table(&regatta_plan::conflicts(plan)));
    out.push_str(&format!("hash           {}\n", schedule::hash(graph)));
    Ok(out)
}

fn caps(plan: &Plan) -> String {
    let limits = &plan.limits;
    let mut parts = vec![format!("max_parallel {}", limits.max_parallel)];
    parts.extend(limits.per_wave.map(|n| format!("per_wave {n}")));
    for (what, caps) in [("", &limits.per_priority), ("agent ", &limits.per_agent), ("tag ", &limits.per_tag)]
    {
        parts.extend(caps.iter().map(|(name, n)| format!("{what}{} {n}", escape(name))));
    }
    parts.extend(plan.resources.iter().map(|(name, n)| format!("resource {} {n}", escape(name))));
    format!("  caps: {}\n", parts.join(", "))
}
