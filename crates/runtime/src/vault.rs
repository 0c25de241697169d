//! Secrets: where they come from, and which values are declared to be secret.
//!
//! Values are read by the process that runs or resumes, kept in its memory and handed to the calls that name them. They
//! are written nowhere. Knows no task.

use crate::escape::escape_path;
use crate::private_file;
use crate::tools::variables_of;
use regatta_plan::model::{McpServer, Plan, SecretSource};
use regatta_plan::reference::{Part, Template};
use regatta_redact::{MIN_DECLARED_BYTES, Redactor, Value, is_secret_name};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A secret holds at most this much.
const MAX_SECRET_BYTES: u64 = 64 << 10;
/// A command may take so long to print one.
const MOST_TIME: Duration = Duration::from_secs(60);

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// Its variable is not set.
    #[error("the secret `{name}` of the vault is in the variable `{variable}`, which is not set")]
    NoVariable {
        /// The secret.
        name: String,
        /// The variable.
        variable: String,
    },
    /// Its file cannot be read.
    #[error("the secret `{name}` of the vault cannot be read from `{}`: {source}", escape_path(path))]
    File {
        /// The secret.
        name: String,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Others may read its file.
    #[error(
        "the file `{}` of the secret `{name}` is open to others (mode {mode:04o}, it must be 0600)",
        escape_path(path)
    )]
    Open {
        /// The secret.
        name: String,
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Its command failed; what it said is not told, it might be the secret.
    #[error("the command `{program}` of the secret `{name}` {how}")]
    Command {
        /// The secret.
        name: String,
        /// The program.
        program: String,
        /// How it failed.
        how: String,
    },
    /// It is no text, is empty, or too long.
    #[error("the secret `{name}` of the vault {what}")]
    Value {
        /// The secret.
        name: String,
        /// What is wrong.
        what: &'static str,
    },
}

/// The secrets of a plan, by name, and those that no task may have. Printed, it shows names only.
#[derive(Clone, Default)]
pub struct Vault {
    secrets: BTreeMap<String, String>,
    hidden: Vec<Value>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_tuple("Vault").field(&self.secrets.keys()).finish()
    }
}

impl Vault {
    /// Fetches every secret that a plan names.
    ///
    /// # Errors
    /// One of them cannot be had.
    pub fn open(plan: &Plan, workspace: &Path) -> Result<Vault, VaultError> {
        let secrets = plan.vault.iter().map(|named| fetch(named, workspace)).collect::<Result<_, _>>()?;
        Ok(Vault { secrets, hidden: Vec::new() })
    }

    /// Fetches what of the secrets of a plan can be had, and why the others cannot, by name.
    #[must_use]
    pub fn open_some(plan: &Plan, workspace: &Path) -> (Vault, BTreeMap<String, VaultError>) {
        let (mut vault, mut missing) = (Vault::default(), BTreeMap::new());
        for named in &plan.vault {
            match fetch(named, workspace) {
                Ok(secret) => vault.secrets.extend([secret]),
                Err(error) => missing.extend([(named.0.clone(), error)]),
            }
        }
        (vault, missing)
    }

    /// Has a value redacted that is no task's: whoever gets hold of it all the same cannot show it. The name stands in the
    /// marker.
    pub fn hide(&mut self, name: &str, value: &str) {
        self.hidden.push(Value { name: name.to_owned(), bytes: value.as_bytes().to_vec() });
    }

    /// The secrets of a plan that can be had without that a command is run, and without asking anybody: for whoever only
    /// shows the plan.
    #[must_use]
    pub fn at_hand(plan: &Plan, workspace: &Path) -> Vault {
        let fetch = |(name, source): (&String, &SecretSource)| {
            let value = match source {
                SecretSource::Env(variable) => of_variable(name, variable).ok()?,
                SecretSource::File(path) => of_file(name, &workspace.join(path)).ok()?,
                SecretSource::Command(_) => return None,
            };
            Some((name.clone(), text(name, value).ok()?))
        };
        Vault { secrets: plan.vault.iter().filter_map(fetch).collect(), hidden: Vec::new() }
    }

