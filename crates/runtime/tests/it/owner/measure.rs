//! What a trivial task costs here, beside a bare loop of the standard library (posix_spawn). Run by hand:
//! `cargo test --release -p regatta-runtime --test it -- --ignored --nocapture measure`

use std::time::Instant;

use super::*;

/// CPU in microseconds: all live threads, the owner's thread, reaped children.
fn cpu() -> [f64; 3] {
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
    let stat = read("/proc/self/stat".into());
    let ticks = |field: usize| {
        stat.rsplit(") ").next().unwrap().split(' ').nth(field).unwrap().parse::<f64>().unwrap()
    };
    let (mut all, mut owner) = (0.0, 0.0);
    for task in std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path()) {
        let us = read(task.join("schedstat")).split(' ').next().unwrap().parse::<f64>().unwrap() / 1000.0;
        all += us;
        owner += if read(task.join("comm")).trim() == "owner" { us } else { 0.0 };
    }
    [all, owner, (ticks(13) + ticks(14)) * 10_000.0]
}

fn print(what: &str, count: u64, work: impl FnOnce()) {
    let (clock, before) = (Instant::now(), cpu());
    work();
    let (after, wall) = (cpu(), clock.elapsed().as_secs_f64() * 1e6);
    let [all, owner, children] = [0, 1, 2].map(|n| (after[n] - before[n]) / count as f64);
    let wall = wall / count as f64;
    println!("{what}: wall {wall:.1}, own CPU {all:.1} (owner {owner:.1}), children {children:.1} us a task");
}

#[test]
#[ignore = "a measurement, not a test"]
fn cost_of_a_trivial_task() {
    let program = std::env::var("NOOP").unwrap_or_else(|_| "/bin/true".to_owned());
    for slots in [1, 8, 256] {
        let mut rig = Rig::new();
        let count = 4000;
        let spec = |rig: &Rig, n| {
            let mut spec = rig.spec(n, &[&program]);
            spec.output_limit_bytes = 64 << 20;
            spec
        };
        print(&format!("owner, {slots} slots"), count, || {
            rig.send((0..slots).map(|n| Request::Start(Box::new(spec(&rig, n)))).collect());
            for n in slots..count + slots {
                rig.ended();
                if n < count {
                    rig.start(spec(&rig, n));
                }
            }
        });
    }
    print("std::process, one at a time", 4000, || {
        for _ in 0..4000 {
            assert!(Command::new(&program).status().unwrap().success());
        }
    });
}
