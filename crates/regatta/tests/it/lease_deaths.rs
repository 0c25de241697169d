//! Spec 11 "Leases": whose death is believed, what is done about it, and what becomes of leases whose file is damaged.

use crate::lease_world::{held, holder, keeper_of, log, open, taker, waiting};
use crate::world::{World, ends, signal};
use rustix::process::{Signal, kill_process};
use std::os::unix::fs::symlink;

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
