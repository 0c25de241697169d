//! Who may stay: a connection is a stranger until one of its requests has shown the token.
//!
//! ```text
//! connection ── stranger: little time, few seats, the oldest makes room ── token ── known: a seat of its own
//!                   `── refused: closed
//! ```
//! Strangers take no seat from those who have the token, however many of them there are. Knows no request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// How much is borne of those who connect.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections at a time that have shown the token.
    pub connections: usize,
    /// Connections at a time that have not.
    pub strangers: usize,
    /// The head of a request is there within so long, and a connection that is kept and says nothing is closed then.
    pub head: Duration,
    /// The token is shown within so long.
    pub token: Duration,
}

impl Default for Bounds {
    /// A client has a connection for each call that waits, and one to listen.
    fn default() -> Bounds {
        Bounds {
            connections: 256,
            strangers: 128,
            head: Duration::from_secs(60),
            token: Duration::from_secs(5),
        }
    }
}

/// Whoever was refused has so long to read why.
const READ: Duration = Duration::from_secs(1);

/// Where connections come in.
#[derive(Debug)]
pub(super) struct Door {
    bounds: Bounds,
    seats: Arc<Semaphore>,
    waiting: Mutex<Waiting>,
}

/// Strangers in the order in which they came.
#[derive(Debug, Default)]
struct Waiting {
    came: u64,
    strangers: BTreeMap<u64, CancellationToken>,
}

impl Door {
    /// A door behind which nobody is.
    pub(super) fn new(bounds: Bounds) -> Arc<Door> {
        let seats = Arc::new(Semaphore::new(bounds.connections));
        Arc::new(Door { bounds, seats, waiting: Mutex::default() })
    }

    /// Somebody came. If there are too many strangers now, the one that has waited for longest goes.
    pub(super) fn enter(self: &Arc<Door>) -> Visitor {
        let (door, out) = (Arc::clone(self), CancellationToken::new());
        let mut waiting = self.waiting();
        waiting.came += 1;
        let number = waiting.came;
        waiting.strangers.insert(number, out.clone());
        if waiting.strangers.len() > self.bounds.strangers {
            waiting.strangers.pop_first().into_iter().for_each(|(_, oldest)| oldest.cancel());
        }
        drop(waiting);
        let pass = Pass { door, number, out, refused: CancellationToken::new(), seat: Mutex::default() };
        Visitor(Arc::new(pass))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection, as what judges its requests sees it.
#[derive(Debug)]
pub struct Pass {
    door: Arc<Door>,
    number: u64,
    out: CancellationToken,
    refused: CancellationToken,
    seat: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Pass {
    /// It has shown the token: answers whether there is a seat for it.
    #[must_use]
    pub fn is_let_in(&self) -> bool {
        let mut seat = self.seat();
        if seat.is_none() {
            *seat = Arc::clone(&self.door.seats).try_acquire_owned().ok();
            if seat.is_some() {
                self.door.waiting().strangers.remove(&self.number);
            }
        }
        seat.is_some()
    }

    /// It was refused something: it is closed when that is said.
    pub fn refuse(&self) {
        self.refused.cancel();
    }

    fn seat(&self) -> MutexGuard<'_, Option<OwnedSemaphorePermit>> {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection, as long as it is there.
#[derive(Debug)]
pub(super) struct Visitor(Arc<Pass>);

impl Visitor {
    /// For its requests.
    pub(super) fn pass(&self) -> Arc<Pass> {
        Arc::clone(&self.0)
    }

    /// Comes when it is to be cut off: it showed no token in time, made room for others, or does not read why it was refused.
    pub(super) async fn is_over(&self) {
        let silent = async {
            tokio::time::sleep(self.0.door.bounds.token).await;
            if self.0.seat().is_some() {
                std::future::pending::<()>().await;
            }
        };
        let deaf = async {
            self.0.refused.cancelled().await;
            tokio::time::sleep(READ).await;
        };
        tokio::select! {
            () = self.0.out.cancelled() => {}
            () = silent => {}
            () = deaf => {}
        }
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        self.0.door.waiting().strangers.remove(&self.0.number);
        // Whoever keeps a request keeps no seat.
        *self.0.seat() = None;
    }
}
