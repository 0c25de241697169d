//! What a log of findings says: SARIF 2.1.0, each finding with the level that the standard gives it where it names none.
//!
//! Knows no gate.

use serde_json::Value;

/// The findings of level `error` that nothing suppresses, by the id of their rule, in the order of the log.
///
/// # Errors
/// It is no such log, what it found stands elsewhere, or the tool says that it broke.
pub(super) fn errors(log: &Value) -> Result<Vec<String>, String> {
    let runs = log.get("runs").and_then(Value::as_array).ok_or("it has no `runs`")?;
    let mut bad = Vec::new();
    for run in runs {
        let invocations = list(run, "/invocations")?;
        if invocations.iter().any(|one| one.get("executionSuccessful") == Some(&Value::Bool(false))) {
            return Err("its tool says that it did not succeed (`executionSuccessful`)".to_owned());
        }
        if !list(run, "/externalPropertyFileReferences/results")?.is_empty() {
            return Err("its results stand in other files".to_owned());
        }
        for result in list(run, "/results")? {
            let rule = rule(run, result);
            if fails(result) && level(result, rule) == "error" {
                let named = result
                    .get("ruleId")
                    .or(result.pointer("/rule/id"))
                    .or(rule.and_then(|rule| rule.get("id")));
                bad.push(named.and_then(Value::as_str).unwrap_or("a finding").to_owned());
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
fn level<'a>(result: &'a Value, rule: Option<&'a Value>) -> &'a str {
    let own = result.get("level").and_then(Value::as_str);
    let usual = || rule?.pointer("/defaultConfiguration/level")?.as_str();
    own.or_else(usual).unwrap_or("warning")
}

/// The rule of a result: by its place where that is told, else by its id; `A/b` is of the rule `A` if there is no `A/b`.
fn rule<'a>(run: &'a Value, result: &Value) -> Option<&'a Value> {
    let rules = |part: &'a Value| part.get("rules").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let tool = run.get("tool")?;
    let extensions = tool.get("extensions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let number = |pointer: &str| usize::try_from(result.pointer(pointer)?.as_u64()?).ok();
    let component = match number("/rule/toolComponent/index") {
        Some(at) => extensions.get(at),
        None => tool.get("driver"),
    };
    let placed = number("/ruleIndex").or(number("/rule/index"));
    if let Some(rule) = placed.and_then(|at| rules(component?).get(at)) {
        return Some(rule);
    }
    let mut id = result.get("ruleId").or(result.pointer("/rule/id"))?.as_str()?;
    loop {
        let parts = component.into_iter().chain(tool.get("driver")).chain(extensions);
        let found = parts.flat_map(rules).find(|rule| rule.get("id").and_then(Value::as_str) == Some(id));
        match (found, id.rsplit_once('/')) {
            (None, Some((shorter, _))) => id = shorter,
            _ => return found,
        }
    }
}
