//! What branches, refs and directories of a run are called (spec 6 "Names").
//!
//! ```text
//! regatta/RUN/t/TASK         the branch of a task        regatta/RUN/integration, regatta/RUN/result   ours
//! regatta/RUN/base/TASK       where a conflict is resolved that a task would begin from
//! refs/regatta/RUN/TASK/N    what attempt N left         DIR/RUN-TASK-xxxxxxxx                         its worktree
//! refs/regatta/RUN/+ROLE/…   what others than tasks left: agents that help, persons, resolutions, stashes, refs
//! ```
//! Pure. The grammar of ids leaves little to mend: what git refuses in a name is written as `%` and two digits.

use regatta_engine::json::hex;
use sha2::{Digest as _, Sha256};

/// A name may be this long, in bytes; beyond it, it is cut and tells the rest by its hash.
const MOST_BYTES: usize = 120;
/// What stands of a name that is too long.
const KEPT_BYTES: usize = 100;

/// Names of one run.
#[derive(Clone, Debug)]
pub struct Names {
    run: String,
}

impl Names {
    /// Those of a run.
    #[must_use]
    pub fn of(run: &str) -> Names {
        Names { run: run.to_owned() }
    }

    /// The run.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.run
    }

    /// The short name of the branch of a task.
    #[must_use]
    pub fn branch(&self, task: &str) -> String {
        format!("regatta/{}/t/{}", self.run, part(task))
    }

    /// The short name of the branch on which work is merged.
    #[must_use]
    pub fn integration(&self) -> String {
        format!("regatta/{}/integration", self.run)
    }

    /// The short name of the branch that has what could not move the target.
    #[must_use]
    pub fn result(&self) -> String {
        format!("regatta/{}/result", self.run)
    }

    /// The full ref of the commit that the run began from.
    #[must_use]
    pub fn pinned(&self) -> String {
        format!("refs/regatta-base/{}", self.run)
    }

    /// The prefix of all branches of the run, as full refs.
    #[must_use]
    pub fn branches(&self) -> String {
        format!("refs/heads/regatta/{}/", self.run)
    }

    /// The full ref of what an attempt left.
    #[must_use]
    pub fn kept(&self, task: &str, attempt: u64) -> String {
        format!("refs/regatta/{}/{}/{attempt}", self.run, part(task))
    }

    /// The prefix of what attempts of a task left, and of what else stood in its worktrees.
    #[must_use]
    pub fn all_kept_of(&self, task: &str) -> String {
        format!("refs/regatta/{}/{}/", self.run, part(task))
    }

    /// The full ref of what stood in a worktree that was made anew for an attempt.
    #[must_use]
    pub fn left(&self, task: &str, next_attempt: u64) -> String {
        format!("refs/regatta/{}/{}/left-before-{next_attempt}", self.run, part(task))
    }

    /// The full ref of what somebody put into the worktree of a task that was done.
    #[must_use]
    pub fn put_there(&self, task: &str, commit: &str) -> String {
        format!("refs/regatta/{}/{}/put-there-{commit}", self.run, part(task))
    }

    /// The full ref of a commit of an attempt that is no part of what it left.
    #[must_use]
    pub fn set_aside(&self, task: &str, commit: &str) -> String {
        format!("refs/regatta/{}/{}/set-aside-{commit}", self.run, part(task))
    }

    /// The prefix of what persons gave tasks of the run as their work.
    #[must_use]
    pub fn all_adopted(&self) -> String {
        format!("refs/regatta-adopted/{}/", self.run)
    }

    /// The full ref of what a person gave a task as its work.
    #[must_use]
    pub fn adopted(&self, task: &str) -> String {
        format!("refs/regatta-adopted/{}/{}", self.run, part(task))
    }

    /// The full ref of what an agent left that helped the merge. No task's id begins so.
    #[must_use]
    pub fn helped(&self, role: &str, number: u32) -> String {
        format!("refs/regatta/{}/+{role}/{number}", self.run)
    }

    /// The full ref of what a person committed where a conflict was left to them.
    #[must_use]
    pub fn by_person(&self, commit: &str) -> String {
        format!("{}/{commit}", self.by_persons())
    }

    /// The full ref of an entry that was in the stash.
    #[must_use]
    pub fn stashed(&self, commit: &str) -> String {
        format!("refs/regatta/{}/+stash/{commit}", self.run)
    }

    /// The full ref of what a ref held that changed while something of the run worked.
    #[must_use]
    pub fn held(&self, object: &str) -> String {
        format!("refs/regatta/{}/+ref/{object}", self.run)
    }

    /// The prefix of what persons committed so.
    #[must_use]
    pub fn by_persons(&self) -> String {
        format!("refs/regatta/{}/+person", self.run)
    }

    /// The prefix of all refs that keep what attempts left.
    #[must_use]
    pub fn all_kept(&self) -> String {
        format!("refs/regatta/{}/", self.run)
    }

    /// The name of the worktree of a task.
    #[must_use]
    pub fn worktree(&self, task: &str) -> String {
        format!("{}-{}-{}", self.run, part(task), self.hash(task))
    }

    /// The name of the worktree in which work is merged; no task's has it.
    #[must_use]
    pub fn integration_worktree(&self) -> String {
        format!("{}-integration", self.run)
    }

    /// The short name of the branch on which a conflict is resolved that a task would begin from.
    #[must_use]
    pub fn base(&self, task: &str) -> String {
        format!("regatta/{}/base/{}", self.run, part(task))
    }

    /// The name of the worktree in which that happens; no task's has it, because its hash is of another text.
    #[must_use]
    pub fn base_worktree(&self, task: &str) -> String {
        format!("{}-base-{}-{}", self.run, part(task), short_hash(&format!("{}/base/{task}", self.run)))
    }

    /// The name of the worktree that tasks have one after the other; no task's has it.
    #[must_use]
    pub fn common_worktree(&self) -> String {
        format!("{}-sequential", self.run)
    }

    fn hash(&self, task: &str) -> String {
        short_hash(&format!("{}/{task}", self.run))
    }
}

