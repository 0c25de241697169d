//! Bounds that several rooms name, each with its sentence.
//!
//! Numbers only.

/// How long a writer waits for another one, in milliseconds (11-semantics: never an error before that).
pub(crate) const BUSY_MS: u64 = 10_000;

/// The largest result that lives in the row of its event, in bytes; larger ones are files of the runtime.
pub const MAX_PAYLOAD_BYTES: usize = 64 * 1024;
