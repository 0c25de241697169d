//! What nobody may change or commit: protected paths, what was put into a worktree, what goes through a filter, repositories
//! inside of which nobody else could have the commits.
//!
//! Judges commits and trees; what somebody may do by its own task is not known here.

use super::Ground;
use super::collecting::Finding;
use super::making::is_copied;
use super::strange::links_out;
use super::uncommitted::is_ours;
use crate::git::{Change, ChangeKind, Git, GitError, Oid, lfs};
use regatta_engine::cause::Cause;

/// A list for people names at most this many paths.
const MOST_PATHS: usize = 5;

impl Ground {
    /// What nobody may change: protected paths, and paths that were copied in or go through a filter.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn forbidden(
        &self,
        git: &Git,
        (at, changes): (&Oid, &[Change]),
    ) -> Result<Vec<Finding>, GitError> {
        let mut findings = Vec::new();
        let mut say = |paths: Vec<&str>, what: &str| {
            if !paths.is_empty() {
                findings
                    .push(Finding { cause: Cause::Ownership, message: format!("{what}: {}", named(&paths)) });
            }
        };
        let such = |wanted: &dyn Fn(&str) -> bool| -> Vec<&str> {
            changes.iter().map(|change| change.path.as_str()).filter(|path| wanted(path)).collect()
        };
        say(such(&|path| self.protect.is_match(path)), "it changed protected paths");
        say(such(&|path| self.is_given(path)), "it committed what was put into its worktree");
        let (large, filtered): (Vec<_>, Vec<_>) =
            filtered(git, changes)?.into_iter().partition(|(_, filter)| filter == lfs::FILTER);
        let named: Vec<&str> = filtered.iter().map(|(path, _)| path.as_str()).collect();
        say(named, "it changed paths that go through a filter");
        let large: Vec<&str> = large.iter().map(|(path, _)| path.as_str()).collect();
        if self.lfs {
            let changed: Vec<&Change> =
                changes.iter().filter(|change| large.contains(&change.path.as_str())).collect();
            let raw = lfs::raw(git, at.as_str(), &changed)?;
            say(raw.iter().map(String::as_str).collect(), "it committed raw what belongs to git-lfs");
        } else {
            say(large, "it changed paths that go through git-lfs, which is not installed or not wanted");
        }
        findings.extend(
            links_out(git.dir(), changes).map(|message| Finding { cause: Cause::Ownership, message }),
        );
        Ok(findings)
    }

    /// Whether a path is that of a file of the user's which worktrees get. What is tracked is there anyway.
    pub(super) fn is_copy(&self, path: &str) -> bool {
        is_copied(&self.copies, path) && !self.tracked.contains(path)
    }

    /// Whether a path was put into the worktree by us.
    pub(super) fn is_given(&self, path: &str) -> bool {
        is_ours(path) || self.is_copy(path)
    }

    /// What was put into a worktree and is in one of the commits that were made there, although their last one may not show
    /// it any more: with them it would be in the history of whatever they land in.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn hidden(&self, git: &Git, (base, head): (&Oid, &Oid)) -> Result<Option<Finding>, GitError> {
        if base == head {
            return Ok(None);
        }
        let written = git.written_between(base, head)?;
        let mut given = written.iter().filter(|(path, _)| self.is_given(path));
        let Some((path, commit)) = given.next() else { return Ok(None) };
        let more = match given.count() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let path = path.escape_debug();
        let message = format!(
            "it committed what was put into its worktree: {path}{more}, in commit {}",
            commit.short()
        );
        Ok(Some(Finding { cause: Cause::Ownership, message }))
    }
}

/// Changed paths with a `filter` attribute, each with it.
fn filtered(git: &Git, changes: &[Change]) -> Result<Vec<(String, String)>, GitError> {
    let mut paths = Vec::new();
    for change in changes.iter().filter(|change| change.kind != ChangeKind::Deleted) {
        paths.extend_from_slice(change.path.as_bytes());
        paths.push(0);
    }
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let out = git.feed(&["check-attr", "-z", "--stdin", "filter"], &paths)?;
    let parts: Vec<String> =
        out.split(|b| *b == 0).map(|part| String::from_utf8_lossy(part).into_owned()).collect();
    let set = |row: &&[String]| !matches!(row[2].as_str(), "unspecified" | "unset");
    Ok(parts.chunks_exact(3).filter(set).map(|row| (row[0].clone(), row[2].clone())).collect())
}

/// Some paths, for people.
pub(super) fn named(paths: &[&str]) -> String {
    let shown: Vec<String> =
        paths.iter().take(MOST_PATHS).map(|path| path.escape_debug().to_string()).collect();
    match paths.len().checked_sub(MOST_PATHS) {
        Some(more) if more > 0 => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}
