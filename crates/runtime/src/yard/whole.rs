//! Everything that stands in a worktree, as a tree.
//!
//! Git takes a repository inside for a link to a commit of it, which nobody else has, and does not take one without a commit at
//! all. Here its files are taken instead, each level with an index of its own, and whoever asks is told: what is to be kept
//! is kept, what may land is judged elsewhere.

use super::forbidden::named;
use super::own_git::{CONE, mend_index};
use super::resolutions::new_index;
use super::{AttributesError, GITLINK, Ground};
use crate::git::{Change, ChangeKind, Git, GitError, Oid};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Repositories inside repositories are looked into so deep.
const MOST_LEVELS: usize = 8;
/// The file that names submodules.
const MODULES: &str = ".gitmodules";

/// What stands in a worktree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Whole {
    /// All of it, with the files of `inner` as files.
    pub(crate) tree: Oid,
    /// Repositories inside that are no submodules, by path; those of which only a link was committed, too.
    pub(crate) inner: Vec<String>,
}

impl Ground {
    /// The same where work is merged, which differs from `base` by what somebody did there.
    ///
    /// # Errors
    /// Git fails, or a file of ours cannot be written.
    pub(crate) fn everything(
        &self,
        (git, path): (&Git, &Path),
        base: &Oid,
    ) -> Result<Whole, AttributesError> {
        self.unhide(git)?;
        let unsaved = git.each_unsaved()?.into_iter().filter(|(_, inner)| *inner);
        let inner: Vec<PathBuf> = unsaved.map(|(path, _)| PathBuf::from(OsStr::from_bytes(&path))).collect();
        add_all(git, &inner, &[])?;
        self.with_inner((git, path), (base, &write_tree(git, &[])?), inner)
    }

