//! Which keys of a document stand for what is not built yet, wherever they stand.
//!
//! Asks the declarations, and knows no key. Depth is bounded by them, as where a document is judged.

use crate::fields::json;
use crate::language::{Kind, Shape, fitting};
use crate::tree::{Item, Value};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// What such keys say, by where each stands: `retry.x`, `agents.bot.y`, `rules[0].z`.
pub(super) type Later = BTreeMap<String, Json>;

/// Those of a document but for its entries, which stand under a key and are read one by one.
pub(super) fn of_document(root: Item<'_>, shape: &Shape, entries: &str) -> Later {
    let mut found = Later::new();
    record((root, shape), "", &|key| key != entries, &mut found);
    found
}

/// Those of an entry of a document that has its entries under a key.
pub(super) fn of_entry(item: Item<'_>, document: &Shape, entries: &str) -> Later {
    let mut found = Later::new();
    if let Some(Kind::List(entry)) = document.field(entries).map(|field| field.kind) {
        gather((item, entry), "", &mut found);
    }
    found
}

fn gather((item, kind): (Item<'_>, &Kind), at: &str, found: &mut Later) {
    match (kind, item.value()) {
        (Kind::Record(shape), Value::Map(_)) => record((item, shape), at, &|_| true, found),
        (Kind::Map(member), Value::Map(pairs)) if has_keys(member) => {
            for (key, value) in pairs.iter() {
                gather((value, member), &below(at, key.text), found);
            }
        }
        (Kind::List(entry), Value::List(items)) if has_keys(entry) => {
            for (i, value) in items.iter().enumerate() {
                gather((value, entry), &format!("{at}[{i}]"), found);
            }
        }
        (Kind::Either(among), value) => {
            if let Some(kind) = fitting(among, value) {
                gather((item, kind), at, found);
            }
        }
        _ => {}
    }
}

fn record((item, shape): (Item<'_>, &Shape), at: &str, wanted: &dyn Fn(&str) -> bool, found: &mut Later) {
    let Value::Map(pairs) = item.value() else { return };
    for (key, value) in pairs.iter().filter(|(_, value)| !value.is_null()) {
        let Some(field) = shape.field(key.text).filter(|field| wanted(field.key)) else { continue };
        if field.later {
            found.insert(below(at, field.key), json(value));
        } else if has_keys(&field.kind) {
            gather((value, &field.kind), &below(at, field.key), found);
        }
    }
}

/// Whether a value of a kind can have declared keys.
fn has_keys(kind: &Kind) -> bool {
    match kind {
        Kind::Record(_) => true,
        Kind::List(inner) | Kind::Map(inner) => has_keys(inner),
        Kind::Either(among) => among.iter().any(has_keys),
        _ => false,
    }
}

fn below(at: &str, key: &str) -> String {
    if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Field;
    use crate::yaml;

    const fn field(key: &'static str, kind: Kind, later: bool) -> Field {
        Field { key, also: &["alias"], kind, doc: "", required: false, later }
    }

    static INNER: Shape =
        Shape { name: "inner", doc: "", exactly_one: None, fields: &[field("soon", Kind::Free, true)] };
    static OUTER: Shape = Shape {
        name: "outer",
        doc: "",
        exactly_one: None,
        fields: &[
            Field { also: &[], ..field("block", Kind::Record(&INNER), false) },
            Field { also: &[], ..field("named", Kind::Map(&Kind::Record(&INNER)), false) },
            Field {
                also: &[],
                ..field("rows", Kind::List(&Kind::Either(&[Kind::Text, Kind::Record(&INNER)])), false)
            },
            Field { also: &[], ..field("tasks", Kind::List(&Kind::Record(&INNER)), false) },
            Field { also: &[], ..field("free", Kind::Free, false) },
        ],
    };

    #[test]
    fn a_key_that_is_not_built_is_found_at_any_depth_and_told_with_its_place() {
        let text = "block: { soon: 1 }
named: { x: { soon: { soon: 2 } } }
rows: [ word, { alias: 3 }, { soon: } ]
free: { soon: 4 }
other: { soon: 5 }
tasks: [ { soon: 6 } ]
";
        let tree = yaml::read(text, &mut Vec::new());
        let root = tree.as_ref().and_then(crate::tree::Tree::root).unwrap();
        let found = of_document(root, &OUTER, "tasks");
        let told: Vec<String> = found.iter().map(|(at, value)| format!("{at}={value}")).collect();
        assert_eq!(told, ["block.soon=1", r#"named.x.soon={"soon":2}"#, "rows[1].soon=3"]);
        let Value::Map(pairs) = root.value() else { panic!("a map") };
        let (_, tasks) = pairs.iter().last().unwrap();
        let Value::List(tasks) = tasks.value() else { panic!("a list") };
        let task = of_entry(tasks.iter().next().unwrap(), &OUTER, "tasks");
        assert_eq!(task.keys().collect::<Vec<_>>(), ["soon"]);
    }
}
