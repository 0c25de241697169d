//! The judgement on one ended attempt: output and result into their files, facts and verdict for the engine.
//!
//! Knows how an attempt ended and what it was for, not what follows from it.

use crate::action::{Actions, Kind};
use crate::agents::Told;
use crate::attempt_dirs::AttemptDir;
use crate::collect::{self, ResultError, TaskResult};
use crate::evidence;
use crate::gating::Word;
use crate::keeper::{self, How};
use crate::private_file::is_no_room;
use crate::rate_limit;
use crate::redact::{Raw, Redactor};
use crate::reuse;
use crate::tools::Said;
use crate::turn::Arrival;
use crate::yard::Finding;
use regatta_engine::cause::Cause;
use regatta_engine::ids::{AttemptId, NodeId};
use regatta_engine::input::{Ended, Input, Reconciliation, Verdict};
use regatta_engine::report::{Content, Digest, Report as Facts, Work};
use regatta_journal::Payload;
use regatta_plan::model::Check;
use std::io;
use std::num::NonZeroU64;

/// A message for people holds at most this many bytes.
const MESSAGE_BYTES: usize = 500;

/// A process tree under way.
#[derive(Debug)]
pub(crate) struct Job {
    /// What it is for.
    pub(crate) attempt: AttemptId,
    /// Of which node.
    pub(crate) node: NodeId,
    /// Which of its actions.
    pub(crate) kind: Kind,
    /// Where its files go.
    pub(crate) dir: AttemptDir,
    /// It was started by an earlier orchestrator.
    pub(crate) adopted: bool,
    /// The content key of the work; none for an attempt that was found running.
    pub(crate) content_key: Option<[u8; 32]>,
    /// It was told to end, so that its own end says nothing.
    pub(crate) told_to_end: bool,
    /// What the evidence of a gate says that has ended well.
    pub(crate) evidence: Option<Vec<evidence::Told>>,
}

impl Job {
    /// One that is to begin.
    pub(crate) fn new((attempt, node, kind): (AttemptId, NodeId, Kind), dir: AttemptDir) -> Job {
        let (adopted, told_to_end) = (false, false);
        Job { attempt, node, kind, dir, adopted, content_key: None, told_to_end, evidence: None }
    }
}

/// What an attempt left in its worktree.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// Why it is a failure although its command ended well.
    pub(crate) finding: Option<Finding>,
    /// Worth saying.
    pub(crate) warning: Option<String>,
    /// The commits.
    pub(crate) work: Option<Work>,
}

/// The disk is full, and what could not be stored.
#[derive(Debug)]
pub(crate) struct NoRoom(pub(crate) String);

/// Judges an ended tree: exit, limits, output, result.
///
/// # Errors
/// The disk is full: nothing can be judged before there is room, and the keeper keeps what it holds.
pub(crate) fn judge(
    actions: &Actions,
    job: &Job,
    (ended, streams): (&keeper::Ended, [Option<Raw>; 2]),
    left: Left,
) -> Result<Arrival, NoRoom> {
    // What it was given is of no use to anybody when it has ended, however it is judged.
    collect::clear_tmp(&job.dir.path);
    let redactor = actions.redactor();
    let ran_ms = NonZeroU64::new(ended.ran_ms).filter(|_| job.adopted);
    let Left { finding, warning, work } = left;
    let mut facts = Facts { leaked: ended.leaked, ran_ms, ..Facts::default() };
    facts.work = work.map(Box::new);
    let say = |text: &str| shorten(redactor, text);
    facts.message = warning.map(|text| say(&text));
    let check = actions.gate(job.node).filter(|_| job.kind == Kind::Attempt);
    if let How::NotStarted { message } = &ended.how {
        return Ok(not_started((actions, job, check), message));
    }
    let verdict = exited(&ended.how, &mut facts);
    if ended.disk_full && verdict != Verdict::Succeeded {
        // It is taken back, and what it said with it: there may not be room for that twice.
        return Ok(judged(job, Verdict::Failed(Cause::DiskFull), (facts, None)));
    }
    if let Err(error) = store_streams(&mut facts, job, (actions, &streams)) {
        let text = format!("output of {} could not be stored: {error}", job.dir.path.display());
        if is_no_room(&error) {
            return Err(NoRoom(text));
        }
        facts.message = Some(say(&text));
        return Ok(judged(job, Verdict::Failed(Cause::Exit), (facts, None)));
    }
    if ended.output_lost {
        if job.kind == Kind::Attempt && actions.needs_stdout(job.node) {
            // Its result, or what tells that it is done, died with its keeper.
            let why = Some("its output was lost with its keeper".into());
            return Ok(Input::AttemptLost { attempt: job.attempt, why }.into());
        }
        facts.message = Some("its output was lost with its keeper".into());
    }
    let told = match heard(actions, job, streams[0].as_ref()) {
        Ok(told) => told,
        Err(error) if is_no_room(&error) => {
            return Err(NoRoom(format!(
                "what the agent said in {} could not be stored",
                job.dir.path.display()
            )));
        }
        Err(error) => {
            facts.message = Some(say(&format!("what the agent said could not be read: {error}")));
            return Ok(judged(job, Verdict::Failed(Cause::Agent), (facts, None)));
        }
    };
    facts.usage = told.as_ref().and_then(|told| told.usage);
    let tool = actions.said_by_tool(job);
    let ours = ended.deadline || ended.output_limit;
    if let Some(said) = tool.as_ref().filter(|said| said.is_lost() && job.kind == Kind::Attempt && !ours) {
        return Ok(Input::AttemptLost { attempt: job.attempt, why: Some(say(&said.message)) }.into());
    }
    let verdict = weigh((ended, job, redactor), (verdict, told.as_ref()), &mut facts);
    let (verdict, word) = match check {
        Some(check) => of_gate((actions, job, check), (ended, verdict, finding), &mut facts),
        None => (blame((tool, finding), verdict, (&mut facts, redactor)), None),
    };
    finish((actions, job), (verdict, told.as_ref(), streams[0].as_ref()), (facts, word))
}

