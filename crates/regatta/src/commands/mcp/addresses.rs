//! Addresses of resources.
//!
//! Knows nothing of what they hold.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// How each begins.
pub(super) const PREFIX: &str = "regatta://runs/";
/// What has no place in an address.
const ESCAPED: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'%').add(b'/').add(b'?').add(b'#').add(b'[').add(b']');

/// The address of a part of a run.
pub(super) fn uri(run: &str, part: &str) -> String {
    format!("{PREFIX}{run}{part}")
}

/// The address of what a task wrote, or resulted in.
pub(super) fn task_uri(run: &str, task: &str, part: &str) -> String {
    uri(run, &format!("/tasks/{}/{part}", utf8_percent_encode(task, ESCAPED)))
}
