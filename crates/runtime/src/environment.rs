//! The environment of a task: an allow-list of what is passed, plus what the plan names.
//!
//! Reads the process environment once, at the edge; values are never stored. Knows no task.

use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// Always passed (spec 3 `env`).
const PASSED: [&str; 10] = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TERM", "TMPDIR", "CI"];
/// Homes of toolchains, always passed.
const TOOLCHAINS: [&str; 22] = [
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "GOPATH",
    "GOROOT",
    "GOCACHE",
    "GOMODCACHE",
    "JAVA_HOME",
    "MAVEN_HOME",
    "GRADLE_USER_HOME",
    "NVM_DIR",
    "NVM_BIN",
    "VOLTA_HOME",
    "PNPM_HOME",
    "NPM_CONFIG_PREFIX",
    "PYENV_ROOT",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "RBENV_ROOT",
    "GEM_HOME",
    "DOTNET_ROOT",
    "DENO_DIR",
];

/// Which variables of this process a plan passes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Passing {
    /// The allow-list and these names.
    Names(Vec<String>),
    /// Everything.
    Inherit,
}

/// Variables of this process that every task sees.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    base: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// Reads this process's environment through the allow-list.
    pub fn read(passing: &Passing, vars: impl Iterator<Item = (OsString, OsString)>) -> Environment {
        let wanted = |name: &OsStr| match passing {
            Passing::Inherit => true,
            Passing::Names(names) => is_passed(name) || names.iter().any(|n| OsStr::new(n) == name),
        };
        let ours = |name: &OsStr| name.as_encoded_bytes().starts_with(b"REGATTA_");
        Environment { base: vars.filter(|(name, _)| wanted(name) && !ours(name)).collect() }
    }

    /// The value of a variable that is passed.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.base.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// A salted hash of each variable that the plan names, so that a change can be told without keeping the value.
    #[must_use]
    pub fn fingerprints(&self, names: &[String], salt: &str) -> BTreeMap<String, String> {
        let of = |name: &String| {
            let value = self.get(name).map_or(&b""[..], OsStr::as_encoded_bytes);
            let set = [u8::from(self.get(name).is_some())];
            let hash =
                Sha256::new().chain_update(salt).chain_update([0]).chain_update(set).chain_update(value);
            (name.clone(), regatta_engine::json::hex(&hash.finalize()))
        };
        names.iter().map(of).collect()
    }

    /// All variables that are passed, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.base.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

/// Whether a variable is one of those that every task gets.
pub(crate) fn is_passed(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    PASSED.contains(&name) || TOOLCHAINS.contains(&name) || name.starts_with("LC_")
}
