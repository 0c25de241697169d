//! How the driver takes an attempt in a worktree through its stages.
//!
//! A part of the driver: it never waits. What follows from an end is not known here.

use crate::action::{Kind, Prepared, Site};
use crate::apart::{Apart, InFlight, Kept, Stage};
use crate::attempt_dirs::AttemptDir;
use crate::collect;
use crate::judge::{self, Job, refusal};
use crate::keeper::{self, Ask, How};
use crate::kept_id;
use crate::local::Local;
use crate::redact::Raw;
use crate::saying::{self, Saying, Step};
use crate::yard::{Collected, Done, Ended, Errand, Finding};
use regatta_engine::cause::Cause;
use regatta_engine::ids::{AttemptId, NodeId};
use regatta_engine::state::State;
use regatta_fault as fault;
use regatta_plan::MAX_COMMANDS;
use std::sync::Arc;

impl Local {
    /// The worktrees of the run, if it has any; `node` has one of them.
    pub(crate) fn apart_of(&self, node: NodeId) -> Option<&Apart> {
        self.apart.as_ref().filter(|apart| apart.has(node))
    }

    /// An attempt that was found at work by a new orchestrator, or that has ended and was not judged.
    pub(crate) fn adopt_apart(&mut self, (attempt, node, number): (AttemptId, NodeId, u32)) {
        let Some(apart) = self.apart.as_mut().filter(|apart| apart.has(node)) else { return };
        apart.readying.goes_on();
        apart.workers.ground().goes_on_working(attempt.0);
        let mut flight = InFlight::new((node, number), Stage::Working, None);
        flight.note = apart.workers.ground().note_of(apart.works.graph.name(node), attempt.0);
        apart.in_flight.insert(attempt, flight);
    }

    /// Attempts of the last orchestrator that never came to the keeper, which has lived all the time: they begin again.
    pub(crate) fn begin_again(&mut self, state: &State, found: &[u64]) -> Vec<u64> {
        let never = state
            .live()
            .filter(|(attempt, node)| !found.contains(&attempt.0) && self.apart_of(*node).is_some());
        let never: Vec<(AttemptId, NodeId, u32)> = never
            .filter_map(|(attempt, node)| Some((attempt, node, state.node(node).live()?.number)))
            .collect();
        for &(attempt, node, number) in &never {
            self.start(attempt, (node, number), Kind::Attempt);
        }
        never.into_iter().map(|(attempt, ..)| attempt.0).collect()
    }

    /// Attempts whose stage the keeper does not know.
    pub(crate) fn apart_under_way(&self) -> Vec<u64> {
        self.apart.as_ref().map(Apart::under_way).unwrap_or_default()
    }

    /// An attempt is to end. Answers whether that is done: the keeper has nothing of it.
    pub(crate) fn end_apart(&mut self, attempt: AttemptId, grace_ms: u64) -> bool {
        let epoch = self.place.epoch;
        let Some(apart) = self.apart.as_mut() else { return false };
        let Some(flight) = apart.in_flight.get_mut(&attempt) else { return false };
        flight.ending = true;
        // It has not ended well before it was verified; a command that has ended is only being kept.
        if let Stage::Verifying(n, _) = &flight.stage
            && self.jobs.contains_key(&kept_id::step(epoch, attempt, kept_id::VERIFY + n))
        {
            self.unasked.forget(attempt.0);
        }
        let step = match &flight.stage {
            Stage::Working => return false,
            Stage::Making => {
                self.end_waiting(attempt);
                return true;
            }
            Stage::Remembering(_) | Stage::Collecting(_) => return true,
            Stage::Setup(n) => kept_id::step(epoch, attempt, kept_id::SETUP + n),
            Stage::Verifying(n, _) => kept_id::step(epoch, attempt, kept_id::VERIFY + n),
        };
        self.asks.push(Ask::End { attempt: step, grace_ms });
        true
    }

