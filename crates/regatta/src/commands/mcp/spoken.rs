//! What is no message of the protocol, before the library sees it: told apart from what is, and answered by the book.
//!
//! The library ignores a line that is too long or nested too deep, and refuses a body that is no message in words of its own.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use rmcp::model::{ClientJsonRpcMessage, ErrorCode};
use serde_json::error::Category;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader, DuplexStream, duplex};

/// A line or a body has at most so many bytes.
const MAX_BYTES: usize = crate::http::guard::MAX_BODY_BYTES;
/// The library reads nothing that is nested deeper.
const MAX_DEPTH: usize = 126;
/// Bytes between reading and the library.
const BUFFER_BYTES: usize = 64 << 10;
/// JSON that is no message: the library answers it with -32600 and no id.
const NO_MESSAGE: &[u8] = b"{}\n";

/// Lines of a client, where each that cannot be read is one that is refused.
pub(super) fn lines(from: impl AsyncRead + Unpin + Send + 'static) -> DuplexStream {
    let (mut to, lines) = duplex(BUFFER_BYTES);
    tokio::spawn(async move {
        let (mut from, mut line, mut is_long) =
            (BufReader::with_capacity(BUFFER_BYTES, from), Vec::new(), false);
        loop {
            let Ok(chunk) = from.fill_buf().await else { return };
            if chunk.is_empty() {
                // What has no end is no line.
                return;
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(chunk.len(), |end| end + 1);
            is_long |= line.len() + taken > MAX_BYTES;
            if is_long {
                line.clear();
            } else {
                line.extend_from_slice(&chunk[..taken]);
            }
            from.consume(taken);
            if end.is_none() {
                continue;
            }
            let told = if is_long || is_deep(&line) { NO_MESSAGE } else { &line };
            if to.write_all(told).await.is_err() {
                return;
            }
            is_long = false;
            line.clear();
        }
    });
    lines
}

/// Whether what may be JSON is nested deeper than anybody reads.
fn is_deep(text: &[u8]) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

/// Refuses a body that is no message, in the words of the protocol.
pub(super) async fn body(request: Request, next: Next) -> Response {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if request.method() != Method::POST || !kind.trim_start().starts_with("application/json") {
        return next.run(request).await;
    }
    let (head, body) = request.into_parts();
    // The guard has read it already.
    let Ok(bytes) = to_bytes(body, MAX_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    match refusal(&bytes) {
        Some(refusal) => (StatusCode::BAD_REQUEST, [(CONTENT_TYPE, "application/json")], refusal.to_string())
            .into_response(),
        None => next.run(Request::from_parts(head, Body::from(bytes))).await,
    }
}

/// What a body is answered that is no message.
fn refusal(bytes: &[u8]) -> Option<Value> {
    let error = serde_json::from_slice::<ClientJsonRpcMessage>(bytes).err()?;
    let (code, message) = match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => (ErrorCode::PARSE_ERROR, "this is no JSON"),
        Category::Data => (ErrorCode::INVALID_REQUEST, "this is no message of the protocol"),
    };
    // Whoever can be told which of its requests it was is told.
    let said = serde_json::from_slice::<Value>(bytes).unwrap_or_default();
    let id = said.get("id").filter(|id| id.is_string() || id.is_number());
    Some(json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code.0, "message": message } }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nested_too_deep_is_told_by_its_brackets_and_not_by_its_texts() {
        let nest = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(!is_deep(nest(MAX_DEPTH).as_bytes()) && is_deep(nest(MAX_DEPTH + 1).as_bytes()));
        assert!(!is_deep(format!("{{\"a\\\"\":\"{}\"}}", "[".repeat(1_000)).as_bytes()));
        assert!(!is_deep("{}".repeat(1_000).as_bytes()));
        let deepest = format!("{{\"jsonrpc\":{}}}", nest(MAX_DEPTH - 1));
        assert!(serde_json::from_str::<Value>(&deepest).is_ok() && !is_deep(deepest.as_bytes()));
    }

    #[test]
    fn a_body_that_is_no_message_is_refused_by_the_book() {
        let check = |body: &str, code: i64, id: Value| {
            let said = refusal(body.as_bytes()).unwrap_or_else(|| panic!("{body}"));
            assert_eq!((&said["error"]["code"], &said["id"]), (&json!(code), &id), "{body}");
        };
        for body in ["", "{", "rubbish", &"[".repeat(100_000)] {
            check(body, -32700, Value::Null);
        }
        for body in ["[]", "{}", "7", "null"] {
            check(body, -32600, Value::Null);
        }
        check(r#"{"jsonrpc":"2.0","id":7,"method":7}"#, -32600, json!(7));
        assert_eq!(refusal(br#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#), None);
    }
}
