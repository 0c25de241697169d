//! The stored plan as it may be shown: where a secret stands in what people wrote freely, there is a marker.
//!
//! ```text
//! stored plan --Hidden::find--> place -> text to show, stored with the run --Hidden::show--> the plan for whoever looks
//! ```
//! What runs is the plan as it was written. All that is not known to be free is a name (an id, a path, a key of `params`), and
//! never changed: others refer to it. Knows no secret: whoever asks tells how a text is to be shown.

use crate::model::Plan;
use regatta_redact::MARKER;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Keys whose texts people write freely, and everything below them.
const FREE: [&str; 25] = [
    "acp",
    "accept",
    "args",
    "argv",
    "author",
    "cache_key",
    "command",
    "env",
    "expr",
    "expression",
    "for_each",
    "headers",
    "inputs",
    "later",
    "message",
    "model",
    "on_end",
    "params",
    "person",
    "prompt",
    "run",
    "script",
    "title",
    "url",
    "when",
];
/// Keys whose texts repeat a name that stands elsewhere.
const REPEATED: [&str; 3] = ["called", "needs", "order"];
/// Keys of maps whose keys are names of things; what only repeats them is left out.
const KEYED: [&str; 7] = ["agents", "leases", "matrix", "mcp_servers", "resources", "rules", "vault"];
/// Parts of a place that say nothing to people.
const SILENT: [&str; 5] = ["action", "agent", "program", "shell", "tool"];

/// Beyond so many markers in one text nobody looks whether what is around each of them stands there once.
const MAX_SOUGHT: usize = 64;

/// Tells how a text is to be shown, if not as it is.
pub type Clean<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Free texts of a stored plan that are not to be shown as they are.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hidden {
    /// How each is to be shown, by its place (a JSON pointer).
    texts: BTreeMap<String, String>,
    /// Where each of them is.
    #[serde(skip)]
    places: Vec<Place>,
    /// Names, which stay as they are.
    #[serde(skip)]
    names: Vec<Place>,
}

/// A place in a plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// For people: "task `a`: title".
    pub words: String,
    /// What stands there, as it may be shown.
    pub shown: String,
    /// The keys and indexes that lead there.
    keys: Vec<String>,
}

impl Place {
    /// True if it is in one of these servers of tools, or the name of one.
    #[must_use]
    pub fn is_of_server(&self, servers: &BTreeSet<String>) -> bool {
        matches!(&self.keys[..], [first, name, ..] if first == "mcp_servers" && servers.contains(name))
    }

    fn of((place, plan): (&str, &Value), shown: String) -> Place {
        let part = |part: &str| part.replace("~1", "/").replace("~0", "~");
        let keys: Vec<String> = place.split('/').skip(1).map(part).collect();
        Place { words: words(&keys, plan), shown, keys }
    }
}

/// The secrets that a stored plan repeats.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Repeated {
    /// Those that are known for sure: the rule of each marker, and what is written in its place.
    pub values: Vec<(String, String)>,
    /// There are no others.
    pub all_known: bool,
}

impl Hidden {
    /// Finds them. `clean` answers how a text is to be shown, if not as it is.
    ///
    /// # Errors
    /// `stored` is no JSON.
    pub fn find(stored: &[u8], clean: &Clean<'_>) -> Result<Hidden, serde_json::Error> {
        let plan: Value = serde_json::from_slice(stored)?;
        let mut hidden = Hidden::default();
        let mut open: Vec<(String, Option<&str>, &Value)> = vec![(String::new(), None, &plan)];
        while let Some((place, key, value)) = open.pop() {
            match value {
                Value::Object(map) => {
                    let free = key.filter(|key| FREE.contains(key));
                    let is_chosen = free.is_some() || key.is_some_and(|key| KEYED.contains(&key));
                    let at = |name: &str| format!("{place}/{}", escaped(name));
                    for (name, shown) in
                        map.keys().filter(|_| is_chosen).filter_map(|name| Some((name, clean(name)?)))
                    {
                        hidden.names.push(Place::of((&at(name), &plan), shown));
                    }
                    open.extend(map.iter().rev().map(|(name, value)| (at(name), free.or(Some(name)), value)));
                }
                Value::Array(items) => {
                    let items = items.iter().enumerate().rev();
                    open.extend(items.map(|(i, item)| (format!("{place}/{i}"), key, item)));
                }
                Value::String(text) => hidden.look((place, key), (text, clean), &plan),
                // A number that nobody wrote freely counts something.
                Value::Number(number) if key.is_some_and(|key| FREE.contains(&key)) => {
                    hidden.look((place, key), (&number.to_string(), clean), &plan);
                }
                Value::Number(_) | Value::Null | Value::Bool(_) => {}
            }
        }
        Ok(hidden)
    }

