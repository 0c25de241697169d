//! A part of a plan as a plan of its own: some tasks alone, or some tasks with all that they need.
//!
//! What is left out does not exist in the part. Knows no run.

use crate::fields::nearest;
use crate::model::{Action, Plan, Task};
use crate::reference::{Ref, Script, Template};
use crate::when::Condition;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Which part of a plan is meant. Stored with a run, so that its plan can be read again as it was.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// These tasks and nothing else.
    Only(Vec<String>),
    /// These tasks and all that they need, directly or not.
    Until(Vec<String>),
}

/// Why there is no such part.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PartError {
    /// The plan has no such task.
    #[error("the plan has no task `{}`", task.escape_debug())]
    Unknown {
        /// The name.
        task: String,
        /// A task that may be meant.
        near: Option<String>,
    },
    /// One item of a map is named.
    #[error("`{item}` is an item of `{map}`, and how many there are is known in a run alone: name `{map}`")]
    Item {
        /// The item.
        item: String,
        /// The map.
        map: String,
    },
    /// A task uses what a task gives that is left out.
    #[error("task `{task}` uses what `{of}` gives, which is left out")]
    Uses {
        /// The task.
        task: String,
        /// What is left out.
        of: String,
    },
}

/// The part of a plan that is meant. The name of a matrix means all its cells.
///
/// # Errors
/// A name that is none, or a task that cannot do without what is left out.
pub fn part_of(plan: &Plan, meant: &Part) -> Result<Plan, PartError> {
    let (Part::Only(names) | Part::Until(names)) = meant;
    let index: BTreeMap<&str, &Task> = plan.tasks.iter().map(|task| (task.id.as_str(), task)).collect();
    let mut chosen: BTreeSet<&str> = BTreeSet::new();
    for name in names {
        let cell = format!("{name}[");
        let found: Vec<&str> =
            index.keys().copied().filter(|id| id == name || id.starts_with(&cell)).collect();
        if found.is_empty() {
            let near = nearest(name, index.keys().copied()).map(str::to_owned);
            return Err(PartError::Unknown { task: name.clone(), near });
        }
        if let [id] = found[..]
            && let Some((map, _)) = index[id].item().filter(|_| id == name)
        {
            return Err(PartError::Item { item: name.clone(), map: map.to_owned() });
        }
        chosen.extend(found);
    }
    if let Part::Until(_) = meant {
        let mut open: Vec<&str> = chosen.iter().copied().collect();
        while let Some(task) = open.pop().and_then(|id| index.get(id)) {
            open.extend(task.needs.iter().map(String::as_str).filter(|need| chosen.insert(need)));
        }
    }
    let kept = |id: &String| chosen.contains(id.as_str());
    let mut part = plan.clone();
    part.tasks.retain(|task| kept(&task.id));
    part.unbuilt.retain(|unbuilt| unbuilt.task.as_ref().is_none_or(kept));
    for task in &mut part.tasks {
        if let Some(of) = task.needs.iter().find(|need| !kept(need) && uses(task, need)) {
            // Items of a map are named by their map.
            let named = |task: &Task| task.item().map_or(&*task.id, |(map, _)| map).to_owned();
            let of = index.get(of.as_str()).map_or_else(|| of.clone(), |task| named(task));
            return Err(PartError::Uses { task: named(task), of });
        }
        task.needs.retain(kept);
    }
    Ok(part)
}

/// True if a reference or the condition of a task names another one.
fn uses(task: &Task, other: &str) -> bool {
    if matches!(task.action, Action::Join { .. }) {
        return true; // of everything that it needs
    }
    let of_gate = task.gate.as_ref().and_then(|gate| gate.expr.as_deref());
    let conditions = task.when.as_deref().into_iter().chain(of_gate);
    let of_condition = conditions
        .filter_map(|source| Condition::parse(source).ok())
        .any(|c| c.asks_for_all || c.names.iter().chain(&c.literal_tasks).any(|name| name == other));
    of_condition
        || references(task).iter().filter_map(Ref::task).any(|head| {
            head == other || task.families.get(head).is_some_and(|members| members.iter().any(|m| m == other))
        })
}

