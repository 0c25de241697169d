//! Spec 6 "Life": `worktree ls | gc | adopt`, `diff`, `open`: what there is, what may go and what is kept, and how a person
//! takes a worktree up.

use crate::repo_world::{belongings, branches, git, git_in, with_plan};
use crate::world::{World, ends, signal};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

const TWO: &str = "tasks:
  - { id: a, run: 'echo A >>src/a.txt; touch new' }
  - { id: b, run: 'echo B >b.txt; exit 1' }
";

/// The row of a task.
fn row(world: &World, task: &str) -> Value {
    let all = world.regatta(&["worktree", "ls", "--all", "--json"]).exits(0).json();
    let found = all["worktrees"].as_array().unwrap().iter().find(|row| row["task"] == task);
    found.unwrap_or_else(|| panic!("{task}: {all}")).clone()
}

fn state(world: &World, task: &str) -> String {
    row(world, task)["state"].as_str().unwrap().to_owned()
}

fn place(world: &World, task: &str) -> PathBuf {
    PathBuf::from(row(world, task)["path"].as_str().unwrap())
}

/// Two tasks that ended, one well.
fn ended() -> World {
    let world = with_plan(TWO);
    world.regatta(&["run", "plan.yaml"]).exits(1);
    world
}

#[test]
fn every_worktree_is_listed_with_its_state_and_what_is_not_ours_is_named_as_such() {
    let world = ended();
    let a = place(&world, "a");
    fs::write(a.join("more.txt"), "not committed").unwrap();
    let dir = ".regatta/worktrees";
    fs::create_dir(world.path(&format!("{dir}/.gone-1-old"))).unwrap();
    fs::create_dir(world.path(&format!("{dir}/theirs"))).unwrap();
    git(&world, &["worktree", "add", "-q", "--detach", &format!("{dir}/mine")]);
    let said = world.regatta(&["worktree", "ls"]).exits(0).out;
    let run = world.run_id();
    let lines: Vec<String> =
        said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let has =
        |start: &str, end: &str| lines.iter().any(|line| line.starts_with(start) && line.ends_with(end));
    assert!(has(&format!("{} a completed", &run[..8]), "1 path not committed"), "{said}");
    assert!(has(&format!("{} b failed", &run[..8]), "clean"), "{said}");
    assert!(has(&a.display().to_string(), &format!("on regatta/{run}/t/a")), "{said}");
    assert!(said.contains(".gone-1-old: could not be deleted whole"), "{said}");
    assert!(said.contains("mine: a worktree that no run made; left alone"), "{said}");
    assert!(said.contains("theirs: git knows no worktree there; left alone"), "{said}");
    let facts = world.regatta(&["worktree", "ls", "--json"]).json();
    let row = &facts["worktrees"][0];
    assert_eq!((&row["task"], &row["dirty"]), (&"a".into(), &true.into()));
    assert_eq!(row["unsaved_paths"], serde_json::json!(["more.txt"]));
    assert_eq!(facts["others"].as_array().unwrap().len(), 3);
}

#[test]
fn the_state_follows_the_life_of_the_task() {
    let world = with_plan(
        "merge: { gates: ['true'] }
tasks:
  - { id: a, run: 'echo A >a.txt' }
  - { id: b, needs: [a], run: 'echo up >$REGATTA_WORKSPACE/up; read x <$REGATTA_WORKSPACE/go; echo B >b.txt' }
",
    );
    world.fifo("up");
    world.fifo("go");
    let mut child = world.start(&["run", "plan.yaml"]);
    world.hear("up");
    assert_eq!((state(&world, "a").as_str(), state(&world, "b").as_str()), ("completed", "in_progress"));
    let said = world.regatta(&["worktree", "gc", "--delete", "--force", "--older-than", "0"]).exits(0).out;
    assert!(said.contains("kept ") && said.contains("a process of its run lives"), "{said}");
    fs::write(world.path("go"), "go\n").unwrap();
    assert_eq!(ends(&mut child), Some(0));
    assert_eq!((state(&world, "a").as_str(), state(&world, "b").as_str()), ("cleaned", "cleaned"));
    assert_eq!(world.regatta(&["worktree", "ls"]).out, "no worktree of a run is there\n");
}

