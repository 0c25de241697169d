//! What must be true of a run that was killed and came to its end, compared with the undisturbed one.
//!
//! Knows no kill, only whether a keeper died: then work may be repeated as its effect contract allows.

use crate::Outcome;
use crate::place::Place;
use crate::plans::Plan;
use crate::processes;
use crate::repository;
use crate::scenario::{Played, statuses};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A keeper without an orchestrator has so long to leave by itself.
const LEAVES: Duration = Duration::from_secs(15);

/// What the undisturbed run left.
#[derive(Clone, Debug)]
pub struct Reference {
    code: i32,
    statuses: BTreeMap<String, String>,
    canonical: Vec<Value>,
    bytes: String,
    settled: BTreeSet<String>,
    effects: BTreeMap<String, u64>,
    out: String,
    git: String,
}

impl Reference {
    /// Of a story that was played without a kill.
    ///
    /// # Errors
    /// What it left cannot be read.
    pub fn of(played: &Played) -> Outcome<Reference> {
        let place = &played.place;
        let bytes = place.expect(&["events", "--canonical"], 0)?.out;
        let events = lines(&place.expect(&["events"], 0)?.out)?;
        Ok(Reference {
            code: played.code,
            statuses: statuses(place)?,
            canonical: lines(&bytes)?,
            bytes,
            settled: settled(&events),
            effects: effects(place),
            out: place.read("out"),
            git: repository::told(place)?,
        })
    }
}

/// How often each effect was had.
fn effects(place: &Place) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for line in place.read("done").lines() {
        *counts.entry(line.to_owned()).or_default() += 1;
    }
    counts
}

fn lines(text: &str) -> Outcome<Vec<Value>> {
    let parse = |line| serde_json::from_str(line).map_err(|e| format!("a line of events is no JSON: {e}"));
    text.lines().map(parse).collect()
}

/// Judges a story with a kill in it; answers how many effects were repeated.
///
/// # Errors
/// The first thing that is not as it must be.
pub fn judge(played: &Played, plan: &Plan, reference: &Reference) -> Outcome<u64> {
    let place = &played.place;
    nothing_lives(place)?;
    no_lease_is_left(place)?;
    if played.code != reference.code {
        return Err(format!("the run ended with {}, undisturbed with {}", played.code, reference.code));
    }
    let found = statuses(place)?;
    if let Some((task, status)) =
        found.iter().find(|(task, status)| reference.statuses.get(*task) != Some(status))
    {
        return Err(format!("task {task} is {status}, undisturbed {:?}", reference.statuses.get(task)));
    }
    if place.read("out") != reference.out {
        return Err(format!("the result is {:?}, undisturbed {:?}", place.read("out"), reference.out));
    }
    let git = repository::told(place)?;
    if git != reference.git {
        let other =
            |a: &str, b: &str| a.lines().filter(|line| !b.contains(line)).collect::<Vec<_>>().join("\n");
        return Err(format!(
            "git says\n{}\nundisturbed\n{}",
            other(&git, &reference.git),
            other(&reference.git, &git)
        ));
    }
    let events = lines(&place.expect(&["events"], 0)?.out)?;
    same_log(place, &events, reference)?;
    place.expect(&["replay"], 0).map_err(|e| format!("replay: {e}"))?;
    judge_effects(played, plan, (reference, &events))
}

fn no_lease_is_left(place: &Place) -> Outcome<()> {
    match place.expect(&["locks"], 0)?.out.as_str() {
        "no lease is held\n" => Ok(()),
        left => Err(format!("leases are left over: {left}")),
    }
}

fn nothing_lives(place: &Place) -> Outcome<()> {
    let run = place.run_id()?.ok_or("no run was recorded")?;
    let marked = processes::marked(&run);
    if !marked.is_empty() {
        return Err(format!("processes {marked:?} carry the marker of the run"));
    }
    match processes::keeper(place.root()) {
        Some(pid) if !processes::gone(pid, LEAVES) => Err(format!("keeper {pid} does not leave")),
        _ => Ok(()),
    }
}

/// Tasks that a person or a command has settled.
fn settled(events: &[Value]) -> BTreeSet<String> {
    let answered = events.iter().filter(|event| event["kind"] == "answered");
    answered.filter_map(|event| Some(event["node_id"].as_str()?.to_owned())).collect()
}

/// Byte-equal; but what a person or a command has settled was recorded otherwise, and only there.
fn same_log(place: &Place, events: &[Value], reference: &Reference) -> Outcome<()> {
    let bytes = place.expect(&["events", "--canonical"], 0)?.out;
    if bytes == reference.bytes {
        return Ok(());
    }
    let settled: BTreeSet<String> = settled(events).union(&reference.settled).cloned().collect();
    let others = |log: &[Value]| -> Vec<Value> {
        let of_others = |line: &&Value| !line["node_id"].as_str().is_some_and(|id| settled.contains(id));
        let strip = |line: &Value| {
            let mut line = line.clone();
            line.as_object_mut().map(|fields| fields.remove("seq"));
            line
        };
        log.iter().filter(of_others).map(strip).collect()
    };
    let (now, before) = (others(&lines(&bytes)?), others(&reference.canonical));
    match now.iter().zip(&before).find(|(now, before)| now != before) {
        Some((now, before)) => Err(format!("the canonical log says {now}, undisturbed {before}")),
        None if now.len() != before.len() => {
            Err(format!("the canonical log has {} lines, undisturbed {}", now.len(), before.len()))
        }
        None => Ok(()),
    }
}

fn judge_effects(played: &Played, plan: &Plan, (reference, events): (&Reference, &[Value])) -> Outcome<u64> {
    let found = effects(&played.place);
    for effect in reference.effects.keys().chain(found.keys()) {
        if !found.contains_key(effect) || !reference.effects.contains_key(effect) {
            return Err(format!(
                "effect {effect}: {:?} times, undisturbed {:?}",
                found.get(effect),
                reference.effects.get(effect)
            ));
        }
    }
    let recorded: BTreeSet<&str> = events
        .iter()
        .take_while(|event| event["kind"] != "dispatch_lost")
        .filter(|event| event["kind"] == "node_succeeded")
        .filter_map(|event| event["node_id"].as_str())
        .collect();
    for (effect, times) in found.iter().filter(|(_, times)| **times > 1) {
        let task = effect.rsplit_once('.').map_or("", |(task, _)| task);
        if !played.keeper_died {
            return Err(format!("effect {effect} was had {times} times although only the orchestrator died"));
        }
        if plan.once.iter().any(|once| once == task) {
            return Err(format!("effect {effect} was had {times} times and is at most once"));
        }
        if recorded.contains(task) {
            return Err(format!("effect {effect} was had {times} times although it was recorded before"));
        }
    }
    Ok(found.values().map(|times| times - 1).sum())
}
