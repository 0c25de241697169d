//! Plan text to a validated plan, with every problem at once.
//!
//! ```text
//! bytes --yaml|json|toml--> tree --language, draft--> drafts --assemble, graph_checks--> Plan --lower--> GraphSpec
//!                                `------------- problems with spans, collected all the way -------'
//! ```
//! Pure: executes nothing, opens nothing, knows no clock and no environment.

mod action;
mod agents;
pub mod analysis;
mod apart;
mod assemble;
mod budgets;
mod canonical;
mod cells;
mod conflicts;
mod cycles;
mod diagnostic;
mod digest;
pub mod domains;
mod draft;
mod edges;
mod effects;
pub mod epic;
mod fields;
mod file_set;
mod gate_tasks;
mod graph_checks;
mod guesses;
mod ids;
mod isolation;
mod items;
pub mod join;
mod json;
mod language;
mod literals;
mod lower;
mod maps;
pub mod model;
mod names;
mod overlap;
mod owners;
mod ownership;
mod part;
mod patterns;
mod placed;
mod placing;
mod plan_text;
pub mod prd;
pub mod prompt;
mod prose;
mod reach;
pub mod reference;
mod render;
mod settings;
mod settings_file;
mod shown;
mod task;
mod toml;
mod tools;
mod tree;
mod trying;
mod unassigned;
mod variables;
pub mod when;
mod with_order;
mod with_worktrees;
mod workers;
mod yaml;

pub use conflicts::{Conflict, ConflictKind, Conflicts, conflicts};
pub use diagnostic::{Code, Diagnostic, Severity};
pub use digest::{Telling, canonical, canonical_json, changed_fields, differences, digest_of, plan_digest};
pub use fields::{nearest, parse_bytes, parse_duration_ms};
pub use file_set::FileSet;
pub use ids::is_id;
pub use language::{Document, reference as reference_markdown, schema};
pub use lower::lower;
pub use model::Plan;
pub use overlap::{Overlap, overlaps};
pub use owners::Owners;
pub use ownership::FILES_LOCK;
pub use part::{Part, PartError, part_of};
pub use placed::{MAX_COMMANDS, MAX_EDGES, MAX_TASKS};
pub use prose::MAX_DOCUMENT_BYTES;
pub use render::{Fact, fact, render};
pub use settings::{Defaults, Setting};
pub use settings_file::{Settings, settings};
pub use shown::{Clean, Hidden, Place, Repeated};
pub use unassigned::unassigned;
pub use with_order::{Ordered, with_order};
pub use with_worktrees::with_worktrees;

use model::{Dialect, McpServer};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// A plan file holds at most this many bytes.
pub const MAX_PLAN_BYTES: u64 = 256 << 20;

/// The format of a plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// YAML.
    Yaml,
    /// JSON with comments.
    Json,
    /// TOML.
    Toml,
}

impl Format {
    /// By file name, else by content: JSON if it begins with `{`, else YAML.
    #[must_use]
    pub fn detect(name: &str, bytes: &[u8]) -> Format {
        match name.rsplit_once('.').map(|(_, ext)| ext) {
            Some("json" | "jsonc") => Format::Json,
            Some("toml") => Format::Toml,
            Some("yaml" | "yml") => Format::Yaml,
            _ => {
                let unmarked = bytes.strip_prefix(json::MARK).unwrap_or(bytes);
                if unmarked.trim_ascii_start().starts_with(b"{") { Format::Json } else { Format::Yaml }
            }
        }
    }
}

/// What was read: the plan if it has no errors, and every problem.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The plan.
    pub plan: Option<Plan>,
    /// Every problem, in order of place.
    pub problems: Vec<Diagnostic>,
    /// Which document it is, as far as that can be told.
    pub dialect: Dialect,
    /// What it says of what settings may say too; nothing for a request or a batch.
    pub stated: Vec<Setting>,
    /// Names of the servers of the plan that it has from [`Given::mcp_servers`], sorted.
    pub lent: BTreeSet<String>,
    name: String,
    source: String,
}

impl Loaded {
    /// All problems as text.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        render(&self.problems, (&self.name, &self.source), color)
    }

    /// All problems as facts.
    #[must_use]
    pub fn facts(&self) -> Vec<Fact> {
        render::facts(&self.problems, &self.source)
    }

    /// What was read, as text.
    #[must_use]
    pub fn into_source(self) -> String {
        self.source
    }

    /// The number of errors.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.problems.iter().filter(|p| p.severity == Severity::Error).count()
    }
}