#[test]
fn gc_shows_first_and_removes_only_what_nobody_can_lose_anything_by() {
    let world = ended();
    let before = belongings(&world);
    let (a, b) = (place(&world, "a"), place(&world, "b"));
    fs::write(a.join("more.txt"), "not committed").unwrap();
    let left = world.path(".regatta/worktrees/.gone-1-old");
    fs::create_dir_all(left.join("shut")).unwrap();
    fs::write(left.join("shut/file"), "x").unwrap();
    fs::set_permissions(left.join("shut"), Permissions::from_mode(0o000)).unwrap();
    let foreign = world.path(".regatta/worktrees/theirs");
    fs::create_dir(&foreign).unwrap();
    let said = world.regatta(&["worktree", "gc"]).exits(0).out;
    assert!(said.contains(&format!("kept      {}: 1 path not committed", a.display())), "{said}");
    assert!(said.contains(&format!("would go  {}\n", b.display())), "{said}");
    assert!(said.ends_with("nothing was removed; next: regatta worktree gc --delete\n"), "{said}");
    assert!(b.exists() && left.exists());
    let said = world.regatta(&["worktree", "gc", "--delete"]).exits(0).out;
    assert!(said.ends_with("1 worktree, 1 leftover and 0 old refs removed\n"), "{said}");
    assert!(a.exists() && !b.exists() && !left.exists() && foreign.exists(), "{said}");
    // What was not merged keeps its branch.
    assert_eq!(branches(&world), ["a", "b"]);
    let facts = world.regatta(&["worktree", "gc", "--delete", "--force", "--json"]).exits(0).json();
    assert_eq!(facts["deleted"], true);
    assert!(!a.exists() && foreign.exists());
    assert_eq!((branches(&world).len(), belongings(&world)), (2, before));
}

#[test]
fn a_commit_that_no_branch_holds_is_not_lost_with_its_worktree() {
    let world = ended();
    let a = place(&world, "a");
    git_in(&a, &["checkout", "-q", "--detach"]);
    git_in(&a, &["commit", "-q", "--allow-empty", "-m", "mine"]);
    let head = git_in(&a, &["rev-parse", "HEAD"]);
    let said = world.regatta(&["worktree", "gc", "--delete"]).exits(0).out;
    assert!(said.contains(&format!("no branch holds commit {}", &head[..10])), "{said}");
    git_in(&a, &["branch", "saved"]);
    world.regatta(&["worktree", "gc", "--delete"]).exits(0);
    assert!(!a.exists());
}

