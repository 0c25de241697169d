//! One event of every kind and outcome, one input of every kind and answer, for tables.

use regatta_engine::budget::Level;
use regatta_engine::caps::CapRef;
use regatta_engine::cause::Cause;
use regatta_engine::escalation::CauseClass;
use regatta_engine::event::{Event, EventKind};
use regatta_engine::ids::{AttemptId, NodeId, Timestamp};
use regatta_engine::input::{
    Answer, Batch, Claimed, ConditionAnswer, Ended, Expansion, Input, LeaseChange, LeaseTold, OwnLease,
    Recalled, Reconciliation, Resumed, Reused, ReusedBy, Verdict,
};
use regatta_engine::outcome::{AttemptOutcome, NodeOutcome, PauseReason, RunStatus};
use regatta_engine::permission::{PermissionTold, Question};
use regatta_engine::report::{Content, Digest, Report, Usage, Work};
use regatta_engine::scope::Scope;
use regatta_engine::spec::{ClaimKind, Limits};

const NODE: NodeId = NodeId(3);
const ATTEMPT: AttemptId = AttemptId(7);

fn digest(first: u8, bytes: u64) -> Digest {
    let mut sha256 = [0xab; 32];
    sha256[0] = first;
    Digest { sha256, bytes }
}

fn full_report() -> Report {
    Report {
        exit: Some(0),
        signal: None,
        result: Some(digest(0x01, 17)),
        stdout: Some(digest(0xf2, u64::MAX)),
        stderr: Some(digest(0x00, 0)),
        usage: Some(Usage {
            input_tokens: 1,
            cached_tokens: 2,
            output_tokens: 3,
            reasoning_tokens: 4,
            cost_micro_usd: 5,
        }),
        ran_ms: None,
        unasked: false,
        leaked: 2,
        message: Some("said \"no\"\n\u{1b}[31m ünicode".into()),
        content: None,
        work: None,
    }
}

fn limits() -> Box<Limits> {
    Box::new(Limits {
        max_parallel: 8,
        per_wave: Some(4),
        per_priority: [Some(1), None, Some(3), None],
        per_agent: vec![None, Some(2)],
        per_tag: vec![],
    })
}

/// Every kind, and every outcome, reason, cap, answer of it.
pub(crate) fn events() -> Vec<Event> {
    let mut kinds = vec![EventKind::RunStarted { schedule_plan_hash: "0f".repeat(32).into() }];
    kinds.extend(PauseReason::ALL.map(|reason| EventKind::RunPaused { reason }));
    kinds.push(EventKind::RunResumed { epoch: 2 });
    kinds.push(EventKind::RunStopping { node: NODE });
    kinds.push(EventKind::RunEnding { cause: Cause::RunTimeout });
    kinds.extend(RunStatus::ALL.map(|status| EventKind::RunEnded { status }));
    kinds.push(EventKind::WaveStarted { wave: 0 });
    kinds.push(EventKind::WaveEnded { wave: u32::MAX });
    let answers = [ConditionAnswer::True, ConditionAnswer::False, ConditionAnswer::Error("no \"x\"".into())];
    kinds.extend(answers.map(|answer| EventKind::ConditionEvaluated { node: NODE, answer }));
    kinds.push(EventKind::NodeReady { node: NODE, number: 1 });
    kinds.push(EventKind::LeaseGranted { node: NODE, attempt: ATTEMPT });
    kinds.push(EventKind::LeaseReleased { node: NODE, attempt: ATTEMPT });
    let caps = [
        CapRef::Global,
        CapRef::Wave(1),
        CapRef::Priority(2),
        CapRef::Agent(3),
        CapRef::Tag(4),
        CapRef::Resource(5),
    ];
    kinds.extend(caps.map(|by| EventKind::LeaseRefused { node: NODE, by }));
    kinds.extend(attempt_kinds());
    kinds.extend(node_kinds());
    kinds.push(EventKind::LimitsChanged { limits: limits() });
    kinds.push(EventKind::ReportIgnored(AttemptId(u64::MAX)));
    kinds.push(EventKind::RunSuspended);
    for by in [ReusedBy::Retry, ReusedBy::Content] {
        kinds.push(EventKind::NodeReused { node: NODE, attempt: ATTEMPT, reused: Box::new(reused(by)) });
    }
    kinds.push(EventKind::ReuseMissed(NODE, "`run` was \"a\"".into()));
    kinds.push(EventKind::LeaseClaimed { node: NODE, answer: Claimed::Granted { epoch: 1_790_000_000_001 } });
    kinds.push(EventKind::LeaseClaimed {
        node: NODE,
        answer: Claimed::Taken { resource: 2, by: "`a` of run r".into() },
    });
    kinds.push(EventKind::LeaseWaitEnded(NODE));
    kinds.extend(changes().map(|change| {
        let text = "`db`".into();
        let told = Box::new(LeaseTold { change, text, leases: [].into() });
        EventKind::LeaseTold { node: NODE, attempt: ATTEMPT, told }
    }));
    let report = Box::new(keyed_report());
    kinds.push(EventKind::UndoEnded { node: NODE, attempt: ATTEMPT, cause: None, report });
    kinds.extend(scope_kinds());
    kinds.push(EventKind::LeaseTold { node: NODE, attempt: ATTEMPT, told: Box::new(taken()) });
    let report = Box::new(worked_report());
    kinds.push(EventKind::UndoEnded { node: NODE, attempt: ATTEMPT, cause: Some(Cause::Verify), report });
    kinds.extend(batches().map(|batch| EventKind::BatchTested(Box::new(batch))));
    kinds.extend(expansions().map(|answer| EventKind::NodeExpanded(NODE, answer)));
    kinds.extend(permissions().map(|told| EventKind::Permission(NODE, ATTEMPT, Box::new(told))));
    kinds.into_iter().enumerate().map(|(i, kind)| Event { at: Timestamp(i as u64 * 10), kind }).collect()
}

