//! Refs of the repository that are no run's while something of a run is at work: what became of them meanwhile (spec 6 "Guard").
//!
//! ```text
//! another value, and the log of a checkout of the user's has it   theirs: not told
//! a branch or tag with commits that were made in the worktree      the attempt did that: put back, it is `tampered`
//! anything else                                                   told; what it held is kept at refs/regatta/RUN/+ref/ID
//! ```
//! How they stand is read by `ref_files`. `HEAD` of the user and remedies for symbolic refs are not known here.

use super::Ground;
use super::guard::LANDING;
use super::ref_files::{FILE, LOG, MOST_BYTES, Moved, Refs, text};
use crate::git::{Git, GitError, Oid};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So many refs are told one by one.
const MOST_TOLD: usize = 4;
/// So many commits are compared.
const MOST_COMMITS: &str = "--max-count=10000";
/// A command line has an end.
const MOST_WORDS: usize = 500;

/// Who watches refs.
#[derive(Debug)]
pub(super) struct WatchedRefs(Mutex<Watched>);

#[derive(Debug)]
struct Watched {
    /// As they were when somebody began and nobody else was at work.
    pinned: Arc<Refs>,
    written: bool,
    at_work: BTreeSet<u64>,
    /// Somebody began since it was last told what changed, and there are not told changes of a run that broke off.
    open: bool,
}

