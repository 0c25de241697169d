//! What is handed in: a task list, a plan, or names of files; told apart by name, else by what is in it.
//!
//! Bounded; never a device, never a directory but the folder of an epic.

use super::names::names;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::plain_file::{NotPlain, open};
use regatta_plan::{Format, MAX_PLAN_BYTES};
use regatta_runtime::escape::escape_path;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// Names of a task list in the folder of an epic.
const TASK_LISTS: [&str; 2] = ["implementation-details/file-tasks.md", "file-tasks.md"];

/// What is handed in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// A task list in Markdown.
    Epic {
        /// As it is shown.
        name: String,
        /// What is in it.
        bytes: Vec<u8>,
    },
    /// A plan.
    Plan {
        /// As it is shown.
        name: String,
        /// What is in it.
        bytes: Vec<u8>,
        /// How it is written.
        format: Format,
    },
    /// Names of files, relative to the workspace, and names that are none of its files, with the reason.
    Files(BTreeSet<String>, Vec<String>),
}

/// Reads what a path names; `-` is standard input.
///
/// # Errors
/// It cannot be read (2), is too large (3), or is empty (3).
pub fn read(context: &Context, path: &Path) -> Result<Input, CliError> {
    let path = &task_list(&context.cwd, path)?;
    let name = path.display().to_string();
    let bytes = bytes(&context.cwd, path)?;
    if bytes.trim_ascii().is_empty() {
        let message = format!("`{name}` is empty: there is nothing to analyze");
        return Err(CliError::new(Exit::InvalidPlan, message));
    }
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    match extension.as_str() {
        "md" | "markdown" => Ok(Input::Epic { name, bytes }),
        "yaml" | "yml" | "json" | "jsonc" | "toml" => {
            let format = Format::detect(&name, &bytes);
            Ok(Input::Plan { name, bytes, format })
        }
        _ => unnamed(context, name, bytes),
    }
}

/// The task list of a folder; anything else is itself.
///
/// # Errors
/// The folder has none (2).
pub fn task_list(cwd: &Path, path: &Path) -> Result<PathBuf, CliError> {
    if path == Path::new("-") || !cwd.join(path).is_dir() {
        return Ok(path.to_owned());
    }
    let found = TASK_LISTS.iter().map(|name| path.join(name)).find(|file| cwd.join(file).is_file());
    found.ok_or_else(|| {
        CliError::usage(format!("`{}` has no task list", escape_path(path)))
            .hint(format!("looked for {}", TASK_LISTS.map(|name| format!("`{name}`")).join(" and ")))
    })
}

/// What a document without a telling name is.
fn unnamed(context: &Context, name: String, bytes: Vec<u8>) -> Result<Input, CliError> {
    let text = String::from_utf8_lossy(&bytes);
    let plan = |line: &str| ["version:", "tasks:", "commands:"].iter().any(|key| line.starts_with(key));
    if text.trim_start().starts_with('{') || text.lines().any(plan) {
        let format = Format::detect(&name, &bytes);
        return Ok(Input::Plan { name, bytes, format });
    }
    match names(&bytes, &context.cwd) {
        Some(list) => listed(context, &list.names, list.doubts),
        None => Ok(Input::Epic { name, bytes }),
    }
}

/// Names of files as they were given, relative to the working directory.
///
/// # Errors
/// None of them is one (2).
pub fn files(context: &Context, names: &[PathBuf]) -> Result<Input, CliError> {
    listed(context, names, Vec::new())
}

/// As [`files`], with lines of which nobody can tell.
fn listed(context: &Context, names: &[PathBuf], doubts: Vec<String>) -> Result<Input, CliError> {
    let (mut found, mut told) = (BTreeSet::new(), Vec::new());
    let cwd = std::fs::canonicalize(&context.cwd).unwrap_or_else(|_| context.cwd.clone());
    for name in names {
        let shown = escape_path(name);
        match below(&context.workspace, &cwd, name) {
            _ if name.to_str().is_none() => {
                told.push(format!("`{shown}` is not UTF-8: plans cannot name it"))
            }
            _ if context.cwd.join(name).is_dir() => {
                told.push(format!("`{shown}` is a directory: name its files"))
            }
            Some(path) => {
                found.insert(path);
            }
            None => told.push(format!("`{shown}` is not a file of the workspace")),
        }
    }
    let doubt = |line| format!("`{line}` may be a file or not: write it between double quotes if it is one");
    told.extend(doubts.into_iter().map(doubt));
    if found.is_empty() {
        let why = told.first().cloned().unwrap_or_else(|| "no file is named".to_owned());
        return Err(CliError::usage(why).hint("name the files that are to be worked on"));
    }
    Ok(Input::Files(found, told))
}

/// A path relative to the workspace, by its letters alone: the file need not be there.
fn below(workspace: &Path, cwd: &Path, name: &Path) -> Option<String> {
    let mut parts = PathBuf::new();
    for part in cwd.join(name).components() {
        match part {
            Component::ParentDir => {
                parts.pop();
            }
            Component::CurDir => {}
            Component::RootDir | Component::Normal(_) | Component::Prefix(_) => parts.push(part),
        }
    }
    let path = parts.strip_prefix(workspace).ok()?.to_str()?;
    (!path.is_empty()).then(|| path.to_owned())
}

/// The bytes of a document.
///
/// # Errors
/// It cannot be read (2), or is too large (3).
pub fn bytes(cwd: &Path, path: &Path) -> Result<Vec<u8>, CliError> {
    if path == Path::new("-") {
        return bounded(std::io::stdin().lock(), path);
    }
    let fail = |what: String| CliError::usage(format!("`{}` {what}", escape_path(path)));
    let (file, meta) = open(&cwd.join(path)).map_err(|e| match e {
        NotPlain::Unopened(e) => fail(format!("cannot be opened: {e}")),
        NotPlain::Special => fail("is not a plain file".to_owned()).hint("`-` reads from standard input"),
    })?;
    if meta.len() > MAX_PLAN_BYTES {
        return Err(long(path));
    }
    bounded(file, path)
}

fn long(path: &Path) -> CliError {
    CliError::new(Exit::InvalidPlan, format!("`{}` has more than 256 MiB", escape_path(path)))
}

fn bounded(from: impl Read, path: &Path) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    from.take(MAX_PLAN_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| CliError::usage(format!("`{}` cannot be read: {e}", escape_path(path))))?;
    if bytes.len() as u64 > MAX_PLAN_BYTES {
        return Err(long(path));
    }
    Ok(bytes)
}
