//! Spec 4 "effect contract", 11 "content key": equal work of earlier runs is taken, and `explain` says why or why not.

use crate::world::World;
use serde_json::Value;

/// What the newest run did itself.
fn ran(world: &World) -> String {
    let text = world.read("ran");
    world.write("ran", "");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn why_not(world: &World, task: &str) -> String {
    let facts: Value = world.regatta(&["explain", task, "--json"]).json();
    facts[0]["not_reused"].as_str().unwrap_or_default().to_owned()
}

const CHAIN: &str = "version: 1
tasks:
  - { id: a, run: 'echo a >>ran; echo 1' }
  - { id: b, run: 'echo b >>ran; echo ${a.stdout}0' }
  - { id: c, env: { GOT: '${b.stdout}' }, run: 'echo c >>ran; echo $GOT; test -e mended' }
";

#[test]
fn reuse_takes_equal_work_by_content_whatever_the_task_is_called() {
    let world = World::with(CHAIN);
    world.regatta(&["run", "plan.yaml"]).exits(1);
    assert_eq!(ran(&world), "a b c");
    let first = world.run_id();
    let renamed =
        CHAIN.replace("id: a", "id: first").replace("${a.", "${first.").replace("test -e mended", "true");
    world.write("plan.yaml", &renamed);
    let summary = world.regatta(&["run", "plan.yaml", "--reuse", &first, "--json"]).exits(0).json();
    assert_eq!((ran(&world).as_str(), &summary["reused"]), ("c", &2.into()));
    assert_eq!(world.regatta(&["logs", "c"]).out, "10\n", "what was reused is passed on");
    let said = world.regatta(&["explain", "first"]).exits(0).out;
    assert!(said.contains(&format!("of run {first} (equal content key)")), "{said}");
    let why = why_not(&world, "c");
    assert!(why.starts_with(&format!("run {first}: there it ended as failed")), "{why}");
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn what_changed_is_run_again_and_said() {
    let world = World::with(&CHAIN.replace("; test -e mended", ""));
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let first = world.run_id();
    ran(&world);
    world.write("plan.yaml", &CHAIN.replace("; test -e mended", "").replace("echo 1'", "echo 2'"));
    world.regatta(&["run", "plan.yaml", "--reuse", &first]).exits(0);
    assert_eq!(ran(&world), "a b c", "what depends on it is not equal either");
    let why = why_not(&world, "a");
    assert!(why.contains("task `a`: `run` was ") && why.contains("echo 2"), "{why}");
    let why = why_not(&world, "b");
    assert!(why.ends_with("a value it refers to or a variable it gets has changed"), "{why}");
}

#[test]
fn only_a_run_that_has_ended_is_reused() {
    let world = World::with(CHAIN);
    assert!(world.regatta(&["run", "plan.yaml", "--reuse", "x"]).exits(2).err.contains("no run"));
}

/// Changes something of a workspace.
type Change = fn(&mut World);

const CACHED: &str = "version: 1
env: [FLAVOUR]
tasks:
  - id: build
    effect: pure
    cache: true
    reads: [ 'src/**', one.txt ]
    files: [ out ]
    run: 'echo build >>ran; mkdir -p out; cat src/* one.txt >out/all; echo $FLAVOUR; wc -l <out/all >$REGATTA_RESULT'
  - { id: use, run: 'echo use >>ran; echo ${build.result} lines, ${build.stdout}' }
";

fn cached() -> World {
    let mut world = World::with(CACHED);
    world.set("FLAVOUR", "plain");
    world.write("src/a.txt", "1\n2\n");
    world.write("one.txt", "3\n");
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(ran(&world), "build use");
    world
}

#[test]
fn cache_takes_equal_work_of_any_earlier_run() {
    let world = cached();
    for _ in 0..3 {
        world.regatta(&["run", "plan.yaml"]).exits(0);
        assert_eq!(ran(&world), "use");
        assert_eq!(world.regatta(&["logs", "use"]).out, "3 lines, plain\n");
    }
}

#[test]
fn the_content_key_has_the_action_the_inputs_the_variables_the_files_and_the_cache_key() {
    let changes: [(&str, Change); 8] = [
        ("a file it reads", |w| w.write("src/a.txt", "1\n")),
        ("a new file", |w| w.write("src/deep/b.txt", "")),
        ("a file that is gone", |w| std::fs::remove_file(w.path("one.txt")).unwrap()),
        ("a variable", |w| w.set("FLAVOUR", "sweet")),
        ("the action", |w| w.write("plan.yaml", &CACHED.replace("echo build", "echo  build"))),
        ("the cache key", |w| {
            w.write("plan.yaml", &CACHED.replace("cache: true", "cache: true\n    cache_key: v2"));
        }),
        ("the directory", |w| {
            w.write("plan.yaml", &CACHED.replace("cache: true", "cache: true\n    cwd: ."));
        }),
        ("an input", |w| {
            w.write("plan.yaml", &CACHED.replace("cache: true", "cache: true\n    inputs: { n: 1 }"));
        }),
    ];
    for (what, change) in changes {
        let mut world = cached();
        change(&mut world);
        world.regatta(&["run", "plan.yaml"]);
        assert!(ran(&world).starts_with("build"), "{what}");
        assert!(why_not(&world, "build").contains("no earlier run did equal work"), "{what}");
    }
}

#[test]
fn what_is_no_part_of_the_work_does_not_change_the_content_key() {
    let keys = [
        "title: better",
        "priority: P0",
        "retry: { max_attempts: 3 }",
        "timeout: { attempt: 5m }",
        "tags: [x]",
    ];
    for key in keys {
        let world = cached();
        world.write("plan.yaml", &CACHED.replace("cache: true", &format!("cache: true\n    {key}")));
        world.write(".regatta/other", "");
        world.regatta(&["run", "plan.yaml"]).exits(0);
        assert_eq!(ran(&world), "use", "{key}");
    }
}

#[test]
fn files_that_it_wrote_must_be_there_as_it_left_them() {
    let world = cached();
    world.write("out/all", "other\n");
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(ran(&world), "build use");
    assert!(why_not(&world, "build").contains("`out/all`, which it wrote, is not as it left it"));
    std::fs::remove_dir_all(world.path("out")).unwrap();
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(ran(&world), "build use");
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(ran(&world), "use");
}

#[test]
fn an_attempt_that_failed_is_never_reused() {
    let world = World::with(
        "version: 1\ntasks: [ { id: a, effect: pure, cache: true, run: 'echo a >>ran; test -e mended' } ]\n",
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    world.write("mended", "");
    world.regatta(&["run", "plan.yaml"]).exits(0);
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(ran(&world), "a a");
}

#[test]
fn cache_needs_a_pure_task_and_the_plan_gives_the_default_for_pure_ones() {
    let world = World::with("version: 1\ntasks: [ { id: a, cache: true, run: 'true' } ]\n");
    let said = world.regatta(&["check", "plan.yaml"]).exits(3);
    assert!(said.err.contains("`cache: true` but `effect: at-most-once`"), "{}", said.err);
    let world = World::with(
        "version: 1\ncache: true\ntasks: [ { id: a, effect: pure, run: 'echo a >>ran' }, \
         { id: b, run: 'echo b >>ran' }, { id: c, effect: pure, cache: false, run: 'echo c >>ran' } ]\n",
    );
    world.regatta(&["run", "plan.yaml", "--schedule", "sequential"]).exits(0);
    world.regatta(&["run", "plan.yaml", "--schedule", "sequential"]).exits(0);
    assert_eq!(ran(&world), "a b c b c");
}
