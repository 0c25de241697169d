//! Spec 6 "Merge", spec 10 "Gates": agents that mend red gates and resolve conflicts, at most their attempts, then a person.

use crate::repo_world::{belongings, commit_by_hand, git, integration_worktree, with_plan, worktrees};
use crate::world::World;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;

fn landing(world: &World) -> Value {
    world.regatta(&["status", "--json"]).json()["landing"].clone()
}

/// A repository whose plan has the agent `bot`, a script that gets the file of its prompt.
pub fn with_agent(script: &str, plan: &str) -> World {
    let world = with_plan("");
    let bot = world.path(".git/bot.sh");
    std::fs::write(&bot, format!("#!/bin/sh\ntop=$REGATTA_WORKSPACE/.git\n{script}\n")).unwrap();
    std::fs::set_permissions(&bot, std::fs::Permissions::from_mode(0o755)).unwrap();
    let agents = format!("agents: {{ bot: {{ command: ['{}', '{{prompt_file}}'] }} }}\n", bot.display());
    world.write("plan.yaml", &(world.read("plan.yaml") + &agents + plan));
    world
}

const RED: &str = "merge: { gates: [good], fix: { agent: bot, attempts: 2 } }
gates: { good: { run: 'echo looking; grep -q good new.txt || { echo new.txt is not good >&2; exit 1; }' } }
tasks: [ { id: a, run: 'echo new >new.txt' }, { id: b, run: 'echo b >b.txt' } ]
";

