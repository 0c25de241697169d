//! The record of a permission that an attempt asks for, and of what it was answered.
//!
//! Which of both stands in the kind of the event or input that it belongs to.

use super::parts::Text;
use super::{RecordError, unknown_kind};
use regatta_engine::permission::{PermissionTold, Question};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A question or an answer.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PermissionRecord<'a> {
    /// The number of the question.
    number: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Text<'a>,
    /// The kind of the tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed: Option<bool>,
    /// Only if it is true; what was written before it was known has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    always: Option<bool>,
}

impl<'a> From<&'a PermissionTold> for PermissionRecord<'a> {
    fn from(told: &'a PermissionTold) -> Self {
        match told {
            PermissionTold::Asked(Question { number, title, tool, always }) => PermissionRecord {
                number: *number,
                title: Some(Cow::Borrowed(title)),
                tool: Some(Cow::Borrowed(tool)),
                allowed: None,
                always: always.then_some(true),
            },
            PermissionTold::Answered { number, allowed } => PermissionRecord {
                number: *number,
                title: None,
                tool: None,
                allowed: Some(*allowed),
                always: None,
            },
        }
    }
}

impl PermissionRecord<'_> {
    /// What it tells, of a `kind`.
    ///
    /// # Errors
    /// A field that the kind needs is missing.
    pub(super) fn into_told(self, kind: &str) -> Result<PermissionTold, RecordError> {
        let missing = |field| RecordError::Missing { kind: kind.to_owned(), field };
        let text = |text: Text<'_>| text.map(|text| text.into_owned().into());
        Ok(match kind {
            "permission_asked" => PermissionTold::Asked(Question {
                number: self.number,
                title: text(self.title).ok_or_else(|| missing("title"))?,
                tool: text(self.tool).ok_or_else(|| missing("tool"))?,
                always: self.always.unwrap_or_default(),
            }),
            "permission_answered" => PermissionTold::Answered {
                number: self.number,
                allowed: self.allowed.ok_or_else(|| missing("allowed"))?,
            },
            other => return Err(unknown_kind(other)),
        })
    }
}
