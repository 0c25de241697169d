//! Spec 3: `join`, run by the real binary.

use crate::world::World;
use serde_json::{Value, json};

fn joining(join: &str, said: &[(&str, &str, Value)]) -> World {
    let mut plan = "version: 1\ntasks:\n".to_owned();
    for (id, role, _) in said {
        let role = if role.is_empty() { String::new() } else { format!("role: {role}, ") };
        plan += &format!("  - {{ id: {id}, {role}run: 'cat {id}.json >\"$REGATTA_RESULT\"' }}\n");
    }
    let ids: Vec<&str> = said.iter().map(|(id, ..)| *id).collect();
    plan += &format!("  - {{ id: j, needs: [{}], join: {join} }}\n", ids.join(", "));
    plan += "  - { id: use, run: [sh, -c, 'printf %s \"$1\" >joined', x, '${j.result}'] }\n";
    let world = World::with(&plan);
    said.iter().for_each(|(id, _, value)| world.write(&format!("{id}.json"), &value.to_string()));
    world
}

#[test]
fn results_become_one_value_and_each_path_tells_whose_word_won() {
    let world = joining(
        "{ conflict: merge-with-rules, rules: { $.deps: union, '*': by-role } }",
        &[
            ("z", "docs", json!({ "deps": ["a"], "name": "docs" })),
            ("b", "security", json!({ "deps": ["b", "a"], "name": "sec", "own": true })),
        ],
    );
    let summary = world.run();
    assert_eq!(summary["status"], "succeeded", "{summary:#}");
    let joined: Value = serde_json::from_str(&world.read("joined")).unwrap();
    let expect = json!({
        "value": { "deps": ["b", "a"], "name": "sec", "own": true },
        "winners": { "$.deps": "b", "$.name": "b", "$.own": "b" },
    });
    assert_eq!(joined, expect);
}

#[test]
fn a_conflict_fails_the_join_at_once_and_names_path_and_tasks() {
    let world = joining("{}", &[("a", "", json!({ "n": 1 })), ("b", "", json!({ "n": 2 }))]);
    let summary = world.run();
    assert_eq!(summary["tasks"]["j"]["cause"], "join_conflict", "{summary:#}");
    assert_eq!(summary["tasks"]["j"]["attempts"], 1);
    let said = world.regatta(&["explain", "j"]).exits(0);
    assert!(said.out.contains("`$.n` (a, b): they say different things"), "{}", said.out);
}

#[test]
fn a_person_decides_a_conflict_that_was_left_to_people() {
    let world = joining(
        "{ conflict: manual-escalation }",
        &[("a", "", json!({ "n": 1 })), ("b", "", json!({ "n": 2 }))],
    );
    let said = world.regatta(&["run", "plan.yaml"]).exits(5);
    assert!(
        said.out.contains("the results that it joins disagree; a person must give its result"),
        "{}",
        said.out
    );
    let run = world.run_id();
    let story = world.read(&format!(".regatta/runs/{run}/escalations/j.md"));
    assert!(
        story.contains("the results that it joins disagree") && story.contains("`$.n` (a, b)"),
        "{story}"
    );
    world.regatta(&["answer", &run, "j", "--succeeded", "--result", "{\"value\": {\"n\": 3}}"]).exits(0);
    world.regatta(&["resume", &run]).exits(0);
    assert_eq!(world.read("joined"), "{\"value\":{\"n\":3}}");
}

#[test]
fn a_skipped_source_is_left_out_and_a_failed_one_blocks() {
    let plan = |rest: &str| {
        format!(
            "version: 1\ntasks:\n  - {{ id: a, run: 'echo 1 >\"$REGATTA_RESULT\"' }}\n  - {{ id: b, {rest} }}\n  - {{ id: j, needs: [a, b], join: {{}} }}\n  - {{ id: use, run: [sh, -c, 'printf %s \"$1\" >joined', x, '${{j.result.winners}}'] }}\n"
        )
    };
    let world = World::with(&plan("when: 'false', run: 'true'"));
    assert_eq!(world.run()["status"], "succeeded");
    assert_eq!(world.read("joined"), "{\"$\":\"a\"}");
    let world = World::with(&plan("run: 'false'"));
    assert_eq!(world.run()["tasks"]["j"]["status"], "blocked");
}

#[test]
fn the_items_of_a_map_are_joined_in_the_order_of_the_list() {
    let world = World::with(
        "version: 1
tasks:
  - { id: m, for_each: [a, b, c, d, e, f, g, h, i, j, k], run: 'printf ''[\"%s\"]'' \"${item}\" >\"$REGATTA_RESULT\"' }
  - { id: join, needs: [m], join: { conflict: merge-with-rules, rules: { $: concat } } }
  - { id: use, run: [sh, -c, 'printf %s \"$1\" >joined', x, '${join.result.value}'] }
",
    );
    let summary = world.run();
    assert_eq!(summary["status"], "succeeded", "{summary:#}");
    assert_eq!(world.read("joined"), r#"["a","b","c","d","e","f","g","h","i","j","k"]"#);
}

#[test]
fn an_equal_join_is_taken_from_an_earlier_run() {
    let world = World::with(
        "version: 1
tasks:
  - { id: a, effect: pure, cache: true, run: 'echo 1 >\"$REGATTA_RESULT\"' }
  - { id: j, needs: [a], cache: true, join: {} }
",
    );
    assert_eq!(world.run()["status"], "succeeded");
    let summary = world.run();
    assert_eq!(summary["tasks"]["j"]["status"], "succeeded");
    let events = world.regatta(&["events"]).exits(0).out;
    assert_eq!(events.lines().filter(|l| l.contains("\"node_reused\"")).count(), 2, "{events}");
}

/// Two lists of objects too large for the journal, joined into one after `between` was run.
fn joining_large(between: &str) -> World {
    let world = World::with(&format!(
        "version: 1\ntasks:\n\
         \x20 - {{ id: a, run: 'cat a.json >\"$REGATTA_RESULT\"' }}\n\
         \x20 - {{ id: b, run: 'cat b.json >\"$REGATTA_RESULT\"' }}\n\
         \x20 - {{ id: c, needs: [a, b], run: '{between}' }}\n\
         \x20 - {{ id: j, needs: [a, b, c], join: {{ conflict: merge-with-rules, rules: {{ '*': union }} }} }}\n\
         \x20 - {{ id: n, needs: [j], run: 'grep -o k $(grep -lr winners .regatta/runs --include=result.stored.json) | wc -l >count' }}\n",
    ));
    let list = |numbers: std::ops::Range<u64>| numbers.map(|n| json!({ "k": n })).collect::<Value>();
    world.write("a.json", &list(0..10_000).to_string());
    world.write("b.json", &list(5_000..15_000).to_string());
    world.write("c.json", "[{\"k\":15000}]");
    world
}

#[test]
fn large_results_are_joined_as_small_ones_are() {
    let world = joining_large("cat c.json >\"$REGATTA_RESULT\"");
    let summary = world.run();
    assert_eq!(summary["status"], "succeeded", "{summary:#}");
    assert_eq!(world.read("count").trim(), "15001");
}

#[test]
fn a_large_result_is_read_by_the_call_that_joins_it_and_must_be_what_was_recorded() {
    let spoil = "for f in $(find .regatta/runs -name result.stored.json); do echo >>$f; done; \
                 cat c.json >\"$REGATTA_RESULT\"";
    let summary = joining_large(spoil).run();
    assert_eq!(summary["tasks"]["j"]["status"], "failed", "{summary:#}");
    assert_eq!(summary["tasks"]["j"]["cause"], "tool", "{summary:#}");
}
