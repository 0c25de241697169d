//! Goal 6, first half: the most memory that orchestrator and keeper ever had during a run of many tasks.
//!
//! Both are looked at while they live; the system keeps the peak of each, so a look late in the run sees it.

use crate::bench::{Bench, SLOTS};
use crate::forms::Action;
use crate::graphs::Graph;
use crate::row::{Row, Unit};
use crate::work::Work;
use regatta_crash::Outcome;
use regatta_crash::processes::{keeper, peak_bytes};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(2);

/// The sum of both peaks.
pub(super) fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let tasks = bench.options.scaled(1_000, 100);
    let work = Work::new(bench, "memory", (&Graph::independent(tasks), SLOTS), Action::Script("true"))?;
    let (mut both, mut of_keeper) = (Vec::new(), Vec::new());
    for pair in 1..=bench.options.pairs(3) {
        eprintln!("goal 6: run {pair}");
        let (orchestrator, keeper) = peaks(bench, &work, &bench.place.fresh("memory")?)?;
        both.push((orchestrator + keeper) as f64 / f64::from(1 << 20));
        of_keeper.push(keeper as f64 / f64::from(1 << 20));
    }
    Ok(vec![
        Row::of(6, format!("orchestrator + keeper, {tasks} tasks, {SLOTS} slots"))
            .absolute(Unit::Mib, both)
            .at_most(24.0),
        Row::of(6, "of that the keeper").absolute(Unit::Mib, of_keeper),
    ])
}

/// The peaks of orchestrator and keeper, in bytes.
fn peaks(bench: &Bench, work: &Work, dir: &Path) -> Outcome<(u64, u64)> {
    let mut command = work.ours(bench, dir);
    let mut child =
        command.stdout(Stdio::null()).spawn().map_err(|e| format!("cannot start regatta: {e}"))?;
    let (mut orchestrator, mut of_keeper, mut found) = (0, 0, None);
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|e| format!("cannot wait for regatta: {e}"))? {
            break status;
        }
        found = found.or_else(|| keeper(dir));
        orchestrator = peak_bytes(child.id()).max(orchestrator);
        of_keeper = found.map_or(0, peak_bytes).max(of_keeper);
        std::thread::sleep(LOOK);
    };
    match (status.success(), of_keeper) {
        (false, _) => Err(format!("`run` ended with {status}")),
        (true, 0) => Err("no keeper was seen".to_owned()),
        (true, _) => Ok((orchestrator, of_keeper)),
    }
}