    /// A worker has done an errand.
    pub fn yard_done(&mut self, done: Done) {
        match done {
            Done::Made { node, made } => self.made(node, made),
            Done::Removed { node, .. } => self.removed(node),
            Done::Remembered { attempt, remembered } => {
                self.remembered(AttemptId(attempt), remembered.map_err(|error| error.to_string()));
            }
            Done::Collected { attempt, collected } => {
                self.collected(AttemptId(attempt), collected.map(|c| *c))
            }
            Done::Foreseen(found) => self.foreseen(found),
        }
    }

    /// The next command of `setup`, or the work itself.
    pub(crate) fn next_setup(&mut self, attempt: AttemptId, n: u8) {
        let Some(apart) = self.apart.as_mut() else { return };
        let Some(flight) = apart.in_flight.get(&attempt) else { return };
        if flight.ending {
            return self.refuse_apart(attempt, (Cause::Stopped, "it was ended before it began"));
        }
        let (node, number, site) = (flight.node, flight.number, apart.site(flight.node));
        if n == 0 {
            apart.workers.ground().begins_work(attempt.0);
        }
        // What it set up stands there as the attempt before left it.
        let goes_on = flight.goes_on;
        let setup = apart.workers.ground().rules.setup.get(usize::from(n)).filter(|_| !goes_on).cloned();
        apart.workers.ground().sets_up(attempt.0, setup.is_some());
        if let Some(action) = setup {
            if usize::from(n) >= MAX_COMMANDS {
                return self.refuse_apart(attempt, (Cause::Worktree, &too_many("setup")));
            }
            if let Some(flight) = apart.in_flight.get_mut(&attempt) {
                flight.stage = Stage::Setup(n);
            }
            return match self.actions.prepare_step(
                (node, Kind::Setup(n), &action),
                number,
                (&self.outputs, &site),
            ) {
                Ok(prepared) => self.order_step((attempt, node), Kind::Setup(n), prepared),
                Err(refused) => self.refuse_apart(attempt, (refused.cause, &refused.message)),
            };
        }
        if let Err(error) = apart.begins_to_work(attempt) {
            let message = format!("it cannot be written down who works in {}: {error}", site.path.display());
            return self.refuse_apart(attempt, (Cause::Worktree, &message));
        }
        if self.actions.dialect(node).is_some() {
            return self.begin_agent(attempt, number, site);
        }
        let Some(flight) = apart.in_flight.get_mut(&attempt) else { return };
        let Some(result) = flight.job.as_ref().map(|job| job.dir.path.join(collect::RESULT)) else { return };
        let prepared =
            self.actions.prepare((node, Kind::Attempt), number, (&self.outputs, &result), Some(&site));
        match prepared {
            Ok(prepared) => {
                flight.stage = Stage::Working;
                if let Some(job) = flight.job.take() {
                    self.order(job, prepared);
                }
            }
            Err(refused) => self.refuse_apart(attempt, (refused.cause, &refused.message)),
        }
    }

    /// A command of `setup` has ended well: what all of them left is remembered after the last.
    fn after_setup(&mut self, attempt: AttemptId, next: u8) {
        let Some(apart) = self.apart.as_mut() else { return };
        let last = usize::from(next) >= apart.workers.ground().rules.setup.len();
        let Some(flight) = apart.in_flight.get_mut(&attempt) else { return };
        if !last {
            return self.next_setup(attempt, next);
        }
        flight.stage = Stage::Remembering(next);
        let task = apart.works.graph.name(flight.node).to_owned();
        apart.workers.ask(Errand::Remember { attempt: attempt.0, task });
    }

    /// What `setup` left is remembered, or not.
    fn remembered(&mut self, attempt: AttemptId, remembered: Result<(), String>) {
        let flight = self.apart.as_mut().and_then(|apart| apart.in_flight.get_mut(&attempt));
        let Some(Stage::Remembering(next)) = flight.map(|flight| &flight.stage) else { return };
        let next = *next;
        match remembered {
            Ok(()) => self.next_setup(attempt, next),
            Err(why) => {
                let message = format!("what `setup` left cannot be looked at: {why}");
                self.refuse_apart(attempt, (Cause::Worktree, &message));
            }
        }
    }