    /// Why what was committed cannot be taken: links to commits of other repositories that nobody could follow.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn links_elsewhere(
        &self,
        (git, path): (&Git, &Path),
        (at, changes): (&Oid, &[Change]),
    ) -> Result<Option<String>, GitError> {
        let links = self.links_to_nothing((git, path), at, changes)?;
        Ok((!links.is_empty()).then(|| inside(&links)))
    }

    /// Git looks at every file of a worktree again: its index could say of some that they are not to be looked at. In a cone that
    /// holds for files that are there only, since the others are meant to be missing.
    fn unhide(&self, git: &Git) -> Result<(), GitError> {
        let path = git.dir();
        let admin = self.admin(path);
        admin.iter().try_for_each(|admin| mend_index(git, admin))?;
        let is_cone = admin.is_some_and(|admin| admin.join(CONE).exists());
        let listed = git.run(&["ls-files", "-v", "-z"])?;
        let (mut assumed, mut skipped) = (Vec::new(), Vec::new());
        for entry in listed.split(|b| *b == 0) {
            let (Some(tag), Some(name)) = (entry.first(), entry.get(2..)) else { continue };
            let is_there = || path.join(OsStr::from_bytes(name)).symlink_metadata().is_ok();
            if tag.is_ascii_lowercase() {
                assumed.extend([name, b"\0"].concat());
            }
            if tag.eq_ignore_ascii_case(&b'S') && (!is_cone || is_there()) {
                skipped.extend([name, b"\0"].concat());
            }
        }
        for (flag, names) in [("--no-assume-unchanged", assumed), ("--no-skip-worktree", skipped)] {
            if !names.is_empty() {
                git.feed(&["update-index", flag, "-z", "--stdin"], &names)?;
            }
        }
        Ok(())
    }

    /// The index of a worktree gets everything in it, but for repositories inside. Answers the tree, and those.
    ///
    /// # Errors
    /// Git fails.
    pub(super) fn stage(&self, git: &Git, head: &Oid) -> Result<(Oid, Vec<PathBuf>), GitError> {
        self.unhide(git)?;
        let unsaved = git.each_unsaved()?;
        if unsaved.is_empty() {
            return Ok((git.tree(head)?, Vec::new()));
        }
        let inner = unsaved.into_iter().filter(|(_, inner)| *inner);
        let inner: Vec<PathBuf> = inner.map(|(path, _)| PathBuf::from(OsStr::from_bytes(&path))).collect();
        add_all(git, &inner, &[])?;
        Ok((write_tree(git, &[])?, inner))
    }

    /// Puts the files of repositories inside into a tree of a worktree that is at `path`: of those that `inner` names, and of
    /// those that a task has linked to since `base` and that are no submodules.
    ///
    /// # Errors
    /// Git fails, or a file of ours cannot be written.
    pub(super) fn with_inner(
        &self,
        (git, path): (&Git, &Path),
        (base, tree): (&Oid, &Oid),
        inner: Vec<PathBuf>,
    ) -> Result<Whole, AttributesError> {
        let changes = git.changes(base, tree)?;
        let linked = self.links_to_nothing((git, path), tree, &changes)?;
        let all: Vec<PathBuf> = inner.into_iter().chain(linked.into_iter().map(PathBuf::from)).collect();
        let mut tree = tree.clone();
        if !all.is_empty() {
            let index = new_index(&self.scratch)?;
            let made = self.filled((git, path), (&tree, &index), &all);
            // Nobody else knows its name.
            let _ = fs::remove_file(&index);
            tree = made?;
        }
        Ok(Whole { tree, inner: all.iter().map(|path| path.to_string_lossy().into_owned()).collect() })
    }

    fn filled(
        &self,
        (git, path): (&Git, &Path),
        (tree, index): (&Oid, &Path),
        inner: &[PathBuf],
    ) -> Result<Oid, AttributesError> {
        let vars = [("GIT_INDEX_FILE", index.to_string_lossy().into_owned())];
        git.run_as(&["read-tree", tree.as_str()], (b"", &vars))?;
        for inside in inner {
            let Some(files) = self.files_of(path, inside, MOST_LEVELS)? else { continue };
            let mut gone = format!("0 {}\t", "0".repeat(tree.as_str().len())).into_bytes();
            gone.extend_from_slice(inside.as_os_str().as_bytes());
            gone.push(0);
            git.run_as(&["update-index", "-z", "--index-info"], (&gone, &vars))?;
            let prefix = [&b"--prefix="[..], inside.as_os_str().as_bytes(), &b"/"[..]].concat();
            let args = [OsStr::new("read-tree"), OsStr::from_bytes(&prefix), OsStr::new(files.as_str())];
            git.run_as(&args, (b"", &vars))?;
        }
        Ok(write_tree(git, &vars)?)
    }

    /// The files of a repository inside a worktree, as a tree; nothing if it has none.
    fn files_of(&self, top: &Path, inside: &Path, levels: usize) -> Result<Option<Oid>, AttributesError> {
        let path = top.join(inside);
        let real = |path: &Path| fs::canonicalize(path).ok();
        let stays = real(top).zip(real(&path)).is_some_and(|(top, real)| real == top.join(inside));
        let Some(admin) = self.admin(top).filter(|_| stays && levels > 0 && path.is_dir()) else {
            return Ok(None);
        };
        let git = self.repo.harmless()?;
        let excludes = format!("core.excludesFile={}", self.excludes.display());
        let git = git.with([excludes]).fixed((&path, &admin, &self.repo.common_dir));
        let index = new_index(&self.scratch)?;
        let vars = [("GIT_INDEX_FILE", index.to_string_lossy().into_owned())];
        let tree = self.tree_of((&git, &path), &vars, levels);
        // Nobody else knows its name.
        let _ = fs::remove_file(&index);
        let tree = tree?;
        Ok(Some(tree).filter(|tree| !is_empty_tree(tree)))
    }

    fn tree_of(
        &self,
        (git, path): (&Git, &Path),
        vars: &[(&str, String)],
        levels: usize,
    ) -> Result<Oid, AttributesError> {
        let listed = git.run_as(&["ls-files", "-z", "--others", "--exclude-standard"], (b"", vars))?;
        let inner = listed.split(|b| *b == 0).filter_map(|entry| entry.strip_suffix(b"/"));
        let inner: Vec<PathBuf> = inner.map(|path| PathBuf::from(OsStr::from_bytes(path))).collect();
        add_all(git, &inner, vars)?;
        for inside in &inner {
            // Its own place below this one, so that it is looked for there.
            let top = self.top_of(path);
            let below = path.strip_prefix(&top).map(|below| below.join(inside)).unwrap_or_default();
            let Some(files) = self.files_of(&top, &below, levels - 1)? else { continue };
            let prefix = [&b"--prefix="[..], inside.as_os_str().as_bytes(), &b"/"[..]].concat();
            let args = [OsStr::new("read-tree"), OsStr::from_bytes(&prefix), OsStr::new(files.as_str())];
            git.run_as(&args, (b"", vars))?;
        }
        Ok(write_tree(git, vars)?)
    }

    /// The worktree in which a path lies.
    fn top_of(&self, path: &Path) -> PathBuf {
        let top = path.ancestors().find(|path| path.parent() == Some(self.dir.as_path()));
        top.unwrap_or(path).to_owned()
    }

    /// Changed links to commits of other repositories that nobody could follow: there was none before and no submodule is named
    /// there, or the commit is only in the repository that stands in this worktree.
    ///
    /// # Errors
    /// Git fails.
    pub(super) fn links_to_nothing(
        &self,
        (git, path): (&Git, &Path),
        at: &Oid,
        changes: &[Change],
    ) -> Result<Vec<String>, GitError> {
        let links = changes.iter().filter(|change| change.mode == GITLINK);
        let links: Vec<(&str, bool, Option<&Oid>)> = links
            .map(|change| (change.path.as_str(), change.kind == ChangeKind::Modified, change.object.as_ref()))
            .collect();
        if links.is_empty() {
            return Ok(Vec::new());
        }
        let named = submodules(git, at)?;
        let mut lost = Vec::new();
        for (link, was_there, commit) in links {
            let could_be_had = || commit.is_some_and(|commit| self.could_be_had(&path.join(link), commit));
            if !was_there && !named.contains_key(link) || !could_be_had() {
                lost.push(link.to_owned());
            }
        }
        Ok(lost)
    }

    /// Whether others have a commit of a submodule. Where it is not checked out that cannot be told, and is believed.
    fn could_be_had(&self, path: &Path, commit: &Oid) -> bool {
        if path.join(".git").symlink_metadata().is_err() {
            return true;
        }
        // It is the task's: nothing that it names runs, and it does not last.
        let git = self.repo.git.in_dir(path);
        let Ok(git) = self.repo.harmless_as(&git).map(|git| git.in_dir(path)) else {
            return false;
        };
        let args = ["for-each-ref", "--count=1", "--contains", commit.as_str(), "refs/remotes", "refs/tags"];
        git.run(&args).is_ok_and(|refs| !refs.is_empty())
    }
}

