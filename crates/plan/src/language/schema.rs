//! The JSON Schema of a document, made of the same declarations that judge it.
//!
//! JSON Schema, draft 2020-12. What a schema cannot say (names, cycles, references) is left to `check`.

use super::{BATCH, Field, Kind, PLAN, REQUEST, SETTINGS, Shape};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A document that has a schema.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Document {
    /// The plan.
    Plan,
    /// The parallel request.
    Request,
    /// The shell batch.
    Batch,
    /// The settings file.
    Settings,
}

impl Document {
    /// Every document.
    pub const ALL: [Document; 4] = [Document::Plan, Document::Request, Document::Batch, Document::Settings];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.shape().name
    }

    fn shape(self) -> &'static Shape {
        match self {
            Document::Plan => &PLAN,
            Document::Request => &REQUEST,
            Document::Batch => &BATCH,
            Document::Settings => &SETTINGS,
        }
    }
}

/// The JSON Schema of a document.
#[must_use]
pub fn schema(document: Document) -> Value {
    let root = document.shape();
    let mut definitions = BTreeMap::new();
    let mut open = vec![root];
    while let Some(shape) = open.pop() {
        if definitions.contains_key(shape.name) {
            continue;
        }
        definitions.insert(shape.name, record(shape, &mut open));
    }
    let body = definitions.remove(root.name).unwrap_or_default();
    let mut out = Map::new();
    out.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    out.insert("title".into(), format!("Regatta {}", root.name).into());
    out.extend(body);
    let definitions: Map<String, Value> =
        definitions.into_iter().map(|(name, body)| (name.to_owned(), Value::Object(body))).collect();
    out.insert("$defs".into(), definitions.into());
    Value::Object(out)
}

fn record(shape: &Shape, open: &mut Vec<&'static Shape>) -> Map<String, Value> {
    let mut properties = Map::new();
    for field in shape.fields {
        for spelling in field.spellings() {
            properties.insert(spelling.to_owned(), property(field, open));
        }
    }
    let required: Vec<&str> = shape.fields.iter().filter(|f| f.required).map(|f| f.key).collect();
    let mut out = Map::new();
    out.insert("description".into(), shape.doc.into());
    out.insert("type".into(), "object".into());
    out.insert("properties".into(), properties.into());
    out.insert("additionalProperties".into(), false.into());
    if !required.is_empty() {
        out.insert("required".into(), required.into());
    }
    if let Some((_, keys)) = shape.exactly_one {
        let one = |key: &&str| json!({ "required": [key] });
        out.insert("oneOf".into(), keys.iter().map(one).collect());
    }
    out
}

fn property(field: &Field, open: &mut Vec<&'static Shape>) -> Value {
    let later = if field.later { " Checked, but not built yet." } else { "" };
    let description = format!("{}{later}", field.doc);
    let mut out = Map::new();
    out.insert("description".into(), description.into());
    if let Value::Object(kind) = of(&field.kind, open) {
        out.extend(kind);
    }
    Value::Object(out)
}

