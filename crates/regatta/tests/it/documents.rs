//! Requests, batches and schemas on the real binary; and the pages that show what it says.
//!
//! The pages of `docs/errors` and `docs/plan-reference.md` are snapshots: `REGATTA_BLESS=1` writes them anew.

use crate::world::World;
use regatta_plan::{Code, Document};
use serde_json::Value;
use std::path::PathBuf;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn run(document: &str) -> (Option<i32>, Value) {
    let world = World::new();
    world.write("document.json", document);
    let said = world.regatta(&["run", "document.json", "--json"]);
    (said.code, json(&said.out))
}

#[test]
fn a_request_is_answered_in_its_own_shape_with_typed_references() {
    let (code, answer) = run(r#"{ "tasks": [
        { "id": "fetch", "tool": "shell", "params": { "cmd": "echo '{\"items\":[7,8]}' >$REGATTA_RESULT" } },
        { "id": "parse", "tool": "shell", "params": { "cmd": "echo ${fetch.result.items.length}; echo e >&2" } },
        { "id": "save", "tool": "shell", "params": { "cmd": "test ${parse.result.stdout} = 2" } } ] }"#);
    assert_eq!(code, Some(0), "{answer:#}");
    assert_eq!(answer["status"], "success");
    assert_eq!(answer["tasks"]["fetch"]["result"], json(r#"{"items":[7,8]}"#));
    assert_eq!(answer["tasks"]["parse"]["result"], json(r#"{"exitCode":0,"stdout":"2\n","stderr":"e\n"}"#));
    assert_eq!(answer["summary"], json(r#"{"total":3,"succeeded":3,"failed":0,"skipped":0}"#));
    assert_eq!(answer["dag"]["levels"], json(r#"[["fetch"],["parse"],["save"]]"#));
    assert_eq!(answer["dag"]["edges"][1], json(r#"{"from":"parse","to":"save"}"#));
    let keys: Vec<&String> = answer.as_object().into_iter().flatten().map(|(k, _)| k).collect();
    let expected = ["executionId", "status", "startTime", "endTime", "duration", "tasks", "summary", "dag"];
    assert_eq!(keys, expected);
}

#[test]
fn failures_of_a_request_have_their_codes_and_dependants_are_skipped() {
    let (code, answer) = run(r#"{ "tasks": [
        { "id": "bad", "tool": "shell", "params": { "cmd": "exit 3" } },
        { "id": "slow", "tool": "shell", "params": { "cmd": "sleep 30" }, "timeout": 100 },
        { "id": "lost", "tool": "shell", "params": { "cmd": "echo ${ok.result.nope}" } },
        { "id": "ok", "tool": "shell", "params": { "cmd": "true" } },
        { "id": "after", "tool": "shell", "params": { "cmd": "true" }, "dependsOn": ["bad"] } ] }"#);
    assert_eq!((code, &answer["status"]), (Some(1), &json("\"partial\"")));
    let error = |id: &str| {
        (answer["tasks"][id]["error"]["code"].clone(), answer["tasks"][id]["error"]["message"].clone())
    };
    assert_eq!(error("bad"), (json("\"TASK_ERROR\""), json("\"failed: exit 3\"")));
    assert_eq!(error("slow").0, "TASK_TIMEOUT");
    assert_eq!(error("lost").0, "VARIABLE_RESOLUTION_ERROR");
    let message = error("lost").1.to_string();
    assert!(!message.contains("VARIABLE_RESOLUTION_ERROR") && message.contains("nope"), "{message}");
    assert_eq!(answer["tasks"]["after"]["status"], "skipped");
    assert_eq!(answer["summary"], json(r#"{"total":5,"succeeded":1,"failed":3,"skipped":1}"#));
}

#[test]
fn what_a_tool_says_of_its_failure_stays_as_it_is_beside_the_code() {
    let (_, answer) = run(r#"{ "tasks": [
        { "id": "a", "tool": "file_read", "params": { "path": "TASK_ERROR: x" } } ] }"#);
    let error = &answer["tasks"]["a"]["error"];
    assert_eq!(error["code"], "TASK_ERROR");
    assert!(error["message"].as_str().is_some_and(|said| said.contains("TASK_ERROR: x")), "{error:#}");
}

#[test]
fn a_request_that_rolls_back_says_what_was_undone() {
    let (code, answer) = run(r#"{ "config": { "enableRollback": true, "maxConcurrent": 1 }, "tasks": [
        { "id": "a", "tool": "shell", "params": { "cmd": "true" }, "undo": { "tool": "shell", "params": { "cmd": "true" } } },
        { "id": "b", "tool": "shell", "params": { "cmd": "true" }, "dependsOn": ["a"],
          "undo": { "tool": "shell", "params": { "cmd": "false" } } },
        { "id": "c", "tool": "shell", "params": { "cmd": "true" }, "dependsOn": ["b"] },
        { "id": "d", "tool": "shell", "params": { "cmd": "false" }, "dependsOn": ["c"] } ] }"#);
    assert_eq!((code, &answer["status"]), (Some(1), &json("\"failure\"")));
    assert_eq!(answer["rollback"], json(r#"{"undone":["a"],"not_undone":["c"],"failed":["b"]}"#));
}

#[test]
fn a_request_with_problems_is_answered_with_the_first_code_and_all_of_them() {
    let (code, answer) = run(r#"{ "tasks": [
        { "id": "a", "tool": "shell", "params": { "cmd": "x" }, "dependsOn": ["c", "zz"] },
        { "id": "b", "tool": "shell", "params": { "cmd": "x" }, "dependsOn": ["a"] },
        { "id": "c", "tool": "shell", "params": { "cmd": "x" }, "dependsOn": ["b"], "priority": 0 } ] }"#);
    assert_eq!((code, &answer["success"]), (Some(3), &json("false")));
    assert_eq!(answer["error"]["code"], "MISSING_DEPENDENCY");
    let problems: Vec<&str> = answer["error"]["problems"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|p| p["code"].as_str())
        .collect();
    assert_eq!(problems, ["MISSING_DEPENDENCY", "CIRCULAR_DEPENDENCY", "PARALLEL_EXECUTION_ERROR"]);
    let (_, answer) = run(
        r#"{ "tasks": [ { "id": "a", "tool": "shell", "params": { "cmd": "x" }, "dependsOn": ["a"] } ] }"#,
    );
    assert_eq!(answer["error"]["message"], "Circular dependency detected: a → a");
    assert_eq!(answer["error"]["cycle"], json(r#"["a","a"]"#));
}

#[test]
fn a_batch_is_answered_in_its_own_shape() {
    let (code, answer) = run(r#"{ "commands": [
        { "id": "a", "cmd": "echo $0 $X", "shell": "bash", "env": { "X": "y" } },
        { "id": "b", "cmd": "echo out; echo err >&2; exit 4", "dependsOn": ["a"] },
        { "id": "c", "cmd": "sleep 30", "timeout": 100 } ] }"#);
    assert_eq!((code, &answer["status"]), (Some(1), &json("\"partial\"")));
    assert_eq!(
        (&answer["commands"]["a"]["stdout"], &answer["commands"]["a"]["exitCode"]),
        (&json("\"bash y\\n\""), &json("0"))
    );
    let b = &answer["commands"]["b"];
    assert_eq!((&b["status"], &b["exitCode"]), (&json("\"failed\""), &json("4")));
    assert_eq!((&b["stdout"], &b["stderr"]), (&json("\"out\\n\""), &json("\"err\\n\"")));
    assert_eq!(answer["commands"]["c"]["exitCode"], -1);
    assert!(answer.get("dag").is_none());
}

#[test]
fn parts_of_worktrees_and_merges_that_are_not_built_are_named() {
    let parts = [("merge", "\"policy\": \"pull-requests\"", "merge.policy: pull-requests")];
    for (block, part, named) in parts {
        let plan = format!("{{ \"version\": 1, \"{block}\": {{ {part} }}, \"tasks\": [] }}");
        let world = World::new();
        world.write("plan.json", &plan);
        let said = world.regatta(&["run", "plan.json"]);
        assert!(said.code == Some(2) && said.err.contains(named), "{named}: {:?} {}", said.code, said.err);
    }
    let world = World::new();
    let fine = r#"{ "version": 1, "worktree": { "sparse": false }, "merge": { "batch": 1, "approve": false, "gates": ["true"] }, "tasks": [] }"#;
    world.write("plan.json", fine);
    world.regatta(&["run", "plan.json"]).exits(0);
}

#[test]
fn a_plan_that_needs_what_is_not_built_ends_before_it_starts_and_names_key_and_task() {
    let world = World::with(
        "version: 1\nhandoff: {}\ntasks: [ { id: a, run: touch ran }, { id: b, handoff: {}, run: touch ran } ]",
    );
    assert_eq!(world.regatta(&["check", "plan.yaml"]).code, Some(0));
    let said = world.regatta(&["run", "plan.yaml"]);
    assert_eq!(said.code, Some(2));
    assert!(
        said.err.contains("needs `handoff`") && said.err.contains("task `b` needs `handoff`"),
        "{}",
        said.err
    );
    assert!(!world.path("ran").exists() && !world.path(".regatta").exists());
}

#[test]
fn schema_prints_the_schema_that_the_reader_judges_by() {
    let world = World::new();
    for document in Document::ALL {
        let said = world.regatta(&["schema", document.name()]);
        assert_eq!((said.code, json(&said.out)), (Some(0), regatta_plan::schema(document)));
    }
    assert_eq!(json(&world.regatta(&["schema"]).out)["title"], "Regatta plan");
}

pub fn docs(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)
}

/// Compares a page with what it should be, or writes it.
pub fn snapshot(name: &str, expected: &str) {
    if std::env::var_os("REGATTA_BLESS").is_some() {
        std::fs::write(docs(name), expected).unwrap();
    }
    let found = std::fs::read_to_string(docs(name)).unwrap_or_default();
    assert_eq!(found, expected, "docs/{name} is not what the program says; REGATTA_BLESS=1 writes it anew");
}

/// The text between the first fence of a kind and its end.
fn fenced<'a>(page: &'a str, kind: &str) -> Option<(&'a str, std::ops::Range<usize>)> {
    let open = format!("```{kind}\n");
    let start = page.find(&open)? + open.len();
    let end = start + page[start..].find("```")?;
    Some((&page[start..end], start..end))
}

#[test]
fn each_code_has_a_page_whose_plan_gives_what_the_page_shows() {
    for code in Code::ALL {
        let name = format!("errors/{}.md", code.name());
        let page = std::fs::read_to_string(docs(&name)).unwrap_or_default();
        let (plan, _) = fenced(&page, "yaml").unwrap_or_else(|| panic!("{name} has no plan"));
        let said = World::with(plan).regatta(&["check", "plan.yaml"]);
        assert!(said.err.contains(code.name()), "{name}: {}", said.err);
        let (_, shown) = fenced(&page, "text").unwrap_or_else(|| panic!("{name} shows nothing"));
        let expected = format!(
            "{}{}{}",
            &page[..shown.start],
            said.err.trim_end().to_owned() + "\n",
            &page[shown.end..]
        );
        snapshot(&name, &expected);
    }
}

#[test]
fn the_pictures_of_the_guide_are_what_the_program_draws() {
    let page = std::fs::read_to_string(docs("guide/6-scheduling.md")).unwrap();
    let (plan, _) = fenced(&page, "yaml").unwrap();
    let world = World::with(plan);
    for view in ["gantt", "graph"] {
        let args = ["export", "plan.yaml", "--format", "svg", "--view", view];
        snapshot(&format!("guide/order-{view}.svg"), &world.regatta(&args).exits(0).out);
    }
}

#[test]
fn the_plan_reference_and_the_published_schema_are_what_the_program_says() {
    snapshot("plan-reference.md", &regatta_plan::reference_markdown());
    snapshot("plan.schema.json", &format!("{:#}\n", regatta_plan::schema(Document::Plan)));
}
