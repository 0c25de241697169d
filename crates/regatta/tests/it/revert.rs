//! Spec 6 "Landing": `revert` takes back what a run landed by inverse commits, in a worktree of its own, behind the same gates.

use crate::repo_world::{branches, git, with_plan, worktrees};
use crate::world::World;

const TASKS: &str = "tasks:
  - { id: a, run: 'sed -i s/one/ONE/ src/a.txt' }
  - { id: b, needs: [a], run: 'echo b >new.txt; git add -A; git commit -qm mine; echo more >>new.txt' }
";

fn landed(merge: &str) -> (World, String) {
    let world = with_plan(&format!("merge: {{ {merge} }}\n{TASKS}"));
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let id = world.run_id();
    (world, id)
}

#[test]
fn what_a_run_landed_is_taken_back_by_inverse_commits_and_nothing_else_is() {
    for merge in ["gates: ['true']", "strategy: squash, gates: ['true']"] {
        let (world, id) = landed(merge);
        let before = git(&world, &["rev-parse", "main~2^{tree}"]);
        world.write("later.txt", "later\n");
        git(&world, &["add", "later.txt"]);
        git(&world, &["commit", "-qm", "later"]);
        let tip = git(&world, &["rev-parse", "main"]);
        world.regatta(&["revert", &id]).exits(0);
        assert_eq!(
            (world.read("src/a.txt").as_str(), world.path("new.txt").exists()),
            ("one\ntwo\nthree\n", false)
        );
        assert_eq!(world.read("later.txt"), "later\n");
        // It is a run like any other: nothing is rewritten, and it lands by a merge.
        assert_eq!(git(&world, &["rev-parse", "main^1"]), tip);
        git(&world, &["rm", "-q", "later.txt"]);
        assert_eq!(git(&world, &["write-tree"]), before);
        assert_eq!((branches(&world), worktrees(&world)), (vec![], 0));
        assert!(git(&world, &["log", "-3", "--format=%s"]).contains("take back run"));
    }
}

#[test]
fn a_run_is_taken_back_once_and_the_inverse_can_be_taken_back_too() {
    let (world, id) = landed("gates: ['true']");
    world.regatta(&["revert", &id]).exits(0);
    let said = world.regatta(&["revert", &id]).exits(2);
    assert!(said.err.contains("was taken back by run"), "{}", said.err);
    world.regatta(&["revert", &world.run_id()]).exits(0);
    assert_eq!(world.read("new.txt"), "b\nmore\n");
}

#[test]
fn the_gates_of_the_run_check_its_inverse() {
    let (world, id) = landed("gates: ['test ! -e gone || test -e new.txt']");
    world.write("gone", "");
    git(&world, &["add", "gone"]);
    git(&world, &["commit", "-qm", "from now on new.txt is needed"]);
    let tip = git(&world, &["rev-parse", "main"]);
    world.regatta(&["revert", &id]).exits(1);
    assert_eq!((git(&world, &["rev-parse", "main"]), world.read("new.txt")), (tip, "b\nmore\n".to_owned()));
}

#[test]
fn what_does_not_fit_any_more_is_refused_or_fails_and_moves_nothing() {
    let (world, id) = landed("gates: ['true']");
    world.write("src/a.txt", "quite another\n");
    git(&world, &["commit", "-qam", "over it"]);
    let tip = git(&world, &["rev-parse", "main"]);
    let said = world.regatta(&["revert", &id]).exits(1);
    assert!(said.out.contains("failed     revert"), "{}", said.out);
    assert!(said.out.contains("conflicts with what came after it, in src/a.txt"), "{}", said.out);
    assert_eq!(git(&world, &["rev-parse", "main"]), tip);
    git(&world, &["reset", "-q", "--hard", "main~3"]);
    let said = world.regatta(&["revert", &id]).exits(4);
    assert!(said.err.contains("does not contain what the run landed any more"), "{}", said.err);
    let strange = with_plan("merge: { gates: ['true'] }\ntasks: [ { id: a, run: 'echo x >\"ä b.txt\"' } ]\n");
    strange.regatta(&["run", "plan.yaml"]).exits(0);
    strange.write("ä b.txt", "y\n");
    git(&strange, &["commit", "-qam", "over it"]);
    let said = strange.regatta(&["revert", &strange.run_id()]).exits(1);
    let as_git_says = r#"in "\303\244 b.txt""#;
    assert!(said.out.contains(as_git_says), "{}", said.out);
    let plain = with_plan("tasks: [ { id: a, run: 'true' } ]\n");
    plain.regatta(&["run", "plan.yaml"]).exits(0);
    let said = plain.regatta(&["revert", &plain.run_id()]).exits(2);
    assert!(said.err.contains("has landed nothing"), "{}", said.err);
}

