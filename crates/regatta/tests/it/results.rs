//! Results and references that go wrong: each fails its own task, with a cause and a sentence that names
//! what was there.
//!
//! What goes right is in `data_flow`.

use crate::world::{World, status};
use serde_json::{Value, json};

/// Runs tasks given as JSON.
fn run(tasks: &Value) -> (World, Value) {
    let world = World::new();
    world.write("plan.json", &json!({ "version": 1, "tasks": tasks }).to_string());
    let summary = world.regatta(&["run", "plan.json", "--json"]).json();
    (world, summary)
}

fn explained(world: &World, task: &str) -> String {
    world.regatta(&["explain", task]).exits(0).out
}

#[test]
fn an_unresolved_reference_names_the_path_and_what_was_there() {
    let src = r#"{"n": null, "list": [1, 2], "text": "abc", "deep": {"x": {"y": 1}}, "no": false}"#;
    for (path, says) in [
        ("missing", "an object with the fields [n, list, text, deep, no] and has no `missing`"),
        ("n", "is null"),
        ("n.x", "`n` is null and has no `x`"),
        ("list.2", "`list` is a list of 2 and has no `2`"),
        ("list.x", "`list` is a list of 2 and has no `x`"),
        ("text.y", "`text` is a text and has no `y`"),
        ("deep.x.z", "`deep.x` is an object with the fields [y] and has no `z`"),
        ("no.way", "`no` is a boolean and has no `way`"),
    ] {
        let name = format!("src.result.{path}");
        let used = format!("${{{name}}}");
        let (world, summary) = run(&json!([
            { "id": "src", "run": format!("echo '{src}' >\"$REGATTA_RESULT\"") },
            { "id": "script", "retry": { "max_attempts": 3 }, "run": format!("echo \"{used}\" >ran") },
            { "id": "argv", "run": ["touch", "ran", used] },
            { "id": "env", "env": { "V": used }, "run": "touch ran" },
            { "id": "inputs", "inputs": { "v": { "in": [used] } }, "run": "touch ran" },
            { "id": "cwd", "cwd": used, "run": "touch ran" },
            { "id": "free", "run": "true" }
        ]));
        for task in ["script", "argv", "env", "inputs", "cwd"] {
            assert_eq!(status(&summary, task), "failed");
            assert_eq!(summary["tasks"][task]["attempts"], 1, "resolution errors are never retried");
            assert_eq!(summary["tasks"][task]["cause"], "VARIABLE_RESOLUTION_ERROR", "{summary}");
            let said = explained(&world, task);
            assert!(said.contains(&name) && said.contains(says), "{task}, {path}: {said}");
        }
        assert_eq!(status(&summary, "free"), "succeeded");
        assert!(!world.path("ran").exists());
    }
}

#[test]
fn a_source_that_has_no_result_or_was_skipped_has_a_status_and_no_result() {
    let (world, summary) = run(&json!([
        { "id": "quiet", "run": "true" },
        { "id": "off", "when": "1 > 2", "run": "true" },
        { "id": "none", "run": "echo \"${quiet.result}\" >ran" },
        { "id": "skipped", "allow_skipped": true, "run": "echo \"${off.result.x}\" >ran" },
        { "id": "output", "allow_skipped": true, "run": "echo \"${off.stdout}\" >ran" },
        { "id": "state", "allow_skipped": true, "run": "echo \"${off.status} ${quiet.status}\" >state" },
        { "id": "has", "allow_skipped": true, "when": "!has(off.result)", "run": "true" },
        { "id": "follows", "run": "echo \"${off.status}\" >ran" }
    ]));
    for (task, says) in [("none", "has no result"), ("skipped", "is skipped"), ("output", "is skipped")] {
        assert_eq!(summary["tasks"][task]["cause"], "VARIABLE_RESOLUTION_ERROR", "{summary}");
        let said = explained(&world, task);
        assert!(said.contains(says), "{said}");
    }
    assert_eq!(world.read("state"), "skipped succeeded\n");
    assert_eq!(status(&summary, "has"), "succeeded", "{summary}");
    assert_eq!(status(&summary, "follows"), "skipped");
    assert!(!world.path("ran").exists());
}

