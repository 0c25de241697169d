//! A first plan for a repository: looks what the repository is, and writes what its people would run by hand.
//!
//! ```text
//! directory --survey--> parts: a language, where, its steps --plan_text--> a commented plan
//! rust, node, python, go, cmake, make: what each looks at, and the steps that follow
//! ```
//! Looks at names and small files; starts nothing, follows no network.

mod cmake;
mod go;
mod make;
mod node;
mod plan_text;
mod python;
mod rust;
mod survey;

pub use plan_text::{Sketch, sketch};
pub use survey::{Git, Survey, survey};

use crate::plain_file::small_text;
use std::path::Path;

/// A file that is looked into holds at most this many bytes; a larger one is as if it were not there.
const MAX_BYTES: u64 = 4 << 20;

/// A part of a repository: one language in one directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// What it is, short: the beginning of its task ids.
    pub kind: &'static str,
    /// What it is, for people.
    pub name: String,
    /// Where it lies, relative to the workspace with `/`; empty for the workspace itself.
    pub dir: String,
    /// The files that told so, relative to `dir`.
    pub files: Vec<String>,
    /// What is to be done.
    pub steps: Vec<Step>,
}

/// Something that people do with a part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The end of its id.
    pub id: String,
    /// What it does, for people.
    pub title: String,
    /// The command, for `sh -c` in the part's directory.
    pub run: String,
    /// Ends of ids of steps of the same part that come before.
    pub needs: Vec<&'static str>,
    /// What only one step at a time may use.
    pub alone: Option<&'static str>,
}

impl Step {
    fn new(id: impl Into<String>, title: impl Into<String>, run: impl Into<String>) -> Step {
        Step { id: id.into(), title: title.into(), run: run.into(), needs: Vec::new(), alone: None }
    }

    fn after(mut self, needs: &[&'static str]) -> Step {
        self.needs = needs.to_vec();
        self
    }

    fn alone(mut self, name: &'static str) -> Step {
        self.alone = Some(name);
        self
    }
}

/// A directory that is looked at.
struct Dir<'a> {
    path: &'a Path,
    names: Vec<String>,
}

impl<'a> Dir<'a> {
    /// The first of some names that is there.
    fn has(&self, names: &[&'a str]) -> Option<&'a str> {
        names.iter().copied().find(|name| self.names.iter().any(|n| n == name))
    }

    /// The text of a small plain file; empty where there is none.
    fn read(&self, name: &str) -> String {
        small_text(&self.path.join(name), MAX_BYTES).unwrap_or_default()
    }
}

/// Needs only what is there: drops ends of ids that no step has.
fn keep_known(steps: &mut [Step]) {
    let known: Vec<String> = steps.iter().map(|step| step.id.clone()).collect();
    for step in steps {
        step.needs.retain(|need| known.iter().any(|id| id == need));
    }
}
