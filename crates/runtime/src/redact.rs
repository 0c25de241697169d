//! The one exit point of text that a task made: everything passes here before it is written under a name, shown
//! or sent.
//!
//! ```text
//! keeper --Raw (unnamed file)--> Raw::copy ------> named files: logs, results
//!                                Raw::end -------> the last line on a live screen
//!                                Raw::reader ----> parsers of agents, whose findings are redacted before they are kept
//!                                Watched::pipes -> `logs --follow`
//! ```
//! Nobody but this module reads a [`Raw`]. What is looked for is known by `regatta-redact`; which values are declared,
//! by `vault`.

pub use regatta_redact::{Redactor, Stream, VERSION, Value, is_secret_name, personal, rules_of_markers};

use regatta_plan::prompt::{Item, Trust};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Read at once.
const CHUNK_BYTES: usize = 64 << 10;
/// A file that grows is looked at so often, in nanoseconds.
const LOOK_NS: i64 = 100_000_000;

/// What a process wrote, as it wrote it: an unnamed file. Nothing of it comes out but through the redaction.
#[derive(Debug)]
pub struct Raw(File);

impl Raw {
    /// Takes a file that the keeper handed over.
    #[must_use]
    pub(crate) fn new(file: File) -> Raw {
        Raw(file)
    }

    /// Its length.
    ///
    /// # Errors
    /// It cannot be asked.
    pub fn bytes(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    /// Another handle.
    ///
    /// # Errors
    /// There is none left.
    pub fn try_clone(&self) -> io::Result<Raw> {
        self.0.try_clone().map(Raw)
    }

    /// Copies up to `limit_bytes` through the redaction.
    ///
    /// # Errors
    /// Reading or writing failed.
    pub fn copy(&self, redactor: &Arc<Redactor>, limit_bytes: u64, to: &mut impl Write) -> io::Result<()> {
        let mut stream = Stream::new(Arc::clone(redactor));
        let mut from = self.reader(limit_bytes);
        let size = self.bytes()?.min(limit_bytes).clamp(1, CHUNK_BYTES as u64);
        let mut chunk = vec![0; usize::try_from(size).unwrap_or(CHUNK_BYTES)];
        let mut out = Vec::new();
        loop {
            let n = from.read(&mut chunk)?;
            if n == 0 {
                break;
            }
            stream.push(&chunk[..n], &mut out);
            to.write_all(&out)?;
            out.clear();
        }
        stream.finish(&mut out);
        to.write_all(&out)
    }

    /// The last `window_bytes`, without the line that they begin within, redacted.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn end(&self, redactor: &Redactor, window_bytes: u64) -> io::Result<String> {
        let bytes = self.bytes()?;
        let from = bytes.saturating_sub(window_bytes);
        let mut window = vec![0; usize::try_from(bytes - from).unwrap_or(0)];
        let n = self.0.read_at(&mut window, from)?;
        let window = &window[..n];
        Ok(if from > 0 {
            redactor.end_of_text(window)
        } else {
            redactor.text(String::from_utf8_lossy(window).into_owned())
        })
    }

    /// For parsers, whose findings are to be redacted before they are kept.
    pub(crate) fn reader(&self, limit_bytes: u64) -> Reader<'_> {
        Reader { file: &self.0, at: 0, limit_bytes }
    }
}

/// Items without what must not get into a prompt: secrets in all of them, personal data in what others said.
pub(crate) fn safe(mut items: Vec<Item>, redactor: &Redactor) -> Vec<Item> {
    for item in &mut items {
        let text = redactor.text(std::mem::take(&mut item.text));
        item.text = if item.trust == Trust::Foreign { personal::remove(text) } else { text };
    }
    items
}

/// Names and titles that nobody has redacted yet are no longer, in bytes. It is far more than anybody is shown.
pub(crate) const MOST_UNREDACTED: usize = 64 << 10;

/// A text whose secrets are still to be looked for, which is cut at the end of a word if it is too long: a part of a secret
/// would not be found.
pub(crate) fn bounded(mut text: String) -> String {
    if text.len() > MOST_UNREDACTED {
        let end = (0..=MOST_UNREDACTED).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let end = text[..end].rfind(char::is_whitespace).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Reads a raw file from its beginning, wherever others stand in it.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    file: &'a File,
    at: u64,
    limit_bytes: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.limit_bytes - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let n = self.file.read_at(&mut buffer[..left], self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

/// What a running attempt writes, for somebody who looks on.
#[derive(Debug)]
pub struct Watched {
    /// Standard output and error.
    streams: [Raw; 2],
    redactor: Arc<Redactor>,
    /// The attempt has ended: nothing is written any more.
    over: Arc<AtomicBool>,
}

impl Watched {
    pub(crate) fn new(streams: [Raw; 2], redactor: Arc<Redactor>, over: Arc<AtomicBool>) -> Watched {
        Watched { streams, redactor, over }
    }

    /// How long standard output (0) or error (1) is, if it can be asked.
    #[must_use]
    pub fn bytes(&self, stream: usize) -> Option<u64> {
        self.streams.get(stream)?.bytes().ok()
    }

    /// The end of a stream, redacted, as [`Raw::end`].
    #[must_use]
    pub fn end(&self, stream: usize, window_bytes: u64) -> Option<String> {
        self.streams.get(stream)?.end(&self.redactor, window_bytes).ok()
    }

    /// Two pipes in which both streams come redacted, from their beginning until the attempt has ended. Each is fed by a
    /// thread, which leaves when nobody reads any more.
    ///
    /// # Errors
    /// No pipe or no thread is left.
    pub fn pipes(self) -> io::Result<[PipeReader; 2]> {
        let [out, err] = self.streams;
        let feed = |raw: Raw| -> io::Result<PipeReader> {
            let (theirs, ours) = io::pipe()?;
            let (redactor, over) = (Arc::clone(&self.redactor), Arc::clone(&self.over));
            std::thread::Builder::new().name("look".to_owned()).spawn(move || {
                // Whoever looked on has gone, which ends this.
                let _ = feed(&raw, &redactor, (&over, ours));
            })?;
            Ok(theirs)
        };
        Ok([feed(out)?, feed(err)?])
    }
}

fn feed(raw: &Raw, redactor: &Arc<Redactor>, (over, mut to): (&AtomicBool, PipeWriter)) -> io::Result<()> {
    let mut stream = Stream::new(Arc::clone(redactor));
    let mut from = raw.reader(u64::MAX);
    let (mut chunk, mut out) = (vec![0; CHUNK_BYTES], Vec::new());
    loop {
        // Asked before reading: what is read to its end after that is whole.
        let last = over.load(Ordering::SeqCst);
        let n = from.read(&mut chunk)?;
        stream.push(&chunk[..n], &mut out);
        if n == 0 && last {
            stream.finish(&mut out);
        }
        to.write_all(&out)?;
        out.clear();
        if n == 0 && last {
            return Ok(());
        }
        if n == 0 && hung_up(&to)? {
            return Ok(());
        }
    }
}

/// Waits a little; true if nobody reads any more.
fn hung_up(to: &PipeWriter) -> io::Result<bool> {
    let little = Timespec { tv_sec: 0, tv_nsec: LOOK_NS };
    match poll(&mut [PollFd::new(to, PollFlags::empty())], Some(&little)) {
        Ok(n) => Ok(n > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