impl WatchedRefs {
    /// Whoever watches for a run: with what the last one found, if somebody may have been at work since.
    pub(super) fn of(common_dir: &Path, (run_dir, open): (&Path, bool)) -> WatchedRefs {
        let stored: Option<Refs> =
            if open { serde_json::from_str(&text(&run_dir.join(FILE), MOST_BYTES)).ok() } else { None };
        let (written, open) = (stored.is_some(), stored.is_some());
        let pinned = Arc::new(stored.unwrap_or_else(|| Refs::take(common_dir)));
        WatchedRefs(Mutex::new(Watched { pinned, written, at_work: BTreeSet::new(), open }))
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ground {
    /// Somebody begins, or is found at work. Refs are pinned as they are now if nobody else is.
    pub(super) fn refs_begin(&self, who: u64, found: bool) {
        let mut watched = self.refs.watched();
        if watched.at_work.is_empty() && !found {
            self.tell_refs(&mut watched, "since something of this run broke off");
            let now = Refs::take(&self.repo.common_dir);
            if !watched.written || now != *watched.pinned {
                now.store(&self.run_dir);
            }
            (watched.pinned, watched.written) = (Arc::new(now), true);
        }
        watched.open = true;
        watched.at_work.insert(who);
    }

    /// It has ended: what nobody was told yet is told with what ends next.
    pub(super) fn refs_end(&self, who: u64) {
        let mut watched = self.refs.watched();
        if watched.at_work.remove(&who) && watched.at_work.is_empty() {
            self.tell_refs(&mut watched, "while something of this run was at work");
        }
    }

    /// What could not be kept is told all the same.
    fn tell_refs(&self, watched: &mut Watched, when: &str) {
        if std::mem::take(&mut watched.open)
            && let Some(said) = self.refs_since(watched, &BTreeSet::new(), when)
        {
            self.to_be_said(said);
        }
    }

    /// Somebody has worked in a worktree: refs that it put its work on are put back. Others are told if
    /// nobody else is at work; else with what ends last. Answers what speaks against it, and what is nobody's fault. Whoever begins
    /// meanwhile waits for git only where something moved between two looks, or could not be kept beside: as long as somebody is
    /// at work, nobody else pins anything.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn refs_after(
        &self,
        who: u64,
        (git, worktree): (&Git, &Path),
    ) -> Result<(Option<String>, Option<String>), GitError> {
        let pinned = Arc::clone(&self.refs.watched().pinned);
        let changes = pinned.changes(&Refs::take(&self.repo.common_dir));
        let with_work = with_any(git, &changes, &self.made_in(worktree))?;
        let (brought, put): (Vec<&Moved>, Vec<&Moved>) =
            with_work.into_iter().partition(|moved| moved.theirs);
        let blame = (!put.is_empty()).then(|| {
            let names: Vec<&str> = put.iter().map(|moved| moved.name.as_str()).collect();
            let text = format!("it put its work on {}; that was put back", names.join(", "));
            if who != LANDING {
                self.is_blamed(who, text.clone());
            }
            let failed: Vec<String> = put.iter().filter_map(|moved| self.put_ref_back(moved).err()).collect();
            if failed.is_empty() {
                text
            } else {
                format!("{text}, but for what cannot be: {}", failed.join("; "))
            }
        });
        let mut notes: Vec<String> = brought
            .iter()
            .map(|moved| format!("{} has its work, by a checkout of the user's", moved.name))
            .collect();
        let alone = |watched: &Watched| watched.at_work.iter().all(|other| *other == who);
        let is_alone = alone(&self.refs.watched());
        let kept = if is_alone && !changes.is_empty() { self.kept_of(&pinned) } else { BTreeSet::new() };
        let mut watched = self.refs.watched();
        if alone(&watched) {
            notes.extend(self.refs_since(&mut watched, &kept, "while it worked"));
            watched.open = false;
        }
        Ok((blame, (!notes.is_empty()).then(|| notes.join("; "))))
    }

    /// Keeps what refs held that are not as they were pinned. Answers what of it is kept.
    fn kept_of(&self, pinned: &Refs) -> BTreeSet<Oid> {
        let mut changes = pinned.changes(&Refs::take(&self.repo.common_dir));
        changes.retain(|moved| !moved.theirs);
        let held = held(&changes);
        // What cannot be kept is tried, and told, once more.
        if self.keep_all(&held).is_ok() { held } else { BTreeSet::new() }
    }

    /// What happened to refs since, if anything, for people; what they held is kept, unless it is already.
    fn refs_since(&self, watched: &mut Watched, kept: &BTreeSet<Oid>, when: &str) -> Option<String> {
        let now = Refs::take(&self.repo.common_dir);
        let mut changes = watched.pinned.changes(&now);
        changes.retain(|moved| !moved.theirs);
        watched.written &= *watched.pinned == now;
        watched.pinned = Arc::new(now);
        // A successor finds the same once more, and tells it.
        let lost = self.keep_all(&held(&changes).difference(kept).cloned().collect()).err();
        let mut said: Vec<String> = changes.iter().take(MOST_TOLD).map(Moved::told).collect();
        let more = changes.len().saturating_sub(MOST_TOLD);
        said.extend((more > 0).then(|| format!("{more} more refs changed")));
        said.extend(lost.map(|error| format!("what they held cannot be kept: {error}")));
        if said.is_empty() {
            return None;
        }
        // What is told is cut somewhere: no more than one command.
        let command = match &changes[..] {
            [one] => one.undone_by().unwrap_or_default(),
            _ => "git update-ref NAME OLD, or git update-ref -d NAME".to_owned(),
        };
        let hint = if command.is_empty() { command } else { format!(" (if that was not you: {command})") };
        Some(format!("{when}, {}{hint}", said.join("; ")))
    }

    /// Keeps objects, as far as they are there.
    fn keep_all(&self, held: &BTreeSet<Oid>) -> Result<(), GitError> {
        if held.is_empty() {
            return Ok(());
        }
        let asked: String = held.iter().map(|oid| format!("{oid}\n")).collect();
        let there = self.repo.git.feed(&["cat-file", "--batch-check=%(objectname)"], asked.as_bytes())?;
        let there = String::from_utf8_lossy(&there).into_owned();
        let there = there.lines().filter_map(Oid::parse);
        let lines: String =
            there.map(|oid| format!("update {}\0{oid}\0\0", self.names.held(oid.as_str()))).collect();
        let args = ["update-ref", "--no-deref", "--stdin", "-z"];
        self.repo.git.feed(&args, lines.as_bytes()).map(|_| ())
    }

    /// Unless somebody has moved it once more; answers why not, for people.
    fn put_ref_back(&self, moved: &Moved) -> Result<(), String> {
        let Some((was, is)) = moved.objects() else { return Ok(()) };
        let kept = self.repo.git.set_ref(&self.names.held(is.as_str()), &is);
        let put = kept.and_then(|()| self.repo.git.update_ref(&moved.name, (Some(&is), Some(&was))));
        put.map_err(|error| format!("{}: {error}", moved.name))
    }

    /// The commits that somebody made in a worktree, as its log tells: not those that came from elsewhere.
    fn made_in(&self, worktree: &Path) -> BTreeSet<String> {
        let log = self.admin(worktree).map(|admin| text(&admin.join(LOG), MOST_BYTES)).unwrap_or_default();
        let made = |line: &str| {
            let (head, how) = line.split_once('\t')?;
            is_making(how).then(|| head.split(' ').nth(1).map(str::to_owned))?
        };
        log.lines().filter_map(made).collect()
    }
}

/// Whether an entry in the log of a worktree is of a commit that was made there.
fn is_making(how: &str) -> bool {
    let words = ["commit", "cherry-pick", "revert", "am", "rebase"];
    let word = how.split([':', ' ']).next().unwrap_or_default();
    let brought = how.starts_with("rebase (start)") || how.starts_with("rebase (finish)");
    words.contains(&word) && !brought || how.contains(": Merge made by")
}

/// What refs held that are not what they were.
fn held(changes: &[Moved]) -> BTreeSet<Oid> {
    changes.iter().filter_map(|moved| Oid::parse(moved.was.as_deref()?)).collect()
}

/// Branches and tags that have any of some commits, and had not.
fn with_any<'a>(
    git: &Git,
    changes: &'a [Moved],
    commits: &BTreeSet<String>,
) -> Result<Vec<&'a Moved>, GitError> {
    let all: Vec<(&Moved, (Oid, Oid))> =
        changes.iter().filter_map(|moved| Some((moved, moved.objects()?))).collect();
    let have = |some: &[(&Moved, (Oid, Oid))]| -> Result<bool, GitError> {
        let asked: String = some.iter().map(|(_, (was, is))| format!("{is}\n^{was}\n")).collect();
        let out = git.feed(&["rev-list", MOST_COMMITS, "--ignore-missing", "--stdin"], asked.as_bytes())?;
        Ok(String::from_utf8_lossy(&out).lines().any(|commit| commits.contains(commit)))
    };
    let mut found = Vec::new();
    // Of a thousand that somebody fetched none has any, and that is one question.
    if !all.is_empty() && !commits.is_empty() && have(&all)? {
        let without = without_any(git, &all, commits);
        for one in all.chunks(1).filter(|one| !without.contains(one[0].0.name.as_str())) {
            found.extend(have(one)?.then_some(one[0].0));
        }
    }
    Ok(found)
}

