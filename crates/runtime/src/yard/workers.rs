//! The threads that do what takes git's time.
//!
//! Each errand is answered exactly once, unless the loop has gone away. What somebody waits for comes before what is made
//! ahead.

use super::base::{Base, base};
use super::collecting::{CollectError, Collected, Ended};
use super::going_on::{Begin, Way};
use super::making::MakeError;
use super::pairs::{Pair, with_others};
use super::{AttributesError, Ground};
use crate::git::Oid;
use crate::works::Piece;
use regatta_engine::ids::NodeId;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

/// What a worker is asked to do.
#[derive(Clone, Debug)]
pub enum Errand {
    /// Make the worktree of a task, from what its predecessors left: in merge order, each a task and a commit.
    Make {
        /// The node of the task.
        node: NodeId,
        /// The task.
        task: String,
        /// What its predecessors left.
        heads: Vec<(String, Oid)>,
        /// The attempt that waits for it, if one does.
        attempt: Option<Again>,
    },
    /// Remove the worktree of a task in which nobody has worked, and its branch.
    Remove {
        /// The node of the task.
        node: NodeId,
        /// The task.
        task: String,
    },
    /// Remember what `setup` left in the worktree of a task, before it begins to work.
    Remember {
        /// The attempt that waits for it.
        attempt: u64,
        /// The task.
        task: String,
    },
    /// Collect what an attempt left.
    Collect(Box<Ended>),
    /// See whether what a task left conflicts with what others left.
    Foresee(Box<Piece>, Vec<Piece>),
}

/// An attempt that waits for a worktree.
#[derive(Clone, Debug)]
pub struct Again {
    /// Its id: what a lost one before it left is kept under its name.
    pub id: u64,
    /// It goes on where the one before it stopped.
    pub goes_on: bool,
}

/// What became of an errand.
#[derive(Debug)]
pub enum Done {
    /// The worktree of a task.
    Made {
        /// The node of the task.
        node: NodeId,
        /// Where it begins, or why there is none.
        made: Result<Begin, Failed>,
    },
    /// The worktree of a task is gone.
    Removed {
        /// The node of the task.
        node: NodeId,
        /// Why it is not.
        removed: Result<(), MakeError>,
    },
    /// What `setup` left is remembered.
    Remembered {
        /// The attempt that waits for it.
        attempt: u64,
        /// Why it is not.
        remembered: Result<(), MakeError>,
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

/// What is to be done.
#[derive(Default)]
struct Line {
    /// What somebody waits for.
    needed: VecDeque<Errand>,
    /// What is made before somebody does.
    ahead: VecDeque<Errand>,
    /// Nothing is begun any more.
    closed: bool,
}

type Queue = (Mutex<Line>, Condvar);

/// The workers of a run. They end when this is dropped; errands under way are brought to their end, and worktrees that were to go
/// are removed, which is waited for.
pub struct Workers {
    ground: Arc<Ground>,
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// As many as there are cores. `tell` hands an answer to the loop.
    #[must_use]
    pub fn start(ground: Arc<Ground>, tell: Arc<dyn Fn(Done) + Send + Sync>) -> Workers {
        let queue: Arc<Queue> = Arc::default();
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let threads = (0..cores).map(|_| {
            let (ground, queue, tell) = (Arc::clone(&ground), Arc::clone(&queue), Arc::clone(&tell));
            std::thread::spawn(move || {
                while let Some(errand) = next(&queue) {
                    tell(run(&ground, errand));
                }
            })
        });
        Workers { threads: threads.collect(), ground, queue }
    }

    /// What they share.
    #[must_use]
    pub fn ground(&self) -> &Arc<Ground> {
        &self.ground
    }

    /// Hands in an errand. What a task waits for goes before what is only to be known.
    pub fn ask(&self, errand: Errand) {
        let known = matches!(errand, Errand::Foresee(..));
        self.with_line(|line| if known { &mut line.ahead } else { &mut line.needed }.push_back(errand));
    }

    /// Hands in an errand that nobody waits for yet.
    pub fn ask_ahead(&self, errand: Errand) {
        self.with_line(|line| line.ahead.push_back(errand));
    }

    /// Somebody waits for the worktree of a node now, if it was asked for ahead.
    pub fn hurry(&self, wanted: NodeId) {
        self.with_line(|line| {
            let is_it = |errand: &Errand| matches!(errand, Errand::Make { node, .. } if *node == wanted);
            let at = line.ahead.iter().position(is_it);
            line.needed.extend(at.and_then(|at| line.ahead.remove(at)));
        });
    }

    fn with_line(&self, change: impl FnOnce(&mut Line)) {
        let (line, bell) = &*self.queue;
        change(&mut line.lock().unwrap_or_else(PoisonError::into_inner));
        bell.notify_all();
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.with_line(|line| {
            line.needed.retain(|errand| matches!(errand, Errand::Remove { .. }));
            line.ahead.clear();
            line.closed = true;
        });
        for thread in self.threads.drain(..) {
            // One that panicked has nothing under way.
            let _ = thread.join();
        }
    }
}

fn next(queue: &Queue) -> Option<Errand> {
    let (line, bell) = queue;
    let mut line = line.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if let Some(errand) = line.needed.pop_front() {
            return Some(errand);
        }
        if let Some(errand) = line.ahead.pop_front() {
            return Some(errand);
        }
        if line.closed {
            return None;
        }
        line = bell.wait(line).unwrap_or_else(PoisonError::into_inner);
    }
}

fn run(ground: &Ground, errand: Errand) -> Done {
    match errand {
        Errand::Make { node, task, heads, attempt } => {
            Done::Made { node, made: make(ground, (attempt.as_ref(), &task), &heads) }
        }
        Errand::Remove { node, task } => Done::Removed { node, removed: ground.remove(&task) },
        Errand::Remember { attempt, task } => {
            Done::Remembered { attempt, remembered: ground.remember_setup(&task) }
        }
        Errand::Collect(ended) => {
            Done::Collected { attempt: ended.attempt, collected: ground.collect(&ended).map(Box::new) }
        }
        Errand::Foresee(piece, others) => {
            Done::Foreseen(with_others((ground.merger(), &ground.sides), &piece, &others))
        }
    }
}

fn make(
    ground: &Ground,
    (attempt, task): (Option<&Again>, &str),
    heads: &[(String, Oid)],
) -> Result<Begin, Failed> {
    match base(ground, heads).map_err(MakeError::from)? {
        Base::At(base) => {
            // What one predecessor left conflicts with nothing.
            if heads.len() > 1 {
                ground.clear_resolved(task)?;
            }
            let way = match attempt.filter(|attempt| attempt.goes_on) {
                Some(again) => ground.way((task, again.id), &base)?,
                None => Way::Anew(base.clone(), None),
            };
            let Way::Anew(from, note) = way else { return Ok(Begin { base, goes_on: true, note: None }) };
            if let Some(attempt) = attempt {
                ground.save_left(task, attempt.id).map_err(MakeError::from)?;
            }
            ground.make(task, &from)?;
            // Whoever dies before that forgets it with the next one that is made there.
            if from == base {
                ground.forget_unresolved(task)?;
            }
            Ok(Begin { base, goes_on: false, note })
        }
        Base::Conflict { task, clash } => Err(Failed::Conflict { task, paths: clash.paths() }),
    }
}
