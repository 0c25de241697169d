//! Readers see committed turns, never block the run, and find the run that is meant.

use crate::world::{World, ended, id, started, turn, turn_with_result};
use regatta_engine::outcome::RunStatus;
use regatta_journal::{Store, StoreError, Which};

#[test]
fn a_reader_in_the_middle_of_reading_does_not_block_a_turn() {
    let world = World::new();
    let mut run = world.create("r1");
    run.append(&turn(0)).unwrap();
    let reader = world.reader();
    let mut seen = 0;
    reader
        .fold(&id("r1"), &mut |_| {
            seen += 1;
            run.append(&turn(seen)).unwrap();
            run.checkpoint().unwrap();
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, 3, "a fold sees one state of the journal");
    assert_eq!(reader.last(&id("r1")).unwrap(), (12, 4));
}

#[test]
fn events_come_in_pages_from_any_position() {
    let world = World::new();
    let mut run = world.create("r1");
    for n in 0..10 {
        run.append(&turn(n)).unwrap();
    }
    let reader = world.reader();
    let page = |from, limit| {
        let events = reader.events(&id("r1"), from, limit).unwrap();
        events.iter().map(|e| e.pos).collect::<Vec<_>>()
    };
    assert_eq!(page(0, 2), [1, 2]);
    assert_eq!(page(1, 2), [1, 2]);
    assert_eq!(page(29, 5), [29, 30]);
    assert!(page(31, 5).is_empty());
    assert!(page(32, 5).is_empty());
    assert!(page(u64::MAX, 5).is_empty());
    assert!(page(5, 0).is_empty());
    run.append(&turn(10)).unwrap();
    assert_eq!(page(31, 5), [31, 32, 33]);
}

#[test]
fn a_page_of_large_results_is_cut_short_and_goes_on() {
    let world = World::new();
    let mut run = world.create("r1");
    for n in 0..100 {
        run.append(&turn_with_result(n, &vec![b'x'; 64 * 1024])).unwrap();
    }
    let (reader, mut from, mut pages) = (world.reader(), 1, 0);
    loop {
        let page = reader.events(&id("r1"), from, 1_000).unwrap();
        let Some(last) = page.last() else { break };
        from = last.pos + 1;
        pages += 1;
    }
    assert_eq!((from, pages), (301, 2));
    assert_eq!(reader.payload(&id("r1"), 3).unwrap().unwrap().len(), 64 * 1024);
    assert_eq!(reader.payload(&id("r1"), 2).unwrap(), None);
}

#[test]
fn the_newest_run_is_meant_where_none_is_named() {
    let world = World::new();
    let named = |which| world.reader().resolve(which).map(|run| run.run_id.to_string());
    drop(regatta_journal::Journal::open(world.path()).unwrap());
    assert!(matches!(named(Which::Newest), Err(StoreError::NoRuns { .. })));
    assert!(matches!(named(Which::NewestOpen), Err(StoreError::NoRuns { .. })));
    for (run, status) in
        [("abc-1", None), ("abd-2", Some(RunStatus::Failed)), ("xyz", Some(RunStatus::Succeeded))]
    {
        let mut journal = world.create(run);
        journal.append(&started()).unwrap();
        if let Some(status) = status {
            journal.append(&ended(status)).unwrap();
        }
    }
    assert_eq!(named(Which::Newest).unwrap(), "xyz");
    assert_eq!(named(Which::NewestOpen).unwrap(), "abc-1");
    assert_eq!(named(Which::Named("abd")).unwrap(), "abd-2");
    assert_eq!(named(Which::Named("abc-1")).unwrap(), "abc-1");
    let text = |which| named(which).unwrap_err().to_string();
    assert_eq!(text(Which::Named("ab")), "`ab` could be run abd-2 or run abc-1");
    assert!(text(Which::Named("q")).starts_with("no run `q` in journal `"));
    assert!(text(Which::Named("%")).contains("is not a run id"));
    world.resume("abc-1").unwrap().append(&ended(RunStatus::Cancelled)).unwrap();
    assert_eq!(named(Which::NewestOpen).unwrap(), "xyz", "else the newest");
}

#[test]
fn an_exact_id_is_meant_although_others_begin_with_it() {
    let world = World::new();
    for run in ["a", "a1", "a-2", "aZ", "a_3"] {
        drop(world.create(run));
    }
    assert_eq!(world.reader().resolve(Which::Named("a")).unwrap().run_id, id("a"));
    assert_eq!(world.reader().resolve(Which::Named("a_")).unwrap().run_id, id("a_3"));
}

#[test]
fn runs_are_listed_newest_first() {
    let world = World::new();
    for run in ["c", "a", "b"] {
        drop(world.create(run));
    }
    let names = |n| world.reader().runs(n).unwrap().iter().map(|r| r.run_id.to_string()).collect::<Vec<_>>();
    assert_eq!(names(99), ["b", "a", "c"]);
    assert_eq!(names(2), ["b", "a"]);
}

#[test]
fn a_run_whose_orchestrator_is_dead_is_still_recorded_as_running_but_held_by_nobody() {
    let world = World::new();
    let mut run = world.create("r1");
    run.append(&started()).unwrap();
    assert_eq!(world.reader().holder(&id("r1")).unwrap().unwrap().pid, std::process::id());
    let crashed = world.crashed();
    let reader = crashed.reader();
    assert_eq!(reader.summary(&id("r1")).unwrap().state.name(), "running");
    assert_eq!(reader.holder(&id("r1")).unwrap(), None);
}

#[test]
fn the_first_error_of_the_folding_ends_the_fold() {
    let world = World::new();
    let mut run = world.create("r1");
    run.append(&turn(0)).unwrap();
    let mut seen = 0;
    let error = run
        .fold(&mut |event| {
            seen += 1;
            Err(StoreError::Illegal { pos: event.pos, detail: "terminal is terminal".into() })
        })
        .unwrap_err();
    assert_eq!(
        (seen, error.to_string().as_str()),
        (1, "event at pos 1 cannot be applied: terminal is terminal")
    );
}
