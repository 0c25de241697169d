//! A bare scan of the events of a YAML file, the floor below every reader of it: `scan FILE`.
//!
//! `cargo xtask bench --goals 8` compares a whole reading of a plan with it. It builds nothing and checks nothing.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measuring program reads its arguments and a file, and prints"
)]

use granit_parser::{Options, Parser};
use std::process::ExitCode;

fn main() -> ExitCode {
    let text = std::env::args().nth(1).and_then(|file| std::fs::read_to_string(file).ok());
    let Some(text) = text else { return ExitCode::from(2) };
    let mut events = 0_u64;
    for event in Parser::new_from_str_with_options(&text, Options::default()) {
        if event.is_err() {
            return ExitCode::FAILURE;
        }
        events += 1;
    }
    println!("{{\"events\": {events}}}");
    ExitCode::SUCCESS
}
