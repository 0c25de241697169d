//! `lease_acquire` and `lease_release`: an agent inside a task asks for more than its plan claimed for it.
//!
//! The same as `regatta lock`, which decides nothing either.

use super::answer::Answer;
use super::desk::{Arguments, Desk, Refused, read};
use crate::args::LockVerb;
use crate::commands::lock;
use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;
use serde_json::json;

/// What `lease_acquire` takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Acquire {
    /// Paths or names, all of them or none.
    names: Vec<String>,
    /// Others may share them; without it they are exclusive.
    #[serde(default)]
    shared: bool,
    /// So many units of a lease that is counted.
    units: Option<u32>,
}

/// What `lease_release` takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Release {
    /// What is given back; everything that was asked for in this way if it is empty.
    #[serde(default)]
    names: Vec<String>,
}

/// `lease_acquire`
pub(super) fn acquire(desk: &Desk<'_>, arguments: Arguments) -> Result<Answer, Refused> {
    let Acquire { names, shared, units } = read(arguments)?;
    asked(desk, &LockVerb::Acquire { names, shared, units })
}

/// `lease_release`
pub(super) fn release(desk: &Desk<'_>, arguments: Arguments) -> Result<Answer, Refused> {
    let Release { names } = read(arguments)?;
    asked(desk, &LockVerb::Release { names })
}

fn asked(desk: &Desk<'_>, verb: &LockVerb) -> Result<Answer, Refused> {
    Ok(Answer::of(json!({ "said": lock::ask(desk.context, verb)? })))
}
