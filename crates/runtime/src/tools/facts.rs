//! What servers say of their tools, and what that means for the calls of a plan.
//!
//! Pure.

use regatta_plan::model::{Action, BUILT_IN, Plan, Task, built_in};
use regatta_plan::nearest;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What a server says of a tool.
#[derive(Clone, PartialEq, Debug)]
pub struct ToolFacts {
    /// Its name.
    pub name: String,
    /// The schema of its parameters.
    pub schema: Value,
    /// Hints, where the server gives them: it only reads, it destroys, it may be repeated.
    pub hints: [Option<bool>; 3],
}

/// What each server lists, or why it lists nothing.
pub type Listed = BTreeMap<String, Result<Vec<ToolFacts>, String>>;

/// What keeps a call from being made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Objection {
    /// Nobody, or nobody that can be asked, has its tool, or more than one has.
    Tool,
    /// Its parameters do not fit.
    Params,
}

/// What is wrong with the calls of a plan, each a line for people.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Findings {
    /// Calls that would fail.
    pub errors: Vec<(Objection, String)>,
    /// Calls that are probably not meant so.
    pub warnings: Vec<String>,
}

/// Judges the calls of a plan by what its servers list. Values that a reference will give are left out.
#[must_use]
pub fn judge(plan: &Plan, listed: &Listed) -> Findings {
    let mut found = Findings::default();
    for (task, action) in plan.calls() {
        let Action::Tool { tool, params } = action else { continue };
        if built_in(tool).is_some() {
            continue;
        }
        match of(tool, listed) {
            Ok(Some(facts)) => {
                check_params(task, (tool, facts), params, &mut found.errors);
                // What undoes is not what is declared.
                if *action == task.action {
                    found.warnings.extend(contradiction(task, tool, facts));
                }
            }
            Ok(None) => {}
            Err(why) => {
                found.errors.push((Objection::Tool, format!("task `{}` names {why}", task.id)));
            }
        }
    }
    let silent = listed.iter().filter_map(|(server, tools)| Some((server, tools.as_ref().err()?)));
    for (server, why) in silent {
        let line = format!("server `{server}`: {why}");
        match is_needed(plan, server, listed) {
            true => found.errors.push((Objection::Tool, line)),
            false => found.warnings.push(line),
        }
    }
    found
}

/// Whether a plan cannot do without a server that lists nothing: it is named, or may be the one of a bare name that no other
/// lists.
fn is_needed(plan: &Plan, server: &str, listed: &Listed) -> bool {
    let is_listed = |tool: &str| listed.values().flatten().flatten().any(|facts| facts.name == tool);
    let by_agents = plan.agents.values().any(|agent| agent.mcp.iter().any(|name| name == server));
    let mut tools = plan.calls().filter_map(|(_, action)| action.tool());
    by_agents
        || tools.any(|tool| match tool.split_once('/') {
            Some((of, _)) => of == server,
            None => built_in(tool).is_none() && !is_listed(tool),
        })
}

/// The tool that a name means; `None` if the server that it names could not be asked.
fn of<'a>(tool: &str, listed: &'a Listed) -> Result<Option<&'a ToolFacts>, String> {
    let find = |server: &str, name: &str| {
        let tools = listed.get(server).and_then(|tools| tools.as_ref().ok());
        tools.and_then(|tools| tools.iter().find(|facts| facts.name == name))
    };
    let known = |server: &str| match listed.get(server) {
        Some(Ok(tools)) => Some(tools.iter().map(|facts| facts.name.as_str())),
        _ => None,
    };
    let hint =
        |near: Option<String>| near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    if let Some((server, name)) = tool.split_once('/') {
        let Some(names) = known(server) else { return Ok(None) };
        let near = nearest(name, names).map(|near| format!("{server}/{near}"));
        let missing = || format!("tool `{tool}`, which server `{server}` does not have{}", hint(near));
        return find(server, name).map(Some).ok_or_else(missing);
    }
    let servers: Vec<&String> = listed.keys().filter(|server| find(server, tool).is_some()).collect();
    match servers[..] {
        [server] => Ok(find(server, tool)),
        [] => {
            let theirs =
                listed.keys().find_map(|server| Some(format!("{server}/{}", nearest(tool, known(server)?)?)));
            let ours = || nearest(tool, BUILT_IN.iter().map(|tool| tool.name)).map(str::to_owned);
            let near = theirs.or_else(ours);
            let silent: Vec<String> = listed
                .iter()
                .filter(|(_, said)| said.is_err())
                .map(|(name, _)| format!("`{name}`"))
                .collect();
            let of = match silent.len() {
                0 => "no server has".to_owned(),
                _ => format!("no server has that could be asked ({} could not)", silent.join(", ")),
            };
            Err(format!("tool `{tool}`, which is not built in, and which {of}{}", hint(near)))
        }
        _ => {
            let names: Vec<String> = servers.iter().map(|server| format!("`{server}/{tool}`")).collect();
            Err(format!("tool `{tool}`, which more than one server has: name {}", names.join(" or ")))
        }
    }
}

/// What the schema says against the parameters that are known already.
fn check_params(
    task: &Task,
    (tool, facts): (&str, &ToolFacts),
    params: &BTreeMap<String, Value>,
    errors: &mut Vec<(Objection, String)>,
) {
    let mut object = |line: String| errors.push((Objection::Params, line));
    let validator = match jsonschema::validator_for(&facts.schema) {
        Ok(validator) => validator,
        Err(error) => return object(format!("the schema of tool `{tool}` cannot be used: {error}")),
    };
    let params = Value::Object(params.iter().map(|(k, v)| (k.clone(), v.clone())).collect::<Map<_, _>>());
    let open = open_paths(&params);
    for error in validator.iter_errors(&params) {
        let at = error.instance_path().to_string();
        let of_names = ["required", "additionalProperties"].contains(&error.kind().keyword());
        let inside = |outer: &str, inner: &str| {
            inner == outer || inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
        };
        if open.iter().any(|path| inside(path, &at) || (inside(&at, path) && !of_names)) {
            continue;
        }
        let place =
            if at.is_empty() { "`params`".to_owned() } else { format!("`params{}`", at.replace('/', ".")) };
        object(format!("task `{}` calls `{tool}` with {place} that do not fit: {error}", task.id));
    }
}

