//! Spec 6 "Retry": what an attempt that goes on never gets from the one before, whatever that one did: what it hid, a mark that
//! it set aside, a place that was not set up. And no commit is lost on the way.

use crate::keep_worktree::{KEPT, ends, message, one};
use crate::repo_world::{branches, git, with_plan, worktrees};

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
fn that_an_attempt_began_anew_is_said_beside_what_setup_changed() {
    let script =
        "if test $REGATTA_ATTEMPT = 1; then git config evil.key x; exit 1; fi\n      echo good >good.txt";
    let world = one("worktree: { setup: ['git config some.key x'] }\n", KEPT, script);
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let ends = ends(&world, "a");
    let said = message(&ends[1]);
    assert!(said.contains(" again: ") && said.contains("`setup`"), "{ends:?}");
}
