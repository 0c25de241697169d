//! What a log of findings says: SARIF 2.1.0, each finding with the level that the standard gives it where it names none.
//!
//! Knows no gate.

use super::names::Names;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Bound;

/// What of a log is asked for, at any depth.
pub(super) const KEYS: &[&str] = &[
    "defaultConfiguration",
    "driver",
    "executionSuccessful",
    "extensions",
    "externalPropertyFileReferences",
    "id",
    "index",
    "invocations",
    "kind",
    "level",
    "results",
    "rule",
    "ruleId",
    "ruleIndex",
    "rules",
    "runs",
    "status",
    "suppressions",
    "tool",
    "toolComponent",
];
/// The id of a rule is not longer, where a level hangs on it.
const MOST_ID_BYTES: usize = 1 << 10;

/// The findings of level `error` that nothing suppresses, by the id of their rule, in the order of the log.
///
/// # Errors
/// It is no such log, what it found stands elsewhere, or the tool says that it broke.
pub(super) fn errors(log: &Value) -> Result<Names, String> {
    let runs = log.get("runs").and_then(Value::as_array).ok_or("it has no `runs`")?;
    let mut bad = Names::default();
    for run in runs {
        let invocations = list(run, "/invocations")?;
        if invocations.iter().any(|one| one.get("executionSuccessful") == Some(&Value::Bool(false))) {
            return Err("its tool says that it did not succeed (`executionSuccessful`)".to_owned());
        }
        if !list(run, "/externalPropertyFileReferences/results")?.is_empty() {
            return Err("its results stand in other files".to_owned());
        }
        let rules = Rules::of(run);
        for result in list(run, "/results")?.iter().filter(|result| fails(result)) {
            if level(result, &rules)? == "error" {
                let named = result.get("ruleId").or(result.pointer("/rule/id"));
                let named = named.or_else(|| rules.placed(result)?.get("id"));
                bad.push(named.and_then(Value::as_str).unwrap_or("a finding"));
            }
        }
    }
    Ok(bad)
}

/// A list, empty where it is left out.
fn list<'a>(of: &'a Value, pointer: &str) -> Result<&'a [Value], String> {
    match of.pointer(pointer) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(format!("`{}` is no list", pointer.trim_start_matches('/'))),
    }
}

/// Whether it is a finding against the code, and stands: a suppression that is rejected or still looked at is none.
fn fails(result: &Value) -> bool {
    let kind = result.get("kind").and_then(Value::as_str).unwrap_or("fail");
    let suppressions = result.get("suppressions").and_then(Value::as_array);
    let suppressed = suppressions.is_some_and(|list| {
        let holds = |one: &Value| {
            !matches!(one.get("status").and_then(Value::as_str), Some("rejected" | "underReview"))
        };
        !list.is_empty() && list.iter().all(holds)
    });
    kind == "fail" && !suppressed
}

/// Its own level, else the one of its rule, else `warning`.
fn level<'a>(result: &'a Value, rules: &Rules<'a>) -> Result<&'a str, String> {
    if let Some(own) = result.get("level").and_then(Value::as_str) {
        return Ok(own);
    }
    let rule = rules.rule(result)?;
    let usual = rule.and_then(|rule| rule.pointer("/defaultConfiguration/level")?.as_str());
    Ok(usual.unwrap_or("warning"))
}

/// The rules of a run.
struct Rules<'a> {
    driver: Component<'a>,
    extensions: Vec<Component<'a>>,
    /// Of all of them, first of the driver.
    all: BTreeMap<&'a str, &'a Value>,
}

/// The rules of a part of a tool: as they stand, and by their ids.
#[derive(Default)]
struct Component<'a> {
    rules: &'a [Value],
    by_id: BTreeMap<&'a str, &'a Value>,
}

impl<'a> Component<'a> {
    fn of(part: &'a Value) -> Component<'a> {
        let rules = part.get("rules").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let mut by_id = BTreeMap::new();
        for rule in rules {
            if let Some(id) = rule.get("id").and_then(Value::as_str) {
                by_id.entry(id).or_insert(rule);
            }
        }
        Component { rules, by_id }
    }
}

impl<'a> Rules<'a> {
    fn of(run: &'a Value) -> Rules<'a> {
        let driver = run.pointer("/tool/driver").map(Component::of).unwrap_or_default();
        let extensions = run.pointer("/tool/extensions").and_then(Value::as_array);
        let extensions: Vec<Component<'a>> =
            extensions.map_or(&[][..], Vec::as_slice).iter().map(Component::of).collect();
        let mut all = driver.by_id.clone();
        for (id, rule) in extensions.iter().flat_map(|part| &part.by_id) {
            all.entry(id).or_insert(rule);
        }
        Rules { driver, extensions, all }
    }

    /// The rule of a result: by its place where that is told, else by its id.
    fn rule(&self, result: &Value) -> Result<Option<&'a Value>, String> {
        if let Some(rule) = self.placed(result) {
            return Ok(Some(rule));
        }
        let id = result.get("ruleId").or(result.pointer("/rule/id")).and_then(Value::as_str);
        let Some(id) = id else { return Ok(None) };
        if id.len() > MOST_ID_BYTES {
            return Err(format!("the id of a rule has {} bytes, more than {MOST_ID_BYTES}", id.len()));
        }
        let of_part = self.component(result).and_then(|part| nearest(&part.by_id, id));
        let of_all = nearest(&self.all, id);
        let nearer = of_part.filter(|(own, _)| of_all.is_none_or(|(any, _)| own.len() >= any.len()));
        Ok(nearer.or(of_all).map(|(_, rule)| rule))
    }

    fn placed(&self, result: &Value) -> Option<&'a Value> {
        let at = number(result, "/ruleIndex").or(number(result, "/rule/index"))?;
        self.component(result)?.rules.get(at)
    }

    fn component(&self, result: &Value) -> Option<&Component<'a>> {
        match number(result, "/rule/toolComponent/index") {
            Some(at) => self.extensions.get(at),
            None => Some(&self.driver),
        }
    }
}

fn number(result: &Value, pointer: &str) -> Option<usize> {
    usize::try_from(result.pointer(pointer)?.as_u64()?).ok()
}

/// The rule of an id: `A/b` is of the rule `A` if there is no `A/b`. Whatever stands between an id and its rule in their order
/// begins with the rule, so each look either finds it or tells how much of the id can be left out.
fn nearest<'a, 'i>(rules: &BTreeMap<&'a str, &'a Value>, mut id: &'i str) -> Option<(&'i str, &'a Value)> {
    loop {
        let (found, rule) = rules.range::<str, _>((Bound::Unbounded, Bound::Included(id))).next_back()?;
        if *found == id {
            return Some((id, rule));
        }
        let alike = found.bytes().zip(id.bytes()).take_while(|(a, b)| a == b).count();
        let end = id.bytes().take(alike + 1).rposition(|b| b == b'/')?;
        id = &id[..end];
    }
}
