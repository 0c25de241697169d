//! Tests of canonical JSON: the same bytes as by a tree of values.

use super::*;
use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What it must be: by a tree of values.
fn by_tree(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(by_tree).collect::<Vec<_>>().join(",")),
        Value::Object(map) => {
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            let members = sorted.iter().map(|(key, value)| format!("{}:{}", json!(key), by_tree(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        plain => plain.to_string(),
    }
}

#[derive(Serialize)]
enum Kind {
    Bare,
    One(u8),
    Two(i64, &'static str),
    Named { zeta: Option<bool>, alpha: f64 },
}

#[derive(Serialize)]
struct Odd {
    z: Vec<Kind>,
    by_number: BTreeMap<i32, char>,
    #[serde(flatten)]
    rest: BTreeMap<&'static str, Option<()>>,
    bytes: (f64, f32, [u8; 2]),
}

#[test]
fn whatever_serde_writes_is_written_with_sorted_keys() {
    let odd = Odd {
        z: vec![Kind::Bare, Kind::One(1), Kind::Two(-2, "\u{1}é\n"), Kind::Named { zeta: None, alpha: 1.0 }],
        by_number: [(10, 'x'), (-9, '"')].into(),
        rest: [("a", None), ("zz", Some(()))].into(),
        bytes: (f64::NAN, 0.5, [0, 255]),
    };
    let tree = serde_json::to_value(&odd).map(|tree| by_tree(&tree));
    let written = text(&odd).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert_eq!(tree.ok(), written.ok());
    assert!(text(&BTreeMap::from([(None::<u8>, 1)])).is_err(), "a key that is no text");
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_value_is_written_as_by_its_tree(value in any_value()) {
        let written = text(&value).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        prop_assert_eq!(written.ok(), Some(by_tree(&value)));
    }
}
