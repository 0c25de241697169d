//! One request over HTTP, with redirects followed here, one by one.
//!
//! An address that is built of what others said must be of the world: `literal_origin` tells whether the plan itself
//! names where a request goes, and only there may be this machine or its neighbourhood. The address is looked at when it
//! is connected to, after names are resolved, so a name cannot mean one thing to the check and another to the request.
//! A redirect to another origin takes no header and no body of the caller with it. An address that a secret is part of is in no
//! message of ours: as it is sent it is written otherwise than the value that is looked for.

use super::addresses::is_public;
use crate::exact;
use crate::rate_limit;
use crate::tools::said::Answer;
use regatta_plan::reference::{Part, Template, as_text};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, StatusCode, Url};
use serde_json::{Map, Value, json};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Most redirects that are followed.
const MOST_REDIRECTS: usize = 5;
/// Most bytes of an answer.
const MOST_BODY_BYTES: usize = 8 << 20;
/// A connection is made within so much time; for the rest there is the timeout of the task.
const CONNECT: Duration = Duration::from_secs(30);
/// So much of the body of a bad answer is told, in characters.
const SAID_CHARS: usize = 300;

/// The scheme, host and port that an address begins with, if nothing of them comes from elsewhere.
pub(crate) fn literal_origin(text: &str) -> Option<String> {
    let parts = Template::parse(text).ok()?.parts;
    let whole = parts.len() == 1;
    let Some(Part::Text(first)) = parts.into_iter().next() else { return None };
    let rest = first.split_once("://")?.1;
    // What stands at the end of the literal part could go on in the reference behind it.
    (whole || rest.contains(['/', '?', '#'])).then(|| Url::parse(&first).ok().map(|url| origin(&url)))?
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Why a request got no answer that counts.
enum Failure {
    /// It was never sent, or was answered that it is bad.
    Failed(String),
    /// It was sent, and nobody can tell what came of it.
    Lost(String),
    /// It is to be sent later, in so many milliseconds.
    Limited(u64, String),
}

impl From<String> for Failure {
    fn from(message: String) -> Failure {
        Failure::Failed(message)
    }
}

/// What the plan says of an address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    /// Its origin, if the plan itself says it in full.
    pub(super) own_origin: Option<&'a str>,
    /// Parameters that a secret may be part of.
    pub(super) private: &'a [String],
}

impl Known<'_> {
    fn is_private(&self, name: &str) -> bool {
        self.private.iter().any(|private| private == name)
    }

    /// How an address is called: by its origin, unless a secret may be part of that.
    fn called(&self, url: &Url) -> String {
        let origin = origin(url);
        match self.is_private("url") && self.own_origin != Some(origin.as_str()) {
            true => "the address of `url`".to_owned(),
            false => format!("`{}`", origin.escape_debug()),
        }
    }

    /// A text as it was given, unless a secret may be part of it.
    fn shown(&self, name: &str, text: &str) -> String {
        if self.is_private(name) {
            format!("what `{name}` says")
        } else {
            format!("`{}`", text.escape_debug())
        }
    }
}

/// Sends a request and answers its status, headers and body.
pub(super) fn request(params: &Map<String, Value>, known: Known<'_>) -> Answer {
    // One that is there already is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let sent = match runtime {
        Ok(runtime) => runtime.block_on(follow(params, known)),
        Err(error) => Err(Failure::Failed(error.to_string())),
    };
    match sent {
        Ok(value) => Answer::Done(value, None),
        Err(Failure::Failed(why)) => Answer::failed(format!("http_request: {why}")),
        Err(Failure::Lost(why)) => Answer::lost(format!("http_request: {why}")),
        Err(Failure::Limited(ms, why)) => Answer::Limited(ms, format!("http_request: {why}")),
    }
}

/// What is asked for, as it changes from redirect to redirect.
struct Asked {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<String>,
}

