//! What a running attempt asks a person before it goes on, and what it was answered.
//!
//! A question is known by its number within its attempt, so telling it twice is telling it once. Questions die with their
//! attempt. Knows no protocol and nobody who could answer.

use crate::ids::AttemptId;
use core::fmt;
use core::str::FromStr;
use std::collections::BTreeMap;

/// The name of a question, which no other one of the run has: `ATTEMPT.NUMBER`, as in `3.1`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuestionId {
    /// The attempt that asks.
    pub attempt: AttemptId,
    /// The number of the question within it.
    pub number: u32,
}

impl fmt::Display for QuestionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.attempt, self.number)
    }
}

impl FromStr for QuestionId {
    type Err = &'static str;

    /// # Errors
    /// It is no such name; for people.
    fn from_str(text: &str) -> Result<QuestionId, &'static str> {
        let parts = text.split_once('.');
        let id = parts.and_then(|(attempt, number)| {
            Some(QuestionId { attempt: AttemptId(attempt.parse().ok()?), number: number.parse().ok()? })
        });
        id.ok_or("a question is named ATTEMPT.NUMBER, as in 3.1")
    }
}

/// A question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// Its number within the attempt.
    pub number: u32,
    /// What is to be permitted, for people.
    pub title: Box<str>,
    /// The kind of the tool, in the words of whoever asks; may be empty.
    pub tool: Box<str>,
    /// A yes is one for always: whoever asks offers none for this once.
    pub always: bool,
}

impl Question {
    /// The kind of the tool, and the title in quotation marks, which end where the title ends: `(edit) "Write x"`.
    #[must_use]
    pub fn words(&self) -> String {
        let kind = match (&*self.tool, self.always) {
            ("", false) => String::new(),
            ("", true) => "(yes means always) ".to_owned(),
            (tool, false) => format!("({tool}) "),
            (tool, true) => format!("({tool}; yes means always) "),
        };
        format!("{kind}\"{}\"", self.title.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

/// What is told of a permission.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PermissionTold {
    /// The attempt asks.
    Asked(Question),
    /// A person answered.
    Answered {
        /// The question.
        number: u32,
        /// Yes or no.
        allowed: bool,
    },
}

/// The questions of a live attempt, with their answers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Questions(BTreeMap<u32, (Question, Option<bool>)>);

impl Questions {
    /// A question that was asked, with its answer if it has one.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<(&Question, Option<bool>)> {
        self.0.get(&number).map(|(question, answer)| (question, *answer))
    }

    /// Those without an answer, oldest first.
    pub fn open(&self) -> impl Iterator<Item = &Question> + '_ {
        self.0.values().filter(|(_, answer)| answer.is_none()).map(|(question, _)| question)
    }

    /// The one that was asked last of those that have an answer.
    #[must_use]
    pub fn last_answered(&self) -> Option<(&Question, bool)> {
        self.0.values().rev().find_map(|(question, answer)| Some((question, (*answer)?)))
    }

    /// True if the question is new.
    pub(crate) fn ask(&mut self, question: &Question) -> bool {
        let new = !self.0.contains_key(&question.number);
        if new {
            self.0.insert(question.number, (question.clone(), None));
        }
        new
    }

    /// True if the question was open.
    pub(crate) fn answer(&mut self, number: u32, allowed: bool) -> bool {
        let open = self.0.get_mut(&number).map(|(_, answer)| answer).filter(|answer| answer.is_none());
        open.map(|answer| *answer = Some(allowed)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_cannot_end_its_own_quotation_marks() {
        let of = |title: &str, tool: &str, always| {
            Question { number: 1, title: title.into(), tool: tool.into(), always }.words()
        };
        assert_eq!(of("ls", "read", false), "(read) \"ls\"");
        assert_eq!(of("ls\" (read) \\", "", false), "\"ls\\\" (read) \\\\\"");
        assert_eq!(of("ls", "read", true), "(read; yes means always) \"ls\"");
        assert_eq!(of("ls", "", true), "(yes means always) \"ls\"");
    }

    #[test]
    fn the_name_of_a_question_is_that_of_its_attempt_and_its_number() {
        let id = QuestionId { attempt: AttemptId(31), number: 2 };
        assert_eq!(("31.2".parse(), id.to_string().as_str()), (Ok(id), "31.2"));
        for other in ["2", "", "31.", ".2", "31.2.1", "a.1", "31.-2"] {
            assert!(other.parse::<QuestionId>().is_err(), "{other}");
        }
    }
}
