//! What happened in a workspace before a story begins, and what must be done about it in the end.
//!
//! ```text
//! nothing
//! dead neighbour   another run holds a lease; its orchestrator and its keeper are dead, a process of it is not
//! earlier run      the plan was run once: the story reuses what it left
//! repository       the workspace is one, with a commit
//! ```
//! Knows no kill of the story itself.

use crate::Outcome;
use crate::place::{Env, Place};
use crate::processes::{gone, keeper, kill, marked};
use crate::repository;
use std::time::Duration;

/// A killed process is gone within this time.
const DIES: Duration = Duration::from_secs(15);

/// The neighbour holds `db` until it is killed; what it leaves alive has left its group. Once more it has its effect.
const NEIGHBOUR: &str = "version: 1
name: neighbour
effect: idempotent
tasks:
  - id: n
    locks: [db]
    run: |
      if test -e began; then echo n.1 >>done; exit 0; fi
      touch began; setsid sleep 300 & echo up >up; sleep 300
";

/// What happened before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Before {
    /// Nothing.
    Nothing,
    /// Another run holds the lease `db` and is dead.
    DeadNeighbour,
    /// The same plan was run to its end.
    EarlierRun,
    /// The workspace is a git repository.
    Repository,
}

impl Before {
    /// Lets it happen; answers the id of the run that it left, if it left one.
    ///
    /// # Errors
    /// It goes wrong.
    pub fn happens(self, place: &Place) -> Outcome<Option<String>> {
        match self {
            Before::Nothing => return Ok(None),
            Before::Repository => {
                repository::make(place)?;
                return Ok(None);
            }
            Before::DeadNeighbour => {
                place.write("neighbour.yaml", NEIGHBOUR)?;
                place.fifo("up")?;
                let run = place.start(&["run", "neighbour.yaml"], &Env::new())?;
                place.hear("up")?;
                kill(run.pid());
                run.wait()?;
                let keeper = keeper(place.root()).ok_or("the neighbour has no keeper")?;
                kill(keeper);
                if !gone(keeper, DIES) {
                    return Err("the keeper of the neighbour does not die".to_owned());
                }
            }
            Before::EarlierRun => {
                place.expect(&["run", "plan.yaml"], 0)?;
                // What counts is what happens from now on.
                place.write("done", "")?;
            }
        }
        place.run_id()
    }

    /// The story is over: a neighbour comes to its end too, and nothing of it is left.
    ///
    /// # Errors
    /// It does not, or something is.
    pub fn ends(self, place: &Place, run: Option<&str>) -> Outcome<()> {
        let Some(run) = run.filter(|_| self == Before::DeadNeighbour) else { return Ok(()) };
        let marked = marked(run);
        if !marked.is_empty() {
            return Err(format!("processes {marked:?} of the neighbour live although its lease was taken"));
        }
        place.expect(&["resume", run], 0).map(|_| ())
    }
}
