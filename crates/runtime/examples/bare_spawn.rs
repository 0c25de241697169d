//! The floor below every runner of processes: starts a program so many times, so many alive at a time, and waits.
//! `bare_spawn TASKS SLOTS PROGRAM [ARG…]`; `cargo xtask bench` runs it. At the end it prints what each of its children
//! used: `{"child_cpu_us": …}`. It knows nothing else.
#![expect(clippy::print_stdout, reason = "a measuring program")]

use std::collections::VecDeque;
use std::process::{Child, Command, ExitCode};

/// A clock tick in /proc, on every Linux of today.
const TICK_US: u64 = 10_000;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [tasks, slots, program, rest @ ..] = &args[..] else { return ExitCode::from(2) };
    let (Ok(tasks), Ok(slots)) = (tasks.parse::<u64>(), slots.parse::<usize>()) else {
        return ExitCode::from(2);
    };
    let mut alive: VecDeque<Child> = VecDeque::new();
    for _ in 0..tasks {
        if alive.len() >= slots && !alive.pop_front().is_some_and(succeeds) {
            return ExitCode::FAILURE;
        }
        match Command::new(program).args(rest).spawn() {
            Ok(child) => alive.push_back(child),
            Err(_) => return ExitCode::FAILURE,
        }
    }
    let done = alive.into_iter().all(succeeds);
    let Some(ticks) = children_ticks().filter(|_| done) else { return ExitCode::FAILURE };
    println!("{{\"child_cpu_us\": {}}}", (ticks * TICK_US) as f64 / tasks as f64);
    ExitCode::SUCCESS
}

/// User and system time of all children, in clock ticks.
fn children_ticks() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    Some(fields.get(13)?.parse::<u64>().ok()? + fields.get(14)?.parse::<u64>().ok()?)
}

fn succeeds(mut child: Child) -> bool {
    child.wait().is_ok_and(|status| status.success())
}
