//! Waiting for a run: until it has ended, somebody must do something, the client has enough, or the time is over.

use super::desk::{Desk, Progress, Refused};
use crate::view::{self, plan_of, store_error};
use regatta_engine::cause::Cause;
use regatta_engine::event::EventKind;
use regatta_engine::ids::{AttemptId, NodeId};
use regatta_engine::input::Expansion;
use regatta_engine::permission::PermissionTold;
use regatta_journal::{Reader, RunId};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Between two looks at a run.
const LOOK: Duration = Duration::from_millis(50);
/// A client hears something at least that often; some give up after less than a minute of silence.
const BEAT: Duration = Duration::from_secs(10);
/// Nobody holds a run for that long: nobody is about to.
const ABANDONED: Duration = Duration::from_secs(5);
/// Events fetched at a time.
const PAGE: usize = 1_000;

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Waited {
    /// The run has ended.
    Ended,
    /// It does not go on by itself: it, or an agent in it, waits for a person, it is paused, or nobody orchestrates it.
    Stands,
    /// It goes on.
    GoesOn,
}

/// Waits for a run and tells how far it is. Who has heard of everything up to the event `since` is not told at once that the run
/// stands: something must change first, or the time be over.
///
/// # Errors
/// The journal cannot be read.
pub(super) fn wait(
    desk: &Desk<'_>,
    reader: &Reader,
    (id, at_most): (&RunId, Duration),
    since: Option<u64>,
) -> Result<Waited, Refused> {
    let (until, mut alone) = (Instant::now() + at_most.min(desk.wait), None);
    let mut teller = Teller::new(reader, id)?;
    loop {
        let state = reader.summary(id).map_err(store_error)?.state;
        if state.has_ended() {
            return Ok(Waited::Ended);
        }
        teller.look(reader, id)?;
        let held = reader.holder(id).map_err(store_error)?.is_some();
        let goes_on = ["created", "running"].contains(&view::status(state, held));
        let mut stands = held && !(teller.asking.is_empty() && teller.gates.is_empty());
        if held && goes_on {
            alone = None;
        } else {
            // Who takes a run up, and who leaves it, is between two states for a moment.
            let since = *alone.get_or_insert_with(Instant::now);
            stands |= since.elapsed() >= if goes_on || !held { ABANDONED } else { LOOK };
        }
        let is_new = since.is_none_or(|cursor| teller.next > cursor.saturating_add(1));
        let is_over = Instant::now() >= until || (desk.is_over)();
        if stands && (is_new || is_over) {
            return Ok(Waited::Stands);
        }
        if is_over {
            return Ok(Waited::GoesOn);
        }
        teller.tell(desk);
        std::thread::sleep(LOOK);
    }
}

/// Tasks that were not known before an event.
fn further(kind: &EventKind) -> i32 {
    match kind {
        EventKind::NodeExpanded(_, Expansion::Items(items)) => items.cast_signed().saturating_sub(1),
        _ => 0,
    }
}

/// Tells how many tasks have ended, when that changes and from time to time.
struct Teller {
    /// Questions of running attempts that nobody has answered.
    asking: BTreeSet<(AttemptId, u32)>,
    /// Gates that wait for a person.
    gates: BTreeSet<NodeId>,
    total: u32,
    next: u64,
    ended: u32,
    told: Option<(u32, Instant)>,
    beats: u32,
}

impl Teller {
    fn new(reader: &Reader, id: &RunId) -> Result<Teller, Refused> {
        let record = reader.run(id).map_err(store_error)?;
        let total = plan_of(&record)?.0.sure_tasks();
        Ok(Teller {
            asking: BTreeSet::new(),
            gates: BTreeSet::new(),
            total: u32::try_from(total).unwrap_or(u32::MAX),
            next: 1,
            ended: 0,
            told: None,
            beats: 0,
        })
    }

    /// Takes note of who asks and who does not any more.
    fn note(&mut self, kind: &EventKind) {
        match kind {
            EventKind::Permission(_, attempt, told) => match **told {
                PermissionTold::Asked(ref question) => drop(self.asking.insert((*attempt, question.number))),
                PermissionTold::Answered { number, .. } => drop(self.asking.remove(&(*attempt, number))),
            },
            EventKind::NodeInDoubt { node, cause: Cause::Person, .. } => drop(self.gates.insert(*node)),
            EventKind::Answered { node, .. } | EventKind::NodeEnded { node, .. } => {
                self.gates.remove(node);
            }
            EventKind::DispatchEnding { attempt, .. } | EventKind::DispatchEnded { attempt, .. } => {
                self.asking.retain(|(of, _)| of != attempt);
            }
            _ => {}
        }
    }

    /// Takes note of what has happened meanwhile.
    fn look(&mut self, reader: &Reader, id: &RunId) -> Result<(), Refused> {
        loop {
            let page = reader.events(id, self.next, PAGE).map_err(store_error)?;
            let Some(last) = page.last() else { return Ok(()) };
            self.next = last.pos + 1;
            self.total =
                page.iter().fold(self.total, |total, e| total.saturating_add_signed(further(&e.event.kind)));
            let ended = page.iter().filter(|e| matches!(e.event.kind, EventKind::NodeEnded { .. })).count();
            self.ended += u32::try_from(ended).unwrap_or(0);
            page.iter().for_each(|e| self.note(&e.event.kind));
        }
    }

    fn tell(&mut self, desk: &Desk<'_>) {
        let now = Instant::now();
        self.beats = match self.told {
            Some((ended, _)) if ended != self.ended => 0,
            Some((_, at)) if now.duration_since(at) < BEAT => return,
            Some(_) => self.beats + 1,
            None => 0,
        };
        self.told = Some((self.ended, now));
        // The protocol wants it to grow, also while no task ends.
        let beats = 1.0 - 1.0 / (1.0 + f64::from(self.beats));
        (desk.tell)(Progress { done: f64::from(self.ended) + beats, total: self.total });
    }
}
