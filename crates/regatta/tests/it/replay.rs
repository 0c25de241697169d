//! `replay`: no difference where there is none, and the first one named where somebody altered what was
//! recorded.
//!
//! Knows the rows of the database only through `ledger`.

use crate::ledger::Ledger;
use crate::world::World;

/// Every way for a task to end that costs no time, with results, conditions and retries.
const PLAN: &str = "version: 1
limits: { max_parallel: 3 }
tasks:
  - { id: a, result: stdout-json, run: 'echo ''{\"n\": 3}''' }
  - { id: b, run: exit 4, retry: { max_attempts: 2, backoff: 1ms } }
  - { id: c, needs: [a], when: 'a.result.n > 2', run: 'echo \"${a.result.n}\"' }
  - { id: d, needs: [a], when: 'a.result.n > 9', run: 'true' }
  - { id: e, needs: [d], run: 'true' }
  - { id: f, needs: [b], run: 'true' }
  - { id: g, needs: [c], run: kill -9 $$ }
";
const SNAPSHOTS: [&str; 3] = ["schedule.snapshot.json", "events.snapshot.json", "attempts.snapshot.json"];

fn ran() -> World {
    let world = World::with(PLAN);
    assert_eq!(world.run()["status"], "partial");
    world
}

#[test]
fn replay_finds_no_difference_on_ten_runs() {
    let world = World::with(PLAN);
    for _ in 0..10 {
        world.run();
    }
    for run in world.regatta(&["ls", "--json"]).json().as_array().unwrap() {
        let said = world.regatta(&["replay", run["run_id"].as_str().unwrap()]).exits(0);
        assert!(said.out.contains("no difference in"), "{}", said.out);
    }
}

#[test]
fn replay_names_the_first_event_that_was_altered_and_mended() {
    for (from, to) in [
        ("\"exit\":4", "\"exit\":5"),
        ("\"dispatch_succeeded\"", "\"dispatch_timed_out\""),
        ("\"duration_ms\":", "\"duration_ms\":1"),
        ("\"answer\":\"false\"", "\"answer\":\"true\""),
    ] {
        let world = ran();
        let ledger = Ledger::open(&world);
        let pos = ledger.alter(from, to);
        ledger.mend();
        let said = world.regatta(&["replay"]).exits(1);
        assert!(said.out.contains(&format!("event {pos} differs\n")), "{from}: {}", said.out);
        assert!(said.out.contains("\n  stored   ") && said.out.contains("\n  replayed "), "{}", said.out);
    }
}

#[test]
fn an_altered_event_is_damage_and_every_verb_that_reads_it_says_so() {
    let world = ran();
    let pos = Ledger::open(&world).alter("\"exit\":4", "\"exit\":5");
    for verb in ["replay", "status", "events", "explain"] {
        let said = world.regatta(&[verb]).exits(4);
        let text = format!("pos {pos} does not match its checksum");
        assert!(said.err.contains("is damaged") && said.err.contains(&text), "{verb}: {}", said.err);
    }
}

#[test]
fn a_chain_that_was_mended_over_unaltered_events_is_the_same_chain() {
    let world = ran();
    Ledger::open(&world).mend();
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn an_altered_snapshot_file_is_found_and_named() {
    for name in SNAPSHOTS {
        let world = ran();
        let file = world.run_dir().join(name);
        let whole = std::fs::read_to_string(&file).unwrap();
        let last = whole.lines().count();
        let longer = format!("{whole}x");
        let first_a = 1 + whole[..whole.find("\"a\"").unwrap()].matches('\n').count();
        for (altered, line) in [
            (whole.replacen("\"a\"", "\"z\"", 1), first_a),
            (whole[..whole.len() - 1].to_owned(), last),
            (longer, last + 1),
            (String::new(), 1),
        ] {
            std::fs::write(&file, altered).unwrap();
            let said = world.regatta(&["replay"]).exits(1);
            assert!(said.out.contains(&format!("`{name}` differs in line {line}\n")), "{}", said.out);
        }
        std::fs::write(&file, whole).unwrap();
        world.regatta(&["replay"]).exits(0);
    }
}

#[test]
fn missing_snapshot_files_are_made_anew_with_the_same_bytes() {
    let world = ran();
    let read = || SNAPSHOTS.map(|name| std::fs::read(world.run_dir().join(name)).unwrap());
    let before = read();
    for verb in ["replay", "resume"] {
        for name in SNAPSHOTS {
            std::fs::remove_file(world.run_dir().join(name)).unwrap();
        }
        let id = world.run_id();
        world.regatta(&[verb, &id]);
        assert_eq!(read(), before, "{verb}");
    }
}

#[test]
fn replay_of_a_run_of_another_version_says_so() {
    let world = ran();
    Ledger::open(&world).ran_by(env!("CARGO_PKG_VERSION"));
    world.regatta(&["replay"]).exits(0);
    Ledger::open(&world).ran_by("0.0.9");
    let said = world.regatta(&["replay"]).exits(4);
    assert!(said.err.contains("was decided by version 0.0.9, this is "), "{}", said.err);
}
