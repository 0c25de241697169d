//! `kill -9` of the orchestrator, of the keeper and of both at fault points of real runs: each run ends as the
//! undisturbed one. A seeded sample of what `cargo xtask crash` does at every passage of every point.

use crate::world::{World, ends};
use regatta_crash::matrix::{self, Report, Share};
use regatta_crash::plans::{self, Plan};
use regatta_crash::processes::keeper;
use regatta_crash::table;
use regatta_fault::POINTS;
use regatta_rng::Rng;
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::os::unix::net::UnixListener;
use std::path::Path;

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_regatta"))
}

fn sample(plans: &[Plan], share: Share) -> Report {
    let (mut report, mut rng) = (Report::default(), Rng::new(1, 0));
    for plan in plans {
        report.merge(matrix::run(plan, binary(), (share, &mut rng)).unwrap());
    }
    assert!(report.failures.is_empty(), "{}", report.failures.join("\n\n"));
    report
}

#[test]
fn after_kill_9_at_any_instant_the_run_ends_as_the_undisturbed_one() {
    let report = sample(&[plans::layers(), plans::fat(), plans::asks(binary())], Share::Each(1));
    for (point, what) in POINTS {
        assert!(report.passages.contains_key(point), "fault point {point} is never reached: {what}");
    }
    assert!(report.kills() > 70, "only {}\n{}", table::totals(&report), table::text(&report));
}

/// A plan of one task, and a kill at a point of its run.
fn killed_at(fault: &str, code: Option<i32>) -> World {
    let mut world =
        World::with("version: 1\ntasks:\n  - { id: a, effect: idempotent, run: 'echo a >>done' }\n");
    world.set("REGATTA_FAULT", fault);
    world.set("REGATTA_FAULT_FIRED", &world.path("fired").display().to_string());
    let said = world.regatta(&["run", "plan.yaml"]);
    assert_eq!(said.code, code, "{}{}", said.out, said.err);
    assert!(world.path("fired").exists(), "{fault} is not reached");
    world.unset("REGATTA_FAULT");
    world
}

#[test]
fn a_death_while_a_snapshot_is_written_leaves_none_that_lacks_its_end() {
    for n in 1..=3 {
        let world = killed_at(&format!("snapshot.written:{n}"), None);
        world.regatta(&["resume"]).exits(0);
        world.regatta(&["replay"]).exits(0);
        assert!(world.run_dir().join("attempts.snapshot.json").metadata().unwrap().len() > 0);
    }
}

#[test]
fn a_keeper_that_is_killed_before_it_listens_is_replaced() {
    let world = killed_at("keeper.ready:1", Some(0));
    assert_eq!(world.read("done"), "a\n");
}

#[test]
fn a_keeper_whose_orchestrator_died_in_the_last_turn_is_let_go_by_resume() {
    let world = killed_at("commit.after:2", None);
    assert_eq!(world.regatta(&["status", "--json"]).json()["status"], "succeeded");
    assert!(keeper(world.root()).is_some(), "it owns an end that nobody has acknowledged");
    world.regatta(&["resume"]).exits(0);
    assert_eq!(keeper(world.root()), None);
}

#[test]
fn a_run_that_somebody_held_only_for_a_moment_is_resumed_all_the_same() {
    let world = killed_at("start.before:1", None);
    let held = File::open(world.run_dir().join("lock")).unwrap();
    flock(&held, FlockOperation::NonBlockingLockExclusive).unwrap();
    // Whoever records a command holds the run and hears nobody: the knock tells that `resume` has seen it held.
    std::fs::remove_file(world.run_dir().join("c")).unwrap();
    let door = UnixListener::bind(world.run_dir().join("c")).unwrap();
    let mut child = world.start(&["resume"]);
    let (knock, _) = door.accept().unwrap();
    std::fs::remove_file(world.run_dir().join("c")).unwrap();
    drop((door, held, knock));
    assert_eq!(ends(&mut child), Some(0));
    assert_eq!(world.regatta(&["status", "--json"]).json()["status"], "succeeded");
    assert_eq!(world.read("done"), "a\n");
}
