//! What repository a workspace is in.
//!
//! Refuses what worktrees cannot be made of, each by name. Changes nothing.

use super::{Git, GitError, Oid, Person, lfs};
use regatta_plan::{Overlap, Plan, overlaps};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The oldest git that merges without a checkout.
const OLDEST: (u32, u32) = (2, 38);

/// Files and directories in a git directory that say what is under way there.
const UNDER_WAY: [(&str, &str); 6] = [
    ("MERGE_HEAD", "a merge"),
    ("rebase-merge", "a rebase"),
    ("rebase-apply", "a rebase"),
    ("CHERRY_PICK_HEAD", "a cherry-pick"),
    ("REVERT_HEAD", "a revert"),
    ("BISECT_LOG", "a bisect"),
];

/// Why no worktrees can be made here.
#[derive(Debug, thiserror::Error)]
pub enum RepoError {
    /// No git, or too old a one.
    #[error("worktrees need git 2.38 or newer: {0}")]
    Version(String),
    /// The workspace is in no repository.
    #[error("{} is in no git repository", .0.display())]
    NoRepository(PathBuf),
    /// It has no files.
    #[error("{} is a bare repository: it has no files to work on", .0.display())]
    Bare(PathBuf),
    /// It has no commit.
    #[error("{} has no commit yet", .0.display())]
    Unborn(PathBuf),
    /// Paths of a plan would mean something else in a worktree than in the workspace.
    #[error("{} is not the top of its repository, and worktrees are made of all of {}", workspace.display(), top.display())]
    NotTop {
        /// The workspace.
        workspace: PathBuf,
        /// The top of the checkout in which it is.
        top: PathBuf,
    },
    /// A name is no commit.
    #[error("`{name}` is no commit of {}", dir.display())]
    NoCommit {
        /// The name.
        name: String,
        /// The repository.
        dir: PathBuf,
    },
    /// What work is to land on is no branch.
    #[error("`merge.target` names `{name}`, which is no branch of {}", dir.display())]
    NoBranch {
        /// The name.
        name: String,
        /// The repository.
        dir: PathBuf,
    },
    /// Worktrees cannot be made where the plan wants them.
    #[error("`worktree.dir` is {}, and {} is no directory that can be written to", dir.display(), at.display())]
    NoPlace {
        /// Where they are to be.
        dir: PathBuf,
        /// What of it is there.
        at: PathBuf,
    },
    /// Something is under way.
    #[error("{what} is under way in {}", dir.display())]
    UnderWay {
        /// What.
        what: &'static str,
        /// Where.
        dir: PathBuf,
    },
    /// A branch has the name that all of ours begin with.
    #[error("a branch is called `regatta`, so none can be called `regatta/…`")]
    Name,
    /// Large files are to be looked after, and cannot.
    #[error("`worktree.lfs: on` cannot be: {0}")]
    Lfs(&'static str),
    /// Large files are there, and what looks after them is not.
    #[error("files of {} belong to git-lfs, which is not installed", .0.display())]
    NoLfs(PathBuf),
    /// What lands is to be signed, and cannot be.
    #[error("`merge.commit.sign` cannot be: {0}")]
    Sign(GitError),
    /// Git fails.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl RepoError {
    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            RepoError::Version(_) => "install a newer git, or use `isolation: none`",
            RepoError::NoRepository(_) => "run `git init` and commit, or use `isolation: none`",
            RepoError::Bare(_) => "run it in a clone of the repository",
            RepoError::Unborn(_) => "commit something first: `git commit --allow-empty -m start`",
            RepoError::NotTop { .. } => {
                "run it there (`--workspace` names the top; `cwd: DIR` is where a task works), with paths from the top, or use `isolation: none`"
            }
            RepoError::NoCommit { .. } => "name a branch, a tag or a commit that exists",
            RepoError::NoBranch { .. } => {
                "name a branch that exists (`git branch` lists them): a tag or a commit cannot move"
            }
            RepoError::NoPlace { .. } => "name another directory, or leave `dir` out",
            RepoError::UnderWay { .. } => "finish or abort it first",
            RepoError::Name => "rename it: git branch -m regatta OTHER",
            RepoError::Lfs(_) => {
                "install git-lfs, or leave `lfs` out: then files that belong to it stay pointers, and nobody may change them"
            }
            RepoError::NoLfs(_) => {
                "install git-lfs, or say `worktree: { lfs: off }`: then these files stay pointers, and nobody may change them"
            }
            RepoError::Sign(_) => {
                "see that `git commit -S` works there without a question (`user.signingkey`, `gpg.format`), or leave `sign` out"
            }
            RepoError::Git(_) => "",
        }
    }
}

