//! Tools of a plan: those that are built in, and the servers of others. Part of [`crate::model`].
//!
//! Plain data and tables. How a tool is called is known to the runtime.

use crate::action::Action;
use crate::agents::Agent;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A server of tools, as the Model Context Protocol has them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum McpServer {
    /// A program that speaks over its standard input and output.
    Program {
        /// Program and arguments, as templates.
        argv: Vec<String>,
        /// Variables that it gets, as templates.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        env: BTreeMap<String, String>,
    },
    /// An address that is spoken to over HTTP.
    Address {
        /// The address, as a template.
        url: String,
        /// Headers of each request, as templates.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        headers: BTreeMap<String, String>,
    },
}

impl McpServer {
    /// Its templates that others can see: the command line, or the address.
    pub fn open_texts(&self) -> impl Iterator<Item = &String> {
        match self {
            McpServer::Program { argv, .. } => argv.iter(),
            McpServer::Address { url, .. } => std::slice::from_ref(url).iter(),
        }
    }

    /// Its templates that only it sees: variables, or headers.
    pub fn private_texts(&self) -> impl Iterator<Item = &String> {
        self.private().values()
    }

    /// What only it sees, by name: variables, or headers, as templates.
    #[must_use]
    pub fn private(&self) -> &BTreeMap<String, String> {
        match self {
            McpServer::Program { env, .. } => env,
            McpServer::Address { headers, .. } => headers,
        }
    }
}

/// A tool of our own.
#[derive(Debug)]
pub struct BuiltIn {
    /// Its name.
    pub name: &'static str,
    /// Parameters that it must get.
    pub required: &'static [&'static str],
    /// Parameters that it may get.
    pub optional: &'static [&'static str],
    /// What losing an attempt of it means where the plan says nothing: its own work is known.
    pub effect: &'static str,
    /// What it does, for people.
    pub doc: &'static str,
}

const fn tool(
    name: &'static str,
    (required, optional): (&'static [&'static str], &'static [&'static str]),
    effect: &'static str,
    doc: &'static str,
) -> BuiltIn {
    BuiltIn { name, required, optional, effect, doc }
}

/// The tools that need no server, by name. `shell` is not among them: it is `run` by another name.
pub static BUILT_IN: [BuiltIn; 10] = [
    tool("file_copy", (&["source", "dest"], &[]), "idempotent", "Copies a file."),
    tool("file_glob", (&["pattern"], &[]), "pure", "Paths of files that match a pattern, sorted."),
    tool("file_list", (&["path"], &[]), "pure", "Entries of a directory, sorted by name."),
    tool("file_move", (&["source", "dest"], &[]), "at-most-once", "Renames a file."),
    tool("file_read", (&["path"], &[]), "pure", "The text of a file."),
    tool("file_write", (&["path", "content"], &[]), "idempotent", "Writes a file whole, or not at all."),
    tool(
        "http_request",
        (&["url"], &["method", "headers", "body"]),
        "at-most-once",
        "Sends a request; an answer of 400 or above is a failure.",
    ),
    tool(
        "json_query",
        (&["data", "path"], &[]),
        "pure",
        "What a JSONPath, or a path of names, finds in data.",
    ),
    tool("sleep", (&["ms"], &[]), "pure", "Waits so many milliseconds."),
    tool(
        "template",
        (&["text"], &["vars"]),
        "pure",
        "A text with `{{ names }}` and `{% blocks %}` filled in.",
    ),
];

/// A tool of our own, by name.
#[must_use]
pub fn built_in(name: &str) -> Option<&'static BuiltIn> {
    BUILT_IN.iter().find(|tool| tool.name == name)
}

/// Longest that `sleep` sleeps, in milliseconds: a day. The timeout of the task is the real bound.
const MOST_SLEEP_MS: u64 = 86_400_000;

/// What `sleep` waits, in milliseconds: a whole number, also one that is written `5.0`, or as a text.
///
/// # Errors
/// It is none, or too large; for people.
pub fn sleep_ms(value: &Value) -> Result<u64, String> {
    let read = value.as_str().and_then(|text| serde_json::from_str(text).ok());
    let number: &Value = read.as_ref().unwrap_or(value);
    let is_whole = |number: &f64| number.fract() == 0.0 && (0.0..=MOST_SLEEP_MS as f64).contains(number);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole, and small enough"
    )]
    let whole = || number.as_f64().filter(is_whole).map(|number| number as u64);
    let ms = number.as_u64().or_else(whole).filter(|ms| *ms <= MOST_SLEEP_MS);
    ms.ok_or_else(|| format!("`ms` must be a whole number up to {MOST_SLEEP_MS}, not {value}"))
}

/// Parameters of tools of our own that are texts.
const TEXTS: [&str; 7] = ["dest", "method", "path", "pattern", "source", "text", "url"];

/// Why a value is none of a parameter of a tool of our own, as far as that can be said before references have values.
pub(crate) fn unfit(key: &str, value: &Value) -> Option<String> {
    if value.as_str().is_some_and(|text| text.contains("${")) {
        return None;
    }
    match key {
        "ms" => sleep_ms(value).err(),
        _ if TEXTS.contains(&key) && !value.is_string() => {
            let what = match value {
                Value::Array(_) => "a list".to_owned(),
                Value::Object(_) => "a map".to_owned(),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
            };
            Some(format!("`{key}` must be a text, not {what}"))
        }
        _ => None,
    }
}

/// Whether a tool of our own works with the files of the place that its task works in.
#[must_use]
pub fn works_on_files(name: &str) -> bool {
    name.starts_with("file_") && built_in(name).is_some()
}

/// Those of the drivers that some action names.
pub(crate) fn used_drivers<'a>(
    drivers: &BTreeSet<String>,
    actions: impl Iterator<Item = &'a Action>,
) -> Vec<String> {
    let named: BTreeSet<&str> =
        actions.filter_map(|action| Some(action.tool()?.split_once('/')?.0)).collect();
    drivers.iter().filter(|name| named.contains(name.as_str())).cloned().collect()
}

/// Those of the servers that some action or agent names. A bare name that is not built in may be of any of them.
pub(crate) fn used<'a>(
    servers: &BTreeMap<String, McpServer>,
    actions: impl Iterator<Item = &'a Action>,
    agents: impl Iterator<Item = &'a Agent>,
) -> BTreeMap<String, McpServer> {
    let mut named: BTreeSet<&str> = agents.flat_map(|agent| &agent.mcp).map(String::as_str).collect();
    for tool in actions.filter_map(Action::tool) {
        match tool.split_once('/') {
            Some((server, _)) => drop(named.insert(server)),
            None if built_in(tool).is_some() => {}
            None => return servers.clone(),
        }
    }
    servers
        .iter()
        .filter(|(name, _)| named.contains(name.as_str()))
        .map(|(n, s)| (n.clone(), s.clone()))
        .collect()
}
