//! What the loop does about somebody who asks over the socket of the run: an answer at once, or an input and the answer when
//! that is durable. What a command means is known by `control`.

use crate::control::{self, Meaning, Reply, ReplyTo};
use crate::looking;
use crate::orchestrator::Orchestrator;
use crate::turn::Arrival;
use regatta_engine::ids::{AttemptId, NodeId};
use regatta_fault as fault;

impl Orchestrator {
    /// Leases for a running attempt, or back from one.
    fn lease(&mut self, command: &control::Command, reply: ReplyTo) {
        let (control::Command::Acquire { task, .. } | control::Command::Release { task, .. }) = command
        else {
            return;
        };
        let node = self.engine.graph().find(task);
        let live = |node: &NodeId| self.engine.state().node(*node).live().is_some();
        let Some(node) = node.filter(live) else {
            // Whoever asked may have gone away.
            return drop(reply.send(Reply::Refused(format!("no attempt of task `{task}` runs"))));
        };
        match command {
            control::Command::Acquire { wants, .. } => {
                let graph = self.engine.graph().clone();
                let settled = self.local.acquire((&graph, node), wants, reply);
                settled.into_iter().for_each(|settled| self.settled(settled));
            }
            control::Command::Release { names, .. } => {
                let text = self.local.give_some_back(node, task, names);
                self.answers.push((reply, Reply::Done(format!("given back: {text}"))));
            }
            _ => {}
        }
    }

    /// Answers, or sees to it that it will be answered.
    pub(crate) fn asked(&mut self, control::Request { command, reply, files }: control::Request) {
        fault::point("control.heard");
        match &command {
            control::Command::LeasesFreed => {
                self.leases_freed();
                // Whoever poked may have gone away.
                return drop(reply.send(Reply::Done(String::new())));
            }
            control::Command::Acquire { .. } | control::Command::Release { .. } => {
                return self.lease(&command, reply);
            }
            control::Command::Permission { attempt, question, title, tool, always } => {
                let clean = |text| self.local.actions.redactor().text(text);
                let question = control::permissions::question((*question, title, tool), *always, &clean);
                let asked = (AttemptId(*attempt), question);
                let told = self.local.asks_permission(&self.engine, asked, reply);
                return self.first.extend(told.map(Arrival::from));
            }
            control::Command::Stand => {
                let text = self.local.standing(&self.engine);
                let refused = || Reply::Refused("nobody here can tell".to_owned());
                // Whoever asked may have gone away.
                return drop(reply.send(text.map_or_else(refused, Reply::Stands)));
            }
            control::Command::Look { task } => {
                let node = self.engine.graph().find(task);
                let live = node.and_then(|node| self.engine.state().node(node).live());
                let Some(attempt) = live.map(|live| live.attempt) else {
                    // Whoever asked may have gone away.
                    return drop(reply.send(Reply::Refused(format!("no attempt of task `{task}` runs"))));
                };
                return self.local.look(attempt, looking::answer(attempt, reply, files));
            }
            _ => {}
        }
        let answer = match control::interpret(&self.engine, &command) {
            Meaning::Feed(arrivals, said) => {
                self.keep_the_order();
                self.first.extend(arrivals);
                let stands_still = command == control::Command::Pause { now: true };
                let answers = if stands_still { &mut self.still } else { &mut self.answers };
                return answers.push((reply, Reply::Done(said)));
            }
            Meaning::So(said) => Reply::Done(said),
            Meaning::Refused(why) => Reply::Refused(why),
        };
        // Whoever asked may have gone away.
        let _ = reply.send(answer);
    }
}
