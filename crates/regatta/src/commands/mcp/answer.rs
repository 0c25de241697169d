//! An answer as the protocol wants it: structured, the same as text before it, and never more than a client can take.
//!
//! What is longer is shortened, and links to what has the whole.

use super::addresses::uri;
use super::desk::Refused;
use super::fitting::fitting;
use regatta_runtime::escape::escape_json;
use regatta_runtime::redact::Redactor;
use rmcp::model::{CallToolResult, ContentBlock, Resource};
use serde_json::{Value, json};

/// An answer has at most so many bytes of JSON.
pub(super) const MAX_BYTES: usize = 50_000;

/// What a tool answers.
#[derive(Debug)]
pub(super) struct Answer {
    /// The structured result.
    pub(super) value: Value,
    /// The call itself was not obeyed.
    pub(super) is_error: bool,
    /// The resource that has the whole, if it is about a run.
    pub(super) whole: Option<String>,
    /// Resources that have what is missing of it already.
    pub(super) more: Vec<String>,
}

impl Answer {
    /// A result that belongs to no run.
    pub(super) fn of(value: Value) -> Answer {
        Answer { value, is_error: false, whole: None, more: Vec::new() }
    }

    /// A result about a run; `part` is what of its resources has the whole.
    pub(super) fn about(run: &str, part: &str, value: Value) -> Answer {
        Answer { whole: Some(uri(run, part)), ..Answer::of(value) }
    }

    /// The same, with links to what is missing of it already.
    pub(super) fn with(self, more: Vec<String>) -> Answer {
        Answer { more, ..self }
    }

    /// A call that is not obeyed, in the shape that formats 1 and 2 have for it.
    pub(super) fn error(value: Value) -> Answer {
        Answer { value, is_error: true, whole: None, more: Vec::new() }
    }

    /// In the words of the protocol: the text first, which is the structured result once more.
    pub(super) fn into_result(self) -> CallToolResult {
        // The one way out: refusals repeat what a client said. What a task wrote was searched when it was kept. Half a secret
        // looks like none, so nothing is cut before.
        let (value, shortened) = fitting(Redactor::default().value(self.value), MAX_BYTES);
        let mut content = vec![ContentBlock::text(escape_json(&value.to_string()))];
        let whole = self.whole.filter(|_| shortened);
        let more = self.more.into_iter().filter(|uri| whole.as_ref() != Some(uri)).collect::<Vec<_>>();
        content.extend(whole.iter().chain(&more).map(|uri| link(uri)));
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

/// A text that a client is told beside the answers of tools, without what looks like a secret.
pub(super) fn safe(text: impl Into<String>) -> String {
    Redactor::default().text(text.into())
}

/// Something of a run that can be read whole.
fn link(uri: &str) -> ContentBlock {
    ContentBlock::ResourceLink(Resource::new(uri, "the rest of it"))
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
    fn a_secret_is_found_before_it_is_cut_in_the_middle() {
        // Put together here, so that no scanner of this source finds it.
        let token = format!("gh{}_{}", 'p', "R4nD0mQ7vXk2LsT9bWzYc5HdJfMgPe8AuNi3");
        // Head and tail of the text that is left have 8 KiB each: the first ends inside of the token.
        let said = format!("{}{token}{}", "- ".repeat(4_086), "- ".repeat(200_000));
        let value = Answer::of(json!({ "said": said })).into_result().structured_content.unwrap();
        let told = value["said"].as_str().unwrap();
        assert!(!told.contains("R4nD0m") && value["truncated"] == true, "{}", &told[8_000..8_400]);
    }

    #[test]
    fn an_answer_that_was_shortened_links_to_the_whole() {
        let tasks: Value =
            (0..20_000).map(|n| json!({ "task": format!("t{n}"), "status": "failed" })).collect();
        let result = Answer::about("r1", "/report", json!({ "run_id": "r1", "tasks": tasks })).into_result();
        let value = result.structured_content.unwrap();
        assert_eq!((&value["run_id"], &value["truncated"]), (&json!("r1"), &json!(true)));
        jsonschema::validate(&super::super::schemas::explained(), &value).unwrap();
        assert!(
            matches!(&result.content[1], ContentBlock::ResourceLink(link) if link.uri == "regatta://runs/r1/report")
        );
    }
}
