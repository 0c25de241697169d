//! An answer within its bound. Its shape stays, so that whoever reads its fields goes on: long texts keep head and tail, long
//! lists and maps their first entries, and `omitted` counts what is missing of them. What a person pastes is whole or not there.
//!
//! Pure. Knows no tool.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Bytes of a text where shortening begins, and where it ends.
const LONGEST_BYTES: usize = 16_384;
const SHORTEST_BYTES: usize = 128;
/// Entries of a list where shortening begins, and where what tasks put into their results is told as text first.
const MOST_ENTRIES: usize = 1_024;
const FEW_ENTRIES: usize = 16;
/// More fields than that has no object whose fields have names of ours.
const MOST_FIELDS: usize = 64;
/// What lies deeper than that is nobody's shape but of the task that said it: in the end it is told as text.
const DEEP: usize = 4;
/// In the end a list or map stays if it has at most so many bytes.
const SMALL_BYTES: usize = 1_000;
/// Names and commands that somebody pastes: half of one is worse than none.
const WHOLE: [&str; 11] =
    ["task", "question", "allow", "deny", "again", "succeeded", "failed", "next", "hint", "file", "name"];
/// Places of which is told how much is missing lie so deep at most: `dag.levels`.
const COUNTED_DEPTH: usize = 2;

/// How far is shortened.
#[derive(Clone, Copy, Debug)]
struct Measure {
    text_bytes: usize,
    entries: usize,
    depth: usize,
}

/// From hardly to strictly: texts first, then lists, then what tasks put into their results, then lists to their last entry.
fn measures() -> impl Iterator<Item = Measure> {
    let halves =
        |from: usize, to: usize| std::iter::successors(Some(from), move |n| Some(n / 2).filter(|n| *n >= to));
    let (all, shortest) = (usize::MAX, SHORTEST_BYTES);
    let texts = halves(LONGEST_BYTES, SHORTEST_BYTES);
    let texts = texts.map(move |text_bytes| Measure { text_bytes, entries: all, depth: all });
    let lists = halves(MOST_ENTRIES, FEW_ENTRIES);
    let lists = lists.map(move |entries| Measure { text_bytes: shortest, entries, depth: all });
    let last = halves(FEW_ENTRIES, 1);
    let last = last.map(move |entries| Measure { text_bytes: shortest, entries, depth: DEEP });
    texts.chain(lists).chain(last)
}

/// The value within so many bytes of JSON, and whether something is missing; then it says `truncated`.
pub(super) fn fitting(value: Value, most_bytes: usize) -> (Value, bool) {
    let bytes = |value: &Value| value.to_string().len();
    if bytes(&value) <= most_bytes {
        return (value, false);
    }
    for measure in measures() {
        let mut cut = Cut { measure, omitted: BTreeMap::new() };
        let shorter = cut.value(&value, &mut Vec::new());
        let shorter = marked(shorter, &cut.omitted);
        if bytes(&shorter) <= most_bytes {
            return (shorter, true);
        }
    }
    let mut omitted = BTreeMap::new();
    let bare = bare(&value, &mut omitted);
    (marked(bare, &omitted), true)
}

/// Says of itself that something is missing.
fn marked(value: Value, omitted: &BTreeMap<String, usize>) -> Value {
    match value {
        Value::Object(mut fields) => {
            fields.insert("truncated".to_owned(), true.into());
            if !omitted.is_empty() {
                fields.insert("omitted".to_owned(), json!(omitted));
            }
            Value::Object(fields)
        }
        other => json!({ "truncated": true, "value": other }),
    }
}

/// A text with its head and its tail.
fn text(text: &str, most_bytes: usize) -> Value {
    if text.len() <= most_bytes {
        return text.into();
    }
    let head = &text[..text.floor_char_boundary(most_bytes / 2)];
    let tail = &text[text.ceil_char_boundary(text.len() - most_bytes / 2)..];
    let gone = text.len() - head.len() - tail.len();
    format!("{head}\n[{gone} bytes omitted]\n{tail}").into()
}

/// A name that is no name of ours may be as long as a text.
fn shorter(name: &str, most_bytes: usize) -> String {
    match text(name, most_bytes) {
        Value::String(name) => name,
        _ => String::new(),
    }
}

/// Whether a text is a command or a name of ours: a field of the answer, or of an entry of one of its lists.
fn is_whole(path: &[String]) -> bool {
    match path {
        [name] => WHOLE.contains(&name.as_str()),
        [_, entry, name] => entry.is_empty() && WHOLE.contains(&name.as_str()),
        _ => false,
    }
}

/// A name that no other field has: those of two long ones may be alike when they are shortened.
fn unlike(name: String, fields: &Map<String, Value>) -> String {
    let alike = |n: &usize| fields.contains_key(&format!("{name} ({n})"));
    match fields.contains_key(&name) {
        false => name,
        true => format!("{name} ({})", (2..).find(|n| !alike(n)).unwrap_or_default()),
    }
}

struct Cut {
    measure: Measure,
    omitted: BTreeMap<String, usize>,
}

