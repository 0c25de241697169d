//! The same graph with the same tasks for each side: a file in the format of each, and the command that runs it.
//!
//! It knows how ninja and the floor are called, and no goal.

use crate::bench::Bench;
use crate::forms::{self, Action, Manner};
use crate::graphs::Graph;
use crate::turns::Side;
use regatta_crash::Outcome;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One graph, as a file for each side.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) tasks: usize,
    slots: u64,
    plan: PathBuf,
    ninja: PathBuf,
    floor: PathBuf,
    /// The program of every task, for the floor.
    argv: Vec<String>,
}

impl Work {
    /// Writes the files.
    pub(crate) fn new(
        bench: &Bench,
        name: &str,
        (graph, slots): (&Graph, u64),
        action: Action<'_>,
    ) -> Outcome<Work> {
        let (script, argv) = match action {
            Action::Script(text) => {
                (text.to_owned(), vec!["/bin/sh".to_owned(), "-c".to_owned(), text.to_owned()])
            }
            Action::Program(path) => (path.display().to_string(), vec![path.display().to_string()]),
            Action::Sleep => return Err("a floor and ninja have one action for all tasks".to_owned()),
        };
        let file = |kind: &str, text: String| bench.place.file(&format!("{name}.{kind}"), &text);
        Ok(Work {
            tasks: graph.len(),
            slots,
            plan: file("json", forms::plan_json(graph, Manner::slots(slots), action))?,
            ninja: file("ninja", forms::ninja(graph, &script))?,
            floor: file("dag", forms::floor(graph))?,
            argv,
        })
    }

    /// `regatta run`.
    pub(crate) fn ours(&self, bench: &Bench, dir: &Path) -> Command {
        let plan = self.plan.display().to_string();
        bench.regatta(dir, &["run", &plan, "--json"])
    }

    /// ninja with the same number of slots.
    pub(crate) fn ninja(&self, program: &Path, dir: &Path) -> Command {
        let mut command = Command::new(program);
        command.arg("-f").arg(&self.ninja).arg(format!("-j{}", self.slots)).current_dir(dir);
        command
    }

    /// The floor: one synced transaction a turn, and a keeper.
    pub(crate) fn floor(&self, program: &Path, dir: &Path) -> Command {
        let mut command = Command::new(program);
        command.arg(&self.floor).arg(self.slots.to_string()).args(["sqlite", "keeper"]).args(&self.argv);
        command.current_dir(dir);
        command
    }

    /// The three of them.
    pub(crate) fn sides<'a>(&'a self, bench: &'a Bench) -> Vec<Side<'a>> {
        vec![
            Side::new("regatta", move |dir| self.ours(bench, dir)),
            Side::with("ninja", &bench.references.ninja, move |program, dir| self.ninja(program, dir)),
            Side::with("floor", &bench.references.floor, move |program, dir| self.floor(program, dir)),
        ]
    }
}
