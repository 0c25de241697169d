//! Names that tasks and caps use must exist and be enough; caps that cannot bind are told.
//!
//! Looks at names only; edges are checked elsewhere.

use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::draft::{Draft, Spanned};
use crate::fields::nearest;
use crate::guesses::Guesses;
use crate::model::{Action, Agent, BUILT_IN, Claim, Task, built_in};
use crate::placed::Placed;
use crate::reach::Reach;
use regatta_engine::spec::Priority;
use std::collections::{BTreeMap, BTreeSet};

/// Locks, agents, tools, gates and resources that are named must exist, and be enough.
pub(crate) fn check_names(draft: &Draft<'_>, placed: &[Placed], problems: &mut Problems) {
    check_leases(draft, problems);
    let known = Known {
        agents: draft.agents.all.keys().cloned().collect(),
        servers: draft.mcp_servers.keys().cloned().collect(),
        unusable: &draft.mcp_unusable,
        drivers: draft.drivers.clone(),
        gates: draft.apart.as_ref().map(|apart| apart.gate_ids.clone()).unwrap_or_default(),
    };
    let mut guesses = Guesses::new();
    for p in placed {
        check_locks(draft, p, problems);
        let actions = std::iter::once(&p.task.action).chain(&p.task.undo);
        for (message, help) in actions.filter_map(|action| known.unknown(action, &mut guesses)) {
            let message = format!("task `{}` names {message}", p.task.id);
            let mut problem = Diagnostic::error(Code::UnknownName, p.action_span.wide(), message);
            problem.help = help;
            problems.push(problem);
        }
    }
    let has_cap = |agent: &&Spanned<String>| draft.limits.per_agent.contains_key(&agent.value);
    for agent in draft.capped_agents.iter().filter(has_cap).filter(|a| !known.agents.contains(&a.value)) {
        let message = format!("`per_agent` names agent `{}`, which is not among `agents`", agent.value);
        let mut problem = Diagnostic::error(Code::UnknownName, agent.span.clone(), message);
        problem.help = guesses.help(&agent.value, known.agents.iter().map(String::as_str));
        problems.push(problem);
    }
}

/// The MCP servers that agents of the plan get must be there.
pub(crate) fn check_servers(draft: &Draft<'_>, agents: &BTreeMap<String, Agent>, problems: &mut Problems) {
    let named = agents.iter().flat_map(|(agent, of)| of.mcp.iter().map(move |server| (agent, server)));
    let mut guesses = Guesses::new();
    for (agent, server) in named.filter(|(_, server)| !draft.mcp_servers.contains_key(*server)) {
        let place = draft.agents.servers.iter().find(|(of, place)| of == agent && place.value == *server);
        let lent = if place.is_none() { " of the settings" } else { "" };
        let message = format!(
            "agent `{agent}`{lent} names MCP server `{}`, which is not among `mcp_servers`{}",
            server.escape_debug(),
            unusable(&draft.mcp_unusable, server)
        );
        let span = place.map_or(0..0, |(_, place)| place.span.clone());
        let mut problem = Diagnostic::error(Code::UnknownName, span, message);
        problem.help = guesses.help(server, draft.mcp_servers.keys().map(String::as_str));
        problems.push(problem);
    }
}

/// Why a server cannot be had that a plan may name although it does not have it, as the end of a sentence.
fn unusable(servers: &BTreeMap<String, String>, name: &str) -> String {
    let why = servers.get(name).or_else(|| servers.get(""));
    why.map_or_else(String::new, |why| format!(": {}", why.escape_debug()))
}

/// What actions may name.
struct Known<'a> {
    unusable: &'a BTreeMap<String, String>,
    agents: BTreeSet<String>,
    servers: BTreeSet<String>,
    drivers: BTreeSet<String>,
    gates: BTreeSet<String>,
}

