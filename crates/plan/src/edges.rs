//! The edges of one task: named ones and those that references and conditions imply, checked while gathered.
//!
//! Knows no other task than by name.

use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::draft::Spanned;
use crate::guesses::Guesses;
use crate::ids::Ids;
use crate::model::Action;
use crate::placed::NeedPlace;
use crate::reference::{Dotted, Ref, RefError, Script, Template};
use crate::tree::Span;
use crate::when::Condition;
use serde_json::Value as Json;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// How the message ends about a name of a task that there is none of.
const NAMES_NO_TASK: &str = "names no task";

/// What is wrong with a reference.
enum Wrong {
    /// There is no such task.
    NoTask,
    /// Something else, in words.
    Other(Cow<'static, str>),
}

impl Wrong {
    fn words(&self) -> &str {
        match self {
            Wrong::NoTask => NAMES_NO_TASK,
            Wrong::Other(words) => words,
        }
    }
}

impl From<&'static str> for Wrong {
    fn from(words: &'static str) -> Wrong {
        Wrong::Other(words.into())
    }
}

impl From<String> for Wrong {
    fn from(words: String) -> Wrong {
        Wrong::Other(words.into())
    }
}

/// What is wrong, and what to do.
type Amiss = (Wrong, Option<String>);

/// Everything that references may name.
pub(crate) struct Names<'n> {
    pub(crate) tasks: Ids<'n>,
    pub(crate) families: BTreeMap<String, Vec<String>>,
    pub(crate) inputs: BTreeSet<String>,
    pub(crate) env: Option<BTreeSet<String>>,
    pub(crate) vault: BTreeSet<String>,
}

/// Gathers the edges of one task while its references are checked.
pub(crate) struct Edges<'a> {
    pub(crate) names: &'a Names<'a>,
    pub(crate) guesses: &'a mut Guesses,
    pub(crate) id: &'a str,
    pub(crate) cell: BTreeMap<String, String>,
    /// It has `for_each`, so it may name `item` and `index`.
    pub(crate) maps: bool,
    /// As they come, so some may stand twice.
    needs: Vec<NeedPlace>,
    pub(crate) families: BTreeMap<String, Vec<String>>,
    /// What stands here may name a secret: it goes into the call and nowhere else.
    pub(crate) into_call: bool,
    /// References of `undo` and `reconcile` name the own task or ancestors and add no edge.
    pub(crate) free: bool,
}

impl<'a> Edges<'a> {
    /// None yet, of a task or cell; `maps` if it has `for_each`.
    pub(crate) fn of(
        (names, guesses): (&'a Names<'a>, &'a mut Guesses),
        id: &'a str,
        cell: BTreeMap<String, String>,
        maps: bool,
    ) -> Edges<'a> {
        Edges {
            names,
            guesses,
            id,
            cell,
            maps,
            needs: Vec::new(),
            families: BTreeMap::new(),
            into_call: false,
            free: false,
        }
    }

    /// The dependencies by id, each where it was met first; those among `named` are the plan's own.
    pub(crate) fn needs(&mut self, named: &[Spanned<String>]) -> Vec<NeedPlace> {
        let mut needs = std::mem::take(&mut self.needs);
        needs.sort_by_key(|need| need.on);
        needs.dedup_by_key(|need| need.on);
        let mut named: Vec<&str> = named.iter().map(|need| need.value.as_str()).collect();
        named.sort_unstable();
        for need in &mut needs {
            need.named = named.binary_search(&self.names.tasks.at(need.on as usize)).is_ok();
        }
        needs
    }

    fn on(&mut self, id: &str, span: &Span) -> bool {
        let found = self.names.tasks.find(id);
        self.needs.extend(found.map(|on| NeedPlace::new(on, span)));
        found.is_some()
    }

