//! Spec 6 "Guard": branches and tags that are none of the run's. What a task puts its work on is put back; whatever else happens to
//! them while it works is told, and what they held is kept, because it may have been the user.

use crate::making::git_that;
use crate::repo_world::{git, with_plan};
use crate::world::{World, ends};
use serde_json::Value;

/// What an attempt of a task is told of, whether it failed, and by what cause.
fn end_of(world: &World, task: &str) -> Value {
    let events = world.regatta(&["events"]).out;
    let of_task = format!("\"node_id\":\"{task}\"");
    let ended = |line: &&str| {
        line.contains(&of_task)
            && (line.contains("\"dispatch_failed\"") || line.contains("\"dispatch_succeeded\""))
    };
    let line = events.lines().rev().find(ended).unwrap_or_else(|| panic!("{task} did not end:\n{events}"));
    serde_json::from_str(line).unwrap()
}

/// A user has two branches and a tag, at two commits.
fn theirs(world: &World) -> (String, String) {
    let first = git(world, &["rev-parse", "HEAD"]);
    git(world, &["branch", "gone"]);
    git(world, &["tag", "moved"]);
    git(world, &["commit", "-q", "--allow-empty", "-m", "second"]);
    git(world, &["branch", "it's"]);
    (first, git(world, &["rev-parse", "HEAD"]))
}

fn all_told(world: &World, said: &str) -> (Vec<String>, Vec<String>) {
    let (_, told) = said.split_once("  note ").unwrap_or_else(|| panic!("no note: {said}"));
    let (_, told) = told.split_once("while it worked, ").unwrap_or_else(|| panic!("not told: {told}"));
    let told = told.split(" (if that was not you").next().unwrap().split("; ").map(str::to_owned).collect();
    let prefix = format!("refs/regatta/{}/+ref", world.run_id());
    let held = git(world, &["for-each-ref", "--format=%(objectname)", &prefix]);
    (told, held.lines().map(str::to_owned).collect())
}

#[test]
fn refs_that_change_while_a_task_works_are_told_and_what_they_held_is_kept() {
    let world = with_plan(
        "tasks: [ { id: a, run: 'git branch -q -D gone; git tag -f moved main; git branch new; echo a >a.txt' } ]\n",
    );
    let (first, second) = theirs(&world);
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    let (told, held) = all_told(&world, &said.out);
    let (first, second) = (first.as_str(), &second[..10]);
    let short = &first[..10];
    let wanted = [
        format!("refs/heads/gone went from {short}"),
        format!("refs/heads/new was made at {second}"),
        format!("refs/tags/moved moved from {short} to {second}"),
    ];
    assert_eq!((told, held), (wanted.to_vec(), vec![first.to_owned()]));
    assert!(end_of(&world, "a")["cause"].is_null());
}

#[test]
fn the_command_that_is_told_undoes_what_happened_to_a_ref_whatever_its_name() {
    for deed in [
        "git update-ref $(git for-each-ref --format=%\\(refname\\) \"refs/heads/it*\") main~1",
        "git branch -q -D $(git for-each-ref --format=%\\(refname:short\\) \"refs/heads/it*\")",
        "git branch \"ne;w\"",
    ] {
        let world = with_plan(&format!("tasks:\n  - id: a\n    run: |\n      {deed}\n      echo a >a.txt\n"));
        theirs(&world);
        let refs = || {
            let all = git(&world, &["for-each-ref", "--format=%(refname) %(objectname)", "refs/heads"]);
            all.lines().filter(|line| !line.contains("/regatta/")).map(str::to_owned).collect::<Vec<_>>()
        };
        let before = refs();
        let said = world.regatta(&["run", "plan.yaml"]).exits(0).out;
        assert_ne!(refs(), before, "{deed}: {said}");
        let (_, command) =
            said.split_once("if that was not you: ").unwrap_or_else(|| panic!("{deed}: {said}"));
        let command = command.split(")\n").next().unwrap();
        let done = std::process::Command::new("sh").args(["-c", command]).current_dir(world.root()).status();
        assert!(done.unwrap().success(), "{command}");
        assert_eq!(refs(), before, "{command}");
    }
}

/// Puts what the task commits on the user's branch, past the gates.
const LANDS_ITSELF: &str =
    "echo a >a.txt; git add a.txt; git commit -qm mine; git update-ref refs/heads/main HEAD";

#[test]
fn a_branch_that_a_task_put_its_work_on_is_put_back_and_the_attempt_is_tampered() {
    let checked_out =
        "git checkout -q other; echo a >a.txt; git add a.txt; git commit -qm mine; echo more >>a.txt";
    for (deed, branch) in [(LANDS_ITSELF, "main"), (checked_out, "other")] {
        let world = with_plan(&format!("tasks: [ {{ id: a, run: '{deed}' }} ]\n"));
        git(&world, &["branch", "other"]);
        let before = git(&world, &["rev-parse", branch]);
        world.regatta(&["run", "plan.yaml"]).exits(1);
        let end = end_of(&world, "a");
        assert_eq!(end["cause"], "tampered", "{end}");
        let said = format!("it put its work on refs/heads/{branch}; that was put back");
        assert!(end["message"].as_str().unwrap().contains(&said), "{end}");
        assert_eq!(git(&world, &["rev-parse", branch]), before);
        assert_eq!(git(&world, &["status", "--porcelain", "--untracked-files=no"]), "");
        let left = format!("refs/regatta/{}/a/1:a.txt", world.run_id());
        assert!(git(&world, &["show", &left]).starts_with('a'), "its work is kept");
    }
}

