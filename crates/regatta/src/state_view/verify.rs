//! Is a file a state file that was written whole? Checksum, version, shape, and counts that fit each other.
//!
//! Pure: bytes in, problems out. Accepts any order of members and any spacing, as any JSON tool may leave it.

use super::{VERSION, checksum};
use serde_json::Value;

const PHASE: [&str; 7] =
    ["not_started", "queued", "in_progress", "completed", "failed", "blocked", "cancelled"];
const WAVE: [&str; 4] = ["pending", "in_progress", "completed", "failed"];
const AGENT: [&str; 6] = ["idle", "assigned", "working", "completed", "error", "terminated"];
const LOCK: [&str; 2] = ["shared", "exclusive"];
/// At most this many problems of the shape are told.
const MAX_PROBLEMS: usize = 20;

/// What is wrong with a state file, as a sentence without a full stop.
pub type Problem = String;

/// Every problem of a text in UTF-8; none if it is a whole state file.
#[must_use]
pub fn verify(text: &[u8]) -> Vec<Problem> {
    let document: Value = match serde_json::from_slice(text) {
        Ok(document) => document,
        Err(error) if error.is_eof() => return vec![format!("it is truncated: {error}")],
        Err(error) => return vec![format!("it is not JSON: {error}")],
    };
    match document.get("version") {
        Some(version) if version.as_u64() == Some(VERSION) => {}
        Some(version) => {
            return vec![format!("its version {version} is unknown; this program knows {VERSION}")];
        }
        None => return vec!["it has no `version`: it is no state file".to_owned()],
    }
    let mut shape = Shape::default();
    match document.get("checksum").and_then(Value::as_str) {
        None => shape.problem("it has no `checksum`".to_owned()),
        Some(told) => {
            let found = checksum(&document);
            if told != found {
                let told: String = told.chars().take(64).flat_map(char::escape_debug).collect();
                shape.problem(format!("its checksum differs: it says {told}, its content has {found}"));
            }
        }
    }
    shape.document(&document);
    shape.problems
}

/// What a member must be.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    /// A text or null.
    MaybeText,
    Count,
    Object,
    Texts,
    List,
    OneOf(&'static [&'static str]),
}

type Members = [(&'static str, Kind)];

const TOP: &Members = &[
    ("run_id", Kind::Text),
    ("schedule_plan_hash", Kind::Text),
    ("phase_states", Kind::Object),
    ("waves", Kind::List),
    ("agents", Kind::Object),
    ("edges", Kind::List),
    ("locks", Kind::List),
    ("start_time", Kind::MaybeText),
    ("end_time", Kind::MaybeText),
    ("config", Kind::Object),
    ("event_cursor", Kind::Count),
    ("metadata", Kind::Object),
];
const PHASES: &Members = &[
    ("phase_id", Kind::Text),
    ("status", Kind::OneOf(&PHASE)),
    ("agent_id", Kind::MaybeText),
    ("start_time", Kind::MaybeText),
    ("end_time", Kind::MaybeText),
    ("error_message", Kind::MaybeText),
    ("retry_count", Kind::Count),
    ("output_files", Kind::Texts),
    ("metrics", Kind::Object),
];
const WAVES: &Members = &[
    ("wave_number", Kind::Count),
    ("phases", Kind::Texts),
    ("start_time", Kind::MaybeText),
    ("end_time", Kind::MaybeText),
    ("status", Kind::OneOf(&WAVE)),
];
const AGENTS: &Members = &[
    ("agent_id", Kind::Text),
    ("assigned_phase", Kind::MaybeText),
    ("status", Kind::OneOf(&AGENT)),
    ("created_at", Kind::MaybeText),
    ("terminated_at", Kind::MaybeText),
];
const EDGES: &Members = &[("from", Kind::Text), ("to", Kind::Text)];
const LOCKS: &Members = &[
    ("resource_path", Kind::Text),
    ("owner_phase", Kind::Text),
    ("lock_type", Kind::OneOf(&LOCK)),
    ("lock_time", Kind::MaybeText),
];
const METADATA: &Members = &[
    ("created_at", Kind::Text),
    ("last_updated", Kind::Text),
    ("checkpoint_number", Kind::Count),
    ("workspace_path", Kind::Text),
    ("total_phases", Kind::Count),
    ("completed_phases", Kind::Count),
];

#[derive(Default)]
struct Shape {
    problems: Vec<Problem>,
}

impl Shape {
    fn problem(&mut self, problem: Problem) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }

    fn document(&mut self, document: &Value) {
        self.members("", document, TOP);
        let rows = |name: &str| -> Vec<(String, &Value)> {
            match &document[name] {
                Value::Object(rows) => rows.iter().map(|(k, v)| (format!("{name}.{k}."), v)).collect(),
                Value::Array(rows) => {
                    rows.iter().enumerate().map(|(i, v)| (format!("{name}[{i}]."), v)).collect()
                }
                _ => Vec::new(),
            }
        };
        for (name, members) in [
            ("phase_states", PHASES),
            ("waves", WAVES),
            ("agents", AGENTS),
            ("edges", EDGES),
            ("locks", LOCKS),
        ] {
            rows(name).iter().for_each(|(at, row)| self.members(at, row, members));
        }
        self.members("metadata.", &document["metadata"], METADATA);
        self.counts(document);
    }

    fn members(&mut self, at: &str, value: &Value, members: &Members) {
        let at: String = at.escape_debug().collect();
        for (name, kind) in members {
            match value.get(name) {
                None => self.problem(format!("`{at}{name}` is missing")),
                Some(member) if !fits(*kind, member) => {
                    self.problem(format!("`{at}{name}` is not what it should be"));
                }
                Some(_) => {}
            }
        }
    }

    /// Counts and names must fit the phases.
    fn counts(&mut self, document: &Value) {
        let Some(phases) = document["phase_states"].as_object() else { return };
        let completed = phases.values().filter(|p| p["status"] == "completed").count();
        for (name, found) in [("total_phases", phases.len()), ("completed_phases", completed)] {
            if document["metadata"][name].as_u64().is_some_and(|told| told != found as u64) {
                self.problem(format!("`metadata.{name}` is not the number of such phases, {found}"));
            }
        }
        let list = |name: &str| document[name].as_array().into_iter().flatten();
        let named = list("edges").flat_map(|e| [&e["from"], &e["to"]]);
        let named = named.chain(list("waves").flat_map(|w| w["phases"].as_array().into_iter().flatten()));
        let named = named.chain(list("locks").map(|l| &l["owner_phase"])).filter_map(Value::as_str);
        for name in named.filter(|name| !phases.contains_key(*name)) {
            let name: String = name.escape_debug().collect();
            self.problem(format!("it names the phase `{name}`, which it does not have"));
        }
    }
}

fn fits(kind: Kind, value: &Value) -> bool {
    match kind {
        Kind::Text => value.is_string(),
        Kind::MaybeText => value.is_string() || value.is_null(),
        Kind::Count => value.is_u64(),
        Kind::Object => value.is_object(),
        Kind::List => value.is_array(),
        Kind::Texts => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
        Kind::OneOf(words) => value.as_str().is_some_and(|word| words.contains(&word)),
    }
}
