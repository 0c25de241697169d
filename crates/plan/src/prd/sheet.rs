//! The plan of a document's phases: the prompt of each task is its phase file.
//!
//! Knows texts only.

use super::{Helper, Phase, Prd};
use crate::domains::Domains;
use crate::plan_text::{Entry, Sheet, text};
use std::collections::{BTreeMap, BTreeSet};

/// The plan as text; `name` is what it is called, `head` stands at its top.
#[must_use]
pub fn plan_of_prd(prd: &Prd, (name, head): (&str, &[String]), helper: &Helper, domains: &Domains) -> String {
    let ids: BTreeMap<u32, &str> = prd.phases.iter().map(|phase| (phase.number, phase.id.as_str())).collect();
    let tasks: Vec<Entry> = prd.phases.iter().map(|phase| entry(prd, phase, (&ids, domains))).collect();
    let used: BTreeSet<&str> = tasks.iter().filter_map(|task| task.domain.as_deref()).collect();
    let order = domains.order().into_iter().filter(|domain| used.contains(domain.as_str())).collect();
    text(&Sheet {
        head: head.to_vec(),
        name: name.to_owned(),
        epic: None,
        sequential: false,
        agent: helper.entry(),
        order,
        tasks,
    })
}

fn entry(prd: &Prd, phase: &Phase, (ids, domains): (&BTreeMap<u32, &str>, &Domains)) -> Entry {
    let paths = |files: &[(String, crate::tree::Span)]| {
        files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>()
    };
    let mut files = [paths(&phase.creates), paths(&phase.modifies)].concat();
    files.sort();
    let source = prd.files.get(phase.file).map_or("", |file| file.source.as_str());
    Entry {
        id: phase.id.clone(),
        title: Some(phase.title.clone()).filter(|title| !title.is_empty()),
        domain: domains.usual(&files).map(str::to_owned),
        needs: direct(phase, &prd.phases)
            .iter()
            .filter_map(|n| ids.get(n))
            .map(|id| (*id).to_owned())
            .collect(),
        estimate_ms: phase.estimate_ms,
        files,
        reads: Vec::new(),
        outputs: paths(&phase.creates),
        accept: phase.accept.clone(),
        prompt: source.trim_end().replace("\r\n", "\n"),
    }
}

/// What a phase needs and nothing else that it needs needs already: `All previous phases` names them all.
fn direct(phase: &Phase, phases: &[Phase]) -> BTreeSet<u32> {
    let by_number: BTreeMap<u32, &Phase> = phases.iter().map(|phase| (phase.number, phase)).collect();
    let mut implied = BTreeSet::new();
    let mut open: Vec<u32> =
        phase.after.iter().filter_map(|n| by_number.get(n)).flat_map(|p| p.after.iter().copied()).collect();
    while let Some(number) = open.pop() {
        if implied.insert(number) {
            open.extend(by_number.get(&number).into_iter().flat_map(|p| p.after.iter().copied()));
        }
    }
    phase.after.difference(&implied).copied().collect()
}
