//! Goal 20: what a call of a tool costs as a task of a run, beside the same call made directly by a bare client.
//!
//! ```text
//! overhead of a call = (wall of the run - wall of the bare client) / calls
//! ```
//! Both start the same server, in the same turn, with as many calls under way at a time. What a call costs more is held against
//! a task of the same number that does nothing: a process of its own, and a place in the journal, are the price of both.

use crate::bench::{Bench, SLOTS};
use crate::echo::{DIRECT, SERVER, TOOL};
use crate::forms::Action;
use crate::graphs::Graph;
use crate::meter::Used;
use crate::row::{Row, Unit};
use crate::turns::{Side, alternate};
use crate::work::Work;
use regatta_crash::Outcome;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// What a call costs more than the bare client is at most so many tasks that do nothing.
const MOST: f64 = 8.0;

type Figure = fn(&Used) -> f64;

/// The overhead of a call, in wall time and CPU.
pub(super) fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let calls = bench.options.scaled(500, 20);
    let program = std::env::current_exe().map_err(|e| format!("this program is nowhere: {e}"))?;
    let plan = bench.place.file("tool-calls.json", &plan(&program, calls).to_string())?.display().to_string();
    let nothing =
        Work::new(bench, "nothing", (&Graph::independent(calls), SLOTS), Action::Program(&bench.noop))?;
    let sides = [
        Side::new("calls", |dir| bench.regatta(dir, &["run", &plan, "--json"])),
        Side::new("bare client", |_| {
            let mut command = Command::new(&program);
            command.arg(DIRECT).args([calls.to_string(), SLOTS.to_string()]);
            command
        }),
        Side::new("tasks", |dir| nothing.ours(bench, dir)),
    ];
    let runs = alternate(&bench.place, ("goal 20", bench.options.pairs(5)), &sides)?;
    let each = |figure: Figure| move |used: &Used| figure(used) / f64::from(calls);
    let over = |figure: Figure| -> Outcome<Vec<f64>> {
        let bare = runs.of("bare client", each(figure))?;
        Ok(runs.ours(each(figure)).iter().zip(bare).map(|(ours, bare)| ours - bare).collect())
    };
    let what = format!("{calls} calls of a tool, {SLOTS} slots: overhead of a call");
    let beside = |what: &str, figure| -> Outcome<Row> {
        let row = Row::of(20, what).absolute(Unit::Ms, over(figure)?);
        Ok(row.beside("bare client", runs.of("bare client", each(figure))))
    };
    let (wall, cpu): (Figure, Figure) = (Used::wall_ms, Used::cpu_ms);
    let tasks = ("a task that does nothing", runs.of("tasks", each(wall)));
    Ok(vec![
        Row::of(20, format!("{what}, wall")).ratio(Unit::Ms, over(wall)?, tasks).at_most(MOST),
        beside("the same in ms, wall", wall)?,
        beside("the same in ms, CPU", cpu)?,
    ])
}

fn plan(program: &Path, calls: u32) -> Value {
    let tool = format!("bench/{TOOL}");
    let task = |n: u32| json!({ "id": format!("t{n}"), "tool": tool, "params": { "n": n } });
    json!({ "version": 1, "effect": "idempotent", "limits": { "max_parallel": SLOTS },
        "mcp_servers": { "bench": { "command": program, "args": [SERVER] } },
        "tasks": (0..calls).map(task).collect::<Vec<_>>() })
}
