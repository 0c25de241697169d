//! A landing under way, and how it asks the loop for what the keeper does.
//!
//! Knows no driver.

use crate::landing::{LandError, Landing, Ran, Runner};
use regatta_plan::model::Action;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

/// A command that landing wants to be run.
pub struct Wanted {
    pub(crate) action: Action,
    pub(crate) dir: PathBuf,
    pub(crate) timeout_ms: u64,
    pub(crate) reply: Sender<Ran>,
}

/// A landing under way.
pub(crate) struct Docking {
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) thread: JoinHandle<()>,
    /// Commands under way, by the keeper's id.
    pub(crate) commands: BTreeMap<u64, Sender<Ran>>,
    /// Commands so far.
    pub(crate) count: u64,
}

/// What a landing says to the loop.
pub enum Word {
    /// It wants a command to be run.
    Command(Box<Wanted>),
    /// It has come to its end.
    End(Box<Result<Landing, LandError>>),
}

/// Hands a word to the loop; answers whether that is still there.
pub type Tell = Arc<dyn Fn(Word) -> bool + Send + Sync>;

/// Asks the loop, which asks the keeper.
pub(crate) struct ThroughLoop(pub(crate) Tell);

impl Runner for ThroughLoop {
    fn run(&self, action: &Action, dir: &Path, timeout_ms: u64) -> Option<Ran> {
        let (reply, answer) = channel();
        let wanted = Wanted { action: action.clone(), dir: dir.to_owned(), timeout_ms, reply };
        (self.0)(Word::Command(Box::new(wanted))).then(|| answer.recv().ok()).flatten()
    }
}
