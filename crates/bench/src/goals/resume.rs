//! Goal 14: after `kill -9` at half of many tasks, the time from `regatta resume` until the first new start.
//!
//! ```text
//! run, killed when half of the tasks have written a line  ->  resume: [first `dispatch_started` after `run_resumed`]
//! the floor, killed at the same point                     ->  it reads its own journal back, and does no more
//! ninja                                                   ->  a dry run of the same graph
//! ```

use crate::bench::{Bench, SLOTS};
use crate::clock::{now_ms, parse_ms};
use crate::forms::Action;
use crate::graphs::Graph;
use crate::meter;
use crate::row::{Row, Theirs, Unit};
use crate::turns::{Side, alternate};
use crate::work::Work;
use regatta_crash::Outcome;
use regatta_crash::processes::{keeper, kill};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What every task does: a line of two bytes.
const SCRIPT: &str = "echo x >>ran.log";
/// Time between two looks at what has run.
const LOOK: Duration = Duration::from_millis(1);
/// Half of the tasks run within this time.
const PATIENCE: Duration = Duration::from_secs(300);

/// What was measured, in milliseconds, one value for each pair.
struct Found {
    /// The orchestrator was killed, the keeper was met.
    keeper_met: Vec<f64>,
    /// Both were killed.
    keeper_dead: Vec<f64>,
    floor: Theirs,
    ninja: Theirs,
}

/// Both kinds of death beside both references.
pub(super) fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let tasks = bench.options.scaled(10_000, 100);
    let work = Work::new(bench, "resume", (&Graph::independent(tasks), SLOTS), Action::Script(SCRIPT))?;
    let references = &bench.references;
    let mut found = Found { keeper_met: vec![], keeper_dead: vec![], floor: Ok(vec![]), ninja: Ok(vec![]) };
    let pairs = bench.options.pairs(3);
    for pair in 1..=pairs {
        eprintln!("goal 14: pair {pair} of {pairs}");
        found.keeper_met.push(ours(bench, &work, false)?);
        found.keeper_dead.push(ours(bench, &work, true)?);
        more(&mut found.floor, || floor(bench, &work, references.floor.clone()?.as_path()));
        more(&mut found.ninja, || dry_run(bench, &work, references.ninja.clone()?.as_path()));
    }
    let mut rows = Vec::new();
    for (who, ours) in [("orchestrator", found.keeper_met), ("everything", found.keeper_dead)] {
        let row = || Row::of(14, format!("first new start of {tasks} tasks, half done, {who} killed"));
        rows.push(row().ratio(Unit::Ms, ours.clone(), ("floor's read", found.floor.clone())).at_most(10.0));
        rows.push(row().ratio(Unit::Ms, ours, ("ninja -n", found.ninja.clone())).at_most(1.0));
    }
    rows.push(fold(bench)?);
    Ok(rows)
}

/// One more value, unless an earlier one could not be had.
fn more(values: &mut Theirs, one: impl FnOnce() -> Outcome<f64>) {
    if let Ok(before) = values {
        match one() {
            Ok(value) => before.push(value),
            Err(why) => *values = Err(why),
        }
    }
}

/// From the start of `resume` to the first start it decides.
fn ours(bench: &Bench, work: &Work, keeper_too: bool) -> Outcome<f64> {
    let dir = bench.place.fresh("resume")?;
    half(work.ours(bench, &dir), &dir, work.tasks, |pid| {
        // The keeper first: one whose orchestrator is gone is harder to find in time.
        keeper(&dir).filter(|_| keeper_too).into_iter().for_each(kill);
        kill(pid);
    })?;
    let began = now_ms();
    bench.said(&dir, &["resume", "--json"])?;
    let events = bench.said(&dir, &["events"])?;
    first_start(&events).map(|at| at - began).ok_or_else(|| "the resumed run started nothing".to_owned())
}

/// When the first attempt after the last resumption was started.
fn first_start(events: &str) -> Option<f64> {
    let kind = |value: &Value, kind: &str| value["kind"] == kind;
    let events: Vec<Value> = events.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let resumed = events.iter().rposition(|event| kind(event, "run_resumed"))?;
    let start = events[resumed..].iter().find(|event| kind(event, "dispatch_started"))?;
    parse_ms(start["at"].as_str()?)
}

/// The floor reads its journal of half the tasks back.
fn floor(bench: &Bench, work: &Work, program: &Path) -> Outcome<f64> {
    let dir = bench.place.fresh("resume-floor")?;
    half(work.floor(program, &dir), &dir, work.tasks, kill)?;
    let mut fold = Command::new(program);
    fold.arg("fold");
    Ok(meter::measure(&fold, &dir)?.wall_ms())
}

fn dry_run(bench: &Bench, work: &Work, program: &Path) -> Outcome<f64> {
    let dir = bench.place.fresh("resume-ninja")?;
    let mut command = work.ninja(program, &dir);
    command.arg("-n");
    Ok(meter::measure(&command, &dir)?.wall_ms())
}

/// Starts a command and lets it be killed when half of the tasks have run.
fn half(mut command: Command, dir: &Path, tasks: usize, strike: impl FnOnce(u32)) -> Outcome<()> {
    command.current_dir(dir).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|e| format!("cannot start what is to be killed: {e}"))?;
    let (began, log) = (Instant::now(), dir.join("ran.log"));
    let ran = || std::fs::metadata(&log).map_or(0, |log| log.len() / 2);
    while ran() < tasks as u64 / 2 && began.elapsed() < PATIENCE {
        std::thread::sleep(LOOK);
    }
    strike(child.id());
    let status = child.wait().map_err(|e| format!("cannot wait for what was killed: {e}"))?;
    if status.code().is_some() { Err(format!("it ended with {status} before it was killed")) } else { Ok(()) }
}

/// What a fold with every checksum costs beside a bare read of the same rows.
fn fold(bench: &Bench) -> Outcome<Row> {
    let row = Row::of(14, "fold of 40,000 events, verified");
    let ours = Side::new("fold", |_| bench.example("append", &["fold".to_owned(), ".".to_owned()]));
    let runs = alternate(&bench.place, ("goal 14, fold", bench.options.pairs(3)), &[ours])?;
    Ok(row.ratio(Unit::Ms, runs.told("fold", "fold_ms")?, ("bare read", runs.told("fold", "bare_ms"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_start_after_the_last_resumption_counts() {
        let line = |kind: &str, second: u32| {
            format!("{{\"kind\":\"{kind}\",\"at\":\"1970-01-01T00:00:{second:02}.000Z\"}}\n")
        };
        let before = line("dispatch_started", 1) + &line("run_resumed", 2) + &line("dispatch_adopted", 3);
        assert_eq!(first_start(&before), None);
        let events = before + &line("dispatch_started", 4) + &line("dispatch_started", 5);
        assert_eq!(first_start(&events), Some(4_000.0));
    }
}
