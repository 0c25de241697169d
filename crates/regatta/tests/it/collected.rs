//! Spec 6 "Collect", "For the agent": what of that which stands in a worktree becomes the work of its task, and what never does.

use crate::repo_world::{git, git_in, with_plan, worktree_at};
use crate::worktrees::failure;
use crate::world::World;

/// The subjects of what has landed.
fn landed(world: &World) -> String {
    git(world, &["log", "--format=%s", "main"])
}

#[test]
fn a_commit_between_base_and_result_that_contains_a_copied_path_fails_the_attempt() {
    let world = with_plan(
        "worktree: { copy: ['.env'] }
merge: { policy: merge-succeeded, gates: ['true'] }
tasks:
  - { id: a, run: 'git add -f .env; git commit -qm sneaky; git rm -q --cached .env; git commit -qm hide; echo c >c' }
  - { id: b, run: 'git add -f .regatta-task; git commit -qm ours --allow-empty; echo x >.regatta-task/x; git add -f .regatta-task/x; git commit -qm sly; git rm -qr --cached .regatta-task; git commit -qm hide; echo b >b' }
  - { id: side, run: 'git checkout -qb elsewhere; git add -f .env; git commit -qm sneaky; git rm -q --cached .env; git commit -qm hide; git checkout -q -; git merge -q --no-ff -m joined elsewhere' }
  - { id: fine, run: 'echo 1 >fine; git add fine; git commit -qm one; git rm -q fine; git commit -qm two; echo f >f' }
",
    );
    world.write(".gitignore", "*.log\nplan.yaml\n.env\n");
    git(&world, &["commit", "-qam", "ignore"]);
    world.write(".env", "TOKEN=1\n");
    world.regatta(&["run", "plan.yaml"]).exits(1);
    for (task, path) in [("a", ".env"), ("b", ".regatta-task/"), ("side", ".env")] {
        let (cause, message) = failure(&world, task);
        assert!(cause == "ownership" && message.contains(path), "{task}: {cause} {message}");
    }
    let landed = landed(&world);
    assert!(landed.contains("one") && !landed.contains("sneaky") && !landed.contains("sly"), "{landed}");
}

#[test]
fn a_repository_made_inside_a_worktree_is_never_committed_as_a_link_to_nothing_and_its_files_are_kept() {
    let make = "mkdir app && cd app && git init -q && echo code >main.c";
    let commit = "git add -A && git commit -qm init";
    for deed in [
        format!("{make} && {commit}"),
        make.to_owned(),
        format!("({make} && {commit}) && git add -A 2>/dev/null && git commit -qm linked"),
    ] {
        let world = with_plan(&format!(
            "merge: {{ gates: ['true'] }}
tasks: [ {{ id: a, outputs: [app/main.c], must_change: true, retry: {{ max_attempts: 2, backoff: 1ms }}, run: 'echo ran >&2; echo x >beside; {deed}' }} ]
"
        ));
        world.regatta(&["run", "plan.yaml"]).exits(5);
        let (cause, message) = failure(&world, "a");
        assert!(cause == "ownership" && message.contains("app"), "{deed}: {cause} {message}");
        assert_eq!(landed(&world), "first");
        for attempt in ["1", "2"] {
            // Each of them has run, and each one's files are to be had.
            let said = world.regatta(&["logs", "a", "--attempt", attempt, "--stderr"]).out;
            assert!(said.contains("ran"), "{deed}: {said}");
            let kept = format!("refs/regatta/{}/a/{attempt}", world.run_id());
            assert_eq!(git(&world, &["show", &format!("{kept}:app/main.c")]), "code", "{deed}");
            assert_eq!(git(&world, &["show", &format!("{kept}:beside")]), "x");
        }
        let place = worktree_at(&world, "-a-").unwrap();
        assert!(place.join("app/.git").is_dir() && message.contains(&*place.to_string_lossy()), "{message}");
    }
}