    /// What looks for everything that a run of a plan in this process would declare to be secret.
    #[must_use]
    pub fn redactor(&self, plan: &Plan) -> Redactor {
        let vars: Vec<(OsString, OsString)> = std::env::vars_os().collect();
        Redactor::new(&declared(plan, self, &vars))
    }

    /// In the place of each secret its name, for what is compared and stored.
    pub(crate) fn of_names(plan: &Plan) -> Vault {
        let secrets = plan.vault.keys().map(|name| (name.clone(), format!("${{vault.{name}}}"))).collect();
        Vault { secrets, hidden: Vec::new() }
    }

    /// A secret.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.secrets.get(name).map(String::as_str)
    }
}

/// All values that are declared to be secret: those of the vault, of `secrets:`, of variables that are passed on and have the
/// name of one, those that stand as they are in `env` and `headers` of servers of tools, and what no task may have.
pub(crate) fn declared(plan: &Plan, vault: &Vault, vars: &[(OsString, OsString)]) -> Vec<Value> {
    let of_vault = |(name, value): (&String, &String)| Value {
        name: format!("vault.{name}"),
        bytes: value.as_bytes().to_vec(),
    };
    let mut values: Vec<Value> = vault.secrets.iter().map(of_vault).collect();
    values.extend(vault.hidden.iter().cloned());
    values.extend(plan.mcp_servers.iter().flat_map(literals));
    let of_servers = variables_of(plan.mcp_servers.values());
    let given = |name: &str| {
        let by_agents = plan.agents.values().any(|agent| agent.env.iter().any(|n| n == name));
        by_agents
            || of_servers.contains(name)
            || plan.env.as_ref().is_none_or(|names| names.iter().any(|n| n == name))
    };
    let is_secret =
        |name: &str| plan.secrets.iter().any(|secret| secret == name) || is_secret_name(name) && given(name);
    for (name, value) in vars {
        let Some(name) = name.to_str().filter(|name| is_secret(name)) else { continue };
        values.push(Value { name: marker_name(name), bytes: value.as_encoded_bytes().to_vec() });
    }
    values.retain(|value| value.bytes.trim_ascii().len() >= MIN_DECLARED_BYTES);
    values
}

/// Values that stand as they are among what only a server sees, below the name of a secret.
fn literals((server, of): (&String, &McpServer)) -> Vec<Value> {
    let named = of.private().iter().filter(|(name, _)| is_secret_name(name) || is_credential(name));
    let literal = |(name, text): (&String, &String)| {
        let template = Template::parse(text).ok()?;
        let [Part::Text(text)] = &template.parts[..] else { return None };
        // `Bearer` and `Basic` are no secret.
        let value = match text.split_once(' ') {
            Some((scheme, value)) if is_credential(name) && is_scheme(scheme) => value.trim(),
            _ => text,
        };
        Some(Value { name: plain_name(&format!("mcp.{server}.{name}")), bytes: value.as_bytes().to_vec() })
    };
    named.filter_map(literal).collect()
}

/// Whether a header is one that says who asks.
fn is_credential(header: &str) -> bool {
    let name = header.to_ascii_lowercase();
    name.ends_with("authorization") || name == "cookie" || name.ends_with("-auth")
}

fn is_scheme(word: &str) -> bool {
    ["bearer", "basic", "token", "digest", "apikey"].contains(&word.to_ascii_lowercase().as_str())
}

/// A variable in a marker; its name may hold what a marker may not.
fn marker_name(variable: &str) -> String {
    plain_name(&format!("env.{variable}"))
}

fn plain_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect()
}

