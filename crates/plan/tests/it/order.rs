//! The order of a plan and measured durations: what they become for the engine, what is refused.

use crate::world::{as_format, check, plan};
use regatta_plan::{Format, Ordered, canonical, lower, with_order};

const TASKS: &str = "tasks: [ {id: a, run: x}, {id: b, run: x, estimate: 2s}, {id: c, run: x} ]";

#[test]
fn an_order_reaches_the_engine_and_leaves_out_whom_it_likes() {
    let plan = plan(&format!("version: 1\norder: [c, a]\n{TASKS}"));
    assert_eq!(plan.unbuilt, vec![]);
    assert_eq!(lower(&plan).0.pinned, [2, 0]);
}

#[test]
fn an_order_names_tasks_each_once() {
    check(
        &format!("version: 1\norder: [b, d, b]\n{TASKS}"),
        "RG015 2:12 `order` names `d`, which is no task\nRG006 2:15 task `b` stands twice in `order`",
    );
    let strangers: Vec<String> = (0..13).map(|i| format!("x{i}")).collect();
    let text = format!("version: 1\norder: [{}]\n{TASKS}", strangers.join(", "));
    let found = crate::world::yaml(&text).facts();
    assert_eq!(found.len(), 11);
    assert!(found.iter().any(|f| f.message == "`order` names 3 more that are no tasks"));
}

#[test]
fn cells_of_a_matrix_are_ordered_by_their_own_ids() {
    let text = "version: 1\norder: ['b[y]']\ntasks: [ {id: b, matrix: { m: [x, y] }, run: x} ]";
    assert_eq!(lower(&plan(text)).0.pinned, [1]);
    check(&text.replace("b[y]", "b"), "RG015 2:9 `order` names `b`, which is no task");
}

#[test]
fn a_plan_without_an_order_is_stored_as_before() {
    let stored = canonical(&plan(&format!("version: 1\n{TASKS}"))).unwrap();
    assert!(!String::from_utf8(stored).unwrap().contains("order"));
}

#[test]
fn ageing_is_32_rounds_and_more_in_a_plan_of_many_tasks_unless_the_plan_says_so() {
    let ageing = |tasks: usize, head: &str| {
        let list: String = (0..tasks).map(|i| format!("  - {{ id: t{i}, run: x }}\n")).collect();
        lower(&plan(&format!("version: 1\n{head}tasks:\n{list}  - {{ id: last, run: x }}\n"))).1.ageing_rounds
    };
    assert_eq!([ageing(0, ""), ageing(28, ""), ageing(35, ""), ageing(399, "")], [32, 32, 36, 120]);
    assert_eq!(ageing(399, "ageing: 2\n"), 2);
    // A map counts as one, however many items it may have.
    let map = "version: 1\ntasks:\n  - { id: m, for_each: [a, b], max_items: 399, run: x }\n";
    assert_eq!(lower(&plan(map)).1.ageing_rounds, 32);
}

#[test]
fn a_measured_duration_stands_in_for_an_estimate_that_is_missing_and_is_not_stored() {
    let mut plan = plan(&format!("version: 1\n{TASKS}"));
    plan.recorded = [("a".to_owned(), 700), ("b".to_owned(), 900)].into();
    let estimates: Vec<Option<u64>> = lower(&plan).0.nodes.iter().map(|n| n.estimate_ms).collect();
    assert_eq!(estimates, [Some(700), Some(2_000), None]);
    assert!(!String::from_utf8(canonical(&plan).unwrap()).unwrap().contains("recorded"));
}

/// Writes an order into a text; the plan must be the same but for it.
#[track_caller]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
fn writes(format: Format, text: &str, expect: &str) {
    let order = ["c".to_owned(), "a".to_owned(), "b".to_owned()];
    let written = with_order(text, format, &order).unwrap();
    assert_eq!((written.text.as_str(), written.lost_comments), (expect, false));
    let written = written.text;
    let mut before = as_format(text, format).plan.unwrap();
    before.order = order.to_vec();
    assert_eq!(as_format(&written, format).plan.unwrap(), before);
}

