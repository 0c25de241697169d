//! The driver of this machine: turns effects into requests to the process owner, and its reports into inputs.
//!
//! Never waits: starting, ending and collecting are messages. Knows how an attempt's outcome is judged (exit, result,
//! limits), not what follows from it.

use crate::action::{Actions, Kind, Prepared};
use crate::collect::{self, ResultError, TaskResult};
use crate::outputs::Outputs;
use crate::owner::{Owner, Report, Request, StartSpec, Status};
use crate::turn::{Arrival, Driver};
use crate::workspace;
use regatta_engine::Engine;
use regatta_engine::cause::Cause;
use regatta_engine::effect::Effect;
use regatta_engine::event::Event;
use regatta_engine::ids::{AttemptId, NodeId, Timestamp};
use regatta_engine::input::{ConditionAnswer, Ended, Input, Reconciliation, Verdict};
use regatta_engine::report::{Digest, Report as Facts};
use regatta_engine::state::State;
use regatta_engine::state::node::NodeState;
use regatta_journal::Payload;
use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

/// A `reconcile` command may take this long, in milliseconds.
const RECONCILE_MS: u64 = 60_000;
/// Ids of reconcile jobs carry this bit, so that they never meet an attempt's.
const RECONCILE_BIT: u64 = 1 << 63;
/// A message for people holds at most this many bytes.
const MESSAGE_BYTES: usize = 500;

/// What shows the run while it goes on; called after each commit.
pub type Observer = Box<dyn FnMut(&Engine, &[Event]) + Send>;

/// A process tree under way.
#[derive(Debug)]
struct Job {
    node: NodeId,
    kind: Kind,
    dir: PathBuf,
    output_limit: bool,
}

/// The driver of this machine.
pub struct Local {
    owner: Owner,
    actions: Actions,
    outputs: Outputs,
    run_id: String,
    run_dir: PathBuf,
    jobs: BTreeMap<u64, Job>,
    requests: Vec<Request>,
    arrivals: VecDeque<Arrival>,
    /// Reconcile commands under way and when they have had their time.
    asking: BTreeMap<u64, Timestamp>,
    now: Timestamp,
    broken: Option<String>,
    observer: Observer,
}

impl Local {
    /// A driver for one run; `run_dir` exists.
    #[must_use]
    pub fn new(
        owner: Owner,
        actions: Actions,
        (run_id, run_dir): (String, PathBuf),
        observer: Observer,
    ) -> Local {
        let outputs = Outputs::new(actions.referenced(), run_dir.clone());
        Local {
            owner,
            actions,
            outputs,
            run_id,
            run_dir,
            jobs: BTreeMap::new(),
            requests: Vec::new(),
            arrivals: VecDeque::new(),
            asking: BTreeMap::new(),
            now: Timestamp(0),
            broken: None,
            observer,
        }
    }

