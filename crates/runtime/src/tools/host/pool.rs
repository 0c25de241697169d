//! Connections that nobody uses at the moment, by what they are to.
//!
//! The next call takes the one that was used last. Knows no call.

use super::connection::Connection;
use crate::tools::order::Server;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What a connection is to: the whole definition of a server, and the directory it works in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key {
    server: String,
    root: PathBuf,
}

impl Key {
    pub(super) fn new(server: &Server, root: &Path) -> Key {
        // A server can always be written.
        let server = serde_json::to_string(server).unwrap_or_default();
        Key { server, root: root.to_owned() }
    }
}

/// The connections.
#[derive(Default)]
pub(super) struct Pool {
    idle: Mutex<BTreeMap<Key, Vec<Connection>>>,
}

impl Pool {
    /// Takes one that is still good.
    pub(super) fn take(&self, key: &Key) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let row = idle.get_mut(key)?;
        // One whose server has died meanwhile is dropped.
        std::iter::from_fn(|| row.pop()).find(Connection::is_open)
    }

    /// Gives one back.
    pub(super) fn give_back(&self, key: Key, connection: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default().push(connection);
    }

    /// Ends all of them.
    pub(super) async fn leave(&self, grace_ms: u64) {
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        let mut ending = tokio::task::JoinSet::new();
        for connection in idle.into_values().flatten() {
            ending.spawn(connection.end(grace_ms));
        }
        while ending.join_next().await.is_some() {}
    }
}
