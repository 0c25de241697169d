//! Looks through a worktree when its attempt has ended: commits what was left, keeps it by a ref, and says what it is.
//!
//! ```text
//! settings put back -> left over: add, commit -> ref of the attempt, branch of the task -> checks -> Collected
//! ```
//! Done for failed attempts too: no work is lost. Doing it twice does no harm. Judges nothing: findings go to who asks.

use super::base::{Base, base};
use super::forbidden::named;
use super::making::TASK_DIR;
use super::own_git::OwnGitError;
use super::strange::would_wait;
use super::whole::{Whole, inside};
use super::{AttributesError, Ground, author, patterns};
use crate::collect;
use crate::git::{Change, Git, GitError, Oid, Stamp};
use crate::private_file;
use regatta_engine::cause::Cause;
use regatta_engine::report::Work;
use regatta_fault as fault;
use regatta_plan::model::{InWorktree, Task};
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Component, Path, PathBuf};

/// So many files that others own are named.
const MOST_SHARED: usize = 5;

/// What somebody found out about an attempt that makes it a failure.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Why.
    pub cause: Cause,
    /// For people.
    pub message: String,
}

/// What an attempt left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Collected {
    /// The commits.
    pub work: Work,
    /// What changed, by path.
    pub changes: Vec<Change>,
    /// Why it is a failure, the most telling first.
    pub findings: Vec<Finding>,
    /// What is worth saying although it is none.
    pub warning: Option<String>,
}

/// An attempt that has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The task.
    pub task: Box<Task>,
    /// The attempt's id.
    pub attempt: u64,
    /// Its number.
    pub number: u32,
    /// Where it began, if that is still known.
    pub base: Option<Oid>,
    /// What its predecessors left, in merge order: the base follows from it.
    pub handed: Vec<(String, Oid)>,
    /// Its directory, for its result.
    pub dir: PathBuf,
    /// Seconds since the Unix epoch: when it ended.
    pub seconds: u64,
}

