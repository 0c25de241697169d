//! Feeds damaged documents, expressions and records to the readers of Regatta and judges their answers. For
//! development only.
//!
//! ```text
//! watch   a process for each target; whoever dies or stands still has found something
//!   `- worker   corpus -> mutate -> judge -> new kind of answer? -> keep
//! targets     plans (yaml, json, toml)   texts   conditions   records   database   spool   frames
//! ```
//! A seed gives the same inputs. What steers it is which kinds of answers were seen; it does not see which code ran.

pub mod conditions;
pub mod corpus;
pub mod database;
pub mod documents;
pub mod mutate;
pub mod plans;
pub mod records;
pub mod target;
pub mod targets;
pub mod texts;
pub mod watch;
pub mod wires;
pub mod worker;
