//! What is no message of the protocol, before the library sees it: told apart from what is, and answered by the book.
//!
//! The library ignores a line that is too long or nested too deep, and refuses a body that is no message in words of its own.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, ErrorCode, GetMeta as _, ProtocolVersion};
use serde_json::error::Category;
use serde_json::{Value, json};
use std::borrow::Cow;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader, DuplexStream, duplex};

/// A line or a body has at most so many bytes.
const MAX_BYTES: usize = crate::http::guard::MAX_BODY_BYTES;
/// The library reads nothing that is nested deeper.
const MAX_DEPTH: usize = 126;
/// Bytes between reading and the library.
const BUFFER_BYTES: usize = 64 << 10;
/// Some put it before their first word.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
/// JSON that is no message: the library answers it with -32600 and no id.
const NO_MESSAGE: &[u8] = b"{}\n";
/// What a client is told of such a message.
pub(super) const NO_MESSAGE_TEXT: &str = "this is no message of the protocol";
/// The method of a request that stands for one that is no message, so that it is answered by its id.
pub(super) const NO_METHOD: &str = "regatta/no-message";

/// Lines of a client, where each that cannot be read is one that is refused. What wants no answer is told only when the first
/// request has been: the library goes away at the sight of it.
pub(super) fn lines(from: impl AsyncRead + Unpin + Send + 'static) -> DuplexStream {
    let (mut to, lines) = duplex(BUFFER_BYTES);
    tokio::spawn(async move {
        let (mut from, mut line, mut is_long) =
            (BufReader::with_capacity(BUFFER_BYTES, from), Vec::new(), false);
        let mut begun = false;
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
            let told = if is_long || is_deep(&line) {
                Some(Cow::Borrowed(NO_MESSAGE))
            } else {
                told(&line, &mut begun)
            };
            if let Some(told) = told
                && to.write_all(&told).await.is_err()
            {
                return;
            }
            is_long = false;
            line.clear();
        }
    });
    lines
}

/// What the library is told of a line; nothing of one that wants no answer before anything has `begun`.
fn told<'a>(line: &'a [u8], begun: &mut bool) -> Option<Cow<'a, [u8]>> {
    let message = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
    match serde_json::from_slice::<ClientJsonRpcMessage>(message) {
        Ok(ClientJsonRpcMessage::Request(asked)) => *begun |= begins(&asked.request),
        Ok(_) if !*begun => return None,
        Err(error) if error.classify() == Category::Data => {
            if let Some(id) = asker(message) {
                let refused = json!({ "jsonrpc": "2.0", "id": id, "method": NO_METHOD }).to_string() + "\n";
                return Some(Cow::Owned(refused.into_bytes()));
            }
        }
        // The library ignores what is no JSON.
        Ok(_) | Err(_) => {}
    }
    Some(Cow::Borrowed(line))
}

/// Whether the library serves from a request on: it has shaken hands, or the request has all that is needed without that.
fn begins(request: &ClientRequest) -> bool {
    match request {
        ClientRequest::InitializeRequest(_) => true,
        ClientRequest::PingRequest(_) | ClientRequest::DiscoverRequest(_) => false,
        other => {
            let meta = other.get_meta();
            let known = meta.protocol_version().is_some_and(|v| ProtocolVersion::KNOWN_VERSIONS.contains(&v));
            known && meta.missing_required_keys(&ProtocolVersion::V_2026_07_28).is_empty()
        }
    }
}

/// The id by which JSON that is no message can be answered. Whoever answers us wants no answer.
fn asker(said: &[u8]) -> Option<Value> {
    let said = serde_json::from_slice::<Value>(said).ok()?;
    let answers = said.get("result").is_some() || said.get("error").is_some();
    said.get("id").filter(|id| !answers && (id.is_string() || id.is_number())).cloned()
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
        Category::Data => (ErrorCode::INVALID_REQUEST, NO_MESSAGE_TEXT),
    };
    // Whoever can be told which of its requests it was is told.
    Some(json!({ "jsonrpc": "2.0", "id": asker(bytes), "error": { "code": code.0, "message": message } }))
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
