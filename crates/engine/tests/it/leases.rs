//! Spec 4 "Leases": a node asks for its leases when nothing else holds it back; while others have them it holds nothing.

use crate::world::{World, check_starts};
use regatta_engine::input::Input;

/// A world in which another run holds the leases of `names`, up to its first moment.
fn taken(plan: &str, names: &[&str]) -> World {
    let mut world = World::new(plan);
    for name in names {
        let node = world.node(name);
        world.taken.insert(node, "`x` of run r".into());
    }
    world.begin();
    world.until(0);
    world
}

fn freed(world: &mut World) {
    world.taken.clear();
    world.turn(vec![Input::LeasesFreed]);
}

#[test]
fn a_free_lease_is_asked_for_in_the_turn_of_the_start() {
    check_starts("a lease=db takes=5; b lease=db takes=5; c", "a@0 c@0 b@5");
    let world = World::ran("a lease=db");
    insta::assert_snapshot!(world.only(&["lease_acquired", "dispatch_started", "lease_released"]), @r"
    0 lease_acquired a
    0 dispatch_started a 1
    10 lease_released a
    ");
    world.replays();
}

#[test]
fn what_waits_for_a_lease_holds_no_slot_and_others_pass_it() {
    let mut world = taken("! max=1; a P0 lease=db takes=5; b takes=5; c takes=5", &["a"]);
    assert_eq!(world.starts(), "b@0");
    world.until(7);
    assert_eq!(world.starts(), "b@0 c@5");
    freed(&mut world);
    world.run();
    assert_eq!(world.starts(), "b@0 c@5 a@10");
    world.replays();
}

#[test]
fn what_waits_for_a_lease_of_its_own_holds_up_no_equal() {
    // Nobody else in this run claims it, so by what the caps see the two are alike.
    let world = taken("a lease=db; b", &["a"]);
    assert_eq!(world.starts(), "b@0");
}

#[test]
fn explain_names_the_lease_and_who_has_it() {
    let world = taken("a lease=db; b", &["a"]);
    assert_eq!(world.why("a"), "held back by lock `db`, held by `x` of run r");
}

#[test]
fn only_who_could_start_at_once_stands_in_the_line() {
    // With the one slot in use, and while the run is paused, the place in the line is given up.
    let mut world = taken("! max=1; a P0 lease=db; b takes=5", &["a"]);
    assert_eq!(world.only(&["lease_awaited", "lease_wait_ended"]), "0 lease_awaited a\n0 lease_wait_ended a");
    world.until(5);
    assert!(world.engine.state().awaits_leases());
    world.turn(vec![Input::Pause]);
    assert!(!world.engine.state().awaits_leases());
}

#[test]
fn a_node_that_ends_while_it_waits_leaves_the_line_first() {
    let mut world = taken("a lease=db; b", &["a"]);
    let node = world.node("a");
    world.turn(vec![Input::Skip { node }]);
    world.run();
    let told = world.only(&["lease_awaited", "lease_wait_ended", "node_skipped"]);
    assert_eq!(told, "0 lease_awaited a\n0 lease_wait_ended a\n0 node_skipped a user");
}

#[test]
fn a_run_that_only_waits_for_leases_is_not_over_and_does_not_wait_for_a_person() {
    let mut world = taken("a lease=db; b(a)", &["a"]);
    world.run();
    assert_eq!(world.result(), "a ready, b pending; running");
    assert_eq!(world.left, None);
    freed(&mut world);
    world.run();
    assert_eq!(world.result(), "a succeeded, b succeeded; succeeded");
}

#[test]
fn a_new_orchestrator_asks_anew() {
    let mut world = taken("a lease=db", &["a"]);
    world.crash(false);
    assert_eq!(world.only(&["lease_awaited", "lease_wait_ended"]).lines().count(), 3);
    freed(&mut world);
    world.run();
    assert_eq!(world.result(), "a succeeded; succeeded");
}

#[test]
fn sequential_waits_with_the_node_whose_turn_it_is() {
    let mut world = taken("! sequential; a lease=db; b", &["a"]);
    world.until(50);
    assert_eq!(world.starts(), "");
    freed(&mut world);
    world.run();
    assert_eq!(world.starts(), "a@50 b@60");
}
