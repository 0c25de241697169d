//! Spec 10 "Gates": nodes that a person decides.

use crate::world::World;
use regatta_engine::input::{Answer, Input};

const TWO: &str = "! max=1; a; g(a) asks=ok; b(g); c(a) takes=30";

fn answer(world: &World, node: &str, answer: Answer) -> Input {
    Input::Answered { node: world.node(node), answer }
}

#[test]
fn a_person_is_asked_as_soon_as_a_node_is_ready_and_holds_no_slot() {
    let mut world = World::ran(TWO);
    assert_eq!(world.starts(), "a@0 c@10");
    assert_eq!(world.only(&["node_in_doubt"]).lines().count(), 1);
    assert_eq!(world.state("g"), "in_doubt");
    let why = world.why("g");
    assert_eq!(why, "a person must answer: gate `ok` asks: may it go on?");
    world.send(answer(&world, "g", Answer::Succeeded(None)));
    world.run();
    assert_eq!(world.result(), "a succeeded, c succeeded, g succeeded, b succeeded; succeeded");
}

#[test]
fn a_no_fails_the_node_and_again_means_nothing() {
    for leave_first in [false, true] {
        let mut world = World::ran(TWO);
        let events = world.events.len();
        world.send(answer(&world, "g", Answer::Again));
        assert_eq!(world.events.len(), events);
        let no = answer(&world, "g", Answer::Failed);
        if leave_first {
            world.take_over(false, vec![no]);
        } else {
            world.send(no);
        }
        world.run();
        assert_eq!(
            world.result(),
            "a succeeded, c succeeded, g failed (refused), b blocked (upstream g); partial"
        );
    }
}

#[test]
fn the_result_of_an_answer_is_kept_by_an_id_that_no_attempt_has() {
    let world = World::ran("g asks=ok; h asks=also; a takes=50; b(a)");
    let ids: Vec<String> = world
        .events
        .iter()
        .filter(|event| ["node_in_doubt", "dispatch_started"].contains(&event.kind.name()))
        .filter_map(|event| Some(event.kind.attempt()?.to_string()))
        .collect();
    let mut distinct = ids.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!((ids.len(), distinct.len()), (4, 4), "{ids:?}");
}

#[test]
fn a_run_that_stops_asks_nobody_any_more() {
    let world = World::ran("! stop; g asks=ok; a does=fail; b(g)");
    assert_eq!(world.result(), "a failed (exit), g skipped (stopped), b skipped (stopped); failed");
}

#[test]
fn nobody_is_asked_after_a_node_that_was_to_succeed_and_was_skipped() {
    let plan = "a; l when=false; m(a,l) allow_skipped; g(m) asks=ok+a+l; b(g)";
    let mut world = World::ran(plan);
    assert_eq!(world.why("g"), "failed: not asked, because it needs `l` to have passed");
    assert_eq!(
        world.result(),
        "a succeeded, l skipped (when), m succeeded, g failed (red_gate l), b blocked (upstream g); partial"
    );
    world = World::ran(&plan.replace("when=false", "when=true"));
    assert_eq!(world.state("g"), "in_doubt");
}
