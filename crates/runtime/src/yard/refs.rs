//! Refs of the repository that are no run's while something of a run is at work: what became of them meanwhile (spec 6 "Guard").
//!
//! ```text
//! another value, and the log of a checkout of the user's has it   theirs: not told
//! a branch or tag with commits that were made in the worktree      the attempt did that: put back, it is `tampered`
//! anything else                                                   told; what it held is kept at refs/regatta/RUN/+ref/ID
//! ```
//! Read as git writes them into files; where git keeps refs otherwise nothing is seen. `HEAD` of the user and remedies for symbolic
//! refs are not known here.

use super::Ground;
use super::guard::LANDING;
use super::pinned::is_of_a_run;
use crate::git::{Git, GitError, Oid};
use crate::private_file;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The file with what they were, in the directory of the run.
const FILE: &str = "guard.refs";
/// Where a checkout has stood, in the directory that git keeps for it.
const LOG: &str = "logs/HEAD";
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
const MOST_BYTES: u64 = 256 << 20;
const MOST_REF_BYTES: u64 = 4 << 10;
/// Directories of refs are looked into so deep.
const MOST_LEVELS: usize = 64;
/// So many refs are told one by one.
const MOST_TOLD: usize = 4;
/// So many commits are compared.
const MOST_COMMITS: &str = "--max-count=10000";
/// A command line has an end.
const MOST_WORDS: usize = 500;

/// Refs at some moment.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Refs {
    /// By full name: the object, or the other ref.
    values: BTreeMap<String, String>,
    /// How long the logs of the user's checkouts were, in bytes.
    logs: BTreeMap<PathBuf, u64>,
}

/// A ref that is not what it was.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Moved {
    name: String,
    was: Option<String>,
    is: Option<String>,
    /// A checkout of the user's has come to stand there.
    theirs: bool,
}

impl Refs {
    /// Takes note of how they are now.
    fn take(common_dir: &Path) -> Refs {
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
    fn store(&self, run_dir: &Path) {
        let text = serde_json::to_vec(self).unwrap_or_default();
        if private_file::replace(&run_dir.join(FILE), &text).is_err() {
            // With an older one it would see what was before.
            let _ = fs::remove_file(run_dir.join(FILE));
        }
    }

    /// What is not as it was.
    fn changes(&self, now: &Refs) -> Vec<Moved> {
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
    fn told(&self) -> String {
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
    fn undone_by(&self) -> Option<String> {
        let name = quoted(&self.name);
        let plain = [&self.was, &self.is].into_iter().flatten().all(|value| Oid::parse(value).is_some());
        plain.then(|| match &self.was {
            Some(was) => format!("git update-ref {name} {}", &was[..10]),
            None => format!("git update-ref -d {name}"),
        })
    }

    /// The objects of a branch or tag that has moved.
    fn objects(&self) -> Option<(Oid, Oid)> {
        let is_theirs = ["refs/heads/", "refs/tags/"].iter().any(|dir| self.name.starts_with(dir));
        Oid::parse(self.was.as_deref()?).zip(Oid::parse(self.is.as_deref()?)).filter(|_| is_theirs)
    }
}

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
    /// meanwhile waits for no git: as long as somebody is at work, nobody else pins anything.
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
fn text(path: &Path, most_bytes: u64) -> String {
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