impl Cut {
    fn value(&mut self, value: &Value, path: &mut Vec<String>) -> Value {
        match value {
            Value::String(_) if is_whole(path) => value.clone(),
            Value::String(said) => text(said, self.measure.text_bytes),
            Value::Array(_) | Value::Object(_) if path.len() >= self.measure.depth => {
                let said = value.to_string();
                if said.len() <= self.measure.text_bytes {
                    return value.clone();
                }
                text(&said, self.measure.text_bytes)
            }
            Value::Array(items) => {
                self.count(path, items.len());
                let most = self.measure.entries;
                items.iter().take(most).map(|item| self.inside(item, "", path)).collect()
            }
            Value::Object(fields) => {
                // The fields of the answer itself have names of ours, and so has what it tells of each task.
                let most = if path.is_empty() { usize::MAX } else { self.most(fields) };
                if fields.len() > most {
                    self.count(path, fields.len());
                }
                let longest = if path.len() < COUNTED_DEPTH { usize::MAX } else { self.measure.text_bytes };
                let mut left = Map::new();
                for (name, value) in kept(fields, most) {
                    let name_left = unlike(shorter(name, longest), &left);
                    left.insert(name_left, self.inside(value, name, path));
                }
                Value::Object(left)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    fn inside(&mut self, value: &Value, name: &str, path: &mut Vec<String>) -> Value {
        path.push(name.to_owned());
        let value = self.value(value, path);
        path.pop();
        value
    }

    /// So many fields of an object stay: all, unless it is a map.
    fn most(&self, fields: &Map<String, Value>) -> usize {
        let is_map = fields.len() > MOST_FIELDS || fields.values().all(|v| v.is_object() || v.is_array());
        if is_map { self.measure.entries } else { usize::MAX }
    }

    fn count(&mut self, path: &[String], of: usize) {
        let missing = of.saturating_sub(self.measure.entries);
        if missing > 0 && path.len() <= COUNTED_DEPTH && path.iter().all(|name| !name.is_empty()) {
            self.omitted.insert(path.join("."), missing);
        }
    }
}

/// Entries of a map that stay, in its order: of tasks those that went wrong before those that are open, and these before those
/// that ended well.
fn kept(fields: &Map<String, Value>, most: usize) -> impl Iterator<Item = (&String, &Value)> {
    let rank = |value: &Value| match value.get("status").and_then(Value::as_str) {
        Some("failed" | "timed_out" | "exhausted" | "in_doubt") => 0,
        Some("success" | "succeeded" | "skipped") => 2,
        _ => 1,
    };
    let (mut stay, mut left) = ([0; 3], most);
    for (of, stay) in stay.iter_mut().enumerate().filter(|_| fields.len() > most) {
        *stay = left.min(fields.values().filter(|value| rank(value) == of).count());
        left -= *stay;
    }
    let all = fields.len() <= most;
    fields.iter().filter(move |(_, value)| {
        let left = &mut stay[rank(value)];
        let stays = all || *left > 0;
        *left = left.saturating_sub(1);
        stays
    })
}

/// What is left at last: every field, but lists and maps that are not small are empty.
fn bare(value: &Value, omitted: &mut BTreeMap<String, usize>) -> Value {
    let Value::Object(fields) = value else { return text(&value.to_string(), SHORTEST_BYTES) };
    let mut field = |(name, value): (&String, &Value)| {
        let count = value.as_array().map(Vec::len).or_else(|| value.as_object().map(Map::len));
        let left = match (value, count) {
            (Value::String(said), _) if !WHOLE.contains(&name.as_str()) => text(said, SHORTEST_BYTES),
            (_, Some(count)) if value.to_string().len() > SMALL_BYTES => {
                omitted.insert(name.clone(), count);
                if value.is_array() { json!([]) } else { json!({}) }
            }
            _ => value.clone(),
        };
        (name.clone(), left)
    };
    Value::Object(fields.iter().map(&mut field).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 50_000;

    #[test]
    fn a_long_text_keeps_head_and_tail_and_everything_else_stays() {
        let long = format!("first{}last", "é".repeat(200_000));
        let (value, shortened) = fitting(json!({ "tasks": { "a": { "result": long, "n": 7 } } }), MOST);
        assert!(shortened && value.to_string().len() <= MOST);
        let text = value["tasks"]["a"]["result"].as_str().unwrap();
        assert!(text.starts_with("firsté") && text.ends_with("élast") && text.contains("bytes omitted"));
        assert_eq!((&value["tasks"]["a"]["n"], &value["truncated"]), (&json!(7), &json!(true)));
        assert_eq!(value["omitted"], Value::Null);
    }

    #[test]
    fn a_long_map_keeps_what_did_not_end_well_first_and_counts_what_is_missing() {
        let task = |n: usize| {
            let status = if n == 6_000 { "failed" } else { "succeeded" };
            (format!("t{n:05}"), json!({ "status": status, "attempts": 1 }))
        };
        let tasks: Map<String, Value> = (0..9_000).map(task).collect();
        let levels: Vec<Value> = vec![tasks.keys().map(String::as_str).collect()];
        let given = json!({ "run_id": "r", "tasks": tasks, "dag": { "levels": levels, "edges": [] }, "summary": { "total": 9_000 } });
        let (value, _) = fitting(given, MOST);
        assert!(value.to_string().len() <= MOST);
        let left = value["tasks"].as_object().unwrap();
        assert!(left.contains_key("t06000") && left.contains_key("t00000"), "{value}");
        assert_eq!(value["omitted"]["tasks"], 9_000 - left.len());
        assert_eq!((&value["summary"]["total"], &value["run_id"]), (&json!(9_000), &json!("r")));
    }

    #[test]
    fn whatever_a_task_puts_into_its_result_the_answer_about_it_keeps_its_fields() {
        // Fields of fields of fields, each of which has a few, until nothing else helps.
        let deep = |depth: u32| {
            (0..depth).fold(json!("x".repeat(100)), |inner, _| {
                Value::Object((0..12).map(|n| (format!("k{n}"), inner.clone())).collect())
            })
        };
        let wide: Map<String, Value> =
            (0..3_000).map(|n| (format!("{n}{}", "k".repeat(20)), json!(n))).collect();
        for result in
            [deep(2), Value::Object(wide), (0..3_000).collect::<Value>(), json!({ "k".repeat(9_000): 1 })]
        {
            let tasks: Map<String, Value> = (0..40)
                .map(|n| {
                    (
                        format!("t{n}"),
                        json!({ "taskId": "t", "status": "success", "duration": 1, "result": result }),
                    )
                })
                .collect();
            let given = json!({ "executionId": "r", "status": "success", "tasks": tasks, "summary": { "total": 40 } });
            let (value, shortened) = fitting(given, MOST);
            assert!(shortened && value.to_string().len() <= MOST, "{}", value.to_string().len());
            assert_eq!((&value["executionId"], &value["summary"]["total"]), (&json!("r"), &json!(40)));
            assert_eq!(value["tasks"]["t0"]["status"], "success", "{value}");
        }
    }

    #[test]
    fn what_no_measure_makes_fit_is_every_field_with_empty_lists() {
        let fields: Map<String, Value> = (0..60).map(|n| (format!("k{n}"), json!("x".repeat(400)))).collect();
        let hint = "y".repeat(600);
        let given = json!({ "id": "r", "hint": hint, "a": [fields], "b": { "c": fields }, "d": fields });
        let (value, _) = fitting(given, 20_000);
        assert_eq!(
            (&value["id"], &value["truncated"], &value["hint"]),
            (&json!("r"), &json!(true), &json!(hint))
        );
        assert!(value.to_string().len() <= 20_000 && value["a"] == json!([]), "{value}");
    }

    #[test]
    fn a_command_is_whole_or_not_there() {
        let command = |word: &str, n: usize| format!("regatta answer r {n}{} --{word}", "x".repeat(300));
        let question = |n: usize| json!({ "task": "x".repeat(300), "title": "é".repeat(600), "allow": command("allow", n), "deny": command("deny", n) });
        let given = json!({ "questions": (0..400).map(question).collect::<Value>() });
        for most in [50_000, 10_000, 2_000] {
            let (value, shortened) = fitting(given.clone(), most);
            let left = value["questions"].as_array().unwrap();
            assert!(shortened && value.to_string().len() <= most && !left.is_empty(), "{value}");
            for (n, told) in left.iter().enumerate() {
                assert_eq!(
                    (&told["allow"], &told["deny"]),
                    (&json!(command("allow", n)), &json!(command("deny", n)))
                );
            }
            assert_eq!(value["omitted"]["questions"], 400 - left.len());
        }
    }

    #[test]
    fn what_went_wrong_stays_before_what_is_open_and_that_before_what_ended_well() {
        let status = |n: usize| ["succeeded", "pending", "failed", "in_doubt"][n % 1_000 / 250];
        let tasks: Map<String, Value> = (0..1_000)
            .map(|n| (format!("t{n:04}"), json!({ "status": status(n), "why": "x".repeat(60) })))
            .collect();
        let (value, _) = fitting(json!({ "tasks": tasks }), 30_000);
        let left = value["tasks"].as_object().unwrap();
        assert!(
            left.len() > 100 && left.values().all(|t| t["status"] == "failed" || t["status"] == "in_doubt")
        );
    }

    #[test]
    fn names_that_are_alike_when_they_are_shortened_are_two() {
        let name = |middle: &str| format!("{}{middle}{}", "a".repeat(300), "b".repeat(300));
        let result = json!({ name("x"): 1, name("y"): 2, name("z"): 3, "text": "x".repeat(60_000) });
        let (value, _) =
            fitting(json!({ "tasks": { "t": { "status": "success", "result": { "k": result } } } }), 2_000);
        let result = value["tasks"]["t"]["result"]["k"].as_object().unwrap();
        assert_eq!(result.len(), 4, "{value}");
    }
}
