//! Spec 6 "Merge": batches of n merge at once and bisect on red. A gate is paid once for a commit, whoever dies meanwhile.

use crate::repo_world::{belongings, git, with_plan, worktrees};
use crate::world::World;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;

/// A gate that is red while a file of that pattern is there; each of its runs leaves a line with the tree it looked at.
fn gate(world: &World, bad: &str) -> String {
    let log = world.root().join("ran.log");
    format!("git rev-parse HEAD^{{tree}} >>{}; ! ls {bad} 2>/dev/null", log.display())
}

/// Tasks a, b, c … of which each writes a file of its name; those in `bad` write `NAME.bad` too.
fn tasks(names: &str, bad: &str) -> String {
    let task = |name: char| {
        let more = if bad.contains(name) { format!("; echo x >{name}.bad") } else { String::new() };
        format!("  - {{ id: {name}, run: 'echo {name} >{name}.txt{more}' }}\n")
    };
    format!("tasks:\n{}", names.chars().map(task).collect::<String>())
}

fn with_gate(merge: &str, tasks: &str) -> World {
    let world = with_plan("");
    let gate = gate(&world, "*.bad");
    world.write(
        "plan.yaml",
        &format!(
            "{}merge: {{ {merge}, gates: [g] }}\ngates: {{ g: {{ run: \"{gate}\" }} }}\n{tasks}",
            world.read("plan.yaml")
        ),
    );
    world
}

fn runs(world: &World) -> usize {
    world.read("ran.log").lines().count()
}

fn landing(world: &World) -> Value {
    world.regatta(&["status", "--json"]).json()["landing"].clone()
}

