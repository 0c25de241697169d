//! Refs of the repository that are no run's, as git writes them into files, at two moments: what moved from one to the other.
//!
//! Where git keeps refs otherwise nothing is seen. Knows no task, and runs no git.

use super::pinned::is_of_a_run;
use crate::git::Oid;
use crate::private_file;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// The file with what they were, in the directory of the run.
pub(super) const FILE: &str = "guard.refs";
/// Where a checkout has stood, in the directory that git keeps for it.
pub(super) const LOG: &str = "logs/HEAD";
/// The file of refs that have no file of their own.
const PACKED: &str = "packed-refs";
/// Names of ours, those of the stash, what one worktree has for itself, and what git fetches by itself ahead of need.
const NOT_LOOKED_AT: [&str; 9] = [
    "refs/heads/regatta",
    "refs/regatta",
    "refs/regatta-base",
    "refs/regatta-adopted",
    "refs/stash",
    "refs/bisect",
    "refs/worktree",
    "refs/rewritten",
    "refs/prefetch",
];
/// So much of a file is read, in bytes; of one that holds one ref.
pub(super) const MOST_BYTES: u64 = 256 << 20;
const MOST_REF_BYTES: u64 = 4 << 10;
/// Directories of refs are looked into so deep.
const MOST_LEVELS: usize = 64;

/// Refs at some moment.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Refs {
    /// By full name: the object, or the other ref.
    values: BTreeMap<String, String>,
    /// How long the logs of the user's checkouts were, in bytes.
    logs: BTreeMap<PathBuf, u64>,
}

/// A ref that is not what it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Moved {
    pub(super) name: String,
    pub(super) was: Option<String>,
    pub(super) is: Option<String>,
    /// A checkout of the user's has come to stand there.
    pub(super) theirs: bool,
}

impl Refs {
    /// Takes note of how they are now.
    pub(super) fn take(common_dir: &Path) -> Refs {
        let mut values = BTreeMap::new();
        loose((common_dir, "refs"), MOST_LEVELS, &mut values);
        for line in
            text(&common_dir.join(PACKED), MOST_BYTES).lines().filter(|line| !line.starts_with(['#', '^']))
        {
            if let Some((id, name)) = line.split_once(' ').filter(|(_, name)| is_looked_at(name)) {
                // What has a file of its own is in that.
                values.entry(name.to_owned()).or_insert_with(|| id.to_owned());
            }
        }
        let logs = logs(common_dir).into_iter();
        let logs = logs.map(|log| (log.clone(), log.metadata().map_or(0, |meta| meta.len()))).collect();
        Refs { values, logs }
    }

    /// For a successor. Without the file it sees less.
    pub(super) fn store(&self, run_dir: &Path) {
        let text = serde_json::to_vec(self).unwrap_or_default();
        if private_file::replace(&run_dir.join(FILE), &text).is_err() {
            // With an older one it would see what was before.
            let _ = fs::remove_file(run_dir.join(FILE));
        }
    }

    /// What is not as it was.
    pub(super) fn changes(&self, now: &Refs) -> Vec<Moved> {
        let names: BTreeSet<&String> = self.values.keys().chain(now.values.keys()).collect();
        let value = |of: &Refs, name: &String| of.values.get(name).cloned();
        let moved = |name: &String| {
            let (was, is) = (value(self, name), value(now, name));
            (was != is).then(|| Moved { name: name.clone(), was, is, theirs: false })
        };
        let mut changed: Vec<Moved> = names.into_iter().filter_map(moved).collect();
        let seen = if changed.is_empty() { BTreeSet::new() } else { self.stood_at(now) };
        for moved in &mut changed {
            moved.theirs = moved.is.as_ref().is_some_and(|is| seen.contains(is));
        }
        changed
    }

    /// The commits at which checkouts of the user have come to stand since.
    fn stood_at(&self, now: &Refs) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        for log in now.logs.keys() {
            let since = self.logs.get(log).copied().unwrap_or(0);
            let Ok(mut file) = private_file::open(log) else { continue };
            let mut text = Vec::new();
            if file
                .seek(SeekFrom::Start(since))
                .and_then(|_| file.take(MOST_BYTES).read_to_end(&mut text))
                .is_ok()
            {
                let text = String::from_utf8_lossy(&text).into_owned();
                seen.extend(text.lines().filter_map(|line| line.split(' ').nth(1)).map(str::to_owned));
            }
        }
        seen
    }
}