    /// An agent gets a prompt besides; what it may do it may do here.
    fn begin_agent(&mut self, attempt: AttemptId, number: u32, site: Site) {
        let flight = self.apart.as_mut().and_then(|apart| apart.in_flight.get_mut(&attempt));
        let Some(flight) = flight else { return };
        flight.stage = Stage::Working;
        let Some(job) = flight.job.take() else { return };
        self.start_agent(job, number, Some(site));
        if !self.jobs.contains_key(&attempt.0) {
            // It was refused, and that was told.
            self.lost_apart(attempt);
        }
    }

    fn order_step(&mut self, (attempt, node): (AttemptId, NodeId), kind: Kind, prepared: Prepared) {
        let dir = AttemptDir::found(self.dir(attempt, kind));
        self.order(Job::new((attempt, node, kind), dir), prepared);
    }

    /// It ends without having worked.
    pub(crate) fn refuse_apart(&mut self, attempt: AttemptId, (cause, message): (Cause, &str)) {
        let flight = self.apart.as_mut().and_then(|apart| apart.leaves(attempt));
        let Some(job) = flight.and_then(|flight| flight.job) else { return };
        self.arrivals.push_back(refusal(self.actions.redactor(), &job, (cause, message)));
        self.dirs.end(job.dir);
    }

    /// The tree of an attempt in a worktree, or of a step of it, has ended. Answers whether it was one.
    pub(crate) fn ended_apart(
        &mut self,
        job: Job,
        (ended, streams): (keeper::Ended, [Option<Raw>; 2]),
    ) -> Option<(Job, keeper::Ended, [Option<Raw>; 2])> {
        let attempt = job.attempt;
        if let Kind::Setup(n) | Kind::Verify(n) = job.kind {
            self.step_ended((attempt, n), &job, (&ended, streams));
            return None;
        }
        let wall_ms = self.wall_ms;
        let Some(apart) = self.apart.as_mut().filter(|_| job.kind == Kind::Attempt) else {
            return Some((job, ended, streams));
        };
        let handed = apart.works.handed(job.node);
        if !apart.in_flight.contains_key(&attempt) {
            return Some((job, ended, streams));
        }
        let flight = apart.in_flight.get_mut(&attempt)?;
        let errand = Ended {
            task: Box::new(apart.works.plan.tasks[job.node.index()].clone()),
            attempt: attempt.0,
            number: flight.number,
            base: flight.base.clone(),
            handed,
            dir: job.dir.path.clone(),
            seconds: wall_ms / 1_000,
        };
        flight.stage = Stage::Collecting(Box::new(Kept { job, ended, streams }));
        apart.workers.ask(Errand::Collect(Box::new(errand)));
        None
    }

    /// What an attempt left is known.
    fn collected(&mut self, attempt: AttemptId, collected: Result<Collected, crate::yard::CollectError>) {
        let Some(apart) = self.apart.as_mut() else { return };
        let Some(flight) = apart.in_flight.get_mut(&attempt) else { return };
        let Stage::Collecting(kept) = std::mem::replace(&mut flight.stage, Stage::Working) else { return };
        match collected {
            Err(error) => {
                let finding = Finding { cause: Cause::Worktree, message: error.to_string() };
                self.finish_apart(*kept, None, Some(finding));
            }
            Ok(collected) => {
                let task = &apart.works.plan.tasks[flight.node.index()];
                let good = kept.ended.how == How::Code(0) && collected.findings.is_empty();
                if good && !flight.ending {
                    return self.next_verify(*kept, collected, 0);
                }
                if good && task.worktree.as_ref().is_some_and(|own| !own.verify.is_empty()) {
                    // Nothing verifies it any more.
                    self.unasked.forget(attempt.0);
                }
                self.finish_apart(*kept, Some(collected), None)
            }
        }
    }

