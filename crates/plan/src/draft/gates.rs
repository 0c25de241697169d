//! Reads `gates` of a plan, and what `merge.gates` means: every gate that is named, with what it needs before it.
//!
//! What the declarations cannot say is reported here: gates that do not exist or wait for each other, evidence that is
//! none. What a command says when it runs is not known here.

use super::commands::command;
use super::evidence;
use crate::apart::Check;
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::fields::{self, Fields, nearest};
use crate::ids::is_id;
use crate::model::Action;
use crate::tree::{Item, Key, List, Span};
use crate::when::Condition;
use std::collections::{BTreeMap, BTreeSet};

/// A gate may take this long unless it says otherwise, in milliseconds.
const GATE_MS: u64 = 300_000;
/// The gates of a plan by id.
pub(super) fn read(f: Fields<'_>, problems: &mut Problems) -> BTreeMap<String, Check> {
    let mut found = BTreeMap::new();
    for (key, item) in f.inside("gates").pairs() {
        if !is_id(key.text) {
            let message = format!("`{}` cannot be the id of a gate", key.text.escape_debug());
            problems.push(
                Diagnostic::error(Code::BadId, key.span(), message)
                    .help("1 to 128 of A-Z a-z 0-9 . _ -, not beginning with . or -, no `..`"),
            );
            continue;
        }
        if let Some(check) = gate((key, item), problems) {
            found.insert(key.text.to_owned(), check);
        }
    }
    let all: BTreeSet<&str> = f.inside("gates").pairs().map(|(key, _)| key.text).collect();
    for (key, item) in f.inside("gates").pairs() {
        for need in Fields::of(item).list("needs").iter() {
            let Some(name) = fields::text(need).filter(|name| !all.contains(name.as_str())) else { continue };
            let message = format!("gate `{}` needs `{}`, which is no gate", key.text, name.escape_debug());
            let mut problem = Diagnostic::error(Code::UnknownName, need.span(), message);
            problem.help = nearest(&name, all.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            problems.push(problem);
        }
    }
    if let Some(cycle) = cycle(&found) {
        let span = f.inside("gates").get(&cycle[0]).map_or(0..0, Item::span);
        let message = format!("gates need each other in a cycle: {}", cycle.join(" -> "));
        let mut problem = Diagnostic::error(Code::Cycle, span, message);
        problem.cycle = cycle;
        problems.push(problem.help("remove one of these needs"));
    }
    found
}

fn gate((key, item): (Key<'_>, Item<'_>), problems: &mut Problems) -> Option<Check> {
    let gate = Fields::of(item);
    let (person, expr) = (gate.text("person"), gate.text("expr"));
    if let Some(item) =
        gate.get("person").filter(|_| person.as_ref().is_some_and(|who| who.trim().is_empty()))
    {
        let message = format!("`person` of gate `{}` is empty: it says who is waited for", key.text);
        problems.push(Diagnostic::error(Code::BadValue, item.span(), message));
    }
    let action = if person.is_some() || expr.is_some() {
        Action::Gate { gate: key.text.to_owned() }
    } else {
        command(gate.get("run")?, "`run`", problems)?.value
    };
    if let (Some(text), Some(item)) = (&expr, gate.get("expr"))
        && let Err(why) = Condition::parse(text)
    {
        let message = format!("the expression of gate `{}` does not parse: {why}", key.text);
        problems.push(Diagnostic::error(Code::BadCondition, item.span(), message));
    }
    let mut found = Vec::new();
    for item in gate.list("evidence").iter() {
        let Some(text) = fields::text(item) else { continue };
        match evidence::read(&text) {
            Ok(one) => found.push(one),
            Err(why) => {
                let message = format!("evidence `{}` of gate `{}` {why}", text.escape_debug(), key.text);
                problems.push(Diagnostic::error(Code::BadValue, item.span(), message));
            }
        }
    }
    for part in ["timeout", "evidence", "blocking"] {
        let why = match (&person, &expr) {
            (Some(_), _) => "a person is waited for",
            (None, Some(_)) if part != "blocking" => "an expression takes no time and writes nothing",
            _ => continue,
        };
        let Some(item) = gate.get(part) else { continue };
        let message = format!("`{part}` of gate `{}` is for commands: {why}", key.text);
        problems.push(Diagnostic::error(Code::BadValue, item.span(), message));
    }
    Some(Check {
        name: key.text.to_owned(),
        action,
        timeout_ms: gate.duration_ms("timeout").unwrap_or(GATE_MS),
        blocking: gate.flag("blocking").unwrap_or(true),
        title: gate.text("name"),
        needs: gate.texts("needs"),
        person,
        expr,
        evidence: found,
    })
}

/// Gates that need each other, the first also at the end.
fn cycle(gates: &BTreeMap<String, Check>) -> Option<Vec<String>> {
    let mut left: BTreeSet<&str> = gates.keys().map(String::as_str).collect();
    let open = |name: &str, left: &BTreeSet<&str>| {
        gates[name].needs.iter().map(String::as_str).find(|need| left.contains(need)).map(str::to_owned)
    };
    loop {
        let free: Vec<&str> = left.iter().copied().filter(|name| open(name, &left).is_none()).collect();
        if free.is_empty() {
            break;
        }
        free.iter().for_each(|name| {
            left.remove(name);
        });
    }
    let mut walk = vec![(*left.first()?).to_owned()];
    loop {
        let next = open(walk.last()?, &left)?;
        let from = walk.iter().position(|name| *name == next);
        walk.push(next);
        if let Some(from) = from {
            return Some(walk.split_off(from));
        }
    }
}

/// One word that a shell takes for the name of a program.
pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+".contains(c))
}

