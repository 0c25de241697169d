//! Looks through a workspace: which parts it has, whether git knows it, and which programs are missing.
//!
//! Bounded: two levels deep, so many directories, so many parts.

use super::{Dir, Part, cmake, go, make, node, python, rust};
use std::path::Path;

/// Directories that are looked at.
const MAX_DIRS: usize = 500;
/// Parts that a plan is written for.
const MAX_PARTS: usize = 8;
/// Names that hold what others wrote, or what is made.
const OTHERS: [&str; 14] = [
    "node_modules",
    "target",
    "vendor",
    "third_party",
    "dist",
    "build",
    "out",
    "venv",
    "env",
    "site-packages",
    "testdata",
    "fixtures",
    "examples",
    "coverage",
];

/// What git says of the workspace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Git {
    /// A work tree.
    WorkTree,
    /// A repository without files to work on.
    Bare,
    /// No repository.
    None,
}

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Survey {
    /// What git says.
    pub git: Git,
    /// The parts: the workspace's own first, then by directory.
    pub parts: Vec<Part>,
    /// Directories of parts that no plan is written for, because there are too many.
    pub left_out: Vec<String>,
}

type Look = fn(&Dir<'_>) -> Option<Part>;

/// Make last: where something else is known, a makefile only calls it.
const LOOKS: [Look; 5] = [rust::look, node::look, python::look, go::look, cmake::look];

/// Looks through a workspace. What cannot be read is as if it were not there.
#[must_use]
pub fn survey(workspace: &Path) -> Survey {
    let mut parts: Vec<Part> = Vec::new();
    let mut open = vec![(String::new(), 0_u32)];
    let mut seen = 0;
    while let Some((dir, depth)) = open.pop() {
        let path = workspace.join(&dir);
        let Ok((names, inner)) = list(&path) else { continue };
        seen += 1;
        let here = Dir { path: &path, names };
        let mut found: Vec<Part> = LOOKS.iter().filter_map(|look| look(&here)).collect();
        // A crate in a workspace, a package in a monorepo: the one above speaks for it.
        found.retain(|part| !parts.iter().any(|above| above.kind == part.kind && covers(&above.dir, &dir)));
        if found.is_empty() && !parts.iter().any(|above| covers(&above.dir, &dir)) {
            found.extend(make::look(&here));
        }
        parts.extend(found.into_iter().map(|part| Part { dir: dir.clone(), ..part }));
        if depth < 2 && seen + open.len() < MAX_DIRS {
            let below = inner.into_iter().map(|name| match dir.is_empty() {
                true => (name, depth + 1),
                false => (format!("{dir}/{name}"), depth + 1),
            });
            // Taken from the end: sorted downwards, so that the first comes first.
            open.extend(below);
        }
    }
    parts.sort_by(|a, b| (depth_of(&a.dir), &a.dir).cmp(&(depth_of(&b.dir), &b.dir)));
    let left_out = parts.split_off(parts.len().min(MAX_PARTS)).into_iter().map(|part| part.dir).collect();
    Survey { git: git(workspace), parts, left_out }
}

fn depth_of(dir: &str) -> usize {
    if dir.is_empty() { 0 } else { dir.split('/').count() }
}

/// True if one directory lies in the other.
fn covers(above: &str, dir: &str) -> bool {
    above.is_empty() || dir.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
}

/// Names of everything in a directory, and of the directories to look into, last first.
fn list(path: &Path) -> std::io::Result<(Vec<String>, Vec<String>)> {
    let (mut names, mut inner) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(path)?.filter_map(Result::ok) {
        // A name that is no text can stand in no plan.
        let Ok(name) = entry.file_name().into_string() else { continue };
        // A link may lead anywhere.
        if entry.file_type().is_ok_and(|kind| kind.is_dir())
            && !name.starts_with('.')
            && !OTHERS.contains(&name.as_str())
            && !name.contains(char::is_control)
        {
            inner.push(name.clone());
        }
        names.push(name);
    }
    names.sort();
    inner.sort_by(|a, b| b.cmp(a));
    Ok((names, inner))
}

fn git(workspace: &Path) -> Git {
    let there = |name: &str| workspace.join(name).symlink_metadata().is_ok();
    if workspace.ancestors().any(|dir| dir.join(".git").symlink_metadata().is_ok()) {
        Git::WorkTree
    } else if there("HEAD") && there("objects") && there("refs") {
        Git::Bare
    } else {
        Git::None
    }
}