    /// The next command of `verify`, or the judgement.
    fn next_verify(&mut self, kept: Kept, collected: Collected, n: u8) {
        let (attempt, node) = (kept.job.attempt, kept.job.node);
        let Some(apart) = self.apart.as_mut() else { return };
        let own = apart.works.plan.tasks[node.index()].worktree.as_ref();
        let action = own.and_then(|own| own.verify.get(usize::from(n))).cloned();
        let site = apart.site(node);
        let (Some(action), Some(flight)) = (action, apart.in_flight.get_mut(&attempt)) else {
            return self.finish_apart(kept, Some(collected), None);
        };
        if usize::from(n) >= MAX_COMMANDS {
            let finding = Finding { cause: Cause::Verify, message: too_many("verify") };
            return self.finish_apart(kept, Some(collected), Some(finding));
        }
        let number = flight.number;
        match self.actions.prepare_step((node, Kind::Verify(n), &action), number, (&self.outputs, &site)) {
            Ok(prepared) => {
                flight.stage = Stage::Verifying(n, Box::new((kept, collected)));
                // They run what it wrote.
                apart.workers.ground().sets_up(attempt.0, false);
                self.order_step((attempt, node), Kind::Verify(n), prepared);
            }
            Err(refused) => {
                let finding = Finding { cause: refused.cause, message: refused.message };
                self.finish_apart(kept, Some(collected), Some(finding));
            }
        }
    }

    /// A command of `setup` or `verify` has ended.
    fn step_ended(
        &mut self,
        (attempt, n): (AttemptId, u8),
        job: &Job,
        (ended, streams): (&keeper::Ended, [Option<Raw>; 2]),
    ) {
        fault::point("step.ended");
        let word = if matches!(job.kind, Kind::Setup(_)) { "setup" } else { "verify" };
        let saying = Saying {
            redactor: Arc::clone(self.actions.redactor()),
            limit_bytes: self.actions.output_limit_bytes(),
            streams,
            dir: job.dir.path.clone(),
            names: [collect::STDOUT, collect::STDERR].map(|name| collect::step_file((word, n), name)),
        };
        let good = ended.how == How::Code(0) && !ended.deadline && !ended.output_limit;
        let failed = (!good).then(|| said(ended));
        let step = Some(Step { attempt, kind: job.kind, failed });
        if let Some(kept) = self.keepsakes.take((saying, saying::Kept { id: ended.attempt, step }), drop) {
            self.what_was_said_is_kept(kept);
        }
    }

    /// The keeper may forget an end of which all is kept that was said; what it was a step of goes on.
    pub(crate) fn what_was_said_is_kept(&mut self, saying::Kept { id, step }: saying::Kept) {
        self.asks.push(Ask::Ack { attempt: id });
        if let Some(step) = step {
            self.step_kept(step);
        }
    }

    /// What follows from the end of a command of `setup` or `verify`: the next attempt reads what it said.
    fn step_kept(&mut self, Step { attempt, kind, failed }: Step) {
        let flight = self.apart.as_mut().and_then(|apart| apart.in_flight.get_mut(&attempt));
        let Some(flight) = flight else { return };
        match (kind, &flight.stage) {
            (Kind::Setup(n), Stage::Setup(now)) if n == *now => self.setup_kept((attempt, n), failed),
            (Kind::Verify(n), Stage::Verifying(now, _)) if n == *now => {
                let ending = flight.ending;
                let stage = std::mem::replace(&mut flight.stage, Stage::Working);
                if let Stage::Verifying(_, kept) = stage {
                    self.verify_kept((*kept, n), (failed, ending));
                }
            }
            // What it was a step of is over.
            _ => {}
        }
    }

