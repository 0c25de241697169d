//! Spec 6 "Merge": `rebase` and `ff-only`. What is foreseen is what lands, and git proves that what is done is merged.

use crate::repo_world::{belongings, branches, git, git_in, with_plan, worktrees};
use crate::world::World;
use serde_json::Value;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

fn landing(world: &World) -> Value {
    world.regatta(&["status", "--json"]).json()["landing"].clone()
}

fn findings(world: &World) -> Vec<String> {
    let landing = landing(world);
    let all = landing["findings"].as_array().unwrap();
    all.iter().map(|f| format!("{}: {}", f["task"].as_str().unwrap(), f["said"].as_str().unwrap())).collect()
}

/// The tree that a dry run sees at the end is the one that landed.
fn foreseen(world: &World) {
    let seen = world.regatta(&["merge", "--dry-run", "--json"]).exits(0).json();
    let last = seen["order"].as_array().unwrap().last().unwrap();
    assert_eq!(last["tree"].as_str().unwrap(), git(world, &["rev-parse", "main^{tree}"]));
}

fn log(world: &World, format: &str, range: &str) -> Vec<String> {
    let out = git(world, &["log", "--reverse", &format!("--format={format}"), range]);
    out.lines().map(str::to_owned).collect()
}

#[test]
fn rebase_puts_the_commits_of_each_task_into_one_line_as_they_were_written() {
    let commit =
        "GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@x GIT_AUTHOR_DATE=\"1700000000 +0130\" git commit -qm";
    let world = with_plan(&format!(
        "merge: {{ strategy: rebase, gates: ['true'] }}
tasks:
  - id: a
    run: |
      echo a >a.txt; git add -A; {commit} \"first of a

      Signed-off-by: Ada <ada@x>\"
      echo aa >>a.txt
  - {{ id: b, run: 'sed -i s/three/THREE/ src/a.txt; git commit -qam \"of b\"' }}
  - {{ id: c, needs: [a, b], run: 'sed -i s/one/ONE/ src/a.txt; echo c >>a.txt' }}
"
    ));
    let before = git(&world, &["rev-parse", "main"]);
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(said.out.contains("landed       3 tasks on main"), "{}", said.out);
    let range = format!("{before}..main");
    assert_eq!(git(&world, &["rev-list", "--merges", "--count", &range]), "0");
    let rows = log(&world, "%an|%ad|%cn|%(trailers:key=Regatta-Task,valueonly,separator=%x2C)", &range);
    let parts: Vec<Vec<&str>> = rows.iter().map(|row| row.split('|').collect()).collect();
    assert_eq!(parts.iter().map(|row| row[3]).collect::<Vec<_>>(), ["a", "a", "b", "c"]);
    assert_eq!((parts[0][0], parts[0][2]), ("Ada", "Person"));
    assert!(parts[0][1].ends_with("+0130"), "{rows:?}");
    let first = git(&world, &["rev-list", "--reverse", &range]).lines().next().unwrap().to_owned();
    let message = git(&world, &["show", "-s", "--format=%B", &first]);
    let run = world.run_id();
    assert_eq!(
        message,
        format!("first of a\n\nSigned-off-by: Ada <ada@x>\nRegatta-Run: {run}\nRegatta-Task: a")
    );
    // What an attempt left is still known by its number.
    let attempts = log(&world, "%(trailers:key=Regatta-Attempt,valueonly,separator=%x2C)", &range);
    assert_eq!(attempts, ["", "1", "", "1"]);
    assert_eq!(world.read("src/a.txt"), "ONE\ntwo\nTHREE\n");
    assert_eq!(
        (world.read("a.txt").as_str(), branches(&world), worktrees(&world)),
        ("a\naa\nc\n", vec![], 0)
    );
    foreseen(&world);
}

#[test]
fn a_commit_that_adds_nothing_any_more_is_dropped_and_that_is_said() {
    let world = with_plan(
        "merge: { strategy: rebase, gates: ['true'] }
tasks:
  - { id: a, run: 'sed -i s/one/ONE/ src/a.txt' }
  - { id: b, run: 'sed -i s/one/ONE/ src/a.txt; git commit -qam twin; git commit -q --allow-empty -m empty; echo b >b.txt' }
  - { id: c, run: 'sed -i s/one/ONE/ src/a.txt; git commit -qam again' }
",
    );
    let before = git(&world, &["rev-parse", "main"]);
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(git(&world, &["rev-list", "--count", &format!("{before}..main")]), "2");
    let told = findings(&world);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].starts_with("b: commit ") && told[0].ends_with("(twin) adds nothing and is dropped"));
    assert!(told[1].contains("(empty)") && told[2].starts_with("c: ") && told[2].contains("(again)"));
    assert!(said.out.contains("note         b: commit"), "{}", said.out);
    // Nothing of c is left to land, and git says that its work is there.
    assert_eq!(world.regatta(&["status", "--json"]).json()["tasks"]["c"]["status"], "succeeded");
    foreseen(&world);
}

