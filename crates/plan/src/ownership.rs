//! What `files` and `reads` of tasks mean: locks with `isolation: locks`, owners with `isolation: worktree`.
//!
//! Works on patterns alone; whether two globs meet in a real file is asked when a run begins.

use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::model::{Claim, Lock};
use crate::patterns::{Globs, group, is_literal, plain, refuse};
use crate::placed::{Isolation, Placed};
use crate::reach::Reach;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How the name of a lock begins that `isolation: locks` makes of patterns.
pub const FILES_LOCK: &str = "files:";
/// At most this many overlaps are reported.
const MAX_OVERLAPS: usize = 100;

/// Each pattern must be one, and lie inside the workspace.
pub(crate) fn check_patterns(placed: &[Placed], problems: &mut Problems) {
    for p in placed {
        for pattern in p.task.files.iter().chain(&p.task.reads) {
            let Some(why) = refuse(pattern) else { continue };
            let message = format!("`{}` of task `{}` {why}", pattern.escape_debug(), p.task.id);
            problems.push(Diagnostic::error(Code::BadValue, p.id_span.wide(), message));
        }
    }
}

/// Adds the locks that the patterns of each task under `isolation: locks` mean: exclusive for `files`, shared for
/// `reads`; overlapping patterns share one lock.
pub(crate) fn lock_files(placed: &mut [Placed]) {
    let locked = |p: &&Placed| p.isolation == Isolation::Locks;
    let patterns = placed.iter().filter(locked).flat_map(|p| p.task.files.iter().chain(&p.task.reads));
    let patterns: BTreeSet<String> = patterns.map(|pattern| plain(pattern).to_owned()).collect();
    let groups = group(&patterns.into_iter().collect::<Vec<_>>());
    let name = |pattern: &str| {
        let pattern = plain(pattern);
        format!("{FILES_LOCK}{}", groups.get(pattern).map_or(pattern, String::as_str))
    };
    for p in placed.iter_mut().filter(|p| p.isolation == Isolation::Locks) {
        let mut claims: BTreeMap<String, Claim> = BTreeMap::new();
        for pattern in &p.task.reads {
            claims.entry(name(pattern)).or_insert(Claim::Shared);
        }
        for pattern in &p.task.files {
            claims.insert(name(pattern), Claim::Exclusive);
        }
        if claims.is_empty() {
            continue;
        }
        let locks = &mut Arc::make_mut(&mut p.task.terms).locks;
        locks.extend(claims.into_iter().map(|(resource, claim)| Lock { resource, claim }));
        locks.sort();
        locks.dedup();
    }
}

/// Two tasks in worktrees that own the same file need an order between them; where it is `allowed`, that is only said.
pub(crate) fn check_owners((placed, allowed): (&[Placed], bool), reach: &Reach, problems: &mut Problems) {
    let owners = |pattern: &dyn Fn(&str) -> bool| {
        let mut found: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
        for (i, p) in placed.iter().enumerate().filter(|(_, p)| p.isolation == Isolation::Worktree) {
            for file in p.task.files.iter().map(|f| plain(f)).filter(|f| pattern(f)) {
                found.entry(file).or_default().insert(i);
            }
        }
        found
    };
    let (mut literals, globs) = (owners(&|p| is_literal(p)), owners(&|p| !is_literal(p)));
    let set = Globs::of(globs.keys().copied());
    for (literal, tasks) in &mut literals {
        set.matching(literal).for_each(|glob| tasks.extend(&globs[glob]));
    }
    // The items of a map are told as one: the first, and how many there are.
    let mut maps: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (i, p) in placed.iter().enumerate() {
        if let Some((map, _)) = p.task.item() {
            maps.entry(map).or_insert((i, 0)).1 += 1;
        }
    }
    let map_of = |i: usize| placed[i].task.item().map(|(map, _)| maps[map]);
    let one = |i: usize| map_of(i).map_or(i, |(first, _)| first);
    let mut overlaps: BTreeMap<(usize, usize), Overlap<'_>> = BTreeMap::new();
    for (pattern, tasks) in literals.into_iter().chain(globs).filter(|(_, tasks)| tasks.len() > 1) {
        // In topological order, all pairs are ordered if and only if all neighbours are.
        let sorted = reach.sorted(tasks);
        let mut owners: BTreeMap<usize, usize> = BTreeMap::new();
        sorted.iter().for_each(|i| *owners.entry(one(*i)).or_default() += 1);
        for pair in sorted.windows(2).filter(|pair| !reach.reaches(pair[0], pair[1])) {
            let (a, b) = (one(pair[0]), one(pair[1]));
            let found = overlaps.entry((a.min(b), a.max(b))).or_default();
            // Where some of the items of a map own what others do not, two of them are named.
            if a == b && map_of(a).is_some_and(|(_, items)| owners[&a] < items) {
                found.some.get_or_insert((pair[0].min(pair[1]), pair[0].max(pair[1]), pattern));
            } else if found.files.last() != Some(&pattern) {
                found.files.push(pattern);
            }
        }
        if overlaps.len() >= MAX_OVERLAPS {
            break;
        }
    }
    for ((a, b), found) in overlaps {
        problems.push(match found.some.filter(|_| found.files.is_empty()) {
            Some((a, b, pattern)) => of_some((&placed[a], &placed[b]), pattern, allowed),
            None => overlap((&placed[a], &placed[b]), &found.files.join("`, `"), allowed),
        });
    }
}

/// What two tasks own both, or the items of one map.
#[derive(Default)]
struct Overlap<'a> {
    files: Vec<&'a str>,
    /// Two items of a map, and what only some of its items own.
    some: Option<(usize, usize, &'a str)>,
}

/// Two items of a map that own the same files, which others of it do not.
fn of_some((a, b): (&Placed, &Placed), files: &str, allowed: bool) -> Diagnostic {
    let said = if allowed { Diagnostic::warning } else { Diagnostic::error };
    let (first, second) = (&a.task.id, &b.task.id);
    let message = format!("items `{first}` and `{second}` both own `{files}` and no order is between them");
    let help = "`for_each` has a value twice, or values that give the same `files`: have each once, or divide the files";
    said(Code::Overlap, b.id_span.wide(), message).help(help)
}

/// Two tasks, or the items of one map, that own the same files; where it is `allowed`, that is only said.
fn overlap((a, b): (&Placed, &Placed), files: &str, allowed: bool) -> Diagnostic {
    let said = if allowed { Diagnostic::warning } else { Diagnostic::error };
    let name = |p: &Placed| p.task.item().map_or(&*p.task.id, |(map, _)| map).to_owned();
    let (first, second) = (name(a), name(b));
    if first == second {
        let message = format!("the items of task `{first}` all own `{files}` and no order is between them");
        let help =
            "divide the files: where `for_each` is a list of the plan itself, `files` may name `${item}`";
        return said(Code::Overlap, b.id_span.wide(), message).help(help);
    }
    let message = format!("tasks `{first}` and `{second}` both own `{files}` and no order is between them");
    let help = format!("add `needs: [{first}]` to `{second}`, or divide the files");
    let problem = said(Code::Overlap, b.id_span.wide(), message).label("owns it too");
    problem.also(a.id_span.wide(), "owns it").help(help)
}
