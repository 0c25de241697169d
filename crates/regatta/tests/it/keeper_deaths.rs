//! The keeper of a run dies, the run goes on: what died with it is lost, what its heir starts is owned, and what is being
//! judged meanwhile is judged as if nothing had happened.

use crate::repo_world::{git, with_plan};
use crate::world::World;
use serde_json::Value;

/// Runs a plan whose keeper dies when the orchestrator passes a point, or when the keeper itself does.
fn killed(world: &mut World, fault: &str) -> (Option<i32>, bool) {
    world.set("REGATTA_FAULT", fault);
    world.set("REGATTA_FAULT_FIRED", &world.path("fired.log").display().to_string());
    let said = world.regatta(&["run", "plan.yaml"]);
    world.unset("REGATTA_FAULT");
    (said.code, world.path("fired.log").exists())
}

/// What began when: lines of a word and an instant as events have it.
const BEGINS: &str = "$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ) >>$REGATTA_WORKSPACE/begun.log";

/// The instants at which attempts were lost.
fn lost(world: &World) -> Vec<String> {
    let events = world.regatta(&["events"]).out;
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let lost = events.filter(|event| event["kind"] == "dispatch_lost");
    lost.map(|event| event["at"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn nothing_of_an_attempt_begins_after_it_was_lost_with_the_keeper() {
    let mut met = 0;
    for n in 1..=6 {
        let mut world = with_plan(&format!(
            "worktree: {{ setup: ['true', 'true'] }}
tasks:
  - {{ id: a, effect: at-most-once, run: 'echo a {BEGINS}' }}
"
        ));
        // Both commands of `setup` are in the spool before the task is.
        let (code, fired) = killed(&mut world, &format!("keeper.spool.after:{n}:self"));
        let begun = world.read("begun.log");
        let begun: Vec<&str> = begun.lines().filter_map(|line| line.strip_prefix("a ")).collect();
        let (lost, status) = (lost(&world), world.regatta(&["status", "--json"]).json());
        assert!(begun.len() < 2 && lost.len() < 2, "{n}: {begun:?} {lost:?}");
        match status["tasks"]["a"]["status"].as_str() {
            Some("succeeded") => assert_eq!((code, begun.len()), (Some(0), 1), "{n}: {status}"),
            Some("in_doubt") => {
                let after = begun.iter().find(|at| lost.iter().any(|lost| lost.as_str() < **at));
                assert!(code == Some(5) && after.is_none(), "{n}: lost at {lost:?}, begun at {after:?}");
            }
            _ => panic!("{n}: {code:?} {status}"),
        }
        met += usize::from(fired && lost.is_empty());
    }
    assert!(met > 0, "the keeper never died with an end that its heir had to tell");
}

#[test]
fn what_an_agent_changes_of_the_settings_is_its_own_also_when_the_keeper_died_before_it_began() {
    let mut world = with_plan(
        "worktree: { setup: ['true'] }
merge: { gates: ['true'] }
tasks:
  - id: e
    retry: { max_attempts: 2, backoff: 0ms }
    run: |
      echo e.$REGATTA_ATTEMPT >>$REGATTA_WORKSPACE/begun.log; echo E$REGATTA_ATTEMPT >e.txt
      test $REGATTA_ATTEMPT -ge 2 || git config planted.key x
",
    );
    assert_eq!(killed(&mut world, "step.ended:1:other"), (Some(0), true));
    assert_eq!(world.read("e.txt"), "E2\n", "{}", world.regatta(&["events"]).out);
    assert!(!git(&world, &["config", "--local", "--list"]).contains("planted"));
    assert_eq!(world.read("begun.log"), "e.1\ne.2\n", "each attempt once");
}

#[test]
fn a_result_is_read_also_when_the_keeper_dies_while_the_work_is_collected() {
    let mut world = with_plan(
        "merge: { gates: ['true'] }
tasks:
  - id: a
    run: |
      for i in $(seq 1500); do echo $i >f$i.txt; done; echo '{\"n\": 7}' >$REGATTA_RESULT
  - { id: b, needs: [a], run: 'echo ${a.result.n} >b.txt' }
",
    );
    let ended = killed(&mut world, "collect.before:1:other");
    assert_eq!(ended, (Some(0), true), "{}", world.regatta(&["explain"]).out);
    assert_eq!(world.read("b.txt"), "7\n");
}
