//! Spec 9 "Processes" and "Files": names, values and places that no process can be given are told with their line,
//! before anything starts.

use crate::world::World;
use serde_json::{Value, json};

/// The messages of all problems of a plan that is refused, and proof that nothing was started.
fn problems(world: &World, plan: &Value) -> Vec<String> {
    world.write("plan.json", &plan.to_string());
    world.regatta(&["run", "plan.json"]).exits(3);
    assert!(!world.path(".regatta").exists() && !world.path("ran").exists());
    let facts = world.regatta(&["check", "plan.json", "--json"]).exits(3).json();
    let messages = facts["problems"].as_array().unwrap().iter();
    messages.map(|fact| fact["message"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn names_and_values_that_no_process_can_be_given_are_refused_with_their_line() {
    let world = World::new();
    let task =
        |env: Value| json!({ "version": 1, "tasks": [ { "id": "a", "run": "touch ran", "env": env } ] });
    for (env, says) in [
        (json!({ "": "x" }), "`env` has an empty name"),
        (
            json!({ "A=B": "x" }),
            "task `a` sets a variable `A=B`, which is no name of a variable: it holds `=` or a NUL character",
        ),
        (
            json!({ "A\u{0}": "x" }),
            "task `a` sets a variable `A\\0`, which is no name of a variable: it holds `=` or a NUL character",
        ),
        (json!({ "A": "x\u{0}y" }), "variable `A` of task `a` holds a NUL character"),
        (
            json!({ "REGATTA_RUN_ID": "x" }),
            "task `a` sets a variable `REGATTA_RUN_ID`, which is one of those by which Regatta tells a task where it stands",
        ),
    ] {
        assert_eq!(problems(&world, &task(env)), [says]);
    }
    let passed = |name: &str| json!({ "version": 1, "env": [name], "tasks": [] });
    let says =
        "`env` passes on a variable `A=1`, which is no name of a variable: it holds `=` or a NUL character";
    assert_eq!(problems(&world, &passed("A=1")), [says]);
    assert!(
        world
            .regatta(&["check", "plan.json"])
            .err
            .contains("help: the `env` of a task sets values: `env: { A: … }`")
    );
    assert!(problems(&world, &passed("REGATTA_RESULT"))[0].contains("by which Regatta tells"));
    let argv = json!({ "version": 1, "tasks": [ { "id": "a", "run": ["touch", "ran\u{0}"] } ] });
    assert_eq!(problems(&world, &argv), ["`run` holds a NUL character"]);
    let batch = json!({ "commands": [ { "id": "a", "cmd": "touch ran", "env": { "A=B": "x" } } ] });
    assert_eq!(problems(&world, &batch).len(), 1);
}

#[test]
fn a_working_directory_outside_the_workspace_is_refused_before_anything_starts() {
    let world = World::new();
    let plan =
        |cwd: &str| json!({ "version": 1, "tasks": [ { "id": "a", "run": "touch ran", "cwd": cwd } ] });
    for cwd in ["/", "/tmp", "..", "../x", "a/../b", "a/.."] {
        let says = format!("cwd `{cwd}` of task `a` is not a path inside the workspace");
        assert_eq!(problems(&world, &plan(cwd)), [says]);
    }
    assert_eq!(problems(&world, &plan("a\u{0}b")), ["cwd `a\\0b` of task `a` holds a NUL character"]);
    std::fs::create_dir_all(world.path("a..b/.c")).unwrap();
    for cwd in [".", "./a..b/.c", "a..b//.c/."] {
        world.write("plan.json", &plan(cwd).to_string());
        world.regatta(&["run", "plan.json"]).exits(0);
    }
    assert!(world.path("a..b/.c/ran").exists());
}
