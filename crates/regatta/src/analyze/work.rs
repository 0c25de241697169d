//! From what was handed in to the work that is divided, with what must be told beside it.
//!
//! Problems of a document go to standard error, all at once; errors among them end it.

use super::input::Input;
use crate::config::Config;
use crate::context::{Context, err};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::count;
use crate::source::given;
use regatta_plan::analysis::{TaskFiles, Work, of_epic, of_files, of_plan};
use regatta_plan::domains::Domains;
use regatta_plan::epic::{Epic, Reading, epic, epic_of_path};
use regatta_plan::{Format, Loaded, Plan, load};
use regatta_runtime::matching::matching;
use std::collections::BTreeMap;
use std::path::Path;

/// A plan is looked at with at most so many files.
const MAX_FILES: usize = 200_000;

/// Work, and what is known beside it.
#[derive(Debug)]
pub struct Found {
    /// The work.
    pub work: Work,
    /// The epic, if the document or its name says one.
    pub epic: Option<String>,
    /// What it is called.
    pub name: String,
    /// What must be told.
    pub notes: Vec<String>,
    /// The plan that it comes from, as it stands.
    pub plan: Option<(String, Format)>,
}

/// The work of what was handed in.
///
/// # Errors
/// The document has errors (3).
pub fn of(
    context: &Context,
    (input, config): (Input, &Config),
    domains: &Domains,
) -> Result<Found, CliError> {
    match input {
        Input::Epic { name, bytes } => {
            let read = read_epic(context, (&name, &bytes), Reading { domains, strict: false })?;
            let epic = epic_of(context, &read, &name);
            let title = read.title.clone().or_else(|| epic.clone()).unwrap_or_else(|| "epic".to_owned());
            let work = of_epic(&read, domains);
            Ok(Found { work, epic, name: title, notes: Vec::new(), plan: None })
        }
        Input::Files(files, told) => {
            let work = of_files(&files, domains);
            Ok(Found { work, epic: None, name: "these files".to_owned(), notes: told, plan: None })
        }
        Input::Plan { name, bytes, format } => {
            let loaded = load((&name, &bytes), format, &given(config, &[]));
            let plan = accepted(context, (&name, &loaded))?;
            let (found, mut notes) = files_of(context, plan)?;
            let (work, left) = of_plan(plan, &found, domains);
            if work.files.is_empty() {
                let message = format!("plan `{name}` names no file");
                return Err(CliError::new(Exit::InvalidPlan, message)
                    .hint("`files` of a task says which files it writes"));
            }
            if !left.is_empty() {
                notes.push(format!("tasks that name no file are in no unit: {}", left.join(", ")));
            }
            let epic = plan.epic.clone().or_else(|| named(context, &name));
            let text = String::from_utf8_lossy(&bytes).into_owned();
            Ok(Found { work, epic, name: plan.name.clone(), notes, plan: Some((text, format)) })
        }
    }
}

/// Reads a task list; its problems are told.
///
/// # Errors
/// It has errors (3).
pub fn read_epic(
    context: &Context,
    (name, bytes): (&str, &[u8]),
    reading: Reading<'_>,
) -> Result<Epic, CliError> {
    let read = epic((name, bytes), reading);
    err(&read.render(context.color));
    match read.errors() {
        0 => Ok(read),
        n => Err(CliError::new(
            Exit::InvalidPlan,
            format!("task list `{name}` has {}", count(n as u64, "error")),
        )),
    }
}

/// What the front matter says, else the folder or the file.
#[must_use]
pub fn epic_of(context: &Context, read: &Epic, name: &str) -> Option<String> {
    read.id.clone().or_else(|| named(context, name))
}

fn named(context: &Context, name: &str) -> Option<String> {
    let path = (name != "-").then(|| context.cwd.join(name))?;
    epic_of_path(&path.to_string_lossy())
}

fn accepted<'a>(context: &Context, (name, loaded): (&str, &'a Loaded)) -> Result<&'a Plan, CliError> {
    err(&loaded.render(context.color));
    let count = count(loaded.errors() as u64, "error");
    loaded.plan.as_ref().ok_or_else(|| CliError::new(Exit::InvalidPlan, format!("plan `{name}` has {count}")))
}

/// What the patterns of each task match in the workspace; one that matches nothing names itself.
fn files_of(context: &Context, plan: &Plan) -> Result<(BTreeMap<String, TaskFiles>, Vec<String>), CliError> {
    let mut notes = Vec::new();
    let mut known: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for pattern in plan.tasks.iter().flat_map(|task| task.files.iter().chain(&task.reads)) {
        if known.contains_key(pattern.as_str()) {
            continue;
        }
        let found = matching(&context.workspace, std::slice::from_ref(pattern), MAX_FILES)
            .map_err(|e| CliError::environment(format!("`{}`: {e}", pattern.escape_debug())))?;
        let itself = pattern.trim_start_matches("./").to_owned();
        let literal = Path::new(pattern).extension().is_some() && !pattern.contains(['*', '?', '[', '{']);
        if found.is_empty() && !literal {
            notes.push(format!("`{pattern}` matches no file yet, and counts as one"));
        }
        let files = if found.is_empty() { vec![itself] } else { found.into_iter().collect() };
        known.insert(pattern, files);
    }
    let all = |patterns: &[String]| {
        patterns.iter().filter_map(|p| known.get(p.as_str())).flatten().cloned().collect()
    };
    let of = |task: &regatta_plan::model::Task| {
        (task.id.clone(), TaskFiles { files: all(&task.files), reads: all(&task.reads) })
    };
    Ok((plan.tasks.iter().map(of).collect(), notes))
}