/// Names of those that have none of some commits now, at the same object. Answers none where that cannot be told by one question:
/// each is asked then.
fn without_any<'a>(
    git: &Git,
    all: &[(&'a Moved, (Oid, Oid))],
    commits: &BTreeSet<String>,
) -> BTreeSet<&'a str> {
    if all.len() < 2 || commits.len() > MOST_WORDS {
        return BTreeSet::new();
    }
    let refs = |asked: Vec<&str>| -> Option<BTreeSet<String>> {
        let mut args = vec!["for-each-ref", "--format=%(objectname) %(refname)"];
        args.extend(asked);
        args.extend(["refs/heads", "refs/tags"]);
        // One of the commits may be gone.
        let out = git.run(&args).ok()?;
        Some(String::from_utf8_lossy(&out).lines().map(str::to_owned).collect())
    };
    let contain = commits.iter().flat_map(|commit| ["--contains", commit.as_str()]).collect();
    let (Some(now), Some(having)) = (refs(Vec::new()), refs(contain)) else { return BTreeSet::new() };
    let without = |(moved, (_, is)): &(&Moved, (Oid, Oid))| {
        let line = format!("{is} {}", moved.name);
        now.contains(&line) && !having.contains(&line)
    };
    all.iter().filter(|one| without(one)).map(|(moved, _)| moved.name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_in_a_worktree_is_told_from_what_came_there() {
        for how in [
            "commit: x",
            "commit (amend): x",
            "commit (initial): x",
            "commit (merge): x",
            "cherry-pick: x",
            "revert: x",
            "am: x",
            "rebase (pick): x",
            "merge other: Merge made by the 'ort' strategy.",
            "pull: Merge made by the 'ort' strategy.",
        ] {
            assert!(is_making(how), "{how}");
        }
        for how in [
            "checkout: moving from a to commit",
            "reset: moving to HEAD~1",
            "merge other: Fast-forward",
            "pull: Fast-forward",
            "rebase (start): checkout main",
            "rebase (finish): returning to refs/heads/x",
            "",
        ] {
            assert!(!is_making(how), "{how}");
        }
    }
}
