//! How an answer that may take long finds whoever asked, and how it is noticed that whoever asked has gone away.
//!
//! ```text
//! waits --answered--> told --read--> heard
//!   `------ hangs up ---`----------> gone
//! ```
//! The loop answers and never waits; the thread that waits sees the connection. Knows no lease.

use super::{Reply, say};
use crate::socket::wire::Wire;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, SendError, SyncSender, sync_channel};

/// Takes the answer to a request.
#[derive(Debug)]
pub struct ReplyTo {
    to: SyncSender<Reply>,
    asker: Asker,
    /// Rings when it is dropped: then there is an answer, or nobody who could give one.
    _bell: Option<UnixStream>,
}

/// Whoever asked.
#[derive(Clone, Debug, Default)]
pub struct Asker(Arc<AtomicU8>);

const HEARD: u8 = 1;
const GONE: u8 = 2;

impl Asker {
    /// True if it has read the answer.
    #[must_use]
    pub fn has_heard(&self) -> bool {
        self.0.load(Ordering::SeqCst) == HEARD
    }

    /// True if it went away before it had read one.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.0.load(Ordering::SeqCst) == GONE
    }
}

impl ReplyTo {
    /// Gives the answer.
    ///
    /// # Errors
    /// Nobody waits for it any more.
    pub fn send(&self, reply: Reply) -> Result<(), SendError<Reply>> {
        self.to.send(reply)
    }

    /// Whoever asked.
    #[must_use]
    pub fn asker(&self) -> &Asker {
        &self.asker
    }
}

/// For an answer that comes at once.
pub(super) fn at_once() -> (ReplyTo, Receiver<Reply>) {
    let (to, answer) = sync_channel(1);
    (ReplyTo { to, asker: Asker::default(), _bell: None }, answer)
}

/// For one that may take as long as it likes.
pub(super) fn in_time() -> io::Result<(ReplyTo, Waiter)> {
    let (to, answer) = sync_channel(1);
    let (bell, ringing) = UnixStream::pair()?;
    let asker = Asker::default();
    let waiter = Waiter { answer, ringing, asker: asker.clone() };
    Ok((ReplyTo { to, asker, _bell: Some(bell) }, waiter))
}

/// Waits for an answer.
#[derive(Debug)]
pub(super) struct Waiter {
    answer: Receiver<Reply>,
    ringing: UnixStream,
    asker: Asker,
}

impl Waiter {
    /// Waits until whoever asked has read the answer or is gone, or nobody can answer any more; true if it is gone.
    pub(super) fn wait(self, wire: &mut Wire) -> bool {
        let hangs_up = loop {
            let mut fds = [
                PollFd::from_borrowed_fd(wire.fd(), PollFlags::IN),
                PollFd::new(&self.ringing, PollFlags::IN),
            ];
            match poll(&mut fds, None) {
                Err(Errno::INTR) => {}
                // It said all it has to say: what comes now is its end.
                _ => break !fds[0].revents().is_empty(),
            }
        };
        let heard = if hangs_up {
            false
        } else {
            let Ok(reply) = self.answer.try_recv() else { return false };
            say(wire, &reply, vec![]).is_ok() && has_read(wire)
        };
        self.asker.0.store(if heard { HEARD } else { GONE }, Ordering::SeqCst);
        !heard
    }
}

/// Waits for the end of the connection. Whoever closes it without having read resets it.
fn has_read(wire: &mut Wire) -> bool {
    loop {
        match poll(&mut [PollFd::from_borrowed_fd(wire.fd(), PollFlags::IN)], None) {
            Err(Errno::INTR) => {}
            _ => return wire.fill().is_ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::JoinHandle;

    /// Somebody asks: its end, whoever answers, and what the waiting comes to.
    fn asked() -> (Wire, ReplyTo, JoinHandle<bool>) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (reply, waiter) = in_time().unwrap();
        let waits = std::thread::spawn(move || waiter.wait(&mut Wire::new(ours)));
        (Wire::new(theirs), reply, waits)
    }

    #[test]
    fn whoever_reads_the_answer_has_heard_it() {
        let (mut wire, reply, waits) = asked();
        let asker = reply.asker().clone();
        reply.send(Reply::Done("7".to_owned())).unwrap();
        assert!(!asker.has_heard());
        drop(reply);
        while wire.next::<Reply>().unwrap().is_none() {
            assert!(wire.fill().unwrap());
        }
        drop(wire);
        assert!(!waits.join().unwrap());
        assert!(asker.has_heard() && !asker.is_gone());
    }

    #[test]
    fn whoever_hangs_up_before_the_answer_or_without_reading_it_is_gone() {
        let (wire, reply, waits) = asked();
        drop(wire);
        assert!(waits.join().unwrap());
        assert!(reply.asker().is_gone() && reply.send(Reply::Done(String::new())).is_err());

        let (wire, reply, waits) = asked();
        let asker = reply.asker().clone();
        reply.send(Reply::Done("7".to_owned())).unwrap();
        drop(reply);
        // It is in the buffer by then.
        assert!(poll(&mut [PollFd::from_borrowed_fd(wire.fd(), PollFlags::IN)], None).unwrap() > 0);
        drop(wire);
        assert!(waits.join().unwrap());
        assert!(asker.is_gone());
    }

    #[test]
    fn where_nobody_can_answer_any_more_nobody_waits() {
        let (_wire, reply, waits) = asked();
        drop(reply);
        assert!(!waits.join().unwrap());
    }
}
