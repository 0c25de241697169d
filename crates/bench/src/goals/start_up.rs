//! Goal 13: how long it takes until something is done: `--version`, and a plan of one task from a new store to the end.

use crate::bench::Bench;
use crate::forms::Action;
use crate::graphs::Graph;
use crate::meter::Used;
use crate::row::{Row, Unit};
use crate::turns::{Side, alternate};
use crate::work::Work;
use regatta_crash::Outcome;
use std::path::Path;
use std::process::Command;

/// They are short: so many turns for each pair.
const TURNS: usize = 5;

/// Both beside ninja.
pub(super) fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let work = Work::new(bench, "one", (&Graph::independent(1), 1), Action::Script("true"))?;
    let ninja = &bench.references.ninja;
    let mut sides = work.sides(bench);
    sides.push(Side::new("--version", |_| version(&bench.regatta)));
    sides.push(Side::with("ninja --version", ninja, |ninja, _| version(ninja)));
    let runs = alternate(&bench.place, ("goal 13", bench.options.pairs(5) * TURNS), &sides)?;
    let wall = Used::wall_ms;
    let ours = runs.of("--version", wall)?;
    Ok(vec![
        Row::of(13, "`--version`, wall")
            .ratio(Unit::Ms, ours, ("ninja", runs.of("ninja --version", wall)))
            .at_most(1.5),
        Row::of(13, "one task from a new store to the end, wall")
            .ratio(Unit::Ms, runs.ours(wall), ("ninja", runs.of("ninja", wall)))
            .floor(runs.of("floor", wall))
            .at_most(5.0),
    ])
}

fn version(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg("--version");
    command
}
