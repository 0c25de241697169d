//! The stored plan as it may be shown: where a secret stands in what people wrote freely, there is a marker.
//!
//! ```text
//! stored plan --Hidden::find--> place -> text to show, stored with the run --Hidden::show--> the plan for whoever looks
//! ```
//! What runs is the plan as it was written. A name (an id, a tag, a path) is never changed: others refer to it. Knows no
//! secret: whoever asks tells how a text is to be shown.

use crate::model::Plan;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Keys whose texts people write freely, and everything below them.
const FREE: [&str; 24] = [
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
/// Keys whose texts are names.
const NAMES: [&str; 9] = ["cwd", "domain", "epic", "files", "id", "outputs", "reads", "resource", "tags"];
/// Parts of a place that say nothing to people.
const SILENT: [&str; 5] = ["action", "agent", "program", "shell", "tool"];

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
                Value::Object(map) => open.extend(map.iter().rev().map(|(name, value)| {
                    let free = key.filter(|key| FREE.contains(key));
                    (format!("{place}/{}", escaped(name)), free.or(Some(name)), value)
                })),
                Value::Array(items) => {
                    let items = items.iter().enumerate().rev();
                    open.extend(items.map(|(i, item)| (format!("{place}/{i}"), key, item)));
                }
                Value::String(text) => hidden.look((place, key), (text, clean), &plan),
                Value::Number(number) => hidden.look((place, key), (&number.to_string(), clean), &plan),
                Value::Null | Value::Bool(_) => {}
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
        let is_free = place == "/name" || key.is_some_and(|key| FREE.contains(&key));
        if !is_free && key.is_none_or(|key| !NAMES.contains(&key)) {
            return;
        }
        let Some(shown) = clean(text) else { return };
        let found = Place { words: words(&place, plan), shown: shown.clone() };
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

/// A name as a part of a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// A place for people: "task `a`: title".
fn words(place: &str, plan: &Value) -> String {
    let parts: Vec<String> =
        place.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    let (task, rest) = match parts.as_slice() {
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
mod tests {
    use super::*;
    use crate::{Format, Given, canonical, load};

    #[test]
    fn what_people_wrote_freely_is_shown_with_a_marker_and_names_stay() {
        let text = "version: 1\nname: of s3cret\ninputs: { n: 1 }\ntasks:\n  - { id: a, title: 's3cret', run: [x, s3cret], tags: [s3cret] }\n  \
                    - { id: s3cret, tool: template, params: { text: t, vars: { 'a/b': [s3cret, 77] } } }\n";
        let plan = load(("p.yaml", text.as_bytes()), Format::Yaml, &Given::default()).plan.unwrap();
        let stored = canonical(&plan).unwrap();
        let clean = |text: &str| {
            (text.contains("s3cret") || text == "77").then(|| text.replace("s3cret", "*").replace("77", "#"))
        };
        let hidden = Hidden::find(&stored, &clean).unwrap();
        let (places, names) = hidden.places();
        let expect = [
            "name",
            "task `a`: run",
            "task `a`: title",
            "task `s3cret`: params.vars.a/b.0",
            "task `s3cret`: params.vars.a/b.1",
        ];
        let words = |places: &[Place]| places.iter().map(|place| place.words.clone()).collect::<Vec<_>>();
        assert_eq!(words(places), expect);
        assert_eq!(words(names), ["task `a`: tags.0", "task `s3cret`: id"]);
        assert_eq!(names[1].shown, "*");
        assert_eq!(hidden.text("/name"), Some("of *"));
        let shown = hidden.show(std::str::from_utf8(&stored).unwrap()).unwrap();
        assert_eq!((shown.name.as_str(), shown.tasks[0].title.as_deref()), ("of *", Some("*")));
        assert_eq!((shown.tasks[1].id.as_str(), shown.tasks[0].tags[0].as_str()), ("s3cret", "s3cret"));
        let told = serde_json::to_string(&shown.tasks[1].action).unwrap();
        assert!(told.contains("\"a/b\":[\"*\",\"#\"]"), "{told}");
        // Stored and read again it says the same.
        let again: Hidden = serde_json::from_str(&serde_json::to_string(&hidden).unwrap()).unwrap();
        assert_eq!(again.show(std::str::from_utf8(&stored).unwrap()).unwrap(), shown);
    }
}
