//! Schedules of whole sets, compared with those of a list scheduler under the same conditions.
//!
//! Distances are over the best known makespan where there is one, else over the bound, in percent, as the checker says.

use super::instance::{self, Instance};
use super::{Findings, Trials};
use crate::cargo::capture;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// Numbers of slots under which sets without resources are planned.
const SLOTS: [u32; 4] = [2, 4, 8, 16];
/// A set may be so much further from the best than the list scheduler, in points.
const SLACK: f64 = 0.3;
/// With `--optimise 1` a set with resources comes nearer by this part.
const GAIN: f64 = 1.0 / 3.0;
/// Durations are rounded to milliseconds: seconds by which a schedule may be off.
const ROUNDING_S: &str = "0.002";

/// Instances that are compared together.
struct Set {
    name: String,
    /// The instances as the checker reads them.
    file: PathBuf,
    instances: Vec<Instance>,
}

/// How far from the best schedules are, and how many break a rule.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Distance {
    percent: f64,
    infeasible: u64,
}

/// Plans and judges every set.
pub(super) fn judge(trials: &Trials) -> Result<Findings, String> {
    let mut findings = Findings::default();
    let mut schedules = 0;
    findings.lines.push(
        "| set | instances | slots | list scheduler | `plan` | goal | `--optimise 1` | goal |".to_owned(),
    );
    findings.lines.push("|---|---|---|---|---|---|---|---|".to_owned());
    for set in sets(trials)? {
        let bounded = set.instances.first().is_some_and(Instance::has_resources);
        let all: Vec<Option<u32>> = if bounded { vec![None] } else { SLOTS.map(Some).to_vec() };
        for slots in all {
            let baseline = baseline(trials, &set, slots)?;
            let found = planned(trials, &set, (slots, &[]))?;
            let better = planned(trials, &set, (slots, &["--optimise", "1"]))?;
            schedules += 2 * set.instances.len();
            findings.take(&set, slots, (baseline, found, better));
        }
    }
    findings.lines.push(String::new());
    findings.lines.push(format!(
        "{schedules} schedules were checked: {}.",
        if findings.wrong.is_empty() { "none breaks a rule" } else { "SOME BREAK A RULE" }
    ));
    Ok(findings)
}

impl Findings {
    fn take(&mut self, set: &Set, slots: Option<u32>, (baseline, found, better): (f64, Distance, Distance)) {
        let shown = slots.map_or("by resources".to_owned(), |n| n.to_string());
        for (what, distance) in [("plan", found), ("plan --optimise 1", better)] {
            if distance.infeasible > 0 {
                let wrong =
                    format!("{}, slots {shown}, {what}: {} infeasible", set.name, distance.infeasible);
                self.wrong.push(wrong);
            }
        }
        let limit = baseline + SLACK;
        let near = found.percent <= limit;
        let gain = if found.percent > 0.0 { 1.0 - better.percent / found.percent } else { 0.0 };
        let gained = slots.is_some() || gain >= GAIN;
        if !near {
            self.missed.push(format!("{}, slots {shown}: {:.2} > {limit:.2}", set.name, found.percent));
        }
        if !gained {
            self.missed.push(format!("{}: --optimise 1 gains {:.0} %", set.name, gain * 100.0));
        }
        let verdict = |good: bool| if good { "pass" } else { "MISS" };
        let goal = if slots.is_some() { String::new() } else { format!("a third less: {}", verdict(gained)) };
        self.lines.push(format!(
            "| {} | {} | {shown} | {baseline:.2} % | {:.2} % | {limit:.2} %: {} | {:.2} % ({:.0} % less) | {goal} |",
            set.name,
            set.instances.len(),
            found.percent,
            verdict(near),
            better.percent,
            gain * 100.0
        ));
    }
}

/// The workflows as one set, then each file of task graphs.
fn sets(trials: &Trials) -> Result<Vec<Set>, String> {
    let mut workflows = Vec::new();
    for path in trials.files("workflows", ".json.gz")? {
        workflows.extend(instance::load(&path)?);
    }
    let lines: String = workflows.iter().map(|i| format!("{}\n", i.value)).collect();
    let file = trials.file("workflows.jsonl", &lines)?;
    let mut sets = vec![Set { name: "workflows".to_owned(), file, instances: workflows }];
    for file in trials.files("scheduling", ".jsonl.gz")? {
        let name = file.file_name().unwrap_or_default().to_string_lossy().replace(".jsonl.gz", "");
        sets.push(Set { name, instances: instance::load(&file)?, file });
    }
    Ok(sets)
}

