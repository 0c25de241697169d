//! A run that this program orchestrates: how it is heard of, and how its loop was left.
//!
//! ```text
//! goes on --rings after each turn--> ... --left--> outcome, once
//! ```
//! Known to the thread of the loop and to every handle of the run.

use super::error::Error;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How a loop was left.
#[derive(Clone, Debug)]
pub(super) struct Left {
    /// Lines for people about what was written beside the run.
    pub(super) notes: Vec<String>,
}

/// Asks a loop to end what runs.
#[derive(Clone)]
struct Signal(Arc<dyn Fn() + Send + Sync>);

impl fmt::Debug for Signal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Signal")
    }
}

#[derive(Debug, Default)]
struct State {
    /// Counts what happened, so that nobody who waits misses any of it.
    turns: u64,
    signal: Option<Signal>,
    /// So often an end was asked for before the loop listened.
    early: u32,
    left: Option<Result<Left, Error>>,
    thread: Option<JoinHandle<()>>,
}

/// A run that this program orchestrates, or did.
#[derive(Debug, Default)]
pub(super) struct Live {
    state: Mutex<State>,
    rings: Condvar,
}

impl Live {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something is durable that was not.
    pub(super) fn ring(&self) {
        self.state().turns += 1;
        self.rings.notify_all();
    }

    /// The loop listens: what was asked for before it did is told now.
    pub(super) fn begin(&self, signal: impl Fn() + Send + Sync + 'static) {
        let mut state = self.state();
        let early = std::mem::take(&mut state.early);
        let signal = state.signal.insert(Signal(Arc::new(signal))).clone();
        drop(state);
        (0..early).for_each(|_| (signal.0)());
    }

    pub(super) fn keep(&self, thread: JoinHandle<()>) {
        self.state().thread = Some(thread);
    }

    /// The loop is over. The first word counts.
    pub(super) fn leave(&self, left: Result<Left, Error>) {
        let mut state = self.state();
        state.left.get_or_insert(left);
        state.signal = None;
        self.rings.notify_all();
    }

    /// Ends what runs, as a signal would; the run can be resumed.
    pub(super) fn interrupt(&self) {
        let mut state = self.state();
        let signal = state.signal.clone();
        state.early += u32::from(signal.is_none() && state.left.is_none());
        drop(state);
        signal.into_iter().for_each(|signal| (signal.0)());
    }

    /// How it was left, if it was.
    pub(super) fn left(&self) -> Option<Result<Left, Error>> {
        self.state().left.clone()
    }

    /// How often it rang.
    pub(super) fn turns(&self) -> u64 {
        self.state().turns
    }

    /// Waits until it rings again after so many times, or is left, at most so long.
    pub(super) fn wait_after(&self, turns: u64, patience: Duration) {
        let state = self.state();
        let same = |state: &mut State| state.turns == turns && state.left.is_none();
        // Whoever is woken looks again, whatever woke it.
        drop(self.rings.wait_timeout_while(state, patience, same));
    }

    /// Waits until it is left, and until its thread is gone.
    pub(super) fn wait(&self) -> Result<Left, Error> {
        let mut state = self.state();
        let left = loop {
            match &state.left {
                Some(left) => break left.clone(),
                None => state = self.rings.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        };
        let thread = state.thread.take();
        drop(state);
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != std::thread::current().id()) {
            // If it panicked, that was told as how it was left.
            let _ = thread.join();
        }
        left
    }
}

/// The runs that an orchestrator has under way, by id.
pub(super) type Lives = Arc<Mutex<BTreeMap<String, Arc<Live>>>>;

pub(super) fn lives(lives: &Lives) -> MutexGuard<'_, BTreeMap<String, Arc<Live>>> {
    lives.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn an_interruption_that_comes_before_the_loop_listens_is_told_when_it_does() {
        let (live, told) = (Live::default(), Arc::<AtomicU32>::default());
        let (counts, count) = (Arc::clone(&told), || told.load(Ordering::SeqCst));
        live.interrupt();
        live.begin(move || {
            counts.fetch_add(1, Ordering::SeqCst);
        });
        assert_eq!(count(), 1);
        live.interrupt();
        assert_eq!(count(), 2);
        live.leave(Ok(Left { notes: Vec::new() }));
        live.interrupt();
        assert_eq!(count(), 2);
    }
}
