//! The parallel request and the shell batch, read as they are (formats 1 and 2).
//!
//! What they mean as a plan; running them is a matter of the binary.

use crate::world::as_format;
use regatta_plan::model::{Action, Dialect, Plan, SecretSource};
use regatta_plan::{Format, Loaded};

fn json(text: &str) -> Loaded {
    as_format(text, Format::Json)
}

fn plan(text: &str) -> Plan {
    let loaded = json(text);
    let problems = loaded.render(false);
    loaded.plan.into_iter().next().unwrap_or_else(|| panic!("{problems}"))
}

const REQUEST: &str = r#"{
  "tasks": [
    { "id": "fetch", "tool": "shell", "params": { "cmd": "echo 1", "cwd": "sub", "env": { "A": "b" } }, "priority": 10 },
    { "id": "parse", "tool": "shell", "params": { "cmd": "echo ${fetch.stdout}" }, "timeout": 1500, "priority": 1,
      "retryPolicy": { "maxAttempts": 3, "backoff": "exponential", "initialDelay": 20 } },
    { "id": "save", "tool": "shell", "params": { "cmd": "true" }, "dependsOn": ["parse"],
      "undo": { "tool": "shell", "params": { "cmd": "false" } } }
  ],
  "config": { "maxConcurrent": 7, "failureMode": "stop", "timeout": 60000, "enableRollback": true }
}"#;

#[test]
fn a_request_becomes_a_plan() {
    let plan = plan(REQUEST);
    assert_eq!(plan.dialect, Dialect::Request);
    assert_eq!((plan.limits.max_parallel, plan.on_failure.as_str()), (7, "rollback"));
    assert_eq!(plan.run_timeout_ms, Some(60_000));
    let [fetch, parse, save] = &plan.tasks[..] else { panic!("{:?}", plan.tasks) };
    assert_eq!(fetch.action, Action::Shell { script: "echo 1".into(), shell: "sh".into() });
    assert_eq!((fetch.cwd.as_deref(), fetch.env.get("A").map(String::as_str)), (Some("sub"), Some("b")));
    assert_eq!(
        (fetch.priority.as_str(), parse.priority.as_str(), save.priority.as_str()),
        ("P0", "P3", "P2")
    );
    assert_eq!((fetch.timeout.attempt_ms, parse.timeout.attempt_ms), (300_000, 1_500));
    let retry = (parse.retry.max_attempts, parse.retry.strategy.as_str(), parse.retry.backoff_ms);
    assert_eq!(retry, (3, "exponential", 20));
    assert_eq!((parse.needs.join(","), save.needs.join(",")), ("fetch".to_owned(), "parse".to_owned()));
    assert!(save.undo.is_some() && plan.unbuilt.is_empty());
}

#[test]
fn the_defaults_of_a_request_are_ten_slots_and_go_on() {
    let plan = plan(r#"{ "tasks": [] }"#);
    assert_eq!(
        (plan.dialect, plan.limits.max_parallel, plan.on_failure.as_str()),
        (Dialect::Request, 10, "continue")
    );
}

#[test]
fn a_task_of_a_request_names_the_source_of_a_secret() {
    let plan = plan(
        r#"{ "tasks": [
            { "id": "a", "tool": "shell", "params": { "cmd": "x ${vault.GH_TOKEN}" }, "vault": "GH_TOKEN" },
            { "id": "b", "tool": "template", "params": { "text": "${vault.db}" }, "vault": "file:.secrets/db.txt" },
            { "id": "c", "tool": "template", "params": { "text": "${vault.GH_TOKEN}" }, "vault": "env:GH_TOKEN" } ] }"#,
    );
    assert_eq!(
        plan.vault.into_iter().collect::<Vec<_>>(),
        [
            ("GH_TOKEN".to_owned(), SecretSource::Env("GH_TOKEN".into())),
            ("db".to_owned(), SecretSource::File(".secrets/db.txt".into())),
        ]
    );
}

#[test]
fn what_is_no_source_and_one_name_for_two_secrets_are_errors() {
    let text = |one: &str, two: &str| {
        format!(
            r#"{{ "tasks": [ {{ "id": "a", "tool": "sleep", "params": {{ "ms": 1 }}, "vault": "{one}" }},
                {{ "id": "b", "tool": "sleep", "params": {{ "ms": 1 }}, "vault": "{two}" }} ] }}"#
        )
    };
    for (one, two, why) in [
        ("K", "pass:k", "`pass:k` is no source of a secret"),
        ("K", "file:", "`file:` is no source of a secret"),
        ("db", "file:keys/db", "`${vault.db}` would mean two secrets"),
    ] {
        let loaded = as_format(&text(one, two), Format::Json);
        assert!(loaded.plan.is_none() && loaded.render(false).contains(why), "{}", loaded.render(false));
    }
}

#[test]
fn a_batch_becomes_a_plan() {
    let plan = plan(
        r#"{ "commands": [
            { "id": "a", "cmd": "echo $BASH_VERSION", "shell": "bash", "env": { "X": "1" } },
            { "id": "b", "cmd": "true", "dependsOn": ["a"], "timeout": 10, "cwd": "d" } ],
          "config": { "defaultTimeout": 99, "defaultShell": "dash", "failureMode": "stop" } }"#,
    );
    assert_eq!(
        (plan.dialect, plan.limits.max_parallel, plan.on_failure.as_str()),
        (Dialect::Batch, 5, "stop")
    );
    let [a, b] = &plan.tasks[..] else { panic!("{:?}", plan.tasks) };
    assert_eq!(a.action, Action::Shell { script: "echo $BASH_VERSION".into(), shell: "bash".into() });
    assert_eq!(b.action, Action::Shell { script: "true".into(), shell: "dash".into() });
    assert_eq!((a.timeout.attempt_ms, b.timeout.attempt_ms, b.needs.join(",")), (99, 10, "a".to_owned()));
}

