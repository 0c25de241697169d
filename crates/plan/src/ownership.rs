//! `isolation: locks`: exclusive locks on `files`, shared ones on `reads`; overlapping patterns share one lock name.
//!
//! Works on patterns alone, because the files are not known here: two patterns overlap when one matches the other
//! as text, or their literal beginnings agree.

use crate::model::{Claim, Lock};
use crate::placed::Placed;
use std::collections::BTreeMap;

/// Adds the locks that the patterns of each task mean.
pub(crate) fn lock_files(placed: &mut [Placed]) {
    let mut patterns: Vec<String> =
        placed.iter().flat_map(|p| p.task.files.iter().chain(&p.task.reads)).cloned().collect();
    patterns.sort();
    patterns.dedup();
    let groups = group(&patterns);
    for p in placed {
        let mut claims: BTreeMap<String, Claim> = BTreeMap::new();
        for pattern in &p.task.reads {
            claims.entry(name(&groups, pattern)).or_insert(Claim::Shared);
        }
        for pattern in &p.task.files {
            claims.insert(name(&groups, pattern), Claim::Exclusive);
        }
        p.task.locks.extend(claims.into_iter().map(|(resource, claim)| Lock { resource, claim }));
        p.task.locks.sort();
        p.task.locks.dedup();
    }
}

fn name(groups: &BTreeMap<String, String>, pattern: &str) -> String {
    format!("files:{}", groups.get(pattern).map_or(pattern, String::as_str))
}

/// Each pattern's representative: the smallest pattern that it overlaps with, directly or through others.
fn group(patterns: &[String]) -> BTreeMap<String, String> {
    let mut parent: Vec<usize> = (0..patterns.len()).collect();
    for i in 0..patterns.len() {
        for j in 0..i {
            if overlap(&patterns[i], &patterns[j]) {
                let (a, b) = (root(&parent, i), root(&parent, j));
                parent[a.max(b)] = a.min(b);
            }
        }
    }
    patterns.iter().enumerate().map(|(i, p)| (p.clone(), patterns[root(&parent, i)].clone())).collect()
}

fn root(parent: &[usize], mut i: usize) -> usize {
    while parent[i] != i {
        i = parent[i];
    }
    i
}

fn overlap(a: &str, b: &str) -> bool {
    let literal = |p: &str| p.find(['*', '?', '[', '{']).map_or(p.to_owned(), |at| p[..at].to_owned());
    let (la, lb) = (literal(a), literal(b));
    if la == a && lb == b {
        return a == b;
    }
    let matches = |glob: &str, path: &str| {
        globset::GlobBuilder::new(glob)
            .literal_separator(true)
            .build()
            .is_ok_and(|g| g.compile_matcher().is_match(path))
    };
    if la == a {
        return matches(b, a);
    }
    if lb == b {
        return matches(a, b);
    }
    la.starts_with(&lb) || lb.starts_with(&la)
}