/// Tells words that are neither gates nor programs.
pub(super) fn check_words(
    (words, gate_ids): (&[(String, Span)], &BTreeSet<String>),
    is_program: fn(&str) -> bool,
    problems: &mut Problems,
) {
    for (word, span) in words.iter().filter(|(word, _)| !is_program(word)) {
        let message =
            format!("`{word}` in `merge.gates` is neither a gate of the plan nor a program of this machine");
        let problem = Diagnostic::warning(Code::UnknownName, span.clone(), message);
        let near = nearest(word, gate_ids.iter().map(String::as_str));
        let declare = || "declare it under `gates`, or write the command that it is to run".to_owned();
        problems.push(problem.help(near.map_or_else(declare, |near| format!("did you mean `{near}`?"))));
    }
}

/// What `merge.gates` lists: gates by id, each after what it needs, and commands.
pub(super) fn listed(
    items: List<'_>,
    gates: &BTreeMap<String, Check>,
    problems: &mut Problems,
) -> Vec<Check> {
    let (mut checks, mut placed) = (Vec::new(), BTreeSet::new());
    for (item, text) in items.iter().filter_map(|item| Some((item, fields::text(item)?))) {
        if text.trim().is_empty() {
            let message = "a gate of `merge` is empty: a command that says nothing is never red";
            let problem = Diagnostic::error(Code::BadValue, item.span(), message);
            problems.push(problem.help("write the command that must pass, or the id of a gate"));
        }
        if !gates.contains_key(&text) {
            if placed.insert(text.clone()) {
                checks.push(of_command(text));
            }
            continue;
        }
        // A gate comes when all that it needs has come; one in a cycle is met twice and left where it is.
        let mut open = vec![(text, false)];
        while let Some((name, ready)) = open.pop() {
            let Some(gate) = gates.get(&name) else { continue };
            if ready {
                checks.push(gate.clone());
            } else if placed.insert(name.clone()) {
                open.push((name, true));
                open.extend(gate.needs.iter().rev().map(|need| (need.clone(), false)));
            }
        }
    }
    checks
}

fn of_command(text: String) -> Check {
    Check {
        action: Action::Shell { script: text.clone(), shell: "sh".into() },
        name: text,
        timeout_ms: GATE_MS,
        blocking: true,
        title: None,
        needs: Vec::new(),
        person: None,
        expr: None,
        evidence: Vec::new(),
    }
}
