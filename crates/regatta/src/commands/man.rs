//! `regatta man`: manual pages, made of the declarations of the command line.
//!
//! Needs no workspace.

use crate::args::{ManArgs, shown};
use crate::context::out;
use crate::error::CliError;
use crate::exit::Exit;
use clap::Command;
use clap_mangen::Man;
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
        CliError::environment(format!("cannot write `{}`: {e}", path.display()))
    };
    std::fs::create_dir_all(dir).map_err(|e| fail(dir, e))?;
    let pages = pages();
    for (name, text) in &pages {
        let path = dir.join(name);
        std::fs::write(&path, text).map_err(|e| fail(&path, e))?;
    }
    out(&format!("{} pages in {}\n", pages.len(), dir.display()));
    Ok(Exit::Success)
}

/// Every page with the name of its file: `regatta.1`, `regatta-run.1`, `regatta-lock-acquire.1`, …
fn pages() -> Vec<(String, String)> {
    let mut open = vec![("regatta".to_owned(), shown())];
    let mut pages = Vec::new();
    while let Some((name, command)) = open.pop() {
        let inner = command.get_subcommands().filter(|c| c.get_name() != "help");
        open.extend(inner.map(|c| (format!("{name}-{}", c.get_name()), c.clone())));
        pages.push((format!("{name}.1"), page(command.display_name(&name).bin_name(name.replace('-', " ")))));
    }
    pages.sort();
    pages
}

fn page(command: Command) -> String {
    let mut text = Vec::new();
    let version = format!("regatta {}", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command).manual("Regatta").source(version);
    // Writing to memory does not fail.
    let _ = man.render(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}
