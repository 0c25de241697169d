//! Spec 6 "Base": what predecessors left conflicts, and that is resolved once, before the dependant begins.

use crate::repo_world::{
    belongings, branches, commit_by_hand, git, git_in, integration_worktree, with_plan, worktree_at,
    worktrees,
};
use crate::world::{World, ends};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

const TASKS: &str = "tasks:
  - { id: a, run: 'echo A >src/b.txt; echo a >a.txt' }
  - { id: b, run: 'echo B >src/b.txt; echo b >b.txt' }
  - { id: free, run: 'echo f >free.txt' }
  - { id: c, needs: [a, b], run: 'cp src/b.txt seen-by-c; echo c >>src/b.txt' }
  - { id: d, needs: [a, b], run: 'cp src/b.txt seen-by-d' }
";

fn landing(world: &World) -> Value {
    world.regatta(&["status", "--json"]).json()["landing"].clone()
}

fn task(world: &World, id: &str) -> Value {
    world.regatta(&["status", "--json"]).json()["tasks"][id].clone()
}

/// Where the conflict stands that a task would begin from.
fn place(world: &World, task: &str) -> PathBuf {
    worktree_at(world, &format!("-base-{task}-")).unwrap_or_else(|| panic!("no worktree for {task}"))
}

#[test]
fn with_fail_fast_a_task_whose_predecessors_conflict_fails() {
    let world = with_plan(&format!("merge: {{ gates: ['true'] }}\n{TASKS}"));
    let said = world.regatta(&["run", "plan.yaml"]).exits(1);
    let why = "the work of `b` conflicts with that of other predecessors in src/b.txt";
    assert!(said.out.contains(why), "{}", said.out);
    assert_eq!(task(&world, "c")["cause"], "merge_conflict");
}

#[test]
fn a_person_resolves_once_for_every_dependant_and_for_the_landing() {
    let world = with_plan(&format!("merge: {{ on_conflict: manual-escalation, gates: ['true'] }}\n{TASKS}"));
    let before = belongings(&world);
    let said = world.regatta(&["run", "plan.yaml"]).exits(5);
    assert!(
        said.out.contains("s conflict   c: a person must resolve what it would begin from"),
        "{}",
        said.out
    );
    assert!(said.out.contains("`git commit` there, then: regatta resume"), "{}", said.out);
    assert_eq!(belongings(&world), before);
    // Everything else went on.
    assert_eq!(task(&world, "free")["status"], "collected");
    let explained = world.regatta(&["explain", "c"]).out;
    assert!(
        explained.contains("what its predecessors left conflicts; a person must resolve that"),
        "{explained}"
    );
    let (c, d) = (place(&world, "c"), place(&world, "d"));
    for place in [&c, &d] {
        assert!(std::fs::read_to_string(place.join("src/b.txt")).unwrap().contains("<<<<<<<"));
    }
    // Whoever takes it up too early loses nothing of what the person has begun.
    std::fs::write(c.join("src/b.txt"), "half\n").unwrap();
    world.regatta(&["resume"]).exits(5);
    assert_eq!(std::fs::read_to_string(c.join("src/b.txt")).unwrap(), "half\n");
    std::fs::write(c.join("src/b.txt"), "A and B\n").unwrap();
    commit_by_hand(&c);
    world.regatta(&["merge", "--continue"]).exits(0);
    let read = |name| world.read(name);
    assert_eq!([read("seen-by-c"), read("seen-by-d")], ["A and B\n", "A and B\n"]);
    assert_eq!(read("src/b.txt"), "A and B\nc\n");
    // The same three met where work landed, too.
    let conflicts = landing(&world)["conflicts"].clone();
    assert_eq!(
        conflicts,
        json!([{ "task": "b", "paths": ["src/b.txt"], "resolved": { "src/b.txt": "a person" } }])
    );
    assert_eq!((worktrees(&world), branches(&world)), (0, vec![]));
    let foreseen = world.regatta(&["merge", "--dry-run"]).exits(0).out;
    assert!(foreseen.contains("b     conflicts in src/b.txt, resolved as before"), "{foreseen}");
    let stored = world.regatta(&["replay"]).exits(0);
    assert!(stored.out.contains(": no difference in "), "{}", stored.out);
}

