//! What worktrees are there: what plans and journal say there should be, what git knows, and what lies in their directory.
//!
//! Changes nothing. What is not ours is named and left alone.

use super::WorktreesError;
use super::past::{Life, past};
use crate::git::{Git, GitError, Oid, Repo};
use crate::keeper;
use crate::landing::Report as Landing;
use crate::workspace::DOT_DIR;
use crate::yard::prepared::own_excludes;
use crate::yard::{Names, OWN_SETTINGS, TASK_DIR, admins};
use regatta_journal::{Reader, RunSummary};
use regatta_plan::Plan;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Where worktrees lie unless a plan says otherwise, below our directory of the workspace.
const DEFAULT_DIR: &str = "worktrees";
/// What the name of something begins with that could not be deleted whole.
const GONE: &str = ".gone-";
/// Places of refs of ours, the run being the next part of the name.
const REFS: [&str; 4] =
    ["refs/regatta/", "refs/regatta-base/", "refs/regatta-resolved/", "refs/regatta-adopted/"];
/// Where the branches of runs begin.
const BRANCHES: &str = "refs/heads/regatta/";

/// How much of a worktree is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum There {
    /// Directory and what git keeps for it.
    Whole,
    /// Git keeps something for it; the directory is gone.
    Missing,
    /// Its branch only.
    BranchOnly,
    /// Nothing.
    Nothing,
}

/// What would be lost with a worktree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unsaved {
    /// Nothing.
    Nothing,
    /// Paths that are not committed, sorted.
    Paths(Vec<String>),
    /// A commit that no branch and no ref holds.
    Commits(Oid),
    /// Nobody can tell, and why.
    Unknown(String),
}

/// What a worktree belongs to, and where it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The run.
    pub run: String,
    /// The task; none for a worktree in which work is merged, or a conflict is resolved.
    pub task: Option<String>,
    /// The index of the task in its plan.
    pub index: Option<usize>,
    /// The directory, with or without anything there.
    pub path: PathBuf,
    /// The short name of its branch.
    pub branch: String,
    /// The directory that git keeps for it.
    pub admin: Option<PathBuf>,
}

/// A worktree of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Worktree {
    /// Whose it is, and where.
    pub place: Place,
    /// The run, if the journal knows it.
    pub of_run: Option<RunSummary>,
    /// A process of the run lives.
    pub lives: bool,
    /// Where in its life it is; none where the journal does not know.
    pub life: Option<Life>,
    /// How much of it is there.
    pub there: There,
    /// What would be lost with it.
    pub unsaved: Unsaved,
    /// When it was touched last, in milliseconds since the Unix epoch.
    pub touched_wall_ms: Option<u64>,
    /// What its task left, as recorded.
    pub head: Option<Oid>,
    /// Its branch stays when its work has landed.
    pub keep_branch: bool,
}

/// What something in a directory of worktrees is that is none of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StrayKind {
    /// What is left of a worktree that could not be deleted whole.
    Gone,
    /// A worktree of this repository that no run made.
    OtherWorktree,
    /// Git knows it not.
    Unknown,
}

/// Something in a directory of worktrees that is none of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stray {
    /// Where.
    pub path: PathBuf,
    /// What.
    pub kind: StrayKind,
}

/// Refs of a run that has ended, or of one that the journal does not know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OldRefs {
    /// The run.
    pub run: String,
    /// The refs by full name, and where they stand.
    pub refs: Vec<(String, Oid)>,
    /// When the run ended, or else the newest of what they hold was made, in milliseconds since the Unix epoch.
    pub since_wall_ms: u64,
}

/// What was found.
#[derive(Debug)]
pub struct Found {
    /// The repository.
    pub repo: Repo,
    /// Worktrees, those of the newest run first, by task.
    pub worktrees: Vec<Worktree>,
    /// What else lies in their directories.
    pub strays: Vec<Stray>,
    /// Refs by run.
    pub refs: Vec<OldRefs>,
    /// A process of some run lives.
    pub any_lives: bool,
}

