//! Spec 3: `join`, how several results become one value.

use crate::world::{check, plan};
use proptest::prelude::*;
use regatta_plan::join::{JsonPath, Rules, Source, merge};
use regatta_plan::model::Action;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// `a`, `b` and so on say these values; a role stands before a colon.
fn sources(said: &[(&str, Value)]) -> Vec<Source> {
    let names = ["a", "b", "c", "d"];
    let source = |((role, value), name): (&(&str, Value), &str)| Source {
        task: name.to_owned(),
        role: (!role.is_empty()).then(|| (*role).to_owned()),
        value: value.clone(),
    };
    said.iter().zip(names).map(source).collect()
}

fn by(rules: &[(&str, &str)]) -> Rules {
    let rules: BTreeMap<String, String> = rules.iter().map(|(p, r)| ((*p).into(), (*r).into())).collect();
    Rules { strict: false, rules }
}

fn strict() -> Rules {
    Rules { strict: true, rules: BTreeMap::new() }
}

/// What comes out: value and winners, or the conflicts.
fn joined(said: &[(&str, Value)], rules: &Rules) -> Result<(Value, Value), String> {
    let merged = merge(&sources(said), rules).map_err(|conflicts| conflicts.to_string())?;
    Ok((merged["value"].clone(), merged["winners"].clone()))
}

#[test]
fn objects_are_merged_member_by_member_and_each_path_has_its_winner() {
    let said =
        [("", json!({ "a": 1, "deep": { "x": [1] } })), ("", json!({ "b": 2, "deep": { "y": null } }))];
    let expect = (
        json!({ "a": 1, "b": 2, "deep": { "x": [1], "y": null } }),
        json!({ "$.a": "a", "$.b": "b", "$.deep.x": "a", "$.deep.y": "b" }),
    );
    assert_eq!(joined(&said, &strict()), Ok(expect));
}

#[test]
fn what_all_say_alike_is_no_conflict_and_goes_to_the_one_with_most_authority() {
    let said = [("docs", json!({ "n": 1 })), ("security", json!({ "n": 1.0 })), ("", json!({ "n": 1 }))];
    assert_eq!(joined(&said, &strict()), Ok((json!({ "n": 1.0 }), json!({ "$.n": "b" }))));
    let asked = |rule| joined(&said, &by(&[("*", rule)]));
    assert_eq!(asked("first"), Ok((json!({ "n": 1 }), json!({ "$.n": "a" }))));
    assert_eq!(asked("last"), Ok((json!({ "n": 1 }), json!({ "$.n": "c" }))));
    assert_eq!(asked("max"), Ok((json!({ "n": 1.0 }), json!({ "$.n": "b" }))));
}

#[test]
fn a_conflict_names_the_path_the_tasks_and_the_reason_and_all_are_told() {
    let said = [("", json!({ "n": 1, "m": { "k": "x" } })), ("", json!({ "n": 2, "m": { "k": [] } }))];
    assert_eq!(
        joined(&said, &strict()).unwrap_err(),
        "`$.m.k` (a, b): they say different things; `$.n` (a, b): they say different things"
    );
}

#[test]
fn roles_decide_where_no_rule_does_in_the_order_of_their_authority() {
    let order = ["docs", "implementation", "", "security", "architecture"];
    for (i, lower) in ["docs", "implementation", "architecture", "security"].iter().enumerate().skip(1) {
        let below = ["", "docs", "implementation", "architecture"][i];
        let said = [(below, json!("low")), (*lower, json!("high"))];
        assert_eq!(joined(&said, &by(&[])), Ok((json!("high"), json!({ "$": "b" }))), "{order:?}");
    }
    let tie = [("docs", json!(1)), ("docs", json!(2))];
    assert_eq!(joined(&tie, &by(&[])).unwrap_err(), "`$` (a, b): no role has more authority than the others");
}

#[test]
fn each_rule_does_what_its_name_says() {
    let lists = [("", json!([1, 2])), ("", json!([2.0, 3])), ("", json!([]))];
    let texts = [("", json!("x")), ("", json!("y"))];
    let numbers = [("", json!(2)), ("", json!(9_007_199_254_740_993_u64)), ("", json!(-1.5))];
    let same = [("", json!({ "k": [1] })), ("", json!({ "k": [1.0] }))];
    for (said, rule, value, winner) in [
        (&lists[..], "first", json!([1, 2]), json!("a")),
        (&lists[..], "last", json!([]), json!("c")),
        (&lists[..], "union", json!([1, 2, 3]), json!(["a", "b"])),
        (&lists[..], "concat", json!([1, 2, 2.0, 3]), json!(["a", "b", "c"])),
        (&texts[..], "concat", json!("xy"), json!(["a", "b"])),
        (&numbers[..], "max", json!(9_007_199_254_740_993_u64), json!("b")),
        (&numbers[..], "min", json!(-1.5), json!("c")),
        (&same[..], "equal-or-fail", json!({ "k": [1] }), json!("a")),
    ] {
        assert_eq!(joined(said, &by(&[("$", rule)])), Ok((value, json!({ "$": winner }))), "{rule}");
    }
    for (said, rule, why) in [
        (&texts[..], "union", "`union` wants lists"),
        (&numbers[..], "concat", "`concat` wants lists, or texts"),
        (&texts[..], "max", "`max` and `min` want numbers"),
        (&texts[..], "equal-or-fail", "they must say the same"),
    ] {
        assert!(joined(said, &by(&[("*", rule)])).unwrap_err().ends_with(why), "{rule}");
    }
}

