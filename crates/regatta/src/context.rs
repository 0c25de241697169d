//! Where a command runs: workspace, working directory, terminal. The environment is read here and nowhere below.
//!
//! Knows no verb.

use crate::error::CliError;
use regatta_runtime::escape::escape_json;
use regatta_runtime::escape::escape_path;
use regatta_runtime::workspace::{self, Origin};
use rustix::fs::FileType;
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Where a command runs.
#[derive(Clone, Debug)]
pub struct Context {
    /// The directory that holds `.regatta/`, without links.
    pub workspace: PathBuf,
    /// The same as people name it: whole, perhaps through links.
    pub named: PathBuf,
    /// Why it is that one.
    pub origin: Origin,
    /// The working directory.
    pub cwd: PathBuf,
    /// Standard output is a terminal.
    pub terminal: bool,
    /// A live screen may be drawn on standard output; if so, whether it knows more than ASCII.
    pub screen: Option<bool>,
    /// Colours are wanted on standard error.
    pub color: bool,
    /// The variables that begin with `REGATTA_`.
    pub variables: BTreeMap<String, String>,
    /// Where the settings file of the user would lie; none where no home is known.
    pub user_settings: Option<PathBuf>,
}

impl Context {
    /// Why the workspace is that one, for people.
    #[must_use]
    pub fn why(&self) -> &'static str {
        match self.origin {
            Origin::Given => "given by --workspace",
            Origin::Variable => "named by $REGATTA_WORKSPACE",
            Origin::Found => "the nearest directory with `.regatta/`",
            Origin::WorkTree => "the root of the git work tree",
            Origin::WorkingDirectory => "the working directory",
        }
    }

    /// Reads the environment.
    ///
    /// # Errors
    /// The working directory is gone, or the workspace that was named is no directory.
    pub fn read(given: Option<&Path>) -> Result<Context, CliError> {
        let cwd = std::env::current_dir()
            .map_err(|e| CliError::environment(format!("the working directory cannot be read: {e}")))?;
        let from_env = std::env::var_os("REGATTA_WORKSPACE").map(PathBuf::from);
        let (found, origin) = workspace::find(given, from_env.as_deref(), &cwd);
        let workspace = std::fs::canonicalize(&found)
            .map_err(|e| CliError::environment(format!("workspace `{}`: {e}", escape_path(&found))))?;
        if !workspace.is_dir() {
            let message = format!("workspace `{}` is not a directory", escape_path(&workspace));
            return Err(CliError::environment(message));
        }
        let named = named(&found, &workspace);
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let terminal = std::io::stdout().is_terminal();
        Ok(Context {
            workspace,
            named,
            origin,
            cwd,
            terminal,
            screen: screen(terminal),
            color: !plain && std::io::stderr().is_terminal(),
            variables: variables(),
            user_settings: user_settings(),
        })
    }
}

/// How people name a workspace: as it was given, else as the shell names it by which they came to where they are.
fn named(found: &Path, workspace: &Path) -> PathBuf {
    let given = std::path::absolute(found).unwrap_or_else(|_| found.to_owned());
    if given != workspace {
        return given;
    }
    let is_it = |dir: &&Path| std::fs::canonicalize(dir).is_ok_and(|dir| dir == workspace);
    let shell = std::env::var_os("PWD").map(PathBuf::from).filter(|dir| dir.is_absolute());
    shell.as_deref().and_then(|dir| dir.ancestors().find(is_it)).unwrap_or(workspace).to_owned()
}

/// A terminal that says of itself that it is dumb cannot be drawn on.
fn screen(terminal: bool) -> Option<bool> {
    let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let dumb = text("TERM").is_none_or(|term| term == "dumb");
    // The first that is set holds (POSIX, environment variables).
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(text).unwrap_or_default().to_lowercase();
    (terminal && !dumb).then(|| locale.contains("utf-8") || locale.contains("utf8"))
}

/// The variables that begin with `REGATTA_`.
#[must_use]
pub fn variables() -> BTreeMap<String, String> {
    let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
    let all = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
    all.filter(|(name, _)| name.starts_with("REGATTA_")).collect()
}

/// `$XDG_CONFIG_HOME/regatta/config.toml`, else below `~/.config`. A path that is not absolute counts as none there.
#[must_use]
pub fn user_settings() -> Option<PathBuf> {
    let dir = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let base = dir("XDG_CONFIG_HOME").or_else(|| dir("HOME").map(|home| home.join(".config")))?;
    Some(base.join("regatta").join("config.toml"))
}

/// `$XDG_STATE_HOME/regatta`, else below `~/.local/state`: what we keep for a user, apart from any workspace. A path that is not
/// absolute counts as none.
#[must_use]
pub fn user_state() -> Option<PathBuf> {
    let dir = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let base = dir("XDG_STATE_HOME").or_else(|| dir("HOME").map(|home| home.join(".local/state")))?;
    Some(base.join("regatta"))
}

/// Writes to standard output: lines for people, which are escaped already, or JSON, in which nothing may steer a
/// terminal either. A reader that went away ends nothing.
pub fn out(text: &str) {
    // A closed standard output does not stop the run.
    let _ = try_out(escape_json(text).as_bytes());
}

/// Why standard output could not be written, the first time that it could not.
static NOT_WRITTEN: OnceLock<String> = OnceLock::new();

/// Writes data to standard output; answers whether anybody takes it. Why not is kept for [`unwritten`].
#[must_use]
pub fn try_out(bytes: &[u8]) -> bool {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => true,
        Err(error) => {
            note_unwritten(&error);
            false
        }
    }
}

/// Keeps why standard output could not be written. A reader that went away has seen what it wanted.
pub fn note_unwritten(error: &std::io::Error) {
    if error.kind() != std::io::ErrorKind::BrokenPipe && !has_hung_up(error) {
        // The first is told.
        let _ = NOT_WRITTEN.set(error.to_string());
    }
}

/// True if standard output was a terminal that is gone: it is a device still, and no terminal any more.
fn has_hung_up(error: &std::io::Error) -> bool {
    let kind =
        || rustix::fs::fstat(rustix::stdio::stdout()).map(|stat| FileType::from_raw_mode(stat.st_mode));
    error.raw_os_error() == Some(Errno::IO.raw_os_error()) && kind() == Ok(FileType::CharacterDevice)
}

/// The error of a command whose output could not be written, if that is so: whoever reads it has not got all of it.
#[must_use]
pub fn unwritten() -> Option<CliError> {
    let why = NOT_WRITTEN.get()?;
    Some(CliError::environment(format!("standard output cannot be written: {why}")))
}

/// Writes to standard error, for people.
pub fn err(text: &str) {
    // Nobody is left to tell.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