/// A command that could not be started: whatever is only told is told.
fn not_started((actions, job, check): (&Actions, &Job, Option<&Check>), message: &str) -> Arrival {
    match check.filter(|check| !check.blocking) {
        Some(_) => said_at_once(actions, job, &Word::red(message.to_owned())),
        None => refusal(actions.redactor(), job, (Cause::Spawn, message)),
    }
}

fn exited(how: &How, facts: &mut Facts) -> Verdict {
    match how {
        How::NotStarted { .. } => Verdict::Failed(Cause::Spawn),
        How::Code(code) => {
            facts.exit = Some(*code);
            if *code == 0 { Verdict::Succeeded } else { Verdict::Failed(Cause::Exit) }
        }
        How::Signal(signal) => {
            facts.signal = Some(*signal);
            Verdict::Failed(Cause::Signal)
        }
    }
}

/// What a gate says when its command has ended. What was found in its worktree stands above that, and a person's end of it
/// or a rate limit is no word of a gate.
fn of_gate(
    (actions, job, check): (&Actions, &Job, &Check),
    (ended, verdict, finding): (&keeper::Ended, Verdict, Option<Finding>),
    facts: &mut Facts,
) -> (Verdict, Option<Word>) {
    let redactor = actions.redactor();
    if let Some(Finding { cause, message }) = finding {
        facts.message = Some(shorten(redactor, &message));
        return (Verdict::Failed(cause), None);
    }
    let ours = ended.deadline || job.told_to_end;
    let late = ours || ended.ran_ms >= check.timeout_ms;
    let word = match verdict {
        Verdict::RateLimited { .. } => return (verdict, None),
        Verdict::Failed(cause) if cause != Cause::Exit && check.blocking => return (verdict, None),
        // It said 0 to that. Of one that blocks, the engine says how it ended.
        Verdict::Succeeded if ours && !check.blocking => Word::late(),
        Verdict::Succeeded => {
            // It was read where the gate looked, before anything there was put back.
            let told = job.evidence.clone().or_else(|| check.evidence.is_empty().then(Vec::new));
            told.map_or_else(|| Word::red("its evidence was not read".to_owned()), Word::of_evidence)
        }
        Verdict::Failed(_) if ended.output_limit => {
            Word::red("it wrote more than `limits.output`".to_owned())
        }
        Verdict::Failed(Cause::Exit) => Word::red(format!("exit code {}", facts.exit.unwrap_or_default())),
        Verdict::Failed(_) if late => Word::late(),
        Verdict::Failed(_) => Word::red(format!("signal {}", facts.signal.unwrap_or_default())),
    };
    if late || ended.output_limit {
        // How it died is timing.
        (facts.exit, facts.signal) = (None, None);
    }
    facts.message = word.message(check).map(|text| shorten(redactor, &text)).or(facts.message.take());
    (word.verdict(check), Some(word))
}

/// What the evidence of a gate says could not be kept.
pub(crate) fn unkept(job: &Job, error: &io::Error) -> NoRoom {
    NoRoom(format!("what a gate says could not be kept in {}: {error}", job.dir.path.display()))
}

