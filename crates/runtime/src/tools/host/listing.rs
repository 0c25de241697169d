//! Asks servers what tools they have, all at once, without a host: for a check before a run.
//!
//! Knows no call.

use super::connection::{Connection, NoServer};
use crate::tools::facts::ToolFacts;
use crate::tools::order::Server;
use std::collections::BTreeMap;
use std::path::Path;
use tokio::task::JoinSet;

/// A server that was asked has so long to go by itself, in milliseconds.
const LEAVE_MS: u64 = 2_000;

/// What servers said, by their names.
type Said = BTreeMap<String, Result<Vec<ToolFacts>, NoServer>>;

/// What each server lists, in a directory.
pub(crate) fn list_all(servers: BTreeMap<String, Server>, root: &Path) -> Said {
    if servers.is_empty() {
        return Said::new();
    }
    // One that is there already is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(ask_all(servers, root)),
        Err(error) => {
            let why = NoServer::Because(error.to_string());
            servers.into_keys().map(|name| (name, Err(why.clone()))).collect()
        }
    }
}

async fn ask_all(servers: BTreeMap<String, Server>, root: &Path) -> Said {
    let mut asking = JoinSet::new();
    for (name, server) in servers {
        let root = root.to_owned();
        asking.spawn(async move {
            let said = ask(&name, &server, &root).await;
            (name, said)
        });
    }
    let mut listed = Said::new();
    while let Some(asked) = asking.join_next().await {
        // One that panicked has said so.
        listed.extend(asked.ok());
    }
    listed
}

async fn ask(name: &str, server: &Server, root: &Path) -> Result<Vec<ToolFacts>, NoServer> {
    let mut connection = Connection::open(name, server, root).await?;
    let said = connection.facts().await;
    connection.end(LEAVE_MS).await;
    said.map_err(NoServer::Because)
}
