//! Sessions of clients over HTTP: so many at most. Who comes when all are taken ends the one that was silent for longest.
//!
//! Few clients end their session when they go, so a bound that refused newcomers would lock everybody out in the end.

use axum::http::{HeaderMap, Method};
use rmcp::transport::streamable_http_server::session::SessionManager as _;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Sessions at a time.
pub(super) const MAX_SESSIONS: usize = 64;
/// A session in which nothing is asked for so long is ended; an assistant may think, and its user may sleep on it.
const IDLE: Duration = Duration::from_secs(8 * 3600);
/// The header that names a session.
const NAME: &str = "mcp-session-id";

/// All sessions, and when each was last used.
pub(super) struct Sessions {
    pub(super) manager: Arc<LocalSessionManager>,
    used: Mutex<BTreeMap<String, Instant>>,
}

impl Sessions {
    /// None yet.
    pub(super) fn new() -> Sessions {
        let mut manager = LocalSessionManager::default();
        manager.session_config.keep_alive = Some(IDLE);
        Sessions { manager: Arc::new(manager), used: Mutex::default() }
    }

    /// A request was answered: notes which session it used or made, and ends the one that is too many.
    pub(super) async fn note(
        &self,
        method: &Method,
        (asked, answered): (Option<String>, &HeaderMap),
        now: Instant,
    ) {
        let Some(name) = named(answered).or(asked) else { return };
        let alive: Vec<String> = self.manager.sessions.read().await.keys().map(ToString::to_string).collect();
        let oldest = self.noted((method != Method::DELETE).then_some(name), &alive, now);
        if let Some(oldest) = oldest {
            // It may have ended by itself meanwhile.
            let _ = self.manager.close_session(&oldest.into()).await;
        }
    }

    /// The session that is one too many.
    fn noted(&self, name: Option<String>, alive: &[String], now: Instant) -> Option<String> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.extend(name.map(|name| (name, now)));
        used.retain(|name, _| alive.contains(name));
        let too_many = used.len() > MAX_SESSIONS;
        let oldest = used.iter().min_by_key(|(_, at)| **at).map(|(name, _)| name.clone());
        oldest.filter(|_| too_many)
    }
}

/// The session that a head names.
pub(super) fn named(headers: &HeaderMap) -> Option<String> {
    headers.get(NAME)?.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_that_was_silent_for_longest_makes_room() {
        let (sessions, start) = (Sessions::new(), Instant::now());
        let at = |second: usize| start + Duration::from_secs(second as u64);
        let name = |n: usize| format!("s{n:03}");
        let mut alive = Vec::new();
        for n in 0..MAX_SESSIONS {
            alive.push(name(n));
            assert_eq!(sessions.noted(Some(name(n)), &alive, at(n)), None);
        }
        // The first one says something, so the second is the oldest now.
        assert_eq!(sessions.noted(Some(name(0)), &alive, at(100)), None);
        alive.push(name(999));
        assert_eq!(sessions.noted(Some(name(999)), &alive, at(101)), Some(name(1)));
        alive.retain(|other| *other != name(1));
        assert_eq!(sessions.noted(Some(name(2)), &alive, at(102)), None);
        assert_eq!(sessions.noted(None, &[name(5)], at(103)), None);
        assert_eq!(sessions.used.lock().unwrap().len(), 1);
    }
}
