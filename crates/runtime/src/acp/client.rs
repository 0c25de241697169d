//! One prompt through the protocol: version 2, and version 1 for agents that know no other.
//!
//! Both versions are of the crate `agent-client-protocol`; what is heard is read as JSON by `updates`, so that the two
//! differ here only in how a turn begins and ends.

use super::asking::{Asking, Came};
use super::permission::{self, Answer, Yes};
use super::updates::{Idle, Updates};
use super::{Order, child, say};
use agent_client_protocol::v2::InitializeOutcome;
use agent_client_protocol::{Agent, ByteStreams, Client, Error, RequestCancellation, v1, v2};
use regatta_plan::model::Permissions;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::{ChildStdin, ChildStdout};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio_util::compat::{TokioAsyncReadCompatExt as _, TokioAsyncWriteCompatExt as _};

/// A turn that was cancelled has so long to say so.
const CANCEL: Duration = Duration::from_secs(2);

type Pipes = (ChildStdin, ChildStdout);

/// What a turn needs beside its connection.
struct Turn<'a> {
    order: &'a Order,
    prompt: &'a str,
    /// The MCP servers that the session gets.
    servers: &'a [Value],
    cwd: &'a Path,
    term: Signal,
    updates: UnboundedReceiver<Value>,
}

/// What came of a connection.
enum Ended {
    /// The last line of the turn.
    End(Value),
    /// The agent speaks version 1 only.
    Older,
}

/// Drives one prompt. Answers whether the turn ended well.
pub(super) async fn turn(order: &Order, (prompt, servers): (&str, &[Value]), cwd: &Path) -> io::Result<bool> {
    for version in [2, 1] {
        let (process, stdin, stdout) = child::start(&order.argv)?;
        let (sender, updates) = unbounded_channel();
        let turn = Turn { order, prompt, servers, cwd, term: signal(SignalKind::terminate())?, updates };
        let came = if version == 2 {
            second(turn, (stdin, stdout), sender).await
        } else {
            first(turn, (stdin, stdout), sender).await
        };
        // The connection is gone, and the agent's standard input with it.
        child::let_go(process).await;
        match came {
            Ok(Ended::Older) => {}
            Ok(Ended::End(line)) => {
                say(&line);
                return Ok(line["stop_reason"] == "end_turn");
            }
            Err(error) => {
                say(&Updates::default().broken(&error_text(&error)));
                return Ok(false);
            }
        }
    }
    say(&Updates::default().broken("the agent speaks neither version 2 nor version 1 of the protocol"));
    Ok(false)
}

fn error_text(error: &Error) -> String {
    match &error.data {
        Some(data) => format!("{} ({data})", error.message),
        None => error.message.clone(),
    }
}

/// One of the crate's messages, of JSON.
fn message<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    serde_json::from_value(value).map_err(Error::into_internal_error)
}

fn to_json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

/// Who answers requests for permissions.
struct Permits {
    permissions: Permissions,
    /// Whoever can be asked, where that is a person's.
    asking: Option<Asking>,
    cancelled: watch::Receiver<bool>,
}

impl Permits {
    /// Of a turn, which is cancelled by the sender.
    fn of(order: &Order) -> (Arc<Permits>, watch::Sender<bool>) {
        let (cancel, cancelled) = watch::channel(false);
        let desk = order.desk.clone().filter(|_| order.permissions == Permissions::Ask);
        let asking = desk.map(Asking::new);
        (Arc::new(Permits { permissions: order.permissions, asking, cancelled }), cancel)
    }

    /// Answers a request, unless the agent takes it back first: then nobody waits for a person any more.
    async fn unless_cancelled(&self, by: &RequestCancellation, request: &Value) -> Result<Value, Error> {
        by.run_until_cancelled(async { Ok(self.answer(request).await) }).await
    }

    /// Answers a request, and tells of a refusal, with its reason where somebody was to be asked.
    async fn answer(&self, request: &Value) -> Value {
        let came = match &self.asking {
            _ if *self.cancelled.borrow() => Came::Cancelled,
            Some(asking) => match permission::yes(request) {
                Some(yes) => {
                    let kind = permission::kind(request).to_owned();
                    let what = (permission::title(request), kind, yes == Yes::Always);
                    asking.ask(what, self.cancelled.clone()).await
                }
                None => Came::Refused("the agent offers no way to allow it".to_owned()),
            },
            None => Came::Answered(permission::allowed(self.permissions, request)),
        };
        let (allowed, why) = match came {
            Came::Cancelled => return json!({ "outcome": { "outcome": "cancelled" } }),
            Came::Answered(false) if self.asking.is_some() => (false, Some("a person refused it".to_owned())),
            Came::Answered(allowed) => (allowed, None),
            Came::Refused(why) => (false, Some(format!("nobody was asked: {why}"))),
        };
        if !allowed {
            say(&json!({ "kind": "denied", "title": permission::title(request), "why": why }));
        }
        match permission::answer(allowed, request) {
            Answer::Option(id) => json!({ "outcome": { "outcome": "selected", "optionId": id } }),
            Answer::Cancelled => json!({ "outcome": { "outcome": "cancelled" } }),
        }
    }
}

