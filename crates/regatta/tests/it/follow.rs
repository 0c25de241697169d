//! `logs --follow`: what a task writes is shown as it comes, attempt after attempt, and nobody is held up by it.

use crate::world::{World, comes, ends};
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Stdio};

/// A follower and its lines.
struct Follower {
    child: Child,
    lines: BufReader<ChildStdout>,
}

fn follower(world: &World, args: &[&str]) -> Follower {
    let mut command = world.command(&[&["logs", "a", "--follow"], args].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    Follower { child, lines }
}

impl Follower {
    fn line(&mut self) -> String {
        if self.lines.buffer().is_empty() {
            assert!(comes(self.lines.get_ref()), "nothing comes");
        }
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    /// The rest, what was said beside it, and the exit code.
    fn rest(mut self) -> (String, String, Option<i32>) {
        let (mut out, mut err) = (String::new(), String::new());
        self.lines.read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (out, err, ends(&mut self.child))
    }
}

fn world(script: &str, more: &str) -> World {
    let world = World::with(&format!("version: 1\ntasks:\n  - {{ id: a, run: '{script}'{more} }}\n"));
    ["up", "gate"].iter().for_each(|name| world.fifo(name));
    world
}

#[test]
fn what_a_running_task_writes_is_shown_before_it_has_ended() {
    let world = world("echo one; echo bad >&2; echo up >up; cat gate; printf two", "");
    let mut run = world.start(&["run", "plan.yaml"]);
    world.hear("up");
    let (mut out, mut err) = (follower(&world, &[]), follower(&world, &["--stderr"]));
    assert_eq!((out.line(), err.line()), ("one\n".into(), "bad\n".into()));
    std::fs::write(world.path("gate"), "gate\n").unwrap();
    assert_eq!(out.line(), "gate\n");
    assert_eq!(out.rest(), ("two".into(), String::new(), Some(0)), "each byte once");
    assert_eq!(err.rest(), (String::new(), String::new(), Some(0)));
    assert_eq!(ends(&mut run), Some(0));
    assert_eq!(world.regatta(&["logs", "a"]).out, "one\ngate\ntwo");
}

#[test]
fn each_attempt_is_followed_to_its_end_and_announced_beside_the_data() {
    let script = "echo try $REGATTA_ATTEMPT; echo up >up; cat gate; test $REGATTA_ATTEMPT = 2";
    let world = world(script, ", retry: { max_attempts: 3, backoff: 0 }");
    let mut run = world.start(&["run", "plan.yaml"]);
    world.hear("up");
    let mut all = follower(&world, &[]);
    let mut second = follower(&world, &["--attempt", "2"]);
    assert_eq!(all.line(), "try 1\n");
    std::fs::write(world.path("gate"), "").unwrap();
    world.hear("up");
    assert_eq!((all.line(), second.line()), ("try 2\n".into(), "try 2\n".into()));
    std::fs::write(world.path("gate"), "").unwrap();
    assert_eq!(all.rest(), (String::new(), "-- attempt 2\n".into(), Some(0)));
    assert_eq!(second.rest(), (String::new(), String::new(), Some(0)));
    assert_eq!(ends(&mut run), Some(0));
    let said = world.regatta(&["logs", "a", "--follow", "--attempt", "3"]).exits(2);
    assert!(said.err.contains("task `a` has no attempt 3"), "{}", said.err);
}

#[test]
fn a_follower_outlives_the_orchestrator_and_sees_what_the_next_one_collects() {
    let world = world("echo one; echo up >up; cat gate; echo two", ", effect: idempotent");
    let mut run = world.start(&["run", "plan.yaml"]);
    world.hear("up");
    let mut follower = follower(&world, &[]);
    assert_eq!(follower.line(), "one\n");
    run.kill().unwrap();
    run.wait().unwrap();
    std::fs::write(world.path("gate"), "").unwrap();
    // Only an orchestrator knows what is to be redacted, so nothing is shown until there is one again.
    world.regatta(&["resume"]).exits(0);
    assert_eq!(follower.rest(), ("two\n".into(), String::new(), Some(0)), "each byte once");
}

#[test]
fn a_task_that_has_ended_or_never_starts_is_not_waited_for() {
    let world = World::with(
        "version: 1\ntasks:\n  - { id: b, run: 'false' }\n  - { id: a, needs: [b], run: echo a }\n  - { id: c, run: echo c }\n",
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    assert_eq!(world.regatta(&["logs", "c", "--follow"]).exits(0).out, "c\n");
    let id = world.run_id();
    let hint = format!("hint: regatta explain --run {id} a\n");
    let said = world.regatta(&["logs", "a", "--follow"]).exits(2);
    assert!(said.err.contains("task `a` has no attempt") && said.err.ends_with(&hint), "{}", said.err);
    assert!(world.regatta(&["logs", "z", "--follow"]).exits(2).err.contains("no task `z`"));
    world.regatta(&["logs", "c", "--follow", "--undo"]).exits(2);
    // Another run is the newest now: the hint is about the one that was meant.
    world.write("other.yaml", "version: 1\ntasks: [ { id: other, run: 'true' } ]\n");
    world.regatta(&["run", "other.yaml"]).exits(0);
    for more in [&[][..], &["--follow"]] {
        let said = world.regatta(&[&["logs", "a", "--run", &id], more].concat()).exits(2);
        assert!(said.err.ends_with(&hint), "{}", said.err);
    }
}

#[test]
fn a_reader_that_went_away_ends_the_follower_and_not_the_task() {
    let world = world("echo one; echo up >up; cat gate; seq 100000; echo last", "");
    let mut run = world.start(&["run", "plan.yaml"]);
    world.hear("up");
    let mut follower = follower(&world, &[]);
    assert_eq!(follower.line(), "one\n");
    let Follower { mut child, lines } = follower;
    drop(lines);
    std::fs::write(world.path("gate"), "x\n").unwrap();
    assert_eq!((ends(&mut child), ends(&mut run)), (Some(0), Some(0)));
    assert!(world.regatta(&["logs", "a"]).out.ends_with("last\n"));
}
