//! Spec 11 "Canonical log", formats 4: keys, classes, lines, snapshots.

use crate::script::Script;
use crate::world::World;
use regatta_engine::budget::Level;
use regatta_engine::caps::CapRef;
use regatta_engine::cause::Cause;
use regatta_engine::escalation::CauseClass;
use regatta_engine::event::{Event, EventKind};
use regatta_engine::ids::{AttemptId, NodeId, Timestamp};
use regatta_engine::input::{
    Answer, Batch, Claimed, ConditionAnswer, Ended, Input, LeaseChange, LeaseTold, Reused, ReusedBy, Verdict,
};
use regatta_engine::outcome::{AttemptOutcome, NodeOutcome, PauseReason, RunStatus};
use regatta_engine::report::{Digest, Report};
use regatta_engine::scope::Scope;
use regatta_engine::spec::Limits;

fn told() -> LeaseTold {
    LeaseTold { change: LeaseChange::Acquired, text: "".into(), leases: [].into() }
}

fn reused() -> Reused {
    let (attempt, by, report) = (AttemptId(1), ReusedBy::Retry, Report::default());
    Reused { run: "earlier".into(), attempt, by, duration_ms: 1, report }
}

/// One event of every kind, about node `b` (wave 1, rank 0) of `a; b(a); c(a)` and attempt 2 of it.
pub(crate) fn every_kind() -> Vec<EventKind> {
    let (node, attempt, number, wave) = (NodeId(1), AttemptId(9), 2, 1);
    let (report, duration_ms, cause) = (Box::<Report>::default(), 3, None);
    let mut kinds = vec![
        EventKind::RunStarted { schedule_plan_hash: "00".into() },
        EventKind::RunPaused { reason: PauseReason::User },
        EventKind::RunResumed { epoch: 1 },
        EventKind::RunStopping { node },
        EventKind::RunEnding { cause: Cause::User },
        EventKind::RunEnded { status: RunStatus::Partial },
        EventKind::WaveStarted { wave },
        EventKind::WaveEnded { wave },
        EventKind::ConditionEvaluated { node, answer: ConditionAnswer::True },
        EventKind::NodeReady { node, number },
        EventKind::LeaseGranted { node, attempt },
        EventKind::LeaseReleased { node, attempt },
        EventKind::LeaseRefused { node, by: CapRef::Global },
        EventKind::DispatchStarted { node, attempt, number, delay_before_ms: 1, round: 1 },
        EventKind::DispatchEnding { node, attempt, cause: Cause::User },
        EventKind::DispatchAdopted { node, attempt },
        EventKind::LeakedProcesses { node, attempt, count: 1 },
        EventKind::RetryScheduled { node, number, delay_ms: 1, until: Timestamp(5) },
        EventKind::NodeCollected { node, number },
        EventKind::ConflictPredicted(node, node, "".into()),
        EventKind::BatchTested(Box::new(batch(node, true))),
        EventKind::BatchTested(Box::new(batch(node, false))),
        EventKind::NodeInDoubt { node, attempt, cause: Cause::Lost, asking: true },
        EventKind::Answered { node, attempt, answer: Answer::Again, by_person: true },
        EventKind::UndoStarted { node, attempt },
        EventKind::UndoEnded { node, attempt, cause, report: report.clone() },
        EventKind::UndoEnded { node, attempt, cause: Some(Cause::Exit), report: report.clone() },
        EventKind::LimitsChanged { limits: Box::<Limits>::default() },
        EventKind::ReportIgnored(attempt),
        EventKind::RunSuspended,
        EventKind::NodeReused { node, attempt, reused: Box::new(reused()) },
        EventKind::ReuseMissed(node, "".into()),
        EventKind::LeaseClaimed { node, answer: Claimed::Granted { epoch: 1 } },
        EventKind::LeaseClaimed { node, answer: Claimed::Taken { resource: 0, by: "".into() } },
        EventKind::LeaseWaitEnded(node),
        EventKind::LeaseTold { node, attempt, told: Box::new(told()) },
    ];
    kinds.extend(AttemptOutcome::ALL.map(|outcome| EventKind::DispatchEnded {
        node,
        attempt,
        number,
        outcome,
        cause,
        duration_ms,
        report: report.clone(),
    }));
    kinds.extend(NodeOutcome::ALL.map(|outcome| EventKind::NodeEnded {
        node,
        number,
        outcome,
        cause,
        upstream: Box::default(),
    }));
    let (scope, until) = (Scope::Agent(0), Timestamp(9));
    kinds.extend([
        EventKind::BreakerOpened { scope, until, failures: 3 },
        EventKind::BreakerHalfOpen(scope),
        EventKind::BreakerClosed(scope),
        EventKind::HoldStarted(Scope::Node(node), until),
        EventKind::HoldEnded(scope),
        EventKind::Escalated { about: Scope::Node(node), class: CauseClass::Tool, cause: Cause::Exit },
        EventKind::HelperSpent(Box::default()),
        EventKind::BudgetReached(None, Level::Near),
        EventKind::BudgetReached(Some(node), Level::Full),
    ]);
    kinds
}

