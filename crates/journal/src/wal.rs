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
use std::io::{self, BufReader, Read};

const HEADER_BYTES: usize = 32;
/// On little-endian machines; the lowest bit says big-endian.
const MAGIC: u32 = 0x377f_0682;
/// What SQLite makes by default.
const OUR_PAGE_BYTES: usize = 4096;
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

/// Looks through a whole log. Beside a living writer a half-written frame may look like a hole: look again.
pub(crate) fn examine(file: File) -> io::Result<Tail> {
    let mut log = Log { file: BufReader::with_capacity(1 << 16, file) };
    let Some(header) = log.header()? else { return Ok(Tail::Sound { commits: 0 }) };
    if !header.good {
        return log.headless(&header);
    }
    let mut at = Cursor { frame: 0, sum: header.stored, salts: header.salts };
    let mut commits = 0;
    while let Some(frame) = log.frame(&header)? {
        at.frame += 1;
        if !frame.follows(&at, &header) {
            // A bad frame that ends its commit was synced if one more commit follows; any other one if two do.
            at.sum = frame.stored;
            let enough = 2 - u64::from(frame.commit);
            return log.after(&header, at, (enough, commits));
        }
        at.sum = frame.stored;
        commits += u64::from(frame.commit);
    }
    Ok(Tail::Sound { commits })
}

/// Whether SQLite takes the head of the log for its own, or nothing was ever written.
pub(crate) fn has_head(file: File) -> io::Result<bool> {
    Ok(Log { file: BufReader::new(file) }.header()?.is_none_or(|header| header.good))
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
    /// None where nothing was ever written.
    fn header(&mut self) -> io::Result<Option<Header>> {
        let mut bytes = [0; HEADER_BYTES];
        if !read_whole(&mut self.file, &mut bytes)? || bytes == [0; HEADER_BYTES] {
            return Ok(None);
        }
        let (magic, page_bytes) = (word(&bytes, 0), word(&bytes, 8) as usize);
        let big_endian = magic == MAGIC | 1;
        let stored = Sum(word(&bytes, 24), word(&bytes, 28));
        let good = magic & !1 == MAGIC
            && page_bytes.is_power_of_two()
            && page_bytes <= 65_536
            && Sum(0, 0).add(&bytes[..24], big_endian) == stored;
        let page_bytes = if good { page_bytes } else { OUR_PAGE_BYTES };
        let mut salts = [0; 8];
        salts.copy_from_slice(&bytes[16..24]);
        Ok(Some(Header { page_bytes, big_endian: good && big_endian, salts, stored, good }))
    }

    /// Without its header SQLite drops the whole log. A header is one write inside one sector, so it is never torn.
    fn headless(&mut self, header: &Header) -> io::Result<Tail> {
        let Some(first) = self.frame(header)? else { return Ok(Tail::Sound { commits: 0 }) };
        let before = Cursor { frame: 0, sum: header.stored, salts: first.salts };
        let whole = u64::from(first.commit && first.follows(&before, header));
        let at = Cursor { sum: first.stored, ..before };
        match self.after(header, at, (1 - whole, 0))? {
            Tail::Hole { frame, lost } => Ok(Tail::Hole { frame, lost: lost + whole }),
            sound => Ok(sound),
        }
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

    /// Counts the commits that link up after the bad frame `at`: a hole if there are `enough`.
    fn after(&mut self, header: &Header, mut at: Cursor, (enough, commits): (u64, u64)) -> io::Result<Tail> {
        let (bad, mut lost) = (at.frame, 0);
        while let Some(frame) = self.frame(header)? {
            if !frame.follows(&at, header) {
                break;
            }
            at.sum = frame.stored;
            lost += u64::from(frame.commit);
        }
        Ok(if lost >= enough { Tail::Hole { frame: bad, lost } } else { Tail::Sound { commits } })
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
