//! Records of the parts that events and inputs share: digests, usage, reports, limits, answers.

use super::RecordError;
use regatta_engine::cause::Cause;
use regatta_engine::ids::AttemptId;
use regatta_engine::input::{
    Answer, ConditionAnswer, Expansion, LeaseChange, LeaseTold, OwnLease, Reused, ReusedBy,
};
use regatta_engine::report::{Content, Digest, Report, Usage, Work};
use regatta_engine::spec::{ClaimKind, Limits};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::num::NonZeroU64;

/// Text that is borrowed while it is written, and owned once it is read.
pub(super) type Text<'a> = Option<Cow<'a, str>>;

/// Size and sha-256.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DigestRecord {
    #[serde(serialize_with = "write_hex", deserialize_with = "read_hex")]
    sha256: [u8; 32],
    bytes: u64,
}

impl From<Digest> for DigestRecord {
    fn from(d: Digest) -> Self {
        DigestRecord { sha256: d.sha256, bytes: d.bytes }
    }
}

impl From<DigestRecord> for Digest {
    fn from(d: DigestRecord) -> Self {
        Digest { sha256: d.sha256, bytes: d.bytes }
    }
}

/// Lower-case hexadecimal of a sha-256.
pub(crate) fn hex(sha256: &[u8; 32]) -> [u8; 64] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 64];
    for (i, byte) in sha256.iter().enumerate() {
        text[2 * i] = DIGITS[usize::from(byte >> 4)];
        text[2 * i + 1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

fn write_hex<S: Serializer>(sha256: &[u8; 32], out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(core::str::from_utf8(&hex(sha256)).unwrap_or_default())
}

fn read_hex<'de, D: Deserializer<'de>>(input: D) -> Result<[u8; 32], D::Error> {
    let text = <&str>::deserialize(input)?.as_bytes();
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let mut sha256 = [0; 32];
    let bad = || D::Error::custom("a sha-256 has 64 lower-case hexadecimal digits");
    if text.len() != 64 {
        return Err(bad());
    }
    for (byte, pair) in sha256.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0]).zip(digit(pair[1])).map(|(h, l)| h << 4 | l).ok_or_else(bad)?;
    }
    Ok(sha256)
}

/// A content key.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
struct KeyRecord(#[serde(serialize_with = "write_hex", deserialize_with = "read_hex")] [u8; 32]);

/// What an earlier run left.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReusedRecord<'a> {
    #[serde(borrow)]
    run: Cow<'a, str>,
    attempt_id: u64,
    by: Cow<'a, str>,
    duration_ms: u64,
    report: ReportRecord<'a>,
}

impl<'a> From<&'a Reused> for ReusedRecord<'a> {
    fn from(r: &'a Reused) -> Self {
        ReusedRecord {
            run: Cow::Borrowed(&r.run),
            attempt_id: r.attempt.0,
            by: Cow::Borrowed(reused_by(r.by)),
            duration_ms: r.duration_ms,
            report: ReportRecord::from(&r.report),
        }
    }
}

impl ReusedRecord<'_> {
    /// What the earlier run left.
    pub(super) fn into_reused(self) -> Result<Reused, RecordError> {
        let by = [ReusedBy::Retry, ReusedBy::Content].into_iter().find(|by| reused_by(*by) == self.by);
        Ok(Reused {
            run: self.run.into_owned().into_boxed_str(),
            attempt: AttemptId(self.attempt_id),
            by: by.ok_or_else(|| bad_value("by", &self.by))?,
            duration_ms: self.duration_ms,
            report: self.report.into(),
        })
    }
}

/// A lease of a running attempt's own.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnLeaseRecord<'a> {
    name: Cow<'a, str>,
    mode: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    units: Option<u32>,
}

impl<'a> From<&'a OwnLease> for OwnLeaseRecord<'a> {
    fn from(lease: &'a OwnLease) -> Self {
        let (mode, units) = match lease.kind {
            ClaimKind::Shared => ("shared", None),
            ClaimKind::Exclusive => ("exclusive", None),
            ClaimKind::Units(units) => ("units", Some(units)),
        };
        OwnLeaseRecord { name: Cow::Borrowed(&lease.name), mode: Cow::Borrowed(mode), units }
    }
}

impl OwnLeaseRecord<'_> {
    fn into_lease(self) -> Result<OwnLease, RecordError> {
        let kind = match (&*self.mode, self.units) {
            ("shared", None) => ClaimKind::Shared,
            ("exclusive", None) => ClaimKind::Exclusive,
            ("units", Some(units)) => ClaimKind::Units(units),
            (other, _) => return Err(bad_value("mode", other)),
        };
        Ok(OwnLease { name: self.name.into_owned().into(), kind })
    }
}