fn of(kind: &Kind, open: &mut Vec<&'static Shape>) -> Value {
    match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Name => json!({ "type": "string", "minLength": 1 }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Whole(low, high) => json!({ "type": "integer", "minimum": low, "maximum": high }),
        Kind::Decimal => json!({ "type": "number", "minimum": 0 }),
        Kind::Share => json!({ "type": "number", "exclusiveMinimum": 0, "maximum": 1 }),
        Kind::Duration => json!({ "type": "string", "pattern": "^(0|([0-9]+(ms|s|m|h|d))+)$" }),
        Kind::Size => json!({ "type": "string", "pattern": "^0*[1-9][0-9]* *(B|KiB|MiB|GiB|kB|MB|GB)?$" }),
        Kind::Choice(among) => json!({ "enum": among }),
        Kind::Free => json!({}),
        Kind::List(entry) => json!({ "type": "array", "items": of(entry, open) }),
        Kind::Map(entry) => json!({
            "type": "object",
            "propertyNames": { "minLength": 1 },
            "additionalProperties": of(entry, open),
        }),
        Kind::Record(shape) => {
            open.push(shape);
            json!({ "$ref": format!("#/$defs/{}", shape.name.replace(' ', "%20")) })
        }
        Kind::Either(among) => {
            let among: Vec<Value> = among.iter().map(|kind| of(kind, open)).collect();
            json!({ "anyOf": among })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{What, check};
    use super::*;
    use crate::fields::json as as_json;
    use crate::tree::Tree;
    use crate::{json, yaml};

    fn judged(document: Document, value: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        let text = value.to_string();
        let tree = json::read(&text, &mut problems);
        if let Some(item) = tree.as_ref().and_then(Tree::root) {
            check(item, &Kind::Record(document.shape()), What::Document("document"), &mut problems);
        }
        problems.into_iter().map(|p| p.message).collect()
    }

    /// Values of every type, and words and numbers that some keys take.
    fn samples() -> Vec<Value> {
        let texts = [
            "", "x", "P0", "90s", "1h30m", "90", "0", "64MiB", "64", "dataflow", "none", "inherit", "preset",
        ];
        let numbers = [json!(0), json!(1), json!(7), json!(-1), json!(1.5), json!(10_000_000)];
        let lists = [
            json!([]),
            json!(["a"]),
            json!([1]),
            json!([{}]),
            json!([["a"]]),
            json!([{ "id": "a", "run": "x" }]),
        ];
        let maps = [
            json!({}),
            json!({ "": "v" }),
            json!({ "k": "v" }),
            json!({ "k": 1 }),
            json!({ "preset": "codex" }),
        ];
        let calls = [
            json!({ "tool": "t" }),
            json!({ "run": "x" }),
            json!({ "env": "X" }),
            json!({ "k": { "env": "X" } }),
        ];
        let texts = texts.into_iter().map(Value::from);
        texts.chain(numbers).chain([json!(true)]).chain(lists).chain(maps).chain(calls).collect()
    }

    #[test]
    fn the_schema_and_the_reader_agree_about_every_key_and_type() {
        let whole = [
            (Document::Plan, "", json!({ "version": 1, "tasks": [] })),
            (Document::Plan, "/tasks/0", json!({ "version": 1, "tasks": [{ "id": "a", "run": "x" }] })),
            (Document::Plan, "/limits", json!({ "version": 1, "tasks": [], "limits": {} })),
            (Document::Plan, "/retry", json!({ "version": 1, "tasks": [], "retry": {} })),
            (Document::Plan, "/timeout", json!({ "version": 1, "tasks": [], "timeout": {} })),
            (Document::Plan, "/merge", json!({ "version": 1, "tasks": [], "merge": {} })),
            (
                Document::Plan,
                "/agents/a",
                json!({ "version": 1, "tasks": [], "agents": { "a": { "preset": "x" } } }),
            ),
            (Document::Request, "/tasks/0", json!({ "tasks": [{ "id": "a", "tool": "shell" }] })),
            (Document::Batch, "/commands/0", json!({ "commands": [{ "id": "a", "cmd": "x" }] })),
        ];
        let mut compared = 0;
        for (document, place, base) in whole {
            let schema = schema(document);
            let validator = jsonschema::validator_for(&schema);
            let keys: Vec<&str> = [&PLAN, &super::super::task_keys::TASK, &REQUEST, &BATCH]
                .iter()
                .flat_map(|s| s.fields)
                .map(|f| f.key)
                .collect();
            for key in keys.into_iter().chain([
                "max_parallel",
                "output",
                "strategy",
                "policy",
                "command",
                "cmd",
                "priority",
                "zz",
            ]) {
                for value in samples() {
                    let mut instance = base.clone();
                    let Some(Value::Object(map)) = instance.pointer_mut(place) else { continue };
                    map.insert(key.to_owned(), value);
                    let problems = judged(document, &instance);
                    let valid = validator.as_ref().is_ok_and(|v| v.is_valid(&instance));
                    assert_eq!(valid, problems.is_empty(), "{instance} {problems:?}");
                    compared += 1;
                }
            }
        }
        assert!(compared > 10_000, "{compared}");
    }

    #[test]
    fn the_examples_agree_with_the_schema() {
        let mut problems = Vec::new();
        let text = include_str!("../../../../examples/quickstart/plan.yaml");
        let tree = yaml::read(text, &mut problems);
        let instance = tree.as_ref().and_then(Tree::root).map(as_json).unwrap_or_default();
        let validator = jsonschema::validator_for(&schema(Document::Plan));
        let errors: Vec<String> =
            validator.iter().flat_map(|v| v.iter_errors(&instance)).map(|e| e.to_string()).collect();
        assert!(validator.is_ok() && errors.is_empty() && problems.is_empty(), "{errors:?}");
    }
}
