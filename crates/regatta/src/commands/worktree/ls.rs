//! `regatta worktree ls`: every worktree of ours in this repository, and what else lies beside them.

use super::{state, there, unsaved};
use crate::context::{Context, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::duration;
use crate::render::escape::escape;
use crate::task_apart::worktrees_error;
use crate::view::store_error;
use regatta_journal::{Reader, rfc3339};
use regatta_runtime::orchestrator::now_wall_ms;
use regatta_runtime::worktrees::{Found, Stray, StrayKind, Unsaved, Worktree, look};
use serde_json::{Value, json};

/// Lists them; with `all` also those that are gone for good.
pub(super) fn run(context: &Context, (all, as_json): (bool, bool)) -> Result<Exit, CliError> {
    let reader = Reader::open(&context.workspace).map_err(store_error)?;
    let Some(reader) = reader else {
        out(if as_json { "{\"worktrees\":[],\"others\":[]}\n" } else { "no run was ever started here\n" });
        return Ok(Exit::Success);
    };
    let found = look(&reader, &context.workspace, all).map_err(worktrees_error)?;
    out(&if as_json { json(&found) } else { text(&found, now_wall_ms()) });
    Ok(Exit::Success)
}

fn text(found: &Found, now_wall_ms: u64) -> String {
    let mut text = String::new();
    if found.worktrees.is_empty() {
        text.push_str("no worktree of a run is there\n");
    }
    let task = |worktree: &Worktree| worktree.place.task.clone().unwrap_or_else(|| "(merging)".to_owned());
    let wide = found.worktrees.iter().map(|worktree| task(worktree).len()).max().unwrap_or(0).min(30);
    for worktree in &found.worktrees {
        let place = &worktree.place;
        let (run, task) = (escape(&place.run), escape(&task(worktree)));
        let run = run.get(..8).unwrap_or(&run);
        let age = worktree.touched_wall_ms.map(|at| duration(now_wall_ms.saturating_sub(at)));
        let mut notes: Vec<String> = there(worktree.there).1.into_iter().map(str::to_owned).collect();
        notes.extend(unsaved(&worktree.unsaved));
        notes.extend(worktree.lives.then(|| "its run is under way".to_owned()));
        let notes = if notes.is_empty() { "clean".to_owned() } else { notes.join(", ") };
        text.push_str(&format!(
            "{run}  {task:<wide$}  {:<11}  {:>11}  {}\n{:10}{}  on {}\n",
            state(worktree),
            age.as_deref().unwrap_or("-"),
            escape(&notes),
            "",
            escape(&place.path.display().to_string()),
            escape(&place.branch),
        ));
    }
    for stray in &found.strays {
        let path = escape(&stray.path.display().to_string());
        text.push_str(&format!("{}  {path}: {}\n", what(stray).0, what(stray).1));
    }
    text
}

/// What lies there and is none of ours, as a word and for people.
pub(super) fn what(stray: &Stray) -> (&'static str, &'static str) {
    match stray.kind {
        StrayKind::Gone => ("leftover", "could not be deleted whole; `regatta worktree gc` removes it"),
        StrayKind::OtherWorktree => ("foreign ", "a worktree that no run made; left alone"),
        StrayKind::Unknown => ("foreign ", "git knows no worktree there; left alone"),
    }
}

/// A worktree for programs.
pub(super) fn row(worktree: &Worktree) -> Value {
    let place = &worktree.place;
    let (paths, commit) = match &worktree.unsaved {
        Unsaved::Paths(paths) => (paths.clone(), None),
        Unsaved::Commits(head) => (Vec::new(), Some(head.as_str())),
        Unsaved::Nothing | Unsaved::Unknown(_) => (Vec::new(), None),
    };
    json!({
        "run_id": place.run,
        "task": place.task,
        "path": place.path.display().to_string(),
        "branch": place.branch,
        "state": state(worktree),
        "there": there(worktree.there).0,
        "dirty": worktree.unsaved != Unsaved::Nothing,
        "unsaved_paths": paths,
        "unsaved_commit": commit,
        "run_is_under_way": worktree.lives,
        "touched_at": worktree.touched_wall_ms.map(rfc3339),
    })
}

fn json(found: &Found) -> String {
    let other = |stray: &Stray| {
        let kind = if stray.kind == StrayKind::Gone { "leftover" } else { "foreign" };
        json!({ "path": stray.path.display().to_string(), "kind": kind, "what": what(stray).1 })
    };
    let facts = json!({
        "worktrees": found.worktrees.iter().map(row).collect::<Vec<_>>(),
        "others": found.strays.iter().map(other).collect::<Vec<_>>(),
    });
    format!("{facts}\n")
}
