//! An answer as the protocol wants it: structured, the same as text before it, and never more than a client can take.
//!
//! What is longer is shortened where it is longest: a long text keeps its head and its tail. The whole is behind a link.

use super::desk::Refused;
use regatta_runtime::escape::escape_json;
use rmcp::model::{CallToolResult, ContentBlock, Resource};
use serde_json::{Map, Value, json};

/// An answer has at most so many bytes of JSON.
const MAX_BYTES: usize = 50_000;
/// Bytes of a text where shortening begins, and where it ends.
const LONGEST_BYTES: usize = 16_384;
const SHORTEST_BYTES: usize = 128;

/// What a tool answers.
#[derive(Debug)]
pub(super) struct Answer {
    /// The structured result.
    pub(super) value: Value,
    /// The call itself was not obeyed.
    pub(super) is_error: bool,
    /// The run of which it tells, whose resource has the whole.
    pub(super) run: Option<String>,
}

impl Answer {
    /// A result that belongs to no run.
    pub(super) fn of(value: Value) -> Answer {
        Answer { value, is_error: false, run: None }
    }

    /// A result about a run.
    pub(super) fn about(run: &str, value: Value) -> Answer {
        Answer { value, is_error: false, run: Some(run.to_owned()) }
    }

    /// A call that is not obeyed, in the shape that formats 1 and 2 have for it.
    pub(super) fn error(value: Value) -> Answer {
        Answer { value, is_error: true, run: None }
    }

    /// In the words of the protocol: the text first, which is the structured result once more.
    pub(super) fn into_result(self) -> CallToolResult {
        let link = self.run.as_deref().map(whole);
        let (value, shortened) = fitting(self.value);
        let mut content = vec![ContentBlock::text(escape_json(&value.to_string()))];
        content.extend(link.filter(|_| shortened).map(ContentBlock::ResourceLink));
        let mut result =
            if self.is_error { CallToolResult::error(content) } else { CallToolResult::success(content) };
        result.structured_content = Some(value);
        result
    }
}

impl From<Refused> for Answer {
    fn from(refused: Refused) -> Answer {
        let mut error = json!({ "message": refused.message });
        if let Some(hint) = refused.hint {
            error["hint"] = hint.into();
        }
        Answer::error(json!({ "success": false, "error": error }))
    }
}

/// Where the whole of it can be read.
fn whole(run: &str) -> Resource {
    Resource::new(format!("regatta://runs/{run}/result"), "the whole result")
        .with_mime_type("application/json")
}

/// The value within the bound, and whether something is missing.
fn fitting(value: Value) -> (Value, bool) {
    if value.to_string().len() <= MAX_BYTES {
        return (value, false);
    }
    let mut most_bytes = LONGEST_BYTES;
    while most_bytes >= SHORTEST_BYTES {
        let shorter = marked(shortened(&value, most_bytes));
        if shorter.to_string().len() <= MAX_BYTES {
            return (shorter, true);
        }
        most_bytes /= 2;
    }
    let text = value.to_string();
    let half = MAX_BYTES / 5;
    let (head, tail) =
        (&text[..text.floor_char_boundary(half)], &text[text.ceil_char_boundary(text.len() - half)..]);
    (json!({ "truncated": true, "bytes": text.len(), "head": head, "tail": tail }), true)
}

/// Says of itself that something is missing.
fn marked(value: Value) -> Value {
    match value {
        Value::Object(mut fields) => {
            fields.insert("truncated".to_owned(), true.into());
            Value::Object(fields)
        }
        other => json!({ "truncated": true, "value": other }),
    }
}

/// The same with long texts shortened.
fn shortened(value: &Value, most_bytes: usize) -> Value {
    match value {
        Value::String(text) if text.len() > most_bytes => {
            let head = &text[..text.floor_char_boundary(most_bytes / 2)];
            let tail = &text[text.ceil_char_boundary(text.len() - most_bytes / 2)..];
            let gone = text.len() - head.len() - tail.len();
            format!("{head}\n[{gone} bytes omitted]\n{tail}").into()
        }
        Value::Array(items) => items.iter().map(|item| shortened(item, most_bytes)).collect(),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| (name.clone(), shortened(value, most_bytes));
            Value::Object(fields.iter().map(field).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_answer_is_the_same_as_text_and_as_structure() {
        let result = Answer::of(json!({ "a": [1, "x"] })).into_result();
        assert_eq!(result.structured_content, Some(json!({ "a": [1, "x"] })));
        assert_eq!(result.content, [ContentBlock::text(r#"{"a":[1,"x"]}"#)]);
        assert_eq!(result.is_error, Some(false));
    }

    #[test]
    fn a_long_answer_keeps_its_shape_heads_and_tails_and_links_to_the_whole() {
        let long = format!("first{}last", "é".repeat(200_000));
        let result =
            Answer::about("r1", json!({ "tasks": { "a": { "result": long, "n": 7 } } })).into_result();
        let value = result.structured_content.unwrap();
        assert!(value.to_string().len() <= MAX_BYTES);
        let text = value["tasks"]["a"]["result"].as_str().unwrap();
        assert!(text.starts_with("firsté") && text.ends_with("élast") && text.contains("bytes omitted"));
        assert_eq!((&value["tasks"]["a"]["n"], &value["truncated"]), (&json!(7), &json!(true)));
        assert!(
            matches!(&result.content[1], ContentBlock::ResourceLink(link) if link.uri == "regatta://runs/r1/result")
        );
    }

    #[test]
    fn an_answer_of_too_many_parts_is_head_and_tail_of_itself() {
        let many: Value = (0..20_000).map(|n| json!({ "id": n })).collect();
        let (value, shortened) = fitting(many);
        let schema = super::super::schemas::answers(&[]);
        jsonschema::validate(&schema, &value).unwrap();
        assert!(shortened && value.to_string().len() <= MAX_BYTES);
        assert!(value["head"].as_str().unwrap().starts_with("[{\"id\":0}"));
        assert!(value["tail"].as_str().unwrap().ends_with("{\"id\":19999}]"));
    }
}
