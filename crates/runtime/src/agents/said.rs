//! What an agent said in one attempt, whatever its dialect.
//!
//! Bounded: an agent may say as much as it likes.

use crate::redact::{Redactor, bounded};
use regatta_engine::report::Usage;

/// A final message is kept up to this many bytes, its end.
pub(super) const MESSAGE_BYTES: usize = 16 << 10;
/// Tools and denials that are kept by name.
const MOST_NAMES: usize = 50;
/// Longer ones are cut, in characters.
const MOST_NAME: usize = 100;

/// How a stream ended.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Ending {
    /// It did not say.
    #[default]
    Open,
    /// It said that it is done.
    Done,
    /// It said that it failed, and why.
    Failed(String),
}

/// What kind of error an agent met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorClass {
    /// Its login or key is not accepted.
    Auth,
    /// Its provider is used too much for now.
    RateLimit,
    /// Its provider has too much to do, or failed.
    Provider,
    /// What it asked was not accepted.
    Request,
    /// Anything else.
    Other,
}

impl ErrorClass {
    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ErrorClass::Auth => "auth",
            ErrorClass::RateLimit => "rate_limit",
            ErrorClass::Provider => "provider",
            ErrorClass::Request => "request",
            ErrorClass::Other => "other",
        }
    }
}

/// What an agent said in one attempt.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Said {
    /// The session, by which it can go on.
    pub session: Option<String>,
    /// Its last message.
    pub message: String,
    /// What it used as it told it, perhaps since the session began. Input does not include what came from a cache,
    /// output includes reasoning.
    pub usage: Option<Usage>,
    /// How the stream ended.
    pub ending: Ending,
    /// The class of the last error.
    pub class: Option<ErrorClass>,
    /// Tools that it was refused.
    pub denied: Vec<String>,
    /// Why, where somebody said so, each reason once.
    pub denied_why: Vec<String>,
    /// Calls of tools.
    pub tool_calls: u64,
    /// Names of tools that it called, each once.
    pub tools: Vec<String>,
    /// Lines that could not be read, or were too long.
    pub unread_lines: u64,
}

impl Said {
    /// Takes secrets out of every text but the session, by which the agent is called again.
    pub(crate) fn redact(&mut self, redactor: &Redactor) {
        let clean = |text: &mut String| *text = redactor.text(std::mem::take(text));
        clean(&mut self.message);
        if let Ending::Failed(why) = &mut self.ending {
            clean(why);
        }
        for name in self.denied.iter_mut().chain(&mut self.denied_why).chain(&mut self.tools) {
            clean(name);
            // Cut when it is clean: a part of a secret is not found.
            *name = name.chars().take(MOST_NAME).collect();
        }
    }

    /// Replaces the last message; only its end is kept if it is too long.
    pub(super) fn say(&mut self, text: &str) {
        self.message.clear();
        self.add(text);
    }

    /// Adds to the last message.
    pub(super) fn add(&mut self, text: &str) {
        self.message.push_str(text);
        let excess = self.message.len().saturating_sub(MESSAGE_BYTES);
        if excess > 0 {
            let from = (excess..=self.message.len()).find(|&i| self.message.is_char_boundary(i));
            self.message.drain(..from.unwrap_or(0));
        }
    }

    /// A call of a tool.
    pub(super) fn call(&mut self, name: &str) {
        self.tool_calls += 1;
        note(&mut self.tools, name);
    }

    /// A tool that was refused.
    pub(super) fn deny(&mut self, name: &str) {
        note(&mut self.denied, name);
    }

    /// Why it was refused.
    pub(super) fn deny_because(&mut self, why: &str) {
        note(&mut self.denied_why, why);
    }

    /// It failed.
    pub(super) fn fail(&mut self, why: &str, status: Option<u64>) {
        self.class = Some(super::classify::class(why, status));
        let end = (0..=MESSAGE_BYTES.min(why.len())).rev().find(|&i| why.is_char_boundary(i));
        self.ending = Ending::Failed(why[..end.unwrap_or(0)].to_owned());
    }

    /// What it used, summed.
    pub(super) fn spend(&mut self, more: Usage) {
        self.usage.get_or_insert_default().add(&more);
    }
}

fn note(names: &mut Vec<String>, name: &str) {
    if names.len() < MOST_NAMES && names.iter().all(|known| known != name) {
        names.push(bounded(name.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cut_when_its_secrets_are_out() {
        let secret = "ghp_".to_owned() + "q8Zt3LwXv0RmKc7Yb2NhUe5DsJ9fPaGi1oT6";
        let mut said = Said::default();
        said.deny(&format!("{} {secret} and more", "x".repeat(MOST_NAME - 9)));
        said.redact(&Redactor::default());
        assert_eq!(said.denied[0].chars().count(), MOST_NAME);
        assert!(!said.denied[0].contains("ghp_"), "{}", said.denied[0]);
    }
}
