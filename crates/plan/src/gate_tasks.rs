//! Tasks that are gates (`gate: ID`): which keys mean something there, and that what a gate needs is checked before it.
//!
//! What a gate is stands in `gates`; knows no run.

use crate::apart::Check;
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::draft::{Draft, Spanned, TaskDraft};
use crate::fields::nearest;
use crate::model::{Action, Claim, Timeout};
use crate::patterns::plain;
use crate::placed::Placed;
use crate::reach::Reach;
use crate::when::Condition;
use std::collections::{BTreeMap, BTreeSet};

/// What a command may be told,
const OF_COMMAND: [&str; 9] =
    ["cache", "cache_key", "cwd", "env", "inputs", "locks", "max_retries", "reads", "retry"];
/// and what an expression may: it says the same however often it is asked, at once. A person is told nothing.
const OF_EXPRESSION: [&str; 1] = ["locks"];

/// The gate that a task is, if it is one that there is.
pub(crate) fn gate_of<'a>(draft: &'a Draft<'_>, task: &TaskDraft) -> Option<&'a Check> {
    let Action::Gate { gate } = &task.action.as_ref()?.value else { return None };
    draft.apart.as_ref()?.gates.get(gate)
}

/// What a gate asks of results, where its task names it. What does not parse was told where it stands.
pub(crate) fn expression(task: &TaskDraft, gate: Option<&Check>) -> Option<Spanned<String>> {
    let value = gate?.expr.clone().filter(|expr| Condition::parse(expr).is_ok())?;
    Some(Spanned { value, span: task.action.as_ref()?.span.clone() })
}

/// A gate says itself how long it may take, and may be silent all the time.
pub(crate) fn timeout(gate: Option<&Check>, usual: Timeout) -> Timeout {
    match gate {
        Some(gate) => Timeout { attempt_ms: gate.timeout_ms, idle_ms: None, ..usual },
        None => usual,
    }
}

/// Keys that mean nothing for such a gate.
pub(crate) fn check_keys(task: &TaskDraft, gate: &Check, problems: &mut Problems) {
    let (what, known): (_, &[&str]) = match gate {
        Check { person: Some(_), .. } => ("that a person decides", &[]),
        Check { expr: Some(_), .. } => ("that is an expression", &OF_EXPRESSION),
        _ => ("that is a command", &OF_COMMAND),
    };
    for key in task.gate_keys.iter().filter(|key| !known.contains(&key.value)) {
        let message = format!("`{}` of task `{}` has no use in a gate {what}", key.value, task.id);
        let help = match key.value {
            "timeout" if gate.is_command() => {
                format!("`timeout` of gate `{}` says how long it may take", gate.name)
            }
            _ => "leave it out".to_owned(),
        };
        problems.push(Diagnostic::error(Code::BadValue, key.span.clone(), message).help(help));
    }
    if let Some(effect) = task.effect.as_ref().filter(|effect| *effect != "pure") {
        let message = format!("task `{}` is a gate, and has `effect: {effect}`", task.id);
        let problem = Diagnostic::error(Code::BadValue, task.id_span.clone(), message);
        problems.push(problem.help("a gate only looks: its effect is `pure`, which need not be said"));
    }
}

/// Whatever a gate needs is a gate of a task that comes before it.
pub(crate) fn check_needs(placed: &[Placed], reach: &Reach, problems: &mut Problems) {
    let gates = || placed.iter().enumerate().filter_map(|(i, p)| Some((i, p.task.gate.as_ref()?)));
    let blocks: BTreeMap<&str, bool> = gates().map(|(_, gate)| (gate.name.as_str(), gate.blocking)).collect();
    let is = |i: usize, name: &str| placed[i].task.gate.as_ref().is_some_and(|gate| gate.name == name);
    let mut behind: BTreeMap<&str, Vec<bool>> = BTreeMap::new();
    for (i, gate) in gates() {
        for need in &gate.needs {
            let behind = behind.entry(need).or_insert_with(|| reach.behind(|at| is(at, need)));
            let id = &placed[i].task.id;
            let told = if !behind[i] {
                let help = format!("add a task with `gate: {need}`, and its id to `needs` of `{id}`");
                Some((
                    format!(
                        "task `{id}` is gate `{}`, which needs gate `{need}`, and no task before it is that gate",
                        gate.name
                    ),
                    help,
                ))
            } else if gate.person.is_some() && blocks.get(need.as_str()) == Some(&false) {
                let help = format!("leave `blocking: false` out of gate `{need}`");
                Some((
                    format!(
                        "a person is asked by task `{id}` when gate `{need}` has passed, and `{need}` does not block"
                    ),
                    help,
                ))
            } else {
                None
            };
            if let Some((message, help)) = told {
                let problem = Diagnostic::error(Code::BadValue, placed[i].action_span.wide(), message);
                problems.push(problem.help(help));
            }
        }
    }
}

