//! Which directories a task needs, and how git is told to check out only those: a cone (git-sparse-checkout).
//!
//! Pure. The settings that make git look at a cone travel with each call and with the environment of a task: nothing is
//! written into the settings of the repository.

use regatta_plan::Plan;
use regatta_plan::model::Task;
use std::collections::{BTreeMap, BTreeSet};

/// What makes git look at a cone; where none is written, everything is checked out.
pub(super) const SETTINGS: [(&str, &str); 2] =
    [("core.sparseCheckout", "true"), ("core.sparseCheckoutCone", "true")];

/// The directories of each task that is to have less than everything; nothing where the plan does not ask for it.
pub(crate) fn of_plan(plan: &Plan) -> BTreeMap<String, BTreeSet<String>> {
    let Some(asked) = plan.worktrees.as_ref().and_then(|rules| rules.sparse.as_ref()) else {
        return BTreeMap::new();
    };
    let of = |task: &Task| Some((task.id.clone(), dirs(task, asked)?));
    plan.tasks.iter().filter_map(of).collect()
}

/// The directories that a task needs beside `asked`; nothing if that may be any.
fn dirs(task: &Task, asked: &[String]) -> Option<BTreeSet<String>> {
    if asked.is_empty() && task.files.is_empty() {
        return None;
    }
    let mut found: BTreeSet<String> = asked.iter().map(|dir| trimmed(dir).to_owned()).collect();
    let outputs = task.worktree.iter().flat_map(|own| &own.outputs);
    for pattern in task.files.iter().chain(&task.reads).chain(outputs) {
        found.insert(dir(trimmed(pattern))?.to_owned());
    }
    // Files at the top belong to every cone.
    found.remove("");
    Some(found)
}

fn trimmed(path: &str) -> &str {
    path.trim_start_matches("./").trim_end_matches('/')
}

/// The directory below which everything lies that a pattern matches; nothing if that is the whole tree.
fn dir(pattern: &str) -> Option<&str> {
    let beginning = pattern.find(['*', '?', '[', '{', '\\']).map_or(pattern, |at| &pattern[..at]);
    match beginning.rsplit_once('/') {
        Some((dir, _)) => Some(dir),
        // Files at the top are there in any case.
        None if !pattern[beginning.len()..].contains('/') && !pattern.contains("**") => Some(""),
        None => None,
    }
}

/// The file by which git is told.
pub(super) fn text(dirs: &BTreeSet<String>) -> String {
    let mut text = "/*\n!/*/\n".to_owned();
    let mut above: BTreeSet<&str> = BTreeSet::new();
    for dir in dirs {
        above.extend(dir.match_indices('/').map(|(at, _)| &dir[..at]));
    }
    let all: BTreeSet<&str> = above.iter().copied().chain(dirs.iter().map(String::as_str)).collect();
    let inside = |dir: &str| dir.match_indices('/').any(|(at, _)| dirs.contains(&dir[..at]));
    for dir in all.into_iter().filter(|dir| !inside(dir)) {
        let name = escaped(dir);
        text.push_str(&format!("/{name}/\n"));
        if !dirs.contains(dir) {
            text.push_str(&format!("!/{name}/*/\n"));
        }
    }
    text
}

/// Signs of a pattern that are letters of a name.
fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use regatta_plan::{Format, Given, load};

    fn cones(sparse: &str) -> BTreeMap<String, BTreeSet<String>> {
        let text = format!(
            "version: 1
isolation: worktree
worktree: {{ sparse: {sparse} }}
tasks:
  - {{ id: api, files: ['src/api/**', Cargo.toml], reads: ['docs/*.md'], outputs: [src/gen/x.rs], run: x }}
  - {{ id: any, files: ['**/*.md'], run: x }}
  - {{ id: free, run: x }}
"
        );
        of_plan(&load(("p.yaml", text.as_bytes()), Format::Yaml, &Given::default()).plan.unwrap())
    }

    #[test]
    fn a_task_has_the_directories_of_its_patterns_and_everything_where_these_may_match_anywhere() {
        let found = cones("true");
        assert_eq!(found.keys().collect::<Vec<_>>(), ["api"]);
        assert_eq!(found["api"].iter().collect::<Vec<_>>(), ["docs", "src/api", "src/gen"]);
        let listed = cones("[tools]");
        assert_eq!(listed["free"].iter().collect::<Vec<_>>(), ["tools"]);
        assert_eq!(listed["api"].len(), 4);
        assert!(cones("false").is_empty() && !listed.contains_key("any"));
    }

    #[test]
    fn a_cone_names_each_directory_and_those_above_it() {
        let dirs = ["a/b/c", "a/b/c/d", "x[1]"].map(str::to_owned).into();
        assert_eq!(text(&dirs), "/*\n!/*/\n/a/\n!/a/*/\n/a/b/\n!/a/b/*/\n/a/b/c/\n/x\\[1\\]/\n");
    }
}
