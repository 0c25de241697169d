//! Settings and where each comes from: the nearer layer wins.
//!
//! ```text
//! flag > $REGATTA_* > plan > .regatta/config.toml > settings of the user > default
//!  `------.------'     |      `-------------------.---------------------'
//!     overrides     the plan                 config (here): what holds where a plan says nothing
//! ```
//! What a key may be is declared with the plan language; an unknown one is an error. Reads two files; the
//! environment was read before.

mod rows;

pub use rows::{DEFAULTS, Naming, Row, rows};

use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::mcp_json::{self, McpServers};
use crate::origin::{Origin, Valued};
use crate::plain_file::small_text;
use regatta_plan::Defaults;
use regatta_runtime::escape::escape_path;
use regatta_runtime::keeper::Containment;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A settings file holds at most this many bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Settings of which no plan speaks, and the variables that set them.
pub const VARIABLES: [(&str, &str); 3] = [
    ("containment", "REGATTA_CONTAINMENT"),
    ("gc.keep", "REGATTA_GC_KEEP"),
    ("gc.older_than", "REGATTA_GC_OLDER_THAN"),
];

/// The settings files, one over the other.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Config {
    /// By path of key.
    pub values: BTreeMap<String, Valued>,
    /// The files that were looked for, the nearest first, and whether they are there.
    pub files: Vec<(PathBuf, bool)>,
    /// The servers of tools that `.mcp.json` of the workspace has.
    pub mcp_servers: McpServers,
    /// Where the workspace lies: as it is named, and without links.
    pub roots: Vec<String>,
}

impl Config {
    /// Reads the settings of the user and, over them, those of the workspace, and over both the variables of which no
    /// plan speaks.
    ///
    /// # Errors
    /// A file is no plain one, is no TOML, or has keys or values that mean nothing (exit 3); a variable is none (2).
    pub fn read(context: &Context) -> Result<Config, CliError> {
        let project = context.workspace.join(".regatta").join("config.toml");
        let user = context.user_settings.clone();
        let roots = [&context.named, &context.workspace].into_iter();
        let mut config = Config {
            mcp_servers: mcp_json::read(&context.workspace),
            roots: roots.filter_map(|root| root.to_str().map(str::to_owned)).collect(),
            ..Config::default()
        };
        for (path, is_user) in user.iter().map(|p| (p, true)).chain([(&project, false)]) {
            let text = text(path)?;
            config.files.insert(0, (path.clone(), text.is_some()));
            let Some(text) = text else { continue };
            for setting in read(path, &text, context.color)? {
                let origin = if is_user {
                    Origin::User(path.clone(), setting.line)
                } else {
                    Origin::Project(path.clone(), setting.line)
                };
                config.values.insert(setting.key, Valued { value: setting.value, origin });
            }
        }
        config.take_variables(context)?;
        Ok(config)
    }

    /// What variables say that no plan can say.
    fn take_variables(&mut self, context: &Context) -> Result<(), CliError> {
        for (key, name) in VARIABLES {
            let Some(text) = context.variables.get(name).filter(|text| !text.is_empty()) else { continue };
            let wrong =
                |what: &str| CliError::usage(format!("`${name}` is `{}`, no {what}", text.escape_debug()));
            let value = match key {
                "containment" => {
                    Containment::ALL.iter().find(|c| c.word() == text).ok_or_else(|| wrong("containment"))?;
                    Value::from(text.as_str())
                }
                "gc.keep" => Value::from(text.trim().parse::<u32>().map_err(|_| wrong("whole number"))?),
                _ => {
                    regatta_plan::parse_duration_ms(text).ok_or_else(|| wrong("duration"))?;
                    Value::from(text.as_str())
                }
            };
            let origin = Origin::Variable(name.to_owned());
            self.values.insert(key.to_owned(), Valued { value, origin });
        }
        Ok(())
    }

    /// What holds for plans that leave it open.
    #[must_use]
    pub fn defaults(&self) -> Defaults {
        Defaults::new(self.values.iter().map(|(key, valued)| (key.as_str(), &valued.value)))
    }

    /// Counted leases: capacity in units.
    #[must_use]
    pub fn leases(&self) -> BTreeMap<String, u32> {
        let named = self.values.iter().filter_map(|(key, v)| Some((key.strip_prefix("leases.")?, v)));
        let count = |v: &Valued| v.value.as_u64().and_then(|n| u32::try_from(n).ok());
        named.filter_map(|(name, v)| Some((name.to_owned(), count(v)?))).collect()
    }

    /// Agents that plans may name which do not have them, by name.
    pub fn agents(&self) -> impl Iterator<Item = (&str, &Valued)> {
        self.values.iter().filter_map(|(key, valued)| Some((key.strip_prefix("agents.")?, valued)))
    }

    /// What holds the processes of a task together.
    #[must_use]
    pub fn containment(&self) -> Containment {
        let said = self.get("containment").and_then(|valued| valued.value.as_str());
        Containment::ALL.into_iter().find(|c| Some(c.word()) == said).unwrap_or_default()
    }

    /// A value as text; none where no file says anything.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Valued> {
        self.values.get(key)
    }
}

/// The text of a settings file; none where there is none.
fn text(path: &Path) -> Result<Option<String>, CliError> {
    if path
        .symlink_metadata()
        .is_err_and(|e| matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory))
    {
        return Ok(None);
    }
    small_text(path, MAX_BYTES).map(Some).map_err(|what| {
        CliError::new(Exit::InvalidPlan, format!("settings `{}`: {what}", escape_path(path)))
            .hint("mend it, or move it away: without it the defaults hold")
    })
}

fn read(path: &Path, text: &str, color: bool) -> Result<Vec<regatta_plan::Setting>, CliError> {
    let name = path.display().to_string();
    let settings = regatta_plan::settings((&name, text));
    match settings.errors() {
        0 => Ok(settings.values),
        n => {
            let what = crate::render::count(n as u64, "error");
            let message = format!("settings `{name}` have {what}\n\n{}", settings.render(color).trim_end());
            Err(CliError::new(Exit::InvalidPlan, message)
                .hint("`regatta schema settings` describes every key"))
        }
    }
}
