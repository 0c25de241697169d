//! The record of an input, written and read.

use super::parts::{
    self, DigestRecord, LimitsRecord, OwnLeaseRecord, ReportRecord, ReusedRecord, Text, UsageRecord,
    bad_value, to_cause,
};
use super::permission::PermissionRecord;
use super::{RecordError, unknown_kind};
use regatta_engine::cause::Cause;
use regatta_engine::ids::{AttemptId, NodeId};
use regatta_engine::input::{Batch, Claimed, Ended, Input, Recalled, Reconciliation, Resumed, Verdict};
use regatta_engine::permission::PermissionTold;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Every kind of this version.
const KINDS: [&str; 25] = [
    "begin",
    "settle",
    "resumed",
    "condition_evaluated",
    "attempt_ended",
    "attempt_lost",
    "attempt_idle",
    "reconciled",
    "answered",
    "pause",
    "unpause",
    "interrupt",
    "cancel",
    "skip",
    "limits_changed",
    "landed",
    "not_landed",
    "suspend",
    "recalled",
    "claimed",
    "leases_freed",
    "lease_told",
    "expanded",
    "permission_asked",
    "permission_answered",
];

/// True for a kind of this version.
pub(super) fn knows(kind: &str) -> bool {
    KINDS.contains(&kind)
}

/// One flat object for every kind; a kind leaves out what it has not.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InputRecord<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt_id: Option<u64>,
    /// Why it did not do what it should; none if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<ReportRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<DigestRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hard: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<LimitsRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<Vec<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<Vec<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<Vec<EndedRecord<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    boot_changed: Option<bool>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    reused: Option<ReusedRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leases: Option<Vec<OwnLeaseRecord<'a>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usage: Option<UsageRecord>,
    /// With cause `rate_limit`: for how long it asks to be left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    permission: Option<PermissionRecord<'a>>,
}

/// How an attempt ended.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndedRecord<'a> {
    attempt_id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Text<'a>,
    report: ReportRecord<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

impl<'a> From<&'a Ended> for EndedRecord<'a> {
    fn from(ended: &'a Ended) -> Self {
        let report = ReportRecord::from(&ended.report);
        let (cause, retry_after_ms) = cause_of(ended.verdict);
        EndedRecord { attempt_id: ended.attempt.0, cause, report, retry_after_ms }
    }
}

impl EndedRecord<'_> {
    fn into_ended(self) -> Result<Ended, RecordError> {
        let verdict = match (to_cause(self.cause.as_deref())?, self.retry_after_ms) {
            (None, _) => Verdict::Succeeded,
            (Some(Cause::RateLimit), Some(retry_after_ms)) => Verdict::RateLimited { retry_after_ms },
            (Some(cause), _) => Verdict::Failed(cause),
        };
        Ok(Ended { attempt: AttemptId(self.attempt_id), verdict, report: self.report.into() })
    }
}

/// The cause, and for how long a provider asks to be left alone.
fn cause_of<'a>(verdict: Verdict) -> (Text<'a>, Option<u64>) {
    let code = |cause: Cause| Some(Cow::Borrowed(cause.code()));
    match verdict {
        Verdict::Succeeded => (None, None),
        Verdict::Failed(cause) => (code(cause), None),
        Verdict::RateLimited { retry_after_ms } => (code(Cause::RateLimit), Some(retry_after_ms)),
    }
}

impl<'a> From<&'a Input> for InputRecord<'a> {
    fn from(input: &'a Input) -> Self {
        let mut record = InputRecord { kind: Cow::Borrowed(kind(input)), ..InputRecord::default() };
        record.fill(input);
        record
    }
}

