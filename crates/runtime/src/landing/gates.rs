//! Commands that must succeed on what was merged.
//!
//! A gate changes nothing: what it leaves is thrown away.

use super::integrate::Bench;
use super::{Dock, GateResult, LandError, Report, Verdict};
use regatta_fault as fault;

/// Preparing the integration worktree may take this long, in milliseconds.
const SETUP_MS: u64 = 30 * 60_000;

impl Dock {
    /// Prepares the worktree in which gates run. Answers what keeps them from running.
    pub(super) fn prepare(&self, bench: &Bench) -> Result<Option<Verdict>, LandError> {
        if self.merge.gates.is_empty() {
            return Ok(None);
        }
        for (n, action) in self.ground.rules.setup.iter().enumerate() {
            let Some(ran) = self.runner.run(action, &bench.path, SETUP_MS) else {
                return Ok(Some(Verdict::Stop));
            };
            if ran.code != Some(0) {
                let what = format!("command {} of `setup` failed where work is merged: {}", n + 1, ran.said);
                let command = format!("mend it, then: regatta resume {}", self.ground.names.run());
                return Ok(Some(Verdict::Wait(what, command)));
            }
        }
        Ok(None)
    }

    /// Lets every gate run until one that blocks is red. Nothing if the run is being left.
    pub(super) fn gates(
        &self,
        bench: &Bench,
        after: Option<&str>,
        report: &mut Report,
    ) -> Result<Option<bool>, LandError> {
        for gate in &self.merge.gates {
            let Some(ran) = self.runner.run(&gate.action, &bench.path, gate.timeout_ms) else {
                return Ok(None);
            };
            fault::point("landing.gate");
            let passed = ran.code == Some(0);
            report.gates.push(GateResult {
                gate: gate.name.clone(),
                after: after.map(str::to_owned),
                passed,
                said: ran.said,
            });
            bench.stand_at_tip()?;
            if !passed && gate.blocking {
                return Ok(Some(false));
            }
        }
        Ok(Some(true))
    }
}
