//! A release as a program would run it: shell tasks in parallel, one task done by the program itself, every event as it
//! comes, and a report at the end.
//!
//! `cargo run -p regatta --example release [WORKSPACE]`

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this program is for people")]

use regatta::driver::{Attempt, Failure};
use regatta::{Config, Error, Orchestrator, Plan, RunResult, Task, TaskState};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    // First thing: in a process that Regatta started as a helper of a run, this does the work of the helper.
    let program = match regatta::serve_itself() {
        Ok(program) => program,
        Err(code) => return code,
    };
    let workspace = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let config = Config::new().program(program).max_parallel(4).driver("notes", write_notes);
    match release(&workspace, config) {
        Ok(result) => {
            report(&result);
            ExitCode::from(result.exit_code())
        }
        Err(error) => {
            eprintln!("error: {error}");
            error.problems().iter().for_each(|problem| eprintln!("  {problem}"));
            error.hint().into_iter().for_each(|hint| eprintln!("hint: {hint}"));
            ExitCode::from(error.exit_code())
        }
    }
}

/// Runs the plan and shows what happens.
fn release(workspace: &str, config: Config) -> Result<RunResult, Error> {
    let regatta = Orchestrator::new(workspace, config)?;
    let run = regatta.execute(plan())?;
    println!("run {}", run.id());
    for event in run.events()? {
        let event = event?;
        if let Some(task) = event.task() {
            println!("{:>3} %  {task}: {}", run.progress()?.percent, event.kind());
        }
    }
    run.wait()
}

/// Two checks at once, a package that is tried again when it fails, and notes about all of it.
fn plan() -> Plan {
    Plan::builder("release")
        .task(Task::run("version", r#"echo '{"version": "1.2.3"}' >"$REGATTA_RESULT""#).effect("pure"))
        .task(Task::run("test", "echo 12 tests passed").timeout(Duration::from_secs(60)))
        .task(Task::run("lint", "echo no warnings"))
        .task(
            Task::run("pack", "test \"$REGATTA_ATTEMPT\" -gt 1 && echo packed")
                .needs(["test", "lint"])
                .set("retry", json!({ "max_attempts": 3, "backoff": "10ms" })),
        )
        .task(
            Task::call(
                "notes",
                "notes/write",
                json!({ "version": "${version.result.version}", "tests": "${test.stdout}" }),
            )
            .needs(["pack"])
            .effect("idempotent"),
        )
        .build()
}

/// A driver: a task of the plan, done by this program.
fn write_notes(attempt: &Attempt) -> Result<Value, Failure> {
    let text = |name: &str| attempt.params()[name].as_str().unwrap_or_default().to_owned();
    let notes = format!("# {}\n\n{}\n", text("version"), text("tests"));
    // Written whole each time, so a second attempt does no harm.
    std::fs::write(attempt.cwd().join("NOTES.md"), &notes)?;
    Ok(json!({ "file": "NOTES.md", "bytes": notes.len() }))
}

fn report(result: &RunResult) {
    for task in result.tasks() {
        let mark = if task.state == TaskState::Succeeded { "ok  " } else { "    " };
        println!("{mark}{:8} {} attempts  {}", task.task, task.attempts, task.why);
    }
    if let Some(notes) = result.result("notes") {
        println!("notes: {notes}");
    }
}
