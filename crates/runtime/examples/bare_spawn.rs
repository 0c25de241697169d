//! The floor below every runner of processes: starts a program so many times, so many alive at a time, and waits.
//! `bare_spawn TASKS SLOTS PROGRAM [ARG…]`; `cargo xtask cost` runs it. It knows nothing else.

use std::collections::VecDeque;
use std::process::{Child, Command, ExitCode};

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
    if alive.into_iter().all(succeeds) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn succeeds(mut child: Child) -> bool {
    child.wait().is_ok_and(|status| status.success())
}
