//! What a turn leaves behind, and what a failed one does.

use crate::world::{World, all, ended, fold_error, new_run, started, turn, turn_with_result};
use regatta_engine::event::EventKind;
use regatta_engine::outcome::{PauseReason, RunStatus};
use regatta_journal::{Journal, RunState, Store, StoreError, Turn};

#[test]
fn what_was_appended_is_folded_again_in_order_with_its_results() {
    let world = World::new();
    let mut run = world.create("r1");
    let turns = [started(), turn_with_result(0, b"{\"rows\":3}"), turn(1), turn_with_result(2, b"")];
    for turn in &turns {
        run.append(turn).unwrap();
    }
    let stored = all(&mut run);
    let events: Vec<_> = turns.iter().flat_map(|t| t.events.clone()).collect();
    assert_eq!(stored.iter().map(|s| s.event.clone()).collect::<Vec<_>>(), events);
    assert_eq!(stored.iter().map(|s| s.pos).collect::<Vec<_>>(), (1..=10).collect::<Vec<_>>());
    assert_eq!(stored[3].payload.as_deref(), Some(&b"{\"rows\":3}"[..]));
    assert_eq!(stored[6].payload, None);
    assert_eq!(stored[9].payload.as_deref(), Some(&b""[..]));
    assert_eq!(stored[4].wall_ms, 1_700_000_000_001);
    assert_eq!((run.last_pos(), run.turns()), (10, 4));
}

#[test]
fn a_taken_over_run_goes_on_where_it_stood_under_a_new_epoch() {
    let world = World::new();
    let mut run = world.create("r1");
    run.append(&started()).unwrap();
    run.append(&turn(0)).unwrap();
    assert_eq!(run.epoch(), 1);
    run.close().unwrap();

    let mut run = world.resume("r1").unwrap();
    assert_eq!((run.epoch(), run.state(), run.last_pos()), (2, RunState::Running, 4));
    run.append(&turn(1)).unwrap();
    assert_eq!(all(&mut run).len(), 7);
    drop(run);
    assert_eq!(world.resume("r1").unwrap().epoch(), 3);
}

#[test]
fn a_killed_process_loses_nothing_that_was_committed() {
    let world = World::new();
    let mut run = world.create("r1");
    run.append(&started()).unwrap();
    for n in 0..20 {
        run.append(&turn(n)).unwrap();
    }
    let crashed = world.crashed();
    assert_eq!(all(&mut crashed.resume("r1").unwrap()).len(), 61);
}

#[test]
fn inputs_are_kept_beside_the_events_they_led_to() {
    let world = World::new();
    let mut run = world.create("r1");
    let mut with_inputs = turn(0);
    with_inputs.inputs = crate::samples::inputs();
    let only_inputs = Turn { events: vec![], ..turn(1) };
    run.append(&with_inputs).unwrap();
    run.append(&only_inputs).unwrap();
    run.append(&turn(2)).unwrap();
    let mut seen = Vec::new();
    world
        .reader()
        .turns(run.run_id(), &mut |turn, events| {
            seen.push((turn, events.len()));
            Ok(())
        })
        .unwrap();
    let numbers: Vec<_> = seen.iter().map(|(t, n)| (t.turn, t.first_pos, t.events, *n)).collect();
    assert_eq!(numbers, [(1, 1, 3, 3), (2, 4, 0, 0), (3, 4, 3, 3)]);
    assert_eq!(seen[0].0.inputs, crate::samples::inputs());
    assert_eq!((seen[0].0.now, seen[0].0.wall_ms), (with_inputs.now, with_inputs.wall_ms));
}

#[test]
fn a_turn_without_inputs_and_events_writes_nothing() {
    let world = World::new();
    let mut run = world.create("r1");
    run.append(&started()).unwrap();
    let before = std::fs::metadata(world.wal()).unwrap().len();
    run.append(&Turn::default()).unwrap();
    assert_eq!(std::fs::metadata(world.wal()).unwrap().len(), before);
    assert_eq!(run.turns(), 1);
}

