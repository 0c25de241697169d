//! The last line of what a task writes, while it writes.
//!
//! Reads a few bytes at the end of a file that grows; moves nobody's place in it.

use super::super::escape::escape;
use regatta_runtime::agents::{Dialect, progress};
use regatta_runtime::redact::redact;
use std::fs::File;
use std::os::unix::fs::FileExt as _;

/// Looked at from the end.
const WINDOW_BYTES: u64 = 4_096;
/// More of a line fits on no screen.
const MAX_CHARS: usize = 500;

/// What an attempt writes.
#[derive(Debug)]
pub(super) struct Tail {
    files: [File; 2],
    sizes: [u64; 2],
    /// The last line of the stream that has grown last.
    pub(super) line: String,
}

impl Tail {
    /// Of standard output and error.
    pub(super) fn new(files: [File; 2]) -> Tail {
        Tail { files, sizes: [0; 2], line: String::new() }
    }

    /// Looks again. What cannot be read stays as it was. Of an agent it shows what its stream says.
    pub(super) fn look(&mut self, dialect: Option<Dialect>) {
        for (file, size) in self.files.iter().zip(&mut self.sizes) {
            let Ok(now) = file.metadata().map(|meta| meta.len()) else { continue };
            if now == *size {
                continue;
            }
            *size = now;
            let from = now.saturating_sub(WINDOW_BYTES);
            let mut bytes = vec![0; usize::try_from(now - from).unwrap_or(0)];
            let Ok(n) = file.read_at(&mut bytes, from) else { continue };
            let line = last_line(&bytes[..n], dialect);
            if !line.is_empty() {
                self.line = line;
            }
        }
    }
}

/// The last line that says something, safe to show: without what steers a terminal, the rest escaped.
fn last_line(bytes: &[u8], dialect: Option<Dialect>) -> String {
    let text = redact(String::from_utf8_lossy(bytes).into_owned());
    if let Some(dialect) = dialect.filter(|dialect| *dialect != Dialect::Plain) {
        let said = text.lines().rev().find_map(|line| progress(dialect, line));
        return escape(&said.unwrap_or_default());
    }
    let plain = anstream::adapter::strip_str(&text).to_string();
    // A carriage return begins a line anew: what programs show of their progress.
    let line = plain.rsplit(['\n', '\r']).map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    escape(&line.chars().take(MAX_CHARS).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::last_line;
    use regatta_runtime::agents::Dialect;

    #[test]
    fn the_last_line_says_something_and_steers_nothing() {
        let cases: [(&[u8], &str); 8] = [
            (b"one\ntwo\n", "two"),
            (b"one\ntwo", "two"),
            (b"one\n  \n\n", "one"),
            (b" 10 %\r 20 %\r", "20 %"),
            (b"\x1b[2K\x1b[31mred\x1b[0m\n", "red"),
            (b"\x1b]0;owned\x07title\n", "title"),
            (b"half \xe2\x82", "half \u{fffd}"),
            (b"tab\there\x01\xe2\x80\xae", "tab\\there\\u{202e}"),
        ];
        for (bytes, expect) in cases {
            assert_eq!(last_line(bytes, None), expect);
        }
        assert_eq!(last_line(&[b'x'; 4_000], None).len(), 500);
    }

    #[test]
    fn of_an_agent_it_is_what_its_stream_says() {
        let stream = b"half a line\n{\"type\":\"item.started\",\"item\":{\"type\":\"command_execution\"}}\n\
                       {\"type\":\"turn.started\"}\nprose\n";
        assert_eq!(last_line(stream, Some(Dialect::Codex)), "uses command_execution");
        assert_eq!(last_line(stream, Some(Dialect::Plain)), "prose");
        assert_eq!(last_line(b"nothing yet", Some(Dialect::Codex)), "");
    }
}