#[test]
fn an_order_is_written_into_a_plan_and_every_other_letter_stays() {
    let list = "[\n  \"c\", \"a\", \"b\" ]";
    let tasks = "tasks: # all\n  - {id: a, run: x}\n  - {id: b, run: x}\n  - {id: c, run: x}\n";
    let yaml = Format::Yaml;
    writes(
        yaml,
        &format!("# top\nversion: 1\n{tasks}"),
        &format!("# top\nversion: 1\norder: {list}\n{tasks}"),
    );
    writes(
        yaml,
        &format!("version: 1\norder:\n- b\n- a # why\n# tasks\n{tasks}"),
        &format!("version: 1\norder: {list} # why\n# tasks\n{tasks}"),
    );
    writes(
        yaml,
        &format!("version: 1\n{tasks}order: [a, b] # now\nname: x\n...\n"),
        &format!("version: 1\n{tasks}order: {list} # now\nname: x\n...\n"),
    );
    let flow = "tasks: [{id: a, run: x}, {id: b, run: x}, {id: c, run: x}]}";
    writes(
        yaml,
        &format!("{{version: 1, {flow}"),
        &format!("{{version: 1, \"order\": [\n   \"c\", \"a\", \"b\" ],\n {flow}"),
    );
    let json = "\"tasks\": [{\"id\":\"a\",\"run\":\"x\"},{\"id\":\"b\",\"run\":\"x\"},{\"id\":\"c\",\"run\":\"x\"}]}";
    writes(
        Format::Json,
        &format!("{{\n  \"version\": 1, // c\n  {json}"),
        &format!("{{\n  \"version\": 1, // c\n  \"order\": [\n    \"c\", \"a\", \"b\" ],\n  {json}"),
    );
    writes(
        Format::Json,
        &format!("{{\"version\":1,\"order\":[\"a\"],{json}"),
        &format!("{{\"version\":1,\"order\":{list},{json}"),
    );
    let toml =
        "[[tasks]]\nid = 'a'\nrun = 'x'\n[[tasks]]\nid = 'b'\nrun = 'x'\n[[tasks]]\nid = 'c'\nrun = 'x'\n";
    writes(
        Format::Toml,
        &format!("# top\nversion = 1\n[limits]\nmax_parallel = 2\n{toml}"),
        &format!("order = {list}\n# top\nversion = 1\n[limits]\nmax_parallel = 2\n{toml}"),
    );
    writes(
        Format::Toml,
        &format!("version = 1\norder = ['b'] # old\n{toml}"),
        &format!("version = 1\norder = {list} # old\n{toml}"),
    );
}

#[test]
fn comments_around_an_order_stay_and_of_those_inside_it_is_told() {
    let order = ["b".to_owned()];
    let written = |format, text: &str| {
        let Ordered { text, lost_comments } = with_order(text, format, &order).unwrap();
        (text, lost_comments)
    };
    let list = "[\n  \"b\" ]";
    let json =
        |order: &str| format!("{{ // top\n\"version\": 1, {order}, /* all */ \"tasks\": [] }} // end\n");
    assert_eq!(
        written(Format::Json, &json("\"order\" /* o */ : /* p */ [\"a\", \"b\"] /* r */")),
        (json("\"order\" /* o */ : /* p */ [\n   \"b\" ] /* r */"), false)
    );
    assert_eq!(
        written(Format::Json, &json("\"order\": [\"a\", // slow\n \"b\"]")),
        (json("\"order\": [\n   \"b\" ]"), true)
    );
    assert_eq!(
        written(Format::Yaml, "order: # mine\n- a\n# slow\n- b # last\ntasks: []\n"),
        (format!("order: {list} # last\ntasks: []\n"), true)
    );
    assert_eq!(
        written(Format::Toml, "order   = ['a', # slow\n 'b'] # o\n"),
        (format!("order   = {list} # o\n"), true)
    );
}

#[test]
fn a_long_order_is_broken_into_lines() {
    let order: Vec<String> = (0..40).map(|i| format!("task-{i}")).collect();
    let text = with_order("version: 1\ntasks: []\n", Format::Yaml, &order).unwrap().text;
    assert!(text.lines().count() > 4 && text.lines().all(|line| line.len() <= 102), "{text}");
    assert_eq!(with_order("- a", Format::Yaml, &order), None);
}
