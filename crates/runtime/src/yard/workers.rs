//! The threads that do what takes git's time.
//!
//! Each errand is answered exactly once, unless the loop has gone away. Knows no order among errands.

use super::base::{Base, base};
use super::collecting::{CollectError, Collected, Ended};
use super::making::MakeError;
use super::pairs::{Pair, with_others};
use super::{AttributesError, Ground};
use crate::git::Oid;
use crate::works::Piece;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// What a worker is asked to do.
#[derive(Clone, Debug)]
pub enum Errand {
    /// Make the worktree of an attempt, from what its predecessors left: in merge order, each a task and a commit.
    Make {
        /// The attempt.
        attempt: u64,
        /// Its task.
        task: String,
        /// What its predecessors left.
        heads: Vec<(String, Oid)>,
    },
    /// Collect what an attempt left.
    Collect(Box<Ended>),
    /// See whether what a task left conflicts with what others left.
    Foresee(Box<Piece>, Vec<Piece>),
}

/// What became of an errand.
#[derive(Debug)]
pub enum Done {
    /// The worktree of an attempt.
    Made {
        /// The attempt.
        attempt: u64,
        /// Where it is and where it begins, or why there is none.
        made: Result<(PathBuf, Oid), Failed>,
    },
    /// What an attempt left.
    Collected {
        /// The attempt.
        attempt: u64,
        /// What, or why that cannot be told.
        collected: Result<Box<Collected>, CollectError>,
    },
    /// With what a piece conflicts.
    Foreseen(Result<Vec<Pair>, AttributesError>),
}

/// Why there is no worktree.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// What predecessors left cannot be merged.
    #[error("the work of `{task}` conflicts with that of other predecessors in {}", paths.join(", "))]
    Conflict {
        /// The task whose work does not fit to the rest.
        task: String,
        /// The paths.
        paths: Vec<String>,
    },
    /// It cannot be made.
    #[error(transparent)]
    Make(#[from] MakeError),
}

type Queue = (Mutex<(VecDeque<Errand>, bool)>, Condvar);

/// The workers of a run. They end when this is dropped; an errand under way is brought to its end.
pub struct Workers {
    ground: Arc<Ground>,
    queue: Arc<Queue>,
}

impl Workers {
    /// As many as there are cores. `tell` hands an answer to the loop.
    #[must_use]
    pub fn start(ground: Arc<Ground>, tell: Arc<dyn Fn(Done) + Send + Sync>) -> Workers {
        let queue: Arc<Queue> = Arc::default();
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        for _ in 0..cores {
            let (ground, queue, tell) = (Arc::clone(&ground), Arc::clone(&queue), Arc::clone(&tell));
            std::thread::spawn(move || {
                while let Some(errand) = next(&queue) {
                    tell(run(&ground, errand));
                }
            });
        }
        Workers { ground, queue }
    }

    /// What they share.
    #[must_use]
    pub fn ground(&self) -> &Arc<Ground> {
        &self.ground
    }

    /// Hands in an errand. What a task waits for goes before what is only to be known.
    pub fn ask(&self, errand: Errand) {
        let (state, bell) = &*self.queue;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let foresees = |errand: &Errand| matches!(errand, Errand::Foresee(..));
        let place = match state.0.iter().position(foresees) {
            Some(place) if !foresees(&errand) => place,
            _ => state.0.len(),
        };
        state.0.insert(place, errand);
        drop(state);
        bell.notify_one();
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let (state, bell) = &*self.queue;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0.clear();
        state.1 = true;
        bell.notify_all();
    }
}

fn next(queue: &Queue) -> Option<Errand> {
    let (state, bell) = queue;
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if let Some(errand) = state.0.pop_front() {
            return Some(errand);
        }
        if state.1 {
            return None;
        }
        state = bell.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}

fn run(ground: &Ground, errand: Errand) -> Done {
    match errand {
        Errand::Make { attempt, task, heads } => {
            Done::Made { attempt, made: make(ground, (attempt, &task), &heads) }
        }
        Errand::Collect(ended) => {
            Done::Collected { attempt: ended.attempt, collected: ground.collect(&ended).map(Box::new) }
        }
        Errand::Foresee(piece, others) => Done::Foreseen(with_others(ground.merger(), &piece, &others)),
    }
}

fn make(
    ground: &Ground,
    (attempt, task): (u64, &str),
    heads: &[(String, Oid)],
) -> Result<(PathBuf, Oid), Failed> {
    match base(ground, heads).map_err(MakeError::from)? {
        Base::At(base) => {
            ground.save_left(task, attempt).map_err(MakeError::from)?;
            Ok((ground.make(task, &base)?, base))
        }
        Base::Conflict { task, paths } => Err(Failed::Conflict { task, paths }),
    }
}
