//! Work from a task list or from names of files alone: a unit is a domain.
//!
//! A file is needed by the domain of each heading that says its domain, by the domains of the most specific rules, and,
//! where several tasks without a domain name it, by the domain of most of their files.

use super::{Unit, Work};
use crate::domains::{Domains, OTHER};
use crate::epic::{Epic, Fate, FileFacts, fate, only_lists};
use std::collections::{BTreeMap, BTreeSet};

/// The work of a task list.
#[must_use]
pub fn of_epic(epic: &Epic, domains: &Domains) -> Work {
    let sections: Vec<Option<&str>> = epic.sections.iter().map(|s| s.domain.as_deref()).collect();
    let fates: Vec<Fate> = epic.sections.iter().map(|section| fate(&section.title)).collect();
    let usual = usual_domains(epic, domains);
    let mut work = Work { order: domains.order(), ..Work::default() };
    for (path, facts) in &epic.files {
        let stated = |place: &usize| sections.get(*place).copied().flatten();
        let mut needed: BTreeSet<&str> = facts.sections.iter().filter_map(stated).collect();
        let is_task = |place: &&usize| epic.sections.get(**place).is_some_and(|section| section.is_task);
        let open: Vec<&usize> =
            facts.sections.iter().filter(|place| stated(place).is_none()).filter(is_task).collect();
        if open.len() > 1 {
            needed.extend(open.iter().filter_map(|place| usual.get(place).copied()));
        }
        let by_rule = domains.of(path);
        // What no rule knows is of whoever names it.
        if needed.is_empty() || !by_rule.contains(OTHER) {
            needed.extend(by_rule);
        }
        let told = told(path, facts, &fates);
        for domain in &needed {
            unit(&mut work, domain).description.push(told.clone());
        }
        work.files.insert(path.clone(), needed.into_iter().map(str::to_owned).collect());
    }
    for (place, section) in epic.sections.iter().enumerate() {
        let Some(domain) = section.domain.as_deref().or_else(|| usual.get(&place).copied()) else { continue };
        let Some(unit) = work.units.get_mut(domain) else { continue };
        unit.accept.extend(section.accept.iter().cloned());
        let sum = |more: u64| unit.estimate_ms.unwrap_or(0).saturating_add(more);
        unit.estimate_ms = section.estimate_ms.map(sum).or(unit.estimate_ms);
        let is_domain = section.domain.as_deref() == Some(section.title.to_lowercase().trim());
        if !(section.title.is_empty() || is_domain || only_lists(&section.title)) {
            unit.description.push(section.title.clone());
        }
    }
    for unit in work.units.values_mut() {
        unit.accept.extend(epic.accept.iter().cloned());
        for lines in [&mut unit.description, &mut unit.accept] {
            lines.sort();
            lines.dedup();
        }
    }
    work
}

/// The work of a list of files.
#[must_use]
pub fn of_files(files: &BTreeSet<String>, domains: &Domains) -> Work {
    let mut work = Work { order: domains.order(), ..Work::default() };
    for path in files {
        let needed = domains.of(path);
        for domain in &needed {
            unit(&mut work, domain).description.push(path.clone());
        }
        work.files.insert(path.clone(), needed.into_iter().map(str::to_owned).collect());
    }
    work
}

fn unit<'a>(work: &'a mut Work, domain: &str) -> &'a mut Unit {
    let unit = || Unit { domain: domain.to_owned(), ..Unit::default() };
    work.units.entry(domain.to_owned()).or_insert_with(unit)
}

/// The domain of most files of each section.
fn usual_domains<'a>(epic: &Epic, domains: &'a Domains) -> BTreeMap<usize, &'a str> {
    let mut files: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for (path, facts) in &epic.files {
        facts.sections.iter().for_each(|place| files.entry(*place).or_default().push(path));
    }
    files.into_iter().filter_map(|(place, paths)| Some((place, domains.usual(paths)?))).collect()
}

/// What is said about a file, by what each section says becomes of its files.
fn told(path: &str, facts: &FileFacts, fates: &[Fate]) -> String {
    let mut notes = facts.notes.clone();
    notes.sort();
    let says = |fate: Fate| facts.sections.iter().any(|place| fates.get(*place) == Some(&fate));
    // That heading is no line of its own.
    if says(Fate::Go) && !says(Fate::Stay) {
        notes.insert(0, "to be deleted".to_owned());
    }
    match notes[..] {
        [] => path.to_owned(),
        _ => format!("{path}: {}", notes.join("; ")),
    }
}