#[test]
fn a_rule_is_for_its_path_whole_also_where_one_source_alone_speaks() {
    let said = [("", json!({ "deps": { "x": 1 }, "v": 1 })), ("", json!({ "deps": { "y": 2 }, "v": 2 }))];
    let rules = by(&[("$.deps", "last"), ("$.v", "max")]);
    let expect = (json!({ "deps": { "y": 2 }, "v": 2 }), json!({ "$.deps": "b", "$.v": "b" }));
    assert_eq!(joined(&said, &rules), Ok(expect));
    let alone = [("", json!({ "deps": "text" }))];
    assert!(joined(&alone, &by(&[("$.deps", "union")])).is_err());
}

#[test]
fn of_nothing_comes_nothing() {
    assert_eq!(joined(&[], &strict()), Ok((Value::Null, json!({}))));
    let empty = [("", json!({})), ("", json!({}))];
    assert_eq!(joined(&empty, &strict()), Ok((json!({}), json!({ "$": "a" }))));
}

#[test]
fn no_more_is_told_of_a_hostile_join_than_a_person_reads_and_its_paths_are_bounded() {
    let said = |n: i32| (0..100).map(|i| (format!("k{i:03}"), json!(n))).collect::<Value>();
    let why = joined(&[("", said(1)), ("", said(2))], &strict()).unwrap_err();
    assert!(why.ends_with("; and 80 more") && why.contains("`$.k019`") && !why.contains("`$.k020`"), "{why}");
    let inner: Value = (0..100).map(|i| (format!("k{i}"), json!(i))).collect();
    let long = json!({ "k".repeat(1 << 20): inner });
    let why = joined(&[("", long.clone()), ("", long)], &strict()).unwrap_err();
    assert!(why.contains("longer than 16777216 bytes"), "{}", why.len());
}

#[test]
fn a_path_has_one_spelling() {
    let path = |text: &str| JsonPath::parse(text).map(|p| p.to_string());
    assert_eq!(path("$"), Ok("$".into()));
    assert_eq!(path(r#"$["deps"].a-b["x y"]"#), Ok(r#"$.deps.a-b["x y"]"#.into()));
    for bad in ["", "deps", "$deps", "$.", "$..a", "$[0]", "$[\"a\"", "$.a b", "$.ä", "$[\"a\"]x"] {
        assert!(path(bad).is_err(), "{bad}");
    }
    assert_eq!(JsonPath::root().member("ä").to_string(), "$[\"ä\"]");
}

#[test]
fn a_join_is_read_with_its_paths_in_one_spelling() {
    let text = "version: 1\ntasks:\n  - { id: a, run: x }\n  - { id: j, needs: [a], join: { conflict: merge-with-rules, rules: { '$[\"deps\"]': union, '*': by-role } } }\n";
    let plan = plan(text);
    let Action::Join { conflict, rules } = &plan.tasks[1].action else { panic!("{:?}", plan.tasks[1]) };
    assert_eq!(
        (conflict.as_str(), rules["$.deps"].as_str(), rules["*"].as_str()),
        ("merge-with-rules", "union", "by-role")
    );
    assert_eq!(plan.tasks[1].effect, "pure");
}

#[test]
fn rules_that_nothing_would_ask_and_paths_that_are_none_are_errors() {
    let of = |needs: &str, join: &str| {
        format!(
            "version: 1\ntasks:\n  - {{ id: a, run: x }}\n  - {{ id: j, needs: [{needs}], join: {join} }}\n"
        )
    };
    check(
        &of("a", "{ rules: { $.deps: union } }"),
        "RG006 4:32 `join` of task `j` has rules, but `conflict: fail-fast`",
    );
    check(
        &of("a", "{ conflict: merge-with-rules, rules: { deps: union } }"),
        "RG006 4:71 a rule of `join` of task `j` cannot be used: `deps` is no path like `$.deps` or `$[\"a name\"]`",
    );
    check(&of("", "{}"), "RG006 4:31 task `j` joins the results of what it needs, and needs nothing");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..3).prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[ab.]{1,2}", inner, 0..3).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn what_one_source_alone_says_is_the_value(value in any_json()) {
        prop_assert_eq!(joined(&[("", value.clone())], &strict()).map(|(v, _)| v), Ok(value));
    }

    #[test]
    fn a_join_of_the_same_is_the_same_and_roles_do_not_depend_on_the_order(a in any_json(), b in any_json()) {
        prop_assert_eq!(joined(&[("", a.clone()), ("", a.clone())], &strict()).map(|(v, _)| v), Ok(a.clone()));
        let one = joined(&[("docs", a.clone()), ("security", b.clone())], &by(&[]));
        let other = joined(&[("security", b), ("docs", a)], &by(&[]));
        prop_assert_eq!(one.map(|(v, _)| v), other.map(|(v, _)| v));
    }
}
