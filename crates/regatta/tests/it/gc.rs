//! `gc`: shown first, removed when asked for; whole or not at all, whoever dies, runs or removes at the same time.

use crate::disk::Small;
use crate::world::{World, ends, signal};
use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

const PLAN: &str =
    "version: 1\nname: nightly\ntasks:\n  - { id: a, run: 'echo out; echo {} >$REGATTA_RESULT' }\n";
/// Everything that has ended may go.
const ALL: [&str; 4] = ["--keep", "0", "--older-than", "0"];

/// A world with so many ended runs; their ids, the oldest first.
fn with_runs(most: usize) -> (World, Vec<String>) {
    let world = World::with(PLAN);
    let ids = (0..most).map(|_| world.run()["run_id"].as_str().unwrap().to_owned()).collect();
    (world, ids)
}

fn gc(world: &World, args: &[&str]) -> Value {
    world.regatta(&[&["gc", "--json"], args].concat()).exits(0).json()
}

/// What is said of a run: null if it goes, else why it stays.
fn kept(facts: &Value, run: &str) -> Value {
    let found = facts["runs"].as_array().unwrap().iter().find(|row| row["run_id"] == run);
    found.unwrap_or_else(|| panic!("nothing of {run}: {facts}"))["kept"].clone()
}

fn listed(world: &World) -> Vec<String> {
    let rows = world.regatta(&["ls", "--json"]).exits(0).json();
    rows.as_array().unwrap().iter().map(|row| row["run_id"].as_str().unwrap().to_owned()).collect()
}

fn dirs(world: &World) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(world.path(".regatta/runs")) else { return Vec::new() };
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn sorted(ids: &[String]) -> Vec<String> {
    let mut ids = ids.to_vec();
    ids.sort();
    ids
}

#[test]
fn what_would_go_is_shown_first_and_goes_only_when_asked_for() {
    let (world, ids) = with_runs(5);
    let bounds = ["--keep", "2", "--older-than", "0"];
    let before = listed(&world);
    let said = world.regatta(&[&["gc"][..], &bounds].concat()).exits(0).out;
    assert_eq!(said.matches("would go  ").count(), 3, "{said}");
    assert!(said.contains("3 runs and 0 files would go: ") && said.contains("nothing was removed"), "{said}");
    assert_eq!((listed(&world), dirs(&world)), (before, sorted(&ids)));
    let facts = gc(&world, &bounds);
    assert_eq!((&facts["deleted"], &facts["freed_bytes"]), (&json!(false), &Value::Null));
    let gone: Vec<Value> = ids.iter().map(|id| kept(&facts, id)).collect();
    assert_eq!(gone, [Value::Null, Value::Null, Value::Null, json!("newest"), json!("newest")]);
    let said = world.regatta(&[&["gc", "--delete"][..], &bounds].concat()).exits(0).out;
    assert!(said.contains("removed  ") && said.contains("3 runs and 0 files removed: "), "{said}");
    assert_eq!((listed(&world), dirs(&world)), (vec![ids[4].clone(), ids[3].clone()], sorted(&ids[3..])));
    assert!(world.regatta(&["status", &ids[0]]).exits(2).err.contains("no run"));
    world.regatta(&["replay", &ids[3]]).exits(0);
    world.regatta(&["doctor"]).exits(0);
    assert_eq!(world.regatta(&["logs", "a"]).out, "out\n");
    let said = world.regatta(&[&["gc"][..], &bounds].concat()).exits(0).out;
    assert!(said.starts_with("nothing to remove of 2 runs: kept are the newest 2"), "{said}");
}

#[test]
fn by_default_a_run_stays_that_is_among_the_newest_or_ended_lately() {
    let (mut world, ids) = with_runs(2);
    assert_eq!(kept(&gc(&world, &[]), &ids[0]), "newest");
    assert_eq!(kept(&gc(&world, &["--keep", "1"]), &ids[0]), "recent");
    world.write(".regatta/config.toml", "[gc]\nkeep = 1\nolder_than = \"0\"\n");
    assert_eq!(kept(&gc(&world, &[]), &ids[0]), Value::Null);
    world.set("REGATTA_GC_OLDER_THAN", "1h");
    assert_eq!(kept(&gc(&world, &[]), &ids[0]), "recent");
    assert_eq!(kept(&gc(&world, &["--older-than", "0"]), &ids[0]), Value::Null);
    let rows = world.regatta(&["doctor", "--config", "--json"]).json()["settings"].clone();
    let row = rows.as_array().unwrap().iter().find(|row| row["key"] == "gc.older_than").unwrap();
    assert_eq!((&row["origin"], &row["source"]), (&json!("environment"), &json!("$REGATTA_GC_OLDER_THAN")));
    for (args, what) in [(["--older-than", "a week"], "no duration"), (["--keep", "few"], "--keep")] {
        let said = world.regatta(&[&["gc"][..], &args].concat()).exits(2);
        assert!(said.err.contains(what), "{}", said.err);
    }
    world.set("REGATTA_GC_KEEP", "few");
    assert!(world.regatta(&["gc"]).exits(2).err.contains("`$REGATTA_GC_KEEP` is `few`, no whole number"));
}

