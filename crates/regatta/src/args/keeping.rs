//! Options of the verbs around the tool itself: documents, completions, manual pages.
//!
//! Raw options only; knows no environment.

use clap::{Args, ValueEnum};
use regatta_runtime::keeper::Containment;
use std::ffi::OsString;
use std::path::PathBuf;

/// `regatta init`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta init                writes plan.yaml and .regatta/config.toml; replaces nothing
  regatta init checks.yaml    under another name
  regatta init - | less       prints the plan and writes nothing")]
pub struct InitArgs {
    /// Where the plan is written [default: `plan.yaml` in the workspace]; `-` prints it.
    pub plan: Option<PathBuf>,
    /// Say what was found and written as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `regatta gc`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta gc                              what would go
  regatta gc --delete                     remove it
  regatta gc --keep 5 --older-than 7d     the newest 5, and what ended within 7 days, stay")]
pub struct GcArgs {
    /// Remove it; without this option it is only shown.
    #[arg(long)]
    pub delete: bool,
    /// Keep so many of the newest runs, however old [default: 20].
    #[arg(long, value_name = "N")]
    pub keep: Option<u32>,
    /// Keep what ended within this time, such as `12h` [default: 30d].
    #[arg(long, value_name = "TIME")]
    pub older_than: Option<String>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `regatta keeper`
#[derive(Args, Debug)]
pub struct KeeperArgs {
    /// The directory of the run.
    pub run_dir: PathBuf,
    /// What holds the processes of an attempt together.
    #[arg(long, value_enum, default_value_t = ContainmentArg::Auto)]
    pub containment: ContainmentArg,
    /// How many files a task may have open at once.
    #[arg(long, value_name = "N")]
    pub open_files: Option<u64>,
}

/// `--containment`
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ContainmentArg {
    /// A cgroup for each attempt, where the system permits it.
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

/// `regatta schema`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta schema >plan.schema.json
  regatta schema settings >settings.schema.json")]
pub struct SchemaArgs {
    /// The document.
    #[arg(value_enum, default_value_t = DocumentArg::Plan)]
    pub document: DocumentArg,
}

/// A document that has a schema.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum DocumentArg {
    /// The plan.
    Plan,
    /// The parallel request (JSON with `tasks` and no `version`).
    Request,
    /// The shell batch (JSON with `commands`).
    Batch,
    /// The settings file (`config.toml`).
    Settings,
}

/// `regatta completions`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta completions bash >~/.local/share/bash-completion/completions/regatta
  regatta completions zsh >~/.zfunc/_regatta
  regatta completions fish >~/.config/fish/completions/regatta.fish")]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `regatta man`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta man | man -l -
  regatta man run | man -l -
  regatta man --out ~/.local/share/man/man1   one page for each verb")]
pub struct ManArgs {
    /// The verb whose page is printed [default: the page of regatta itself].
    pub verb: Option<String>,
    /// Write every page into this directory, which is made if it is missing.
    #[arg(long, value_name = "DIR", conflicts_with = "verb")]
    pub out: Option<PathBuf>,
}

/// Arguments of `acp-agent`.
#[derive(Args, Debug)]
pub struct AcpAgentArgs {
    /// What the agent may do: `deny`, `edit`, `allow` or `ask`.
    #[arg(long, value_name = "WORD")]
    pub permissions: String,
    /// The directory of the run in which a person is asked.
    #[arg(long, value_name = "DIR", requires = "attempt")]
    pub run_dir: Option<PathBuf>,
    /// The attempt that asks.
    #[arg(long, value_name = "N", requires = "run_dir")]
    pub attempt: Option<u64>,
    /// The silence after which the attempt is taken for idle, in milliseconds.
    #[arg(long, value_name = "MS")]
    pub idle_ms: Option<u64>,
    /// The file that holds the prompt.
    #[arg(long, value_name = "FILE")]
    pub prompt_file: PathBuf,
    /// The session to go on with.
    #[arg(long, value_name = "ID")]
    pub resume: Option<String>,
    /// The file that holds the MCP servers that it gets.
    #[arg(long, value_name = "FILE")]
    pub servers_file: Option<PathBuf>,
    /// Program and arguments of the agent.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub agent: Vec<OsString>,
}

/// Arguments of `tool-call`.
#[derive(Args, Debug)]
pub struct ToolCallArgs {
    /// The directory of the attempt, in which its order lies.
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
}

/// Arguments of `tool-host`.
#[derive(Args, Debug)]
pub struct ToolHostArgs {
    /// The directory of the run.
    #[arg(long, value_name = "DIR")]
    pub run: PathBuf,
}
