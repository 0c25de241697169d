//! The reference model: what must come out of a scenario, worked out without the engine.
//!
//! Reads the scenario only; imports none of the engine's decisions. Holds for `on_failure: continue`, where no
//! outcome depends on timing; breakers and rate limits make waiting longer and change no outcome (`when_open: wait`).

use crate::scenario::{Condition, Fate, Scenario};
use regatta_engine::input::Expansion;
use std::collections::BTreeMap;

/// What must have become of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expected {
    /// The name of its terminal state.
    pub state: &'static str,
    /// The names of the results of its attempts that count.
    pub attempts: Vec<&'static str>,
    /// It is a slot of a map for which there is no item.
    pub absent: bool,
}

/// What must become of every node, by index.
#[must_use]
pub fn expect(scenario: &Scenario) -> Vec<Expected> {
    let nodes = &scenario.spec.nodes;
    let mut done: BTreeMap<usize, Expected> = BTreeMap::new();
    while done.len() < nodes.len() {
        let before = done.len();
        for (i, node) in nodes.iter().enumerate() {
            let needs: Option<Vec<&Expected>> = node.needs.iter().map(|&p| done.get(&(p as usize))).collect();
            let Some(needs) = needs.filter(|_| !done.contains_key(&i)) else { continue };
            // Nobody waits for what is absent.
            let states: Vec<&str> = needs.iter().filter(|need| !need.absent).map(|need| need.state).collect();
            done.insert(i, expect_slot(scenario, i, &states));
        }
        assert!(done.len() > before, "the scenario has a cycle");
    }
    done.into_values().collect()
}

/// A slot of a map, or any other node: what the first slot comes to without a list it comes to for all.
fn expect_slot(scenario: &Scenario, i: usize, needs: &[&str]) -> Expected {
    let maps = scenario.spec.maps.iter().zip(&scenario.items);
    let mut places =
        maps.filter_map(|(slots, items)| Some((slots.iter().position(|&slot| slot as usize == i)?, items)));
    let Some((index, items)) = places.next() else { return expect_node(scenario, i, needs) };
    let absent = Expected { state: "skipped", attempts: vec![], absent: true };
    let upstream = expect_upstream(scenario, i, needs);
    match (upstream, items) {
        (Some(_), _) | (None, Expansion::Error(_)) if index > 0 => absent,
        (Some(upstream), _) => upstream,
        (None, Expansion::Error(_)) => without_attempt("failed"),
        (None, Expansion::Items(items)) if index >= *items as usize => absent,
        (None, Expansion::Items(_)) => expect_node(scenario, i, needs),
    }
}

fn without_attempt(state: &'static str) -> Expected {
    Expected { state, attempts: vec![], absent: false }
}

/// What its predecessors make of a node, if they decide.
fn expect_upstream(scenario: &Scenario, i: usize, needs: &[&str]) -> Option<Expected> {
    let policy = &scenario.spec.policies[scenario.spec.nodes[i].policy as usize];
    if needs.iter().any(|s| !matches!(*s, "succeeded" | "skipped")) {
        return Some(without_attempt("blocked"));
    }
    (needs.contains(&"skipped") && !policy.allow_skipped).then(|| without_attempt("skipped"))
}

fn expect_node(scenario: &Scenario, i: usize, needs: &[&str]) -> Expected {
    let policy = &scenario.spec.policies[scenario.spec.nodes[i].policy as usize];
    if let Some(upstream) = expect_upstream(scenario, i, needs) {
        return upstream;
    }
    if policy.conditional {
        match scenario.conditions[i] {
            Condition::True => {}
            Condition::False => return without_attempt("skipped"),
            Condition::Error => return without_attempt("failed"),
        }
    }
    if (scenario.config.reuse || policy.cache) && scenario.done_before[i] {
        return without_attempt("succeeded");
    }
    if scenario.is_persons(i) {
        let yes = scenario.fate(i, 1) == Fate::Succeed;
        return without_attempt(if yes { "succeeded" } else { "failed" });
    }
    expect_attempts(scenario, i, policy.retry.max_attempts)
}

fn expect_attempts(scenario: &Scenario, i: usize, max_attempts: u32) -> Expected {
    let mut attempts = Vec::new();
    for number in 1..=max_attempts {
        match scenario.fate(i, number) {
            Fate::Succeed => {
                attempts.push("succeeded");
                return Expected { state: "succeeded", attempts, absent: false };
            }
            Fate::Unresolved => {
                attempts.push("failed");
                return Expected { state: "failed", attempts, absent: false };
            }
            Fate::Fail => attempts.push("failed"),
            Fate::Hang => attempts.push("timed_out"),
        }
    }
    let state = if max_attempts > 1 { "exhausted" } else { attempts[0] };
    Expected { state, attempts, absent: false }
}
