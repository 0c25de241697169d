//! The commands that go on after an escalation, the first of them first.
//!
//! Ids of tasks and runs are safe words of a shell but for brackets, which are quoted. Runs nothing.

use crate::landing::{GateResult, Report as Landing};
use regatta_engine::cause::Cause;
use regatta_engine::graph::Graph;
use regatta_engine::scope::Scope;
use serde::Serialize;

/// A command and what it does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Remedy {
    /// The command.
    pub command: String,
    /// What it does.
    pub does: &'static str,
}

/// What can be done about an escalation.
#[must_use]
pub fn remedies(
    (run_id, landing): (&str, Option<&Landing>),
    graph: &Graph,
    (about, cause): (Scope, Cause),
) -> Vec<Remedy> {
    let Scope::Node(node) = about else {
        return vec![
            remedy(format!("regatta explain --run {run_id}"), "says what waits, and until when"),
            remedy(format!("regatta status {run_id}"), "shows which tasks failed before"),
            remedy(format!("regatta cancel {run_id}"), "ends the run, if it is of no use to wait"),
            remedy(
                format!("regatta resume {run_id}"),
                "goes on, once the cause is mended, if nobody runs it",
            ),
        ];
    };
    let task = shell_word(graph.name(node));
    let logs = remedy(format!("regatta logs --run {run_id} {task} --stderr"), "shows what it wrote last");
    let explain = remedy(format!("regatta explain --run {run_id} {task}"), "says where it stands and why");
    if cause == Cause::Person {
        let answer = |how: &str, does| remedy(format!("regatta answer {run_id} {task} --{how}"), does);
        return vec![
            answer("allow", "says yes: it has succeeded, and what needs it goes on"),
            answer("deny", "says no: it has failed, and what needs it is blocked"),
            remedy(format!("regatta resume {run_id}"), "goes on after the answer, if nobody runs it"),
            explain,
        ];
    }
    if cause == Cause::MergeConflict {
        return vec![
            remedy(
                format!("regatta resume {run_id}"),
                "goes on after the conflict was resolved and committed in the worktree that the last attempt names",
            ),
            remedy(format!("regatta cancel {run_id} --task {task}"), "gives the task up, and what needs it"),
            explain,
        ];
    }
    if matches!(cause, Cause::Lost | Cause::MaxLost | Cause::RateLimit | Cause::JoinConflict) {
        let answer = |how: &str, does| remedy(format!("regatta answer {run_id} {task} --{how}"), does);
        return vec![
            answer("again", "allows exactly one more attempt"),
            answer("succeeded", "records that it was done; `--result JSON` gives its result"),
            answer("failed", "records that it was not done and shall not be tried again"),
            remedy(format!("regatta resume {run_id}"), "goes on after the answer, if nobody runs it"),
            explain,
            logs,
        ];
    }
    let retry = remedy(
        format!("regatta retry {run_id} --task {task}"),
        "runs it and what it blocks again as a new run, with the results of what succeeded",
    );
    if cause == Cause::Gate {
        let mut looks = of_landing(run_id, landing, graph.name(node));
        looks.extend([explain, retry]);
        return looks;
    }
    vec![logs, explain, retry]
}

/// Where work was merged, no attempt of its task tells why it does not land: gates do, and agents that were to mend it.
fn of_landing(run_id: &str, landing: Option<&Landing>, task: &str) -> Vec<Remedy> {
    let (gates, tries) = landing.map(|landing| landing.against(task)).unwrap_or_default();
    let gate = |gate: &GateResult| format!("regatta logs --run {run_id} --gate {}", shell_text(&gate.id));
    // An expression, a person's no and what did not run wrote nothing.
    let gates = gates.iter().filter(|red| red.log.is_some());
    let gates = gates.map(|red| remedy(gate(red), "shows what the gate wrote"));
    let tries = tries.iter().map(|tried| {
        let command = format!("regatta logs --run {run_id} --helper {}", tried.number);
        remedy(command, "shows what the agent wrote that was to mend it")
    });
    let (mut found, of_tries): (Vec<Remedy>, Vec<Remedy>) = (gates.collect(), tries.collect());
    if found.is_empty() {
        found.push(remedy(
            format!("regatta status {run_id}"),
            "shows which gates were red, and what they said",
        ));
    }
    found.extend(of_tries);
    found
}

fn remedy(command: String, does: &'static str) -> Remedy {
    Remedy { command, does }
}

/// Any text as one word of a shell.
#[must_use]
pub fn shell_text(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:=,+@%".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// The id of a task as one word of a shell: cells of a matrix and items of a map have brackets.
#[must_use]
pub fn shell_word(task: &str) -> String {
    if task.contains('[') { format!("'{task}'") } else { task.to_owned() }
}
