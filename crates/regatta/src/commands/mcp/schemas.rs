//! What the tools answer, as schemas. Every answer fits the schema of its tool: also one that refuses, and one that was shortened,
//! because clients hold all of them against it.
//!
//! Open: what is not named may be there as well. Knows no tool.

use serde_json::{Value, json};

/// The schema of a tool that answers one of `these`, or why it does not obey. One that is too long keeps its shape.
pub(super) fn answers(these: &[Value]) -> Value {
    let refusal = object(&["success", "error"], json!({ "success": { "const": false }, "error": refusal() }));
    let all: Vec<&Value> = these.iter().chain([&refusal]).collect();
    let counts = json!({ "type": "object", "additionalProperties": whole(), "description":
        "Of which list or map so many entries are missing; the linked resource has them." });
    let cut = json!({ "type": "boolean", "description": "It was too long: texts, lists or maps in it are shortened." });
    json!({ "type": "object", "properties": { "truncated": cut, "omitted": counts }, "anyOf": all })
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
    let mut fields = json!({
        "executionId": text(),
        "status": { "const": "running", "description": "It has not ended." },
        "state": { "type": "string", "description": "How the run stands: running, waiting (for a person), paused, interrupted." },
        "next": next(),
    });
    add(&mut fields, waits());
    let goes_on = object(&["executionId", "status", "state"], fields);
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
    let mut fields = json!({ "run_id": text(), "status": text(), "plan_name": text(), "tasks": tasks });
    add(&mut fields, waits());
    answers(&[object(&["run_id", "status", "plan_name", "tasks"], fields)])
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
    let mut more = vec![("status", text()), ("result", result), ("next", next())];
    more.extend(waits());
    events(&more)
}

/// What of a run waits for a person.
fn waits() -> [(&'static str, Value); 4] {
    let escalation =
        object(&["about", "cause", "next"], json!({ "about": text(), "cause": text(), "next": text() }));
    let hint = json!({ "type": "string", "description": "What to do if nothing goes on before a person has answered." });
    [
        ("doubts", doubts()),
        ("questions", questions()),
        ("escalations", json!({ "type": "array", "items": escalation })),
        ("hint", hint),
    ]
}

/// Tasks that may have had their effect.
fn doubts() -> Value {
    let doubt = object(
        &["task", "why", "again", "succeeded", "failed"],
        json!({ "task": text(), "why": text(), "again": text(), "succeeded": text(), "failed": text() }),
    );
    json!({ "type": "array", "items": doubt, "description":
        "Tasks whose attempt was lost and may have had its effect, with the commands by which a person decides." })
}

fn add(fields: &mut Value, more: impl IntoIterator<Item = (&'static str, Value)>) {
    for (name, schema) in more {
        fields[name] = schema;
    }
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
    let mut fields = json!({ "said": text() });
    add(&mut fields, waits());
    answers(&[object(&["said"], fields)])
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