    pub(crate) fn need(&mut self, need: &Spanned<String>, problems: &mut Problems) {
        let id = &need.value;
        if id == self.id {
            let message = format!("task `{id}` depends on itself");
            let mut problem =
                Diagnostic::error(Code::Cycle, need.span.clone(), message).label(format!("`{id}` -> `{id}`"));
            problem.cycle = vec![id.clone(), id.clone()];
            problems.push(problem);
            return;
        }
        if self.on(id, &need.span) {
            return;
        }
        if let Some(members) = self.names.families.get(id) {
            for member in members {
                self.on(member, &need.span);
            }
        } else {
            let message = format!("task `{}` needs `{id}`, which does not exist", self.id);
            let mut problem = Diagnostic::error(Code::MissingDependency, need.span.clone(), message);
            problem.help = self.guesses.help(id, self.names.tasks.iter());
            problems.push(problem);
        }
    }

    pub(crate) fn action(&mut self, action: &Action, span: &Span, problems: &mut Problems) {
        self.into_call = matches!(action, Action::Shell { .. } | Action::Tool { .. });
        match action {
            Action::Argv(items) => items.iter().for_each(|i| self.text(i, span, problems)),
            Action::Shell { script, .. } => match Script::parse(script) {
                Ok(script) => {
                    script.refs.iter().for_each(|r| self.reference(r, span, problems));
                    script.dotted.iter().for_each(|text| self.dotted(text, span, problems));
                }
                Err(error) => problems.push(self.malformed(span, error)),
            },
            Action::Agent { prompt, .. } => prompt.iter().for_each(|p| self.text(p, span, problems)),
            Action::Tool { params, .. } => params.values().for_each(|v| self.json(v, span, problems)),
            Action::Join { .. } | Action::Gate { .. } => {}
        }
    }

    pub(crate) fn text(&mut self, text: &str, span: &Span, problems: &mut Problems) {
        match Template::parse(text) {
            Ok(template) => template.refs().for_each(|r| self.reference(r, span, problems)),
            Err(error) => problems.push(self.malformed(span, error)),
        }
    }

    pub(crate) fn json(&mut self, value: &Json, span: &Span, problems: &mut Problems) {
        let mut open = vec![value];
        while let Some(next) = open.pop() {
            match next {
                Json::String(text) => self.text(text, span, problems),
                Json::Array(items) => open.extend(items),
                Json::Object(map) => open.extend(map.values()),
                Json::Null | Json::Bool(_) | Json::Number(_) => {}
            }
        }
    }

    /// What begins as a reference to a task is none of the shell's.
    fn dotted(&self, dotted: &Dotted, span: &Span, problems: &mut Problems) {
        let is_task = |id: &str| self.names.tasks.find(id).is_some() || self.names.families.contains_key(id);
        let Some(id) = dotted.heads().find(|id| is_task(id)) else { return };
        let message = format!("`{dotted}` is not one");
        let help = format!(
            "`{id}` is a task: write `${{{id}.result}}`, with names or numbers between dots below it, \
             or `$${{` for the text itself"
        );
        problems.push(self.malformed(span, RefError { span: span.clone(), message }).help(help));
    }

    fn malformed(&self, span: &Span, error: RefError) -> Diagnostic {
        let message = format!("a reference of task `{}` cannot be used: {}", self.id, error.message);
        Diagnostic::error(Code::BadReference, span.clone(), message)
    }

    fn reference(&mut self, reference: &Ref, span: &Span, problems: &mut Problems) {
        if let Err((why, help)) = self.follow(reference, span) {
            let message = format!("`${{{}}}` in task `{}` {}", reference.name(), self.id, why.words());
            let mut problem = Diagnostic::error(Code::BadReference, span.clone(), message);
            problem.help = help;
            problem.missing_task = matches!(why, Wrong::NoTask);
            problems.push(problem);
        }
    }

