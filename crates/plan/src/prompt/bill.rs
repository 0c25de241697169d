//! The bill of materials at the end of a prompt: what it was made of.
//!
//! As a table for whoever reads the prompt, and as data beside it.

use super::{Item, estimate_tokens};
use serde::Serialize;

/// One item of a prompt.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Line {
    /// `L1` or `L2`.
    pub tier: &'static str,
    /// What it is.
    pub part: &'static str,
    /// Where it comes from.
    pub source: String,
    /// Which state of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Who wrote it.
    pub trust: &'static str,
    /// Tokens, estimated.
    pub estimated_tokens: u64,
    /// It is never left out.
    pub pinned: bool,
    /// What became of it: nothing is left out yet.
    pub fate: &'static str,
}

impl Line {
    pub(super) fn of(item: &Item) -> Line {
        Line {
            tier: item.part.tier(),
            part: item.part.name(),
            source: item.source.clone(),
            revision: item.revision.clone(),
            trust: item.trust.name(),
            estimated_tokens: estimate_tokens(&item.text),
            pinned: item.part.is_pinned(),
            fate: "kept",
        }
    }
}

pub(super) fn table(bill: &[Line]) -> String {
    let mut text = String::from("---\nThis prompt was made of (tokens are estimated):\n\n");
    text.push_str("| tier | what | source | tokens | pinned | fate |\n|---|---|---|---|---|---|\n");
    for line in bill {
        let revision = line.revision.as_ref().map_or(String::new(), |r| format!(" ({r})"));
        let pinned = if line.pinned { "yes" } else { "no" };
        text.push_str(&format!(
            "| {} | {} | {}{revision} | {} | {pinned} | {} |\n",
            line.tier, line.part, line.source, line.estimated_tokens, line.fate
        ));
    }
    text
}
