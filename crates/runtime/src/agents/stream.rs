//! Reads the stream of an agent line by line, bounded, in its dialect.
//!
//! A line that is no JSON, or too long, is passed over and counted: agents mix prose among their lines.

use super::dialects;
use super::preset::preset;
use super::said::{Ending, Said};
use regatta_plan::model::{Agent, Driver};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};

/// A line longer than this is not read.
pub(super) const MAX_LINE_BYTES: usize = 4 << 20;
/// A line of progress is shown up to this many characters.
const MAX_PROGRESS_CHARS: usize = 300;

/// How an agent speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// Text: all of it is its message, and its exit code says how it ended.
    Plain,
    /// `codex exec --json`.
    Codex,
    /// `claude --output-format stream-json`.
    Claude,
    /// `gemini -o stream-json`.
    Gemini,
    /// `opencode run --format json`.
    Opencode,
    /// `qwen -o stream-json`.
    Qwen,
    /// `pi --mode json`.
    Pi,
    /// `kimi --output-format stream-json`.
    Kimi,
    /// `vibe --output streaming`.
    Vibe,
    /// `regatta acp-agent`.
    Acp,
}

impl Dialect {
    /// How an agent of a plan speaks.
    #[must_use]
    pub fn of(agent: &Agent) -> Dialect {
        match &agent.driver {
            Driver::Preset(name) => preset(name).map_or(Dialect::Plain, |preset| preset.dialect),
            Driver::Command(_) => Dialect::Plain,
            Driver::Acp(_) => Dialect::Acp,
        }
    }
}

/// Reads everything that an agent wrote to standard output.
///
/// # Errors
/// It cannot be read.
pub fn read(dialect: Dialect, from: impl Read) -> std::io::Result<Said> {
    let mut said = Said::default();
    let mut lines = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        let n = lines.by_ref().take(MAX_LINE_BYTES as u64 + 1).read_until(b'\n', &mut line)?;
        if n == 0 {
            break;
        }
        if n > MAX_LINE_BYTES && line.last() != Some(&b'\n') {
            skip_line(&mut lines)?;
            if dialect != Dialect::Plain {
                said.unread_lines += 1;
                continue;
            }
        }
        take(dialect, &mut said, &line);
    }
    if dialect == Dialect::Plain {
        said.message = said.message.trim().to_owned();
        said.ending = Ending::Done;
    }
    Ok(said)
}

/// As [`read`], of lines at hand.
#[must_use]
pub fn read_lines(dialect: Dialect, text: &str) -> Said {
    // Bytes at hand can always be read.
    read(dialect, text.as_bytes()).unwrap_or_default()
}

fn skip_line(lines: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let chunk = lines.fill_buf()?;
        if chunk.is_empty() {
            return Ok(());
        }
        let end = chunk.iter().position(|b| *b == b'\n');
        let n = end.map_or(chunk.len(), |at| at + 1);
        lines.consume(n);
        if end.is_some() {
            return Ok(());
        }
    }
}

fn take(dialect: Dialect, said: &mut Said, line: &[u8]) {
    if dialect == Dialect::Plain {
        return said.add(&String::from_utf8_lossy(line));
    }
    if line.iter().all(u8::is_ascii_whitespace) {
        return;
    }
    match serde_json::from_slice::<Value>(line) {
        Ok(value) => speak(dialect, said, &value),
        Err(_) => said.unread_lines += 1,
    }
}

fn speak(dialect: Dialect, said: &mut Said, line: &Value) {
    match dialect {
        Dialect::Plain => {}
        Dialect::Codex => dialects::codex(said, line),
        Dialect::Claude => dialects::claude(said, line, false),
        Dialect::Qwen => dialects::claude(said, line, true),
        Dialect::Gemini => dialects::gemini(said, line),
        Dialect::Opencode => dialects::opencode(said, line),
        Dialect::Pi => dialects::pi(said, line),
        Dialect::Kimi => dialects::kimi(said, line),
        Dialect::Vibe => dialects::vibe(said, line),
        Dialect::Acp => dialects::acp(said, line),
    }
}

/// What a line of its stream says of an agent's progress, for people; `None` for a line that says nothing new. Not
/// escaped.
#[must_use]
pub fn progress(dialect: Dialect, line: &str) -> Option<String> {
    let value = serde_json::from_str::<Value>(line).ok()?;
    let mut said = Said::default();
    speak(dialect, &mut said, &value);
    let text = match (&said.ending, said.denied.first(), said.tools.first()) {
        (Ending::Failed(why), ..) => format!("error: {why}"),
        (_, Some(tool), _) => format!("refused: {tool}"),
        (_, _, Some(tool)) => format!("uses {tool}"),
        _ if !said.message.trim().is_empty() => said.message,
        _ => return None,
    };
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(line.chars().take(MAX_PROGRESS_CHARS).collect())
}