/// Why it cannot be told what an attempt left.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// Git fails.
    #[error(transparent)]
    Git(#[from] GitError),
    /// Predecessors cannot be merged.
    #[error(transparent)]
    Attributes(#[from] AttributesError),
    /// Its worktree cannot be worked with.
    #[error(transparent)]
    OwnGit(#[from] OwnGitError),
    /// What it began from cannot be made again.
    #[error("where it began is not known any more")]
    NoBase,
}

impl Ground {
    /// Collects what an attempt left.
    ///
    /// # Errors
    /// Git fails, or the worktree is gone.
    pub(super) fn collect(&self, ended: &Ended) -> Result<Collected, CollectError> {
        let base = match &ended.base {
            Some(base) => base.clone(),
            None => match base(self, &ended.handed)? {
                Base::At(base) => base,
                Base::Conflict { .. } => return Err(CollectError::NoBase),
            },
        };
        if ended.task.gate.is_some() {
            return self.discard(ended, &base);
        }
        let Some(own) = ended.task.worktree.as_ref() else {
            return Ok(nothing(&base));
        };
        let path = self.path(&ended.task.id);
        fault::point("collect.before");
        let told = self.all_put_back(ended.attempt);
        let mut findings: Vec<Finding> = told.blame.into_iter().map(tampered).collect();
        findings.extend(self.calmed(ended, &path)?);
        let git = self.git_in(&path)?;
        findings.extend(self.unresolved((&git, &path), (&ended.task.id, ended.attempt))?);
        let (head, inner) = self.commit_left((&git, &path), ended, &base)?;
        fault::point("collect.committed");
        self.keep_half_done(&path, &ended.task.id)?;
        self.repo.git.set_ref(&self.names.kept(&ended.task.id, ended.attempt), &head)?;
        fault::point("collect.kept");
        let descends = git.is_ancestor(&base, &head)?;
        if descends {
            self.put_on_branch(&git, &ended.task.id, &head)?;
        } else {
            let message = format!("its work does not descend from {}", base.short());
            findings.push(Finding { cause: Cause::HistoryRewritten, message });
        }
        // Its worktree may have stood on one of them.
        let of_refs = self.compare_refs(ended.attempt, (&git, &path), &mut findings)?;
        let changes = git.changes(&base, &head)?;
        let mut warnings: Vec<String> = told.note.into_iter().chain(of_refs).collect();
        warnings.extend(self.tidy_stash(&self.names.branch(&ended.task.id)));
        if descends {
            if !inner.is_empty() {
                let kept = self.names.kept(&ended.task.id, ended.attempt);
                findings.push(apart_inside(&inner, (&path, &kept)));
            }
            findings.extend(self.refused((&git, &path), (&base, &head), &changes)?);
            self.compare_owners((&ended.task, &changes), (&mut findings, &mut warnings));
        }
        match take_result(&path, &ended.dir) {
            // It says so itself, and the plan takes that.
            Ok(Some((status, said))) if status == "partial" && own.accept_partial => {
                warnings.push(format!("{said} (taken, because the plan says `on_partial: accept`)"));
            }
            Ok(said) => {
                findings.extend(said.map(|(_, message)| Finding { cause: Cause::Partial, message }));
            }
            Err(error) => {
                let message = format!("its result cannot be read: {error}");
                findings.push(Finding { cause: Cause::BadResult, message });
            }
        }
        let unseen = findings.is_empty() && self.is_spoiled(ended.attempt).map_err(|e| locked(&path, e))?;
        findings.extend(unseen.then(changed_git));
        // What it says of itself tells more than what is not there.
        findings.extend(descends.then(|| missing(own, &changes, &path)).into_iter().flatten());
        let changed = u32::try_from(changes.len()).unwrap_or(u32::MAX);
        let work = Work { base: base.as_str().into(), head: head.as_str().into(), changed };
        fault::point("collect.after");
        let warning = (!warnings.is_empty()).then(|| warnings.join("; "));
        Ok(Collected { work, changes, findings, warning })
    }

    /// Git can be called in a worktree in which nobody works any more. Answers what was in its way.
    fn calmed(&self, ended: &Ended, path: &Path) -> Result<Vec<Finding>, CollectError> {
        let waits = self.unlock(path, &self.names.branch(&ended.task.id)).map_err(|e| locked(path, e))?;
        let mended = self.mend_after(ended.attempt, path)?.then(changed_git);
        let waits = would_wait(&waits).map(|message| Finding { cause: Cause::Ownership, message });
        Ok(mended.into_iter().chain(waits).collect())
    }

    /// Whether the user's refs are what they were; what is nobody's fault is answered.
    pub(super) fn compare_refs(
        &self,
        attempt: u64,
        worktree: (&Git, &Path),
        findings: &mut Vec<Finding>,
    ) -> Result<Option<String>, GitError> {
        let (blame, note) = self.refs_after(attempt, worktree)?;
        // Whoever collects again is told already.
        let known = |said: &String| findings.iter().any(|finding| finding.message.contains(said));
        if let Some(said) = blame.filter(|said| !known(said)) {
            findings.insert(0, tampered(said));
        }
        Ok(note)
    }

    /// Whether a task changed what is its own alone.
    fn compare_owners(
        &self,
        (task, changes): (&Task, &[Change]),
        (findings, warnings): (&mut Vec<Finding>, &mut Vec<String>),
    ) {
        for message in [self.shared_with(task, changes), self.foreign(task, changes)].into_iter().flatten() {
            match self.rules.ownership.as_str() {
                "reject" => findings.push(Finding { cause: Cause::Ownership, message }),
                "warn" => warnings.insert(0, message),
                _ => {}
            }
        }
    }

    /// What of its changes, of its history and of what stands there cannot be taken, whatever the task owns.
    fn refused(
        &self,
        (git, path): (&Git, &Path),
        (base, head): (&Oid, &Oid),
        changes: &[Change],
    ) -> Result<Vec<Finding>, GitError> {
        let mut findings = self.forbidden(git, (head, changes))?;
        let special = self.special_of_task(git, path)?;
        if !special.is_empty() {
            let special: Vec<&str> = special.iter().map(String::as_str).collect();
            let message = format!("it left what is no file and cannot be committed: {}", named(&special));
            findings.push(Finding { cause: Cause::Ownership, message });
        }
        findings.extend(self.copies_in_history(git, (base, head))?);
        Ok(findings)
    }

    /// Settings and hooks that were changed meanwhile; they are put back.
    pub(crate) fn tampered(&self) -> Vec<Finding> {
        self.put_back("it").into_iter().map(tampered).collect()
    }

    /// Commits what is not committed yet, without what `setup` left. Answers where the worktree stands then, and the
    /// repositories inside that are no submodules: their files are committed, lest they be lost.
    fn commit_left(
        &self,
        (git, path): (&Git, &Path),
        ended: &Ended,
        base: &Oid,
    ) -> Result<(Oid, Vec<String>), CollectError> {
        let head = git.commit("HEAD")?.unwrap_or_else(|| base.clone());
        let (staged, inner) = self.stage(git, &head)?;
        let staged = self.without_setup((git, path), (base, staged))?;
        let Whole { tree, inner } = self.with_inner((git, path), (base, &staged), inner)?;
        if tree == git.tree(&head)? {
            return Ok((head, inner));
        }
        let (id, title) = (&ended.task.id, &ended.task.title);
        let subject = title.as_deref().unwrap_or(id).lines().next().unwrap_or(id);
        let message = format!(
            "{subject}\n\nRegatta-Run: {}\nRegatta-Task: {id}\nRegatta-Attempt: {}\n",
            self.names.run(),
            ended.number
        );
        let author = author(ended.task.action.agent());
        let stamp = Stamp { author, committer: self.committer.clone(), seconds: ended.seconds };
        Ok((git.commit_tree((&tree, &[&head]), &message, &stamp)?, inner))
    }

    /// The branch of the task stands at what it left, and the worktree on that branch. Where it stood is kept.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn put_on_branch(&self, git: &Git, task: &str, head: &Oid) -> Result<(), GitError> {
        self.keep_tip(task, head)?;
        self.move_branch(git, task, head)
    }

    /// The same for what nobody misses.
    pub(super) fn move_branch(&self, git: &Git, task: &str, head: &Oid) -> Result<(), GitError> {
        let full = format!("refs/heads/{}", self.names.branch(task));
        self.repo.git.set_ref(&full, head)?;
        git.run(&["symbolic-ref", "HEAD", &full]).map(|_| ())
    }

    /// Paths of its own that another task owns as well and that has no order with it, for people: where the plan was checked
    /// they were not there, or were called otherwise.
    fn shared_with(&self, task: &Task, changes: &[Change]) -> Option<String> {
        let mut named: Vec<String> = Vec::new();
        let mut more = 0_usize;
        for path in changes.iter().map(|change| change.path.as_str()) {
            let own = self.owners.owns(&task.id, path) && !self.shared.is_match(path);
            let others = if own { self.owners.beside(&task.id, path) } else { Vec::new() };
            match others.is_empty() {
                true => {}
                false if named.len() == MOST_SHARED => more += 1,
                false => named.push(format!("{} (of `{}`)", path.escape_debug(), others.join("`, `"))),
            }
        }
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let named = named.join(", ");
        (!named.is_empty())
            .then(|| format!("it changed files that other tasks own, too, without an order: {named}{more}"))
    }

    /// Paths that the task does not own, for people.
    fn foreign(&self, task: &Task, changes: &[Change]) -> Option<String> {
        if task.files.is_empty() {
            return None;
        }
        let own = patterns(&task.files);
        let is_own = |path: &str| own.is_match(path) || self.owners.owns(&task.id, path);
        let foreign = |path: &&str| !is_own(path) && !self.shared.is_match(path);
        let paths: Vec<&str> = changes.iter().map(|change| change.path.as_str()).filter(foreign).collect();
        (!paths.is_empty()).then(|| format!("it changed files that are not its own: {}", named(&paths)))
    }
}

pub(super) fn tampered(message: String) -> Finding {
    Finding { cause: Cause::Tampered, message }
}

/// Said as well by who finds only that it is recorded: it was put back, and whoever saw that died.
pub(super) fn changed_git() -> Finding {
    tampered("it removed or changed `.git` of its worktree; that was put back".to_owned())
}

pub(super) fn locked(path: &Path, source: io::Error) -> OwnGitError {
    OwnGitError::Mend { path: path.to_owned(), source }
}

pub(super) fn nothing(base: &Oid) -> Collected {
    let base: Box<str> = base.as_str().into();
    let work = Work { head: base.clone(), base, changed: 0 };
    Collected { work, changes: Vec::new(), findings: Vec::new(), warning: None }
}

/// The files of repositories inside a worktree are kept.
fn apart_inside(inner: &[String], (path, kept): (&Path, &str)) -> Finding {
    let said = inside(inner);
    let message = format!("{said}; its files are kept by {kept}, and it stands in {}", path.display());
    Finding { cause: Cause::Ownership, message }
}

/// What must be there and is not.
fn missing(own: &InWorktree, changes: &[Change], path: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    if own.must_change && changes.is_empty() {
        let message = "it was to change something and changed nothing".to_owned();
        findings.push(Finding { cause: Cause::NoChange, message });
    }
    let gone = |output: &&String| !is_inside(path, output);
    let gone: Vec<&str> = own.outputs.iter().filter(gone).map(String::as_str).collect();
    if !gone.is_empty() {
        let message = format!("it did not write {}", named(&gone));
        findings.push(Finding { cause: Cause::MissingOutput, message });
    }
    findings
}

/// Whether a plain file or a directory is there, and really inside.
fn is_inside(root: &Path, path: &str) -> bool {
    let path = Path::new(path);
    if !path.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir)) {
        return false;
    }
    let real = |path: &Path| fs::canonicalize(path).ok();
    let Some((inside, root)) = real(&root.join(path)).zip(real(root)) else { return false };
    // What is in a repository inside is not committed by this one.
    let apart = inside
        .ancestors()
        .take_while(|at| **at != *root)
        .any(|at| at.join(".git").symlink_metadata().is_ok());
    !apart
        && inside.starts_with(root)
        && fs::metadata(&inside).is_ok_and(|meta| meta.is_file() || meta.is_dir())
}

/// Takes the result that a task wrote in its worktree to where results lie. Answers what it says of itself, unless that is
/// success: its status, and that for people.
pub(super) fn take_result(worktree: &Path, dir: &Path) -> io::Result<Option<(String, String)>> {
    let from = worktree.join(TASK_DIR).join(collect::RESULT);
    let file = match private_file::open(&from) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = Vec::new();
    file.take(collect::MAX_RESULT_BYTES + 1).read_to_end(&mut text)?;
    private_file::create(&dir.join(collect::RESULT))?.write_all(&text)?;
    let said: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    let status = said.get("status").and_then(serde_json::Value::as_str).unwrap_or("success");
    if !["partial", "failed", "blocked"].contains(&status) {
        return Ok(None);
    }
    let summary = said.get("summary").and_then(serde_json::Value::as_str).unwrap_or_default();
    let summary: String = summary.chars().take(200).collect();
    Ok(Some((status.to_owned(), format!("its result says `{status}`: {summary}"))))
}
