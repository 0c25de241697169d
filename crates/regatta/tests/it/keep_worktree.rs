//! Spec 6 "Retry": with `retry.keep_worktree` an attempt goes on in the worktree as the one before left it, and what all of them
//! changed is judged together.

use crate::repo_world::{git, git_in, with_plan, worktree_at, worktrees};
use crate::world::{World, gone, signal};
use rustix::process::{Pid, Signal};
use serde_json::Value;

/// The first attempt leaves a commit, a file that is not committed and one that git ignores; the second one needs all.
pub const LEAVES: &str = "if test $REGATTA_ATTEMPT = 1; then echo 1 >one.txt; git add -A; git commit -qm mine; echo 2 >two.txt; echo s >seen.log; exit 1; fi";
pub const NEEDS: &str = "test -e one.txt -a -e two.txt -a -e seen.log";

/// A plan with one task whose second attempt is the last one.
pub fn one(head: &str, retry: &str, script: &str) -> World {
    with_plan(&format!(
        "{head}tasks:
  - id: a
    retry: {{ max_attempts: 2, backoff: 1ms{retry} }}
    run: |
      {script}
"
    ))
}

/// The ends of attempts of a task, as events tell them.
pub fn ends(world: &World, task: &str) -> Vec<Value> {
    let events = world.regatta(&["events"]).out;
    let all = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let is_end = |event: &Value| {
        let kind = event["kind"].as_str().unwrap();
        event["node_id"] == task
            && ["dispatch_succeeded", "dispatch_failed", "dispatch_lost", "dispatch_timed_out"]
                .contains(&kind)
    };
    all.filter(is_end).collect()
}

pub fn message(event: &Value) -> &str {
    event["message"].as_str().unwrap_or_default()
}

/// What the branch of a task changed of the main one.
pub fn changed(world: &World, task: &str) -> String {
    let branch = format!("regatta/{}/t/{task}", world.run_id());
    git(world, &["diff", "--name-only", "main", &branch]).replace('\n', " ")
}

pub const KEPT: &str = ", keep_worktree: true";

/// A task whose first attempt says that it is about to fail, some time before the second one.
pub fn slow(script: &str) -> World {
    let told = "echo up >$REGATTA_WORKSPACE/.git/up; exit 1";
    let world = one("", KEPT, &script.replace("exit 1", told));
    world.write("plan.yaml", &world.read("plan.yaml").replace("1ms", "2s"));
    world.fifo(".git/up");
    world
}

/// Runs the plan until its first attempt has ended, and kills the orchestrator before the second one.
pub fn killed_between(world: &World) {
    let mut run = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear(".git/up"), "up");
    world.follow("retry_scheduled", 1);
    run.kill().unwrap();
    run.wait().unwrap();
}

