//! The wire format, byte for byte. `REGATTA_BLESS=1 cargo test -p regatta-journal golden` writes the files anew: do so
//! only together with a new `RecordVersion`, for runs of yesterday are read tomorrow.

use crate::samples;
use regatta_engine::ids::NodeId;
use regatta_engine::input::Input;
use regatta_journal::record::{RecordError, decode_event, decode_input, encode_event, encode_input};
use std::collections::BTreeSet;

const ENGINE_EVENTS: &str = include_str!("../../../engine/src/event.rs");
const ENGINE_INPUTS: &str = include_str!("../../../engine/src/input.rs");

fn event_bytes(event: &regatta_engine::event::Event) -> String {
    let mut out = Vec::new();
    encode_event(event, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn input_bytes(input: &Input) -> String {
    let mut out = Vec::new();
    encode_input(input, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// `DispatchEnded { .. }` -> `dispatch_ended`.
fn variant(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    snake(text.split(|c: char| !c.is_alphanumeric()).next().unwrap())
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// The variants of an enum as its source names them.
fn declared(source: &str, name: &str) -> BTreeSet<String> {
    let body = source.split(&format!("pub enum {name} {{\n")).nth(1).unwrap().split("\n}\n").next().unwrap();
    let is_variant = |line: &&str| line.starts_with("    ") && line[4..].starts_with(char::is_uppercase);
    let variants = body.lines().filter(is_variant);
    variants.map(|line| snake(line.trim().split([' ', ',', '(', '{']).next().unwrap())).collect()
}

fn compare(file: &str, lines: &[String]) {
    let path = format!("{}/tests/it/golden/{file}", env!("CARGO_MANIFEST_DIR"));
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    if std::env::var_os("REGATTA_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    for (ours, theirs) in text.lines().zip(golden.lines()) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(text, golden);
}

/// The record inside a golden line, byte for byte.
fn record(line: &str) -> &[u8] {
    let (_, record) = line.split_once(r#","record":"#).unwrap();
    record.strip_suffix('}').unwrap().as_bytes()
}

#[test]
fn every_event_variant_has_a_golden_record() {
    let events = samples::events();
    let line = |e: &regatta_engine::event::Event| {
        format!(r#"{{"variant":"{}","record":{}}}"#, variant(&e.kind), event_bytes(e))
    };
    compare("events.jsonl", &events.iter().map(line).collect::<Vec<_>>());
    let sampled: BTreeSet<String> = events.iter().map(|e| variant(&e.kind)).collect();
    assert_eq!(sampled, declared(ENGINE_EVENTS, "EventKind"));
}

#[test]
fn every_input_variant_has_a_golden_record() {
    let inputs = samples::inputs();
    let line = |i: &Input| format!(r#"{{"variant":"{}","record":{}}}"#, variant(i), input_bytes(i));
    compare("inputs.jsonl", &inputs.iter().map(line).collect::<Vec<_>>());
    let sampled: BTreeSet<String> = inputs.iter().map(variant).collect();
    assert_eq!(sampled, declared(ENGINE_INPUTS, "Input"));
}

#[test]
fn golden_records_give_the_same_events_and_inputs_again() {
    let golden = include_str!("golden/events.jsonl");
    for (line, event) in golden.lines().zip(samples::events()) {
        assert_eq!(decode_event(record(line)).unwrap(), event, "{line}");
    }
    let golden = include_str!("golden/inputs.jsonl");
    for (line, input) in golden.lines().zip(samples::inputs()) {
        assert_eq!(decode_input(record(line)).unwrap(), input, "{line}");
    }
}

#[test]
fn the_kind_in_a_record_is_the_name_of_the_event() {
    for event in samples::events() {
        let value: serde_json::Value = serde_json::from_str(&event_bytes(&event)).unwrap();
        assert_eq!(value["kind"], event.kind.name());
        assert_eq!(value["node"].as_u64(), event.kind.node().map(|n: NodeId| u64::from(n.0)));
        assert_eq!(value["attempt_id"].as_u64(), event.kind.attempt().map(|a| a.0));
    }
}

#[test]
fn an_unknown_kind_is_told_apart_from_a_bad_record() {
    let unknown = [
        r#"{"kind":"gate_passed","at":1,"gate":"g1"}"#,
        r#"{"kind":"node_forked","at":1,"node":3}"#,
        r#"{"kind":"dispatch_delayed","at":1}"#,
        r#"{"kind":"run_forked","at":1}"#,
        r#"{"kind":"","at":1}"#,
    ];
    for record in unknown {
        let error = decode_event(record.as_bytes()).unwrap_err();
        assert!(matches!(error, RecordError::UnknownKind { .. }), "{record}: {error}");
        let error = decode_input(record.as_bytes()).unwrap_err();
        assert!(matches!(error, RecordError::UnknownKind { .. }), "{record}: {error}");
    }
    let bad = [
        "",
        "{}",
        "[]",
        r#"{"kind":"node_ready","at":1,"node":1,"number":1,"more":1}"#,
        r#"{"kind":"node_ready","at":1,"node":-1,"number":1}"#,
        r#"{"kind":"node_ready","at":1,"node":1}"#,
        r#"{"kind":"run_ended","at":1,"status":"fine"}"#,
        r#"{"kind":"node_failed","at":1,"node":1,"number":1,"cause":"fate"}"#,
        r#"{"kind":"answered","at":1,"node":1,"attempt_id":1,"answer":"perhaps","by_person":true}"#,
        r#"{"kind":"lease_refused","at":1,"node":1,"cap":"moon"}"#,
        r#"{"kind":"hold_ended","at":1,"scope":"moon"}"#,
        r#"{"kind":"hold_ended","at":1,"index":1}"#,
        r#"{"kind":"escalated","at":1,"scope":"tag","index":1,"class":"fate","cause":"exit"}"#,
        "\u{0}\u{0}\u{0}",
    ];
    for record in bad {
        let error = decode_event(record.as_bytes()).unwrap_err();
        assert!(!matches!(error, RecordError::UnknownKind { .. }), "{record}: {error}");
    }
}

#[test]
fn a_record_of_the_usual_kinds_stays_under_200_bytes() {
    for event in crate::world::task(123_456) {
        let bytes = event_bytes(&event);
        assert!(bytes.len() < 200, "{bytes}");
    }
}
