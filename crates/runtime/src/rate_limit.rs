//! How a command says that its provider asks to be left alone: a number of seconds in a file, and an exit code that is
//! not 0.
//!
//! Reads what a task wrote, so trusts none of it. Knows no engine.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Name of the file in the directory of an attempt.
pub const FILE: &str = "retry_after";
/// The variable that names it to the command.
pub const VARIABLE: &str = "REGATTA_RETRY_AFTER";

/// So long is waited where the file says nothing that can be used, in milliseconds.
pub const DEFAULT_MS: u64 = 60_000;
/// No wait is shorter, so that no provider is asked in a circle, in milliseconds.
pub const LEAST_MS: u64 = 1_000;
/// No wait is longer, in milliseconds.
pub const MOST_MS: u64 = 24 * 3_600_000;
/// A number of seconds has at most so many bytes.
const MOST_BYTES: u64 = 64;

/// The variable that tells an attempt where the file goes: beside its result.
#[must_use]
pub fn variable(result_path: &Path) -> (String, OsString) {
    (VARIABLE.to_owned(), result_path.with_file_name(FILE).into())
}

/// Whether an attempt left the file.
#[must_use]
pub fn asked(dir: &Path) -> bool {
    dir.join(FILE).symlink_metadata().is_ok()
}

/// For how long an attempt asked to be left alone, in milliseconds; `None` if it wrote no such file.
#[must_use]
pub fn asked_ms(dir: &Path) -> Option<u64> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(dir.join(FILE));
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(_) => return Some(DEFAULT_MS), // something is there, so it was meant
    };
    let mut text = String::new();
    let plain = file.metadata().is_ok_and(|meta| meta.is_file());
    if !plain || file.take(MOST_BYTES).read_to_string(&mut text).is_err() {
        return Some(DEFAULT_MS);
    }
    Some(parse_ms(&text))
}

/// Seconds, perhaps with decimal places, as milliseconds within the bounds.
fn parse_ms(text: &str) -> u64 {
    let text = text.trim();
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(places) {
        return DEFAULT_MS;
    }
    let seconds: u64 = whole.parse().unwrap_or(u64::MAX); // digits alone: only too many of them fail
    let thousandths: u64 = format!("{places:0<3}")[..3].parse().unwrap_or(0);
    seconds.saturating_mul(1_000).saturating_add(thousandths).clamp(LEAST_MS, MOST_MS)
}

#[cfg(test)]
mod tests {
    use super::{DEFAULT_MS, FILE, MOST_MS, asked_ms, parse_ms};

    #[test]
    fn seconds_are_bounded_and_anything_else_is_a_minute() {
        let check = |text: &str, expect: u64| assert_eq!(parse_ms(text), expect, "{text:?}");
        check("7", 7_000);
        check(" 90\n", 90_000);
        check("1.5", 1_500);
        check("2.0009", 2_000);
        check("0", 1_000);
        check("86401", MOST_MS);
        check("99999999999999999999999999", MOST_MS);
        for garbage in ["", "\n", "soon", "-3", "1e3", "1,5", "Wed, 21 Oct 2015 07:28:00 GMT", "1.", "٣"] {
            let expect = if garbage == "1." { 1_000 } else { DEFAULT_MS };
            check(garbage, expect);
        }
    }

    #[test]
    fn what_is_no_plain_file_of_a_few_bytes_is_a_minute_and_never_hangs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        assert_eq!(asked_ms(dir.path()), None);
        std::fs::write(&path, "3").unwrap();
        assert_eq!(asked_ms(dir.path()), Some(3_000));
        std::fs::write(&path, [0xff; 9]).unwrap();
        assert_eq!(asked_ms(dir.path()), Some(DEFAULT_MS));
        std::fs::write(&path, "1".repeat(1 << 20)).unwrap();
        assert_eq!(asked_ms(dir.path()), Some(MOST_MS));
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        assert_eq!(asked_ms(dir.path()), Some(DEFAULT_MS));
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert_eq!(asked_ms(dir.path()), Some(DEFAULT_MS));
    }
}
