//! `kill -9` of the orchestrator, of the keeper and of both while attempts are under way: what lives is taken over,
//! what ended meanwhile is taken as it is, what died with its keeper is lost.
//!
//! Tasks wait at FIFOs, so each test decides when what ends.

use crate::world::{World, ends, gone, lives, signal};
use regatta_runtime::workspace;
use rustix::process::{Pid, Signal, kill_process};
use std::process::Child;

/// Three tasks in flight: each notes its start, waits at its gate, leaves output and result; one follows them.
fn world(effect: &str) -> World {
    let tasks: String = ["a", "b", "c"]
        .map(|t| {
            format!(
                "  - id: {t}
    run: |
      echo {t} >>started; echo $$ $PPID >>pids; echo up >{t}.up
      read word <{t}.gate; echo \"said $word\"; echo \"{{\\\"word\\\": \\\"$word\\\"}}\" >\"$REGATTA_RESULT\"
      echo {t} >>done\n"
            )
        })
        .concat();
    let last = "  - { id: z, run: 'echo ${a.result.word} ${b.result.word} ${c.result.word} >z' }\n";
    let world = World::with(&format!("version: 1\neffect: {effect}\ntasks:\n{tasks}{last}"));
    ["a", "b", "c"].iter().for_each(|t| {
        world.fifo(&format!("{t}.up"));
        world.fifo(&format!("{t}.gate"));
    });
    world
}

/// All three have come to their gates.
fn up(world: &World) {
    ["a", "b", "c"].iter().for_each(|t| assert_eq!(world.hear(&format!("{t}.up")), "up"));
}

fn open(world: &World, task: &str) {
    std::fs::write(world.path(&format!("{task}.gate")), format!("go-{task}\n")).unwrap();
}

fn kill9(child: &mut Child) {
    signal(child, Signal::KILL);
    assert_eq!(ends(child), None);
}

/// The keeper, as the tasks know their parent.
fn keeper(world: &World) -> Pid {
    let pids = world.read("pids");
    let pid = pids.lines().next().and_then(|l| l.split(' ').nth(1)).unwrap();
    Pid::from_raw(pid.parse().unwrap()).unwrap()
}

fn leaders(world: &World) -> Vec<String> {
    world.read("pids").lines().filter_map(|l| l.split(' ').next()).map(str::to_owned).collect()
}

/// Waits until a process is gone.
fn dead(pid: &str) -> bool {
    !lives(pid) || gone(Pid::from_raw(pid.parse().unwrap()).unwrap())
}

