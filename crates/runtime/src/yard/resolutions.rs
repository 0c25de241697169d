//! How conflicts were resolved, by path and by the three blobs that met there: where the same three meet again, nobody is
//! asked again (spec 6 "Base").
//!
//! ```text
//! conflict -> every path known? -> the tree without it        else somebody resolves it -> kept by a ref -> recorded
//! ```
//! A file of lines in the directory of the run, each synced before anything follows from it. What a command made anew
//! depends on more than these three, as does what roles decide, so it is taken again only where the same two commits meet. So is
//! what was made of a file that meets a directory: where that went is told by no path, so the whole tree is remembered. Knows no
//! policy.

use super::{AttributesError, Ground};
use crate::git::{Git, GitError, Met, Oid, Person, Stamp, given_name};
use crate::synced_lines;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The file in the directory of a run.
const FILE: &str = "resolutions.jsonl";
/// The role under which refs keep what resolved a conflict.
const KEPT: &str = "resolved";
/// Who resolves by a command.
pub(crate) const REGENERATE: &str = "regenerate";
/// Who resolves by the roles of those whose work meets.
pub(crate) const BY_ROLE: &str = "by-role";
/// The mode of another repository.
pub(crate) const GITLINK: &str = "160000";
/// So many paths are asked about at once: a command line has an end.
const MOST_PATHS: usize = 500;

/// Tells files apart that are written at once.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// How a conflict in one path was resolved.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Resolution {
    #[serde(flatten)]
    met: Met,
    /// The two commits that must meet, where the blobs alone do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<[String; 2]>,
    /// Mode and blob of what is left; nothing if the path is gone.
    left: Option<String>,
    /// The whole tree without the conflict, where paths alone do not tell; then it stands for all paths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tree: Option<String>,
    /// By whom, for people.
    by: String,
}

/// A conflict: the tree with markers, what met, and the two commits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clash {
    /// The tree with markers.
    pub tree: Oid,
    /// What met in each path, by path.
    pub met: Vec<Met>,
    /// The one that is merged into, and the one that is merged.
    pub sides: [Oid; 2],
}

impl Clash {
    /// The paths, sorted: as the two sides call them.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        let paths: BTreeSet<String> = self.met.iter().map(|met| met.called().to_owned()).collect();
        paths.into_iter().collect()
    }

    /// Whether each path is what both sides call it: git has moved none because a directory, for instance, stands there.
    pub(crate) fn is_by_path(&self) -> bool {
        self.met.iter().all(|met| met.called() == met.path)
    }

    /// Whether a path belongs to the conflict: one that meets, also as git calls it where files are checked out, and what stands
    /// below one that meets a directory.
    pub(crate) fn owns(&self, path: &str) -> bool {
        self.met.iter().any(|met| met.path == path || (met.called() != met.path && is_at(path, met.called())))
    }
}

/// A conflict that was resolved before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    /// The tree without it.
    pub tree: Oid,
    /// By whom, by path.
    pub by: BTreeMap<String, String>,
}

/// What must meet for a resolution to be taken.
type Key = (Met, Option<[String; 2]>);

/// How conflicts of a run were resolved.
#[derive(Debug)]
pub struct Resolutions {
    path: PathBuf,
    all: Mutex<BTreeMap<Key, Resolution>>,
}

impl Resolutions {
    /// What is recorded in the directory of a run.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn read(run_dir: &Path) -> io::Result<Resolutions> {
        let path = run_dir.join(FILE);
        Ok(Resolutions::of(synced_lines::read(&path)?, path))
    }

    /// The same for whoever resolves.
    pub(super) fn take_over(run_dir: &Path) -> io::Result<Resolutions> {
        let path = run_dir.join(FILE);
        Ok(Resolutions::of(synced_lines::take_over(&path)?, path))
    }

    fn of(all: Vec<Resolution>, path: PathBuf) -> Resolutions {
        let keyed = all.into_iter().map(|one| ((one.met.clone(), one.at.clone()), one));
        Resolutions { path, all: Mutex::new(keyed.collect()) }
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<Key, Resolution>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How each path of a conflict was resolved, if all of them were.
    fn find(&self, clash: &Clash) -> Option<Vec<Resolution>> {
        let (all, at) = (self.all(), clash.sides.clone().map(|side| side.to_string()));
        let by_path = clash.is_by_path();
        let one = |met: &Met| {
            let found = all.get(&(met.clone(), Some(at.clone()))).or_else(|| all.get(&(met.clone(), None)));
            found.cloned().filter(|found| is_text(&met.path) && found.tree.is_none() == by_path)
        };
        clash.met.iter().map(one).collect()
    }

    /// The tree of a conflict that was resolved before, in every path.
    pub(super) fn settle(
        &self,
        (git, scratch): (&Git, &Path),
        clash: &Clash,
    ) -> Result<Option<Known>, AttributesError> {
        let Some(found) = self.find(clash) else { return Ok(None) };
        let by = found.iter().map(|one| (one.met.called().to_owned(), one.by.clone())).collect();
        if let Some(tree) = found.first().and_then(|one| Oid::parse(one.tree.as_deref()?)) {
            return Ok(Some(Known { tree, by }));
        }
        let index = new_index(scratch)?;
        let tree = written(git, (&index, &clash.tree), &found);
        // Nobody else knows its name.
        let _ = std::fs::remove_file(&index);
        Ok(Some(Known { tree: tree?, by }))
    }
}

