//! Asks servers what tools they have, all at once, without a host: for a check before a run.
//!
//! Knows no call.

use super::connection::Connection;
use crate::tools::facts::{Listed, ToolFacts};
use crate::tools::order::Server;
use std::collections::BTreeMap;
use std::path::Path;
use tokio::task::JoinSet;

/// A server that was asked has so long to go by itself, in milliseconds.
const LEAVE_MS: u64 = 2_000;

/// What each server lists, in a directory.
pub(crate) fn list_all(servers: BTreeMap<String, Server>, root: &Path) -> Listed {
    if servers.is_empty() {
        return Listed::new();
    }
    // One that is there already is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(ask_all(servers, root)),
        Err(error) => servers.into_keys().map(|name| (name, Err(error.to_string()))).collect(),
    }
}

async fn ask_all(servers: BTreeMap<String, Server>, root: &Path) -> Listed {
    let mut asking = JoinSet::new();
    for (name, server) in servers {
        let root = root.to_owned();
        asking.spawn(async move {
            let said = ask(&name, &server, &root).await;
            (name, said)
        });
    }
    let mut listed = Listed::new();
    while let Some(asked) = asking.join_next().await {
        // One that panicked has said so.
        listed.extend(asked.ok());
    }
    listed
}

async fn ask(name: &str, server: &Server, root: &Path) -> Result<Vec<ToolFacts>, String> {
    let mut connection = Connection::open(name, server, root).await?;
    let said = connection.facts().await;
    connection.end(LEAVE_MS).await;
    said
}