/// The name of the kind of an input.
fn kind(input: &Input) -> &'static str {
    match input {
        Input::Begin => "begin",
        Input::Settle => "settle",
        Input::Resumed(_) => "resumed",
        Input::ConditionEvaluated { .. } => "condition_evaluated",
        Input::Expanded { .. } => "expanded",
        Input::AttemptEnded(_) => "attempt_ended",
        Input::AttemptLost { .. } => "attempt_lost",
        Input::AttemptIdle { .. } => "attempt_idle",
        Input::Permission { told: PermissionTold::Asked(_), .. } => "permission_asked",
        Input::Permission { told: PermissionTold::Answered { .. }, .. } => "permission_answered",
        Input::Reconciled { .. } => "reconciled",
        Input::Answered { .. } => "answered",
        Input::Pause => "pause",
        Input::Suspend => "suspend",
        Input::Unpause => "unpause",
        Input::Interrupt { .. } => "interrupt",
        Input::Cancel { .. } => "cancel",
        Input::Skip { .. } => "skip",
        Input::LimitsChanged { .. } => "limits_changed",
        Input::Landed { .. } => "landed",
        Input::NotLanded { .. } => "not_landed",
        Input::LandingWaits => "landing_waits",
        Input::ConflictPredicted { .. } => "conflict_predicted",
        Input::BatchTested(batch) if batch.passed => "merge_batch_passed",
        Input::BatchTested(_) => "merge_batch_red",
        Input::HelperSpent { .. } => "helper_spent",
        Input::Recalled { .. } => "recalled",
        Input::Claimed { .. } => "claimed",
        Input::LeasesFreed => "leases_freed",
        Input::LeaseTold { .. } => "lease_told",
    }
}

impl<'a> InputRecord<'a> {
    fn fill(&mut self, input: &'a Input) {
        match input {
            Input::Begin
            | Input::Settle
            | Input::Pause
            | Input::Suspend
            | Input::Unpause
            | Input::LeasesFreed => {}
            Input::Resumed(resumed) => {
                self.epoch = Some(resumed.epoch);
                self.live = Some(resumed.live.iter().map(|a| a.0).collect());
                self.ended = Some(resumed.ended.iter().map(EndedRecord::from).collect());
                self.boot_changed = Some(resumed.boot_changed);
            }
            Input::ConditionEvaluated { node, answer } => {
                let (name, error) = parts::condition(answer);
                (self.node, self.answer, self.error) = (Some(node.0), Some(Cow::Borrowed(name)), error);
            }
            Input::Expanded { node, answer } => {
                self.node = Some(node.0);
                (self.index, self.error) = parts::expansion(answer);
            }
            Input::AttemptEnded(ended) => {
                let EndedRecord { attempt_id, cause, report, retry_after_ms } = EndedRecord::from(ended);
                (self.attempt_id, self.cause, self.report) = (Some(attempt_id), cause, Some(report));
                self.retry_after_ms = retry_after_ms;
            }
            Input::AttemptIdle { attempt } => self.attempt_id = Some(attempt.0),
            Input::Permission { attempt, told } => {
                (self.attempt_id, self.permission) = (Some(attempt.0), Some(PermissionRecord::from(told)));
            }
            Input::AttemptLost { attempt, why } => {
                (self.attempt_id, self.why) = (Some(attempt.0), why.as_deref().map(Cow::Borrowed));
            }
            Input::Reconciled { node, found } => {
                let (name, result) = match found {
                    Reconciliation::Done(result) => ("done", result.map(Into::into)),
                    Reconciliation::NotDone => ("not_done", None),
                    Reconciliation::Unknown => ("unknown", None),
                };
                (self.node, self.found, self.result) = (Some(node.0), Some(Cow::Borrowed(name)), result);
            }
            Input::Answered { node, answer } => {
                let (name, result) = parts::answer(answer);
                (self.node, self.answer, self.result) = (Some(node.0), Some(Cow::Borrowed(name)), result);
            }
            Input::Recalled { .. } | Input::Claimed { .. } | Input::LeaseTold { .. } => {
                self.fill_shared(input)
            }
            Input::HelperSpent { usage } => self.usage = Some((*usage).into()),
            Input::Interrupt { hard } => self.hard = Some(*hard),
            Input::Cancel { node } => self.node = node.map(|n| n.0),
            Input::Skip { node } => self.node = Some(node.0),
            Input::LimitsChanged { limits } => self.limits = Some(LimitsRecord::from(&**limits)),
            Input::LandingWaits
            | Input::Landed { .. }
            | Input::NotLanded { .. }
            | Input::BatchTested(_)
            | Input::ConflictPredicted { .. } => self.fill_merging(input),
        }
    }

