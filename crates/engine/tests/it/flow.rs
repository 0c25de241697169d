//! Spec 11 "Nodes": blocked, skipped, conditions, and the status of a run.

use crate::world::{World, check};

#[test]
fn descendants_of_a_failed_node_are_blocked_and_the_cause_lists_the_direct_ones_sorted() {
    check(
        "a does=fail; b(a); c(b)",
        "a failed (exit), b blocked (upstream a), c blocked (upstream b); failed",
    );
    check(
        "z does=fail; y does=fail; x; a(z,x,y)",
        "x succeeded, y failed (exit), z failed (exit), a blocked (upstream y z); partial",
    );
}

#[test]
fn a_node_is_blocked_only_when_all_its_predecessors_are_terminal() {
    let world = World::at(15, "bad does=fail; slow takes=50; b(bad,slow)");
    assert_eq!((world.state("bad"), world.state("b")), ("failed", "pending"));
}

#[test]
fn continue_does_not_skip_independent_work() {
    check(
        "a does=fail; b(a); c takes=50; d(c); e(d)",
        "a failed (exit), c succeeded, b blocked (upstream a), d succeeded, e succeeded; partial",
    );
}

#[test]
fn when_false_skips_and_does_not_make_a_run_partial() {
    check("a when=false; b", "a skipped (when), b succeeded; succeeded");
    check("a when=true", "a succeeded; succeeded");
    check("a when=false", "a skipped (when); succeeded");
}

#[test]
fn when_is_asked_once_all_predecessors_are_terminal() {
    let world = World::ran("a; slow takes=50; c(a,slow) when=true retry=2 backoff=5 does=fail,ok");
    assert_eq!(world.only(&["condition_evaluated"]), "50 condition_evaluated c");
}

#[test]
fn a_condition_that_fails_is_cause_plan_without_an_attempt() {
    let plan = "a when=oops retry=3; b(a)";
    check(plan, "a failed (plan), b blocked (upstream a); failed");
    assert_eq!(World::ran(plan).starts(), "");
}

#[test]
fn a_dependant_of_a_skipped_node_is_skipped_unless_it_allows_it() {
    check(
        "a when=false; b(a); c(b); d(a) allow_skipped; e(b) allow_skipped",
        "a skipped (when), b skipped (upstream_skipped a), d succeeded, c skipped (upstream_skipped b), \
         e succeeded; succeeded",
    );
}

#[test]
fn blocked_beats_skipped() {
    check(
        "a when=false; b does=fail; c(a,b); d(a,b) allow_skipped; e(a,b) when=false",
        "a skipped (when), b failed (exit), c blocked (upstream b), d blocked (upstream b), \
         e blocked (upstream b); failed",
    );
}

#[test]
fn the_status_of_a_run_follows_from_its_nodes() {
    for (plan, status) in [
        ("! max=1", "succeeded"),
        ("a", "succeeded"),
        ("a; b when=false; c(b)", "succeeded"),
        ("a; b does=fail", "partial"),
        ("a does=fail; b(a)", "failed"),
        ("a does=fail; b when=false", "failed"),
        ("! stop; a; b takes=50 does=fail", "failed"),
        ("! rollback; a; b takes=50 does=fail", "failed"),
        ("! run=20; a; b takes=50", "failed"),
    ] {
        assert_eq!(World::ran(plan).result().rsplit("; ").next(), Some(status), "{plan}");
    }
}
