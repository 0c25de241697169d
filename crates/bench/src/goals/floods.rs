//! Goal 21: how fast what a task floods its standard output with goes through redaction into its file.
//!
//! The reference is the same task that writes the flood into a file of its own, which nobody reads. What is between the two
//! is reading, redacting and writing it once more.

use crate::bench::Bench;
use crate::meter::Used;
use crate::row::{Row, Unit};
use crate::turns::{Side, alternate};
use regatta_crash::Outcome;
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;

/// The most that a task may write by default is 64 MiB.
const FLOOD_MIB: f64 = 48.0;
/// A secret on one line of so many.
const SECRET_EVERY: usize = 1_000;
/// The run takes at most so long beside the one that redacts nothing.
const MOST: f64 = 10.0;

/// The speed, and the whole run beside the other one.
pub(super) fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let bytes = (FLOOD_MIB * bench.options.scale).max(1.0) * 1_048_576.0;
    let flood = bench.place.file("flood.txt", &flood(bytes as usize))?;
    let sides = [side(bench, "redacted", &flood, "")?, side(bench, "not redacted", &flood, " >flood")?];
    let runs = alternate(&bench.place, ("goal 21", bench.options.pairs(5)), &sides)?;
    let plain = runs.of("not redacted", Used::wall_ms)?;
    let mib = bytes / 1_048_576.0;
    let of = |(ours, plain): (f64, f64)| mib / ((ours - plain).max(0.1) / 1e3);
    let speed: Vec<f64> = runs.ours(Used::wall_ms).into_iter().zip(plain).map(of).collect();
    let what = format!("a flood of {mib:.0} MiB through redaction");
    let plain = ("not redacted", runs.of("not redacted", Used::wall_ms));
    Ok(vec![
        Row::of(21, format!("{what}: wall of the run"))
            .ratio(Unit::Ms, runs.ours(Used::wall_ms), plain)
            .at_most(MOST),
        Row::of(21, format!("{what}: MiB")).absolute(Unit::PerSecond, speed),
        Row::of(21, format!("{what}: memory")).absolute(Unit::Mib, runs.ours(Used::peak_mib)),
    ])
}

fn side<'a>(bench: &'a Bench, name: &'static str, flood: &Path, to: &str) -> Outcome<Side<'a>> {
    let script = format!("cat '{}'{to}", flood.display());
    let plan = json!({ "version": 1, "tasks": [{ "id": "flood", "run": script }] });
    let plan = bench.place.file(&format!("{name}.json"), &plan.to_string())?.display().to_string();
    Ok(Side::new(name, move |dir| bench.regatta(dir, &["run", &plan, "--json"])))
}

/// Lines as a program logs them; a token stands on a few.
fn flood(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 256);
    for n in 0.. {
        if text.len() >= bytes {
            break;
        }
        // Writing into text cannot fail.
        let _ =
            write!(text, "2026-01-02T03:04:05Z INFO request {n} of user {} served in {} ms", n % 977, n % 89);
        if n % SECRET_EVERY == 0 {
            let _ = write!(text, ", password=hunter{n}-correct-horse");
        }
        text.push('\n');
    }
    text
}
