//! Goal 9: durable events a second, beside the same rows written by the embedded database alone, and syncs of a commit.

use crate::bench::Bench;
use crate::references::{Program, syncs};
use crate::row::{Row, Unit};
use crate::turns::{Side, alternate};
use regatta_crash::Outcome;
use std::process::Command;

/// Rows of a commit: those of the goal, and others for the reader.
const GOAL: u32 = 32;
const OTHERS: [u32; 3] = [1, 8, 256];
/// Where the log begins anew, once in some 10 MB, its head is synced besides: less often than once in fifty commits.
const SYNCS: f64 = 1.02;
/// Opening a journal syncs a few times; the difference between so many commits and twice as many is what commits cost.
const COUNTED: u32 = 200;

/// The rows for the goal first.
pub(super) fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let mut rows = rates(bench, GOAL)?.map(|row| row.at_least(0.7)).to_vec();
    rows.push(synced(bench)?);
    for each in OTHERS {
        rows.extend(rates(bench, each)?);
    }
    Ok(rows)
}

/// Events a second beside the same rows through the same library, and beside the program in C.
fn rates(bench: &Bench, each: u32) -> Outcome<[Row; 2]> {
    let commits = bench.options.scaled(3_000, 100);
    let runs = alternate(
        &bench.place,
        (&format!("goal 9, {each} rows"), bench.options.pairs(5)),
        &[
            Side::new("regatta", |_| append(bench, "journal", (commits, each))),
            Side::new("bare", |_| append(bench, "bare", (commits, each))),
            Side::with("sqlite", &bench.references.sqlite, |program, _| {
                let mut command = Command::new(program);
                command.args([".", "FULL", &commits.to_string(), &each.to_string()]);
                command
            }),
        ],
    )?;
    let rate = |side: &str| runs.told(side, "rows_per_s");
    let ours = rate("regatta")?;
    let row = || Row::of(9, format!("durable events a second, {each} a commit"));
    let bare = ("bare rows, same library", rate("bare"));
    let sqlite = ("bare rows in C", rate("sqlite"));
    Ok([row().ratio(Unit::PerSecond, ours.clone(), bare), row().ratio(Unit::PerSecond, ours, sqlite)])
}

fn append(bench: &Bench, what: &str, (commits, each): (u32, u32)) -> Command {
    bench.example("append", &[what.to_owned(), ".".to_owned(), commits.to_string(), each.to_string()])
}

/// Syncs of the thread that commits, for each commit. Checkpoints have a thread of their own.
fn synced(bench: &Bench) -> Outcome<Row> {
    let row = Row::of(9, format!("syncs of a commit, {GOAL} rows each")).at_most(SYNCS);
    let strace: &Program = &bench.references.strace;
    if let Err(why) = strace {
        return Ok(row.not_measured(why));
    }
    let most = |commits: u32| -> Outcome<f64> {
        let dir = bench.place.fresh("journal-syncs")?;
        let counts = syncs(strace, &append(bench, "journal", (commits, GOAL)), &dir)?;
        Ok(counts.first().copied().unwrap_or(0) as f64)
    };
    let each = (most(2 * COUNTED)? - most(COUNTED)?) / f64::from(COUNTED);
    Ok(row.absolute(Unit::Count, vec![each]))
}
