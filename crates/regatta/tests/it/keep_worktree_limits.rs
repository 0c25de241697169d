//! Spec 6 "Retry": what an attempt that goes on never gets from the one before, whatever that one did: what it hid, a mark that
//! it set aside, a place that was not set up. And no commit is lost on the way.

use crate::keep_worktree::{KEPT, LEAVES, changed, ends, killed_between, message, one, slow};
use crate::repo_world::{branches, git, with_plan, worktrees};

/// What the commits say that any ref holds.
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
fn worktrees_of_gates_that_end_with_the_run_are_gone_with_it() {
    let tasks: String = (0..12).map(|n| format!("  - {{ id: g{n}, gate: t }}\n")).collect();
    let world = with_plan(&format!(
        "limits: {{ max_parallel: 12 }}\ngates: {{ t: {{ run: 'true' }} }}\ntasks:\n{tasks}"
    ));
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(worktrees(&world), 0);
}

#[test]
fn the_mark_that_an_attempt_tampered_cannot_be_set_aside_by_it() {
    let script = "if test $REGATTA_ATTEMPT = 1; then
        echo bad >bad.txt; git config evil.key x
        echo '{\"task\":\"a\",\"attempt\":99,\"base\":\"\",\"note\":null}' >$(git rev-parse --git-dir)/regatta-attempt
        exit 1
      fi
      test ! -e bad.txt && echo good >good.txt";
    let world = one("", KEPT, script);
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(changed(&world, "a"), "good.txt");
    let ends = ends(&world, "a");
    assert!(message(&ends[1]).contains(" again: "), "{ends:?}");
}

#[test]
fn what_is_odd_in_the_record_of_who_worked_there_is_begun_anew_and_said() {
    for odd in ["", "odd", "{\"task\":\"a\",\"attempt\":1,\"base\":\"\",\"note\":null,\"settings\":null}"] {
        let world = slow(&format!("{LEAVES}\n      test ! -e one.txt && echo good >good.txt"));
        killed_between(&world);
        let records = world.path(&format!(".regatta/runs/{}/workers", world.run_id()));
        let all: Vec<_> = std::fs::read_dir(records).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(all.len(), 1);
        std::fs::write(&all[0], odd).unwrap();
        world.regatta(&["resume"]).exits(0);
        assert_eq!(changed(&world, "a"), "good.txt", "{odd}");
        let ends = ends(&world, "a");
        assert!(message(ends.last().unwrap()).contains(" again: "), "{odd}: {ends:?}");
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
fn what_an_attempt_hid_from_git_is_collected_and_there_for_the_next_one() {
    for hide in ["--assume-unchanged", "--skip-worktree"] {
        let script = format!(
            "if test $REGATTA_ATTEMPT = 1; then git update-index {hide} src/b.txt; echo hidden >src/b.txt; exit 1; fi
      test -z \"$(git ls-files -v | grep -v '^H')\" && grep hidden src/b.txt && echo seen >>src/b.txt; echo ok >new.txt"
        );
        let world = one("", KEPT, &script);
        world.regatta(&["run", "plan.yaml"]).exits(0);
        assert_eq!(changed(&world, "a"), "new.txt src/b.txt", "{hide}");
        let run = world.run_id();
        assert_eq!(git(&world, &["show", &format!("refs/regatta/{run}/a/1:src/b.txt")]), "hidden", "{hide}");
        assert_eq!(git(&world, &["show", &format!("regatta/{run}/t/a:src/b.txt")]), "hidden\nseen", "{hide}");
    }
}

#[test]
fn what_a_lost_attempt_hid_from_git_is_seen_by_the_next_one() {
    for (head, hide) in [
        ("", "--assume-unchanged"),
        ("", "--skip-worktree"),
        ("worktree: { sparse: [src] }\n", "--assume-unchanged"),
        ("worktree: { sparse: [src] }\n", "--skip-worktree"),
    ] {
        let script = format!(
            "if mkdir $REGATTA_WORKSPACE/once.log; then git update-index {hide} src/b.txt; echo hidden >src/b.txt; kill -9 $PPID; sleep 9; fi
      git status --porcelain >status.log; grep -q 'M src/b.txt' status.log && test $(wc -l <status.log) = 1 && test ! -e far"
        );
        let world = one(head, KEPT, &script);
        if !head.is_empty() {
            world.write("far/c.txt", "c\n");
            git(&world, &["add", "-A"]);
            git(&world, &["commit", "-qm", "far"]);
        } else {
            git(&world, &["status"]);
        }
        world.regatta(&["run", "plan.yaml"]).exits(0);
        assert_eq!(changed(&world, "a"), "src/b.txt", "{head} {hide}");
    }
}

#[test]
fn settings_of_its_own_that_a_worktree_got_from_an_attempt_are_put_back() {
    for own in ["", "git config --worktree mine.key y"] {
        let script =
            "if test $REGATTA_ATTEMPT = 1; then git config --worktree evil.key x; echo 1 >one.txt; exit 1; fi
      test -z \"$(git config evil.key)\" && test -e one.txt && git config mine.key >new.txt; true";
        let head = format!("worktree: {{ setup: ['{own}; true'] }}\n");
        let world = one(if own.is_empty() { "" } else { &head }, KEPT, script);
        git(&world, &["config", "extensions.worktreeConfig", "true"]);
        world.regatta(&["run", "plan.yaml"]).exits(0);
        assert_eq!(changed(&world, "a"), "new.txt one.txt", "{own}");
        let new = git(&world, &["show", &format!("regatta/{}/t/a:new.txt", world.run_id())]);
        assert_eq!(new, if own.is_empty() { "" } else { "y" });
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

#[cfg(feature = "faults")]
#[test]
fn an_attempt_that_hid_its_git_is_not_gone_on_with_wherever_the_orchestrator_dies() {
    let lost = "kill -9 $PPID; sleep 9";
    for (deed, then, point) in [
        ("rm .git", lost, "worktree.before:2"),
        ("rm .git; mkdir .git", lost, "worktree.before:2"),
        ("rm .git", "exit 1", "collect.committed:1"),
        ("rm .git", "exit 1", "collect.after:1"),
        ("rm .git", "exit 0", "collect.committed:1"),
    ] {
        let script = format!(
            "if mkdir $REGATTA_WORKSPACE/once.log; then echo 1 >bad.txt; {deed}; {then}; fi
      test ! -e bad.txt && echo good >good.txt"
        );
        let mut world = one("", KEPT, &script);
        world.set("REGATTA_FAULT", point);
        assert_eq!(world.regatta(&["run", "plan.yaml"]).code, None, "{deed}: {point}");
        world.unset("REGATTA_FAULT");
        world.regatta(&["resume"]).exits(0);
        assert_eq!(changed(&world, "a"), "good.txt", "{deed}: {point}");
        let ends = ends(&world, "a");
        assert!(message(ends.last().unwrap()).contains(" again: "), "{deed}: {point}: {ends:?}");
    }
}