    /// What runs of a workspace share: outcomes and leases.
    fn fill_shared(&mut self, input: &'a Input) {
        match input {
            Input::Recalled { node, answer } => {
                self.node = Some(node.0);
                match answer {
                    Recalled::Found(reused) => self.reused = Some(ReusedRecord::from(&**reused)),
                    Recalled::Missed(why) => self.why = Some(Cow::Borrowed(why)),
                }
            }
            Input::Claimed { node, answer } => {
                self.node = Some(node.0);
                match answer {
                    Claimed::Granted { epoch } => self.epoch = Some(*epoch),
                    Claimed::Taken { resource, by } => {
                        (self.index, self.by) = (Some(*resource), Some(Cow::Borrowed(&**by)));
                    }
                }
            }
            Input::LeaseTold { node, told } => {
                self.node = Some(node.0);
                self.found = Some(Cow::Borrowed(parts::lease_change(told.change)));
                (self.why, self.leases) = (Some(Cow::Borrowed(&*told.text)), parts::own_leases(&told.leases));
            }
            _ => {}
        }
    }

    /// Kinds about work that is merged.
    fn fill_merging(&mut self, input: &'a Input) {
        match input {
            Input::Landed { node } => self.node = Some(node.0),
            Input::NotLanded { node, cause } => {
                (self.node, self.cause) = (Some(node.0), Some(Cow::Borrowed(cause.code())));
            }
            Input::ConflictPredicted { node, with, paths } => {
                (self.node, self.index) = (Some(node.0), Some(with.0));
                self.why = Some(Cow::Borrowed(paths));
            }
            Input::BatchTested(batch) => {
                self.nodes = Some(batch.nodes.iter().map(|n| n.0).collect());
                self.why = Some(Cow::Borrowed(&*batch.tip));
            }
            _ => {}
        }
    }

    /// The input.
    ///
    /// # Errors
    /// An unknown kind, a missing field or a value that is no name.
    pub(super) fn into_input(mut self) -> Result<Input, RecordError> {
        Ok(match &*self.kind {
            "begin" => Input::Begin,
            "settle" => Input::Settle,
            "pause" => Input::Pause,
            "suspend" => Input::Suspend,
            "unpause" => Input::Unpause,
            "helper_spent" => Input::HelperSpent { usage: self.need(self.usage, "usage")?.into() },
            "interrupt" => Input::Interrupt { hard: self.need(self.hard, "hard")? },
            "cancel" => Input::Cancel { node: self.node.map(NodeId) },
            "skip" => Input::Skip { node: self.node()? },
            "limits_changed" => {
                let limits = self.limits.take();
                Input::LimitsChanged { limits: Box::new(self.need(limits, "limits")?.into()) }
            }
            "attempt_lost" => self.lost()?,
            "attempt_idle" => Input::AttemptIdle { attempt: self.attempt()? },
            "condition_evaluated" => {
                let (node, error) = (self.node()?, self.error.take());
                let answer = self.need(self.answer.as_deref(), "answer")?;
                Input::ConditionEvaluated { node, answer: parts::to_condition(answer, error)? }
            }
            "expanded" => {
                let answer = parts::to_expansion(self.index, self.error.take());
                Input::Expanded { node: self.node()?, answer: self.need(answer, "index")? }
            }
            "answered" => {
                let answer = self.need(self.answer.as_deref(), "answer")?;
                Input::Answered { node: self.node()?, answer: parts::to_answer(answer, self.result)? }
            }
            "recalled" => {
                let (node, reused, why) = (self.node()?, self.reused.take(), self.why.take());
                let answer = match reused {
                    Some(reused) => Recalled::Found(Box::new(reused.into_reused()?)),
                    None => Recalled::Missed(self.need(why, "why")?.into_owned().into()),
                };
                Input::Recalled { node, answer }
            }
            "claimed" => {
                let by = self.by.take();
                let answer = match self.epoch {
                    Some(epoch) => Claimed::Granted { epoch },
                    None => Claimed::Taken {
                        resource: self.need(self.index, "index")?,
                        by: self.need(by, "by")?.into_owned().into(),
                    },
                };
                Input::Claimed { node: self.node()?, answer }
            }
            "leases_freed" => Input::LeasesFreed,
            "lease_told" => {
                let (why, leases) = (self.why.take(), self.leases.take());
                let change = self.need(self.found.as_deref(), "found")?;
                let told = parts::to_lease_told(change, self.need(why, "why")?, leases)?;
                Input::LeaseTold { node: self.node()?, told }
            }
            "permission_asked" | "permission_answered" => self.permission()?,
            "reconciled" => Input::Reconciled { node: self.node()?, found: self.reconciliation()? },
            "attempt_ended" => {
                let (attempt, report) = (self.attempt()?.0, self.report.take());
                let report = self.need(report, "report")?;
                let (cause, retry_after_ms) = (self.cause.take(), self.retry_after_ms);
                let ended = EndedRecord { attempt_id: attempt, cause, report, retry_after_ms };
                Input::AttemptEnded(ended.into_ended()?)
            }
            "resumed" => Input::Resumed(self.into_resumed()?),
            _ => self.into_merging()?,
        })
    }