/// What `HEAD` is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Head {
    /// A branch, by its full ref.
    Branch(String),
    /// A commit alone.
    Detached,
}

/// A repository that worktrees can be made of.
#[derive(Clone, Debug)]
pub struct Repo {
    /// Git at the top of the user's checkout.
    pub git: Git,
    /// The top of the user's checkout.
    pub top: PathBuf,
    /// The directory that all its worktrees share.
    pub common_dir: PathBuf,
    /// What the user's `HEAD` is.
    pub head: Head,
    /// Who commits: the person as set up for this repository.
    pub committer: Option<Person>,
}

impl Repo {
    /// Finds the repository of a workspace.
    ///
    /// # Errors
    /// There is none that worktrees can be made of.
    pub fn find(workspace: &Path) -> Result<Repo, RepoError> {
        check_version(workspace)?;
        // The first question is asked with the person's own settings: whether this repository is to be trusted is theirs.
        let seen = ask_as_person(workspace, &["rev-parse", "--is-bare-repository", "--show-toplevel"]);
        let Some(seen) = seen else {
            let bare = ask_as_person(workspace, &["rev-parse", "--is-bare-repository"]);
            return Err(match bare.as_deref() {
                Some("true") => RepoError::Bare(workspace.to_owned()),
                _ => RepoError::NoRepository(workspace.to_owned()),
            });
        };
        let Some((_, top)) = seen.split_once('\n') else {
            return Err(RepoError::NoRepository(workspace.to_owned()));
        };
        let top = PathBuf::from(top);
        let git = Git::at(&top);
        let common = git.run(&["rev-parse", "--path-format=absolute", "--git-common-dir"])?;
        let common_dir = PathBuf::from(String::from_utf8_lossy(&common).trim_end());
        if git.commit("HEAD")?.is_none() {
            return Err(RepoError::Unborn(top));
        }
        if !git.refs("refs/heads/regatta")?.iter().all(|(name, _)| name != "refs/heads/regatta") {
            return Err(RepoError::Name);
        }
        let head = head_of(&git)?;
        let committer = committer(&top);
        // Our calls read no settings of the user's: those that may have to commit are told who.
        let who = committer.clone().unwrap_or_else(Person::nobody);
        let git = git.with([format!("user.name={}", who.name), format!("user.email={}", who.email)]);
        Ok(Repo { git, top, common_dir, head, committer })
    }

    /// Whether a workspace is the top of its checkout. In a worktree paths count from there, so in a directory below they would
    /// mean other files than the plan does.
    ///
    /// # Errors
    /// It is not.
    pub fn check_top(&self, workspace: &Path) -> Result<(), RepoError> {
        let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if real(workspace) == real(&self.top) {
            return Ok(());
        }
        Err(RepoError::NotTop { workspace: workspace.to_owned(), top: self.top.clone() })
    }

    /// The commit that a name means.
    ///
    /// # Errors
    /// It means none.
    pub fn commit(&self, name: &str) -> Result<Oid, RepoError> {
        let missing = || RepoError::NoCommit { name: name.to_owned(), dir: self.top.clone() };
        self.git.commit(name)?.ok_or_else(missing)
    }

    /// Git at the top of the user's checkout without the programs that the repository's settings name: filters do nothing,
    /// drivers of merges leave a conflict. The settings are read anew each time, because a task can change them.
    ///
    /// # Errors
    /// The settings cannot be read.
    pub fn harmless(&self) -> Result<Git, GitError> {
        self.harmless_as(&self.git)
    }