#[test]
fn the_state_of_the_run_changes_with_the_turn_that_says_so() {
    let world = World::new();
    let mut run = world.create("r1");
    let state = || world.reader().summary(&crate::world::id("r1")).unwrap();
    assert_eq!(state().state, RunState::Created);
    run.append(&started()).unwrap();
    assert_eq!((state().state, state().started_wall_ms), (RunState::Running, Some(5_000)));
    let say = |kind| Turn { events: vec![crate::world::event(1, kind)], ..Turn::default() };
    run.append(&say(EventKind::RunPaused { reason: PauseReason::Waiting })).unwrap();
    assert_eq!(state().state, RunState::Paused(PauseReason::Waiting));
    run.append(&say(EventKind::RunResumed { epoch: 1 })).unwrap();
    assert_eq!(state().state, RunState::Running);
    run.append(&ended(RunStatus::Partial)).unwrap();
    assert_eq!((state().state, state().ended_wall_ms), (RunState::Ended(RunStatus::Partial), Some(9_000)));
}

#[test]
fn a_failed_append_leaves_nothing_of_its_turn_and_takes_nothing_more() {
    let world = World::new();
    let mut run = world.create("r1");
    run.append(&turn(0)).unwrap();
    world
        .hand()
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON events WHEN new.id % 1000 >= 280 \
             BEGIN SELECT RAISE(ABORT, 'no more'); END",
        )
        .unwrap();
    let seen = |world: &World| world.reader().last(&crate::world::id("r1")).unwrap();
    let mut n = 1;
    let error = loop {
        match run.append(&turn(n)) {
            Ok(()) => n += 1,
            Err(e) => break e,
        }
        assert!(n < 1_000, "the trigger never fired");
    };
    assert!(matches!(error, StoreError::Sqlite { .. }), "{error}");
    assert_eq!(seen(&world), (u64::from(n) * 3, u64::from(n)));
    world.hand().execute_batch("DROP TRIGGER full").unwrap();
    assert!(matches!(run.append(&turn(n)), Err(StoreError::Poisoned { .. })));
    assert!(matches!(run.append(&Turn::default()), Err(StoreError::Poisoned { .. })));
    assert!(matches!(fold_error(&mut run), StoreError::Poisoned { .. }));
    drop(run);
    let mut run = world.resume("r1").unwrap();
    run.append(&turn(n)).unwrap();
    assert_eq!(all(&mut run).len() as u64, u64::from(n + 1) * 3);
}

#[test]
fn an_orchestrator_of_an_older_epoch_writes_nothing() {
    let world = World::new();
    let mut old = world.create("r1");
    old.append(&started()).unwrap();
    // Its lock is lost, as on a disk that was unmounted by force.
    std::fs::remove_file(old.dir().join("lock")).unwrap();
    let mut new = world.resume("r1").unwrap();
    let error = old.append(&turn(0)).unwrap_err();
    assert!(matches!(error, StoreError::Fenced { mine: 1, current: 2, .. }), "{error}");
    new.append(&turn(0)).unwrap();
    assert_eq!(all(&mut new).len(), 4);
}

#[test]
fn two_runs_of_a_workspace_write_side_by_side() {
    let world = World::new();
    let (mut a, mut b) = (world.create("a"), world.create("b"));
    for n in 0..200 {
        a.append(&turn(n)).unwrap();
        b.append(&turn_with_result(n, b"b")).unwrap();
    }
    assert_eq!(all(&mut a).len(), 600);
    assert_eq!(all(&mut b).iter().filter(|e| e.payload.is_some()).count(), 200);
}

#[test]
fn a_busy_writer_is_waited_for() {
    let world = World::new();
    let mut run = world.create("r1");
    let other = world.hand();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    let waiting = std::thread::spawn(move || {
        tell.send(()).unwrap();
        run.append(&turn(0)).unwrap();
        run.last_pos()
    });
    told.recv().unwrap();
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(waiting.join().unwrap(), 3);
}

