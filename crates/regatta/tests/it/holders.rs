//! Who may orchestrate a run: one process at a time, however many want to at the same instant.

use crate::world::{World, ends, signal};
use regatta_crash::processes;
use rustix::process::{Pid, Signal, kill_process};
use std::os::unix::net::UnixStream;
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
fn whoever_holds_a_run_and_does_not_answer_is_named_with_process_host_and_time() {
    let (world, mut child) = waiting();
    signal(&child, Signal::STOP);
    let said = world.regatta(&["resume"]).exits(4);
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let wanted = format!("is held by process {} on {} since 20", child.id(), host.trim());
    assert!(said.err.contains(&wanted) && said.err.contains("which does not answer"), "{}", said.err);
    assert!(said.err.contains(&format!("hint: if it hangs, end process {}", child.id())), "{}", said.err);
    signal(&child, Signal::CONT);
    std::fs::write(world.path("gate"), "go\n").unwrap();
    assert_eq!(ends(&mut child), Some(0));
    assert_eq!((world.read("started"), world.read("done")), ("a\n".to_owned(), "a\n".to_owned()));
}

#[test]
fn a_keeper_that_stands_still_is_said_to_and_the_run_goes_on_when_it_does() {
    let (world, mut child) = waiting();
    let keeper = Pid::from_raw(processes::keeper(world.root()).unwrap().cast_signed()).unwrap();
    signal(&child, Signal::KILL);
    ends(&mut child);
    kill_process(keeper, Signal::STOP).unwrap();
    let said = world.regatta(&["resume"]).exits(4);
    assert!(said.err.contains("the keeper of this run lives but does not answer"), "{}", said.err);
    kill_process(keeper, Signal::CONT).unwrap();
    std::fs::write(world.path("gate"), "go\n").unwrap();
    world.regatta(&["resume"]).exits(0);
    assert_eq!((world.read("started"), world.read("done")), ("a\n".to_owned(), "a\n".to_owned()));
}

#[test]
fn a_visitor_who_says_nothing_does_not_keep_others_from_being_heard() {
    let (world, mut child) = waiting();
    let visitor = UnixStream::connect(world.run_dir().join("c")).unwrap();
    world.regatta(&["pause"]).exits(0);
    world.regatta(&["resume"]).exits(0);
    drop(visitor);
    std::fs::write(world.path("gate"), "go\n").unwrap();
    assert_eq!(ends(&mut child), Some(0));
}

#[test]
fn an_orchestrator_says_where_its_run_stands_word_for_word_as_its_journal_does() {
    let world = World::with(
        "version: 1\ntasks:\n  - { id: bad, run: 'echo no >&2; exit 3' }\n  - { id: blocked, needs: [bad], run: 'true' }\n  \
         - { id: never, when: 'false', run: 'true' }\n  \
         - { id: gated, needs: [never], allow_skipped: true, run: 'echo up >up; read word <gate' }\n  \
         - { id: later, needs: [gated], run: 'true' }\n",
    );
    world.fifo("up");
    world.fifo("gate");
    let mut child = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear("up"), "up");
    world.follow("node_blocked", 1);
    let asked = regatta_runtime::control::stands(&world.run_dir()).expect("it answers");
    let said = world.regatta(&["status"]).exits(0).out;
    assert!(
        said.contains(&asked) && said.contains("failed: exit 3") && said.contains("by process"),
        "{said}"
    );
    // One that stands still says nothing, so its journal is read.
    signal(&child, Signal::STOP);
    assert_eq!(world.regatta(&["status"]).exits(0).out, said);
    signal(&child, Signal::KILL);
    ends(&mut child);
    // One that has not seen all of its run does not speak of it.
    let mut child = resume(&world);
    world.follow("dispatch_adopted", 1);
    assert_eq!(regatta_runtime::control::stands(&world.run_dir()), None);
    let tasks = |text: &str| {
        text.lines().filter(|line| line.starts_with("  ")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(tasks(&world.regatta(&["status"]).exits(0).out), tasks(&said));
    std::fs::write(world.path("gate"), "go\n").unwrap();
    assert_eq!(ends(&mut child), Some(1));
}