    /// The same as seen by another git: a worktree can have settings of its own.
    ///
    /// # Errors
    /// The settings cannot be read.
    pub fn harmless_as(&self, seen: &Git) -> Result<Git, GitError> {
        let args = ["config", "--null", "--name-only", "--get-regexp", r"^(filter|merge)\..*\."];
        let (_, out) = seen.ask(&args, &[0, 1])?;
        let mut off = Vec::new();
        for key in out.split(|b| *b == 0).filter_map(|key| std::str::from_utf8(key).ok()) {
            let Some((section, name)) = key.rsplit_once('.').and_then(|(head, _)| head.split_once('.'))
            else {
                continue;
            };
            if section == "merge" {
                off.push(format!("merge.{name}.driver=false"));
                continue;
            }
            off.push(format!("filter.{name}.required=false"));
            off.extend(["clean", "smudge", "process"].map(|word| format!("filter.{name}.{word}=")));
        }
        off.sort();
        off.dedup();
        Ok(self.git.with(off))
    }

    /// Paths of the user's checkout that are not as their commit has them, besides those that pathspecs speak of; what git
    /// ignores there for the user is left out, and of what is new a directory stands for all in it.
    ///
    /// # Errors
    /// Git fails.
    pub fn uncommitted(&self, besides: &[String]) -> Result<Vec<String>, GitError> {
        let ignored = self.ignored_by_person();
        let git = self.harmless()?.with(ignored.map(|path| format!("core.excludesFile={}", path.display())));
        let git = git.with(line_ends(&self.top));
        let mut args = vec!["status", "--porcelain=v1", "-z", "--untracked-files=normal", "--no-renames"];
        args.extend(["--ignore-submodules=all", "--", ":(top)"]);
        args.extend(besides.iter().map(String::as_str));
        let out = git.run(&args)?;
        // Two letters and a blank stand before each path.
        let paths = out.split(|b| *b == 0).filter_map(|entry| entry.get(3..));
        Ok(paths.map(|path| String::from_utf8_lossy(path).into_owned()).collect())
    }

    /// The file that lists what git ignores for the person wherever they are: the one that their settings name, else the one
    /// that git reads without any. It need not be there.
    #[must_use]
    pub fn ignored_by_person(&self) -> Option<PathBuf> {
        let named = ask_as_person(&self.top, &["config", "--type=path", "--get", "core.excludesFile"]);
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        match named {
            // They say that there is none.
            Some(path) if path.is_empty() => None,
            Some(path) => Some(self.top.join(path)),
            None => set("XDG_CONFIG_HOME")
                .or_else(|| Some(set("HOME")?.join(".config")))
                .map(|dir| dir.join("git/ignore")),
        }
    }

    /// Whether the worktrees of a plan can be made in a workspace, and their work can land.
    ///
    /// # Errors
    /// They cannot.
    pub fn check(workspace: &Path, plan: &Plan) -> Result<(), RepoError> {
        let Some(rules) = &plan.worktrees else { return Ok(()) };
        let repo = Repo::find(workspace)?;
        repo.check_top(workspace)?;
        let base = repo.commit(&rules.base)?;
        has_place(&workspace.join(&rules.dir))?;
        lfs::looked_after(&repo, &rules.lfs, &base)?;
        let Some(merge) = &plan.merge else { return Ok(()) };
        if merge.sign {
            repo.try_signing(&base).map_err(RepoError::Sign)?;
        }
        let branch = match (&merge.target, &repo.head) {
            (Some(name), _) => Some(format!("refs/heads/{name}")),
            (None, Head::Branch(branch)) => Some(branch.clone()),
            (None, Head::Detached) => None,
        };
        if let Some(branch) = branch.as_ref().filter(|_| merge.target.is_some()) {
            let name = || branch.trim_start_matches("refs/heads/").to_owned();
            let missing = || RepoError::NoBranch { name: name(), dir: repo.top.clone() };
            repo.git.commit(branch)?.ok_or_else(missing)?;
        }
        repo.check_quiet(branch.as_deref())
    }

    /// Tasks of a plan that own the same file of the commit that worktrees begin from, and have no order between them.
    ///
    /// # Errors
    /// The workspace is in no repository, or git fails.
    pub fn overlaps(workspace: &Path, plan: &Plan) -> Result<Vec<Overlap>, RepoError> {
        let Some(rules) = &plan.worktrees else { return Ok(Vec::new()) };
        if plan.tasks.iter().filter(|task| !task.files.is_empty()).count() < 2 {
            return Ok(Vec::new());
        }
        let repo = Repo::find(workspace)?;
        let paths = repo.git.paths(&repo.commit(&rules.base)?)?;
        Ok(overlaps(plan, paths.iter().map(String::as_str)))
    }

