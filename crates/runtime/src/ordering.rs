//! How an attempt, an undo or a question about an attempt is ordered from the keeper. It does not know how they end.

use crate::action::{Kind, Prepared, Site};
use crate::agents::{self, Brief};
use crate::attempt_dirs::AttemptDir;
use crate::collect;
use crate::evidence;
use crate::judge::{Job, refusal, said_at_once, unkept};
use crate::keeper::{Ask, Bytes, StartOrder};
use crate::kept_id;
use crate::local::{Broken, Local};
use crate::looking::Taker;
use crate::private_file::is_no_room;
use crate::reuse;
use crate::workspace;
use regatta_engine::cause::Cause;
use regatta_engine::ids::{AttemptId, NodeId};
use std::io;
use std::path::PathBuf;

/// A `reconcile` command may take this long, in milliseconds.
const RECONCILE_MS: u64 = 60_000;

impl Local {
    /// The directory of an attempt, or of the question about one.
    pub(crate) fn dir(&self, attempt: AttemptId, kind: Kind) -> PathBuf {
        match kind {
            Kind::Reconcile => workspace::reconcile_dir(&self.place.run_dir, attempt.0),
            Kind::Attempt | Kind::Undo | Kind::Setup(_) | Kind::Verify(_) => {
                workspace::attempt_dir(&self.place.run_dir, attempt.0)
            }
        }
    }

    /// What the keeper calls it.
    fn id(&self, attempt: AttemptId, kind: Kind) -> u64 {
        match kind {
            Kind::Reconcile => kept_id::question(self.place.epoch, attempt),
            Kind::Attempt | Kind::Undo => attempt.0,
            Kind::Setup(n) => kept_id::step(self.place.epoch, attempt, kept_id::SETUP + n),
            Kind::Verify(n) => kept_id::step(self.place.epoch, attempt, kept_id::VERIFY + n),
        }
    }

    /// Makes the directory of an attempt, resolves what it needs, and orders it from the keeper.
    pub(crate) fn start(&mut self, attempt: AttemptId, (node, number): (NodeId, u32), kind: Kind) {
        let path = self.dir(attempt, kind);
        let mut job = Job::new((attempt, node, kind), AttemptDir::found(path.clone()));
        match self.dirs.begin(path) {
            Ok(dir) => job.dir = dir,
            Err(error) => {
                let text = format!("cannot create {}: {error}", job.dir.path.display());
                let cause = if is_no_room(&error.into()) { Cause::DiskFull } else { Cause::Spawn };
                // A question that could not be asked is asked again by whoever resumes.
                if kind != Kind::Reconcile || cause != Cause::DiskFull {
                    self.arrivals.push_back(refusal(self.actions.redactor(), &job, (cause, &text)));
                }
                if cause == Cause::DiskFull {
                    self.broken = Some(Broken::NoRoom(text));
                }
                return;
            }
        }
        if kind == Kind::Attempt
            && let Some(word) = self.actions.says_at_once(node, &self.outputs)
        {
            self.arrivals.push_back(said_at_once(&self.actions, &job, &word));
            return self.dirs.end(job.dir);
        }
        if kind == Kind::Attempt && self.apart_of(node).is_some() {
            return self.begin_apart(job, number);
        }
        if kind == Kind::Attempt && self.actions.dialect(node).is_some() {
            return self.start_agent(job, number, None);
        }
        let result_path = job.dir.path.join(collect::RESULT);
        let site = self.site_of_undo((node, kind));
        match self.actions.prepare((node, kind), number, (&self.outputs, &result_path), site.as_ref()) {
            Ok(prepared) => {
                if kind == Kind::Attempt {
                    job.content_key = reuse::content_key(&self.actions, node, &self.outputs);
                }
                self.order(job, prepared);
            }
            Err(refused) => {
                self.arrivals.push_back(refusal(
                    self.actions.redactor(),
                    &job,
                    (refused.cause, &refused.message),
                ));
                self.dirs.end(job.dir);
            }
        }
    }

    /// What a tool did to the files of a worktree is undone there and not in the user's checkout.
    fn site_of_undo(&self, (node, kind): (NodeId, Kind)) -> Option<Site> {
        let apart = self.apart_of(node).filter(|apart| kind == Kind::Undo && apart.is_undone_there(node));
        apart.map(|apart| apart.site(node))
    }

    /// The last attempt of a node that did not end well: its id, its number, and how it failed, for the next one.
    pub(crate) fn last_failure(&self, node: NodeId) -> Option<(u64, u32, String)> {
        let tried = self.story.last(node)?;
        let dir = workspace::attempt_dir(&self.place.run_dir, tried.attempt_id);
        let mut text = format!("{}: {}", tried.outcome, tried.cause.unwrap_or("no cause"));
        if let Some(exit) = tried.exit {
            text.push_str(&format!(", exit code {exit}"));
        }
        let step = tried.message.as_deref().and_then(collect::failed_step);
        let streams = [collect::STDOUT, collect::STDERR];
        let of_step =
            step.into_iter().flat_map(|step| streams.map(|stream| collect::step_file(step, stream)));
        let files = of_step.chain([collect::STDERR.to_owned()]);
        let tails = files.filter_map(|name| collect::tail(&dir.join(name)));
        for said in tried.message.iter().cloned().chain(tails) {
            text.push('\n');
            text.push_str(&said);
        }
        Some((tried.attempt_id, tried.number, text))
    }