/// The references of what a task does; those of `undo` and `reconcile` name what it needs anyway.
fn references(task: &Task) -> Vec<Ref> {
    let mut texts: Vec<&str> = task.cwd.iter().chain(task.env.values()).map(String::as_str).collect();
    let mut open: Vec<&Value> = task.inputs.values().chain(&task.for_each).collect();
    let mut found = Vec::new();
    match &task.action {
        Action::Argv(items) => texts.extend(items.iter().map(String::as_str)),
        Action::Shell { script, .. } => {
            found.extend(Script::parse(script).map(|s| s.refs).unwrap_or_default())
        }
        Action::Agent { prompt, .. } => texts.extend(prompt.as_deref()),
        Action::Tool { params, .. } => open.extend(params.values()),
        Action::Join { .. } | Action::Gate { .. } => {}
    }
    while let Some(next) = open.pop() {
        match next {
            Value::String(text) => texts.push(text),
            Value::Array(items) => open.extend(items),
            Value::Object(map) => open.extend(map.values()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let templates = texts.into_iter().filter_map(|text| Template::parse(text).ok());
    found.extend(templates.flat_map(|template| template.refs().cloned().collect::<Vec<Ref>>()));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Format, Given, load};

    fn plan() -> Option<Plan> {
        let text = "version: 1\ntasks:\n  - { id: a, run: echo }\n  - { id: b, needs: [a], run: echo }\n  \
                    - { id: c, run: 'echo ${a.stdout}' }\n  - { id: m, matrix: { x: [p, q] }, needs: [b], run: echo }\n  \
                    - { id: d, needs: [m], when: 'size(tasks) > 0', run: echo }\n  \
                    - { id: e, run: [echo, '${m.results}'] }\n  - { id: j, needs: [a], join: {} }\n  \
                    - { id: f, for_each: '${a.result}', max_items: 2, run: echo }\n  \
                    - { id: g, run: [echo, '${f.results}'] }\n";
        load(("p.yaml", text.as_bytes()), Format::Yaml, &Given::default()).plan
    }

    /// The ids of a part with what each needs, or why there is none.
    fn part(meant: &Part) -> Result<String, String> {
        let plan = plan().ok_or("not valid")?;
        let part = part_of(&plan, meant).map_err(|e| e.to_string())?;
        let shown = part.tasks.iter().map(|t| format!("{}<{}", t.id, t.needs.join("+")));
        Ok(shown.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_part_is_some_tasks_with_or_without_what_they_need() {
        let only = |names: &[&str]| part(&Part::Only(names.iter().map(|n| (*n).to_owned()).collect()));
        let until = |names: &[&str]| part(&Part::Until(names.iter().map(|n| (*n).to_owned()).collect()));
        let ok = |text: &str| Ok(text.to_owned());
        assert_eq!(only(&["b"]), ok("b<"));
        assert_eq!(only(&["b", "a"]), ok("a< b<a"));
        assert_eq!(only(&["m"]), ok("m[p]< m[q]<"));
        assert_eq!(only(&["m[q]"]), ok("m[q]<"));
        assert_eq!(until(&["m[q]"]), ok("a< b<a m[q]<b"));
        assert_eq!(until(&["c", "b"]), ok("a< b<a c<a"));
        assert_eq!(only(&["c"]), Err("task `c` uses what `a` gives, which is left out".to_owned()));
        assert_eq!(only(&["e"]), Err("task `e` uses what `m[p]` gives, which is left out".to_owned()));
        assert_eq!(only(&["d"]), Err("task `d` uses what `m[p]` gives, which is left out".to_owned()));
        assert_eq!(only(&["j"]), Err("task `j` uses what `a` gives, which is left out".to_owned()));
        assert_eq!(only(&["f"]), Err("task `f` uses what `a` gives, which is left out".to_owned()));
        assert_eq!(only(&["g"]), Err("task `g` uses what `f` gives, which is left out".to_owned()));
        assert_eq!(until(&["f"]), ok("a< f[0]<a f[1]<a"));
        assert_eq!(
            until(&["f[1]"]),
            Err("`f[1]` is an item of `f`, and how many there are is known in a run alone: name `f`"
                .to_owned())
        );
        assert_eq!(only(&["z"]), Err("the plan has no task `z`".to_owned()));
    }
}