#[test]
fn a_bad_result_file_fails_the_task_whatever_is_wrong_with_it() {
    let bad = [
        ("text", "echo '{\"a\": 1' >\"$REGATTA_RESULT\""),
        ("two", "echo '1 2' >\"$REGATTA_RESULT\""),
        ("key", "echo '{99999999999999999999: 1}' >\"$REGATTA_RESULT\""),
        ("empty", ": >\"$REGATTA_RESULT\""),
        ("latin", "printf '\"caf\\351\"' >\"$REGATTA_RESULT\""),
        ("directory", "mkdir \"$REGATTA_RESULT\""),
        ("fifo", "mkfifo \"$REGATTA_RESULT\""),
        ("link", "echo 1 >one; ln -s \"$PWD/one\" \"$REGATTA_RESULT\""),
        ("device", "ln -s /dev/zero \"$REGATTA_RESULT\""),
        (
            "large",
            "{ printf '\"'; head -c 16777216 /dev/zero | tr '\\0' x; printf '\"'; } >\"$REGATTA_RESULT\"",
        ),
        ("sparse", "truncate -s 8G \"$REGATTA_RESULT\""),
    ];
    let mut tasks: Vec<Value> = bad.iter().map(|(id, run)| json!({ "id": id, "run": run })).collect();
    tasks.push(json!({ "id": "silent", "result": "stdout-json", "run": "true" }));
    tasks.push(json!({ "id": "chatty", "result": "stdout-json", "run": "echo '{}'; echo done" }));
    tasks.push(json!({ "id": "after", "run": "echo \"${text.result}\" >ran" }));
    tasks.push(json!({ "id": "ill", "run": "echo '{' >\"$REGATTA_RESULT\"; exit 3" }));
    let (world, summary) = run(&json!(tasks));
    for task in bad.iter().map(|(id, _)| *id).chain(["silent", "chatty"]) {
        assert_eq!(status(&summary, task), "failed", "{task}: {summary}");
        assert_eq!(summary["tasks"][task]["cause"], "bad_result", "{task}: {summary}");
        let said = explained(&world, task);
        assert!(said.contains("the result"), "{said}");
    }
    assert_eq!(status(&summary, "after"), "blocked");
    assert_eq!(summary["tasks"]["ill"]["cause"], "exit", "a failure is not hidden by what it wrote");
    assert!(!world.path("ran").exists());
}

#[test]
fn a_result_around_64_kib_is_whole_on_both_sides_and_too_large_for_a_variable_beyond() {
    let pad = |bytes: usize| format!("head -c {} /dev/zero | tr '\\0' x", bytes - 2);
    let write = |bytes| format!("{{ printf '\"'; {}; printf '\"'; }} >\"$REGATTA_RESULT\"", pad(bytes));
    let measure = "printf '%s' \"$1\" | wc -c >$2";
    let argv = |task: &str| json!(["sh", "-c", measure, "x", format!("${{{task}.result}}"), task]);
    let (world, summary) = run(&json!([
        { "id": "below", "run": write(65_536) },
        { "id": "above", "run": write(65_540) },
        { "id": "from-below", "run": argv("below") },
        { "id": "from-above", "run": argv("above") },
        { "id": "script-below", "run": "printf '%s' \"${below.result}\" | wc -c >script" },
        { "id": "script-above", "run": "echo \"${above.result}\" >ran" },
        { "id": "length", "run": "echo \"${above.result.length}\" >length" }
    ]));
    for task in ["from-below", "from-above", "script-below", "length"] {
        assert_eq!(status(&summary, task), "succeeded", "{task}: {summary}");
    }
    let read = |name: &str| world.read(name).trim().to_owned();
    assert_eq!([read("below"), read("above")], ["65534", "65538"]);
    assert_eq!([read("script"), read("length")], ["65534", "65538"]);
    assert_eq!(summary["tasks"]["script-above"]["cause"], "VARIABLE_RESOLUTION_ERROR");
    let said = explained(&world, "script-above");
    let file = said.split_whitespace().find(|word| word.ends_with("result.stored.json")).unwrap();
    let stored: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(stored.as_str().unwrap().len(), 65_538, "the error names the file that holds it");
}

#[test]
fn the_result_of_a_failed_attempt_is_nobodys_input() {
    let (world, summary) = run(&json!([
        { "id": "src", "retry": { "max_attempts": 2, "backoff": "1ms" },
          "run": "n=$REGATTA_ATTEMPT; echo $n; test $n = 2 || { echo 1 >\"$REGATTA_RESULT\"; exit 1; }" },
        { "id": "out", "run": "echo \"${src.stdout}\" >out" },
        { "id": "use", "run": "echo \"${src.result}\" >use" }
    ]));
    assert_eq!(world.read("out"), "2\n");
    assert_eq!(summary["tasks"]["use"]["cause"], "VARIABLE_RESOLUTION_ERROR", "{summary}");
    assert!(!world.path("use").exists());
}

