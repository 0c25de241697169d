//! Real graphs of builds: one with a cycle is refused, naming a cycle that is there, always the same; the others are
//! planned.
//!
//! A file with `cycles` lists nodes that lie on cycles together.

use super::instance::{self, Instance};
use super::sets::schedule;
use super::{Findings, Trials};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Output;

/// Slots under which a graph is planned.
const SLOTS: u32 = 8;

/// Plans or refuses every graph.
pub(super) fn judge(trials: &Trials) -> Result<Findings, String> {
    let mut findings = Findings::default();
    findings.lines.push("| graph | tasks | `plan` |".to_owned());
    findings.lines.push("|---|---|---|".to_owned());
    for path in trials.files("graphs", ".json.gz")? {
        for instance in instance::load(&path)? {
            let cyclic = instance.value["cyclic"] == true;
            let judged = if cyclic { refused(trials, &instance) } else { planned(trials, &instance) };
            let said = judged.unwrap_or_else(|why| {
                findings.wrong.push(format!("{}: {why}", instance.name()));
                format!("WRONG: {why}")
            });
            findings.lines.push(format!("| {} | {} | {said} |", instance.name(), instance.tasks()));
        }
    }
    Ok(findings)
}

fn plan(trials: &Trials, plan: &Value) -> Result<Output, String> {
    let file = trials.file("graph.json", &plan.to_string())?;
    let (file, slots) = (file.display().to_string(), SLOTS.to_string());
    let args = ["plan", file.as_str(), "--json", "--max-parallel", &slots];
    trials.regatta(&args).output().map_err(|e| format!("regatta: {e}"))
}

/// A graph without a cycle has a schedule that breaks no rule.
fn planned(trials: &Trials, instance: &Instance) -> Result<String, String> {
    let output = plan(trials, &instance.plan())?;
    let found: Value = serde_json::from_slice(&output.stdout).map_err(|_| "it was not planned".to_owned())?;
    let instances = trials.file("graphs.jsonl", &format!("{}\n", instance.value))?;
    let line = schedule(instance, Some(SLOTS), &found["predicted"]["nodes"]);
    let schedules = trials.file("schedules.jsonl", &format!("{line}\n"))?;
    let args = [instances.display().to_string(), schedules.display().to_string()];
    let checked =
        trials.checker(&["check", &args[0], &args[1]]).output().map_err(|e| format!("python3: {e}"))?;
    if !checked.status.success() {
        return Err("its schedule breaks a rule".to_owned());
    }
    let waves = found["waves"].as_array().map_or(0, Vec::len);
    Ok(format!("planned: {waves} waves, a schedule without fault"))
}

/// A graph with a cycle is refused, and the path that is named is a cycle of it, whatever the order of the file.
fn refused(trials: &Trials, instance: &Instance) -> Result<String, String> {
    let mut document = instance.plan();
    let cycle = named(&plan(trials, &document)?)?;
    is_a_cycle(instance, &cycle)?;
    if let Some(tasks) = document["tasks"].as_array_mut() {
        tasks.reverse();
    }
    if named(&plan(trials, &document)?)? != cycle {
        return Err("another cycle is named when the file is turned round".to_owned());
    }
    Ok(format!("refused: `{}`", cycle.join(" -> ")))
}

/// The cycle that a refusal names.
fn named(output: &Output) -> Result<Vec<String>, String> {
    if output.status.code() != Some(3) {
        return Err(format!("not refused: {}", output.status));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().find(|line| line.starts_with("error[RG012]")).ok_or("no cycle is named")?;
    let path = line.split_once(": ").map_or("", |(_, path)| path);
    let path = path.rsplit_once(": ").map_or(path, |(_, path)| path);
    Ok(path.split(" -> ").map(|id| id.trim_matches('`').to_owned()).collect())
}

/// Each names the next as a task that needs it, the last is the first, and the data lists them together.
fn is_a_cycle(instance: &Instance, cycle: &[String]) -> Result<(), String> {
    let tasks = instance.plan();
    let tasks: Vec<&Value> = tasks["tasks"].as_array().into_iter().flatten().collect();
    let needs = |id: &str, other: &str| {
        let task = tasks.iter().find(|task| task["id"] == id);
        task.and_then(|t| t["needs"].as_array()).is_some_and(|all| all.iter().any(|n| n == other))
    };
    if cycle.len() < 2 || cycle.first() != cycle.last() {
        return Err(format!("this is no cycle: {}", cycle.join(" -> ")));
    }
    if let Some(pair) = cycle.windows(2).find(|pair| !needs(&pair[1], &pair[0])) {
        return Err(format!("`{}` does not need `{}`", pair[1], pair[0]));
    }
    let listed = instance.value["cycles"].as_array().into_iter().flatten();
    let together = |list: &Value| {
        let ids: BTreeSet<&String> =
            list.as_array().into_iter().flatten().filter_map(|id| instance.ids.get(id.as_str()?)).collect();
        cycle.iter().all(|id| ids.contains(id))
    };
    if listed.clone().any(together) { Ok(()) } else { Err("the data does not know this cycle".to_owned()) }
}
