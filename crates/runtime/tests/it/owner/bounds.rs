//! Bounds on output and on silence.

use super::*;
use regatta_runtime::owner::Stream;

#[test]
fn a_flood_is_reported_once_and_its_tree_killed() {
    let mut rig = Rig::new();
    let mut spec = rig.sh(1, "trap '' TERM; echo fine >&2; setsid sh -c 'yes | cat' & wait; sleep 1000");
    (spec.output_limit_bytes, spec.grace_ms) = (100_000, 30);
    rig.start(spec);
    match rig.after_starts() {
        Report::OutputLimit { attempt: 1, stream: Stream::Stdout, bytes } => assert!(bytes > 100_000),
        other => panic!("{other:?}"),
    }
    match rig.report() {
        Report::Exited { status, killed, stdout_bytes, stderr_bytes, .. } => {
            assert_eq!((status, killed, stderr_bytes), (Status::Signal(9), true, 5));
            assert!(stdout_bytes > 100_000);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn too_much_output_is_reported_also_when_the_task_was_faster_than_the_tick() {
    let mut rig = Rig::new();
    let mut spec = rig.sh(1, "echo 12345 >&2");
    spec.output_limit_bytes = 5;
    rig.start(spec);
    let report = rig.after_starts();
    assert!(matches!(report, Report::OutputLimit { stream: Stream::Stderr, bytes: 6, .. }), "{report:?}");
    let end = rig.ended();
    assert_eq!((end.status, end.killed), (Status::Code(0), false));
}

#[test]
fn output_up_to_the_limit_is_no_flood() {
    let mut rig = Rig::new();
    let mut spec = rig.sh(1, "echo 1234; echo 1234 >&2");
    spec.output_limit_bytes = 5;
    rig.start(spec);
    assert_eq!(rig.ended().status, Status::Code(0));
}

#[test]
fn silence_is_reported_and_left_to_the_caller() {
    let mut rig = Rig::new();
    let mut spec = rig.spec(1, &["sleep", "1000"]);
    spec.idle_ms = Some(200);
    rig.start(spec);
    let report = rig.after_starts();
    assert!(matches!(report, Report::Idle { attempt: 1, idle_ms: 200.. }), "{report:?}");
    rig.end(1, 0);
    assert_eq!(rig.ended().status, Status::Signal(9));
}
