//! What of the worktrees may go: of runs that have ended, in a terminal state, with nothing unsaved; and why the rest is
//! kept (spec 6 "Life").
//!
//! ```text
//! judge: Worktree + Policy -> goes, or Kept and why      clear: removes what goes, after a second look
//! ```
//! Branches stay, but for those whose work has landed: no unmerged work is ever deleted.

use super::WorktreesError;
use super::look::{Found, OldRefs, Stray, StrayKind, There, Unsaved, Worktree, git_at, unsaved};
use super::past::Life;
use regatta_journal::Reader;
use regatta_journal::RunId;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// What is old, and what is forced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// A worktree in no terminal state goes when nobody touched it for so long, in milliseconds.
    pub older_than_ms: u64,
    /// Commits of a run stay for so long after its end, in milliseconds.
    pub keep_commits_ms: u64,
    /// Also what has unsaved changes.
    pub force: bool,
    /// Wall clock now, in milliseconds since the Unix epoch.
    pub now_wall_ms: u64,
}

/// Why something is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kept {
    /// Its run has not ended.
    Open,
    /// A process of its run lives.
    Lives,
    /// Its state is none that lasts, and it was touched lately.
    Recent(Option<Life>),
    /// It holds what is saved nowhere.
    Unsaved(Unsaved),
    /// There is no directory, only what somebody may want to see again.
    BranchOnly,
}

/// What is to become of a worktree: nothing said is that it goes.
pub type Verdict = Option<Kept>;

/// What is to become of a worktree.
#[must_use]
pub fn judge(worktree: &Worktree, policy: &Policy) -> Verdict {
    if let Some(run) = &worktree.of_run {
        if worktree.lives {
            return Some(Kept::Lives);
        }
        if !run.state.has_ended() {
            return Some(Kept::Open);
        }
    }
    if matches!(worktree.there, There::BranchOnly | There::Nothing) {
        return Some(Kept::BranchOnly);
    }
    // The worktree of a merge has no state of its own: what is not saved there is asked below.
    let ours = worktree.of_run.is_some() && worktree.place.task.is_none();
    let age_ms = policy.now_wall_ms.saturating_sub(worktree.touched_wall_ms.unwrap_or(0));
    if !ours && !worktree.life.is_some_and(Life::is_terminal) && age_ms < policy.older_than_ms {
        return Some(Kept::Recent(worktree.life));
    }
    match &worktree.unsaved {
        Unsaved::Nothing => None,
        _ if policy.force => None,
        unsaved => Some(Kept::Unsaved(unsaved.clone())),
    }
}

/// Whether the refs of a run are old.
#[must_use]
fn is_old(refs: &OldRefs, policy: &Policy) -> bool {
    policy.now_wall_ms.saturating_sub(refs.since_wall_ms) >= policy.keep_commits_ms
}

/// What was done.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cleared {
    /// Worktrees that are gone.
    pub worktrees: Vec<PathBuf>,
    /// What was kept after all, and why.
    pub kept: Vec<(PathBuf, Kept)>,
    /// Leftovers that are gone.
    pub leftovers: Vec<PathBuf>,
    /// Refs that are gone.
    pub refs: usize,
    /// What could not be removed, and why.
    pub failed: Vec<(PathBuf, String)>,
}

impl Found {
    /// What could not be deleted whole and is nobody's, unless somebody may be deleting it right now.
    pub fn leftovers(&self) -> impl Iterator<Item = &Stray> {
        self.strays.iter().filter(|stray| stray.kind == StrayKind::Gone && !self.any_lives)
    }

    /// Refs that are old.
    pub fn old_refs(&self, policy: Policy) -> impl Iterator<Item = &OldRefs> {
        self.refs.iter().filter(move |refs| is_old(refs, &policy))
    }
}

/// Removes what may go.
///
/// # Errors
/// Git fails where nothing can go on; what was removed until then is gone whole.
pub fn clear(reader: &Reader, found: &Found, policy: &Policy) -> Result<Cleared, WorktreesError> {
    let mut cleared = Cleared::default();
    for worktree in found.worktrees.iter().filter(|worktree| judge(worktree, policy).is_none()) {
        let path = worktree.place.path.clone();
        match remove(reader, (found, worktree), policy) {
            Ok(None) => cleared.worktrees.push(path),
            Ok(Some(kept)) => cleared.kept.push((path, kept)),
            Err(error) => cleared.failed.push((path, error.to_string())),
        }
    }
    for stray in found.leftovers() {
        match delete(&stray.path) {
            Ok(()) => cleared.leftovers.push(stray.path.clone()),
            Err(error) => cleared.failed.push((stray.path.clone(), error.to_string())),
        }
    }
    for old in found.old_refs(*policy) {
        for (name, oid) in &old.refs {
            match found.repo.git.update_ref(name, (Some(oid), None)) {
                Ok(()) => cleared.refs += 1,
                Err(error) => cleared.failed.push((PathBuf::from(name), error.to_string())),
            }
        }
    }
    Ok(cleared)
}

/// Removes a worktree, unless something in it is unsaved by now.
fn remove(
    reader: &Reader,
    (found, worktree): (&Found, &Worktree),
    policy: &Policy,
) -> Result<Verdict, WorktreesError> {
    let place = &worktree.place;
    let run_dir = RunId::new(&place.run).map(|run| reader.place().run_dir(&run))?;
    if worktree.there == There::Whole && !policy.force {
        let now = unsaved(git_at(&found.repo, place, &run_dir)?);
        if now != Unsaved::Nothing {
            return Ok(Some(Kept::Unsaved(now)));
        }
    }
    found.repo.remove_worktree(&place.path)?;
    let full = format!("refs/heads/{}", place.branch);
    let landed = worktree.life == Some(Life::Merged) && !worktree.keep_branch;
    // A person may have gone on there: then it is not what has landed.
    if landed
        && let Some(head) = &worktree.head
        && found.repo.git.commit(&full)?.as_ref() == Some(head)
    {
        found.repo.git.update_ref(&full, (Some(head), None))?;
    }
    Ok(None)
}

/// Deletes a directory also where a task took away the right to.
fn delete(path: &Path) -> io::Result<()> {
    let meta = path.symlink_metadata()?;
    if !meta.is_dir() {
        return fs::remove_file(path);
    }
    open_up(path)?;
    fs::remove_dir_all(path)
}

fn open_up(dir: &Path) -> io::Result<()> {
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        fs::set_permissions(&dir, Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            // A link is not followed: its own kind is asked.
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            }
        }
    }
    Ok(())
}
