//! What the owner waits for: an epoll set with a token for each thing that can happen.
//! It does not know what happens next. Tokens are never used twice, so a late event finds nobody.

use std::collections::BTreeMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

/// Events taken in one turn.
const EVENTS: usize = 256;

/// Whom an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// The leader of this attempt has ended.
    Leader(u64),
    /// A stray of this attempt has ended.
    Stray(u64, u32),
    /// A process of this sweep has ended.
    Swept(u64, u32),
}

/// The set.
#[derive(Debug)]
pub(super) struct Watch {
    epoll: OwnedFd,
    subjects: BTreeMap<u64, Subject>,
    count: u64,
}

/// A descriptor in the set; take it out before the descriptor is closed, because a child in the middle of its exec
/// still holds a copy and would keep the entry alive.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) fd: OwnedFd,
    token: u64,
}

impl Watch {
    /// An empty set.
    pub(super) fn new() -> io::Result<Watch> {
        Ok(Watch { epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?, subjects: BTreeMap::new(), count: 0 })
    }

    /// Watches a descriptor of its own.
    pub(super) fn add(&mut self, fd: OwnedFd, subject: Subject) -> io::Result<Watched> {
        self.count += 1;
        let data = epoll::EventData::new_u64(self.count);
        epoll::add(&self.epoll, &fd, data, epoll::EventFlags::IN)?;
        self.subjects.insert(self.count, subject);
        Ok(Watched { fd, token: self.count })
    }

    /// The set itself: readable when something in it happened.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    /// Forgets and closes a descriptor.
    pub(super) fn remove(&mut self, watched: Watched) {
        self.subjects.remove(&watched.token);
        // It is in the set as long as it is open: an error would change nothing.
        let _ = epoll::delete(&self.epoll, &watched.fd);
    }

    /// Sleeps until something happens or the time is over.
    pub(super) fn wait(&self, timeout: Option<Duration>) -> io::Result<Vec<Subject>> {
        let timeout = timeout.map(whole_milliseconds);
        let mut buffer = [const { MaybeUninit::<epoll::Event>::uninit() }; EVENTS];
        match epoll::wait(&self.epoll, &mut buffer, timeout.as_ref()) {
            Ok((events, _)) => {
                Ok(events.iter().filter_map(|event| self.subjects.get(&event.data.u64()).copied()).collect())
            }
            Err(Errno::INTR) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Rounded up: waking too early would mean waking twice.
fn whole_milliseconds(time: Duration) -> Timespec {
    let ms = i64::try_from(time.as_micros().div_ceil(1000)).unwrap_or(i64::MAX);
    Timespec { tv_sec: ms / 1000, tv_nsec: ms % 1000 * 1_000_000 }
}
