//! Spec 4 "Leases", 11 "Locks", "Leases": locks that are no resource of the plan hold across all runs of a workspace.

use crate::lease_world::{REGATTA, held, holder, keeper_of, log, open, taker, told, waiting};
use crate::world::{World, ends, lives, signal, status};
use rustix::process::{Signal, kill_process};
use std::process::Child;

#[test]
fn an_exclusive_lock_holds_across_runs_and_is_free_when_its_holder_ends() {
    let (world, mut first) = held("db");
    taker(&world, "b", "db");
    let mut second = waiting(&world, "b.yaml");
    let why = world.regatta(&["explain", "b"]).out;
    let ids: Vec<String> = world
        .regatta(&["ls", "--json"])
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["run_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(why, format!("b: held back by lock `db`, held by `a` of run {}\n", ids[1]));
    let rows = world.regatta(&["locks", "--json"]).json();
    assert_eq!(
        (&rows[0]["state"], &rows[0]["task"], &rows[0]["mode"]),
        (&"held".into(), &"a".into(), &"exclusive".into())
    );
    assert_eq!(
        (&rows[1]["state"], &rows[1]["task"], &rows[1]["alive"]),
        (&"waiting".into(), &"b".into(), &true.into())
    );
    let text = world.regatta(&["locks"]).out;
    assert!(text.starts_with(&format!("db  exclusive  held by a of run {} since ", ids[1])), "{text}");
    open(&world.path("gate"));
    assert_eq!((ends(&mut first), ends(&mut second)), (Some(0), Some(0)));
    assert_eq!(log(&world), "a+ a- b+ b-");
    assert_eq!(world.regatta(&["locks"]).out, "no lease is held\n");
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn shared_holders_go_together_and_counted_resources_of_a_plan_are_its_own() {
    let (world, mut first) = held("{ resource: db, mode: shared }");
    taker(&world, "b", "{ resource: db, mode: shared }");
    world.regatta(&["run", "b.yaml"]).exits(0);
    assert_eq!(log(&world), "a+ b+ b-");
    world.write("c.yaml", "version: 1\nresources: { db: 1 }\ntasks: [ { id: c, locks: [ { resource: db, units: 1 } ], run: 'echo c >>log' } ]\n");
    world.regatta(&["run", "c.yaml"]).exits(0);
    open(&world.path("gate"));
    assert_eq!(ends(&mut first), Some(0));
}

#[test]
fn nobody_passes_an_earlier_incompatible_request() {
    let (world, mut first) = held("{ resource: db, mode: shared }");
    taker(&world, "b", "db");
    let mut second = waiting(&world, "b.yaml");
    taker(&world, "c", "{ resource: db, mode: shared }");
    let mut third = waiting(&world, "c.yaml");
    let why = world.regatta(&["explain", "c"]).out;
    assert!(why.contains("which asked before"), "{why}");
    open(&world.path("gate"));
    for child in [&mut first, &mut second, &mut third] {
        assert_eq!(ends(child), Some(0));
    }
    assert_eq!(log(&world), "a+ a- b+ b- c+ c-");
}

#[test]
fn all_leases_of_a_task_are_taken_at_once_or_none() {
    let (world, mut first) = held("db");
    taker(&world, "b", "cache, db");
    let mut second = waiting(&world, "b.yaml");
    // `b` waits for `db` and does not hold `cache` meanwhile, but its place in the line counts.
    let rows = world.regatta(&["locks", "--json"]).json();
    let states: Vec<(&str, &str)> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["name"].as_str().unwrap(), r["state"].as_str().unwrap()))
        .collect();
    assert_eq!(states, [("cache", "waiting"), ("db", "held"), ("db", "waiting")]);
    open(&world.path("gate"));
    assert_eq!((ends(&mut first), ends(&mut second)), (Some(0), Some(0)));
}

#[test]
fn a_paused_or_full_run_stands_in_no_line() {
    let (world, mut first) = held("db");
    taker(&world, "b", "db");
    let mut second = waiting(&world, "b.yaml");
    world.regatta(&["pause"]).exits(0);
    assert_eq!(world.regatta(&["locks", "--json"]).json().as_array().unwrap().len(), 1);
    world.regatta(&["resume"]).exits(0);
    open(&world.path("gate"));
    assert_eq!((ends(&mut first), ends(&mut second)), (Some(0), Some(0)));
}

