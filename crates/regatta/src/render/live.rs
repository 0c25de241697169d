//! The live screen of `run` on a terminal: a bar for the whole, a line per running task, caps in use.
//!
//! Draws through indicatif; finished tasks scroll away above as plain lines. Knows nothing that events do not say.

use super::escape::{escape, fit};
use super::lines;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use regatta_engine::Engine;
use regatta_engine::event::{Event, EventKind};
use regatta_engine::ids::AttemptId;
use std::collections::BTreeMap;
use std::time::Duration;

/// At most this many running tasks have a line of their own.
const LINES: usize = 12;
/// Columns for a task's id.
const ID_COLUMNS: usize = 40;

/// The live screen.
#[derive(Debug)]
pub struct Live {
    screen: MultiProgress,
    overall: ProgressBar,
    running: BTreeMap<AttemptId, ProgressBar>,
}

impl Live {
    /// An empty screen for a run of `nodes` tasks.
    #[must_use]
    pub fn new(nodes: u64) -> Live {
        let screen = MultiProgress::new();
        let overall = screen.add(ProgressBar::new(nodes));
        overall.set_style(style("{bar:24} {pos}/{len} tasks  {elapsed}  {msg}"));
        overall.enable_steady_tick(Duration::from_millis(250));
        Live { screen, overall, running: BTreeMap::new() }
    }

    /// Shows events that are durable.
    pub fn show(&mut self, engine: &Engine, events: &[Event]) {
        for event in events {
            self.show_one(engine, event);
        }
        let state = engine.state();
        let wave = state.current_wave().map_or(engine.graph().waves(), |w| w + 1);
        self.overall.set_position((engine.graph().len() as u64).saturating_sub(u64::from(state.open())));
        self.overall.set_message(format!(
            "wave {wave} of {}  slots {}/{}  ready {}",
            engine.graph().waves(),
            state.used.total,
            state.limits.max_parallel,
            state.ready_len()
        ));
    }

    fn show_one(&mut self, engine: &Engine, event: &Event) {
        match &event.kind {
            EventKind::DispatchStarted { node, attempt, number, .. } if self.running.len() < LINES => {
                let bar = self.screen.insert_before(&self.overall, ProgressBar::new_spinner());
                bar.set_style(style("  {spinner} {msg} {elapsed}"));
                let name = fit(&escape(engine.graph().name(*node)), ID_COLUMNS);
                let again = if *number > 1 { format!(" (attempt {number})") } else { String::new() };
                bar.set_message(format!("{name}{again}"));
                bar.enable_steady_tick(Duration::from_millis(250));
                self.running.insert(*attempt, bar);
            }
            EventKind::DispatchStarted { .. } => {}
            EventKind::DispatchEnded { attempt, .. } => {
                if let Some(bar) = self.running.remove(attempt) {
                    bar.finish_and_clear();
                    self.screen.remove(&bar);
                }
                self.scroll(engine, event);
            }
            _ => self.scroll(engine, event),
        }
    }

    fn scroll(&self, engine: &Engine, event: &Event) {
        if let Some(line) = lines::line(engine, event) {
            // A terminal that went away does not stop the run.
            let _ = self.screen.println(line);
        }
    }

    /// Takes the screen away; what scrolled stays.
    pub fn finish(&self) {
        for bar in self.running.values() {
            bar.finish_and_clear();
        }
        self.overall.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸ ")
}