    /// Nothing may be under way in the checkout that is on `target`, wherever it is.
    ///
    /// # Errors
    /// Something is.
    pub fn check_quiet(&self, target: Option<&str>) -> Result<(), RepoError> {
        for listed in self.worktrees()? {
            let is_on = match target {
                Some(_) => listed.branch.as_deref() == target,
                None => listed.path == self.top,
            };
            // In a rebase or bisect git is on no branch, and goes back to one.
            if !is_on && (listed.branch.is_some() || target.is_none()) {
                continue;
            }
            let git = self.git.in_dir(&listed.path);
            // A checkout that is gone has nothing under way.
            let Ok(dir) = git.run(&["rev-parse", "--path-format=absolute", "--git-dir"]) else { continue };
            let dir = PathBuf::from(String::from_utf8_lossy(&dir).trim_end());
            if !is_on && !target.is_some_and(|target| goes_back_to(&dir, target)) {
                continue;
            }
            if let Some((_, what)) = UNDER_WAY.iter().find(|(name, _)| dir.join(name).exists()) {
                return Err(RepoError::UnderWay { what, dir: listed.path });
            }
        }
        Ok(())
    }
}

/// Whether what is under way in a checkout began on a branch.
fn goes_back_to(git_dir: &Path, branch: &str) -> bool {
    let short = branch.trim_start_matches("refs/heads/");
    ["rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START"].iter().any(|name| {
        let said = std::fs::read_to_string(git_dir.join(name)).unwrap_or_default();
        [branch, short].contains(&said.trim())
    })
}

fn head_of(git: &Git) -> Result<Head, GitError> {
    let (code, out) = git.ask(&["symbolic-ref", "--quiet", "HEAD"], &[0, 1])?;
    let name = String::from_utf8_lossy(&out).trim().to_owned();
    Ok(if code == 0 { Head::Branch(name) } else { Head::Detached })
}

fn check_version(workspace: &Path) -> Result<(), RepoError> {
    let version =
        Git::at(workspace).run(&["version"]).map_err(|error| RepoError::Version(error.to_string()))?;
    let text = String::from_utf8_lossy(&version).trim().to_owned();
    let mut numbers = text.trim_start_matches("git version ").split('.').map(|n| n.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) if (major, minor) >= OLDEST => Ok(()),
        _ => Err(RepoError::Version(format!("this is {text}"))),
    }
}

/// Whether directories can be made there: what of the path is there already can be written to.
fn has_place(dir: &Path) -> Result<(), RepoError> {
    let Some(at) = dir.ancestors().find(|at| at.symlink_metadata().is_ok()) else { return Ok(()) };
    let usable = at.is_dir() && rustix::fs::access(at, rustix::fs::Access::WRITE_OK).is_ok();
    match usable {
        true => Ok(()),
        false => Err(RepoError::NoPlace { dir: dir.to_owned(), at: at.to_owned() }),
    }
}

/// What git says to the person themselves, with all of their settings.
pub(super) fn ask_as_person(dir: &Path, args: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"GIT_")) {
        command.env_remove(name);
    }
    command.current_dir(dir).args(["-c", "core.fsmonitor=false"]).args(args).stdin(Stdio::null());
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned())
}

/// How the ends of lines stand in a person's checkout, by their own settings: files that only differ in that are as they were
/// committed, and are written so.
pub(crate) fn line_ends(checkout: &Path) -> Vec<String> {
    let args = ["config", "--null", "--get-regexp", r"^core\.(autocrlf|eol)$"];
    let said = ask_as_person(checkout, &args).unwrap_or_default();
    said.split('\0')
        .filter_map(|entry| entry.split_once('\n'))
        .map(|(key, value)| format!("{key}={value}"))
        .collect()
}

/// The person whose checkout it is, if they said who they are.
fn committer(top: &Path) -> Option<Person> {
    let get = |key: &str| ask_as_person(top, &["config", "--get", key]).filter(|value| !value.is_empty());
    Some(Person { name: get("user.name")?, email: get("user.email")? })
}
