//! Much output: it is looked through beside the loop, which minds timeouts, starts and people meanwhile.

use crate::mending::with_agent;
use crate::repo_world::{repository, with_plan};
use crate::world::{World, ends, gone, signal};
use rustix::process::{Pid, Signal};

/// `big` writes 3 MB; `first` ends when `big` is gone, `second` runs after `first`.
fn world(second: &str) -> World {
    let world = World::with(&format!(
        "version: 1
limits: {{ max_parallel: 3 }}
tasks:
  - {{ id: big, run: 'echo big >>begun; head -c 2000000 /dev/urandom | base64; echo $$ >gate' }}
  - {{ id: first, run: 'read big <gate; while kill -0 $big; do sleep 0.01; done' }}
  - {{ id: second, needs: [first], effect: idempotent, run: '{second}' }}
  - {{ id: last, needs: [big, second], run: 'echo last >>begun' }}
"
    ));
    world.fifo("gate");
    world
}

#[test]
fn a_run_goes_on_while_what_a_task_wrote_is_looked_through() {
    let world = world("true");
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let events = world.regatta(&["events"]).out;
    let place = |task: &str| {
        let of_task = |line: &str| {
            line.contains("\"dispatch_succeeded\"") && line.contains(&format!("\"node_id\":\"{task}\""))
        };
        events.lines().position(of_task).unwrap_or_else(|| panic!("{task}: {events}"))
    };
    assert!(place("second") < place("big"), "{events}");
    assert_eq!(world.read("begun"), "big\nlast\n");
}

#[test]
fn what_had_ended_when_the_run_was_interrupted_is_neither_in_doubt_nor_repeated() {
    // It may be interrupted itself, and is then started again.
    let world = world("test -e heard || { touch heard; echo second >told; }");
    world.fifo("told");
    let mut child = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear("told"), "second");
    signal(&child, Signal::INT);
    assert_eq!(ends(&mut child), Some(130));
    let status = world.regatta(&["status", "--json"]).json();
    assert_eq!(status["tasks"]["big"]["status"], "succeeded", "{status}");
    world.regatta(&["resume"]).exits(0);
    assert_eq!(world.read("begun"), "big\nlast\n");
}

#[test]
fn who_dies_of_the_first_interrupt_is_interrupted_however_often_one_interrupts() {
    let world = World::with(
        "version: 1
on_failure: stop
tasks:
  - { id: big, effect: idempotent, run: 'test -e again && exit 0; touch again; head -c 2000000 /dev/urandom | base64; trap \"exit 1\" TERM; echo $$ >gate; while :; do sleep 0.01; done' }
  - { id: last, needs: [big], run: 'echo last >>begun' }
",
    );
    world.fifo("gate");
    let mut child = world.start(&["run", "plan.yaml"]);
    let big = world.hear("gate").parse().unwrap();
    signal(&child, Signal::INT);
    assert!(gone(Pid::from_raw(big).unwrap()));
    signal(&child, Signal::INT);
    assert_eq!(ends(&mut child), Some(130));
    let status = world.regatta(&["status", "--json"]).json();
    assert_ne!(status["tasks"]["big"]["status"], "failed", "{status}");
    world.regatta(&["resume"]).exits(0);
    assert_eq!(world.read("begun"), "last\n");
}

/// A run that is interrupted when a task in a worktree of its own has ended with `code`, and what it left is being collected.
fn interrupted_while_collected(code: u8, verify: &str) -> World {
    let world = repository();
    let root = world.root().display();
    let plan = format!(
        "version: 1
limits: {{ max_parallel: 3 }}
tasks:
  - id: big
    isolation: worktree
    effect: idempotent
    verify: {verify}
    run: |
      echo begun >>'{root}/begun'
      head -c 40000000 /dev/urandom >large
      test $(wc -l <'{root}/begun') -gt 1 || echo $$ >'{root}/gate'
      exit {code}
  - {{ id: first, effect: idempotent, run: 'read big <gate; while kill -0 $big; do sleep 0.01; done' }}
  - {{ id: second, needs: [first], effect: idempotent, run: 'test -e heard || {{ touch heard; echo second >told; exec sleep 60; }}' }}
"
    );
    world.write("plan.yaml", &plan);
    world.fifo("gate");
    world.fifo("told");
    let mut child = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear("told"), "second");
    signal(&child, Signal::INT);
    assert_eq!(ends(&mut child), Some(130));
    world
}