#[test]
fn of_what_is_gone_already_nothing_is_taken_back_and_that_is_said() {
    // Two tasks write the same: the inverse of the second merge is empty.
    for merge in ["gates: ['true']", "strategy: squash, gates: ['true']"] {
        let world = with_plan(&format!(
            "merge: {{ {merge} }}\ntasks: [ {{ id: a, run: 'echo x >>src/b.txt' }}, {{ id: b, run: 'echo x >>src/b.txt' }} ]\n"
        ));
        world.regatta(&["run", "plan.yaml"]).exits(0);
        let said = world.regatta(&["revert", &world.run_id()]).exits(0);
        assert_eq!(world.read("src/b.txt"), "b\n", "{}", said.out);
    }
    // A person took a part of it back before.
    let (world, id) = in_two_files();
    git(&world, &["rm", "-q", "b.txt"]);
    git(&world, &["commit", "-qm", "without b"]);
    let said = world.regatta(&["revert", &id]).exits(0);
    assert!(said.err.contains("taking back 1 commit of run"), "{}", said.err);
    assert!(said.err.contains("nothing of 1 commit is left to take back: "), "{}", said.err);
    assert!(!world.path("a.txt").exists() && !world.path("b.txt").exists());
    // Who asks a program to look, or does not wait, is told of it too, and standard output stays theirs.
    for more in ["--json", "--detach"] {
        let (world, id) = in_two_files();
        git(&world, &["rm", "-q", "b.txt"]);
        git(&world, &["commit", "-qm", "without b"]);
        let said = world.regatta(&["revert", &id, more]).exits(0);
        assert!(said.err.contains("nothing of 1 commit is left to take back: "), "{}", said.err);
        assert!(!said.out.contains("is left") && !said.err.contains("taking back"), "{}", said.err);
        world.follow("run_ended", 1);
    }
}

/// That its tree is as it was says nothing of a commit that git could not take back: what keeps large files cannot be reached.
#[test]
fn what_git_cannot_take_back_fails_with_its_words_and_nothing_lands() {
    let world = with_plan(
        "merge: { gates: ['true'] }\ntasks: [ { id: a, run: 'git rm -q a.bin' }, { id: b, run: 'echo b >b.txt' } ]\n",
    );
    let smudge = format!("test ! -e '{}' && cat", world.path("away.log").display());
    for (key, value) in [("clean", "cat"), ("smudge", &smudge), ("required", "true")] {
        git(&world, &["config", &format!("filter.far.{key}"), value]);
    }
    world.write(".gitattributes", "*.bin filter=far\n");
    world.write("a.bin", "large\n");
    git(&world, &["add", "-A"]);
    git(&world, &["commit", "-qm", "a large file"]);
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let (id, tip) = (world.run_id(), git(&world, &["rev-parse", "main"]));
    world.write("away.log", "");
    let said = world.regatta(&["revert", &id]).exits(1);
    assert!(said.out.contains("failed     revert"), "{}", said.out);
    assert_eq!(git(&world, &["rev-parse", "main"]), tip);
    let log = world.regatta(&["logs", "revert", "--stderr"]).exits(0).out;
    assert!(log.contains("a.bin: smudge filter far failed"), "{log}");
    let log = world.regatta(&["logs", "revert"]).exits(0).out;
    assert!(!log.contains("is left to take back"), "{log}");
}

#[test]
fn where_nothing_is_left_to_take_back_no_run_begins() {
    let (world, id) = in_two_files();
    git(&world, &["rm", "-q", "a.txt", "b.txt"]);
    git(&world, &["commit", "-qm", "without both"]);
    let said = world.regatta(&["revert", &id]).exits(2);
    assert!(said.err.contains("nothing is left to take back of what run"), "{}", said.err);
    assert_eq!(world.run_id(), id);
}

fn in_two_files() -> (World, String) {
    let tasks = "tasks: [ { id: a, run: 'echo a >a.txt' }, { id: b, run: 'echo b >b.txt' } ]";
    let world = with_plan(&format!("merge: {{ gates: ['true'] }}\n{tasks}\n"));
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let id = world.run_id();
    (world, id)
}

#[test]
fn a_run_whose_work_had_all_landed_before_says_so_in_its_status_and_where_it_is_to_be_taken_back() {
    let world = with_plan("merge: { gates: ['true'] }\ntasks: [ { id: a, run: 'echo a >a.txt' } ]\n");
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let first = world.run_id();
    world.regatta(&["run", "plan.yaml", "--reuse", &first]).exits(0);
    let second = world.run_id();
    let said = world.regatta(&["status", &second]).exits(0).out;
    assert!(said.contains(", which had all of it before"), "{said}");
    let said = world.regatta(&["revert", &second]).exits(2).err;
    assert!(said.contains("had all of it before"), "{said}");
    assert!(said.contains(&format!("regatta revert {first}")), "{said}");
}
