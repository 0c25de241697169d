//! The plan that follows from a division: one agent task for each unit, with its files, criteria and briefing.
//!
//! Knows texts only; whether the plan is any good is asked by reading it again.

use super::{Division, Share, Verdict};
use crate::agents::PRESETS;
use crate::domains::briefing;
use crate::plan_text::{Entry, Sheet, text};
use crate::unassigned::NOBODY;
use std::collections::{BTreeMap, BTreeSet};

/// What a plan is called, and what comes to it from beside the division.
#[derive(Clone, Debug, Default)]
pub struct Frame<'a> {
    /// Its name.
    pub name: String,
    /// The epic it belongs to.
    pub epic: Option<String>,
    /// Who does the work.
    pub helper: Helper,
    /// What agents of a domain are told first, where the workspace says so.
    pub briefings: BTreeMap<String, String>,
    /// Comments at the top.
    pub head: Vec<String>,
    /// The decision; without one the plan says nothing of it.
    pub verdict: Option<&'a Verdict>,
}

/// Who does the work.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Helper {
    /// The usual one, that anybody can exchange.
    #[default]
    Usual,
    /// One by this name; that of a preset is that preset, any other is the usual one until somebody says what it is.
    Named(String),
    /// One that stands in the settings, and where those are; the plan does not say again what it is.
    OfSettings(String, String),
    /// Nobody yet: the plan can be checked and not run.
    Nobody,
}

impl Helper {
    /// Name, definition, and what else could stand there; or no definition, and where it stands.
    pub(crate) fn entry(&self) -> (String, String, String) {
        let others = "or: claude, gemini, opencode, aider; or { command: [my-agent, \"{prompt_file}\"] }";
        match self {
            Helper::Usual => ("coder".to_owned(), "{ preset: codex }".to_owned(), others.to_owned()),
            Helper::Named(name) if PRESETS.iter().any(|preset| preset.name == name) => {
                (name.clone(), format!("{{ preset: {name} }}"), String::new())
            }
            Helper::Named(name) => {
                let note = format!("`{name}` is no preset and not in the settings, so it is codex; {others}");
                (name.clone(), "{ preset: codex }".to_owned(), note)
            }
            Helper::OfSettings(name, place) => {
                (name.clone(), String::new(), format!("The agent `{name}` stands in {place}."))
            }
            Helper::Nobody => {
                let others =
                    "nobody yet: put codex, claude, gemini, opencode or aider here, or another agent";
                ("nobody".to_owned(), format!("{{ preset: {NOBODY} }}"), others.to_owned())
            }
        }
    }
}

/// The plan as text.
#[must_use]
pub fn sketch(division: &Division, frame: &Frame<'_>) -> String {
    let ids: BTreeSet<&str> = division.shares.iter().map(|share| share.id.as_str()).collect();
    let sheet = Sheet {
        head: frame.head.clone(),
        name: frame.name.clone(),
        epic: frame.epic.clone(),
        sequential: frame.verdict.is_some_and(|verdict| !verdict.viable),
        agent: frame.helper.entry(),
        order: division.order.clone(),
        tasks: division.shares.iter().map(|share| entry(share, &ids, frame)).collect(),
    };
    text(&sheet)
}

fn entry(share: &Share, ids: &BTreeSet<&str>, frame: &Frame<'_>) -> Entry {
    let unit = &share.unit;
    let told = frame
        .briefings
        .get(&unit.domain)
        .map_or_else(|| briefing(&unit.domain).to_owned(), |t| t.trim().to_owned());
    let mut prompt = told;
    let about = match &frame.epic {
        Some(epic) if *epic != frame.name => format!("{epic}, {}", frame.name),
        _ => frame.name.clone(),
    };
    prompt.push_str(&format!("\n\nYour part of {about}:"));
    unit.description.iter().for_each(|line| prompt.push_str(&format!("\n- {line}")));
    let accept = match &unit.accept[..] {
        [] => vec![
            "Every file of this task is as its description says, and the tests of the repository pass."
                .to_owned(),
        ],
        said => said.to_vec(),
    };
    Entry {
        id: share.id.clone(),
        title: None,
        domain: Some(unit.domain.clone()),
        needs: unit.needs.iter().filter(|need| ids.contains(need.as_str())).cloned().collect(),
        estimate_ms: unit.estimate_ms,
        files: share.owns.clone(),
        reads: share.reads.clone(),
        outputs: Vec::new(),
        accept,
        prompt,
    }
}
