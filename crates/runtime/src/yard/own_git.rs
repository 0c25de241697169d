//! Git in a worktree of ours, whatever its task did to it.
//!
//! Git finds its repository by what stands in `.git`, and goes up to the next directory if nothing does: above our
//! worktrees lies the user's checkout. So we never let it look: the directory that git keeps for the worktree is found
//! from the repository's side and named in each call. What stands in `.git` is put back and told.

use super::making::TASK_DIR;
use super::strange::{remove_special, unblock};
use super::{Ground, cone};
use crate::git::{Git, GitError, lfs};
use crate::private_file;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// The file by which a worktree names its repository.
const DOT_GIT: &str = ".git";
/// Settings of one worktree, in the directory that git keeps for it, where the repository allows them.
pub(crate) const OWN_SETTINGS: &str = "config.worktree";

/// The directories that a worktree is to have, in the directory that git keeps for it, where that is not all of them.
pub(super) const CONE: &str = "info/sparse-checkout";

/// A file that names a directory is no longer, in bytes.
const MOST_BYTES: u64 = 4_096;

/// Why a worktree cannot be worked with.
#[derive(Debug, thiserror::Error)]
pub enum OwnGitError {
    /// Git fails.
    #[error(transparent)]
    Git(#[from] GitError),
    /// It is not there any more, or something else is.
    #[error("{} is no worktree of this run any more", .0.display())]
    Gone(PathBuf),
    /// What it names its repository by cannot be put back.
    #[error("{}: {source}", path.display())]
    Mend {
        /// The worktree.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl Ground {
    /// Git at the top of the user's checkout, for what reads and writes files of a tree: with no program of the
    /// repository's settings. They are read anew each time, because a task can change them.
    pub(crate) fn git(&self) -> Result<Git, GitError> {
        self.excluding(&self.repo.git)
    }

    /// The same as seen by another git.
    fn excluding(&self, seen: &Git) -> Result<Git, GitError> {
        let git = self.repo.harmless_as(seen)?;
        // Programs that git-lfs would run beside itself are a repository's like any other: then it is not run either, and
        // what would have to go through it is refused.
        let looks_after = self.lfs && !lfs::has_programs(seen)?;
        let lfs = lfs::SETTINGS
            .iter()
            .chain(&lfs::NO_FETCH)
            .filter(|_| looks_after)
            .map(|(key, value)| format!("{key}={value}"));
        let excludes = format!("core.excludesFile={}", self.excludes.display());
        // The last word stands.
        Ok(git.with(lfs.chain([excludes])))
    }

    /// Git in a worktree of ours.
    pub(crate) fn git_in(&self, path: &Path) -> Result<Git, OwnGitError> {
        let admin = self.admin_of(path)?;
        let places = (path, admin.as_path(), self.repo.common_dir.as_path());
        let mut git = match admin.join(OWN_SETTINGS).exists() {
            true => self.excluding(&self.repo.git.fixed(places))?,
            false => self.git()?,
        };
        let excludes = self.excludes_at(path);
        if excludes != self.excludes {
            git = git.with([format!("core.excludesFile={}", excludes.display())]);
        }
        if self.rules.sparse.is_some() {
            git = git.with(cone::SETTINGS.map(|(key, value)| format!("{key}={value}")));
        }
        Ok(git.fixed(places))
    }

    /// Puts back how a worktree names its repository. Answers whether that was needed.
    pub(crate) fn mend(&self, path: &Path) -> Result<bool, OwnGitError> {
        let admin = self.admin_of(path)?;
        put_back(path, &admin).map_err(|source| OwnGitError::Mend { path: path.to_owned(), source })
    }

    /// The same after an attempt, which spoiled its worktree if that was needed. It is recorded first: when it is put back
    /// nobody can see it any more.
    pub(super) fn mend_after(&self, attempt: u64, path: &Path) -> Result<bool, OwnGitError> {
        if names_well(&path.join(DOT_GIT), &named(&self.admin_of(path)?)) {
            return Ok(false);
        }
        let failed = |source| OwnGitError::Mend { path: path.to_owned(), source };
        self.spoiled(attempt).map_err(failed)?;
        self.mend(path)
    }

    /// Nobody works in a worktree: locks of git that stand there are of a git that was killed. What git would read there and
    /// wait for without an end goes, too; what of that stood among the files is answered.
    ///
    /// # Errors
    /// One cannot be removed.
    pub(crate) fn unlock(&self, path: &Path, branch: &str) -> io::Result<Vec<String>> {
        let Some(admin) = self.admin(path) else { return Ok(Vec::new()) };
        remove_special(&admin)?;
        let of_branch = self.repo.common_dir.join(format!("refs/heads/{branch}.lock"));
        let entries = fs::read_dir(&admin)?.filter_map(|entry| Some(entry.ok()?.path()));
        let locks = entries.filter(|path| path.extension().is_some_and(|ending| ending == "lock"));
        for lock in
            locks.chain([of_branch]).filter(|path| path.symlink_metadata().is_ok_and(|meta| meta.is_file()))
        {
            // A git that outlived its orchestrator may have just let it go.
            match fs::remove_file(lock) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        unblock(path)
    }

    /// The directory that git keeps for a worktree that is there.
    fn admin_of(&self, path: &Path) -> Result<PathBuf, OwnGitError> {
        let there = path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
        let admin = self.admin(path).filter(|_| there);
        admin.ok_or_else(|| OwnGitError::Gone(path.to_owned()))
    }

    /// The directory that git keeps for a worktree, also for one that is gone; nothing if git knows none there.
    pub(super) fn admin(&self, path: &Path) -> Option<PathBuf> {
        admins(&self.repo.common_dir).remove(path)
    }
}

/// The directories that git keeps for the worktrees of a repository, by the worktree's path; also of those that are gone.
pub(crate) fn admins(common_dir: &Path) -> BTreeMap<PathBuf, PathBuf> {
    let entries = fs::read_dir(common_dir.join("worktrees")).into_iter().flatten();
    let named = |admin: PathBuf| {
        let text = private_file::read(&admin.join("gitdir"), MOST_BYTES).ok()?;
        Some((Path::new(OsStr::from_bytes(text.trim_ascii_end())).parent()?.to_owned(), admin))
    };
    entries.filter_map(|entry| named(entry.ok()?.path())).collect()
}

/// An index that is not there, or is torn where git or the machine died while it was written, knows of no file: it begins anew
/// from the last commit. Only so git keeps what it tracks and ignores.
///
/// # Errors
/// Git fails.
pub(super) fn mend_index(git: &Git, admin: &Path) -> Result<(), GitError> {
    let index = admin.join("index");
    match index.symlink_metadata() {
        // What it is besides a file is git's to say.
        Ok(meta) if !meta.is_file() || is_index(&index, meta.len()) => return Ok(()),
        // Where it stays git says why it is of no use.
        _ => drop(fs::remove_file(&index)),
    }
    git.run(&["read-tree", "HEAD"])?;
    if admin.join(CONE).exists() {
        git.run(&["sparse-checkout", "reapply"])?;
    }
    Ok(())
}

/// Whether a file begins as an index does and has room for what each has (gitformat-index: 12 bytes, and 20 at the end).
fn is_index(path: &Path, bytes: u64) -> bool {
    let mut sign = [0; 4];
    let read = private_file::open(path).and_then(|mut file| file.read_exact(&mut sign));
    bytes >= 32 && read.is_ok() && sign == *b"DIRC"
}

/// Writes `.git` as git made it, if something else or nothing stands there. A repository that somebody made in its place is
/// laid aside.
pub(crate) fn put_back(path: &Path, admin: &Path) -> io::Result<bool> {
    let own = path.join(DOT_GIT);
    let wanted = named(admin);
    if names_well(&own, &wanted) {
        return Ok(false);
    }
    match own.symlink_metadata().ok() {
        Some(meta) if meta.is_dir() => {
            let aside = path.join(TASK_DIR);
            fs::create_dir_all(&aside)?;
            let free = (1..).map(|n| aside.join(format!("git.{n}"))).find(|path| !path.exists());
            fs::rename(&own, free.unwrap_or(aside))?;
        }
        Some(_) => fs::remove_file(&own)?,
        None => {}
    }
    fs::write(&own, wanted)?;
    Ok(true)
}

/// What stands in `.git` of a worktree for which git keeps that directory.
fn named(admin: &Path) -> String {
    format!("gitdir: {}\n", admin.display())
}

/// Whether a plain file says what is wanted.
fn names_well(own: &Path, wanted: &str) -> bool {
    // Of anything longer nothing is read.
    own.symlink_metadata().is_ok_and(|meta| meta.is_file() && meta.len() == wanted.len() as u64)
        && private_file::read(own, MOST_BYTES).is_ok_and(|text| text == wanted.as_bytes())
}
