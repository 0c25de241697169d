//! Files that a command is given: plain ones only, bounded; never a device, a directory or a pipe.
//!
//! Knows no plan.

use std::fs::{File, Metadata, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Why a file is not one to read.
#[derive(Debug)]
pub enum NotPlain {
    /// It cannot be opened.
    Unopened(std::io::Error),
    /// It is something else.
    Special,
}

/// Opens a plain file; waits for nobody at a FIFO.
///
/// # Errors
/// It cannot be opened, or is no plain file.
pub fn open(path: &Path) -> Result<(File, Metadata), NotPlain> {
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(nonblock).open(path).map_err(NotPlain::Unopened)?;
    let meta = file.metadata().map_err(NotPlain::Unopened)?;
    if meta.is_file() { Ok((file, meta)) } else { Err(NotPlain::Special) }
}

/// The text of a plain file of at most `most` bytes.
///
/// # Errors
/// Why it is not one, for people.
pub fn small_text(path: &Path, most: u64) -> Result<String, String> {
    String::from_utf8(small_bytes(path, most)?).map_err(|_| "it is not UTF-8".to_owned())
}

/// The bytes of a plain file, at most `most`.
///
/// # Errors
/// As [`small_text`].
pub fn small_bytes(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let (file, meta) = open(path).map_err(|e| match e {
        NotPlain::Unopened(e) => e.to_string(),
        NotPlain::Special => "it is not a plain file".to_owned(),
    })?;
    let long = || Err(format!("it has more than {most} bytes"));
    if meta.len() > most {
        return long();
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > most { long() } else { Ok(bytes) }
}
