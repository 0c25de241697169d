//! Spec 11: a key whose feature is not built yet is accepted by `check` and refused by `run`, wherever it stands. Which keys
//! these are is asked of the schema, so that none can be forgotten.

use crate::world::World;
use regatta_plan::Document;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// One step on the way to a key.
#[derive(Clone, Debug)]
enum Step {
    Key(String),
    /// An entry of a list.
    Entry,
    /// A member of a map with free keys.
    Member,
}

/// A part of the schema, where it stands and not by its name.
fn resolved<'s>(root: &'s Value, part: &'s Value) -> &'s Value {
    let Some(name) = part["$ref"].as_str() else { return part };
    &root["$defs"][name.trim_start_matches("#/$defs/").replace("%20", " ")]
}

/// The ways to all keys that are not built.
fn ways(root: &Value, part: &Value, way: &[Step], inside: &BTreeSet<String>, found: &mut Vec<Vec<Step>>) {
    let mut inside = inside.clone();
    if part["$ref"].as_str().is_some_and(|name| !inside.insert(name.to_owned())) {
        return;
    }
    let part = resolved(root, part);
    let go = |step: Step| -> Vec<Step> { way.iter().cloned().chain([step]).collect() };
    for (key, value) in part["properties"].as_object().into_iter().flatten() {
        let way = go(Step::Key(key.clone()));
        if value["description"].as_str().is_some_and(|text| text.ends_with("not built yet.")) {
            found.push(way.clone());
        }
        ways(root, value, &way, &inside, found);
    }
    for one in part["anyOf"].as_array().into_iter().flatten() {
        ways(root, one, way, &inside, found);
    }
    for (name, step) in [("items", Step::Entry), ("additionalProperties", Step::Member)] {
        if part[name].is_object() {
            ways(root, &part[name], &go(step), &inside, found);
        }
    }
}

/// Some value that a part of the schema takes.
fn sample(root: &Value, part: &Value) -> Value {
    let part = resolved(root, part);
    if let Some(first) = part["enum"].get(0) {
        return first.clone();
    }
    match part["type"].as_str() {
        Some("string") if part["pattern"].as_str().is_some_and(|text| text.contains("ms")) => json!("1s"),
        Some("string") if part["pattern"].is_string() => json!("1MiB"),
        Some("string") => json!("x"),
        Some("boolean") => json!(true),
        Some("integer" | "number") => part["minimum"].as_u64().unwrap_or(1).into(),
        Some("array") => json!([]),
        Some("object") => {
            let needed = [&part["required"], &part["oneOf"][0]["required"]];
            let keys = needed.into_iter().filter_map(Value::as_array).flatten().filter_map(Value::as_str);
            let pairs = keys.map(|key| (key.to_owned(), sample(root, &part["properties"][key])));
            Value::Object(pairs.collect::<Map<_, _>>())
        }
        _ => match part["anyOf"].get(0) {
            Some(first) => sample(root, first),
            None => json!({ "x": 1 }),
        },
    }
}

/// What stands there, with something at the end of a way.
fn with(root: &Value, part: &Value, way: &[Step], there: Option<Value>) -> Value {
    let part = resolved(root, part);
    let Some((step, rest)) = way.split_first() else { return sample(root, part) };
    let name = match step {
        Step::Key(_) => "properties",
        Step::Entry => "items",
        Step::Member => "additionalProperties",
    };
    let among: Vec<&Value> = part["anyOf"].as_array().into_iter().flatten().chain([part]).collect();
    let part = among.iter().map(|one| resolved(root, one)).find(|one| one[name].is_object()).unwrap();
    match step {
        Step::Key(key) => {
            let mut object = there.unwrap_or_else(|| sample(root, part));
            let before = object.get(key).cloned();
            object[key] = with(root, &part[name][key], rest, before);
            object
        }
        Step::Entry => {
            let first = there.and_then(|list| list.get(0).cloned());
            json!([with(root, &part[name], rest, first)])
        }
        Step::Member => json!({ "x": with(root, &part[name], rest, None) }),
    }
}

/// How `run` names the key at the end of a way.
fn named(way: &[Step]) -> String {
    let (mut path, mut task) = (String::new(), false);
    for step in way {
        match step {
            Step::Entry if ["tasks", "commands"].contains(&path.as_str()) => {
                (path, task) = (String::new(), true)
            }
            Step::Entry => path.push_str("[0]"),
            Step::Key(key) if path.is_empty() => path.clone_from(key),
            Step::Key(key) => path = format!("{path}.{key}"),
            Step::Member => path.push_str(".x"),
        }
    }
    format!("{} needs `{path}`", if task { "task `a`" } else { "the plan" })
}

#[test]
fn every_key_that_is_not_built_is_accepted_by_check_and_refused_by_run_with_its_place() {
    let documents = [
        (Document::Plan, json!({ "version": 1, "tasks": [{ "id": "a", "run": "touch ran" }] })),
        (
            Document::Request,
            json!({ "tasks": [{ "id": "a", "tool": "shell", "params": { "cmd": "touch ran" } }] }),
        ),
        (Document::Batch, json!({ "commands": [{ "id": "a", "cmd": "touch ran" }] })),
    ];
    let mut refused = 0;
    for (document, base) in documents {
        let root = regatta_plan::schema(document);
        let mut found = Vec::new();
        ways(&root, &root, &[], &BTreeSet::new(), &mut found);
        for way in found {
            let (world, named) = (World::new(), named(&way));
            world.write("plan.json", &with(&root, &root, &way, Some(base.clone())).to_string());
            world.regatta(&["check", "plan.json"]).exits(0);
            let said = world.regatta(&["run", "plan.json"]);
            assert!(
                said.code == Some(2) && said.err.contains(&named),
                "{named}: {:?} {}",
                said.code,
                said.err
            );
            assert!(!world.path("ran").exists() && !world.path(".regatta").exists(), "{named}");
            refused += 1;
        }
    }
    // `handoff` of a plan and of a task.
    assert!(refused >= 2, "{refused}");
}
