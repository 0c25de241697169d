//! The door to the owner's thread: a bounded queue and the descriptor that wakes the thread.
//! It does not know what requests mean.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::{EventfdFlags, eventfd};

use super::message::Request;

/// Most requests that may wait. A turn of the main loop sends at most two per slot.
pub const INBOX_LIMIT: usize = 65_536;

/// Why requests were not taken; none of the batch was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The owner was closed, or its thread is gone.
    #[error("the process owner is closed")]
    Closed,
    /// More than [`INBOX_LIMIT`] requests would wait.
    #[error("too many requests wait for the process owner")]
    Full,
}

/// A batch that was not taken.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct Returned {
    /// Why not.
    pub why: Refused,
    /// The batch.
    pub requests: Vec<Request>,
}

#[derive(Debug)]
struct Queue {
    waiting: Vec<Request>,
    open: bool,
}

/// Shared by the handle and the thread.
#[derive(Debug)]
pub(super) struct Inbox {
    queue: Mutex<Queue>,
    wake: OwnedFd,
}

impl Inbox {
    /// An open, empty one.
    pub(super) fn new() -> io::Result<Inbox> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Inbox { queue: Mutex::new(Queue { waiting: Vec::new(), open: true }), wake })
    }

    /// Readable when requests wait.
    pub(super) fn wake(&self) -> &OwnedFd {
        &self.wake
    }

    /// Adds a batch and wakes the thread once.
    pub(super) fn put(&self, mut requests: Vec<Request>) -> Result<(), Returned> {
        let mut queue = self.lock();
        if !queue.open {
            return Err(Returned { why: Refused::Closed, requests });
        }
        if queue.waiting.len() + requests.len() > INBOX_LIMIT {
            return Err(Returned { why: Refused::Full, requests });
        }
        let idle = queue.waiting.is_empty();
        queue.waiting.append(&mut requests);
        if idle && !queue.waiting.is_empty() {
            // It can only fail when the counter is full, and then the thread is awake.
            let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
        }
        Ok(())
    }

    /// Takes all that wait.
    pub(super) fn take(&self) -> Vec<Request> {
        let mut queue = self.lock();
        // An empty counter is what we want; there is no other error for this descriptor.
        let _ = rustix::io::read(&self.wake, &mut [0_u8; 8]);
        std::mem::take(&mut queue.waiting)
    }

    /// Takes no more.
    pub(super) fn close(&self) {
        let mut queue = self.lock();
        queue.open = false;
        queue.waiting.clear();
    }

    /// A panic elsewhere leaves a queue of whole requests.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_taken_whole_or_not_at_all() {
        let inbox = Inbox::new().unwrap();
        let ends =
            |count| (0..count).map(|attempt| Request::End { attempt, grace_ms: 0 }).collect::<Vec<_>>();
        inbox.put(ends(INBOX_LIMIT as u64 - 1)).unwrap();
        let returned = inbox.put(ends(2)).unwrap_err();
        assert_eq!((returned.why, returned.requests.len()), (Refused::Full, 2));
        inbox.put(ends(1)).unwrap();
        assert_eq!(inbox.take().len(), INBOX_LIMIT);
        inbox.close();
        assert_eq!(inbox.put(ends(1)).unwrap_err().why, Refused::Closed);
    }
}
