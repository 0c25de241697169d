//! What a call and the tool host say to each other, and how: frames of a length of four bytes and JSON.
//!
//! Knows no server.

use super::order::{Order, Server};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Name of the socket in the directory of the run.
pub(super) const SOCKET: &str = "tools";
/// A longer frame is nobody's of ours: parameters and results of others may be in it.
const MAX_FRAME_BYTES: usize = 64 << 20;

/// What a call asks.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ask {
    /// Call a tool.
    Call(Box<Call>),
    /// Stop what was asked for.
    Cancel,
}

/// A call of a tool of a server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) tool: String,
    pub(super) params: Map<String, Value>,
    pub(super) servers: BTreeMap<String, Server>,
    /// Why others that it may be of cannot be asked, by name.
    #[serde(default)]
    pub(super) missing: BTreeMap<String, String>,
    /// The directory that a server works in.
    pub(super) root: PathBuf,
    pub(super) idempotency_key: String,
    /// What was asked to stop is dead within this time, in milliseconds.
    pub(super) grace_ms: u64,
}

impl Call {
    pub(super) fn of(order: &Order, root: PathBuf) -> Call {
        Call {
            tool: order.tool.clone(),
            params: order.params.clone(),
            servers: order.servers.clone(),
            missing: order.missing.clone(),
            root,
            idempotency_key: order.idempotency_key.clone(),
            grace_ms: order.grace_ms,
        }
    }
}

/// What the host tells.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Tell {
    /// A line of progress, or of what the server logs.
    Line(String),
    /// The request is about to be written: from here on it may have been obeyed.
    Sent,
    /// The end.
    End(End),
}

/// How a call came to its end.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum End {
    /// Well: the result, and its text.
    Done { value: Value, text: Option<String> },
    /// The tool failed, or could not be called.
    Failed(String),
    /// Nobody can tell what was done.
    Lost(String),
    /// The provider asks to be left alone.
    Limited { retry_after_ms: u64, message: String },
    /// It was stopped, and nothing of it lives.
    Stopped,
}

/// Writes a frame.
pub(super) async fn write(to: &mut (impl AsyncWrite + Unpin), message: &impl Serialize) -> io::Result<()> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message)?;
    let length = u32::try_from(bytes.len() - 4).ok().filter(|n| *n as usize <= MAX_FRAME_BYTES);
    let length = length.ok_or_else(|| io::Error::other("a message has more than 64 MiB"))?;
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    to.write_all(&bytes).await
}

/// Reads a frame; `None` at the end.
pub(super) async fn read<T: DeserializeOwned>(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    };
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_FRAME_BYTES {
        return Err(io::Error::other("a message has more than 64 MiB"));
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes).await?;
    Ok(Some(serde_json::from_slice(&bytes)?))
}
