//! The mapping of a run to formats 8, as 11-semantics "Input" says: pure, every field always there.
//!
//! Knows no clock, no file and no checksum.

use super::VERSION;
use super::agents::agents;
use super::track::{Past, Track};
use crate::render::why;
use regatta_engine::Engine;
use regatta_engine::ids::NodeId;
use regatta_engine::outcome::NodeOutcome;
use regatta_engine::spec::{ClaimKind, OnFailure, Priority, Schedule};
use regatta_engine::state::node::NodeState;
use regatta_journal::rfc3339;
use regatta_runtime::{collect, workspace};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// Which run the document is about: what the engine does not know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subject {
    /// The id of the run.
    pub run_id: String,
    /// Its `schedule_plan_hash`.
    pub schedule_plan_hash: String,
    /// The workspace, absolute.
    pub workspace: PathBuf,
    /// When the run was recorded, wall clock in milliseconds since the Unix epoch.
    pub created_wall_ms: u64,
}

/// The document of a run without its checksum.
#[must_use]
pub fn document(subject: &Subject, engine: &Engine, track: &Track) -> Value {
    let graph = engine.graph();
    let view = View { subject, engine, track };
    let phases: Map<String, Value> =
        engine.shown().map(|n| (graph.name(n).to_owned(), view.phase(n))).collect();
    let completed = engine.shown().filter(|&n| status(engine, n) == "completed").count();
    json!({
        "version": VERSION,
        "run_id": subject.run_id,
        "schedule_plan_hash": subject.schedule_plan_hash,
        "phase_states": phases,
        "waves": (0..graph.waves()).map(|wave| view.wave(wave)).collect::<Vec<_>>(),
        "agents": agents(engine, track),
        "edges": edges(engine),
        "locks": view.locks(),
        "start_time": time(track.started),
        "end_time": time(track.ended),
        "config": config(engine),
        "event_cursor": track.cursor,
        "metadata": {
            "created_at": rfc3339(subject.created_wall_ms),
            "last_updated": rfc3339(track.updated.unwrap_or(subject.created_wall_ms)),
            "checkpoint_number": track.turns,
            "workspace_path": subject.workspace.to_string_lossy(),
            "total_phases": engine.state().shown(),
            "completed_phases": completed,
        },
    })
}

/// The status of a node in the words of the document.
pub(super) fn status(engine: &Engine, node: NodeId) -> &'static str {
    match &engine.state().node(node).state {
        NodeState::Pending => "not_started",
        NodeState::Ready | NodeState::WaitingRetry { .. } => "queued",
        // Collected work waits for its landing, which is part of the task.
        NodeState::Running(_) | NodeState::Collected => "in_progress",
        NodeState::InDoubt(_) => "blocked",
        NodeState::Ended { outcome, .. } => match outcome {
            NodeOutcome::Succeeded => "completed",
            NodeOutcome::Failed | NodeOutcome::TimedOut | NodeOutcome::Exhausted => "failed",
            NodeOutcome::Blocked => "blocked",
            NodeOutcome::Skipped | NodeOutcome::Cancelled => "cancelled",
        },
    }
}

/// A moment; null where there is none.
pub(super) fn time(wall_ms: Option<u64>) -> Value {
    wall_ms.map_or(Value::Null, |ms| rfc3339(ms).into())
}

struct View<'a> {
    subject: &'a Subject,
    engine: &'a Engine,
    track: &'a Track,
}