/// An attempt of a gate that said its word without that anything was run.
pub(crate) fn said_at_once(actions: &Actions, job: &Job, word: &Word) -> Arrival {
    let Some(check) = actions.gate(job.node) else {
        return refusal(actions.redactor(), job, (Cause::Plan, "it is no gate"));
    };
    let verdict = word.verdict(check);
    let message = word.message(check).map(|text| shorten(actions.redactor(), &text));
    let said = actions.redactor().value(word.result(check, None));
    let result = collect::from_value(&said).ok().filter(|_| verdict == Verdict::Succeeded);
    let facts = Facts { message, result: result.as_ref().map(|r| r.digest), ..Facts::default() };
    judged(job, verdict, (facts, result))
}

/// What a tool said about its failure stands above the exit code of its call, and what was found in its worktree above
/// that everything ended well.
fn blame(
    (tool, finding): (Option<Said>, Option<Finding>),
    verdict: Verdict,
    (facts, redactor): (&mut Facts, &Redactor),
) -> Verdict {
    match (verdict, tool, finding) {
        (Verdict::Failed(Cause::Exit), Some(said), _) => {
            facts.message = Some(shorten(redactor, &said.message));
            Verdict::Failed(said.cause())
        }
        (Verdict::Succeeded, _, Some(Finding { cause, message })) => {
            facts.message = Some(shorten(redactor, &message));
            Verdict::Failed(cause)
        }
        (verdict, ..) => verdict,
    }
}

/// What stands above the exit code: our own limits, then what was said beside it.
fn weigh(
    (ended, job, redactor): (&keeper::Ended, &Job, &Redactor),
    (verdict, told): (Verdict, Option<&Told>),
    facts: &mut Facts,
) -> Verdict {
    match verdict {
        _ if ended.output_limit => Verdict::Failed(Cause::OutputLimit),
        _ if ended.deadline => Verdict::Failed(Cause::Timeout),
        Verdict::Failed(Cause::Exit) if job.kind == Kind::Attempt && rate_limit::asked(&job.dir.path) => {
            limited(job, facts)
        }
        Verdict::Failed(Cause::Exit) | Verdict::Succeeded => match told {
            Some(told) => {
                let judgement = told.judge(facts.exit.unwrap_or(0));
                facts.message =
                    judgement.message.as_deref().map(|text| shorten(redactor, text)).or(facts.message.take());
                judgement.verdict
            }
            None => verdict,
        },
        other => other,
    }
}

/// Takes the result, and what later runs may find.
fn finish(
    (actions, job): (&Actions, &Job),
    (verdict, told, stdout): (Verdict, Option<&Told>, Option<&Raw>),
    (mut facts, word): (Facts, Option<Word>),
) -> Result<Arrival, NoRoom> {
    let result = result((actions, job), (verdict, stdout), told)
        .and_then(|own| said_by_gate((actions, job), (verdict, word.as_ref()), own));
    let result = match result {
        Ok(result) => result,
        Err(ResultError::Unreadable(error)) if is_no_room(&error) => {
            return Err(NoRoom(format!("the result of {} could not be stored", job.dir.path.display())));
        }
        Err(error) => {
            facts.message = Some(shorten(actions.redactor(), &error.to_string()));
            return Ok(judged(job, Verdict::Failed(Cause::BadResult), (facts, None)));
        }
    };
    facts.result = result.as_ref().map(|r| r.digest);
    // A gate that is red is asked anew.
    let good = verdict == Verdict::Succeeded && word.is_none_or(|word| word.passed);
    if let Some(key) = job.content_key.filter(|_| good) {
        match reuse::list_files(actions, job.node, &job.dir.path) {
            Ok(files) => facts.content = Some(Box::new(Content { key, files })),
            Err(error) if is_no_room(&error) => {
                return Err(NoRoom(format!("the files of {} could not be listed", job.dir.path.display())));
            }
            // Nobody will find it by its key, which is always right.
            Err(_) => {}
        }
    }
    Ok(judged(job, verdict, (facts, result)))
}

/// The result of a gate is what it says, and what its command gave is a part of that.
fn said_by_gate(
    (actions, job): (&Actions, &Job),
    (verdict, word): (Verdict, Option<&Word>),
    own: Option<TaskResult>,
) -> Result<Option<TaskResult>, ResultError> {
    let (Some(word), Some(check), Verdict::Succeeded) = (word, actions.gate(job.node), verdict) else {
        return Ok(own);
    };
    let own = own.map(|own| serde_json::from_slice(&own.bytes)).transpose()?;
    let result = collect::from_value(&actions.redactor().value(word.result(check, own)))?;
    if result.bytes.len() > collect::INLINE_RESULT_BYTES {
        collect::store_large(&result, &job.dir.path)?;
    }
    Ok(Some(result))
}