#[test]
fn what_has_not_ended_and_what_it_needs_stays_whatever_the_bounds_say() {
    let interrupts = "test -e go || { kill -INT $(grep -o [0-9]* .regatta/runs/$REGATTA_RUN_ID/lock | head -n1); sleep 60; }";
    let (world, ids) = with_runs(2);
    world.write(
        "open.yaml",
        &format!(
            "version: 1\ntasks:\n  - {{ id: a, run: 'echo out; echo {{}} >$REGATTA_RESULT' }}\n  \
             - {{ id: b, needs: [a], effect: idempotent, run: '{interrupts}' }}\n"
        ),
    );
    world.regatta(&["run", "open.yaml", "--reuse", &ids[0]]).exits(130);
    let open = world.run_id();
    let facts = gc(&world, &[&["--delete"][..], &ALL].concat());
    assert_eq!((kept(&facts, &open), kept(&facts, &ids[0])), (json!("open"), json!("needed")));
    assert_eq!(listed(&world), [open.clone(), ids[0].clone()]);
    world.write("go", "");
    assert_eq!(world.regatta(&["resume", "--json"]).exits(0).json()["reused"], 1);
    let facts = gc(&world, &[&["--delete"][..], &ALL].concat());
    assert_eq!((kept(&facts, &open), kept(&facts, &ids[0])), (Value::Null, Value::Null));
    assert_eq!((listed(&world), dirs(&world)), (vec![], vec![]));
    assert_eq!(world.regatta(&["ls"]).exits(0).out, "");
    assert!(world.regatta(&["status"]).exits(2).err.contains("no run"));
    world.run();
    world.regatta(&["doctor"]).exits(0);
}

#[test]
fn cached_outcomes_stay_while_a_run_that_stays_took_them_and_their_output_outlives_them() {
    let plan =
        "version: 1\ntasks:\n  - { id: a, run: 'echo x >>did; echo out', effect: pure, cache: true }\n";
    let world = World::with(plan);
    let first = world.run()["run_id"].as_str().unwrap().to_owned();
    let second = world.run()["run_id"].as_str().unwrap().to_owned();
    let third = world.run()["run_id"].as_str().unwrap().to_owned();
    let facts = gc(&world, &["--delete", "--keep", "1", "--older-than", "0"]);
    assert_eq!((kept(&facts, &first), kept(&facts, &second)), (json!("cache"), Value::Null));
    assert_eq!(kept(&facts, &third), "newest");
    world.run();
    assert_eq!(world.read("did"), "x\n", "the cache still holds");
    world.write("plan.yaml", PLAN);
    world.run();
    gc(&world, &["--delete", "--keep", "1", "--older-than", "0"]);
    world.write("plan.yaml", plan);
    world.run();
    assert_eq!(world.read("did"), "x\nx\n", "nobody had taken it: it went, and the work is done anew");
}

