//! All phases together: numbers once, dependencies that exist and lead nowhere back, each file made once.
//!
//! Knows phases that were read; nothing recurses.

use super::needs::Need;
use super::{Phase, Prd};
use crate::diagnostic::{Code, Diagnostic};
use crate::tree::Span;
use std::collections::{BTreeMap, BTreeSet};

/// Problems with the file that each is in.
type Found = Vec<(usize, Diagnostic)>;

/// Looks dependencies up and checks everything that needs more than one phase.
pub(super) fn check(prd: &mut Prd) {
    let mut found = Found::new();
    numbers(prd, &mut found);
    let known: BTreeSet<u32> =
        prd.phases.iter().map(|phase| phase.number).chain(prd.unread.iter().copied()).collect();
    for phase in &mut prd.phases {
        phase.after = lookup(phase, &known, &mut found);
    }
    let cyclic = cycles(&prd.phases, &mut found);
    // Who comes after whom is known only once all of them are.
    if !cyclic && prd.unread.is_empty() {
        owners(prd, &mut found);
    }
    for (file, problem) in found {
        if let Some(file) = prd.files.get_mut(file) {
            file.problems.push(problem);
        }
    }
}

/// `phase-2-b.md:1`, to name a place of another file.
fn place(prd: &Prd, phase: &Phase, span: &Span) -> String {
    let Some(file) = prd.files.get(phase.file) else { return String::new() };
    let before = file.source.get(..span.start).unwrap_or(&file.source);
    format!("{}:{}", file.shown, before.matches('\n').count() + 1)
}

fn numbers(prd: &Prd, found: &mut Found) {
    for pair in prd.phases.windows(2).filter(|pair| pair[0].number == pair[1].number) {
        let (first, second) = (&pair[0], &pair[1]);
        let message =
            format!("phase {} exists twice: {} is one too", second.number, place(prd, first, &first.place));
        found.push((second.file, Diagnostic::error(Code::DuplicateId, second.place.clone(), message)));
    }
}

/// The numbers that a phase depends on.
fn lookup(phase: &Phase, known: &BTreeSet<u32>, found: &mut Found) -> BTreeSet<u32> {
    let mut after = BTreeSet::new();
    let mut tell = |code: Code, span: &Span, message: String| {
        found.push((phase.file, Diagnostic::error(code, span.clone(), message)));
    };
    let own = phase.number;
    let none = phase.needs.iter().find(|(need, _)| *need == Need::None);
    if let (Some((_, span)), true) = (none, phase.needs.len() > 1) {
        tell(Code::BadValue, span, format!("phase {own} says that it depends on nothing, and on something"));
    }
    for (need, span) in &phase.needs {
        match need {
            Need::None => {}
            Need::Phases(from, to) if from > to => {
                tell(Code::BadValue, span, format!("`{from}-{to}` counts downwards"));
            }
            Need::Phases(from, to) if to - from > 10_000 => {
                tell(Code::Limit, span, format!("`{from}-{to}` are more than 10000 phases"));
            }
            Need::Phases(from, to) => {
                for number in *from..=*to {
                    if number == own {
                        tell(Code::Cycle, span, format!("phase {own} depends on itself"));
                    } else if known.contains(&number) {
                        after.insert(number);
                    } else {
                        tell(
                            Code::MissingDependency,
                            span,
                            format!("phase {own} needs phase {number}, which does not exist"),
                        );
                    }
                }
            }
            Need::Previous(said) => {
                let before: BTreeSet<u32> = known.range(..own).copied().collect();
                let ends = before.first().copied().zip(before.last().copied());
                if said.is_some() && *said != ends {
                    let (from, to) = said.unwrap_or_default();
                    let are = ends.map_or("there are none".to_owned(), |(a, b)| format!("they are {a}-{b}"));
                    tell(
                        Code::BadValue,
                        span,
                        format!("`{from}-{to}` are not all phases before phase {own}: {are}"),
                    );
                }
                after.extend(before);
            }
        }
    }
    after
}