#[test]
fn results_of_a_matrix_are_a_list_in_cell_order_with_their_types() {
    let (world, summary) = run(&json!([
        { "id": "cell", "matrix": { "b": ["2", "1"], "a": ["y", "x"] }, "result": "stdout-json",
          "run": "echo {'\"at\"': \\\"${matrix.a}${matrix.b}\\\", '\"n\"': $REGATTA_MATRIX_b}" },
        { "id": "all", "inputs": { "all": "${cell.results}", "n": "${cell.results.length}" },
          "run": "echo \"$REGATTA_INPUTS\" >all; echo \"${cell.results.1.n}\" >one" },
        { "id": "named", "run": "echo \"${cell[x][1].result.at}\" >named" }
    ]));
    assert_eq!(summary["status"], "succeeded", "{summary}");
    let all: Value = serde_json::from_str(&world.read("all")).unwrap();
    let at: Vec<&str> = all["all"].as_array().unwrap().iter().map(|r| r["at"].as_str().unwrap()).collect();
    assert_eq!(at, ["y2", "y1", "x2", "x1"], "axes by name, values as written");
    assert_eq!((all["n"].as_u64(), all["all"][1]["n"].as_u64()), (Some(4), Some(1)));
    assert_eq!((world.read("one"), world.read("named")), ("1\n".to_owned(), "x1\n".to_owned()));
}

#[test]
fn a_large_result_that_was_altered_on_the_disk_is_not_read() {
    let world = World::with(
        "version: 1
tasks:
  - { id: big, run: 'printf ''{\"x\": 1, \"pad\": \"%070000d\"}'' 1 >\"$REGATTA_RESULT\"' }
  - { id: spoil, needs: [big], run: 'for f in .regatta/runs/*/attempts/1/result.stored.json; do sed -i s/1/2/ $f; done' }
  - { id: use, needs: [spoil], run: 'echo ${big.result.x} >used' }
",
    );
    let summary = world.run();
    assert_eq!(summary["tasks"]["spoil"]["status"], "succeeded");
    assert_eq!(summary["tasks"]["use"]["cause"], "VARIABLE_RESOLUTION_ERROR");
    assert!(!world.path("used").exists());
}

#[test]
fn an_attempt_finds_its_directory_private_and_empty_whatever_the_one_before_left() {
    // Each tells the inode of its directory and what it found there.
    let look = "d=$(dirname \"$REGATTA_RESULT\"); stat -c '%i %a' \"$d\" >>seen; ls -A \"$d\" >>seen; ";
    let task = |n: usize, then: &str| json!({ "id": format!("t{n}"), "run": format!("{look}{then}") });
    let leave = [
        "true",
        "echo 1 >\"$REGATTA_RESULT\"",
        "echo said",
        "echo mine >\"$d/mine\"",
        "true",
        "chmod 755 \"$d\"",
        "echo 2 >\"$REGATTA_RESULT\"; exit 1",
        "true",
        "echo 3 >\"$REGATTA_RESULT\"",
        "true",
    ];
    let world = World::new();
    let tasks: Vec<Value> = leave.iter().enumerate().map(|(n, then)| task(n, then)).collect();
    let plan = json!({ "version": 1, "limits": { "max_parallel": 1 }, "tasks": tasks });
    world.write("plan.json", &plan.to_string());
    let summary = world.regatta(&["run", "plan.json", "--json"]).json();
    assert_eq!((status(&summary, "t6"), status(&summary, "t9")), ("failed", "succeeded"));
    let seen = world.read("seen");
    let lines: Vec<(&str, &str)> = seen.lines().filter_map(|line| line.split_once(' ')).collect();
    assert_eq!(seen.lines().count(), leave.len(), "an attempt found something: {seen}");
    assert!(lines.iter().all(|(_, mode)| *mode == "700"), "{seen}");
    let inodes: std::collections::BTreeSet<&str> = lines.iter().map(|(inode, _)| *inode).collect();
    assert!(inodes.len() < leave.len(), "none was used again");
    let attempts = world.run_dir().join("attempts");
    let mut left: Vec<String> = std::fs::read_dir(attempts)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["3", "4", "6"], "only what an attempt left is kept");
}
