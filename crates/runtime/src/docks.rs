//! A landing under way, and how it asks the loop for what the keeper does.
//!
//! Knows no driver.

use crate::landing::{AgentOrder, Agreed, LandError, Landing, Order, Ran, Reply, Runner};
use regatta_engine::report::Usage;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Something that landing wants to be done.
pub struct Wanted {
    pub(crate) order: Order,
    pub(crate) reply: Reply,
}

/// Something of a landing that the keeper has.
pub(crate) struct UnderWay {
    pub(crate) reply: Reply,
    /// The number of its log.
    pub(crate) log: u64,
    /// Its agent and the directory of the attempt; nothing for a command.
    pub(crate) agent: Option<(Box<AgentOrder>, PathBuf)>,
}

/// An answer, and where it goes.
type Answer = (Reply, Ran);

/// A landing under way.
pub(crate) struct Docking {
    pub(crate) stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// Commands and agents under way, by the keeper's id.
    pub(crate) under_way: BTreeMap<u64, UnderWay>,
    /// Commands and agents so far.
    pub(crate) count: u64,
    /// Those of them that have had their time.
    pub(crate) late: BTreeSet<u64>,
    /// Answers that wait for the turn that takes what was used, and those whose turn is the present one.
    pub(crate) paid: (Vec<Answer>, Vec<Answer>),
}

impl Docking {
    /// A landing on a thread that stops when `stop` says so; `count` commands and agents were started before.
    pub(crate) fn new(stop: Arc<AtomicBool>, thread: JoinHandle<()>, count: u64) -> Docking {
        let (under_way, paid, late) = (BTreeMap::new(), (Vec::new(), Vec::new()), BTreeSet::new());
        Docking { stop, thread: Some(thread), under_way, count, late, paid }
    }
}

/// Nothing of a landing works on when nobody has it any more: it moves nothing, and is waited for.
impl Drop for Docking {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // A reply that is dropped says that nothing will be done.
        self.under_way.clear();
        self.paid = (Vec::new(), Vec::new());
        if let Some(thread) = self.thread.take() {
            // It ends with the git call that it is in. A panic of it was printed there.
            let _ = thread.join();
        }
    }
}

/// What of an earlier landing is still being ended.
#[derive(Default)]
pub(crate) struct Leftovers {
    /// Ids of the keeper.
    pub(crate) ending: Vec<u64>,
    /// Landing begins when nothing is left.
    pub(crate) land_then: bool,
}

/// What an agent of a landing did.
pub(crate) struct Helped {
    pub(crate) good: bool,
    pub(crate) said: String,
    pub(crate) usage: Option<Usage>,
}

/// What a landing says to the loop.
pub enum Word {
    /// It wants something to be done.
    Want(Box<Wanted>),
    /// What came of a conflict that a task would have begun from.
    Agreed(Box<Result<Agreed, LandError>>),
    /// It has come to its end.
    End(Box<Result<Landing, LandError>>),
}

/// Hands a word to the loop; answers whether that is still there.
pub type Tell = Arc<dyn Fn(Word) -> bool + Send + Sync>;

/// Asks the loop, which asks the keeper.
pub(crate) struct ThroughLoop(pub(crate) Tell);

impl Runner for ThroughLoop {
    fn start(&self, order: Order, reply: Reply) {
        // A loop that is gone drops the reply, which tells.
        let _ = (self.0)(Word::Want(Box::new(Wanted { order, reply })));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_landing_that_nobody_has_any_more_is_told_to_stop_and_waited_for() {
        let (stop, stopped) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let (seen, tells) = (Arc::clone(&stop), Arc::clone(&stopped));
        let thread = std::thread::spawn(move || {
            while !seen.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            tells.store(true, Ordering::SeqCst);
        });
        drop(Docking::new(stop, thread, 0));
        assert!(stopped.load(Ordering::SeqCst));
    }
}