/// A secret with its name, from where it is said to be.
fn fetch((name, source): (&String, &SecretSource), workspace: &Path) -> Result<(String, String), VaultError> {
    let value = match source {
        SecretSource::Env(variable) => of_variable(name, variable)?,
        SecretSource::File(path) => of_file(name, &workspace.join(path))?,
        SecretSource::Command(argv) => of_command(name, argv, workspace)?,
    };
    Ok((name.clone(), text(name, value)?))
}

fn text(name: &str, mut value: Vec<u8>) -> Result<String, VaultError> {
    let wrong = |what| VaultError::Value { name: name.to_owned(), what };
    while matches!(value.last(), Some(b'\n' | b'\r')) {
        value.pop();
    }
    match String::from_utf8(value) {
        Ok(text) if text.is_empty() => Err(wrong("is empty")),
        Ok(text) if text.contains('\0') => Err(wrong("holds a NUL character")),
        Ok(text) => Ok(text),
        Err(_) => Err(wrong("is no UTF-8 text")),
    }
}

fn of_variable(name: &str, variable: &str) -> Result<Vec<u8>, VaultError> {
    let value = std::env::var_os(OsStr::new(variable));
    value
        .map(OsString::into_encoded_bytes)
        .ok_or_else(|| VaultError::NoVariable { name: name.to_owned(), variable: variable.to_owned() })
}

fn of_file(name: &str, path: &Path) -> Result<Vec<u8>, VaultError> {
    let fail = |source| VaultError::File { name: name.to_owned(), path: path.to_owned(), source };
    let file = private_file::open(path).map_err(fail)?;
    let meta = file.metadata().map_err(fail)?;
    let mode = meta.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(VaultError::Open { name: name.to_owned(), path: path.to_owned(), mode });
    }
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(fail(io::Error::other("it belongs to somebody else")));
    }
    read(file).map_err(fail)
}

fn of_command(name: &str, argv: &[String], workspace: &Path) -> Result<Vec<u8>, VaultError> {
    let (program, arguments) = argv.split_first().map_or(("", &[][..]), |(p, rest)| (p.as_str(), rest));
    let fail = |how: String| VaultError::Command { name: name.to_owned(), program: program.to_owned(), how };
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(workspace)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| fail(format!("cannot be started: {error}")))?;
    let value = printed(&mut child);
    if !matches!(value, Ok(Some(_))) {
        // One that has just ended is as good.
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    }
    let status = child.wait().map_err(|error| fail(format!("cannot be waited for: {error}")))?;
    match value {
        Ok(Some(value)) if status.success() => Ok(value),
        Ok(Some(_)) => Err(fail(format!("ended with {status}"))),
        Ok(None) => Err(fail(format!("took more than {} s and was ended", MOST_TIME.as_secs()))),
        Err(error) => Err(fail(format!("cannot be heard: {error}"))),
    }
}

/// What a command prints; none if it takes too long.
fn printed(child: &mut Child) -> io::Result<Option<Vec<u8>>> {
    let Some(mut stdout) = child.stdout.take() else { return Ok(Some(Vec::new())) };
    let until = Instant::now() + MOST_TIME;
    let (mut value, mut chunk) = (Vec::new(), [0; 4_096]);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(0),
            tv_nsec: left.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::new(&stdout, PollFlags::IN)], Some(&left)) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let n = stdout.read(&mut chunk)?;
        if n == 0 {
            return Ok(Some(value));
        }
        value.extend_from_slice(&chunk[..n]);
        if value.len() as u64 > MAX_SECRET_BYTES {
            return Err(io::Error::other("it prints more than 64 KiB"));
        }
    }
}

fn read(file: File) -> io::Result<Vec<u8>> {
    let mut value = Vec::new();
    file.take(MAX_SECRET_BYTES + 1).read_to_end(&mut value)?;
    if value.len() as u64 > MAX_SECRET_BYTES {
        return Err(io::Error::other("it has more than 64 KiB"));
    }
    Ok(value)
}
