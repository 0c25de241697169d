//! Spec 6 "Collect": who commits is the person whose repository it is, wherever git knows them from, "else the same" as the author.

use crate::repo_world::{git, git_in, integration_worktree, with_plan, worktree_at};
use crate::world::World;

/// Who git knows the person as: from the repository, from their own settings, or not at all.
const KNOWN: [&str; 3] = ["local", "global", "none"];

/// A repository whose person git knows from there.
fn known(from: &str, plan: &str) -> World {
    let mut world = with_plan(plan);
    match from {
        "local" => {
            git(&world, &["config", "user.name", "Person"]);
            git(&world, &["config", "user.email", "person@example.com"]);
            world.lives_at_home(&[]);
        }
        "none" => world.lives_at_home(&[]),
        _ => {}
    }
    world
}

/// Whoever committed the newest commit of `main`.
fn committer(world: &World) -> String {
    git(world, &["log", "-1", "--format=%cn <%ce>", "main"])
}

fn expected(from: &str) -> &'static str {
    if from == "none" { "regatta <regatta@localhost>" } else { "Person <person@example.com>" }
}

const BOTH: &str = "tasks: [ { id: a, run: 'echo A >src/b.txt' }, { id: b, run: 'echo B >src/b.txt' } ]\n";

#[test]
fn a_conflict_is_left_to_a_person_wherever_git_knows_them_from() {
    for from in KNOWN {
        for strategy in ["no-ff", "squash", "rebase"] {
            let merge = format!(
                "merge: {{ strategy: {strategy}, on_conflict: manual-escalation, gates: ['true'] }}\n"
            );
            let world = known(from, &format!("{merge}{BOTH}"));
            let said = world.regatta(&["run", "plan.yaml"]).exits(5);
            assert!(said.out.contains("conflicts in src/b.txt"), "{from} {strategy}: {}", said.out);
            let place = integration_worktree(&world).unwrap();
            std::fs::write(place.join("src/b.txt"), "both\n").unwrap();
            git_in(&place, &["commit", "-qam", "by hand"]);
            world.regatta(&["merge", "--continue"]).exits(0);
            assert_eq!(world.read("src/b.txt"), "both\n", "{from} {strategy}");
            assert_eq!(committer(&world), expected(from), "{strategy}");
        }
    }
}

#[test]
fn rules_resolve_conflicts_wherever_git_knows_the_person_from() {
    for from in KNOWN {
        for strategy in ["no-ff", "squash", "rebase"] {
            let merge = format!(
                "merge: {{ strategy: {strategy}, on_conflict: merge-with-rules, rules: [ {{ paths: 'src/*', use: union }} ], gates: ['true'] }}\n"
            );
            let world = known(from, &format!("{merge}{BOTH}"));
            world.regatta(&["run", "plan.yaml"]).exits(0);
            assert_eq!(world.read("src/b.txt"), "A\nB\n", "{from} {strategy}");
            assert_eq!(committer(&world), expected(from), "{strategy}");
        }
    }
}

#[test]
fn an_agent_resolves_conflicts_wherever_git_knows_the_person_from() {
    for from in KNOWN {
        for strategy in ["no-ff", "squash", "rebase"] {
            let merge = format!(
                "agents: {{ fixer: {{ command: ['sh', '-c', 'echo both >src/b.txt'] }} }}
merge: {{ strategy: {strategy}, on_conflict: resolver, resolver: {{ agent: fixer }}, gates: ['true'] }}\n"
            );
            let world = known(from, &format!("{merge}{BOTH}"));
            world.regatta(&["run", "plan.yaml"]).exits(0);
            assert_eq!(world.read("src/b.txt"), "both\n", "{from} {strategy}");
        }
    }
}

#[test]
fn a_conflict_among_predecessors_is_resolved_wherever_git_knows_the_person_from() {
    let after = "  - { id: c, needs: [a, b], run: 'cp src/b.txt seen' }\n";
    let tasks = format!(
        "tasks:\n  - {{ id: a, run: 'echo A >src/b.txt' }}\n  - {{ id: b, run: 'echo B >src/b.txt' }}\n{after}"
    );
    for from in KNOWN {
        let rules = "merge: { on_conflict: merge-with-rules, rules: [ { paths: 'src/*', use: union } ], gates: ['true'] }\n";
        let world = known(from, &format!("{rules}{tasks}"));
        world.regatta(&["run", "plan.yaml"]).exits(0);
        assert_eq!(world.read("seen"), "A\nB\n", "{from}");

        let world =
            known(from, &format!("merge: {{ on_conflict: manual-escalation, gates: ['true'] }}\n{tasks}"));
        world.regatta(&["run", "plan.yaml"]).exits(5);
        let place = worktree_at(&world, "-base-c-").unwrap();
        std::fs::write(place.join("src/b.txt"), "both\n").unwrap();
        git_in(&place, &["commit", "-qam", "by hand"]);
        world.regatta(&["resume"]).exits(0);
        assert_eq!(world.read("seen"), "both\n", "{from}");
    }
}
