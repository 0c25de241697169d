//! A connection to a server: opened, used by one call at a time, given back or ended.
//!
//! Knows no pool.

use super::super::wire::{Call, End, Tell};
use super::ears::{Ears, NO_RESULT, News};
use super::lines::{Lines, Trouble};
use super::process::Process;
use super::{Stop, http, result};
use crate::tools::SERVER_NAME;
use crate::tools::facts::ToolFacts;
use crate::tools::order::Server;
use regatta_plan::nearest;
use rmcp::model::{
    CallToolRequestParams, ClientRequest, ErrorCode, PaginatedRequestParams, ProtocolVersion, Request,
    RequestMetaObject, ServerResult, Tool,
};
use rmcp::service::{ClientInitializeError, PeerRequestOptions, RunningService, ServiceError};
use rmcp::transport::IntoTransport;
use rmcp::{ClientLifecycleMode, RoleClient, serve_client_with_lifecycle};
use serde_json::{Map, Value};
use std::path::Path;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A server initialises within so much time: some are downloaded first.
const INITIALISE: Duration = Duration::from_secs(60);
/// A list of tools comes within so much time, and has at most so many.
const LIST: Duration = Duration::from_secs(30);
const MOST_TOOLS: usize = 10_000;
/// A list that is only wanted for a better message comes within so much time.
const HINT: Duration = Duration::from_secs(5);
/// A server that is closed is left alone after so much time.
const CLOSE: Duration = Duration::from_secs(1);

/// Why there is no connection to a server.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum NoServer {
    /// It is this program, wherever it runs.
    #[error("it is Regatta itself, which a run never calls")]
    Ourselves,
    /// Something else; what, for people.
    #[error("{0}")]
    Because(String),
}

/// A connection.
pub(super) struct Connection {
    name: String,
    service: RunningService<RoleClient, Ears>,
    process: Option<Process>,
    news: News,
    trouble: Trouble,
    /// Names of its tools, once they were asked for.
    listed: Option<Vec<String>>,
}

impl Connection {
    /// Starts a server and begins to speak with it: with the handshake that nearly all know, else, if it says that it knows none,
    /// in the revision that has none.
    ///
    /// # Errors
    /// Why not.
    pub(super) async fn open(name: &str, server: &Server, root: &Path) -> Result<Connection, NoServer> {
        let by = |way| Connection::open_by(way, (name, server), root);
        match by(ClientLifecycleMode::Initialize).await {
            // What it said first is what people can do something about.
            Err(no) if no.is_of_handshake => by(discover()).await.map_err(|_| no.why),
            begun => begun.map_err(|no| no.why),
        }
    }

    async fn open_by(
        way: ClientLifecycleMode,
        (name, server): (&str, &Server),
        root: &Path,
    ) -> Result<Connection, No> {
        let (news, trouble) = (News::default(), Trouble::default());
        let (process, service) = match server {
            Server::Program { argv, env } => {
                let (mut process, to, from) = Process::start((argv, env), root)?;
                let lines = Lines::new((to, from), news.clone(), Trouble::clone(&trouble));
                let begun = begin(Ears(news.clone()), lines, way).await;
                match begun {
                    Ok(service) => (Some(process), service),
                    Err(no) => {
                        let trouble = trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
                        let why = trouble.unwrap_or_else(|| no.why.to_string());
                        let why = NoServer::Because(with_last_words(why, &mut process).await);
                        return Err(No { why, ..no });
                    }
                }
            }
            Server::Address { url, headers } => {
                (None, begin(Ears(news.clone()), http::transport(url, headers)?, way).await?)
            }
        };
        // Also one that is started: another program may have started us.
        let info = service.peer_info();
        if info.and_then(|info| info.server_info.clone()).is_some_and(|info| info.name == SERVER_NAME) {
            return Err(No { why: NoServer::Ourselves, is_of_handshake: false });
        }
        let spoken = service.peer_info().map(|info| info.protocol_version.clone());
        if let Some(unknown) = spoken.filter(|version| !ProtocolVersion::KNOWN_VERSIONS.contains(version)) {
            let why =
                format!("it speaks revision `{}` of the protocol, which is not known", unknown.as_str());
            return Err(why.into());
        }
        Ok(Connection { name: name.to_owned(), service, process, news, trouble, listed: None })
    }

    /// Whether it can still be used.
    pub(super) fn is_open(&self) -> bool {
        !self.service.is_closed() && !self.service.peer().is_transport_closed()
    }

