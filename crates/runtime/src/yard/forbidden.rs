//! What nobody may change or commit: protected paths, what was put into a worktree, what goes through a filter, repositories
//! inside of which nobody else could have the commits.
//!
//! Judges commits and trees; what somebody may do by its own task is not known here.

use super::Ground;
use super::collecting::Finding;
use super::strange::links_out;
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

    /// What was put into a worktree and was committed there, also where a later commit took it out again.
    ///
    /// # Errors
    /// Git fails.
    pub(super) fn copies_in_history(
        &self,
        git: &Git,
        between: (&Oid, &Oid),
    ) -> Result<Option<Finding>, GitError> {
        let given = self.committed_copies(git, between)?;
        let Some((path, commit)) = given.first() else { return Ok(None) };
        let more = match given.len() - 1 {
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
