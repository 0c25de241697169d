//! The digest of a plan, and what differs between two.
//!
//! The text that is digested is of `canonical`.

use crate::canonical::text;
use crate::model::{Plan, Task};
use regatta_engine::json::hex;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

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
    let of_plan = changed_keys("plan".to_owned(), (&old, &new), &old).map(Difference::Key);
    let of_tasks = old_tasks.iter().flat_map(|(id, task)| match new_tasks.get(id) {
        None => vec![Difference::Line(format!("task `{id}` is gone"))],
        Some(now) => changed_keys(format!("task `{id}`"), (task, now), task).map(Difference::Key).collect(),
    });
    let added = new_tasks.keys().filter(|id| !old_tasks.contains_key(*id));
    let added = added.map(|id| Difference::Line(format!("task `{id}` is new")));
    let mut all = of_plan.chain(of_tasks).chain(added);
    // Only what is told is looked through.
    let mut lines: Vec<String> = all.by_ref().take(most).map(|one| one.tell(telling)).collect();
    if let more @ 1.. = all.count() {
        lines.push(format!("and {more} more"));
    }
    Ok(lines)
}

/// What differs in some fields of a task, a line each; what may not be told is only named. `shown` is the old one as it may be
/// told: it is not compared.
///
/// # Errors
/// As [`canonical`].
pub fn changed_fields(
    (old, new): (&Task, &Task),
    shown: &Task,
    (fields, telling): (&[&str], &Telling<'_>),
) -> Result<Vec<String>, serde_json::Error> {
    let of = |task: &Task| {
        let mut value = serde_json::to_value(task)?;
        if let Some(map) = value.as_object_mut() {
            map.retain(|key, _| fields.contains(&key.as_str()));
        }
        Ok::<Value, serde_json::Error>(value)
    };
    let what = format!("task `{}`", new.id);
    let (old, new, shown) = (of(old)?, of(new)?, of(shown)?);
    let changes = changed_keys(what, (&old, &new), &shown);
    Ok(changes.map(|change| change.tell(telling)).collect())
}

/// One of the things that differ.
enum Difference<'a> {
    /// It is told already.
    Line(String),
    /// What stands at a key.
    Key(Change<'a>),
}

impl Difference<'_> {
    fn tell(self, telling: &Telling<'_>) -> String {
        match self {
            Difference::Line(line) => line,
            Difference::Key(change) => change.tell(telling),
        }
    }
}

/// What stands at a key, before and now.
struct Change<'a> {
    what: String,
    key: &'a str,
    was: Option<&'a Value>,
    is: Option<&'a Value>,
}

impl Change<'_> {
    fn tell(self, telling: &Telling<'_>) -> String {
        let Change { what, key, .. } = self;
        let written = if key == "action" { as_action } else { as_value };
        let (was, is) = (written(key, self.was), written(key, self.is));
        let (Some(before), Some(after)) = (telling(was.1), telling(is.1)) else {
            return format!("{what}: {} has changed", was.0);
        };
        let (before, after) = (short(&before), short(&after));
        match was.0 == is.0 {
            true => format!("{what}: {} was {before}, is {after}", was.0),
            false => format!("{what}: {} was {before}, is {} {after}", was.0, is.0),
        }
    }
}

/// The keys at which two things differ; `shown` is the old one as it is told.
fn changed_keys<'a>(
    what: String,
    (old, new): (&'a Value, &'a Value),
    shown: &'a Value,
) -> impl Iterator<Item = Change<'a>> {
    let keys = [old, new].into_iter().filter_map(Value::as_object).flat_map(|map| map.keys());
    let keys: BTreeSet<&String> = keys.filter(|key| old.get(*key) != new.get(*key)).collect();
    let change =
        move |key: &'a String| Change { what: what.clone(), key, was: shown.get(key), is: new.get(key) };
    keys.into_iter().map(change)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Format, Given, load};
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn plan(of_task: &dyn Fn(usize) -> String) -> Plan {
        let tasks: String = (0..50).map(|i| format!("  - {{ id: t{i:02}, {} }}\n", of_task(i))).collect();
        let text = format!("version: 1\ntasks:\n{tasks}");
        load(("p.yaml", text.as_bytes()), Format::Yaml, &Given::default()).plan.unwrap()
    }

    #[test]
    fn only_the_differences_that_are_told_are_looked_through_for_secrets() {
        let old = plan(&|i| format!("title: of {i}, run: echo {i}"));
        let new = plan(&|i| format!("title: now of {i}, run: echo now {i}"));
        let looked = AtomicUsize::new(0);
        let telling = |text: String| {
            looked.fetch_add(1, Ordering::Relaxed);
            Some(text)
        };
        let lines = differences(&old, &new, (3, &telling)).unwrap();
        let expect = [
            "task `t00`: `run` was \"echo 0\", is \"echo now 0\"",
            "task `t00`: `title` was \"of 0\", is \"now of 0\"",
            "task `t01`: `run` was \"echo 1\", is \"echo now 1\"",
            "and 97 more",
        ];
        assert_eq!((lines, looked.into_inner()), (expect.map(str::to_owned).to_vec(), 6));
    }

    #[test]
    fn what_changed_is_found_in_what_was_written_and_told_as_it_may_be_shown() {
        let (old, shown) = (plan(&|_| "run: echo one".to_owned()), plan(&|_| "run: echo '*'".to_owned()));
        let changed = |new: &Plan| {
            let telling = |text: String| Some(text);
            changed_fields((&old.tasks[0], &new.tasks[0]), &shown.tasks[0], (&["action"], &telling)).unwrap()
        };
        assert_eq!(changed(&old), Vec::<String>::new());
        let lines = changed(&plan(&|_| "run: echo two".to_owned()));
        assert_eq!(lines, ["task `t00`: `run` was \"echo '*'\", is \"echo two\""]);
    }
}
