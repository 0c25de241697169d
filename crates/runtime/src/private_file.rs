//! New private files in places where a task could have put something else: a link, a FIFO, a file with other names.
//! What stands there is taken away, never opened. It does not know what is written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Makes an empty file (0600) that nobody else has open or knows under another name.
///
/// # Errors
/// It cannot be made, or a directory stands there.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    match open_new(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            open_new(path)
        }
        made => made,
    }
}

/// Writes a file (0600) whole or not at all: beside it under another name, synced, and then in its place.
///
/// # Errors
/// It cannot be written, or a directory stands there.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let mut file = create(Path::new(&new))?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(new, path)
}

/// What is in a plain file that [`open`] opens, if it is no longer than so many bytes.
///
/// # Errors
/// It cannot be opened or read, is no plain file, or is longer.
pub(crate) fn read(path: &Path, most_bytes: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    open(path)?.take(most_bytes + 1).read_to_end(&mut content)?;
    match content.len() as u64 > most_bytes {
        true => Err(io::Error::new(ErrorKind::InvalidData, format!("it is longer than {most_bytes} bytes"))),
        false => Ok(content),
    }
}

/// With `O_EXCL` no link is followed.
fn open_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Opens a plain file to read it; a link is not followed, and nothing waits for the other end of a FIFO.
///
/// # Errors
/// It cannot be opened, or is no plain file.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    plain(OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?)
}

/// Opens a plain file (0600) to lock it, and makes it where there is none; it is never written. A link is not followed, and
/// nothing waits for the other end of a FIFO.
///
/// # Errors
/// It cannot be opened, or is no plain file.
pub(crate) fn lock_file(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600).custom_flags(flags.bits().cast_signed());
    plain(options.open(path)?)
}

/// The file, if it is a plain one.
///
/// # Errors
/// It is none.
pub(crate) fn plain(file: File) -> io::Result<File> {
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is not a plain file")),
    }
}

/// Whether something could not be written because there is no room for it: the disk, or what this user may have of it.
pub(crate) fn is_no_room(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt as _, symlink};

    #[test]
    fn what_stands_in_the_place_of_a_new_file_is_taken_away_and_never_opened() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("new"), dir.path().join("other"));
        let put: [&dyn Fn(); 5] = [
            &|| {},
            &|| symlink(&other, &path).unwrap(),
            &|| fs::hard_link(&other, &path).unwrap(),
            &|| fs::write(&path, "before").unwrap(),
            &|| assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success()),
        ];
        for put in put {
            fs::write(&other, "kept").unwrap();
            put();
            create(&path).unwrap().write_all(b"mine").unwrap();
            assert_eq!(
                (fs::read(&path).unwrap(), fs::read(&other).unwrap()),
                (b"mine".into(), b"kept".into())
            );
            let meta = fs::symlink_metadata(&path).unwrap();
            assert_eq!((meta.is_file(), meta.mode() & 0o7777, meta.nlink()), (true, 0o600, 1));
            fs::remove_file(&path).unwrap();
        }
        fs::create_dir(&path).unwrap();
        assert!(create(&path).is_err());
    }

    #[test]
    fn what_is_replaced_is_whole_and_what_is_read_is_plain_and_no_longer_than_it_may_be() {
        let dir = tempfile::tempdir().unwrap();
        let (path, fifo) = (dir.path().join("file.json"), dir.path().join("fifo"));
        replace(&path, b"one").unwrap();
        replace(&path, b"two!").unwrap();
        assert_eq!((read(&path, 4).unwrap(), fs::read_dir(dir.path()).unwrap().count()), (b"two!".into(), 1));
        assert_eq!(read(&path, 3).unwrap_err().kind(), ErrorKind::InvalidData);
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        assert!(read(&fifo, 3).is_err());
    }
}
