//! Goals 1 to 4: what running a task costs beside ninja and the floor, for graphs of different shapes.
//!
//! Each task is `sh -c true`. Commits are turns, counted by a replay; syncs are counted in one more run that is traced.

use crate::bench::{Bench, SLOTS};
use crate::forms::Action;
use crate::graphs::Graph;
use crate::meter::Used;
use crate::references::syncs;
use crate::row::{Row, Theirs, Unit};
use crate::turns::{Runs, alternate};
use crate::work::Work;
use regatta_crash::Outcome;
use std::path::Path;

/// A graph, and how much more than ninja it may cost.
struct Shape {
    goal: u8,
    name: &'static str,
    graph: fn(&Bench) -> Graph,
    slots: u64,
    wall: f64,
    cpu: f64,
    pairs: usize,
}

const SHAPES: [Shape; 5] = [
    Shape {
        goal: 1,
        name: "independent",
        graph: |bench| Graph::independent(bench.options.scaled(1_000, 20)),
        slots: SLOTS,
        wall: 1.35,
        cpu: 1.4,
        pairs: 5,
    },
    Shape {
        goal: 1,
        name: "independent",
        graph: |bench| Graph::independent(bench.options.scaled(10_000, 20)),
        slots: SLOTS,
        wall: 1.35,
        cpu: 1.4,
        pairs: 3,
    },
    Shape {
        goal: 2,
        name: "10 layers",
        graph: |bench| Graph::layers(bench.options.scaled(100, 4), 10, bench.options.seed),
        slots: SLOTS,
        wall: 1.45,
        cpu: 1.45,
        pairs: 5,
    },
    Shape {
        goal: 3,
        name: "a chain",
        graph: |bench| Graph::chain(bench.options.scaled(1_000, 20)),
        slots: SLOTS,
        wall: 1.75,
        cpu: 1.6,
        pairs: 5,
    },
    Shape {
        goal: 4,
        name: "independent",
        graph: |bench| Graph::independent(bench.options.scaled(1_000, 20)),
        slots: 2,
        wall: 2.0,
        cpu: 1.5,
        pairs: 5,
    },
];

/// Wall time, CPU, commits and syncs of each shape.
pub(super) fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for shape in SHAPES.iter().filter(|shape| bench.options.wants(shape.goal)) {
        let graph = (shape.graph)(bench);
        let work = Work::new(bench, "overhead", (&graph, shape.slots), Action::Script("true"))?;
        let name = format!("goal {}, {} tasks", shape.goal, work.tasks);
        let runs = alternate(&bench.place, (&name, bench.options.pairs(shape.pairs)), &work.sides(bench))?;
        let what = format!("{} tasks, {}, {} slots", work.tasks, shape.name, shape.slots);
        let beside_ninja = |kind: &str, figure: fn(&Used) -> f64| {
            let row = Row::of(shape.goal, format!("{what}: {kind}"));
            row.ratio(Unit::Ms, runs.ours(figure), ("ninja", runs.of("ninja", figure)))
                .floor(runs.of("floor", figure))
        };
        rows.push(beside_ninja("wall", Used::wall_ms).at_most(shape.wall));
        rows.push(beside_ninja("CPU", Used::cpu_ms).at_most(shape.cpu));
        rows.push(commits(bench, &runs, Row::of(shape.goal, format!("{what}: commits")))?);
        rows.push(synced(bench, &work, Row::of(shape.goal, format!("{what}: syncs of a commit")))?);
    }
    Ok(rows)
}

/// Commits of the last pair.
fn commits(bench: &Bench, runs: &Runs, row: Row) -> Outcome<Row> {
    let ours = bench.turns(runs.last_dir("regatta")?)?;
    let floor = runs.last_dir("floor").and_then(floor_commits);
    Ok(row.ratio(Unit::Count, vec![ours], ("floor", floor)))
}

/// The floor says at its end how often it committed.
fn floor_commits(dir: &Path) -> Theirs {
    let text =
        std::fs::read_to_string(dir.join("stderr")).map_err(|e| format!("the floor said nothing: {e}"))?;
    let commits = text
        .lines()
        .find_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()?["commits"].as_f64());
    commits.map(|n| vec![n]).ok_or_else(|| "the floor tells no commits".to_owned())
}

/// Syncs of all processes by commits, in a run of its own.
fn synced(bench: &Bench, work: &Work, row: Row) -> Outcome<Row> {
    let strace = &bench.references.strace;
    if let Err(why) = strace {
        return Ok(row.not_measured(why));
    }
    let dir = bench.place.fresh("syncs")?;
    let counts = syncs(strace, &work.ours(bench, &dir), &dir)?;
    let turns = bench.turns(&dir)?;
    let each = counts.iter().sum::<usize>() as f64 / turns;
    let floor = bench.references.floor.as_ref().map_err(Clone::clone).and_then(|floor| {
        let dir = bench.place.fresh("syncs-floor")?;
        let counts = syncs(strace, &work.floor(floor, &dir), &dir)?;
        let commits = floor_commits(&dir)?.first().copied().unwrap_or(f64::NAN);
        Ok(vec![counts.iter().sum::<usize>() as f64 / commits])
    });
    Ok(row.absolute(Unit::Count, vec![each]).beside("floor", floor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_tells_its_commits_in_one_of_its_lines() {
        let dir = std::env::temp_dir().join(format!("regatta-bench-floor-{}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join("stderr"), "{\"keeper_cpu_s\":0.1}\n{\"store\":\"sqlite\",\"commits\":61}\n")
            .unwrap();
        let told = floor_commits(&dir);
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!(told, Ok(vec![61.0]));
        assert!(floor_commits(&dir).is_err());
    }
}
