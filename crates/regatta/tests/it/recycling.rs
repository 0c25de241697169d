//! Spec 8 "Recycle": a worktree whose task is done becomes that of another task, and nothing of the first one can be seen.

use crate::repo_world::{git, with_plan};

/// Everything that a task can see of its worktree, into a file of the workspace that is called after it.
const DESCRIBE: &str = "{ git status --porcelain --ignored; git diff-files --stat; git ls-files -v; git ls-files --stage; find . -path ./.git -prune -o -printf '%p %y %m %n %l\\n' | sort; git log -1 --format='%T %s'; git for-each-ref refs/worktree refs/bisect refs/rewritten; git config --list --show-scope | grep ^worktree; git status | head -3 | sed s/$REGATTA_TASK_ID/TASK/; git reflog --format=%gs; ls -R $(git rev-parse --git-dir); find . -type f ! -path ./.git -exec sha1sum {} + | sort; } | sed s/$REGATTA_TASK_ID-[0-9a-f]*/TASK/ >$REGATTA_WORKSPACE/$REGATTA_TASK_ID.seen; stat -c '%i %Y' . src/a.txt $(git rev-parse --git-dir)/index >$REGATTA_WORKSPACE/$REGATTA_TASK_ID.stat";

/// What a task may do in its worktree that a later one must not see.
const MESS: &str = "git update-index --assume-unchanged keep/assumed; echo sly >keep/assumed; git update-index --skip-worktree keep/skipped; echo sly >keep/skipped; chmod 700 keep; chmod 600 keep/rights; cp -p keep/same was; echo 2 >keep/same; touch -r was keep/same; rm was; mv lib lib.was; ln -s src lib; ln -s / out.log; rm src/b.txt; mkdir src/b.txt; echo x >src/b.txt/x; echo junk >junk; echo log >x.log; mkdir -p deep/er; touch deep/er/x.log; git init -q nested.log; touch nested.log/f; ln src/a.txt linked; chmod 2711 .; mkdir -p empty/er src/empty .hidden/er; ln keep/held $REGATTA_WORKSPACE/.git/held; setfattr -n user.mine -v 1 lib.was keep . 2>/dev/null; d=$(git rev-parse --absolute-git-dir); mkdir -p $(git rev-parse --git-dir)/info; echo /src >$(git rev-parse --git-dir)/info/sparse-checkout; git commit -q --allow-empty -m mine; git update-ref refs/worktree/mine HEAD; git update-ref refs/bisect/bad HEAD; git config --worktree my.own 1; git rev-parse HEAD >$d/MERGE_HEAD; cp $d/MERGE_HEAD $d/BISECT_LOG; mkdir $d/rebase-merge; echo x >$d/rebase-merge/done; git worktree add -q inner.log; git worktree add -q deep/inner.log; stat -c %i . >$REGATTA_WORKSPACE/mess.stat";

#[test]
fn a_worktree_that_is_used_again_shows_nothing_of_the_task_before() {
    let world = with_plan(&format!(
        "limits: {{ max_parallel: 1 }}
tasks:
  - id: mess
    priority: P0
    run: |
      {MESS}
  - id: fresh
    priority: P1
    run: |
      {DESCRIBE}
  - id: used
    priority: P2
    run: |
      {DESCRIBE}
"
    ));
    for file in ["keep/assumed", "keep/skipped", "keep/rights", "keep/same", "keep/held", "lib/x"] {
        world.write(file, "1\n");
    }
    world.write(".git/info/exclude", "*.seen\n*.stat\n");
    git(&world, &["add", "-A"]);
    git(&world, &["commit", "-q", "-m", "more"]);
    git(&world, &["config", "extensions.worktreeConfig", "true"]);
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let stat = |task: &str| -> Vec<u64> {
        let text = world.read(&format!("{task}.stat"));
        text.split_whitespace().map(|word| word.parse().unwrap()).collect()
    };
    let (mess, fresh, used) = (stat("mess"), stat("fresh"), stat("used"));
    assert!(mess[0] == used[0] && mess[0] != fresh[0], "not used again: {mess:?} {fresh:?} {used:?}");
    let (used_seen, fresh_seen) = (world.read("used.seen"), world.read("fresh.seen"));
    for (used, fresh) in used_seen.lines().zip(fresh_seen.lines()) {
        assert_eq!(used, fresh);
    }
    assert_eq!(used_seen.lines().count(), fresh_seen.lines().count());
    assert!(world.read("fresh.seen").contains("H keep/skipped"), "{}", world.read("fresh.seen"));
    for [_, _, _, file, _, index] in [fresh, used].map(|stat| <[u64; 6]>::try_from(stat).unwrap()) {
        // Git has nothing to read in it: no file is as young as the index, and `diff-files` told none above.
        assert!(file < index, "{file} {index}");
    }
}