/// What git says, asked once.
struct Known {
    admins: BTreeMap<PathBuf, PathBuf>,
    branches: BTreeMap<String, Oid>,
    listed: BTreeMap<PathBuf, Option<String>>,
    /// Git that runs nothing which the repository's settings name.
    git: Git,
}

/// Looks at all worktrees of the repository that a workspace is in; at those that are gone for good only with `all`.
///
/// # Errors
/// There is no repository, git fails, or the journal cannot be read.
pub fn look(reader: &Reader, workspace: &Path, all: bool) -> Result<Found, WorktreesError> {
    let repo = Repo::find(workspace)?;
    let listed = repo.worktrees()?;
    let known = Known {
        admins: admins(&repo.common_dir),
        branches: repo.git.refs(BRANCHES)?.into_iter().collect(),
        listed: listed.into_iter().map(|listed| (listed.path, listed.branch)).collect(),
        git: repo.harmless()?,
    };
    let mut found =
        Found { worktrees: Vec::new(), strays: Vec::new(), refs: Vec::new(), any_lives: false, repo };
    let mut dirs = BTreeSet::from([real(&workspace.join(DOT_DIR).join(DEFAULT_DIR))]);
    let runs = reader.runs(usize::MAX)?;
    for run in &runs {
        let record = reader.run(&run.run_id)?.run;
        // Most runs have none, and a plan can be large.
        if !record.plan.contains("\"worktrees\":{") {
            continue;
        }
        let Ok(plan) = serde_json::from_str::<Plan>(&record.plan) else { continue };
        let Some(rules) = &plan.worktrees else { continue };
        let dir = real(&workspace.join(&rules.dir));
        dirs.insert(dir.clone());
        of_run(reader, (run, &plan), (&dir, all), &known, &mut found)?;
    }
    unknown_runs(&runs, &known, &mut found);
    for dir in dirs {
        strays(&dir, &known, &mut found)?;
    }
    refs(&runs, &mut found)?;
    Ok(found)
}

/// The worktrees that a run has, or had.
fn of_run(
    reader: &Reader,
    (run, plan): (&RunSummary, &Plan),
    (dir, all): (&Path, bool),
    known: &Known,
    found: &mut Found,
) -> Result<(), WorktreesError> {
    let names = Names::of(run.run_id.as_str());
    let place = |task: Option<(usize, &str)>, name: String, branch: String| {
        let path = dir.join(name);
        Place {
            run: run.run_id.to_string(),
            task: task.map(|(_, id)| id.to_owned()),
            index: task.map(|(index, _)| index),
            admin: known.admins.get(&path).cloned(),
            path,
            branch,
        }
    };
    let tasks = plan.tasks.iter().enumerate().filter(|(_, task)| task.worktree.is_some());
    let mut places: Vec<Place> = tasks
        .map(|(i, task)| place(Some((i, &task.id)), names.worktree(&task.id), names.branch(&task.id)))
        .collect();
    places.push(place(None, names.integration_worktree(), names.integration()));
    // Where conflicts are resolved that tasks would begin from: most runs have none.
    let tasks = plan.tasks.iter().filter(|task| task.worktree.is_some() && !task.needs.is_empty());
    let bases = tasks.map(|task| place(None, names.base_worktree(&task.id), names.base(&task.id)));
    places.extend(bases.filter(|place| place.admin.is_some()));
    let there = |place: &Place| how_much(place, known);
    if !all && places.iter().all(|place| there(place) == There::Nothing) {
        return Ok(());
    }
    let run_dir = reader.place().run_dir(&run.run_id);
    let lives = reader.holder(&run.run_id)?.is_some() || keeper::is_kept(&run_dir);
    found.any_lives |= lives;
    let (pasts, landing) = (past(reader, &run.run_id, plan)?, Landing::read(&run_dir));
    for place in places {
        let there = there(&place);
        let past = place.index.and_then(|index| pasts.get(index));
        let mut life =
            past.and_then(|past| past.life(place.task.as_deref().unwrap_or_default(), landing.as_ref()));
        match there {
            There::Nothing if !all || life.is_none() => continue,
            There::BranchOnly if place.task.is_none() => continue,
            There::Nothing => life = Some(Life::Cleaned),
            There::BranchOnly if life == Some(Life::Merged) => life = Some(Life::Cleaned),
            There::Whole if life.is_none() && place.task.is_some() => life = Some(Life::Created),
            There::Whole | There::Missing | There::BranchOnly => {}
        }
        let git = git_in(&found.repo, &place, (&known.git, Some(&excludes(&run_dir, &place))));
        found.worktrees.push(Worktree {
            of_run: Some(run.clone()),
            lives,
            life,
            there,
            unsaved: if there == There::Whole { seen(git) } else { Unsaved::Nothing },
            touched_wall_ms: touched(&place),
            head: past.and_then(|past| past.work.clone()).map(|(_, head)| head),
            keep_branch: plan.merge.as_ref().is_none_or(|merge| merge.keep_branches),
            place,
        });
    }
    Ok(())
}

