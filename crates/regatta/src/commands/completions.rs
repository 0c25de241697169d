//! `regatta completions`: what a shell completes, made of the declarations of the command line.
//!
//! Needs no workspace.

use crate::args::{CompletionsArgs, shown};
use crate::context::out;
use crate::exit::Exit;

/// Runs the verb.
#[must_use]
pub fn run(args: &CompletionsArgs) -> Exit {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut shown(), "regatta", &mut text);
    out(&String::from_utf8_lossy(&text));
    Exit::Success
}