    fn setup_kept(&mut self, (attempt, n): (AttemptId, u8), failed: Option<String>) {
        let Some(how) = failed else {
            self.note_put_back(attempt);
            return self.after_setup(attempt, n + 1);
        };
        let message = format!("command {} of `setup` failed: {how}", n + 1);
        self.refuse_apart(attempt, (Cause::Worktree, &message));
    }

    fn verify_kept(
        &mut self,
        ((kept, collected), n): ((Kept, Collected), u8),
        (failed, ending): (Option<String>, bool),
    ) {
        let own =
            self.apart.as_ref().and_then(|a| a.works.plan.tasks[kept.job.node.index()].worktree.as_ref());
        let last = own.is_none_or(|own| usize::from(n) + 1 >= own.verify.len());
        let message = match failed {
            None if last || !ending => return self.next_verify(kept, collected, n + 1),
            None => {
                self.unasked.forget(kept.job.attempt.0);
                format!("it was ended before command {} of `verify`", n + 2)
            }
            Some(how) => format!("command {} of `verify` failed: {how}", n + 1),
        };
        self.finish_apart(kept, Some(collected), Some(Finding { cause: Cause::Verify, message }));
    }

    fn finish_apart(&mut self, kept: Kept, collected: Option<Collected>, finding: Option<Finding>) {
        let mut findings: Vec<Finding> = collected.iter().flat_map(|c| c.findings.clone()).collect();
        findings.extend(finding);
        findings.extend(self.changed_by_checks(&kept.job));
        let noted = self.apart.as_ref().map_or(Ok(()), |apart| apart.takes_note(&kept.job, &findings));
        let flight = self.apart.as_mut().and_then(|apart| apart.leaves(kept.job.attempt));
        let unwritten = noted.err().map(|error| format!("it cannot be written down what it did: {error}"));
        let warnings =
            [collected.as_ref().and_then(|c| c.warning.clone()), flight.and_then(|f| f.note), unwritten];
        let warnings: Vec<String> = warnings.into_iter().flatten().collect();
        let left = judge::Left {
            finding: findings.into_iter().next(),
            warning: (!warnings.is_empty()).then(|| warnings.join("; ")),
            // Of a gate it is where it looked, and nothing more.
            work: collected.map(|left| left.work),
        };
        let Kept { job, ended, streams } = kept;
        self.judge(job, (&ended, streams), Some(left));
    }

    /// Attempts whose step died with its keeper.
    pub(crate) fn lost_apart(&mut self, attempt: AttemptId) {
        if let Some(apart) = self.apart.as_mut() {
            apart.leaves(attempt);
        }
    }

    /// What commands of `setup` change of the repository's settings is put back, and nobody's fault where nobody else worked.
    fn note_put_back(&mut self, attempt: AttemptId) {
        let Some(apart) = self.apart.as_mut() else { return };
        let said = apart.workers.ground().put_back_of_setup();
        if let Some(flight) = apart.in_flight.get_mut(&attempt) {
            flight.note(said);
        }
    }

    /// Commands of `verify` run what the attempt wrote.
    fn changed_by_checks(&self, job: &Job) -> Option<Finding> {
        let apart = self.apart.as_ref()?;
        let own = apart.works.plan.tasks[job.node.index()].worktree.as_ref();
        own.filter(|own| !own.verify.is_empty())?;
        let message = apart.workers.ground().put_back_of(job.attempt.0, "what verified it")?;
        Some(Finding { cause: Cause::Tampered, message })
    }
}

/// A stored plan of an earlier version can have more: they would have the ids of other things.
fn too_many(key: &str) -> String {
    format!("`{key}` has more than {MAX_COMMANDS} commands")
}

fn said(ended: &keeper::Ended) -> String {
    match &ended.how {
        How::Code(code) => format!("exit code {code}"),
        How::Signal(signal) => format!("signal {signal}"),
        How::NotStarted { message } => message.clone(),
    }
}
