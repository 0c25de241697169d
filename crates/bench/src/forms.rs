//! A graph in the formats of those who run it: our plan as JSON and as YAML, ninja's file, and that of the floor.
//!
//! On each side a task is one process: a script is run by `sh -c`, a program is started as it is. It knows no run.

use crate::graphs::Graph;
use std::fmt::Write as _;
use std::path::Path;

/// What every task does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action<'a> {
    /// A script for `sh -c`; `{}` in it is the number of the task.
    Script(&'a str),
    /// A program without arguments, and without a shell.
    Program(&'a Path),
    /// Sleeps as long as the graph says, and says so beforehand.
    Sleep,
}

/// How a plan is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    pub(crate) slots: u64,
    pub(crate) schedule: &'static str,
}

impl Manner {
    /// As soon as its needs allow, with so many slots.
    pub(crate) const fn slots(slots: u64) -> Manner {
        Manner { slots, schedule: "dataflow" }
    }
}

/// Our plan as JSON.
pub(crate) fn plan_json(graph: &Graph, manner: Manner, action: Action<'_>) -> String {
    let head = format!(
        "{{\"version\":1,\"effect\":\"idempotent\",\"schedule\":\"{}\",\"limits\":{{\"max_parallel\":{}}},\"tasks\":[",
        manner.schedule, manner.slots
    );
    let mut out = head;
    for (n, needs) in graph.needs.iter().enumerate() {
        let comma = if n > 0 { "," } else { "" };
        let ids = needs.iter().map(|need| format!("\"t{need}\"")).collect::<Vec<_>>().join(",");
        let run = run(graph, n, action);
        // Writing into text cannot fail.
        let _ = write!(out, "{comma}\n{{\"id\":\"t{n}\",\"needs\":[{ids}],{run}}}");
    }
    out + "\n]}\n"
}

fn run(graph: &Graph, n: usize, action: Action<'_>) -> String {
    match action {
        Action::Script(text) => format!("\"run\":{}", quoted(&numbered(text, n))),
        Action::Program(path) => format!("\"run\":[{}]", quoted(&path.display().to_string())),
        Action::Sleep => {
            let ms = graph.ms.get(n).copied().unwrap_or(0);
            format!("\"run\":[\"sleep\",\"{}\"],\"estimate\":\"{ms}ms\"", seconds(ms))
        }
    }
}

/// Our plan as YAML, as a person would write it, every task with the same script.
pub(crate) fn plan_yaml(graph: &Graph, script: &str) -> String {
    let mut out = "version: 1\ntasks:\n".to_owned();
    for (n, needs) in graph.needs.iter().enumerate() {
        let ids = needs.iter().map(|need| format!("t{need}")).collect::<Vec<_>>().join(", ");
        let needs = if ids.is_empty() { String::new() } else { format!("    needs: [{ids}]\n") };
        let _ = write!(out, "  - id: t{n}\n{needs}    run: {}\n", quoted(script));
    }
    out
}

/// A file for ninja; nothing in it is ever up to date.
pub(crate) fn ninja(graph: &Graph, script: &str) -> String {
    let mut out = "ninja_required_version = 1.5\nrule r\n  command = $c\n".to_owned();
    for (n, needs) in graph.needs.iter().enumerate() {
        let inputs: String = needs.iter().map(|need| format!(" o/t{need}")).collect();
        let command = numbered(script, n).replace('$', "$$");
        let _ = write!(out, "build o/t{n}: r{inputs}\n  c = {command}\n");
    }
    out
}

/// A file for the floor: the needs of each task on a line.
pub(crate) fn floor(graph: &Graph) -> String {
    let line = |needs: &Vec<u32>| needs.iter().map(u32::to_string).collect::<Vec<_>>().join(" ") + "\n";
    graph.needs.iter().map(line).collect()
}

fn numbered(script: &str, n: usize) -> String {
    script.replace("{}", &n.to_string())
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph() -> Graph {
        Graph { needs: vec![vec![], vec![0], vec![0, 1]], ms: vec![5, 1_200, 0] }
    }

    #[test]
    fn the_same_graph_is_told_to_each_of_them() {
        let plan = plan_json(&graph(), Manner::slots(8), Action::Script("echo {} >>log"));
        let value: serde_json::Value = serde_json::from_str(&plan).unwrap();
        assert_eq!(value["tasks"][2]["needs"], serde_json::json!(["t0", "t1"]));
        assert_eq!(value["tasks"][1]["run"], "echo 1 >>log");
        assert_eq!(value["limits"]["max_parallel"], 8);
        let ninja = ninja(&graph(), "echo {} $X");
        assert!(ninja.ends_with("build o/t2: r o/t0 o/t1\n  c = echo 2 $$X\n"), "{ninja}");
        assert_eq!(floor(&graph()), "\n0\n0 1\n");
        let yaml = plan_yaml(&graph(), "true");
        assert!(yaml.ends_with("  - id: t2\n    needs: [t0, t1]\n    run: \"true\"\n"), "{yaml}");
    }

    #[test]
    fn a_task_that_sleeps_says_how_long() {
        let value: serde_json::Value =
            serde_json::from_str(&plan_json(&graph(), Manner::slots(1), Action::Sleep)).unwrap();
        assert_eq!(value["tasks"][1]["run"], serde_json::json!(["sleep", "1.200"]));
        assert_eq!(value["tasks"][0]["estimate"], "5ms");
    }

    #[test]
    fn a_program_is_started_without_a_shell() {
        let plan = plan_json(&graph(), Manner::slots(1), Action::Program(Path::new("a b/noop")));
        assert!(plan.contains("\"run\":[\"a b/noop\"]"));
    }
}
