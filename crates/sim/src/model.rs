//! The reference model: what must come out of a scenario, worked out without the engine.
//!
//! Reads the scenario only; imports none of the engine's decisions. Holds for `on_failure: continue`, where no
//! outcome depends on timing; breakers and rate limits make waiting longer and change no outcome (`when_open: wait`).

use crate::scenario::{Condition, Fate, Scenario};
use std::collections::BTreeMap;

/// What must have become of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expected {
    /// The name of its terminal state.
    pub state: &'static str,
    /// The names of the results of its attempts that count.
    pub attempts: Vec<&'static str>,
}

/// What must become of every node, by index.
#[must_use]
pub fn expect(scenario: &Scenario) -> Vec<Expected> {
    let mut done: BTreeMap<usize, Expected> = BTreeMap::new();
    // Predecessors have smaller indices in every scenario.
    for (i, node) in scenario.spec.nodes.iter().enumerate() {
        let states: Vec<&str> = node.needs.iter().map(|&p| done[&(p as usize)].state).collect();
        let expected = expect_node(scenario, i, &states);
        done.insert(i, expected);
    }
    done.into_values().collect()
}

fn expect_node(scenario: &Scenario, i: usize, needs: &[&str]) -> Expected {
    let policy = &scenario.spec.policies[scenario.spec.nodes[i].policy as usize];
    let without_attempt = |state| Expected { state, attempts: vec![] };
    if needs.iter().any(|s| !matches!(*s, "succeeded" | "skipped")) {
        return without_attempt("blocked");
    }
    if needs.contains(&"skipped") && !policy.allow_skipped {
        return without_attempt("skipped");
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
    expect_attempts(scenario, i, policy.retry.max_attempts)
}

fn expect_attempts(scenario: &Scenario, i: usize, max_attempts: u32) -> Expected {
    let mut attempts = Vec::new();
    for number in 1..=max_attempts {
        match scenario.fate(i, number) {
            Fate::Succeed => {
                attempts.push("succeeded");
                return Expected { state: "succeeded", attempts };
            }
            Fate::Unresolved => {
                attempts.push("failed");
                return Expected { state: "failed", attempts };
            }
            Fate::Fail => attempts.push("failed"),
            Fate::Hang => attempts.push("timed_out"),
        }
    }
    let state = if max_attempts > 1 { "exhausted" } else { attempts[0] };
    Expected { state, attempts }
}
