//! The keys of circuit breakers: their defaults, what they become for the engine, what is refused.

use crate::world::{as_format, check, yaml};
use regatta_engine::breaker::{BreakerPolicy, WhenOpen, Window};
use regatta_plan::{Format, canonical, lower};

fn policy(text: &str) -> Option<BreakerPolicy> {
    let loaded = yaml(&format!("version: 1\n{text}\ntasks: []"));
    assert_eq!(loaded.errors(), 0);
    let plan = loaded.plan?;
    assert_eq!(plan.unbuilt, vec![]);
    lower(&plan).1.breaker
}

#[test]
fn the_breaker_is_off_unless_it_is_given() {
    assert_eq!(policy(""), None);
    assert_eq!(policy("breaker: {}"), Some(BreakerPolicy::default()));
    assert_eq!(
        policy("breaker: { failures: 3, cool_down: 5m, when_open: wait, limit: 30m }"),
        policy("breaker: {}")
    );
}

#[test]
fn each_key_of_a_breaker_reaches_the_engine() {
    let found =
        policy("breaker: { failures: 7, share: 0.25, window: 6, cool_down: 2s, when_open: fail, limit: 1m }");
    let expect = BreakerPolicy {
        failures: 7,
        window: Some(Window { attempts: 6, failures: 2 }), // a quarter of 6, rounded up
        cool_down_ms: 2_000,
        when_open: WhenOpen::Fail,
        limit_ms: 60_000,
    };
    assert_eq!(found, Some(expect));
    let window = |text: &str| policy(text).unwrap().window.map(|w| (w.failures, w.attempts));
    assert_eq!(window("breaker: { share: 0.7 }"), Some((7, 10)));
    assert_eq!(window("breaker: { window: 5 }"), Some((3, 5)));
    assert_eq!(window("breaker: { share: 1.000, window: 1 }"), Some((1, 1)));
    assert_eq!(window("breaker: { share: 0.001, window: 1 }"), Some((1, 1)));
}

#[test]
fn bad_values_of_a_breaker_are_told_where_they_stand() {
    let bad = |share: &str| {
        let expect =
            format!("RG006 2:19 `share` must be a number above 0 and at most 1, such as 0.5, not `{share}`");
        check(&format!("version: 1\nbreaker: {{ share: {share} }}\ntasks: []"), &expect);
    };
    ["0", "1.5", "-0.5", "0.0001", ".5", "1e-1", "50%"].into_iter().for_each(bad);
    check(
        "version: 1\nbreaker: { failures: 0 }\ntasks: []",
        "RG006 2:22 `failures` must be a whole number from 1 to 1000, not `0`",
    );
    check(
        "version: 1\nbreaker: { when_open: wait, cooldown: 1s }\ntasks: []",
        "RG003 2:29 unknown key `cooldown` in `breaker`",
    );
}

#[test]
fn a_call_of_shell_is_a_tool_for_the_engine_and_a_run_is_none() {
    let plan = yaml(
        "version: 1\nmcp_servers: { fs: { command: x } }\ntasks: [ { id: a, tool: shell, params: { cmd: x } }, { id: b, run: x }, { id: c, tool: fs/read } ]",
    );
    let (spec, _) = lower(&plan.plan.unwrap());
    assert_eq!(spec.tools, ["fs/read", "shell"]);
    assert_eq!(spec.nodes.iter().map(|n| n.tool).collect::<Vec<_>>(), [Some(1), None, Some(0)]);
    let request = r#"{ "tasks": [ { "id": "a", "tool": "shell", "params": { "cmd": "x" } } ] }"#;
    let (spec, _) = lower(&as_format(request, Format::Json).plan.unwrap());
    assert_eq!((spec.tools, spec.nodes[0].tool), (vec!["shell".to_owned()], Some(0)));
}

#[test]
fn a_plan_without_a_breaker_is_stored_as_it_always_was() {
    let plan = yaml("version: 1\ntasks: [ { id: a, run: x } ]").plan.unwrap();
    let text = String::from_utf8(canonical(&plan).unwrap()).unwrap();
    assert!(!text.contains("breaker") && !text.contains("called"), "{text}");
    let again: regatta_plan::Plan = serde_json::from_str(&text).unwrap();
    assert_eq!(again, plan);
}
