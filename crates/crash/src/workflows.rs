//! Real workflows, measured by others, as plans: durations scaled to milliseconds, an effect in each task.
//!
//! Reads the neutral format: `{"name", "nodes": [{"id", "duration_s", "deps"}]}`, packed with gzip. Knows no run.

use crate::Outcome;
use crate::before::Before;
use crate::plans::{EFFECT, Plan};
use regatta_rng::Rng;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Read as _;
use std::path::Path;

/// The longest task of a workflow takes so long.
const LONGEST_MS: f64 = 40.0;
/// One task in so many has its effect at most once.
const ONCE_IN: usize = 7;

/// Tasks by id: the duration in seconds, and what it needs.
pub type Nodes = BTreeMap<String, (f64, Vec<String>)>;

/// A workflow as it was measured.
#[derive(Clone, Debug)]
pub struct Workflow {
    /// What it is called.
    pub name: String,
    /// Its tasks.
    pub nodes: Nodes,
}

/// The workflows in `dir/workflows`, in order of name; of a larger one a connected part of `most` tasks.
///
/// # Errors
/// The directory or a file cannot be read.
pub fn load(dir: &Path, most: usize, rng: &mut Rng) -> Outcome<Vec<Plan>> {
    let part = |it: &Workflow, rng: &mut Rng| plan(&it.name, &connected(&it.nodes, most, rng));
    Ok(read(dir)?.iter().map(|workflow| part(workflow, rng)).collect())
}

/// The workflows in `dir/workflows` as they are, in order of file name.
///
/// # Errors
/// The directory or a file cannot be read.
pub fn read(dir: &Path) -> Outcome<Vec<Workflow>> {
    let dir = dir.join("workflows");
    let entries = std::fs::read_dir(&dir).map_err(|e| format!("`{}`: {e}", dir.display()))?;
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(".json.gz"));
    paths.sort();
    paths.iter().map(|path| workflow(path)).collect()
}

fn workflow(path: &Path) -> Outcome<Workflow> {
    let fail = |e: String| format!("`{}`: {e}", path.display());
    let file = std::fs::File::open(path).map_err(|e| fail(e.to_string()))?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).map_err(|e| fail(e.to_string()))?;
    let value: Value = serde_json::from_str(&text).map_err(|e| fail(e.to_string()))?;
    let name = value["name"].as_str().unwrap_or("workflow").to_owned();
    Ok(Workflow { name, nodes: nodes(&value) })
}

fn nodes(value: &Value) -> Nodes {
    let node = |node: &Value| {
        let deps = node["deps"].as_array().into_iter().flatten();
        let deps = deps.filter_map(|dep| Some(dep.as_str()?.to_owned())).collect();
        Some((node["id"].as_str()?.to_owned(), (node["duration_s"].as_f64().unwrap_or(0.0), deps)))
    };
    value["nodes"].as_array().into_iter().flatten().filter_map(node).collect()
}

/// At most so many tasks that hang together, from one that chance chooses.
fn connected(nodes: &Nodes, most: usize, rng: &mut Rng) -> Nodes {
    let mut beside: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, (_, deps)) in nodes {
        for dep in deps {
            beside.entry(id).or_default().push(dep);
            beside.entry(dep).or_default().push(id);
        }
    }
    let first = rng.some(nodes.keys().collect(), 1);
    let mut queue: VecDeque<&str> = first.into_iter().map(String::as_str).collect();
    let mut taken: BTreeSet<&str> = queue.iter().copied().collect();
    while let Some(id) = queue.pop_front() {
        for next in beside.get(id).into_iter().flatten() {
            if taken.len() < most && taken.insert(next) {
                queue.push_back(next);
            }
        }
    }
    let inside = |deps: &[String]| deps.iter().filter(|dep| taken.contains(dep.as_str())).cloned().collect();
    let part = nodes.iter().filter(|(id, _)| taken.contains(id.as_str()));
    part.map(|(id, (duration, deps))| (id.clone(), (*duration, inside(deps)))).collect()
}

fn plan(name: &str, nodes: &Nodes) -> Plan {
    let longest = nodes.values().map(|(duration, _)| *duration).fold(f64::MIN_POSITIVE, f64::max);
    let (mut tasks, mut once) = (Vec::new(), Vec::new());
    for (index, (id, (duration, deps))) in nodes.iter().enumerate() {
        let seconds = duration / longest * LONGEST_MS / 1_000.0;
        let run = format!("sleep {seconds:.3}; {EFFECT}");
        let effect = if index % ONCE_IN == 0 { "at-most-once" } else { "idempotent" };
        if index % ONCE_IN == 0 {
            once.push(id.clone());
        }
        tasks.push(serde_json::json!({ "id": id, "needs": deps, "effect": effect, "run": run }));
    }
    let plan = serde_json::json!({ "version": 1, "max_lost": 1_000, "limits": { "max_parallel": 6 }, "tasks": tasks });
    // JSON is YAML.
    Plan {
        name: name.to_owned(),
        text: plan.to_string(),
        once,
        points: &[],
        spare: None,
        before: Before::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_hangs_together_and_needs_only_what_is_in_it() {
        let text = r#"{"nodes": [{"id": "a", "duration_s": 8}, {"id": "b", "duration_s": 2, "deps": ["a"]},
            {"id": "c", "duration_s": 4, "deps": ["b"]}, {"id": "alone", "duration_s": 1}]}"#;
        let all = nodes(&serde_json::from_str(text).unwrap());
        for seed in 0..20 {
            let part = connected(&all, 2, &mut Rng::new(seed, 0));
            assert!(part.len() == 2 || part.contains_key("alone"), "{part:?}");
            assert!(part.values().flat_map(|(_, deps)| deps).all(|dep| part.contains_key(dep)));
        }
        let made = plan("w", &all);
        assert!(made.text.contains("sleep 0.040; echo") && made.text.contains("sleep 0.010; echo"));
        assert_eq!(made.once, ["a"]);
    }
}
