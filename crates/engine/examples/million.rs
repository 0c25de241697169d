//! Builds, hashes and runs a graph of a million nodes and 1.4 million edges, and prints what each step cost.
//!
//! `cargo run --release -p regatta-engine --example million [NODES] [layered|wide|chain|capped|per-wave] [SCHEDULE] [no-run]`;
//! Starts no task: every attempt ends well as soon as it is the oldest of the live ones. With `no-run` it ends before
//! that; the last line is the CPU of building and hashing, `{"build_cpu_ms": …, "hash_cpu_ms": …}`.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "a measurement reads the clock and its own memory, and prints"
)]

use regatta_engine::Engine;
use regatta_engine::effect::Effect;
use regatta_engine::graph::Graph;
use regatta_engine::ids::{AttemptId, Timestamp};
use regatta_engine::input::{Ended, Input, Verdict};
use regatta_engine::report::Report;
use regatta_engine::schedule;
use regatta_engine::spec::{
    Claim, ClaimKind, GraphSpec, NodeSpec, Policy, Priority, ResourceSpec, RunConfig, Schedule,
};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

fn main() {
    let mut args = std::env::args().skip(1);
    let nodes = args.next().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let shape = args.next().unwrap_or_else(|| "layered".to_owned());
    let mut config = RunConfig { schedule: schedule_of(args.next().as_deref()), ..RunConfig::default() };
    config.limits.max_parallel = 8;
    let spec = spec(nodes, &shape, &mut config);
    let no_run = args.next().is_some_and(|word| word == "no-run");
    let begun_ms = cpu_ms();
    let graph = timed("build", || Graph::build(spec));
    let built_ms = cpu_ms();
    let Ok(graph) = graph else { return println!("not a graph") };
    println!(
        "{:>10} nodes, {} edges, {} waves, {} groups",
        graph.len(),
        graph.edges(),
        graph.waves(),
        graph.groups(&config.limits)
    );
    let hash = timed("hash", || schedule::hash(&graph));
    println!("{hash}");
    if no_run {
        let (build, hash) = (built_ms - begun_ms, cpu_ms() - built_ms);
        return println!("{{\"build_cpu_ms\": {build}, \"hash_cpu_ms\": {hash}}}");
    }
    let bound = timed("bound", || schedule::lower_bound_ms(&graph, &config.limits));
    println!("{bound:>10} lower bound");
    let mut engine = timed("state", || Engine::new(Arc::new(graph), config));
    let start = Instant::now();
    let (events, turns) = run(&mut engine);
    let ns = start.elapsed().as_nanos();
    println!(
        "{:>10} ms  run, {turns} turns, {events} events, {} ns an event",
        ns / 1_000_000,
        ns / events.max(1)
    );
    println!("{:?}, memory at most {}", engine.state().phase, memory());
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = work();
    println!("{:>10} ms  {what} ({})", start.elapsed().as_millis(), memory());
    done
}

/// Takes a turn per ended attempt until the run has ended.
fn run(engine: &mut Engine) -> (u128, u64) {
    let (mut events, mut turns) = (0, 0);
    let mut live: VecDeque<AttemptId> = VecDeque::new();
    let mut input = Input::Begin;
    loop {
        turns += 1;
        let now = Timestamp(turns);
        events += engine.step(now, input).events.len() as u128;
        let step = engine.step(now, Input::Settle);
        events += step.events.len() as u128;
        live.extend(step.effects.iter().filter_map(|effect| match effect {
            Effect::Start { attempt, .. } => Some(*attempt),
            _ => None,
        }));
        let Some(attempt) = live.pop_front() else { return (events, turns) };
        let report = Report { exit: Some(0), ..Report::default() };
        input = Input::AttemptEnded(Ended { attempt, verdict: Verdict::Succeeded, report });
    }
}

fn schedule_of(name: Option<&str>) -> Schedule {
    match name {
        Some("waves") => Schedule::Waves,
        Some("sequential") => Schedule::Sequential,
        _ => Schedule::Dataflow,
    }
}

/// The graph by its shape: layers of 1,000; no edges; one chain; every node claims its own lock and one of a thousand
/// tags; 1,000 chains under a `per_wave` cap.
fn spec(nodes: u32, shape: &str, config: &mut RunConfig) -> GraphSpec {
    let mut spec = GraphSpec { policies: vec![Policy::default()], ..GraphSpec::default() };
    let width = if shape == "chain" { 1 } else { 1_000 };
    if shape == "capped" {
        spec.tags = (0..width).map(|i| format!("tag{i}")).collect();
        config.limits.per_tag = vec![Some(1); width as usize];
        let lock = |i| ResourceSpec { name: format!("lock{i}"), capacity: None, lease: false };
        spec.resources = (0..nodes).map(lock).collect();
    }
    if shape == "per-wave" {
        config.limits.per_wave = Some(2);
    }
    for i in 0..nodes {
        let mut node = NodeSpec { id: format!("task-{i:07}"), ..NodeSpec::default() };
        node.priority = Priority::ALL[(i % 7 % 4) as usize];
        if shape != "wide" && shape != "capped" && i >= width {
            node.needs.push(i - width);
            if shape == "layered" && i % 5 < 2 {
                node.needs.push(i - width - i % width + (i * 7) % width);
            }
        }
        if shape == "capped" {
            node.tags.push(i % width);
            node.claims.push(Claim { resource: i, kind: ClaimKind::Exclusive });
        }
        spec.nodes.push(node);
    }
    spec
}

/// What this thread used of a processor so far.
fn cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|ns| ns.parse().ok()).map_or(0.0, |ns: f64| ns / 1e6)
}

/// The most memory this process ever had.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
}
