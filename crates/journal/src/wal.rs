//! Tells a torn tail of SQLite's write-ahead log, which is normal after a crash, from damage inside it.
//!
//! SQLite ends the log at the first frame whose checksum fails and drops every later commit without a word. But each
//! commit was synced before the next began, so at most the last one can be torn: where further commits follow that
//! link up with what the bad frame says of itself, the frame was whole once. Format: <https://sqlite.org/walformat.html>
//! ```text
//! header 32 bytes | frame: page, commit size, salts, checksums (24 bytes), page bytes | frame | …
//! checksum(frame) covers checksum(frame before), its first 8 bytes and its page
//! ```

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

const HEADER_BYTES: u64 = 32;
const FRAME_HEADER_BYTES: usize = 24;

/// What a look at a log found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tail {
    /// Whole, or torn in its last commit; `commits` are whole.
    Sound {
        /// Commits that SQLite will see.
        commits: u64,
    },
    /// Frame `frame` (1-based, 0 is the header) is bad and `lost` commits follow it.
    Hole {
        /// The bad frame.
        frame: u64,
        /// Whole commits that SQLite would drop.
        lost: u64,
    },
}

/// Running checksum, and the salts of the log's generation.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Sum(u32, u32);

impl Sum {
    /// Adds 8-byte groups.
    fn add(mut self, bytes: &[u8], big_endian: bool) -> Sum {
        for group in bytes.chunks_exact(8) {
            let (a, b) = (word(group, 0), word(group, 4));
            let (a, b) = if big_endian { (a, b) } else { (a.swap_bytes(), b.swap_bytes()) };
            self.0 = self.0.wrapping_add(a).wrapping_add(self.1);
            self.1 = self.1.wrapping_add(b).wrapping_add(self.0);
        }
        self
    }
}

/// Looks through a whole log.
pub(crate) fn examine(file: File) -> io::Result<Tail> {
    let mut log = Log { file: BufReader::with_capacity(1 << 16, file) };
    let Some(header) = log.header()? else { return Ok(Tail::Sound { commits: 0 }) };
    let mut at = Cursor { frame: 0, sum: header.stored, salts: header.salts };
    if !header.good {
        return log.hole(&header, at, 1);
    }
    let mut commits = 0;
    while let Some(frame) = log.frame(&header)? {
        at.frame += 1;
        if !frame.follows(&at, &header) {
            // Its own commit mark cannot be trusted; a second commit after it can only follow if this was synced.
            at.sum = frame.stored;
            let tail = log.hole(&header, at, 2 - u64::from(frame.commit))?;
            return if tail != (Tail::Sound { commits: 0 }) && log.mended(&header, at.frame)? {
                // A writer was in the middle of this frame when we read it.
                Ok(Tail::Sound { commits })
            } else if let Tail::Sound { .. } = tail {
                Ok(Tail::Sound { commits })
            } else {
                Ok(tail)
            };
        }
        at.sum = frame.stored;
        commits += u64::from(frame.commit);
    }
    Ok(Tail::Sound { commits })
}

/// Where the chain of checksums stands.
#[derive(Clone, Copy)]
struct Cursor {
    frame: u64,
    sum: Sum,
    salts: [u8; 8],
}

struct Header {
    page_bytes: usize,
    big_endian: bool,
    salts: [u8; 8],
    stored: Sum,
    good: bool,
}

struct Frame {
    commit: bool,
    salts: [u8; 8],
    stored: Sum,
    head: [u8; 8],
    page: Vec<u8>,
}

impl Frame {
    fn follows(&self, before: &Cursor, header: &Header) -> bool {
        let sum = before.sum.add(&self.head, header.big_endian).add(&self.page, header.big_endian);
        self.salts == before.salts && sum == self.stored
    }
}

struct Log {
    file: BufReader<File>,
}

impl Log {
    /// None where there is nothing that could be a log.
    fn header(&mut self) -> io::Result<Option<Header>> {
        let mut bytes = [0; HEADER_BYTES as usize];
        if !read_whole(&mut self.file, &mut bytes)? {
            return Ok(None);
        }
        let page_bytes = word(&bytes, 8) as usize;
        if word(&bytes, 0) & !1 != 0x377f_0682 || !page_bytes.is_power_of_two() || page_bytes > 65_536 {
            return Ok(None);
        }
        let big_endian = word(&bytes, 0) & 1 == 1;
        let stored = Sum(word(&bytes, 24), word(&bytes, 28));
        let good = Sum(0, 0).add(&bytes[..24], big_endian) == stored;
        let mut salts = [0; 8];
        salts.copy_from_slice(&bytes[16..24]);
        Ok(Some(Header { page_bytes, big_endian, salts, stored, good }))
    }

    /// The next whole frame.
    fn frame(&mut self, header: &Header) -> io::Result<Option<Frame>> {
        let mut bytes = [0; FRAME_HEADER_BYTES];
        let mut page = vec![0; header.page_bytes];
        if !read_whole(&mut self.file, &mut bytes)? || !read_whole(&mut self.file, &mut page)? {
            return Ok(None);
        }
        let (mut head, mut salts) = ([0; 8], [0; 8]);
        head.copy_from_slice(&bytes[..8]);
        salts.copy_from_slice(&bytes[8..16]);
        let stored = Sum(word(&bytes, 16), word(&bytes, 20));
        Ok(Some(Frame { commit: word(&bytes, 4) != 0, salts, stored, head, page }))
    }

    /// Counts the commits that link up after the bad frame `at`; a hole if there are at least `enough`.
    fn hole(&mut self, header: &Header, mut at: Cursor, enough: u64) -> io::Result<Tail> {
        let (bad, mut lost) = (at.frame, 0);
        while let Some(frame) = self.frame(header)? {
            if !frame.follows(&at, header) {
                break;
            }
            at.sum = frame.stored;
            lost += u64::from(frame.commit);
        }
        Ok(if lost >= enough { Tail::Hole { frame: bad, lost } } else { Tail::Sound { commits: 0 } })
    }

    /// Reads frame `n` and the one before again: true if it is good now.
    fn mended(&mut self, header: &Header, n: u64) -> io::Result<bool> {
        let frame_bytes = (FRAME_HEADER_BYTES + header.page_bytes) as u64;
        let mut before = Cursor { frame: n - 1, sum: header.stored, salts: header.salts };
        if n > 1 {
            self.file.seek(SeekFrom::Start(HEADER_BYTES + (n - 2) * frame_bytes))?;
            let Some(frame) = self.frame(header)? else { return Ok(true) };
            before.sum = frame.stored;
        } else {
            self.file.seek(SeekFrom::Start(HEADER_BYTES))?;
        }
        Ok(self.frame(header)?.is_none_or(|frame| frame.follows(&before, header)))
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_be_bytes(word)
}

/// Fills `buffer`; false at the end of the file.
fn read_whole(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(e) => Err(e),
    }
}