#[test]
fn a_conflict_that_a_person_resolved_is_taken_up_while_the_run_goes_on_with_other_work() {
    for verb in ["resume", "answer"] {
        let tasks = TASKS.replace(
            "echo f >free.txt",
            "echo up >$REGATTA_WORKSPACE/.git/up; read go <$REGATTA_WORKSPACE/.git/go",
        );
        let world =
            with_plan(&format!("merge: {{ on_conflict: manual-escalation, gates: ['true'] }}\n{tasks}"));
        world.fifo(".git/go");
        world.fifo(".git/up");
        let mut run = world.start(&["run", "plan.yaml"]);
        assert_eq!(world.hear(".git/up"), "up");
        world.follow("node_in_doubt", 2);
        let id = world.run_id();
        let words: &[&str] = if verb == "resume" { &["resume"] } else { &["answer", &id, "c", "--again"] };
        // Too early: it is met again.
        world.regatta(words).exits(0);
        world.follow("node_in_doubt", if verb == "resume" { 4 } else { 3 });
        let c = place(&world, "c");
        std::fs::write(c.join("src/b.txt"), "A and B\n").unwrap();
        commit_by_hand(&c);
        let said = world.regatta(words).exits(0).out;
        let wanted = match verb {
            "resume" => "the run is not paused; what tasks `c`, `d` would begin from is looked at again\n",
            _ => "task `c` is tried again with what was committed where the conflict stands\n",
        };
        assert_eq!(said, wanted);
        world.follow("node_collected", if verb == "resume" { 4 } else { 3 });
        assert_eq!(task(&world, "c")["status"], "collected", "{verb}");
        assert_eq!(task(&world, "free")["status"], "running", "{verb}");
        std::fs::write(world.path(".git/go"), "go\n").unwrap();
        let code = ends(&mut run);
        if verb == "answer" {
            // The other one that waits takes the same resolution.
            assert_eq!(code, Some(5));
            world.regatta(&["answer", &id, "d", "--again"]).exits(0);
            world.regatta(&["resume"]).exits(0);
        } else {
            assert_eq!(code, Some(0));
        }
        assert_eq!([world.read("seen-by-c"), world.read("seen-by-d")], ["A and B\n", "A and B\n"]);
        world.regatta(&["replay"]).exits(0);
    }
}

#[test]
fn what_a_person_changes_beside_the_conflict_is_left_to_the_task() {
    let world = with_plan(&format!("merge: {{ on_conflict: manual-escalation, gates: ['true'] }}\n{TASKS}"));
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let c = place(&world, "c");
    std::fs::write(c.join("src/b.txt"), "AB\n").unwrap();
    std::fs::write(c.join("a.txt"), "more\n").unwrap();
    commit_by_hand(&c);
    let said = world.regatta(&["resume"]).exits(5);
    assert!(said.out.contains("also changes a.txt, which does not conflict"), "{}", said.out);
    git_in(&c, &["checkout", "-q", "HEAD^", "--", "a.txt"]);
    git_in(&c, &["-c", "user.name=P", "-c", "user.email=p@x", "commit", "-q", "--amend", "--no-edit"]);
    world.regatta(&["resume"]).exits(0);
    assert_eq!((world.read("a.txt"), world.read("seen-by-d")), ("a\n".to_owned(), "AB\n".to_owned()));
}

#[test]
fn rules_resolve_what_a_task_begins_from_and_one_that_has_none_fails_it() {
    let rules = |paths: &str| {
        format!(
            "merge: {{ policy: merge-succeeded, on_conflict: merge-with-rules, gates: ['true'], rules: [ {{ paths: '{paths}', use: regenerate, run: 'echo regenerated >src/b.txt; echo x >>$(git rev-parse --path-format=absolute --git-common-dir)/calls.log' }} ] }}\n{TASKS}"
        )
    };
    let world = with_plan(&rules("src/*.txt"));
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(
        (world.read("seen-by-c"), world.read("seen-by-d")),
        ("regenerated\n".to_owned(), "regenerated\n".to_owned())
    );
    assert_eq!(world.read("src/b.txt"), "regenerated\nc\n");
    // Once for both bases, and once where all of it is merged: what a command makes depends on more than these files.
    let calls = world.read(".git/calls.log").lines().count();
    assert!((1..=2).contains(&calls), "{calls}");
    let world = with_plan(&rules("*.lock"));
    let said = world.regatta(&["run", "plan.yaml"]).exits(1);
    assert!(said.out.contains("in src/b.txt; the rules do not resolve that"), "{}", said.out);
    assert_eq!(task(&world, "c")["cause"], "merge_conflict");
    assert_eq!(worktree_at(&world, "-base-"), None);
}

