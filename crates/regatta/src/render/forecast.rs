//! What merging would give: each task in merge order, and a matrix of those that conflict.
//!
//! As text for people and as JSON for programs.

use super::count;
use super::escape::{escape, fit};
use super::landing::branch;
use regatta_plan::model::Merge;
use regatta_runtime::landing::forecast::{Forecast, Foreseen, Step};
use regatta_runtime::landing::what_is_on;
use regatta_runtime::yard::Pair;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use unicode_width::UnicodeWidthStr as _;

/// More tasks that conflict have no matrix, only a list of pairs.
const MOST_IN_MATRIX: usize = 20;
/// At most so many paths are named in a line.
const MOST_PATHS: usize = 8;
/// Columns for a name.
const NAMES: usize = 24;

/// The forecast for people. `has_moved`: the target is known to have moved since the run began;
/// nothing where it is what tasks began from.
#[must_use]
pub fn text(
    seen: &Forecast,
    (run, target, merge): (&str, Option<&str>, Option<&Merge>),
    (landed, has_moved): (bool, Option<bool>),
) -> String {
    let target = branch(target, run);
    let from = seen.from.get(..10).unwrap_or_default();
    let when = if landed { "as it was merged" } else { "if it were merged now" };
    let mut text = format!("run {run} onto {} at {from}, {when}:\n", escape(&target));
    if seen.order.is_empty() {
        text.push_str("  no task has left any work yet\n");
        return text;
    }
    let names: Vec<String> = seen.order.iter().map(|step| fit(&escape(&step.task), NAMES)).collect();
    let width = names.iter().map(|name| name.width()).max().unwrap_or(0);
    let digits = seen.order.len().to_string().len();
    let any = |how: Step| seen.order.iter().any(|step| step.merge == how);
    let why = (any(Step::Behind), any(Step::LeftOut));
    for (i, (step, name)) in seen.order.iter().zip(&names).enumerate() {
        let pad = " ".repeat(width - name.width());
        text.push_str(&format!(
            "  {:>digits$}  {name}{pad}  {}\n",
            i + 1,
            outcome(step, why) + &met(seen, step, (&target, has_moved))
        ));
        for said in &step.findings {
            text.push_str(&format!("  {:>digits$}  {}  {}\n", "", " ".repeat(width), escape(said)));
        }
    }
    text.push_str(&pairs(seen));
    if !landed {
        text.push_str(&format!("  {}\n", verdict(seen, merge)));
    }
    text
}

fn outcome(step: &Foreseen, (behind, left_out): (bool, bool)) -> String {
    match step.merge {
        Step::Clean => "merges".to_owned(),
        Step::ByRules => format!("conflicts in {}, which the rules resolve", paths(&step.paths)),
        Step::Resolved => format!("conflicts in {}, resolved as before", paths(&step.paths)),
        Step::Conflict => format!("conflicts in {}", paths(&step.paths)),
        Step::Behind => "does not descend from what it would come upon".to_owned(),
        Step::LeftOut => "is left out".to_owned(),
        Step::Upstream if left_out => "contains work that is left out".to_owned(),
        Step::Upstream if behind => "contains work that cannot be taken as it is".to_owned(),
        Step::Upstream => "contains work that conflicts".to_owned(),
    }
}

/// Whom a conflict meets that is with no other work of the run.
fn met(seen: &Forecast, step: &Foreseen, (target, has_moved): (&str, Option<bool>)) -> String {
    let of_it = |pair: &Pair| pair.first == step.task || pair.second == step.task;
    let alone = step.merge == Step::Conflict && !seen.pairs.iter().any(of_it);
    match has_moved.filter(|_| alone) {
        Some(has_moved) => format!(", {}", what_is_on(&escape(target), has_moved)),
        None => String::new(),
    }
}

fn paths(all: &[String]) -> String {
    let listed: Vec<String> = all.iter().take(MOST_PATHS).map(|path| escape(path)).collect();
    match all.len().saturating_sub(MOST_PATHS) {
        0 => listed.join(", "),
        more => format!("{} and {more} more", listed.join(", ")),
    }
}

/// Which tasks conflict with which, whatever the order: a matrix by their numbers, and where.
fn pairs(seen: &Forecast) -> String {
    if seen.pairs.is_empty() {
        return String::new();
    }
    let mut text = format!("  {} in conflict:\n", count(seen.pairs.len() as u64, "pair"));
    text.push_str(&matrix(seen));
    for pair in &seen.pairs {
        let (first, second) = (escape(&pair.first), escape(&pair.second));
        text.push_str(&format!("    {first} and {second}: {}\n", paths(&pair.paths)));
    }
    text
}

fn matrix(seen: &Forecast) -> String {
    let number = |task: &str| seen.order.iter().position(|step| step.task == task).map_or(0, |i| i + 1);
    let known: BTreeSet<(usize, usize)> =
        seen.pairs.iter().map(|pair| (number(&pair.first), number(&pair.second))).collect();
    let among: BTreeSet<usize> = known.iter().flat_map(|(a, b)| [*a, *b]).collect();
    if among.len() > MOST_IN_MATRIX {
        return String::new();
    }
    let digits = seen.order.len().to_string().len().max(2);
    let cell = |text: &str| format!(" {text:>digits$}");
    let head: String = among.iter().map(|n| cell(&n.to_string())).collect();
    let mut text = format!("   {}{head}\n", cell(""));
    for a in &among {
        let field = |b: &usize| match (a == b, known.contains(&(*a.min(b), *a.max(b)))) {
            (true, _) => cell("-"),
            (_, true) => cell("x"),
            (_, false) => cell("."),
        };
        let row: String = among.iter().map(field).collect();
        text.push_str(&format!("   {}{row}\n", cell(&a.to_string())));
    }
    text
}

/// What would land, gates aside.
fn verdict(seen: &Forecast, merge: Option<&Merge>) -> String {
    let lost = seen.lost();
    let Some(merge) = merge else {
        return "the plan has no `merge`, so the branches stay as they are".to_owned();
    };
    let all = count(seen.order.len() as u64, "task");
    let conflicts = seen.order.iter().any(|step| matches!(step.merge, Step::Conflict | Step::Behind));
    if lost > 0 && !conflicts && merge.policy == "merge-succeeded" {
        return format!("would land, if its gates pass: {} of {all}", seen.order.len() - lost);
    }
    match (lost, merge.on_conflict.as_str(), merge.policy.as_str()) {
        (0, ..) => format!("would land, if its gates pass: {all}"),
        (_, _, "merge-succeeded") if merge.strategy == "ff-only" => {
            format!("would land, if its gates pass: {} of {all}", seen.order.len() - lost)
        }
        (_, "manual-escalation", _) => "would wait for a person to resolve the first conflict".to_owned(),
        (_, "resolver", _) => "would be given to the resolver".to_owned(),
        (_, "merge-with-rules", "merge-succeeded") => {
            format!("would land, if its gates pass: {} of {all}", seen.order.len() - lost)
        }
        _ => "would land: nothing".to_owned(),
    }
}

/// The forecast for programs.
#[must_use]
pub fn json(seen: &Forecast, (run, target): (&str, Option<&str>)) -> Value {
    json!({
        "run_id": run,
        "target": target,
        "from": seen.from,
        "clean": seen.is_clean(),
        "order": seen.order,
        "pairs": seen.pairs,
    })
}
