//! Goals 10 to 12: worktrees, beside `git worktree add` in the same repository and the same run; and the landing of many
//! branches, beside as many plain merges.

use crate::bench::Bench;
use crate::row::{Row, Unit};
use crate::turns::{Side, alternate};
use regatta_crash::Outcome;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Branches that land.
const BRANCHES: u32 = 50;
const DAY_MS: u32 = 86_400_000;

/// One worktree, several at once, a used one; then the landing.
pub(super) fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let mut rows = made(bench)?;
    rows.push(landed(bench)?);
    Ok(rows)
}

fn made(bench: &Bench) -> Outcome<Vec<Row>> {
    let files = bench.options.scaled(10_000, 200);
    let side = Side::new("yard", |_| bench.example("yard", &[files.to_string()]));
    let runs = alternate(&bench.place, ("goals 10 to 12", bench.options.pairs(5)), &[side])?;
    let told = |key: &str| runs.told("yard", key);
    let row = |goal, what: String, ours, (name, theirs)| -> Outcome<Row> {
        Ok(Row::of(goal, what).ratio(Unit::Ms, told(ours)?, (name, told(theirs))))
    };
    let add = "git worktree add";
    Ok(vec![
        row(10, format!("one worktree of {files} files, wall"), "make_ms", (add, "add_ms"))?.at_most(1.1),
        row(
            10,
            "first `git status` in it, wall".to_owned(),
            "make_status_ms",
            ("after a plain add", "add_status_ms"),
        )?
        .at_most(0.35),
        row(
            11,
            "4 worktrees at once, wall".to_owned(),
            "at_once_ms",
            ("one after the other / cores", "share_ms"),
        )?
        .floor(Ok(told("floor_ms")?))
        .at_most(1.2),
        row(12, "a recycled worktree, wall".to_owned(), "recycle_ms", (add, "again_ms"))?.at_most(0.2),
    ])
}

/// From the last end of a task to the end of the run, by the clock of its events.
fn landed(bench: &Bench) -> Outcome<Row> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for pair in 1..=bench.options.pairs(3) {
        eprintln!("landing: pair {pair}");
        let dir = bench.place.fresh("landing")?;
        prepare(&dir)?;
        bench.said(&dir, &["run", "plan.yaml"])?;
        let events = bench.said(&dir, &["events"])?;
        let (from, to) = (last(&events, "node_collected")?, last(&events, "run_ended")?);
        // Midnight may lie between them.
        ours.push(f64::from((to + DAY_MS - from) % DAY_MS));
        theirs.push(merged(&dir)?);
    }
    let plain = ("git merge --no-ff", Ok(theirs));
    Ok(Row::of(12, format!("landing of {BRANCHES} branches without gates, wall")).ratio(
        Unit::Ms,
        ours,
        plain,
    ))
}

fn prepare(dir: &Path) -> Outcome<()> {
    let mut plan = "version: 1\nisolation: worktree\nmerge: { policy: all-success }\ntasks:\n".to_owned();
    for n in 0..BRANCHES {
        writeln!(plan, "  - {{ id: t{n}, run: 'echo {n} >new-{n}.txt; echo more >>d{n}.txt' }}")
            .map_err(|e| e.to_string())?;
        std::fs::write(dir.join(format!("d{n}.txt")), "one\n").map_err(|e| e.to_string())?;
    }
    std::fs::write(dir.join("plan.yaml"), plan).map_err(|e| e.to_string())?;
    let calls: [&[&str]; 5] = [
        &["init", "-q", "-b", "main"],
        &["config", "user.name", "bench"],
        &["config", "user.email", "bench@localhost"],
        &["add", "-A"],
        &["commit", "-q", "-m", "first"],
    ];
    calls.iter().try_for_each(|args| git(dir, args).map(drop))
}

/// When the last event of a kind was, in milliseconds of its day.
fn last(events: &str, kind: &str) -> Outcome<u32> {
    let of = |line: &str| {
        let event: Value = serde_json::from_str(line).ok()?;
        (event["kind"] == kind).then(|| ms_of_day(event["at"].as_str()?))?
    };
    events.lines().rev().find_map(of).ok_or_else(|| format!("there is no event {kind}"))
}

/// Of `2026-01-31T12:34:56.789Z`.
fn ms_of_day(at: &str) -> Option<u32> {
    let (_, time) = at.strip_suffix('Z')?.split_once('T')?;
    let (clock, ms) = time.split_once('.')?;
    let seconds =
        clock.split(':').try_fold(0, |sum: u32, part| Some(sum * 60 + part.parse::<u32>().ok()?))?;
    Some(seconds * 1_000 + ms.parse::<u32>().ok()?)
}

/// The same branches by plain merges in a worktree, in milliseconds.
fn merged(dir: &Path) -> Outcome<f64> {
    let kept = git(dir, &["for-each-ref", "--sort=refname", "--format=%(refname)", "refs/regatta"])?;
    let base = git(dir, &["for-each-ref", "--format=%(refname)", "refs/regatta-base"])?;
    let base = base.lines().next().ok_or("the run has no base")?;
    git(dir, &["worktree", "add", "--quiet", "--detach", "../plain", base])?;
    let plain = dir.with_file_name("plain");
    let began = Instant::now();
    for branch in kept.lines() {
        git(&plain, &["merge", "--quiet", "--no-ff", "-m", "merge", branch])?;
    }
    let took_ms = began.elapsed().as_secs_f64() * 1e3;
    std::fs::rename(&plain, dir.join("plain")).map_err(|e| e.to_string())?;
    Ok(took_ms)
}

fn git(dir: &Path, args: &[&str]) -> Outcome<String> {
    let mut command = Command::new("git");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").current_dir(dir).args(args);
    let output = command.output().map_err(|e| format!("git cannot be started: {e}"))?;
    if !output.status.success() {
        return Err(format!("git {args:?}: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_an_event_is_read() {
        assert_eq!(ms_of_day("2026-01-31T12:34:56.789Z"), Some(45_296_789));
        assert_eq!(ms_of_day("yesterday"), None);
        let events = "{\"kind\":\"a\",\"at\":\"2026-01-31T00:00:01.000Z\"}\n{\"kind\":\"b\"}\n";
        assert_eq!((last(events, "a"), last(events, "b").is_err()), (Ok(1_000), true));
    }
}