#[test]
fn what_had_ended_well_when_the_run_was_interrupted_is_collected_and_not_repeated() {
    let world = interrupted_while_collected(0, "[]");
    world.regatta(&["resume"]).exits(0);
    assert_eq!(world.read("begun"), "begun\n");
}

/// The command of `verify` ends while the orchestrator stands still: it hears that first, and has much to look through.
#[test]
fn work_that_was_verified_when_the_run_was_interrupted_stands_however_much_was_said() {
    for (code, status) in [(0, "succeeded"), (1, "failed")] {
        let world = with_plan(&format!(
            "tasks:
  - id: a
    verify: ['head -c 6000000 /dev/urandom | base64; cd $REGATTA_WORKSPACE/.git; echo $$ >up; read word <go; exit {code}']
    run: 'echo x >>$REGATTA_WORKSPACE/.git/ran; echo 1 >new.txt'
  - {{ id: b, needs: [a], run: 'true' }}
"
        ));
        world.fifo(".git/up");
        world.fifo(".git/go");
        let mut child = world.start(&["run", "plan.yaml"]);
        let pid = Pid::from_raw(world.hear(".git/up").parse().unwrap()).unwrap();
        signal(&child, Signal::STOP);
        std::fs::write(world.path(".git/go"), "go\n").unwrap();
        assert!(gone(pid));
        signal(&child, Signal::INT);
        signal(&child, Signal::CONT);
        ends(&mut child);
        let facts = world.regatta(&["status", "--json"]).json();
        assert_eq!(facts["tasks"]["a"]["status"], status, "{facts:#}");
        world.regatta(&["resume"]);
        assert_eq!(world.read(".git/ran"), "x\n");
    }
}

#[test]
fn all_that_a_red_verify_said_stands_in_the_next_prompt_also_where_it_is_much() {
    let script = "cp \"$1\" $top/prompt-$REGATTA_ATTEMPT; echo x >>tried";
    let plan = "tasks:
  - id: a
    agent: bot
    prompt: work
    retry: { max_attempts: 2, backoff: 0s }
    verify: ['head -c 3000000 /dev/urandom | base64; echo wanted-a-comma; grep -q x.x tried']
";
    let world = with_agent(script, plan);
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let prompt = world.read(".git/prompt-2");
    assert!(prompt.contains("command 1 of `verify` failed: exit code 1"), "{prompt}");
    assert!(prompt.contains("wanted-a-comma"), "{prompt}");
}

#[test]
fn who_failed_when_the_run_was_interrupted_has_failed_also_where_it_would_have_been_verified() {
    let world = interrupted_while_collected(1, "['true']");
    let status = world.regatta(&["status", "--json"]).json();
    assert_eq!(status["tasks"]["big"]["status"], "failed", "{status}");
    world.regatta(&["resume"]).exits(1);
    assert_eq!(world.read("begun"), "begun\n");
}

#[test]
fn all_that_a_gate_said_is_kept_also_where_it_is_much() {
    let world = with_plan(
        "merge: { gates: [big] }
gates: { big: { run: 'head -c 3000000 /dev/urandom | base64; echo the-last-word' } }
tasks: [ { id: a, run: 'echo new >new.txt' } ]
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let said = world.regatta(&["logs", "--gate", "big"]).exits(0).out;
    assert!(said.len() > 4_000_000 && said.ends_with("the-last-word\n"), "{} bytes", said.len());
}