/// A repository whose plan has the agent `bot`, a script.
fn with_agent(script: &str) -> World {
    let world = with_plan("");
    let bot = world.path(".git/bot.sh");
    std::fs::write(&bot, format!("#!/bin/sh\ntop=$REGATTA_WORKSPACE/.git\n{script}\n")).unwrap();
    std::fs::set_permissions(&bot, std::fs::Permissions::from_mode(0o755)).unwrap();
    let keys = format!(
        "agents: {{ bot: {{ command: ['{}', '{{prompt_file}}'] }} }}
merge: {{ on_conflict: resolver, resolver: {{ agent: bot, attempts: 2 }}, gates: ['true'] }}\n{TASKS}",
        bot.display()
    );
    world.write("plan.yaml", &(world.read("plan.yaml") + &keys));
    world
}

#[test]
fn an_agent_resolves_once_for_every_dependant_and_for_the_landing() {
    let world = with_agent(
        "cp \"$1\" $top/prompt; echo $REGATTA_HELPER >>$top/calls; case $(wc -l <$top/calls) in 1) touch other ;; esac; printf 'A\\nB\\n' >src/b.txt",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(
        (world.read("seen-by-c"), world.read("seen-by-d")),
        ("A\nB\n".to_owned(), "A\nB\n".to_owned())
    );
    assert_eq!((world.read("src/b.txt").as_str(), world.path("other").exists()), ("A\nB\nc\n", false));
    // The first attempt was refused, because it changed another file.
    assert_eq!(world.read(".git/calls"), "resolver\nresolver\n");
    assert!(world.read(".git/prompt").contains("ours: the work of a"), "{}", world.read(".git/prompt"));
    assert_eq!(landing(&world)["conflicts"][0]["resolved"]["src/b.txt"], "agent bot");
    // Whichever of the two was ready first.
    assert!(["c", "d"].contains(&landing(&world)["tries"][1]["before"].as_str().unwrap()));
}

#[test]
fn where_the_agent_fails_a_person_is_asked() {
    let world = with_agent("echo x >>$top/calls");
    world.regatta(&["run", "plan.yaml"]).exits(5);
    for id in ["c", "d"] {
        let place = place(&world, id);
        assert!(std::fs::read_to_string(place.join("src/b.txt")).unwrap().contains("<<<<<<<"));
    }
    // The second dependant has the same conflict: it was paid once.
    assert_eq!(world.read(".git/calls").lines().count(), 2);
    let d = place(&world, "d");
    std::fs::write(d.join("src/b.txt"), "both\n").unwrap();
    commit_by_hand(&d);
    world.regatta(&["resume"]).exits(0);
    assert_eq!(
        (world.read("seen-by-c"), world.read("src/b.txt")),
        ("both\n".to_owned(), "both\nc\n".to_owned())
    );
    assert_eq!(integration_worktree(&world), None);
}

#[test]
fn a_task_that_is_cancelled_while_an_agent_resolves_waits_for_nobody() {
    let world = with_agent("echo up >$top/up; exec sleep 300");
    world.fifo(".git/up");
    let mut run = world.start(&["run", "plan.yaml"]);
    world.hear(".git/up");
    world.regatta(&["cancel", "--task", "c"]).exits(0);
    world.regatta(&["cancel", "--task", "d"]).exits(0);
    assert_eq!(ends(&mut run), Some(1));
    assert_eq!(task(&world, "c")["status"], "cancelled");
    assert_eq!(git(&world, &["log", "-1", "--format=%s", "main"]), "first");
}

#[test]
fn after_kill_9_while_an_agent_resolves_its_attempt_is_made_again_and_a_resolution_that_was_made_is_not_paid_again()
 {
    let world = with_agent(
        "echo x >>$top/calls; test $(wc -l <$top/calls) != 1 || { echo up >$top/up; sleep 300; }; echo both >src/b.txt",
    );
    world.fifo(".git/up");
    let mut run = world.start(&["run", "plan.yaml"]);
    world.hear(".git/up");
    run.kill().unwrap();
    run.wait().unwrap();
    world.regatta(&["resume"]).exits(0);
    assert_eq!(world.read(".git/calls").lines().count(), 2);
    assert_eq!(
        (world.read("seen-by-c"), world.read("seen-by-d")),
        ("both\n".to_owned(), "both\n".to_owned())
    );
}

#[test]
fn a_person_may_give_a_task_up_instead_and_what_has_left_nothing_does_not_hold_up_the_landing() {
    let world = with_plan(&format!(
        "merge: {{ policy: merge-succeeded, on_conflict: manual-escalation, gates: ['true'] }}\n{}",
        TASKS.replace("src/b.txt; echo a", "x.txt; echo a").replace("echo B >src/b.txt", "echo B >x.txt")
    ));
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let run = world.run_id();
    // It never started, so it has not succeeded.
    world.regatta(&["answer", &run, "c", "--succeeded"]).exits(2);
    for task in ["c", "d"] {
        world.regatta(&["answer", &run, task, "--failed"]).exits(0);
    }
    // The work of the two conflicts where it lands, too.
    world.regatta(&["resume"]).exits(5);
    let place = integration_worktree(&world).unwrap();
    std::fs::write(place.join("x.txt"), "both\n").unwrap();
    commit_by_hand(&place);
    world.regatta(&["merge", "--continue"]).exits(1);
    assert_eq!(world.read("x.txt"), "both\n");
    let both = [task(&world, "c")["status"].clone(), task(&world, "d")["status"].clone()];
    assert_eq!(both, [json!("failed"), json!("failed")]);
}

/// What a death left where the conflict before `d` was resolved goes once another has resolved the same.
fn leaves_nothing(of_d: impl FnOnce(&World, &std::path::Path)) -> World {
    let world = with_plan(&format!("merge: {{ on_conflict: manual-escalation, gates: ['true'] }}\n{TASKS}"));
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let (c, d) = (place(&world, "c"), place(&world, "d"));
    of_d(&world, &d);
    std::fs::write(c.join("src/b.txt"), "A and B\n").unwrap();
    commit_by_hand(&c);
    world.regatta(&["resume"]).exits(0);
    assert_eq!(world.read("seen-by-d"), "A and B\n");
    assert_eq!((worktrees(&world), branches(&world)), (0, vec![]));
    world
}

#[test]
fn what_a_killed_resolver_left_where_nobody_was_asked_goes_when_the_conflict_is_resolved() {
    leaves_nothing(|_, d| {
        std::fs::remove_file(d.join(".regatta-task/left-to-a-person")).unwrap();
        std::fs::write(d.join("src/b.txt"), "half\n").unwrap();
    });
}

#[test]
fn a_branch_whose_worktree_is_gone_goes_when_the_conflict_is_resolved_and_no_commit_is_lost() {
    leaves_nothing(|world, d| {
        git(world, &["worktree", "remove", "-f", "-f", &d.display().to_string()]);
    });
    leaves_nothing(|_, d| std::fs::remove_dir_all(d).unwrap());
    let mut theirs = String::new();
    let world = leaves_nothing(|world, d| {
        git_in(d, &["reset", "-q", "--hard"]);
        std::fs::write(d.join("theirs.txt"), "theirs\n").unwrap();
        git_in(d, &["add", "theirs.txt"]);
        commit_by_hand(d);
        theirs = git_in(d, &["rev-parse", "HEAD"]);
        git(world, &["worktree", "remove", "-f", "-f", &d.display().to_string()]);
    });
    assert!(!git(&world, &["for-each-ref", "--contains", &theirs]).is_empty(), "{theirs} is lost");
}

#[test]
fn what_a_rule_changed_of_the_settings_before_a_base_is_put_back_and_said_of_the_task_that_begins_there() {
    let world = with_plan(&format!(
        "merge: {{ policy: merge-succeeded, on_conflict: merge-with-rules, gates: ['true'], rules: [ {{ paths: 'src/*.txt', use: regenerate, run: 'echo regenerated >src/b.txt; git config evil.key value' }} ] }}\n{TASKS}"
    ));
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(!world.read(".git/config").contains("evil"), "{}", world.read(".git/config"));
    let told = world.regatta(&["events"]).out;
    let said =
        "where what it begins from was merged, rules: it changed config of the repository; that was put back";
    let line = told.lines().find(|line| line.contains(said)).unwrap_or_else(|| panic!("{told}"));
    assert!(line.contains("\"node_id\":\"c\"") || line.contains("\"node_id\":\"d\""), "{line}");
}