/// Everything happened once, in the end.
fn once(world: &World) {
    let sorted = |name: &str| {
        let text = world.read(name);
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        lines.join(" ")
    };
    assert_eq!((sorted("started"), sorted("done")), ("a b c".to_owned(), "a b c".to_owned()));
    assert_eq!(world.read("z"), "go-a go-b go-c\n");
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn the_summary_of_an_undisturbed_run_has_no_time_in_which_nobody_orchestrated() {
    let world = World::with(
        "version: 1\ntasks:\n  - { id: o, run: \"sleep 0.05; head -c 1100000 /dev/zero | tr '\\\\0' x\" }\n",
    );
    let said = world.regatta(&["run", "plan.yaml"]).exits(0).out;
    assert!(said.contains("speed-up") && !said.contains("nobody orchestrated"), "{said}");
}

#[test]
fn what_lives_is_taken_over_and_what_ended_meanwhile_is_taken_as_it_is() {
    let undisturbed = {
        let world = world("at-most-once");
        let mut child = world.start(&["run", "plan.yaml"]);
        up(&world);
        ["a", "b", "c"].iter().for_each(|t| open(&world, t));
        assert_eq!(ends(&mut child), Some(0));
        once(&world);
        world.canonical()
    };
    let world = world("at-most-once");
    let mut child = world.start(&["run", "plan.yaml"]);
    up(&world);
    kill9(&mut child);
    let facts = world.regatta(&["status", "--json"]).exits(0).json();
    assert_eq!((&facts["status"], &facts["live_children"]), (&"interrupted".into(), &3.into()));
    open(&world, "a");
    open(&world, "b");
    let mut child = world.start(&["resume"]);
    world.follow("dispatch_adopted", 1);
    open(&world, "c");
    assert_eq!(ends(&mut child), Some(0));
    once(&world);
    assert_eq!(world.canonical(), undisturbed);
    assert_eq!(world.regatta(&["logs", "a"]).out, "said go-a\n");
    assert_eq!(world.regatta(&["status", "--json"]).json()["lost"], 0);
}

#[test]
fn a_run_whose_work_ended_while_nobody_looked_goes_on_without_doing_it_again() {
    let world = world("at-most-once");
    let mut child = world.start(&["run", "plan.yaml"]);
    up(&world);
    let began = std::time::Instant::now();
    kill9(&mut child);
    let pids = leaders(&world);
    for _ in 0..5 {
        world.regatta(&["status"]).exits(0); // takes a while
    }
    let waited_ms = u64::try_from(began.elapsed().as_millis()).unwrap();
    ["a", "b", "c"].iter().for_each(|t| open(&world, t));
    for pid in pids {
        assert!(dead(&pid));
    }
    world.regatta(&["resume"]).exits(0);
    once(&world);
    let events = world.regatta(&["events"]).exits(0).out;
    let ended = events.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let ended = ended.filter(|e| e["kind"] == "dispatch_succeeded" && e["node_id"] != "z");
    let took: Vec<u64> = ended.map(|e| e["duration_ms"].as_u64().unwrap()).collect();
    assert!(took.len() == 3 && took.iter().all(|took_ms| *took_ms >= waited_ms), "{took:?} {waited_ms}");
}

#[test]
fn ten_orchestrators_in_a_row_may_die_over_the_same_attempts() {
    let world = world("at-most-once");
    let mut child = world.start(&["run", "plan.yaml"]);
    up(&world);
    for n in 0..10 {
        kill9(&mut child);
        child = world.start(&["resume"]);
        world.follow("dispatch_adopted", 3 * (n + 1));
    }
    ["a", "b", "c"].iter().for_each(|t| open(&world, t));
    assert_eq!(ends(&mut child), Some(0));
    once(&world);
}

#[test]
fn a_keeper_that_dies_is_replaced_and_idempotent_work_starts_again() {
    let world = world("idempotent");
    let mut child = world.start(&["run", "plan.yaml"]);
    up(&world);
    let pids = leaders(&world);
    kill_process(keeper(&world), Signal::KILL).unwrap();
    up(&world);
    assert!(pids.iter().all(|pid| !lives(pid)), "nothing of the old one lives when the new one starts");
    ["a", "b", "c"].iter().for_each(|t| open(&world, t));
    assert_eq!(ends(&mut child), Some(0));
    assert_eq!(world.read("z"), "go-a go-b go-c\n");
    let summary = world.regatta(&["status", "--json"]).json();
    assert_eq!((summary["lost"].as_u64(), summary["attempts"].as_u64()), (Some(3), Some(7)));
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn at_most_once_work_of_a_dead_keeper_waits_for_a_person_and_the_rest_goes_on() {
    let world = world("at-most-once");
    let mut child = world.start(&["run", "plan.yaml"]);
    up(&world);
    kill_process(keeper(&world), Signal::KILL).unwrap();
    assert_eq!(ends(&mut child), Some(5));
    let summary = world.regatta(&["status", "--json"]).json();
    assert_eq!(summary["tasks"]["a"]["status"], "in_doubt");
    for task in ["a", "b", "c"] {
        let result = format!("{{\"word\": \"by-hand-{task}\"}}");
        world.regatta(&["answer", &world.run_id(), task, "--succeeded", "--result", &result]).exits(0);
    }
    world.regatta(&["resume"]).exits(0);
    assert_eq!(world.read("z"), "by-hand-a by-hand-b by-hand-c\n");
}

#[test]
fn when_both_die_everything_is_dead_and_lost_and_resume_says_so() {
    let world = world("idempotent");
    let mut child = world.start(&["run", "plan.yaml"]);
    up(&world);
    let (pids, keeper) = (leaders(&world), keeper(&world));
    kill9(&mut child);
    kill_process(keeper, Signal::KILL).unwrap();
    assert!(gone(keeper));
    for pid in pids {
        assert!(dead(&pid));
    }
    let facts = world.regatta(&["status", "--json"]).json();
    assert_eq!((&facts["status"], &facts["live_children"]), (&"interrupted".into(), &0.into()));
    let mut child = world.start(&["resume"]);
    up(&world);
    ["a", "b", "c"].iter().for_each(|t| open(&world, t));
    assert_eq!(ends(&mut child), Some(0));
    assert_eq!(world.read("z"), "go-a go-b go-c\n");
}

#[test]
fn an_attempt_timeout_is_kept_while_nobody_looks() {
    let world = World::with(
        "version: 1
tasks:
  - { id: slow, timeout: { attempt: 3s, grace: 100ms }, run: 'echo $$ >pid.tmp; mv pid.tmp pid; echo up >up; exec sleep 300' }
",
    );
    world.fifo("up");
    let mut child = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear("up"), "up");
    kill9(&mut child);
    let pid = Pid::from_raw(world.read("pid").trim().parse().unwrap()).unwrap();
    assert!(gone(pid), "its keeper ends it at its deadline");
    let summary = world.regatta(&["resume", "--json"]).exits(1).json();
    let slow = &summary["tasks"]["slow"];
    assert_eq!((slow["status"].as_str(), slow["cause"].as_str()), (Some("timed_out"), Some("timeout")));
}

#[test]
fn an_attempt_on_the_disk_that_the_journal_never_started_is_damage() {
    let world = World::with("version: 1\ntasks: [ { id: a, run: 'exit 1', effect: idempotent } ]");
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let mut child = {
        world.write("plan.yaml", "version: 1\ntasks: [ { id: a, run: 'echo up >up; sleep 300' } ]");
        world.fifo("up");
        world.start(&["run", "plan.yaml"])
    };
    assert_eq!(world.hear("up"), "up");
    signal(&child, Signal::INT);
    assert_eq!(ends(&mut child), Some(130));
    std::fs::create_dir(workspace::attempt_dir(&world.run_dir(), 7)).unwrap();
    let said = world.regatta(&["resume"]).exits(4);
    assert!(said.err.contains("attempt 7") && said.err.contains("never started it"), "{}", said.err);
}

#[test]
fn run_and_resume_return_after_the_keeper_has_left() {
    let world = World::with("version: 1\ntasks: [ { id: a, run: 'echo $PPID >keeper' } ]");
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(!lives(&world.read("keeper")));
}

#[test]
fn a_passed_variable_that_changed_since_the_run_began_is_told_and_its_value_is_kept_nowhere() {
    let mut world = World::with(
        "version: 1\neffect: idempotent\nenv: [COLOUR, SHAPE]\ntasks: [ { id: a, run: 'echo $COLOUR >>seen; echo up >up; test -e go || exec sleep 300' } ]",
    );
    world.fifo("up");
    world.set("COLOUR", "ultramarine-7311");
    let mut child = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear("up"), "up");
    signal(&child, Signal::INT);
    assert_eq!(ends(&mut child), Some(130));
    let database = std::fs::read(world.path(".regatta/regatta.db")).unwrap();
    let wal = std::fs::read(world.path(".regatta/regatta.db-wal")).unwrap_or_default();
    let holds = |bytes: &[u8]| bytes.windows(16).any(|w| w == b"ultramarine-7311");
    assert!(!holds(&database) && !holds(&wal));
    world.set("COLOUR", "vermilion");
    world.write("go", "");
    let mut child = world.command(&["resume"]).stderr(std::process::Stdio::piped()).spawn().unwrap();
    assert_eq!(world.hear("up"), "up");
    assert_eq!(ends(&mut child), Some(0));
    let mut said = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut said).unwrap();
    assert!(said.contains("variables have changed since the run began: COLOUR\n"), "{said}");
    assert_eq!(world.read("seen"), "ultramarine-7311\nvermilion\n");
}