/// Leases of a running attempt's own; none if there are none.
pub(crate) fn own_leases(leases: &[OwnLease]) -> Option<Vec<OwnLeaseRecord<'_>>> {
    (!leases.is_empty()).then(|| leases.iter().map(Into::into).collect())
}

/// What is told of such leases, read: the name of the change, the text, the leases.
pub(super) fn to_lease_told(
    change: &str,
    text: Cow<'_, str>,
    leases: Option<Vec<OwnLeaseRecord<'_>>>,
) -> Result<LeaseTold, RecordError> {
    let leases: Result<Box<[OwnLease]>, RecordError> =
        leases.into_iter().flatten().map(OwnLeaseRecord::into_lease).collect();
    Ok(LeaseTold { change: to_lease_change(change)?, text: text.into_owned().into(), leases: leases? })
}

/// The name of what became of leases that an attempt asked for; that of its event.
pub(super) fn lease_change(change: LeaseChange) -> &'static str {
    match change {
        LeaseChange::Acquired => "lease_taken",
        LeaseChange::Dropped => "lease_dropped",
        LeaseChange::Denied => "lease_denied",
    }
}

/// What became of leases by its name.
fn to_lease_change(name: &str) -> Result<LeaseChange, RecordError> {
    let all = [LeaseChange::Acquired, LeaseChange::Dropped, LeaseChange::Denied];
    all.into_iter().find(|c| lease_change(*c) == name).ok_or_else(|| bad_value("found", name))
}

/// The name of why an outcome was reused.
pub(crate) fn reused_by(by: ReusedBy) -> &'static str {
    match by {
        ReusedBy::Retry => "retry",
        ReusedBy::Content => "content",
    }
}

/// Tokens and cost.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UsageRecord {
    input_tokens: u64,
    cached_tokens: u64,
    output_tokens: u64,
    reasoning_tokens: u64,
    cost_micro_usd: u64,
}

impl From<Usage> for UsageRecord {
    fn from(u: Usage) -> Self {
        UsageRecord {
            input_tokens: u.input_tokens,
            cached_tokens: u.cached_tokens,
            output_tokens: u.output_tokens,
            reasoning_tokens: u.reasoning_tokens,
            cost_micro_usd: u.cost_micro_usd,
        }
    }
}

impl From<UsageRecord> for Usage {
    fn from(u: UsageRecord) -> Self {
        Usage {
            input_tokens: u.input_tokens,
            cached_tokens: u.cached_tokens,
            output_tokens: u.output_tokens,
            reasoning_tokens: u.reasoning_tokens,
            cost_micro_usd: u.cost_micro_usd,
        }
    }
}

/// The commits between which an attempt worked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkRecord<'a> {
    base: Cow<'a, str>,
    head: Cow<'a, str>,
    changed: u32,
}

impl<'a> From<&'a Work> for WorkRecord<'a> {
    fn from(work: &'a Work) -> Self {
        let (base, head) = (Cow::Borrowed(&*work.base), Cow::Borrowed(&*work.head));
        WorkRecord { base, head, changed: work.changed }
    }
}

impl From<WorkRecord<'_>> for Work {
    fn from(work: WorkRecord<'_>) -> Self {
        Work { base: work.base.into(), head: work.head.into(), changed: work.changed }
    }
}

/// Facts of an ended attempt.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReportRecord<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<DigestRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stdout: Option<DigestRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stderr: Option<DigestRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_key: Option<KeyRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<DigestRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ran_ms: Option<NonZeroU64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    work: Option<WorkRecord<'a>>,
    #[serde(default, skip_serializing_if = "is_zero")]
    leaked: u32,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unasked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Text<'a>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl<'a> From<&'a Report> for ReportRecord<'a> {
    fn from(r: &'a Report) -> Self {
        ReportRecord {
            exit: r.exit,
            signal: r.signal,
            result: r.result.map(Into::into),
            stdout: r.stdout.map(Into::into),
            stderr: r.stderr.map(Into::into),
            usage: r.usage.map(Into::into),
            content_key: r.content.as_ref().map(|c| KeyRecord(c.key)),
            files: r.content.as_ref().and_then(|c| c.files).map(Into::into),
            ran_ms: r.ran_ms,
            work: r.work.as_deref().map(Into::into),
            leaked: r.leaked,
            unasked: r.unasked,
            message: r.message.as_deref().map(Cow::Borrowed),
        }
    }
}

