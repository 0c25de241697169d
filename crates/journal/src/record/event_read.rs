//! How an event is read from its record.

use super::event::EventRecord;
use super::parts::{self, bad_value, to_cause};
use super::{RecordError, unknown_kind};
use regatta_engine::budget::Level;
use regatta_engine::caps::CapRef;
use regatta_engine::cause::Cause;
use regatta_engine::escalation::CauseClass;
use regatta_engine::event::{Event, EventKind};
use regatta_engine::ids::{AttemptId, NodeId, Timestamp};
use regatta_engine::input::{Batch, Claimed};
use regatta_engine::outcome::{AttemptOutcome, NodeOutcome, PauseReason, RunStatus};
use regatta_engine::report::Report;
use regatta_engine::scope::Scope;

/// Kinds without an outcome in their name.
const PLAIN: [&str; 49] = [
    "run_started",
    "run_paused",
    "run_resumed",
    "run_stopping",
    "run_ending",
    "run_ended",
    "wave_started",
    "wave_ended",
    "condition_evaluated",
    "node_expanded",
    "node_ready",
    "lease_granted",
    "lease_released",
    "lease_refused",
    "dispatch_started",
    "dispatch_ending",
    "dispatch_adopted",
    "leaked_processes",
    "retry_scheduled",
    "node_collected",
    "conflict_predicted",
    "merge_batch_passed",
    "merge_batch_red",
    "node_in_doubt",
    "answered",
    "undo_started",
    "undo_succeeded",
    "undo_failed",
    "limits_changed",
    "report_ignored",
    "run_suspended",
    "node_reused",
    "reuse_missed",
    "lease_acquired",
    "lease_awaited",
    "lease_wait_ended",
    "lease_taken",
    "lease_dropped",
    "lease_denied",
    "breaker_opened",
    "breaker_half_open",
    "breaker_closed",
    "hold_started",
    "hold_ended",
    "escalated",
    "budget_warned",
    "budget_exhausted",
    "permission_asked",
    "permission_answered",
];

/// Kinds that need a scope.
const OF_SCOPES: [&str; 6] =
    ["breaker_opened", "breaker_half_open", "breaker_closed", "hold_started", "hold_ended", "escalated"];

/// True for a kind of this version.
pub(super) fn knows(kind: &str) -> bool {
    PLAIN.contains(&kind) || attempt_outcome(kind).is_some() || node_outcome(kind).is_some()
}

fn attempt_outcome(kind: &str) -> Option<AttemptOutcome> {
    let name = kind.strip_prefix("dispatch_")?;
    AttemptOutcome::ALL.into_iter().find(|o| o.name() == name)
}

fn node_outcome(kind: &str) -> Option<NodeOutcome> {
    let name = kind.strip_prefix("node_")?;
    NodeOutcome::ALL.into_iter().find(|o| o.name() == name)
}

