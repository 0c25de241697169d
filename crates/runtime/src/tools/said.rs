//! How a call of a tool ended, as the process of the call says it, and how that is judged.
//!
//! The one place where the words of a tool enter the judgement of an attempt. Its result and its output go the way of
//! every attempt: `result.json`, standard output and error.

use crate::tool_files::SAID_FILE;
use crate::{collect, private_file, rate_limit};
use regatta_engine::cause::Cause;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::{self, Read as _};
use std::path::Path;

/// It holds at most so many bytes.
const MAX_BYTES: u64 = 64 << 10;
/// A message holds at most so many characters.
const MESSAGE_CHARS: usize = 1_000;

/// How a call ended badly.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Class {
    /// The tool, or what was to reach it, says that it failed.
    Failed,
    /// Nobody can tell whether it did its work: the request was sent, and no answer came.
    Lost,
    /// The results that it was to join disagree.
    Conflict,
}

/// What is said of a call that did not end well.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Said {
    /// How it ended.
    pub(crate) class: Class,
    /// Why, for people.
    pub(crate) message: String,
}

impl Said {
    /// What a call said in the directory of its attempt, if it said something.
    pub(crate) fn hear(dir: &Path) -> Option<Said> {
        let mut bytes = Vec::new();
        private_file::open(&dir.join(SAID_FILE)).ok()?.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// The cause that it is.
    pub(crate) fn cause(&self) -> Cause {
        if self.class == Class::Conflict { Cause::JoinConflict } else { Cause::Tool }
    }

    /// Nobody can tell whether it did its work.
    pub(crate) fn is_lost(&self) -> bool {
        self.class == Class::Lost
    }
}

/// How a call ended.
#[derive(Debug)]
pub(super) enum Answer {
    /// Well: its value, and what it says beside.
    Done(Value, Option<String>),
    /// Badly.
    Bad(Said),
    /// The provider asks to be left alone for so many milliseconds.
    Limited(u64, String),
}

impl Answer {
    /// It failed, and why.
    pub(super) fn failed(message: impl Into<String>) -> Answer {
        Answer::Bad(Said { class: Class::Failed, message: message.into() })
    }

    /// What it was to join disagrees, and where.
    pub(super) fn conflict(message: impl Into<String>) -> Answer {
        Answer::Bad(Said { class: Class::Conflict, message: message.into() })
    }

    /// Nobody can tell what it did, and why.
    pub(super) fn lost(message: impl Into<String>) -> Answer {
        Answer::Bad(Said { class: Class::Lost, message: message.into() })
    }

    /// Writes it where an attempt's result and ours go. Answers whether the call ended well.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn store(self, dir: &Path, (result, text_is_json): (&Path, bool)) -> io::Result<bool> {
        let bad = match self {
            Answer::Done(value, text) => match self::value(&value) {
                Ok(bytes) => {
                    if let Some(text) = &text {
                        write_all(io::stdout(), text)?;
                    }
                    if !text_is_json {
                        std::fs::write(result, bytes)?;
                    } else if text.is_none() {
                        write_all(io::stdout(), &value.to_string())?;
                    }
                    return Ok(true);
                }
                Err(said) => said,
            },
            Answer::Bad(said) => said,
            Answer::Limited(ms, message) => {
                let seconds = format!("{}.{:03}\n", ms / 1_000, ms % 1_000);
                std::fs::write(dir.join(rate_limit::FILE), seconds)?;
                Said { class: Class::Failed, message }
            }
        };
        let said = Said { message: bad.message.chars().take(MESSAGE_CHARS).collect(), ..bad };
        write_all(io::stderr(), &said.message)?;
        let bytes = serde_json::to_vec(&said).map_err(io::Error::other)?;
        collect::write_private(&dir.join(SAID_FILE), &bytes)?;
        Ok(false)
    }
}

/// A result that fits.
fn value(value: &Value) -> Result<Vec<u8>, Said> {
    let failed = |message| Said { class: Class::Failed, message };
    let bytes = serde_json::to_vec(value).map_err(|error| failed(error.to_string()))?;
    if bytes.len() as u64 > collect::MAX_RESULT_BYTES {
        return Err(failed(format!("its result has {} bytes, more than 16 MiB", bytes.len())));
    }
    Ok(bytes)
}

fn write_all(mut to: impl io::Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    if text.is_empty() || text.ends_with('\n') { Ok(()) } else { to.write_all(b"\n") }
}
