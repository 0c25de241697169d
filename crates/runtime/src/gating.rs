//! Gates that are tasks (`gate: ID`): what one says, at once or when its command has ended, and what others see of that.
//!
//! A person's word comes from elsewhere, by an answer. Starts nothing, and knows no engine beyond verdicts.

use crate::action::Actions;
use crate::evidence::Told;
use crate::outputs::Outputs;
use regatta_engine::cause::Cause;
use regatta_engine::ids::NodeId;
use regatta_engine::input::Verdict;
use regatta_engine::outcome::NodeOutcome;
use regatta_plan::model::Check;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What a gate says.
#[derive(Debug)]
pub(crate) struct Word {
    pub(crate) passed: bool,
    /// Why, for people.
    said: String,
    evidence: Vec<Told>,
}

impl Word {
    pub(crate) fn red(said: String) -> Word {
        Word { passed: false, said, evidence: Vec::new() }
    }

    /// What one says that was not done in time.
    pub(crate) fn late() -> Word {
        Word::red("it took longer than its timeout".to_owned())
    }

    /// What a command that ended well says, with what it wrote.
    pub(crate) fn of_evidence(evidence: Vec<Told>) -> Word {
        match evidence.iter().find(|told| !told.passed) {
            Some(told) => Word { passed: false, said: told.said.clone(), evidence },
            None => Word { passed: true, said: "exit code 0".to_owned(), evidence },
        }
    }

    /// How the attempt has ended: red is a failure, unless it is only told.
    pub(crate) fn verdict(&self, check: &Check) -> Verdict {
        if self.passed || !check.blocking { Verdict::Succeeded } else { Verdict::Failed(Cause::RedGate) }
    }

    /// What people are told; nothing of one that passed.
    pub(crate) fn message(&self, check: &Check) -> Option<String> {
        let Word { said, .. } = self;
        let mild = if check.blocking { "" } else { ", which is only told" };
        (!self.passed).then(|| format!("gate `{}` is red{mild}: {said}", check.name))
    }

    /// The result of the task, with what its command gave as its own.
    pub(crate) fn result(&self, check: &Check, own: Option<Value>) -> Value {
        let mut result = json!({ "name": check.name, "passed": self.passed, "said": self.said });
        if !check.evidence.is_empty() {
            result["evidence"] = json!(self.evidence);
        }
        if let Some(own) = own {
            result["result"] = own;
        }
        result
    }
}

impl Actions {
    /// The gate that a node is, if it is one.
    pub(crate) fn gate(&self, node: NodeId) -> Option<&Check> {
        self.task(node).gate.as_ref()
    }

    /// What a gate says without that anything is run: an expression, and whatever has a red gate before it.
    /// Needs 8 MiB of stack.
    pub(crate) fn says_at_once(&self, node: NodeId, outputs: &Outputs) -> Option<Word> {
        let check = self.gate(node)?;
        if let Some(need) = self.unpassed_before(node, outputs) {
            return Some(Word::red(format!("not run: it needs `{need}`")));
        }
        let (condition, expr) = (self.conditions.gates.get(&node)?, check.expr.as_ref()?);
        let held = self.holds(condition, self.task(node), outputs);
        let said = match &held {
            Ok(answer) => format!("{expr}: {answer}"),
            Err(why) => format!("{expr}: {why}"),
        };
        Some(Word { passed: held == Ok(true), said, evidence: Vec::new() })
    }

    /// The first gate that a gate needs and that has not passed: not every task before it that is that gate. In a part of a
    /// plan there may be none.
    pub(crate) fn unpassed_before(&self, node: NodeId, outputs: &Outputs) -> Option<&str> {
        let before = self.needed_gates(node);
        let needs = self.gate(node)?.needs.iter().zip(before);
        needs
            .filter(|(_, nodes)| !nodes.iter().all(|at| has_passed(*at, outputs)))
            .map(|(need, _)| need.as_str())
            .next()
    }

    /// Of each gate that a gate needs the tasks before it that are that gate: looked for once.
    fn needed_gates(&self, node: NodeId) -> &[Vec<NodeId>] {
        let all = self.gates_before.get_or_init(|| {
            let nodes = (0..).map(NodeId).take(self.plan().tasks.len());
            let needy =
                nodes.filter_map(|at| Some((at, self.gate(at).filter(|check| !check.needs.is_empty())?)));
            needy.map(|(at, check)| (at, self.find_gates_before(at, &check.needs))).collect()
        });
        all.get(&node).map_or(&[], Vec::as_slice)
    }

    fn find_gates_before(&self, node: NodeId, gates: &[String]) -> Vec<Vec<NodeId>> {
        let mut found = vec![Vec::new(); gates.len()];
        let (mut seen, mut open) = (BTreeSet::new(), vec![node]);
        while let Some(at) = open.pop() {
            for pred in self.preds(at).filter(|pred| seen.insert(*pred)) {
                open.push(pred);
                let name = self.gate(pred).map(|check| &check.name);
                if let Some(i) = name.and_then(|name| gates.iter().position(|gate| gate == name)) {
                    found[i].push(pred);
                }
            }
        }
        found
    }
}

fn has_passed(node: NodeId, outputs: &Outputs) -> bool {
    let done = outputs.get(node).and_then(|output| output.outcome) == Some(NodeOutcome::Succeeded);
    done && outputs.result(node).is_some_and(|result| result["passed"] == true)
}
