//! How long the tasks of a plan took in earlier runs: the median of what was recorded, for tasks without an estimate.
//!
//! The same task is the same id in a plan of the same name (11-semantics "Nodes"). Bounded, because every event that is
//! looked at is verified and read. Knows no schedule; who starts a run pins what is found here.

use regatta_engine::event::{Event, EventKind};
use regatta_engine::outcome::AttemptOutcome;
use regatta_journal::{Reader, RunId, RunSummary, StoreError};
use regatta_plan::Plan;
use std::collections::BTreeMap;

/// Runs of the same plan that are looked at, newest first.
const MOST_RUNS: usize = 5;
/// Runs of the workspace among which they are sought.
const MOST_SOUGHT: usize = 500;
/// Events that are read in all: a run that would go beyond it ends the search.
const MOST_EVENTS: u64 = 250_000;

/// The median duration in milliseconds of each task of `plan` that has no estimate and that succeeded in an earlier run
/// which has ended, by id. A run whose plan another version wrote is passed over.
///
/// # Errors
/// The journal is damaged or cannot be read.
pub fn durations(reader: &Reader, plan: &Plan) -> Result<BTreeMap<String, u64>, StoreError> {
    let wanted = plan.tasks.iter().filter(|task| task.estimate_ms.is_none());
    let mut found: BTreeMap<&str, Vec<u64>> = wanted.map(|task| (task.id.as_str(), Vec::new())).collect();
    if found.is_empty() {
        return Ok(BTreeMap::new());
    }
    let same = |run: &RunSummary| run.plan_name == plan.name && run.state.has_ended();
    let runs = reader.runs(MOST_SOUGHT)?;
    let mut left = MOST_EVENTS;
    for run in runs.iter().filter(|run| same(run)).take(MOST_RUNS) {
        let events = reader.last(&run.run_id)?.0;
        if events > left {
            break;
        }
        left -= events;
        for (task, duration_ms) in of_run(reader, &run.run_id)? {
            if let Some(all) = found.get_mut(task.as_str()) {
                all.push(duration_ms);
            }
        }
    }
    let medians = found.into_iter().filter_map(|(task, all)| Some((task.to_owned(), median(all)?)));
    Ok(medians.collect())
}

/// The tasks that succeeded in a run by an attempt of their own, and how long it took.
fn of_run(reader: &Reader, run: &RunId) -> Result<Vec<(String, u64)>, StoreError> {
    let record = reader.run(run)?;
    let Ok(plan) = serde_json::from_str::<Plan>(&record.run.plan) else { return Ok(Vec::new()) };
    let mut took: Vec<Option<u64>> = vec![None; plan.tasks.len()];
    reader.fold(run, &mut |stored| {
        let Event { kind, .. } = stored.event;
        if let EventKind::DispatchEnded { node, outcome: AttemptOutcome::Succeeded, duration_ms, .. } = kind
            && let Some(slot) = took.get_mut(node.index())
        {
            *slot = Some(duration_ms);
        }
        Ok(())
    })?;
    // Node i is task i of the plan.
    let done = plan.tasks.into_iter().zip(took);
    Ok(done.filter_map(|(task, took)| Some((task.id, took?))).collect())
}

/// The upper one of two middles.
fn median(mut all: Vec<u64>) -> Option<u64> {
    all.sort_unstable();
    all.get(all.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_upper_of_two_middles() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![7]), Some(7));
        assert_eq!(median(vec![9, 1]), Some(9));
        assert_eq!(median(vec![9, 1, 5]), Some(5));
    }
}
