//! The digest of a plan, and what differs between two.
//!
//! The text that is digested is of `canonical`.

use crate::canonical::text;
use crate::model::{Plan, Task};
use regatta_engine::json::hex;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// The normalised plan as canonical JSON: what is stored.
///
/// # Errors
/// The plan cannot be written as JSON, which a validated plan always can.
pub fn canonical(plan: &Plan) -> Result<Vec<u8>, serde_json::Error> {
    text(plan)
}

/// A value of that kind as canonical JSON.
#[must_use]
pub fn canonical_json(value: &Value) -> Vec<u8> {
    // The keys of a value are texts, so it can always be written; in no case are two values the same text.
    text(value).unwrap_or_else(|_| value.to_string().into_bytes())
}

/// `plan_digest`: sha-256 of [`canonical`], lower-case hexadecimal.
///
/// # Errors
/// As [`canonical`].
pub fn plan_digest(plan: &Plan) -> Result<String, serde_json::Error> {
    Ok(digest_of(&canonical(plan)?))
}

/// [`plan_digest`] of a plan whose [`canonical`] form is at hand.
#[must_use]
pub fn digest_of(canonical: &[u8]) -> String {
    hex(&Sha256::digest(canonical))
}

/// How a text of a plan may be told, whole: it is cut afterwards. `None` if it may not be told.
pub type Telling<'a> = dyn Fn(String) -> Option<String> + 'a;

/// What differs between the stored plan and a new one, a line each, at most `most`; what may not be told is only named.
///
/// # Errors
/// As [`canonical`].
pub fn differences(
    stored: &Plan,
    now: &Plan,
    (most, telling): (usize, &Telling<'_>),
) -> Result<Vec<String>, serde_json::Error> {
    let (mut old, mut new) = (serde_json::to_value(stored)?, serde_json::to_value(now)?);
    let tasks = |plan: &mut Value| -> BTreeMap<String, Value> {
        let list = plan.as_object_mut().and_then(|o| o.remove("tasks"));
        let list = list.and_then(|l| l.as_array().cloned()).unwrap_or_default();
        list.into_iter().filter_map(|t| Some((t["id"].as_str()?.to_owned(), t))).collect()
    };
    let (old_tasks, new_tasks) = (tasks(&mut old), tasks(&mut new));
    let mut lines = changed_keys("plan", (&old, &new), telling);
    for (id, task) in &old_tasks {
        match new_tasks.get(id) {
            None => lines.push(format!("task `{id}` is gone")),
            Some(other) => lines.extend(changed_keys(&format!("task `{id}`"), (task, other), telling)),
        }
    }
    lines.extend(
        new_tasks.keys().filter(|id| !old_tasks.contains_key(*id)).map(|id| format!("task `{id}` is new")),
    );
    let more = lines.len().saturating_sub(most);
    lines.truncate(most);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    Ok(lines)
}

/// What differs in some fields of a task, a line each; what may not be told is only named.
///
/// # Errors
/// As [`canonical`].
pub fn changed_fields(
    (old, new): (&Task, &Task),
    fields: &[&str],
    telling: &Telling<'_>,
) -> Result<Vec<String>, serde_json::Error> {
    let of = |task: &Task| {
        let mut value = serde_json::to_value(task)?;
        if let Some(map) = value.as_object_mut() {
            map.retain(|key, _| fields.contains(&key.as_str()));
        }
        Ok::<Value, serde_json::Error>(value)
    };
    Ok(changed_keys(&format!("task `{}`", new.id), (&of(old)?, &of(new)?), telling))
}

fn changed_keys(what: &str, (old, new): (&Value, &Value), telling: &Telling<'_>) -> Vec<String> {
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else { return vec![] };
    let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    let changed = |key: &&String| old.get(*key) != new.get(*key);
    let line = |key: &String| {
        let written = if key == "action" { as_action } else { as_value };
        let (was, is) = (written(key, old.get(key)), written(key, new.get(key)));
        let (Some(before), Some(after)) = (telling(was.1), telling(is.1)) else {
            return format!("{what}: {} has changed", was.0);
        };
        let (before, after) = (short(&before), short(&after));
        match was.0 == is.0 {
            true => format!("{what}: {} was {before}, is {after}", was.0),
            false => format!("{what}: {} was {before}, is {} {after}", was.0, is.0),
        }
    };
    keys.into_iter().filter(changed).map(line).collect()
}

/// A key, and what stands there.
fn as_value(key: &str, value: Option<&Value>) -> (String, String) {
    (format!("`{key}`"), value.map_or_else(|| "nothing".to_owned(), Value::to_string))
}

/// An action by the key that it is written under, and what stands there.
fn as_action(_: &str, action: Option<&Value>) -> (String, String) {
    let Some((kind, value)) = action.and_then(Value::as_object).and_then(|o| o.iter().next()) else {
        return ("the action".to_owned(), "nothing".to_owned());
    };
    match kind.as_str() {
        "shell" => ("`run`".to_owned(), value["script"].to_string()),
        "argv" => ("`run`".to_owned(), value.to_string()),
        other => (format!("`{other}`"), value[other].to_string()),
    }
}

fn short(text: &str) -> String {
    const MOST: usize = 60;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    format!("{}…", text.chars().take(MOST).collect::<String>())
}
