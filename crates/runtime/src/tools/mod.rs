//! Calls of tools: an attempt like any other, whose program is ourselves (`regatta tool-call`).
//!
//! ```text
//! orchestrator --order (0600 file)--> tool-call --built in--> workspace
//!                                       `---socket---> tool-host --pipes, HTTP---> servers of others
//! tool-call --result.json, stdout, stderr, tool.json--> judged as the attempt it is
//! ```
//! Everything that a tool says comes in through `said` and the files of the attempt, and nowhere else. Only
//! `tool-host` and `tool-call` use tokio, in processes of their own.

mod built_in;
mod call;
mod facts;
mod guest;
mod host;
mod names;
mod order;
mod said;
mod wire;

/// What our own server of the protocol calls itself: a run knows it by that, wherever it is.
pub const SERVER_NAME: &str = "regatta";

pub(crate) use built_in::{Contribution, JOIN, Stored, literal_origin};
pub use call::call;
pub use facts::{Findings, Listed, Objection, ToolFacts, judge};
pub use host::{MARKER, host};
pub(crate) use host::{NoServer, is_ours, list_all};
pub(crate) use names::variables_of;
pub(crate) use order::{Order, Server};
pub(crate) use said::{Class, Said};