#[test]
fn worktrees_and_commits_of_a_run_that_waits_are_nobodys_to_remove() {
    let world = with_plan(
        "merge: { on_conflict: manual-escalation, gates: ['true'] }
tasks:
  - { id: a, run: 'echo A >src/b.txt' }
  - { id: b, run: 'echo B >src/b.txt' }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(5);
    assert_eq!((state(&world, "a").as_str(), state(&world, "b").as_str()), ("completed", "conflict"));
    let all = ["worktree", "gc", "--delete", "--force", "--older-than", "0", "--keep-commits", "0"];
    let said = world.regatta(&all).exits(0).out;
    assert_eq!(said.matches("its run has not ended").count(), 3, "{said}");
    assert!(said.ends_with("0 worktrees, 0 leftovers and 0 old refs removed\n"), "{said}");
    // Once it has ended, the merge that a person left half done is unsaved work like any other.
    world.regatta(&["cancel"]).exits(0);
    world.regatta(&["resume"]).exits(1);
    let said = world.regatta(&["worktree", "gc", "--delete"]).exits(0).out;
    assert!(said.contains("-integration: 1 path not committed"), "{said}");
    assert!(said.contains("2 worktrees, 0 leftovers"), "{said}");
}

#[test]
fn commits_of_a_run_go_when_they_are_old_and_unmerged_branches_stay() {
    let world = ended();
    let kept = || git(&world, &["for-each-ref", "--format=%(refname)", "refs/regatta", "refs/regatta-base"]);
    assert_eq!(kept().lines().count(), 3, "{}", kept());
    world.regatta(&["worktree", "gc", "--delete"]).exits(0);
    assert_eq!(kept().lines().count(), 3);
    let said = world.regatta(&["worktree", "gc", "--keep-commits", "0"]).exits(0).out;
    assert!(said.contains("3 old refs would go"), "{said}");
    world.regatta(&["worktree", "gc", "--delete", "--keep-commits", "0"]).exits(0);
    assert_eq!(kept(), "");
    assert_eq!(branches(&world), ["a", "b"]);
    world.regatta(&["worktree", "gc", "--older-than", "soon"]).exits(2);
}

#[test]
fn a_worktree_of_a_run_that_the_journal_forgot_goes_only_when_it_is_old() {
    let world = ended();
    let a = place(&world, "a");
    world.regatta(&["gc", "--delete", "--keep", "0", "--older-than", "0"]).exits(0);
    let facts = world.regatta(&["worktree", "ls", "--json"]).json();
    assert_eq!(facts["worktrees"][0]["state"], "unknown", "{facts}");
    let said = world.regatta(&["worktree", "gc", "--delete"]).exits(0).out;
    assert!(said.contains("the journal knows no such run, and it was touched lately"), "{said}");
    world.regatta(&["worktree", "gc", "--delete", "--older-than", "0"]).exits(0);
    assert!(!a.exists());
    assert_eq!(branches(&world), ["a", "b"]);
}

#[test]
fn a_missing_worktree_is_made_again_from_its_branch_and_a_foreign_directory_is_refused() {
    let world = ended();
    let (run, a) = (world.run_id(), place(&world, "a"));
    world.regatta(&["open", "a"]).exits(0);
    fs::remove_dir_all(&a).unwrap();
    assert_eq!(row(&world, "a")["there"], "missing");
    let said = world.regatta(&["open", "a"]).exits(4).err;
    assert!(said.contains(&format!("`regatta worktree adopt {run} a` makes it again")), "{said}");
    fs::create_dir(&a).unwrap();
    fs::write(a.join("theirs"), "x").unwrap();
    // Git still keeps something for that place, so it asks git: nothing that is committed there is touched.
    git(&world, &["worktree", "unlock", &a.display().to_string()]);
    fs::remove_dir_all(&a).unwrap();
    git(&world, &["worktree", "prune"]);
    fs::create_dir(&a).unwrap();
    let said = world.regatta(&["worktree", "adopt", &run, "a"]).exits(4).err;
    assert!(said.contains("is there and is not ours"), "{said}");
    fs::remove_dir(&a).unwrap();
    let said = world.regatta(&["worktree", "adopt", &run, "a"]).exits(0).out;
    assert!(said.starts_with("made again  "), "{said}");
    assert_eq!(git_in(&a, &["status", "--porcelain", "--branch"]), format!("## regatta/{run}/t/a"));
    assert!(a.join("new").exists());
    // Without its branch, from what is kept of the attempt.
    world.regatta(&["worktree", "gc", "--delete"]).exits(0);
    git(&world, &["branch", "-D", &format!("regatta/{run}/t/b")]);
    world.regatta(&["worktree", "adopt", &run, "b"]).exits(0);
    assert!(place(&world, "b").join("b.txt").exists());
    world.regatta(&["worktree", "adopt", &run, "nobody"]).exits(2);
}

#[test]
fn what_a_lost_attempt_left_is_kept_when_its_worktree_is_made_anew_committed_or_not() {
    for commit in ["", "git add -A; git commit -qm mine;"] {
        let world = with_plan(&format!(
            "tasks:
  - id: a
    run: |
      test ! -e $REGATTA_WORKSPACE/once.log || exit 0
      touch $REGATTA_WORKSPACE/once.log; echo precious >work.txt; {commit} echo $PPID >$REGATTA_WORKSPACE/up; sleep 600
"
        ));
        world.fifo("up");
        let mut child = world.start(&["run", "plan.yaml"]);
        let keeper: i32 = world.hear("up").parse().unwrap();
        signal(&child, Signal::KILL);
        ends(&mut child);
        kill_process(Pid::from_raw(keeper).unwrap(), Signal::KILL).unwrap();
        world.regatta(&["resume"]).exits(0);
        let kept = git(&world, &["for-each-ref", "--format=%(refname)", "refs/regatta/*/a/left-before-*"]);
        assert_eq!(kept.lines().count(), 1, "{commit}: {kept}");
        assert_eq!(git(&world, &["show", &format!("{kept}:work.txt")]), "precious");
    }
}

#[test]
fn diff_shows_what_a_task_changed_and_nothing_of_it_steers_a_terminal() {
    let world = with_plan(
        "tasks:
  - { id: a, run: 'echo A >>src/a.txt; rm src/b.txt; printf \"\\033[31mred\\n\" >new.txt; printf \"\\0\\1\" >bin' }
  - { id: idle, needs: [a], isolation: none, run: 'true' }
",
    );
    let all = ["config", "diff.external", "touch evil; cat"];
    git(&world, &all);
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let said = world.regatta(&["diff", "a", "--json"]).exits(0).json();
    let files: Vec<String> = said["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| format!("{} {} {}", file["path"], file["change"], file["added"]).replace('"', ""))
        .collect();
    assert_eq!(
        files,
        ["bin created null", "new.txt created 1", "src/a.txt modified 1", "src/b.txt deleted 0"]
    );
    assert_eq!(said["commits"].as_array().unwrap().len(), 1);
    assert!(world.regatta(&["diff", "a", "--stat"]).exits(0).out.contains("4 files changed"));
    // Piped, it is a patch that can be applied; the binary file too.
    world.write("a.patch", &world.regatta(&["diff", "a"]).exits(0).out);
    git(&world, &["apply", "--index", "a.patch"]);
    let tree = git(&world, &["write-tree"]);
    assert_eq!(tree, git(&world, &["rev-parse", &format!("regatta/{}/t/a^{{tree}}", world.run_id())]));
    assert!(!world.path("evil").exists());
    let said = world.regatta(&["diff", "idle"]).exits(2).err;
    assert!(said.contains("works in the workspace itself"), "{said}");
    world.regatta(&["diff", "nobody"]).exits(2);
}

#[test]
fn open_prints_the_command_that_goes_into_a_worktree_and_into_its_agents_session() {
    let world = ended();
    let a = place(&world, "a");
    assert_eq!(world.regatta(&["open", "a"]).exits(0).out, format!("cd {}\n", a.display()));
    // What an agent leaves beside its attempt.
    let record = "{\"agent\":\"coder\",\"driver\":\"claude\",\"in_worktree\":true,\"session\":\"5f3a-1\"}";
    fs::create_dir_all(world.run_dir().join("attempts/1")).unwrap();
    fs::write(world.run_dir().join("attempts/1/agent.json"), record).unwrap();
    let said = world.regatta(&["open", "a"]).exits(0).out;
    assert_eq!(said, format!("cd {} && claude --resume 5f3a-1\n", a.display()));
    let facts = world.regatta(&["open", "a", "--json"]).json();
    assert_eq!((&facts["session"], &facts["agent"]), (&"5f3a-1".into(), &"coder".into()));
}
