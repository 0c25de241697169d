//! Names of the files by which a call of a tool is told what to do, and tells how it ended.
//!
//! They lie in the directory of its attempt. Knows nothing of what is in them.

/// What is to be done: there until it is read.
pub(crate) const ORDER_FILE: &str = "tool-order.json";
/// How it ended, if it did not end well.
pub(crate) const SAID_FILE: &str = "tool.json";
