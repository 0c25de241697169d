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
