//! The wire records of events and inputs: compact JSON, one flat object each, apart from the domain types.
//!
//! The database seals them; [`RecordVersion`] stands in the run's row. Knows no SQL and no names of tasks.

mod event;
mod event_read;
mod input;
mod parts;
mod permission;

use core::fmt;
use event::EventRecord;
use input::InputRecord;
use regatta_engine::event::Event;
use regatta_engine::input::Input;

pub(crate) use event::cap;
pub(crate) use parts::{LimitsRecord, OwnLeaseRecord, UsageRecord, hex, own_leases, reused_by};

/// Version of the record formats of a run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RecordVersion(pub u32);

impl RecordVersion {
    /// What this build writes, and the newest it reads. A new kind or field raises it.
    pub const CURRENT: RecordVersion = RecordVersion(1);
}

impl fmt::Display for RecordVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Why a record cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// A kind of a newer version: the record is sound, this build does not know what it means.
    #[error("kind `{kind}` is not known to format {}", RecordVersion::CURRENT)]
    UnknownKind {
        /// The kind, escaped.
        kind: String,
    },
    /// A field that the kind needs is missing.
    #[error("`{kind}` lacks the field `{field}`")]
    Missing {
        /// The kind.
        kind: String,
        /// The field.
        field: &'static str,
    },
    /// A field has a value that is none of its names.
    #[error("the field `{field}` cannot be `{value}`")]
    BadValue {
        /// The field.
        field: &'static str,
        /// The value, escaped.
        value: String,
    },
    /// Not the JSON of a record.
    #[error("not a record: {0}")]
    Json(#[from] serde_json::Error),
}

/// Appends the record of an event to `out`.
///
/// # Errors
/// None in practice: the records have text keys and finite numbers only.
pub fn encode_event(event: &Event, out: &mut Vec<u8>) -> Result<(), RecordError> {
    Ok(serde_json::to_writer(out, &EventRecord::from(event))?)
}

/// The event of a record.
///
/// # Errors
/// [`RecordError::UnknownKind`] for a kind of a newer version; others for bytes that no version wrote.
pub fn decode_event(bytes: &[u8]) -> Result<Event, RecordError> {
    match serde_json::from_slice::<EventRecord<'_>>(bytes) {
        Ok(record) => record.into_event(),
        Err(e) => Err(unknown_or(bytes, e, event_read::knows)),
    }
}

/// Appends the record of an input to `out`.
///
/// # Errors
/// None in practice, as [`encode_event`].
pub fn encode_input(input: &Input, out: &mut Vec<u8>) -> Result<(), RecordError> {
    Ok(serde_json::to_writer(out, &InputRecord::from(input))?)
}

/// The input of a record.
///
/// # Errors
/// As [`decode_event`].
pub fn decode_input(bytes: &[u8]) -> Result<Input, RecordError> {
    match serde_json::from_slice::<InputRecord<'_>>(bytes) {
        Ok(record) => record.into_input(),
        Err(e) => Err(unknown_or(bytes, e, input::knows)),
    }
}

/// Appends the inputs of a turn to `out` as one JSON array.
pub(crate) fn encode_inputs(inputs: &[Input], out: &mut Vec<u8>) -> Result<(), RecordError> {
    out.push(b'[');
    for (i, input) in inputs.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        encode_input(input, out)?;
    }
    out.push(b']');
    Ok(())
}

/// The inputs of a turn.
pub(crate) fn decode_inputs(bytes: &[u8]) -> Result<Vec<Input>, RecordError> {
    match serde_json::from_slice::<Vec<InputRecord<'_>>>(bytes) {
        Ok(records) => records.into_iter().map(InputRecord::into_input).collect(),
        Err(e) => match serde_json::from_slice::<Vec<KindOnly>>(bytes) {
            Ok(kinds) => match kinds.iter().find(|k| !input::knows(&k.kind)) {
                Some(unknown) => Err(unknown_kind(&unknown.kind)),
                None => Err(e.into()),
            },
            Err(_) => Err(e.into()),
        },
    }
}

/// What can be read of a record of a newer version.
#[derive(serde::Deserialize)]
struct KindOnly {
    kind: String,
}

/// A record of a newer version may have unknown fields too: its kind decides which error it is.
fn unknown_or(bytes: &[u8], error: serde_json::Error, knows: fn(&str) -> bool) -> RecordError {
    match serde_json::from_slice::<KindOnly>(bytes) {
        Ok(KindOnly { kind }) if !knows(&kind) => unknown_kind(&kind),
        _ => error.into(),
    }
}

fn unknown_kind(kind: &str) -> RecordError {
    RecordError::UnknownKind { kind: kind.escape_debug().collect() }
}
