//! What a running attempt asks a person before it goes on, and what it was answered.
//!
//! A question is known by its number within its attempt, so telling it twice is telling it once. Questions die with their
//! attempt. Knows no protocol and nobody who could answer.

use std::collections::BTreeMap;

/// A question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// Its number within the attempt.
    pub number: u32,
    /// What is to be permitted, for people.
    pub title: Box<str>,
    /// The kind of the tool, in the words of whoever asks; may be empty.
    pub tool: Box<str>,
}

impl Question {
    /// The title in quotation marks, with the kind of the tool: `"Write x" (edit)`.
    #[must_use]
    pub fn words(&self) -> String {
        let kind = if self.tool.is_empty() { String::new() } else { format!(" ({})", self.tool) };
        format!("\"{}\"{kind}", self.title)
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