impl Ground {
    /// Remembers how a conflict was resolved: `tree` is the merge without it, `by` tells who resolved which path.
    /// Answers whether it could: what stands in the place of a file has to be a file, or nothing, unless it met a directory, and
    /// names have to be text.
    ///
    /// # Errors
    /// Git fails, or the file cannot be written.
    pub(crate) fn remember(
        &self,
        (git, clash): (&Git, &Clash),
        (tree, by): (&Oid, &BTreeMap<String, String>),
    ) -> Result<bool, AttributesError> {
        if !clash.met.iter().all(|met| is_text(&met.path)) {
            return Ok(false);
        }
        let whole = (!clash.is_by_path()).then(|| tree.to_string());
        let left = if whole.is_some() { Some(BTreeMap::new()) } else { left_in(git, tree, clash)? };
        let Some(left) = left else { return Ok(false) };
        let at = clash.sides.clone().map(|side| side.to_string());
        let new = |met: &Met| {
            let by = by.get(&met.path).or_else(|| by.get(met.called())).cloned().unwrap_or_default();
            let only_there = whole.is_some() || [REGENERATE, BY_ROLE].contains(&by.as_str());
            let at = only_there.then(|| at.clone());
            Resolution { at, left: left.get(&met.path).cloned(), tree: whole.clone(), met: met.clone(), by }
        };
        let new: Vec<Resolution> = clash.met.iter().map(new).collect();
        let mut all = self.resolutions.all();
        let [ours, theirs] = &clash.sides;
        let nobody = Person { name: "regatta".to_owned(), email: "regatta@localhost".to_owned() };
        let seconds = git.latest(&[ours, theirs])?;
        let stamp = Stamp { author: nobody.clone(), committer: nobody, seconds };
        let kept = git.commit_tree((tree, &[ours, theirs]), "regatta: a conflict, resolved\n", &stamp)?;
        let number = u32::try_from(all.len() + 1).unwrap_or(u32::MAX);
        self.repo.git.set_ref(&self.names.helped(KEPT, number), &kept)?;
        let failed = |source| AttributesError::File { path: self.resolutions.path.clone(), source };
        synced_lines::add(&self.resolutions.path, &new).map_err(failed)?;
        all.extend(new.into_iter().map(|one| ((one.met.clone(), one.at.clone()), one)));
        Ok(true)
    }
}

impl Ground {
    /// The tree of a worktree with a conflict in it, read beside its index, which is left as it is; `tip` is what the other
    /// side is merged into there.
    ///
    /// # Errors
    /// Git fails, or a file of ours cannot be written.
    pub(crate) fn as_it_stands(&self, (git, tip): (&Git, &Oid)) -> Result<Oid, AttributesError> {
        let index = new_index(&self.scratch)?;
        let vars = [("GIT_INDEX_FILE", index.to_string_lossy().into_owned())];
        let call = |args: &[&str]| git.run_as(args, (b"", &vars));
        let tree = call(&["read-tree", tip.as_str()])
            .and_then(|_| call(&["add", "--all"]))
            .and_then(|_| call(&["write-tree"]));
        // Nobody else knows its name.
        let _ = std::fs::remove_file(&index);
        let answer = || GitError::Answer { command: "write-tree".to_owned() };
        Ok(Oid::parse(String::from_utf8_lossy(&tree?).trim()).ok_or_else(answer)?)
    }
}

/// A name for an index that is needed for a moment.
pub(super) fn new_index(scratch: &Path) -> Result<PathBuf, AttributesError> {
    let failed = |source| AttributesError::File { path: scratch.to_owned(), source };
    std::fs::create_dir_all(scratch).map_err(failed)?;
    let n = WRITTEN.fetch_add(1, Ordering::Relaxed);
    Ok(scratch.join(format!("index.{}.{n}", std::process::id())))
}

/// Whether a path is one, or below it, or the name that git gives a file of it beside a directory.
fn is_at(path: &str, one: &str) -> bool {
    let Some(rest) = path.strip_prefix(one) else { return false };
    rest.is_empty() || rest.starts_with('/') || given_name(path) == Some(one)
}

