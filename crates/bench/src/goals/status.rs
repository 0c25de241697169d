//! Goal 16: how quick `regatta status` is during a run, and what it costs the run to be asked ten times a second.
//!
//! Three runs take turns: one that nobody asks about, one with `status`, one with `ninja --version` at the same rhythm.
//! So both programs start on a machine that is equally busy, and the run is compared with one that nobody disturbs.

use crate::bench::{Bench, SLOTS};
use crate::forms::Action;
use crate::graphs::Graph;
use crate::meter;
use crate::row::{Row, Theirs, Unit};
use crate::stats::{median, quantile};
use crate::work::Work;
use regatta_crash::Outcome;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Time between two questions.
const RHYTHM: Duration = Duration::from_millis(100);
/// The share of answers that is quicker than the one reported.
const SHARE: f64 = 0.95;

/// One run: how long it took, and each answer, in milliseconds.
struct Polled {
    wall_ms: f64,
    answers_ms: Vec<f64>,
}

/// The time of an answer, and that of the run.
pub(super) fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let tasks = bench.options.scaled(10_000, 400);
    let work = Work::new(bench, "status", (&Graph::independent(tasks), SLOTS), Action::Script("true"))?;
    let (mut alone, mut asked, mut answers, mut ninja) = (vec![], vec![], vec![], Ok(vec![]));
    let pairs = bench.options.pairs(5);
    for pair in 1..=pairs {
        eprintln!("goal 16: pair {pair} of {pairs}");
        alone.push(polled(bench, &work, |_| None)?.wall_ms);
        let status = polled(bench, &work, |dir| Some(bench.regatta(dir, &["status"])))?;
        asked.push(status.wall_ms);
        answers.push(quantile(&status.answers_ms, SHARE).ok_or("no `status` was answered during the run")?);
        ninja = and_ninja(bench, &work, ninja);
    }
    let what = format!("a run of {tasks} tasks, {SLOTS} slots");
    Ok(vec![
        Row::of(16, format!("`status` during {what}, p95, wall"))
            .ratio(Unit::Ms, answers, ("ninja --version", ninja))
            .at_most(20.0),
        Row::of(16, format!("{what}, asked 10 times a second: wall"))
            .ratio(Unit::Ms, asked, ("the run alone", Ok(alone)))
            .at_most(1.02),
    ])
}

fn and_ninja(bench: &Bench, work: &Work, values: Theirs) -> Theirs {
    let mut values = values?;
    let ninja = bench.references.ninja.clone()?;
    let version = polled(bench, work, |_| {
        let mut command = Command::new(&ninja);
        command.arg("--version");
        Some(command)
    })?;
    values.push(median(&version.answers_ms).ok_or("`ninja --version` was never answered")?);
    Ok(values)
}

/// Runs the plan, and asks at every beat until it has ended.
fn polled(
    bench: &Bench,
    work: &Work,
    question: impl Fn(&std::path::Path) -> Option<Command>,
) -> Outcome<Polled> {
    let dir = bench.place.fresh("status")?;
    let run = work.ours(bench, &dir);
    let mut answers_ms = Vec::new();
    let used = std::thread::scope(|scope| {
        let measured = scope.spawn(|| meter::measure(&run, &dir));
        let began = Instant::now();
        let mut beat = RHYTHM;
        while !measured.is_finished() {
            std::thread::sleep(beat.saturating_sub(began.elapsed()));
            answers_ms.extend(question(&dir).and_then(answer));
            while beat <= began.elapsed() {
                beat += RHYTHM;
            }
        }
        measured.join().unwrap_or_else(|_| Err("the thread that measures died".to_owned()))
    })?;
    Ok(Polled { wall_ms: used.wall_ms(), answers_ms })
}

/// How long an answer took; none if there was none, as before the run is recorded.
fn answer(mut command: Command) -> Option<f64> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    let status = command.status().ok()?;
    status.success().then(|| began.elapsed().as_secs_f64() * 1e3)
}