fn short_hash(text: &str) -> String {
    hex(&Sha256::digest(text)[..4])
}

/// A task's id as a part of a name of git's.
fn part(task: &str) -> String {
    let mut out = String::with_capacity(task.len());
    for c in task.chars() {
        match c {
            '[' => out.push_str("%5B"),
            ']' => out.push_str("%5D"),
            other => out.push(other),
        }
    }
    if let Some(rest) = out.strip_suffix(".lock") {
        out = format!("{rest}%2Elock");
    } else if let Some(rest) = out.strip_suffix('.') {
        out = format!("{rest}%2E");
    }
    if out.len() > MOST_BYTES {
        // Ids are ASCII, and no escape may be cut in two.
        let cut =
            (0..=KEPT_BYTES).rev().find(|&at| !out[at.saturating_sub(2)..at].contains('%')).unwrap_or(0);
        out = format!("{}{}", &out[..cut], short_hash(task));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_refuses_in_a_name_is_written_otherwise() {
        let names = Names::of("r1");
        assert_eq!(names.branch("api"), "regatta/r1/t/api");
        assert_eq!(names.branch("build[linux][x]"), "regatta/r1/t/build%5Blinux%5D%5Bx%5D");
        assert_eq!(names.branch("a.lock"), "regatta/r1/t/a%2Elock");
        assert_eq!(names.branch("a."), "regatta/r1/t/a%2E");
        assert_eq!(names.kept("a", 3), "refs/regatta/r1/a/3");
    }

    #[test]
    fn long_ids_are_cut_and_stay_different() {
        let names = Names::of("r1");
        let (a, b) = (format!("{}a", "x".repeat(127)), format!("{}b", "x".repeat(127)));
        assert!(names.branch(&a).len() < 130 && names.branch(&a) != names.branch(&b));
        let full = format!("{}{}", "y".repeat(98), "[z]".repeat(9));
        assert!(!names.branch(&full)[..].contains("%5%"), "{}", names.branch(&full));
    }

    #[test]
    fn every_id_of_the_grammar_gives_a_name_that_git_takes() {
        let ids = ["a", "A-b_c.d", "a.lock", "x..lock", "a.b.", "m[0]", "build[a.lock]", "0", "_"];
        for id in ids.iter().filter(|id| !id.contains("..")) {
            let names = Names::of("20261121-ab");
            for name in [format!("refs/heads/{}", names.branch(id)), names.kept(id, 1)] {
                let checked = std::process::Command::new("git").args(["check-ref-format", &name]).status();
                assert!(checked.unwrap().success(), "{name}");
            }
        }
    }
}
