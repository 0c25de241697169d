//! One orchestrator per run, told by the kernel's lock.

use crate::world::{World, id, new_run};
use regatta_journal::{Journal, RunLock, StoreError, is_locked};
use std::fs;

#[test]
fn a_second_orchestrator_is_refused_with_the_holder() {
    let world = World::new();
    let run = world.create("r1");
    let error = world.resume("r1").unwrap_err();
    let StoreError::Held { holder, .. } = &error else { panic!("{error}") };
    assert_eq!((holder.pid, holder.since_wall_ms), (std::process::id(), 1_000));
    assert!(holder.start_ticks > 0 && holder.boot_id.len() == 36 && !holder.host.is_empty());
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let (pid, host) = (std::process::id(), host.trim());
    assert_eq!(
        error.to_string(),
        format!("run r1 is held by process {pid} on {host} since 1970-01-01T00:00:01.000Z")
    );
    assert!(error.hint().is_some());
    assert_eq!(run.epoch(), 1);
    drop(run);
    assert_eq!(world.resume("r1").unwrap().epoch(), 2, "the refused one took no epoch");
}

#[test]
fn a_dead_holder_is_told_by_the_lock_and_not_by_its_pid() {
    let world = World::new();
    drop(world.create("r1"));
    let dir = world.home().join("runs/r1");
    // Its pid is in use: by us.
    assert!(fs::read_to_string(dir.join("lock")).unwrap().contains(&std::process::id().to_string()));
    assert_eq!(is_locked(&dir).unwrap(), None);
    let lock = RunLock::acquire(&dir, &id("r1"), 3_000).unwrap();
    assert_eq!(is_locked(&dir).unwrap().unwrap().since_wall_ms, 3_000);
    drop(lock);
    assert_eq!(is_locked(&dir).unwrap(), None);
}

#[test]
fn a_lock_whose_text_is_unreadable_still_holds() {
    let world = World::new();
    let run = world.create("r1");
    fs::write(run.dir().join("lock"), b"\0garbage").unwrap();
    assert_eq!(is_locked(&run.dir()).unwrap().unwrap().pid, 0);
    assert!(matches!(world.resume("r1").unwrap_err(), StoreError::Held { .. }));
}

#[test]
fn a_run_without_a_directory_is_not_held() {
    let world = World::new();
    drop(Journal::open(world.path()).unwrap());
    assert_eq!(is_locked(&world.home().join("runs/r1")).unwrap(), None);
}

#[test]
fn looking_does_not_keep_anybody_from_taking_over() {
    let world = World::new();
    drop(world.create("r1"));
    let dir = world.home().join("runs/r1");
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let looker = std::thread::spawn({
        let dir = dir.clone();
        move || {
            while stopped.try_recv().is_err() {
                is_locked(&dir).unwrap();
            }
        }
    });
    for _ in 0..50 {
        RunLock::acquire(&dir, &id("r1"), 0).unwrap();
    }
    stop.send(()).unwrap();
    looker.join().unwrap();
}

#[test]
fn a_holder_cannot_write_to_the_terminal() {
    let world = World::new();
    let run = world.create("r1");
    fs::write(run.dir().join("lock"), br#"{"pid":1,"host":"\u001b[31mx"}"#).unwrap();
    let text = Journal::open(world.path()).unwrap().open_run(&id("r1"), 1).unwrap_err().to_string();
    assert!(!text.contains('\u{1b}'), "{text}");
    assert!(new_run("r1").retry_of.is_none());
}
