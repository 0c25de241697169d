//! Who owns a path besides a task, with no order between them (spec 6 "Ownership"): asked of what tasks really changed.
//!
//! What is known before a run is found in `ownership` and `overlap`. Knows no repository: who calls says which patterns have another
//! name there, because links lead elsewhere.

use crate::conflicts::reach;
use crate::model::Plan;
use crate::patterns::{glob, plain};
use crate::reach::Reach;
use globset::{GlobSet, GlobSetBuilder};
use std::collections::BTreeSet;
use std::fmt;

/// The owners of files, by the patterns of their tasks.
#[derive(Default)]
pub struct Owners {
    ids: Vec<String>,
    /// All patterns, and the task of each.
    set: GlobSet,
    of: Vec<usize>,
    /// Nothing where there is nobody to compare with.
    reach: Option<Reach>,
}

impl fmt::Debug for Owners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Owners").field("tasks", &self.ids.len()).field("patterns", &self.of.len()).finish()
    }
}

impl Owners {
    /// Those of a plan; `real` says what else a pattern means.
    #[must_use]
    pub fn of(plan: &Plan, real: impl Fn(&str) -> Option<String>) -> Owners {
        let (mut builder, mut of) = (GlobSetBuilder::new(), Vec::new());
        let mut tasks = 0;
        for (i, task) in plan.tasks.iter().enumerate().filter(|(_, task)| task.worktree.is_some()) {
            tasks += usize::from(!task.files.is_empty());
            for pattern in &task.files {
                let all = real(plain(pattern)).into_iter().chain([pattern.clone()]);
                for glob in all.filter_map(|pattern| glob(&pattern).ok()) {
                    builder.add(glob);
                    of.push(i);
                }
            }
        }
        let reach = reach(plan).filter(|_| tasks > 1);
        let ids = plan.tasks.iter().map(|task| task.id.clone()).collect();
        Owners { ids, set: builder.build().unwrap_or_default(), of, reach }
    }

    /// Whether a task owns a path.
    #[must_use]
    pub fn owns(&self, task: &str, path: &str) -> bool {
        self.tasks(path).iter().any(|&i| self.ids[i] == task)
    }

    /// The other tasks that own a path and have no order with this one, in the order of the plan.
    #[must_use]
    pub fn beside(&self, task: &str, path: &str) -> Vec<&str> {
        let Some(reach) = &self.reach else { return Vec::new() };
        let tasks = self.tasks(path);
        let Some(own) = self.ids.iter().position(|id| id == task).filter(|_| !tasks.is_empty()) else {
            return Vec::new();
        };
        let apart = |i: &usize| *i != own && !reach.reaches(*i, own) && !reach.reaches(own, *i);
        tasks.into_iter().filter(apart).map(|i| self.ids[i].as_str()).collect()
    }

    fn tasks(&self, path: &str) -> BTreeSet<usize> {
        self.set.matches(path).into_iter().map(|at| self.of[at]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Format, Given, load};

    #[test]
    fn a_path_is_owned_by_whoever_has_a_pattern_for_it_or_for_what_that_really_is() {
        let text = "version: 1
isolation: worktree
tasks:
  - { id: a, files: ['src/**'], run: x }
  - { id: b, files: ['./**/*.md', link/x.c], run: x }
  - { id: c, files: ['**/*.md'], needs: [a, b], run: x }
  - { id: d, files: ['src/**'], isolation: none, run: x }
";
        let plan = load(("p.yaml", text.as_bytes()), Format::Yaml, &Given::default()).plan.unwrap();
        let real = |pattern: &str| (pattern == "link/x.c").then(|| "src/x.c".to_owned());
        let owners = Owners::of(&plan, real);
        assert!(owners.owns("b", "src/x.c") && owners.owns("b", "link/x.c") && !owners.owns("c", "src/x.c"));
        assert_eq!(owners.beside("a", "src/new.md"), ["b"]);
        assert_eq!(owners.beside("c", "src/new.md"), Vec::<&str>::new());
        assert_eq!((owners.beside("a", "src/x.c"), owners.beside("b", "src/x.c")), (vec!["b"], vec!["a"]));
        assert_eq!(owners.beside("a", "src/y.c"), Vec::<&str>::new());
    }
}