    /// Names of its tools.
    ///
    /// # Errors
    /// Why they cannot be told, for people.
    pub(super) async fn tools(&mut self) -> Result<Vec<String>, String> {
        if let Some(listed) = &self.listed {
            return Ok(listed.clone());
        }
        let names = self.facts().await?.into_iter().map(|facts| facts.name).collect();
        Ok(self.listed.insert(names).clone())
    }

    /// What it says of its tools.
    ///
    /// # Errors
    /// Why that cannot be told, for people.
    pub(super) async fn facts(&mut self) -> Result<Vec<ToolFacts>, String> {
        timeout(LIST, self.list()).await.map_err(|_| "it does not list its tools".to_owned())?
    }

    async fn list(&self) -> Result<Vec<ToolFacts>, String> {
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let page = PaginatedRequestParams::default().with_cursor(cursor);
            let page = self.service.peer().list_tools(Some(page)).await.map_err(|error| sentence(&error))?;
            found.extend(page.tools.into_iter().map(facts));
            if found.len() > MOST_TOOLS {
                return Err(format!("it lists more than {MOST_TOOLS} tools"));
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(found);
            }
        }
    }

    /// Calls a tool. Answers how that ended, and unless the connection can be used again, within which time in
    /// milliseconds it is to be ended.
    pub(super) async fn call(
        &mut self,
        (tool, call): (&str, &Call),
        tell: &mpsc::Sender<Tell>,
        stop: &mut mpsc::Receiver<Stop>,
    ) -> (End, Option<u64>) {
        let mut lines = self.news.listen();
        let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(call.params.clone());
        let mut meta = Map::new();
        meta.insert("regatta/idempotencyKey".to_owned(), call.idempotency_key.clone().into());
        let options = PeerRequestOptions::no_options().with_meta(RequestMetaObject::from(meta));
        // Whoever listens is told before anything can be done; one that is gone is stopped below.
        let _ = tell.send(Tell::Sent).await;
        let request = ClientRequest::CallToolRequest(Request::new(params));
        let sent = self.service.peer().send_cancellable_request(request, options).await;
        let mut handle = match sent {
            Ok(handle) => handle,
            Err(error) => return (self.broken(&error).await, Some(0)),
        };
        let answer = loop {
            tokio::select! {
                Some(line) = lines.recv() => {
                    let _ = tell.send(Tell::Line(line)).await;
                }
                answer = &mut handle.rx => break answer.unwrap_or(Err(ServiceError::TransportClosed)),
                stop = stop.recv() => {
                    let grace_ms = if stop == Some(Stop::Asked) { call.grace_ms } else { 0 };
                    let patience = CLOSE.min(Duration::from_millis(grace_ms / 8));
                    // It may be deaf; it is ended in any case.
                    let _ = timeout(patience, handle.cancel(Some("the task is to end".to_owned()))).await;
                    return (End::Stopped, Some(grace_ms));
                }
            }
        };
        while let Ok(line) = lines.try_recv() {
            let _ = tell.send(Tell::Line(line)).await;
        }
        match answer {
            Ok(ServerResult::CallToolResult(answer)) => match serde_json::to_value(&answer) {
                Ok(answer) => (result::of(&answer), None),
                Err(error) => (End::Failed(format!("its answer cannot be kept: {error}")), None),
            },
            Ok(ServerResult::InputRequiredResult(_)) => {
                (End::Failed("it asks for input, and nobody is there to give it".to_owned()), None)
            }
            // It was asked, and what it says tells nobody what it did.
            Ok(_) => (self.unclear(NO_RESULT), Some(0)),
            Err(ServiceError::McpError(error)) if error.message == NO_RESULT => {
                (self.unclear(NO_RESULT), Some(0))
            }
            Err(ServiceError::McpError(error)) => {
                (End::Failed(self.refused(tool, &error.message).await), None)
            }
            Err(error) => (self.broken(&error).await, Some(0)),
        }
    }

    /// The server refused: because it has no such tool?
    async fn refused(&mut self, tool: &str, said: &str) -> String {
        let tools = timeout(HINT, self.tools()).await.ok().and_then(Result::ok).unwrap_or_default();
        if tools.is_empty() || tools.iter().any(|known| known == tool) {
            return said.to_owned();
        }
        let near = nearest(tool, tools.iter().map(String::as_str));
        let hint = near.map_or_else(String::new, |near| format!("; did you mean `{}/{near}`?", self.name));
        format!("server `{}` has no tool `{}`{hint}", self.name, tool.escape_debug())
    }

    /// The connection broke while an answer was waited for.
    async fn broken(&mut self, error: &ServiceError) -> End {
        match http::refused(error) {
            Some(End::Failed(why)) => return End::Failed(format!("server `{}`: {why}", self.name)),
            Some(end) => return end,
            None => {}
        }
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let why = trouble.unwrap_or_else(|| match error {
            ServiceError::TransportClosed => "it closed the connection".to_owned(),
            other => sentence(other),
        });
        let why = match &mut self.process {
            Some(process) => with_last_words(why, process).await,
            None => why,
        };
        self.unclear(&why)
    }

    /// Nobody can tell what was done.
    fn unclear(&self, why: &str) -> End {
        End::Lost(format!("server `{}`: {why}; whether it did its work cannot be told", self.name))
    }

    /// Ends it, within `grace_ms`: what was under way is dead then.
    pub(super) async fn end(mut self, grace_ms: u64) {
        // What is deaf is ended below.
        let _ = self.service.close_with_timeout(CLOSE.min(Duration::from_millis(grace_ms / 4))).await;
        if let Some(process) = self.process.take() {
            process.end(grace_ms / 2).await;
        }
    }
}

