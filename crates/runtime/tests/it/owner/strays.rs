//! Processes that leave their group, their session or their parents: all dead before an end is reported.

use super::*;

/// A leader that runs a script, waits until somebody it leaves behind has written its number to the FIFO `pid`, and
/// exits with 5. Both must be over then.
fn leaves(script: &str, grace_ms: u64) -> End {
    let mut rig = Rig::new();
    rig.fifo("pid");
    rig.fifo("go");
    let mut spec = rig.sh(1, &format!("{script} read x < go; exit 5"));
    spec.grace_ms = grace_ms;
    rig.start(spec);
    let stray = rig.pid("pid");
    assert!(alive(stray));
    rig.go("go");
    let end = rig.ended();
    assert!(!alive(stray));
    assert_eq!((end.status, end.killed), (Status::Code(5), false));
    end
}

#[test]
fn a_background_child_is_ended_when_its_leader_has_ended() {
    assert_eq!(leaves("sh -c 'echo $$ > pid; exec sleep 1000' &", 10_000).leaked, 1);
}

#[test]
fn a_child_in_its_own_session_is_ended() {
    assert_eq!(leaves("setsid sh -c 'echo $$ > pid; exec sleep 1000' &", 10_000).leaked, 1);
}

#[test]
fn a_double_forked_daemon_is_ended() {
    let daemon = r#"(setsid sh -c '(sh -c "echo \$\$ > pid; exec sleep 1000" &) ; exit' &);"#;
    // The shells between the leader and the daemon may not have ended yet.
    assert!((1..=4).contains(&leaves(daemon, 10_000).leaked));
}

#[test]
fn the_holder_of_the_output_after_its_parent_died_is_ended_and_its_output_kept() {
    let end = leaves("echo leader; (echo holder; exec sh -c 'echo $$ > pid; exec sleep 1000') &", 10_000);
    let mut lines: Vec<&str> = end.stdout.as_deref().unwrap().lines().collect();
    lines.sort_unstable();
    assert_eq!((lines, end.leaked), (vec!["holder", "leader"], 1));
}

#[test]
fn a_stray_that_ignores_term_is_killed_after_the_smaller_grace() {
    let stubborn = "sh -c 'trap \"\" TERM; echo $$ > pid; while :; do sleep 1; done' &";
    assert!(leaves(&format!("setsid {stubborn}"), 20).leaked >= 1);
    assert!(leaves(stubborn, 20).leaked >= 1);
    assert!(leaves(stubborn, 0).leaked >= 1);
}

#[test]
fn a_family_of_strays_is_ended_to_the_last() {
    let family = "setsid sh -c 'for i in 1 2 3 4 5 6; do setsid sleep 1000 & done; echo $$ > pid; wait' &";
    assert_eq!(leaves(family, 10_000).leaked, 7);
}

#[test]
fn strays_that_are_being_born_while_their_leader_ends_do_not_escape() {
    let mut rig = Rig::new();
    let scripts = [
        r#"(setsid sh -c '(sh -c "exec sleep 1000" &) ; exit' &); exit"#,
        "setsid sh -c 'setsid sleep 1000 & exit' & exit",
        "(setsid sh -c '(setsid setsid sh -c \"sleep 1000 & sleep 1000\" &)' &) & exit",
        "sleep 1000 & (sleep 1000 &) ; exit",
    ];
    for round in 0..25 {
        let start =
            |n: u64| Request::Start(Box::new(rig.sh(round * 8 + n, scripts[n as usize % scripts.len()])));
        rig.send((0..8).map(start).collect());
        for _ in 0..8 {
            assert_eq!(rig.ended().status, Status::Code(0));
        }
    }
    rig.send(vec![Request::Sweep { run_marker: rig.run.clone() }]);
    let report = rig.report();
    assert!(matches!(report, Report::Swept { killed: 0, .. }), "{report:?}");
}

#[test]
fn an_end_reaches_a_grandchild_in_its_own_session() {
    let mut rig = Rig::new();
    rig.fifo("pid");
    rig.start(rig.sh(1, "setsid sh -c 'echo $$ > pid; exec sleep 1000' & wait; sleep 1000"));
    let stray = rig.pid("pid");
    rig.end(1, 60_000);
    assert_eq!(rig.ended().status, Status::Signal(15));
    assert!(!alive(stray));
}

