//! Spec 3 and 11 "for_each": one task for each item of a list that an earlier task left.

use crate::world::World;
use serde_json::{Value, json};

/// `list` leaves this; `m` writes each item to a file of its own.
fn mapped(list: &str, more: &str) -> World {
    World::with(&format!(
        "version: 1
limits: {{ max_parallel: 3 }}
tasks:
  - {{ id: list, run: 'printf ''%s'' ''{{\"items\": {list}}}'' >\"$REGATTA_RESULT\"' }}
  - id: m
    for_each: \"${{list.result.items}}\"
    max_items: 12
    run: [sh, -c, 'printf %s \"$1\" >\"item-$2\"; printf ''{{\"said\": \"%s\"}}'' \"$2\" >\"$REGATTA_RESULT\"', x, '${{item}}', '${{index}}']
{more}"
    ))
}

fn names(summary: &Value) -> Vec<&str> {
    summary["tasks"].as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn each_item_is_a_task_and_results_come_back_in_the_order_of_the_list() {
    let world = mapped(
        "[\"a\", {\"deep\": [1]}, 3]",
        "  - { id: all, run: [sh, -c, 'printf %s \"$1\" >all', x, '${m.results}'] }\n  - { id: after, needs: [m], run: 'ls item-* >after' }\n",
    );
    let summary = world.run();
    assert_eq!(summary["status"], "succeeded", "{summary:#}");
    assert_eq!(names(&summary), ["list", "m[0]", "m[1]", "m[2]", "after", "all"]);
    let items: Vec<String> = (0..3).map(|i| world.read(&format!("item-{i}"))).collect();
    assert_eq!(items, ["a", "{\"deep\":[1]}", "3"]);
    let all: Value = serde_json::from_str(&world.read("all")).unwrap();
    assert_eq!(all, json!([{ "said": "0" }, { "said": "1" }, { "said": "2" }]));
    assert_eq!(world.read("after"), "item-0\nitem-1\nitem-2\n");
}

#[test]
fn an_empty_list_is_no_obstacle() {
    let world = mapped("[]", "  - { id: all, run: [sh, -c, 'printf %s \"$1\" >all', x, '${m.results}'] }\n");
    let summary = world.run();
    assert_eq!((summary["status"].as_str(), world.read("all").as_str()), (Some("succeeded"), "[]"));
    assert_eq!(names(&summary), ["list", "all"]);
}

#[test]
fn what_is_no_list_or_too_long_a_one_fails_the_map_and_says_so() {
    for (list, why) in [
        ("{\"a\": 1}", "`${list.result.items}` is an object, not a list"),
        ("\"text\"", "is a text, not a list"),
        (
            &json!((0..13).collect::<Vec<i32>>()).to_string(),
            "`m` has 13 items, at most 12 are allowed; `max_items` allows more",
        ),
    ] {
        let world = mapped(list, "  - { id: z, needs: [m], run: 'touch never' }\n");
        let summary = world.run();
        assert_eq!(summary["tasks"]["m[0]"]["cause"], "VARIABLE_RESOLUTION_ERROR", "{summary:#}");
        assert_eq!(names(&summary), ["list", "m[0]", "z"]);
        let said = world.regatta(&["explain", "m[0]"]).exits(0);
        assert!(said.out.contains(why), "{}", said.out);
        assert!(!world.path("never").exists());
    }
}

#[test]
fn conditions_and_variables_see_the_item_and_no_item_is_code() {
    let world = World::with(
        "version: 1
inputs: { words: [keep, drop, '\"; touch pwned; \"'] }
tasks:
  - id: m
    for_each: \"${inputs.words}\"
    when: \"item != 'drop' && index < 9\"
    env: { WORD: \"${item}\" }
    run: 'printf %s \"${item}|$WORD\" >\"word-${index}\"'
",
    );
    let summary = world.run();
    assert_eq!(summary["status"], "succeeded", "{summary:#}");
    assert_eq!(summary["tasks"]["m[1]"]["status"], "skipped");
    assert_eq!(world.read("word-0"), "keep|keep");
    assert_eq!(world.read("word-2"), "\"; touch pwned; \"|\"; touch pwned; \"");
    assert!(!world.path("pwned").exists() && !world.path("word-1").exists());
}

#[test]
fn a_list_may_stand_in_the_plan_and_check_and_plan_count_its_items() {
    let world = World::with(
        "version: 1\nlimits: { max_parallel: 2 }\ntasks:\n  - { id: m, for_each: [u, v, w], estimate: 10s, run: [sh, -c, 'printf %s \"$1\" >>got-$1', x, '${item}'] }\n  - { id: z, needs: [m], estimate: 5s, run: 'true' }\n",
    );
    let said = world.regatta(&["check", "plan.yaml"]).exits(0);
    assert!(said.out.contains("valid: 4 tasks"), "{}", said.out);
    let plan = world.regatta(&["plan", "plan.yaml", "--json"]).exits(0).json();
    // The schedule knows a map as its first item, as that of the run does; what is predicted is what will run.
    let ids: Vec<&str> =
        plan["nodes"].as_array().unwrap().iter().map(|n| n["nodeId"].as_str().unwrap()).collect();
    assert_eq!(ids, ["m[0]", "z"]);
    let predicted = &plan["predicted"];
    assert_eq!([&predicted["makespan_ms"], &predicted["sequential_ms"]], [25_000, 35_000]);
    assert_eq!(predicted["nodes"].as_object().unwrap().len(), 4);
    assert_eq!(predicted["nodes"]["m[2]"]["start_ms"], 10_000);
    let text = world.regatta(&["plan", "plan.yaml"]).exits(0).out;
    assert!(text.contains(": 4 tasks in 2 waves") && text.contains("wave 1 of 2  m[0] m[1] m[2]"), "{text}");
    assert!(text.contains(plan["schedulePlanHash"].as_str().unwrap()), "{text}");
    let summary = world.run();
    let got = ["got-u", "got-v", "got-w"].map(|name| world.read(name));
    assert_eq!(got, ["u", "v", "w"], "{summary:#}");
    let first = world.regatta(&["events"]).exits(0).out;
    let hash = first.lines().find(|l| l.contains("run_started")).unwrap();
    assert!(
        hash.contains(plan["schedulePlanHash"].as_str().unwrap()),
        "the run has the schedule that was shown"
    );
}

#[test]
fn what_is_predicted_of_a_map_over_an_input_follows_the_input() {
    let world = World::with(
        "version: 1\ninputs: { list: [1] }\ntasks: [ { id: m, for_each: '${inputs.list}', estimate: 10s, run: 'true' } ]\n",
    );
    let sequential = |list: &str| {
        let input = format!("list={list}");
        let said = world.regatta(&["plan", "plan.yaml", "--json", "--input", &input]).exits(0);
        said.json()["predicted"]["sequential_ms"].as_u64().unwrap()
    };
    assert_eq!(["[]", "[1]", "[1, 2, 3]"].map(sequential), [0, 10_000, 30_000]);
}

#[test]
fn a_better_order_puts_each_known_item_of_a_map_at_its_own_place_and_predicts_what_is_shown() {
    let world = World::with(
        "version: 1\nlimits: { max_parallel: 2, per_tag: { db: 1 } }\ntasks:\n  - { id: m, for_each: [u, v, w], tags: [db], estimate: 10s, run: 'true' }\n  - { id: y, needs: ['m[2]'], estimate: 40s, run: 'true' }\n  - { id: z, tags: [db], estimate: 30s, run: 'true' }\n",
    );
    let out = world
        .regatta(&["plan", "plan.yaml", "--optimise", "5", "--out", "new.yaml", "--json"])
        .exits(0)
        .json();
    assert_eq!(out["optimised"]["after_ms"], out["predicted"]["makespan_ms"], "{out:#}");
    let again = world.regatta(&["plan", "new.yaml", "--json"]).exits(0).json();
    assert_eq!(again["predicted"], out["predicted"]);
    assert_eq!(again["order"], out["order"]);
}

#[test]
fn the_canonical_log_of_a_map_is_the_same_whatever_the_timing() {
    let log = || {
        let world = mapped("[1, 2, 3, 4]", "");
        assert_eq!(world.run()["status"], "succeeded");
        world.regatta(&["replay", &world.run_id()]).exits(0);
        world.regatta(&["events", "--canonical"]).exits(0).out
    };
    let first = log();
    assert_eq!(first, log());
    assert!(
        first.contains("node_expanded") && first.contains("\"m[3]\"") && !first.contains("\"m[4]\""),
        "{first}"
    );
}

#[test]
fn status_shows_a_map_as_one_task_until_its_list_is_known() {
    let world = mapped("[1, 2]", "");
    world.write(
        "gate.yaml",
        &world
            .read("plan.yaml")
            .replace("- { id: list, run: '", "- { id: list, run: 'echo up >up; read x <gate; "),
    );
    ["up", "gate"].iter().for_each(|name| world.fifo(name));
    let mut run = world.start(&["run", "gate.yaml"]);
    assert_eq!(world.hear("up"), "up");
    let status = world.regatta(&["status", "--json"]).exits(0).json();
    assert_eq!(names(&status), ["list", "m[0]"]);
    world.write("gate", "go\n");
    assert!(run.wait().unwrap().success());
    let status = world.regatta(&["status", "--json"]).exits(0).json();
    assert_eq!(names(&status), ["list", "m[0]", "m[1]"]);
}

#[test]
fn finished_items_are_not_repeated_by_a_retry() {
    let world = World::with(
        "version: 1
tasks:
  - id: m
    for_each: [a, b, c]
    run: 'echo x >>\"ran-${item}\"; test -e ok || test \"${item}\" != b'
",
    );
    assert_eq!(world.run()["status"], "partial");
    world.write("ok", "");
    world.regatta(&["retry", &world.run_id()]).exits(0);
    let ran = |item: &str| world.read(&format!("ran-{item}")).lines().count();
    assert_eq!((ran("a"), ran("b"), ran("c")), (1, 2, 1));
}

#[test]
fn equal_work_is_told_apart_by_its_item() {
    let world = World::with(
        "version: 1
tasks:
  - id: m
    for_each: [a, b]
    effect: pure
    cache: true
    run: 'echo x >>\"ran-$item\"; printf ''\"%s\"'' \"${item}\" >\"$REGATTA_RESULT\"'
  - { id: use, run: [sh, -c, 'printf %s \"$1\" >all', x, '${m.results}'] }
",
    );
    for _ in 0..2 {
        assert_eq!(world.run()["status"], "succeeded");
        assert_eq!(world.read("all"), "[\"a\",\"b\"]");
    }
    assert_eq!((world.read("ran-a").lines().count(), world.read("ran-b").lines().count()), (1, 1));
}

#[test]
fn a_retry_repeats_nothing_behind_a_map_with_fewer_items_than_it_may_have() {
    let world = mapped(
        "[1, 2]",
        "  - { id: deploy, needs: [m], run: 'echo x >>deployed' }\n  - { id: bad, run: 'test -e ok' }\n",
    );
    assert_eq!(world.run()["status"], "partial");
    world.write("ok", "");
    world.regatta(&["retry", &world.run_id()]).exits(0);
    assert_eq!(world.read("deployed").lines().count(), 1);
    let summary = world.regatta(&["status", "--json"]).exits(0).json();
    assert_eq!(
        (summary["status"].as_str(), summary["reused"].as_u64()),
        (Some("succeeded"), Some(4)),
        "{summary:#}"
    );
    // Nothing of it failed: there is nothing to retry.
    world.regatta(&["retry", &world.run_id()]).exits(2);
}

#[test]
fn a_map_that_was_not_asked_for_is_left_out_of_a_retry_whole() {
    let world = World::with(
        "version: 1
tasks:
  - { id: m, for_each: [a, b], run: 'echo x >>ran; false' }
  - { id: other, run: 'echo x >>others; test -e ok' }
",
    );
    assert_eq!(world.run()["status"], "failed");
    world.write("ok", "");
    world.regatta(&["retry", &world.run_id(), "--task", "other"]);
    assert_eq!((world.read("ran").lines().count(), world.read("others").lines().count()), (2, 2));
}

#[test]
fn an_item_that_is_not_known_cannot_be_skipped() {
    let world = mapped("[1]", "");
    let waits = "- { id: list, run: 'echo up >up; read x <gate; ";
    world.write("gate.yaml", &world.read("plan.yaml").replace("- { id: list, run: '", waits));
    ["up", "gate"].iter().for_each(|name| world.fifo(name));
    let mut run = world.start(&["run", "gate.yaml"]);
    assert_eq!(world.hear("up"), "up");
    let said = world.regatta(&["skip", &world.run_id(), "m[3]"]);
    assert!(
        said.code != Some(0) && said.err.contains("its first item stands for all"),
        "{}{}",
        said.out,
        said.err
    );
    world.write("gate", "go\n");
    assert!(run.wait().unwrap().success());
}

#[test]
fn a_retry_of_one_item_leaves_the_other_items_alone() {
    let world = World::with(
        "version: 1
tasks:
  - { id: m, for_each: [a, b, c, d], run: 'echo x >>\"ran-${item}\"; test -e ok || test \"${item}\" = d' }
  - { id: all, needs: [m], run: 'echo x >>after' }
  - { id: own, needs: ['m[1]'], run: 'echo x >>own' }
",
    );
    assert_eq!(world.run()["status"], "partial");
    world.write("ok", "");
    let ran = || ["a", "b", "c", "d"].map(|item| world.read(&format!("ran-{item}")).lines().count());
    world.regatta(&["retry", &world.run_id(), "--task", "m[1]"]);
    assert_eq!(ran(), [1, 2, 1, 1]);
    let summary = world.regatta(&["status", "--json"]).exits(0).json();
    let status = |task: &str| summary["tasks"][task]["status"].clone();
    assert_eq!(
        ["m[0]", "m[1]", "m[2]", "m[3]"].map(status),
        ["skipped", "succeeded", "skipped", "succeeded"]
    );
    assert_eq!(["all", "own"].map(status), ["skipped", "succeeded"], "{summary:#}");
    // Also the first one, which stands for all until the list is known.
    world.regatta(&["retry", &world.run_id(), "--task", "m[0]"]);
    assert_eq!(ran(), [2, 2, 1, 1]);
    world.regatta(&["retry", &world.run_id()]).exits(0);
    assert_eq!((ran(), world.read("after").lines().count()), ([2, 2, 2, 1], 1));
    world.regatta(&["replay", &world.run_id()]).exits(0);
}

#[test]
fn a_retry_of_one_item_and_of_a_task_that_needs_all_items_runs_them_all() {
    let world = World::with(
        "version: 1
tasks:
  - { id: m, for_each: [a, b, c], run: 'echo x >>\"ran-${item}\"; test -e ok || test \"${item}\" = c' }
  - { id: all, needs: [m], run: 'echo x >>after' }
",
    );
    assert_eq!(world.run()["status"], "partial");
    world.write("ok", "");
    world.regatta(&["retry", &world.run_id(), "--task", "m[1]", "--task", "all"]).exits(0);
    let ran = ["a", "b", "c"].map(|item| world.read(&format!("ran-{item}")).lines().count());
    assert_eq!((ran, world.read("after").lines().count()), ([2, 2, 1], 1));
}

#[test]
fn the_results_of_a_map_that_has_not_ended_are_no_empty_list() {
    let world = World::with(
        "version: 1
tasks:
  - id: m
    for_each: [a, b]
    effect: pure
    result: stdout-json
    run: 'until test -e go; do sleep 0.05; done; echo 1'
  - id: r
    effect: reconcile
    run: 'echo up >up; kill -9 $PPID; sleep 300'
    reconcile: [sh, -c, 'printf %s \"$1\" >saw', x, '${m.results}']
",
    );
    world.fifo("up");
    let mut run = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear("up"), "up");
    // Who does not know what was there cannot tell whether the work was done.
    world.follow("node_in_doubt", 1);
    assert!(!world.path("saw").exists(), "{}", world.read("saw"));
    world.write("go", "");
    world.regatta(&["answer", &world.run_id(), "r", "--failed"]).exits(0);
    run.wait().unwrap();
    let summary = world.regatta(&["status", "--json"]).exits(0).json();
    assert_eq!(summary["tasks"]["m[1]"]["status"], "succeeded", "{summary:#}");
}

#[test]
fn a_reference_to_the_item_inside_single_quotes_is_warned_of() {
    let world = World::with(
        "version: 1\ntasks:\n  - { id: m, for_each: [a], run: \"echo '${item}' '$index' \\\"${item}\\\"\" }\n  - { id: n, run: \"echo '${item}'\" }\n",
    );
    let facts = world.regatta(&["check", "plan.yaml", "--json"]).exits(0).json();
    let problems = facts["problems"].as_array().unwrap();
    let told: Vec<_> = problems.iter().map(|p| p["message"].as_str().unwrap()).collect();
    assert_eq!(told.len(), 1, "{facts:#}");
    assert!(told[0].contains("`${item}`") && told[0].contains("single quotes"), "{facts:#}");
    assert_eq!(problems[0]["severity"], "warning");
}

#[test]
fn the_command_that_goes_on_names_an_item_as_one_word_of_a_shell() {
    let world = World::with("version: 1\ntasks:\n  - { id: m, for_each: [a], run: 'echo >&2; exit 3' }\n");
    let said = world.command(&["run", "plan.yaml"]).output().unwrap().stdout;
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains(" 'm[0]' --stderr\n"), "{said}");
}
