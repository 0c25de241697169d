//! Instances in the neutral form, packed with gzip: read, and made into plans.
//!
//! Foreign characters of ids become `_`, which must not make two ids one. Knows no schedule.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

/// An instance, as it stands.
#[derive(Debug, Clone)]
pub(super) struct Instance {
    pub(super) value: Value,
    /// The id in the plan for each id of the instance.
    pub(super) ids: BTreeMap<String, String>,
}

impl Instance {
    fn new(value: Value) -> Result<Instance, String> {
        let mut ids: BTreeMap<String, String> = BTreeMap::new();
        let mut taken: BTreeMap<String, String> = BTreeMap::new();
        for id in nodes(&value).filter_map(|node| node["id"].as_str()) {
            let mapped = plan_id(id);
            // Ids that differ in case only are one as well.
            if let Some(other) = taken.insert(mapped.to_ascii_lowercase(), id.to_owned()) {
                return Err(format!("ids `{other}` and `{id}` both become `{mapped}`"));
            }
            ids.insert(id.to_owned(), mapped);
        }
        Ok(Instance { value, ids })
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        self.value["name"].as_str().unwrap_or("instance")
    }

    /// The number of its tasks.
    pub(super) fn tasks(&self) -> usize {
        self.ids.len()
    }

    /// True if shared resources bound it, and not a number of slots.
    pub(super) fn has_resources(&self) -> bool {
        self.value["resources"].as_object().is_some_and(|map| !map.is_empty())
    }

    /// The plan: durations as estimates to the millisecond, claims as locks on counted resources.
    pub(super) fn plan(&self) -> Value {
        let tasks: Vec<Value> = nodes(&self.value).map(|node| self.task(node)).collect();
        let resources = self.value["resources"].as_object().cloned().unwrap_or_default();
        json!({ "version": 1, "name": "trial", "effect": "pure", "resources": resources, "tasks": tasks })
    }

    fn task(&self, node: &Value) -> Value {
        let id = |value: &Value| value.as_str().and_then(|id| self.ids.get(id)).cloned();
        let needs: Vec<String> = node["deps"].as_array().into_iter().flatten().filter_map(id).collect();
        let claims = node["res"].as_object().into_iter().flatten().filter(|(_, units)| **units != json!(0));
        let locks: Vec<Value> =
            claims.map(|(resource, units)| json!({ "resource": resource, "units": units })).collect();
        let ms = (node["duration_s"].as_f64().unwrap_or(0.0) * 1_000.0).round();
        json!({ "id": id(&node["id"]), "needs": needs, "locks": locks, "estimate": format!("{ms}ms"), "run": ["true"] })
    }
}

/// The instances of a file: one, or one a line.
pub(super) fn load(path: &Path) -> Result<Vec<Instance>, String> {
    let fail = |e: String| format!("{}: {e}", path.display());
    let read = |line: &String| {
        let value = serde_json::from_str(line).map_err(|e| fail(e.to_string()))?;
        Instance::new(value).map_err(fail)
    };
    lines(path)?.iter().map(read).collect()
}

/// The documents of a packed file: one, or one a line.
pub(super) fn lines(path: &Path) -> Result<Vec<String>, String> {
    let fail = |e: std::io::Error| format!("{}: {e}", path.display());
    let file = std::fs::File::open(path).map_err(fail)?;
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).map_err(fail)?;
    Ok(if path.to_string_lossy().contains(".jsonl") {
        text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
    } else {
        vec![text]
    })
}

fn nodes(value: &Value) -> impl Iterator<Item = &Value> {
    value["nodes"].as_array().into_iter().flatten()
}

/// An id of the grammar of plans.
fn plan_id(id: &str) -> String {
    let keep = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let mapped: String = id.chars().map(|c| if keep(c) { c } else { '_' }).collect();
    let mapped = mapped.replace("..", "__");
    match mapped.strip_prefix(['-', '.']) {
        Some(rest) => format!("_{rest}"),
        None => mapped,
    }
}

#[cfg(test)]
mod tests {
    use super::{Instance, plan_id};
    use serde_json::json;

    #[test]
    fn foreign_characters_become_underscores_and_no_two_ids_become_one() {
        assert_eq!([plan_id("a@1.0+x"), plan_id("..b"), plan_id("-c")], ["a_1.0_x", "__b", "_c"]);
        let of = |ids: [&str; 2]| Instance::new(json!({ "nodes": [{ "id": ids[0] }, { "id": ids[1] }] }));
        assert!(of(["a@1", "a_2"]).is_ok());
        assert_eq!(of(["a@1", "a_1"]).unwrap_err(), "ids `a@1` and `a_1` both become `a_1`");
        assert!(of(["a", "A"]).is_err());
    }

    #[test]
    fn an_instance_becomes_a_plan_with_estimates_and_claims() {
        let value = json!({ "name": "x", "resources": { "R1": 4 }, "nodes": [
            { "id": "a", "duration_s": 0, "deps": [], "res": {} },
            { "id": "b", "duration_s": 1.2345, "deps": ["a"], "res": { "R1": 3, "R2": 0 } } ] });
        let instance = Instance::new(value).unwrap();
        let plan = instance.plan();
        assert_eq!(plan["tasks"][0]["estimate"], "0ms");
        assert_eq!(plan["tasks"][1]["estimate"], "1235ms");
        assert_eq!(plan["tasks"][1]["locks"], json!([{ "resource": "R1", "units": 3 }]));
        assert!(instance.has_resources() && instance.tasks() == 2);
    }
}
