//! Events as they are printed.

use crate::samples;
use regatta_engine::graph::Graph;
use regatta_engine::ids::NodeId;
use regatta_engine::spec::{GraphSpec, NodeSpec, Policy, Priority, ResourceSpec};
use regatta_journal::{PublicRun, StoredEvent, event_json, rfc3339};

fn graph() -> Graph {
    let node = |id: &str, needs: &[u32]| NodeSpec {
        id: id.into(),
        needs: needs.to_vec(),
        priority: Priority::P1,
        agent: Some(3),
        ..NodeSpec::default()
    };
    let name = |n: u32| format!("n{n}");
    let spec = GraphSpec {
        persons: std::collections::BTreeMap::new(),
        tools: vec!["shell".into()],
        nodes: vec![node("a", &[]), node("b", &[]), node("c", &[]), node("d", &[0, 2])],
        agents: (0..4).map(name).collect(),
        tags: (0..5).map(name).collect(),
        resources: (0..6).map(|n| ResourceSpec { name: name(n), capacity: Some(2), lease: false }).collect(),
        policies: vec![Policy::default()],
        pinned: vec![],
        maps: vec![],
    };
    Graph::build(spec).unwrap()
}

#[test]
fn every_event_has_the_fields_of_the_specification() {
    let graph = graph();
    let run = PublicRun { run_id: "r1", schedule_plan_hash: "ab", graph: &graph };
    for (i, event) in samples::events().into_iter().enumerate() {
        let stored = StoredEvent { pos: i as u64 + 1, wall_ms: 1_700_000_000_123, event, payload: None };
        let line = event_json(&run, &stored);
        assert!(!line.contains('\n'));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        let object = value.as_object().unwrap();
        for field in [
            "pos",
            "key",
            "run_id",
            "node_id",
            "wave",
            "attempt",
            "attempt_id",
            "agent",
            "priority",
            "at",
            "duration_ms",
            "kind",
            "status",
            "cause",
            "schedule_plan_hash",
        ] {
            assert!(object.contains_key(field), "{field}: {line}");
        }
        assert_eq!(value["at"], "2023-11-14T22:13:20.123Z");
        let node = stored.event.kind.node().map(|_| "d");
        assert_eq!(value["node_id"].as_str(), node);
        assert_eq!(value["agent"].as_str(), node.map(|_| "n3"));
    }
}

#[test]
fn lines_name_what_records_number() {
    let graph = graph();
    let run = PublicRun { run_id: "r1", schedule_plan_hash: "ab", graph: &graph };
    let line =
        |(i, event)| event_json(&run, &StoredEvent { pos: i as u64 + 1, wall_ms: 0, event, payload: None });
    let lines: Vec<String> = samples::events().into_iter().enumerate().map(line).collect();
    let one = |pos: usize| lines[pos - 1].as_str();
    insta::assert_snapshot!(one(24), @r#"{"pos":24,"key":"1.0.0.0","run_id":"r1","node_id":"d","wave":1,"attempt":null,"attempt_id":null,"agent":"n3","priority":"P1","at":"1970-01-01T00:00:00.000Z","duration_ms":null,"kind":"lease_refused","status":null,"cause":null,"schedule_plan_hash":"ab","class":"operational","cap":"tag","cap_name":"n4"}"#);
    insta::assert_snapshot!(one(30), @r#"{"pos":30,"key":"1.0.2.2","run_id":"r1","node_id":"d","wave":1,"attempt":2,"attempt_id":7,"agent":"n3","priority":"P1","at":"1970-01-01T00:00:00.000Z","duration_ms":31,"kind":"dispatch_succeeded","status":"succeeded","cause":null,"schedule_plan_hash":"ab","class":"logical","exit":0,"message":"said \"no\"\n\u001b[31m ünicode","result_sha256":"01ababababababababababababababababababababababababababababababab","result_bytes":17,"stdout_sha256":"f2ababababababababababababababababababababababababababababababab","stdout_bytes":18446744073709551615,"stderr_sha256":"00ababababababababababababababababababababababababababababababab","stderr_bytes":0,"usage":{"input_tokens":1,"cached_tokens":2,"output_tokens":3,"reasoning_tokens":4,"cost_micro_usd":5},"leaked":2}"#);
    insta::assert_snapshot!(one(51), @r#"{"pos":51,"key":"1.0.2.4","run_id":"r1","node_id":"d","wave":1,"attempt":2,"attempt_id":null,"agent":"n3","priority":"P1","at":"1970-01-01T00:00:00.000Z","duration_ms":null,"kind":"node_blocked","status":"blocked","cause":"upstream","schedule_plan_hash":"ab","class":"logical","upstream":["a","c"]}"#);
}

#[test]
fn no_control_or_direction_character_is_printed_raw() {
    let graph = graph();
    let run = PublicRun { run_id: "r1", schedule_plan_hash: "ab", graph: &graph };
    let nasty = "\u{1b}[31m \u{9b}31m \u{7f} \u{202e}txt\u{2066} \u{200b}\u{feff} \u{e0041} \n\r\u{2028} fine: ü 日本 🚣";
    let report = regatta_engine::report::Report { message: Some(nasty.into()), ..Default::default() };
    let kind = regatta_engine::event::EventKind::UndoEnded {
        node: NodeId(0),
        attempt: regatta_engine::ids::AttemptId(1),
        cause: None,
        report: Box::new(report),
    };
    let event = crate::world::event(0, kind);
    let line = event_json(&run, &StoredEvent { pos: 1, wall_ms: 0, event, payload: None });
    let raw: Vec<char> = line.chars().filter(|c| !c.is_ascii() || c.is_control()).collect();
    assert_eq!(raw, ['ü', '日', '本', '🚣']);
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(value["message"], nasty);
}

#[test]
fn an_event_of_another_graph_is_printed_without_names() {
    let graph = graph();
    let run = PublicRun { run_id: "r1", schedule_plan_hash: "ab", graph: &graph };
    for kind in [
        regatta_engine::event::EventKind::NodeReady { node: NodeId(99), number: 1 },
        regatta_engine::event::EventKind::WaveEnded { wave: 99 },
    ] {
        let event = crate::world::event(0, kind);
        let line = event_json(&run, &StoredEvent { pos: 1, wall_ms: 0, event, payload: None });
        assert!(line.contains(r#""key":"-""#) && line.contains(r#""node_id":null"#), "{line}");
    }
}

#[test]
fn times_are_rfc_3339_in_utc() {
    let times = [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (951_868_800_000, "2000-03-01T00:00:00.000Z"),
        (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
        (1_735_689_599_999, "2024-12-31T23:59:59.999Z"),
        (1_790_899_200_007, "2026-10-02T00:00:00.007Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ];
    for (ms, text) in times {
        assert_eq!(rfc3339(ms), text);
    }
    assert!(rfc3339(u64::MAX).ends_with('Z'));
}