#[test]
fn a_lease_is_free_when_its_holder_is_dead_and_nothing_of_it_lives_then() {
    for keeper_too in [false, true] {
        let (world, mut first) = held("db");
        let holder_run = world.run_id();
        taker(&world, "b", "db");
        let mut second = waiting(&world, "b.yaml");
        signal(&first, Signal::KILL);
        assert_eq!(ends(&mut first), None);
        if keeper_too {
            kill_process(keeper_of(&world, &holder_run), Signal::KILL).unwrap();
        } else {
            // The attempt goes on under its keeper, and so does its lease, until it ends.
            assert_eq!(log(&world), "a+");
            open(&world.path("gate"));
        }
        assert_eq!(ends(&mut second), Some(0));
        let rest = if keeper_too { "a+ b+ b-" } else { "a+ a- b+ b-" };
        assert_eq!(log(&world), rest);
    }
}

#[test]
fn a_resumed_run_keeps_what_its_live_attempts_hold() {
    let (world, mut first) = held("db");
    let id = world.run_id();
    signal(&first, Signal::KILL);
    assert_eq!(ends(&mut first), None);
    let mut again = told(&world, &["resume", &id], " adopted ");
    taker(&world, "b", "db");
    let mut second = waiting(&world, "b.yaml");
    open(&world.path("gate"));
    assert_eq!((ends(&mut again), ends(&mut second)), (Some(0), Some(0)));
    assert_eq!(log(&world), "a+ a- b+ b-");
}

