//! Frames over a Unix socket: a length of four bytes, then JSON; descriptors travel with the first byte of a frame.
//!
//! Reads and writes what there is room for; who waits for more is the caller's matter. Knows no message.

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A longer frame is nobody's of ours. Arguments and environment of one program are at most a few MiB.
const MAX_FRAME_BYTES: usize = 16 << 20;
/// Read at once.
const CHUNK_BYTES: usize = 64 << 10;
/// Descriptors that come with one read at most: two a frame, and frames with descriptors are read one by one.
const MAX_FDS: usize = 16;

/// What is to be sent: bytes, and descriptors that go with the first of them.
struct Parcel {
    bytes: Vec<u8>,
    fds: Vec<OwnedFd>,
    sent: usize,
}

/// One end of a connection.
pub(crate) struct Wire {
    socket: UnixStream,
    out: VecDeque<Parcel>,
    /// A buffer that keeps its size; `read..filled` are bytes that were received and not taken yet.
    input: Vec<u8>,
    read: usize,
    filled: usize,
    fds: VecDeque<OwnedFd>,
}

impl Wire {
    /// Over a socket, as it blocks or not.
    pub(crate) fn new(socket: UnixStream) -> Wire {
        Wire { socket, out: VecDeque::new(), input: Vec::new(), read: 0, filled: 0, fds: VecDeque::new() }
    }

    /// The socket, to wait for.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Reading waits so long at most; without a limit for ever.
    pub(crate) fn wait_at_most(&self, time: Option<Duration>) -> io::Result<()> {
        self.socket.set_read_timeout(time)
    }

    /// A second handle on the socket, without what waits here.
    pub(crate) fn twin(&self) -> io::Result<Wire> {
        Ok(Wire::new(self.socket.try_clone()?))
    }

    /// True if something waits to be sent.
    pub(crate) fn has_output(&self) -> bool {
        !self.out.is_empty()
    }

    /// Puts a message and its descriptors in line.
    pub(crate) fn push(&mut self, message: &impl Serialize, fds: Vec<OwnedFd>) -> io::Result<()> {
        if !fds.is_empty() || self.out.is_empty() {
            self.out.push_back(Parcel { bytes: Vec::new(), fds, sent: 0 });
        }
        let Some(parcel) = self.out.back_mut() else { return Ok(()) };
        let start = parcel.bytes.len();
        parcel.bytes.extend_from_slice(&[0; 4]);
        serde_json::to_writer(&mut parcel.bytes, message)?;
        let length = parcel.bytes.len() - start - 4;
        let length = u32::try_from(length).ok().filter(|n| *n as usize <= MAX_FRAME_BYTES);
        let Some(length) = length else {
            parcel.bytes.truncate(start);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the message is larger than 16 MiB"));
        };
        parcel.bytes[start..start + 4].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }

    /// Sends what there is room for.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        while let Some(parcel) = self.out.front_mut() {
            if parcel.sent < parcel.bytes.len() {
                match send(&self.socket, &parcel.bytes[parcel.sent..], &parcel.fds) {
                    Ok(sent) => {
                        parcel.sent += sent;
                        parcel.fds.clear();
                    }
                    Err(Errno::INTR) => continue,
                    Err(Errno::AGAIN) => return Ok(()),
                    Err(error) => return Err(error.into()),
                }
            }
            if parcel.sent == parcel.bytes.len() {
                self.out.pop_front();
            }
        }
        Ok(())
    }

    /// Reads what is there; false at the end of the stream.
    pub(crate) fn fill(&mut self) -> io::Result<bool> {
        self.make_room();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let got = loop {
            let mut into = [IoSliceMut::new(&mut self.input[self.filled..])];
            match rustix::net::recvmsg(&self.socket, &mut into, &mut control, RecvFlags::CMSG_CLOEXEC) {
                Err(Errno::INTR) => {}
                other => break other,
            }
        };
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                self.fds.extend(fds);
            }
        }
        let bytes = match got {
            // Somebody's output would be taken for empty. Whoever sent it keeps it for the next connection.
            Ok(got) if got.flags.contains(ReturnFlags::CTRUNC) => {
                return Err(io::Error::other("no descriptor to spare for what was sent"));
            }
            Ok(got) => got.bytes,
            Err(Errno::AGAIN) => return Ok(true),
            Err(error) => return Err(error.into()),
        };
        self.filled += bytes;
        Ok(bytes > 0)
    }

    /// Moves what waits to the front; after a large frame the buffer goes back to its usual size.
    fn make_room(&mut self) {
        if self.read > 0 {
            self.input.copy_within(self.read..self.filled, 0);
            self.filled -= self.read;
            self.read = 0;
        }
        if self.filled + CHUNK_BYTES / 2 > self.input.len() {
            self.input.resize(self.filled + CHUNK_BYTES, 0);
        } else if self.filled == 0 && self.input.len() > 2 * CHUNK_BYTES {
            self.input.truncate(CHUNK_BYTES);
            self.input.shrink_to_fit();
        }
    }

    /// The next whole message that was read.
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        let waiting = &self.input[self.read..self.filled];
        let Some((length, rest)) = waiting.split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        if length > MAX_FRAME_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is larger than 16 MiB"));
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let message = serde_json::from_slice(body)?;
        self.read += 4 + length;
        Ok(Some(message))
    }

    /// The next descriptor that was read.
    pub(crate) fn take_file(&mut self) -> Option<File> {
        self.fds.pop_front().map(File::from)
    }
}

fn send(socket: &UnixStream, bytes: &[u8], fds: &[OwnedFd]) -> Result<usize, Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let borrowed: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
    if !borrowed.is_empty() {
        // There is room for two, and no message has more.
        control.push(SendAncillaryMessage::ScmRights(&borrowed));
    }
    rustix::net::sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Seek as _, Write as _};

    fn file(text: &str) -> OwnedFd {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.rewind().unwrap();
        file.into()
    }

    #[test]
    fn messages_and_descriptors_arrive_in_order_also_in_pieces() {
        let (a, b) = UnixStream::pair().unwrap();
        let (mut a, mut b) = (Wire::new(a), Wire::new(b));
        let long = "x".repeat(200_000);
        a.push(&"one", vec![]).unwrap();
        a.push(&"two", vec![file("second"), file("third")]).unwrap();
        a.push(&long, vec![]).unwrap();
        a.push(&"four", vec![file("fourth")]).unwrap();
        let sender = std::thread::spawn(move || a.flush().map(|()| a.has_output()).unwrap());
        let mut got: Vec<String> = Vec::new();
        while got.len() < 4 {
            assert!(b.fill().unwrap());
            while let Some(message) = b.next().unwrap() {
                got.push(message);
            }
        }
        assert_eq!(got, ["one".to_owned(), "two".to_owned(), long, "four".to_owned()]);
        let texts: Vec<String> = std::iter::from_fn(|| b.take_file())
            .map(|mut f| {
                let mut text = String::new();
                f.read_to_string(&mut text).unwrap();
                text
            })
            .collect();
        assert_eq!(texts, ["second", "third", "fourth"]);
        assert!(!sender.join().unwrap());
        assert!(!b.fill().unwrap());
    }

    #[test]
    fn a_frame_of_absurd_length_is_refused_before_it_is_read() {
        let (mut a, b) = UnixStream::pair().unwrap();
        a.write_all(&u32::MAX.to_be_bytes()).unwrap();
        let mut b = Wire::new(b);
        assert!(b.fill().unwrap());
        assert!(b.next::<String>().is_err());
    }
}