/// Worktrees whose branch says that a run made them which the journal does not know any more.
fn unknown_runs(runs: &[RunSummary], known: &Known, found: &mut Found) {
    let ids: BTreeSet<&str> = runs.iter().map(|run| run.run_id.as_str()).collect();
    for (path, branch) in &known.listed {
        let Some(name) = branch.as_deref().and_then(|branch| branch.strip_prefix(BRANCHES)) else { continue };
        let Some((run, rest)) = name.split_once('/').filter(|(run, _)| !ids.contains(run)) else { continue };
        let place = Place {
            run: run.to_owned(),
            task: rest.strip_prefix("t/").map(str::to_owned),
            index: None,
            admin: known.admins.get(path).cloned(),
            path: path.clone(),
            branch: format!("regatta/{name}"),
        };
        let there = how_much(&place, known);
        let git = git_in(&found.repo, &place, (&known.git, None));
        found.worktrees.push(Worktree {
            of_run: None,
            lives: false,
            life: None,
            there,
            unsaved: if there == There::Whole { seen(git) } else { Unsaved::Nothing },
            touched_wall_ms: touched(&place),
            head: None,
            keep_branch: true,
            place,
        });
    }
}

fn how_much(place: &Place, known: &Known) -> There {
    let dir = place.path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
    match (&place.admin, dir) {
        (Some(_), true) => There::Whole,
        (Some(_), false) => There::Missing,
        (None, _) if known.branches.contains_key(&format!("refs/heads/{}", place.branch)) => {
            There::BranchOnly
        }
        (None, _) => There::Nothing,
    }
}

/// Git in a worktree, whatever stands in its `.git`; `excludes` lists what is never committed.
fn git_in(
    repo: &Repo,
    place: &Place,
    (git, excludes): (&Git, Option<&Path>),
) -> Result<Option<Git>, GitError> {
    let excludes = excludes.filter(|path| path.exists());
    let own = excludes.map(|path| format!("core.excludesFile={}", path.display()));
    let Some(admin) = &place.admin else { return Ok(None) };
    let places = (place.path.as_path(), admin.as_path(), repo.common_dir.as_path());
    // Settings of its own can name programs, too.
    let git = match admin.join(OWN_SETTINGS).exists() {
        true => repo.harmless_as(&repo.git.fixed(places))?,
        false => git.clone(),
    };
    Ok(Some(git.with(own).fixed(places)))
}

/// Git in a worktree of a run whose directory is `run_dir`.
pub(super) fn git_at(repo: &Repo, place: &Place, run_dir: &Path) -> Result<Option<Git>, GitError> {
    git_in(repo, place, (&repo.harmless()?, Some(&excludes(run_dir, place))))
}