impl Moved {
    /// For people.
    pub(super) fn told(&self) -> String {
        let short = |id: &str| Oid::parse(id).map_or_else(|| id.to_owned(), |oid| oid.short().to_owned());
        let (was, is) = (self.was.as_deref().map(short), self.is.as_deref().map(short));
        let what = match (was, is) {
            (Some(was), Some(is)) => format!("moved from {was} to {is}"),
            (Some(was), None) => format!("went from {was}"),
            (None, is) => format!("was made at {}", is.unwrap_or_default()),
        };
        format!("{} {what}", self.name)
    }

    /// The command that undoes it, if one does.
    pub(super) fn undone_by(&self) -> Option<String> {
        let name = quoted(&self.name);
        let plain = [&self.was, &self.is].into_iter().flatten().all(|value| Oid::parse(value).is_some());
        plain.then(|| match &self.was {
            Some(was) => format!("git update-ref {name} {}", &was[..10]),
            None => format!("git update-ref -d {name}"),
        })
    }

    /// The objects of a branch or tag that has moved.
    pub(super) fn objects(&self) -> Option<(Oid, Oid)> {
        let is_theirs = ["refs/heads/", "refs/tags/"].iter().any(|dir| self.name.starts_with(dir));
        Oid::parse(self.was.as_deref()?).zip(Oid::parse(self.is.as_deref()?)).filter(|_| is_theirs)
    }
}

fn is_looked_at(name: &str) -> bool {
    let is_below =
        |dir: &&str| name.strip_prefix(*dir).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    !NOT_LOOKED_AT.iter().any(is_below)
}

/// The refs that have a file of their own, below a name.
fn loose((dir, name): (&Path, &str), levels: usize, values: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(dir.join(name)).into_iter().flatten().flatten() {
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if !is_looked_at(&name) || name.ends_with(".lock") {
            continue;
        }
        if is_dir && levels > 0 {
            loose((dir, &name), levels - 1, values);
        } else if !is_dir {
            let value = text(&dir.join(&name), MOST_REF_BYTES).trim_end().to_owned();
            // Another git is at it, or it is no ref.
            if !value.is_empty() {
                values.insert(name, value);
            }
        }
    }
}

/// The logs of where checkouts stood that are no run's.
fn logs(common_dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(common_dir.join("worktrees")).into_iter().flatten().flatten();
    let theirs = entries.map(|entry| entry.path()).filter(|admin| !is_of_a_run(admin));
    let all = theirs.chain([common_dir.to_owned()]).map(|admin| admin.join(LOG));
    all.filter(|log| log.symlink_metadata().is_ok_and(|meta| meta.is_file())).collect()
}

/// What is in a file; what cannot be read is nothing that could be told.
pub(super) fn text(path: &Path, most_bytes: u64) -> String {
    let mut text = Vec::new();
    let read = private_file::open(path).and_then(|file| file.take(most_bytes).read_to_end(&mut text));
    if read.is_err() {
        return String::new();
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// A name as one word of a shell.
fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if name.chars().all(plain) { name.to_owned() } else { format!("'{}'", name.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_refs_are_one_word_of_a_shell() {
        assert_eq!(quoted("refs/heads/a-b.c"), "refs/heads/a-b.c");
        assert_eq!(quoted("refs/heads/it's;x"), r"'refs/heads/it'\''s;x'");
    }

    #[test]
    fn refs_of_runs_and_of_one_worktree_are_not_looked_at() {
        for name in ["refs/heads/regatta/r/t/a", "refs/regatta/r/a/1", "refs/stash", "refs/bisect/bad"] {
            assert!(!is_looked_at(name), "{name}");
        }
        for name in ["refs/heads/regatta-mine", "refs/heads/main", "refs/tags/v1", "refs/remotes/origin/x"] {
            assert!(is_looked_at(name), "{name}");
        }
    }
}