#[test]
fn a_live_run_goes_on_while_everything_else_is_removed() {
    let (world, _) = with_runs(3);
    ["up", "gate"].iter().for_each(|name| world.fifo(name));
    world.write("live.yaml", "version: 1\ntasks:\n  - { id: a, run: 'echo up >up; cat gate' }\n  - { id: b, needs: [a], run: echo b }\n");
    let mut child = world.start(&["run", "live.yaml"]);
    world.hear("up");
    let live = world.run_id();
    let facts = gc(&world, &[&["--delete"][..], &ALL].concat());
    assert_eq!((kept(&facts, &live), listed(&world)), (json!("open"), vec![live]));
    std::fs::write(world.path("gate"), "on\n").unwrap();
    assert_eq!(ends(&mut child), Some(0));
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn one_removes_at_a_time_and_whoever_wants_to_reuse_waits() {
    let (world, ids) = with_runs(2);
    gc(&world, &["--delete"]);
    let lock = File::open(world.path(".regatta/gc.lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let said = world.regatta(&["gc", "--delete"]).exits(4);
    assert!(said.err.contains("another process removes runs") && said.err.contains("hint:"), "{}", said.err);
    world.regatta(&["gc"]).exits(0);
    let mut child = world.start(&["retry", &ids[0], "--task", "a"]);
    // It has the lock file open and waits: that is all that can be seen of it.
    let fds = format!("/proc/{}/fd", child.id());
    let waits = || {
        let open = std::fs::read_dir(&fds).into_iter().flatten().filter_map(Result::ok);
        open.filter_map(|fd| std::fs::read_link(fd.path()).ok()).any(|to| to.ends_with("gc.lock"))
    };
    while !waits() {
        std::thread::yield_now();
    }
    assert_eq!(listed(&world).len(), 2);
    drop(lock);
    assert_eq!(ends(&mut child), Some(0));
    assert_eq!(listed(&world).len(), 3);
}

#[test]
fn files_that_nobody_finished_go_and_what_the_journal_does_not_know_is_left_alone() {
    let (world, _) = with_runs(1);
    let dir = world.run_dir();
    let old = SystemTime::now() - Duration::from_secs(40 * 86_400);
    let leave = |path: &Path, at: SystemTime| {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "0123456789").unwrap();
        File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
    };
    let (stale, fresh) = (dir.join("events.snapshot.77.tmp"), dir.join("events.snapshot.78.tmp"));
    let (copy, young) =
        (world.path(".regatta/regatta.db.damaged-1"), world.path(".regatta/regatta.db.damaged-2"));
    leave(&stale, old);
    leave(&fresh, SystemTime::now());
    leave(&copy, old);
    leave(&young, SystemTime::now());
    leave(&dir.join("attempts/.output-77-1"), old);
    leave(&world.path(".regatta/runs/strange/file"), old);
    let said = world.regatta(&["gc"]).exits(0).out;
    assert!(
        said.contains("0 runs and 3 files would go")
            && said.contains("strange: the journal has no such run; left alone"),
        "{said}"
    );
    let facts = gc(&world, &["--delete"]);
    assert_eq!(facts["files"].as_array().map(Vec::len), Some(3), "{facts}");
    assert!(!stale.exists() && !copy.exists() && !dir.join("attempts/.output-77-1").exists());
    assert!(fresh.exists() && young.exists() && world.path(".regatta/runs/strange/file").exists());
}

#[test]
fn the_database_gives_room_back_when_most_of_it_is_free() {
    let world = World::with(
        "version: 1\ntasks:\n  - { id: a, run: 'printf \"\\\"%060000d\\\"\" 0 >$REGATTA_RESULT' }\n",
    );
    (0..12).for_each(|_| drop(world.run()));
    let size = || std::fs::metadata(world.path(".regatta/regatta.db")).unwrap().len();
    let before = size();
    let facts = gc(&world, &["--delete", "--keep", "1", "--older-than", "0"]);
    assert!(before > 700_000 && size() * 3 < before, "{before} {}", size());
    assert!(facts["freed_bytes"].as_u64().unwrap() > 500_000, "{facts}");
    world.regatta(&["doctor"]).exits(0);
    world.regatta(&["replay"]).exits(0);
    world.run();
}

#[test]
fn on_a_full_disk_it_makes_room_for_the_next_run() {
    let mut world = World::with("version: 1\ntasks:\n  - { id: a, run: head -c 500000 /dev/zero }\n");
    let Some(small) = Small::mount(&world.path("small")) else { return };
    world.set("REGATTA_WORKSPACE", world.path("small").to_str().unwrap());
    (0..4).for_each(|_| drop(world.run()));
    small.fill();
    world.regatta(&["run", "plan.yaml"]).exits(4);
    let before = listed(&world).len();
    let facts = gc(&world, &["--delete", "--keep", "1", "--older-than", "0"]);
    assert!(facts["freed_bytes"].as_u64().unwrap() > 1_000_000, "{facts}");
    assert!(listed(&world).len() + 3 <= before, "{facts}");
    assert_eq!(world.run()["status"], "succeeded");
    assert_eq!(std::fs::read_dir(world.path("small/.regatta/removed")).unwrap().count(), 0);
}

#[test]
fn a_run_that_somebody_orchestrates_is_running_as_ls_says() {
    let world = World::with("version: 1\ntasks:\n  - { id: a, run: 'echo up >up; read word <go' }\n");
    ["up", "go"].iter().for_each(|name| world.fifo(name));
    let mut child = world.start(&["run", "plan.yaml"]);
    world.hear("up");
    let row = gc(&world, &ALL)["runs"][0].clone();
    assert_eq!((&row["status"], &row["kept"]), (&json!("running"), &json!("open")));
    signal(&child, Signal::KILL);
    assert_eq!(ends(&mut child), None);
    assert_eq!(gc(&world, &ALL)["runs"][0]["status"], "interrupted");
    std::fs::write(world.path("go"), "on\n").unwrap();
    world.regatta(&["resume"]).exits(0);
}

#[test]
fn without_a_journal_there_is_nothing_to_remove_and_nothing_is_made() {
    let world = World::new();
    assert!(world.regatta(&["gc", "--delete"]).exits(0).out.contains("0 runs and 0 files removed"));
    assert!(world.regatta(&["gc"]).exits(0).out.starts_with("nothing to remove of 0 runs"));
    assert!(!world.path(".regatta").exists());
}

#[cfg(feature = "faults")]
#[test]
fn after_kill_9_at_any_point_a_run_is_whole_or_gone_and_the_next_gc_clears_the_rest() {
    for (point, what) in regatta_fault::POINTS_OF_GC {
        for nth in 1..=2 {
            let (mut world, ids) = with_runs(2);
            world.set("REGATTA_FAULT", &format!("{point}:{nth}"));
            let said = world.regatta(&[&["gc", "--delete"][..], &ALL].concat());
            assert_eq!(said.code, None, "{point} is not reached: {what}");
            world.unset("REGATTA_FAULT");
            // The oldest goes first; before its rows are gone it is all there.
            let whole = if point == "gc.marked" { ids[nth - 1..].to_vec() } else { ids[nth..].to_vec() };
            let mut there = listed(&world);
            there.reverse();
            assert_eq!(there, whole, "{point} {nth}");
            for id in &ids {
                let code = if whole.contains(id) { 0 } else { 2 };
                world.regatta(&["status", id]).exits(code);
                if code == 0 {
                    assert_eq!(world.regatta(&["logs", "a", "--run", id]).exits(0).out, "out\n");
                    world.regatta(&["replay", id]).exits(0);
                }
            }
            world.regatta(&["doctor"]).exits(0);
            let new = world.run()["run_id"].as_str().unwrap().to_owned();
            gc(&world, &["--delete", "--keep", "1", "--older-than", "0"]);
            assert_eq!((listed(&world), dirs(&world)), (vec![new.clone()], vec![new]));
            assert_eq!(std::fs::read_dir(world.path(".regatta/removed")).unwrap().count(), 0);
        }
    }
}

#[test]
fn the_cgroup_of_a_keeper_that_was_killed_goes_with_its_run() {
    let (world, ids) = with_runs(1);
    let cgroup = match regatta_runtime::owner::make_cgroup(&ids[0]) {
        Ok(cgroup) => cgroup,
        Err(error) => return eprintln!("skipped: no cgroup can be made here: {error}"),
    };
    std::fs::create_dir(cgroup.join("0")).unwrap();
    let lock = world.path(".regatta/runs").join(&ids[0]).join("keeper.lock");
    std::fs::write(lock, format!("/sys/fs/cgroup\n{}\n", cgroup.display())).unwrap();
    gc(&world, &[&ALL[..], &["--delete"]].concat());
    assert!(!cgroup.exists());
}

#[test]
fn a_directory_that_was_never_ours_makes_no_workspace_unusable() {
    let world = World::with(PLAN);
    std::fs::create_dir_all(world.path(".regatta/runs/stranger")).unwrap();
    assert_eq!(world.run()["status"], "succeeded");
    let removed = [&["--delete"], &ALL[..]].concat();
    gc(&world, &removed);
    assert_eq!((listed(&world).len(), dirs(&world)), (0, vec!["stranger".to_owned()]));
    let run = world.run();
    assert_eq!(run["status"], "succeeded");
    // One that may be a run's keeps the journal from looking as if it was lost.
    std::fs::create_dir_all(world.path(".regatta/runs/lost/out")).unwrap();
    let facts = gc(&world, &removed);
    assert_eq!(kept(&facts, run["run_id"].as_str().unwrap()), "beside");
    assert_eq!(world.run()["status"], "succeeded");
}
