//! Who may orchestrate a run: one process at a time, however many want to at the same instant.

use crate::world::{World, ends, signal};
use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;
use std::fs::File;
use std::process::{Child, Stdio};

/// Rounds in which two processes want the same run.
const ROUNDS: usize = 25;

/// One task that waits at its gate, whoever orchestrates.
fn waiting() -> (World, Child) {
    let world = World::with(
        "version: 1\ntasks:\n  - id: a\n    run: 'echo a >>started; echo up >up; read word <gate; echo a >>done'\n",
    );
    world.fifo("up");
    world.fifo("gate");
    let child = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear("up"), "up");
    (world, child)
}

fn resume(world: &World) -> Child {
    world.command(&["resume"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// The number of the process that holds the run, as the lock names it.
fn holder(world: &World) -> u32 {
    let text = std::fs::read_to_string(world.run_dir().join("lock")).unwrap();
    let holder: serde_json::Value = serde_json::from_str(&text).unwrap();
    u32::try_from(holder["pid"].as_u64().unwrap()).unwrap()
}

#[test]
fn of_two_resumes_at_once_exactly_one_orchestrates_and_the_other_finds_it_at_work() {
    let (world, mut first) = waiting();
    for round in 1..=ROUNDS {
        signal(&first, Signal::KILL);
        ends(&mut first);
        let pair = [resume(&world), resume(&world)];
        world.follow("dispatch_adopted", round);
        let winner = holder(&world);
        let (won, lost): (Vec<Child>, Vec<Child>) = pair.into_iter().partition(|child| child.id() == winner);
        let [mut lost] = <[Child; 1]>::try_from(lost).expect("one of the two has lost");
        assert_eq!(ends(&mut lost), Some(0));
        let said = std::io::read_to_string(lost.stdout.take().unwrap()).unwrap();
        assert_eq!(said, "the run is not paused\n", "round {round}");
        first = won.into_iter().next().unwrap();
    }
    let resumed = world.kinds().iter().filter(|kind| *kind == "run_resumed").count();
    assert_eq!(resumed, ROUNDS);
    std::fs::write(world.path("gate"), "go\n").unwrap();
    assert_eq!(ends(&mut first), Some(0));
    assert_eq!((world.read("started"), world.read("done")), ("a\n".to_owned(), "a\n".to_owned()));
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn whoever_holds_a_run_and_does_not_listen_is_named_with_process_host_and_time() {
    let (world, mut child) = waiting();
    let pid = child.id();
    signal(&child, Signal::KILL);
    ends(&mut child);
    // The lock is taken and nobody listens, as with a process that hangs before it listens.
    std::fs::remove_file(world.run_dir().join("c")).unwrap();
    let held = File::open(world.run_dir().join("lock")).unwrap();
    flock(&held, FlockOperation::NonBlockingLockExclusive).unwrap();
    let said = world.regatta(&["resume"]).exits(4);
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let wanted = format!("is held by process {pid} on {} since 20", host.trim());
    assert!(said.err.contains(&wanted) && said.err.contains("which does not listen"), "{}", said.err);
    assert!(said.err.contains(&format!("hint: if it hangs, end process {pid}")), "{}", said.err);
    drop(held);
    std::fs::write(world.path("gate"), "go\n").unwrap();
    world.regatta(&["resume"]).exits(0);
    assert_eq!((world.read("started"), world.read("done")), ("a\n".to_owned(), "a\n".to_owned()));
}
