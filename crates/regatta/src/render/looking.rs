//! The command that shows more of a task that did not end well: what it wrote, if it wrote something.
//!
//! Says commands; reads nothing.

use crate::view::{Failure, Stand};
use regatta_engine::ids::NodeId;
use regatta_engine::report::Digest;
use regatta_runtime::collect;
use regatta_runtime::escalation::shell_word;

/// `logs` of the stream that its last attempt wrote to, else `explain`: there is nothing to be read of silence.
#[must_use]
pub fn look(stand: Stand<'_>, node: NodeId) -> String {
    let logs = |stream: &str| {
        format!("regatta logs --run {} {}{stream}", stand.run_id, shell_word(stand.engine.graph().name(node)))
    };
    let wrote = |stream: Option<Digest>| stream.is_some_and(|digest| digest.bytes > 0);
    match stand.failures.get(&node) {
        Some(Failure::Attempt { report, .. }) => {
            // What a command beside its work wrote, nobody counted.
            let step = report.message.as_deref().and_then(collect::failed_step).is_some();
            match (wrote(report.stderr) || step, wrote(report.stdout)) {
                (true, _) => logs(" --stderr"),
                (false, true) => logs(""),
                (false, false) => explain(stand, node),
            }
        }
        Some(Failure::Condition(_) | Failure::Map(_)) | None => explain(stand, node),
    }
}

/// The command that says why a task is where it is.
#[must_use]
pub fn explain(stand: Stand<'_>, node: NodeId) -> String {
    format!("regatta explain --run {} {}", stand.run_id, shell_word(stand.engine.graph().name(node)))
}
