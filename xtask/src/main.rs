//! Automation of the workspace: `cargo xtask ci | test | fix | tidy | sim | fuzz | crash | bench | trials | docs | help`.
//!
//! Chooses the verb and turns its result into an exit code: 0 done, 1 something was found, 2 wrong use.
//! It knows no check itself; those live in `tidy`, and the order of all of them in `ci`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "xtask is a renderer: its output is its purpose"
)]

mod cargo;
mod ci;
mod suite;
mod tidy;
mod trials;
mod verbs;

use std::process::ExitCode;

const HELP: &str = "\
usage: cargo xtask <verb>

  ci      every check in order, then the tests, 10 s of fuzzing and 2000 simulated seeds; stops at the first failure
  test    install what the tests need, then run every test
  fix     let clippy and rustfmt mend what they can
  tidy    the house rules: dependencies, sizes, headers, pages, licences, links, text
  sim     the simulator: cargo xtask sim --seeds N [--from SEED]
  fuzz    damaged input for every reader: cargo xtask fuzz [--seconds N] [--target NAME] [--seed N] [--input FILE]
  bench   real runs beside references that do the same work: cargo xtask bench [--trials DIR] [--goals N,N | --workflows]
          [--pairs N] [--scale F] [--seed N] [--check] [--json FILE] [--write]
  crash   kill real runs at every fault point: cargo xtask crash [--trials DIR | --plan NAME] [--seed N] [--sample | --load]
          [--write]
  trials  real workflows and task graphs through `plan --json` and a checker, real merges through the forecast,
          texts with secrets through runs:
          cargo xtask trials --trials DIR [--repositories DIR] [--only schedules|merges|secrets] [--write] [--check]
  docs    write the pages that the program makes, build the documentation, check pages and links
  help    this text
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((verb, rest)) = args.split_first() else {
        eprint!("{HELP}");
        return ExitCode::from(2);
    };
    let root = match cargo::root() {
        Ok(root) => root,
        Err(message) => return fail(&message),
    };
    let alone = rest.is_empty();
    let done = match verb.as_str() {
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        "sim" => verbs::sim(&root, rest),
        "fuzz" => verbs::fuzz(&root, rest),
        "bench" => verbs::bench(&root, rest),
        "trials" => trials::run(&root, rest),
        "crash" => verbs::crash(&root, rest),
        "ci" if alone => ci::run(&root),
        "test" if alone => suite::run_alone(&root),
        "fix" if alone => verbs::fix(&root),
        "tidy" if alone => tidy::run(&root),
        "docs" if alone => verbs::docs(&root),
        "ci" | "test" | "fix" | "tidy" | "docs" => return misuse(&format!("`{verb}` takes no arguments")),
        _ => return misuse(&format!("unknown verb `{verb}`")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => fail(&message),
    }
}

fn fail(message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::FAILURE
}

fn misuse(message: &str) -> ExitCode {
    eprintln!("error: {message}\nhint: `cargo xtask help` lists the verbs");
    ExitCode::from(2)
}
