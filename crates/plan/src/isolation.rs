//! What `isolation: worktree` means for a task and for its plan.
//!
//! Looks at drafts; what overlaps is found in `ownership`.

use crate::apart::{Check, InWorktree, Merge, Worktrees};
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::domains::usual_domain;
use crate::draft::{Draft, TaskDraft};
use crate::model::Action;
use crate::patterns::{plain, refuse_path};
use crate::placed::Placed;
use crate::reach::Reach;
use crate::tools::works_on_files;
use crate::tree::Span;

/// Whether an action works with files: commands, agents, and our own tools for files do. Those have worktrees.
fn works(action: Option<&Action>) -> bool {
    let tool = action.and_then(Action::tool).is_some_and(works_on_files);
    tool || matches!(action, Some(Action::Argv(_) | Action::Shell { .. } | Action::Agent { .. }))
}

/// What a task says about its worktree, if it has one: what works with files does.
pub(crate) fn in_worktree(
    (task, gate): (&TaskDraft, Option<&Check>),
    isolation: &str,
    problems: &mut Problems,
) -> Option<InWorktree> {
    let action = task.action.as_ref().map(|action| &action.value);
    let agent = action.is_some_and(|action| action.agent().is_some());
    let works = works(action);
    if isolation != "worktree" || !works && !gate.is_some_and(Check::is_command) {
        let help = match works {
            true => "add `isolation: worktree`",
            false => "only commands, agents and the tools `file_…` have one",
        };
        // A gate has none of them, whatever its place.
        for key in task.worktree_keys.iter().filter(|_| gate.is_none()) {
            let message = format!("`{}` of task `{}` needs a worktree, which it has not", key.value, task.id);
            let problem = Diagnostic::error(Code::BadValue, key.span.clone(), message);
            problems.push(problem.help(help));
        }
        keeps_nothing(task, gate, problems);
        return None;
    }
    if gate.is_some() {
        keeps_nothing(task, gate, problems);
    }
    for output in &task.outputs {
        let Some(why) = refuse_path(&output.value) else { continue };
        let message = format!("output `{}` of task `{}` {why}", output.value.escape_debug(), task.id);
        problems.push(Diagnostic::error(Code::BadValue, output.span.clone(), message));
    }
    Some(InWorktree {
        domain: task.domain.clone().unwrap_or_else(|| usual_domain(&task.files).to_owned()),
        outputs: task.outputs.iter().map(|output| plain(&output.value).to_owned()).collect(),
        must_change: task.must_change.unwrap_or(agent && !task.files.is_empty()),
        verify: task.verify.iter().map(|command| command.value.clone()).collect(),
        accept_partial: task.accept_partial,
    })
}

/// Who has no worktree, or one that is put back, has nothing to go on with.
fn keeps_nothing(task: &TaskDraft, gate: Option<&Check>, problems: &mut Problems) {
    let Some(at) = &task.keeps else { return };
    let (why, help) = match gate {
        Some(_) => ("a gate begins anew with each attempt", "leave it out"),
        None => ("it has no worktree", "add `isolation: worktree`, or leave it out"),
    };
    let message = format!("`retry.keep_worktree` of task `{}` has no effect: {why}", task.id);
    problems.push(Diagnostic::warning(Code::NoEffect, at.clone(), message).help(help));
}

/// Where work is taken as it is, each task has to build on the one before it.
pub(crate) fn check_forward((placed, at): (&[Placed], &Span), reach: &Reach, problems: &mut Problems) {
    // A gate leaves nothing that could land.
    let lands = |p: &Placed| p.task.worktree.is_some() && p.task.gate.is_none();
    let tasks = placed.iter().enumerate().filter(|(_, p)| lands(p)).map(|(i, _)| i);
    // In topological order, all are ordered if and only if all neighbours are.
    let sorted = reach.sorted(tasks.collect());
    let apart = sorted.windows(2).map(|pair| (pair[0], pair[1])).find(|(a, b)| !reach.reaches(*a, *b));
    let Some((a, b)) = apart.map(|(a, b)| (&placed[a.min(b)], &placed[a.max(b)])) else { return };
    let (first, second) = (&a.task.id, &b.task.id);
    let message = format!(
        "`strategy: ff-only` wants an order between all tasks, and `{first}` and `{second}` have none"
    );
    let problem = Diagnostic::error(Code::BadValue, at.clone(), message);
    let help = format!("add `needs: [{first}]` to `{second}`, or use `strategy: rebase`");
    let problem = problem.also(a.id_span.wide(), "no order").also(b.id_span.wide(), "between these");
    problems.push(problem.help(help));
}

/// What works in the user's checkout does not see the work of the tasks above it that have worktrees.
pub(crate) fn check_seen(placed: &[Placed], reach: &Reach, problems: &mut Problems) {
    let blind = |p: &Placed| p.task.worktree.is_none() && works(Some(&p.task.action));
    if !placed.iter().any(blind) || placed.iter().all(|p| p.task.worktree.is_none()) {
        return;
    }
    // The nearest task above each, or itself, whose work is not in the checkout.
    let mut above: Vec<Option<usize>> = vec![None; placed.len()];
    for i in reach.sorted((0..placed.len()).collect()) {
        let found = placed[i].needs.iter().find_map(|need| above[need.on as usize]);
        above[i] = if placed[i].task.worktree.is_some() { Some(i) } else { found };
        let Some(other) = found.filter(|_| blind(&placed[i])) else { continue };
        let (id, other) = (&placed[i].task.id, &placed[other].task.id);
        let message =
            format!("task `{id}` sees your checkout, and not what `{other}` does before it in a worktree");
        let problem = Diagnostic::warning(Code::NoEffect, placed[i].id_span.wide(), message);
        problems.push(
            problem.help("leave out `isolation: none`, so that it works in a worktree on top of that work"),
        );
    }
}

/// Where no task has a worktree there is nothing to merge.
pub(crate) fn check_merge(draft: &Draft, placed: &[Placed], problems: &mut Problems) {
    let Some(at) = draft.apart.as_ref().and_then(|apart| apart.merges.as_ref()) else { return };
    if placed.is_empty() || placed.iter().any(|p| p.task.worktree.is_some()) {
        return;
    }
    let message = "`merge` has no effect: no task works in a worktree";
    let problem = Diagnostic::warning(Code::NoEffect, at.clone(), message);
    problems.push(problem.help("add `isolation: worktree`, or leave `merge` out"));
}

/// How the plan makes worktrees and merges them; nothing where no task has one.
pub(crate) fn of_plan(draft: &Draft, placed: &[Placed]) -> (Option<Worktrees>, Option<Merge>) {
    let Some(apart) = draft.apart.as_ref().filter(|_| placed.iter().any(|p| p.task.worktree.is_some()))
    else {
        return (None, None);
    };
    (Some(apart.worktrees.clone()), apart.merge.clone())
}
