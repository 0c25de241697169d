//! Folds events of the run as a whole: its phases, its deadline, its waves, its caps.
//!
//! Terminal is terminal: nothing here leaves `Ended`.

use super::{Applied, Fact};
use crate::cause::Cause;
use crate::ids::{NodeId, Timestamp};
use crate::outcome::{PauseReason, RunStatus};
use crate::spec::Limits;
use crate::state::node::NodeState;
use crate::state::{Closing, Phase, State, Suspended, Timer};

impl State {
    pub(super) fn run_started(&mut self, fact: &Fact<'_>) -> Applied {
        self.require(fact, self.phase == Phase::New)?;
        self.phase = Phase::Running;
        self.arm_run(fact.config.run_timeout_ms.map(|ms| fact.event.at + ms));
        Ok(())
    }

    pub(super) fn run_paused(&mut self, fact: &Fact<'_>, reason: PauseReason) -> Applied {
        self.phase = Phase::Paused(reason);
        self.unsuspend(fact.event.at);
        self.paused_at.get_or_insert(fact.event.at);
        if let Some(deadline) = self.run_deadline {
            self.timers.remove(&(deadline, Timer::Run));
        }
        Ok(())
    }

    pub(super) fn run_suspended(&mut self, fact: &Fact<'_>) -> Applied {
        let paused = self.phase == Phase::Paused(PauseReason::User);
        self.require(fact, paused && self.suspended.is_none())?;
        let stands = |timer: &Timer| matches!(timer, Timer::Attempt(_) | Timer::Undo(_));
        let timers = self.timers.iter().copied().filter(|(_, timer)| stands(timer)).collect();
        self.timers.retain(|(_, timer)| !stands(timer));
        self.suspended = Some(Suspended { since: fact.event.at, timers });
        Ok(())
    }

    /// What ran goes on, or is being ended; timeouts move by the time that it stood still.
    fn unsuspend(&mut self, at: Timestamp) {
        let Some(Suspended { since, timers }) = self.suspended.take() else { return };
        let still_ms = at.since_ms(since);
        for (deadline, timer) in timers {
            let goes_on = match timer {
                Timer::Attempt(node) => self.add_still(node, still_ms),
                Timer::Undo(_) => self.rollback.current.is_some_and(|undo| undo.ending.is_none()),
                Timer::Run
                | Timer::Wave(_)
                | Timer::Retry(_)
                | Timer::Hold(_)
                | Timer::CoolDown(_)
                | Timer::OpenTooLong(_) => false,
            };
            if goes_on {
                self.timers.insert((deadline + still_ms, timer));
            }
        }
    }

    /// Notes how long the attempt of a node stood still; false if it is being ended or has ended.
    fn add_still(&mut self, node: NodeId, still_ms: u64) -> bool {
        let NodeState::Running(live) = &mut self.nodes[node.index()].state else { return false };
        live.suspended_ms += still_ms;
        live.ending.is_none()
    }

    pub(super) fn run_resumed(&mut self, fact: &Fact<'_>, epoch: u64) -> Applied {
        self.unpause(fact.event.at);
        self.epoch = epoch;
        Ok(())
    }

    pub(super) fn run_stopping(&mut self, fact: &Fact<'_>, node: NodeId) -> Applied {
        self.require(fact, self.closing == Closing::No)?;
        self.closing = Closing::Stopping(node);
        Ok(())
    }

    pub(super) fn run_ending(&mut self, fact: &Fact<'_>, cause: Cause) -> Applied {
        self.require(fact, !matches!(self.closing, Closing::Cancelling(_)))?;
        self.closing = Closing::Cancelling(cause);
        self.unpause(fact.event.at);
        self.arm_run(None);
        Ok(())
    }

    pub(super) fn run_ended(&mut self, fact: &Fact<'_>, status: RunStatus) -> Applied {
        let done = self.live.is_empty() && self.rollback.current.is_none();
        let settled = self.open == 0 && self.collected == 0;
        self.require(fact, done && settled)?;
        self.phase = Phase::Ended(status);
        self.timers.clear();
        self.run_deadline = None;
        Ok(())
    }

    pub(super) fn limits_changed(&mut self, fact: &Fact<'_>, limits: &Limits) -> Applied {
        self.require(fact, !matches!(self.phase, Phase::Ended(_)))?;
        self.set_limits(fact.graph, fact.config, limits.clone());
        Ok(())
    }

    pub(super) fn wave_started(&mut self, fact: &Fact<'_>, wave: u32) -> Applied {
        let known = self.waves.get(wave as usize).copied();
        self.require(fact, known.is_some_and(|w| !w.started))?;
        self.waves[wave as usize].started = true;
        Ok(())
    }

    pub(super) fn wave_ended(&mut self, fact: &Fact<'_>, wave: u32) -> Applied {
        let known = self.waves.get(wave as usize).copied();
        self.require(fact, known.is_some_and(|w| w.started && w.ended.is_none() && w.open == 0))?;
        self.waves[wave as usize].ended = Some(fact.event.at);
        while self.waves.get(self.wave_cursor as usize).is_some_and(|w| w.ended.is_some()) {
            self.wave_cursor += 1;
        }
        Ok(())
    }

    /// Leaves a pause; the run's deadline moves by the time that was paused.
    fn unpause(&mut self, at: Timestamp) {
        self.phase = Phase::Running;
        self.unsuspend(at);
        if let Some(since) = self.paused_at.take() {
            self.arm_run(self.run_deadline.map(|d| d + at.since_ms(since)));
        }
    }

    fn arm_run(&mut self, deadline: Option<Timestamp>) {
        if let Some(old) = self.run_deadline {
            self.timers.remove(&(old, Timer::Run));
        }
        self.run_deadline = deadline;
        self.timers.extend(deadline.map(|at| (at, Timer::Run)));
    }
}
