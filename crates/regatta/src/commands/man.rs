//! `regatta man`: manual pages, made of the declarations of the command line.
//!
//! Needs no workspace.

use crate::args::{ManArgs, shown};
use crate::context::out;
use crate::error::CliError;
use crate::exit::Exit;
use clap::{Arg, ArgAction, Command};
use clap_mangen::Man;
use regatta_runtime::escape::escape_path;
use std::path::Path;

/// Runs the verb.
///
/// # Errors
/// No such verb, or a page cannot be written.
pub fn run(args: &ManArgs) -> Result<Exit, CliError> {
    match (&args.out, &args.verb) {
        (Some(dir), _) => write_all(dir),
        (None, Some(verb)) => {
            let found = pages().into_iter().find(|(name, _)| *name == format!("regatta-{verb}.1"));
            let (_, page) = found.ok_or_else(|| {
                let verb = verb.escape_debug();
                CliError::usage(format!("there is no verb `{verb}`")).hint("`regatta help` lists them")
            })?;
            out(&page);
            Ok(Exit::Success)
        }
        (None, None) => {
            out(&page(shown()));
            Ok(Exit::Success)
        }
    }
}

fn write_all(dir: &Path) -> Result<Exit, CliError> {
    let fail = |path: &Path, e: std::io::Error| {
        CliError::environment(format!("cannot write `{}`: {e}", escape_path(path)))
    };
    std::fs::create_dir_all(dir).map_err(|e| fail(dir, e))?;
    let pages = pages();
    for (name, text) in &pages {
        let path = dir.join(name);
        std::fs::write(&path, text).map_err(|e| fail(&path, e))?;
    }
    out(&format!("{} pages in {}\n", pages.len(), escape_path(dir)));
    Ok(Exit::Success)
}

/// Every page with the name of its file: `regatta.1`, `regatta-run.1`, `regatta-lock-acquire.1`, …
fn pages() -> Vec<(String, String)> {
    // By the words that are typed: a verb may have a dash of its own.
    let mut open = vec![("regatta".to_owned(), shown())];
    let mut pages = Vec::new();
    while let Some((words, command)) = open.pop() {
        let inner = command.get_subcommands().filter(|c| c.get_name() != "help");
        open.extend(inner.map(|c| (format!("{words} {}", c.get_name()), c.clone())));
        let name = words.replace(' ', "-");
        pages.push((format!("{name}.1"), page(command.display_name(name).bin_name(words))));
    }
    pages.sort();
    pages
}

fn page(command: Command) -> String {
    let mut text = Vec::new();
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
    let usage = usage(&command, &name);
    let command = command.override_usage(usage);
    let version = format!("regatta {}", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command).manual("Regatta").source(version);
    // Writing to memory does not fail.
    let _ = man.render(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// How a command is called: options with their values, what of it must be given, arguments.
fn usage(command: &Command, name: &str) -> String {
    let groups = command.get_groups().filter(|group| group.is_required_set());
    let one_of: Vec<Vec<&Arg>> = groups
        .map(|group| group.get_args().filter_map(|id| command.get_arguments().find(|arg| arg.get_id() == id)))
        .map(Iterator::collect)
        .collect();
    let alone =
        |arg: &&Arg| !arg.is_hide_set() && !one_of.iter().flatten().any(|of| of.get_id() == arg.get_id());
    let bracketed = |arg: &Arg| match arg.is_required_set() {
        true => word(arg),
        false => format!("[{}]", word(arg)),
    };
    let mut words = vec![name.to_owned()];
    words.extend(command.get_arguments().filter(|arg| !arg.is_positional()).filter(alone).map(bracketed));
    words.extend(
        one_of
            .iter()
            .map(|args| format!("({})", args.iter().map(|arg| word(arg)).collect::<Vec<_>>().join(" | "))),
    );
    words.extend(command.get_positionals().filter(alone).map(bracketed));
    if command.has_subcommands() {
        words.push(if command.is_subcommand_required_set() { "COMMAND" } else { "[COMMAND]" }.to_owned());
    }
    words.join(" ")
}

/// An argument with its values: one of few, or the name of what is expected.
fn word(arg: &Arg) -> String {
    const FEW: usize = 6;
    let repeated = if matches!(arg.get_action(), ArgAction::Append) { "..." } else { "" };
    let possible = arg.get_possible_values();
    let names: Vec<&str> = match (arg.get_action().takes_values(), possible.len()) {
        (false, _) => Vec::new(),
        (true, 1..=FEW) => possible.iter().map(|value| value.get_name()).collect(),
        (true, _) => arg.get_value_names().into_iter().flatten().map(|name| name.as_str()).collect(),
    };
    let between = if (1..=FEW).contains(&possible.len()) { "|" } else { " " };
    let value = names.join(between);
    let value = match arg.get_num_args().is_some_and(|n| n.min_values() == 0) && !value.is_empty() {
        true => format!("[{value}]"),
        false => value,
    };
    let flag = match (arg.get_short(), arg.get_long()) {
        (Some(short), Some(long)) => format!("-{short}|--{long}"),
        (Some(short), None) => format!("-{short}"),
        (None, Some(long)) => format!("--{long}"),
        (None, None) => return value + repeated,
    };
    if value.is_empty() { flag } else { format!("{flag} {value}{repeated}") }
}