impl Asked {
    fn read(params: &Map<String, Value>, known: Known<'_>) -> Result<Asked, String> {
        let url = params.get("url").and_then(Value::as_str).ok_or("`url` must be a text")?;
        let url =
            Url::parse(url).map_err(|error| format!("{} is no address: {error}", known.shown("url", url)))?;
        let said = params.get("method").map(as_text).unwrap_or_else(|| "GET".to_owned());
        let method = Method::from_bytes(said.to_ascii_uppercase().as_bytes())
            .map_err(|_| format!("{} is no method", known.shown("method", &said)))?;
        let mut headers = HeaderMap::new();
        for (name, value) in params.get("headers").and_then(Value::as_object).into_iter().flatten() {
            let parsed =
                HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(&as_text(value)).ok());
            let (name, mut value) =
                parsed.ok_or_else(|| format!("header `{}` cannot be sent", name.escape_debug()))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let body = params.get("body").filter(|body| !body.is_null());
        if body.is_some_and(|body| !body.is_string()) && !headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        Ok(Asked { method, url, headers, body: body.map(as_text) })
    }

    /// Goes where a redirect points to.
    fn redirected(&mut self, status: StatusCode, to: &str, known: Known<'_>) -> Result<(), String> {
        // Whoever redirects may repeat what it was asked.
        let wrong = |_| match known.is_private("url") {
            true => "it redirects to what is no address".to_owned(),
            false => format!("it redirects to `{}`", to.escape_debug()),
        };
        let url = self.url.join(to).map_err(wrong)?;
        let kept = [StatusCode::TEMPORARY_REDIRECT, StatusCode::PERMANENT_REDIRECT].contains(&status);
        if self.url.scheme() == "https" && url.scheme() != "https" {
            return Err(format!("it redirects from https to {}", known.called(&url)));
        }
        if origin(&url) != origin(&self.url) {
            if kept && self.body.is_some() {
                return Err(format!("it redirects a request with a body to {}", known.called(&url)));
            }
            self.headers = HeaderMap::new();
        }
        if !kept && self.method != Method::GET && self.method != Method::HEAD {
            (self.method, self.body) = (Method::GET, None);
            self.headers.remove(CONTENT_TYPE);
        }
        self.url = url;
        Ok(())
    }
}

async fn follow(params: &Map<String, Value>, known: Known<'_>) -> Result<Value, Failure> {
    let mut asked = Asked::read(params, known)?;
    for _ in 0..=MOST_REDIRECTS {
        let response = send(&asked, known).await?;
        let to = response.headers().get(LOCATION).filter(|_| response.status().is_redirection());
        let Some(to) = to.map(|to| String::from_utf8_lossy(to.as_bytes()).into_owned()) else {
            return answer(response).await;
        };
        asked.redirected(response.status(), &to, known)?;
    }
    Err(Failure::Failed(format!("it redirects more than {MOST_REDIRECTS} times")))
}

async fn send(asked: &Asked, known: Known<'_>) -> Result<Response, Failure> {
    if !["http", "https"].contains(&asked.url.scheme()) {
        let scheme = match known.is_private("url") {
            true => known.called(&asked.url),
            false => format!("`{}`", asked.url.scheme()),
        };
        return Err(Failure::Failed(format!("{scheme} is no address for HTTP")));
    }
    let free = known.own_origin == Some(origin(&asked.url).as_str());
    let called = known.called(&asked.url);
    let host = asked.url.host_str().unwrap_or_default();
    let literal: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    if !free && literal.is_some_and(|address| !is_public(address)) {
        return Err(Failure::Failed(refused(&called)));
    }
    let client = Client::builder()
        .redirect(Policy::none())
        // A proxy would resolve names for us, and nobody could tell where a request goes.
        .no_proxy()
        .connect_timeout(CONNECT)
        .dns_resolver(Arc::new(Resolver { free, called: called.clone() }))
        .build()
        .map_err(|error| Failure::Failed(deep(&error.without_url())))?;
    let mut request = client.request(asked.method.clone(), asked.url.clone()).headers(asked.headers.clone());
    if let Some(body) = &asked.body {
        request = request.body(body.clone());
    }
    request.send().await.map_err(|error| {
        let was_sent = !(error.is_connect() || error.is_builder());
        let why = format!("{called}: {}", deep(&error.without_url()));
        if was_sent { Failure::Lost(why) } else { Failure::Failed(why) }
    })
}

