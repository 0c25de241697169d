//! What people and programs see: escapes and colours on a terminal, plain lines elsewhere, JSON where it
//! was asked for.
//!
//! A terminal is made by `script`; its size and its kind play no part.

use crate::world::{World, status};
use serde_json::Value;
use std::process::{Command, Stdio};

/// Runs a command on a terminal and answers all that reached it.
fn on_a_terminal(world: &World, args: &str, color: bool) -> String {
    let mut command = Command::new("script");
    let line = format!("{} {args}", env!("CARGO_BIN_EXE_regatta"));
    command.args(["-qec", &line, "/dev/null"]).current_dir(world.root()).stdin(Stdio::null());
    command.env("TERM", "xterm-256color").env_remove("NO_COLOR").env_remove("REGATTA_WORKSPACE");
    if !color {
        command.env("NO_COLOR", "1");
    }
    String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned()
}

/// True if the text sets a colour or another look.
fn styled(text: &str) -> bool {
    text.split("\u{1b}[").skip(1).any(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != ';');
        end.is_some_and(|i| rest[i..].starts_with('m') && !["", "0"].contains(&&rest[..i]))
    })
}

#[test]
fn no_color_is_obeyed_and_no_escape_of_a_task_reaches_a_terminal() {
    let world = World::with(
        "version: 1
name: \"evil \\e]0;owned\\a name\"
tasks:
  - { id: a, run: 'printf \"\\033]0;owned\\007 \\033[31mred\\n\"; exit 3' }
",
    );
    world.write("bad.yaml", "version: 1\ntasks: [ { id: a } ]\n");
    assert!(styled(&on_a_terminal(&world, "check bad.yaml", true)), "colours on a terminal");
    assert!(!styled(&on_a_terminal(&world, "check bad.yaml", false)));
    let shown = on_a_terminal(&world, "run plan.yaml", false);
    assert!(shown.contains("a: failed") && !styled(&shown), "{shown:?}");
    for args in ["run plan.yaml", "logs a", "status", "ls", "explain", "plan plan.yaml", "replay"] {
        let shown = on_a_terminal(&world, args, true);
        assert!(!shown.is_empty() && !shown.contains("\u{1b}]0;"), "{args}: {shown:?}");
        assert!(!shown.contains("\u{1b}[31mred"), "{args}: {shown:?}");
    }
    let shown = on_a_terminal(&world, "logs a", true);
    assert!(shown.contains("\\e]0;owned\\u{7} \\e[31mred"), "{shown:?}");
}

#[test]
fn output_that_is_no_terminal_is_plain_lines() {
    let mut world =
        World::with("version: 1\ntasks:\n  - { id: a, run: exit 3 }\n  - { id: b, run: 'true' }\n");
    world.unset("NO_COLOR");
    let said = world.regatta(&["run", "plan.yaml"]).exits(1);
    assert!(!said.out.contains('\u{1b}') && !said.err.contains('\u{1b}'), "{:?}", said.out);
    assert!(said.out.contains("started    a") && said.out.contains("failed     a after"), "{}", said.out);
    assert_eq!(status(&world.regatta(&["status", "--json"]).json(), "b"), "succeeded");
}

/// Whether text is one JSON value and nothing else, on one line.
fn one_json(world: &World, args: &[&str], code: i32) -> Value {
    let said = world.regatta(args).exits(code);
    assert_eq!(said.out.matches('\n').count(), 1, "{args:?}: {}", said.out);
    said.json()
}

