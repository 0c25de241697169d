//! Ends on request: TERM, grace, KILL, and the attempts that do not obey.

use super::*;

/// Starts a script and waits until it says that it is ready.
fn ready(rig: &mut Rig, attempt: u64, script: &str) -> u32 {
    rig.fifo("ready");
    rig.start(rig.sh(attempt, script));
    let pid = rig.started();
    rig.word("ready");
    pid
}

#[test]
fn term_ends_a_tree_long_before_its_grace() {
    let mut rig = Rig::new();
    rig.start(rig.spec(1, &["sleep", "1000"]));
    let pid = rig.started();
    rig.end(1, 1_000_000);
    let end = rig.ended();
    assert_eq!((end.status, end.killed, end.leaked), (Status::Signal(15), true, 0));
    assert!(!alive(pid));
}

#[test]
fn a_handler_of_term_has_the_grace_to_finish() {
    let mut rig = Rig::new();
    ready(&mut rig, 1, "trap 'echo tidy; exit 3' TERM; echo > ready; while :; do sleep 0.01; done");
    rig.end(1, 50_000);
    let end = rig.ended();
    assert_eq!((end.status, end.stdout.as_deref(), end.killed), (Status::Code(3), Some("tidy\n"), true));
}

#[test]
fn a_tree_that_ignores_term_is_killed_after_its_grace() {
    let mut rig = Rig::new();
    ready(&mut rig, 1, "trap '' TERM; (echo > ready; exec sleep 1000) & wait; sleep 1000");
    rig.end(1, 50);
    assert_eq!(rig.ended().status, Status::Signal(9));
}

#[test]
fn without_grace_the_tree_is_killed_at_once() {
    let mut rig = Rig::new();
    ready(&mut rig, 1, "trap 'exit 3' TERM; echo > ready; while :; do sleep 1; done");
    rig.end(1, 0);
    assert_eq!(rig.ended().status, Status::Signal(9));
}

#[test]
fn a_second_end_shortens_the_grace_and_never_lengthens_it() {
    let mut rig = Rig::new();
    ready(&mut rig, 1, "trap '' TERM; echo > ready; sleep 1000; sleep 1000");
    rig.end(1, 1_000_000);
    rig.end(1, 30);
    rig.end(1, 1_000_000);
    assert_eq!(rig.ended().status, Status::Signal(9));
}

/// A script that stops itself, with a helper that says when it has.
fn stopping(trap: &str) -> String {
    let helper = "until grep -q 'State:.T' /proc/$PPID/status; do :; done; echo > ready";
    format!(
        "trap '{trap}' TERM; sh -c \"trap '' TERM; {}\" & kill -STOP $$; sleep 1000",
        helper.replace('$', "\\$")
    )
}

#[test]
fn a_stopped_child_is_woken_to_act_on_term() {
    let mut rig = Rig::new();
    let script = stopping("echo woken; exit 4");
    ready(&mut rig, 1, &script);
    rig.end(1, 50_000);
    let end = rig.ended();
    assert_eq!((end.status, end.stdout.as_deref()), (Status::Code(4), Some("woken\n")));
}

#[test]
fn a_stopped_child_is_killed_without_waking() {
    let mut rig = Rig::new();
    let script = stopping("exit 4");
    ready(&mut rig, 1, &script);
    rig.end(1, 0);
    assert_eq!(rig.ended().status, Status::Signal(9));
}

#[test]
fn an_end_in_the_batch_of_its_start_ends_it() {
    let mut rig = Rig::new();
    let start = Request::Start(Box::new(rig.spec(1, &["sleep", "1000"])));
    rig.send(vec![start, Request::End { attempt: 1, grace_ms: 60_000 }]);
    let end = rig.ended();
    assert_eq!((end.attempt, end.status, end.killed), (1, Status::Signal(15), true));
}

#[test]
fn an_end_of_an_unknown_or_ended_attempt_is_ignored() {
    let mut rig = Rig::new();
    rig.end(1, 0);
    assert_eq!(rig.run(1, "exit 5").status, Status::Code(5));
    rig.end(1, 0);
    rig.end(99, 0);
    let end = rig.run(2, "exit 6");
    assert_eq!((end.attempt, end.status), (2, Status::Code(6)));
}

#[test]
fn many_ends_at_once_end_every_tree() {
    let mut rig = Rig::new();
    let starts = (0..40).map(|n| Request::Start(Box::new(rig.sh(n, "setsid sleep 1000 & sleep 1000"))));
    rig.send(starts.collect());
    let pids: Vec<u32> = (0..40).map(|_| rig.started()).collect();
    rig.send((0..40).map(|attempt| Request::End { attempt, grace_ms: 60_000 }).collect());
    let mut ended: Vec<u64> = (0..40).map(|_| rig.ended().attempt).collect();
    ended.sort_unstable();
    assert_eq!(ended, (0..40).collect::<Vec<_>>());
    assert!(!pids.into_iter().any(alive));
}

#[test]
fn a_dropped_owner_ends_strays_that_ignore_term_too() {
    let mut rig = Rig::new();
    rig.fifo("ready");
    rig.start(rig.sh(
        1,
        "trap '' TERM; setsid sh -c 'trap \"\" TERM; echo $$ > ready; sleep 1000' & wait; sleep 1000",
    ));
    let (leader, stray) = (rig.started(), rig.pid("ready"));
    drop(rig.owner.take());
    assert!(!alive(leader) && !alive(stray));
}

#[test]
fn a_dropped_owner_leaves_nobody_behind() {
    let mut rig = Rig::new();
    rig.start(rig.spec(1, &["sleep", "1000"]));
    let pid = rig.started();
    drop(rig.owner.take());
    assert!(!alive(pid));
}
