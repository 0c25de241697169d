//! The schedule of a plan for people: waves, caps, critical path, bounds, predicted times, a chart.
//!
//! Knows what was predicted, not how.

use super::chart::chart;
use super::escape::escape;
use super::{conflicts, count, duration};
use crate::error::CliError;
use crate::prediction::{DurationFrom, Improved, Predicted, durations_from};
use crate::view::graph_of;
use regatta_engine::graph::Graph;
use regatta_engine::ids::NodeId;
use regatta_engine::schedule;
use regatta_plan::Plan;

/// Tasks of a wave, or of a path, that are listed.
const MAX_LISTED: usize = 40;
/// Waves that are listed.
const MAX_WAVES: u32 = 100;

/// A larger plan of which no duration is known has nothing predicted: it would be a number of steps, for seconds of work.
const MOST_STEPS: usize = 100_000;
/// What is said where nobody has said how long anything takes.
const NONE_KNOWN: &str =
    "none is known: each task counts as one step (`estimate`, or a first run, tells more)";

/// The schedule as text. Where no duration is known, each task counts as one step.
///
/// # Errors
/// The plan is no graph.
pub fn text(plan: &Plan, improved: Option<&Improved>) -> Result<String, CliError> {
    let known = || durations_from(plan).iter().any(|from| *from != DurationFrom::Default);
    if improved.is_some() || plan.tasks.len() <= MOST_STEPS || known() {
        let predicted = Predicted::of(plan)?;
        let mut out = head(plan, predicted.graph());
        out.push_str(&path(predicted.graph(), &predicted.critical_path, Some(&predicted)));
        out.push_str(&times(plan, &predicted, improved));
        out.push_str(&tail(plan, predicted.scheduled()));
        return Ok(out);
    }
    let graph = graph_of(plan)?;
    let mut out = head(plan, &graph);
    out.push_str(&path(&graph, &schedule::critical_path(&graph), None));
    out.push_str(&format!(
        "durations      none is known, and of more than {MOST_STEPS} tasks no steps are counted: no times are predicted (`estimate`, or a first run, tells more)\n"
    ));
    out.push_str(&tail(plan, &graph));
    Ok(out)
}

/// A time, or a number of steps where no duration is known: then every task counts as one.
fn time(predicted: &Predicted, ms: u64) -> String {
    if predicted.is_known() { duration(ms) } else { count(ms, "step") }
}

/// What an improved order gains, as one line without a newline.
#[must_use]
pub fn gain(predicted: &Predicted, improved: &Improved) -> String {
    let Improved { effort, before_ms, after_ms, .. } = improved;
    let with = format!("{}, seed {}", count(u64::from(effort.perturbations), "perturbation"), effort.seed);
    let bound = time(predicted, predicted.lower_bound_ms);
    let before = time(predicted, *before_ms);
    if after_ms < before_ms {
        let less = 1_000 * u128::from(before_ms - after_ms) / u128::from(*before_ms);
        let after = time(predicted, *after_ms);
        format!("{before} -> {after} ({}.{} % less), lower bound {bound}; {with}", less / 10, less % 10)
    } else if *before_ms <= predicted.lower_bound_ms {
        format!("{before} is the lower bound already; nothing was to be found")
    } else {
        format!("no order better than {before} was found, lower bound {bound}; {with}")
    }
}

fn head(plan: &Plan, graph: &Graph) -> String {
    let mut out = format!(
        "plan {}: {} in {}, {}, schedule {}\n",
        escape(&plan.name),
        count(graph.len() as u64, "task"),
        count(u64::from(graph.waves()), "wave"),
        count(graph.edges() as u64, "dependency").replace("dependencys", "dependencies"),
        plan.schedule
    );
    out.push_str(&caps(plan));
    for wave in 0..graph.waves().min(MAX_WAVES) {
        let nodes = graph.wave(wave);
        let names: Vec<&str> = nodes.iter().take(MAX_LISTED).map(|&n| graph.name(n)).collect();
        let more = nodes.len().saturating_sub(MAX_LISTED);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        out.push_str(&format!("  wave {} of {}  {}{rest}\n", wave + 1, graph.waves(), names.join(" ")));
    }
    if graph.waves() > MAX_WAVES {
        out.push_str(&format!("  … and {} more waves\n", graph.waves() - MAX_WAVES));
    }
    out
}

fn path(graph: &Graph, nodes: &[NodeId], predicted: Option<&Predicted>) -> String {
    if nodes.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = nodes.iter().take(MAX_LISTED).map(|&n| graph.name(n)).collect();
    let more = nodes.len().saturating_sub(MAX_LISTED);
    let rest = if more > 0 { format!(" -> and {more} more") } else { String::new() };
    let length = |p: &Predicted| nodes.first().map_or(0, |&n| p.graph().facts(n).remaining);
    let length = predicted.map(|p| format!("  ({})", time(p, length(p)))).unwrap_or_default();
    format!("critical path  {}{rest}{length}\n", names.join(" -> "))
}

fn times(plan: &Plan, predicted: &Predicted, improved: Option<&Improved>) -> String {
    let Predicted { schedule, sequential_ms, lower_bound_ms, .. } = predicted;
    if plan.tasks.is_empty() {
        return String::new();
    }
    let mut out = format!("durations      {}\n", sources(predicted));
    out.push_str(&format!("sequential     {}\n", time(predicted, *sequential_ms)));
    let most = predicted.slots();
    let speed_up = match schedule.makespan_ms {
        0 => String::new(),
        ms => {
            let tenths = u128::from(*sequential_ms) * 10 / u128::from(ms);
            format!("  (speed-up {}.{}, at most {most} at once)", tenths / 10, tenths % 10)
        }
    };
    out.push_str(&format!("predicted      {}{speed_up}\n", time(predicted, schedule.makespan_ms)));
    out.push_str(&format!("lower bound    {}\n", time(predicted, *lower_bound_ms)));
    if let Some(improved) = improved {
        out.push_str(&format!("optimised      {}\n", gain(predicted, improved)));
    } else if !plan.order.is_empty() {
        out.push_str(&match &*plan.schedule {
            "dataflow" => "order          as the plan says\n".to_owned(),
            other => format!("order          of no effect with schedule {other}\n"),
        });
    }
    out.push_str(&chart(predicted));
    out
}

/// `3 estimated, 1 recorded, 2 by default`.
fn sources(predicted: &Predicted) -> String {
    let words = [
        (DurationFrom::Estimate, "estimated"),
        (DurationFrom::Recorded, "recorded (the median of earlier runs)"),
        (DurationFrom::Default, "unknown (the median of the known)"),
    ];
    if !predicted.is_known() {
        return NONE_KNOWN.to_owned();
    }
    let tally = |wanted| predicted.durations_from.iter().filter(|from| **from == wanted).count();
    let parts = words.iter().map(|(from, word)| (tally(*from), word)).filter(|(n, _)| *n > 0);
    parts.map(|(n, word)| format!("{n} {word}")).collect::<Vec<_>>().join(", ")
}

fn tail(plan: &Plan, graph: &Graph) -> String {
    let conflicts = conflicts::table(&regatta_plan::conflicts(plan));
    format!("{conflicts}hash           {}\n", schedule::hash(graph))
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