#[test]
fn a_submodule_of_the_repository_may_move_to_what_its_remote_has_and_to_nothing_else() {
    let world = with_plan(
        "merge: { policy: merge-succeeded, gates: ['true'] }
tasks:
  - { id: moved, run: 'git update-index --cacheinfo 160000,$(cat $REGATTA_WORKSPACE/second.log),lib' }
  - { id: lost, run: 'git clone -q $REGATTA_WORKSPACE/elsewhere.log lib && cd lib && echo x >x && git add x && git commit -qm x' }
",
    );
    world.write("elsewhere.log/f", "f");
    let elsewhere = world.path("elsewhere.log");
    git_in(&elsewhere, &["init", "-q", "-b", "main"]);
    let commit = |subject: &str| {
        git_in(&elsewhere, &["add", "-A"]);
        let me =
            ["-c", "user.name=P", "-c", "user.email=p@x", "commit", "-q", "--allow-empty", "-m", subject];
        git_in(&elsewhere, &me);
    };
    commit("one");
    let from = elsewhere.to_string_lossy().into_owned();
    git(&world, &["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &from, "lib"]);
    git(&world, &["commit", "-qm", "lib"]);
    commit("two");
    let second = git_in(&elsewhere, &["rev-parse", "HEAD"]);
    world.write("second.log", &second);
    world.regatta(&["run", "plan.yaml"]).exits(1);
    assert_eq!(git(&world, &["rev-parse", "main:lib"]), second);
    let (cause, message) = failure(&world, "lost");
    assert!(cause == "ownership" && message.contains("lib"), "{cause} {message}");
}

#[test]
fn what_setup_made_or_changed_is_not_the_agents_until_the_agent_changes_it() {
    let world = with_plan(
        "worktree: { setup: ['echo s >setup.out; for f in a b; do echo t >>src/$f.txt; done', 'mkdir -p gen; echo g >gen/it; echo i >i.log'], ownership: reject }
merge: { policy: merge-succeeded, gates: ['true'], keep_branches: true }
tasks:
  - { id: idle, must_change: true, run: 'true' }
  - { id: quiet, must_change: true, run: 'git add -A; git commit -qam all' }
  - { id: good, files: [own.txt], must_change: true, run: 'cat setup.out src/a.txt gen/it >/dev/null && echo o >own.txt' }
  - { id: keen, files: [keen.txt], run: 'echo k >keen.txt; git add -f setup.out gen keen.txt; git commit -qam all' }
  - { id: changes, files: [setup.out, src/a.txt], must_change: true, run: 'echo mine >>setup.out; echo mine >>src/a.txt' }
  - { id: removes, files: [src/b.txt], must_change: true, run: 'rm -r src/b.txt gen' }
  - { id: thief, files: [thief.txt], run: 'echo t >thief.txt; echo z >gen/it' }
limits: { max_parallel: 2 }
",
    );
    let base = git(&world, &["rev-parse", "main"]);
    world.regatta(&["run", "plan.yaml"]).exits(1);
    for (task, expect) in [("idle", "no_change"), ("quiet", "no_change"), ("thief", "ownership")] {
        let (cause, message) = failure(&world, task);
        assert_eq!(cause, expect, "{task}: {message}");
    }
    let run = world.run_id();
    let of = |task: &str| git(&world, &["diff", "--name-only", &base, &format!("regatta/{run}/t/{task}")]);
    assert_eq!(of("good"), "own.txt");
    assert_eq!(of("keen"), "keen.txt");
    assert_eq!(of("changes"), "setup.out\nsrc/a.txt");
    assert_eq!(of("removes"), "src/b.txt");
    assert_eq!(
        git(&world, &["diff", "--name-only", &base, "main"]),
        "keen.txt\nown.txt\nsetup.out\nsrc/a.txt\nsrc/b.txt"
    );
    assert_eq!(git(&world, &["show", "main:src/a.txt"]), "one\ntwo\nthree\nt\nmine");
    // What lies there besides keeps no worktree from going.
    assert_eq!(worktree_at(&world, "-good-"), None);
}

#[test]
fn built_in_file_tools_of_a_worktree_plan_work_in_a_worktree_and_their_change_is_merged() {
    let world = with_plan(
        "merge: { gates: ['true'] }
tasks:
  - { id: a, run: 'echo from-a >src/b.txt' }
  - { id: read, needs: [a], tool: file_read, params: { path: src/b.txt } }
  - { id: over, needs: [read], tool: file_write, must_change: true, params: { path: src/b.txt, content: '${read.result}and X' } }
  - { id: copy, needs: [over], tool: file_copy, params: { source: src/b.txt, dest: src/c.txt } }
  - { id: move, needs: [copy], tool: file_move, params: { source: src/a.txt, dest: src/d.txt } }
  - { id: glob, needs: [move], tool: file_glob, params: { pattern: 'src/*' } }
  - { id: list, needs: [move], tool: file_list, params: { path: src } }
  - { id: seen, needs: [glob, list], tool: file_write, params: { path: seen.json, content: '${glob.result}' } }
",
    );
    git(&world, &["checkout", "-q", "-b", "mine"]);
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(!said.err.contains("warning"), "{}", said.err);
    assert_eq!(git(&world, &["show", "mine:src/b.txt"]), "from-a\nand X");
    assert_eq!(git(&world, &["show", "mine:src/c.txt"]), "from-a\nand X");
    assert_eq!(git(&world, &["show", "mine:seen.json"]), r#"["src/b.txt","src/c.txt","src/d.txt"]"#);
    assert_eq!(git(&world, &["status", "--porcelain", "--", ":!.regatta"]), "");
}

#[test]
fn what_a_file_tool_of_a_worktree_plan_did_is_not_undone_in_the_users_checkout() {
    let world = with_plan(
        "on_failure: rollback
tasks:
  - { id: w, tool: file_write, params: { path: src/b.txt, content: new }, undo: { tool: file_write, params: { path: src/b.txt, content: old } } }
  - { id: bad, needs: [w], run: 'exit 1' }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    assert_eq!(world.read("src/b.txt"), "b\n");
    assert!(world.kinds().contains(&"undo_succeeded".to_owned()), "{:?}", world.kinds());
}

#[test]
fn a_task_without_a_worktree_below_one_that_has_one_gets_a_warning() {
    let world = with_plan(
        "tasks:
  - { id: a, run: 'echo A >a.txt' }
  - { id: wait, needs: [a], tool: sleep, params: { ms: 1 } }
  - { id: deploy, needs: [wait], isolation: none, run: 'true' }
  - { id: alone, isolation: none, run: 'true' }
",
    );
    let said = world.regatta(&["check", "plan.yaml"]).exits(0);
    let all = format!("{}{}", said.out, said.err);
    assert!(all.contains("task `deploy` sees your checkout, and not what `a` does"), "{all}");
    assert!(!all.contains("task `alone`") && !all.contains("task `wait` sees"), "{all}");
}

#[test]
fn setup_runs_at_the_top_of_the_worktree_wherever_the_task_works() {
    let world = with_plan(
        "worktree: { setup: ['echo here >ran.log'] }
tasks:
  - { id: a, cwd: src, verify: ['test -e a.txt'], run: 'test -e ../ran.log && test ! -e ran.log' }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
}

#[test]
fn what_an_agents_result_says_fails_the_attempt_with_that_cause_and_on_partial_accept_tells_it() {
    let say = |status: &str| {
        format!("echo '{{ \"status\": \"{status}\", \"summary\": \"no key\" }}' >$REGATTA_RESULT")
    };
    let plan = format!(
        "tasks:
  - {{ id: blocked, must_change: true, outputs: [none], run: {:?} }}
  - {{ id: partly, on_partial: accept, run: {:?} }}
",
        say("blocked"),
        say("partial") + "; echo x >x"
    );
    let world = with_plan(&plan);
    let said = world.regatta(&["run", "plan.yaml"]).exits(1);
    let (cause, message) = failure(&world, "blocked");
    assert!(cause == "partial" && message.contains("`blocked`: no key"), "{cause} {message}");
    let flag = "its result says `partial`: no key (taken, because the plan says `on_partial: accept`)";
    assert!(said.out.contains(flag), "{}", said.out);
    for verb in [&["events"][..], &["status"], &["explain", "partly"]] {
        let told = world.regatta(verb).out;
        assert!(told.contains(flag), "{verb:?}: {told}");
    }
    let post_mortem = world.regatta(&["post-mortem"]).exits(0).out;
    assert!(
        post_mortem.contains("task partly") && post_mortem.contains("on\\_partial: accept"),
        "{post_mortem}"
    );
}

#[test]
fn what_a_red_verify_or_setup_wrote_is_read_with_the_logs_and_goes_into_the_next_prompt() {
    let world = with_plan(
        "agents: { w: { command: [sh, -c, 'cp \"$1\" $REGATTA_WORKSPACE/prompt.$REGATTA_ATTEMPT.log; echo own; echo $REGATTA_ATTEMPT >tried', x, '{prompt_file}'] } }
tasks:
  - id: a
    agent: w
    prompt: do it
    accept: [done]
    retry: { max_attempts: 2, backoff: 1ms }
    verify: ['true', 'echo wanted-a-comma; echo at-line-7 >&2; grep -q 2 tried']
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let prompt = world.read("prompt.2.log");
    assert!(prompt.contains("wanted-a-comma") && prompt.contains("at-line-7"), "{prompt}");
    let log = world.regatta(&["logs", "a", "--attempt", "1"]).out;
    assert_eq!(log, "own\n--- command 2 of `verify`\nwanted-a-comma\n");
    assert!(world.regatta(&["logs", "a", "--attempt", "1", "--stderr"]).out.contains("at-line-7"));
    let world = with_plan(
        "worktree: { setup: ['echo no-network >&2; exit 3'] }\ntasks: [ { id: a, run: 'true' } ]\n",
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    assert!(world.regatta(&["logs", "a", "--stderr"]).out.contains("no-network"));
}

#[test]
fn links_out_of_the_worktree_and_special_files_are_refused_with_their_path() {
    let world = with_plan(
        "worktree: { setup: ['mkfifo of-setup'] }
merge: { policy: merge-succeeded, gates: ['true'] }
tasks:
  - { id: out, run: 'ln -s /etc/passwd passwd' }
  - { id: up, run: 'mkdir d; ln -s ../../other d/up' }
  - { id: round, run: 'ln -s . here; ln -s here/.. round' }
  - { id: pipe, run: 'mkdir p; mkfifo p/fifo' }
  - { id: fine, run: 'ln -s ../src/a.txt src/link; ln -s nothing dangling; mkfifo x.log' }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    for (task, path) in [("out", "passwd"), ("up", "d/up"), ("round", "round"), ("pipe", "p/fifo")] {
        let (cause, message) = failure(&world, task);
        assert!(cause == "ownership" && message.contains(path), "{task}: {cause} {message}");
    }
    assert_eq!(git(&world, &["show", "main:src/link"]), "../src/a.txt");
    assert_eq!(git(&world, &["ls-tree", "-r", "--name-only", "main", "--", "passwd", "d", "p"]), "");
}

#[test]
fn a_change_that_a_task_hid_from_git_is_its_change_like_any_other() {
    for hide in ["--assume-unchanged", "--skip-worktree"] {
        let world = with_plan(&format!(
            "worktree: {{ ownership: reject }}
tasks:
  - {{ id: a, files: [new.txt], run: 'git update-index {hide} src/a.txt src/b.txt; echo sly >src/a.txt; rm src/b.txt; echo new >new.txt' }}
"
        ));
        world.regatta(&["run", "plan.yaml"]).exits(1);
        let said = world.regatta(&["explain", "a"]).out;
        assert!(said.contains("not its own: src/a.txt, src/b.txt"), "{hide}: {said}");
        let left = format!("refs/regatta/{}/a/1:src/a.txt", world.run_id());
        assert_eq!(git(&world, &["show", &left]), "sly", "{hide}");
    }
}

#[test]
fn real_paths_of_tasks_without_an_order_are_compared_when_they_are_collected() {
    let plan = |ownership: &str| {
        format!(
            "worktree: {{ ownership: {ownership} }}
tasks:
  - {{ id: a, files: ['src/**'], run: 'echo one >>src/a.txt; echo a >src/new.md' }}
  - {{ id: b, files: ['**/*.md'], run: 'echo b >b.md' }}
  - {{ id: c, files: [link/a.txt], run: 'echo c >link/a.txt' }}
  - {{ id: d, needs: [a], files: [link/b.txt], run: 'echo d >link/b.txt' }}
"
        )
    };
    let run = |ownership: &str| {
        let world = with_plan(&plan(ownership));
        std::os::unix::fs::symlink("src", world.path("link")).unwrap();
        git(&world, &["add", "link"]);
        git(&world, &["commit", "-q", "-m", "link"]);
        let said = world.regatta(&["run", "plan.yaml"]);
        (world, said)
    };
    let (world, _) = run("reject");
    let (cause, said) = failure(&world, "a");
    let wanted = "other tasks own, too, without an order: src/a.txt (of `c`), src/new.md (of `b`)";
    assert!(cause == "ownership" && said.contains(wanted), "{cause}: {said}");
    let (cause, said) = failure(&world, "c");
    assert!(cause == "ownership" && said.contains("src/a.txt (of `a`)"), "{cause}: {said}");
    // What nobody else owns without an order is its own, whatever it is called.
    let (world, said) = run("warn");
    assert!(said.out.contains(wanted), "{}", said.out);
    let tasks = world.regatta(&["status", "--json"]).json()["tasks"].clone();
    assert!(tasks["d"]["warning"].is_null() && tasks["b"]["warning"].is_null(), "{tasks}");
    let (_, said) = run("allow");
    assert!(!said.out.contains("without an order"), "{}", said.out);
}
