//! Whether what an earlier run left in a worktree stands for a task of this one.
//!
//! ```text
//! its commits are gone                          -> no
//! they are in the commit this run begins from   -> yes, and nothing is left to land
//! a person gave them to the task                -> yes
//! the task would begin from the same commit     -> yes, as they are
//! it is a gate, and what it looked at has landed -> yes: it leaves nothing
//! ```
//! Where it would begin follows from what its predecessors left in this run, so whoever repeats one repeats what depends on
//! it. What is taken over is held by names of this run: the earlier one may go.

use super::earlier::Done;
use crate::git::{GitError, Oid};
use crate::yard::{Base, Ground, base};
use regatta_engine::ids::AttemptId;
use regatta_engine::input::ReusedBy;
use regatta_engine::report::Work;

/// Where a task would begin.
#[derive(Debug)]
pub struct Footing<'a> {
    /// The worktrees of the run.
    pub ground: &'a Ground,
    /// What its predecessors left, in merge order: each a task and a commit.
    pub handed: Vec<(String, Oid)>,
}

/// The work as it counts here, or why it does not.
pub(super) fn take_over(
    footing: &Footing<'_>,
    done: &Done,
    (task, attempt): (&str, AttemptId),
) -> Result<Work, String> {
    let work = done.report.work.as_deref().ok_or("what it left was not recorded")?;
    let (Some(began), Some(head)) = (Oid::parse(&work.base), Oid::parse(&work.head)) else {
        return Err("what it left cannot be read".to_owned());
    };
    weigh(footing, (done, task, attempt), (work, &began, &head)).map_err(|e| e.to_string())?
}

/// Where a gate would look, if what it said stands there: it is where it looked, or all that it looked at has landed. A retry
/// goes on with the same run, so there a gate that nothing comes before looks at what is in there still.
pub(super) fn still_so(footing: &Footing<'_>, done: &Done, by: ReusedBy) -> Result<Work, String> {
    let (ground, git) = (footing.ground, &footing.ground.repo.git);
    let work = done.report.work.as_deref().ok_or("where it looked was not recorded")?;
    let began = Oid::parse(&work.base).ok_or("where it looked cannot be read")?;
    let now = match base(ground, &footing.handed).map_err(|e| e.to_string())? {
        Base::At(now) => now,
        Base::Conflict { task, .. } => {
            return Err(format!("what it would look at conflicts with the work of `{task}`"));
        }
    };
    let landed = || match footing.handed.is_empty() {
        true => {
            let there = by == ReusedBy::Retry && git.present([&began].into_iter())?.contains(&began);
            Ok::<bool, GitError>(there && git.is_ancestor(&began, &ground.pinned)?)
        }
        false => Ok(now == ground.pinned),
    };
    if now != began && !landed().map_err(|e| e.to_string())? {
        return Err(format!("it looked at {}, and would look at {}", began.short(), now.short()));
    }
    let now: Box<str> = now.as_str().into();
    Ok(Work { base: now.clone(), head: now, changed: 0 })
}

type Weighed = Result<Result<Work, String>, GitError>;

fn weigh(
    footing: &Footing<'_>,
    (done, task, attempt): (&Done, &str, AttemptId),
    (work, began, head): (&Work, &Oid, &Oid),
) -> Weighed {
    let (ground, git) = (footing.ground, &footing.ground.repo.git);
    let present = git.present([began, head].into_iter())?;
    if let Some(gone) = [began, head].into_iter().find(|oid| !present.contains(oid)) {
        return Ok(Err(format!("commit {} of its work is gone", gone.short())));
    }
    if is_in(ground, (&done.run, task), (began, head))? {
        let here: Box<str> = ground.pinned.as_str().into();
        return Ok(Ok(Work { base: here.clone(), head: here, changed: 0 }));
    }
    if !done.adopted {
        let now = match base(ground, &footing.handed) {
            Ok(now) => now,
            Err(error) => return Ok(Err(error.to_string())),
        };
        match now {
            Base::At(now) if now == *began => {}
            Base::At(now) => {
                return Ok(Err(format!(
                    "it began from {}, and would begin from {}",
                    began.short(),
                    now.short()
                )));
            }
            Base::Conflict { task, .. } => {
                return Ok(Err(format!("what it would begin from conflicts with the work of `{task}`")));
            }
        }
    }
    git.set_ref(&ground.names.kept(task, attempt.0), head)?;
    git.set_ref(&format!("refs/heads/{}", ground.names.branch(task)), head)?;
    Ok(Ok(work.clone()))
}

/// Whether the commit that this run begins from has the work: the commit itself, or one that says so.
fn is_in(ground: &Ground, (run, task): (&str, &str), (began, head): (&Oid, &Oid)) -> Result<bool, GitError> {
    let git = &ground.repo.git;
    if git.is_ancestor(head, &ground.pinned)? {
        return Ok(true);
    }
    // Squashed or rebased, it is known by its trailers alone.
    git.says(("Regatta-Run", run), ("Regatta-Task", task), (began, &ground.pinned))
}
