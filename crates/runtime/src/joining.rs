//! The results of several tasks made one value (`join`): what goes into it, and that it is a call of a tool of our own.
//!
//! How values are merged is `regatta_plan::join`; starts nothing.

use crate::action::Actions;
use crate::outputs::{Left, Outputs};
use crate::scope::Refusal;
use crate::tools::{Contribution, JOIN, Order, Stored};
use regatta_engine::cause::Cause;
use regatta_engine::ids::NodeId;
use regatta_engine::outcome::NodeOutcome;
use regatta_plan::join::Rules;
use regatta_plan::model::Task;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

/// Bytes of all results that one join takes at most.
const MOST_BYTES: u64 = 32 << 20;

/// A source and its place among the others: its id, that of its map and the index of its item.
type Placed<'a> = ((&'a str, u32), Contribution);

impl Actions {
    /// Makes a join ready, for the directory of its attempt: the command line of its process, and its order.
    ///
    /// # Errors
    /// A source left no result.
    pub(crate) fn prepare_join(
        &self,
        (task, number, idempotency_key): (&Task, u32, String),
        (conflict, rules): (&str, &BTreeMap<String, String>),
        (outputs, dir): (&Outputs, &Path),
    ) -> Result<(Vec<OsString>, Order), Refusal> {
        let params = self.join_params(task, (conflict, rules), (outputs, true))?;
        let order = Order {
            tool: JOIN.to_owned(),
            params,
            servers: BTreeMap::new(),
            missing: BTreeMap::new(),
            own_origin: None,
            private: Vec::new(),
            number,
            idempotency_key,
            text_is_json: false,
            grace_ms: task.timeout.grace_ms,
        };
        Ok((crate::calling::argv(dir), order))
    }

    /// What is joined, and how. A large result is named by its digest, and by its file too if it is to be read: it never
    /// comes into the memory of the loop.
    ///
    /// # Errors
    /// A source left no result.
    pub(crate) fn join_params(
        &self,
        task: &Task,
        (conflict, rules): (&str, &BTreeMap<String, String>),
        (outputs, to_read): (&Outputs, bool),
    ) -> Result<Map<String, Value>, Refusal> {
        let rules = Rules { strict: conflict != "merge-with-rules", rules: rules.clone() };
        let mut sources = self.sources(task, (outputs, to_read))?;
        // By id, items of one list as they stand in it.
        sources.sort_by(|a, b| a.0.cmp(&b.0));
        let sources: Vec<Contribution> = sources.into_iter().map(|(_, source)| source).collect();
        let params = [("sources".to_owned(), json!(sources)), ("rules".to_owned(), json!(rules))];
        Ok(params.into_iter().collect())
    }

    fn preds_of<'a>(&self, task: &'a Task) -> impl Iterator<Item = (&'a String, NodeId)> + use<'a, '_> {
        task.needs.iter().filter_map(|id| Some((id, self.node_of(id)?)))
    }

    /// What each predecessor contributes, and its place; those that were skipped contribute nothing.
    fn sources<'a>(
        &self,
        task: &'a Task,
        (outputs, to_read): (&Outputs, bool),
    ) -> Result<Vec<Placed<'a>>, Refusal> {
        let mut sources = Vec::new();
        let bytes: u64 = self.preds_of(task).map(|(_, node)| outputs.result_bytes(node)).sum();
        if bytes > MOST_BYTES {
            return Err(Refusal {
                cause: Cause::Resolution,
                message: format!(
                    "the results that are to be joined have {bytes} bytes, more than {MOST_BYTES}"
                ),
            });
        }
        for (id, node) in self.preds_of(task) {
            if outputs.get(node).and_then(|output| output.outcome) != Some(NodeOutcome::Succeeded) {
                continue;
            }
            let left = outputs.left(node).ok_or_else(|| Refusal {
                cause: Cause::Resolution,
                message: format!("task `{id}` has no result that could be joined"),
            })?;
            let (value, stored) = match left {
                Left::Value(value) => (value, None),
                Left::File(path, digest) => {
                    (Value::Null, Some(Stored::of(&digest, Some(path).filter(|_| to_read))))
                }
            };
            let of = self.task(node);
            let place = match (of.item(), id.rsplit_once('[')) {
                (Some((_, index)), Some((map, _))) => (map, index),
                _ => (id.as_str(), 0),
            };
            let (task, role) = (id.clone(), of.role.clone());
            sources.push((place, Contribution { task, role, value, stored }));
        }
        Ok(sources)
    }
}
