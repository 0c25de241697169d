//! What stands before every request: who asks, from where, how often, how much. Nothing of a body is read before.
//!
//! A page in a browser can send requests to the loopback under a name of its own (`Host`) or as itself (`Origin`). Neither
//! gets further; no header of an answer allows a page to read it.

use crate::http::door::Pass;
use crate::http::rate::Rate;
use crate::http::token::Token;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Requests with the token that may come a second, and at once: more than any client sends, less than a loop.
pub const RATE: (u32, u32) = (200, 400);
/// A body has at most so many bytes, as a line on standard input.
pub const MAX_BODY_BYTES: usize = 16 << 20;
/// A body is there within so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who is let in.
#[derive(Debug)]
pub struct Guard {
    token: Token,
    rate: Rate,
    patience: Duration,
}

impl Guard {
    /// Whoever has the token is let in, at most as often as the rate says.
    #[must_use]
    pub fn new(token: Token, rate: (u32, u32)) -> Guard {
        Guard { token, rate: Rate::new(rate, Instant::now()), patience: PATIENCE }
    }

    /// Waits so long for a body.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Guard {
        self.patience = patience;
        self
    }

    /// Why a request is refused because of who asks, by its head alone.
    ///
    /// # Errors
    /// The answer to give.
    pub fn knows(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        if !is_ours(uri, headers) {
            return Err(Refusal(StatusCode::FORBIDDEN, "this name is not the loopback", None));
        }
        if !headers.get_all(ORIGIN).iter().all(is_local_origin) {
            return Err(Refusal(StatusCode::FORBIDDEN, "pages of others are not served", None));
        }
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let fits = given.next().is_some_and(|value| self.token.is_in(value.as_bytes()));
        if !fits || given.next().is_some() {
            let ask = Some((WWW_AUTHENTICATE, "Bearer"));
            return Err(Refusal(
                StatusCode::UNAUTHORIZED,
                "a token is wanted: `Authorization: Bearer TOKEN`",
                ask,
            ));
        }
        Ok(())
    }

    /// Why a request of somebody who has the token is refused, by its head alone.
    ///
    /// # Errors
    /// The answer to give.
    pub fn bears(&self, headers: &HeaderMap, now: Instant) -> Result<(), Refusal> {
        if !self.rate.admits(now) {
            return Err(Refusal(
                StatusCode::TOO_MANY_REQUESTS,
                "too many requests",
                Some((RETRY_AFTER, "1")),
            ));
        }
        let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|bytes| bytes > MAX_BODY_BYTES as u64) {
            return Err(too_large());
        }
        Ok(())
    }

    /// A request whose head is admitted, with its body.
    async fn judged(&self, request: Request, pass: Option<&Pass>) -> Result<Request, Refusal> {
        self.knows(request.uri(), request.headers())?;
        // Its seat comes first: whoever only asks too often or too much is no stranger.
        if pass.is_some_and(|pass| !pass.is_let_in()) {
            let again = Some((RETRY_AFTER, "1"));
            return Err(Refusal(StatusCode::SERVICE_UNAVAILABLE, "too many connections", again));
        }
        self.bears(request.headers(), Instant::now())?;
        let (head, body) = request.into_parts();
        match tokio::time::timeout(self.patience, to_bytes(body, MAX_BODY_BYTES)).await {
            Ok(Ok(bytes)) => Ok(Request::from_parts(head, Body::from(bytes))),
            Ok(Err(_)) => Err(too_large()),
            Err(_) => Err(Refusal(StatusCode::REQUEST_TIMEOUT, "the body did not come in time", None)),
        }
    }
}

/// An answer that refuses: status, why, and a header.
#[derive(Debug)]
pub struct Refusal(pub StatusCode, &'static str, Option<(HeaderName, &'static str)>);

