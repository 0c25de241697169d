//! What is no message of the protocol, before the library sees it: told apart from what is, and answered by the book.
//!
//! The library ignores a line that is too long or nested too deep, and refuses a body that is no message in words of its own.

use super::answer::safe;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use rmcp::ErrorData;
use rmcp::model::{
    ClientJsonRpcMessage, ClientRequest, ErrorCode, GetMeta as _, ProtocolVersion, RequestMetaObject,
};
use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
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
const NO_MESSAGE_TEXT: &str = "this is no message of the protocol";
/// What is said beside a request that stands for one that is no message, so that it is answered by its id.
const STANDS_IN: &str = "regatta/no-message";

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
            let told = if is_long { Some(Cow::Borrowed(NO_MESSAGE)) } else { told(&line, &mut begun) };
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
    let fault = fault(message);
    let mut is_request = false;
    match serde_json::from_slice::<ClientJsonRpcMessage>(message) {
        Ok(ClientJsonRpcMessage::Request(asked)) => {
            is_request = true;
            *begun |= fault.is_none() && begins(&asked.request);
        }
        // Of what says a key twice the library would obey one, and there is nobody to be told.
        Ok(_) if !*begun || fault.is_some() => return None,
        Ok(_) | Err(_) => {}
    }
    let asker = fault.as_ref().and_then(|_| asker(message));
    Some(match (asker, fault) {
        (Some(id), Some(fault)) => Cow::Owned((stands_in(&id, &fault).to_string() + "\n").into_bytes()),
        (None, Some(_)) if is_request || is_deep(message) => Cow::Borrowed(NO_MESSAGE),
        // The library ignores what is no JSON.
        _ => Cow::Borrowed(line),
    })
}

/// The request that is told instead of one with a fault. It is one that the library hands on at any time, also before it has
/// shaken hands.
fn stands_in(id: &Value, fault: &Fault) -> Value {
    let mut meta = json!({ STANDS_IN: { "code": fault.code.0, "why": fault.why } });
    for key in RequestMetaObject::DRAFT_REQUIRED_KEYS {
        meta[key] = json!({});
    }
    meta["io.modelcontextprotocol/protocolVersion"] = ProtocolVersion::V_2026_07_28.as_str().into();
    json!({ "jsonrpc": "2.0", "id": id, "method": "server/discover", "params": { "_meta": meta } })
}

/// What is wrong with a message.
struct Fault {
    code: ErrorCode,
    /// For people.
    why: String,
}

/// Why what a client says is not answered; `None` if it is a message that can be.
fn fault(said: &[u8]) -> Option<Fault> {
    let (code, why) = match serde_json::from_slice::<ClientJsonRpcMessage>(said) {
        // Which of both was meant nobody can tell, and the library would take one of them.
        Ok(_) => (ErrorCode::INVALID_PARAMS, serde_json::from_slice::<Unique>(said).err()?.to_string()),
        Err(error) if error.classify() == Category::Data => {
            (ErrorCode::INVALID_REQUEST, NO_MESSAGE_TEXT.to_owned())
        }
        Err(_) if is_deep(said) => (ErrorCode::PARSE_ERROR, format!("it is nested deeper than {MAX_DEPTH}")),
        Err(error) => (ErrorCode::PARSE_ERROR, format!("this cannot be read as JSON: {error}")),
    };
    Some(Fault { code, why: safe(why) })
}

/// What the library is told of the fault of a request that it never saw; `None` of any other request.
pub(super) fn refused(said: &RequestMetaObject) -> Option<ErrorData> {
    let told = said.get(STANDS_IN)?;
    let code = told["code"].as_i64().and_then(|code| i32::try_from(code).ok()).map(ErrorCode);
    let why = told["why"].as_str().unwrap_or(NO_MESSAGE_TEXT);
    Some(ErrorData::new(code.unwrap_or(ErrorCode::INVALID_REQUEST), safe(why), None))
}

/// JSON of whose objects none says a key twice.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Unique, D::Error> {
        from.deserialize_any(Unique)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Unique;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_str<E>(self, _: &str) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Unique, A::Error> {
        while items.next_element::<Unique>()?.is_some() {}
        Ok(Unique)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Unique, A::Error> {
        let mut keys = BTreeSet::new();
        while let Some((key, Unique)) = pairs.next_entry::<String, Unique>()? {
            if keys.contains(&key) {
                return Err(A::Error::custom(format!(
                    "key `{}` stands twice in one object",
                    key.escape_debug()
                )));
            }
            keys.insert(key);
        }
        Ok(Unique)
    }
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

/// The id by which what is no message can be answered, also if the rest of it cannot be read. Whoever answers us wants no
/// answer.
fn asker(said: &[u8]) -> Option<Value> {
    #[derive(Deserialize)]
    struct Asker {
        id: Value,
        result: Option<IgnoredAny>,
        error: Option<IgnoredAny>,
    }
    // A list would be taken for the fields in their order.
    let said = said.trim_ascii_start();
    let said = said.starts_with(b"{").then(|| serde_json::from_slice::<Asker>(said).ok())??;
    let answers = said.result.is_some() || said.error.is_some();
    (!answers && (said.id.is_string() || said.id.is_number())).then_some(said.id)
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
    let Fault { code, why } = fault(bytes)?;
    // Whoever can be told which of its requests it was is told.
    Some(json!({ "jsonrpc": "2.0", "id": asker(bytes), "error": { "code": code.0, "message": why } }))
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
    fn a_line_that_says_a_key_twice_is_obeyed_by_nobody() {
        let told = |line: &str| told(line.as_bytes(), &mut true).map(Cow::into_owned);
        let cancelled = |params: &str| {
            format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{params}}}"#)
        };
        assert_eq!(told(&cancelled(r#"{"requestId":1,"requestId":2}"#)), None);
        assert_eq!(told(r#"{"jsonrpc":"2.0","id":1,"result":{"roots":[],"roots":[]}}"#), None);
        let once = cancelled(r#"{"requestId":1}"#);
        assert_eq!(told(&once), Some(once.into_bytes()));
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
        let ping = |params: &str| format!(r#"{{"jsonrpc":"2.0","id":7,"method":"ping","params":{params}}}"#);
        check(&ping(r#"{"x":"\ud83d"}"#), -32700, json!(7));
        check(&ping(r#"{"x":1e400}"#), -32700, json!(7));
        check(&ping(&format!("{}{}", "[".repeat(200), "]".repeat(200))), -32700, json!(7));
        check(&ping(r#"{"x":[{"y":1,"y":2}]}"#), -32602, json!(7));
        assert_eq!(refusal(br#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#), None);
    }
}
