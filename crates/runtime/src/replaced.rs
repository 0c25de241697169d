//! References into text in which something was replaced: whoever refers to it gets the marker, and should know.
//!
//! Says so; changes nothing.

use crate::action::Actions;
use crate::outputs::Outputs;
use crate::redact::rules_of_markers;
use regatta_engine::ids::NodeId;
use regatta_plan::reference::{Scope as _, as_text};

impl Actions {
    /// A warning where a node refers to text in which something was replaced: it got the marker, not the secret.
    pub(crate) fn replaced(&self, node: NodeId, outputs: &Outputs) -> Option<String> {
        let task = self.task(node);
        let scope = self.scope(task, outputs);
        let found = self.refs.get(&node)?.iter().find_map(|reference| {
            let text = as_text(&scope.value(reference).ok()?);
            let rules = rules_of_markers(&text).join(", ");
            (!rules.is_empty()).then(|| (reference.name(), rules))
        });
        let (name, rules) = found?;
        Some(format!(
            "`${{{name}}}` is text in which a secret was replaced (rule {rules}); a secret goes from task to task by `vault`"
        ))
    }
}
