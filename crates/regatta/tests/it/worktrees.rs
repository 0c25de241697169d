//! Spec 6 "Worktrees", "Base", "Collect": where tasks work, from what, and what becomes of what they leave.

use crate::repo_world::{belongings, branches, git, repository, with_plan};
use crate::world::World;
use serde_json::Value;

/// Why a task failed, as its event says.
pub fn failure(world: &World, task: &str) -> (String, String) {
    let events = world.regatta(&["events"]).out;
    let line = events.lines().rev().find(|line| {
        line.contains("\"dispatch_failed\"") && line.contains(&format!("\"node_id\":\"{task}\""))
    });
    let event: Value =
        serde_json::from_str(line.unwrap_or_else(|| panic!("{task} did not fail:\n{events}"))).unwrap();
    (event["cause"].as_str().unwrap().to_owned(), event["message"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn each_task_works_on_a_branch_of_its_own_and_the_users_checkout_stays_as_it_is() {
    let world = with_plan(
        "tasks:
  - { id: a, run: 'echo A >>src/a.txt; touch new; test ! -e seen' }
  - { id: b, run: 'test -e new && exit 1; echo B >src/b.txt; git add -A; git commit -qm mine' }
",
    );
    world.write("mine.txt", "not committed");
    world.write("src/b.txt", "changed by the user\n");
    git(&world, &["stash", "push", "-q"]);
    world.write("src/b.txt", "changed again\n");
    let before = belongings(&world);
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(belongings(&world), before);
    assert_eq!(branches(&world), ["a", "b"]);
    let of = |task: &str| format!("regatta/{}/t/{task}", world.run_id());
    assert_eq!(git(&world, &["show", &format!("{}:src/a.txt", of("a"))]), "one\ntwo\nthree\nA");
    assert_eq!(
        git(&world, &["log", "--format=%an|%s", "main..", &of("b"), "--not", "main"]),
        "run (regatta)|mine"
    );
    let trailers = git(&world, &["log", "-1", "--format=%(trailers)", &of("a")]);
    let wanted = format!("Regatta-Run: {}\nRegatta-Task: a\nRegatta-Attempt: 1", world.run_id());
    assert_eq!(trailers.trim(), wanted);
    assert_eq!(
        git(&world, &["log", "-1", "--format=%an <%ae>, %cn", &of("a")]),
        "run (regatta) <regatta@localhost>, Person"
    );
}

#[test]
fn a_task_sees_the_work_of_all_its_ancestors_and_of_nobody_else() {
    let world = with_plan(
        "schedule: waves
tasks:
  - { id: a, run: 'echo A >a.txt' }
  - { id: b, run: 'echo B >b.txt' }
  - { id: other, run: 'echo O >other.txt' }
  - { id: middle, needs: [a], isolation: none, run: 'test ! -e a.txt' }
  - { id: c, needs: [middle, b], run: 'cat a.txt b.txt >c.txt; test ! -e other.txt' }
  - { id: d, needs: [c], run: 'test $(tr -d \"\\n\" <c.txt) = AB' }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    // The same base whatever the timing: merges of ours have a fixed author and date.
    let base =
        |run: &str| git(&world, &["rev-parse", &format!("regatta/{run}/t/c^{{/regatta: base}}^{{tree}}")]);
    let first = base(&world.run_id());
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(base(&world.run_id()), first);
}

#[test]
fn work_that_conflicts_is_met_before_the_dependant_starts() {
    let world = with_plan(
        "tasks:
  - { id: a, run: 'echo A >src/b.txt' }
  - { id: b, run: 'echo B >src/b.txt' }
  - { id: c, needs: [a, b], run: 'touch ran' }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let (cause, message) = failure(&world, "c");
    assert_eq!(cause, "merge_conflict");
    assert!(message.contains("`b`") && message.contains("src/b.txt"), "{message}");
}

#[test]
fn merges_go_by_the_attributes_of_what_is_merged_and_not_by_those_of_the_users_checkout() {
    let world = with_plan(
        "tasks:
  - { id: a, run: 'echo A >src/b.txt' }
  - { id: b, run: 'echo B >src/b.txt' }
  - { id: c, needs: [a, b], run: 'true' }
  - { id: rules, run: 'mkdir -p l && echo \"*.txt merge=union\" >l/.gitattributes' }
  - { id: x, needs: [rules], run: 'echo X >l/l.txt' }
  - { id: y, needs: [rules], run: 'echo Y >l/l.txt' }
  - { id: z, needs: [x, y], run: 'cat l/l.txt >z' }
",
    );
    world.write(".gitattributes", "* merge=union\n");
    world.regatta(&["run", "plan.yaml"]).exits(1);
    assert_eq!(failure(&world, "c").0, "merge_conflict");
    let z = git(&world, &["show", &format!("regatta/{}/t/z:z", world.run_id())]);
    assert_eq!(z, "X\nY");
}

#[test]
fn what_a_worktree_is_given_is_there_and_is_never_committed() {
    let world = with_plan(
        "worktree: { copy: ['.env', 'secrets/*'], setup: ['echo prepared >setup.log'], env: { PORT: '${worktree.port}' } }
tasks:
  - { id: a, run: 'cat .env secrets/key setup.log; echo $PORT; echo x >new.txt; git add -A; git commit -qm mine' }
  - { id: b, run: 'git add -f .env; git commit -qm stolen' }
  - { id: c, run: 'echo $PORT' }
",
    );
    world.write(".gitignore", "*.log\nplan.yaml\n.env\nsecrets\n");
    git(&world, &["commit", "-qam", "ignore"]);
    world.write(".env", "TOKEN=1\n");
    world.write("secrets/key", "k\n");
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let said = world.regatta(&["logs", "a"]).out;
    assert!(said.starts_with("TOKEN=1\nk\nprepared\n2"), "{said}");
    assert_ne!(said.lines().last(), world.regatta(&["logs", "c"]).out.lines().last());
    let a = format!("regatta/{}/t/a", world.run_id());
    assert_eq!(git(&world, &["diff", "--name-only", "main", &a]), "new.txt");
    let (cause, message) = failure(&world, "b");
    assert_eq!(cause, "ownership");
    assert!(message.contains(".env"), "{message}");
}

#[test]
fn what_a_task_may_not_do_fails_its_attempt_with_its_cause() {
    let world = with_plan(
        "worktree: { ownership: reject, shared: [Cargo.lock], protect: ['.github/**'] }
tasks:
  - { id: foreign, files: ['src/a.txt'], run: 'echo x >>src/a.txt; git mv src/b.txt src/c.txt; echo l >Cargo.lock' }
  - { id: guarded, run: 'mkdir .github; echo x >.github/w' }
  - { id: idle, must_change: true, run: 'true' }
  - { id: silent, outputs: [out/made.txt], run: 'echo x >y' }
  - { id: rewriter, run: 'git commit -q --amend -m other; echo x >z; git add z; git commit -qm z' }
  - { id: planter, run: 'echo \"#!/bin/sh\" >$(git rev-parse --git-common-dir)/hooks/post-commit' }
  - { id: half, run: 'echo \"{\\\"status\\\": \\\"partial\\\", \\\"summary\\\": \\\"only one\\\"}\" >$REGATTA_RESULT' }
  - { id: enough, on_partial: accept, run: 'echo \"{\\\"status\\\": \\\"partial\\\"}\" >$REGATTA_RESULT' }
  - { id: wrong, verify: ['test -e good.txt', 'false'], run: 'echo g >good.txt' }
  - { id: crooked, run: 'echo \"*.bin filter=evil\" >.gitattributes; echo x >a.bin' }
limits: { max_parallel: 1 }
",
    );
    let before = belongings(&world);
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let expect = [
        ("foreign", "ownership", "src/b.txt, src/c.txt"),
        ("guarded", "ownership", "protected paths: .github/w"),
        ("idle", "no_change", ""),
        ("silent", "missing_output", "out/made.txt"),
        ("rewriter", "history_rewritten", ""),
        ("planter", "tampered", "hooks/post-commit"),
        ("half", "partial", "only one"),
        ("wrong", "verify", "command 2"),
        ("crooked", "ownership", "a.bin"),
    ];
    for (task, cause, what) in expect {
        let found = failure(&world, task);
        assert!(found.0 == cause && found.1.contains(what), "{task}: {found:?}");
    }
    assert_eq!(world.regatta(&["status", "--json"]).json()["tasks"]["enough"]["status"], "succeeded");
    assert_eq!(belongings(&world), before);
    assert!(!world.path(".git/hooks/post-commit").exists());
    // What a failed attempt left is kept.
    let kept = git(&world, &["for-each-ref", "--format=%(refname)", "refs/regatta"]);
    assert!(kept.lines().count() >= 9, "{kept}");
}

#[test]
fn with_ownership_warn_what_a_task_changed_of_others_is_told_and_taken() {
    let world = with_plan("tasks: [ { id: a, files: [src/a.txt], run: 'echo x >other.txt' } ]\n");
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(said.out.contains("it changed files that are not its own: other.txt"), "{}", said.out);
    // It can be seen afterwards, too.
    let summary = said.out.split_once("\n\nrun ").unwrap().1;
    assert!(
        summary.contains("note         a: it changed files that are not its own: other.txt"),
        "{summary}"
    );
    for look in [&["status"][..], &["explain", "a"], &["post-mortem"]] {
        let said = world.regatta(look).exits(0).out.replace('\\', "");
        assert!(said.contains("it changed files that are not its own: other.txt"), "{look:?}: {said}");
    }
    let rows = world.regatta(&["status", "--json"]).json();
    assert_eq!(rows["tasks"]["a"]["warning"], "it changed files that are not its own: other.txt");
}

#[test]
fn a_retry_begins_where_the_first_attempt_began_and_the_earlier_work_is_kept() {
    let world = with_plan(
        "tasks:
  - id: a
    retry: { max_attempts: 2, backoff: 1ms }
    run: 'test $REGATTA_ATTEMPT = 1 && { echo one >one.txt; exit 1; }; test ! -e one.txt && echo two >two.txt'
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let run = world.run_id();
    assert_eq!(git(&world, &["diff", "--name-only", "main", &format!("regatta/{run}/t/a")]), "two.txt");
    assert_eq!(git(&world, &["diff", "--name-only", "main", &format!("refs/regatta/{run}/a/1")]), "one.txt");
}

#[test]
fn a_worktree_that_cannot_be_prepared_fails_the_attempt_and_says_how() {
    let world =
        with_plan("worktree: { setup: ['echo broken >&2; exit 3'] }\ntasks: [ { id: a, run: 'true' } ]\n");
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let (cause, message) = failure(&world, "a");
    assert_eq!(
        (cause.as_str(), message.contains("command 1 of `setup` failed: exit code 3")),
        ("worktree", true),
        "{message}"
    );
}

#[test]
fn where_no_worktrees_can_be_made_nothing_starts_and_the_reason_is_told() {
    let plan = "version: 1\nisolation: worktree\ntasks: [ { id: a, run: 'touch ran' } ]\n";
    let check = |world: &World, what: &str| {
        let said = world.regatta(&["run", "plan.yaml"]);
        assert!(said.code == Some(4) && said.err.contains(what), "{:?} {}", said.code, said.err);
        assert!(!world.path("ran").exists() && !world.path(".regatta/runs").exists(), "{what}");
    };
    check(&World::with(plan), "is in no git repository");
    let world = World::with(plan);
    git(&world, &["init", "-q"]);
    check(&world, "has no commit yet");
    let world = repository();
    world.write("plan.yaml", &plan.replace("tasks:", "worktree: { base: nowhere }\ntasks:"));
    check(&world, "`nowhere` is no commit");
    let world = repository();
    world.write("plan.yaml", plan);
    git(&world, &["branch", "regatta"]);
    check(&world, "a branch is called `regatta`");
}

#[test]
fn whatever_a_task_does_to_its_worktrees_own_git_the_users_checkout_stays_as_it_is() {
    let aside = "mv $PWD $PWD.aside; ln -s $REGATTA_WORKSPACE $PWD";
    let deeds = [
        "rm .git",
        "rm .git; git init -q .; git add -A; git -c user.name=x -c user.email=x commit -qm own",
        aside,
    ];
    for retry in ["", "retry: { max_attempts: 2, backoff: 1ms },"] {
        for deed in deeds {
            let world = with_plan(&format!(
                "merge: {{ gates: ['true'] }}\ntasks: [ {{ id: a, {retry} run: 'echo x >new.txt; {deed}' }} ]\n"
            ));
            let before = belongings(&world);
            // Attempts that are used up are put before a person.
            world.regatta(&["run", "plan.yaml"]).exits(if retry.is_empty() { 1 } else { 5 });
            assert_eq!(belongings(&world), before, "{deed}");
            let (cause, message) = failure(&world, "a");
            assert!(["tampered", "worktree"].contains(&cause.as_str()), "{deed}: {cause} {message}");
            if deed != aside {
                // Its work is kept all the same.
                let kept = format!("refs/regatta/{}/a/1", world.run_id());
                assert_eq!(git(&world, &["diff", "--name-only", "main", &kept]), "new.txt", "{deed}");
            }
        }
    }
}

#[test]
fn what_git_a_task_asks_when_its_own_is_gone_is_nobodys() {
    let world = with_plan(
        "tasks: [ { id: a, run: 'rm .git; git checkout -q -b stolen && touch found.log; true' } ]\n",
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    assert_eq!(git(&world, &["branch", "--list", "stolen"]), "");
}

#[test]
fn nothing_that_a_repository_plants_is_run_by_us() {
    let world = with_plan(
        "merge: { policy: merge-succeeded, on_conflict: merge-with-rules, gates: ['true'] }
tasks:
  - { id: a, run: 'echo x >x.txt; echo A >src/b.txt' }
  - { id: b, run: 'echo B >src/b.txt' }
  - { id: c, needs: [a], run: 'test -e x.txt' }
",
    );
    // Attributes that name the planted programs: without them nothing would be shown.
    world.write(".gitattributes", "*.bin filter=evil diff=evil\nsrc/* merge=evil\n");
    world.write("tracked.bin", "as it is\n");
    git(&world, &["add", "-A"]);
    git(&world, &["commit", "-q", "-m", "attributes"]);
    let evil = format!("touch {}/evil", world.root().display());
    for hook in [
        "post-checkout",
        "pre-commit",
        "post-commit",
        "post-merge",
        "reference-transaction",
        "pre-merge-commit",
    ] {
        let path = world.path(".git/hooks").join(hook);
        std::fs::write(&path, format!("#!/bin/sh\n{evil}-{hook}\n")).unwrap();
        let rights = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&path, rights).unwrap();
    }
    let keys = ["core.fsmonitor", "core.pager", "core.editor", "diff.external", "core.sshCommand"];
    let of_paths = ["filter.evil.smudge", "filter.evil.clean", "merge.evil.driver", "diff.evil.command"];
    for key in keys.into_iter().chain(of_paths) {
        git(&world, &["config", key, &format!("{evil}-{key}; cat")]);
    }
    // Two tasks conflict, so that a driver would be asked; it is left out, and the rest lands.
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let found: Vec<String> = std::fs::read_dir(world.root())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(found.iter().all(|name| !name.starts_with("evil")), "{found:?}");
    assert_eq!((world.read("x.txt").as_str(), world.read("src/b.txt").as_str()), ("x\n", "A\n"));
}

#[test]
fn two_tasks_without_an_order_that_own_the_same_tracked_file_start_nothing() {
    let tasks = "tasks:
  - { id: a, files: ['src/**'], run: 'echo a >src/a.txt' }
  - { id: b, files: ['**/b.txt'], run: 'echo b >new.txt' }
";
    let world = with_plan(tasks);
    let said = world.regatta(&["run", "plan.yaml"]).exits(3);
    let expect = "error: tasks `a` and `b` both own `src/b.txt` and no order is between them\n\
                  hint: add `needs: [a]` to `b`, or divide the files\n";
    assert!(said.err.ends_with(expect), "{}", said.err);
    assert!(!world.path(".regatta/runs").exists());
    // Nothing that is tracked matches both.
    git(&world, &["rm", "-q", "src/b.txt"]);
    git(&world, &["commit", "-q", "-m", "without b"]);
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let world = with_plan(&format!("worktree: {{ ownership: allow }}\n{tasks}"));
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(said.err.contains("warning: tasks `a` and `b` both own `src/b.txt`"), "{}", said.err);
}
