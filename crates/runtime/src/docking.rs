//! How the driver lets the work of a run land: on a thread, with its commands and agents under the keeper.
//!
//! A part of the driver: it never waits. Agents that help are begun in `helping`. Knows no merge; `landing` does.

use crate::action::Prepared;
use crate::docks::{Docking, ThroughLoop, UnderWay, Wanted, Word};
use crate::keeper::{Ask, Bytes, Ended, How, StartOrder};
use crate::kept_id;
use crate::landing::{Dock, Fate, LandError, Landing, Order, Ran, Reply, Report, last_log};
use crate::local::Local;
use crate::redact::Raw;
use crate::saying::{Kept, Saying};
use crate::yard::LANDING;
use crate::{collect, workspace};
use regatta_engine::ids::AttemptId;
use regatta_engine::input::{Batch, Input};
use regatta_plan::model::Action;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Between TERM and KILL, in milliseconds.
const GRACE_MS: u64 = 5_000;

impl Local {
    /// Begins to land what was collected, unless that is under way.
    pub(crate) fn land(&mut self) {
        self.foresee();
        let (Some(apart), Some(tell)) = (self.apart.as_mut(), self.tell.clone()) else { return };
        if apart.outlook.open > 0 {
            apart.outlook.lands = true;
            return;
        }
        let Some(merge) = apart.works.plan.merge.clone().filter(|_| self.docking.is_none()) else { return };
        if !self.leftovers.ending.is_empty() {
            // They could still write where work is merged.
            self.leftovers.land_then = true;
            return;
        }
        let stop = Arc::<AtomicBool>::default();
        let dock = Dock {
            ground: Arc::clone(apart.workers.ground()),
            merge,
            runner: Box::new(ThroughLoop(Arc::clone(&tell))),
            stop: Arc::clone(&stop),
            run_dir: self.place.run_dir.clone(),
            redactor: Arc::clone(self.actions.redactor()),
            expressions: self.actions.merge_gates(&self.outputs),
            most_at_once: usize::try_from(apart.works.plan.limits.max_parallel).unwrap_or(usize::MAX),
        };
        let cargo = apart.works.cargo();
        let thread = std::thread::spawn(move || {
            let landing = dock.land(&cargo);
            // A loop that is gone is told by what stands in git.
            tell(Word::End(Box::new(landing)));
        });
        // Logs of gates that will not run again keep their names.
        let count = self.docked.max(last_log(&self.place.run_dir));
        self.docking = Some(Docking::new(stop, thread, count));
    }

    /// Takes what a landing says.
    pub fn landing_says(&mut self, word: Word) {
        match word {
            Word::Want(wanted) => self.take_order(*wanted),
            Word::Agreed(agreed) => self.agreed(*agreed),
            Word::End(landing) => self.landed(*landing),
        }
    }

    /// Landing wants something to be done. A reply that is dropped says that it will not be.
    fn take_order(&mut self, Wanted { order, reply }: Wanted) {
        match order {
            Order::Command { action, dir, timeout_ms } => self.command((action, &dir, timeout_ms), reply),
            Order::Tell(batch) => self.tell_batch(batch, reply),
            Order::Agent(order) => self.helper(order, reply),
        }
    }

    /// What a batch of merges came to is an input, once: landing hears that it is durable.
    fn tell_batch(&mut self, batch: Box<Batch>, reply: Reply) {
        let (Some(docking), Some(apart)) = (self.docking.as_mut(), self.apart.as_ref()) else { return };
        if apart.works.has_tested(&batch) {
            return reply.send(Ran::default());
        }
        docking.paid.0.push((reply, Ran::default()));
        self.arrivals.push_back(Input::BatchTested(batch).into());
    }

    fn command(&mut self, (action, dir, timeout_ms): (Action, &Path, u64), reply: Reply) {
        let (Some(docking), Some(apart)) = (self.docking.as_mut(), self.apart.as_ref()) else { return };
        docking.count += 1;
        let log = docking.count;
        let id = kept_id::step(self.place.epoch, AttemptId(log), kept_id::LANDING);
        let argv: Vec<OsString> = match action {
            Action::Argv(argv) => argv.into_iter().map(OsString::from).collect(),
            Action::Shell { script, shell } => vec![shell.into_owned().into(), "-c".into(), script.into()],
            Action::Agent { .. } | Action::Tool { .. } | Action::Join { .. } | Action::Gate { .. } => return,
        };
        let mut env = apart.workers.ground().variables(None, None);
        env.push(("REGATTA_RUN_ID".to_owned(), self.place.run_id.clone()));
        env.push(("REGATTA_WORKTREE".to_owned(), dir.to_string_lossy().into_owned()));
        let env = env.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        docking.under_way.insert(id, UnderWay { reply, log, agent: None });
        let prepared = Prepared { argv, env, cwd: dir.to_owned(), call: None };
        self.order_step_of_landing(id, prepared, (timeout_ms, None, false));
    }

    /// Has the keeper start something of a landing: for so long, so long silent, and whether it ends what it started itself.
    pub(crate) fn order_step_of_landing(
        &mut self,
        id: u64,
        Prepared { argv, env, cwd, .. }: Prepared,
        (timeout_ms, idle_ms, leader_first): (u64, Option<u64>, bool),
    ) {
        self.asks.push(Ask::Start(Box::new(StartOrder {
            attempt: id,
            argv: argv.into_iter().map(Bytes).collect(),
            env: env.into_iter().map(|(name, value)| (Bytes(name), Bytes(value))).collect(),
            cwd: Bytes(cwd.into_os_string()),
            marker: format!("{}/{id}", self.place.run_id),
            output_limit_bytes: self.actions.output_limit_bytes(),
            idle_ms,
            leader_first,
            grace_ms: GRACE_MS,
            kill_after_ms: Some(timeout_ms),
        })));
        self.timeouts.push((self.now + timeout_ms, id));
    }

