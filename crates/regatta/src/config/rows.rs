//! Every setting with its value and origin, as `regatta doctor --config` shows them.
//!
//! Takes what the layers say; reads nothing.

use super::Config;
use crate::origin::{Origin, Valued};
use regatta_plan::{Loaded, Plan};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// What holds where nobody says anything; `none` is no limit.
pub const DEFAULTS: [(&str, &str); 17] = [
    ("containment", "auto"),
    ("gc.keep", "20"),
    ("gc.older_than", "30d"),
    ("limits.max_parallel", "4"),
    ("limits.output", "64MiB"),
    ("limits.per_wave", "none"),
    ("on_failure", "continue"),
    ("retry.backoff", "1s"),
    ("retry.keep_worktree", "false"),
    ("retry.max_attempts", "1"),
    ("retry.max_backoff", "5m"),
    ("retry.strategy", "linear"),
    ("schedule", "dataflow"),
    ("timeout.attempt", "30m"),
    ("timeout.grace", "10s"),
    ("timeout.idle", "none"),
    ("timeout.run", "none"),
];

/// A setting.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// Its path.
    pub key: String,
    /// Its value; null is none.
    pub value: Value,
    /// Where it comes from.
    pub origin: Origin,
}

/// Every setting that has a value, sorted by key. `plan` is one whose words count too; `asked` is what variables and
/// options say, the nearer last.
#[must_use]
pub fn rows(
    config: &Config,
    plan: Option<(&Path, &Loaded)>,
    asked: [(Vec<(String, Value)>, &Naming); 2],
) -> Vec<Row> {
    let mut values: BTreeMap<String, Valued> = BTreeMap::new();
    for (key, text) in DEFAULTS {
        let value = match text.parse::<u64>() {
            Ok(number) => json!(number),
            Err(_) if text == "none" => Value::Null,
            Err(_) if text == "false" => json!(false),
            Err(_) => json!(text),
        };
        values.insert(key.to_owned(), Valued { value, origin: Origin::Default });
    }
    values.extend(config.values.clone());
    if let Some((path, loaded)) = plan {
        values.extend(stated(path, loaded));
    }
    for (said, naming) in asked {
        for (key, value) in said {
            let origin = naming(key.as_str());
            values.insert(key, Valued { value, origin });
        }
    }
    values.into_iter().map(|(key, Valued { value, origin })| Row { key, value, origin }).collect()
}

/// The variable or option that sets a key.
pub type Naming = dyn Fn(&str) -> Origin;

/// What a document says itself. A request or a batch has other keys: what it comes to is told without a line.
fn stated(path: &Path, loaded: &Loaded) -> Vec<(String, Valued)> {
    let origin = |line| Origin::Plan(path.to_owned(), line);
    let own = loaded.stated.iter().map(|setting| {
        (setting.key.clone(), Valued { value: setting.value.clone(), origin: origin(setting.line) })
    });
    let foreign = loaded.plan.as_ref().filter(|plan| plan.dialect != regatta_plan::model::Dialect::Plan);
    let foreign = foreign.into_iter().flat_map(of_request);
    own.chain(foreign.map(|(key, value)| (key.to_owned(), Valued { value, origin: origin(0) }))).collect()
}

fn of_request(plan: &Plan) -> [(&'static str, Value); 2] {
    [("limits.max_parallel", json!(plan.limits.max_parallel)), ("on_failure", json!(plan.on_failure))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use regatta_plan::{Format, Given, load, parse_bytes, parse_duration_ms};

    #[test]
    fn the_defaults_shown_are_those_of_a_plan_that_says_nothing() {
        let text = b"version: 1\ntasks: [ { id: a, run: x } ]\n";
        let plan = load(("p.yaml", text), Format::Yaml, &Given::default()).plan;
        let plan = plan.as_ref().map(|p| (p, &p.tasks[0]));
        let Some((plan, task)) = plan else { return assert!(plan.is_some(), "the plan is valid") };
        let shown = |key: &str| DEFAULTS.iter().find(|(k, _)| *k == key).map_or("", |(_, text)| text);
        let ms = |key: &str| parse_duration_ms(shown(key));
        assert_eq!(shown("schedule"), plan.schedule);
        assert_eq!(shown("on_failure"), plan.on_failure);
        assert_eq!(shown("limits.max_parallel"), plan.limits.max_parallel.to_string());
        assert_eq!(parse_bytes(shown("limits.output")), Some(plan.limits.output_bytes));
        assert_eq!((shown("limits.per_wave"), plan.limits.per_wave), ("none", None));
        assert_eq!(ms("timeout.attempt"), Some(task.timeout.attempt_ms));
        assert_eq!(ms("timeout.grace"), Some(task.timeout.grace_ms));
        assert_eq!((ms("timeout.idle"), ms("timeout.run")), (task.timeout.idle_ms, plan.run_timeout_ms));
        assert_eq!(shown("retry.max_attempts"), task.retry.max_attempts.to_string());
        assert_eq!(shown("retry.strategy"), task.retry.strategy);
        assert_eq!(shown("retry.keep_worktree"), task.retry.keeps_worktree().to_string());
        assert_eq!(ms("retry.backoff"), Some(task.retry.backoff_ms));
        assert_eq!(ms("retry.max_backoff"), Some(task.retry.max_backoff_ms));
    }
}