fn permissions() -> [PermissionTold; 4] {
    let question = Question { number: 2, title: "Write \"x\"".into(), tool: "edit".into(), always: false };
    let always = Question { number: 3, always: true, ..question.clone() };
    [
        PermissionTold::Asked(question),
        PermissionTold::Answered { number: 2, allowed: true },
        PermissionTold::Answered { number: 1, allowed: false },
        PermissionTold::Asked(always),
    ]
}

fn changes() -> [LeaseChange; 3] {
    [LeaseChange::Acquired, LeaseChange::Dropped, LeaseChange::Denied]
}

/// Leases of every kind.
fn taken() -> LeaseTold {
    let lease = |name: &str, kind| OwnLease { name: name.into(), kind };
    let leases = [
        lease("db", ClaimKind::Exclusive),
        lease("docs", ClaimKind::Shared),
        lease("gpu", ClaimKind::Units(2)),
    ];
    LeaseTold { change: LeaseChange::Acquired, text: "`db`".into(), leases: leases.into() }
}

fn keyed_report() -> Report {
    let content = Content { key: [0x66; 32], files: Some(digest(0x77, 3)) };
    Report { content: Some(Box::new(content)), ..Report::default() }
}

/// Of an attempt in a worktree.
fn worked_report() -> Report {
    let (base, head) = ("1".repeat(40).into(), "2".repeat(40).into());
    Report { work: Some(Box::new(Work { base, head, changed: 3 })), ..Report::default() }
}

fn reused(by: ReusedBy) -> Reused {
    let run = "9f1c2d3e-0000-4000-8000-000000000000".into();
    Reused { run, attempt: AttemptId(3), by, duration_ms: 12, report: keyed_report() }
}

fn scope_kinds() -> Vec<EventKind> {
    let (scope, until) = (Scope::Agent(1), Timestamp(300_000));
    let mut kinds = vec![
        EventKind::DispatchEnded {
            node: NODE,
            attempt: ATTEMPT,
            number: 2,
            outcome: AttemptOutcome::Held,
            cause: Some(Cause::RateLimit),
            duration_ms: 31,
            report: Box::new(Report { exit: Some(1), ..Report::default() }),
        },
        EventKind::BreakerOpened { scope, until, failures: 3 },
        EventKind::BreakerHalfOpen(Scope::Tool(0)),
        EventKind::BreakerClosed(Scope::Tag(2)),
        EventKind::HoldStarted(Scope::Node(NODE), until),
        EventKind::HoldEnded(scope),
        EventKind::Escalated { about: scope, class: CauseClass::Agent, cause: Cause::BreakerOpen },
    ];
    let about = Scope::Node(NODE);
    kinds.extend(CauseClass::ALL.map(|class| EventKind::Escalated { about, class, cause: Cause::Exit }));
    let levels = [(None, Level::Near), (None, Level::Full), (Some(NODE), Level::Full)];
    kinds.push(EventKind::HelperSpent(Box::new(Usage {
        input_tokens: 7,
        cost_micro_usd: 9,
        ..Usage::default()
    })));
    kinds.extend(levels.map(|(node, level)| EventKind::BudgetReached(node, level)));
    kinds.push(EventKind::ConflictPredicted(NODE, NodeId(0), "src/a, b".into()));
    kinds
}