    /// As an attempt of any task, with a prompt; what it is told lies beside its files.
    pub(crate) fn start_agent(&mut self, job: Job, number: u32, site: Option<Site>) {
        let last = self.last_failure(job.node);
        let resumes = self.actions.task(job.node).retry.resume_session;
        let resume = last
            .as_ref()
            .filter(|_| resumes)
            .and_then(|(id, ..)| agents::load_record(&workspace::attempt_dir(&self.place.run_dir, *id)));
        let brief = Brief {
            node: job.node,
            attempt: job.attempt,
            number,
            outputs: &self.outputs,
            run_dir: &self.place.run_dir,
            dir: &job.dir.path,
            failure: last.map(|(_, number, text)| (number, text)),
            resume,
            worktree: site,
        };
        let work = match self.actions.prepare_agent(&brief) {
            Ok(work) => work,
            Err(refused) => {
                collect::clear_tmp(&job.dir.path);
                self.arrivals.push_back(refusal(
                    self.actions.redactor(),
                    &job,
                    (refused.cause, &refused.message),
                ));
                return self.dirs.end(job.dir);
            }
        };
        match work.store(&job.dir.path) {
            Ok(()) => self.order(job, work.prepared),
            Err(error) => {
                let text = format!("the prompt cannot be written to {}: {error}", job.dir.path.display());
                self.refuse_without_room(job, (&error, text));
            }
        }
    }

    /// What an attempt is to find could not be written.
    fn refuse_without_room(&mut self, job: Job, (error, text): (&std::io::Error, String)) {
        let full = is_no_room(error);
        let cause = if full { Cause::DiskFull } else { Cause::Spawn };
        self.arrivals.push_back(refusal(self.actions.redactor(), &job, (cause, &text)));
        self.lost_apart(job.attempt);
        if full {
            self.broken = Some(Broken::NoRoom(text));
        }
    }

    pub(crate) fn order(&mut self, mut job: Job, mut prepared: Prepared) {
        if let Some(call) = prepared.call.take() {
            let Some((ours, call, rest)) = self.hand_over(job, call, prepared) else { return };
            (job, prepared) = (ours, rest);
            if let Err(error) = call.store(&job.dir.path) {
                let text = format!("the call cannot be written to {}: {error}", job.dir.path.display());
                return self.refuse_without_room(job, (&error, text));
            }
            if call.needs_host() {
                self.have_host();
            }
        }
        if let Err(error) = self.remember_evidence(&job) {
            let text = unkept(&job, &error).0;
            return self.refuse_without_room(job, (&error, text));
        }
        if let Some(epoch) = self.epochs.remove(&job.node).filter(|_| job.kind == Kind::Attempt) {
            prepared.env.push(("REGATTA_LEASE_EPOCH".into(), epoch.to_string().into()));
        }
        let id = self.id(job.attempt, job.kind);
        let bounds = self.actions.policy(job.node);
        let kill_after_ms = match job.kind {
            Kind::Reconcile => {
                self.asking.insert(id, self.now + RECONCILE_MS);
                RECONCILE_MS
            }
            Kind::Attempt | Kind::Undo | Kind::Setup(_) | Kind::Verify(_) => bounds.attempt_ms,
        };
        self.asks.push(Ask::Start(Box::new(StartOrder {
            attempt: id,
            argv: prepared.argv.into_iter().map(Bytes).collect(),
            env: prepared.env.into_iter().map(|(name, value)| (Bytes(name), Bytes(value))).collect(),
            cwd: Bytes(prepared.cwd.into_os_string()),
            marker: format!("{}/{}", self.place.run_id, job.attempt.0),
            output_limit_bytes: self.actions.output_limit_bytes(),
            idle_ms: bounds.idle_ms.filter(|_| job.kind == Kind::Attempt),
            grace_ms: bounds.grace_ms,
            kill_after_ms: Some(kill_after_ms),
            leader_first: job.kind == Kind::Attempt && self.actions.ends_by_itself(job.node)
                || self.actions.calls_server(&job),
        })));
        self.jobs.insert(id, job);
    }

    /// What lies there before a gate begins is no evidence.
    fn remember_evidence(&self, job: &Job) -> io::Result<()> {
        let Some(check) = self.actions.gate(job.node).filter(|_| job.kind == Kind::Attempt) else {
            return Ok(());
        };
        let site = self.apart_of(job.node).map(|apart| apart.site(job.node).path);
        let root = site.as_deref().unwrap_or(self.actions.workspace());
        evidence::remember(&check.evidence, (root, &job.dir.path))
    }

    /// Somebody looks on while an attempt writes.
    pub fn look(&mut self, attempt: AttemptId, taker: Taker) {
        let ask = self.looks.begin(attempt, taker);
        self.asks.extend(ask);
    }
}
