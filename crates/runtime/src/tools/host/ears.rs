//! What a server says beside its answers: progress, and what it logs. Told a few times a second at most.
//!
//! Nobody waits for it: what there is no room for is dropped.

use rmcp::model::{ClientCapabilities, ClientConfig, Implementation, ProgressNotificationParam};
use rmcp::service::NotificationContext;
use rmcp::{ClientHandler, RoleClient};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// What an answer is called that came and says nothing.
pub(super) const NO_RESULT: &str = "its answer is no result of a tool";
/// Between two lines of one kind.
const PAUSE: Duration = Duration::from_millis(100);
/// A line has at most so many characters.
const LINE_CHARS: usize = 500;

/// Where lines go while a call is under way.
#[derive(Clone, Debug, Default)]
pub(super) struct News(Arc<Mutex<Listener>>);

#[derive(Debug, Default)]
struct Listener {
    to: Option<mpsc::Sender<String>>,
    /// When progress, and when logs, were told last.
    last: [Option<Instant>; 2],
}

impl News {
    /// From now on somebody listens.
    pub(super) fn listen(&self) -> mpsc::Receiver<String> {
        let (to, lines) = mpsc::channel(64);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Listener { to: Some(to), last: [None; 2] };
        lines
    }

    /// Takes a notification that is for us; answers whether it was one.
    pub(super) fn hear(&self, message: &Value) -> bool {
        let params = &message["params"];
        let (kind, line) = match message["method"].as_str() {
            Some("notifications/progress") => (0, progress(params)),
            Some("notifications/message") => (1, log(params)),
            _ => return false,
        };
        let mut listener = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let early = listener.last[kind].is_some_and(|last| now.duration_since(last) < PAUSE);
        if let Some(to) = listener.to.as_ref().filter(|_| !early) {
            // A line for which there is no room is of no use later.
            let _ = to.try_send(line.chars().take(LINE_CHARS).collect());
            listener.last[kind] = Some(now);
        }
        true
    }
}

fn progress(params: &Value) -> String {
    let mut line = format!("progress {}", params["progress"]);
    if !params["total"].is_null() {
        line.push_str(&format!("/{}", params["total"]));
    }
    if let Some(message) = params["message"].as_str() {
        line.push_str(&format!(": {message}"));
    }
    line.replace('\n', " ")
}

fn log(params: &Value) -> String {
    let data = params["data"].as_str().map_or_else(|| params["data"].to_string(), str::to_owned);
    format!("{}: {data}", params["level"].as_str().unwrap_or("log")).replace('\n', " ")
}

/// What we are to a server: somebody who can do nothing for it, and hears.
#[derive(Clone, Debug)]
pub(super) struct Ears(pub(super) News);

impl ClientHandler for Ears {
    fn get_info(&self) -> ClientConfig {
        ClientConfig::new(
            ClientCapabilities::default(),
            Implementation::new("regatta", env!("CARGO_PKG_VERSION")),
        )
    }

    async fn on_progress(&self, params: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        self.0.hear(&json!({ "method": "notifications/progress", "params": params }));
    }
}