/// The mean distance of the list scheduler.
fn baseline(trials: &Trials, set: &Set, slots: Option<u32>) -> Result<f64, String> {
    let file = set.file.display().to_string();
    let slots = slots.map(|n| n.to_string());
    let mut args = vec!["baseline", &file, "--sgs", "parallel", "--rules", "cp"];
    args.extend(slots.iter().flat_map(|n| ["--slots", n]));
    let said = capture(&mut trials.checker(&args))?;
    of_baseline(&said).ok_or_else(|| format!("the checker said no distance: {said}"))
}

/// Columns: slots, sgs, rule, n, over the bound, over the best or `-`.
fn of_baseline(said: &str) -> Option<f64> {
    let row: Vec<&str> = said.lines().nth(1)?.split_whitespace().collect();
    row.get(5)?.parse().or_else(|_| row[4].parse()).ok()
}

/// Plans every instance and has the schedules checked.
fn planned(trials: &Trials, set: &Set, (slots, more): (Option<u32>, &[&str])) -> Result<Distance, String> {
    let mut lines = String::new();
    for instance in &set.instances {
        let plan = trials.file("plan.json", &instance.plan().to_string())?;
        let most = slots.map_or(instance.tasks(), |n| n as usize).max(1).to_string();
        let plan = plan.display().to_string();
        let args = [&["plan", plan.as_str(), "--json", "--max-parallel", &most], more].concat();
        let said = capture(&mut trials.regatta(&args))?;
        let found: Value = serde_json::from_str(&said).map_err(|e| format!("`plan --json`: {e}"))?;
        lines.push_str(&(schedule(instance, slots, &found["predicted"]["nodes"]).to_string() + "\n"));
    }
    let schedules = trials.file("schedules.jsonl", &lines)?;
    check(trials, (&set.file, &schedules), slots)
}

/// A schedule as the checker reads it: seconds, by the ids of the instance.
pub(super) fn schedule(instance: &Instance, slots: Option<u32>, nodes: &Value) -> Value {
    let all = |key: &str| -> Map<String, Value> {
        let seconds = |mapped: &String| nodes[mapped][key].as_u64().map(|ms| json!(ms as f64 / 1_000.0));
        instance.ids.iter().filter_map(|(id, mapped)| Some((id.clone(), seconds(mapped)?))).collect()
    };
    let mut line = json!({ "name": instance.name(), "starts": all("start_ms"), "ends": all("end_ms") });
    if let Some(slots) = slots {
        line["slots"] = json!(slots);
    }
    line
}

fn check(
    trials: &Trials,
    (instances, schedules): (&Path, &Path),
    slots: Option<u32>,
) -> Result<Distance, String> {
    let (instances, schedules) = (instances.display().to_string(), schedules.display().to_string());
    let slots = slots.map(|n| n.to_string());
    let mut args = vec!["check", &instances, &schedules, "--eps", ROUNDING_S];
    args.extend(slots.iter().flat_map(|n| ["--slots", n]));
    // It ends with 1 if a schedule is infeasible; what it says counts.
    let output = trials.checker(&args).output().map_err(|e| format!("python3: {e}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    of_check(&said).ok_or_else(|| {
        format!("the checker said no distance: {said}{}", String::from_utf8_lossy(&output.stderr))
    })
}

/// `schedules N, infeasible N, mean deviation from best known X%, from lower bound X%, …`
fn of_check(said: &str) -> Option<Distance> {
    let line = said.lines().find(|line| line.starts_with("schedules "))?;
    let after = |words: &str| {
        let rest = line.split_once(words)?.1.trim_start();
        let end = rest.find(['%', ','])?;
        rest[..end].parse::<f64>().ok().filter(|n| n.is_finite())
    };
    let percent = after("from best known").or_else(|| after("from lower bound")).unwrap_or(f64::INFINITY);
    Some(Distance { percent, infeasible: after("infeasible")? as u64 })
}

#[cfg(test)]
mod tests {
    use super::{Distance, of_baseline, of_check};

    #[test]
    fn what_the_checker_says_is_understood() {
        let head =
            "slots  sgs       rule      n dev.from.LB%    dev.best%   max.dev%  at.best% saved.vs.seq.med\n";
        let row =
            "-      parallel  cp       60        28.13         5.78       29.3      35.0            64.4%";
        assert_eq!(of_baseline(&format!("{head}{row}\n")), Some(5.78));
        assert_eq!(of_baseline(&format!("{head}{}\n", row.replace("5.78", "   -"))), Some(28.13));
        let text = "FAIL x\nschedules 3, infeasible 1, mean deviation from best known nan%, from lower bound 4.50%, at best known nan%\n";
        assert_eq!(of_check(text), Some(Distance { percent: 4.5, infeasible: 1 }));
        let both = text.replacen("nan", "0.25", 1);
        assert_eq!(of_check(&both), Some(Distance { percent: 0.25, infeasible: 1 }));
        assert_eq!(of_check("Traceback"), None);
    }
}
