//! Keys of `merge` that change nothing beside what else stands there.
//!
//! Warnings only: what contradicts itself is an error, and is told where `merge` is read.

use super::apart::FF_ONLY;
use crate::apart::Merge;
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::fields::Fields;
use crate::tree::Item;

/// What runs or counts only where there are gates.
const OF_GATES: [&str; 4] = ["gate_each", "on_gate_failure", "fix", "batch"];

/// What makes a key idle, and how that is mended.
type Why = (&'static str, &'static str);

/// With `policy: none` nothing is merged.
const NONE: Why =
    ("with `policy: none`: nothing is merged", "leave it out, or choose a policy that lands work");
/// With `ff-only` the commits of tasks are the line.
const FORWARD: Why = (
    "with `strategy: ff-only`: the commits of the tasks land as they are",
    "leave it out, or use `strategy: no-ff` or `squash`",
);
const ORDERED: Why =
    ("with `strategy: ff-only`: all tasks have an order already", "leave it out: `needs` decides");
const AGAIN: Why = (
    "with `strategy: rebase`, but where all work of a task becomes one commit: commits keep what they say",
    "leave it out, or use `strategy: no-ff` or `squash`",
);
const NO_GATE: Why = ("without `gates`", "add `gates: [\"…\"]`, or leave it out");
const AT_THE_END: Why = (
    "with `gate_each: false`: gates that run once, after all merges, cannot tell whose work made them red",
    "leave `gate_each` out, or use `on_gate_failure: stop`",
);

/// Tells them.
pub(super) fn check(merge: &Merge, f: Fields<'_>, problems: &mut Problems) {
    let mut idle = |key: &str, item: Option<Item<'_>>, (why, help): Why| {
        let Some(item) = item else { return };
        let message = format!("`{key}` of `merge` has no effect {why}");
        problems.push(Diagnostic::warning(Code::NoEffect, item.span(), message).help(help));
    };
    if merge.policy == "none" {
        for (key, item) in f.pairs().filter(|(key, _)| key.text != "policy") {
            idle(key.text, Some(item), NONE);
        }
        return;
    }
    let author = || f.inside("commit").get("author");
    let sign = || f.inside("commit").get("sign").filter(|_| merge.sign);
    match merge.strategy.as_str() {
        FF_ONLY => {
            idle("message", f.get("message"), FORWARD);
            idle("commit.author", author(), FORWARD);
            idle("commit.sign", sign(), FORWARD);
            idle("order", f.get("order"), ORDERED);
        }
        "rebase" => {
            idle("message", f.get("message"), AGAIN);
            idle("commit.author", author(), AGAIN);
        }
        _ => {}
    }
    if merge.gates.is_empty() {
        for key in OF_GATES {
            idle(key, f.get(key), NO_GATE);
        }
    }
    // A person can say no to one task alone, and that takes it out.
    let asks = merge.approve || merge.gates.iter().any(|gate| gate.person.is_some());
    if !merge.gates.is_empty() && !merge.gate_each && merge.on_gate_failure == "take-out" && !asks {
        idle("on_gate_failure", f.get("on_gate_failure"), AT_THE_END);
    }
}
