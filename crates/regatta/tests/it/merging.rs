//! Spec 6 "States of a merging run", "Merge", "Landing": the target moves once, to work that passed its gates, or not at all.

use crate::making::git_that;
use crate::repo_world::{
    belongings, branches, commit_by_hand, git, git_in, integration_worktree, repository, with_plan, worktrees,
};
use crate::world::World;
use serde_json::Value;
use std::collections::BTreeMap;

fn landing(world: &World) -> Value {
    world.regatta(&["status", "--json"]).json()["landing"].clone()
}

fn status_of(world: &World, task: &str) -> (String, String) {
    let row = world.regatta(&["status", "--json"]).json()["tasks"][task].clone();
    let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
    (text("status"), text("cause"))
}

const THREE: &str = "tasks:
  - { id: api, domain: backend, run: 'echo api >api.txt' }
  - { id: table, domain: database, run: 'echo t >table.txt' }
  - { id: page, domain: frontend, needs: [api], run: 'cat api.txt >page.txt' }
";

#[test]
fn work_lands_in_merge_order_behind_its_gates_and_done_means_merged() {
    let world = with_plan(&format!(
        "merge: {{ order: [database, backend], gates: ['test -e table.txt', ok] }}
gates: {{ ok: {{ run: 'test ! -e bad', timeout: 1m }} }}\n{THREE}"
    ));
    let before = git(&world, &["rev-parse", "main"]);
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(said.out.contains("landed       3 tasks on main"), "{}", said.out);
    let words = |word: &str| said.out.lines().filter(|line| line.contains(word)).count();
    assert_eq!(
        [words("s collected  "), words("s landed     "), words("s succeeded  ")],
        [3, 3, 0],
        "{}",
        said.out
    );
    let found = landing(&world);
    assert_eq!(found["merged"], serde_json::json!(["table", "api", "page"]));
    assert_eq!((found["landed"].clone(), found["gates"].as_array().unwrap().len()), (true.into(), 6));
    assert_eq!(found["tip"].as_str().unwrap(), git(&world, &["rev-parse", "main"]));
    assert_eq!(git(&world, &["rev-list", "--first-parent", "--count", &format!("{before}..main")]), "3");
    // The checkout follows: files, index and ref together.
    assert_eq!(
        (
            world.read("page.txt").as_str(),
            git(&world, &["status", "--porcelain", "--", ":!.regatta"]).as_str()
        ),
        ("api\n", "")
    );
    assert_eq!((branches(&world), worktrees(&world)), (vec![], 0));
    let merged =
        git(&world, &["log", "--format=%(trailers:key=Regatta-Task,valueonly)", "--first-parent", "-3"]);
    assert_eq!(merged.split_whitespace().collect::<Vec<_>>(), ["page", "api", "table"]);
    assert_eq!(status_of(&world, "page"), ("succeeded".to_owned(), String::new()));
}

#[test]
fn with_all_success_nothing_lands_if_one_task_fails() {
    let world = with_plan(&format!(
        "merge: {{ gates: ['true'] }}\n{THREE}  - {{ id: bad, run: 'echo x >x; exit 1' }}\n"
    ));
    let before = belongings(&world);
    let said = world.regatta(&["run", "plan.yaml"]).exits(1);
    assert!(said.out.contains("nothing: main is where it was"), "{}", said.out);
    assert!(said.out.contains("left out   api (not_landed)"), "{}", said.out);
    assert_eq!(belongings(&world), before);
    assert_eq!(status_of(&world, "api"), ("failed".to_owned(), "not_landed".to_owned()));
    // The work is not lost.
    assert!(branches(&world).contains(&"api".to_owned()));
}

const CONFLICT: &str = "tasks:
  - { id: a, run: 'echo A >src/b.txt' }
  - { id: b, run: 'echo B >src/b.txt' }
  - { id: child, needs: [b], run: 'echo c >child.txt' }
  - { id: free, run: 'echo f >free.txt' }
";

