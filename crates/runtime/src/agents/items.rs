//! What the prompt of a task is made of: its own entry in the plan, what its predecessors say, how it failed before.
//!
//! Knows no file; who calls has looked everything up.

use regatta_plan::model::Task;
use regatta_plan::prompt::{Item, Part, Trust};
use serde_json::Value;

/// A summary is passed on up to this many bytes.
const MAX_SUMMARY_BYTES: usize = 8 << 10;
/// How an agent is to end.
const CONTRACT: &str = "End with a short summary of what you changed and why, and what is left to do: your last message is \
                        handed to the tasks that follow. Do not commit: that is done for you.";

/// What is known of a task beside its entry in the plan.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// Its prompt, or its title, references replaced.
    pub(crate) instruction: String,
    /// Its inputs, references replaced.
    pub(crate) inputs: Option<Value>,
    /// What each predecessor says: task and summary.
    pub(crate) before: Vec<(String, String)>,
    /// The number of the attempt that failed last, and how it failed.
    pub(crate) failure: Option<(u32, String)>,
}

/// The items of a task's prompt.
pub(crate) fn items(task: &Task, known: Known) -> Vec<Item> {
    let own = |part, text: String| Item {
        part,
        source: "plan".to_owned(),
        revision: None,
        trust: Trust::Plan,
        text,
    };
    let foreign = |part, source: String, text: String| Item {
        part,
        source,
        revision: None,
        trust: Trust::Foreign,
        text,
    };
    let bullets = |texts: &[String]| texts.iter().map(|text| format!("- {text}\n")).collect::<String>();
    let mut items = vec![
        own(Part::Title, task.title.clone().unwrap_or_else(|| format!("Task {}", task.id))),
        own(Part::Instruction, known.instruction),
        own(Part::Criteria, bullets(&task.accept)),
        own(Part::Owns, bullets(&task.files)),
        own(Part::Reads, bullets(&task.reads)),
        own(Part::Contract, CONTRACT.to_owned()),
    ];
    if let Some(inputs) = known.inputs.filter(|inputs| inputs.as_object().is_some_and(|map| !map.is_empty()))
    {
        // Values of other tasks may be among them.
        items.push(foreign(Part::Inputs, "inputs".to_owned(), format!("{inputs:#}")));
    }
    for (id, summary) in known.before {
        items.push(foreign(Part::Before, format!("task {id}"), head(&summary).to_owned()));
    }
    if let Some((number, text)) = known.failure {
        let failure = foreign(Part::Failure, format!("task {}", task.id), head(&text).to_owned());
        items.push(Item { revision: Some(format!("attempt {number}")), ..failure });
    }
    items
}

/// What a result says of itself.
pub(crate) fn summary(result: &Value) -> Option<&str> {
    result.get("summary").and_then(Value::as_str).filter(|text| !text.trim().is_empty())
}

fn head(text: &str) -> &str {
    let end = (0..=MAX_SUMMARY_BYTES.min(text.len())).rev().find(|&i| text.is_char_boundary(i));
    &text[..end.unwrap_or(0)]
}