#[test]
fn every_json_output_is_one_value_and_says_what_the_text_says() {
    let world = World::with(
        "version: 1
name: faces
tasks:
  - { id: a, run: 'echo noise; echo noise >&2' }
  - { id: b, run: exit 3, retry: { max_attempts: 2, backoff: 1ms } }
  - { id: c, needs: [a, b], run: 'true' }
",
    );
    assert_eq!(one_json(&world, &["ls", "--json"], 0), Value::Array(vec![]));
    let plan = one_json(&world, &["plan", "plan.yaml", "--json"], 0);
    assert_eq!(plan["waves"][1]["nodeIds"][0], "c");
    assert_eq!(plan["nodes"][2]["dependsOn"], serde_json::json!(["a", "b"]));
    let check = one_json(&world, &["check", "plan.yaml", "--json"], 0);
    assert_eq!((&check["valid"], check["problems"].as_array().map(Vec::len)), (&Value::Bool(true), Some(0)));
    let run = one_json(&world, &["run", "plan.yaml", "--json"], 5);
    assert_eq!(
        (&run["escalations"][0]["name"], &run["escalations"][0]["cause"]),
        (&"b".into(), &"exit".into())
    );
    assert_eq!(
        (&run["status"], &run["attempts"], &run["retries"]),
        (&"partial".into(), &3.into(), &1.into())
    );
    assert_eq!(
        [status(&run, "a"), status(&run, "b"), status(&run, "c")],
        ["succeeded", "exhausted", "blocked"]
    );
    let id = run["run_id"].as_str().unwrap();
    let shown = one_json(&world, &["status", id, "--json"], 0);
    assert_eq!((&shown["tasks"], &shown["plan_name"]), (&run["tasks"], &"faces".into()));
    assert_eq!(one_json(&world, &["resume", id, "--json"], 5)["tasks"], run["tasks"]);
    let listed = one_json(&world, &["ls", "--json"], 0);
    assert_eq!((&listed[0]["run_id"], &listed[0]["status"]), (&run["run_id"], &run["status"]));
    assert!(listed[0]["ended_at"].as_str() > listed[0]["started_at"].as_str());
    let all = one_json(&world, &["explain", "--json"], 0);
    assert_eq!(all.as_array().map(Vec::len), Some(2), "what has not ended well: {all}");
    let one = one_json(&world, &["explain", "b", "--json"], 0);
    assert_eq!((&one[0]["task"], &one[0]["status"]), (&"b".into(), &"exhausted".into()));
    assert_eq!(one[0]["cause"], "exit", "{one}");
    for args in [&["events"][..], &["events", "--canonical"]] {
        let said = world.regatta(args).exits(0);
        assert!(
            said.out.lines().all(|line| serde_json::from_str::<Value>(line).is_ok_and(|v| v.is_object()))
        );
        assert!(said.out.lines().count() > 10 && said.out.ends_with('\n'));
    }
}

#[test]
fn json_of_a_bad_plan_goes_to_programs_and_its_picture_to_people() {
    let world = World::new();
    world.write(
        "bad.yaml",
        "version: 1\ntasks:\n  - { id: a, run: 'true', needs: [b] }\n  - { id: c, rnu: x }\n",
    );
    let facts = one_json(&world, &["check", "bad.yaml", "--json"], 3);
    assert_eq!(facts["valid"], false);
    for problem in facts["problems"].as_array().unwrap() {
        assert!(problem["code"].as_str().is_some_and(|code| code.starts_with("RG")), "{problem}");
        assert!(problem["line"].as_u64().is_some() && problem["message"].is_string(), "{problem}");
    }
    let said = world.regatta(&["run", "bad.yaml", "--json"]).exits(3);
    assert_eq!(said.out, "", "no summary of what never ran");
    assert!(said.err.contains("RG011") && said.err.contains("bad.yaml:3"), "{}", said.err);
}

#[test]
fn json_of_a_run_that_waits_or_was_interrupted_says_so() {
    let world = World::with(
        "version: 1\ntasks:\n  - { id: a, run: 'kill -INT $(grep -o [0-9]* .regatta/runs/$REGATTA_RUN_ID/lock | head -n1); sleep 60' }\n",
    );
    let run = one_json(&world, &["run", "plan.yaml", "--json"], 130);
    assert_eq!(run["status"], "interrupted");
    let run = one_json(&world, &["resume", "--json"], 5);
    assert_eq!((run["status"].as_str(), status(&run, "a")), (Some("waiting"), "in_doubt"));
    assert_eq!(one_json(&world, &["status", "--json"], 0)["status"], "waiting");
    assert_eq!(one_json(&world, &["explain", "a", "--json"], 0)[0]["status"], "in_doubt");
}

