//! The yard: worktrees of a run, made before an attempt and looked through after it. Git takes its time, so its work is
//! done on threads of its own, and the loop hears of it.
//!
//! ```text
//! driver --Errand--> queue -> workers (as many as cores) --Done--> inbox of the loop
//!                                |- base, making      before an attempt
//!                                |- going_on          instead of making, where the attempt before is gone on with (`worked`: who that was)
//!                                |- collecting        after it: what is left is committed, checked, kept by a ref
//!                                |- prepared           what `setup` left is nobody's work
//!                                |- whole              everything in a worktree as a tree, also repositories inside
//!                                |- forbidden          what nobody may commit (`strange`: links out, pipes)
//!                                |- links              what patterns mean by real paths
//!                                |- cone               only the directories that a task needs
//!                                |- recycling          instead of making, where a task is done
//!                                |- resolutions       conflicts that were resolved before
//!                                |- settled            so that the first look at it is quick
//!                                |- uncommitted        what never belongs into a commit (`excludes`: the same as a file for git)
//!                                |- unresolved         conflicts that a task met and left
//!                                |- attributes        those of "ours", for a merge without a checkout
//!                                |- pairs             which pieces of work conflict with each other
//!                                |- own_git           git in a worktree, whatever was done to it
//!                                |- guard             settings and hooks of the repository are what they were (`pinned`, `entries`,
//!                                                  `lock`, `neighbours`, `owed`, `at_work`)
//!                                `- refs              branches and tags of the user, told and put back
//! ```
//! Knows no engine state and starts no task.

mod at_work;
mod attributes;
mod base;
mod collecting;
pub(crate) mod cone;
mod discarding;
mod entries;
mod excludes;
mod forbidden;
mod going_on;
mod guard;
pub(crate) mod links;
mod lock;
mod making;
mod names;
mod neighbours;
mod owed;
mod own_git;
mod pairs;
mod pinned;
pub(crate) mod prepared;
mod recycling;
mod ref_files;
mod refs;
mod resolutions;
mod saving;
mod settled;
mod stash;
mod stood;
mod strange;
mod uncommitted;
mod unresolved;
mod whole;
mod worked;
mod workers;

pub use attributes::{AttributesError, Meeting, Merger};
pub(crate) use base::{Base, base};
pub use collecting::{CollectError, Collected, Ended, Finding};
pub use going_on::Begin;
pub(crate) use guard::LANDING;
pub(crate) use making::LEFT;
pub use making::{MakeError, TASK_DIR};
pub use names::Names;
pub use own_git::OwnGitError;
pub(crate) use own_git::{OWN_SETTINGS, admins, put_back};
pub use pairs::{Pair, Sides, with_others};
pub(crate) use resolutions::{BY_ROLE, GITLINK, REGENERATE};
pub use resolutions::{Clash, Known, Resolutions};
pub(crate) use stood::Stood;
pub(crate) use unresolved::is_marked;
pub(crate) use whole::inside;
pub use workers::{Again, Done, Errand, Failed, Workers};

use crate::git::{Oid, Person, Repo, is_gone, lfs};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use guard::Guard;
use recycling::Pool;
use refs::WatchedRefs;
use regatta_plan::Owners;
use regatta_plan::model::Worktrees;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Where attributes of commits are written, in the directory of a run.
pub const ATTRIBUTES_DIR: &str = "attributes";

/// What all errands of a run share.
#[derive(Debug)]
pub struct Ground {
    /// The repository.
    pub repo: Repo,
    /// Names of the run.
    pub names: Names,
    /// The directory of its worktrees.
    pub dir: PathBuf,
    /// The commit that the run began from.
    pub pinned: Oid,
    /// What the plan says.
    pub rules: Worktrees,
    /// Who commits.
    pub committer: Person,
    copies: GlobSet,
    /// Files of the commit that the run began from which `copies` means, too: those are nobody's copies.
    tracked: BTreeSet<String>,
    shared: GlobSet,
    protect: GlobSet,
    guard: Guard,
    refs: WatchedRefs,
    /// Paths that never belong into a commit, as a file for git.
    excludes: PathBuf,
    /// Tasks have one worktree, one after the other.
    one_by_one: AtomicBool,
    /// Worktrees that can be used again, and their indexes as we left them.
    pool: Pool,
    indexes: PathBuf,
    /// The directories of tasks that are to have less than everything.
    pub(crate) cones: BTreeMap<String, BTreeSet<String>>,
    /// Who owns what by the plan; nothing where no run asks.
    pub(crate) owners: Owners,
    /// At which commits we let worktrees stand in which work is merged.
    pub(crate) stood: Stood,
    /// Large files are looked after.
    lfs: bool,
    /// This git reads a settled index.
    settles: bool,
    /// Where attributes of commits are written.
    scratch: PathBuf,
    /// The directory of the run.
    run_dir: PathBuf,
    /// What pieces changed.
    sides: Sides,
    /// How conflicts were resolved.
    resolutions: Resolutions,
}

/// The patterns of a plan, which were checked there; what is none matches nothing.
pub(crate) fn patterns(patterns: &[String]) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let plain = pattern.strip_prefix("./").unwrap_or(pattern);
        if let Ok(glob) = GlobBuilder::new(plain).literal_separator(true).build() {
            set.add(glob);
        }
    }
    set.build().unwrap_or_default()
}