fn attempt_kinds() -> Vec<EventKind> {
    let (node, attempt) = (NODE, ATTEMPT);
    let mut kinds = vec![
        EventKind::DispatchStarted { node, attempt, number: 2, delay_before_ms: 4_000, round: 12 },
        EventKind::DispatchEnding { node, attempt, cause: Cause::Idle },
        EventKind::DispatchAdopted { node, attempt },
        EventKind::LeakedProcesses { node, attempt, count: 3 },
    ];
    let reports = [
        full_report(),
        Report { exit: Some(-1), ..Report::default() },
        Report { signal: Some(15), ..Report::default() },
        Report { stdout: Some(digest(0x10, 9)), ..Report::default() },
        Report::default(),
        Report { message: Some("".into()), ..Report::default() },
    ];
    // Held ones come later: lines are added to the golden file, not changed.
    for (outcome, report) in AttemptOutcome::ALL.into_iter().zip(reports) {
        let cause = match outcome {
            AttemptOutcome::Succeeded => None,
            AttemptOutcome::Failed => Some(Cause::Exit),
            AttemptOutcome::TimedOut => Some(Cause::Timeout),
            AttemptOutcome::Cancelled => Some(Cause::User),
            AttemptOutcome::Interrupted => Some(Cause::Stopped),
            AttemptOutcome::Lost => Some(Cause::Lost),
            AttemptOutcome::Held => Some(Cause::RateLimit),
        };
        let report = Box::new(report);
        kinds.push(EventKind::DispatchEnded {
            node,
            attempt,
            number: 2,
            outcome,
            cause,
            duration_ms: 31,
            report,
        });
    }
    for answer in [Answer::Again, Answer::Succeeded(Some(digest(0x33, 4))), Answer::Succeeded(None)] {
        kinds.push(EventKind::Answered { node, attempt, answer, by_person: true });
    }
    kinds.push(EventKind::Answered { node, attempt, answer: Answer::Failed, by_person: false });
    kinds.push(EventKind::UndoStarted { node, attempt });
    kinds.push(EventKind::UndoEnded { node, attempt, cause: None, report: Box::new(full_report()) });
    kinds.push(EventKind::UndoEnded { node, attempt, cause: Some(Cause::Signal), report: Box::default() });
    kinds
}

fn node_kinds() -> Vec<EventKind> {
    let node = NODE;
    let mut kinds = vec![
        EventKind::RetryScheduled { node, number: 1, delay_ms: 2_000, until: Timestamp(2_310) },
        EventKind::NodeCollected { node, number: 2 },
        EventKind::NodeInDoubt { node, attempt: ATTEMPT, cause: Cause::Lost, asking: true },
        EventKind::NodeInDoubt { node, attempt: ATTEMPT, cause: Cause::MaxLost, asking: false },
    ];
    for outcome in NodeOutcome::ALL {
        let (cause, upstream): (_, &[NodeId]) = match outcome {
            NodeOutcome::Succeeded => (None, &[]),
            NodeOutcome::Failed => (Some(Cause::Resolution), &[]),
            NodeOutcome::TimedOut => (Some(Cause::Timeout), &[]),
            NodeOutcome::Exhausted => (Some(Cause::Exit), &[]),
            NodeOutcome::Blocked => (Some(Cause::Upstream), &[NodeId(0), NodeId(2)]),
            NodeOutcome::Skipped => (Some(Cause::When), &[]),
            NodeOutcome::Cancelled => (Some(Cause::RunTimeout), &[]),
        };
        kinds.push(EventKind::NodeEnded { node, number: 2, outcome, cause, upstream: upstream.into() });
    }
    kinds
}

