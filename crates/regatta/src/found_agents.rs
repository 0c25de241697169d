//! What of the known agents is there: program, version, login. Looks, and asks each program for its version.
//!
//! Login files are looked for and never read; of variables only the name is looked at. Knows no plan.

use regatta_runtime::agents::{PRESETS, Preset};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

/// A program has so long to tell its version.
const PATIENCE: Duration = Duration::from_secs(10);
/// It is heard up to so many bytes.
const MAX_BYTES: u64 = 4_096;

/// What was found of a preset.
#[derive(Debug)]
pub struct Found {
    /// The preset.
    pub preset: &'static Preset,
    /// Where its program lies.
    pub path: Option<PathBuf>,
    /// What it says its version is.
    pub version: Option<String>,
    /// Variables that are set and hold a login.
    pub variables: Vec<&'static str>,
    /// Files that are there and hold a login, below the home directory.
    pub files: Vec<&'static str>,
}

impl Found {
    /// Some login was found.
    #[must_use]
    pub fn has_login(&self) -> bool {
        !self.variables.is_empty() || !self.files.is_empty()
    }
}

/// Where the programs of all presets lie, with their logins; without their versions.
#[must_use]
pub fn programs() -> Vec<Found> {
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    let set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let there = |file: &&str| home.as_ref().is_some_and(|home| home.join(file).symlink_metadata().is_ok());
    let found = |preset: &'static Preset| Found {
        preset,
        path: find(preset.program),
        version: None,
        variables: preset.keys.iter().copied().filter(set).collect(),
        files: preset.logins.iter().copied().filter(there).collect(),
    };
    PRESETS.iter().map(found).collect()
}

/// Where a program lies: on the path, or where its own path says.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| is_program(path));
    }
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).map(|dir| dir.join(program)).find(|path| is_program(path))
}

/// As [`programs`], with the version that each program tells.
#[must_use]
pub fn all() -> Vec<Found> {
    let mut found = programs();
    for agent in &mut found {
        agent.version = agent.path.as_deref().and_then(version);
    }
    found
}

/// Whether a path is a file that can be run.
#[must_use]
pub fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// What `--version` says: the first word that begins with a number and has a dot.
fn version(program: &Path) -> Option<String> {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let out = child.stdout.take()?;
    let (to, from) = channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        // What is no text is no version.
        let _ = out.take(MAX_BYTES).read_to_string(&mut text);
        // Whoever asked may have gone on.
        let _ = to.send(text);
    });
    let said = from.recv_timeout(PATIENCE).ok();
    // It has said what it had to say, or nothing in time.
    let _ = child.kill();
    let _ = child.wait();
    first_version(&said?)
}

fn first_version(text: &str) -> Option<String> {
    let words = text.split(|c: char| c.is_whitespace() || "(),".contains(c));
    let words = words.map(|word| word.trim_start_matches('v'));
    let is_version = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.');
    words.into_iter().find(is_version).map(|word| word.chars().take(40).collect())
}

#[cfg(test)]
mod tests {
    use super::first_version;

    #[test]
    fn a_version_is_the_first_word_that_looks_like_one() {
        let check =
            |text: &str, expect: Option<&str>| assert_eq!(first_version(text).as_deref(), expect, "{text}");
        check("codex-cli 0.169.0\n", Some("0.169.0"));
        check("2.1.329 (Claude Code)\n", Some("2.1.329"));
        check("v1.2.3", Some("1.2.3"));
        check("no version", None);
        check("", None);
    }
}