#[test]
fn with_fail_fast_a_conflict_lands_nothing() {
    let world = with_plan(&format!("merge: {{ policy: merge-succeeded, gates: ['true'] }}\n{CONFLICT}"));
    let before = belongings(&world);
    let said = world.regatta(&["run", "plan.yaml"]).exits(1);
    assert_eq!(belongings(&world), before);
    // Told when both were collected, before anything was merged.
    let lines: Vec<&str> = said.out.lines().filter(|line| line.contains("s conflict ")).collect();
    assert_eq!(lines.len(), 1, "{}", said.out);
    assert!(lines[0].ends_with("b with a in src/b.txt, where work is merged"), "{}", said.out);
    assert!(said.out.contains("left out   child (upstream)"), "{}", said.out);
    assert!(said.out.contains(&format!("next: regatta merge {} --dry-run", world.run_id())), "{}", said.out);
    assert_eq!(status_of(&world, "b"), ("failed".to_owned(), "merge_conflict".to_owned()));
    assert_eq!(status_of(&world, "child"), ("blocked".to_owned(), "upstream".to_owned()));
    assert_eq!(landing(&world)["conflicts"][0]["paths"], serde_json::json!(["src/b.txt"]));
}

#[test]
fn what_is_left_out_takes_its_descendants_with_it_and_the_rest_lands() {
    let world = with_plan(&format!(
        "merge: {{ policy: merge-succeeded, on_conflict: merge-with-rules, rules: [ {{ paths: '*.md', use: union }} ], gates: ['true'] }}\n{CONFLICT}"
    ));
    world.regatta(&["run", "plan.yaml"]).exits(1);
    assert_eq!((world.read("src/b.txt").as_str(), world.read("free.txt").as_str()), ("A\n", "f\n"));
    assert!(!world.path("child.txt").exists());
    assert_eq!(world.regatta(&["status", "--json"]).json()["status"], "partial");
    // The losing branches are kept.
    assert_eq!(branches(&world), ["b", "child"]);
}

