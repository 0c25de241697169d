//! What a server answered, as the result of a task.
//!
//! Pure.

use super::super::wire::End;
use serde_json::Value;

/// The end that an answer to `tools/call` is.
pub(super) fn of(answer: &Value) -> End {
    let content = answer["content"].as_array().map_or(&[][..], Vec::as_slice);
    let texts: Option<Vec<&str>> =
        content.iter().map(|block| block["text"].as_str().filter(|_| block["type"] == "text")).collect();
    let spoken: Vec<&str> = content.iter().filter_map(|block| block["text"].as_str()).collect();
    let text = (!spoken.is_empty()).then(|| spoken.join("\n"));
    if answer["isError"] == true {
        return End::Failed(
            text.filter(|text| !text.trim().is_empty())
                .unwrap_or_else(|| "it failed and does not say why".to_owned()),
        );
    }
    let value = match (answer.get("structuredContent"), texts) {
        (Some(structured), _) => structured.clone(),
        (None, Some(texts)) => Value::String(texts.join("\n")),
        (None, None) => Value::Array(content.to_vec()),
    };
    End::Done { value, text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn structured_content_is_the_result_else_text_else_the_blocks() {
        let check = |answer: Value, value: Value, text: Option<&str>| {
            assert_eq!(of(&answer), End::Done { value, text: text.map(str::to_owned) }, "{answer}");
        };
        let text = json!({ "type": "text", "text": "a" });
        let image = json!({ "type": "image", "data": "AA==", "mimeType": "image/png" });
        check(json!({ "content": [text], "structuredContent": { "n": 1 } }), json!({ "n": 1 }), Some("a"));
        check(json!({ "content": [text, { "type": "text", "text": "b" }] }), json!("a\nb"), Some("a\nb"));
        check(json!({ "content": [text, image] }), json!([text, image]), Some("a"));
        check(json!({ "content": [] }), json!(""), None);
        assert_eq!(of(&json!({ "content": [text], "isError": true })), End::Failed("a".into()));
        assert!(matches!(of(&json!({ "content": [], "isError": true })), End::Failed(_)));
    }
}
