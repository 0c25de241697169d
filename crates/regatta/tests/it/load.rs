//! Load, at a size for every day; `cargo xtask crash --load` is the full one.

use regatta_crash::{fight, load};
use std::path::Path;

/// What an orchestrator or a keeper may take at most.
const MOST_MEMORY_BYTES: u64 = 128 << 20;

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_regatta"))
}

#[test]
fn where_every_fault_is_transient_every_task_completes_whoever_is_killed() {
    let done = load::transient(binary(), (300, 1), (50, 400)).unwrap();
    assert_eq!(done.succeeded, done.tasks, "{done:?}");
    assert!(done.kills > 0 && done.retries > 0, "{done:?}");
}

#[test]
fn an_output_flood_of_64_tasks_leaves_orchestrator_and_keeper_small() {
    let flood = load::flood(binary(), 64, 1 << 20).unwrap();
    let most = flood.orchestrator_bytes.max(flood.keeper_bytes);
    assert!(most > 0 && most <= MOST_MEMORY_BYTES, "{flood:?}");
}

#[test]
fn a_run_may_be_paused_and_resumed_again_and_again() {
    load::pauses(binary(), 20).unwrap();
}

#[test]
fn orchestrators_that_fight_for_the_same_leases_never_hold_them_together_whoever_is_killed() {
    let size = fight::Size { orchestrators: 4, tasks: 8, kills_each: 3, seed: 1 };
    let fight = fight::leases(binary(), size).unwrap();
    assert!(fight.held >= 32 && fight.kills >= 2, "{fight:?}");
}

#[test]
fn a_cancelled_run_leaves_nothing_alive_however_stubborn_it_is() {
    load::abort(binary(), 4).unwrap();
}