#[test]
fn the_fencing_epoch_grows_with_each_grant() {
    let world = World::with(
        "version: 1\ntasks:\n  - { id: a, locks: [db], run: 'echo $REGATTA_LEASE_EPOCH >>epochs' }\n  \
         - { id: b, locks: [db], run: 'echo $REGATTA_LEASE_EPOCH >>epochs' }\n",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let epochs: Vec<u64> = world.read("epochs").lines().map(|l| l.parse().unwrap()).collect();
    assert!(epochs.len() == 4 && epochs.is_sorted_by(|a, b| a < b), "{epochs:?}");
}

#[test]
fn a_running_task_acquires_and_releases_leases() {
    let world = World::with(&format!(
        "version: 1\ntasks:\n  - id: a\n    run: |\n      {REGATTA} lock acquire db cache >epoch\n      \
         {REGATTA} locks >held\n      {REGATTA} lock release nope db >given\n      {REGATTA} lock release nope >>given\n      {REGATTA} locks >left\n"
    ));
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let text = world.read("held");
    assert!(
        text.contains("cache  exclusive  held by a") && text.contains("db  exclusive  held by a"),
        "{text}"
    );
    assert!(world.read("epoch").trim().parse::<u64>().is_ok());
    let given =
        "given back: db; not taken by this task: nope\ngiven back: nothing; not taken by this task: nope\n";
    assert_eq!(world.read("given"), given);
    assert!(!world.read("left").contains("db  "), "an id may have these letters too: {}", world.read("left"));
    assert_eq!(world.regatta(&["locks"]).out, "no lease is held\n", "what is left goes with the attempt");
    let kinds = world.kinds();
    assert!(kinds.contains(&"lease_taken".to_owned()) && kinds.contains(&"lease_dropped".to_owned()));
    let said = world.regatta(&["lock", "acquire", "db"]).exits(2);
    assert!(said.err.contains("is for running tasks"), "{}", said.err);
}

#[test]
fn an_attempt_that_follows_at_once_holds_the_leases_too() {
    let world = World::with(&format!(
        "version: 1\ntasks:\n  - {{ id: a, locks: [db], retry: {{ max_attempts: 3, backoff: 0ms }}, \
         run: '{REGATTA} locks >>held; test $REGATTA_ATTEMPT -eq 3' }}\n"
    ));
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let held = world.read("held");
    assert_eq!(held.matches("db  exclusive  held by a of run").count(), 3, "{held}");
    assert_eq!(world.regatta(&["locks"]).out, "no lease is held\n");
}

#[test]
fn a_circle_is_broken_by_refusing_the_lowest_priority() {
    let world = World::new();
    ["x.has", "y.has"].iter().for_each(|name| world.fifo(name));
    // Each takes its own, tells, waits for the other to have told, and wants the other's.
    let task = |id: &str, mine: &str, theirs: &str, priority: &str| {
        format!(
            "  - id: {id}\n    priority: {priority}\n    run: |\n      {REGATTA} lock acquire {mine} >/dev/null\n      \
             if [ {id} = x ]; then echo 1 >x.has; cat y.has >/dev/null; else cat x.has >/dev/null; echo 1 >y.has; fi\n      \
             {REGATTA} lock acquire {theirs} >/dev/null 2>{id}.err\n      echo {id} $? >>log\n      {REGATTA} lock release >/dev/null\n"
        )
    };
    world.write(
        "plan.yaml",
        &format!("version: 1\ntasks:\n{}{}", task("x", "one", "two", "P1"), task("y", "two", "one", "P3")),
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let mut lines: Vec<String> = world.read("log").lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["x 0", "y 1"]);
    let why = world.read("y.err");
    assert!(why.contains("would never end") && why.contains("waits for"), "{why}");
    assert!(world.kinds().contains(&"lease_denied".to_owned()));
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn what_waits_for_a_lease_can_be_cancelled_or_skipped() {
    let (world, mut first) = held("db");
    taker(&world, "b", "db");
    let mut second = waiting(&world, "b.yaml");
    world.regatta(&["skip", "b"]).exits(0);
    ends(&mut second);
    assert_eq!(world.regatta(&["locks", "--json"]).json().as_array().unwrap().len(), 1, "it left the line");
    assert_eq!(status(&world.regatta(&["status", "--json"]).json(), "b"), "skipped");
    open(&world.path("gate"));
    assert_eq!(ends(&mut first), Some(0));
}

#[test]
fn eight_orchestrators_fight_for_the_same_leases_and_nobody_overlaps() {
    let world = World::new();
    // A task that finds another one inside says so.
    let body = "mkdir inside || echo overlap >>log; echo in >>log; rmdir inside";
    let tasks: String =
        (0..5).map(|i| format!("  - {{ id: t{i}, locks: [db, cache], run: '{body}' }}\n")).collect();
    world.write("plan.yaml", &format!("version: 1\ntasks:\n{tasks}"));
    let mut children: Vec<Child> = (0..8).map(|_| world.start(&["run", "plan.yaml"])).collect();
    for child in &mut children {
        assert_eq!(ends(child), Some(0));
    }
    assert_eq!(world.read("log"), "in\n".repeat(40));
    assert_eq!(world.regatta(&["locks"]).out, "no lease is held\n");
    assert!(!lives("0"));
}

#[test]
fn a_counted_lease_is_shared_by_all_runs_up_to_its_capacity() {
    let settings = "[leases]\ngpu = 3\n";
    let (world, mut first) = {
        let world = World::new();
        ["a.up", "gate"].iter().for_each(|name| world.fifo(name));
        world.write(".regatta/config.toml", settings);
        holder(&world, "a", "{ resource: gpu, units: 2 }", "gate");
        let child = world.start(&["run", "a.yaml"]);
        assert_eq!(world.hear("a.up"), "up");
        (world, child)
    };
    taker(&world, "b", "{ resource: gpu, units: 1 }");
    world.regatta(&["run", "b.yaml"]).exits(0);
    taker(&world, "c", "{ resource: gpu, units: 2 }");
    let mut second = waiting(&world, "c.yaml");
    assert!(world.regatta(&["locks"]).out.contains("gpu  2 of 3  held by a"));
    open(&world.path("gate"));
    assert_eq!((ends(&mut first), ends(&mut second)), (Some(0), Some(0)));
    assert_eq!(log(&world), "a+ b+ b- a- c+ c-");
}

#[test]
fn settings_that_mean_nothing_are_refused_with_their_path() {
    let world = World::with("version: 1\nresources: { gpu: 1 }\ntasks: [ { id: a, run: 'true' } ]\n");
    for (settings, said) in [
        ("[lease]\n", "did you mean `leases`?"),
        ("[leases]\ngpu = 0\n", "must be a whole number from 1"),
        ("[leases]\ngpu = -1\n", "gpu"),
        ("leases", "config.toml"),
        ("[leases]\ngpu = 2\n", "is a resource of the plan and a lease of the workspace"),
    ] {
        world.write(".regatta/config.toml", settings);
        let err = world.regatta(&["check", "plan.yaml"]).exits(3).err;
        assert!(err.contains(said), "{settings}: {err}");
    }
    world.write(".regatta/config.toml", "");
    world.regatta(&["check", "plan.yaml"]).exits(0);
}