#[test]
fn what_a_task_made_undeletable_costs_a_new_worktree_and_nothing_else() {
    let world = with_plan(
        "limits: { max_parallel: 1 }
merge: { gates: ['true'] }
tasks:
  - { id: a, run: 'mkdir -p d/e; touch d/e/x.log; echo A >a.txt; chmod 500 d/e' }
  - { id: b, run: 'echo B >b.txt' }
  - { id: c, run: 'test ! -e d && test ! -e a.txt && echo C >c.txt' }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!((world.read("a.txt"), world.read("c.txt")), ("A\n".to_owned(), "C\n".to_owned()));
}

#[test]
fn a_dependant_has_the_work_it_builds_on_also_in_a_worktree_that_was_used_before() {
    let world = with_plan(
        "limits: { max_parallel: 1 }
merge: { gates: ['true'] }
tasks:
  - { id: a, run: 'echo A >>src/a.txt; git rm -q src/b.txt; stat -c %i . >$REGATTA_WORKSPACE/a.log' }
  - { id: b, run: 'echo B >b.txt' }
  - { id: c, needs: [a, b], run: 'stat -c %i . >>$REGATTA_WORKSPACE/a.log; test $(tail -n 1 src/a.txt) = A && test ! -e src/b.txt && test -e b.txt && test -z \"$(git status --porcelain)\" && echo C >c.txt' }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let log = world.read("a.log");
    let places: Vec<&str> = log.lines().collect();
    assert_eq!((places.len(), world.read("c.txt").as_str()), (2, "C\n"), "{log}");
}

#[test]
fn what_a_person_put_into_a_worktree_whose_task_is_done_is_kept_and_named_and_nobody_else_sees_it() {
    let world = with_plan(
        "limits: { max_parallel: 1 }
tasks:
  - { id: a, run: 'echo a >a.txt; stat -c %i . >$REGATTA_WORKSPACE/a.stat' }
  - { id: person, needs: [a], isolation: none, run: 'cd $REGATTA_WORKSPACE/.regatta/worktrees/*-a-*; echo theirs >theirs.txt; echo theirs >>src/a.txt' }
  - { id: c, needs: [person], run: 'ls >$REGATTA_WORKSPACE/seen; stat -c %i . >$REGATTA_WORKSPACE/c.stat; echo c >c.txt' }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(world.read("a.stat"), world.read("c.stat"), "not used again");
    assert!(!world.read("seen").contains("theirs"), "{}", world.read("seen"));
    let refs = format!("refs/regatta/{}", world.run_id());
    let refs = git(&world, &["for-each-ref", "--format=%(refname)", &refs]);
    let has = |name: &&str| git(&world, &["ls-tree", "--name-only", name]).contains("theirs.txt");
    let kept = refs.lines().find(has).unwrap_or_else(|| panic!("it is lost: {refs}"));
    assert!(git(&world, &["show", &format!("{kept}:src/a.txt")]).ends_with("theirs"), "{kept}");
    assert!(world.regatta(&["events"]).out.contains(kept), "nobody is told of {kept}");
}
