//! Is parallel worth it? Reads what is handed in, asks `regatta_plan::analysis`, and tells it.
//!
//! ```text
//! document, plan, names --input::read--> Input --work::of--> Work --divide, judge, sketch--> report --> text, files
//! ```
//! Opens files and decides nothing.

pub mod input;
mod names;
pub mod report;
pub mod work;

use crate::config::Config;
use crate::context::{Context, err};
use crate::error::CliError;
use crate::exit::Exit;
use crate::origin::Origin;
use crate::plain_file::small_text;
use regatta_plan::analysis::Helper;
use regatta_plan::domains::Domains;
use regatta_plan::{is_id, nearest};
use regatta_runtime::agents::PRESETS;
use regatta_runtime::escape::escape_path;
use std::collections::BTreeMap;

/// The name of the usual agent of a plan that is made here.
const USUAL: &str = "coder";
/// A briefing holds at most this many bytes.
const MAX_BRIEFING_BYTES: u64 = 64 << 10;
/// Where the briefings of a workspace lie.
const BRIEFINGS: &str = ".regatta/briefings";

/// The domains of a workspace.
#[must_use]
pub fn domains(config: &Config) -> Domains {
    let named =
        config.values.iter().filter_map(|(key, valued)| Some((key.strip_prefix("domains.")?, &valued.value)));
    let texts = |value: &serde_json::Value| {
        value.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    Domains::new(&named.map(|(name, value)| (name.to_owned(), texts(value))).collect())
}

/// What agents of these domains are told first, where the workspace has a file for it.
///
/// # Errors
/// A file is there and cannot be read (exit 3).
pub fn briefings(context: &Context, domains: &[String]) -> Result<BTreeMap<String, String>, CliError> {
    let mut found = BTreeMap::new();
    for domain in domains {
        let path = context.workspace.join(BRIEFINGS).join(format!("{domain}.md"));
        if path.symlink_metadata().is_err() {
            continue;
        }
        let text = small_text(&path, MAX_BRIEFING_BYTES).map_err(|why| {
            CliError::new(Exit::InvalidPlan, format!("briefing `{}`: {why}", escape_path(&path)))
                .hint("mend it, or move it away: without it the built-in one holds")
        })?;
        found.insert(domain.clone(), text);
    }
    Ok(found)
}

/// The agent that was asked for: one of the settings, else a preset, else a name for which codex stands until somebody says
/// more, which is told.
///
/// # Errors
/// Its name is none, or almost that of one that is known (exit 2).
pub fn helper(agent: Option<&str>, otherwise: Helper, config: &Config) -> Result<Helper, CliError> {
    let Some(name) = agent else { return Ok(otherwise) };
    if !is_id(name) {
        return Err(
            CliError::usage(format!("`--agent {name}` is no name")).hint("names are of A-Z a-z 0-9 . _ -")
        );
    }
    if let Some((_, valued)) = config.agents().find(|(known, _)| *known == name) {
        let place = match valued.origin {
            Origin::User(..) => "the settings of the user",
            _ => "the settings of the workspace, `.regatta/config.toml`",
        };
        return Ok(Helper::OfSettings(name.to_owned(), place.to_owned()));
    }
    let is_preset = |name: &str| PRESETS.iter().any(|preset| preset.name == name);
    if !is_preset(name) && name != USUAL {
        let known = config.agents().map(|(known, _)| known).chain(PRESETS.iter().map(|preset| preset.name));
        let none = format!("agent `{name}` is no preset and not in the settings");
        if let Some(near) = nearest(name, known) {
            return Err(CliError::usage(none).hint(format!("did you mean `{near}`?")));
        }
        err(&format!("note: {none}; the plan has codex under that name, until `agents` says what it is\n"));
    }
    Ok(Helper::Named(name.to_owned()))
}

/// The id that was given for an epic.
///
/// # Errors
/// It is none (exit 2).
pub fn epic_id(given: Option<&str>) -> Result<Option<String>, CliError> {
    match given {
        Some(id) if !is_id(id) => Err(CliError::usage(format!("`--epic {id}` is not an id"))
            .hint("ids are 1 to 128 of A-Z a-z 0-9 . _ -, without `..`, not starting with `-` or `.`")),
        given => Ok(given.map(str::to_owned)),
    }
}
