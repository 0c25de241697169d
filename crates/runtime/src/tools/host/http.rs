//! Servers over streamable HTTP: how one is spoken to, and what a broken request means.
//!
//! Redirects are not followed: headers go with every request, and they hold secrets. Sessions, event streams and their
//! resumption are the crate's.

use super::super::wire::End;
use crate::rate_limit;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use rmcp::service::ServiceError;
use rmcp::transport::streamable_http_client::{StreamableHttpClientTransportConfig, StreamableHttpError};
use rmcp::transport::{DynamicTransportError, StreamableHttpClientTransport};
use std::collections::BTreeMap;
use std::time::Duration;

/// A connection is made within so much time.
const CONNECT: Duration = Duration::from_secs(30);
/// Most bytes of one event.
const MAX_EVENT_BYTES: usize = 32 << 20;

/// The way to a server.
///
/// # Errors
/// An address or a header that cannot be sent, for people.
pub(super) fn transport(
    url: &str,
    headers: &BTreeMap<String, String>,
) -> Result<StreamableHttpClientTransport<reqwest::Client>, String> {
    let builder = reqwest::Client::builder().redirect(Policy::none()).connect_timeout(CONNECT);
    let client = builder.build().map_err(|error| error.to_string())?;
    let header = |(name, value): (&String, &String)| {
        let parsed = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(value).ok());
        let (name, mut value) =
            parsed.ok_or_else(|| format!("header `{}` cannot be sent", name.escape_debug()))?;
        value.set_sensitive(true);
        Ok((name, value))
    };
    let headers = headers.iter().map(header).collect::<Result<_, String>>()?;
    let config = StreamableHttpClientTransportConfig::with_uri(url)
        .custom_headers(headers)
        .max_sse_event_size(MAX_EVENT_BYTES);
    Ok(StreamableHttpClientTransport::with_client(client, config))
}

/// What a request that failed on its way means; `None` if it was answered, or went another way.
pub(super) fn refused(error: &ServiceError) -> Option<End> {
    let ServiceError::TransportSend(sent) = error else { return None };
    match sent.error.downcast_ref::<StreamableHttpError<reqwest::Error>>()? {
        StreamableHttpError::HttpStatus(status) => Some(match status.status {
            429 => {
                let seconds = status.retry_after.as_ref().and_then(|after| after.trim().parse::<u64>().ok());
                let retry_after_ms = seconds.map_or(rate_limit::DEFAULT_MS, |s| s.saturating_mul(1_000));
                End::Limited { retry_after_ms, message: "HTTP 429".to_owned() }
            }
            // Whoever stands between does not know what came of it.
            502 | 504 => return None,
            other => End::Failed(format!("it answers HTTP {other}")),
        }),
        StreamableHttpError::Client(error) if error.is_connect() || error.is_builder() => {
            Some(End::Failed(format!("it cannot be reached: {}", cause_of(error))))
        }
        // It was answered that nothing is done.
        StreamableHttpError::UnexpectedServerResponse(said)
            if said.starts_with("HTTP 3") || said.starts_with("HTTP 4") =>
        {
            Some(End::Failed(of_answer(said).chars().take(300).collect()))
        }
        StreamableHttpError::AuthRequired(_) => {
            Some(End::Failed("HTTP 401: it wants an authorization".to_owned()))
        }
        StreamableHttpError::InsufficientScope(_) => {
            Some(End::Failed("HTTP 403: it wants another authorization".to_owned()))
        }
        StreamableHttpError::SessionExpired => Some(End::Failed("its session has expired".to_owned())),
        _ => None,
    }
}

/// What went wrong on the way, for people.
pub(super) fn sentence(error: &DynamicTransportError) -> String {
    let known = error.error.downcast_ref::<StreamableHttpError<reqwest::Error>>();
    known.map_or_else(|| error.error.to_string(), of_way)
}

fn of_way(error: &StreamableHttpError<reqwest::Error>) -> String {
    match error {
        StreamableHttpError::HttpStatus(status) => format!("it answers HTTP {}", status.status),
        StreamableHttpError::Client(error) if error.is_connect() || error.is_builder() => {
            format!("it cannot be reached: {}", cause_of(error))
        }
        StreamableHttpError::Client(error) => format!("the connection to it broke: {}", cause_of(error)),
        StreamableHttpError::UnexpectedServerResponse(said) => of_answer(said),
        StreamableHttpError::UnexpectedContentType(Some(kind)) => {
            format!(
                "it answers with `{}` and not with JSON: is this the address of an MCP server?",
                kind.escape_debug()
            )
        }
        StreamableHttpError::UnexpectedContentType(None) => {
            "it does not say what it answers with: is this the address of an MCP server?".to_owned()
        }
        StreamableHttpError::AuthRequired(_) => "HTTP 401: it wants an authorization".to_owned(),
        StreamableHttpError::InsufficientScope(_) => "HTTP 403: it wants another authorization".to_owned(),
        StreamableHttpError::MissingSessionIdInResponse => "it begins no session".to_owned(),
        StreamableHttpError::TransportChannelClosed | StreamableHttpError::UnexpectedEndOfStream => {
            "its answer broke off".to_owned()
        }
        other => other.to_string(),
    }
}

/// An answer that is none, for people.
fn of_answer(said: &str) -> String {
    if said.starts_with("HTTP ") {
        return format!("it answers {said}");
    }
    match said.rsplit_once(": ") {
        Some((_, "<empty>")) => "its answer is empty".to_owned(),
        Some((_, body)) => format!("its answer is no message of the protocol: `{}`", body.escape_debug()),
        None => format!("its answer is no message of the protocol: {}", said.escape_debug()),
    }
}

/// What lies at the bottom of an error, without the address: it may hold a secret.
fn cause_of(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    if inner.is::<reqwest::Error>() { "the request could not be sent".to_owned() } else { inner.to_string() }
}