#[test]
fn an_end_reaches_a_daemon_that_lost_its_parents_before() {
    let mut rig = Rig::new();
    rig.fifo("pid");
    rig.start(rig.sh(1, "(setsid sh -c 'trap \"\" TERM; echo $$ > pid; sleep 1000' &) ; sleep 1000"));
    let stray = rig.pid("pid");
    rig.end(1, 50);
    assert_eq!(rig.ended().status, Status::Signal(15));
    assert!(!alive(stray));
}

#[test]
fn an_end_reaches_a_child_that_dropped_group_and_environment() {
    let mut rig = Rig::new();
    rig.fifo("pid");
    let shy = "env -i setsid /bin/sh -c 'trap \"\" TERM; echo $$ > pid; while :; do /bin/sleep 1; done'";
    rig.start(rig.sh(1, &format!("{shy} & wait; sleep 1000")));
    let stray = rig.pid("pid");
    rig.end(1, 50);
    assert_eq!(rig.ended().status, Status::Signal(15));
    assert!(!alive(stray));
}

#[test]
fn a_family_that_keeps_growing_is_ended() {
    for grace_ms in [0, 30] {
        let mut rig = Rig::new();
        rig.fifo("pid");
        let grow = "trap \"\" TERM; echo $$ > pid; while :; do setsid sleep 1000 & done";
        rig.start(rig.sh(1, &format!("setsid sh -c '{grow}' & wait; sleep 1000")));
        let stray = rig.pid("pid");
        rig.end(1, grace_ms);
        assert!(rig.ended().killed && !alive(stray));
        rig.send(vec![Request::Sweep { run_marker: rig.run.clone() }]);
        let report = rig.report();
        assert!(matches!(report, Report::Swept { killed: 0, .. }), "{report:?}");
    }
}

#[test]
fn a_daemon_of_one_attempt_survives_the_end_of_another() {
    let mut rig = Rig::new();
    rig.fifo("pid");
    rig.start(rig.sh(1, "(setsid sh -c 'echo $$ > pid; exec sleep 1000' &) ; sleep 1000"));
    let stray = rig.pid("pid");
    for attempt in 2..6 {
        assert_eq!(rig.run(attempt, "exit 0").leaked, 0);
    }
    assert!(alive(stray));
    rig.end(1, 0);
    assert_eq!(rig.ended().attempt, 1);
    assert!(!alive(stray));
}

#[test]
fn children_of_other_code_keep_their_exits() {
    let mut rig = Rig::new();
    let mut others: Vec<_> = (0..20)
        .map(|code| Command::new("/bin/sh").arg("-c").arg(format!("exit {code}")).spawn().unwrap())
        .collect();
    let mut long = Command::new("/bin/sleep").arg("1000").spawn().unwrap();
    let starts = (0..50).map(|n| Request::Start(Box::new(rig.sh(n, "setsid sleep 1000 & exit 0"))));
    rig.send(starts.collect());
    for _ in 0..50 {
        assert_eq!(rig.ended().leaked, 1);
    }
    for (code, other) in others.iter_mut().enumerate() {
        assert_eq!(other.wait().unwrap().code(), Some(code as i32));
    }
    assert!(long.try_wait().unwrap().is_none());
    long.kill().unwrap();
    long.wait().unwrap();
}

/// A child made as a sibling of the leader comes to no list that is read: only its group gives it away.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_sibling_of_the_leader_in_its_group_is_ended() {
    if !Path::new("/usr/bin/perl").exists() {
        return eprintln!("skipped: no perl to make the system call");
    }
    let clone = "unless ($p = syscall(56, 0x8000 | 17, 0, 0, 0, 0)) { open(F, q(>pid)); print F $$; close F; sleep 1000 }";
    let end = leaves(
        &format!("/usr/bin/perl -e '1'; exec /usr/bin/perl -e '{clone} open(G, q(<go)); <G>; exit 5';"),
        10_000,
    );
    assert_eq!(end.leaked, 1);
}