    /// Inputs that this driver found out by itself since the last call.
    pub fn take_arrivals(&mut self) -> impl Iterator<Item = Arrival> + '_ {
        self.arrivals.drain(..)
    }

    /// True if inputs wait to be taken.
    #[must_use]
    pub fn has_arrivals(&self) -> bool {
        !self.arrivals.is_empty()
    }

    /// Asks the owner to end every process of this run, whoever started it; [`Report::Swept`] answers.
    pub fn sweep(&mut self) {
        self.requests.push(Request::Sweep { run_marker: self.run_id.clone() });
        self.flush();
    }

    /// Deletes the raw results of what died with an earlier orchestrator: nobody's input, and never redacted.
    pub fn forget_results(&self, state: &State) {
        let lost = state.live().map(|(attempt, _)| self.dir(attempt, Kind::Attempt));
        let asked = state.in_doubt().filter_map(|node| {
            let NodeState::InDoubt(doubt) = &state.node(node).state else { return None };
            doubt.asking.then(|| self.dir(doubt.attempt, Kind::Reconcile))
        });
        for dir in lost.chain(asked) {
            // Most wrote none.
            let _ = fs::remove_file(dir.join(collect::RESULT));
            // Kept only while it holds something.
            let _ = fs::remove_dir(&dir);
        }
    }

    /// Why the process owner does not listen any more, if so; the run cannot go on then.
    #[must_use]
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// When a reconcile command has had its time.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.asking.values().min().copied()
    }

    /// Ends reconcile commands that have had their time.
    pub fn expire(&mut self, now: Timestamp) {
        let late: Vec<u64> = self.asking.iter().filter(|(_, at)| **at <= now).map(|(&id, _)| id).collect();
        for id in late {
            self.asking.remove(&id);
            self.requests.push(Request::End { attempt: id, grace_ms: 0 });
        }
        self.flush();
    }

    /// Takes a report of the owner.
    pub fn report(&mut self, report: Report) {
        match report {
            Report::Started { .. } | Report::Swept { .. } => {}
            Report::SpawnFailed { attempt, message, .. } => self.spawn_failed(attempt, &message),
            Report::Idle { attempt, .. } => {
                let attempt = AttemptId(attempt);
                self.arrivals.push_back(Input::AttemptIdle { attempt }.into());
            }
            Report::OutputLimit { attempt, .. } => {
                if let Some(job) = self.jobs.get_mut(&attempt) {
                    job.output_limit = true;
                }
            }
            Report::Exited { attempt, status, stdout, stderr, leaked, .. } => {
                self.asking.remove(&attempt);
                if let Some(job) = self.jobs.remove(&attempt) {
                    let arrival = self.finish(attempt, &job, Exit { status, stdout, stderr, leaked });
                    self.arrivals.push_back(arrival);
                }
            }
        }
    }

    fn spawn_failed(&mut self, id: u64, message: &str) {
        let Some(job) = self.jobs.remove(&id) else { return };
        // An attempt that wrote nothing leaves no directory behind.
        let _ = fs::remove_dir(&job.dir);
        self.refuse(id, &job, (Cause::Spawn, message));
    }

    fn refuse(&mut self, id: u64, job: &Job, (cause, message): (Cause, &str)) {
        let arrival = match job.kind {
            Kind::Reconcile => reconciled(job.node, Reconciliation::Unknown),
            Kind::Attempt | Kind::Undo => {
                let report = Facts { message: Some(shorten(message)), ..Facts::default() };
                ended(id, Verdict::Failed(cause), report)
            }
        };
        self.arrivals.push_back(arrival);
    }

    /// Judges an ended tree: exit status, limits, output, result.
    fn finish(&mut self, id: u64, job: &Job, exit: Exit) -> Arrival {
        let mut facts = Facts { leaked: exit.leaked, ..Facts::default() };
        match exit.status {
            Status::Code(code) => facts.exit = Some(code),
            Status::Signal(signal) => facts.signal = Some(signal),
        }
        let mut streams = (exit.stdout, exit.stderr);
        let limit_bytes = self.actions.output_limit_bytes();
        let stored = store_streams(&mut facts, (job, limit_bytes), &mut streams);
        let files = streams.0.into_iter().chain(streams.1).collect();
        self.requests.push(Request::GiveBack(files));
        if let Err(error) = stored {
            let text = format!("output of {} could not be stored: {error}", job.dir.display());
            facts.message = Some(shorten(&text));
            return self.judged(id, job, Verdict::Failed(Cause::Exit), (facts, None));
        }
        let verdict = match exit.status {
            _ if job.output_limit => Verdict::Failed(Cause::OutputLimit),
            Status::Code(0) => Verdict::Succeeded,
            Status::Code(_) => Verdict::Failed(Cause::Exit),
            Status::Signal(_) => Verdict::Failed(Cause::Signal),
        };
        let result = match self.result(job, verdict) {
            Ok(result) => result,
            Err(error) => {
                facts.message = Some(shorten(&error.to_string()));
                return self.judged(id, job, Verdict::Failed(Cause::BadResult), (facts, None));
            }
        };
        facts.result = result.as_ref().map(|r| r.digest);
        self.judged(id, job, verdict, (facts, result))
    }

    fn result(&self, job: &Job, verdict: Verdict) -> Result<Option<TaskResult>, ResultError> {
        let written = collect::result_file(&job.dir);
        if verdict != Verdict::Succeeded {
            return Ok(None); // the result of a failed attempt is nobody's input
        }
        let result = match written? {
            None if job.kind == Kind::Attempt && self.actions.result_is_stdout(job.node) => {
                Some(collect::result_from_stdout(&job.dir)?)
            }
            other => other,
        };
        if let Some(large) = result.as_ref().filter(|r| r.bytes.len() > collect::INLINE_RESULT_BYTES) {
            collect::store_large(large, &job.dir)?;
        }
        Ok(result)
    }

    fn judged(
        &self,
        id: u64,
        job: &Job,
        verdict: Verdict,
        (facts, result): (Facts, Option<TaskResult>),
    ) -> Arrival {
        // Kept only while it holds something.
        let _ = fs::remove_dir(&job.dir);
        let attempt = AttemptId(id & !RECONCILE_BIT);
        let payload = result
            .filter(|r| r.bytes.len() <= collect::INLINE_RESULT_BYTES)
            .map(|r| Payload { attempt, bytes: r.bytes });
        let mut arrival = match job.kind {
            Kind::Attempt | Kind::Undo => ended(id, verdict, facts),
            Kind::Reconcile => reconciled(job.node, reconciliation(verdict, facts.exit, facts.result)),
        };
        arrival.payload = payload;
        arrival
    }

    fn dir(&self, attempt: AttemptId, kind: Kind) -> PathBuf {
        match kind {
            Kind::Reconcile => workspace::reconcile_dir(&self.run_dir, attempt.0),
            Kind::Attempt | Kind::Undo => workspace::attempt_dir(&self.run_dir, attempt.0),
        }
    }

    fn start(&mut self, id: u64, (node, number): (NodeId, u32), kind: Kind) {
        let dir = self.dir(AttemptId(id & !RECONCILE_BIT), kind);
        let job = Job { node, kind, dir, output_limit: false };
        let made = fs::DirBuilder::new().mode(0o700).create(&job.dir);
        if let Err(error) =
            made.or_else(|e| if e.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(e) })
        {
            let text = format!("cannot create {}: {error}", job.dir.display());
            return self.refuse(id, &job, (Cause::Spawn, &text));
        }
        let result_path = job.dir.join(collect::RESULT);
        match self.actions.prepare((node, kind), number, (&self.outputs, &result_path)) {
            Ok(prepared) => self.request_start(id, job, prepared),
            Err(refusal) => {
                let _ = fs::remove_dir(&job.dir); // nothing was written yet
                self.refuse(id, &job, (refusal.cause, &refusal.message));
            }
        }
    }

    fn request_start(&mut self, id: u64, job: Job, prepared: Prepared) {
        let policy = self.actions.policy(job.node);
        if job.kind == Kind::Reconcile {
            self.asking.insert(id, self.now + RECONCILE_MS);
        }
        let marker = format!("{}/{}", self.run_id, id & !RECONCILE_BIT);
        self.requests.push(Request::Start(Box::new(StartSpec {
            attempt: id,
            argv: prepared.argv,
            env: prepared.env,
            cwd: prepared.cwd,
            marker,
            output_limit_bytes: self.actions.output_limit_bytes(),
            idle_ms: policy.idle_ms.filter(|_| job.kind == Kind::Attempt),
            grace_ms: policy.grace_ms,
        })));
        self.jobs.insert(id, job);
    }
}

