//! Goal 5: the CPU that orchestrator and keeper need for a task that does nothing, beside that of the floor.
//!
//! ```text
//! own cost of a task = (all CPU of the run - what the tasks used under the bare reference) / tasks
//! ```
//! The bare reference starts and waits, nothing else; what its children used is what the tasks themselves cost.

use crate::bench::{Bench, SLOTS};
use crate::forms::Action;
use crate::graphs::Graph;
use crate::meter::Used;
use crate::row::{Row, Theirs, Unit};
use crate::turns::{Side, alternate};
use crate::work::Work;
use regatta_crash::Outcome;
use std::process::Command;

/// Our own CPU for a task, and beside the floor's.
pub(super) fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let tasks = bench.options.scaled(10_000, 50);
    let work =
        Work::new(bench, "own-cost", (&Graph::independent(tasks), SLOTS), Action::Program(&bench.noop))?;
    let mut sides = work.sides(bench);
    sides.retain(|side| side.name() != "ninja");
    sides.push(Side::new("spawn", |_| bare(bench, tasks)));
    let runs = alternate(&bench.place, ("goal 5", bench.options.pairs(5)), &sides)?;
    let bare = runs.told("spawn", "child_cpu_us")?;
    let own = |all: Vec<f64>| -> Vec<f64> {
        all.iter().zip(&bare).map(|(all, tasks_us)| all / f64::from(tasks) - tasks_us).collect()
    };
    let cpu_us = |used: &Used| used.cpu_us;
    let ours = own(runs.ours(cpu_us));
    let floor: Theirs = runs.of("floor", cpu_us).map(own);
    let what = format!("own CPU for a task, {tasks} static no-ops, {SLOTS} slots");
    let each = |used: &Used| used.cpu_us / f64::from(tasks);
    Ok(vec![
        Row::of(5, what.clone()).absolute(Unit::Us, ours.clone()).at_most(200.0),
        Row::of(5, what).ratio(Unit::Us, ours, ("floor", floor)).at_most(2.0),
        Row::of(5, "all CPU for such a task, what it uses itself included")
            .ratio(Unit::Us, runs.ours(each), (spawn_name(bench), runs.of("spawn", each)))
            .floor(runs.of("floor", each)),
    ])
}

/// vfork, exec and wait in C; where that is missing, the program of this repository that does the same.
fn bare(bench: &Bench, tasks: u32) -> Command {
    let noop = bench.noop.display().to_string();
    let (tasks, slots) = (tasks.to_string(), SLOTS.to_string());
    match &bench.references.spawn {
        Err(_) => bench.example("bare_spawn", &[tasks, slots, noop]),
        Ok(spawn) => {
            let mut command = Command::new(spawn);
            command.args([&tasks, &slots, "vfork", &noop]);
            command
        }
    }
}

fn spawn_name(bench: &Bench) -> &'static str {
    if bench.references.spawn.is_ok() { "spawn in C" } else { "`bare_spawn`" }
}
