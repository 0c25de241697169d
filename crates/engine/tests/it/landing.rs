//! Spec 6 "States of a merging run": collected, landed, not landed.

use crate::world::World;
use regatta_engine::cause::Cause;
use regatta_engine::effect::Effect;
use regatta_engine::input::{Input, Resumed};
use regatta_engine::report::Usage;

fn lands(world: &World) -> usize {
    world.effects.iter().filter(|(_, e)| *e == Effect::Land).count()
}

#[test]
fn collected_releases_dependants_and_holds_no_slot() {
    let world = World::ran("! max=1; a collects; b(a) collects; c(b)");
    assert_eq!(world.starts(), "a@0 b@10 c@20");
    assert_eq!(world.result(), "a collected, b collected, c succeeded; running");
}

#[test]
fn collected_counts_as_ended_well_for_waves() {
    let world = World::ran("! waves; a collects; b(a) collects");
    assert_eq!(world.starts(), "a@0 b@10");
    assert_eq!(world.only(&["wave_ended"]), "10 wave_ended 0\n20 wave_ended 1");
}

#[test]
fn landing_begins_when_every_node_is_terminal_or_collected() {
    let mut world = World::at(15, "a collects; b collects takes=30; c does=fail");
    assert_eq!(lands(&world), 0);
    world.run();
    assert_eq!(lands(&world), 1);
}

#[test]
fn a_node_is_succeeded_when_it_landed_failed_or_blocked_when_it_did_not() {
    let mut world = World::ran("a collects; b collects; c(b) collects; d collects");
    for (name, cause) in [("b", Cause::MergeConflict), ("c", Cause::Upstream), ("d", Cause::Gate)] {
        world.send(Input::NotLanded { node: world.node(name), cause });
    }
    world.send(Input::Landed { node: world.node("a") });
    world.send(Input::Landed { node: world.node("b") });
    assert_eq!(
        world.result(),
        "a succeeded, b failed (merge_conflict), d failed (gate), c blocked (upstream); partial"
    );
    let last: Vec<String> = world.canonical().lines().filter(|l| l.contains("\"a\"")).map(kind).collect();
    assert_eq!(
        last,
        ["node_ready", "dispatch_started", "dispatch_succeeded", "node_collected", "node_succeeded"]
    );
}

fn kind(line: &str) -> String {
    line.split(r#""kind":""#).nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[test]
fn cancel_makes_collected_nodes_cancelled() {
    let mut world = World::at(15, "a collects; b takes=50; c(a) takes=50");
    world.send(Input::Cancel { node: None });
    world.run();
    assert_eq!(world.result(), "a cancelled (user), b cancelled (user), c cancelled (user); cancelled");
}

#[test]
fn a_landing_that_waits_for_a_person_pauses_the_run_and_is_tried_again_by_whoever_takes_it_up() {
    let mut world = World::ran("a collects");
    assert_eq!(lands(&world), 1);
    world.send(Input::LandingWaits);
    assert_eq!(world.result(), "a collected; paused (waiting)");
    world.send(Input::Resumed(Resumed { epoch: 2, ..Resumed::default() }));
    assert_eq!(lands(&world), 2);
    world.send(Input::Landed { node: world.node("a") });
    assert_eq!(world.result(), "a succeeded; succeeded");
    world.send(Input::LandingWaits);
    assert_eq!(world.result(), "a succeeded; succeeded");
}

#[test]
fn a_pause_holds_the_landing() {
    let mut world = World::at(5, "a collects");
    world.send(Input::Pause);
    world.run();
    assert_eq!(lands(&world), 0);
    world.send(Input::Unpause);
    assert_eq!(lands(&world), 1);
}

#[test]
fn what_an_agent_that_helped_landing_used_counts_for_the_budget_of_the_run() {
    let mut world = World::ran("! budget=100; a collects");
    world.send(Input::HelperSpent { usage: Usage { input_tokens: 100, ..Usage::default() } });
    let told = world.only(&["helper_spent", "budget_exhausted"]);
    assert!(told.contains("helper_spent") && told.contains("budget_exhausted of the run"), "{told}");
}

#[test]
fn collected_counts_as_ended_well_for_rollback_whatever_came_of_it_when_it_was_to_land() {
    let mut world = World::ran(
        "! rollback; a collects undo; b(a) collects undo; c collects undo; x(a) takes=40 does=fail",
    );
    assert_eq!(world.only(&["undo_started"]), "");
    world.send(Input::NotLanded { node: world.node("a"), cause: Cause::NotLanded });
    world.send(Input::NotLanded { node: world.node("b"), cause: Cause::Gate });
    world.send(Input::Landed { node: world.node("c") });
    world.run();
    let undone: Vec<String> =
        world.canonical().lines().filter(|l| l.contains("undo_started")).map(of).collect();
    assert_eq!(undone, ["b", "c", "a"]);
    assert!(world.result().ends_with("failed"), "{}", world.result());
}

#[test]
fn a_red_gate_of_a_landing_rolls_back_what_was_collected() {
    let mut world = World::ran("! rollback; a collects undo; b collects");
    world.send(Input::NotLanded { node: world.node("a"), cause: Cause::Gate });
    world.send(Input::NotLanded { node: world.node("b"), cause: Cause::NotLanded });
    world.run();
    assert_eq!(world.canonical().matches("undo_succeeded").count(), 1);
}

fn of(line: &str) -> String {
    line.split(r#""node_id":""#).nth(1).unwrap().split('"').next().unwrap().to_owned()
}