#[test]
fn a_result_over_64_kib_does_not_fit_a_row() {
    let world = World::new();
    let mut run = world.create("r1");
    run.append(&turn_with_result(0, &vec![b'x'; 64 * 1024])).unwrap();
    let error = run.append(&turn_with_result(1, &vec![b'x'; 64 * 1024 + 1])).unwrap_err();
    assert!(matches!(error, StoreError::PayloadTooLarge { bytes: 65_537, .. }), "{error}");
}

#[test]
fn a_run_id_is_taken_once() {
    let world = World::new();
    drop(world.create("r1"));
    let again = Journal::open(world.path()).unwrap().create_run(&new_run("r1")).unwrap_err();
    assert_eq!(
        again.to_string().replace(world.path().to_str().unwrap(), "W"),
        "run r1 exists already in journal `W/.regatta/regatta.db`"
    );
}

#[test]
fn the_record_of_a_run_is_given_back_as_it_was() {
    let world = World::new();
    let mut new = new_run("r2");
    new.task_type = Some("feature".into());
    new.retry_of = Some(crate::world::id("r1"));
    new.plan_source = None;
    new.plan = format!("{{\"tasks\":[{}]}}", "1,".repeat(100_000));
    let run = Journal::open(world.path()).unwrap().create_run(&new).unwrap();
    assert_eq!(run.record().unwrap().run, new);
    assert_eq!(world.reader().run(run.run_id()).unwrap().run, new);
}

#[test]
fn a_long_run_keeps_its_log_short_while_it_works() {
    let world = World::new();
    let mut run = world.create("r1");
    for n in 0..4_000 {
        run.append(&turn(n)).unwrap();
    }
    let log = std::fs::metadata(world.wal()).unwrap().len();
    let whole = std::fs::metadata(world.db()).unwrap().len();
    // 4,000 commits of two pages or more are over 32 MB where nothing is moved.
    assert!(log < 24 << 20, "{log} bytes of log, {whole} bytes of database");
    assert_eq!(all(&mut run).len(), 12_000);
}

/// A file system of 1 MiB; none where this user may not mount.
struct Tiny(tempfile::TempDir);

impl Tiny {
    fn mount() -> Option<Tiny> {
        let dir = tempfile::tempdir().unwrap();
        let mount = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(dir.path())
            .stderr(std::process::Stdio::null())
            .status();
        mount.is_ok_and(|s| s.success()).then_some(Tiny(dir))
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        assert!(std::process::Command::new("umount").arg(self.0.path()).status().unwrap().success());
    }
}

#[test]
fn a_full_disk_ends_the_run_with_a_clear_error_and_resume_goes_on_when_there_is_room() {
    // Needs the right to mount; the trigger above tests the same path without it.
    let Some(tiny) = Tiny::mount() else { return };
    let path = tiny.0.path();
    let ballast = path.join("ballast");
    std::fs::write(&ballast, vec![0; 300 << 10]).unwrap();
    let mut run = Journal::open(path).unwrap().create_run(&new_run("r1")).unwrap();
    let mut n = 0;
    let error = loop {
        match run.append(&turn_with_result(n, &[b'x'; 9_000])) {
            Ok(()) => n += 1,
            Err(e) => break e,
        }
    };
    assert!(n > 3 && matches!(error, StoreError::DiskFull { .. }), "{n}: {error}");
    assert!(error.hint().unwrap().contains("regatta resume"));
    assert!(matches!(run.append(&turn(n)), Err(StoreError::Poisoned { .. })));
    drop(run);
    std::fs::remove_file(ballast).unwrap();
    let mut run = Journal::open(path).unwrap().open_run(&crate::world::id("r1"), 1).unwrap();
    assert_eq!(all(&mut run).len() as u64, u64::from(n) * 3);
    run.append(&turn(n)).unwrap();
    run.close().unwrap();
}