    /// Kinds about work that is merged.
    fn into_merging(mut self) -> Result<Input, RecordError> {
        Ok(match &*self.kind {
            "landing_waits" => Input::LandingWaits,
            "landed" => Input::Landed { node: self.node()? },
            "not_landed" => {
                let cause = to_cause(self.cause.as_deref())?;
                Input::NotLanded { node: self.node()?, cause: self.need(cause, "cause")? }
            }
            "conflict_predicted" => {
                let (node, why) = (self.node()?, self.why.take());
                let with = NodeId(self.need(self.index, "index")?);
                Input::ConflictPredicted { node, with, paths: self.need(why, "why")?.into_owned().into() }
            }
            "merge_batch_passed" | "merge_batch_red" => {
                let (nodes, tip) = (self.nodes.take(), self.why.take());
                let nodes = self.need(nodes, "nodes")?.into_iter().map(NodeId).collect();
                let tip = self.need(tip, "why")?.into_owned().into();
                Input::BatchTested(Box::new(Batch { nodes, tip, passed: self.kind == "merge_batch_passed" }))
            }
            other => return Err(unknown_kind(other)),
        })
    }

    fn into_resumed(mut self) -> Result<Resumed, RecordError> {
        let (live, ended) = (self.live.take(), self.ended.take());
        let ended = self.need(ended, "ended")?;
        Ok(Resumed {
            epoch: self.need(self.epoch, "epoch")?,
            live: self.need(live, "live")?.into_iter().map(AttemptId).collect(),
            ended: ended.into_iter().map(EndedRecord::into_ended).collect::<Result<_, _>>()?,
            boot_changed: self.need(self.boot_changed, "boot_changed")?,
        })
    }

    fn reconciliation(&self) -> Result<Reconciliation, RecordError> {
        match self.need(self.found.as_deref(), "found")? {
            "done" => Ok(Reconciliation::Done(self.result.map(Into::into))),
            "not_done" => Ok(Reconciliation::NotDone),
            "unknown" => Ok(Reconciliation::Unknown),
            other => Err(bad_value("found", other)),
        }
    }

    fn need<T>(&self, field: Option<T>, name: &'static str) -> Result<T, RecordError> {
        field.ok_or_else(|| RecordError::Missing { kind: self.kind.clone().into_owned(), field: name })
    }

    fn node(&self) -> Result<NodeId, RecordError> {
        self.need(self.node, "node").map(NodeId)
    }

    fn permission(&mut self) -> Result<Input, RecordError> {
        let told = self.permission.take();
        let told = self.need(told, "permission")?.into_told(&self.kind)?;
        Ok(Input::Permission { attempt: self.attempt()?, told })
    }

    fn lost(&mut self) -> Result<Input, RecordError> {
        let (attempt, why) = (self.attempt()?, self.why.take());
        Ok(Input::AttemptLost { attempt, why: why.map(|why| why.into_owned().into()) })
    }

    fn attempt(&self) -> Result<AttemptId, RecordError> {
        self.need(self.attempt_id, "attempt_id").map(AttemptId)
    }
}
