//! Tasks in worktrees that own the same tracked file although no order is between them (spec 6 "Ownership").
//!
//! What patterns alone can tell is found in `ownership`; here real paths are asked. Knows no repository: who calls lists them.

use crate::conflicts::reach;
use crate::model::Plan;
use crate::patterns::{Globs, is_literal, plain};
use std::collections::{BTreeMap, BTreeSet};

/// Files that one overlap names.
const MOST_FILES: usize = 3;

/// Two tasks that own the same files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Overlap {
    /// The task whose id is the smaller one.
    pub a: String,
    /// The other.
    pub b: String,
    /// Some of the files.
    pub files: Vec<String>,
    /// How many more there are.
    pub more: usize,
}

/// Overlaps among the tracked files `paths`, by ids of tasks.
#[must_use]
pub fn overlaps<'p>(plan: &Plan, paths: impl Iterator<Item = &'p str>) -> Vec<Overlap> {
    let mut owners: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (i, task) in plan.tasks.iter().enumerate().filter(|(_, task)| task.worktree.is_some()) {
        for file in task.files.iter().map(|file| plain(file)) {
            owners.entry(file).or_default().insert(i);
        }
    }
    let globs = Globs::of(owners.keys().copied());
    let Some(reach) = reach(plan).filter(|_| owners.keys().any(|pattern| !is_literal(pattern))) else {
        return Vec::new();
    };
    let mut unordered: BTreeMap<(usize, usize), bool> = BTreeMap::new();
    let mut found: BTreeMap<(usize, usize), (Vec<String>, usize)> = BTreeMap::new();
    for path in paths {
        let mut tasks: BTreeSet<usize> = owners.get(path).cloned().unwrap_or_default();
        globs.matching(path).filter_map(|glob| owners.get(glob)).for_each(|more| tasks.extend(more));
        if tasks.len() < 2 {
            continue;
        }
        // In topological order, all pairs are ordered if and only if all neighbours are.
        let sorted = reach.sorted(tasks);
        for pair in sorted.windows(2).map(|pair| (pair[0], pair[1])) {
            if !*unordered.entry(pair).or_insert_with(|| !reach.reaches(pair.0, pair.1)) {
                continue;
            }
            let (files, more) = found.entry((pair.0.min(pair.1), pair.0.max(pair.1))).or_default();
            if files.len() < MOST_FILES { files.push(path.to_owned()) } else { *more += 1 }
        }
    }
    let id = |i: usize| plan.tasks[i].id.clone();
    let overlap = |((a, b), (files, more)): ((usize, usize), _)| Overlap { a: id(a), b: id(b), files, more };
    found.into_iter().map(overlap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Format, Given, load};

    #[test]
    fn globs_overlap_where_a_tracked_file_matches_both_and_no_order_is_between_their_tasks() {
        let text = "version: 1
isolation: worktree
tasks:
  - { id: a, files: ['src/**'], run: x }
  - { id: b, files: ['**/*.md'], run: x }
  - { id: c, files: ['**/*.md'], needs: [a, b], run: x }
  - { id: d, files: ['docs/**'], isolation: none, run: x }
";
        let plan = load(("p.yaml", text.as_bytes()), Format::Yaml, &Given::default()).plan.unwrap();
        assert_eq!(overlaps(&plan, ["src/a.rs", "docs/x.md"].into_iter()), vec![]);
        let files = ["src/1.md", "src/2.md", "src/3.md", "src/4.md"];
        let expect = Overlap {
            a: "a".to_owned(),
            b: "b".to_owned(),
            files: files[..3].iter().map(|&file| file.to_owned()).collect(),
            more: 1,
        };
        assert_eq!(overlaps(&plan, files.into_iter()), vec![expect]);
    }
}
