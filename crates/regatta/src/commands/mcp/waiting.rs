//! Waiting for a run: until it has ended, somebody must do something, the client has enough, or the time is over.

use super::desk::{Desk, Progress, Refused};
use crate::render::questions;
use crate::view::{self, RunView, store_error};
use regatta_engine::event::EventKind;
use regatta_engine::input::Expansion;
use regatta_journal::{Reader, RunId};
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

/// Waits for a run, tells how far it is, and answers how it stands then. Who has heard of everything up to the event `since` is
/// not told at once that the run stands: something must change first, or the time be over. A call that was taken back is
/// answered with whatever is known.
///
/// # Errors
/// The journal cannot be read.
pub(super) fn wait(
    desk: &Desk<'_>,
    reader: &Reader,
    (id, at_most): (&RunId, Duration),
    since: Option<u64>,
) -> Result<(Waited, Followed), Refused> {
    let (until, mut alone) = (Instant::now() + at_most.min(desk.wait), None);
    let mut teller = Teller::new(reader, id)?;
    loop {
        let summary = reader.summary(id).map_err(store_error)?;
        let state = summary.state;
        teller.followed.view.record.summary = summary;
        teller.look(desk, reader, id)?;
        if state.has_ended() {
            return teller.found(reader, Waited::Ended);
        }
        let held = reader.holder(id).map_err(store_error)?.is_some();
        let goes_on = ["created", "running"].contains(&view::status(state, held));
        let mut stands = held && teller.asks;
        if held && goes_on {
            alone = None;
        } else {
            // Who takes a run up, and who leaves it, is between two states for a moment.
            let since = *alone.get_or_insert_with(Instant::now);
            stands |= since.elapsed() >= if goes_on || !held { ABANDONED } else { LOOK };
        }
        let is_new = since.is_none_or(|cursor| teller.followed.last > cursor);
        let is_over = Instant::now() >= until || (desk.is_over)();
        if stands && (is_new || is_over) {
            return teller.found(reader, Waited::Stands);
        }
        if is_over {
            return teller.found(reader, Waited::GoesOn);
        }
        teller.tell(desk);
        std::thread::sleep(LOOK);
    }
}

/// A run as far as it was followed.
pub(super) struct Followed {
    /// How it stands.
    pub(super) view: RunView,
    /// Its last event.
    pub(super) last: u64,
}

/// Tasks that were not known before an event.
fn further(kind: &EventKind) -> i32 {
    match kind {
        EventKind::NodeExpanded(_, Expansion::Items(items)) => items.cast_signed().saturating_sub(1),
        _ => 0,
    }
}

/// Follows a run, and tells how many tasks have ended, when that changes and from time to time.
struct Teller {
    followed: Followed,
    /// An agent or a gate asks a person.
    asks: bool,
    total: u32,
    ended: u32,
    told: Option<(u32, Instant)>,
    beats: u32,
}

impl Teller {
    fn new(reader: &Reader, id: &RunId) -> Result<Teller, Refused> {
        let view = RunView::begin(reader, id)?;
        let total = u32::try_from(view.plan.sure_tasks()).unwrap_or(u32::MAX);
        let followed = Followed { view, last: 0 };
        Ok(Teller { followed, asks: false, total, ended: 0, told: None, beats: 0 })
    }

    /// Takes note of what has happened meanwhile.
    fn look(&mut self, desk: &Desk<'_>, reader: &Reader, id: &RunId) -> Result<(), Refused> {
        let before = self.followed.last;
        loop {
            let page = reader.events(id, self.followed.last + 1, PAGE).map_err(store_error)?;
            let Some(last) = page.last() else { break };
            self.followed.last = last.pos;
            for stored in &page {
                self.followed.view.absorb(stored)?;
                self.total = self.total.saturating_add_signed(further(&stored.event.kind));
                self.ended += u32::from(matches!(stored.event.kind, EventKind::NodeEnded { .. }));
            }
            // The journal of a large run is long.
            if (desk.is_over)() {
                break;
            }
            self.tell(desk);
        }
        if self.followed.last > before {
            self.asks = questions::any(&self.followed.view.engine);
        }
        Ok(())
    }

    /// How the run stands at the end of a wait.
    fn found(mut self, reader: &Reader, waited: Waited) -> Result<(Waited, Followed), Refused> {
        self.followed.view.look_around(reader)?;
        Ok((waited, self.followed))
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
