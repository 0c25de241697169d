//! Spec 6 "Merge": every pair and the full order are predicted, all conflicts at once, and prediction and merge agree.

use crate::making::git_that;
use crate::repo_world::{belongings, commit_by_hand, git, integration_worktree, repository, with_plan};
use crate::world::World;
use serde_json::{Value, json};

const CONFLICT: &str = "tasks:
  - { id: a, run: 'echo A >src/b.txt' }
  - { id: b, run: 'echo B >src/b.txt; echo B >src/a.txt' }
  - { id: c, run: 'echo C >src/a.txt' }
  - { id: child, needs: [b], run: 'echo c >child.txt' }
  - { id: free, run: 'echo f >free.txt' }
";

fn forecast(world: &World, code: i32) -> Value {
    world.regatta(&["merge", "--dry-run", "--json"]).exits(code).json()
}

#[test]
fn a_dry_run_shows_all_conflicts_at_once_and_moves_nothing() {
    let world = with_plan(&format!("merge: {{ gates: ['true'] }}\n{CONFLICT}"));
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let before = (belongings(&world), git(&world, &["for-each-ref"]), git(&world, &["worktree", "list"]));
    let said = world.regatta(&["merge", "--dry-run"]).exits(1);
    let after = (belongings(&world), git(&world, &["for-each-ref"]), git(&world, &["worktree", "list"]));
    assert_eq!(after, before);
    insta::assert_snapshot!(said.out.split_once('\n').unwrap().1, @"
      1  a      merges
      2  b      conflicts in src/b.txt
      3  c      merges
      4  free   merges
      5  child  contains work that conflicts
      2 pairs in conflict:
            1  2  3
         1  -  x  .
         2  x  -  x
         3  .  x  -
        a and b: src/b.txt
        b and c: src/a.txt
      would land: nothing
    ");
    let seen = forecast(&world, 1);
    let pairs: Vec<(&str, &str)> = seen["pairs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| (pair["first"].as_str().unwrap(), pair["second"].as_str().unwrap()))
        .collect();
    assert_eq!(pairs, [("a", "b"), ("b", "c")]);
    let merges: Vec<&str> =
        seen["order"].as_array().unwrap().iter().map(|step| step["merge"].as_str().unwrap()).collect();
    assert_eq!(merges, ["clean", "conflict", "clean", "clean", "upstream"]);
}

#[test]
fn what_is_foreseen_is_what_is_merged() {
    for strategy in ["no-ff", "squash", "rebase"] {
        let world = with_plan(&format!(
            "merge: {{ strategy: {strategy}, gates: ['true'] }}
tasks:
  - {{ id: a, run: 'sed -i s/one/ONE/ src/a.txt' }}
  - {{ id: b, run: 'sed -i s/three/THREE/ src/a.txt' }}
  - {{ id: c, needs: [a, b], run: 'echo c >>src/b.txt' }}
"
        ));
        world.regatta(&["run", "plan.yaml"]).exits(0);
        let said = world.regatta(&["merge", "--dry-run"]).exits(0).out;
        assert!(said.contains(", as it was merged:") && !said.contains("would land"), "{said}");
        let seen = forecast(&world, 0);
        assert_eq!((seen["clean"].clone(), seen["pairs"].clone()), (true.into(), json!([])));
        assert_eq!(seen["order"][2]["tree"].as_str().unwrap(), git(&world, &["rev-parse", "main^{tree}"]));
    }
}

#[test]
fn a_landing_that_waits_goes_on_with_merge_continue_and_only_such_a_one() {
    let world = with_plan(
        "merge: { on_conflict: manual-escalation, gates: ['true'] }
tasks:
  - { id: a, run: 'echo A >src/b.txt' }
  - { id: b, run: 'echo B >src/b.txt' }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let place = integration_worktree(&world).unwrap();
    std::fs::write(place.join("src/b.txt"), "both\n").unwrap();
    commit_by_hand(&place);
    world.regatta(&["merge", "--continue"]).exits(0);
    assert_eq!(world.read("src/b.txt"), "both\n");
    let said = world.regatta(&["merge", "--continue", &world.run_id()]).exits(2);
    assert!(said.err.contains("waits for nobody"), "{}", said.err);
    world.regatta(&["merge"]).exits(2);
}

#[test]
fn a_run_without_worktrees_has_nothing_to_merge() {
    let world = repository();
    world.write("plan.yaml", "version: 1\ntasks: [ { id: a, run: 'true' } ]\n");
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let said = world.regatta(&["merge", "--dry-run"]).exits(2);
    assert!(said.err.contains("no task of run") && said.err.contains("isolation: worktree"), "{}", said.err);
}

#[test]
fn what_a_branch_changed_is_asked_once_however_many_there_are() {
    let tasks = |n| format!("  - {{ id: t{n}, run: 'echo {n} >new-{n}.txt' }}\n");
    let tasks: String = (0..12).map(tasks).collect();
    let mut world = with_plan(&format!("merge: {{ gates: ['true'] }}\ntasks:\n{tasks}"));
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let log = world.path("log");
    git_that(&mut world, "echo \"$*\" | grep -q diff-tree", &format!("echo asked >>{}", log.display()));
    world.regatta(&["merge", "--dry-run"]).exits(0);
    assert_eq!(std::fs::read_to_string(log).unwrap().lines().count(), 12);
}

const OUT: &str = "policy: merge-succeeded, on_gate_failure: take-out";
const THREE: &str = "tasks:
  - { id: a, run: 'echo a >a.txt' }
  - { id: b, run: 'echo b >b.txt' }
  - { id: c, needs: [b], run: 'echo c >c.txt' }
";

/// How each task of a dry run merges.
fn steps(seen: &Value) -> Vec<&str> {
    seen["order"].as_array().unwrap().iter().map(|step| step["merge"].as_str().unwrap()).collect()
}

#[test]
fn of_a_run_that_has_landed_a_dry_run_shows_what_was_merged_and_what_was_left_out() {
    let world = with_plan(&format!("merge: {{ {OUT}, gates: ['test ! -e b.txt'] }}\n{THREE}"));
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let seen = forecast(&world, 1);
    assert_eq!((steps(&seen), &seen["clean"]), (vec!["clean", "left_out", "upstream"], &json!(false)));
    let said = world.regatta(&["merge", "--dry-run"]).exits(1);
    insta::assert_snapshot!(said.out.split_once('\n').unwrap().1, @"
      1  a  merges
      2  b  is left out
            a gate said no
      3  c  contains work that is left out
    ");
}

#[test]
fn a_dry_run_leaves_out_what_somebody_has_refused() {
    let world = with_plan(&format!("merge: {{ {OUT}, approve: true, gates: ['true'] }}\n{THREE}"));
    world.regatta(&["run", "plan.yaml"]).exits(5);
    assert_eq!(steps(&forecast(&world, 0)), ["clean", "clean", "clean"]);
    world.regatta(&["merge", "--reject", "--task", "b"]).exits(5);
    let seen = forecast(&world, 1);
    assert_eq!(steps(&seen), ["clean", "left_out", "upstream"]);
    let said = world.regatta(&["merge", "--dry-run"]).exits(1).out;
    assert!(said.contains("would land, if its gates pass: 1 of 3 tasks"), "{said}");
    // The same once the rest has landed.
    world.regatta(&["merge", "--approve"]).exits(1);
    assert_eq!(steps(&forecast(&world, 1)), ["clean", "left_out", "upstream"]);
}
