//! Escalations on the real binary: the exit code, the files, and the commands that go on.

use crate::world::{World, ends, signal};
use rustix::process::Signal;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;

/// A file of an escalation of the newest run, with the id of the run and all times masked.
fn masked(world: &World, name: &str) -> String {
    let text = std::fs::read_to_string(world.run_dir().join("escalations").join(name)).unwrap();
    let text = text.replace(&world.run_id(), "RUN");
    let mut out = String::new();
    for word in text.split_inclusive(' ') {
        let time = word.trim_end().chars().all(|c| c.is_ascii_digit() || c == '.') && word.contains('.');
        out.push_str(if time { "TIME " } else { word });
    }
    out
}

const WORN: &str = "version: 1
tasks:
  - id: worn
    title: \"build *all*\\e[31m\"
    retry: { max_attempts: 2, backoff: 1ms }
    run: 'printf \"no such table\\n\\033[31m\\140\\140\\140\\n\" >&2; exit 3'
  - { id: child, needs: [worn], run: 'true' }
  - { id: grandchild, needs: [child], run: 'true' }
  - { id: once, run: exit 1 }
";

#[test]
fn a_task_whose_attempts_are_used_up_is_escalated_with_a_file_and_exit_code_5() {
    let world = World::with(WORN);
    let said = world.regatta(&["run", "plan.yaml"]).exits(5);
    let id = world.run_id();
    let lines = format!(
        "  escalated: task `worn` (tool: exit), see .regatta/runs/{id}/escalations/worn.md
    next: regatta logs --run {id} worn --stderr
"
    );
    assert!(said.out.contains(&lines), "{}", said.out);
    assert!(world.regatta(&["status"]).exits(0).out.contains(&lines));
    world.regatta(&["resume"]).exits(5);
    let text = masked(&world, "worn.md");
    insta::assert_snapshot!(text, @r"
    # Task `worn`: build \*all\*\\e\[31m

    Run `RUN`, after TIME s.

    - what: all its attempts are used up
    - cause class: tool
    - cause: `exit`

    ## Evidence

    - attempt 1 failed after TIME s, exit 3
    - attempt 2 failed after TIME s, exit 3

    The last lines of its stderr:

    ````text
    no such table
    \e[31m```
    ````

    ## What it blocks

    `child`, `grandchild`

    ## What can be done

    - `regatta logs --run RUN worn --stderr` shows what it wrote last
    - `regatta explain --run RUN worn` says where it stands and why
    - `regatta retry RUN --task worn` runs it and what it blocks again as a new run, with the results of what succeeded
    ");
    let dir = world.run_dir().join("escalations");
    for name in ["worn.md", "worn.json"] {
        assert_eq!(dir.join(name).metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 2, "one attempt that failed is no escalation");
    let facts: Value = serde_json::from_slice(&std::fs::read(dir.join("worn.json")).unwrap()).unwrap();
    assert_eq!(
        (&facts["class"], &facts["cause"], &facts["blocks_in_all"]),
        (&"tool".into(), &"exit".into(), &2.into())
    );
    assert_eq!(
        (&facts["output"]["stream"], &facts["output"]["lines"][0]),
        (&"stderr".into(), &"no such table".into())
    );
    assert_eq!((&facts["attempts"][1]["number"], &facts["attempts"][1]["exit"]), (&2.into(), &3.into()));
    let row = &world.regatta(&["status", "--json"]).json()["escalations"][0];
    assert_eq!(
        (&row["about"], &row["name"], &row["class"]),
        (&"task".into(), &"worn".into(), &"tool".into())
    );
    let events = world.regatta(&["events"]).out;
    let event = events.lines().find(|line| line.contains("\"kind\":\"escalated\"")).unwrap();
    assert!(event.contains("\"cause_class\":\"tool\"") && event.contains("\"node_id\":\"worn\""), "{event}");
}

#[test]
fn one_attempt_that_failed_is_no_escalation() {
    let world = World::with("version: 1\ntasks: [ { id: a, run: exit 1 } ]");
    world.regatta(&["run", "plan.yaml"]).exits(1);
    assert!(!world.run_dir().join("escalations").exists());
}

#[test]
fn a_task_in_doubt_is_escalated_with_the_answers_and_an_answer_settles_it() {
    let world = World::with(
        "version: 1\ntasks:\n  - { id: 'deploy', run: 'echo up >begun; sleep 60' }\n  - { id: b, needs: [deploy], run: 'true' }\n",
    );
    world.fifo("begun");
    let mut child = world.start(&["run", "plan.yaml"]);
    world.hear("begun");
    signal(&child, Signal::INT);
    assert_eq!(ends(&mut child), Some(130));
    let text = masked(&world, "deploy.md");
    assert!(
        text.contains(
            "- what: in doubt: an attempt was lost and may have had its effect\n- cause class: lost\n"
        ),
        "{text}"
    );
    let said = world.regatta(&["resume"]).exits(5);
    let id = world.run_id();
    let answer = format!("regatta answer {id} deploy --again");
    assert!(said.out.contains(&format!("\nnext: {answer}  (or --succeeded, or --failed)\n")), "{}", said.out);
    assert_eq!(said.out.matches(&answer).count(), 1, "{}", said.out);
    assert!(world.regatta(&["status"]).exits(0).out.contains(&format!("    next: {answer}\n")));
    assert!(
        text.contains("- `regatta answer RUN deploy --again` allows exactly one more attempt\n"),
        "{text}"
    );
    world.regatta(&["answer", "deploy", "--succeeded"]).exits(0);
    let said = world.regatta(&["resume"]).exits(0);
    assert!(!said.out.contains("escalated:"), "{}", said.out);
    assert_eq!(world.regatta(&["status", "--json"]).json()["escalations"], Value::Array(vec![]));
}

#[test]
fn wherever_the_orchestrator_dies_an_escalation_is_told_in_the_end() {
    for n in 1..=5 {
        let mut world = World::with(WORN);
        world.set("REGATTA_FAULT", &format!("commit.after:{n}"));
        world.regatta(&["run", "plan.yaml"]);
        world.unset("REGATTA_FAULT");
        world.regatta(&["resume", "--json"]);
        // What was in flight may be in doubt after such a death.
        for task in ["worn", "once"] {
            world.regatta(&["answer", task, "--again"]);
        }
        world.regatta(&["resume"]).exits(5);
        assert!(masked(&world, "worn.md").contains("- what: all its attempts are used up\n"), "{n}");
        world.regatta(&["replay"]).exits(0);
    }
}

#[test]
fn files_that_are_missing_or_torn_are_made_again() {
    let world = World::with(WORN);
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let dir = world.run_dir().join("escalations");
    let before = std::fs::read(dir.join("worn.json")).unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    world.regatta(&["resume"]).exits(5);
    assert_eq!(std::fs::read(dir.join("worn.json")).unwrap(), before);
    std::fs::write(dir.join("worn.json"), &before[..before.len() / 2]).unwrap();
    world.regatta(&["resume"]).exits(5);
    assert_eq!(std::fs::read(dir.join("worn.json")).unwrap(), before);
}

#[test]
fn a_breaker_that_stays_open_for_longer_than_its_limit_is_escalated() {
    let world = World::with(
        "version: 1
breaker: { failures: 1, cool_down: 1s, limit: 500ms }
limits: { max_parallel: 1 }
tasks:
  - { id: a, priority: P0, tags: ['n/t'], run: echo gone >&2; exit 1 }
  - { id: b, tags: ['n/t'], run: exit 1 }
",
    );
    let said = world.regatta(&["run", "plan.yaml"]).exits(5);
    assert!(said.out.contains("escalated  tag `n/t` (tool: breaker_open)"), "{}", said.out);
    let text = masked(&world, "@tag-0-n_t.md");
    assert!(text.starts_with("# Tag `n/t`\n") && text.contains("## What it blocks\n\n`b`\n"), "{text}");
    assert!(
        text.contains("`a`: attempt 1 failed after TIME s, exit 1\n") && text.contains("\ngone\n"),
        "{text}"
    );
}

#[test]
fn an_escalation_names_the_items_of_a_map_that_there_are_and_no_others() {
    let world = World::with(
        "version: 1
breaker: { failures: 1, cool_down: 1s, limit: 500ms }
limits: { max_parallel: 1 }
tasks:
  - { id: a, priority: P0, tags: [t], run: exit 1 }
  - { id: m, for_each: [x, y], max_items: 9, tags: [t], run: exit 1 }
  - { id: worn, retry: { max_attempts: 2, backoff: 1ms }, run: exit 1 }
  - { id: n, needs: [worn], for_each: [x, y], max_items: 9, run: 'true' }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let text = masked(&world, "@tag-0-t.md");
    assert!(text.contains("## What it blocks\n\n`m[0]`, `m[1]`\n"), "{text}");
    let text = masked(&world, "worn.md");
    assert!(text.contains("## What it blocks\n\n`n[0]`\n"), "{text}");
}
