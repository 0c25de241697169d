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

    fn found(text: &str) -> (Hidden, Vec<u8>) {
        let plan = load(("p.yaml", text.as_bytes()), Format::Yaml, &Given::default());
        let stored =
            canonical(plan.plan.as_ref().unwrap_or_else(|| panic!("{}", plan.render(false)))).unwrap();
        let clean = |text: &str| text.contains("s3cret").then(|| text.replace("s3cret", "[REDACTED:v]"));
        (Hidden::find(&stored, &clean).unwrap(), stored)
    }

    #[test]
    fn all_that_may_be_a_secret_is_hidden_or_told_to_be_a_name() {
        let (hidden, stored) = found(
            "version: 1\nagents: { c: { preset: codex, model: of-s3cret } }\nisolation: worktree\n\
             merge: { on_conflict: merge-with-rules, gates: ['echo s3cret'], rules: [ { paths: 's3cret/*', use: union } ] }\n\
             tasks:\n  - { id: a, agent: c, prompt: p, files: [x] }\n  \
             - { id: t, tool: template, params: { text: t, vars: { s3cret: 1 } } }\n  \
             - { id: j, needs: [t], join: { conflict: merge-with-rules, rules: { '$.s3cret': union } } }\n",
        );
        let (places, names) = hidden.places();
        let words = |places: &[Place]| places.iter().map(|place| place.words.clone()).collect::<Vec<_>>();
        assert_eq!(words(places), ["agents.c.model", "merge.gates.0.run", "merge.gates.0.name"]);
        let expect = ["merge.rules.0.paths", "task `j`: join.rules.$.s3cret", "task `t`: params.vars.s3cret"];
        assert_eq!(words(names), expect);
        let shown = hidden.show(std::str::from_utf8(&stored).unwrap()).unwrap();
        assert_eq!(shown.merge.unwrap().gates[0].name, "echo [REDACTED:v]");
        assert_eq!(shown.agents["c"].model.as_deref(), Some("of-[REDACTED:v]"));
    }

    #[test]
    fn a_word_of_the_language_is_no_secret_of_anybody() {
        let clean = |text: &str| text.contains("secret").then(|| "[REDACTED:v]".to_owned());
        let stored = br#"{"secrets":["DB_PASSWORD"],"vault":{"secret":{"env":"X"}}}"#;
        let hidden = Hidden::find(stored, &clean).unwrap();
        assert_eq!(
            hidden.places().1.iter().map(|place| place.words.as_str()).collect::<Vec<_>>(),
            ["vault.secret"]
        );
    }

    #[test]
    fn what_was_hidden_is_known_again_from_the_plan() {
        let (hidden, stored) = found(
            "version: 1\ntasks:\n  - { id: a, title: 's3cret', run: 'log s3cret; log s3cret; log s3cret' }\n",
        );
        let repeated = hidden.repeated(std::str::from_utf8(&stored).unwrap());
        let values = vec![("v".to_owned(), "s3cret".to_owned())];
        assert_eq!(repeated, Repeated { values, all_known: true });
        let one = |rule: &str, value: &str| (rule.to_owned(), value.to_owned());
        assert_eq!(replaced("a b c", "a [REDACTED:v] c"), Some(vec![one("v", "b")]));
        let two = replaced("x=one,y=two;", "x=[REDACTED:v],y=[REDACTED:w];");
        assert_eq!(two, Some(vec![one("v", "one"), one("w", "two")]));
        assert_eq!(
            replaced("one two three", "[REDACTED:v] [REDACTED:w]"),
            None,
            "which of them has two words?"
        );
        assert_eq!(replaced("onetwo", "[REDACTED:v][REDACTED:w]"), None);
        assert_eq!(replaced("quite another", "a [REDACTED:v]"), None);
        let nothing = Repeated { values: vec![], all_known: true };
        assert_eq!(Hidden::default().repeated("no plan"), nothing);
        let unknown = Repeated { values: vec![], all_known: false };
        assert_eq!(hidden.repeated("no plan"), unknown);
    }

    #[test]
    fn what_one_text_leaves_open_is_no_secret_less_in_another() {
        let (hidden, stored) = found(
            "version: 1\ntasks:\n  - { id: a, title: 'log in as s3cret', run: 'log s3crets3cret' }\n  \
             - { id: b, run: 's3cret' }\n",
        );
        let repeated = hidden.repeated(std::str::from_utf8(&stored).unwrap());
        let values = vec![("v".to_owned(), "s3cret".to_owned())];
        assert_eq!(repeated, Repeated { values, all_known: false });
    }

    #[test]
    fn of_thousands_of_secrets_in_one_text_nothing_is_told_unless_they_are_one() {
        let text = |hide: &dyn Fn(usize) -> String| -> String {
            (0..30_000).map(|i| format!("{} of place {i}, ", hide(i))).collect()
        };
        let shown = text(&|_| "[REDACTED:v]".to_owned());
        let one = replaced(&text(&|_| "s3cret".to_owned()), &shown).unwrap();
        assert!(one.len() == 30_000 && one.iter().all(|(_, value)| value == "s3cret"));
        // Each end stands there once, which nobody looks for so often.
        assert_eq!(replaced(&text(&|i| format!("s3cret-{i}-")), &shown), None);
    }
}
