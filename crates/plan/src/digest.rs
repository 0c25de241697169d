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

/// What differs between the stored plan and a new one, a line each, at most `most`.
///
/// # Errors
/// As [`canonical`].
pub fn differences(stored: &Plan, now: &Plan, most: usize) -> Result<Vec<String>, serde_json::Error> {
    let (mut old, mut new) = (serde_json::to_value(stored)?, serde_json::to_value(now)?);
    let tasks = |plan: &mut Value| -> BTreeMap<String, Value> {
        let list = plan.as_object_mut().and_then(|o| o.remove("tasks"));
        let list = list.and_then(|l| l.as_array().cloned()).unwrap_or_default();
        list.into_iter().filter_map(|t| Some((t["id"].as_str()?.to_owned(), t))).collect()
    };
    let (old_tasks, new_tasks) = (tasks(&mut old), tasks(&mut new));
    let mut lines = changed_keys("plan", &old, &new);
    for (id, task) in &old_tasks {
        match new_tasks.get(id) {
            None => lines.push(format!("task `{id}` is gone")),
            Some(other) => lines.extend(changed_keys(&format!("task `{id}`"), task, other)),
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

/// What differs in some fields of a task, a line each.
///
/// # Errors
/// As [`canonical`].
pub fn changed_fields(old: &Task, new: &Task, fields: &[&str]) -> Result<Vec<String>, serde_json::Error> {
    let of = |task: &Task| {
        let mut value = serde_json::to_value(task)?;
        if let Some(map) = value.as_object_mut() {
            map.retain(|key, _| fields.contains(&key.as_str()));
        }
        Ok::<Value, serde_json::Error>(value)
    };
    Ok(changed_keys(&format!("task `{}`", new.id), &of(old)?, &of(new)?))
}

fn changed_keys(what: &str, old: &Value, new: &Value) -> Vec<String> {
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else { return vec![] };
    let show = |v: Option<&Value>| v.map_or("nothing".to_owned(), |v| short(&v.to_string()));
    let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter()
        .filter(|k| old.get(*k) != new.get(*k))
        .map(|k| match k.as_str() {
            "action" => {
                let (was, is) = (as_written(old.get(k)), as_written(new.get(k)));
                format!(
                    "{what}: {} was {}, is {}",
                    was.0,
                    was.1,
                    if was.0 == is.0 { is.1 } else { format!("{} {}", is.0, is.1) }
                )
            }
            _ => format!("{what}: `{k}` was {}, is {}", show(old.get(k)), show(new.get(k))),
        })
        .collect()
}

/// An action by the key that it is written under, and what stands there.
fn as_written(action: Option<&Value>) -> (String, String) {
    let Some((kind, value)) = action.and_then(Value::as_object).and_then(|o| o.iter().next()) else {
        return ("the action".to_owned(), "nothing".to_owned());
    };
    match kind.as_str() {
        "shell" => ("`run`".to_owned(), short(&value["script"].to_string())),
        "argv" => ("`run`".to_owned(), short(&value.to_string())),
        other => (format!("`{other}`"), short(&value[other].to_string())),
    }
}

fn short(text: &str) -> String {
    const MOST: usize = 60;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    format!("{}…", text.chars().take(MOST).collect::<String>())
}
