//! Load: many tasks with transient faults and kills, much output at a time, many pauses.
//!
//! Each answers figures; what they must be is said by whoever asks.

use crate::Outcome;
use crate::chaos::Killer;
use crate::place::{Env, Place};
use crate::scenario::statuses;
use regatta_rng::Rng;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// Kills of orchestrator and keeper during a load. More than twenty keepers of one orchestrator end a run.
const MOST_KILLS: u64 = 30;

/// How many tasks came through although everything around them failed for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Completed {
    /// Tasks of the plan.
    pub tasks: u64,
    /// Those that succeeded.
    pub succeeded: u64,
    /// Attempts that failed and were repeated by the plan's retry.
    pub retries: u64,
    /// Attempts that died with their keeper.
    pub lost: u64,
    /// Kills of orchestrator, keeper or both.
    pub kills: u64,
    /// Wall clock.
    pub time: Duration,
}

impl Completed {
    /// The share that succeeded, and the lower bound of its 95 % confidence interval (Wilson).
    #[must_use]
    pub fn share(&self) -> (f64, f64) {
        let (n, z) = (self.tasks as f64, 1.96_f64);
        let p = self.succeeded as f64 / n;
        let middle = p + z * z / (2.0 * n);
        let spread = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        (p, (middle - spread) / (1.0 + z * z / n))
    }
}

/// Runs so many tasks in random layers; one in ten fails once, one in a hundred twice; processes die now and then.
///
/// # Errors
/// The run does not come to its end, or cannot be replayed.
pub fn transient(binary: &Path, (tasks, seed): (u64, u64), pauses_ms: (u64, u64)) -> Outcome<Completed> {
    let mut rng = Rng::new(seed, 7);
    let nodes = (0..tasks).map(|n| {
        let some = rng.between(0, 2).min(n) as usize;
        let needs: Vec<String> =
            (0..some).map(|_| format!("t{}", rng.between(n.saturating_sub(200), n - 1))).collect();
        let fails = match rng.between(0, 99) {
            0 => 2,
            1..=10 => 1,
            _ => 0,
        };
        // One in four takes long enough to be hit.
        let nap = if n % 4 == 0 { "sleep 0.05; " } else { "" };
        let run = format!("{nap}test $REGATTA_ATTEMPT -gt {fails}");
        json!({ "id": format!("t{n}"), "needs": needs, "run": run })
    });
    let nodes: Vec<Value> = nodes.collect();
    let plan = json!({
        "version": 1, "effect": "idempotent", "max_lost": 1_000, "limits": { "max_parallel": 16 },
        "retry": { "max_attempts": 3, "backoff": "1ms" }, "tasks": nodes
    });
    let place = Place::with(binary, &plan.to_string())?;
    let began = Instant::now();
    let killer = Killer { victim: None, pauses_ms };
    let (_, kills) = killer.carry_through(&place, MOST_KILLS, &mut rng)?;
    let time = began.elapsed();
    place.expect(&["replay"], 0)?;
    let facts = facts(&place)?;
    let number = |name: &str| facts[name].as_u64().unwrap_or_default();
    let succeeded = statuses(&place)?.values().filter(|status| *status == "succeeded").count() as u64;
    Ok(Completed { tasks, succeeded, retries: number("retries"), lost: number("lost"), kills, time })
}

fn facts(place: &Place) -> Outcome<Value> {
    let said = place.expect(&["status", "--json"], 0)?;
    serde_json::from_str(&said.out).map_err(|e| format!("`status --json` is no JSON: {e}"))
}

/// What an output flood cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flood {
    /// Bytes written by all tasks.
    pub bytes: u64,
    /// The most memory that the orchestrator ever had, in bytes.
    pub orchestrator_bytes: u64,
    /// The same of the keeper.
    pub keeper_bytes: u64,
    /// Wall clock.
    pub time: Duration,
}

/// So many tasks at a time, each of which writes so many bytes.
///
/// # Errors
/// The run does not succeed, or output is missing.
pub fn flood(binary: &Path, tasks: u64, bytes_each: u64) -> Outcome<Flood> {
    let noise = format!("yes 'a line of noise that means nothing to anybody' | head -c {bytes_each}");
    let mut nodes: Vec<Value> = (0..tasks).map(|n| json!({ "id": format!("n{n}"), "run": noise })).collect();
    let needs: Vec<String> = (0..tasks).map(|n| format!("n{n}")).collect();
    // The parent of a task is the keeper; the lock names the orchestrator.
    let look = "lock=$(cat .regatta/runs/*/lock); lock=${lock#*:}; for pid in ${lock%%,*} $PPID; do \
                grep VmHWM /proc/$pid/status >>peaks; done";
    nodes.push(json!({ "id": "look", "needs": needs, "run": look }));
    let plan = json!({ "version": 1, "limits": { "max_parallel": tasks }, "tasks": nodes });
    let place = Place::with(binary, &plan.to_string())?;
    let began = Instant::now();
    place.expect(&["run", "plan.yaml"], 0)?;
    let time = began.elapsed();
    let text = place.read("peaks");
    let kib = |line: &str| line.split_whitespace().nth(1)?.parse::<u64>().ok();
    let peaks: Vec<u64> = text.lines().filter_map(kib).map(|kib| kib << 10).collect();
    let [orchestrator_bytes, keeper_bytes] = peaks[..] else { return Err(format!("no peaks: {text:?}")) };
    let written = place.expect(&["logs", "n0"], 0)?.out.len() as u64;
    if written != bytes_each {
        return Err(format!("`logs` shows {written} bytes of {bytes_each}"));
    }
    Ok(Flood { bytes: tasks * bytes_each, orchestrator_bytes, keeper_bytes, time })
}

