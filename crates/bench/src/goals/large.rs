//! Goals 6 to 8: a plan of a million tasks and 1.4 million edges, read, checked and ordered; no task is started.
//!
//! ninja does a dry run of the same graph. The YAML form is compared with a bare scan of its events.

use crate::bench::{Bench, SLOTS};
use crate::forms::{self, Action, Manner};
use crate::graphs::Graph;
use crate::meter::Used;
use crate::row::{Row, Unit};
use crate::turns::{Side, alternate};
use regatta_crash::Outcome;
use std::path::Path;
use std::process::Command;

/// The rows of the goals that are wanted.
pub(super) fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let graph = Graph::large(bench.options.scaled(1_000_000, 5_000));
    let mut rows = Vec::new();
    if bench.options.wants(6) || bench.options.wants(7) {
        rows.extend(json(bench, &graph)?);
    }
    if bench.options.wants(8) {
        rows.push(yaml(bench, &graph)?);
    }
    Ok(rows)
}

fn json(bench: &Bench, graph: &Graph) -> Outcome<Vec<Row>> {
    let plan = forms::plan_json(graph, Manner::slots(SLOTS), Action::Script("true"));
    let plan = bench.place.file("large.json", &plan)?.display().to_string();
    let build = bench.place.file("large.ninja", &forms::ninja(graph, "true"))?;
    let words = [graph.len().to_string(), "layered".to_owned(), "dataflow".to_owned(), "no-run".to_owned()];
    let sides = [
        Side::new("regatta", |dir| bench.regatta(dir, &["plan", &plan])),
        Side::with("ninja", &bench.references.ninja, |ninja, _| dry_run(ninja, &build)),
        Side::new("schedule", |_| bench.example("million", &words)),
    ];
    let runs = alternate(&bench.place, ("goals 6 and 7", bench.options.pairs(3)), &sides)?;
    let what = format!("a plan of {} tasks", graph.len());
    let ninja = |figure: fn(&Used) -> f64| ("ninja -n", runs.of("ninja", figure));
    let [built, hashed] = ["build_cpu_ms", "hash_cpu_ms"].map(|key| runs.told("schedule", key));
    let schedule = built?.iter().zip(hashed?).map(|(build, hash)| build + hash).collect();
    Ok(vec![
        Row::of(6, format!("{what}: memory"))
            .ratio(Unit::Mib, runs.ours(Used::peak_mib), ninja(Used::peak_mib))
            .at_most(1.0),
        Row::of(7, format!("{what}: JSON to schedule and hash, CPU"))
            .ratio(Unit::Ms, runs.ours(Used::cpu_ms), ninja(Used::cpu_ms))
            .at_most(0.25),
        Row::of(7, format!("{what}: schedule and hash alone, CPU"))
            .ratio(Unit::Ms, schedule, ninja(Used::cpu_ms))
            .at_most(0.11),
    ])
}

fn yaml(bench: &Bench, graph: &Graph) -> Outcome<Row> {
    let plan = bench.place.file("large.yaml", &forms::plan_yaml(graph, "true"))?.display().to_string();
    let sides = [
        Side::new("regatta", |dir| bench.regatta(dir, &["plan", &plan])),
        Side::new("scan", |_| bench.example("scan", std::slice::from_ref(&plan))),
    ];
    let runs = alternate(&bench.place, ("goal 8", bench.options.pairs(3)), &sides)?;
    let row = Row::of(8, format!("a plan of {} tasks: YAML to schedule and hash, CPU", graph.len()));
    Ok(row
        .ratio(Unit::Ms, runs.ours(Used::cpu_ms), ("event scan", runs.of("scan", Used::cpu_ms)))
        .at_most(2.0))
}

fn dry_run(ninja: &Path, build: &Path) -> Command {
    let mut command = Command::new(ninja);
    command.arg("-n").arg("-f").arg(build);
    command
}
