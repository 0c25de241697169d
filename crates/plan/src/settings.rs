//! Settings: what holds for plans that leave it open.
//!
//! ```text
//! config.toml --read--> [ key, value, line ] --layers, the nearer over the farther--> Defaults --> drafts of plans
//! ```
//! A setting is called by its path: `limits.max_parallel`. Knows no file and no order of layers.

use crate::fields::{json, parse_bytes, parse_duration_ms};
use crate::language::{Kind, SETTINGS, Shape};
use crate::model::Plan;
use crate::tree::{Item, Value};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Parts of a settings file that speak of no plan.
const NOT_OF_PLANS: [&str; 4] = ["leases", "containment", "gc", "domains"];

/// One value of a document, where it stands.
#[derive(Clone, PartialEq, Debug)]
pub struct Setting {
    /// Its path, such as `limits.max_parallel`.
    pub key: String,
    /// A text, a number, or true or false.
    pub value: Json,
    /// 1-based line.
    pub line: usize,
}

/// What a plan says of what settings may say too.
pub(crate) fn of_plan(root: Item<'_>, source: &str) -> Vec<Setting> {
    of_document(root, source, |key| !NOT_OF_PLANS.contains(&key))
}

/// Every value that a document has of what is wanted, in order of place.
pub(crate) fn of_document(root: Item<'_>, source: &str, wanted: impl Fn(&str) -> bool) -> Vec<Setting> {
    let mut values = Vec::new();
    flatten(root, &SETTINGS, "", &mut |top, setting| {
        if wanted(top) {
            values.push(setting);
        }
    });
    values.sort_by_key(|(_, at)| *at);
    let (mut from, mut line) = (0, 1);
    let numbered = values.into_iter().map(|(setting, at): (Setting, usize)| {
        line += source.as_bytes().get(from..at).unwrap_or_default().iter().filter(|b| **b == b'\n').count();
        from = from.max(at);
        Setting { line, ..setting }
    });
    numbered.collect()
}

/// Every value below the keys of a shape, with its path and where its key stands; two levels at most.
fn flatten(item: Item<'_>, shape: &Shape, path: &str, take: &mut dyn FnMut(&str, (Setting, usize))) {
    let Value::Map(pairs) = item.value() else { return };
    for (key, value) in pairs.iter().filter(|(_, value)| !value.is_null()) {
        let Some(field) = shape.field(key.text) else { continue };
        let path = if path.is_empty() { field.key.to_owned() } else { format!("{path}.{}", field.key) };
        let top = path.split('.').next().unwrap_or_default().to_owned();
        match field.kind {
            Kind::Record(inner) => flatten(value, inner, &path, take),
            Kind::Map(_) => {
                let Value::Map(members) = value.value() else { continue };
                for (name, member) in members.iter().filter(|(_, member)| !member.is_null()) {
                    let key = format!("{path}.{}", name.text);
                    take(&top, (Setting { key, value: json(member), line: 0 }, name.span().start));
                }
            }
            _ => take(&top, (Setting { key: path, value: json(value), line: 0 }, key.span().start)),
        }
    }
}

/// What holds for plans that leave it open, by path. Stored with a run, so that its plan can be read again as it was.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Defaults(BTreeMap<String, Json>);

impl Defaults {
    /// Of settings that were read, without what speaks of no plan.
    pub fn new<'a>(settings: impl IntoIterator<Item = (&'a str, &'a Json)>) -> Defaults {
        let of_plans = |key: &str| !NOT_OF_PLANS.contains(&key.split('.').next().unwrap_or_default());
        let kept = settings.into_iter().filter(|(key, _)| of_plans(key));
        Defaults(kept.map(|(key, value)| (key.to_owned(), value.clone())).collect())
    }

    /// True if nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The agents that settings have, by name, as they stand there.
    pub(crate) fn agents(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.0.iter().filter_map(|(key, value)| Some((key.strip_prefix("agents.")?, value)))
    }

    pub(crate) fn text(&self, key: &str) -> Option<String> {
        self.0.get(key)?.as_str().map(str::to_owned)
    }

    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        self.0.get(key)?.as_bool()
    }

    pub(crate) fn whole(&self, key: &str) -> Option<u64> {
        self.0.get(key)?.as_u64()
    }

    pub(crate) fn small(&self, key: &str) -> Option<u32> {
        self.whole(key).and_then(|n| u32::try_from(n).ok())
    }

    pub(crate) fn duration_ms(&self, key: &str) -> Option<u64> {
        parse_duration_ms(&self.text(key)?)
    }

    pub(crate) fn bytes(&self, key: &str) -> Option<u64> {
        parse_bytes(&self.text(key)?)
    }

    fn counts(&self, prefix: &str) -> impl Iterator<Item = (String, u32)> {
        let named = self.0.iter().filter_map(move |(key, value)| Some((key.strip_prefix(prefix)?, value)));
        named.filter_map(|(name, value)| {
            Some((name.to_owned(), value.as_u64().and_then(|n| u32::try_from(n).ok())?))
        })
    }

    /// Caps by name where the plan says nothing of that name. A tag or agent that the plan does not have is nobody's
    /// slip: settings are for many plans.
    pub(crate) fn lay_caps_under(&self, plan: &mut Plan) {
        for (priority, cap) in self.counts("limits.per_priority.") {
            plan.limits.per_priority.entry(priority).or_insert(cap);
        }
        for (tag, cap) in self.counts("limits.per_tag.") {
            if plan.tasks.iter().any(|task| task.tags.contains(&tag)) {
                plan.limits.per_tag.entry(tag).or_insert(cap);
            }
        }
        for (agent, cap) in self.counts("limits.per_agent.") {
            if plan.agents.contains_key(&agent) {
                plan.limits.per_agent.entry(agent).or_insert(cap);
            }
        }
    }
}