async fn answer(mut response: Response) -> Result<Value, Failure> {
    let status = response.status();
    let mut headers = Map::new();
    for (name, value) in response.headers() {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let entry = headers.entry(name.as_str()).or_insert(Value::String(String::new()));
        *entry = match entry.as_str() {
            Some("") | None => value.into(),
            Some(before) => format!("{before}, {value}").into(),
        };
    }
    let after =
        response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
    let is_json = response.headers().get(CONTENT_TYPE).is_some_and(|kind| {
        kind.to_str()
            .is_ok_and(|kind| kind.split(';').next().is_some_and(|kind| kind.trim().ends_with("json")))
    });
    let mut body = Vec::new();
    // The answer has begun, so the request was obeyed: what breaks off is a bad answer, not an unknown one.
    while let Some(chunk) = response.chunk().await.map_err(|error| deep(&error.without_url()))? {
        body.extend_from_slice(&chunk);
        if body.len() > MOST_BODY_BYTES {
            return Err(Failure::Failed(format!("the answer has more than {} MiB", MOST_BODY_BYTES >> 20)));
        }
    }
    let text = String::from_utf8(body).map_err(|_| "the answer is no text: it is not UTF-8".to_owned());
    if status.is_client_error() || status.is_server_error() {
        let said: String = text.unwrap_or_default().trim().chars().take(SAID_CHARS).collect();
        let why = if said.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {said}") };
        return Err(match (status, after) {
            (StatusCode::TOO_MANY_REQUESTS, after) => {
                Failure::Limited(after.map_or(rate_limit::DEFAULT_MS, |s| s.saturating_mul(1_000)), why)
            }
            (StatusCode::SERVICE_UNAVAILABLE, Some(after)) => {
                Failure::Limited(after.saturating_mul(1_000), why)
            }
            // Whoever stands between does not know what came of it.
            (StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT, _) => Failure::Lost(why),
            _ => Failure::Failed(why),
        });
    }
    let text = text?;
    let mut value = json!({ "status": status.as_u16(), "headers": headers });
    if is_json && let Ok(parsed) = serde_json::from_str::<Value>(&exact::kept(&text)) {
        value["json"] = parsed;
    } else {
        value["body"] = text.into();
    }
    Ok(value)
}

/// Resolves names, and tells no address that may not be spoken to.
struct Resolver {
    free: bool,
    /// What messages call the address.
    called: String,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (free, called) = (self.free, self.called.clone());
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<_> = found.into_iter().filter(|at| free || is_public(at.ip())).collect();
            if allowed.is_empty() {
                return Err(refused(&called).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

fn refused(called: &str) -> String {
    format!(
        "{called} is no public address, and the plan does not name it itself: it came from a reference or a redirect"
    )
}

/// An error with what is below it.
fn deep(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        text.push_str(&format!(": {error}"));
        below = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_the_plans_own_only_if_it_says_all_of_it() {
        let check =
            |text: &str, expect: Option<&str>| assert_eq!(literal_origin(text).as_deref(), expect, "{text}");
        check("http://localhost:8080/a/${b.result.id}", Some("http://localhost:8080"));
        check("http://127.0.0.1:80", Some("http://127.0.0.1"));
        check("https://x.test?q=${b.result.q}", Some("https://x.test"));
        check("http://localhost:80${b.result.port}/", None);
        check("http://${b.result.host}/", None);
        check("${b.result.url}", None);
        check("http://a@${b.result.host}/", None);
        check("no address", None);
    }
}
