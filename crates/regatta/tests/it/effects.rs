//! The effect contract after `kill -9` of the orchestrator: what is started again, what waits for a person,
//! what is asked, and what a changed plan or a second orchestrator gets.
//!
//! A task kills its parent, which is the orchestrator; what is unfinished then may have had its effect.

use crate::world::{World, ends, lives, status};

/// Kills the orchestrator once, after the effect.
const KILL_ONCE: &str = "test -e killed || { touch killed; kill -9 $(grep -o [0-9]* .regatta/runs/$REGATTA_RUN_ID/lock | head -n1) $PPID; sleep 60; }";

/// A plan whose task `one` works, kills and ends, with `after` behind it.
fn killed(keys: &str) -> World {
    let world = World::with(&format!(
        "version: 1
tasks:
  - {{ id: before, run: echo before >>ran }}
  - {{ id: one, needs: [before], {keys}, run: 'echo one >>ran; {KILL_ONCE}' }}
  - {{ id: after, needs: [one], run: 'echo after >>ran; echo \"${{one.status}}\"' }}
"
    ));
    assert_eq!(world.regatta(&["run", "plan.yaml"]).code, None, "killed");
    let summary = world.regatta(&["status", "--json"]).exits(0).json();
    assert_eq!(summary["status"], "interrupted");
    assert_eq!(status(&summary, "one"), "running", "as the journal knows it");
    world
}

#[test]
fn a_pure_or_idempotent_task_starts_again_and_nothing_finished_does() {
    for effect in ["pure", "idempotent"] {
        let world = killed(&format!("effect: {effect}"));
        let summary = world.regatta(&["resume", "--json"]).exits(0).json();
        assert_eq!(world.read("ran"), "before\none\none\nafter\n", "{effect}");
        assert_eq!(summary["lost"], 1);
        assert_eq!(summary["tasks"]["one"]["attempts"], 1, "a lost attempt does not count");
        world.regatta(&["replay"]).exits(0);
    }
}

#[test]
fn an_at_most_once_task_waits_for_a_person_and_the_printed_command_goes_on() {
    for effect in ["effect: at-most-once", "tags: [by-default]"] {
        let world = killed(effect);
        let said = world.regatta(&["resume"]).exits(5);
        assert_eq!(world.read("ran"), "before\none\n", "it is never started by itself");
        let id = world.run_id();
        assert_eq!(world.regatta(&["ls", "--json"]).json()[0]["status"], "waiting");
        // The words of the command as printed, up to where a person chooses.
        let printed = said.out.lines().find_map(|line| line.strip_prefix("next: regatta ")).unwrap();
        let mut words: Vec<&str> = printed.split(" --").next().unwrap().split(' ').collect();
        assert_eq!(words, ["answer", &id, "one"], "{printed}");
        words.push("--again");
        let said = world.regatta(&words).exits(0);
        let then: Vec<&str> = said.out.trim().rsplit("regatta ").next().unwrap().split(' ').collect();
        assert_eq!(then, ["resume", &id]);
        world.regatta(&then).exits(0);
        assert_eq!(world.read("ran"), "before\none\none\nafter\n");
        world.regatta(&["replay"]).exits(0);
    }
}

#[test]
fn answering_again_allows_exactly_one_more_attempt() {
    let world = World::with(
        "version: 1\ntasks:\n  - { id: one, run: 'echo x >>ran; kill -9 $(grep -o [0-9]* .regatta/runs/$REGATTA_RUN_ID/lock | head -n1) $PPID; sleep 60' }\n",
    );
    assert_eq!(world.regatta(&["run", "plan.yaml"]).code, None);
    for lines in 2..4 {
        world.regatta(&["resume"]).exits(5);
        world.regatta(&["resume"]).exits(5);
        let id = world.run_id();
        world.regatta(&["answer", &id, "one", "--again"]).exits(0);
        world.regatta(&["answer", &id, "one", "--again"]).exits(2);
        assert_eq!(world.regatta(&["resume"]).code, None);
        assert_eq!(world.read("ran").lines().count(), lines);
    }
}