#[test]
fn the_class_and_the_key_of_every_kind() {
    let graph = Script::new("a; b(a); c(a)").graph;
    let table: Vec<String> = every_kind()
        .into_iter()
        .map(|kind| {
            let (name, class) = (kind.name(), kind.class());
            format!("{name:22} {class:11?} {}", Event { at: Timestamp(0), kind }.key(&graph))
        })
        .collect();
    insta::assert_snapshot!(table.join("\n"), @"
    run_started            Logical 0.0.0.0
    run_paused             Operational 0.0.0.0
    run_resumed            Operational 0.0.0.0
    run_stopping           Operational 1.0.0.0
    run_ending             Operational 0.0.0.0
    run_ended              Logical 2.3.2.0
    wave_started           Logical 1.0.0.1
    wave_ended             Logical 1.2.0.0
    condition_evaluated    Logical 1.0.0.2
    node_ready             Logical 1.0.2.0
    lease_granted          Operational 1.0.0.0
    lease_released         Operational 1.0.0.0
    lease_refused          Operational 1.0.0.0
    dispatch_started       Logical 1.0.2.1
    dispatch_ending        Operational 1.0.0.0
    dispatch_adopted       Operational 1.0.0.0
    leaked_processes       Operational 1.0.0.0
    retry_scheduled        Logical 1.0.2.3
    node_collected         Logical 1.0.2.3
    conflict_predicted     Operational 1.0.0.0
    merge_batch_passed     Operational 0.0.0.0
    merge_batch_red        Operational 0.0.0.0
    node_in_doubt          Operational 1.0.0.0
    answered               Operational 1.0.0.0
    undo_started           Logical 2.1.1.1
    undo_succeeded         Logical 2.1.1.2
    undo_failed            Logical 2.1.1.2
    limits_changed         Operational 0.0.0.0
    report_ignored         Operational 0.0.0.0
    run_suspended          Operational 0.0.0.0
    node_reused            Logical 1.0.0.3
    reuse_missed           Operational 1.0.0.0
    lease_acquired         Operational 1.0.0.0
    lease_awaited          Operational 1.0.0.0
    lease_wait_ended       Operational 1.0.0.0
    lease_taken            Operational 1.0.0.0
    dispatch_succeeded     Logical 1.0.2.2
    dispatch_failed        Logical 1.0.2.2
    dispatch_timed_out     Logical 1.0.2.2
    dispatch_cancelled     Logical 1.0.2.2
    dispatch_interrupted   Operational 1.0.2.2
    dispatch_lost          Operational 1.0.2.2
    dispatch_held          Operational 1.0.2.2
    node_succeeded         Logical 1.0.2.4
    node_failed            Logical 1.0.2.4
    node_timed_out         Logical 1.0.2.4
    node_exhausted         Logical 1.0.2.4
    node_blocked           Logical 1.0.2.4
    node_skipped           Logical 1.0.2.4
    node_cancelled         Logical 1.0.2.4
    breaker_opened         Operational 0.0.0.0
    breaker_half_open      Operational 0.0.0.0
    breaker_closed         Operational 0.0.0.0
    hold_started           Operational 0.0.0.0
    hold_ended             Operational 0.0.0.0
    escalated              Operational 0.0.0.0
    helper_spent           Operational 0.0.0.0
    budget_warned          Operational 0.0.0.0
    budget_exhausted       Operational 0.0.0.0
    ");
}

#[test]
fn a_kind_names_its_node_and_its_attempt() {
    for kind in every_kind() {
        let about_run = [
            "run_started",
            "run_paused",
            "run_resumed",
            "run_suspended",
            "run_ending",
            "run_ended",
            "wave_started",
            "wave_ended",
            "limits_changed",
            "breaker_opened",
            "breaker_half_open",
            "breaker_closed",
            "hold_ended",
            "budget_warned",
            "helper_spent",
        ];
        let name = kind.name();
        let none = about_run.contains(&name) || name == "report_ignored";
        assert_eq!(kind.node(), (!none).then_some(NodeId(1)), "{name}");
        let attempt = [
            "dispatch_",
            "lease_granted",
            "lease_released",
            "undo_",
            "leaked",
            "node_in_doubt",
            "answered",
            "node_reused",
            "lease_taken",
            "report",
        ];
        let has = attempt.iter().any(|prefix| name.starts_with(prefix));
        assert_eq!(kind.attempt(), has.then_some(AttemptId(9)), "{name}");
    }
}

#[test]
fn the_log_of_a_plan() {
    let world = World::ran(
        "! max=2 tag.db=1; fetch P0 agent=codex; parse(fetch) retry=2 backoff=100 does=fail,ok tags=db; lint(fetch) does=fail
         opt(fetch) when=false; save(parse) when=true; report(save,lint)",
    );
    insta::assert_snapshot!(world.canonical(), @r#"
    {"key":"0.0.0.0","kind":"run_started","schedule_plan_hash":"9285af374570f2545b459bcb9bf795cd2b513b4784fc9f0fd99070a0adfadfa7","seq":1}
    {"key":"0.0.0.1","kind":"wave_started","seq":2,"wave":0}
    {"agent":"codex","attempt":1,"key":"0.0.1.0","kind":"node_ready","node_id":"fetch","priority":"P0","seq":3,"wave":0}
    {"agent":"codex","attempt":1,"delay_before_ms":0,"key":"0.0.1.1","kind":"dispatch_started","node_id":"fetch","priority":"P0","seq":4,"wave":0}
    {"agent":"codex","attempt":1,"key":"0.0.1.2","kind":"dispatch_succeeded","node_id":"fetch","priority":"P0","seq":5,"status":"succeeded","wave":0}
    {"agent":"codex","attempt":1,"key":"0.0.1.4","kind":"node_succeeded","node_id":"fetch","priority":"P0","seq":6,"status":"succeeded","wave":0}
    {"key":"0.1.0.0","kind":"wave_ended","seq":7,"wave":0}
    {"key":"1.0.0.1","kind":"wave_started","seq":8,"wave":1}
    {"attempt":1,"key":"1.0.1.0","kind":"node_ready","node_id":"lint","priority":"P2","seq":9,"wave":1}
    {"attempt":1,"delay_before_ms":0,"key":"1.0.1.1","kind":"dispatch_started","node_id":"lint","priority":"P2","seq":10,"wave":1}
    {"attempt":1,"cause":"exit","key":"1.0.1.2","kind":"dispatch_failed","node_id":"lint","priority":"P2","seq":11,"status":"failed","wave":1}
    {"attempt":1,"cause":"exit","key":"1.0.1.4","kind":"node_failed","node_id":"lint","priority":"P2","seq":12,"status":"failed","wave":1}
    {"key":"1.1.0.2","kind":"condition_evaluated","node_id":"opt","priority":"P2","seq":13,"wave":1}
    {"cause":"when","key":"1.1.0.4","kind":"node_skipped","node_id":"opt","priority":"P2","seq":14,"status":"skipped","wave":1}
    {"attempt":1,"key":"1.2.1.0","kind":"node_ready","node_id":"parse","priority":"P2","seq":15,"wave":1}
    {"attempt":1,"delay_before_ms":0,"key":"1.2.1.1","kind":"dispatch_started","node_id":"parse","priority":"P2","seq":16,"wave":1}
    {"attempt":1,"cause":"exit","key":"1.2.1.2","kind":"dispatch_failed","node_id":"parse","priority":"P2","seq":17,"status":"failed","wave":1}
    {"attempt":1,"delay_before_ms":100,"key":"1.2.1.3","kind":"retry_scheduled","node_id":"parse","priority":"P2","seq":18,"wave":1}
    {"attempt":2,"key":"1.2.2.0","kind":"node_ready","node_id":"parse","priority":"P2","seq":19,"wave":1}
    {"attempt":2,"delay_before_ms":100,"key":"1.2.2.1","kind":"dispatch_started","node_id":"parse","priority":"P2","seq":20,"wave":1}
    {"attempt":2,"key":"1.2.2.2","kind":"dispatch_succeeded","node_id":"parse","priority":"P2","seq":21,"status":"succeeded","wave":1}
    {"attempt":2,"key":"1.2.2.4","kind":"node_succeeded","node_id":"parse","priority":"P2","seq":22,"status":"succeeded","wave":1}
    {"key":"1.3.0.0","kind":"wave_ended","seq":23,"wave":1}
    {"key":"2.0.0.1","kind":"wave_started","seq":24,"wave":2}
    {"key":"2.0.0.2","kind":"condition_evaluated","node_id":"save","priority":"P2","seq":25,"wave":2}
    {"attempt":1,"key":"2.0.1.0","kind":"node_ready","node_id":"save","priority":"P2","seq":26,"wave":2}
    {"attempt":1,"delay_before_ms":0,"key":"2.0.1.1","kind":"dispatch_started","node_id":"save","priority":"P2","seq":27,"wave":2}
    {"attempt":1,"key":"2.0.1.2","kind":"dispatch_succeeded","node_id":"save","priority":"P2","seq":28,"status":"succeeded","wave":2}
    {"attempt":1,"key":"2.0.1.4","kind":"node_succeeded","node_id":"save","priority":"P2","seq":29,"status":"succeeded","wave":2}
    {"key":"2.1.0.0","kind":"wave_ended","seq":30,"wave":2}
    {"key":"3.0.0.1","kind":"wave_started","seq":31,"wave":3}
    {"cause":"upstream","key":"3.0.0.4","kind":"node_blocked","node_id":"report","priority":"P2","seq":32,"status":"blocked","wave":3}
    {"key":"3.1.0.0","kind":"wave_ended","seq":33,"wave":3}
    {"key":"4.6.2.0","kind":"run_ended","seq":34,"status":"partial"}
    "#);
    insta::assert_snapshot!(world.attempts(), @r#"{"fetch":[{"attempt":1,"delay_before_ms":0,"outcome":"succeeded"}],"lint":[{"attempt":1,"cause":"exit","delay_before_ms":0,"outcome":"failed"}],"parse":[{"attempt":1,"cause":"exit","delay_before_ms":0,"outcome":"failed"},{"attempt":2,"delay_before_ms":100,"outcome":"succeeded"}],"save":[{"attempt":1,"delay_before_ms":0,"outcome":"succeeded"}]}"#);
}

#[test]
fn the_log_of_a_rollback() {
    let world = World::ran("! rollback; a undo; b undo undoes=fail; c(a,b) does=fail");
    insta::assert_snapshot!(world.canonical(), @r#"
    {"key":"0.0.0.0","kind":"run_started","schedule_plan_hash":"74f6d881b415c50f5fbfb9214c7dd223034b15c046913c4c2bdcd2b2f25dcc4c","seq":1}
    {"key":"0.0.0.1","kind":"wave_started","seq":2,"wave":0}
    {"attempt":1,"key":"0.0.1.0","kind":"node_ready","node_id":"a","priority":"P2","seq":3,"wave":0}
    {"attempt":1,"delay_before_ms":0,"key":"0.0.1.1","kind":"dispatch_started","node_id":"a","priority":"P2","seq":4,"wave":0}
    {"attempt":1,"key":"0.0.1.2","kind":"dispatch_succeeded","node_id":"a","priority":"P2","seq":5,"status":"succeeded","wave":0}
    {"attempt":1,"key":"0.0.1.4","kind":"node_succeeded","node_id":"a","priority":"P2","seq":6,"status":"succeeded","wave":0}
    {"attempt":1,"key":"0.1.1.0","kind":"node_ready","node_id":"b","priority":"P2","seq":7,"wave":0}
    {"attempt":1,"delay_before_ms":0,"key":"0.1.1.1","kind":"dispatch_started","node_id":"b","priority":"P2","seq":8,"wave":0}
    {"attempt":1,"key":"0.1.1.2","kind":"dispatch_succeeded","node_id":"b","priority":"P2","seq":9,"status":"succeeded","wave":0}
    {"attempt":1,"key":"0.1.1.4","kind":"node_succeeded","node_id":"b","priority":"P2","seq":10,"status":"succeeded","wave":0}
    {"key":"0.2.0.0","kind":"wave_ended","seq":11,"wave":0}
    {"key":"1.0.0.1","kind":"wave_started","seq":12,"wave":1}
    {"attempt":1,"key":"1.0.1.0","kind":"node_ready","node_id":"c","priority":"P2","seq":13,"wave":1}
    {"attempt":1,"delay_before_ms":0,"key":"1.0.1.1","kind":"dispatch_started","node_id":"c","priority":"P2","seq":14,"wave":1}
    {"attempt":1,"cause":"exit","key":"1.0.1.2","kind":"dispatch_failed","node_id":"c","priority":"P2","seq":15,"status":"failed","wave":1}
    {"attempt":1,"cause":"exit","key":"1.0.1.4","kind":"node_failed","node_id":"c","priority":"P2","seq":16,"status":"failed","wave":1}
    {"key":"1.1.0.0","kind":"wave_ended","seq":17,"wave":1}
    {"key":"2.1.1.1","kind":"undo_started","node_id":"b","priority":"P2","seq":18,"wave":0}
    {"cause":"exit","key":"2.1.1.2","kind":"undo_failed","node_id":"b","priority":"P2","seq":19,"wave":0}
    {"key":"2.2.1.1","kind":"undo_started","node_id":"a","priority":"P2","seq":20,"wave":0}
    {"key":"2.2.1.2","kind":"undo_succeeded","node_id":"a","priority":"P2","seq":21,"wave":0}
    {"key":"2.3.2.0","kind":"run_ended","seq":22,"status":"failed"}
    "#);
}

#[test]
fn a_line_carries_exit_signal_and_result_of_what_ended_by_itself() {
    let mut world = World::at(5, "a does=hang; b does=hang timeout=5");
    let result = Some(Digest { sha256: [0xab; 32], bytes: 2 });
    let report = Report { exit: Some(0), result, message: Some("hello".into()), ..Report::default() };
    let killed = Report { signal: Some(9), ..Report::default() };
    let end = |attempt, verdict, report| Input::AttemptEnded(Ended { attempt, verdict, report });
    world.turn(vec![
        end(world.attempt("a"), Verdict::Succeeded, report),
        end(world.attempt("b"), Verdict::Failed(Cause::Signal), killed),
    ]);
    let ends: Vec<String> =
        world.canonical().lines().filter(|l| l.contains(r#".2","kind"#)).map(str::to_owned).collect();
    insta::assert_snapshot!(ends.join("\n"), @r#"
    {"attempt":1,"exit":0,"key":"0.0.1.2","kind":"dispatch_succeeded","node_id":"a","priority":"P2","result_sha256":"abababababababababababababababababababababababababababababababab","seq":5,"status":"succeeded","wave":0}
    {"attempt":1,"cause":"timeout","key":"0.1.1.2","kind":"dispatch_timed_out","node_id":"b","priority":"P2","seq":9,"status":"timed_out","wave":0}
    "#);
}

#[test]
fn every_line_is_rfc_8785_and_seq_is_dense_from_1() {
    let world = World::ran(&crate::random::plan(11, 4, 120));
    for (i, line) in world.canonical().lines().enumerate() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(serde_jcs::to_string(&value).unwrap(), line);
        assert_eq!(value["seq"], i + 1);
    }
    let attempts: serde_json::Value = serde_json::from_str(&world.attempts()).unwrap();
    assert_eq!(serde_jcs::to_string(&attempts).unwrap() + "\n", world.attempts());
}

#[test]
fn the_order_is_numeric() {
    let chain: Vec<String> = (1..12).map(|i| format!("t{i}(t{})", i - 1)).collect();
    let wide: Vec<String> = (0..12).map(|i| format!("w{i}")).collect();
    let world = World::ran(&format!("! max=99; t0; {}; {}", chain.join(";"), wide.join(";")));
    let keys: Vec<Vec<u32>> = world
        .canonical()
        .lines()
        .map(|l| l.split(r#""key":""#).nth(1).unwrap().split('"').next().unwrap())
        .map(|key| key.split('.').map(|n| n.parse().unwrap()).collect())
        .collect();
    assert!(keys.is_sorted() && keys.windows(2).all(|k| k[0] != k[1]));
    assert!(keys.iter().any(|k| k[0] == 10) && keys.iter().any(|k| k[1] == 12));
}

#[test]
fn no_outcome_of_an_attempt_that_counts_is_suppressed() {
    let world = World::ran("a retry=3 backoff=1 does=fail,spawn,output_limit");
    for cause in ["exit", "spawn", "output_limit"] {
        assert!(world.canonical().contains(&format!(r#""cause":"{cause}","key":"0.0."#)), "{cause}");
    }
}

fn batch(node: NodeId, passed: bool) -> Batch {
    Batch { nodes: [node].into(), tip: "t".into(), passed }
}