/// Why a connection did not begin.
struct No {
    why: NoServer,
    /// It may be the handshake alone that the server does not know.
    is_of_handshake: bool,
}

impl From<String> for No {
    fn from(why: String) -> No {
        No { why: NoServer::Because(why), is_of_handshake: false }
    }
}

/// The way of the revision that has no handshake.
fn discover() -> ClientLifecycleMode {
    ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] }
}

/// Begins a connection.
async fn begin<E, A>(
    ears: Ears,
    transport: impl IntoTransport<RoleClient, E, A>,
    way: ClientLifecycleMode,
) -> Result<RunningService<RoleClient, Ears>, No>
where
    E: std::error::Error + Send + Sync + 'static,
{
    match timeout(INITIALISE, serve_client_with_lifecycle(ears, transport, way)).await {
        Ok(begun) => begun.map_err(|error| No {
            why: NoServer::Because(told(&error)),
            is_of_handshake: is_of_handshake(&error),
        }),
        Err(_) => Err(format!("it did not initialise within {} s", INITIALISE.as_secs()).into()),
    }
}

/// Whether a server refuses `initialize` as one does that does not know it.
fn is_of_handshake(error: &ClientInitializeError) -> bool {
    let unknown =
        [ErrorCode::METHOD_NOT_FOUND, ErrorCode::UNSUPPORTED_PROTOCOL_VERSION, ErrorCode::HEADER_MISMATCH];
    matches!(error, ClientInitializeError::JsonRpcError(said) if unknown.contains(&said.code))
}

fn told(error: &ClientInitializeError) -> String {
    let why = match error {
        ClientInitializeError::ConnectionClosed(_) => {
            return "it closed the connection before it was initialised".to_owned();
        }
        ClientInitializeError::TransportError { error, .. } => http::sentence(error),
        ClientInitializeError::JsonRpcError(said) => format!("it answers: {}", said.message),
        ClientInitializeError::ExpectedInitResponse(_)
        | ClientInitializeError::ExpectedInitResult(_)
        | ClientInitializeError::ConflictInitResponseId(..)
        | ClientInitializeError::UncorrelatedErrorResponse { .. } => {
            "what it answers is no initialisation".to_owned()
        }
        other => other.to_string(),
    };
    format!("it did not initialise: {why}").chars().take(300).collect()
}

/// An error of a conversation, for people.
fn sentence(error: &ServiceError) -> String {
    match error {
        ServiceError::TransportSend(sent) => http::sentence(sent),
        ServiceError::McpError(said) => format!("it answers: {}", said.message),
        other => other.to_string(),
    }
}

fn facts(tool: Tool) -> ToolFacts {
    let hints =
        tool.annotations.map(|said| [said.read_only_hint, said.destructive_hint, said.idempotent_hint]);
    ToolFacts {
        name: tool.name.into_owned(),
        schema: Value::Object((*tool.input_schema).clone()),
        hints: hints.unwrap_or_default(),
    }
}

/// A message with how the server ended and what it said last.
async fn with_last_words(why: String, process: &mut Process) -> String {
    let ended = process.ended().await.map_or_else(String::new, |how| format!(" ({how})"));
    let said = process.last_words();
    if said.is_empty() { format!("{why}{ended}") } else { format!("{why}{ended}; it said: {said}") }
}
