//! What the tools answer, as schemas. Every answer fits the schema of its tool: also one that refuses, and one that was shortened,
//! because clients hold all of them against it.
//!
//! Open: what is not named may be there as well. Knows no tool.

use serde_json::{Value, json};

/// The schema of a tool that answers one of `these`, or why it does not obey; shortened, head and tail of that.
pub(super) fn answers(these: &[Value]) -> Value {
    let refusal = object(&["success", "error"], json!({ "success": { "const": false }, "error": refusal() }));
    let cut = object(
        &["truncated", "bytes", "head", "tail"],
        json!({
            "truncated": { "const": true, "description": "The answer was too long; the linked resource has the whole." },
            "bytes": whole(), "head": text(), "tail": text(),
        }),
    );
    let all: Vec<&Value> = these.iter().chain([&refusal, &cut]).collect();
    json!({ "type": "object", "anyOf": all })
}

/// `parallel_execute` and `shell_batch`: the result, with what is told of each task under `key`; or a run that goes on.
pub(super) fn document(key: &str, task: Value) -> Value {
    let result = object(
        &["executionId", "status", "startTime", "endTime", "duration", key, "summary"],
        json!({
            "executionId": text(),
            "status": { "enum": ["success", "partial", "failure"] },
            "startTime": text(), "endTime": text(), "duration": whole(),
            key: { "type": "object", "additionalProperties": task },
            "summary": object(
                &["total", "succeeded", "failed", "skipped"],
                json!({ "total": whole(), "succeeded": whole(), "failed": whole(), "skipped": whole() }),
            ),
        }),
    );
    let goes_on = object(
        &["executionId", "status", "next"],
        json!({ "executionId": text(), "status": text(), "next": next() }),
    );
    answers(&[result, goes_on])
}

/// One task of `parallel_execute`.
pub(super) fn task() -> Value {
    let outcome = json!({ "enum": ["success", "failed", "skipped"] });
    let fields = json!({ "taskId": text(), "status": outcome, "duration": whole(), "error": error() });
    object(&["taskId", "status", "duration"], fields)
}

/// One command of `shell_batch`.
pub(super) fn command() -> Value {
    let outcome = json!({ "enum": ["success", "failed", "skipped"] });
    object(
        &["id", "status", "exitCode", "stdout", "stderr", "duration"],
        json!({
            "id": text(), "status": outcome, "duration": whole(), "stdout": text(), "stderr": text(), "error": error(),
            "exitCode": { "type": "integer", "description": "-1 where there is none." },
        }),
    )
}

/// Problems of a plan.
pub(super) fn checked() -> Value {
    let fields = json!({ "valid": { "type": "boolean" }, "problems": problems(), "conflicts": whole() });
    answers(&[object(&["valid", "problems", "conflicts"], fields)])
}

/// A run that was started.
pub(super) fn started() -> Value {
    let fields = json!({ "run_id": text(), "status": text(), "next": next() });
    answers(&[object(&["run_id", "status", "next"], fields)])
}

/// Where a run stands.
pub(super) fn standing() -> Value {
    let task = object(
        &["status", "attempts"],
        json!({ "status": text(), "attempts": whole(), "duration_ms": whole() }),
    );
    let tasks = json!({ "type": "object", "additionalProperties": task });
    answers(&[object(
        &["run_id", "status", "plan_name", "tasks"],
        json!({ "run_id": text(), "status": text(), "plan_name": text(), "tasks": tasks, "questions": questions() }),
    )])
}

/// Events behind a cursor, and what `more` fields are told of the run beside them.
pub(super) fn events(more: &[(&str, Value)]) -> Value {
    let mut fields = json!({
        "run_id": text(),
        "ended": { "type": "boolean" },
        "events": { "type": "array", "items": { "type": "object" } },
        "cursor": { "type": "integer", "minimum": 0, "description": "Where the next call begins." },
        "more": { "type": "boolean", "description": "There are more events already." },
    });
    for (name, schema) in more {
        fields[*name] = schema.clone();
    }
    answers(&[object(&["run_id", "ended", "events", "cursor", "more"], fields)])
}

/// A run that is waited for.
pub(super) fn waited() -> Value {
    let result = json!({ "type": "object", "description": "The result, once it has ended." });
    events(&[("status", text()), ("result", result), ("next", next()), ("questions", questions())])
}

/// What agents and gates of a run ask people.
fn questions() -> Value {
    let question = object(
        &["task", "question", "title", "allow", "deny"],
        json!({ "task": text(), "question": text(), "title": text(), "tool_kind": text(), "allow": text(), "deny": text() }),
    );
    json!({ "type": "array", "items": question, "description": "What agents and gates ask a person, with the commands that answer." })
}

/// What was said to an order.
pub(super) fn said() -> Value {
    answers(&[object(&["said"], json!({ "said": text() }))])
}

/// Why tasks are where they are.
pub(super) fn explained() -> Value {
    let task = object(&["task", "status"], json!({ "task": text(), "status": text() }));
    let fields = json!({ "run_id": text(), "tasks": { "type": "array", "items": task } });
    answers(&[object(&["run_id", "tasks"], fields)])
}

/// A report.
pub(super) fn reported() -> Value {
    answers(&[object(&["run_id", "markdown"], json!({ "run_id": text(), "markdown": text() }))])
}

fn object(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "properties": properties, "required": required })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn whole() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

/// The call that goes on.
fn next() -> Value {
    object(&["tool", "arguments"], json!({ "tool": text(), "arguments": { "type": "object" } }))
}

/// Why a task has no result.
fn error() -> Value {
    object(&["code", "message"], json!({ "code": text(), "message": text() }))
}

/// Why a call is not obeyed.
fn refusal() -> Value {
    let fields = json!({ "code": text(), "message": text(), "hint": text(), "problems": problems() });
    object(&["message"], fields)
}

fn problems() -> Value {
    json!({ "type": "array", "items": object(&["message"], json!({ "message": text(), "line": whole(), "column": whole() })) })
}
