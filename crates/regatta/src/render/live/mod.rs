//! What `run` and `resume` show while they go on: a live screen on a terminal, plain lines elsewhere.
//!
//! ```text
//! loop --events--> Live: lines, frames --bounded queue--> screen: a thread of its own --> standard output
//!                    `-- eta                                `-- tails: what running tasks wrote last
//! ```
//! The loop never waits for whoever reads: where nobody takes what is shown, it is dropped and counted. Knows nothing
//! that events do not say, but for the output of running tasks.

mod eta;
mod frame;
mod paint;
mod screen;
mod tail;

pub use screen::{Kind, Screen};

use super::lines;
use eta::Eta;
use frame::{Frame, Row, Wave};
use regatta_engine::Engine;
use regatta_engine::event::{Event, EventKind};
use regatta_engine::outcome::{NodeOutcome, PauseReason};
use regatta_engine::state::{Closing, Phase};
use regatta_runtime::agents::Dialect;
use screen::Painter;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Two frames are at least so far apart.
const BETWEEN_FRAMES: Duration = Duration::from_millis(50);

/// Turns events into what is shown; lives on the loop.
#[derive(Debug)]
pub struct Live {
    painter: Painter,
    kind: Kind,
    eta: Eta,
    last: Option<Instant>,
    /// How agents speak, by name.
    dialects: BTreeMap<String, Dialect>,
    run_id: String,
}

impl Live {
    /// Shows a run on a screen; `dialects` says how agents speak, by name.
    #[must_use]
    pub fn new(screen: &Screen, run_id: &str, dialects: BTreeMap<String, Dialect>) -> Live {
        let (painter, kind, run_id) = (screen.painter(), screen.kind(), run_id.to_owned());
        Live { painter, kind, eta: Eta::default(), last: None, dialects, run_id }
    }

    /// Shows events that are durable. Answers when it wants to be told again, although nothing happens: it has not
    /// shown where the run stands.
    pub fn show(&mut self, engine: &Engine, events: &[Event]) -> Option<Duration> {
        let text: String = events
            .iter()
            .filter(|e| self.tells(e))
            .filter_map(|e| lines::line((engine, &self.run_id), e))
            .map(|l| l + "\n")
            .collect();
        if !text.is_empty() {
            self.painter.lines(text);
        }
        if self.kind == Kind::Lines {
            return None;
        }
        events.iter().for_each(|event| self.eta.take(engine.graph(), event));
        let now = Instant::now();
        let early = self.last.and_then(|last| BETWEEN_FRAMES.checked_sub(now.duration_since(last)));
        if early.is_some_and(|early| !early.is_zero()) {
            return early;
        }
        self.last = Some(now);
        let frame = self.frame(engine, now);
        self.painter.frame(frame);
        None
    }

    /// On a live screen a start is seen by its line.
    fn tells(&self, event: &Event) -> bool {
        self.kind == Kind::Lines || !matches!(event.kind, EventKind::DispatchStarted { .. })
    }

    fn frame(&mut self, engine: &Engine, now: Instant) -> Frame {
        let (graph, state) = (engine.graph(), engine.state());
        let rows = state.live().take(frame::MOST_ROWS).filter_map(|(attempt, node)| {
            let live = state.node(node).live()?;
            let agent = graph.facts(node).agent.and_then(|agent| graph.agents.get(agent as usize));
            let elapsed_ms = engine.now().since_ms(live.started).saturating_sub(live.suspended_ms);
            Some(Row {
                attempt: attempt.0,
                name: graph.name(node).to_owned(),
                number: live.number,
                elapsed_ms,
                dialect: agent.and_then(|agent| self.dialects.get(agent)).copied(),
            })
        });
        let rows: Vec<Row> = rows.collect();
        let wave = state.current_wave().map(|wave| {
            let (all, done) = state.progress_of(graph, wave);
            Wave { number: wave + 1, done, all }
        });
        let failed = [NodeOutcome::Failed, NodeOutcome::TimedOut, NodeOutcome::Exhausted];
        Frame {
            taken: now,
            hidden: state.live().len().saturating_sub(rows.len()) as u64,
            rows,
            wave,
            waves: graph.waves(),
            done: u64::from(state.shown() - state.open()),
            all: u64::from(state.shown()),
            ran_ms: engine.now().0,
            failed: failed.into_iter().map(|outcome| u64::from(state.count(outcome))).sum(),
            ready: state.ready_len() as u64,
            caps: frame::caps(engine),
            left_ms: self.eta.left_ms(engine, now),
            word: word(engine),
            stands_still: state.is_suspended(),
        }
    }
}

/// What is special about the run now.
fn word(engine: &Engine) -> Option<&'static str> {
    match (engine.state().phase, engine.state().closing) {
        (Phase::Paused(PauseReason::User), _) => Some("paused"),
        (_, Closing::Stopping(_)) => Some("stopping"),
        (_, Closing::Cancelling(_)) => Some("being cancelled"),
        (Phase::Paused(_) | Phase::New | Phase::Running | Phase::Ended(_), Closing::No) => None,
    }
}