impl Known<'_> {
    /// What an action names that is not known, with a name that is like it.
    fn unknown(&self, action: &Action, guesses: &mut Guesses) -> Option<(String, Option<String>)> {
        let mut missing = |what: &str, name: &str, among: &str, known: &BTreeSet<String>| {
            let help = guesses.help(name, known.iter().map(String::as_str));
            (format!("{what} `{name}`, which is not among `{among}`"), help)
        };
        match action {
            Action::Agent { agent, .. } if !self.agents.contains(agent) => {
                Some(missing("agent", agent, "agents", &self.agents))
            }
            Action::Gate { gate } if !self.gates.contains(gate) => {
                Some(missing("gate", gate, "gates", &self.gates))
            }
            Action::Tool { tool, .. } => match tool.split_once('/') {
                Some((server, _)) if self.drivers.contains(server) => {
                    let both = || format!("`{server}`, which is both a driver of the program and a server");
                    self.servers.contains(server).then(|| (both(), None))
                }
                Some((server, _)) if self.servers.contains(server) => None,
                Some((server, _)) => {
                    let (what, help) = missing("MCP server", server, "mcp_servers", &self.servers);
                    Some((what + &unusable(self.unusable, server), help))
                }
                None if built_in(tool).is_some() || !self.servers.is_empty() => None,
                None => {
                    let ours = BUILT_IN.iter().map(|tool| tool.name).chain(["shell"]);
                    let near = nearest(tool, ours);
                    let help = near.map(|near| format!("did you mean `{near}`?"));
                    let why = unusable(self.unusable, "");
                    Some((format!("tool `{tool}`, which is not built in and of no server{why}"), help))
                }
            },
            Action::Agent { .. }
            | Action::Gate { .. }
            | Action::Argv(_)
            | Action::Shell { .. }
            | Action::Join { .. } => None,
        }
    }
}

/// A name is either a resource of the plan or a counted lease of the workspace.
fn check_leases(draft: &Draft<'_>, problems: &mut Problems) {
    for name in draft.resources.keys().filter(|name| draft.leases.contains_key(*name)) {
        let message = format!("`{name}` is a resource of the plan and a lease of the workspace");
        let help = "rename one of them: whose units are meant could not be told";
        problems.push(Diagnostic::error(Code::BadValue, 0..0, message).help(help));
    }
}

fn check_locks(draft: &Draft<'_>, p: &Placed, problems: &mut Problems) {
    for lock in &p.task.locks {
        let capacity = draft.resources.get(&lock.resource).or_else(|| draft.leases.get(&lock.resource));
        let why = match (lock.claim, capacity) {
            (Claim::Units(units), Some(&capacity)) if units > capacity => {
                format!("claims {units} units of `{}`, which has {capacity}", lock.resource)
            }
            (Claim::Units(_), None) => {
                format!(
                    "claims units of `{}`, which is neither among `resources` nor a counted lease",
                    lock.resource
                )
            }
            (Claim::Shared | Claim::Exclusive, Some(_)) => {
                format!("locks `{}`, which is counted", lock.resource)
            }
            (Claim::Units(_), Some(_)) | (Claim::Shared | Claim::Exclusive, None) => continue,
        };
        let message = format!("task `{}` {why}", p.task.id);
        problems.push(Diagnostic::error(Code::UnknownName, p.id_span.wide(), message));
    }
    // Several claims on one thing are one claim.
    let mut claimed: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for lock in &p.task.locks {
        if let Claim::Units(units) = lock.claim {
            claimed.entry(&lock.resource).or_default().push(units);
        }
    }
    for (name, claims) in claimed {
        let sum: u64 = claims.iter().map(|units| u64::from(*units)).sum();
        match draft.resources.get(name).or_else(|| draft.leases.get(name)) {
            Some(&capacity) if sum > capacity.into() && claims.iter().all(|units| *units <= capacity) => {
                let message = format!(
                    "task `{}` claims {sum} units of `{name}` in all, which has {capacity}",
                    p.task.id
                );
                problems.push(Diagnostic::error(Code::UnknownName, p.id_span.wide(), message));
            }
            _ => {}
        }
    }
}

/// Names of an order that are told one by one if they mean nothing.
const MAX_STRANGERS: usize = 10;

