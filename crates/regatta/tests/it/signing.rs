//! Spec 6 "merge.commit": what lands of our own commits is signed as the user signs, and commits of tasks are not.

use crate::repo_world::{belongings, git, git_in, with_plan};
use crate::world::{World, ends};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

const TASKS: &str = "tasks:
  - { id: a, run: 'echo a >a.txt; git add -A; git commit -qm one; echo aa >aa.txt' }
  - { id: b, needs: [a], run: 'echo b >b.txt' }
";

/// A plan whose merges are to be signed.
fn plan(merge: &str) -> World {
    with_plan(&format!("merge: {{ commit: {{ sign: true }}, {merge} }}\n{TASKS}"))
}

/// Gives the repository a key for signatures; a test says that it is skipped where none can be made.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn has_key(world: &World) -> bool {
    let key = world.path(".git/key");
    let mut make = Command::new("ssh-keygen");
    make.args(["-q", "-t", "ed25519", "-N", "", "-C", "person", "-f"]).arg(&key);
    if !make.status().is_ok_and(|status| status.success()) {
        eprintln!("signing: skipped: ssh-keygen is not installed");
        return false;
    }
    let public = world.read(".git/key.pub");
    world.write(".git/signers", &format!("person@example.com {public}"));
    git(world, &["config", "gpg.format", "ssh"]);
    git(world, &["config", "user.signingkey", &format!("{}.pub", key.display())]);
    git(world, &["config", "gpg.ssh.allowedSignersFile", &world.path(".git/signers").display().to_string()]);
    true
}

#[test]
fn what_lands_of_our_own_commits_is_signed_and_commits_of_tasks_are_not() {
    for strategy in ["no-ff", "squash", "rebase"] {
        let world = plan(&format!("strategy: {strategy}, gates: ['test -e a.txt']"));
        if !has_key(&world) {
            return;
        }
        let begun = git(&world, &["rev-parse", "main"]);
        world.regatta(&["run", "plan.yaml"]).exits(0);
        let ours = git(&world, &["rev-list", "--first-parent", &format!("{begun}..main")]);
        assert!(ours.lines().count() >= 2, "{strategy}: {ours}");
        for commit in ours.lines() {
            git(&world, &["verify-commit", commit]);
        }
        for commit in git(&world, &["rev-list", &format!("{begun}..main")]).lines() {
            let signed = git(&world, &["cat-file", "commit", commit]).contains("gpgsig");
            assert_eq!(signed, ours.contains(commit), "{strategy}: {commit}");
        }
        assert_eq!((world.read("aa.txt"), world.read("b.txt")), ("aa\n".to_owned(), "b\n".to_owned()));
        let landing = world.regatta(&["status", "--json"]).json()["landing"].clone();
        assert_eq!(landing["tip"], git(&world, &["rev-parse", "main"]), "{strategy}");
        world.regatta(&["replay"]).exits(0);
    }
}

#[test]
fn a_person_answers_once_although_what_lands_is_signed_after_that() {
    let world = plan("approve: true, gates: ['true']");
    if !has_key(&world) {
        return;
    }
    world.regatta(&["run", "plan.yaml"]).exits(5);
    world.regatta(&["merge", "--approve"]).exits(0);
    git(&world, &["verify-commit", "main"]);
}

#[test]
fn who_cannot_sign_is_told_before_anything_starts() {
    let world = plan("gates: ['true']");
    git(&world, &["config", "gpg.format", "ssh"]);
    let said = world.regatta(&["run", "plan.yaml"]).exits(4);
    assert!(
        said.err.contains("`merge.commit.sign` cannot be") && said.err.contains("hint: "),
        "{}",
        said.err
    );
    assert!(!world.path(".regatta/runs").exists());
}

#[test]
fn a_key_that_is_gone_when_work_is_to_land_leaves_the_target_where_it_is_and_the_run_goes_on_with_one() {
    let world = with_plan(&format!(
        "merge: {{ commit: {{ sign: true }}, gates: ['cd $(git rev-parse --path-format=absolute --git-common-dir); test -e key.gone || mv key key.gone'] }}\n{TASKS}"
    ));
    if !has_key(&world) {
        return;
    }
    let before = belongings(&world);
    let said = world.regatta(&["run", "plan.yaml"]).exits(5);
    assert!(said.out.contains("what is to land cannot be signed"), "{}", said.out);
    assert_eq!(belongings(&world), before);
    git_in(&world.path(".git"), &["--version"]);
    std::fs::rename(world.path(".git/key.gone"), world.path(".git/key")).unwrap();
    world.write(".git/key.gone", "");
    world.regatta(&["resume"]).exits(0);
    git(&world, &["verify-commit", "main"]);
}

#[test]
fn a_program_that_a_task_names_for_signatures_signs_nothing_although_the_run_is_taken_up_meanwhile() {
    let world = with_plan("");
    if !has_key(&world) {
        return;
    }
    let top = world.path(".git").display().to_string();
    let evil = world.path(".git/evil");
    world.write(".git/evil", &format!("#!/bin/sh\ntouch {top}/evil-ran\nexec ssh-keygen \"$@\"\n"));
    std::fs::set_permissions(&evil, std::fs::Permissions::from_mode(0o755)).unwrap();
    let task = format!(
        "git config gpg.ssh.program {}; echo up >{top}/up; read word <{top}/go; echo a >a.txt",
        evil.display()
    );
    let plan = world.read("plan.yaml");
    let merge = "merge: { commit: { sign: true }, policy: merge-succeeded, gates: ['true'] }";
    // One after the other: what is found of two that work at once could be put on either.
    let tasks =
        format!("tasks: [ {{ id: a, needs: [b], run: '{task}' }}, {{ id: b, run: 'echo b >b.txt' }} ]");
    world.write("plan.yaml", &format!("{plan}{merge}\n{tasks}\n"));
    world.fifo(".git/up");
    world.fifo(".git/go");
    let mut run = world.start(&["run", "plan.yaml"]);
    world.hear(".git/up");
    run.kill().unwrap();
    run.wait().unwrap();
    let mut resumed = world.start(&["resume"]);
    std::fs::write(world.path(".git/go"), "on\n").unwrap();
    assert_eq!(ends(&mut resumed), Some(1));
    git(&world, &["verify-commit", "main"]);
    assert_eq!((world.read("b.txt").as_str(), world.path("a.txt").exists()), ("b\n", false));
    assert!(!world.path(".git/evil-ran").exists(), "a program of a task's has signed");
}
