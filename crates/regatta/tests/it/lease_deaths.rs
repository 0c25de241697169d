//! Spec 11 "Leases": whose death is believed, what is done about it, and what becomes of leases whose file is damaged.

use crate::lease_world::{held, holder, keeper_of, log, open, rows, taker, until, waiting};
use crate::world::{World, ends, signal};
use rustix::process::{Signal, kill_process};
use serde_json::Value;
use std::os::unix::fs::symlink;

#[test]
fn nobody_resumes_a_dead_run_while_another_sweeps_it() {
    let world = World::new();
    ["x.up", "termed", "gate"].iter().for_each(|name| world.fifo(name));
    // What is left of it ends only when it is killed.
    world.write(
        "x.yaml",
        "version: 1\neffect: idempotent\ntasks:\n  - id: x\n    locks: [db]\n    run: |\n      echo x+ >>log\n      \
         if [ $(wc -l <log) -eq 1 ]; then setsid sh -c 'trap \"echo termed >termed\" TERM; while :; do sleep 60 & wait; done' & fi\n      \
         echo up >x.up; cat <gate >/dev/null; echo x- >>log\n",
    );
    let mut dead = world.start(&["run", "x.yaml"]);
    assert_eq!(world.hear("x.up"), "up");
    let x = world.run_id();
    signal(&dead, Signal::KILL);
    assert_eq!(ends(&mut dead), None);
    kill_process(keeper_of(&world, &x), Signal::KILL).unwrap();
    taker(&world, "b", "db");
    let mut second = waiting(&world, "b.yaml");
    assert_eq!(world.hear("termed"), "termed");
    // The sweep stands still in the middle.
    let keeper = keeper_of(&world, &world.run_id());
    kill_process(keeper, Signal::STOP).unwrap();
    let holder = world.regatta(&["status", &x, "--json"]).json()["orchestrator"]["pid"].clone();
    assert_eq!(holder, Value::from(second.id()), "whoever sweeps holds the run");
    let mut resumed = world.start(&["resume", &x]);
    kill_process(keeper, Signal::CONT).unwrap();
    assert_eq!(world.hear("x.up"), "up");
    open(&world.path("gate"));
    assert_eq!((ends(&mut second), ends(&mut resumed)), (Some(0), Some(0)));
    assert_eq!(log(&world).matches("x-").count(), 1, "{}", log(&world));
    assert!(!world.regatta(&["events", &x]).out.contains("\"status\":\"failed\""));
    assert!(rows(&world).is_empty());
}

#[test]
fn whoever_cannot_be_looked_at_lives() {
    let (world, mut first) = held("db");
    let dir = world.run_dir();
    for name in ["lock", "keeper.alive"] {
        std::fs::rename(dir.join(name), dir.join(format!("{name}.away"))).unwrap();
        symlink("nowhere", dir.join(name)).unwrap();
    }
    taker(&world, "b", "db");
    let mut second = waiting(&world, "b.yaml");
    assert!(world.regatta(&["locks"]).out.lines().all(|line| !line.contains("dead")));
    assert_eq!(log(&world), "a+", "nothing of it was ended");
    for name in ["lock", "keeper.alive"] {
        std::fs::rename(dir.join(format!("{name}.away")), dir.join(name)).unwrap();
    }
    open(&world.path("gate"));
    assert_eq!((ends(&mut first), ends(&mut second)), (Some(0), Some(0)));
    assert_eq!(log(&world), "a+ a- b+ b-");
}

#[test]
fn a_run_whose_directory_is_gone_is_dead() {
    let (world, mut first) = held("db");
    let dir = world.run_dir();
    signal(&first, Signal::KILL);
    assert_eq!(ends(&mut first), None);
    kill_process(keeper_of(&world, &world.run_id()), Signal::KILL).unwrap();
    std::fs::remove_dir_all(dir).unwrap();
    taker(&world, "b", "db");
    world.regatta(&["run", "b.yaml"]).exits(0);
}

#[test]
fn damaged_leases_are_made_anew_when_nobody_lives_who_could_hold_one() {
    let world = World::new();
    taker(&world, "b", "db");
    world.regatta(&["run", "b.yaml"]).exits(0);
    let file = world.path(".regatta/leases.db");
    for damage in [vec![7; 8192], b"SQLite format 3\0 and then nothing".to_vec()] {
        std::fs::write(&file, &damage).unwrap();
        let said = world.regatta(&["locks"]).exits(4);
        assert!(said.err.contains("leases.db` is damaged") && said.err.contains("made anew"), "{}", said.err);
        assert!(!said.err.contains("runs` away"), "nothing else is lost: {}", said.err);
        world.regatta(&["run", "b.yaml"]).exits(0);
        assert!(rows(&world).is_empty());
        let aside = std::fs::read(world.path(".regatta/leases.db.damaged")).unwrap();
        assert_eq!(aside, damage, "what was found is kept");
    }
}

#[test]
fn damaged_leases_stop_runs_while_somebody_may_hold_one_and_resume_mends_them() {
    let (world, mut first) = held("db");
    let a = world.run_id();
    std::fs::write(world.path(".regatta/leases.db"), vec![7; 8192]).unwrap();
    taker(&world, "b", "db");
    let said = world.regatta(&["run", "b.yaml"]).exits(4);
    assert!(
        said.err.contains("leases.db` is damaged") && said.err.contains("other run lives"),
        "{}",
        said.err
    );
    assert_eq!(log(&world), "a+", "nobody runs without the lease that it believes it holds");
    open(&world.path("gate"));
    assert_eq!(ends(&mut first), Some(4), "it cannot give back what it holds");
    until("nothing of it lives", || {
        world.regatta(&["status", &a, "--json"]).json()["orchestrator"].is_null()
    });
    world.regatta(&["resume", &a]).exits(0);
    world.regatta(&["resume"]).exits(0);
    assert_eq!(log(&world), "a+ a- b+ b-");
}

#[test]
fn a_dead_run_that_held_shares_is_swept_once_for_all_who_wait() {
    let world = World::new();
    ["h.up", "gate"].iter().for_each(|name| world.fifo(name));
    holder(&world, "h", "{ resource: db, mode: shared }", "gate");
    let mut first = world.start(&["run", "h.yaml"]);
    assert_eq!(world.hear("h.up"), "up");
    let mut waits: Vec<_> = ["b", "c", "d"]
        .iter()
        .map(|name| {
            taker(&world, name, "db");
            waiting(&world, &format!("{name}.yaml"))
        })
        .collect();
    let h = world.regatta(&["locks", "--json"]).json()[0]["run_id"].as_str().unwrap().to_owned();
    signal(&first, Signal::KILL);
    assert_eq!(ends(&mut first), None);
    kill_process(keeper_of(&world, &h), Signal::KILL).unwrap();
    for run in &mut waits {
        assert_eq!(ends(run), Some(0));
    }
    assert_eq!(log(&world), "h+ b+ b- c+ c- d+ d-");
}
