//! Makes, lists and removes worktrees.
//!
//! While git makes or removes one, its directory under `worktrees/` is half there, and every other call that looks at all
//! worktrees dies of it. So these calls take turns, over all processes of ours: by a lock on a file in the directory that
//! the worktrees share. What takes long, files written and deleted, is done outside the turn. Who moves the files of the
//! user's checkout takes a turn too: git itself does not wait there but gives up.
//!
//! Knows no task; whose a worktree is, its caller knows by its path.

use super::{GitError, Oid, Repo};
use crate::private_file;
use regatta_fault as fault;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The file by whose lock calls take turns.
const TURN: &str = "regatta.lock";
/// Why a worktree of a run is locked.
pub const REASON: &str = "a run of regatta";

/// A worktree as git lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Where.
    pub path: PathBuf,
    /// The branch that it is on, by its full ref.
    pub branch: Option<String>,
}

impl Repo {
    /// Makes a worktree at `path`, on a new branch at `commit`, locked so that nobody's clean-up takes it. It has no files
    /// yet: whoever made it checks out.
    ///
    /// # Errors
    /// The path or the branch exists, or git fails.
    pub fn add_worktree(&self, path: &Path, (branch, commit): (&str, &Oid)) -> Result<(), GitError> {
        let path = path.to_string_lossy();
        let mut args = vec!["worktree", "add", "--quiet", "--no-track", "--no-checkout"];
        args.extend(["--lock", "--reason", REASON, "-b", branch, "--", &path, commit.as_str()]);
        let _turn = self.turn()?;
        self.git.run(&args)?;
        self.see_everything(Path::new(&*path))
    }

    /// As [`Repo::add_worktree`], on a branch that may be there: it stands at `commit` afterwards.
    ///
    /// # Errors
    /// The path exists, the branch is checked out elsewhere, or git fails.
    pub fn add_worktree_again(&self, path: &Path, (branch, commit): (&str, &Oid)) -> Result<(), GitError> {
        let path = path.to_string_lossy();
        let mut args = vec!["worktree", "add", "--quiet", "--no-track", "--no-checkout"];
        args.extend(["--lock", "--reason", REASON, "-B", branch, "--", &path, commit.as_str()]);
        let _turn = self.turn()?;
        self.git.run(&args)?;
        self.see_everything(Path::new(&*path))
    }

    /// Which part of the tree a person has in their checkout is theirs: git hands that on to a new worktree, and it is taken away
    /// there.
    fn see_everything(&self, path: &Path) -> Result<(), GitError> {
        let Ok(text) = fs::read_to_string(path.join(".git")) else { return Ok(()) };
        let admin = Path::new(text.trim_end().trim_start_matches("gitdir: ")).to_owned();
        let (part, settings) = (admin.join("info/sparse-checkout"), admin.join("config.worktree"));
        match fs::remove_file(&part) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                return Err(GitError::Turn { path: part, source });
            }
            _ => {}
        }
        if settings.exists() {
            let file = settings.to_string_lossy();
            for key in ["core.sparseCheckout", "core.sparseCheckoutCone", "index.sparse"] {
                // 5: it is not set.
                self.git.ask(&["config", "--file", &file, "--unset-all", key], &[0, 5])?;
            }
        }
        Ok(())
    }

    /// Every worktree of the repository, the user's own first.
    ///
    /// # Errors
    /// Git fails.
    pub fn worktrees(&self) -> Result<Vec<Listed>, GitError> {
        let turn = self.turn()?;
        let out = self.git.run(&["worktree", "list", "--porcelain", "-z"])?;
        drop(turn);
        let mut listed: Vec<Listed> = Vec::new();
        for line in out.split(|b| *b == 0) {
            let line = String::from_utf8_lossy(line);
            if let Some(path) = line.strip_prefix("worktree ") {
                listed.push(Listed { path: PathBuf::from(path), branch: None });
            } else if let (Some(branch), Some(last)) = (line.strip_prefix("branch "), listed.last_mut()) {
                last.branch = Some(branch.to_owned());
            }
        }
        // Of a checkout whose `.git` leads elsewhere git knows only that place.
        if let Some(first) = listed.first_mut().filter(|first| first.path != self.top)
            && self.is_main()?
        {
            first.path.clone_from(&self.top);
        }
        Ok(listed)
    }

    /// Whether the user's checkout is that which the repository was made with, and no worktree of another one.
    fn is_main(&self) -> Result<bool, GitError> {
        let dir = self.git.run(&["rev-parse", "--path-format=absolute", "--git-dir"])?;
        Ok(Path::new(String::from_utf8_lossy(&dir).trim_end()) == self.common_dir)
    }

    /// Removes a worktree that git knows, with all that is in it, also if its directory is gone already. What cannot be
    /// deleted stays beside it as `.gone-N-NAME`.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove_worktree(&self, path: &Path) -> Result<(), GitError> {
        let aside = gone(path);
        // If it cannot be laid aside, git deletes it in its turn.
        let laid = fs::rename(path, &aside).is_ok();
        fault::point("worktree.aside");
        let turn = self.turn()?;
        // Twice forced: it is locked, and may hold what was never committed. Who calls has looked at that.
        let args = ["worktree", "remove", "--force", "--force", "--", &path.to_string_lossy()];
        let removed = self.git.run(&args);
        drop(turn);
        if let Err(error) = removed {
            if laid {
                // The error tells more than why the files could not be laid back.
                let _ = fs::rename(&aside, path);
            }
            return Err(error);
        }
        fault::point("worktree.gone");
        if laid {
            // Files that a task made undeletable are no reason to fail: the worktree is gone, and its place is free.
            let _ = fs::remove_dir_all(&aside);
        }
        Ok(())
    }

    /// Waits for our turn. It ends when the file is closed.
    ///
    /// # Errors
    /// The file cannot be made or locked, or something else stands in its place.
    pub fn turn(&self) -> Result<File, GitError> {
        let path = self.common_dir.join(TURN);
        let failed = |source| GitError::Turn { path: path.clone(), source };
        let file = private_file::lock_file(&path).map_err(failed)?;
        file.lock().map_err(failed)?;
        Ok(file)
    }
}

/// Whether a name is that of something that was laid aside to be deleted, of a worktree whose name begins so.
#[must_use]
pub fn is_gone(name: &str, beginning: &str) -> bool {
    let rest = name.strip_prefix(".gone-").and_then(|rest| rest.split_once('-'));
    rest.is_some_and(|(n, name)| n.bytes().all(|b| b.is_ascii_digit()) && name.starts_with(beginning))
}

/// A free name beside a worktree, for what is being deleted.
fn gone(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut names = (1_u64..).map(|n| path.with_file_name(format!(".gone-{n}-{name}")));
    names.find(|path| path.symlink_metadata().is_err()).unwrap_or_default()
}
