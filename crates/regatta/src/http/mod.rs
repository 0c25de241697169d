//! What every server of ours over HTTP has in common: it listens on the loopback only, wants a token, looks at `Host` and
//! `Origin` before anything else is read, and has a bound for everything.
//!
//! ```text
//! connection ── door: seats ── serving: time for headers ── guard: Host, Origin, token, rate, body ── whoever serves
//! ```
//! Knows nothing of what is served.

pub mod address;
pub mod door;
pub mod guard;
pub mod rate;
pub mod serving;
pub mod token;