#[test]
fn an_answer_records_success_with_its_result_or_failure() {
    let world = killed("effect: at-most-once");
    world.regatta(&["resume"]).exits(5);
    world.write("result.json", "{\"n\": [1, \"x\"]}");
    let id = world.run_id();
    world.regatta(&["answer", &id, "one", "--succeeded", "--result", "@result.json"]).exits(0);
    let summary = world.regatta(&["resume", "--json"]).exits(0).json();
    assert_eq!(summary["status"], "succeeded");
    assert_eq!(world.read("ran"), "before\none\nafter\n");

    let world = killed("effect: at-most-once, retry: { max_attempts: 3 }");
    world.regatta(&["resume"]).exits(5);
    let id = world.run_id();
    world.regatta(&["answer", &id, "one", "--failed"]).exits(0);
    let summary = world.regatta(&["resume", "--json"]).exits(1).json();
    assert_eq!(status(&summary, "one"), "failed", "{summary}");
    assert_eq!(status(&summary, "after"), "blocked");
    assert_eq!(world.read("ran"), "before\none\n");
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn reconcile_says_done_not_done_or_unknown() {
    for (command, exit, ran) in [
        ("exit 0", 0, "before\none\nafter\n"),
        ("exit 1", 0, "before\none\none\nafter\n"),
        ("exit 2", 5, "before\none\n"),
        ("kill -9 $$", 5, "before\none\n"),
        ("echo { >\"$REGATTA_RESULT\"", 5, "before\none\n"),
        (
            "echo \"$REGATTA_TASK_ID $REGATTA_ATTEMPT $REGATTA_IDEMPOTENCY_KEY\" >asked",
            0,
            "before\none\nafter\n",
        ),
    ] {
        let world = killed(&format!("effect: reconcile, reconcile: '{command}'"));
        world.regatta(&["resume"]).exits(exit);
        assert_eq!(world.read("ran"), ran, "{command}");
        if command.ends_with("asked") {
            let expect = format!("one 1 {}/one\n", world.run_id());
            assert_eq!(world.read("asked"), expect, "the attempt's environment");
        }
    }
}

#[test]
fn edges_hold_after_kill_9_in_the_middle_of_a_chain() {
    let mut plan = "version: 1\neffect: idempotent\nlimits: { max_parallel: 8 }\ntasks:\n".to_owned();
    for n in 0..12 {
        let needs = if n == 0 { String::new() } else { format!("needs: [c{:02}], ", n - 1) };
        let run = match n {
            3 | 7 => {
                format!(
                    "test -e k{n} || {{ touch k{n}; kill -9 $(grep -o [0-9]* .regatta/runs/$REGATTA_RUN_ID/lock | head -n1) $PPID; sleep 60; }}; echo c{n:02} >>order"
                )
            }
            _ => format!("echo c{n:02} >>order"),
        };
        plan.push_str(&format!("  - {{ id: c{n:02}, {needs}run: '{run}' }}\n"));
        plan.push_str(&format!("  - {{ id: side{n:02}, needs: [c{n:02}], run: 'grep -q c{n:02} order' }}\n"));
    }
    let world = World::with(&plan);
    assert_eq!(world.regatta(&["run", "plan.yaml"]).code, None);
    assert_eq!(world.regatta(&["resume"]).code, None);
    let summary = world.regatta(&["resume", "--json"]).exits(0).json();
    assert_eq!(summary["status"], "succeeded", "{summary}");
    let expect: String = (0..12).map(|n| format!("c{n:02}\n")).collect();
    assert_eq!(world.read("order"), expect);
    let kinds = world.kinds();
    assert_eq!(kinds.iter().filter(|k| *k == "run_resumed").count(), 2);
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn whatever_outlived_the_orchestrator_is_dead_before_the_resume_starts_anything() {
    let world = World::with(
        "version: 1
effect: idempotent
tasks:
  - id: a
    run: |
      if test -e pids; then
        for p in $(cat pids); do grep -s '^State' /proc/$p/status; done >states
        exit 0
      fi
      setsid sh -c 'trap \"\" TERM HUP; echo $$ >>pids; while :; do sleep 0.05; done' &
      (trap '' TERM HUP; while :; do sleep 0.05; done) & echo $! >>pids
      until test $(wc -l <pids) = 2; do sleep 0.01; done
      kill -9 $(grep -o [0-9]* .regatta/runs/$REGATTA_RUN_ID/lock | head -n1) $PPID; sleep 60
",
    );
    assert_eq!(world.regatta(&["run", "plan.yaml"]).code, None);
    world.regatta(&["resume"]).exits(0);
    assert_eq!(world.read("pids").lines().count(), 2);
    let states = world.read("states");
    // A zombie does nothing; it waits for whoever took it over.
    assert!(states.lines().all(|line| line.contains("zombie")), "the second attempt met the first: {states}");
    assert!(world.read("pids").lines().all(|pid| !lives(pid)));
}

#[test]
fn a_changed_plan_is_refused_with_its_differences_and_stored_goes_on() {
    let world = killed("effect: idempotent");
    let text = world.read("plan.yaml");
    let changed = text
        .replace("echo after >>ran", "echo changed >>ran")
        .replace("id: before,", "id: before, priority: P0,");
    world.write("plan.yaml", &changed);
    let said = world.regatta(&["resume"]).exits(3);
    for text in
        ["has changed since run", "task `after`: `", "task `before`: `priority` was", "resume --stored"]
    {
        assert!(said.err.contains(text), "{text} is not in:\n{}", said.err);
    }
    assert_eq!(world.read("ran"), "before\none\n", "nothing was started");
    world.write("plan.yaml", "tasks: [");
    let said = world.regatta(&["resume"]).exits(3);
    assert!(said.err.contains("has errors now"), "{}", said.err);
    world.regatta(&["resume", "--stored"]).exits(0);
    assert_eq!(world.read("ran"), "before\none\none\nafter\n", "what was validated is what runs");
}

#[test]
fn another_order_other_comments_and_a_missing_file_are_no_change() {
    for change in 0..2 {
        let world = killed("effect: idempotent");
        let text = world.read("plan.yaml");
        let (head, tasks) = text.split_once("tasks:\n").unwrap();
        let lines: Vec<&str> = tasks.lines().rev().collect();
        world.write("plan.yaml", &format!("# new\n{head}tasks:\n{}\n", lines.join("\n")));
        if change == 1 {
            std::fs::remove_file(world.path("plan.yaml")).unwrap();
        }
        world.regatta(&["resume"]).exits(0);
        assert_eq!(world.read("ran"), "before\none\none\nafter\n");
    }
}

#[test]
fn a_second_resume_asks_the_first_orchestrator_which_goes_on() {
    let world = World::with(
        "version: 1
tasks:
  - { id: a, run: 'echo up >gate; until test -e go; do sleep 0.01; done; touch done' }
",
    );
    world.fifo("gate");
    let mut child = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear("gate"), "up");
    let id = world.run_id();
    for args in [&["resume"][..], &["resume", &id, "--stored"]] {
        assert_eq!(world.regatta(args).exits(0).out, "the run is not paused\n");
    }
    let said = world.regatta(&["answer", &id, "a", "--failed"]).exits(2);
    assert!(said.err.contains("task `a` is not in doubt"), "{}", said.err);
    let facts = world.regatta(&["status", "--json"]).exits(0).json();
    assert_eq!(facts["orchestrator"]["pid"], child.id());
    assert_eq!(facts["status"], "running");
    world.write("go", "");
    assert_eq!(ends(&mut child), Some(0));
    assert!(world.path("done").exists());
}

#[test]
fn two_resumes_at_once_are_one_resume() {
    let world = killed("effect: idempotent");
    let mut both: Vec<_> = (0..2).map(|_| world.start(&["resume"])).collect();
    let mut codes: Vec<_> = both.iter_mut().map(ends).collect();
    codes.sort();
    assert_eq!(codes, [Some(0), Some(0)], "the later one asks the first to go on, or finds the run ended");
    assert_eq!(world.read("ran"), "before\none\none\nafter\n");
}

#[test]
fn a_task_that_is_lost_every_time_waits_for_a_person_in_the_end() {
    let world = World::with(
        "version: 1
max_lost: 2
tasks:
  - { id: poison, effect: idempotent, run: 'echo x >>ran; kill -9 $(grep -o [0-9]* .regatta/runs/$REGATTA_RUN_ID/lock | head -n1) $PPID; sleep 60' }
",
    );
    assert_eq!(world.regatta(&["run", "plan.yaml"]).code, None);
    assert_eq!(world.regatta(&["resume"]).code, None);
    let said = world.regatta(&["resume"]).exits(5);
    assert_eq!(world.read("ran"), "x\nx\n");
    assert!(said.out.contains("regatta answer"), "{}", said.out);
    let summary = world.regatta(&["status", "--json"]).exits(0).json();
    assert_eq!(status(&summary, "poison"), "in_doubt");
}

#[test]
fn what_a_lost_attempt_or_question_wrote_as_its_result_is_nobodys_input() {
    let world = World::with(
        "version: 1
tasks:
  - id: lost
    effect: idempotent
    run: 'test -e go || { echo 1 >\"$REGATTA_RESULT\"; touch go; kill -9 $(grep -o [0-9]* .regatta/runs/$REGATTA_RUN_ID/lock | head -n1) $PPID; sleep 60; }'
  - { id: use, needs: [lost], run: 'echo \"${lost.result}\" >used' }
",
    );
    assert_eq!(world.regatta(&["run", "plan.yaml"]).code, None);
    let summary = world.regatta(&["resume", "--json"]).exits(1).json();
    assert_eq!(summary["tasks"]["use"]["cause"], "VARIABLE_RESOLUTION_ERROR", "{summary}");
    assert!(!world.path("used").exists());
    let question = "test -e asked || { echo 1 >\"$REGATTA_RESULT\"; touch asked; kill -9 $(grep -o [0-9]* .regatta/runs/$REGATTA_RUN_ID/lock | head -n1) $PPID; sleep 60; }";
    let world = killed(&format!("effect: reconcile, reconcile: '{question}'"));
    assert_eq!(world.regatta(&["resume"]).code, None, "killed while it asked");
    world.regatta(&["resume"]).exits(0);
    let events = world.regatta(&["events"]).out;
    let answered = events.lines().find(|line| line.contains("\"answered\"")).unwrap();
    assert!(!answered.contains("sha256"), "the second question gave no result: {answered}");
}

#[test]
fn a_reconcile_command_may_give_a_result_of_any_size() {
    let world = World::with(&format!(
        "version: 1
tasks:
  - {{ id: one, effect: reconcile, reconcile: '{}', run: 'kill -9 $(grep -o [0-9]* .regatta/runs/$REGATTA_RUN_ID/lock | head -n1) $PPID; sleep 60' }}
  - {{ id: use, run: 'echo \"${{one.result.length}}[${{one.stdout}}]\" >used' }}
  - {{ id: all, run: 'echo \"${{one.result}}\" >all' }}
",
        "printf \"\\042%0100000d\\042\" 1 >\"$REGATTA_RESULT\""
    ));
    assert_eq!(world.regatta(&["run", "plan.yaml"]).code, None);
    world.regatta(&["resume"]).exits(1);
    assert_eq!(world.read("used"), "100000[]\n");
    let said = world.regatta(&["explain", "all"]).exits(0);
    let file = said.out.split_whitespace().find(|word| word.contains("result.stored.json"));
    assert!(file.is_some_and(|file| std::fs::exists(file).unwrap()), "{}", said.out);
}
