//! `regatta-bench --binary FILE [--trials DIR] …`: real runs beside references that do the same work, goal by goal.
//!
//! ```text
//! options -> bench (programs, references, place) -> goals/* or workflows -> rows -> table -> terminal, JSON, page
//!                                       turns: ours, reference, floor, ours, … each in a fresh directory, by the meter
//! ```
//! Exit code 0: measured; 1: something of ours failed, or with `--check` a goal is missed; 2: wrong use. It sees only
//! what a user sees, and knows nothing of the engine. `cargo xtask bench` builds what is measured and calls it.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of the development loop that reports"
)]

mod bench;
mod clock;
mod echo;
mod forms;
mod goals;
mod graphs;
mod machine;
mod meter;
mod noop;
mod options;
mod page;
mod place;
mod references;
mod row;
mod stats;
mod table;
mod turns;
mod victims;
mod work;
mod workflows;

use bench::Bench;
use options::{Options, USAGE};
use regatta_crash::Outcome;
use row::{Row, Verdict};
use serde_json::{Value, json};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some((word, rest)) = args.split_first() {
        let done = |it: Outcome<()>| it.map_or_else(|message| fail(&message), |()| ExitCode::SUCCESS);
        match word.as_str() {
            meter::WORD => return meter::inside(rest).map_or_else(|message| fail(&message), ExitCode::from),
            echo::SERVER => return done(echo::serve()),
            echo::DIRECT => return done(echo::call(rest)),
            _ => {}
        }
    }
    let options = match Options::parse(&args) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("error: {message}\nhint: {USAGE}");
            return ExitCode::from(2);
        }
    };
    match measured(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => fail(&message),
    }
}

fn fail(message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::FAILURE
}

/// Whether all is as it must be.
fn measured(options: Options) -> Outcome<bool> {
    let bench = Bench::prepare(options)?;
    let machine = machine::describe(bench.place.root());
    eprint!("{machine}\n{}", bench.references.report());
    let done = if bench.options.workflows { workflows(&bench, &machine) } else { goals(&bench, &machine) };
    if bench.options.scale < 1.0 {
        println!("scaled by {}: the verdicts are not those of the goals", bench.options.scale);
    }
    done
}

fn goals(bench: &Bench, machine: &str) -> Outcome<bool> {
    let rows = goals::measure(bench);
    let cells = table::goals(&rows);
    println!("{}", table::text(&cells));
    let rows_json: Vec<Value> = rows.iter().map(table::row_json).collect();
    written(bench, machine, ("rows", rows_json))?;
    if let Some(file) = &bench.options.write {
        page::write_goals(file, &bench.options, (machine, &table::markdown(&cells)))?;
    }
    let (fine, sum) = judged(&rows, bench.options.check);
    println!("{sum}");
    Ok(fine)
}

/// Whether nothing failed and, where misses count, nothing was missed; and how many rows came to what.
fn judged(rows: &[Row], check: bool) -> (bool, String) {
    let count = |verdict| rows.iter().filter(|row| row.verdict() == verdict).count();
    let (missed, failed) = (count(Verdict::Miss), count(Verdict::Failed));
    let (passed, absent) = (count(Verdict::Pass), count(Verdict::NotMeasured));
    let sum = format!("{passed} pass, {missed} missed, {absent} not measured, {failed} failed");
    (failed == 0 && !(check && missed > 0), sum)
}

fn workflows(bench: &Bench, machine: &str) -> Outcome<bool> {
    let found = workflows::measure(bench)?;
    let cells = table::workflows(&found);
    let (kept, verdict) = table::workflows_verdict(&found);
    println!("{}\n{verdict}", table::text(&cells));
    written(bench, machine, ("workflows", found.iter().map(table::workflow_json).collect()))?;
    if let Some(file) = &bench.options.write {
        page::write_workflows(file, &bench.options, (machine, &table::markdown(&cells)))?;
    }
    Ok(kept || !bench.options.check)
}

/// Everything that was measured, into the file of `--json`.
fn written(bench: &Bench, machine: &str, (name, rows): (&str, Vec<Value>)) -> Outcome<()> {
    let Some(file) = &bench.options.json else { return Ok(()) };
    let options = &bench.options;
    let all = json!({ "command": options.typed, "machine": machine, "scale": options.scale, name: rows });
    std::fs::write(file, format!("{all:#}\n")).map_err(|e| format!("cannot write {}: {e}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Unit;

    #[test]
    fn a_miss_is_an_error_only_where_that_was_asked_for_and_a_failure_always() {
        let row = |value: f64| Row::of(1, "a").absolute(Unit::Ms, vec![value]).at_most(1.0);
        let rows = [row(1.0), row(2.0), Row::of(1, "a").not_measured("later")];
        let sum = "1 pass, 1 missed, 1 not measured, 0 failed".to_owned();
        assert_eq!([judged(&rows, false), judged(&rows, true)], [(true, sum.clone()), (false, sum)]);
        assert!(judged(&rows[..1], true).0 && !judged(&[row(1.0).failed("exit 4")], false).0);
    }
}
