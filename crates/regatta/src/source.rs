//! Reads a plan file: bounded, never a device, never a directory; then loads it with every problem.
//!
//! `-` is standard input, the one allowed pipe.

use crate::args::PartArgs;
use crate::config::Config;
use crate::context::{Context, err, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::found_agents;
use crate::parallel;
use crate::plain_file::{NotPlain, open};
use crate::session::Show;
use regatta_plan::model::Dialect;
use regatta_plan::{Defaults, Format, Given, Loaded, MAX_PLAN_BYTES, Part, PartError, Plan};
use regatta_runtime::escape::escape_path;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

/// A plan and where it came from.
#[derive(Debug)]
pub struct Source {
    /// The plan.
    pub plan: Plan,
    /// As it was written.
    pub text: String,
    /// Its path; `None` for standard input.
    pub path: Option<String>,
    /// What held where it says nothing.
    pub defaults: Defaults,
    /// Names of its servers that are of the workspace.
    pub lent: BTreeSet<String>,
}

impl Source {
    /// What was read, under which settings; `path` is that of its file, if it has one.
    #[must_use]
    pub fn of((plan, loaded): (Plan, Loaded), path: Option<String>, defaults: Defaults) -> Source {
        let lent = loaded.lent.clone();
        Source { plan, text: loaded.into_source(), path, defaults, lent }
    }
}

/// Loads a plan; its problems are told on standard error, and those of a request also as its answer.
///
/// # Errors
/// It cannot be read (4), or has errors (3).
pub fn load(
    context: &Context,
    path: &Path,
    inputs: &[(String, String)],
    show: Show,
) -> Result<Source, CliError> {
    let config = Config::read(context)?;
    let mut loaded = load_raw(context, path, &given(&config, inputs))?;
    if show == Show::Json && loaded.errors() > 0 && loaded.dialect != Dialect::Plan {
        out(&format!("{}\n", parallel::refusal(&loaded)));
    }
    err(&loaded.render(context.color));
    let count = loaded.errors();
    match loaded.plan.take() {
        Some(plan) => {
            let path = (path != Path::new("-")).then(|| context.cwd.join(path).display().to_string());
            Ok(Source::of((plan, loaded), path, config.defaults()))
        }
        None => {
            let what = crate::render::count(count as u64, "error");
            Err(CliError::new(Exit::InvalidPlan, format!("plan `{}` has {what}", escape_path(path))))
        }
    }
}

/// The part of a plan that is asked for; none for all of it.
#[must_use]
pub fn part_asked(args: &PartArgs) -> Option<Part> {
    match (&args.only[..], &args.until[..]) {
        ([], []) => None,
        ([], until) => Some(Part::Until(until.to_vec())),
        (only, _) => Some(Part::Only(only.to_vec())),
    }
}

/// A plan without what was not asked for.
///
/// # Errors
/// A name that is none, or a task that cannot do without what is left out (exit 2).
pub fn part(plan: Plan, asked: Option<&Part>) -> Result<Plan, CliError> {
    let Some(asked) = asked else { return Ok(plan) };
    regatta_plan::part_of(&plan, asked).map_err(|e| {
        let error = CliError::usage(e.to_string());
        match &e {
            PartError::Unknown { near: Some(near), .. } => error.hint(format!("did you mean `{near}`?")),
            PartError::Unknown { near: None, .. } => error.hint("`regatta plan PLAN` lists its tasks"),
            PartError::Item { .. } => error,
            PartError::Uses { task, .. } => error.hint(format!("`--until {task}` runs what it needs too")),
        }
    })
}

/// What comes to a plan from beside it: inputs, and the settings as they are now.
#[must_use]
pub fn given<'a>(config: &Config, inputs: &'a [(String, String)]) -> Given<'a> {
    Given {
        inputs,
        leases: config.leases(),
        defaults: config.defaults(),
        mcp_servers: config.mcp_servers.servers.clone(),
        mcp_unusable: config.mcp_servers.unusable.clone(),
        roots: config.roots.clone(),
        drivers: BTreeSet::new(),
        is_program: Some(|word| found_agents::find(word).is_some()),
    }
}

/// Loads a plan without telling anything.
///
/// # Errors
/// It cannot be read.
pub fn load_raw(context: &Context, path: &Path, given: &Given<'_>) -> Result<Loaded, CliError> {
    let bytes = read(&context.cwd, path)?;
    let name = path.display().to_string();
    let format = Format::detect(&name, &bytes);
    Ok(regatta_plan::load_owned((&name, bytes), format, given))
}

/// Loads a plan that came as text.
#[must_use]
pub fn load_text(name: &str, text: &str, given: &Given<'_>) -> Loaded {
    let format = Format::detect(name, text.as_bytes());
    regatta_plan::load_owned((name, text.as_bytes().to_vec()), format, given)
}

/// True if a file can be read and says, letter by letter, what `text` says.
#[must_use]
pub fn says(context: &Context, path: &Path, text: &str) -> bool {
    read(&context.cwd, path).is_ok_and(|bytes| bytes == text.as_bytes())
}

fn read(cwd: &Path, path: &Path) -> Result<Vec<u8>, CliError> {
    if path == Path::new("-") {
        return bounded(std::io::stdin().lock(), path);
    }
    let fail = |what: String| CliError::new(Exit::Usage, format!("plan `{}` {what}", escape_path(path)));
    let (file, meta) = open(&cwd.join(path)).map_err(|e| match e {
        NotPlain::Unopened(e) => fail(format!("cannot be opened: {e}")),
        NotPlain::Special => {
            fail("is not a plain file".to_owned()).hint("`-` reads a plan from standard input")
        }
    })?;
    if meta.len() > MAX_PLAN_BYTES {
        let message = format!("plan `{}` has {} bytes, more than 256 MiB", escape_path(path), meta.len());
        return Err(CliError::new(Exit::InvalidPlan, message));
    }
    bounded(file, path)
}

fn bounded(from: impl Read, path: &Path) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    from.take(MAX_PLAN_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| CliError::environment(format!("plan `{}` cannot be read: {e}", escape_path(path))))?;
    Ok(bytes)
}

/// `NAME=VALUE` pairs.
///
/// # Errors
/// One has no `=`.
pub fn inputs(pairs: &[String]) -> Result<Vec<(String, String)>, CliError> {
    let split = |pair: &String| {
        let (name, value) = pair.split_once('=').ok_or_else(|| {
            CliError::usage(format!("`--input {pair}` has no `=`")).hint("write --input NAME=VALUE")
        })?;
        Ok((name.to_owned(), value.to_owned()))
    };
    pairs.iter().map(split).collect()
}