/// An order names tasks of the plan, each once.
pub(crate) fn check_order(draft: &Draft<'_>, placed: &[Placed], problems: &mut Problems) {
    if let Some(first) = draft.order.first().filter(|_| draft.schedule != "dataflow") {
        let message = format!("`order` has no effect with `schedule: {}`", draft.schedule.escape_debug());
        let problem = Diagnostic::warning(Code::NoEffect, first.span.clone(), message);
        problems.push(problem.help("leave it out, or use `schedule: dataflow`"));
    }
    let mut seen = BTreeSet::new();
    let (mut strangers, mut guesses) = (0, Guesses::new());
    for id in &draft.order {
        if placed.binary_search_by(|p| p.task.id.as_str().cmp(&id.value)).is_err() {
            strangers += 1;
            if strangers > MAX_STRANGERS {
                continue;
            }
            let message = format!("`order` names `{}`, which is no task", id.value.escape_debug());
            let mut problem = Diagnostic::error(Code::UnknownName, id.span.clone(), message);
            problem.help = guesses.help(&id.value, placed.iter().map(|p| p.task.id.as_str()));
            problems.push(problem);
        } else if !seen.insert(&id.value) {
            let message = format!("task `{}` stands twice in `order`", id.value);
            problems.push(Diagnostic::error(Code::BadValue, id.span.clone(), message));
        }
    }
    if strangers > MAX_STRANGERS {
        let message = format!("`order` names {} more that are no tasks", strangers - MAX_STRANGERS);
        problems.push(Diagnostic::error(Code::UnknownName, 0..0, message));
    }
}

/// Tasks that caps count: a person's gate holds nothing while it waits.
fn counted(placed: &[Placed]) -> impl Iterator<Item = (usize, &Task)> {
    let of = placed.iter().map(|p| &p.task).enumerate();
    of.filter(|(_, task)| task.gate.as_ref().is_none_or(|gate| gate.person.is_none()))
}

/// `per_wave` never binds where no wave has more tasks.
pub(crate) fn check_wave_cap(draft: &Draft<'_>, placed: &[Placed], reach: &Reach, problems: &mut Problems) {
    let Some(cap) = draft.limits.per_wave.filter(|_| draft.caps_waves && !placed.is_empty()) else { return };
    let depths = reach.depths();
    let mut waves: BTreeMap<usize, usize> = BTreeMap::new();
    for (at, _) in counted(placed) {
        *waves.entry(depths[at]).or_insert(0) += 1;
    }
    let widest = waves.into_values().max().unwrap_or(0);
    if cap as usize >= widest {
        let message = format!(
            "cap `per_wave: {cap}` can never bind: no wave has more than {widest} {}",
            if widest == 1 { "task" } else { "tasks" }
        );
        problems.push(Diagnostic::warning(Code::IdleCap, draft.limits_span.clone(), message));
    }
}

/// A cap that is at least the number of its tasks never binds. `max_parallel` is what the machine takes, and nobody's mistake.
pub(crate) fn check_caps(draft: &Draft<'_>, placed: &[Placed], problems: &mut Problems) {
    let limits = &draft.limits;
    let tasks = || counted(placed).map(|(_, task)| task);
    let tags = tasks().flat_map(|task| task.tags.iter().map(String::as_str));
    let kinds = [
        ("per_priority", &limits.per_priority, tally(tasks().map(|task| task.priority.as_str()))),
        ("per_tag", &limits.per_tag, tally(tags)),
        ("per_agent", &limits.per_agent, tally(tasks().filter_map(|task| task.action.agent()))),
    ];
    // What there is not is another problem.
    let is_known = |kind: &str, name: &String| match kind {
        "per_priority" => Priority::ALL.iter().any(|known| known.name() == name),
        "per_agent" => draft.agents.all.contains_key(name),
        _ => true,
    };
    for (kind, caps, counts) in kinds {
        for (name, cap) in caps.iter().filter(|(name, _)| !placed.is_empty() && is_known(kind, name)) {
            let of = counts.get(name.as_str()).copied().unwrap_or(0);
            if *cap as usize >= of {
                let message = format!(
                    "cap `{kind}.{name}: {cap}` can never bind: {of} {} for it",
                    if of == 1 { "task counts" } else { "tasks count" }
                );
                problems.push(Diagnostic::warning(Code::IdleCap, draft.limits_span.clone(), message));
            }
        }
    }
}

fn tally<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_insert(0) += 1;
    }
    counts
}