/// Version 1: the prompt's result is the end of the turn.
async fn first(
    turn: Turn<'_>,
    (stdin, stdout): Pipes,
    sender: UnboundedSender<Value>,
) -> Result<Ended, Error> {
    let (permits, cancel) = Permits::of(turn.order);
    Client
        .v1()
        .name("regatta")
        .on_receive_notification(
            async move |heard: v1::schema::SessionNotification, _cx: v1::ConnectionTo<Agent>| {
                // After the turn nobody listens.
                let _ = sender.send(to_json(&heard.update));
                Ok(())
            },
            agent_client_protocol::on_receive_notification!(),
        )
        .on_receive_request(
            async move |request: v1::schema::RequestPermissionRequest,
                        responder: v1::Responder<v1::schema::RequestPermissionResponse>,
                        cx: v1::ConnectionTo<Agent>| {
                let permits = Arc::clone(&permits);
                // It may take as long as a person thinks, and the agent says more meanwhile.
                cx.spawn(async move {
                    let answer =
                        permits.unless_cancelled(&responder.cancellation(), &to_json(&request)).await;
                    responder.respond_with_result(answer.and_then(message))
                })
            },
            agent_client_protocol::on_receive_request!(),
        )
        .connect_with(ByteStreams::new(stdin.compat_write(), stdout.compat()), async move |cx| {
            turn.first(cx, &cancel).await
        })
        .await
}

/// Version 2: the prompt is only accepted; a state ends the turn.
async fn second(
    turn: Turn<'_>,
    (stdin, stdout): Pipes,
    sender: UnboundedSender<Value>,
) -> Result<Ended, Error> {
    let (permits, cancel) = Permits::of(turn.order);
    Client
        .v2()
        .name("regatta")
        .on_receive_notification(
            async move |heard: v2::schema::UpdateSessionNotification, _cx: v2::ConnectionTo<Agent>| {
                // After the turn nobody listens.
                let _ = sender.send(to_json(&heard.update));
                Ok(())
            },
            agent_client_protocol::on_receive_notification!(),
        )
        .on_receive_request(
            async move |request: v2::schema::RequestPermissionRequest,
                        responder: v2::Responder<v2::schema::RequestPermissionResponse>,
                        cx: v2::ConnectionTo<Agent>| {
                let permits = Arc::clone(&permits);
                // It may take as long as a person thinks, and the agent says more meanwhile.
                cx.spawn(async move {
                    let answer =
                        permits.unless_cancelled(&responder.cancellation(), &to_json(&request)).await;
                    responder.respond_with_result(answer.and_then(message))
                })
            },
            agent_client_protocol::on_receive_request!(),
        )
        .connect_with(ByteStreams::new(stdin.compat_write(), stdout.compat()), async move |cx| {
            turn.second(cx, &cancel).await
        })
        .await
}

