//! A plan as a program has it: a text, a file, or what the builder wrote; and values of its inputs.
//!
//! Reads nothing: whoever executes or checks it does.

use super::builder::PlanBuilder;
use super::error::{Error, ErrorKind};
use regatta_runtime::escape::escape_path;
use std::path::{Path, PathBuf};

/// Where the text of a plan is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Text {
    /// Here, and what it is called in messages.
    Here(String, String),
    /// In a file; the path is absolute.
    File(PathBuf),
}

/// A plan: a document that has not been judged yet. [`crate::Orchestrator::execute`] judges it and runs it,
/// [`crate::Orchestrator::check`] judges it.
///
/// A text is YAML, or JSON where it begins with `{`; a file may also be TOML. What stands in it is described in the plan
/// reference; requests and batches of commands are taken too.
///
/// ```
/// use regatta::Plan;
/// let plan = Plan::from_text("version: 1\ninputs: { who: you }\ntasks: [ { id: hello, run: 'echo ${inputs.who}' } ]")
///     .input("who", "me");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    pub(super) text: Text,
    pub(super) inputs: Vec<(String, String)>,
}

impl Plan {
    /// A plan that is here as text.
    pub fn from_text(text: impl Into<String>) -> Plan {
        Plan::named("plan", text)
    }

    pub(super) fn named(name: &str, text: impl Into<String>) -> Plan {
        Plan { text: Text::Here(name.to_owned(), text.into()), inputs: Vec::new() }
    }

    /// A plan in a file. It is read when it is executed; a run remembers the path, and is not resumed by itself when the
    /// file says something else then.
    ///
    /// # Errors
    /// The path is empty, or the working directory that it starts from is gone.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Plan, Error> {
        let path = path.as_ref();
        let absolute = std::path::absolute(path).map_err(|e| {
            Error::new(ErrorKind::Refused, format!("plan `{}` cannot be found: {e}", escape_path(path)))
        })?;
        Ok(Plan { text: Text::File(absolute), inputs: Vec::new() })
    }

    /// A plan written by a program.
    #[must_use]
    pub fn builder(name: &str) -> PlanBuilder {
        PlanBuilder::new(name)
    }

    /// The value of an input of the plan, over its default: JSON if it can be, unless the default is a text.
    #[must_use]
    pub fn input(mut self, name: &str, value: impl Into<String>) -> Plan {
        self.inputs.push((name.to_owned(), value.into()));
        self
    }
}

impl From<&str> for Plan {
    fn from(text: &str) -> Plan {
        Plan::from_text(text)
    }
}

impl From<String> for Plan {
    fn from(text: String) -> Plan {
        Plan::from_text(text)
    }
}

impl From<PlanBuilder> for Plan {
    fn from(builder: PlanBuilder) -> Plan {
        builder.build()
    }
}

impl From<&Plan> for Plan {
    fn from(plan: &Plan) -> Plan {
        plan.clone()
    }
}