/// How a tree ended, as the owner tells it.
struct Exit {
    status: Status,
    stdout: Option<File>,
    stderr: Option<File>,
    leaked: u32,
}

impl Driver for Local {
    fn absorb(&mut self, event: &Event, payload: Option<&Payload>) {
        self.outputs.absorb(event, payload);
    }

    fn evaluate(&mut self, node: NodeId) -> ConditionAnswer {
        self.actions.evaluate(node, &self.outputs)
    }

    fn committed(&mut self, engine: &Engine, events: &[Event]) {
        self.now = engine.now();
        (self.observer)(engine, events);
    }

    fn perform(&mut self, effect: &Effect) {
        match effect {
            Effect::Start { node, attempt, number } => self.start(attempt.0, (*node, *number), Kind::Attempt),
            Effect::Undo { node, attempt } => self.start(attempt.0, (*node, 1), Kind::Undo),
            Effect::Reconcile { node, attempt, number } => {
                self.start(attempt.0 | RECONCILE_BIT, (*node, *number), Kind::Reconcile);
            }
            Effect::End { attempt, grace_ms } => {
                self.requests.push(Request::End { attempt: attempt.0, grace_ms: *grace_ms });
            }
            Effect::Evaluate { .. } | Effect::Land | Effect::Leave(_) => {}
        }
    }

    fn flush(&mut self) {
        if self.requests.is_empty() {
            return;
        }
        if let Err(refused) = self.owner.send(std::mem::take(&mut self.requests)) {
            self.broken = Some(refused.to_string());
        }
    }
}

fn store_streams(
    facts: &mut Facts,
    (job, limit_bytes): (&Job, u64),
    from: &mut (Option<File>, Option<File>),
) -> io::Result<()> {
    facts.stdout = collect::stream(from.0.as_mut(), (&job.dir, collect::STDOUT), limit_bytes)?;
    facts.stderr = collect::stream(from.1.as_mut(), (&job.dir, collect::STDERR), limit_bytes)?;
    Ok(())
}

fn ended(id: u64, verdict: Verdict, report: Facts) -> Arrival {
    Input::AttemptEnded(Ended { attempt: AttemptId(id), verdict, report }).into()
}

fn reconciled(node: NodeId, found: Reconciliation) -> Arrival {
    Input::Reconciled { node, found }.into()
}

/// `reconcile`: exit 0 is done, 1 is not done, anything else cannot be told.
fn reconciliation(verdict: Verdict, exit: Option<i32>, result: Option<Digest>) -> Reconciliation {
    match (verdict, exit) {
        (Verdict::Succeeded, _) => Reconciliation::Done(result),
        (Verdict::Failed(Cause::Exit), Some(1)) => Reconciliation::NotDone,
        (Verdict::Failed(_), _) => Reconciliation::Unknown,
    }
}

fn shorten(text: &str) -> Box<str> {
    let end = (0..=MESSAGE_BYTES.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
    text[..end].into()
}