/// What an agent said, kept beside its output; `None` for everything that is no attempt of an agent.
fn heard(actions: &Actions, job: &Job, stdout: Option<&Raw>) -> io::Result<Option<Told>> {
    if job.kind != Kind::Attempt {
        return Ok(None);
    }
    let Some((dialect, agent)) = actions.dialect(job.node) else { return Ok(None) };
    Told::hear(&job.dir.path, (dialect, agent), (stdout, actions)).map(Some)
}

/// An exit code that is not 0 is a failure, unless the command said beside it that it met a rate limit.
fn limited(job: &Job, facts: &mut Facts) -> Verdict {
    let Some(retry_after_ms) = rate_limit::asked_ms(&job.dir.path) else {
        return Verdict::Failed(Cause::Exit);
    };
    facts.message = Some(format!("asks to be left alone for {} s", retry_after_ms.div_ceil(1_000)).into());
    Verdict::RateLimited { retry_after_ms }
}

/// An attempt that was never started.
pub(crate) fn refusal(redactor: &Redactor, job: &Job, (cause, message): (Cause, &str)) -> Arrival {
    match job.kind {
        Kind::Reconcile => reconciled(job.node, Reconciliation::Unknown),
        Kind::Attempt | Kind::Undo | Kind::Setup(_) | Kind::Verify(_) => {
            let report = Facts { message: Some(shorten(redactor, message)), ..Facts::default() };
            ended_input(job, Verdict::Failed(cause), report)
        }
    }
}

fn result(
    (actions, job): (&Actions, &Job),
    (verdict, stdout): (Verdict, Option<&Raw>),
    told: Option<&Told>,
) -> Result<Option<TaskResult>, ResultError> {
    let written = collect::result_file(&job.dir.path, actions.redactor());
    if verdict != Verdict::Succeeded {
        return Ok(None); // the result of a failed attempt is nobody's input
    }
    let result = match (written?, told) {
        (None, Some(told)) => told.result(actions.result_is_stdout(job.node))?,
        (None, None) if job.kind == Kind::Attempt && actions.result_is_stdout(job.node) => {
            Some(collect::result_from_stdout(stdout, actions.redactor())?)
        }
        (other, _) => other,
    };
    if let Some(large) = result.as_ref().filter(|r| r.bytes.len() > collect::INLINE_RESULT_BYTES) {
        collect::store_large(large, &job.dir.path)?;
    }
    Ok(result)
}

fn judged(job: &Job, verdict: Verdict, (facts, result): (Facts, Option<TaskResult>)) -> Arrival {
    let small = result.filter(|r| r.bytes.len() <= collect::INLINE_RESULT_BYTES);
    let mut arrival = match job.kind {
        Kind::Attempt | Kind::Undo | Kind::Setup(_) | Kind::Verify(_) => ended_input(job, verdict, facts),
        Kind::Reconcile => reconciled(job.node, reconciliation(verdict, facts.exit, facts.result)),
    };
    arrival.payloads.extend(small.map(|r| Payload { attempt: job.attempt, bytes: r.bytes }));
    arrival
}

fn store_streams(
    facts: &mut Facts,
    job: &Job,
    (actions, [stdout, stderr]): (&Actions, &[Option<Raw>; 2]),
) -> io::Result<()> {
    let through = (actions.redactor(), actions.output_limit_bytes());
    facts.stdout = collect::stream(stdout.as_ref(), (&job.dir.path, collect::STDOUT), through)?;
    facts.stderr = collect::stream(stderr.as_ref(), (&job.dir.path, collect::STDERR), through)?;
    Ok(())
}

fn ended_input(job: &Job, verdict: Verdict, report: Facts) -> Arrival {
    Input::AttemptEnded(Ended { attempt: job.attempt, verdict, report }).into()
}

fn reconciled(node: NodeId, found: Reconciliation) -> Arrival {
    Input::Reconciled { node, found }.into()
}

/// `reconcile`: exit 0 is done, 1 is not done, anything else cannot be told.
fn reconciliation(verdict: Verdict, exit: Option<i32>, result: Option<Digest>) -> Reconciliation {
    match (verdict, exit) {
        (Verdict::Succeeded, _) => Reconciliation::Done(result),
        (Verdict::Failed(Cause::Exit), Some(1)) => Reconciliation::NotDone,
        (Verdict::Failed(_) | Verdict::RateLimited { .. }, _) => Reconciliation::Unknown,
    }
}

/// A message for people: redacted, then cut.
fn shorten(redactor: &Redactor, text: &str) -> Box<str> {
    let text = redactor.text(text.to_owned());
    let end = (0..=MESSAGE_BYTES.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
    text[..end].into()
}