impl From<ReportRecord<'_>> for Report {
    fn from(r: ReportRecord<'_>) -> Self {
        Report {
            exit: r.exit,
            signal: r.signal,
            result: r.result.map(Into::into),
            stdout: r.stdout.map(Into::into),
            stderr: r.stderr.map(Into::into),
            usage: r.usage.map(Into::into),
            content: r
                .content_key
                .map(|key| Box::new(Content { key: key.0, files: r.files.map(Into::into) })),
            ran_ms: r.ran_ms,
            work: r.work.map(|work| Box::new(work.into())),
            leaked: r.leaked,
            unasked: r.unasked,
            message: r.message.map(|m| m.into_owned().into_boxed_str()),
        }
    }
}

/// Caps on live work; lists by index.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsRecord<'a> {
    max_parallel: u32,
    per_wave: Option<u32>,
    per_priority: [Option<u32>; 4],
    per_agent: Cow<'a, [Option<u32>]>,
    per_tag: Cow<'a, [Option<u32>]>,
}

impl<'a> From<&'a Limits> for LimitsRecord<'a> {
    fn from(l: &'a Limits) -> Self {
        LimitsRecord {
            max_parallel: l.max_parallel,
            per_wave: l.per_wave,
            per_priority: l.per_priority,
            per_agent: Cow::Borrowed(&l.per_agent),
            per_tag: Cow::Borrowed(&l.per_tag),
        }
    }
}

impl From<LimitsRecord<'_>> for Limits {
    fn from(l: LimitsRecord<'_>) -> Self {
        Limits {
            max_parallel: l.max_parallel,
            per_wave: l.per_wave,
            per_priority: l.per_priority,
            per_agent: l.per_agent.into_owned(),
            per_tag: l.per_tag.into_owned(),
        }
    }
}

/// `answer` and `error` of a condition.
pub(super) fn condition(answer: &ConditionAnswer) -> (&'static str, Text<'_>) {
    match answer {
        ConditionAnswer::True => ("true", None),
        ConditionAnswer::False => ("false", None),
        ConditionAnswer::Error(text) => ("error", Some(Cow::Borrowed(text))),
    }
}

/// The condition's answer of `answer` and `error`.
pub(super) fn to_condition(answer: &str, error: Text<'_>) -> Result<ConditionAnswer, RecordError> {
    match answer {
        "true" => Ok(ConditionAnswer::True),
        "false" => Ok(ConditionAnswer::False),
        "error" => Ok(ConditionAnswer::Error(error.unwrap_or_default().into_owned().into_boxed_str())),
        other => Err(bad_value("answer", other)),
    }
}

/// How many items a map has, or what was wrong.
pub(super) fn expansion(answer: &Expansion) -> (Option<u32>, Text<'_>) {
    match answer {
        Expansion::Items(items) => (Some(*items), None),
        Expansion::Error(text) => (None, Some(Cow::Borrowed(text))),
    }
}

/// The answer of a number of items, or of what was wrong; nothing if there is neither.
pub(super) fn to_expansion(items: Option<u32>, error: Text<'_>) -> Option<Expansion> {
    let failed = error.map(|text| Expansion::Error(text.into_owned().into_boxed_str()));
    failed.or(items.map(Expansion::Items))
}

/// `answer` and `result` of a person's answer.
pub(super) fn answer(answer: &Answer) -> (&'static str, Option<DigestRecord>) {
    match answer {
        Answer::Again => ("again", None),
        Answer::Succeeded(result) => ("succeeded", result.map(Into::into)),
        Answer::Failed => ("failed", None),
    }
}

/// The person's answer of `answer` and `result`.
pub(super) fn to_answer(answer: &str, result: Option<DigestRecord>) -> Result<Answer, RecordError> {
    match answer {
        "again" => Ok(Answer::Again),
        "succeeded" => Ok(Answer::Succeeded(result.map(Into::into))),
        "failed" => Ok(Answer::Failed),
        other => Err(bad_value("answer", other)),
    }
}

/// The cause of a code, if there is one.
pub(super) fn to_cause(code: Option<&str>) -> Result<Option<Cause>, RecordError> {
    code.map(|code| Cause::from_code(code).ok_or_else(|| bad_value("cause", code))).transpose()
}

pub(super) fn bad_value(field: &'static str, value: &str) -> RecordError {
    RecordError::BadValue { field, value: value.escape_debug().collect() }
}