impl View<'_> {
    fn phase(&self, id: NodeId) -> Value {
        let graph = self.engine.graph();
        let node = self.engine.state().node(id);
        let nothing = Past::default();
        let past = self.track.nodes.get(&id).unwrap_or(&nothing);
        let number = node.live().map_or(node.attempts, |live| live.number);
        json!({
            "phase_id": graph.name(id),
            "status": status(self.engine, id),
            "agent_id": graph.facts(id).agent.and_then(|a| graph.agents.get(a as usize)),
            "start_time": time(past.started),
            "end_time": time(past.ended),
            "error_message": self.error(id),
            "retry_count": number.saturating_sub(1),
            "output_files": self.outputs(past),
            "metrics": {
                "attempts": number,
                "duration_ms": past.busy_ms,
                "stdout_bytes": past.written[0],
                "stderr_bytes": past.written[1],
            },
        })
    }

    /// Why a node is not well; null for one that is.
    fn error(&self, node: NodeId) -> Value {
        let unwell = match &self.engine.state().node(node).state {
            NodeState::InDoubt(_) => true,
            NodeState::Ended { outcome, .. } => *outcome != NodeOutcome::Succeeded,
            NodeState::Pending
            | NodeState::Ready
            | NodeState::Running(_)
            | NodeState::WaitingRetry { .. }
            | NodeState::Collected => false,
        };
        if unwell { why::sentence(self.engine, &self.track.failures, node).into() } else { Value::Null }
    }

    /// What its last attempt wrote, relative to the workspace; an empty stream has no file.
    fn outputs(&self, past: &Past) -> Vec<String> {
        let Some(attempt) = past.attempt else { return Vec::new() };
        let dir = workspace::attempt_dir(&workspace::run_dir(Path::new(""), &self.subject.run_id), attempt.0);
        let streams = [collect::STDOUT, collect::STDERR].into_iter().zip(past.written);
        let kept = streams.filter(|(_, bytes)| *bytes > 0);
        kept.map(|(name, _)| dir.join(name).to_string_lossy().into_owned()).collect()
    }

    fn wave(&self, wave: u32) -> Value {
        let graph = self.engine.graph();
        let progress = self.engine.state().wave(wave);
        let blocks = |n: &NodeId| self.engine.state().node(*n).outcome().is_some_and(NodeOutcome::blocks);
        let status = match (progress.started, progress.open) {
            (_, 0) if graph.wave(wave).iter().any(blocks) => "failed",
            (_, 0) => "completed",
            (true, _) => "in_progress",
            (false, _) => "pending",
        };
        let shown = graph.wave(wave).iter().filter(|&&n| self.engine.state().is_shown(graph, n));
        let (start, end) = self.track.waves.get(&wave).copied().unwrap_or_default();
        json!({
            "wave_number": wave,
            "phases": shown.map(|&n| graph.name(n)).collect::<Vec<_>>(),
            "start_time": time(start),
            "end_time": time(end),
            "status": status,
        })
    }

    /// Locks that live attempts hold: what their tasks declare, then what they acquired by themselves. Units of
    /// counted resources and leases are no locks.
    fn locks(&self) -> Vec<Value> {
        let graph = self.engine.graph();
        let mut locks = Vec::new();
        for (_, node) in self.engine.state().live() {
            let started = self.track.nodes.get(&node).and_then(|past| past.started_last);
            let declared = graph.claims(node).iter().map(|claim| {
                let name = graph.resources[claim.resource as usize].name.as_str();
                (name, claim.kind, started)
            });
            let own = self.track.own_leases.get(&node).into_iter().flatten();
            let own = own.map(|(lease, since)| (&*lease.name, lease.kind, Some(*since)));
            for (name, kind, since) in declared.chain(own) {
                let kind = match kind {
                    ClaimKind::Shared => "shared",
                    ClaimKind::Exclusive => "exclusive",
                    ClaimKind::Units(_) => continue,
                };
                locks.push(json!({
                    "resource_path": name.strip_prefix(regatta_plan::FILES_LOCK).unwrap_or(name),
                    "owner_phase": graph.name(node),
                    "lock_type": kind,
                    "lock_time": time(since),
                }));
            }
        }
        locks
    }
}

fn edges(engine: &Engine) -> Vec<Value> {
    let graph = engine.graph();
    let pairs = engine.shown().flat_map(|to| graph.preds(to).map(move |from| (from, to)));
    let pairs = pairs.filter(|(from, _)| engine.state().is_shown(graph, *from));
    pairs.map(|(from, to)| json!({ "from": graph.name(from), "to": graph.name(to) })).collect()
}

/// The settings in force.
fn config(engine: &Engine) -> Value {
    let (graph, config, limits) = (engine.graph(), engine.config(), &engine.state().limits);
    let named = |names: &[String], caps: &[Option<u32>]| -> Map<String, Value> {
        names.iter().zip(caps).filter_map(|(name, cap)| Some((name.clone(), (*cap)?.into()))).collect()
    };
    let priorities = Priority::ALL.map(|p| p.name().to_owned());
    json!({
        "schedule": match config.schedule {
            Schedule::Dataflow => "dataflow",
            Schedule::Waves => "waves",
            Schedule::Sequential => "sequential",
        },
        "on_failure": match config.on_failure {
            OnFailure::Continue => "continue",
            OnFailure::Stop => "stop",
            OnFailure::Rollback => "rollback",
        },
        "max_parallel": limits.max_parallel,
        "per_wave": limits.per_wave,
        "per_priority": named(&priorities, &limits.per_priority),
        "per_agent": named(&graph.agents, &limits.per_agent),
        "per_tag": named(&graph.tag_names, &limits.per_tag),
        "run_timeout_ms": config.run_timeout_ms,
        "wave_delay_ms": config.wave_delay_ms,
        "ageing": config.ageing_rounds,
    })
}