/// Where gates may run at once in one directory, each has evidence of its own: what one wrote would be that of the other too.
pub(crate) fn check_evidence(placed: &[Placed], reach: &Reach, problems: &mut Problems) {
    let mut writers: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (i, placed) in placed.iter().enumerate().filter(|(_, placed)| placed.task.worktree.is_none()) {
        for one in placed.task.gate.iter().flat_map(|gate| &gate.evidence) {
            writers.entry(plain(&one.path)).or_default().insert(i);
        }
    }
    let alone = |i: usize| -> BTreeSet<&str> {
        let locks = placed[i].task.locks.iter().filter(|lock| lock.claim == Claim::Exclusive);
        locks.map(|lock| lock.resource.as_str()).collect()
    };
    let mut together: Vec<(&str, Vec<(usize, usize)>)> = Vec::new();
    for (path, tasks) in writers.into_iter().filter(|(_, tasks)| tasks.len() > 1) {
        let held = tasks.iter().map(|&i| alone(i)).reduce(|a, b| a.intersection(&b).copied().collect());
        if held.is_some_and(|held| !held.is_empty()) {
            continue;
        }
        let tasks = reach.sorted(tasks);
        together.push((path, tasks.windows(2).map(|pair| (pair[0], pair[1])).collect()));
    }
    // Many paths may be those of few pairs, and many pairs stand far from each other.
    let apart = reach.apart(&together.iter().flat_map(|(_, pairs)| pairs).copied().collect());
    for (path, pairs) in together {
        let first = pairs.into_iter().find(|pair| apart.contains(pair));
        let Some([a, b]) = first.map(|(a, b)| [a, b].map(|i| &placed[i])) else { continue };
        let (first, second, path) = (&a.task.id, &b.task.id, path.escape_debug());
        let message = format!(
            "tasks `{first}` and `{second}` are gates that may run at once, and both have `{path}` as evidence"
        );
        let help = format!(
            "put `{first}` among the `needs` of `{second}`, give both a lock of one name, or let each write another file"
        );
        problems.push(Diagnostic::error(Code::BadValue, b.action_span.wide(), message).help(help));
    }
}

/// What an expression among the gates of the merge names are tasks of the plan, or what every expression sees.
pub(crate) fn check_merge(draft: &Draft<'_>, placed: &[Placed], problems: &mut Problems) {
    let Some(apart) = draft.apart.as_ref() else { return };
    let exprs = apart.merge.iter().flat_map(|merge| &merge.gates);
    for (gate, expr) in exprs.filter_map(|gate| Some((gate, gate.expr.as_ref()?))) {
        // What does not parse was told where it stands.
        let Ok(condition) = Condition::parse(expr) else { continue };
        let free = condition.names.iter().filter(|name| !["tasks", "inputs", "env"].contains(&name.as_str()));
        let is_task = |id: &str| placed.binary_search_by(|p| p.task.id.as_str().cmp(id)).is_ok();
        for id in free.chain(&condition.literal_tasks).filter(|id| !is_task(id)) {
            let message = format!("`{}` in gate `{}` names no task", id.escape_debug(), gate.name);
            let span = apart.merges.clone().unwrap_or(0..0);
            let mut problem = Diagnostic::error(Code::BadCondition, span, message);
            let near = nearest(id, placed.iter().map(|p| p.task.id.as_str()));
            problem.help = near.map(|near| format!("did you mean `{near}`?"));
            problems.push(problem);
        }
    }
}