#[test]
fn the_status_of_a_large_run_counts_and_begins_with_what_a_person_looks_for() {
    let plan = |tasks: usize| {
        let line = |n: usize| {
            let script = if n == tasks - 10 { "exit 1" } else { "true" };
            format!("  - {{ id: t{n:03}, run: '{script}' }}\n")
        };
        let after = "  - { id: z, needs: [t000], run: 'kill -9 $$' }\n";
        format!("version: 1\ntasks:\n{}{after}", (0..tasks).map(line).collect::<String>())
    };
    let world = World::with(&plan(220));
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let said = world.regatta(&["status"]).exits(0).out;
    let lines: Vec<&str> = said.lines().skip(2).collect();
    assert_eq!(lines[0], "  2 failed, 219 succeeded", "{said}");
    assert!(lines[1].starts_with("  t210  failed"), "{said}");
    assert!(lines[2].starts_with("  z     failed"), "{said}");
    assert_eq!(lines[3], "  t000  succeeded", "{said}");
    assert!(said.contains("\n  … and 21 more\n"), "{said}");
    // Nothing is left out: everything stands in its order.
    world.write("plan.yaml", &plan(199));
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let said = world.regatta(&["status"]).exits(0).out;
    assert_eq!(said.lines().nth(2), Some("  t000  succeeded"), "{said}");
    assert!(!said.contains("more\n"), "{said}");
}

#[test]
fn what_would_run_is_json_where_json_is_asked_for() {
    let world = World::with("version: 1\ntasks:\n  - { id: a, run: 'true' }\n");
    let shown = one_json(&world, &["run", "plan.yaml", "--dry-run", "--json"], 0);
    assert_eq!(shown, one_json(&world, &["plan", "plan.yaml", "--json"], 0));
    assert!(!world.path(".regatta/runs").exists());
}

#[test]
fn a_plan_of_many_waves_lists_some_and_says_how_many_more_there_are() {
    let task = |n: usize| match n {
        0 => "  - { id: t0, run: 'true' }\n".to_owned(),
        n => format!("  - {{ id: t{n}, needs: [t{}], run: 'true' }}\n", n - 1),
    };
    let world = World::with(&format!("version: 1\ntasks:\n{}", (0..130).map(task).collect::<String>()));
    let said = world.regatta(&["plan", "plan.yaml"]).exits(0).out;
    assert_eq!(said.matches("  wave ").count(), 100, "{said}");
    assert!(said.contains("\n  … and 30 more waves\n"), "{said}");
}

/// A run may be recorded long before it starts, and then another one is newer.
#[test]
fn the_newest_run_is_the_first_that_ls_lists_however_many_and_the_one_that_is_meant_without_an_id() {
    // The process that begins the run has its secret, the one that is to take it up has not.
    let once = "test ! -e asked && touch asked && echo a-secret-value";
    let world = World::with(&format!(
        "version: 1\nvault: {{ pw: {{ command: [sh, -c, '{once}'] }} }}\ntasks: [ {{ id: a, run: 'true' }} ]\n"
    ));
    world.regatta(&["run", "plan.yaml", "--detach"]).exits(4);
    let first = world.run_id();
    world.write("other.yaml", "version: 1\ntasks: [ { id: b, run: 'true' } ]\n");
    world.regatta(&["run", "other.yaml"]).exits(0);
    let second = world.run_id();
    std::fs::remove_file(world.path("asked")).unwrap();
    world.regatta(&["resume", &first]).exits(0);
    let listed = world.regatta(&["ls", "--json"]).exits(0).json();
    assert_eq!([&listed[0]["run_id"], &listed[1]["run_id"]], [second.as_str(), first.as_str()], "{listed}");
    assert!(listed[0]["started_at"].as_str() < listed[1]["started_at"].as_str(), "{listed}");
    let one = world.regatta(&["ls", "--json", "--limit", "1"]).exits(0).json();
    assert_eq!((&one[0]["run_id"], one.as_array().map(Vec::len)), (&listed[0]["run_id"], Some(1)));
    let meant = world.regatta(&["status", "--json"]).exits(0).json();
    assert_eq!(meant["run_id"], listed[0]["run_id"]);
    let lines = world.regatta(&["ls"]).exits(0).out;
    assert!(lines.starts_with(&second), "{lines}");
}