/// Every kind, and every answer of it.
pub(crate) fn inputs() -> Vec<Input> {
    let (node, attempt) = (NODE, ATTEMPT);
    let good = Ended { attempt, verdict: Verdict::Succeeded, report: full_report() };
    let mut inputs = vec![
        Input::Begin,
        Input::Settle,
        Input::Resumed(Resumed::default()),
        Input::Resumed(Resumed {
            epoch: 3,
            live: vec![AttemptId(4), AttemptId(5)],
            ended: vec![good.clone()],
            boot_changed: true,
        }),
        Input::ConditionEvaluated { node, answer: ConditionAnswer::True },
        Input::ConditionEvaluated { node, answer: ConditionAnswer::False },
        Input::ConditionEvaluated { node, answer: ConditionAnswer::Error("no such key".into()) },
        Input::AttemptEnded(good),
    ];
    let failed = |cause| Ended { attempt, verdict: Verdict::Failed(cause), report: Report::default() };
    // Later causes stand at the end.
    let later = [Cause::JoinConflict, Cause::RedGate, Cause::Person, Cause::Refused];
    let first = Cause::ALL.into_iter().filter(|cause| !later.contains(cause));
    inputs.extend(first.map(|cause| Input::AttemptEnded(failed(cause))));
    let verdict = Verdict::RateLimited { retry_after_ms: 60_000 };
    let limited = || Ended { attempt, verdict, report: Report::default() };
    inputs.push(Input::AttemptEnded(limited()));
    inputs.push(Input::Resumed(Resumed { ended: vec![limited()], ..Resumed::default() }));
    inputs.push(Input::AttemptLost { attempt, why: None });
    inputs.push(Input::AttemptIdle { attempt });
    let found = [
        Reconciliation::Done(Some(digest(0x44, 2))),
        Reconciliation::Done(None),
        Reconciliation::NotDone,
        Reconciliation::Unknown,
    ];
    inputs.extend(found.map(|found| Input::Reconciled { node, found }));
    let answers =
        [Answer::Again, Answer::Succeeded(Some(digest(0x55, 1))), Answer::Succeeded(None), Answer::Failed];
    inputs.extend(answers.map(|answer| Input::Answered { node, answer }));
    inputs.extend([
        Input::Pause,
        Input::Suspend,
        Input::Unpause,
        Input::Interrupt { hard: false },
        Input::Interrupt { hard: true },
        Input::Cancel { node: None },
        Input::Cancel { node: Some(node) },
        Input::Skip { node },
        Input::LimitsChanged { limits: limits() },
        Input::Landed { node },
        Input::HelperSpent { usage: Usage { output_tokens: 5, ..Usage::default() } },
        Input::NotLanded { node, cause: Cause::MergeConflict },
        Input::LandingWaits,
        Input::Recalled { node, answer: Recalled::Found(Box::new(reused(ReusedBy::Content))) },
        Input::Recalled { node, answer: Recalled::Missed("new".into()) },
        Input::Claimed { node, answer: Claimed::Granted { epoch: 7 } },
        Input::Claimed { node, answer: Claimed::Taken { resource: 2, by: "`a` of run r".into() } },
        Input::LeasesFreed,
    ]);
    inputs.extend(changes().map(|change| {
        let told = LeaseTold { change, text: "`db`".into(), leases: [].into() };
        Input::LeaseTold { node, told }
    }));
    inputs.push(Input::LeaseTold { node, told: taken() });
    inputs.push(Input::ConflictPredicted { node, with: NodeId(0), paths: "src/a, b".into() });
    inputs.extend(batches().map(|batch| Input::BatchTested(Box::new(batch))));
    inputs.extend(expansions().map(|answer| Input::Expanded { node, answer }));
    inputs.push(Input::AttemptEnded(failed(Cause::JoinConflict)));
    inputs.push(Input::AttemptLost { attempt, why: Some("it closed the connection".into()) });
    inputs.extend(permissions().map(|told| Input::Permission { attempt, told }));
    inputs.extend(later[1..].iter().map(|cause| Input::AttemptEnded(failed(*cause))));
    let report = Report { unasked: true, ..Report::default() };
    inputs.push(Input::AttemptEnded(Ended { attempt, verdict: Verdict::Succeeded, report }));
    inputs
}

fn expansions() -> [Expansion; 3] {
    [Expansion::Items(0), Expansion::Items(10_000), Expansion::Error("`list.result` is no list".into())]
}

fn batches() -> [Batch; 2] {
    let batch = |nodes: &[NodeId], passed| Batch { nodes: nodes.into(), tip: "c0ffee".into(), passed };
    [batch(&[NodeId(0), NODE], false), batch(&[NODE], true)]
}