    fn look(
        &mut self,
        (place, key): (String, Option<&str>),
        (text, clean): (&str, &Clean<'_>),
        plan: &Value,
    ) {
        let is_free =
            place == "/name" || key.is_some_and(|key| FREE.contains(&key)) || is_name_of_gate(&place);
        if !is_free && key.is_some_and(|key| REPEATED.contains(&key)) {
            return;
        }
        let Some(shown) = clean(text) else { return };
        let found = Place::of((&place, plan), shown.clone());
        if is_free {
            self.places.push(found);
            self.texts.insert(place, shown);
        } else {
            self.names.push(found);
        }
    }

    /// What was hidden before stays so.
    pub fn with(&mut self, before: Hidden) {
        for (place, text) in before.texts {
            self.texts.entry(place).or_insert(text);
        }
    }

    /// Nothing is hidden.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Where something is hidden, and the names that cannot be. Only of what was found, not of what was stored.
    #[must_use]
    pub fn places(&self) -> (&[Place], &[Place]) {
        (&self.places, &self.names)
    }

    /// How the text at a place is to be shown, if not as it is.
    #[must_use]
    pub fn text(&self, place: &str) -> Option<&str> {
        self.texts.get(place).map(String::as_str)
    }

    /// What stands in the stored plan where something is hidden, as far as that follows from what is around it.
    #[must_use]
    pub fn repeated(&self, stored: &str) -> Repeated {
        let mut repeated = Repeated { values: Vec::new(), all_known: true };
        if self.is_empty() {
            return repeated;
        }
        let plan: Value = serde_json::from_str(stored).unwrap_or_default();
        for (place, shown) in &self.texts {
            let found = plan.pointer(place).and_then(|written| match written {
                Value::String(text) => replaced(text, shown),
                other => replaced(&other.to_string(), shown),
            });
            match found {
                Some(found) => repeated.values.extend(found),
                None => repeated.all_known = false,
            }
        }
        repeated.values.sort();
        repeated.values.dedup();
        repeated
    }

    /// The plan to show.
    ///
    /// # Errors
    /// `stored` is no plan.
    pub fn show(&self, stored: &str) -> Result<Plan, serde_json::Error> {
        if self.is_empty() {
            return serde_json::from_str(stored);
        }
        let mut plan: Value = serde_json::from_str(stored)?;
        for (place, text) in &self.texts {
            if let Some(value) = plan.pointer_mut(place) {
                *value = Value::String(text.clone());
            }
        }
        serde_json::from_value(plan)
    }
}

/// What markers stand for in a text: their rules, and what is written there. `None` if it could be one or another, or if the
/// text has too many of them to tell.
fn replaced(written: &str, shown: &str) -> Option<Vec<(String, String)>> {
    let mut parts = shown.split(MARKER);
    let mut rest = written.strip_prefix(parts.next()?)?;
    let mut parts = parts.peekable();
    let (mut found, mut is_sure): (Vec<(String, String)>, bool) = (Vec::new(), true);
    while let Some(part) = parts.next() {
        let (rule, after) = part.split_once(']')?;
        let value = if parts.peek().is_none() {
            rest.strip_suffix(after)?
        } else {
            is_sure = is_sure && found.len() < MAX_SOUGHT && rest.matches(after).nth(1).is_none();
            rest.split_once(after).filter(|_| !after.is_empty())?.0
        };
        rest = rest[value.len()..].strip_prefix(after)?;
        found.push((rule.to_owned(), value.to_owned()));
    }
    // What stands there more than once is taken for the same secret, or for nothing.
    let is_one = found.iter().all(|one| *one == found[0]);
    (is_sure || is_one).then_some(found)
}

/// A gate without a name is called by its command.
fn is_name_of_gate(place: &str) -> bool {
    let rest = place.strip_prefix("/merge/gates/").and_then(|rest| rest.split_once('/'));
    rest.is_some_and(|(_, key)| key == "name")
}

/// A name as a part of a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// A place for people: "task `a`: title".
fn words(keys: &[String], plan: &Value) -> String {
    let (task, rest) = match keys {
        [tasks, i, rest @ ..] if tasks == "tasks" => {
            (plan["tasks"][i.parse().unwrap_or(0)]["id"].as_str(), rest)
        }
        rest => (None, rest),
    };
    let mut said: Vec<&str> = Vec::new();
    for part in rest {
        let in_list = said.last().is_some_and(|last| ["run", "accept", "on_end"].contains(last));
        match part.as_str() {
            "script" | "argv" => said.push("run"),
            part if SILENT.contains(&part) || in_list => {}
            part => said.push(part),
        }
    }
    let key = said.join(".");
    task.map_or_else(|| key.clone(), |task| format!("task `{task}`: {key}"))
}

#[cfg(test)]
mod tests;