impl Turn<'_> {
    async fn first(
        mut self,
        cx: v1::ConnectionTo<Agent>,
        cancel: &watch::Sender<bool>,
    ) -> Result<Ended, Error> {
        let hello = json!({ "protocolVersion": 1, "clientCapabilities": {}, "clientInfo": us() });
        let hello: v1::schema::InitializeRequest = message(hello)?;
        let hello = cx.send_request(hello).block_task().await?;
        self.check_servers(&to_json(&hello), "/agentCapabilities/mcpCapabilities/http")?;
        let session = match &self.order.resume {
            Some(id) => {
                let load = json!({ "sessionId": id, "cwd": self.cwd, "mcpServers": self.servers });
                let load: v1::schema::LoadSessionRequest = message(load)?;
                to_json(&cx.send_request(load).block_task().await?)
            }
            None => {
                let new: v1::schema::NewSessionRequest =
                    message(json!({ "cwd": self.cwd, "mcpServers": self.servers }))?;
                to_json(&cx.send_request(new).block_task().await?)
            }
        };
        let id = self.began(1, &to_json(&hello.agent_info), &session);
        if let Some(mode) = self.mode(&session) {
            let set: v1::schema::SetSessionModeRequest = message(json!({ "sessionId": id, "modeId": mode }))?;
            cx.send_request(set).block_task().await?;
        }
        // What a loaded session replays was said before.
        while self.updates.try_recv().is_ok() {}
        let prompt: v1::schema::PromptRequest = message(self.prompt(&id))?;
        let mut result = Box::pin(cx.send_request(prompt).block_task());
        let mut heard = Updates::default();
        let end = loop {
            tokio::select! {
                ended = &mut result => break to_json(&ended?),
                Some(update) = self.updates.recv() => heard.take(&update).0.iter().for_each(say),
                _ = self.term.recv() => {
                    cancel.send_replace(true);
                    let cancel: v1::schema::CancelNotification = message(json!({ "sessionId": id }))?;
                    cx.send_notification(cancel)?;
                    let ended = tokio::time::timeout(CANCEL, &mut result).await;
                    break ended.ok().and_then(Result::ok).map_or_else(gone, |ended| to_json(&ended));
                }
            }
        };
        // What came before the result stands before it.
        while let Ok(update) = self.updates.try_recv() {
            heard.take(&update).0.iter().for_each(say);
        }
        Ok(Ended::End(heard.end(&end)))
    }

    async fn second(
        mut self,
        cx: v2::ConnectionTo<Agent>,
        cancel: &watch::Sender<bool>,
    ) -> Result<Ended, Error> {
        let hello = json!({ "protocolVersion": 2, "info": us(), "capabilities": {} });
        let hello: v2::schema::InitializeRequest = message(hello)?;
        let InitializeOutcome::Initialized(hello) = cx.send_initialize(hello).block_task().await? else {
            return Ok(Ended::Older);
        };
        self.check_servers(&to_json(&hello), "/capabilities/session/mcp/http")?;
        let session = match &self.order.resume {
            Some(id) => {
                let resume = json!({ "sessionId": id, "cwd": self.cwd, "mcpServers": self.servers });
                let resume: v2::schema::ResumeSessionRequest = message(resume)?;
                to_json(&cx.send_request(resume).block_task().await?)
            }
            None => {
                let new: v2::schema::NewSessionRequest =
                    message(json!({ "cwd": self.cwd, "mcpServers": self.servers }))?;
                to_json(&cx.send_request(new).block_task().await?)
            }
        };
        let id = self.began(2, &to_json(&hello.info), &session);
        if let Some(mode) = self.mode(&session) {
            let set = json!({ "sessionId": id, "configId": "mode", "type": "id", "value": mode });
            let set: v2::schema::SetSessionConfigOptionRequest = message(set)?;
            cx.send_request(set).block_task().await?;
        }
        while self.updates.try_recv().is_ok() {}
        let prompt: v2::schema::PromptRequest = message(self.prompt(&id))?;
        cx.send_request(prompt).block_task().await?;
        let mut heard = Updates::default();
        let mut until = None;
        loop {
            tokio::select! {
                update = self.updates.recv() => {
                    let Some(update) = update else { return Ok(Ended::End(heard.broken("the agent went away"))) };
                    let (line, idle) = heard.take(&update);
                    line.iter().for_each(say);
                    if let Some(Idle(end)) = idle {
                        return Ok(Ended::End(heard.end(&end)));
                    }
                }
                _ = self.term.recv(), if until.is_none() => {
                    cancel.send_replace(true);
                    let cancel: v2::schema::CancelSessionNotification = message(json!({ "sessionId": id }))?;
                    cx.send_notification(cancel)?;
                    until = Some(tokio::time::Instant::now() + CANCEL);
                }
                () = sleep_until(until), if until.is_some() => return Ok(Ended::End(heard.end(&gone()))),
            }
        }
    }

    /// Servers at an address are for agents that say that they take them; `at` is where they say so.
    fn check_servers(&self, hello: &Value, at: &str) -> Result<(), Error> {
        let at_address = self.servers.iter().any(|server| server["type"] == "http");
        let able = hello.pointer(at).is_some_and(|able| !able.is_null() && able != false);
        if at_address && !able {
            return Err(Error::new(-32000, "the agent takes no MCP servers at an address, only programs"));
        }
        Ok(())
    }

    /// Tells of the session, and answers its id.
    fn began(&self, version: u8, agent: &Value, session: &Value) -> String {
        let new = session.get("sessionId").and_then(Value::as_str);
        let id = self.order.resume.as_deref().or(new).unwrap_or_default().to_owned();
        say(&json!({ "kind": "session", "session_id": id, "protocol": version, "agent": agent }));
        id
    }

    /// The mode to set, if the answer to a new session offers one that is wanted.
    fn mode(&self, session: &Value) -> Option<String> {
        permission::mode(self.order.permissions, session)
    }

    fn prompt(&self, session: &str) -> Value {
        json!({ "sessionId": session, "prompt": [{ "type": "text", "text": self.prompt }] })
    }
}

async fn sleep_until(until: Option<tokio::time::Instant>) {
    if let Some(until) = until {
        tokio::time::sleep_until(until).await;
    }
}

/// The end of a turn that was cancelled and did not say so.
fn gone() -> Value {
    json!({ "stopReason": "cancelled" })
}

fn us() -> Value {
    json!({ "name": "regatta", "version": env!("CARGO_PKG_VERSION") })
}
