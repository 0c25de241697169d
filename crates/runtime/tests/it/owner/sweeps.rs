//! Sweeps by marker: processes that nobody alive owns.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Stdio};

use super::*;

/// A process with a marker that this test started itself, as an orchestrator that died would have; it is ready.
fn marked(marker: &str, script: &str) -> Child {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script).env("REGATTA_MARKER", marker).process_group(0).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut byte = [0];
    child.stdout.take().unwrap().read_exact(&mut byte).unwrap();
    child
}

fn swept(rig: &mut Rig, run_marker: &str) -> u32 {
    rig.send(vec![Request::Sweep { run_marker: run_marker.to_owned() }]);
    match rig.report() {
        Report::Swept { run_marker: said, killed } => {
            assert_eq!(said, run_marker);
            killed
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_sweep_ends_the_run_and_nobody_else() {
    let mut rig = Rig::new();
    let run = rig.run.clone();
    let wait = "echo; exec sleep 1000 > /dev/null";
    let mut mine = [marked(&format!("{run}/1"), wait), marked(&format!("{run}/2"), wait), marked(&run, wait)];
    let mut other = marked(&format!("{run}0/1"), wait);
    assert_eq!(swept(&mut rig, &format!("{run}/")), 3);
    for child in &mut mine {
        assert_eq!(child.wait().unwrap().signal(), Some(15));
    }
    assert!(other.try_wait().unwrap().is_none());
    assert_eq!(swept(&mut rig, &format!("{run}0")), 1);
    assert_eq!(other.wait().unwrap().signal(), Some(15));
}

#[test]
fn a_sweep_kills_what_ignores_term_and_wakes_what_is_stopped() {
    let mut rig = Rig::new();
    let run = rig.run.clone();
    let mut stubborn =
        marked(&format!("{run}/1"), "trap '' TERM; echo; exec > /dev/null; while :; do sleep 1; done");
    let mut stopped = marked(&format!("{run}/2"), "echo; kill -STOP $$; exec sleep 1000 > /dev/null");
    assert!(swept(&mut rig, &run) >= 2);
    assert_eq!(stubborn.wait().unwrap().signal(), Some(9));
    assert_eq!(stopped.wait().unwrap().signal(), Some(15));
}

#[test]
fn a_sweep_that_finds_nobody_says_so() {
    let mut rig = Rig::new();
    let run = rig.run.clone();
    assert_eq!(swept(&mut rig, &run), 0);
    assert_eq!(swept(&mut rig, "/"), 0);
}
