//! Messages over the pipes of a server: one a line, of bounded length. What is no message is forgiven a few times, unless it is the
//! answer that is waited for: nobody waits for one that cannot be read.
//!
//! Progress and logs are taken out here, before the crate of the protocol starts a task for each of them. Knows no call.

use super::ears::{NO_RESULT, News};
use crate::exact;
use rmcp::RoleClient;
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, ChildStdout};

/// Most bytes of one message: a result of 16 MiB, written as JSON.
const MAX_MESSAGE_BYTES: usize = 32 << 20;
/// Lines that are no message, until the server is given up: some log to standard output.
const MAX_RUBBISH: u32 = 16;

/// Why a connection was given up, for people.
pub(super) type Trouble = Arc<Mutex<Option<String>>>;

/// The pipes of a server.
pub(super) struct Lines {
    from: BufReader<ChildStdout>,
    to: Arc<tokio::sync::Mutex<Option<ChildStdin>>>,
    line: Vec<u8>,
    rubbish: u32,
    /// Ids of requests that are not answered, as JSON.
    asked: BTreeSet<String>,
    /// A message has begun that goes over lines.
    is_spread: bool,
    news: News,
    trouble: Trouble,
}

impl Lines {
    pub(super) fn new((to, from): (ChildStdin, ChildStdout), news: News, trouble: Trouble) -> Lines {
        let to = Arc::new(tokio::sync::Mutex::new(Some(to)));
        Lines {
            from: BufReader::with_capacity(64 << 10, from),
            to,
            line: Vec::new(),
            rubbish: 0,
            asked: BTreeSet::new(),
            is_spread: false,
            news,
            trouble,
        }
    }

    /// Reads a line into `line`; false at the end, or if there is no end to it. May be dropped and called again.
    async fn fill(&mut self) -> bool {
        loop {
            let Ok(chunk) = self.from.fill_buf().await else { return false };
            if chunk.is_empty() {
                return false;
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let taken = end.unwrap_or(chunk.len());
            self.line.extend_from_slice(&chunk[..taken]);
            self.from.consume(end.map_or(taken, |end| end + 1));
            if self.line.len() > MAX_MESSAGE_BYTES {
                return self
                    .give_up(format!("it sent a message of more than {} MiB", MAX_MESSAGE_BYTES >> 20));
            }
            if end.is_some() {
                return true;
            }
        }
    }

    fn give_up(&self, why: String) -> bool {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
        false
    }

    /// The message in `line`, unless it is for our ears alone, or none.
    fn message(&mut self) -> Result<Option<RxJsonRpcMessage<RoleClient>>, ()> {
        let line = std::mem::take(&mut self.line);
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&line);
        let read = match &text {
            Cow::Borrowed(text) => {
                serde_json::from_str::<Value>(&exact::kept(text)).map_err(|error| error.to_string())
            }
            Cow::Owned(_) => Err("it is not UTF-8".to_owned()),
        };
        if let Err(why) = &read
            && self.is_answer(&text)
        {
            self.give_up(format!("its answer cannot be read: {why}"));
            return Err(());
        }
        let value = read.ok().filter(|value| value["jsonrpc"] == "2.0");
        if let Some(value) = &value
            && self.news.hear(value)
        {
            return Ok(None);
        }
        let message = value.and_then(|value| {
            let answers = !value["id"].is_null() && value["method"].is_null();
            let id = value["id"].clone();
            if answers {
                self.asked.remove(&id.to_string());
            }
            let message = serde_json::from_value(value).ok();
            message.or_else(|| if answers { no_result(id) } else { None })
        });
        match message {
            Some(message) => {
                self.is_spread = false;
                Ok(Some(message))
            }
            None if self.rubbish < MAX_RUBBISH => {
                self.rubbish += 1;
                Ok(None)
            }
            None => {
                let shown: String = text.chars().take(80).collect();
                self.give_up(format!(
                    "what it sends is no message of the protocol: `{}`",
                    shown.escape_debug()
                ));
                Err(())
            }
        }
    }

    /// Whether a line that cannot be read is, or has the id of, an answer that is waited for. What a server logs of a request names
    /// its method.
    fn is_answer(&mut self, line: &str) -> bool {
        let line = line.trim();
        let is_begun = line.starts_with('{');
        // Of a message that goes over lines the id may stand on one of its own.
        self.is_spread |= line == "{";
        (is_begun || self.is_spread && line.starts_with("\"id\""))
            && !line.contains("\"method\"")
            && self.asked.iter().any(|id| has_id(line, id))
    }
}

/// Whether `"id"` with this value, which is JSON, stands in a text.
fn has_id(text: &str, id: &str) -> bool {
    text.split("\"id\"").skip(1).any(|rest| {
        let value = rest.trim_start().strip_prefix(':').map(str::trim_start);
        let after = value.and_then(|value| value.strip_prefix(id));
        after.is_some_and(|after| !after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.'))
    })
}

/// An answer that the protocol does not know is an answer all the same: whoever waits for it must not wait for ever.
fn no_result(id: Value) -> Option<RxJsonRpcMessage<RoleClient>> {
    let error = json!({ "code": -32603, "message": NO_RESULT });
    serde_json::from_value(json!({ "jsonrpc": "2.0", "id": id, "error": error })).ok()
}

impl Transport<RoleClient> for Lines {
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), io::Error>> + Send + 'static {
        let to = Arc::clone(&self.to);
        if let TxJsonRpcMessage::<RoleClient>::Request(request) = &item {
            self.asked.extend(serde_json::to_string(&request.id));
        }
        async move {
            let mut bytes = serde_json::to_vec(&item)?;
            bytes.push(b'\n');
            let mut to = to.lock().await;
            let pipe = to.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
            pipe.write_all(&bytes).await?;
            pipe.flush().await
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        loop {
            if !self.fill().await {
                return None;
            }
            match self.message() {
                Ok(Some(message)) => return Some(message),
                Ok(None) => {}
                Err(()) => return None,
            }
        }
    }

    async fn close(&mut self) -> Result<(), io::Error> {
        // Dropping it closes the server's input.
        *self.to.lock().await = None;
        Ok(())
    }
}
