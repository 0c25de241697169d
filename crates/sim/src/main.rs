//! `regatta-sim --seeds N [--from S]`: plays seeds and stops at the first that breaks a law.
//!
//! A failing seed prints the one command that replays it.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of the development loop that reports"
)]

use regatta_sim::seed::{Seen, check};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match options(&args) {
        Ok((seeds, from)) => play(seeds, from),
        Err(message) => {
            eprintln!("error: {message}\nhint: regatta-sim --seeds N [--from SEED]");
            ExitCode::from(2)
        }
    }
}

fn options(args: &[String]) -> Result<(u64, u64), String> {
    let (mut seeds, mut from) = (2_000, 0);
    let mut rest = args.iter();
    while let Some(name) = rest.next() {
        let value = rest.next().ok_or_else(|| format!("`{name}` needs a number"))?;
        let number: u64 = value.parse().map_err(|_| format!("`{value}` is not a number"))?;
        match name.as_str() {
            "--seeds" => seeds = number,
            "--from" => from = number,
            _ => return Err(format!("unknown option `{name}`")),
        }
    }
    Ok((seeds, from))
}

fn play(seeds: u64, from: u64) -> ExitCode {
    let mut total = Seen::default();
    for seed in from..from.saturating_add(seeds) {
        match check(seed) {
            Ok(seen) => {
                total.events += seen.events;
                total.crashes += seen.crashes;
                total.openings += seen.openings;
                total.holds += seen.holds;
                total.answers += seen.answers;
            }
            Err(law) => {
                eprintln!("seed {seed}: {law}\nreplay: cargo xtask sim --seeds 1 --from {seed}");
                return ExitCode::FAILURE;
            }
        }
    }
    println!(
        "{seeds} seeds from {from}: every law holds ({} events, {} crashes, {} breakers opened, {} rate limits, {} permissions)",
        total.events, total.crashes, total.openings, total.holds, total.answers
    );
    ExitCode::SUCCESS
}
