//! Durable events: what the journal needs to write and to fold them, and a bare rusqlite loop for the same rows.
//!
//! ```text
//! append journal DIR COMMITS ROWS    so many commits of so many events   -> {"rows_per_s", "cpu_us_per_commit", "log_bytes"}
//! append bare DIR COMMITS ROWS       the same rows without the journal   -> the same
//! append fold DIR                    40,000 events written, then read    -> {"fold_ms", "bare_ms"}
//! ```
//! DIR is empty. `cargo xtask bench --goals 9,14` lets them take turns with references.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring program")]

use regatta_engine::event::{Event, EventKind};
use regatta_engine::ids::{AttemptId, NodeId, Timestamp};
use regatta_engine::input::{Ended, Input, Verdict};
use regatta_engine::outcome::AttemptOutcome;
use regatta_engine::report::{Digest, Report};
use regatta_journal::record::encode_event;
use regatta_journal::{Journal, NewRun, Reader, RunId, Store, Turn};
use std::path::Path;
use std::time::{Duration, Instant};

/// Writes so many rows a commit, so many times, and answers the size of the log.
type Write = fn(&Path, u32, u32) -> (Cost, u64);

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let (write, dir, commits, rows): (Write, _, _, _) = match words[..] {
        ["fold", dir] => return fold(Path::new(dir)),
        ["journal", dir, commits, rows] => (with_journal, dir, commits, rows),
        ["bare", dir, commits, rows] => (with_sqlite, dir, commits, rows),
        _ => return println!("append journal|bare DIR COMMITS ROWS, or append fold DIR"),
    };
    let (commits, rows) = (commits.parse().unwrap(), rows.parse().unwrap());
    let (cost, log_bytes) = write(Path::new(dir), rows, commits);
    println!(
        "{{\"rows_per_s\": {:.1}, \"cpu_us_per_commit\": {:.2}, \"log_bytes\": {log_bytes}}}",
        f64::from(rows) * f64::from(commits) / cost.wall.as_secs_f64(),
        cost.cpu_ns as f64 / 1e3 / f64::from(commits),
    );
}

struct Cost {
    wall: Duration,
    cpu_ns: u64,
}

fn cost(work: impl FnOnce()) -> Cost {
    let (begun, cpu) = (Instant::now(), cpu_ns());
    work();
    Cost { wall: begun.elapsed(), cpu_ns: cpu_ns() - cpu }
}

/// Nanoseconds on a processor, of this thread alone: the checkpoint thread is not in it.
fn cpu_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split_ascii_whitespace().next().unwrap().parse().unwrap()
}

/// Four events a task, as the loop writes them.
fn event(n: u32) -> Event {
    let (node, attempt) = (NodeId(n / 4), AttemptId(u64::from(n / 4) + 1));
    let kind = match n % 4 {
        0 => EventKind::NodeReady { node, number: 1 },
        1 => EventKind::DispatchStarted { node, attempt, number: 1, delay_before_ms: 0, round: n / 8 },
        2 => {
            let stdout = Some(Digest { sha256: [n as u8; 32], bytes: 120 });
            let report = Box::new(Report { exit: Some(0), stdout, ..Report::default() });
            let outcome = AttemptOutcome::Succeeded;
            EventKind::DispatchEnded {
                node,
                attempt,
                number: 1,
                outcome,
                cause: None,
                duration_ms: 12,
                report,
            }
        }
        _ => EventKind::NodeEnded {
            node,
            number: 1,
            outcome: regatta_engine::outcome::NodeOutcome::Succeeded,
            cause: None,
            upstream: Box::new([]),
        },
    };
    Event { at: Timestamp(u64::from(n)), kind }
}

fn turn(commit: u32, rows: u32) -> Turn {
    let events: Vec<Event> = (0..rows).map(|i| event(commit * rows + i)).collect();
    let ended = events.iter().filter_map(|e| match &e.kind {
        EventKind::DispatchEnded { attempt, report, .. } => Some(Input::AttemptEnded(Ended {
            attempt: *attempt,
            verdict: Verdict::Succeeded,
            report: (**report).clone(),
        })),
        _ => None,
    });
    let inputs = ended.chain([Input::Settle]).collect();
    Turn {
        now: Timestamp(u64::from(commit)),
        wall_ms: 1_790_000_000_000,
        inputs,
        events,
        payloads: vec![],
        shared: vec![],
    }
}

