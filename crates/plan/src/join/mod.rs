//! How the results of several tasks become one value (`join`): a pure function of the results, their tasks and the
//! rules. What arrived first does not matter; the order of the sources is given.
//!
//! Objects are merged member by member. Where several sources say different things of one path, a rule for that path
//! decides, else the rule `*`, else the roles of the sources; or it is a conflict, which is told whole.

mod path;
mod rule;

pub use path::JsonPath;
pub use rule::Rule;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Names of the rules, as plans write them.
pub const RULES: &[&str] = &["first", "last", "by-role", "union", "concat", "max", "min", "equal-or-fail"];

/// Roles from the one with the most authority to the one with the least; who has none comes after them.
pub const ROLES: &[&str] = &["security", "architecture", "implementation", "docs"];

/// Most conflicts that are told.
const MOST_TOLD: usize = 20;
/// Most bytes of the paths of all winners.
const MOST_PATH_BYTES: usize = 16 << 20;

/// What one task contributes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Source {
    /// The task.
    pub task: String,
    /// Its role, if it has one.
    #[serde(default)]
    pub role: Option<String>,
    /// Its result.
    pub value: Value,
}

/// Rules of a join.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Rules {
    /// Different words about one path are a conflict, unless a rule is for it.
    pub strict: bool,
    /// Rules by path, and the one for `*`; by the words of the plan.
    pub rules: BTreeMap<String, String>,
}

/// One path about which the sources disagree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conflict {
    /// The path.
    pub path: String,
    /// The tasks that say something about it.
    pub tasks: Vec<String>,
    /// Why no rule helped.
    pub why: String,
}

/// Conflicts in the order of the paths; at least one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Conflicts {
    /// The first of them.
    pub first: Vec<Conflict>,
    /// How many there are besides.
    pub more: usize,
}

impl std::fmt::Display for Conflicts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, conflict) in self.first.iter().enumerate() {
            let between = if i == 0 { "" } else { "; " };
            write!(f, "{between}`{}` ({}): {}", conflict.path, conflict.tasks.join(", "), conflict.why)?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// Merges what sources say, in their order: `{ "value": …, "winners": { path: task } }`. Of a path to which several
/// contributed `winners` has the list of them.
///
/// # Errors
/// Sources disagree, and no rule helps.
pub fn merge(sources: &[Source], rules: &Rules) -> Result<Value, Conflicts> {
    let (winners, conflicts) = (Map::new(), Conflicts::default());
    let mut merging = Merging { sources, rules, winners, path_bytes: 0, conflicts };
    let all: Vec<Said<'_>> = sources.iter().enumerate().map(|(from, source)| (from, &source.value)).collect();
    let value = merging.merge(&JsonPath::root(), &all);
    if merging.is_too_long() {
        let why = format!("the paths of all members are longer than {MOST_PATH_BYTES} bytes");
        merging.conflict(&JsonPath::root(), &all, &why);
    }
    if merging.conflicts.first.is_empty() {
        let winners = Value::Object(merging.winners);
        Ok(Map::from_iter([("value".to_owned(), value), ("winners".to_owned(), winners)]).into())
    } else {
        Err(merging.conflicts)
    }
}

/// A source by its place, and what it says of a path.
type Said<'a> = (usize, &'a Value);

struct Merging<'a> {
    sources: &'a [Source],
    rules: &'a Rules,
    winners: Map<String, Value>,
    path_bytes: usize,
    conflicts: Conflicts,
}

impl Merging<'_> {
    /// What is said of one path. Depth is bounded by the readers of JSON.
    fn merge(&mut self, path: &JsonPath, said: &[Said<'_>]) -> Value {
        let Some(&(from, value)) = said.first().filter(|_| !self.is_too_long()) else { return Value::Null };
        if let Some(rule) = self.rules.rules.get(&path.to_string()) {
            return self.decide(path, said, rule);
        }
        let objects: Vec<(usize, &Map<String, Value>)> =
            said.iter().filter_map(|(from, value)| Some((*from, value.as_object()?))).collect();
        // A rule may be for a member of what one source alone says.
        if objects.len() == said.len() && (said.len() > 1 || path.is_above_one(&self.rules.rules)) {
            return self.merge_members(path, &objects);
        }
        if said.iter().all(|(_, other)| rule::same(other, value)) {
            // One number may be written in two ways: what is told is as the winner says it.
            let winner = match self.rules.rules.get("*").map(String::as_str) {
                Some("first") => said.first(),
                Some("last") => said.last(),
                _ => said.iter().min_by_key(|(from, _)| (self.rank(*from), *from)),
            };
            let (from, value) = winner.copied().unwrap_or((from, value));
            self.won(path, &[from]);
            return value.clone();
        }
        match self.rules.rules.get("*") {
            Some(rule) => self.decide(path, said, rule),
            None if self.rules.strict => self.conflict(path, said, "they say different things"),
            None => self.decide(path, said, "by-role"),
        }
    }

    fn merge_members(&mut self, path: &JsonPath, objects: &[(usize, &Map<String, Value>)]) -> Value {
        let names: BTreeSet<&String> = objects.iter().flat_map(|(_, map)| map.keys()).collect();
        if names.is_empty() {
            let all: Vec<usize> = objects.iter().map(|(from, _)| *from).collect();
            self.won(path, &all[..1]);
        }
        let mut merged = Map::new();
        for name in names {
            let said: Vec<Said<'_>> =
                objects.iter().filter_map(|(from, map)| Some((*from, map.get(name)?))).collect();
            merged.insert(name.clone(), self.merge(&path.member(name), &said));
        }
        Value::Object(merged)
    }

    fn decide(&mut self, path: &JsonPath, said: &[Said<'_>], rule: &str) -> Value {
        let Some(known) = Rule::of(rule) else { return self.conflict(path, said, "there is no such rule") };
        let ranked: Vec<(usize, &Value)> =
            said.iter().map(|(from, value)| (self.rank(*from), *value)).collect();
        match known.apply(&ranked) {
            Ok((value, places)) => {
                let from: Vec<usize> = places.into_iter().map(|place| said[place].0).collect();
                self.won(path, &from);
                value
            }
            Err(why) => self.conflict(path, said, &why),
        }
    }

    /// No more is looked at then.
    fn is_too_long(&self) -> bool {
        self.path_bytes > MOST_PATH_BYTES
    }

    fn rank(&self, from: usize) -> usize {
        let role = self.sources[from].role.as_deref();
        role.and_then(|role| ROLES.iter().position(|known| *known == role)).unwrap_or(ROLES.len())
    }

    fn won(&mut self, path: &JsonPath, from: &[usize]) {
        let name = |from: &usize| Value::from(self.sources[*from].task.as_str());
        let winner = match from {
            [one] => name(one),
            all => all.iter().map(name).collect(),
        };
        let path = path.to_string();
        self.path_bytes += path.len();
        self.winners.insert(path, winner);
    }

    fn conflict(&mut self, path: &JsonPath, said: &[Said<'_>], why: &str) -> Value {
        if self.conflicts.first.len() == MOST_TOLD {
            self.conflicts.more += 1;
            return Value::Null;
        }
        let tasks = said.iter().map(|(from, _)| self.sources[*from].task.clone()).collect();
        self.conflicts.first.push(Conflict { path: path.to_string(), tasks, why: why.to_owned() });
        Value::Null
    }
}
