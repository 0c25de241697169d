//! Feeds one target until its time is over: damages inputs, judges the answers, keeps inputs that led to something new.
//!
//! Who watches sees how far it is by a file; who dies leaves there what killed it.

use crate::mutate::mutate;
use crate::target::{Judge, Signature, Target};
use regatta_rng::Rng;
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Inputs that are kept because they led to something new, the newest of them.
const MAX_KEPT: usize = 4_000;

/// What a worker is told.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Decides every input.
    pub seed: u64,
    /// How long to go on.
    pub until: Until,
    /// The longest that an answer may take, in milliseconds of CPU time.
    pub most_ms: u64,
}

/// How long to go on.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// For some time.
    Time(Duration),
    /// For some inputs.
    Inputs(u64),
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// Inputs that were fed.
    pub inputs: u64,
    /// Kinds of answers that were seen.
    pub kinds: usize,
    /// The longest that an answer took, in milliseconds of CPU time.
    pub slowest_ms: u64,
    /// The longest that it may take.
    pub most_ms: u64,
}

/// Feeds a target. `last` is the file in which an input stands while it is judged.
///
/// # Errors
/// What is wrong with an answer; the input stands in `last`.
pub fn feed(target: &Target, order: Order, last: &Path) -> Result<Report, String> {
    let Order { seed, until, most_ms } = order;
    let mut judge = (target.judge)()?;
    let (mut pool, mut seen) = ((target.corpus)()?, BTreeSet::new());
    let mut report = Report { most_ms, ..Report::default() };
    for input in pool.clone() {
        seen.insert(answer(&mut judge, &input, (last, &mut report))?);
    }
    let mut rng = Rng::new(seed, 1);
    let began = Instant::now();
    let goes_on = |report: &Report| match until {
        Until::Time(time) => began.elapsed() < time,
        Until::Inputs(most) => report.inputs < most,
    };
    while goes_on(&report) {
        let (base, other) = (rng.index(pool.len()), rng.index(pool.len()));
        let input = mutate(&mut rng, &pool[base], &pool[other], target.words);
        if seen.insert(answer(&mut judge, &input, (last, &mut report))?) {
            if pool.len() >= MAX_KEPT {
                let oldest = rng.index(pool.len());
                pool.swap_remove(oldest);
            }
            pool.push(input);
        }
    }
    report.kinds = seen.len();
    Ok(report)
}

/// Judges one input.
///
/// # Errors
/// What is wrong with the answer.
pub fn judge_file(target: &Target, file: &Path, most_ms: u64) -> Result<(), String> {
    let input = std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
    let mut judge = (target.judge)()?;
    let mut report = Report { most_ms, ..Report::default() };
    answer(&mut judge, &input, (Path::new("/dev/null"), &mut report)).map(|_| ())
}

fn answer(
    judge: &mut Judge,
    input: &[u8],
    (last, report): (&Path, &mut Report),
) -> Result<Signature, String> {
    std::fs::write(last, input).map_err(|e| format!("{}: {e}", last.display()))?;
    let before = cpu_ms();
    let judged = catch_unwind(AssertUnwindSafe(|| judge(input)));
    let took = cpu_ms() - before;
    report.inputs += 1;
    report.slowest_ms = report.slowest_ms.max(took);
    let signature = judged.map_err(|_| "it panics".to_owned())??;
    if took > report.most_ms {
        return Err(format!("the answer to {} bytes took {took} ms of CPU time", input.len()));
    }
    Ok(signature)
}

/// CPU time of this thread.
fn cpu_ms() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(now.tv_sec * 1_000 + now.tv_nsec / 1_000_000).unwrap_or(0)
}

/// Where the input of a target stands while it is judged.
#[must_use]
pub fn last_input(dir: &Path, target: &Target) -> PathBuf {
    dir.join(target.name)
}