#[test]
fn a_history_with_a_merge_or_a_commit_that_does_not_fit_by_itself_becomes_one_commit() {
    let world = with_plan(
        "merge: { strategy: rebase, gates: ['true'] }
tasks:
  - { id: a, run: 'echo A >src/b.txt' }
  - id: forked
    run: |
      git checkout -qb side; echo s >s.txt; git add -A; git commit -qm side
      git checkout -q -; echo m >m.txt; git add -A; git commit -qm mine
      git merge -q --no-ff -m joined side; git branch -qD side
  - { id: there, run: 'cp src/b.txt old; echo T >src/b.txt; git commit -qam there; mv old src/b.txt; echo t >t.txt' }
",
    );
    let before = git(&world, &["rev-parse", "main"]);
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let subjects = log(&world, "%s", &format!("{before}..main"));
    assert_eq!(subjects.len(), 3, "{subjects:?}");
    assert_eq!(subjects[1..], ["Merge forked: forked", "Merge there: there"]);
    assert_eq!(git(&world, &["rev-list", "--merges", "--count", &format!("{before}..main")]), "0");
    let told = findings(&world);
    assert!(told[0].starts_with("forked: its own history has a merge"), "{told:?}");
    assert!(told[1].starts_with("there: commit ") && told[1].contains("does not fit by itself"), "{told:?}");
    assert_eq!((world.read("src/b.txt").as_str(), world.read("t.txt").as_str()), ("A\n", "t\n"));
    foreseen(&world);
}

#[test]
fn with_squash_and_rebase_a_conflict_is_against_where_the_work_began_and_a_person_resolves_it() {
    for strategy in ["squash", "rebase"] {
        let world = with_plan(&format!(
            "merge: {{ strategy: {strategy}, on_conflict: manual-escalation, gates: ['true'] }}
tasks:
  - {{ id: a, run: 'echo A >src/b.txt' }}
  - {{ id: b, run: 'echo B >src/b.txt' }}
  - {{ id: child, needs: [b], run: 'echo c >child.txt' }}
"
        ));
        let start = git(&world, &["rev-parse", "main"]);
        world.regatta(&["run", "plan.yaml"]).exits(5);
        let list = git(&world, &["worktree", "list", "--porcelain"]);
        let mut paths = list.lines().filter_map(|line| line.strip_prefix("worktree "));
        let place = std::path::Path::new(paths.find(|path| path.ends_with("-integration")).unwrap());
        assert!(std::fs::read_to_string(place.join("src/b.txt")).unwrap().contains("<<<<<<<"));
        std::fs::write(place.join("src/b.txt"), "both\n").unwrap();
        git_in(place, &["-c", "user.name=P", "-c", "user.email=p@x", "commit", "-qa", "--no-edit"]);
        world.regatta(&["merge", "--continue"]).exits(0);
        // What builds on the losing side is no conflict again.
        assert_eq!((world.read("src/b.txt").as_str(), world.read("child.txt").as_str()), ("both\n", "c\n"));
        let range = format!("{start}..main");
        let shape =
            ["--merges", "--no-merges"].map(|which| git(&world, &["rev-list", which, "--count", &range]));
        assert_eq!(shape, ["0", "3"], "{strategy}");
        // The crutches of the merge are no part of what landed.
        assert!(!git(&world, &["log", "--format=%s", "main"]).contains("stand-in"));
    }
}

#[test]
fn rules_resolve_conflicts_of_a_rebase_and_the_piece_is_one_commit() {
    let world = with_plan(
        "merge: { strategy: rebase, on_conflict: merge-with-rules, rules: [ { paths: '*.md', use: union } ], gates: ['true'] }
tasks:
  - { id: a, run: 'echo A >n.md' }
  - { id: b, run: 'echo B >n.md; git add -A; git commit -qm one; echo b >b.txt' }
  - { id: child, needs: [b], run: 'echo C >>n.md' }
",
    );
    let start = git(&world, &["rev-parse", "main"]);
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(world.read("n.md"), "A\nB\nC\n");
    assert_eq!(git(&world, &["rev-list", "--count", &format!("{start}..main")]), "3");
}

#[test]
fn ff_only_lands_the_very_commits_and_makes_none() {
    let world = with_plan(
        "merge: { strategy: ff-only, gates: ['true'] }
tasks:
  - { id: a, run: 'echo a >a.txt; git add -A; git commit -qm mine; echo aa >>a.txt' }
  - { id: b, needs: [a], run: 'echo b >>a.txt' }
  - { id: look, needs: [b], run: 'cat a.txt' }
",
    );
    let before = git(&world, &["rev-parse", "main"]);
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(world.read("a.txt"), "a\naa\nb\n");
    let of_b = format!("refs/regatta/{}/b", world.run_id());
    assert_eq!(
        git(&world, &["for-each-ref", "--format=%(objectname)", &of_b]),
        git(&world, &["rev-parse", "main"])
    );
    assert_eq!(git(&world, &["rev-list", "--count", &format!("{before}..main")]), "3");
    foreseen(&world);
}