#[test]
fn a_gate_that_is_a_task_and_puts_commits_of_its_own_on_a_branch_is_tampered_as_every_attempt() {
    let world = with_plan(
        "gates: { t: { run: 'echo x >x.txt; git add x.txt; git commit -qm x; git branch -f gone HEAD' } }
tasks: [ { id: a, run: 'echo a >a.txt' }, { id: g, needs: [a], gate: t } ]
",
    );
    let (first, _) = theirs(&world);
    world.regatta(&["run", "plan.yaml"]);
    let end = end_of(&world, "g");
    assert_eq!(end["cause"], "tampered", "{end}");
    let said = end["message"].as_str().unwrap();
    assert!(said.contains("it put its work on refs/heads/gone; that was put back"), "{said}");
    assert_eq!(git(&world, &["rev-parse", "gone"]), first);
}

#[test]
fn who_put_its_work_on_one_of_many_branches_that_moved_is_found_without_a_question_for_each() {
    let mut world = with_plan(
        "tasks:
  - id: a
    run: |
      for n in $(seq 60); do git branch -f many$n main; done
      echo a >a.txt; git add a.txt; git commit -qm a; git branch -f many7 HEAD
",
    );
    for n in 1..=60 {
        git(&world, &["branch", &format!("many{n}")]);
    }
    let (first, second) = theirs(&world);
    let log = world.path("log").display().to_string();
    git_that(&mut world, "echo \"$*\" | grep -q 'rev-list --max-count'", &format!("echo call >>{log}"));
    world.regatta(&["run", "plan.yaml"]);
    assert_eq!(end_of(&world, "a")["cause"], "tampered");
    assert_eq!(git(&world, &["rev-parse", "many7", "many8"]), format!("{first}\n{second}"));
    let calls = world.read("log").lines().count();
    assert!((1..6).contains(&calls), "{calls} calls");
}

#[test]
fn whoever_put_its_work_on_a_branch_is_blamed_also_if_another_ended_first() {
    let world = with_plan(&format!(
        "tasks:
  - {{ id: a, run: '{LANDS_ITSELF}~0; echo up >$REGATTA_WORKSPACE/.git/up; cat $REGATTA_WORKSPACE/.git/go' }}
  - {{ id: b, run: 'cat $REGATTA_WORKSPACE/.git/up; echo b >b.txt' }}
  - {{ id: c, needs: [b], isolation: none, run: 'echo go >$REGATTA_WORKSPACE/.git/go' }}
"
    ));
    for name in [".git/go", ".git/up"] {
        world.fifo(name);
    }
    let before = git(&world, &["rev-parse", "main"]);
    world.regatta(&["run", "plan.yaml"]).exits(1);
    assert_eq!(end_of(&world, "a")["cause"], "tampered");
    assert!(end_of(&world, "b")["cause"].is_null());
    assert_eq!(git(&world, &["rev-parse", "main"]), before);
}

#[test]
fn what_a_person_commits_in_a_checkout_of_theirs_while_a_task_works_is_theirs_and_not_told() {
    let world = with_plan(
        "merge: { gates: ['true'] }
tasks: [ { id: a, run: 'echo a >a.txt; cd $REGATTA_WORKSPACE; git commit -q --allow-empty -m theirs; git checkout -q -b more; git commit -q --allow-empty -m more; git checkout -q main' } ]
",
    );
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(!said.out.contains("refs/heads/main") && !said.out.contains("refs/heads/more"), "{}", said.out);
    assert!(git(&world, &["log", "--format=%s", "main"]).contains("theirs"));
    assert_eq!(git(&world, &["log", "-1", "--format=%s", "more"]), "more");
}

#[test]
fn that_a_branch_came_to_have_the_work_of_a_task_by_a_checkout_of_the_users_is_told() {
    let world = with_plan(
        "tasks: [ { id: a, run: 'echo a >a.txt; git add a.txt; git commit -qm mine; git -C $REGATTA_WORKSPACE merge -q $(git rev-parse HEAD)' } ]\n",
    );
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(said.out.contains("refs/heads/main has its work, by a checkout of the user's"), "{}", said.out);
    assert_eq!(git(&world, &["log", "-1", "--format=%s", "main"]), "mine");
}

#[test]
fn what_a_gate_does_to_a_ref_is_told_where_work_lands() {
    let world = with_plan(
        "merge: { gates: ['git tag -d moved; git tag -f new'] }
tasks: [ { id: a, run: 'echo a >a.txt' } ]
",
    );
    theirs(&world);
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let findings = world.regatta(&["status", "--json"]).json()["landing"]["findings"].to_string();
    assert!(
        findings.contains("refs/tags/moved went") && findings.contains("refs/tags/new was made"),
        "{findings}"
    );
}

#[test]
fn what_happened_to_a_ref_while_nobody_watched_is_told_by_whoever_takes_the_run_over() {
    let world = with_plan(
        "tasks: [ { id: a, run: 't=$REGATTA_WORKSPACE/.git; echo up >$t/up; cat $t/go; git branch -D gone; echo a >a.txt; echo up >$t/up; cat $t/go' } ]\n",
    );
    theirs(&world);
    for name in [".git/go", ".git/up"] {
        world.fifo(name);
    }
    let mut run = world.start(&["run", "plan.yaml"]);
    world.hear(".git/up");
    run.kill().unwrap();
    run.wait().unwrap();
    std::fs::write(world.path(".git/go"), "go\n").unwrap();
    world.hear(".git/up");
    let mut resumed = world.start(&["resume"]);
    std::fs::write(world.path(".git/go"), "go\n").unwrap();
    assert_eq!(ends(&mut resumed), Some(0));
    let told = world.regatta(&["status"]).out;
    assert!(told.contains("refs/heads/gone went"), "{told}");
}
