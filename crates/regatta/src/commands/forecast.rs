//! `regatta merge --dry-run`: what merging would give, with all conflicts at once. Nothing moves.

use crate::args::MergeArgs;
use crate::context::{Context, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render;
use crate::view::{RunView, reader};
use regatta_journal::Which;
use regatta_runtime::began_on;
use regatta_runtime::escape::escape_path;
use regatta_runtime::git::{Oid, Repo};
use regatta_runtime::landing::forecast::forecast;
use regatta_runtime::landing::{Approval, Report, target_of};
use regatta_runtime::works::Works;
use regatta_runtime::yard::{ATTRIBUTES_DIR, Merger, Names, Resolutions};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Runs the verb.
///
/// # Errors
/// No such run, it has no worktrees, or the repository is not what it was.
pub fn run(context: &Context, args: &MergeArgs) -> Result<Exit, CliError> {
    let reader = reader(&context.workspace)?;
    let which = args.run.as_deref().map_or(Which::Newest, Which::Named);
    let mut events = Vec::new();
    let view = RunView::load(&reader, which, &mut |stored| events.push(stored.event.clone()))?;
    let id = view.record.summary.run_id.clone();
    if view.plan.worktrees.is_none() {
        let message = format!("no task of run {id} works in a worktree, so there is nothing to merge");
        return Err(CliError::usage(message).hint("`isolation: worktree` in the plan gives each task one"));
    }
    let mut works = Works::new(Arc::new(view.plan.clone()), Arc::clone(view.engine.graph()));
    events.iter().for_each(|event| works.absorb(event));
    let run_dir = reader.place().run_dir(&id);
    let repo = Repo::find(&context.workspace).map_err(super::run::unusable)?;
    let repo = began_on::as_it_began(repo, &run_dir)
        .map_err(|error| CliError::environment(format!("where run {id} began cannot be read: {error}")))?;
    let merge = view.plan.merge.as_ref();
    let target = target_of(merge, &repo);
    // Work that has landed is seen as it was merged.
    let landed = view.landing.as_ref().filter(|report| report.landed);
    let from = match landed.and_then(|report| Oid::parse(&report.from)) {
        Some(from) => from,
        None => {
            let pinned = Names::of(id.as_str()).pinned();
            repo.commit(target.as_deref().unwrap_or(&pinned)).map_err(super::run::unusable)?
        }
    };
    let scratch = run_dir.join(ATTRIBUTES_DIR);
    let resolutions = Resolutions::read(&run_dir).map_err(|error| {
        CliError::environment(format!("how conflicts of run {id} were resolved cannot be read: {error}"))
    })?;
    let merger = Merger { repo: &repo, scratch: &scratch, resolutions: &resolutions };
    let mut left_out = left_out(landed, &run_dir)?;
    if let Some(report) = view.landing.as_ref().filter(|report| !report.landed) {
        left_out.extend(failed_rules(report));
    }
    let seen = forecast(merger, &from, (&works.all(), merge, &left_out))
        .map_err(|error| CliError::environment(format!("the merge cannot be foreseen: {error}")))?;
    if args.json {
        out(&format!("{}\n", render::forecast::json(&seen, (id.as_str(), target.as_deref()))));
    } else {
        let began = repo.git.commit(&Names::of(id.as_str()).pinned());
        let is_elsewhere = !began.is_ok_and(|began| began.is_some_and(|began| began == from));
        let has_moved = is_elsewhere.then(|| began_on::has_moved(&run_dir, &seen.from));
        let told = (landed.is_some(), has_moved);
        out(&render::forecast::text(&seen, (id.as_str(), target.as_deref(), merge), told));
    }
    Ok(if seen.is_clean() { Exit::Success } else { Exit::Failed })
}

/// Tasks whose conflicts the rules were to resolve, and a command failed: it is not known to go better the next time.
fn failed_rules(report: &Report) -> impl Iterator<Item = (String, String)> {
    report.conflicts.iter().filter_map(|conflict| {
        let failed = conflict.failed.as_ref()?;
        let (paths, run) = (conflict.paths.join(", "), &failed.run);
        let said = format!("conflicts in {paths}, and the rule `{run}` failed there: {}", failed.said);
        Some((conflict.task.clone(), said))
    })
}

/// What the report says of a no to the work of a task.
fn refused<'a>(report: &'a Report, task: &str) -> Option<&'a str> {
    let of_it = |said: &&str| said.starts_with("refused by ");
    let said = report.findings.iter().filter(|finding| finding.task == task);
    said.map(|finding| finding.said.as_str()).find(of_it)
}

/// Tasks that were left out of what landed, or that somebody wants to be, each with why.
fn left_out(landed: Option<&Report>, run_dir: &Path) -> Result<BTreeMap<String, String>, CliError> {
    if let Some(report) = landed {
        // What conflicted, and what contains that, is seen as it was.
        let why = |(task, code): (&String, &String)| {
            let said = match code.as_str() {
                "merge_conflict" | "upstream" => return None,
                "gate" => "a gate said no",
                "refused" => refused(report, task).unwrap_or("refused"),
                other => other,
            };
            Some((task.clone(), said.to_owned()))
        };
        return Ok(report.left_out.iter().filter_map(why).collect());
    }
    let refused = Approval::left_out(run_dir)
        .map_err(|error| CliError::environment(format!("{}: {error}", escape_path(run_dir))))?;
    Ok(refused.into_iter().map(|(task, by)| (task, format!("refused by {by}"))).collect())
}
