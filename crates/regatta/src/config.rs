//! The settings of a workspace: `.regatta/config.toml`.
//!
//! ```toml
//! containment = "auto"   # or "group": no cgroups
//! [leases]
//! gpu = 3        # a counted lease: units that all runs of the workspace share
//! ```
//! Every key is known; what is not is a slip that somebody should hear of.

use crate::error::CliError;
use crate::exit::Exit;
use crate::plain_file::small_text;
use clap::ValueEnum;
use regatta_runtime::keeper::Containment;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// A settings file holds at most this many bytes.
const MAX_BYTES: u64 = 1 << 20;

/// The settings of a workspace.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Counted leases: capacity in units.
    #[serde(default)]
    pub leases: BTreeMap<String, u32>,
    /// What holds the processes of an attempt together.
    #[serde(default)]
    pub containment: ContainmentArg,
}

/// `containment`
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ContainmentArg {
    /// A cgroup for each attempt, where the system permits it.
    #[default]
    Auto,
    /// Process group, subreaper and marker only.
    Group,
}

impl From<ContainmentArg> for Containment {
    fn from(given: ContainmentArg) -> Containment {
        match given {
            ContainmentArg::Auto => Containment::Auto,
            ContainmentArg::Group => Containment::Group,
        }
    }
}

/// Reads the settings; the defaults where there is no file.
///
/// # Errors
/// The file is no plain one, is no TOML, or has a key or value that means nothing (exit 3).
pub fn read(workspace: &Path) -> Result<Config, CliError> {
    let path = workspace.join(".regatta").join("config.toml");
    if !path.exists() {
        return Ok(Config::default());
    }
    let fail = |what: String| {
        CliError::new(Exit::InvalidPlan, format!("settings `{}`: {}", path.display(), what.trim_end()))
    };
    let text = small_text(&path, MAX_BYTES).map_err(fail)?;
    let config: Config = toml::from_str(&text).map_err(|e| fail(e.to_string()))?;
    if let Some((name, _)) = config.leases.iter().find(|(_, capacity)| **capacity == 0) {
        return Err(fail(format!("lease `{name}` has no units, so nobody could ever hold it")));
    }
    Ok(config)
}