#[test]
fn ff_only_lands_nothing_where_the_target_has_gone_another_way() {
    let world = with_plan(
        "merge: { strategy: ff-only, gates: ['true'] }
tasks:
  - { id: a, run: 'echo a >a.txt; git -C $REGATTA_WORKSPACE commit -q --allow-empty -m theirs' }
  - { id: b, needs: [a], run: 'echo b >>a.txt' }
",
    );
    let said = world.regatta(&["run", "plan.yaml"]).exits(1);
    assert_eq!(git(&world, &["log", "-1", "--format=%s", "main"]), "theirs");
    assert!(said.out.contains("note         a: it does not descend from "), "{}", said.out);
    let tasks = world.regatta(&["status", "--json"]).json()["tasks"].clone();
    assert_eq!(
        (tasks["a"]["cause"].as_str(), tasks["b"]["cause"].as_str()),
        (Some("not_landed"), Some("upstream"))
    );
    let before = belongings(&world);
    let dry = world.regatta(&["merge", "--dry-run"]).exits(1);
    assert!(dry.out.contains("a  does not descend from what it would come upon"), "{}", dry.out);
    assert!(dry.out.contains("b  contains work that cannot be taken as it is"), "{}", dry.out);
    assert!(dry.out.contains("would land: nothing"), "{}", dry.out);
    assert_eq!(belongings(&world), before);
}

#[test]
fn ff_only_wants_an_order_between_all_tasks_and_nothing_that_makes_commits_between_them() {
    let tasks = "tasks: [ { id: a, run: x }, { id: b, needs: [a], run: x }, { id: c, needs: [a], run: x } ]";
    let world = with_plan(&format!("merge: {{ strategy: ff-only, gates: ['true'] }}\n{tasks}\n"));
    let said = world.regatta(&["check", "plan.yaml"]).exits(3);
    assert!(said.err.contains("wants an order between all tasks, and `b` and `c` have none"), "{}", said.err);
    assert!(said.err.contains("add `needs: [b]` to `c`, or use `strategy: rebase`"), "{}", said.err);
    for (more, told) in [
        ("on_conflict: manual-escalation", "`on_conflict: manual-escalation` has no use"),
        ("fix: { agent: f }", "no commit can be put between two tasks"),
    ] {
        let world = with_plan(&format!(
            "agents: {{ f: {{ command: ['true'] }} }}\nmerge: {{ strategy: ff-only, {more}, gates: ['true'] }}\ntasks: [ {{ id: a, run: x }} ]\n"
        ));
        let said = world.regatta(&["check", "plan.yaml"]).exits(3);
        assert!(said.err.contains(told), "{}", said.err);
    }
    // Tasks without a worktree leave nothing that could land.
    let world = with_plan(
        "merge: { strategy: ff-only, gates: ['true'] }
tasks: [ { id: a, run: 'echo a >a.txt' }, { id: b, isolation: none, run: 'true' } ]\n",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
}

#[test]
fn what_was_rebased_or_taken_as_it_is_can_be_taken_back() {
    for strategy in ["rebase", "ff-only"] {
        let world = with_plan(&format!(
            "merge: {{ strategy: {strategy}, gates: ['true'] }}
tasks:
  - {{ id: a, run: 'sed -i s/one/ONE/ src/a.txt' }}
  - {{ id: b, needs: [a], run: 'echo b >new.txt; git add -A; git commit -qm mine; echo more >>new.txt' }}
"
        ));
        let before = git(&world, &["rev-parse", "main^{tree}"]);
        world.regatta(&["run", "plan.yaml"]).exits(0);
        world.regatta(&["revert", &world.run_id()]).exits(0);
        assert_eq!(git(&world, &["rev-parse", "main^{tree}"]), before, "{strategy}");
    }
}

#[test]
fn nothing_lands_if_git_does_not_find_the_work_that_counts_as_merged() {
    // A git that says of every commit that nothing contains it, and finds no trailers; what merging would add it tells truly.
    let path = std::env::var("PATH").unwrap();
    let lies = "case \" $* \" in
  *' rev-list --stdin '*) exec grep -v '^^' ;;
  *key=Regatta-Run*) exit 0 ;;
esac";
    for (strategy, code) in [("no-ff", 5), ("rebase", 0)] {
        let mut world = with_plan(&format!(
            "merge: {{ strategy: {strategy}, gates: ['true'] }}\ntasks: [ {{ id: a, run: 'echo a >a.txt' }} ]\n"
        ));
        world.write("bin/git", &format!("#!/bin/sh\n{lies}\nPATH='{path}' exec git \"$@\"\n"));
        std::fs::set_permissions(world.path("bin/git"), Permissions::from_mode(0o755)).unwrap();
        let before = git(&world, &["rev-parse", "main"]);
        world.set("PATH", &format!("{}:{path}", world.path("bin").display()));
        let said = world.regatta(&["run", "plan.yaml"]).exits(code);
        if code == 5 {
            assert_eq!(git(&world, &["rev-parse", "main"]), before);
            assert!(said.out.contains("the work of `a` is not in "), "{}", said.out);
        }
    }
}