    /// Something of a landing has ended. Answers whether it was that.
    pub(crate) fn step_of_landing_ended(&mut self, ended: &Ended, streams: &mut [Option<Raw>; 2]) -> bool {
        let id = ended.attempt;
        self.timeouts.retain(|(_, late)| *late != id);
        if self.leftovers.ending.contains(&id) {
            self.leftover_ended(ended, streams);
            return true;
        }
        let under_way = self.docking.as_mut().and_then(|docking| docking.under_way.remove(&id));
        let Some(UnderWay { reply, log, agent }) = under_way else { return false };
        let late = self.docking.as_mut().is_some_and(|docking| docking.late.remove(&id));
        let ended = &Ended { deadline: ended.deadline || late, ..ended.clone() };
        if let Some((order, dir)) = agent {
            self.helper_ended((ended, streams), (&order, &dir), reply);
            return true;
        }
        let saying = Saying {
            redactor: Arc::clone(self.actions.redactor()),
            limit_bytes: self.actions.output_limit_bytes(),
            streams: std::mem::take(streams),
            dir: workspace::landing_dir(&self.place.run_dir),
            names: ["stdout", "stderr"].map(|name| format!("{log}.{name}")),
        };
        let ((code, how), ran_ms) = (how(ended), ended.ran_ms);
        let kept = self.keepsakes.take((saying, Kept { id, step: None }), move |said| {
            let said = if said.is_empty() { how } else { format!("{how}: {said}") };
            reply.send(Ran { code, said, log: Some(log), ran_ms, ..Ran::default() });
        });
        if let Some(kept) = kept {
            self.what_was_said_is_kept(kept);
        }
        true
    }

    /// Commands that have had their time.
    pub(crate) fn end_late_commands(&mut self) {
        let now = self.now;
        let late: Vec<u64> = self.timeouts.iter().filter(|(at, _)| *at <= now).map(|(_, id)| *id).collect();
        self.timeouts.retain(|(at, _)| *at > now);
        if let Some(docking) = self.docking.as_mut() {
            docking.late.extend(&late);
        }
        self.asks.extend(late.into_iter().map(|attempt| Ask::End { attempt, grace_ms: GRACE_MS }));
    }

    /// Landing has come to its end.
    fn landed(&mut self, landing: Result<Landing, LandError>) {
        let Some(docking) = self.docking.take() else { return };
        self.docked = docking.count;
        // It has said its last word.
        drop(docking);
        let report = match landing {
            Ok(Landing::Done(fates, report)) => {
                // What a person said was done has left nothing that could land, and nothing waits for it.
                let bare = self.apart.iter().flat_map(|apart| apart.works.bare());
                self.arrivals.extend(bare.map(|node| Input::Landed { node }.into()));
                for (node, fate) in fates {
                    let input = match fate {
                        Fate::Landed => Input::Landed { node },
                        Fate::LeftOut(cause) => Input::NotLanded { node, cause },
                    };
                    self.arrivals.push_back(input.into());
                }
                *report
            }
            Ok(Landing::Waits(report)) => {
                self.arrivals.push_back(Input::LandingWaits.into());
                *report
            }
            Ok(Landing::Stopped) => return self.land(),
            Err(error) => {
                self.arrivals.push_back(Input::LandingWaits.into());
                let command = format!("regatta resume {}", self.place.run_id);
                // Git may have quoted a remote with its password.
                let what = self.actions.redactor().text(error.to_string());
                Report { waits: Some((what, command)), ..Report::default() }
            }
        };
        // It is told once more by whoever shows the run; a report that cannot be written is missed, nothing else.
        let written = report.write(&self.place.run_dir);
        if let (Ok(()), Some(apart)) = (written, self.apart.as_ref()) {
            apart.workers.ground().told(&BTreeSet::from([LANDING]));
        }
    }

    /// Commands died with their keeper: landing begins again.
    pub(crate) fn forget_commands(&mut self) {
        if let Some(docking) = self.docking.as_mut() {
            std::mem::take(&mut docking.under_way).values().for_each(clear_tmp);
        }
        self.timeouts.clear();
        self.leftovers.ending.clear();
        if std::mem::take(&mut self.leftovers.land_then) {
            self.land();
        }
        self.agree_next();
    }

    /// The run is being left: landing stops before it moves anything, and is waited for.
    pub(crate) fn stop_landing(&mut self) {
        if let Some(apart) = self.apart.as_mut() {
            apart.outlook.lands = false;
        }
        let Some(docking) = self.docking.take() else { return };
        // Nobody hears of their ends any more.
        docking.under_way.values().for_each(clear_tmp);
        let ids = docking.under_way.keys().copied();
        self.asks
            .extend(ids.flat_map(|id| [Ask::End { attempt: id, grace_ms: 0 }, Ask::Ack { attempt: id }]));
        drop(docking);
    }
}

/// Nobody needs what an agent was given any more.
fn clear_tmp(under_way: &UnderWay) {
    under_way.agent.iter().for_each(|(_, dir)| collect::clear_tmp(dir));
}

/// How something ended: its exit code, and in words.
pub(crate) fn how(ended: &Ended) -> (Option<i32>, String) {
    match &ended.how {
        _ if ended.deadline => (None, "it took longer than its timeout".to_owned()),
        _ if ended.output_limit => (None, "it wrote more than `limits.output`".to_owned()),
        How::Code(code) => (Some(*code), format!("exit code {code}")),
        How::Signal(signal) => (None, format!("signal {signal}")),
        How::NotStarted { message } => (None, message.clone()),
    }
}