/// Repositories inside a worktree, for people: a link to a commit that nobody else has would land.
pub(crate) fn inside(inner: &[String]) -> String {
    let inner: Vec<&str> = inner.iter().map(String::as_str).collect();
    format!(
        "it made a repository of its own inside, which would land as a link to nothing: {}; remove its `.git`, ignore it, or \
         make it a submodule",
        named(&inner)
    )
}

/// Paths of the submodules that a tree names, each with its name.
fn submodules(git: &Git, at: &Oid) -> Result<BTreeMap<String, String>, GitError> {
    let blob = format!("--blob={at}:{MODULES}");
    let args = ["config", "-z", &blob, "--get-regexp", r"^submodule\..*\.path$"];
    let (_, out) = git.ask(&args, &[0, 1, 128])?;
    let entry = |entry: &[u8]| {
        let text = String::from_utf8_lossy(entry).into_owned();
        let (key, path) = text.split_once('\n')?;
        Some((path.to_owned(), key.to_owned()))
    };
    Ok(out.split(|b| *b == 0).filter_map(entry).collect())
}

/// The index gets everything but what is left out.
pub(super) fn add_all(git: &Git, without: &[PathBuf], vars: &[(&str, String)]) -> Result<(), GitError> {
    let mut paths = b".\0".to_vec();
    for path in without {
        paths.extend_from_slice(b":(top,exclude,literal)");
        paths.extend_from_slice(path.as_os_str().as_bytes());
        paths.push(0);
    }
    let args = ["add", "--all", "--sparse", "--pathspec-from-file=-", "--pathspec-file-nul"];
    git.run_as(&args, (&paths, vars)).map(|_| ())
}

pub(super) fn write_tree(git: &Git, vars: &[(&str, String)]) -> Result<Oid, GitError> {
    let tree = git.run_as(&["write-tree"], (b"", vars))?;
    let tree = Oid::parse(String::from_utf8_lossy(&tree).trim());
    tree.ok_or_else(|| GitError::Answer { command: "write-tree".to_owned() })
}

/// The tree without entries, of either kind of object id.
fn is_empty_tree(tree: &Oid) -> bool {
    [
        "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
        "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
    ]
    .contains(&tree.as_str())
}
