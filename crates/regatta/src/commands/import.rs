//! `regatta import`: a plan of an epic's task list, or of the phases of a product requirements document.
//!
//! What is not understood is an error with its file and line; all problems at once, and then no plan.

use crate::analyze::input::{bytes, task_list};
use crate::analyze::work::{epic_of, read_epic};
use crate::analyze::{briefings, domains, epic_id, helper};
use crate::args::{ImportArgs, ImportVerb, ToArgs};
use crate::config::Config;
use crate::context::{Context, err, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::outputs::{is_own_output, refuse_named, replace};
use crate::plain_file::small_bytes;
use crate::render::count;
use crate::render::escape::{escape, escape_block, escape_path};
use regatta_plan::MAX_DOCUMENT_BYTES;
use regatta_plan::analysis::{Frame, Helper, divide, of_epic, sketch};
use regatta_plan::domains::Domains;
use regatta_plan::epic::Reading;
use regatta_plan::prd::{PhaseFile, is_phase_name, plan_of_prd, prd};
use std::path::Path;

/// A directory holds at most so many phases.
const MAX_PHASES: usize = 10_000;

/// Runs the verb.
///
/// # Errors
/// The input cannot be read or has errors; the file is there already, or cannot be written.
pub fn run(context: &Context, args: &ImportArgs) -> Result<Exit, CliError> {
    let config = Config::read(context)?;
    let domains = domains(&config);
    match &args.what {
        ImportVerb::Epic { path, epic, to } => {
            let text = of_list(context, (path, epic.as_deref()), (to, &domains, &config))?;
            put(context, to, &text)
        }
        ImportVerb::Prd { dir, to } => {
            let text = of_phases(context, dir, (to, &domains, &config))?;
            put(context, to, &text)
        }
    }
}

fn of_list(
    context: &Context,
    (path, asked): (&Path, Option<&str>),
    (to, domains, config): (&ToArgs, &Domains, &Config),
) -> Result<String, CliError> {
    let (asked, helper) = (epic_id(asked)?, helper(to.agent.as_deref(), Helper::Usual, config)?);
    let path = task_list(&context.cwd, path)?;
    let name = path.display().to_string();
    let read = read_epic(context, (&name, &bytes(&context.cwd, &path)?), Reading { domains, strict: true })?;
    let epic = asked.or_else(|| epic_of(context, &read, &name));
    let division = divide(&of_epic(&read, domains));
    let title = read.title.clone().or_else(|| epic.clone()).unwrap_or_else(|| "epic".to_owned());
    let frame = Frame {
        name: title,
        epic,
        helper,
        briefings: briefings(context, &division.order)?,
        head: vec![format!("Made of {name} by `regatta import epic`.")],
        verdict: None,
    };
    Ok(sketch(&division, &frame))
}

fn of_phases(
    context: &Context,
    dir: &Path,
    (to, domains, config): (&ToArgs, &Domains, &Config),
) -> Result<String, CliError> {
    let helper = helper(to.agent.as_deref(), Helper::Nobody, config)?;
    let read = prd(&phases(context, dir)?);
    err(&read.render(context.color));
    let shown = dir.display().to_string();
    if read.errors() > 0 {
        let message = format!("the phases in `{shown}` have {}", count(read.errors() as u64, "error"));
        return Err(CliError::new(Exit::InvalidPlan, message));
    }
    let whole = std::fs::canonicalize(context.cwd.join(dir)).unwrap_or_default();
    let name = whole.file_name().map_or("prd".to_owned(), |name| name.to_string_lossy().into_owned());
    let mut head =
        vec![format!("Made of {} in {shown} by `regatta import prd`.", count(read.len() as u64, "phase"))];
    if helper == Helper::Nobody {
        head.push(
            "It can be checked, and run once `agents` names somebody; or import again with `--agent NAME`."
                .to_owned(),
        );
    }
    Ok(plan_of_prd(&read, (&name, &head), &helper, domains))
}

/// The phase files of a directory; other documents are told, so that nobody waits for them.
fn phases(context: &Context, dir: &Path) -> Result<Vec<PhaseFile>, CliError> {
    let fail = |e: std::io::Error| CliError::usage(format!("`{}` cannot be read: {e}", escape_path(dir)));
    let (mut files, mut others) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(context.cwd.join(dir)).map_err(fail)? {
        let name = entry.map_err(fail)?.file_name().to_string_lossy().into_owned();
        if is_phase_name(&name) {
            let path = dir.join(&name);
            files.push(PhaseFile {
                bytes: small_bytes(&context.cwd.join(&path), MAX_DOCUMENT_BYTES as u64),
                shown: path.display().to_string(),
                name,
            });
        } else if name.to_ascii_lowercase().ends_with(".md") {
            others.push(name);
        }
        if files.len() > MAX_PHASES {
            let message = format!("`{}` has more than {MAX_PHASES} phases", escape_path(dir));
            return Err(CliError::new(Exit::InvalidPlan, message));
        }
    }
    if files.is_empty() {
        let message = format!("`{}` has no phases", escape_path(dir));
        return Err(CliError::new(Exit::InvalidPlan, message).hint("a phase is called `phase-N-name.md`"));
    }
    others.sort();
    if !others.is_empty() {
        err(&format!("note: no phases, and left out: {}\n", escape(&others.join(", "))));
    }
    Ok(files)
}

/// Prints the plan, or writes it.
fn put(context: &Context, to: &ToArgs, text: &str) -> Result<Exit, CliError> {
    let Some(file) = &to.out else {
        out(&escape_block(text));
        return Ok(Exit::Success);
    };
    let path = context.cwd.join(file);
    refuse_named(&path, to.force)?;
    replace(&path, text, to.force)?;
    if is_own_output(&path) {
        return Ok(Exit::Success);
    }
    let shown = escape_path(file);
    out(&format!("wrote {shown}\nnext: regatta check {shown}\n"));
    Ok(Exit::Success)
}
