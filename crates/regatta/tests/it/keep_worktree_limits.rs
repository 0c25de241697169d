//! Spec 6 "Retry": what an attempt that goes on never gets from the one before, whatever that one did: what it hid, a mark that
//! it set aside, a place that was not set up. And no commit is lost on the way.

use crate::keep_worktree::{KEPT, ends, message, one};
use crate::repo_world::{branches, git, with_plan, worktrees};

/// A file on a branch of ours or of a run, as the newest of all refs have it.
fn subjects(world: &crate::world::World) -> String {
    git(world, &["log", "--all", "--format=%s"])
}

#[test]
fn a_gate_begins_anew_with_each_attempt_whatever_is_said_of_retries() {
    for (retry, settings) in [
        ("keep_worktree: true", ""),
        ("resume_session: true", ""),
        ("max_attempts: 2", "keep_worktree = true"),
    ] {
        let world = with_plan(&format!(
            "retry: {{ {retry} }}
worktree: {{ copy: [.env], setup: ['touch dep.log'] }}
gates: {{ t: {{ run: 'test -e dep.log && test -e .env && test $REGATTA_ATTEMPT = 2' }} }}
tasks:
  - {{ id: g, gate: t, retry: {{ max_attempts: 2, backoff: 1ms }} }}
"
        ));
        world.write(".regatta/config.toml", &format!("[retry]\n{settings}\n"));
        world.write(".gitignore", "*.log\nplan.yaml\n.env\n.regatta\n");
        git(&world, &["commit", "-qam", "ignore"]);
        world.write(".env", "mine\n");
        world.regatta(&["run", "plan.yaml"]).exits(0);
        assert_eq!(ends(&world, "g").len(), 2, "{retry}");
        assert_eq!((worktrees(&world), branches(&world).contains(&"g".to_owned())), (0, false), "{retry}");
    }
}

#[test]
fn no_commit_is_lost_when_an_attempt_ends_in_the_middle_of_a_rebase() {
    let rebase = "for i in 1 2 3; do echo $i >w$i.txt; git add w$i.txt; git commit -qm \"work $i\"; done
        GIT_SEQUENCE_EDITOR=\"sed -i '1s/^pick/edit/'\" git rebase -q -i HEAD~3";
    for (before, after) in [
        ("", "exit 1"),
        ("git checkout -q --detach;", "exit 1"),
        ("", "kill -9 $PPID; sleep 9"),
        ("git checkout -q --detach;", "kill -9 $PPID; sleep 9"),
    ] {
        for retry in [KEPT, ""] {
            let script = format!(
                "if mkdir $REGATTA_WORKSPACE/once.log; then
        {before} {rebase}
        {after}
      fi
      echo ok >new.txt"
            );
            let world = one("", retry, &script);
            world.regatta(&["run", "plan.yaml"]).exits(0);
            let held = subjects(&world);
            for work in ["work 1", "work 2", "work 3"] {
                assert!(held.contains(work), "{before} {after} {retry}: {work} is on no ref: {held}");
            }
        }
    }
}

#[test]
fn that_an_attempt_began_anew_is_said_beside_what_setup_changed() {
    let script =
        "if test $REGATTA_ATTEMPT = 1; then git config evil.key x; exit 1; fi\n      echo good >good.txt";
    let world = one("worktree: { setup: ['git config some.key x'] }\n", KEPT, script);
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let ends = ends(&world, "a");
    let said = message(&ends[1]);
    assert!(said.contains(" again: ") && said.contains("`setup`"), "{ends:?}");
}
