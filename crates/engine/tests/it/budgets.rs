//! Spec 5 "Usage": budgets warn at 80 %, stop starting at 100 %, and end what runs if they are hard.

use crate::world::{World, check_starts};
use regatta_engine::budget::{Budget, Level, Spent};

const BUDGET: [&str; 2] = ["budget_warned", "budget_exhausted"];

/// The lines of the journal of `plan` about budgets and about the ends of nodes.
#[track_caller]
fn check(plan: &str, expect: &[&str]) {
    let kinds = [BUDGET.as_slice(), &["node_failed", "node_exhausted", "node_blocked", "run_ended"]].concat();
    assert_eq!(World::ran(plan).only(&kinds).lines().collect::<Vec<_>>(), expect, "plan: {plan}");
}

#[test]
fn a_run_warns_at_80_percent_and_starts_no_agent_at_100_while_other_work_goes_on() {
    let plan = "! max=1 budget=100; a P0 agent=x burns=80; b P0 agent=x burns=20; c P1 agent=x; d(c); e";
    check_starts(plan, "a@0 b@10 e@20");
    let expect = [
        "10 budget_warned of the run",
        "20 budget_exhausted of the run",
        "20 node_failed c budget",
        "20 node_blocked d upstream",
        "30 run_ended partial",
    ];
    check(plan, &expect);
}

#[test]
fn a_task_over_its_own_budget_is_not_tried_again_and_others_are() {
    let plan = "a agent=x retry=3 backoff=1 does=fail burns=60 budget=100; b agent=x retry=2 backoff=1 does=fail,ok burns=60";
    check_starts(plan, "a@0 b@0 a@11 b@11");
    let expect = ["21 budget_exhausted a", "21 node_failed a budget", "21 run_ended partial"];
    check(plan, &expect);
}

#[test]
fn an_attempt_that_succeeds_is_good_whatever_it_used() {
    check("a agent=x burns=1000 budget=10", &["10 budget_exhausted a", "10 run_ended succeeded"]);
}

#[test]
fn a_hard_budget_ends_the_agents_that_run_and_nothing_else() {
    let plan = "! hard_budget=10; a agent=x burns=10; b agent=y takes=90; c takes=50";
    let kinds = ["dispatch_ending", "dispatch_failed", "node_failed", "node_succeeded"];
    let expect = [
        "10 dispatch_ending b budget",
        "10 node_succeeded a",
        "11 dispatch_failed b budget",
        "11 node_failed b budget",
        "50 node_succeeded c",
    ];
    let found = World::ran(plan).only(&kinds);
    assert_eq!(found.lines().collect::<Vec<_>>(), expect);
}

#[test]
fn the_part_of_a_budget_that_is_used_up_most_counts() {
    let budget = Budget { tokens: Some(1_000), micro_usd: Some(10), hard: false };
    let check = |tokens: u64, micro_usd: u64, expect: Option<Level>| {
        assert_eq!(budget.level(Spent { tokens, micro_usd }), expect, "{tokens} {micro_usd}");
    };
    check(799, 7, None);
    check(800, 0, Some(Level::Near));
    check(0, 8, Some(Level::Near));
    check(799, 10, Some(Level::Full));
    check(u64::MAX, u64::MAX, Some(Level::Full));
}
