//! How the driver lets an agent help a landing: started by the keeper like an attempt of a task, read and counted like one.
//!
//! ```text
//! order -> prompt, home, command line -> keeper -> what it said, what it used -> a turn -> the answer
//! ```
//! What an agent used is durable before landing hears of its end: nothing is forgotten, and an attempt that is made again
//! is counted again. Knows no merge.

use crate::agents::{Call, Dialect, Told, forget_home};
use crate::collect;
use crate::docking::how;
use crate::docks::{Helped, UnderWay};
use crate::keeper::{Ask, Ended};
use crate::kept_id;
use crate::landing::{AgentOrder, Ran, Reply};
use crate::local::Local;
use crate::redact::Raw;
use crate::workspace;
use crate::yard::LANDING;
use regatta_engine::ids::AttemptId;
use regatta_engine::input::{Input, Verdict};
use regatta_plan::model::Agent;
use std::path::Path;

impl Local {
    /// Begins an attempt of an agent that helps.
    pub(crate) fn helper(&mut self, order: Box<AgentOrder>, reply: Reply) {
        if self.budget_is_full {
            let said = "the budget of the run is used up".to_owned();
            return reply.send(Ran { said, unpaid: true, ..Ran::default() });
        }
        let (Some(docking), Some(apart)) = (self.docking.as_mut(), self.apart.as_ref()) else { return };
        docking.count += 1;
        let log = docking.count;
        let id = kept_id::step(self.place.epoch, AttemptId(u64::from(order.number)), step_of(order.role));
        let dir = workspace::helper_dir(&self.place.run_dir, order.number);
        let mut vars = apart.workers.ground().variables(Some(&order.helper.agent), None);
        vars.push(("REGATTA_RUN_ID".to_owned(), self.place.run_id.clone()));
        vars.push(("REGATTA_HELPER".to_owned(), order.role.to_owned()));
        vars.push(("REGATTA_ATTEMPT".to_owned(), order.number.to_string()));
        let made = regatta_journal::private_dir(&workspace::landing_dir(&self.place.run_dir))
            .and_then(|()| regatta_journal::private_dir(&dir));
        // What an attempt of this number left that broke off.
        collect::clear_tmp(&dir);
        let call =
            Call { order: &order, dir: &dir, run_dir: &self.place.run_dir, vars, home: home_of(&order) };
        let work = match made.map_err(|e| e.to_string()) {
            Ok(()) => self.actions.prepare_helper(call).map_err(|refused| refused.message),
            Err(why) => Err(why),
        };
        let stored = work.and_then(|work| work.store(&dir).map(|()| work).map_err(|e| e.to_string()));
        let prepared = match stored {
            Ok(work) => work.prepared,
            Err(said) => {
                collect::clear_tmp(&dir);
                return reply.send(Ran { said, ..Ran::default() });
            }
        };
        let agent = self.actions.agent_named(&order.helper.agent);
        let idle_ms = agent.and_then(|agent| agent.idle_timeout_ms);
        let leader_first = agent.is_some_and(|agent| Dialect::of(agent) == Dialect::Acp);
        let timeout_ms = order.helper.timeout_ms;
        docking.under_way.insert(id, UnderWay { reply, log, agent: Some((order, dir)) });
        self.order_step_of_landing(id, prepared, (timeout_ms, idle_ms, leader_first));
    }

    /// An agent that helps has ended: what it used is an input, and it is answered when that is durable.
    pub(crate) fn helper_ended(
        &mut self,
        (ended, streams): (&Ended, &mut [Option<Raw>; 2]),
        (order, dir): (&AgentOrder, &Path),
        reply: Reply,
    ) {
        let agent = self.actions.agent_named(&order.helper.agent).cloned();
        let Helped { good, said, usage } = self.hear_helper((ended, streams), dir, agent.as_ref());
        forget_home(&self.place.run_dir, &home_of(order));
        let code = if good { Some(0) } else { None };
        let ran = Ran { code, said, ran_ms: ended.ran_ms, ended_at_ms: self.wall_ms, ..Ran::default() };
        self.ack_when_durable(ended.attempt);
        let Some(docking) = self.docking.as_mut() else { return };
        match usage {
            Some(usage) => {
                docking.paid.0.push((reply, ran));
                self.arrivals.push_back(Input::HelperSpent { usage }.into());
            }
            None => reply.send(ran),
        }
    }

