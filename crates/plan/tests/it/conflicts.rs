//! The conflict report: which pairs of tasks may get in each other's way, and which never run at once anyway.

use crate::world::plan;
use regatta_plan::{Conflicts, conflicts};

fn told(tasks: &str) -> String {
    found(&format!("version: 1\ntasks:\n{tasks}"))
}

fn found(text: &str) -> String {
    let Conflicts { found, complete } = conflicts(&plan(text));
    assert!(complete, "{text}");
    let row = |c: &regatta_plan::Conflict| {
        let apart = c.kept_apart.as_ref().map(|why| format!(" [{why}]")).unwrap_or_default();
        format!("{} {} {}: {}{apart}", c.kind.severity(), c.a, c.b, c.what)
    };
    found.iter().map(row).collect::<Vec<_>>().join("\n")
}

#[test]
fn two_writers_are_high_a_writer_and_a_reader_medium_two_readers_nothing() {
    let tasks = "  - { id: w1, run: x, files: [out.txt, ./log] }
  - { id: w2, run: x, files: [./out.txt] }
  - { id: r1, run: x, reads: [log] }
  - { id: r2, run: x, reads: [log] }
";
    assert_eq!(told(tasks), "high w1 w2: `out.txt`\nmedium r1 w1: `log`\nmedium r2 w1: `log`");
}

#[test]
fn an_order_between_them_is_no_conflict_however_long_the_way() {
    let tasks = "  - { id: a, run: x, files: [f] }
  - { id: b, run: x, needs: [a] }
  - { id: c, run: x, needs: [b], files: [f] }
  - { id: d, run: x, needs: [a], reads: [f] }
";
    assert_eq!(told(tasks), "medium c d: `f`");
}

#[test]
fn a_glob_meets_the_files_that_it_matches_and_the_globs_that_begin_alike() {
    let tasks = "  - { id: a, run: x, files: ['src/*.rs'] }
  - { id: b, run: x, files: [src/main.rs] }
  - { id: c, run: x, files: [src/deep/main.rs] }
  - { id: d, run: x, reads: ['src/**'] }
  - { id: e, run: x, files: ['docs/*'] }
";
    assert_eq!(
        told(tasks),
        "high a b: `src/main.rs` of `src/*.rs`\n\
         medium a d: `src/**` and `src/*.rs`, which may meet\n\
         medium b d: `src/main.rs` of `src/**`\n\
         medium c d: `src/deep/main.rs` of `src/**`"
    );
}

#[test]
fn the_worse_kind_counts_and_the_things_of_that_kind_are_named() {
    let tasks = "  - { id: a, run: x, files: [f1, f2, f3, f4, f5], reads: [g] }
  - { id: b, run: x, files: [f1, f2, f3, f4, f5, g] }
";
    assert_eq!(told(tasks), "high a b: `f1`; `f2`; `f3`; and 2 more");
}

#[test]
fn what_locks_keep_apart_is_said_to_be_kept_apart() {
    let tasks = "  - { id: a, run: x, isolation: locks, files: ['src/*.rs'] }
  - { id: b, run: x, isolation: locks, reads: [src/a.rs] }
  - { id: c, run: x, locks: [db], files: [f] }
  - { id: d, run: x, locks: [{ resource: db, mode: shared }], reads: [f] }
  - { id: e, run: x, locks: [{ resource: db, mode: shared }], files: [f] }
";
    let locks = "  - { id: a, run: x, locks: [db] }\n  - { id: b, run: x, locks: [db] }\n";
    assert_eq!(told(locks), "high a b: lock `db` [lock `db`]");
    assert_eq!(
        told(tasks),
        "high c e: `f` [lock `db`]\n\
         medium a b: `src/a.rs` of `src/*.rs` [the lock on `src/*.rs`]\n\
         medium c d: `f` [lock `db`]\n\
         medium d e: `f`"
    );
}

#[test]
fn a_schedule_may_keep_tasks_apart_and_units_of_a_resource_are_no_conflict() {
    let tasks = "tasks:
  - { id: a, run: x, files: [f], locks: [{ resource: gpu, units: 1 }] }
  - { id: b, run: x, files: [f], locks: [{ resource: gpu, units: 1 }] }
  - { id: c, run: x, needs: [a], files: [f] }
resources: { gpu: 2 }
";
    let with = |head: &str| found(&format!("version: 1\n{head}{tasks}"));
    assert_eq!(with(""), "high a b: `f`\nhigh b c: `f`");
    assert_eq!(with("schedule: waves\n"), "high a b: `f`", "a wave ends before the next begins");
    assert_eq!(
        with("schedule: sequential\n"),
        "high a b: `f` [schedule `sequential`]\nhigh b c: `f` [schedule `sequential`]"
    );
    assert_eq!(
        with("limits: { max_parallel: 1 }\n"),
        "high a b: `f` [`max_parallel: 1`]\nhigh b c: `f` [`max_parallel: 1`]"
    );
}

#[test]
fn the_order_in_the_file_changes_nothing() {
    let rows =
        ["a, files: [f, 'g*']", "b, files: ['g/**'], reads: [f]", "c, files: [gx, f]", "d, reads: [g/y]"];
    let text = |rows: &[&str]| -> String {
        rows.iter().map(|row| format!("  - {{ id: {row}, run: x }}\n")).collect()
    };
    let mut turned = rows;
    turned.reverse();
    assert_eq!(told(&text(&rows)), told(&text(&turned)));
    assert_eq!(told(&text(&rows)).lines().count(), 4);
}

/// A plan of `n` tasks.
fn many(n: usize, row: impl Fn(usize) -> String) -> String {
    let rows: String = (0..n).map(|i| format!("  - {{ id: t{i:05}, run: x, {} }}\n", row(i))).collect();
    format!("version: 1\ntasks:\n{rows}")
}

#[test]
fn a_large_plan_is_searched_without_a_quadratic_step() {
    let chain = many(20_000, |i| match i {
        0 => "files: [state]".to_owned(),
        _ => format!("needs: [t{:05}], files: [state]", i - 1),
    });
    assert_eq!(found(&chain), "", "one after the other all along");
    let apart = many(20_000, |i| format!("files: [out/{i}], reads: [in/{i}]"));
    assert_eq!(found(&apart), "");
    let pairs = many(20_000, |i| format!("files: [out/{}]", i / 2));
    assert_eq!(found(&pairs).lines().count(), 10_000);
}

#[test]
fn beyond_the_bound_the_report_says_that_there_may_be_more() {
    let all = many(2_000, |_| "files: [state]".to_owned());
    let Conflicts { found, complete } = conflicts(&plan(&all));
    assert_eq!((found.len(), complete), (20_000, false));
    assert_eq!((found[0].a.as_str(), found[0].b.as_str()), ("t00000", "t00001"));
    let globs = many(1_001, |i| format!("files: ['d{i:04}/*']"));
    assert!(!conflicts(&plan(&globs)).complete);
}
