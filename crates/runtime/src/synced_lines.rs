//! A file of JSON lines beside a run: each is synced before anything follows from it.
//!
//! A line that was cut off by a crash is no line, and what it would have said happens again. Knows no content.

use crate::private_file;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Every whole line.
///
/// # Errors
/// The file is there and cannot be read.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Vec<T>> {
    parse(&whole(path)?.0)
}

/// The same by whoever adds lines: one that was cut off goes.
///
/// # Errors
/// The file is there and cannot be read or cut.
pub(crate) fn take_over<T: DeserializeOwned>(path: &Path) -> io::Result<Vec<T>> {
    let (bytes, torn) = whole(path)?;
    if torn {
        OpenOptions::new().write(true).open(path)?.set_len(bytes.len() as u64)?;
    }
    parse(&bytes)
}

/// The whole lines of a file, and whether it has one that is not.
fn whole(path: &Path) -> io::Result<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    match private_file::open(path) {
        Ok(mut file) => _ = file.read_to_end(&mut bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let (all, whole) = (bytes.len(), bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1));
    bytes.truncate(whole);
    Ok((bytes, whole < all))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<Vec<T>> {
    let lines = bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).map_err(io::Error::other)).collect()
}

/// Adds some, all of them durable when this answers.
///
/// # Errors
/// They cannot be written.
pub(crate) fn add<T: Serialize>(path: &Path, lines: &[T]) -> io::Result<()> {
    let mut text = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut text, line)?;
        text.push(b'\n');
    }
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.write_all(&text)?;
    file.sync_all()
}
