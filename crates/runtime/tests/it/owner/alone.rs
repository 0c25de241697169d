//! Tests that need a process of their own: each pair is a test that starts this binary again, and what runs there.

use std::io::BufRead;
use std::process::Stdio;

use super::*;

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Runs `count` starts with `slots` alive at a time, made by `spec`.
fn stream(rig: &mut Rig, (count, slots): (u64, u64), spec: impl Fn(&Rig, u64) -> StartSpec) {
    rig.send((0..slots).map(|n| Request::Start(Box::new(spec(rig, n)))).collect());
    let mut next = slots;
    for _ in 0..count {
        assert_eq!(rig.ended().status, Status::Code(0));
        if next < count {
            rig.start(spec(rig, next));
            next += 1;
        }
    }
}

#[test]
fn two_thousand_starts_leave_no_descriptor_and_no_zombie() {
    assert!(alone("", "leaks_nothing").status().unwrap().success());
}

#[test]
#[ignore = "run by the test above"]
fn leaks_nothing() {
    let mut rig = Rig::with(true);
    let before = descriptors();
    stream(&mut rig, (2000, 8), |rig, n| match n % 100 {
        0 => rig.sh(n, "setsid sleep 1000 & (sleep 1000 &); (setsid sleep 0 &); true"),
        1 => rig.sh(n, "echo some output"),
        _ => rig.spec(n, &["/bin/true"]),
    });
    // Files that stayed empty are kept: two for each of the eight at most.
    assert!(descriptors() <= before + 16, "{} {before}", descriptors());
    assert_eq!(zombies(), Vec::<String>::new());
}

#[test]
fn a_child_gets_the_descriptor_limit_the_host_was_given() {
    assert!(alone("ulimit -Sn 333;", "limits_are_handed_on").status().unwrap().success());
}

#[test]
#[ignore = "run by the test above"]
fn limits_are_handed_on() {
    assert_eq!(Rig::new().run(1, "ulimit -Sn").stdout.as_deref(), Some("333\n"));
}

#[test]
fn without_descriptors_a_start_fails_clearly_and_the_owner_goes_on() {
    assert!(alone("ulimit -n 60;", "descriptors_run_out").status().unwrap().success());
}

#[test]
#[ignore = "run by the test above"]
fn descriptors_run_out() {
    let mut rig = Rig::new();
    let starts = (0..40).map(|n| Request::Start(Box::new(rig.sh(n, "setsid sleep 1000 & sleep 1000"))));
    rig.send(starts.collect());
    let (mut live, mut refused) = (Vec::new(), 0);
    for _ in 0..40 {
        match rig.report() {
            Report::Started { attempt, .. } => live.push(attempt),
            Report::SpawnFailed { errno, message, .. } => {
                assert_eq!(errno, libc::EMFILE, "{message}");
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(live.len() > 5 && refused > 5, "{live:?}");
    rig.send(live.iter().map(|attempt| Request::End { attempt: *attempt, grace_ms: 60_000 }).collect());
    for _ in &live {
        assert_eq!(rig.ended().status, Status::Signal(15));
    }
    assert_eq!(rig.run(100, "exit 0").status, Status::Code(0));
    rig.send(vec![Request::Sweep { run_marker: rig.run.clone() }]);
    let report = rig.report();
    assert!(matches!(report, Report::Swept { killed: 0, .. }), "{report:?}");
}

#[test]
fn exits_are_seen_although_the_host_was_started_with_sigchld_ignored() {
    assert!(alone("trap '' CHLD HUP;", "ignored_signals").status().unwrap().success());
}

#[test]
#[ignore = "run by the test above"]
fn ignored_signals() {
    let mut rig = Rig::new();
    assert_eq!(rig.run(1, "exit 7").status, Status::Code(7));
    rig.start(rig.spec(2, &["grep", "SigIgn", "/proc/self/status"]));
    assert_eq!(rig.ended().stdout.as_deref(), Some("SigIgn:\t0000000000000000\n"));
}

#[test]
fn a_sweep_spares_the_process_that_sweeps() {
    let mut command = alone("", "sweeps_its_own_run");
    assert!(command.env("REGATTA_MARKER", "own-run/1").status().unwrap().success());
}

#[test]
#[ignore = "run by the test above"]
fn sweeps_its_own_run() {
    let mut rig = Rig::new();
    rig.send(vec![Request::Sweep { run_marker: "own-run/".to_owned() }]);
    let report = rig.report();
    assert!(matches!(report, Report::Swept { killed: 0, .. }), "{report:?}");
}

#[test]
fn leaders_die_with_the_process_that_owns_them() {
    let mut host = alone("", "is_killed").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufReader::new(host.stdout.take().unwrap()).lines().map(Result::unwrap);
    let pid: i32 = lines.find_map(|line| line.split("leader ").nth(1)?.parse().ok()).unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    let leader = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
    host.kill().unwrap();
    host.wait().unwrap();
    let mut poll = [rustix::event::PollFd::new(&leader, rustix::event::PollFlags::IN)];
    let limit = rustix::event::Timespec { tv_sec: HANG.as_secs() as i64, tv_nsec: 0 };
    assert_eq!(rustix::event::poll(&mut poll, Some(&limit)).unwrap(), 1);
}

#[test]
#[ignore = "run by the test above"]
fn is_killed() {
    let mut rig = Rig::new();
    rig.start(rig.spec(1, &["sleep", "1000"]));
    println!("\nleader {}", rig.started());
    rig.report();
}
