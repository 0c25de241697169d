//! A landing under way, and how it asks the loop for what the keeper does.
//!
//! Knows no driver.

use crate::landing::{AgentOrder, Agreed, LandError, Landing, Order, Ran, Reply, Runner};
use regatta_engine::report::Usage;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
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
    pub(crate) thread: JoinHandle<()>,
    /// Commands and agents under way, by the keeper's id.
    pub(crate) under_way: BTreeMap<u64, UnderWay>,
    /// Commands and agents so far.
    pub(crate) count: u64,
    /// Those of them that have had their time.
    pub(crate) late: BTreeSet<u64>,
    /// Answers that wait for the turn that takes what was used, and those whose turn is the present one.
    pub(crate) paid: (Vec<Answer>, Vec<Answer>),
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
