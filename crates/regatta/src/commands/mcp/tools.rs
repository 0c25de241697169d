//! The tools: name, words, schema, manner, and the function behind it. One table, which the documentation is checked against.

use super::answer::Answer;
use super::desk::{Arguments, Desk, Refused};
use super::{leases, requests, runs, schemas};
use regatta_plan::{Document, schema};
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use rmcp::schemars::{JsonSchema, schema_for};
use serde_json::Value;
use std::sync::Arc;

/// What a call does to the world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Manner {
    /// It changes nothing.
    Looks,
    /// It runs what the caller hands over.
    Runs,
    /// It orders something of a run; twice is as good as once.
    Orders {
        /// Work may be lost.
        destructive: bool,
    },
}

/// Where a tool is offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Offered {
    Everywhere,
    /// Outside of a task: runs do not start runs.
    Outside,
    /// Inside of a task.
    Inside,
}

/// One tool.
pub(super) struct Row {
    pub(super) name: &'static str,
    title: &'static str,
    about: &'static str,
    schema: fn() -> Value,
    /// What it answers.
    answers: fn() -> Value,
    pub(super) manner: Manner,
    offered: Offered,
    pub(super) call: fn(&Desk<'_>, Arguments) -> Result<Answer, Refused>,
}

/// All of them, in the order in which they are listed.
pub(super) const ROWS: [Row; 14] = [
    Row {
        name: "parallel_execute",
        title: "Run a graph of tool calls",
        about: "Runs a whole graph of tool calls in one call: independent ones at once, results passed on by \
                `${taskId.result.field}`, failures contained. Durable: if it outlasts the wait, the answer has the run id and \
                `run_wait` goes on.",
        schema: || schema(Document::Request),
        answers: || schemas::document("tasks", schemas::task()),
        manner: Manner::Runs,
        offered: Offered::Outside,
        call: requests::parallel_execute,
    },
    Row {
        name: "shell_batch",
        title: "Run a batch of shell commands",
        about: "Runs shell commands, those at once that do not depend on each other, and answers exit code and output of each. \
                If it outlasts the wait, the answer has the run id and `run_wait` goes on.",
        schema: || schema(Document::Batch),
        answers: || schemas::document("commands", schemas::command()),
        manner: Manner::Runs,
        offered: Offered::Outside,
        call: requests::shell_batch,
    },
    Row {
        name: "plan_check",
        title: "Check a plan",
        about: "Says every problem of a plan at once, with line, column and hint. Runs nothing.",
        schema: of::<runs::PlanCheck>,
        answers: schemas::checked,
        manner: Manner::Looks,
        offered: Offered::Outside,
        call: runs::plan_check,
    },
    Row {
        name: "run_start",
        title: "Start a plan",
        about: "Starts a plan as a process of its own and answers its run id at once. Then call `run_wait`.",
        schema: of::<runs::RunStart>,
        answers: schemas::started,
        manner: Manner::Runs,
        offered: Offered::Outside,
        call: runs::run_start,
    },
    Row {
        name: "run_status",
        title: "Where a run stands",
        about: "Where a run stands: status, tasks by state, time, what failed, what its agents and gates ask a person (`questions`).",
        schema: of::<runs::OneRun>,
        answers: schemas::standing,
        manner: Manner::Looks,
        offered: Offered::Everywhere,
        call: runs::run_status,
    },
    Row {
        name: "run_wait",
        title: "Wait for a run",
        about: "Waits until a run has ended or needs somebody, who may be asked `questions`, 45 s at most, and answers the events \
                since the cursor. Call it \
                again with the new cursor until `ended`. Taking the call back does not touch the run.",
        schema: of::<runs::RunWait>,
        answers: schemas::waited,
        manner: Manner::Looks,
        offered: Offered::Outside,
        call: runs::run_wait,
    },
    Row {
        name: "run_pause",
        title: "Pause a run",
        about: "Starts nothing new until the run is resumed; with `now` what runs stands still too.",
        schema: of::<runs::RunPause>,
        answers: schemas::said,
        manner: Manner::Orders { destructive: false },
        offered: Offered::Outside,
        call: runs::run_pause,
    },
    Row {
        name: "run_resume",
        title: "Resume a run",
        about: "Goes on with a run that was paused or interrupted. Finished work is not done again.",
        schema: of::<runs::OneRun>,
        answers: schemas::said,
        manner: Manner::Orders { destructive: false },
        offered: Offered::Outside,
        call: runs::run_resume,
    },
    Row {
        name: "run_cancel",
        title: "Cancel a run",
        about: "Ends a run, or one of its tasks, with everything that it started.",
        schema: of::<runs::RunCancel>,
        answers: schemas::said,
        manner: Manner::Orders { destructive: true },
        offered: Offered::Outside,
        call: runs::run_cancel,
    },
    Row {
        name: "run_events",
        title: "The events of a run",
        about: "The events of a run since a cursor, as they are in its log.",
        schema: of::<runs::RunEvents>,
        answers: || schemas::events(&[]),
        manner: Manner::Looks,
        offered: Offered::Outside,
        call: runs::run_events,
    },
    Row {
        name: "explain",
        title: "Why a task is where it is",
        about: "Why a task waits, was blocked, skipped, or failed, and what it said last.",
        schema: of::<runs::Explain>,
        answers: schemas::explained,
        manner: Manner::Looks,
        offered: Offered::Everywhere,
        call: runs::explain,
    },
    Row {
        name: "lease_acquire",
        title: "Ask for leases",
        about: "Waits until this task holds all the named files or locks, or says that waiting would never end. What is held is \
                given back at the end of the attempt.",
        schema: of::<leases::Acquire>,
        answers: schemas::said,
        manner: Manner::Orders { destructive: false },
        offered: Offered::Inside,
        call: leases::acquire,
    },
    Row {
        name: "lease_release",
        title: "Give leases back",
        about: "Gives back what `lease_acquire` got for this task.",
        schema: of::<leases::Release>,
        answers: schemas::said,
        manner: Manner::Orders { destructive: false },
        offered: Offered::Inside,
        call: leases::release,
    },
    Row {
        name: "report",
        title: "Report of a run",
        about: "What the journal knows of a run, as Markdown: what was done, what went wrong, what it cost, what is open.",
        schema: of::<runs::OneRun>,
        answers: schemas::reported,
        manner: Manner::Looks,
        offered: Offered::Everywhere,
        call: runs::report,
    },
];

/// The names of all tools.
pub(super) const NAMES: [&str; ROWS.len()] = {
    let mut names = [""; ROWS.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = ROWS[i].name;
        i += 1;
    }
    names
};

impl Row {
    /// Whether it is offered here.
    pub(super) fn is_offered(&self, inside_task: bool) -> bool {
        match self.offered {
            Offered::Everywhere => true,
            Offered::Outside => !inside_task,
            Offered::Inside => inside_task,
        }
    }