fn new_run() -> NewRun {
    NewRun {
        run_id: RunId::new("bench").unwrap(),
        plan_name: "bench".into(),
        plan: "{}".into(),
        plan_digest: String::new(),
        plan_source: None,
        source_path: None,
        config: "{}".into(),
        schedule_plan_hash: String::new(),
        engine_version: "0".into(),
        mode: "hybrid".into(),
        cohort: 100,
        task_type: None,
        flags: "{}".into(),
        retry_of: None,
        created_wall_ms: 0,
    }
}

fn with_journal(place: &Path, rows: u32, commits: u32) -> (Cost, u64) {
    let mut run = Journal::open(place).unwrap().create_run(&new_run()).unwrap();
    let turns: Vec<Turn> = (0..commits).map(|n| turn(n, rows)).collect();
    let took = cost(|| {
        for turn in &turns {
            run.append(turn).unwrap();
        }
    });
    (took, std::fs::metadata(place.join(".regatta/regatta.db-wal")).unwrap().len())
}

/// The same event rows (body, link, wall clock) into one table: the program of goal 9. No inputs, no checksums made, no
/// epoch; SQLite's own checkpoints included.
fn with_sqlite(place: &Path, rows: u32, commits: u32) -> (Cost, u64) {
    let db = rusqlite::Connection::open(place.join("bare.db")).unwrap();
    db.execute_batch(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE e(id INTEGER PRIMARY KEY, wall_ms INTEGER, body TEXT, link BLOB)",
    )
    .unwrap();
    let bodies: Vec<String> = (0..rows * commits)
        .map(|n| {
            let mut out = Vec::new();
            encode_event(&event(n), &mut out).unwrap();
            String::from_utf8(out).unwrap()
        })
        .collect();
    let took = cost(|| {
        for group in bodies.chunks(rows as usize) {
            db.prepare_cached("BEGIN IMMEDIATE").unwrap().execute([]).unwrap();
            let mut insert =
                db.prepare_cached("INSERT INTO e(wall_ms, body, link) VALUES(?1,?2,?3)").unwrap();
            for body in group {
                insert.execute((1_790_000_000_000_i64, body, [7_u8; 16])).unwrap();
            }
            db.prepare_cached("COMMIT").unwrap().execute([]).unwrap();
        }
    });
    (took, std::fs::metadata(place.join("bare.db-wal")).unwrap().len())
}

fn fold(place: &Path) {
    let mut run = Journal::open(place).unwrap().create_run(&new_run()).unwrap();
    for n in 0..5_000 {
        run.append(&turn(n, 8)).unwrap();
    }
    run.close().unwrap();
    let reader = Reader::open(place).unwrap().unwrap();
    let mut best = (f64::MAX, f64::MAX);
    for _ in 0..5 {
        let begun = Instant::now();
        let mut seen = 0;
        reader
            .fold(&RunId::new("bench").unwrap(), &mut |_| {
                seen += 1;
                Ok(())
            })
            .unwrap();
        assert_eq!(seen, 40_000);
        best.0 = best.0.min(begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        let db = rusqlite::Connection::open(place.join(".regatta/regatta.db")).unwrap();
        let mut bytes = 0;
        let mut all = db.prepare("SELECT body FROM events UNION ALL SELECT inputs FROM turns").unwrap();
        let mut rows = all.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            bytes += row.get_ref(0).unwrap().as_bytes().unwrap().len();
        }
        assert!(bytes > 0);
        best.1 = best.1.min(begun.elapsed().as_secs_f64());
    }
    let (fold, bare) = (best.0 * 1e3, best.1 * 1e3);
    println!("{{\"fold_ms\": {fold:.2}, \"bare_ms\": {bare:.2}}}");
}