fn too_large() -> Refusal {
    Refusal(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long", None)
}

impl From<Refusal> for Response {
    fn from(Refusal(status, why, header): Refusal) -> Response {
        let mut response = (status, format!("{why}\n")).into_response();
        if closes(status) {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// Whoever only asks too often has the token, and a seat of its own.
fn closes(status: StatusCode) -> bool {
    status != StatusCode::TOO_MANY_REQUESTS
}

/// Looks at the head of a request, then reads its body within bounds, then passes it on. Whoever is refused is closed, but for asking too often.
pub async fn guard(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let pass = request.extensions().get::<Arc<Pass>>().cloned();
    match guard.judged(request, pass.as_deref()).await {
        Ok(request) => next.run(request).await,
        Err(refusal) => {
            pass.into_iter().filter(|_| closes(refusal.0)).for_each(|pass| pass.refuse());
            refusal.into()
        }
    }
}

/// Whether the request is meant for the loopback: exactly one `Host`, and the same in a request line that has one.
fn is_ours(uri: &Uri, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let named = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
    named.is_some_and(|name| is_local(&name)) && uri.authority().is_none_or(is_local)
}

fn is_local_origin(origin: &HeaderValue) -> bool {
    let Some(origin) = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok()) else {
        return false;
    };
    let known = origin.scheme_str().is_some_and(|scheme| ["http", "https"].contains(&scheme));
    known && matches!(origin.path(), "" | "/") && origin.authority().is_some_and(is_local)
}

/// By name, whatever the port: a tunnel may end at another one.
fn is_local(authority: &Authority) -> bool {
    let plain = !authority.as_str().contains('@');
    plain
        && ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| authority.host().eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::door::{Bounds, Door};

    /// The status with which a head is refused; 200 if it is not.
    fn judged(uri: &str, headers: &[(&str, &str)]) -> u16 {
        let guard = Guard::new(Token::fresh(), (1, 100));
        let bearer = format!("Bearer {}", guard.token.reveal());
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let value = value.replace("RIGHT", &bearer);
            map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let judged =
            guard.knows(&uri.parse().unwrap(), &map).and_then(|()| guard.bears(&map, Instant::now()));
        judged.map_or_else(|refusal| refusal.0.as_u16(), |()| 200)
    }

    #[test]
    fn host_and_origin_must_be_the_loopback_before_anything_else_is_looked_at() {
        let right = ("authorization", "RIGHT");
        for host in ["localhost", "LOCALHOST:1", "127.0.0.1:7420", "[::1]:9", "127.0.0.1"] {
            assert_eq!(judged("/mcp", &[("host", host), right]), 200, "{host}");
            assert_eq!(judged("/mcp", &[("host", host)]), 401, "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:7420",
            "127.0.0.1.evil.example",
            "localhost@evil.example",
            "::1",
            "",
            "127.0.0.2",
        ] {
            assert_eq!(judged("/mcp", &[("host", host), right]), 403, "{host}");
        }
        assert_eq!(judged("/mcp", &[right]), 403);
        assert_eq!(judged("/mcp", &[("host", "localhost"), ("host", "evil.example"), right]), 403);
        assert_eq!(judged("http://evil.example/mcp", &[("host", "localhost"), right]), 403);
        let host = ("host", "127.0.0.1:1");
        for origin in ["http://localhost:3000", "http://127.0.0.1:1", "https://[::1]"] {
            assert_eq!(judged("/mcp", &[host, right, ("origin", origin)]), 200, "{origin}");
        }
        for origin in [
            "http://evil.example",
            "null",
            "file://",
            "",
            "localhost",
            "http://localhost@evil.example",
            "ftp://localhost",
        ] {
            assert_eq!(judged("/mcp", &[host, right, ("origin", origin)]), 403, "{origin}");
        }
        let both = [host, right, ("origin", "http://localhost"), ("origin", "http://evil.example")];
        assert_eq!(judged("/mcp", &both), 403);
    }

    #[test]
    fn exactly_one_right_token_is_wanted_and_a_body_that_says_it_is_too_long_is_not_read() {
        let (host, right) = (("host", "localhost"), ("authorization", "RIGHT"));
        assert_eq!(judged("/", &[host, ("authorization", "Bearer wrong")]), 401);
        assert_eq!(judged("/", &[host, right, ("authorization", "Bearer wrong")]), 401);
        assert_eq!(judged("/", &[host, right, ("content-length", "16777216")]), 200);
        assert_eq!(judged("/", &[host, right, ("content-length", "16777217")]), 413);
    }

    #[tokio::test]
    async fn who_has_the_token_has_a_seat_also_while_it_asks_too_often_or_too_much() {
        let guard = Guard::new(Token::fresh(), (1, 0));
        let door = Door::new(Bounds { connections: 1, ..Bounds::default() });
        let bearer = format!("Bearer {}", guard.token.reveal());
        let ask = |length: &str| {
            let head = Request::builder().header(HOST, "localhost").header(AUTHORIZATION, &bearer);
            head.header(CONTENT_LENGTH, length).body(Body::empty()).unwrap()
        };
        let (first, second) = (door.enter(), door.enter());
        let judged = guard.judged(ask("0"), Some(&first.pass())).await;
        assert_eq!(judged.unwrap_err().0, StatusCode::TOO_MANY_REQUESTS);
        assert!(first.pass().is_let_in());
        // The only seat is taken.
        let judged = guard.judged(ask("0"), Some(&second.pass())).await;
        assert_eq!(judged.unwrap_err().0, StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn who_has_no_token_uses_up_nothing_of_the_rate() {
        let guard = Guard::new(Token::fresh(), (1, 2));
        let (now, mut head) = (Instant::now(), HeaderMap::new());
        head.insert(HOST, HeaderValue::from_static("localhost"));
        let ask = |head: &HeaderMap| {
            let known = guard.knows(&Uri::from_static("/"), head);
            known.and_then(|()| guard.bears(head, now)).map_err(|r| r.0.as_u16())
        };
        assert!((0..9).all(|_| ask(&head) == Err(401)));
        head.insert(AUTHORIZATION, format!("Bearer {}", guard.token.reveal()).parse().unwrap());
        assert_eq!([ask(&head), ask(&head), ask(&head)], [Ok(()), Ok(()), Err(429)]);
    }
}
