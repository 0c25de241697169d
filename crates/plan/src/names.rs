//! Names that tasks and caps use must exist and be enough; caps that cannot bind are told.
//!
//! Looks at names only; edges are checked elsewhere.

use crate::diagnostic::{Code, Diagnostic};
use crate::draft::Draft;
use crate::fields::Problems;
use crate::model::Claim;
use crate::placed::Placed;

/// Locks, agents, tags and resources that are named must exist, and be enough.
pub(crate) fn check_names(draft: &Draft, placed: &[Placed], problems: &mut Problems) {
    for p in placed {
        for lock in &p.task.locks {
            let capacity = draft.resources.get(&lock.resource);
            let why = match (lock.claim, capacity) {
                (Claim::Units(units), Some(&capacity)) if units > capacity => {
                    format!("claims {units} units of `{}`, which has {capacity}", lock.resource)
                }
                (Claim::Units(_), None) => {
                    format!("claims units of `{}`, which is not among `resources`", lock.resource)
                }
                (Claim::Shared | Claim::Exclusive, Some(_)) => {
                    format!("locks `{}`, which is a counted resource", lock.resource)
                }
                (Claim::Units(_), Some(_)) | (Claim::Shared | Claim::Exclusive, None) => continue,
            };
            let message = format!("task `{}` {why}", p.task.id);
            problems.push(Diagnostic::error(Code::UnknownName, p.id_span.clone(), message));
        }
        if let Some(agent) = p.task.agent.as_ref().filter(|a| !draft.agents.contains(a)) {
            let message = format!("task `{}` names agent `{agent}`, which is not among `agents`", p.task.id);
            problems.push(Diagnostic::error(Code::UnknownName, p.id_span.clone(), message));
        }
    }
    for agent in draft.limits.per_agent.keys().filter(|a| !draft.agents.contains(a)) {
        let message = format!("`per_agent` names agent `{agent}`, which is not among `agents`");
        problems.push(Diagnostic::error(Code::UnknownName, draft.limits_span.clone(), message));
    }
}

/// A cap that is at least the number of its tasks never binds. The default of `max_parallel` is nobody's mistake.
pub(crate) fn check_caps(draft: &Draft, placed: &[Placed], problems: &mut Problems) {
    let mut idle = |name: String, cap: u32, of: usize| {
        if cap as usize >= of && !placed.is_empty() {
            let message = format!("cap `{name}: {cap}` can never bind: {of} tasks count for it");
            problems.push(Diagnostic::warning(Code::IdleCap, draft.limits_span.clone(), message));
        }
    };
    for (name, cap) in &draft.limits.per_priority {
        idle(
            format!("per_priority.{name}"),
            *cap,
            placed.iter().filter(|p| p.task.priority == *name).count(),
        );
    }
    for (name, cap) in &draft.limits.per_tag {
        idle(format!("per_tag.{name}"), *cap, placed.iter().filter(|p| p.task.tags.contains(name)).count());
    }
    for (name, cap) in &draft.limits.per_agent {
        idle(
            format!("per_agent.{name}"),
            *cap,
            placed.iter().filter(|p| p.task.agent.as_ref() == Some(name)).count(),
        );
    }
}