#[test]
fn problems_of_requests_and_batches_come_all_at_once_too() {
    let facts = |text: &str| -> Vec<String> {
        json(text).facts().iter().map(|f| format!("{} {}", f.code, f.message)).collect()
    };
    assert_eq!(
        facts(
            r#"{ "tasks": [ { "id": "a", "tool": "shell", "priority": 11 }, { "id": "A", "tool": "shell", "params": {} }, { "id": "b", "tool": "nope" } ] }"#
        ),
        [
            "RG007 task `a` calls `shell` without `params: { cmd: … }`",
            "RG006 `priority` must be a whole number from 1 to 10, not `11`",
            "RG010 `a` and `A` differ only in case",
            "RG007 `params` has no `cmd`",
            "RG015 task `b` names tool `nope`, which is not built in and of no server",
        ]
    );
    assert_eq!(
        facts(
            r#"{ "commands": [ { "id": "a", "cmd": "x", "dependsOn": ["b"], "zz": 1 } ], "config": { "maxConcurrent": 51 } }"#
        ),
        [
            "RG011 task `a` needs `b`, which does not exist",
            "RG003 unknown key `zz` in command `a`",
            "RG006 `maxConcurrent` must be a whole number from 1 to 50, not `51`",
        ]
    );
}

#[test]
fn a_plan_in_json_that_forgot_its_version_is_told_so() {
    let facts = json(r#"{ "tasks": [ { "id": "a", "run": "x" } ] }"#).facts();
    assert_eq!(facts.iter().map(|f| f.message.as_str()).collect::<Vec<_>>(), ["the plan has no `version`"]);
    let facts = json(r#"{ "tasks": [], "schedule": "waves" }"#).facts();
    assert!(facts[0].help.as_ref().is_some_and(|h| h.contains("a plan has `version: 1`")), "{facts:?}");
}

#[test]
fn an_error_inside_of_undo_points_there_and_the_tool_of_a_task_whose_id_is_taken_is_judged_too() {
    let at = |text: &str, message: &str| {
        let facts = json(text).facts();
        let fact = facts.iter().find(|f| f.message.contains(message));
        let fact = fact.unwrap_or_else(|| panic!("{message}: {facts:?}"));
        text[fact.column - 1..].to_owned()
    };
    let call = r#""tool": "sleep", "params": { "ms": 1 }"#;
    let undo = |undo: &str| format!(r#"{{ "tasks": [ {{ "id": "a", {call}, "undo": {undo} }} ] }}"#);
    let unknown = undo(r#"{ "tool": "file_delete", "params": {} }"#);
    assert!(at(&unknown, "tool `file_delete`").starts_with(r#""file_delete""#), "{unknown}");
    let lost = undo(r#"{ "tool": "file_read", "params": { "path": "${nobody.result}" } }"#);
    assert!(at(&lost, "nobody").starts_with(r#"{ "path""#), "{lost}");
    let twice = format!(
        r#"{{ "tasks": [ {{ "id": "a", {call} }}, {{ "id": "a", "tool": "nope", "params": {{}} }} ] }}"#
    );
    assert!(at(&twice, "tool `nope`").starts_with(r#""nope""#), "{twice}");
    assert!(at(&twice, "exists twice").starts_with(r#""a""#), "{twice}");
}

#[test]
fn values_of_built_in_tools_are_of_the_right_kind_unless_a_reference_gives_them() {
    let said = |tool: &str, params: &str| {
        let call = format!(r#"{{ "id": "b", "tool": "{tool}", "params": {params} }}"#);
        let text = format!(
            r#"{{ "tasks": [ {{ "id": "a", "tool": "file_list", "params": {{ "path": "." }} }}, {call} ] }}"#
        );
        json(&text).facts().into_iter().map(|f| format!("{} {}", f.code, f.message)).collect::<Vec<_>>()
    };
    for (tool, params, why) in [
        ("sleep", r#"{ "ms": "abc" }"#, "`ms` must be a whole number up to 86400000, not \"abc\""),
        ("sleep", r#"{ "ms": 1.5 }"#, "`ms` must be a whole number up to 86400000, not 1.5"),
        ("file_read", r#"{ "path": 5 }"#, "`path` must be a text, not 5"),
        ("file_copy", r#"{ "source": "x", "dest": ["y"] }"#, "`dest` must be a text, not a list"),
    ] {
        assert_eq!(said(tool, params), [format!("RG005 task `b` calls `{tool}`: {why}")]);
    }
    // Of what a tool does not take nothing more is said.
    let other = said("template", r#"{ "text": "t", "ms": "soon", "path": 5 }"#);
    let unknown = |key: &str| format!("RG003 `{key}` is no parameter of tool `template`");
    assert_eq!(other, [unknown("ms"), unknown("path")]);
    for (tool, params) in [
        ("sleep", r#"{ "ms": "${a.result.length}" }"#),
        ("sleep", r#"{ "ms": "5" }"#),
        ("sleep", r#"{ "ms": 5.0 }"#),
        ("file_write", r#"{ "path": "${a.result.0.name}", "content": 5 }"#),
    ] {
        assert!(said(tool, params).is_empty(), "{tool} {params}: {:?}", said(tool, params));
    }
}
