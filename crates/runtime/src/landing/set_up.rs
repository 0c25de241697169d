//! Prepares the worktree in which work is merged: at its beginning, and anew once a lock file there is another.
//!
//! Runs the commands of `setup`; what they mean is said by who asks.

use super::integrate::Bench;
use super::{Dock, LandError, Report, Verdict};
use crate::git::GitError;
use std::path::Path;

/// Preparing the integration worktree may take this long, in milliseconds.
const SETUP_MS: u64 = 30 * 60_000;
/// Files that say which versions of what others wrote are used, besides `*.lock`.
const LOCK_FILES: [&str; 8] = [
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "bun.lockb",
    "go.sum",
    "go.work.sum",
    "gradle.lockfile",
    "packages.lock.json",
];

impl Dock {
    /// Prepares the worktree in which gates run. Answers what keeps them from running.
    pub(super) fn prepare(&self, bench: &Bench, report: &mut Report) -> Result<Option<Verdict>, LandError> {
        if self.merge.gates.is_empty() { Ok(None) } else { self.set_up(bench, report) }
    }

    /// Runs what prepares a worktree. Answers what keeps others from running there.
    pub(super) fn set_up(&self, bench: &Bench, report: &mut Report) -> Result<Option<Verdict>, LandError> {
        for (n, action) in self.ground.rules.setup.iter().enumerate() {
            let Some(ran) = self.run(action, &bench.path, SETUP_MS) else {
                return Ok(Some(Verdict::Stop));
            };
            report.note("setup", ran.put_back);
            if ran.code != Some(0) {
                let what = format!("command {} of `setup` failed where work is merged: {}", n + 1, ran.said);
                let command = format!("mend it, then: regatta resume {}", self.ground.names.run());
                return Ok(Some(Verdict::Wait(what, command)));
            }
        }
        Ok(None)
    }

    /// Prepares the worktree anew, if a lock file at the tip is another than when it was prepared, and a gate will look at
    /// the tip. Answers what keeps gates from running.
    pub(super) fn set_up_again(
        &self,
        bench: &mut Bench,
        report: &mut Report,
    ) -> Result<Option<Verdict>, LandError> {
        let open = |name: &str| bench.paid.find(bench.tip.as_str(), name).is_none();
        let wanted =
            self.merge.gates.iter().any(|check| check.person.is_none() && open(&self.called(&check.name)));
        if !wanted || self.ground.rules.setup.is_empty() || !locks_changed(bench)? {
            return Ok(None);
        }
        bench.stand()?;
        let verdict = self.set_up(bench, report)?;
        if verdict.is_none() {
            bench.set_up_at = bench.tip.clone();
        }
        Ok(verdict)
    }
}

fn locks_changed(bench: &Bench) -> Result<bool, GitError> {
    if bench.set_up_at == bench.tip {
        return Ok(false);
    }
    let changes = bench.git.changes(&bench.set_up_at, &bench.tip)?;
    Ok(changes.iter().any(|change| is_lock_file(&change.path)))
}

fn is_lock_file(path: &str) -> bool {
    let name = Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.ends_with(".lock") || LOCK_FILES.contains(&name)
}
