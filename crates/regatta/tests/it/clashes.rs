//! Spec 6 "Base": a resolution is used again where the same three meet, if these three decided it.

use crate::repo_world::{git, git_in, with_plan, worktree_at};
use crate::world::World;

#[test]
fn what_roles_decided_among_predecessors_is_decided_anew_where_other_roles_meet() {
    let world = with_plan(
        "merge: { on_conflict: merge-with-rules, rules: [ { paths: 'src/*.txt', use: by-role } ], gates: ['true'] }
tasks:
  - { id: a, role: docs, run: 'echo A >src/b.txt' }
  - { id: a0, role: security, run: 'echo A >src/b.txt' }
  - { id: b, role: architecture, run: 'echo B >src/b.txt' }
  - { id: c, needs: [a, b], run: 'cp src/b.txt seen-by-c' }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    // Before `c` docs yields to architecture; where all of it lands, security is among those who said the other.
    assert_eq!((world.read("seen-by-c").as_str(), world.read("src/b.txt").as_str()), ("B\n", "A\n"));
}

/// A repository that names another one, and two tasks that move it to different commits.
fn with_other_repository(merge: &str) -> World {
    let moves = |digit: &str| {
        format!("git update-index --cacheinfo 160000,{},other; git commit -qm moved", digit.repeat(40))
    };
    let world = with_plan(&format!(
        "merge: {{ {merge}, gates: ['true'] }}
tasks:
  - {{ id: a, run: '{}' }}
  - {{ id: b, run: '{}' }}
  - {{ id: c, needs: [a, b], run: 'git rev-parse HEAD:other >seen-by-c' }}
",
        moves("1"),
        moves("2")
    ));
    git(&world, &["update-index", "--add", "--cacheinfo", &format!("160000,{},other", "0a".repeat(20))]);
    git(&world, &["commit", "-q", "-m", "another repository"]);
    std::fs::create_dir(world.path("other")).unwrap();
    world
}

#[test]
fn a_person_resolves_which_commit_of_another_repository_is_meant_before_a_dependant_begins() {
    let world = with_other_repository("on_conflict: manual-escalation");
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let place = worktree_at(&world, "-base-c-").unwrap();
    let theirs = "3".repeat(40);
    git_in(&place, &["update-index", "--cacheinfo", &format!("160000,{theirs},other")]);
    git_in(&place, &["-c", "user.name=P", "-c", "user.email=p@x", "commit", "-qm", "by hand"]);
    world.regatta(&["resume"]).exits(0);
    assert_eq!(world.read("seen-by-c").trim(), theirs);
    assert_eq!(git(&world, &["rev-parse", "main:other"]), theirs);
}

#[test]
fn rules_take_the_commit_of_another_repository_of_one_side() {
    for (side, digit) in [("ours", "1"), ("theirs", "2")] {
        let rules = format!("on_conflict: merge-with-rules, rules: [ {{ paths: other, use: {side} }} ]");
        let world = with_other_repository(&rules);
        world.regatta(&["run", "plan.yaml"]).exits(0);
        assert_eq!(world.read("seen-by-c").trim(), digit.repeat(40), "{side}");
        assert_eq!(git(&world, &["rev-parse", "main:other"]), digit.repeat(40), "{side}");
    }
}