impl EventRecord<'_> {
    /// The event.
    ///
    /// # Errors
    /// An unknown kind, a missing field or a value that is no name.
    pub(super) fn into_event(self) -> Result<Event, RecordError> {
        let at = Timestamp(self.at);
        let kind = if let Some(outcome) = attempt_outcome(&self.kind) {
            self.dispatch_ended(outcome)?
        } else if let Some(outcome) = node_outcome(&self.kind) {
            self.node_ended(outcome)?
        } else if self.kind.starts_with("run_") || self.kind.starts_with("wave_") {
            self.of_run()?
        } else if self.scope.is_some() {
            self.of_scope()?
        } else {
            self.of_node()?
        };
        Ok(Event { at, kind })
    }

    fn dispatch_ended(mut self, outcome: AttemptOutcome) -> Result<EventKind, RecordError> {
        Ok(EventKind::DispatchEnded {
            node: self.node()?,
            attempt: self.attempt()?,
            number: self.number()?,
            outcome,
            cause: to_cause(self.cause.as_deref())?,
            duration_ms: self.need(self.duration_ms, "duration_ms")?,
            report: self.report()?,
        })
    }

    fn node_ended(self, outcome: NodeOutcome) -> Result<EventKind, RecordError> {
        Ok(EventKind::NodeEnded {
            node: self.node()?,
            number: self.number()?,
            outcome,
            cause: to_cause(self.cause.as_deref())?,
            upstream: self.upstream.unwrap_or_default().into_iter().map(NodeId).collect(),
        })
    }

    /// Kinds about the run or a wave.
    fn of_run(self) -> Result<EventKind, RecordError> {
        Ok(match &*self.kind {
            "run_started" => {
                let hash = self.need(self.schedule_plan_hash.as_deref(), "schedule_plan_hash")?;
                EventKind::RunStarted { schedule_plan_hash: hash.into() }
            }
            "run_paused" => {
                let name = self.need(self.reason.as_deref(), "reason")?;
                let reason = PauseReason::ALL.into_iter().find(|r| r.name() == name);
                EventKind::RunPaused { reason: reason.ok_or_else(|| bad_value("reason", name))? }
            }
            "run_suspended" => EventKind::RunSuspended,
            "run_resumed" => EventKind::RunResumed { epoch: self.need(self.epoch, "epoch")? },
            "run_stopping" => EventKind::RunStopping { node: self.node()? },
            "run_ending" => EventKind::RunEnding { cause: self.cause()? },
            "run_ended" => {
                let name = self.need(self.status.as_deref(), "status")?;
                let status = RunStatus::ALL.into_iter().find(|s| s.name() == name);
                EventKind::RunEnded { status: status.ok_or_else(|| bad_value("status", name))? }
            }
            "wave_started" => EventKind::WaveStarted { wave: self.need(self.wave, "wave")? },
            "wave_ended" => EventKind::WaveEnded { wave: self.need(self.wave, "wave")? },
            other => return Err(unknown_kind(other)),
        })
    }

    /// Kinds about a node or an attempt, and the few others.
    fn of_node(mut self) -> Result<EventKind, RecordError> {
        Ok(match &*self.kind {
            "condition_evaluated" => {
                let (node, error) = (self.node()?, self.error.take());
                let answer = self.need(self.answer.as_deref(), "answer")?;
                EventKind::ConditionEvaluated { node, answer: parts::to_condition(answer, error)? }
            }
            "node_expanded" => {
                let answer = parts::to_expansion(self.count, self.error.take());
                EventKind::NodeExpanded(self.node()?, self.need(answer, "count")?)
            }
            "node_ready" => EventKind::NodeReady { node: self.node()?, number: self.number()? },
            "lease_refused" => EventKind::LeaseRefused { node: self.node()?, by: self.cap()? },
            "retry_scheduled" => EventKind::RetryScheduled {
                node: self.node()?,
                number: self.number()?,
                delay_ms: self.need(self.delay_ms, "delay_ms")?,
                until: Timestamp(self.need(self.until, "until")?),
            },
            "node_collected" => EventKind::NodeCollected { node: self.node()?, number: self.number()? },
            "limits_changed" => {
                let limits = self.limits.take();
                EventKind::LimitsChanged { limits: Box::new(self.need(limits, "limits")?.into()) }
            }
            "conflict_predicted" => {
                let (node, why) = (self.node()?, self.why.take());
                let with = self.upstream.as_ref().and_then(|nodes| nodes.first()).copied();
                let with = NodeId(self.need(with, "upstream")?);
                EventKind::ConflictPredicted(node, with, self.need(why, "why")?.into_owned().into())
            }
            "merge_batch_passed" | "merge_batch_red" => {
                let (last, tip) = (self.node()?, self.why.take());
                let before = self.upstream.take().unwrap_or_default().into_iter().map(NodeId);
                EventKind::BatchTested(Box::new(Batch {
                    nodes: before.chain([last]).collect(),
                    tip: self.need(tip, "why")?.into_owned().into(),
                    passed: self.kind == "merge_batch_passed",
                }))
            }
            "reuse_missed" => {
                let (node, why) = (self.node()?, self.why.take());
                EventKind::ReuseMissed(node, self.need(why, "why")?.into_owned().into())
            }
            "lease_acquired" => {
                let answer = Claimed::Granted { epoch: self.need(self.epoch, "epoch")? };
                EventKind::LeaseClaimed { node: self.node()?, answer }
            }
            "lease_awaited" => {
                let by = self.by.take();
                let answer = Claimed::Taken {
                    resource: self.need(self.index, "index")?,
                    by: self.need(by, "by")?.into_owned().into(),
                };
                EventKind::LeaseClaimed { node: self.node()?, answer }
            }
            "lease_wait_ended" => EventKind::LeaseWaitEnded(self.node()?),
            "report_ignored" => EventKind::ReportIgnored(self.attempt()?),
            "helper_spent" => EventKind::HelperSpent(Box::new(self.need(self.usage, "usage")?.into())),
            "budget_warned" => EventKind::BudgetReached(self.node.map(NodeId), Level::Near),
            "budget_exhausted" => EventKind::BudgetReached(self.node.map(NodeId), Level::Full),
            _ => self.of_attempt()?,
        })
    }

    /// Kinds about an agent, a tool, a tag or one task.
    fn of_scope(self) -> Result<EventKind, RecordError> {
        let scope = self.to_scope()?;
        let until = || self.need(self.until, "until").map(Timestamp);
        Ok(match &*self.kind {
            "breaker_opened" => {
                EventKind::BreakerOpened { scope, until: until()?, failures: self.need(self.count, "count")? }
            }
            "breaker_half_open" => EventKind::BreakerHalfOpen(scope),
            "breaker_closed" => EventKind::BreakerClosed(scope),
            "hold_started" => EventKind::HoldStarted(scope, until()?),
            "hold_ended" => EventKind::HoldEnded(scope),
            "escalated" => {
                let name = self.need(self.class.as_deref(), "class")?;
                let class = CauseClass::ALL.into_iter().find(|c| c.name() == name);
                let class = class.ok_or_else(|| bad_value("class", name))?;
                EventKind::Escalated { about: scope, class, cause: self.cause()? }
            }
            other => return Err(unknown_kind(other)),
        })
    }

    fn to_scope(&self) -> Result<Scope, RecordError> {
        let name = self.need(self.scope.as_deref(), "scope")?;
        let index = || self.need(self.index, "index");
        Ok(match name {
            "agent" => Scope::Agent(index()?),
            "tool" => Scope::Tool(index()?),
            "tag" => Scope::Tag(index()?),
            "task" => Scope::Node(self.node()?),
            other => return Err(bad_value("scope", other)),
        })
    }

    /// Kinds about an attempt of a node.
    fn of_attempt(mut self) -> Result<EventKind, RecordError> {
        if !knows(&self.kind) {
            return Err(unknown_kind(&self.kind));
        }
        if OF_SCOPES.contains(&&*self.kind) {
            self.need(self.scope.as_deref(), "scope")?;
        }
        let (node, attempt) = (self.node()?, self.attempt()?);
        Ok(match &*self.kind {
            "lease_granted" => EventKind::LeaseGranted { node, attempt },
            "lease_released" => EventKind::LeaseReleased { node, attempt },
            "dispatch_started" => EventKind::DispatchStarted {
                node,
                attempt,
                number: self.number()?,
                delay_before_ms: self.need(self.delay_before_ms, "delay_before_ms")?,
                round: self.need(self.round, "round")?,
            },
            "dispatch_ending" => EventKind::DispatchEnding { node, attempt, cause: self.cause()? },
            "dispatch_adopted" => EventKind::DispatchAdopted { node, attempt },
            "leaked_processes" => {
                EventKind::LeakedProcesses { node, attempt, count: self.need(self.count, "count")? }
            }
            "node_in_doubt" => {
                let asking = self.need(self.asking, "asking")?;
                EventKind::NodeInDoubt { node, attempt, cause: self.cause()?, asking }
            }
            "answered" => {
                let name = self.need(self.answer.as_deref(), "answer")?;
                let answer = parts::to_answer(name, self.result)?;
                let by_person = self.need(self.by_person, "by_person")?;
                EventKind::Answered { node, attempt, answer, by_person }
            }
            "node_reused" => {
                let reused = self.reused.take();
                let reused = Box::new(self.need(reused, "reused")?.into_reused()?);
                EventKind::NodeReused { node, attempt, reused }
            }
            "lease_taken" | "lease_dropped" | "lease_denied" => {
                let (why, leases) = (self.why.take(), self.leases.take());
                let told = parts::to_lease_told(&self.kind, self.need(why, "why")?, leases)?;
                EventKind::LeaseTold { node, attempt, told: Box::new(told) }
            }
            "permission_asked" | "permission_answered" => {
                let told = self.permission.take();
                let told = self.need(told, "permission")?.into_told(&self.kind)?;
                EventKind::Permission(node, attempt, Box::new(told))
            }
            "undo_started" => EventKind::UndoStarted { node, attempt },
            "undo_succeeded" => EventKind::UndoEnded { node, attempt, cause: None, report: self.report()? },
            "undo_failed" => {
                EventKind::UndoEnded { node, attempt, cause: Some(self.cause()?), report: self.report()? }
            }
            other => return Err(unknown_kind(other)),
        })
    }

    fn need<T>(&self, field: Option<T>, name: &'static str) -> Result<T, RecordError> {
        field.ok_or_else(|| RecordError::Missing { kind: self.kind.clone().into_owned(), field: name })
    }

    fn node(&self) -> Result<NodeId, RecordError> {
        self.need(self.node, "node").map(NodeId)
    }

    fn attempt(&self) -> Result<AttemptId, RecordError> {
        self.need(self.attempt_id, "attempt_id").map(AttemptId)
    }

    fn number(&self) -> Result<u32, RecordError> {
        self.need(self.number, "number")
    }

    fn cause(&self) -> Result<Cause, RecordError> {
        let cause = to_cause(self.cause.as_deref())?;
        self.need(cause, "cause")
    }

    fn report(&mut self) -> Result<Box<Report>, RecordError> {
        let report = self.report.take();
        Ok(Box::new(self.need(report, "report")?.into()))
    }

    fn cap(&self) -> Result<CapRef, RecordError> {
        let name = self.need(self.cap.as_deref(), "cap")?;
        let index = || self.need(self.index, "index");
        Ok(match name {
            "global" => CapRef::Global,
            "wave" => CapRef::Wave(index()?),
            "priority" => CapRef::Priority(index()?),
            "agent" => CapRef::Agent(index()?),
            "tag" => CapRef::Tag(index()?),
            "resource" => CapRef::Resource(index()?),
            other => return Err(bad_value("cap", other)),
        })
    }
}