impl Ground {
    /// The ground of a run: `run_dir` is its directory, `workspace` what the worktrees' directory is relative to.
    ///
    /// # Errors
    /// A file of ours cannot be written, or the repository's settings cannot be read.
    pub fn of(
        (repo, pinned): (Repo, Oid),
        (workspace, run_dir, run): (&Path, &Path, &str),
        rules: Worktrees,
    ) -> Result<Ground, std::io::Error> {
        let dir = workspace.join(&rules.dir);
        std::fs::create_dir_all(&dir)?;
        // Git names worktrees by their real paths.
        let dir = std::fs::canonicalize(dir)?;
        delete_gone(&dir, run);
        let excludes = excludes::write(run_dir, &repo, &rules.copy)?;
        let indexes = run_dir.join("indexes");
        std::fs::create_dir_all(&indexes)?;
        // Where git does not say, nothing is lost but time.
        let settles = recycling::settles(&repo.git).unwrap_or(false);
        let copies = patterns(&rules.copy);
        let tracked = match rules.copy.is_empty() {
            true => BTreeSet::new(),
            false => repo.git.paths(&pinned).map_err(std::io::Error::other)?.into_iter().collect(),
        };
        let tracked = tracked.into_iter().filter(|path: &String| making::is_copied(&copies, path)).collect();
        let guard = Guard::of(&repo.common_dir, (run_dir, run))?;
        let ground = Ground {
            committer: repo.committer.clone().unwrap_or_else(Person::nobody),
            refs: WatchedRefs::of(&repo.common_dir, (run_dir, guard.is_open())),
            guard,
            names: Names::of(run),
            copies,
            tracked,
            shared: patterns(&rules.shared),
            protect: patterns(&rules.protect),
            dir,
            pinned,
            rules,
            repo,
            excludes,
            one_by_one: AtomicBool::new(false),
            pool: Pool::default(),
            indexes,
            cones: BTreeMap::new(),
            owners: Owners::default(),
            stood: Stood::of(run_dir),
            lfs: false,
            settles,
            scratch: run_dir.join(ATTRIBUTES_DIR),
            run_dir: run_dir.to_owned(),
            sides: Sides::default(),
            resolutions: Resolutions::take_over(run_dir)?,
        };
        if ground.was_one_by_one() {
            ground.one_by_one();
        }
        Ok(ground)
    }

    /// Large files are looked after, or not.
    pub(crate) fn look_after_lfs(&mut self, lfs: bool) {
        self.lfs = lfs;
    }

    /// Merges without a checkout.
    #[must_use]
    pub fn merger(&self) -> Merger<'_> {
        Merger { repo: &self.repo, scratch: &self.scratch, resolutions: &self.resolutions }
    }

    /// What is never committed of a worktree, as a file for git.
    fn excludes_at(&self, worktree: &Path) -> PathBuf {
        prepared::own_excludes(&self.run_dir, worktree).unwrap_or_else(|| self.excludes.clone())
    }

    /// Variables for what runs in a worktree, of a task if one is named: who commits, no questions, and what is never committed.
    #[must_use]
    pub fn variables(&self, agent: Option<&str>, worktree: Option<&Path>) -> Vec<(String, String)> {
        let author = author(agent);
        let excludes = worktree.map_or_else(|| self.excludes.clone(), |worktree| self.excludes_at(worktree));
        let mut settings = vec![
            ("core.excludesFile", excludes.to_string_lossy().into_owned()),
            ("gc.auto", "0".to_owned()),
            ("maintenance.auto", "false".to_owned()),
        ];
        if self.lfs {
            settings.extend(lfs::SETTINGS.map(|(key, value)| (key, value.to_owned())));
        }
        if self.rules.sparse.is_some() {
            settings.extend(cone::SETTINGS.map(|(key, value)| (key, value.to_owned())));
        }
        let mut vars = vec![
            ("GIT_TERMINAL_PROMPT".to_owned(), "0".to_owned()),
            // Above the worktrees lies the checkout of the user.
            ("GIT_CEILING_DIRECTORIES".to_owned(), self.dir.to_string_lossy().into_owned()),
            ("GIT_AUTHOR_NAME".to_owned(), author.name),
            ("GIT_AUTHOR_EMAIL".to_owned(), author.email),
            ("GIT_COMMITTER_NAME".to_owned(), self.committer.name.clone()),
            ("GIT_COMMITTER_EMAIL".to_owned(), self.committer.email.clone()),
            ("GIT_CONFIG_COUNT".to_owned(), settings.len().to_string()),
        ];
        for (i, (key, value)) in settings.into_iter().enumerate() {
            vars.push((format!("GIT_CONFIG_KEY_{i}"), key.to_owned()));
            vars.push((format!("GIT_CONFIG_VALUE_{i}"), value));
        }
        vars
    }
}

/// Deletes what an earlier orchestrator of the run laid aside and could not delete any more.
fn delete_gone(dir: &Path, run: &str) {
    let beginning = format!("{run}-");
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if is_gone(&entry.file_name().to_string_lossy(), &beginning) {
            // What cannot be deleted is in nobody's way.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Who is the author of what a task left.
pub(crate) fn author(agent: Option<&str>) -> Person {
    Person { name: format!("{} (regatta)", agent.unwrap_or("run")), email: "regatta@localhost".to_owned() }
}