#[test]
fn rules_resolve_conflicts_by_path() {
    let world = with_plan(
        "merge:
  on_conflict: merge-with-rules
  gates: ['true']
  rules:
    - { paths: 'ours.txt', use: ours }
    - { paths: 'theirs.txt', use: theirs }
    - { paths: '*.md', use: union }
    - { paths: 'role.txt', use: by-role }
    - { paths: '*.lock', use: regenerate, run: 'cat ours.txt theirs.txt >x.lock' }
tasks:
  - { id: a, role: docs, run: 'for f in ours.txt theirs.txt n.md role.txt x.lock; do echo A >$f; done' }
  - { id: b, role: security, run: 'for f in ours.txt theirs.txt n.md role.txt x.lock; do echo B >$f; done' }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let all = ["ours.txt", "theirs.txt", "n.md", "role.txt", "x.lock"].map(|name| world.read(name));
    assert_eq!(all, ["A\n", "B\n", "A\nB\n", "B\n", "A\nB\n"]);
    assert_eq!(landing(&world)["conflicts"][0]["resolved"]["x.lock"], "regenerate");
}

#[test]
fn a_red_gate_stops_the_landing_or_takes_out_what_made_it_red() {
    let tasks = "tasks:
  - { id: a, run: 'echo a >a.txt' }
  - { id: b, run: 'echo b >bad.txt' }
  - { id: c, needs: [b], run: 'echo c >c.txt' }
";
    let world = with_plan(&format!(
        "merge: {{ gates: ['test ! -e bad.txt || {{ echo bad is there; exit 1; }}'] }}\n{tasks}"
    ));
    let before = belongings(&world);
    let said = world.regatta(&["run", "plan.yaml"]).exits(1);
    assert_eq!(belongings(&world), before);
    assert!(said.out.contains("bad is there"), "{}", said.out);
    assert_eq!(status_of(&world, "b"), ("failed".to_owned(), "gate".to_owned()));
    let world = with_plan(&format!(
        "merge: {{ policy: merge-succeeded, on_gate_failure: take-out, gates: ['test ! -e bad.txt; touch dirt'] }}\n{}",
        tasks
    ));
    world.write(
        "plan.yaml",
        &world.read("plan.yaml").replace("test ! -e bad.txt; touch dirt", "touch dirt; test ! -e bad.txt"),
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    // A gate changes nothing.
    assert!(world.path("a.txt").exists() && !world.path("bad.txt").exists() && !world.path("dirt").exists());
    assert_eq!(status_of(&world, "c"), ("blocked".to_owned(), "upstream".to_owned()));
}

#[test]
fn a_squash_is_one_commit_a_task_also_over_a_squashed_predecessor() {
    let world = with_plan(
        "merge: { strategy: squash, gates: ['true'] }
tasks:
  - { id: a, run: 'echo a >a.txt; git add -A; git commit -qm 1; echo aa >>a.txt' }
  - { id: b, needs: [a], run: 'echo b >>a.txt' }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(
        (world.read("a.txt").as_str(), git(&world, &["rev-list", "--count", "main"]).as_str()),
        ("a\naa\nb\n", "3")
    );
    assert_eq!(git(&world, &["rev-list", "--merges", "--count", "main"]), "0");
}

#[test]
fn files_of_the_user_that_are_in_the_way_are_not_overwritten_and_the_run_goes_on_when_they_are_gone() {
    let world = with_plan(
        "merge: { gates: ['true'] }\ntasks: [ { id: a, run: 'echo new >src/b.txt; echo y >free.txt' } ]\n",
    );
    world.write("src/b.txt", "mine\n");
    let before = belongings(&world);
    let said = world.regatta(&["run", "plan.yaml"]).exits(5);
    assert_eq!(belongings(&world), before);
    assert!(said.out.contains("are in the way") && said.out.contains("regatta resume"), "{}", said.out);
    assert!(branches(&world).contains(&"result".to_owned()));
    git(&world, &["checkout", "-q", "--", "src/b.txt"]);
    world.regatta(&["resume"]).exits(0);
    assert_eq!((world.read("src/b.txt").as_str(), worktrees(&world)), ("new\n", 0));
}

#[test]
fn a_target_that_is_checked_out_nowhere_or_elsewhere_moves_too() {
    for elsewhere in [false, true] {
        let world = with_plan(
            "merge: { target: release, gates: ['true'] }\ntasks: [ { id: a, run: 'echo new >new.txt' } ]\n",
        );
        git(&world, &["branch", "release"]);
        let other = tempfile::tempdir().unwrap();
        let there = other.path().join("wt");
        if elsewhere {
            git(&world, &["worktree", "add", "-q", there.to_str().unwrap(), "release"]);
        }
        let main = git(&world, &["rev-parse", "main"]);
        world.regatta(&["run", "plan.yaml"]).exits(0);
        assert_eq!(git(&world, &["rev-parse", "main"]), main);
        assert_eq!(git(&world, &["show", "release:new.txt"]), "new");
        assert!(!world.path("new.txt").exists());
        if elsewhere {
            assert_eq!(std::fs::read_to_string(there.join("new.txt")).unwrap(), "new\n");
            assert_eq!(git_in(&there, &["status", "--porcelain"]), "");
        }
    }
}

#[test]
fn a_detached_head_without_a_target_gets_a_branch_of_its_own() {
    let world = with_plan("merge: { gates: ['true'] }\ntasks: [ { id: a, run: 'echo new >new.txt' } ]\n");
    git(&world, &["checkout", "-q", "--detach"]);
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let result = format!("regatta/{}/result", world.run_id());
    assert_eq!(git(&world, &["show", &format!("{result}:new.txt")]), "new");
    assert!(!world.path("new.txt").exists());
}

#[test]
fn a_target_that_moved_meanwhile_is_merged_onto_and_its_gates_run_again() {
    let world = repository();
    // The gate itself is the somebody who commits, once.
    let top = world.root().display().to_string();
    let gate = format!(
        "test -e {top}/moved.log || {{ touch {top}/moved.log; git -C {top} commit -q --allow-empty -m theirs; }}"
    );
    world.write("plan.yaml", &format!("version: 1\nisolation: worktree\nmerge: {{ gates: [\"{gate}\"] }}\ntasks: [ {{ id: a, run: 'echo new >new.txt' }} ]\n"));
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(git(&world, &["log", "--first-parent", "--format=%s", "-2"]), "Merge a: a\ntheirs");
}

#[test]
fn a_conflict_is_left_to_a_person_with_its_markers_and_resume_takes_what_they_committed() {
    let world = with_plan(&format!(
        "merge: {{ on_conflict: manual-escalation, gates: ['test ! -e bad'] }}\n{CONFLICT}"
    ));
    let before = belongings(&world);
    let said = world.regatta(&["run", "plan.yaml"]).exits(5);
    assert_eq!(belongings(&world), before);
    assert!(said.out.contains("conflicts in src/b.txt") && said.out.contains("git commit"), "{}", said.out);
    let place = &integration_worktree(&world).unwrap();
    assert!(std::fs::read_to_string(place.join("src/b.txt")).unwrap().contains("<<<<<<<"));
    // Nothing was done yet: it waits again.
    world.regatta(&["resume"]).exits(5);
    std::fs::write(place.join("src/b.txt"), "both\n").unwrap();
    commit_by_hand(place);
    world.regatta(&["resume"]).exits(0);
    assert_eq!(
        (world.read("src/b.txt").as_str(), world.read("child.txt").as_str(), worktrees(&world)),
        ("both\n", "c\n", 0)
    );
}

#[test]
fn a_landing_that_is_interrupted_at_its_gate_goes_on_with_resume() {
    let world = repository();
    let top = world.root().display().to_string();
    let gate =
        format!("test -e {top}/again.log || {{ touch {top}/again.log; echo up >{top}/up; sleep 300; }}");
    world.write("plan.yaml", &format!("version: 1\nisolation: worktree\nmerge: {{ gates: [\"{gate}\"] }}\ntasks: [ {{ id: a, run: 'echo new >new.txt' }} ]\n"));
    world.fifo("up");
    for signal in ["-TERM", "-KILL"] {
        let _ = std::fs::remove_file(world.path("again.log"));
        let mut child = world.start(&["run", "plan.yaml"]);
        world.hear("up");
        let pid = child.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
        child.wait().unwrap();
        world.regatta(&["resume"]).exits(0);
        assert_eq!(
            (git(&world, &["log", "-1", "--format=%s"]).as_str(), worktrees(&world)),
            ("Merge a: a", 0)
        );
        git(&world, &["reset", "-q", "--hard", "HEAD~1"]);
    }
}

#[test]
fn eight_agents_at_once_in_each_of_two_runs_meet_no_lock_of_git_and_all_their_work_lands() {
    let world = repository();
    for run in ["one", "two"] {
        let mut plan =
            "version: 1\nisolation: worktree\nlimits: { max_parallel: 8 }\nmerge: { gates: ['true'] }\ntasks:\n"
                .to_owned();
        for n in 1..=8 {
            let work = format!(
                "for i in 1 2 3; do echo $i >>{run}-{n}.txt; git add -A; git commit -qm $i; git status -s; done; echo 4 >>{run}-{n}.txt"
            );
            plan.push_str(&format!("  - {{ id: t{n}, run: '{work}' }}\n"));
        }
        world.write(&format!("{run}/plan.yaml"), &plan);
    }
    let mut children = ["one/plan.yaml", "two/plan.yaml"].map(|plan| world.start(&["run", plan]));
    for child in &mut children {
        let code = child.wait().unwrap().code();
        assert_eq!(code, Some(0), "{}", world.regatta(&["status"]).out);
    }
    for (run, n) in ["one", "two"].into_iter().flat_map(|run| (1..=8).map(move |n| (run, n))) {
        assert_eq!(world.read(&format!("{run}-{n}.txt")), "1\n2\n3\n4\n");
    }
    assert_eq!((branches(&world), worktrees(&world)), (vec![], 0));
    assert_eq!(git(&world, &["rev-list", "--count", "--no-merges", "main"]), "65");
}

#[test]
fn rollback_undoes_what_was_collected_and_did_not_land() {
    for (gate, last) in [("true", "exit 1"), ("false", "true")] {
        let world = with_plan(&format!(
            "on_failure: rollback
merge: {{ gates: ['{gate}'] }}
tasks:
  - {{ id: u, run: 'touch $REGATTA_WORKSPACE/side.log; echo u >u1', undo: 'rm $REGATTA_WORKSPACE/side.log' }}
  - {{ id: x, needs: [u], run: '{last}' }}
"
        ));
        world.regatta(&["run", "plan.yaml"]).exits(1);
        assert!(!world.path("side.log").exists(), "{gate}");
        let undone: Vec<String> = world.kinds().into_iter().filter(|kind| kind.contains("undo")).collect();
        assert_eq!(undone, ["undo_started", "undo_succeeded"], "{gate}");
        assert_eq!(git(&world, &["log", "--format=%s", "main"]), "first");
    }
}

#[test]
fn files_whose_line_ends_are_the_users_are_as_committed_and_what_lands_gets_such_line_ends() {
    let mut world = with_plan(
        "merge: { gates: ['true'] }
tasks: [ { id: a, run: 'grep -q one src/a.txt; echo four >>src/a.txt' } ]
",
    );
    let person = "[user]\n name = P\n email = p@x\n[core]\n autocrlf = true\n";
    world.lives_at_home(&[(".gitconfig", person)]);
    // As git checks it out for them, and touched since.
    std::fs::remove_file(world.path("src/a.txt")).unwrap();
    git(&world, &["-c", "core.autocrlf=true", "checkout", "--", "src/a.txt"]);
    assert_eq!(world.read("src/a.txt"), "one\r\ntwo\r\nthree\r\n");
    std::fs::remove_file(world.path("src/a.txt")).unwrap();
    world.write("src/a.txt", "one\r\ntwo\r\nthree\r\n");
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(!said.err.contains("not committed"), "{}", said.err);
    assert_eq!(git(&world, &["show", "main:src/a.txt"]), "one\ntwo\nthree\nfour");
    assert_eq!(world.read("src/a.txt"), "one\r\ntwo\r\nthree\r\nfour\r\n");
}

#[test]
fn no_rule_resolves_a_file_that_meets_a_directory_and_the_conflict_has_the_name_of_both() {
    for rule in ["ours", "theirs", "by-role"] {
        let world = with_plan(&format!(
            "merge: {{ policy: merge-succeeded, on_conflict: merge-with-rules, rules: [{{ paths: '**', use: {rule} }}], gates: ['true'] }}
tasks:
  - {{ id: a, run: 'echo a >b.txt' }}
  - {{ id: z, run: 'mkdir b.txt; echo z >b.txt/x' }}
"
        ));
        world.regatta(&["run", "plan.yaml"]).exits(1);
        let conflict = &landing(&world)["conflicts"][0];
        assert_eq!(
            (&conflict["task"], &conflict["paths"]),
            (&"z".into(), &vec!["b.txt"].into()),
            "{conflict}"
        );
        assert_eq!(
            git(&world, &["ls-tree", "-r", "--name-only", "main"]),
            ".gitignore\nb.txt\nsrc/a.txt\nsrc/b.txt"
        );
    }
}

#[test]
fn what_a_piece_of_work_changed_is_asked_of_git_once_however_many_conflict_with_it() {
    let tasks: String =
        (0..8).map(|n| format!("  - {{ id: t{n}, role: docs, run: 'echo {n} >all.lock' }}\n")).collect();
    let mut world = with_plan(&format!(
        "merge: {{ on_conflict: merge-with-rules, rules: [{{ paths: '*.lock', use: by-role }}], gates: ['true'] }}
tasks:\n{tasks}"
    ));
    let log = format!("echo \"$*\" >>{}", world.path("log").display());
    git_that(&mut world, "case \"$*\" in *diff-tree*) : ;; *) false ;; esac", &log);
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let met = landing(&world)["conflicts"].clone();
    assert_eq!(met[6]["with"].as_array().map(Vec::len), Some(7), "{met}");
    let mut asked: BTreeMap<String, usize> = BTreeMap::new();
    for (_, two) in world.read("log").lines().filter_map(|line| line.split_once("--end-of-options ")) {
        *asked.entry(two.to_owned()).or_default() += 1;
    }
    assert!(asked.len() > 7, "{asked:?}");
    let (pair, most) = asked.iter().max_by_key(|(_, times)| **times).unwrap();
    assert!(*most < 7, "git was asked {most} times for {pair}");
}

#[test]
fn what_the_landing_waits_for_is_told_by_explain_and_the_post_mortem_with_files_and_command() {
    let world = with_plan(
        "merge: { on_conflict: manual-escalation, gates: ['true'] }
tasks: [ { id: a, run: 'echo A >src/b.txt' }, { id: b, run: 'echo B >src/b.txt' } ]
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let resume = format!("then: regatta resume {}", world.run_id());
    let whole = world.regatta(&["explain"]).exits(0).out;
    let what = "landing waits: the work of `b` conflicts in src/b.txt, with the work of a\n";
    assert!(whole.starts_with(what), "{whole}");
    assert_eq!(whole.matches(&resume).count(), 1, "{whole}");
    let own = world.regatta(&["explain", "b"]).exits(0).out;
    assert!(own.contains("  conflict of b in src/b.txt, with the work of a\n"), "{own}");
    assert!(own.contains("  landing waits: ") && own.contains(&resume), "{own}");
    let report = world.regatta(&["post-mortem"]).exits(0).out;
    assert!(report.contains("the landing waits for a person: the work of "), "{report}");
    assert!(report.contains("conflict of b in src/b") && report.contains("regatta resume"), "{report}");
    // Of many conflicts the same are named in both.
    let file = world.run_dir().join("landing.json");
    let mut report: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let one = report["conflicts"][0].clone();
    report["conflicts"] = std::iter::repeat_n(one, 11).collect();
    std::fs::write(&file, report.to_string()).unwrap();
    for args in [&["explain"][..], &["post-mortem"]] {
        let told = world.regatta(args).exits(0).out;
        assert_eq!(told.matches("conflict of b in src/b").count(), 8, "{told}");
        assert!(told.contains("and 3 more in conflict"), "{told}");
    }
    let plan = "merge: { approve: true, gates: ['true'] }\ntasks: [ { id: a, run: 'echo A >a.txt' } ]\n";
    let approve = with_plan(plan);
    approve.regatta(&["run", "plan.yaml"]).exits(5);
    let own = approve.regatta(&["explain", "a"]).exits(0).out;
    assert!(own.contains("landing waits: may the target move?"), "{own}");
    assert!(own.contains(&format!("next: regatta merge {} --approve", approve.run_id())), "{own}");
}

#[test]
fn a_conflict_with_what_came_to_the_target_meanwhile_says_so_wherever_it_is_told() {
    let world = with_plan(
        "merge: { approve: true, on_conflict: fail-fast, gates: ['true'] }
tasks: [ { id: a, run: 'echo A >src/b.txt' } ]
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(5);
    world.write("src/b.txt", "meanwhile\n");
    git(&world, &["commit", "-qam", "meanwhile"]);
    let met = "in src/b.txt, with what is on main, which moved since the run began";
    let seen = world.regatta(&["merge", "--dry-run"]).exits(1).out;
    assert!(seen.contains(&format!("conflicts {met}")), "{seen}");
    let said = world.regatta(&["resume"]).exits(1).out;
    assert!(said.contains(&format!("conflict     a {met}")), "{said}");
    let said = world.regatta(&["explain", "a"]).exits(0).out;
    assert!(said.contains(&format!("conflict {met}")), "{said}");
}

/// Only a target that moved is said to have moved: one may differ from what tasks begin from since before the run.
#[test]
fn a_conflict_with_a_target_that_did_not_move_names_the_target_only() {
    for (target, aims) in [("release", "target: release, "), ("main", "")] {
        let base = if aims.is_empty() { "worktree: { base: v1 }\n" } else { "" };
        let world = with_plan(&format!(
            "{base}merge: {{ {aims}on_conflict: fail-fast, gates: ['true'] }}\ntasks: [ {{ id: a, run: 'echo A >src/b.txt' }} ]\n"
        ));
        git(&world, &["tag", "v1"]);
        git(&world, &["checkout", "-q", "-B", target]);
        world.write("src/b.txt", "before\n");
        git(&world, &["commit", "-qam", "before"]);
        if target != "main" {
            git(&world, &["checkout", "-q", "main"]);
        }
        let said = world.regatta(&["run", "plan.yaml"]).exits(1).out;
        let met = format!("in src/b.txt, with what is on {target}");
        assert!(said.contains(&format!("conflict     a {met}\n")), "{said}");
        let seen = world.regatta(&["merge", "--dry-run"]).exits(1).out;
        assert!(seen.contains(&format!("conflicts {met}\n")), "{seen}");
        let said = world.regatta(&["explain", "a"]).exits(0).out;
        assert!(said.contains(&format!("conflict {met}")) && !said.contains("moved"), "{said}");
    }
}

#[test]
fn a_run_that_is_cancelled_while_its_landing_waits_waits_for_nothing_any_more() {
    let world =
        with_plan("merge: { approve: true, gates: ['true'] }\ntasks: [ { id: a, run: 'echo A >a.txt' } ]\n");
    world.regatta(&["run", "plan.yaml"]).exits(5);
    world.regatta(&["cancel"]).exits(0);
    let said = world.regatta(&["status"]).exits(0).out;
    assert!(!said.contains("  waits ") && said.contains("cancelled: nothing waits any more"), "{said}");
    assert!(said.contains(&format!("next: regatta resume {}", world.run_id())), "{said}");
    world.regatta(&["resume"]).exits(1);
    assert!(!world.path("a.txt").exists());
}

#[test]
fn a_place_for_worktrees_that_cannot_be_is_told_before_a_run_is_recorded() {
    let world = with_plan("worktree: { dir: src/a.txt/wt }\ntasks: [ { id: a, run: 'true' } ]\n");
    let said = world.regatta(&["run", "plan.yaml"]).exits(4).err;
    assert!(said.contains("`worktree.dir` is ") && said.contains("/src/a.txt is no directory"), "{said}");
    assert!(said.contains("hint: name another directory"), "{said}");
    assert_eq!(world.regatta(&["ls"]).exits(0).out, "no run was ever started here\n");
}
