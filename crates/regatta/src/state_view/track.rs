//! What the state of an engine does not hold and the view shows: when things happened by the wall clock, and what
//! attempts left behind. Gathered from the events, live and at resume alike.
//!
//! Knows no document and no file.

use crate::view::{Failure, note};
use regatta_engine::event::{Event, EventKind};
use regatta_engine::ids::{AttemptId, NodeId};
use regatta_engine::input::{LeaseChange, LeaseTold, OwnLease};
use std::collections::BTreeMap;

/// What is known of a node besides its state. Times are wall clock in milliseconds since the Unix epoch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Past {
    /// When its first attempt was started.
    pub(super) started: Option<u64>,
    /// When its last attempt was started.
    pub(super) started_last: Option<u64>,
    /// When it became terminal.
    pub(super) ended: Option<u64>,
    /// Its last attempt that ended.
    pub(super) attempt: Option<AttemptId>,
    /// Bytes of what that attempt wrote: standard output, standard error.
    pub(super) written: [u64; 2],
    /// Milliseconds that its attempts took in all.
    pub(super) busy_ms: u64,
}

/// The past of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Track {
    pub(super) nodes: BTreeMap<NodeId, Past>,
    /// Start and end of waves.
    pub(super) waves: BTreeMap<u32, (Option<u64>, Option<u64>)>,
    pub(super) failures: BTreeMap<NodeId, Failure>,
    /// Leases that live attempts claimed by themselves, and since when.
    pub(super) own_leases: BTreeMap<NodeId, Vec<(OwnLease, u64)>>,
    pub(super) started: Option<u64>,
    pub(super) ended: Option<u64>,
    pub(super) updated: Option<u64>,
    /// `pos` of the last event.
    pub(super) cursor: u64,
    /// Committed turns.
    pub(super) turns: u64,
}

impl Track {
    /// Takes the next event and the wall clock of its turn.
    pub fn push(&mut self, wall_ms: u64, event: &Event) {
        self.updated = Some(wall_ms);
        note(&mut self.failures, &event.kind);
        match &event.kind {
            EventKind::RunStarted { .. } => self.started = Some(wall_ms),
            EventKind::RunEnded { .. } => self.ended = Some(wall_ms),
            EventKind::WaveStarted { wave } => self.waves.entry(*wave).or_default().0 = Some(wall_ms),
            EventKind::WaveEnded { wave } => self.waves.entry(*wave).or_default().1 = Some(wall_ms),
            EventKind::DispatchStarted { node, .. } => {
                let past = self.nodes.entry(*node).or_default();
                past.started.get_or_insert(wall_ms);
                past.started_last = Some(wall_ms);
            }
            EventKind::DispatchEnded { node, attempt, duration_ms, report, .. } => {
                let past = self.nodes.entry(*node).or_default();
                past.attempt = Some(*attempt);
                past.written = [report.stdout, report.stderr].map(|stream| stream.map_or(0, |d| d.bytes));
                past.busy_ms += duration_ms;
                self.own_leases.remove(node);
            }
            EventKind::LeaseTold { node, told, .. } => {
                lease_told(self.own_leases.entry(*node).or_default(), told, wall_ms);
            }
            EventKind::NodeEnded { node, .. } => {
                self.nodes.entry(*node).or_default().ended = Some(wall_ms);
            }
            _ => {}
        }
    }

    /// How far the journal is: `pos` of its last event, and its committed turns.
    pub fn stand(&mut self, (pos, turns): (u64, u64)) {
        (self.cursor, self.turns) = (pos, turns);
    }
}

fn lease_told(own: &mut Vec<(OwnLease, u64)>, told: &LeaseTold, wall_ms: u64) {
    match told.change {
        LeaseChange::Acquired => own.extend(told.leases.iter().map(|lease| (lease.clone(), wall_ms))),
        LeaseChange::Dropped => own.retain(|(lease, _)| !told.leases.contains(lease)),
        LeaseChange::Denied => {}
    }
}
