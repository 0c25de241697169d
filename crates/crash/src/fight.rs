//! Orchestrators of one workspace that fight for the same leases, some of which are killed again and again meanwhile.
//!
//! Chance is seeded; instants are not. Knows the plan language and the verbs.

use crate::Outcome;
use crate::place::{Env, Place, Started};
use crate::processes::{gone, keeper, kill, marked};
use crate::scenario::Victim;
use regatta_rng::Rng;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Every so many an orchestrator is a victim.
const VICTIM_EVERY: u64 = 4;
/// A victim lives so long at least and at most before it is killed.
const LIVES_MS: (u64, u64) = (50, 300);
/// A killed one is resumed after so long at most: others may find it dead until then.
const DEAD_MS: u64 = 100;
/// Between two looks at what comes.
const LOOK: Duration = Duration::from_millis(10);
/// A keeper without an orchestrator has so long to leave by itself.
const LEAVES: Duration = Duration::from_secs(15);

/// How large the fight is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Orchestrators; the last of every four is a victim.
    pub orchestrators: u64,
    /// Tasks of each, all of which want the same two leases.
    pub tasks: u64,
    /// Kills of each victim: orchestrator, keeper, both, and so on.
    pub kills_each: u64,
    /// For chance.
    pub seed: u64,
}

/// What the fight came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fight {
    /// How often a task held the leases, one after the other; more often than there are tasks where a keeper died.
    pub held: u64,
    /// How often a task had to wait for another run.
    pub waited: u64,
    /// Kills of orchestrator, keeper or both while the run waited or held.
    pub kills: u64,
    /// Attempts that died with their keeper.
    pub lost: u64,
    /// Wall clock.
    pub time: Duration,
}

/// Lets them fight.
///
/// # Errors
/// Two tasks were inside at once, a run does not come to its end, or something is left over: a lease or a process.
pub fn leases(binary: &Path, size: Size) -> Outcome<Fight> {
    let place = Place::with(binary, "")?;
    let began = Instant::now();
    let done: Vec<Outcome<u64>> = std::thread::scope(|scope| {
        let place = &place;
        let threads: Vec<_> =
            (0..size.orchestrators).map(|n| scope.spawn(move || fighter(place, n, size))).collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.map(|done| done.unwrap_or_else(|_| Err("a thread broke off".to_owned()))).collect()
    });
    let time = began.elapsed();
    let kills = done.into_iter().sum::<Outcome<u64>>()?;
    let log = place.read("log");
    if log.contains("overlap") {
        return Err("two tasks were inside at once".to_owned());
    }
    let (mut waited, mut lost) = (0, 0);
    for (id, _) in runs(&place)? {
        let events = place.expect(&["events", &id], 0)?.out;
        waited += events.matches("\"kind\":\"lease_awaited\"").count() as u64;
        lost += events.matches("\"kind\":\"dispatch_lost\"").count() as u64;
        place.expect(&["replay", &id], 0)?;
        nothing_left(&place, &id)?;
    }
    let left = place.expect(&["locks"], 0)?.out;
    if left != "no lease is held\n" {
        return Err(format!("leases are left over: {left}"));
    }
    let held = log.lines().filter(|line| *line == "in").count() as u64;
    Ok(Fight { held, waited, kills, lost, time })
}

/// The runs of a workspace and the names of their plans.
fn runs(place: &Place) -> Outcome<Vec<(String, String)>> {
    let said = place.expect(&["ls", "--json", "--limit", "1000"], 0)?.out;
    let rows: Value = serde_json::from_str(&said).map_err(|e| format!("`ls --json` is no JSON: {e}"))?;
    let text = |row: &Value, field: &str| row[field].as_str().unwrap_or_default().to_owned();
    let rows = rows.as_array().into_iter().flatten();
    Ok(rows.map(|row| (text(row, "run_id"), text(row, "plan_name"))).collect())
}

fn run_dir(place: &Place, id: &str) -> PathBuf {
    place.path(".regatta/runs").join(id)
}

fn nothing_left(place: &Place, id: &str) -> Outcome<()> {
    let marked = marked(id);
    if !marked.is_empty() {
        return Err(format!("processes {marked:?} carry the marker of run {id}"));
    }
    match keeper(&run_dir(place, id)) {
        Some(pid) if !gone(pid, LEAVES) => Err(format!("keeper {pid} of run {id} does not leave")),
        _ => Ok(()),
    }
}

/// Runs its plan to the end; answers how often it was killed on the way.
fn fighter(place: &Place, n: u64, size: Size) -> Outcome<u64> {
    let is_victim = n % VICTIM_EVERY == VICTIM_EVERY - 1;
    let (name, file) = (format!("fighter-{n}"), format!("{n}.yaml"));
    // Two who are inside at once: the lock of the file tells, and dies with its holder.
    let body = "exec 9>inside; flock -n 9 || echo overlap >>log; echo in >>log";
    let task = |n| json!({ "id": format!("t{n}"), "locks": ["one", "two"], "run": body });
    let mut tasks: Vec<Value> = (0..size.tasks).map(task).collect();
    if is_victim {
        // It cannot come to its end before it was killed often enough.
        tasks.push(json!({ "id": "gate", "run": format!("until test -e open.{n}; do sleep 0.02; done") }));
    }
    let plan =
        json!({ "version": 1, "name": name, "effect": "idempotent", "max_lost": 1_000, "tasks": tasks });
    place.write(&file, &plan.to_string())?;
    let run = place.start(&["run", &file, "--json"], &Env::new())?;
    let (run, kills) = if is_victim { haunted(place, run, (n, &name), size)? } else { (run, 0) };
    let said = run.wait()?;
    match said.code {
        Some(0) => Ok(kills),
        code => Err(format!("{name} ended with {code:?}\n{}{}", said.out, said.err)),
    }
}

/// Kills a run and resumes it; answers the last to take it up.
fn haunted(place: &Place, first: Started, (n, name): (u64, &str), size: Size) -> Outcome<(Started, u64)> {
    let mut rng = Rng::new(size.seed, n);
    let id = loop {
        if let Some((id, _)) = runs(place)?.into_iter().find(|(_, plan)| plan == name) {
            break id;
        }
        if first.ends(LOOK) {
            return Err(format!("{name} ended before it was recorded\n{}", first.wait()?.err));
        }
    };
    let (mut run, mut kills) = (first, 0);
    for victim in Victim::ALL.iter().cycle().take(size.kills_each as usize) {
        let pause = Duration::from_millis(rng.between(LIVES_MS.0, LIVES_MS.1));
        if run.ends(pause) {
            return Err(format!("{name} ended before its gate was open\n{}", run.wait()?.err));
        }
        kills += 1;
        let keeper = keeper(&run_dir(place, &id)).filter(|_| *victim != Victim::Orchestrator);
        if *victim != Victim::Keeper {
            kill(run.pid());
        }
        keeper.into_iter().for_each(kill);
        if *victim != Victim::Keeper {
            run.wait()?;
            std::thread::sleep(Duration::from_millis(rng.between(0, DEAD_MS)));
            run = place.start(&["resume", &id, "--json"], &Env::new())?;
        } else if keeper.is_none() {
            // Between two keepers there was nobody to be killed.
            kills -= 1;
        }
    }
    place.write(&format!("open.{n}"), "")?;
    Ok((run, kills))
}