/// What batches came to: the tasks of each, with `!` where it was red.
fn batches(world: &World) -> Vec<String> {
    let one = |batch: &Value| {
        let tasks: String = batch["tasks"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        if batch["passed"] == true { tasks } else { format!("{tasks}!") }
    };
    landing(world)["batches"].as_array().unwrap().iter().map(one).collect()
}

const TAKE_OUT: &str = "policy: merge-succeeded, on_gate_failure: take-out";

#[test]
fn a_green_batch_runs_its_gates_once() {
    let world = with_gate("batch: 3", &tasks("abcde", ""));
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(runs(&world), 2);
    assert_eq!(batches(&world), ["abc", "de"]);
    assert!(said.out.contains("gates      passed: a, b, c"), "{}", said.out);
    assert!(said.out.contains("batches      2 passed, 0 red"), "{}", said.out);
    let found = landing(&world);
    assert_eq!((&found["gates"][0]["after"], &found["gates"][0]["with"]), (&json!("c"), &json!(["a", "b"])));
    assert_eq!(git(&world, &["rev-list", "--first-parent", "--count", "main"]), "6");
    let kinds = world.kinds();
    assert_eq!(kinds.iter().filter(|kind| *kind == "merge_batch_passed").count(), 2);
    // What batches came to follows from when the target moved, so it is no part of the canonical log.
    assert!(!world.canonical().contains("merge_batch"));
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn a_red_batch_is_halved_until_it_is_clear_whose_work_made_it_red_and_no_gate_is_paid_twice() {
    let world = with_gate(&format!("{TAKE_OUT}, batch: 8"), &tasks("abcdefgh", "f"));
    let said = world.regatta(&["run", "plan.yaml"]).exits(1);
    // The second half stands where the whole batch stood: what its gates say is known.
    assert_eq!(batches(&world), ["abcdefgh!", "abcd", "efgh!", "ef!", "e", "f!", "gh"]);
    let trees = world.read("ran.log");
    let mut once: Vec<&str> = trees.lines().collect();
    once.sort_unstable();
    once.dedup();
    assert_eq!((runs(&world), once.len()), (5, 5), "{trees}");
    assert!(said.out.contains("left out   f (gate)"), "{}", said.out);
    assert!(said.out.contains("    red with e, f\n"), "{}", said.out);
    let why = world.regatta(&["explain", "f"]).exits(0).out;
    for line in ["gates red with a, b, c, d, e, f, g, h", "gates red with e, f\n", "gates red with f\n"] {
        assert!(why.contains(line), "{why}");
    }
    let facts = world.regatta(&["explain", "e", "--json"]).json();
    assert_eq!(
        facts[0]["batches"].as_array().unwrap().last().unwrap(),
        &json!({ "tasks": ["e"], "passed": true })
    );
    assert!(world.path("h.txt").exists() && !world.path("f.txt").exists() && !world.path("f.bad").exists());
}

#[test]
fn whatever_the_size_of_a_batch_the_same_work_lands() {
    let of = |size: usize| {
        let strategy = ["no-ff", "squash", "rebase"][size % 3];
        let tasks = format!("{}  - {{ id: z, needs: [b], run: 'echo z >z.txt' }}\n", tasks("abcdef", "be"));
        let world = with_gate(&format!("{TAKE_OUT}, strategy: {strategy}, batch: {size}"), &tasks);
        world.regatta(&["run", "plan.yaml"]).exits(1);
        assert_eq!(
            landing(&world)["left_out"],
            json!({ "b": "gate", "e": "gate", "z": "upstream" }),
            "{size}"
        );
        git(&world, &["rev-parse", "main^{tree}"])
    };
    let one = of(1);
    for size in [2, 3, 5, 7] {
        assert_eq!(of(size), one, "{size}");
    }
}

#[test]
fn a_landing_that_stops_at_a_red_gate_names_whose_work_it_was() {
    let world = with_gate("batch: 4", &tasks("abcd", "c"));
    world.write("ran.log", "");
    let before = belongings(&world);
    let said = world.regatta(&["run", "plan.yaml"]).exits(1);
    assert_eq!(belongings(&world), before);
    assert!(said.out.contains("left out   c (gate)"), "{}", said.out);
    assert!(said.out.contains("left out   d (not_landed)"), "{}", said.out);
    assert_eq!(batches(&world), ["abcd!", "ab", "cd!", "c!"]);
}

#[test]
fn what_conflicts_is_met_on_a_tip_whose_gates_have_passed_and_never_beside_work_that_is_taken_out() {
    // `b` is red and conflicts with `c`; without `b` there is no conflict.
    let world = with_gate(
        &format!(
            "{TAKE_OUT}, on_conflict: merge-with-rules, rules: [ {{ paths: none, use: ours }} ], batch: 5"
        ),
        "tasks:
  - { id: a, run: 'echo a >a.txt' }
  - { id: b, run: 'echo b >n.txt; echo x >b.bad' }
  - { id: c, run: 'echo c >n.txt' }
  - { id: d, run: 'echo d >n.txt' }
  - { id: e, run: 'echo e >e.txt' }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    assert_eq!(batches(&world), ["ab!", "a", "b!", "c", "e"]);
    assert_eq!(landing(&world)["left_out"], json!({ "b": "gate", "d": "merge_conflict" }));
    assert_eq!((world.read("n.txt").as_str(), world.path("e.txt").exists()), ("c\n", true));
    assert_eq!(landing(&world)["conflicts"].as_array().unwrap().len(), 1);
}

#[test]
fn an_agent_mends_the_work_that_made_a_batch_red_and_not_the_batch() {
    let world = with_plan("");
    let gate = gate(&world, "*.bad");
    let bot = world.path(".git/bot.sh");
    std::fs::write(&bot, "#!/bin/sh\nls >>$REGATTA_WORKSPACE/.git/calls; rm -f *.bad\n").unwrap();
    std::fs::set_permissions(&bot, std::fs::Permissions::from_mode(0o755)).unwrap();
    world.write(
        "plan.yaml",
        &format!(
            "{}agents: {{ bot: {{ command: ['{}', '{{prompt_file}}'] }} }}
merge: {{ batch: 4, gates: [g, ready], fix: {{ agent: bot, attempts: 2 }} }}
gates: {{ g: {{ run: \"{gate}\", needs: [ready] }}, ready: {{ run: 'true' }} }}
{}",
            world.read("plan.yaml"),
            bot.display(),
            tasks("abcd", "b")
        ),
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(batches(&world), ["abcd!", "ab!", "a", "b", "cd"]);
    // It stood where b was merged last, and where the gates were red without being paid again.
    assert_eq!(world.read(".git/calls"), "a.txt\nb.bad\nb.txt\nsrc\n");
    assert_eq!(runs(&world), 5);
    let subjects = git(&world, &["log", "--first-parent", "--format=%s", "-5", "--reverse"]);
    let wanted =
        ["Merge a: a", "Merge b: b", "Mend what is red after the merge of b", "Merge c: c", "Merge d: d"];
    assert_eq!(subjects.lines().collect::<Vec<_>>(), wanted);
}

#[test]
fn gates_that_do_not_need_each_other_run_at_once_for_a_batch_too() {
    let world = with_plan("");
    let top = world.root().display().to_string();
    // Each waits for the other.
    let gate = |own: &str, other: &str| format!("echo up >{top}/{own} & cat {top}/{other}; wait");
    world.fifo("one");
    world.fifo("two");
    world.write(
        "plan.yaml",
        &format!(
            "{}limits: {{ max_parallel: 2 }}\nmerge: {{ batch: 2, gates: [one, two] }}\ngates: {{ one: {{ run: '{}' }}, two: {{ run: '{}' }} }}\n{}",
            world.read("plan.yaml"),
            gate("one", "two"),
            gate("two", "one"),
            tasks("ab", "")
        ),
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(landing(&world)["gates"].as_array().unwrap().len(), 2);
}

#[test]
fn after_kill_9_in_the_middle_of_a_bisection_no_gate_that_has_answered_runs_again() {
    let world = with_plan("");
    let top = world.root().display().to_string();
    // The third run stands still, once.
    let still = format!(
        "test $(cat {top}/ran.log | wc -l) != 3 || test -e {top}/up.log || {{ touch {top}/up.log; echo up >{top}/up; sleep 300; }}"
    );
    let gate = format!("git rev-parse HEAD^{{tree}} >>{top}/ran.log; {still}; ! ls *.bad 2>/dev/null");
    world.write(
        "plan.yaml",
        &format!(
            "{}merge: {{ {TAKE_OUT}, batch: 4, gates: [g] }}\ngates: {{ g: {{ run: \"{gate}\" }} }}\n{}",
            world.read("plan.yaml"),
            tasks("abcd", "c")
        ),
    );
    world.fifo("up");
    let mut child = world.start(&["run", "plan.yaml"]);
    world.hear("up");
    let killed = std::process::Command::new("kill").args(["-KILL", &child.id().to_string()]).status();
    assert!(killed.unwrap().success());
    child.wait().unwrap();
    let before: Vec<String> = world.read("ran.log").lines().map(str::to_owned).collect();
    world.regatta(&["resume"]).exits(1);
    let after: Vec<String> = world.read("ran.log").lines().map(str::to_owned).collect();
    assert_eq!(after[..3], before[..]);
    // The one that was cut off runs again, and what comes after it; the two that had answered do not.
    assert_eq!(after[3], before[2]);
    assert!(!after[3..].contains(&before[0]) && !after[3..].contains(&before[1]), "{after:?}");
    assert_eq!(batches(&world), ["abcd!", "ab", "cd!", "c!", "d"]);
    // Each is told once, whoever told it; and logs of what did not run again are there.
    let kinds = world.kinds();
    assert_eq!(kinds.iter().filter(|kind| kind.starts_with("merge_batch_")).count(), 5);
    let logs: Vec<u64> =
        landing(&world)["gates"].as_array().unwrap().iter().filter_map(|gate| gate["log"].as_u64()).collect();
    let mut each = logs.clone();
    each.dedup();
    assert_eq!((logs.len(), each), (4, logs));
    assert_eq!((worktrees(&world), world.path("d.txt").exists()), (1, true));
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn a_batch_without_gates_after_each_merge_is_refused() {
    let world =
        with_plan(&format!("merge: {{ batch: 2, gate_each: false, gates: ['true'] }}\n{}", tasks("a", "")));
    let said = world.regatta(&["check", "plan.yaml"]).exits(3);
    assert!(said.err.contains("`batch` has no use with `gate_each: false`"), "{}", said.err);
}