/// What is never committed of a worktree.
fn excludes(run_dir: &Path, place: &Place) -> PathBuf {
    own_excludes(run_dir, &place.path).unwrap_or_else(|| run_dir.join("exclude"))
}

/// The same where it may not be clear how to ask.
fn seen(git: Result<Option<Git>, GitError>) -> Unsaved {
    git.map_or_else(|error| Unsaved::Unknown(error.to_string()), unsaved)
}

/// What would be lost with a worktree that is there.
pub(super) fn unsaved(git: Option<Git>) -> Unsaved {
    let Some(git) = git else { return Unsaved::Nothing };
    let told = || -> Result<Unsaved, GitError> {
        let mut paths = git.unsaved()?;
        // Where nothing says any more what is never committed, this at least is ours.
        paths.retain(|path| path.trim_end_matches('/') != TASK_DIR);
        paths.sort();
        if !paths.is_empty() {
            return Ok(Unsaved::Paths(paths));
        }
        // The branch that it is on holds what was committed.
        let (on_branch, _) = git.ask(&["symbolic-ref", "--quiet", "HEAD"], &[0, 1])?;
        let Some(head) = git.commit("HEAD")? else { return Ok(Unsaved::Nothing) };
        Ok(if on_branch == 0 || git.is_held(&head)? { Unsaved::Nothing } else { Unsaved::Commits(head) })
    };
    told().unwrap_or_else(|error| Unsaved::Unknown(error.to_string()))
}

/// When a worktree was touched last, as far as its directories tell.
fn touched(place: &Place) -> Option<u64> {
    let mut paths = vec![place.path.clone()];
    if let Some(admin) = &place.admin {
        paths.extend([admin.clone(), admin.join("HEAD"), admin.join("index"), admin.join("logs/HEAD")]);
    }
    let modified =
        |path: PathBuf| path.symlink_metadata().ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok();
    paths.into_iter().filter_map(modified).max().and_then(|at| u64::try_from(at.as_millis()).ok())
}

/// What lies in a directory of worktrees and is none of ours.
fn strays(dir: &Path, known: &Known, found: &mut Found) -> Result<(), WorktreesError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(WorktreesError::Directory { path: dir.to_owned(), source }),
    };
    let ours: BTreeSet<&Path> = found
        .worktrees
        .iter()
        .filter(|worktree| worktree.place.admin.is_some())
        .map(|worktree| worktree.place.path.as_path())
        .collect();
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| !ours.contains(path.as_path()));
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let kind = match known.listed.contains_key(&path) {
            true => StrayKind::OtherWorktree,
            false if name.starts_with(GONE) => StrayKind::Gone,
            false => StrayKind::Unknown,
        };
        found.strays.push(Stray { path, kind });
    }
    Ok(())
}

/// Refs of runs that have ended.
fn refs(runs: &[RunSummary], found: &mut Found) -> Result<(), WorktreesError> {
    let ended: BTreeMap<&str, Option<u64>> = runs
        .iter()
        .map(|run| (run.run_id.as_str(), run.ended_wall_ms.filter(|_| run.state.has_ended())))
        .collect();
    let mut by_run: BTreeMap<String, OldRefs> = BTreeMap::new();
    for prefix in REFS {
        for (name, oid, made_wall_ms) in found.repo.git.dated_refs(prefix)? {
            let run = name[prefix.len()..].split('/').next().unwrap_or_default().to_owned();
            let since = match ended.get(run.as_str()) {
                Some(Some(ended)) => *ended,
                Some(None) => continue,
                None => made_wall_ms,
            };
            let old = OldRefs { run: run.clone(), refs: Vec::new(), since_wall_ms: since };
            let all = by_run.entry(run).or_insert(old);
            all.since_wall_ms = all.since_wall_ms.max(since);
            all.refs.push((name, oid));
        }
    }
    found.refs = by_run.into_values().collect();
    Ok(())
}

/// Git names worktrees by their real paths.
fn real(dir: &Path) -> PathBuf {
    fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned())
}