/// Pauses and resumes a live run so many times, every second time with everything standing still; answers how long
/// it took.
///
/// # Errors
/// A request is refused, an effect is lost or repeated, or the journal does not have each pause once.
pub fn pauses(binary: &Path, cycles: u64) -> Outcome<Duration> {
    let mut tasks = vec![json!({ "id": "gate", "run": "echo up >up; read word <gate; echo gate.1 >>done" })];
    tasks.extend(
        (0..20).map(|n| json!({ "id": format!("t{n}"), "run": format!("sleep 0.01; echo t{n}.1 >>done") })),
    );
    let plan =
        json!({ "version": 1, "effect": "at-most-once", "limits": { "max_parallel": 2 }, "tasks": tasks });
    let place = Place::with(binary, &plan.to_string())?;
    place.fifo("up")?;
    place.fifo("gate")?;
    let run = place.start(&["run", "plan.yaml"], &Env::new())?;
    place.hear("up")?;
    let began = Instant::now();
    for n in 0..cycles {
        let pause: &[&str] = if n % 2 == 0 { &["pause"] } else { &["pause", "--now"] };
        place.expect(pause, 0)?;
        place.expect(&["resume"], 0)?;
    }
    let time = began.elapsed();
    std::fs::write(place.path("gate"), "go\n").map_err(|e| format!("the gate does not open: {e}"))?;
    let code = run.wait()?.code;
    if code != Some(0) {
        return Err(format!("the run ended with {code:?}"));
    }
    place.expect(&["replay"], 0)?;
    let events = place.expect(&["events"], 0)?.out;
    let count = |kind: &str| events.matches(&format!("\"kind\":\"{kind}\"")).count() as u64;
    if (count("run_paused"), count("run_resumed")) != (cycles, cycles) {
        return Err(format!("{} pauses, {} resumes", count("run_paused"), count("run_resumed")));
    }
    match place.read("done").lines().count() {
        21 => Ok(time),
        n => Err(format!("{n} effects of 21")),
    }
}

/// How long it takes to get rid of a run: until the request is answered, and until nothing of it lives.
///
/// # Errors
/// The request is refused, or something of the run lives on.
pub fn abort(binary: &Path, tasks: u64) -> Outcome<(Duration, Duration)> {
    // Nobody listens to TERM, and each has a child that left its group.
    let stubborn = "trap '' TERM; setsid sleep 300 & echo up >>ups; while :; do sleep 1; done";
    let mut nodes: Vec<Value> =
        (0..tasks).map(|n| json!({ "id": format!("s{n}"), "run": stubborn })).collect();
    nodes.push(json!({
        "id": "gate",
        "run": format!("while [ $(wc -l <ups) -lt {tasks} ]; do sleep 0.05; done; echo all >up; sleep 300"),
    }));
    let plan = json!({
        "version": 1, "timeout": { "grace": "5s" }, "limits": { "max_parallel": tasks + 1 }, "tasks": nodes
    });
    let place = Place::with(binary, &plan.to_string())?;
    place.fifo("up")?;
    let run = place.start(&["run", "plan.yaml"], &Env::new())?;
    place.hear("up")?;
    let began = Instant::now();
    place.expect(&["cancel"], 0)?;
    let answered = began.elapsed();
    let code = run.wait()?.code;
    if code != Some(1) {
        return Err(format!("the cancelled run ended with {code:?}"));
    }
    let ended = began.elapsed();
    place.expect(&["replay"], 0)?;
    for id in ids(&place)? {
        let left = crate::processes::marked(&id);
        if !left.is_empty() {
            return Err(format!("processes carry the marker of the cancelled run: {left:?}"));
        }
    }
    Ok((answered, ended))
}

fn ids(place: &Place) -> Outcome<Vec<String>> {
    let said = place.expect(&["ls", "--json", "--limit", "1000"], 0)?.out;
    let rows: Value = serde_json::from_str(&said).map_err(|e| format!("`ls --json` is no JSON: {e}"))?;
    let rows = rows.as_array().cloned().unwrap_or_default();
    Ok(rows.iter().filter_map(|row| row["run_id"].as_str().map(str::to_owned)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_of_a_share_is_that_of_wilson() {
        let all = Completed {
            tasks: 10_000,
            succeeded: 10_000,
            retries: 0,
            lost: 0,
            kills: 0,
            time: Duration::ZERO,
        };
        let (share, bound) = all.share();
        assert!(share == 1.0 && (bound - 0.999_616).abs() < 1e-6, "{bound}");
        let some = Completed { tasks: 100, succeeded: 90, ..all };
        assert!((some.share().1 - 0.825_6).abs() < 1e-4, "{}", some.share().1);
    }
}