/// A path that was not text cannot be told from others.
fn is_text(path: &str) -> bool {
    !path.contains('\u{fffd}')
}

/// Writes a tree with what is left in some paths.
fn written(git: &Git, (index, tree): (&Path, &Oid), found: &[Resolution]) -> Result<Oid, GitError> {
    let vars = [("GIT_INDEX_FILE", index.to_string_lossy().into_owned())];
    let call = |args: &[&str], stdin: &[u8]| git.run_as(args, (stdin, &vars));
    call(&["read-tree", tree.as_str()], b"")?;
    let gone = format!("0 {}", "0".repeat(tree.as_str().len()));
    // What goes makes room: a file can be where a directory was.
    let mut sorted: Vec<&Resolution> = found.iter().collect();
    sorted.sort_by_key(|one| one.left.is_some());
    let line = |one: &&Resolution| format!("{}\t{}\0", one.left.as_deref().unwrap_or(&gone), one.met.path);
    let lines: String = sorted.iter().map(line).collect();
    call(&["update-index", "--replace", "-z", "--index-info"], lines.as_bytes())?;
    let out = call(&["write-tree"], b"")?;
    let answer = || GitError::Answer { command: "write-tree".to_owned() };
    Oid::parse(String::from_utf8_lossy(&out).trim()).ok_or_else(answer)
}

/// Mode and blob of the paths of a conflict in a tree without it; nothing where that cannot be told by path.
fn left_in(git: &Git, tree: &Oid, clash: &Clash) -> Result<Option<BTreeMap<String, String>>, GitError> {
    let mut left = BTreeMap::new();
    for some in clash.met.chunks(MOST_PATHS) {
        let mut args = vec!["ls-tree", "-z", "--full-tree", tree.as_str(), "--"];
        args.extend(some.iter().map(|met| met.path.as_str()));
        let out = git.run_as(&args, (b"", &[("GIT_LITERAL_PATHSPECS", "1".to_owned())]))?;
        let linked = |path: &str| {
            let met = some.iter().find(|met| met.path == path);
            let sides = met.map(|met| [&met.base, &met.ours, &met.theirs]);
            sides.into_iter().flatten().flatten().any(|side| side.starts_with(GITLINK))
        };
        for line in out.split(|b| *b == 0).filter(|line| !line.is_empty()) {
            let text = String::from_utf8_lossy(line);
            let Some((entry, path)) = text.split_once('\t') else { continue };
            let words: Vec<&str> = entry.split(' ').collect();
            match words[..] {
                [mode, "blob", blob] => _ = left.insert(path.to_owned(), format!("{mode} {blob}")),
                // Of another repository git knows the commit only.
                [GITLINK, "commit", commit] if linked(path) => {
                    left.insert(path.to_owned(), format!("{GITLINK} {commit}"));
                }
                // A directory, or another repository, in the place of a file.
                _ => return Ok(None),
            }
        }
    }
    Ok(Some(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(digit: char) -> Oid {
        Oid::parse(&digit.to_string().repeat(40)).unwrap()
    }

    fn met(path: &str, ours: &str) -> Met {
        Met { path: path.to_owned(), base: None, ours: Some(ours.to_owned()), theirs: None }
    }

    fn clash(met: Vec<Met>, theirs: char) -> Clash {
        Clash { tree: oid('0'), met, sides: [oid('1'), oid(theirs)] }
    }

    #[test]
    fn a_resolution_is_found_where_the_same_blobs_meet_in_the_same_path_and_one_by_command_where_the_commits_do()
     {
        let dir = tempfile::tempdir().unwrap();
        let by = |by: &str, met: Met, at| Resolution {
            met,
            at,
            left: Some("100644 x".to_owned()),
            tree: None,
            by: by.to_owned(),
        };
        let at = Some([oid('1').to_string(), oid('2').to_string()]);
        let all = [by("a person", met("a", "x"), None), by(REGENERATE, met("l", "y"), at)];
        synced_lines::add(&dir.path().join(FILE), &all).unwrap();
        let torn = dir.path().join(FILE);
        let text = std::fs::read_to_string(&torn).unwrap();
        std::fs::write(&torn, text + "{\"path\": \"b").unwrap();
        let known = Resolutions::read(dir.path()).unwrap();
        let found = |clash: &Clash| known.find(clash).map(|all| all.len());
        assert_eq!(found(&clash(vec![met("a", "x")], '3')), Some(1));
        assert_eq!(found(&clash(vec![met("a", "z")], '3')), None);
        assert_eq!(found(&clash(vec![met("b", "x")], '3')), None);
        assert_eq!(found(&clash(vec![met("a", "x"), met("l", "y")], '2')), Some(2));
        assert_eq!(found(&clash(vec![met("a", "x"), met("l", "y")], '3')), None);
    }
}
