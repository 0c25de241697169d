//! What is put before a person: a task whose attempts are used up, one in doubt, a breaker that stays open too long.
//!
//! Emits the record and asks the runtime to tell; how is not known here.

use super::Decider;
use crate::breaker::WhenOpen;
use crate::cause::Cause;
use crate::effect::Effect;
use crate::escalation::CauseClass;
use crate::event::EventKind;
use crate::ids::{AttemptId, NodeId};
use crate::scope::Scope;

impl Decider<'_> {
    pub(super) fn escalate(&mut self, about: Scope, cause: Cause) {
        let class = CauseClass::of(self.graph(), about, cause);
        self.emit(EventKind::Escalated { about, class, cause });
        if let Some(&escalation) = self.state().scopes.escalations.get(&about) {
            self.effect(Effect::Escalate { about, escalation });
        }
    }

    /// Only a person can tell how it goes on with a node.
    pub(super) fn put_in_doubt(&mut self, node: NodeId, attempt: AttemptId, cause: Cause) {
        self.emit(EventKind::NodeInDoubt { node, attempt, cause, asking: false });
        self.escalate(Scope::Node(node), cause);
    }

    /// A breaker that holds somebody back for longer than its limit. Called after admission.
    pub(super) fn escalate_breakers(&mut self) {
        let Some(policy) = self.config.breaker.filter(|p| p.when_open == WhenOpen::Wait) else { return };
        let late: Vec<Scope> = self
            .state()
            .limits_of_breakers(policy.limit_ms)
            .filter(|(scope, at)| *at <= self.now && self.state().is_wanted(self.graph(), *scope))
            .map(|(scope, _)| scope)
            .collect();
        for scope in late {
            self.escalate(scope, Cause::BreakerOpen);
        }
    }

    /// What was to be told when the last orchestrator died is told again.
    pub(super) fn tell_again(&mut self) {
        let open: Vec<_> = self.state().scopes.escalations.iter().map(|(a, e)| (*a, *e)).collect();
        for (about, escalation) in open {
            self.effect(Effect::Escalate { about, escalation });
        }
    }
}