/// Where values stand that a reference will give.
fn open_paths(params: &Value) -> BTreeSet<String> {
    let (mut open, mut todo) = (BTreeSet::new(), vec![(String::new(), params)]);
    while let Some((path, value)) = todo.pop() {
        match value {
            Value::String(text) if text.contains("${") => drop(open.insert(path)),
            Value::Array(items) => {
                todo.extend(items.iter().enumerate().map(|(i, v)| (format!("{path}/{i}"), v)))
            }
            Value::Object(map) => {
                let escape = |key: &String| key.replace('~', "~0").replace('/', "~1");
                todo.extend(map.iter().map(|(k, v)| (format!("{path}/{}", escape(k)), v)));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    open
}

/// What a server says of a tool against what the plan declares.
fn contradiction(task: &Task, tool: &str, facts: &ToolFacts) -> Option<String> {
    let [reads, destroys, repeats] = facts.hints;
    let says = match task.effect.as_str() {
        "pure" | "idempotent" if reads == Some(true) => return None,
        "pure" if reads == Some(false) || destroys == Some(true) => "changes something",
        "idempotent" if repeats == Some(true) => return None,
        "idempotent" if destroys == Some(true) => "is destructive",
        "idempotent" if repeats == Some(false) => "may not be repeated",
        _ => return None,
    };
    let effect = &task.effect;
    Some(format!("task `{}` has `effect: {effect}`, and its server says that `{tool}` {says}", task.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use regatta_plan::{Format, Given, load};
    use serde_json::json;

    fn judged(tasks: &str) -> Findings {
        let text = format!(
            "version: 1\nmcp_servers: {{ s: {{ command: x }}, t: {{ command: y }}, u: {{ command: z }} }}\ntasks:\n  - {{ id: z, run: x }}\n  - {{ id: y, tool: u/x }}\n{tasks}"
        );
        let loaded = load(("p.yaml", text.as_bytes()), Format::Yaml, &Given::default());
        let plan = loaded.plan.unwrap_or_else(|| panic!("{}", loaded.problems.len()));
        let schema = json!({ "type": "object", "required": ["n"], "additionalProperties": false,
            "properties": { "n": { "type": "integer" }, "deep": { "type": "object", "properties": { "t": { "type": "string", "pattern": "^a" } } } } });
        let tool = |name: &str, hints| ToolFacts { name: name.into(), schema: schema.clone(), hints };
        let s = vec![
            tool("get", [Some(true), None, None]),
            tool("drop", [Some(false), Some(true), None]),
            tool("both", [None; 3]),
        ];
        let t = vec![tool("both", [None; 3]), tool("only", [Some(false), None, Some(false)])];
        judge(
            &plan,
            &BTreeMap::from([
                ("s".into(), Ok(s)),
                ("t".into(), Ok(t)),
                ("u".into(), Err("it is ill".into())),
            ]),
        )
    }

    fn lines(found: &Findings) -> Vec<&str> {
        found.errors.iter().map(|(_, line)| line.as_str()).collect()
    }

    #[test]
    fn a_schema_is_held_against_what_is_known_and_not_against_what_a_reference_will_give() {
        let check = |params: &str, words: &[&str]| {
            let found = judged(&format!("  - {{ id: a, tool: s/get, params: {params} }}\n"));
            let of_params = found.errors.iter().filter(|(what, _)| *what == Objection::Params).count();
            let found = lines(&found);
            assert!(
                found.len() == words.len() + 1
                    && of_params == words.len()
                    && words.iter().all(|w| found.iter().any(|f| f.contains(w))),
                "{params}: {found:?}"
            );
        };
        check("{ n: 1 }", &[]);
        check("{ n: '${z.result.n}', deep: { t: '${z.result.t}' } }", &[]);
        check("{ n: one }", &["`params.n`"]);
        check("{ m: '${z.result.n}' }", &["\"n\" is a required property", "'m' was unexpected"]);
        check("{ n: 1, deep: { t: b } }", &["`params.deep.t`"]);
    }

    #[test]
    fn a_name_that_nobody_has_or_two_have_is_an_error_and_what_the_server_says_otherwise_a_warning() {
        let found = judged(
            "  - { id: a, tool: s/gets, params: { n: 1 } }\n  - { id: b, tool: both, params: { n: 1 } }\n  - { id: c, tool: only, params: { n: 1 }, effect: idempotent }\n  - { id: d, tool: s/drop, params: { n: 1 }, effect: pure }\n  - { id: e, tool: s/get, params: { n: 1 }, effect: pure }\n  - { id: f, tool: s/drop, params: { n: 1 } }\n",
        );
        assert_eq!(
            lines(&found),
            [
                "task `a` names tool `s/gets`, which server `s` does not have; did you mean `s/get`?",
                "task `b` names tool `both`, which more than one server has: name `s/both` or `t/both`",
                "server `u`: it is ill",
            ]
        );
        assert_eq!(
            found.warnings,
            [
                "task `c` has `effect: idempotent`, and its server says that `only` may not be repeated",
                "task `d` has `effect: pure`, and its server says that `s/drop` changes something",
            ]
        );
    }
}