    fn follow(&mut self, reference: &Ref, span: &Span) -> Result<(), Amiss> {
        let first = reference.path.first().map(String::as_str).unwrap_or_default();
        if matches!(reference.head.as_str(), "vault" | "env" | "matrix") && reference.path.len() > 1 {
            let help = format!("write `${{{}.{first}}}`", reference.head);
            return Err((format!("goes into `{first}`, which is one text").into(), Some(help)));
        }
        match reference.head.as_str() {
            "inputs" if self.names.inputs.contains(first) => Ok(()),
            "inputs" => {
                Err(("names no input of the plan".into(), Some(format!("add `inputs: {{ {first}: … }}`"))))
            }
            "env" if self.names.env.as_ref().is_none_or(|names| names.contains(first)) => Ok(()),
            "env" => Err((
                "names a variable that is not passed".into(),
                Some(format!("add `{first}` to the plan's `env`")),
            )),
            "matrix" if self.cell.contains_key(first) => Ok(()),
            "matrix" => Err(("names no axis of its matrix".into(), None)),
            "vault" if self.names.vault.contains(first) && self.into_call => Ok(()),
            "vault" if self.names.vault.contains(first) => Err((
                "stands where the secret could be seen".into(),
                Some(
                    "a secret goes into `env`, `params` or a script, where it travels by environment".into(),
                ),
            )),
            "vault" => Err(("names no secret of the plan's `vault`".into(), None)),
            "item" | "index" if self.maps => Ok(()),
            "item" | "index" => Err(("stands in a task without `for_each`".into(), None)),
            "worktree" => Err(("stands outside `worktree.env`".into(), None)),
            _ => self.follow_task(reference, span),
        }
    }

    fn follow_task(&mut self, reference: &Ref, span: &Span) -> Result<(), Amiss> {
        let id = &reference.head;
        let field = reference.path.first().map(String::as_str).unwrap_or_default();
        if id == self.id && !self.free {
            return Err(("names its own task".into(), None));
        }
        if let Some(members) = self.names.families.get(id).filter(|_| field == "results").cloned() {
            if !self.free {
                for member in &members {
                    self.on(member, span);
                }
            }
            self.families.insert(id.clone(), members);
            return Ok(());
        }
        if self.names.tasks.find(id).is_none() {
            return Err((Wrong::NoTask, self.guesses.help(id, self.names.tasks.iter())));
        }
        if !["result", "status", "duration_ms", "stdout", "exit_code"].contains(&field) {
            let help = "a task has `result`, `status`, `duration_ms`, `stdout` and `exit_code`";
            return Err((format!("asks for `{field}`").into(), Some(help.to_owned())));
        }
        if ["status", "duration_ms", "exit_code"].contains(&field) && reference.path.len() > 1 {
            let help = format!("write `${{{id}.{field}}}`");
            return Err((format!("goes into `{field}`, which is one value").into(), Some(help)));
        }
        if !self.free {
            self.on(id, span);
        }
        Ok(())
    }

    pub(crate) fn condition(&mut self, when: &Spanned<String>, problems: &mut Problems) {
        const OTHERS: [&str; 6] = ["tasks", "inputs", "env", "matrix", "item", "index"];
        let condition = match Condition::parse(&when.value) {
            Ok(condition) => condition,
            Err(why) => {
                let message = format!("the condition of task `{}` does not parse: {why}", self.id);
                problems.push(Diagnostic::error(Code::BadCondition, when.span.clone(), message));
                return;
            }
        };
        let named = condition.names.iter().filter(|n| !OTHERS.contains(&n.as_str()));
        for id in named.chain(&condition.literal_tasks) {
            if id != self.id && self.on(id, &when.span) {
                continue;
            }
            let why = if id == self.id { "names its own task" } else { NAMES_NO_TASK };
            let message = format!("`{id}` in the condition of task `{}` {why}", self.id);
            let mut problem = Diagnostic::error(Code::BadCondition, when.span.clone(), message);
            let others = self.names.tasks.iter().filter(|task| *task != self.id);
            if let Some(near) = self.guesses.nearest(id, others) {
                problem = problem.help(format!("did you mean `{near}`?"));
            }
            problems.push(problem);
        }
    }
}
