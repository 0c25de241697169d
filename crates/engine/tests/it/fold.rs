//! Spec 2, laws 2, 6 and 7: the one fold takes what was decided and refuses what cannot have happened.
//!
//! At recovery an event that does not fit is damage: a typed error, never a panic.

use crate::canonical::every_kind;
use crate::random::{Rng, plan};
use crate::world::World;
use regatta_engine::Engine;
use regatta_engine::event::{Event, EventKind};
use regatta_engine::ids::{AttemptId, NodeId, Timestamp};

/// The names of the kinds that an engine takes next.
fn taken(engine: &Engine) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = every_kind()
        .into_iter()
        .filter(|kind| engine.clone().apply(&Event { at: engine.now(), kind: kind.clone() }).is_ok())
        .map(|kind| kind.name())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[test]
fn terminal_is_terminal_in_the_fold() {
    let world = World::ran("a; b(a); c(a)");
    assert_eq!(taken(&world.engine), ["report_ignored"]);
    let mut again = world.engine.clone();
    for event in &world.events {
        assert!(again.apply(&Event { at: again.now(), kind: event.kind.clone() }).is_err(), "{event:?}");
    }
}

#[test]
fn only_a_start_or_new_limits_fit_a_new_run() {
    let new = World::new("a; b(a); c(a)").engine;
    assert_eq!(taken(&new), ["limits_changed", "report_ignored", "run_started"]);
}

#[test]
fn an_event_that_does_not_fit_says_where_the_fold_stood() {
    let world = World::at(5, "a; b(a)");
    let error =
        |at, kind| world.engine.clone().apply(&Event { at: Timestamp(at), kind }).unwrap_err().to_string();
    let (node, attempt) = (NodeId(1), AttemptId(7));
    let adopted = |node| EventKind::DispatchAdopted { node, attempt };
    assert_eq!(error(9, adopted(node)), "event `dispatch_adopted` is not possible while node 1 is pending");
    assert_eq!(
        error(9, adopted(NodeId(2))),
        "event `dispatch_adopted` is not possible for a node that does not exist"
    );
    let started = EventKind::RunStarted { schedule_plan_hash: "".into() };
    assert_eq!(error(9, started), "event `run_started` is not possible while the run is Running");
    let mut world = World::at(15, "a; b(a)");
    world.send(regatta_engine::input::Input::Pause);
    let resumed = Event { at: Timestamp(3), kind: EventKind::RunResumed { epoch: 1 } };
    assert_eq!(
        world.engine.clone().apply(&resumed).unwrap_err().to_string(),
        "event `run_resumed` is not possible before the event that precedes it"
    );
}

#[test]
fn a_damaged_journal_is_an_error_and_never_a_panic() {
    let mut refused = 0;
    for seed in 0..150 {
        let world = World::ran(&plan(seed, 1, 20));
        let mut rng = Rng::new(seed);
        let mut events = world.events.clone();
        let (i, j) = (rng.below(events.len() as u64) as usize, rng.below(events.len() as u64) as usize);
        match seed % 3 {
            0 => drop(events.remove(i)),
            1 => events.insert(i, events[j].clone()),
            _ => events.swap(i, j),
        }
        let mut engine = Engine::new(world.script.graph.clone(), world.script.config.clone());
        refused += u32::from(events.iter().any(|event| engine.apply(event).is_err()));
    }
    assert!(refused > 100, "{refused}");
}
