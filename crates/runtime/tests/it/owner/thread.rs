//! The owner on a thread of its own, as a keeper has it: asked through a channel, heard through another one.

use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use regatta_runtime::owner::Owner;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::*;

/// The thread. It ends when this is dropped, and nothing of the owner lives then.
pub(super) struct OwnerThread {
    requests: Option<Sender<Vec<Request>>>,
    wake: UnixStream,
    thread: Option<JoinHandle<()>>,
}

impl OwnerThread {
    /// Starts it; what the owner reports comes out of the receiver.
    pub(super) fn start(config: Config) -> (OwnerThread, Receiver<Vec<Report>>) {
        let (requests, asked) = channel();
        let (reports, heard) = channel();
        let (wake, woken) = UnixStream::pair().unwrap();
        woken.set_nonblocking(true).unwrap();
        let thread = std::thread::Builder::new().name("owner".to_owned());
        let thread = thread.spawn(move || own(&config, woken, &asked, &reports)).unwrap();
        assert!(heard.recv().unwrap().is_empty(), "it is ready, with all its descriptors");
        (OwnerThread { requests: Some(requests), wake, thread: Some(thread) }, heard)
    }

    pub(super) fn send(&self, requests: Vec<Request>) {
        self.requests.as_ref().unwrap().send(requests).unwrap();
        rustix::io::write(&self.wake, b"!").unwrap();
    }
}

impl Drop for OwnerThread {
    fn drop(&mut self) {
        self.requests = None;
        let _ = self.wake.shutdown(std::net::Shutdown::Both);
        self.thread.take().unwrap().join().unwrap();
    }
}

fn own(
    config: &Config,
    mut woken: UnixStream,
    asked: &Receiver<Vec<Request>>,
    reports: &Sender<Vec<Report>>,
) {
    let mut owner = Owner::new(config).unwrap();
    reports.send(Vec::new()).unwrap();
    // A test that has seen enough has dropped its end.
    let tell = |said: Vec<Report>| drop((!said.is_empty()).then(|| reports.send(said)));
    loop {
        let mut fds =
            [PollFd::from_borrowed_fd(owner.fd(), PollFlags::IN), PollFd::new(&woken, PollFlags::IN)];
        let patience = owner.patience().map(|time| {
            let ms = i64::try_from(time.as_micros().div_ceil(1_000)).unwrap();
            Timespec { tv_sec: ms / 1_000, tv_nsec: ms % 1_000 * 1_000_000 }
        });
        poll(&mut fds, patience.as_ref()).unwrap();
        tell(owner.look().unwrap());
        if matches!(woken.read(&mut [0; 64]), Ok(0)) {
            return;
        }
        owner.ask(asked.try_iter().flatten());
        tell(owner.work());
    }
}