/// What comes to a plan from beside it.
#[derive(Clone, Debug, Default)]
pub struct Given<'a> {
    /// Values of inputs over the plan's, as texts: where the default is a text they stay texts, else they are JSON if
    /// they can be.
    pub inputs: &'a [(String, String)],
    /// Counted leases of the workspace: capacity in units.
    pub leases: BTreeMap<String, u32>,
    /// What holds where the plan says nothing.
    pub defaults: Defaults,
    /// Servers of tools that a plan may name although it does not have them.
    pub mcp_servers: BTreeMap<String, McpServer>,
    /// Why others of them cannot be named, by name; below the empty name why none of them can.
    pub mcp_unusable: BTreeMap<String, String>,
    /// Where the workspace lies, as absolute paths: a `cwd` that begins with one of them is one from there.
    pub roots: Vec<String>,
    /// Names of drivers that the embedding program brings: a tool may be `driver/name`.
    pub drivers: BTreeSet<String>,
    /// Whether a word is a program here; none where nobody can tell.
    pub is_program: Option<fn(&str) -> bool>,
}

/// Reads a plan. `name` is shown in problems.
#[must_use]
pub fn load((name, bytes): (&str, &[u8]), format: Format, given: &Given<'_>) -> Loaded {
    load_owned((name, bytes.to_vec()), format, given)
}

/// As [`load`]; a large plan is not copied, [`Loaded::into_source`] gives it back.
#[must_use]
pub fn load_owned((name, bytes): (&str, Vec<u8>), format: Format, given: &Given<'_>) -> Loaded {
    let mut problems = Vec::new();
    let mut about = (Dialect::Plan, Vec::new(), BTreeSet::new());
    let plan = read((&bytes, format), given, &mut about, &mut problems);
    let source =
        String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
    let (dialect, stated, lent) = about;
    problems.sort_by_key(|p| (p.span.start, p.code));
    let source = literals::hide(source, &problems);
    let plan = plan.filter(|_| problems.iter().all(|p| p.severity != Severity::Error));
    Loaded { plan, problems, dialect, stated, lent, name: name.to_owned(), source }
}

fn read(
    (bytes, format): (&[u8], Format),
    given: &Given<'_>,
    about: &mut (Dialect, Vec<Setting>, BTreeSet<String>),
    problems: &mut Vec<Diagnostic>,
) -> Option<Plan> {
    if bytes.len() as u64 > MAX_PLAN_BYTES {
        let message = format!("the plan has {} bytes, more than 256 MiB", bytes.len());
        problems.push(Diagnostic::error(Code::Limit, 0..0, message));
        return None;
    }
    let source = match std::str::from_utf8(bytes) {
        Ok(source) => source,
        Err(error) => {
            let at = error.valid_up_to();
            problems.push(Diagnostic::error(Code::Syntax, at..at, "the plan is not UTF-8 here"));
            return None;
        }
    };
    let unmarked = if format == Format::Json { json::unmarked(source) } else { source.into() };
    let tree = match format {
        Format::Yaml => yaml::read(&unmarked, problems),
        Format::Json => json::read(&unmarked, problems),
        Format::Toml => toml::read(&unmarked, problems),
    }?;
    let root = tree.root()?;
    let mut draft = draft::read(root, format == Format::Json, &given.defaults, problems)?;
    about.0 = draft.dialect;
    if draft.dialect == Dialect::Plan {
        about.1 = settings::of_plan(root, source);
    }
    literals::check(root, problems);
    if let Some((is_program, apart)) = given.is_program.zip(draft.apart.as_ref()) {
        apart.check_words(is_program, problems);
    }
    draft.leases.clone_from(&given.leases);
    draft.drivers.clone_from(&given.drivers);
    draft.mcp_unusable.clone_from(&given.mcp_unusable);
    draft.roots.clone_from(&given.roots);
    let beside = given.mcp_servers.iter().filter(|(name, _)| !draft.mcp_servers.contains_key(*name));
    let beside: Vec<_> = beside.map(|(name, server)| (name.clone(), server.clone())).collect();
    about.2.extend(beside.iter().map(|(name, _)| name.clone()));
    draft.mcp_servers.extend(beside);
    for (name, value) in given.inputs {
        literals::check_given((name, value), problems);
        if let Some(slot) = draft.inputs.get_mut(name) {
            let text = || Json::String(value.clone());
            *slot = if slot.is_string() {
                text()
            } else {
                serde_json::from_str(value).unwrap_or_else(|_| text())
            };
        } else {
            let message = format!("the plan has no input `{name}`");
            problems.push(Diagnostic::error(Code::UnknownName, 0..0, message));
        }
    }
    let mut plan = assemble::assemble(&draft, problems)?;
    given.defaults.lay_caps_under(&mut plan);
    about.2.retain(|name| plan.mcp_servers.contains_key(name));
    Some(plan)
}
