//! The last line of what a task writes, while it writes.
//!
//! Sees the end of it redacted; moves nobody's place in it.

use super::super::escape::escape;
use regatta_runtime::agents::{Dialect, progress};
use regatta_runtime::redact::Watched;

/// Looked at from the end.
const WINDOW_BYTES: u64 = 8_192;
/// More of a line fits on no screen.
const MAX_CHARS: usize = 500;

/// What an attempt writes.
#[derive(Debug)]
pub(super) struct Tail {
    watched: Watched,
    sizes: [u64; 2],
    /// The last line of the stream that has grown last.
    pub(super) line: String,
}

impl Tail {
    /// Of standard output and error.
    pub(super) fn new(watched: Watched) -> Tail {
        Tail { watched, sizes: [0; 2], line: String::new() }
    }

    /// Looks again. What cannot be read stays as it was. Of an agent it shows what its stream says.
    pub(super) fn look(&mut self, dialect: Option<Dialect>) {
        for (stream, size) in self.sizes.iter_mut().enumerate() {
            let Some(now) = self.watched.bytes(stream).filter(|now| now != size) else { continue };
            *size = now;
            let Some(text) = self.watched.end(stream, WINDOW_BYTES) else { continue };
            let line = last_line(&text, dialect);
            if !line.is_empty() {
                self.line = line;
            }
        }
    }
}

/// The last line that says something, safe to show: without what steers a terminal, the rest escaped.
fn last_line(text: &str, dialect: Option<Dialect>) -> String {
    if let Some(dialect) = dialect.filter(|dialect| *dialect != Dialect::Plain) {
        let said = text.lines().rev().find_map(|line| progress(dialect, line));
        return escape(&said.unwrap_or_default());
    }
    let plain = anstream::adapter::strip_str(text).to_string();
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
        let cases = [
            ("one\ntwo\n", "two"),
            ("one\ntwo", "two"),
            ("one\n  \n\n", "one"),
            (" 10 %\r 20 %\r", "20 %"),
            ("\x1b[2K\x1b[31mred\x1b[0m\n", "red"),
            ("\x1b]0;owned\x07title\n", "title"),
            ("half \u{fffd}", "half \u{fffd}"),
            ("tab\there\x01\u{202e}", "tab\\there\\u{202e}"),
        ];
        for (bytes, expect) in cases {
            assert_eq!(last_line(bytes, None), expect);
        }
        assert_eq!(last_line(&"x".repeat(4_000), None).len(), 500);
    }

    #[test]
    fn of_an_agent_it_is_what_its_stream_says() {
        let stream = "half a line\n{\"type\":\"item.started\",\"item\":{\"type\":\"command_execution\"}}\n\
                       {\"type\":\"turn.started\"}\nprose\n";
        assert_eq!(last_line(stream, Some(Dialect::Codex)), "uses command_execution");
        assert_eq!(last_line(stream, Some(Dialect::Plain)), "prose");
        assert_eq!(last_line("nothing yet", Some(Dialect::Codex)), "");
    }
}