#[test]
fn a_red_gate_is_mended_by_an_agent_whose_commit_is_a_step_of_its_own() {
    let world = with_agent(
        "cp \"$1\" $top/prompt; echo $REGATTA_HELPER $REGATTA_ATTEMPT >>$top/calls; echo good >new.txt; echo mended",
        RED,
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(world.read("new.txt"), "good\n");
    let log = git(
        &world,
        &[
            "log",
            "--first-parent",
            "--format=%s|%an|%(trailers:key=Regatta-Fix,valueonly,separator=)|%(trailers:key=Regatta-After,valueonly,separator=)",
            "-3",
        ],
    );
    assert_eq!(
        log.lines().map(|line| line.split('|').collect::<Vec<_>>().join("|").to_owned()).collect::<Vec<_>>(),
        [
            "Merge b: b|Person||",
            "Mend what is red after the merge of a|bot (regatta)|1|a",
            "Merge a: a|Person||"
        ]
    );
    assert_eq!(world.read(".git/calls"), "fix 1\n");
    let prompt = world.read(".git/prompt");
    for part in [
        "gate good",
        "command: echo looking; grep -q good",
        "exit code 1",
        "new.txt is not good",
        "- new.txt",
        "weaken, skip or delete no check",
    ] {
        assert!(prompt.contains(part), "{part} is not in\n{prompt}");
    }
    let tries = landing(&world)["tries"].clone();
    assert_eq!(
        (&tries[0]["role"], &tries[0]["after"], &tries[0]["said"]),
        (&"fix".into(), &"a".into(), &"mended".into())
    );
    assert_eq!(tries[0]["files"], serde_json::json!(["new.txt"]));
    assert!(world.regatta(&["status"]).out.contains("attempt 1 of bot after the merge of a: mended"));
}

#[test]
fn an_agent_that_mends_nothing_has_its_attempts_and_then_nothing_lands() {
    let plan = RED.replace(
        "gates: [good], fix",
        "policy: merge-succeeded, on_gate_failure: take-out, gates: [good], fix",
    );
    for plan in [RED.to_owned(), plan] {
        let world = with_agent(
            "echo $REGATTA_ATTEMPT >>$top/calls; cp \"$1\" $top/prompt; [ $REGATTA_ATTEMPT = 2 ] && echo worse >new.txt; true",
            &plan,
        );
        let before = belongings(&world);
        // It is put before a person.
        world.regatta(&["run", "plan.yaml"]).exits(5);
        assert!(world.kinds().contains(&"escalated".to_owned()));
        assert_eq!(belongings(&world), before);
        let calls = world.read(".git/calls");
        assert!(calls.starts_with("1\n2\n"), "{calls}");
        assert!(world.read(".git/prompt").contains("is red"), "{}", world.read(".git/prompt"));
        assert_eq!(landing(&world)["tries"][0]["said"], "it changed nothing");
    }
}

#[test]
fn what_an_agent_may_not_touch_is_refused_and_the_next_attempt_is_told() {
    let plan = RED.replace("merge:", "worktree: { protect: ['ci/**'] }\nmerge:");
    let world = with_agent(
        "cp \"$1\" $top/prompt.$REGATTA_ATTEMPT; echo good >new.txt; [ $REGATTA_ATTEMPT = 2 ] || { mkdir ci; touch ci/x; }",
        &plan,
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let second = world.read(".git/prompt.2");
    assert!(second.contains("it changed protected paths: ci/x") && second.contains("attempt 1"), "{second}");
    assert_eq!((world.path("ci").exists(), world.read("new.txt").as_str()), (false, "good\n"));
}

#[test]
fn an_agent_that_commits_or_leaves_the_branch_moves_nothing_but_the_tip() {
    let world = with_agent(
        "echo good >new.txt; git checkout -q -b elsewhere; git add -A; git commit -qm mine; git rm -q --cached new.txt",
        RED,
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(world.read("new.txt"), "good\n");
    assert_eq!(git(&world, &["log", "-1", "--format=%s", "elsewhere"]), "mine");
    assert_eq!(
        (git(&world, &["log", "--format=%s", "--grep=mine", "main"]).as_str(), worktrees(&world)),
        ("", 0)
    );
}

#[test]
fn what_an_agent_mended_is_kept_over_a_wait_and_paid_once() {
    let world = with_agent(
        "echo x >>$top/calls; echo good >new.txt",
        &RED.replace("merge: {", "merge: { approve: true,"),
    );
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let tip = landing(&world)["tip"].clone();
    world.regatta(&["resume"]).exits(5);
    assert_eq!(landing(&world)["tip"], tip);
    world.regatta(&["merge", "--approve"]).exits(0);
    assert_eq!((world.read(".git/calls").as_str(), world.read("new.txt").as_str()), ("x\n", "good\n"));
}

#[test]
fn after_kill_9_during_an_attempt_to_mend_it_is_made_again_from_the_same_tip() {
    for signal in ["-KILL", "-TERM"] {
        let world = with_agent(
            "git rev-parse HEAD >>$top/tips
[ -e $top/again ] || { touch $top/again; echo half >new.txt; setsid sh -c 'while sleep 0.05; do echo stray >>new.txt; done' & echo up >$top/up; sleep 300; }
echo good >new.txt",
            RED,
        );
        world.fifo(".git/up");
        let mut child = world.start(&["run", "plan.yaml"]);
        world.hear(".git/up");
        let pid = child.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
        child.wait().unwrap();
        world.regatta(&["resume"]).exits(0);
        assert_eq!((world.read("new.txt").as_str(), worktrees(&world)), ("good\n", 0), "{signal}");
        let tips = world.read(".git/tips");
        let tips: Vec<&str> = tips.lines().collect();
        assert!(tips.len() == 2 && tips[0] == tips[1], "{signal}: {tips:?}");
        assert_eq!(landing(&world)["tries"].as_array().unwrap().len(), 1, "{signal}");
    }
}

#[test]
fn a_run_of_an_epic_leaves_a_file_for_each_attempt_to_mend_and_its_post_mortem_names_red_gates() {
    let world = with_agent(
        "echo a gate >&2; [ $REGATTA_ATTEMPT = 1 ] || echo good >new.txt; echo mended it",
        &RED.replace("merge:", "epic: EPIC-9\nmerge:"),
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let read = |n: u32| {
        let text = world.read(&format!(".workflow/outputs/EPIC-9/fix_attempt_{n}.json"));
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let (first, second) = (read(1), read(2));
    assert_eq!(
        (&first["status"], &first["attempt_number"], &first["epic_id"]),
        (&"failed".into(), &1.into(), &"EPIC-9".into())
    );
    assert_eq!((&second["status"], &second["agent_type"]), (&"success".into(), &"bot".into()));
    assert_eq!(first["remaining_issues"][0]["issue"], "good");
    assert_eq!(
        (&second["fixes_applied"][0]["file"], &second["fixes_applied"][0]["fix"]),
        (&"new.txt".into(), &"mended it".into())
    );
    let report = world.read(".workflow/post-mortem/EPIC-9.md");
    assert!(
        report.contains("gate good was red after the merge of a")
            && report.contains("attempts of agents mended"),
        "{report}"
    );
    assert_eq!(world.regatta(&["logs", "--helper", "2"]).exits(0).out, "mended it\n");
    assert_eq!(world.regatta(&["logs", "--helper", "2", "--stderr"]).exits(0).out, "a gate\n");
}

#[test]
fn an_agent_that_mends_has_its_time_and_no_more() {
    let plan = RED.replace("attempts: 2", "attempts: 1, timeout: 1s");
    let world = with_agent("exec sleep 300", &plan);
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let said = landing(&world)["tries"][0]["said"].as_str().unwrap().to_owned();
    assert_eq!(said, "it took longer than its timeout");
}

/// Speaks enough of the Agent Client Protocol, and reports 110 tokens.
const SPENDS: &str = "while read -r line; do id=$(printf %s \"$line\" | sed -n 's/.*\"id\":\\(\"[^\"]*\"\\|[0-9]*\\).*/\\1/p')
case \"$line\" in *initialize*) r='\"protocolVersion\":1' ;; *session/new*) r='\"sessionId\":\"s\"' ;;
*) echo x >>$top/calls; echo worse >new.txt; r='\"stopReason\":\"end_turn\",\"usage\":{\"inputTokens\":90,\"outputTokens\":20,\"totalTokens\":110}' ;; esac
echo \"{\\\"jsonrpc\\\":\\\"2.0\\\",\\\"id\\\":$id,\\\"result\\\":{$r}}\"; done";

#[test]
fn what_an_agent_that_mends_uses_counts_for_the_budget_of_the_run() {
    let world = with_agent(SPENDS, &RED.replace("merge:", "budget: { tokens: 100 }\nmerge:"));
    let plan = world.read("plan.yaml").replace("command: [", "acp: [").replace(", '{prompt_file}'", "");
    world.write("plan.yaml", &plan);
    world.regatta(&["run", "plan.yaml"]).exits(5);
    // The second attempt is not started.
    assert_eq!(world.read(".git/calls"), "x\n");
    let kinds = world.kinds();
    assert!(
        kinds.contains(&"helper_spent".to_owned()) && kinds.contains(&"budget_exhausted".to_owned()),
        "{kinds:?}"
    );
    assert_eq!(world.regatta(&["status", "--json"]).json()["usage"]["tokens"], 110);
    assert!(world.regatta(&["replay"]).exits(0).err.is_empty());
}

const CONFLICT: &str =
    "merge: { on_conflict: resolver, resolver: { agent: bot, attempts: 2 }, gates: ['test ! -e red'] }
tasks: [ { id: a, run: 'echo A >src/b.txt' }, { id: b, run: 'echo B >src/b.txt' } ]
";

#[test]
fn an_agent_resolves_a_conflict_in_exactly_the_paths_that_conflict() {
    let world = with_agent(
        "cp \"$1\" $top/prompt.$REGATTA_ATTEMPT
case $REGATTA_ATTEMPT in 1) touch other; grep -q '<<<<<<<' src/b.txt || exit 9; echo AB >src/b.txt ;; 2) printf 'A\\nB\\n' >src/b.txt ;; esac",
        CONFLICT,
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!((world.read("src/b.txt").as_str(), world.path("other").exists()), ("A\nB\n", false));
    assert!(world.read(".git/prompt.1").contains("- src/b.txt"), "{}", world.read(".git/prompt.1"));
    assert!(world.read(".git/prompt.2").contains("it changed other, which does not conflict"));
    assert_eq!(landing(&world)["conflicts"][0]["resolved"]["src/b.txt"], "agent bot");
    assert_eq!(git(&world, &["log", "-1", "--format=%s %p", "main"]).split(' ').count(), 5);
}

#[test]
fn markers_that_are_left_are_refused_and_then_a_person_resolves() {
    for (script, red) in [("echo done", false), ("echo AB >src/b.txt; echo x >>$top/calls", true)] {
        let gate = if red { "! grep -q AB src/b.txt" } else { "true" };
        let world = with_agent(script, &CONFLICT.replace("test ! -e red", gate));
        let before = belongings(&world);
        let said = world.regatta(&["run", "plan.yaml"]).exits(5);
        assert!(said.out.contains("the work of `b` conflicts in src/b.txt"), "{}", said.out);
        assert_eq!(belongings(&world), before);
        if !red {
            let tries = landing(&world)["tries"].clone();
            assert_eq!(tries.as_array().unwrap().len(), 2);
            assert_eq!(tries[1]["said"], "markers of the conflict are left in src/b.txt");
        }
        let place = integration_worktree(&world).unwrap();
        assert!(std::fs::read_to_string(place.join("src/b.txt")).unwrap().contains("<<<<<<<"));
        std::fs::write(place.join("src/b.txt"), "both\n").unwrap();
        commit_by_hand(&place);
        world.regatta(&["resume"]).exits(0);
        assert_eq!((world.read("src/b.txt").as_str(), worktrees(&world)), ("both\n", 0));
    }
}

#[test]
fn nobody_is_asked_to_mend_what_no_commit_changes() {
    let bot = "echo called >>$top/calls; echo good >new.txt";
    let plan = |gates: &str| {
        format!(
            "merge: {{ gates: [said, good, after], fix: {{ agent: bot, attempts: 2 }} }}
gates: {{ good: {{ run: 'grep -q good new.txt' }}, {gates} }}
tasks: [ {{ id: a, run: 'echo new >new.txt' }} ]
"
        )
    };
    // An expression is about results; what needs it waits for it.
    for (gates, code, called) in [
        ("said: { expr: \"a.status == 'failed'\" }, after: { run: 'true' }", 5, false),
        (
            "said: { expr: \"a.status == 'failed'\", blocking: false }, after: { run: 'true', needs: [said] }",
            5,
            false,
        ),
        ("said: { expr: \"a.status == 'failed'\", blocking: false }, after: { run: 'true' }", 0, true),
    ] {
        let world = with_agent(bot, &plan(gates));
        world.regatta(&["run", "plan.yaml"]).exits(code);
        assert_eq!(world.path(".git/calls").exists(), called, "{gates}");
    }
}

#[test]
fn what_an_agent_leaves_that_no_task_may_leave_is_refused_and_the_next_attempt_is_told() {
    for (deed, said) in [
        ("git init -q inside; echo x >inside/x.txt", "it made a repository of its own inside"),
        (
            "git init -q inside; git -C inside commit -q --allow-empty -m x; git add inside 2>/dev/null",
            "of its own inside",
        ),
        (
            "git commit -qam mine --allow-empty; git update-ref refs/heads/main HEAD",
            "it put its work on refs/heads/main",
        ),
    ] {
        let world = with_agent(
            &format!(
                "cp \"$1\" $top/prompt.$REGATTA_ATTEMPT; echo good >new.txt; [ $REGATTA_ATTEMPT = 2 ] || {{ {deed}; }}"
            ),
            RED,
        );
        world.regatta(&["run", "plan.yaml"]).exits(0);
        let second = world.read(".git/prompt.2");
        assert!(second.contains(said), "{deed}: {second}");
        assert!(!git(&world, &["ls-tree", "-r", "main"]).contains("inside"), "{deed}");
        assert!(!git(&world, &["log", "--format=%s", "main"]).contains("mine"), "{deed}");
        assert_eq!(world.read("new.txt"), "good\n");
    }
}