    /// In the words of the protocol.
    pub(super) fn tool(&self) -> Tool {
        let looks = self.manner == Manner::Looks;
        let harmless = looks || self.manner == Manner::Orders { destructive: false };
        let annotations = ToolAnnotations::with_title(self.title)
            .read_only(looks)
            .destructive(!harmless)
            .idempotent(self.manner != Manner::Runs)
            .open_world(self.manner == Manner::Runs);
        let fields = |schema: fn() -> Value| match schema() {
            Value::Object(schema) => Arc::new(schema),
            _ => Arc::new(JsonObject::new()),
        };
        let mut tool = Tool::new(self.name, self.about, fields(self.schema)).with_title(self.title);
        tool.output_schema = Some(fields(self.answers));
        tool.annotations = Some(annotations);
        tool
    }
}

/// The schema of arguments that have a type.
fn of<T: JsonSchema>() -> Value {
    schema_for!(T).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tool_says_what_it_takes_and_what_it_does_to_the_world() {
        for row in &ROWS {
            let tool = row.tool();
            let schema = Value::Object((*tool.input_schema).clone());
            assert_eq!(schema["type"], "object", "{}", row.name);
            assert!(jsonschema::validator_for(&schema).is_ok(), "{}: {schema}", row.name);
            let properties = schema["properties"].as_object().unwrap();
            assert!(properties.values().all(|property| property.get("description").is_some()), "{schema}");
            let answers = Value::Object((*tool.output_schema.unwrap()).clone());
            assert_eq!(answers["type"], "object", "{}", row.name);
            assert!(jsonschema::validator_for(&answers).is_ok(), "{}: {answers}", row.name);
            let annotations = tool.annotations.unwrap();
            assert_eq!(annotations.read_only_hint, Some(row.manner == Manner::Looks), "{}", row.name);
            assert!(!(annotations.is_destructive() && row.manner == Manner::Looks), "{}", row.name);
        }
    }
}
