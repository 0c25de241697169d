//! A torn tail of the write-ahead log is cut off; a hole in its middle is damage.

use crate::world::{World, all, started, turn};
use regatta_journal::{Journal, Reader, Store, StoreError};

const HEADER: usize = 32;
const FRAME: usize = 24 + 4096;

/// A workspace whose process was killed after ten turns, all of them still in the log; and the log.
fn killed() -> (World, Vec<u8>) {
    let world = World::new();
    let mut run = world.create("r1");
    run.append(&started()).unwrap();
    for n in 0..10 {
        run.append(&turn(n)).unwrap();
    }
    let crashed = world.crashed();
    let log = std::fs::read(crashed.wal()).unwrap();
    (crashed, log)
}

fn commit_frames(log: &[u8]) -> Vec<usize> {
    let is_commit = |frame: &usize| {
        let at = HEADER + frame * FRAME + 4;
        log[at..at + 4] != [0; 4]
    };
    (0..(log.len() - HEADER) / FRAME).filter(is_commit).collect()
}

#[test]
fn a_torn_tail_is_cut_off_at_the_last_whole_turn() {
    let (world, log) = killed();
    let last = *commit_frames(&log).last().unwrap();
    for cut in [HEADER + last * FRAME + 1, HEADER + last * FRAME + 30, log.len() - 1] {
        std::fs::write(world.wal(), &log[..cut]).unwrap();
        let copy = world.crashed_as_is();
        assert_eq!(all(&mut copy.resume("r1").unwrap()).len(), 1 + 9 * 3, "cut at {cut}");
    }
}

#[test]
fn a_torn_page_in_the_last_commit_is_cut_off_too() {
    let (world, mut log) = killed();
    let last = *commit_frames(&log).last().unwrap();
    log[HEADER + last * FRAME + 2000..][..500].fill(0);
    std::fs::write(world.wal(), &log).unwrap();
    assert_eq!(all(&mut world.resume("r1").unwrap()).len(), 1 + 9 * 3);
}

#[test]
fn a_flipped_bit_before_further_commits_is_damage() {
    let (world, log) = killed();
    let commits = commit_frames(&log);
    // In a page, in a frame's salt, in its page number: SQLite would drop every later commit without a word.
    for (frame, byte) in [(commits[3], 24 + 100), (commits[5] - 1, 24 + 4000), (commits[4], 9), (0, 3)] {
        let mut bad = log.clone();
        bad[HEADER + frame * FRAME + byte] ^= 4;
        std::fs::write(world.wal(), &bad).unwrap();
        let copy = world.crashed_as_is();
        let error = Journal::open(copy.path()).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, StoreError::Damaged { copy: Some(_), .. }), "{text}");
        assert!(text.contains(&format!("frame {} of its write-ahead log is bad", frame + 1)), "{text}");
        assert_eq!(std::fs::read(copy.wal()).unwrap(), bad, "never replaced");
    }
}

#[test]
fn a_flipped_bit_in_the_header_of_the_log_is_damage() {
    let (world, log) = killed();
    for byte in 0..HEADER {
        let mut bad = log.clone();
        bad[byte] ^= 1;
        std::fs::write(world.wal(), &bad).unwrap();
        let text = Journal::open(world.crashed_as_is().path()).unwrap_err().to_string();
        assert!(text.contains("frame 0 of its write-ahead log is bad"), "{text}");
    }
}

#[test]
fn a_reader_refuses_a_log_without_its_head_and_one_that_is_to_write_a_log_with_a_hole() {
    let (world, log) = killed();
    for (byte, by_every_reader) in
        [(0, true), (17, true), (HEADER + commit_frames(&log)[4] * FRAME + 30, false)]
    {
        let mut bad = log.clone();
        bad[byte] ^= 1;
        std::fs::write(world.wal(), &bad).unwrap();
        let copy = world.crashed_as_is();
        let refused = |opened: Result<Option<Reader>, StoreError>| match opened {
            Err(StoreError::Damaged { copy, .. }) => Some(copy.is_some()),
            Err(e) => panic!("byte {byte}: {e}"),
            Ok(_) => None,
        };
        assert_eq!(refused(Reader::open(copy.path())), by_every_reader.then_some(false), "byte {byte}");
        assert_eq!(refused(Reader::open_to_write(copy.path())), Some(true), "byte {byte}");
    }
}

#[test]
fn frames_of_an_older_generation_behind_the_end_are_no_damage() {
    let world = World::new();
    let mut run = world.create("r1");
    for n in 0..50 {
        run.append(&turn(n)).unwrap();
    }
    run.checkpoint().unwrap();
    run.append(&turn(50)).unwrap();
    run.append(&turn(51)).unwrap();
    assert!(commit_frames(&std::fs::read(world.wal()).unwrap()).len() > 40, "the log starts over in place");
    assert_eq!(all(&mut world.crashed().resume("r1").unwrap()).len(), 52 * 3);
}

#[test]
fn every_turn_is_one_commit() {
    let (_world, log) = killed();
    // The tables, the run's row, and eleven turns.
    assert_eq!(commit_frames(&log).len(), 2 + 11);
}

/// Whatever byte is flipped: everything is there, or the end is cut off as a torn one, or it is damage.
#[test]
fn no_flipped_byte_of_the_log_loses_a_turn_in_silence() {
    let world = World::new();
    let mut run = world.create("r1");
    for n in 0..30 {
        run.append(&turn(n)).unwrap();
    }
    run.checkpoint().unwrap();
    for n in 30..40 {
        run.append(&turn(n)).unwrap();
    }
    let crashed = world.crashed();
    let log = std::fs::read(crashed.wal()).unwrap();
    let (mut whole, mut cut, mut damaged) = (0, 0, 0);
    for at in (0..log.len()).step_by(1_009) {
        let mut bad = log.clone();
        bad[at] ^= 0x10;
        std::fs::write(crashed.wal(), &bad).unwrap();
        let copy = crashed.crashed_as_is();
        match Journal::open(copy.path()).and_then(|j| j.open_run(&crate::world::id("r1"), 1)) {
            Err(StoreError::Damaged { .. }) => damaged += 1,
            Err(e) => panic!("byte {at}: {e}"),
            Ok(mut run) => match all(&mut run).len() / 3 {
                40 => whole += 1,
                38 | 39 => cut += 1,
                n => panic!("byte {at}: {n} turns of 40"),
            },
        }
    }
    assert!(whole > 10 && cut > 3 && damaged > 10, "{whole} whole, {cut} cut, {damaged} damaged");
}