    fn hear_helper(
        &self,
        (ended, streams): (&Ended, &mut [Option<Raw>; 2]),
        dir: &Path,
        agent: Option<&Agent>,
    ) -> Helped {
        // What it was given is of no use to anybody when it has ended, however it is heard.
        collect::clear_tmp(dir);
        let failed = |said: String| Helped { good: false, said, usage: None };
        for (stream, name) in streams.iter_mut().zip([collect::STDOUT, collect::STDERR]) {
            let through = (self.actions.redactor(), self.actions.output_limit_bytes());
            if let Err(error) = collect::stream(stream.as_ref(), (dir, name), through) {
                return failed(format!("its output cannot be stored: {error}"));
            }
        }
        let Some(agent) = agent else { return failed("its agent is not known".to_owned()) };
        let told = match Told::hear(dir, (Dialect::of(agent), agent), (streams[0].as_ref(), &self.actions)) {
            Ok(told) => told,
            Err(error) => return failed(format!("what it said cannot be read: {error}")),
        };
        let usage = told.usage;
        let (code, how) = how(ended);
        let (good, said) = match code {
            None => (false, how),
            Some(code) => {
                let judgement = told.judge(code);
                let tail = || collect::tail(&dir.join(collect::STDERR)).unwrap_or_default();
                let said = judgement.message.unwrap_or_else(|| match code {
                    0 => told.message().to_owned(),
                    _ => format!("{how} {}", tail()).trim_end().to_owned(),
                });
                (judgement.verdict == Verdict::Succeeded, said)
            }
        };
        Helped { good, said, usage }
    }

    /// An agent that helps is silent for too long. Answers whether it was one.
    pub(crate) fn helper_idle(&mut self, id: u64) {
        if self.docking.as_ref().is_some_and(|docking| docking.under_way.contains_key(&id)) {
            self.asks.push(Ask::End { attempt: id, grace_ms: 5_000 });
        }
    }

    /// The turn that took what agents used is durable: landing goes on.
    pub(crate) fn answer_paid(&mut self) {
        let paid = self.docking.as_mut().map(|docking| std::mem::take(&mut docking.paid.1));
        paid.into_iter().flatten().for_each(|(reply, ran)| reply.send(ran));
    }

    /// Something of an earlier orchestrator's landing: it is ended, and landing waits for that.
    pub(crate) fn end_leftover(&mut self, id: u64) {
        if let Some(apart) = self.apart.as_ref() {
            // Until the landing that begins again has looked at what it changed.
            apart.workers.ground().goes_on_working(LANDING);
        }
        self.leftovers.ending.push(id);
        self.asks.push(Ask::End { attempt: id, grace_ms: 0 });
    }

    /// It is dead. What an agent had used by then was used.
    pub(crate) fn leftover_ended(&mut self, ended: &Ended, streams: &mut [Option<Raw>; 2]) {
        let id = ended.attempt;
        self.leftovers.ending.retain(|ending| *ending != id);
        let merge = self.apart.as_ref().and_then(|apart| apart.works.plan.merge.clone());
        let helper = merge.and_then(|merge| match kept_id::step_of(id) {
            kept_id::FIX => merge.fix,
            kept_id::RESOLVER => merge.resolver,
            _ => None,
        });
        if let Some(helper) = helper {
            let number = u32::try_from(kept_id::attempt_of(id).0).unwrap_or(u32::MAX);
            let dir = workspace::helper_dir(&self.place.run_dir, number);
            let agent = self.actions.agent_named(&helper.agent).cloned();
            let helped = self.hear_helper((ended, streams), &dir, agent.as_ref());
            let spent = helped.usage.map(|usage| Input::HelperSpent { usage }.into());
            self.arrivals.extend(spent);
        }
        self.ack_when_durable(id);
        if self.leftovers.ending.is_empty() {
            if std::mem::take(&mut self.leftovers.land_then) {
                self.land();
            }
            self.agree_next();
        }
    }
}

fn step_of(role: &str) -> u8 {
    if role == "fix" { kept_id::FIX } else { kept_id::RESOLVER }
}

/// The name of its home among those of tasks: no task's id begins so.
fn home_of(order: &AgentOrder) -> String {
    format!("+{}-{}", order.role, order.number)
}