#[test]
fn an_attempt_goes_on_in_the_worktree_as_the_one_before_left_it_and_all_of_it_lands() {
    let script = format!("{LEAVES}\n      {NEEDS} && echo 3 >three.txt");
    let world = one("merge: { gates: ['true'] }\n", KEPT, &script);
    world.regatta(&["run", "plan.yaml"]).exits(0);
    for file in ["one.txt", "two.txt", "three.txt"] {
        assert!(world.path(file).exists(), "{file}");
    }
    assert_eq!(worktrees(&world), 0, "what has landed is cleared as ever");
    let trailers =
        git(&world, &["log", "--format=%(trailers:key=Regatta-Attempt,valueonly)", "--no-merges", "-3"]);
    assert_eq!(
        trailers.split_whitespace().collect::<Vec<_>>(),
        ["2", "1"],
        "each attempt's own commit says so"
    );
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn without_the_key_an_attempt_sees_nothing_of_the_one_before() {
    for retry in ["", ", keep_worktree: false", ", resume_session: true, keep_worktree: false"] {
        let world =
            one("", retry, &format!("{LEAVES}\n      ls >$REGATTA_WORKSPACE/ls.log; echo 3 >three.txt"));
        world.regatta(&["run", "plan.yaml"]).exits(0);
        assert_eq!(
            (world.read("ls.log").as_str(), changed(&world, "a").as_str()),
            ("src\n", "three.txt"),
            "{retry}"
        );
    }
}

#[test]
fn the_key_holds_for_a_plan_a_task_and_settings_and_going_on_with_a_session_implies_it() {
    let script = format!("{LEAVES}\n      {NEEDS}");
    let sees = |world: World, what: &str| {
        world.regatta(&["run", "plan.yaml"]).exits(0);
        assert_eq!(changed(&world, "a"), "one.txt two.txt", "{what}");
    };
    sees(one("", ", resume_session: true", &script), "resume_session");
    sees(one("retry: { keep_worktree: true }\n", "", &script), "of the plan");
    sees(one("retry: { resume_session: true }\n", "", &script), "session of the plan");
    sees(one("retry: { keep_worktree: false }\n", ", resume_session: true", &script), "the task is nearer");
    let world = one("", "", &script);
    world.write(".regatta/config.toml", "[retry]\nkeep_worktree = true\n");
    git(&world, &["config", "core.excludesFile", ".regatta/none"]);
    let shown = world.regatta(&["doctor", "--config"]).out;
    assert!(shown.contains("retry.keep_worktree"), "{shown}");
    sees(world, "settings");
}

#[test]
fn what_is_set_up_stands_and_is_not_set_up_again_and_what_an_attempt_said_of_itself_is_not_said_of_the_next()
{
    let head = "worktree: { copy: [.env], setup: ['echo x >>$REGATTA_WORKSPACE/setup.log'] }\n";
    let said = "{\\\"status\\\": \\\"failed\\\", \\\"summary\\\": \\\"not yet\\\"}";
    let script = format!(
        "test $REGATTA_ATTEMPT = 1 && {{ echo \"{said}\" >$REGATTA_RESULT; echo changed >.env; echo 1 >one.txt; exit 0; }}
      test ! -e $REGATTA_RESULT; test -d .regatta-task; cat .env >env.txt"
    );
    let world = one(head, KEPT, &format!("set -e; {script}"));
    world.write(".gitignore", "*.log\nplan.yaml\n.env\n");
    git(&world, &["commit", "-qam", "ignore"]);
    world.write(".env", "mine\n");
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(world.read("setup.log"), "x\n");
    assert_eq!(changed(&world, "a"), "env.txt one.txt");
    assert_eq!(git(&world, &["show", &format!("regatta/{}/t/a:env.txt", world.run_id())]), "changed");
    assert!(message(&ends(&world, "a")[0]).contains("not yet"));
}

#[test]
fn a_worktree_that_was_never_set_up_is_made_anew() {
    let world = one(
        "worktree: { setup: ['echo half >half.txt; mkdir $REGATTA_WORKSPACE/once.log && exit 1; true'] }\n",
        KEPT,
        "test ! -e one.txt; echo a >a.txt",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(ends(&world, "a").len(), 2);
}

#[test]
fn ownership_and_protection_are_judged_over_all_that_the_attempts_did() {
    for (head, first, named) in [
        ("worktree: { ownership: reject }\n", "echo x >foreign.txt", "foreign.txt"),
        ("worktree: { protect: ['.github/**'] }\n", "mkdir .github; echo x >.github/w", ".github/w"),
    ] {
        let world = with_plan(&format!(
            "{head}tasks:
  - id: a
    files: ['own.txt']
    retry: {{ max_attempts: 2, backoff: 1ms, keep_worktree: true }}
    run: 'test $REGATTA_ATTEMPT = 1 && {{ {first}; exit 1; }}; echo x >own.txt'
"
        ));
        world.regatta(&["run", "plan.yaml"]).exits(5);
        let ends = ends(&world, "a");
        assert_eq!((ends.len(), ends[1]["cause"].as_str()), (2, Some("ownership")), "{ends:?}");
        assert!(message(&ends[1]).contains(named), "{ends:?}");
    }
}

#[test]
fn work_of_the_first_attempt_is_a_change_when_the_second_has_nothing_left_to_do() {
    let world = with_plan(
        "tasks:
  - id: a
    must_change: true
    retry: { max_attempts: 2, backoff: 1ms, keep_worktree: true }
    run: 'test $REGATTA_ATTEMPT = 2 || { echo x >own.txt; exit 1; }'
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(changed(&world, "a"), "own.txt");
}

#[test]
fn what_tampered_or_rewrote_history_is_not_gone_on_with_and_that_is_said() {
    let evil = [
        "git config evil.key x; exit 0",
        // Its own exit code stands above what was found.
        "git config evil.key x; exit 1",
        "git commit -q --amend -m other",
        "git commit -q --amend -m other; exit 1",
        "rm .git; exit 1",
    ];
    for deed in evil {
        let script = format!(
            "test $REGATTA_ATTEMPT = 1 && {{ echo bad >bad.txt; {deed}; exit; }}; test ! -e bad.txt && echo good >good.txt"
        );
        let world = one("", KEPT, &script);
        world.regatta(&["run", "plan.yaml"]).exits(0);
        assert_eq!(changed(&world, "a"), "good.txt", "{deed}");
        let ends = ends(&world, "a");
        assert!(
            message(&ends[1]).contains("it began from ") && message(&ends[1]).contains(" again: "),
            "{deed}: {ends:?}"
        );
        // It is kept all the same.
        let kept = format!("refs/regatta/{}/a/1", world.run_id());
        git(&world, &["show", &format!("{kept}:bad.txt")]);
    }
}

#[test]
fn what_tampered_while_it_was_verified_is_not_gone_on_with() {
    let world = with_plan(
        "tasks:
  - id: a
    verify: ['mkdir $REGATTA_WORKSPACE/once.log && git config evil.key x; true']
    retry: { max_attempts: 2, backoff: 1ms, keep_worktree: true }
    run: 'test ! -e one.txt; echo $REGATTA_ATTEMPT >>one.txt'
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(git(&world, &["show", &format!("regatta/{}/t/a:one.txt", world.run_id())]), "2");
}

#[test]
fn what_a_check_left_there_is_nobodys_work_and_what_git_ignores_stays() {
    let world = with_plan(
        "worktree: { ownership: reject }
tasks:
  - id: a
    files: [a.txt]
    verify: ['echo x >droppings.txt; echo y >>src/b.txt; test -e second.log']
    retry: { max_attempts: 2, backoff: 1ms, keep_worktree: true }
    run: 'test $REGATTA_ATTEMPT = 1 || touch second.log; test $REGATTA_ATTEMPT = 1 || test -e first.log; echo a >a.txt; touch first.log'
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(changed(&world, "a"), "a.txt");
}

#[test]
fn what_git_had_half_done_is_over_when_the_next_attempt_begins() {
    let other = "git checkout -q -b other; echo other >src/b.txt; git commit -qam other; git checkout -q -; echo mine >src/b.txt; git commit -qam mine";
    for half in [
        "git merge other; touch $(git rev-parse --git-dir)/index.lock",
        "git rebase other",
        "git cherry-pick other",
        "git bisect start",
    ] {
        let script = format!(
            "test $REGATTA_ATTEMPT = 1 && {{ {other}; {half}; exit 1; }}
      git status | grep -e rebas -e merging -e unmerged -e bisect -e cherry-pick && exit 1
      set -e; echo done >src/b.txt; git commit -qam done; test $(git rev-list --parents -1 HEAD | wc -w) = 2; git symbolic-ref HEAD"
        );
        let world = one("", KEPT, &script);
        let said = world.regatta(&["run", "plan.yaml"]);
        assert_eq!(
            said.code,
            Some(0),
            "{half}: {} {:?}",
            world.regatta(&["logs", "a"]).out,
            ends(&world, "a")
        );
        let branch = format!("regatta/{}/t/a:src/b.txt", world.run_id());
        assert_eq!(git(&world, &["show", &branch]), "done", "{half}");
    }
}

#[test]
fn a_lost_attempt_is_gone_on_with_too_and_its_work_is_its_agents() {
    let script = "if mkdir $REGATTA_WORKSPACE/once.log; then echo 1 >one.txt; git add -A; git commit -qm mine; echo 2 >two.txt; touch $(git rev-parse --git-dir)/index.lock; kill -9 $PPID; sleep 9; fi
      test -e one.txt && test \"$(git status --porcelain)\" = \"?? two.txt\"";
    let world = one("", KEPT, script);
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(world.regatta(&["events"]).out.contains("\"dispatch_lost\""));
    assert_eq!(changed(&world, "a"), "one.txt two.txt");
    let branch = format!("regatta/{}/t/a", world.run_id());
    assert_eq!(
        git(&world, &["log", "--format=%an|%s", "-2", &branch]),
        "run (regatta)|a\nrun (regatta)|mine"
    );
    let left = format!("refs/regatta/{}/a/left-before-2:two.txt", world.run_id());
    assert_eq!(git(&world, &["show", &left]), "2", "a ref holds it meanwhile");
}

/// A git that was killed, or a machine that lost its power, leaves an index that nobody can read.
#[test]
fn an_index_that_was_torn_costs_no_attempt_and_no_work() {
    let index = "$(git rev-parse --git-dir)/index";
    let ends = ["kill -9 $PPID; sleep 9", "exit 1"];
    let torn = [format!(": >{index}"), format!("rm {index}"), format!("echo DIRC >{index}")];
    for (end, (torn, kept)) in
        ends.into_iter().flat_map(|end| torn.iter().zip([KEPT, "", KEPT]).map(move |one| (end, one)))
    {
        let seen = if kept.is_empty() { "test ! -e two.txt" } else { "test -e two.txt" };
        let script = format!(
            "if mkdir $REGATTA_WORKSPACE/once.log; then echo 2 >two.txt; {torn}; {end}; fi
      {seen} && git ls-files --error-unmatch src/a.txt >&2 && echo 3 >three.txt"
        );
        let world = one("", kept, &script);
        let said = world.regatta(&["run", "plan.yaml"]);
        assert_eq!(said.code, Some(0), "{torn} {end}: {}{}", said.out, world.regatta(&["logs", "a"]).err);
        let left = if kept.is_empty() { "three.txt" } else { "three.txt two.txt" };
        assert_eq!(changed(&world, "a"), left, "{torn} {end}");
        let name = if end == "exit 1" { "1" } else { "left-before-2" };
        let before = format!("refs/regatta/{}/a/{name}", world.run_id());
        assert_eq!(git(&world, &["diff", "--name-only", "main", &before]), "two.txt", "{torn} {end}");
    }
}

#[test]
fn an_index_that_an_agent_tore_in_a_part_of_the_tree_deletes_nothing_of_the_rest() {
    let script = "test ! -e src && echo 1 >docs/new.txt; : >$(git rev-parse --git-dir)/index";
    let world = with_plan(&format!(
        "worktree: {{ sparse: true }}\ntasks: [ {{ id: a, files: ['docs/**'], run: '{script}' }} ]\n"
    ));
    world.write("docs/old.txt", "1\n");
    git(&world, &["add", "docs"]);
    git(&world, &["commit", "-qm", "docs"]);
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(changed(&world, "a"), "docs/new.txt");
}

#[test]
fn work_whose_end_is_heard_by_the_next_orchestrator_is_of_that_day() {
    let script = "echo 1 >one.txt; cd $REGATTA_WORKSPACE/.git; echo $$ >up; read word <gate";
    let world = with_plan(&format!("tasks: [ {{ id: a, run: '{script}' }} ]\n"));
    world.fifo(".git/up");
    world.fifo(".git/gate");
    let mut run = world.start(&["run", "plan.yaml"]);
    let pid = Pid::from_raw(world.hear(".git/up").parse().unwrap()).unwrap();
    run.kill().unwrap();
    run.wait().unwrap();
    std::fs::write(world.path(".git/gate"), "go\n").unwrap();
    assert!(gone(pid));
    world.regatta(&["resume"]).exits(0);
    let branch = format!("regatta/{}/t/a", world.run_id());
    let made = git(&world, &["log", "--format=%at %ct", "-1", &branch]);
    assert!(made.split(' ').all(|at| at.parse::<u64>().unwrap() > 1_600_000_000), "{made}");
}

#[test]
fn a_lost_attempt_that_rewrote_history_or_hid_its_git_is_not_gone_on_with() {
    for deed in ["git commit -q --amend -m other", "rm .git"] {
        let script = format!(
            "if mkdir $REGATTA_WORKSPACE/once.log; then echo 1 >bad.txt; {deed}; kill -9 $PPID; sleep 9; fi
      test ! -e bad.txt && echo good >good.txt"
        );
        let world = one("", KEPT, &script);
        world.regatta(&["run", "plan.yaml"]).exits(0);
        assert_eq!(changed(&world, "a"), "good.txt", "{deed}");
        let refs = git(&world, &["for-each-ref", "--format=%(refname)", "refs/regatta"]);
        let left = refs
            .lines()
            .find(|name| name.contains("left-before"))
            .unwrap_or_else(|| panic!("{deed}: {refs}"));
        assert_eq!(git(&world, &["show", &format!("{left}:bad.txt")]), "1", "{deed}: its work is kept");
    }
}

#[test]
fn who_resumes_a_run_that_was_killed_between_attempts_goes_on_in_the_worktree() {
    let world = slow(&format!("{LEAVES}\n      {NEEDS}"));
    killed_between(&world);
    world.regatta(&["resume"]).exits(0);
    assert_eq!(changed(&world, "a"), "one.txt two.txt");
    assert_eq!(message(ends(&world, "a").last().unwrap()), "", "nothing was made anew");
}

#[test]
fn an_attempt_that_a_signal_or_its_timeout_ended_is_gone_on_with() {
    let script = "if test ! -e one.txt; then echo 1 >one.txt; echo up >$REGATTA_WORKSPACE/.git/up; sleep 60; fi; echo 2 >two.txt";
    let world = one("", KEPT, script);
    world.fifo(".git/up");
    let mut run = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear(".git/up"), "up");
    signal(&run, Signal::INT);
    assert_eq!(crate::world::ends(&mut run), Some(130));
    world.regatta(&["resume"]).exits(0);
    assert_eq!(changed(&world, "a"), "one.txt two.txt");
    let world = one("timeout: { attempt: 4s, grace: 100ms }\n", KEPT, script);
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(changed(&world, "a"), "one.txt two.txt");
    assert_eq!(ends(&world, "a")[0]["kind"], "dispatch_timed_out");
}

#[test]
fn a_worktree_that_is_gone_is_made_from_what_the_last_attempt_left_and_set_up() {
    let world = slow(&format!(
        "{LEAVES}\n      test -e one.txt -a -e two.txt && test ! -e seen.log && echo 3 >three.txt"
    ));
    let head = "worktree: { setup: ['echo x >>$REGATTA_WORKSPACE/setup.log'] }\ntasks:";
    world.write("plan.yaml", &world.read("plan.yaml").replace("tasks:", head));
    killed_between(&world);
    let path = worktree_at(&world, &format!("{}-a", world.run_id())).unwrap();
    std::fs::remove_dir_all(path).unwrap();
    world.regatta(&["resume"]).exits(0);
    assert_eq!(
        (changed(&world, "a").as_str(), world.read("setup.log").as_str()),
        ("one.txt three.txt two.txt", "x\nx\n")
    );
    let ends = ends(&world, "a");
    assert!(
        message(&ends[1]).contains("the worktree was not there as the attempt before left it"),
        "{ends:?}"
    );
}

#[test]
fn whether_a_worktree_was_gone_on_with_does_not_show_in_the_canonical_log() {
    let plan = || slow(&format!("{LEAVES}\n      echo 3 >three.txt"));
    let undisturbed = plan();
    // Nobody listens there.
    std::fs::remove_file(undisturbed.path(".git/up")).unwrap();
    undisturbed.regatta(&["run", "plan.yaml"]).exits(0);
    let world = plan();
    killed_between(&world);
    world.regatta(&["resume"]).exits(0);
    assert_eq!(world.canonical(), undisturbed.canonical());
}

#[test]
fn all_attempts_of_a_task_begin_from_the_same_commit() {
    let world = with_plan(&format!(
        "tasks:
  - {{ id: p, run: 'echo p >p.txt' }}
  - {{ id: q, run: 'echo q >q.txt' }}
  - id: a
    needs: [p, q]
    retry: {{ max_attempts: 3, backoff: 1ms, keep_worktree: true }}
    run: |
      {LEAVES}
      {NEEDS} && test $REGATTA_ATTEMPT = 3
"
    ));
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let run = world.run_id();
    let path = worktree_at(&world, &format!("{run}-a")).unwrap();
    let base = git_in(&path, &["log", "--format=%H", "--grep=^regatta: base"]);
    assert_eq!(base.lines().count(), 1, "{base}");
    let changes = world.regatta(&["diff", "a"]).exits(0).out;
    assert!(changes.contains("one.txt") && !changes.contains("p.txt"), "{changes}");
}

#[test]
fn a_run_that_retries_another_begins_where_it_always_did() {
    let world = one("", KEPT, "echo x >>bad.txt; test $(wc -l <bad.txt) = 3");
    world.regatta(&["run", "plan.yaml"]).exits(5);
    world.regatta(&["retry"]).exits(5);
    let kept =
        git(&world, &["for-each-ref", "--format=%(refname)", &format!("refs/regatta/{}/a", world.run_id())]);
    let last = kept.lines().last().unwrap();
    assert_eq!(git(&world, &["show", &format!("{last}:bad.txt")]), "x\nx");
}

#[test]
fn a_task_without_a_worktree_is_tried_as_ever() {
    let world = World::with(
        "version: 1\nretry: { max_attempts: 2, backoff: 1ms, keep_worktree: true }\ntasks: [ { id: a, run: 'mkdir once' }, { id: b, run: 'test -e was || { touch was; exit 1; }' } ]\n",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
}

#[cfg(feature = "faults")]
#[test]
fn wherever_the_orchestrator_dies_on_the_way_to_the_next_attempt_it_goes_on() {
    for point in [
        "collect.committed:1",
        "collect.kept:1",
        "end.judged:1",
        "commit.after:2",
        "worktree.picked:1",
        "start.before:2",
        "end.judged:2",
    ] {
        let script = format!("{LEAVES}\n      {NEEDS} && echo 3 >three.txt");
        let mut world = one("", KEPT, &script);
        world.set("REGATTA_FAULT", point);
        assert_eq!(world.regatta(&["run", "plan.yaml"]).code, None, "{point}");
        world.unset("REGATTA_FAULT");
        world.regatta(&["resume"]).exits(0);
        assert_eq!(changed(&world, "a"), "one.txt three.txt two.txt", "{point}");
        world.regatta(&["replay"]).exits(0);
    }
}
