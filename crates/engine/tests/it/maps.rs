//! Spec 3 and 11 "for_each": a map comes to its items when all that it waits for is settled.

use crate::world::{World, check};
use regatta_engine::input::Input;

const MAP: &str = "m[1](a) takes=7; m[2](a); m[3](a)";

#[test]
fn a_map_runs_once_for_each_item_and_its_dependants_wait_for_all() {
    let world = World::ran(&format!("! max=2; a; m[0](a) items=2; {MAP}; z(m[0],m[1],m[2],m[3])"));
    insta::assert_snapshot!(world.result(), @"a succeeded, m[0] succeeded, m[1] succeeded, z succeeded; succeeded");
    insta::assert_snapshot!(world.only(&["node_expanded", "dispatch_started", "wave_ended"]), @r"
    0 dispatch_started a 1
    10 wave_ended 0
    10 node_expanded m[0]
    10 dispatch_started m[0] 1
    10 dispatch_started m[1] 1
    20 wave_ended 1
    20 dispatch_started z 1
    30 wave_ended 2
    ");
}

#[test]
fn a_map_over_nothing_is_no_obstacle() {
    check(
        &format!("a; m[0](a) items=0; {MAP}; z(m[0],m[1],m[2],m[3])"),
        "a succeeded, z succeeded; succeeded",
    );
    check("m[0] items=0; m[1]; z(m[0],m[1])", "z succeeded; succeeded");
}

#[test]
fn a_map_over_what_is_no_list_fails_once_and_blocks_its_dependants() {
    check(
        &format!("a; m[0](a) items=nonsense; {MAP}; z(m[0],m[1],m[2],m[3])"),
        "a succeeded, m[0] failed (VARIABLE_RESOLUTION_ERROR), z blocked (upstream m[0]); partial",
    );
}

#[test]
fn more_items_than_slots_fail_the_map() {
    check("m[0] items=3; m[1]", "m[0] failed (VARIABLE_RESOLUTION_ERROR); failed");
}

#[test]
fn one_bad_item_leaves_the_others_alone() {
    check(
        "m[0] items=3; m[1] does=fail; m[2]; m[3]; z(m[0],m[1],m[2],m[3])",
        "m[0] succeeded, m[1] failed (exit), m[2] succeeded, z blocked (upstream m[1]); partial",
    );
}

#[test]
fn until_its_list_is_known_a_map_is_one_node() {
    check(
        &format!("a does=fail; m[0](a) items=4; {MAP}; z(m[0],m[1],m[2],m[3])"),
        "a failed (exit), m[0] blocked (upstream a), z blocked (upstream m[0]); failed",
    );
    check(
        &format!("a when=false; m[0](a) items=4; {MAP}; z(m[1])"),
        "a skipped (when), m[0] skipped (upstream_skipped a), z skipped (upstream_skipped m[0]); succeeded",
    );
    let world = World::at(5, &format!("a; m[0](a) items=4; {MAP}"));
    assert_eq!(world.result(), "a running, m[0] pending; running");
    assert_eq!((world.engine.state().shown(), world.engine.state().open()), (2, 2));
}

#[test]
fn who_needs_one_item_of_a_map_without_a_list_shares_the_fate_of_the_map() {
    for (a, why) in
        [("does=fail", "m[0] blocked (upstream a)"), ("", "m[0] failed (VARIABLE_RESOLUTION_ERROR)")]
    {
        let world = World::ran(&format!("a {a}; m[0](a) items=nonsense; {MAP}; z(m[2])"));
        assert!(world.result().contains(why), "{}", world.result());
        assert!(world.result().contains("z blocked (upstream m[0])"), "{}", world.result());
    }
    check("m[0] items=1; m[1]; z(m[1])", "m[0] succeeded, z succeeded; succeeded");
}

#[test]
fn what_follows_many_absent_items_is_asked_about_once() {
    let world = World::ran(&format!(
        "! reuse; a; m[0](a) items=0; {MAP}; y(m[0],m[1],m[2],m[3]) when=true done_before; w(y) done_before"
    ));
    insta::assert_snapshot!(world.only(&["condition_evaluated", "node_reused"]), @r"
    10 condition_evaluated y
    10 node_reused y
    10 node_reused w
    ");
}

#[test]
fn each_item_has_a_condition_of_its_own() {
    check(
        "m[0] items=3 when=false; m[1] when=true; m[2] when=oops; m[3] when=true; z(m[0],m[1],m[2],m[3]) allow_skipped",
        "m[0] skipped (when), m[1] succeeded, m[2] failed (plan), z blocked (upstream m[2]); partial",
    );
}

#[test]
fn items_go_in_the_order_of_the_list_and_not_of_their_names() {
    let slots: String = (1..12).map(|i| format!("; m[{i}]")).collect();
    let world = World::ran(&format!("! max=1; m[0] items=12{slots}"));
    let expected: Vec<String> = (0..12).map(|i| format!("m[{i}]")).collect();
    assert_eq!(
        world.result(),
        expected.iter().map(|m| format!("{m} succeeded")).collect::<Vec<_>>().join(", ") + "; succeeded"
    );
    let started = world.only(&["dispatch_started"]);
    let started: Vec<&str> = started.lines().map(|line| line.split(' ').nth(2).unwrap()).collect();
    assert_eq!(started, expected);
}

#[test]
fn a_stopping_run_expands_no_map_and_a_cancelled_one_ends_it_whole() {
    check(
        &format!("! stop; bad does=fail; a takes=20; m[0](a) items=4; {MAP}"),
        "a succeeded, bad failed (exit), m[0] skipped (stopped); failed",
    );
    let mut world = World::at(5, &format!("a; m[0](a) items=4; {MAP}"));
    world.send(Input::Cancel { node: None });
    world.run();
    assert_eq!(world.result(), "a cancelled (user), m[0] cancelled (user); cancelled");
}

#[test]
fn what_nobody_sees_nobody_can_skip_or_cancel() {
    let mut world = World::at(5, &format!("a; m[0](a) items=1; {MAP}"));
    let hidden = world.node("m[2]");
    world.send(Input::Skip { node: hidden });
    world.send(Input::Cancel { node: Some(hidden) });
    world.run();
    assert_eq!(world.result(), "a succeeded, m[0] succeeded; succeeded");
}

#[test]
fn a_map_that_was_skipped_by_a_person_is_skipped_whole() {
    let mut world = World::at(5, &format!("a; m[0](a) items=4; {MAP}; z(m[0],m[1],m[2],m[3])"));
    world.send(Input::Skip { node: world.node("m[0]") });
    world.run();
    assert_eq!(
        world.result(),
        "a succeeded, m[0] skipped (user), z skipped (upstream_skipped m[0]); partial"
    );
}

#[test]
fn a_crash_before_and_after_the_list_is_known_changes_nothing() {
    let plan = format!("! max=2; a pure; m[0](a) items=3 pure; {MAP}; z(m[0],m[1],m[2],m[3])")
        .replace("m[1](a)", "m[1](a) pure");
    let plan = plan.replace("m[2](a)", "m[2](a) pure");
    let whole = World::ran(&plan);
    for at in [0, 5, 10, 15, 25] {
        let mut world = World::at(at, &plan);
        world.crash(true);
        world.run();
        assert_eq!((world.result(), world.canonical()), (whole.result(), whole.canonical()), "at {at}");
    }
}

#[test]
fn the_canonical_log_tells_the_items_and_no_others() {
    let log = World::ran(&format!("a; m[0](a) items=2; {MAP}")).canonical();
    let lines: Vec<String> = log
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            format!(
                "{} {} {}",
                line["key"].as_str().unwrap(),
                line["kind"].as_str().unwrap(),
                line["node_id"].as_str().unwrap_or("-")
            )
        })
        .filter(|line| line.contains("m[") || line.contains("wave"))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    0.0.0.1 wave_started -
    0.1.0.0 wave_ended -
    1.0.0.1 wave_started -
    1.0.0.5 node_expanded m[0]
    1.0.1.0 node_ready m[0]
    1.0.1.1 dispatch_started m[0]
    1.0.1.2 dispatch_succeeded m[0]
    1.0.1.4 node_succeeded m[0]
    1.1.1.0 node_ready m[1]
    1.1.1.1 dispatch_started m[1]
    1.1.1.2 dispatch_succeeded m[1]
    1.1.1.4 node_succeeded m[1]
    1.4.0.0 wave_ended -
    ");
}

#[test]
fn work_that_an_earlier_run_did_is_found_for_each_item() {
    check(
        "! reuse; m[0] items=2 done_before; m[1]; m[2] done_before",
        "m[0] succeeded, m[1] succeeded; succeeded",
    );
}

#[test]
fn the_schedule_knows_a_map_by_its_first_item() {
    let hash = |text: &str| {
        let world = World::new(text);
        regatta_engine::schedule::hash(world.engine.graph())
    };
    assert_eq!(hash("a; m[0](a); m[1](a); z(m[0],m[1])"), hash("a; m[0](a); z(m[0])"));
}
