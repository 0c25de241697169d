//! Where the value of a setting comes from.
//!
//! Knows no setting.

use regatta_runtime::escape::escape_path;
use serde_json::Value;
use std::path::PathBuf;

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// A settings file of the user: path and line.
    User(PathBuf, usize),
    /// The settings file of the workspace: path and line.
    Project(PathBuf, usize),
    /// The plan: path and line; line 0 where the form of the document has other keys.
    Plan(PathBuf, usize),
    /// A variable.
    Variable(String),
    /// An option of the command line.
    Flag(String),
}

impl Origin {
    /// The word for it; stable.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Origin::Default => "default",
            Origin::User(..) => "user",
            Origin::Project(..) => "project",
            Origin::Plan(..) => "plan",
            Origin::Variable(_) => "environment",
            Origin::Flag(_) => "flag",
        }
    }

    /// File and line, variable or option; none for a default.
    #[must_use]
    pub fn source(&self) -> Option<String> {
        match self {
            Origin::Default => None,
            Origin::User(path, line) | Origin::Project(path, line) | Origin::Plan(path, line) => {
                let line = if *line == 0 { String::new() } else { format!(":{line}") };
                Some(format!("{}{line}", escape_path(path)))
            }
            Origin::Variable(name) => Some(format!("${name}")),
            Origin::Flag(name) => Some(name.clone()),
        }
    }
}

/// A value and where it comes from.
#[derive(Clone, PartialEq, Debug)]
pub struct Valued {
    /// A text or a number.
    pub value: Value,
    /// Where it comes from.
    pub origin: Origin,
}
