//! What a `tool-call` process is to do, as it lies beside the attempt until it is read (0600): it may hold secrets.
//!
//! Plain data. Knows no plan.

use crate::tool_files::ORDER_FILE;
use crate::{collect, private_file};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::Path;

/// It holds at most so many bytes: results of others may be in it, and each of those has at most 16 MiB.
const MAX_BYTES: u64 = 64 << 20;

/// One call of one tool.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// The tool as the plan names it.
    pub(crate) tool: String,
    /// Its parameters.
    pub(crate) params: Map<String, Value>,
    /// The servers that it may be of, by name; none for a tool of our own.
    #[serde(default)]
    pub(crate) servers: BTreeMap<String, Server>,
    /// Why others that it may be of cannot be asked, by name.
    #[serde(default)]
    pub(crate) missing: BTreeMap<String, String>,
    /// The origin of the address, if the plan itself says it in full.
    #[serde(default)]
    pub(crate) own_origin: Option<String>,
    /// Its parameters that a secret may be part of.
    #[serde(default)]
    pub(crate) private: Vec<String>,
    /// The number of the attempt.
    #[serde(default)]
    pub(crate) number: u32,
    /// What tells repeated calls apart from new ones.
    pub(crate) idempotency_key: String,
    /// What the tool says is JSON.
    #[serde(default)]
    pub(crate) text_is_json: bool,
    /// Between TERM and KILL, in milliseconds.
    pub(crate) grace_ms: u64,
}

/// A server, with every reference replaced.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Server {
    /// A program.
    Program {
        /// Program and arguments.
        argv: Vec<String>,
        /// Variables of its own.
        env: BTreeMap<String, String>,
    },
    /// An address.
    Address {
        /// The address.
        url: String,
        /// Headers of each request.
        headers: BTreeMap<String, String>,
    },
}

impl Order {
    /// Whether it is of a server.
    pub(crate) fn needs_host(&self) -> bool {
        !self.servers.is_empty()
    }

    /// Writes the order into the directory of an attempt.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn store(&self, dir: &Path) -> io::Result<()> {
        let bytes = serde_json::to_vec(self).map_err(io::Error::other)?;
        collect::write_private(&dir.join(ORDER_FILE), &bytes).map(|_| ())
    }

    /// Reads the order and takes it away.
    ///
    /// # Errors
    /// It is not there, or no order.
    pub(crate) fn take(dir: &Path) -> io::Result<Order> {
        let path = dir.join(ORDER_FILE);
        let mut bytes = Vec::new();
        private_file::open(&path)?.take(MAX_BYTES).read_to_end(&mut bytes)?;
        std::fs::remove_file(&path)?;
        serde_json::from_slice(&bytes).map_err(io::Error::other)
    }
}