/// Every phase that can never begin is on a cycle or behind one; one cycle is told, shortest way round from its smallest
/// number.
fn cycles(phases: &[Phase], found: &mut Found) -> bool {
    let mut left: BTreeMap<u32, &Phase> = phases.iter().map(|phase| (phase.number, phase)).collect();
    loop {
        let free: Vec<u32> = left
            .values()
            .filter(|p| p.after.iter().all(|n| !left.contains_key(n)))
            .map(|p| p.number)
            .collect();
        if free.is_empty() {
            break;
        }
        free.iter().for_each(|number| {
            left.remove(number);
        });
    }
    // From anywhere, going on to the smallest that is needed ends in a cycle.
    let Some(mut at) = left.keys().next().copied() else { return false };
    let mut path: Vec<u32> = Vec::new();
    while !path.contains(&at) {
        path.push(at);
        let next = left.get(&at).and_then(|phase| phase.after.iter().find(|n| left.contains_key(n)));
        let Some(next) = next else { return true };
        at = *next;
    }
    let begin = path.iter().position(|n| *n == at).unwrap_or(0);
    let mut cycle: Vec<u32> = path.split_off(begin);
    let smallest = cycle.iter().enumerate().min_by_key(|(_, n)| **n).map_or(0, |(i, _)| i);
    cycle.rotate_left(smallest);
    cycle.extend(cycle.first().copied());
    let words: Vec<String> = cycle.iter().map(|n| format!("phase {n}")).collect();
    if let Some(phase) = cycle.first().and_then(|n| left.get(n)) {
        let span = phase.needs_place.clone().unwrap_or(phase.place.clone());
        let message = format!("phases depend on each other: {}", words.join(" → "));
        let mut problem = Diagnostic::error(Code::Cycle, span, message);
        problem.cycle = cycle.iter().map(u32::to_string).collect();
        found.push((phase.file, problem));
    }
    true
}

/// A file is made by one phase, and two phases between which there is no order do not change the same.
fn owners(prd: &Prd, found: &mut Found) {
    let before = ancestors(&prd.phases);
    let ordered = |a: &Phase, b: &Phase| {
        let reaches = |x: &Phase, y: &Phase| before.get(&y.number).is_some_and(|all| all.contains(&x.number));
        reaches(a, b) || reaches(b, a)
    };
    let mut seen: BTreeMap<&str, Vec<(&Phase, &Span, bool)>> = BTreeMap::new();
    for phase in &prd.phases {
        let made = phase.creates.iter().map(|file| (file, true));
        for ((path, span), creates) in made.chain(phase.modifies.iter().map(|file| (file, false))) {
            let earlier = seen.entry(path).or_default();
            let clash = earlier.iter().find(|(other, _, made)| creates && *made || !ordered(other, phase));
            if let Some((other, at, made)) = clash {
                let what = if creates && *made { "is made by" } else { "belongs to" };
                let message =
                    format!("`{path}` {what} phase {} too ({})", other.number, place(prd, other, at));
                let help = if creates && *made {
                    "a file is made once: list it below `### Files to Modify:` in the later phase".to_owned()
                } else {
                    format!("let one of phases {} and {} depend on the other", other.number, phase.number)
                };
                let problem = Diagnostic::error(Code::Overlap, (*span).clone(), message).help(help);
                found.push((phase.file, problem));
            }
            earlier.push((phase, span, creates));
        }
    }
}

/// All phases before each, however far.
fn ancestors(phases: &[Phase]) -> BTreeMap<u32, BTreeSet<u32>> {
    let mut known: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    let mut open: Vec<&Phase> = phases.iter().collect();
    while !open.is_empty() {
        let (ready, rest): (Vec<&Phase>, Vec<&Phase>) =
            open.into_iter().partition(|p| p.after.iter().all(|n| known.contains_key(n)));
        if ready.is_empty() {
            break;
        }
        for phase in ready {
            let far = phase.after.iter().filter_map(|n| known.get(n)).flatten().copied();
            let all: BTreeSet<u32> = far.chain(phase.after.iter().copied()).collect();
            known.insert(phase.number, all);
        }
        open = rest;
    }
    known
}
