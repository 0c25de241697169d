//! Goal 17: what a run costs while its tasks sleep and nobody looks.
//!
//! What orchestrator and keeper use from start to end is all CPU less that of the tasks, which is measured alone. In the middle of the run both are looked at twice, and what they did between is what waiting costs.

use crate::bench::{Bench, SLOTS};
use crate::forms::{self, Action, Manner};
use crate::graphs::Graph;
use crate::meter::{self, Used};
use crate::row::{Row, Theirs, Unit};
use crate::stats::median;
use crate::turns::{Side, alternate};
use regatta_crash::Outcome;
use regatta_crash::processes::keeper;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The tasks sleep so long.
const SLEEP_MS: f64 = 60_000.0;

/// One run of ours.
struct Idle {
    used: Used,
    /// Between the two looks.
    waiting: Awake,
    waited_s: f64,
}

/// What processes did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Awake {
    cpu_ns: f64,
    wake_ups: f64,
}

/// The whole run, and the time in which nothing happens.
pub(super) fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let ms = (SLEEP_MS * bench.options.scale).max(1_000.0);
    let mut graph = Graph::independent(SLOTS as u32);
    graph.ms = vec![ms as u64; graph.len()];
    let (mut ours, mut floors) = (Vec::new(), Ok(Vec::new()));
    let tasks_ms = tasks_ms(bench)?;
    // Twice the wait of a minute tells as much as five times.
    let pairs = bench.options.pairs(2);
    for pair in 1..=pairs {
        eprintln!("goal 17: pair {pair} of {pairs}");
        ours.push(idle(bench, &graph)?);
        floors = and_floor(bench, &graph, floors);
    }
    let what = format!("{} tasks that sleep {:.0} s", graph.len(), ms / 1e3);
    let all = |figure: fn(&Idle) -> f64| ours.iter().map(figure).collect::<Vec<f64>>();
    let own = |all: Vec<f64>| all.iter().map(|all| (all - tasks_ms).max(0.0)).collect();
    Ok(vec![
        Row::of(17, format!("{what}: CPU of orchestrator and keeper in all"))
            .absolute(Unit::Ms, own(all(|it| it.used.cpu_ms())))
            .beside("floor", floors.map(own))
            .at_most(10.0),
        Row::of(17, "of that in a minute of waiting")
            .absolute(Unit::Ms, all(|it| it.waiting.cpu_ns / 1e6 / it.waited_s * 60.0)),
        Row::of(17, "their wake-ups in a second of waiting")
            .absolute(Unit::PerSecond, all(|it| it.waiting.wake_ups / it.waited_s)),
    ])
}

fn idle(bench: &Bench, graph: &Graph) -> Outcome<Idle> {
    let dir = bench.place.fresh("idle")?;
    let ms = graph.ms.first().copied().unwrap_or(0) as f64;
    let plan = forms::plan_json(graph, Manner::slots(SLOTS), Action::Sleep);
    let plan = bench.place.file("idle.json", &plan)?.display().to_string();
    let run = bench.regatta(&dir, &["run", &plan, "--json"]);
    let quarter = Duration::from_secs_f64(ms / 4e3);
    let (used, looks) = std::thread::scope(|scope| {
        let measured = scope.spawn(|| meter::measure(&run, &dir));
        let looks = [0, 1].map(|look| {
            std::thread::sleep(quarter * (1 + look));
            awake(&dir)
        });
        (measured.join(), looks)
    });
    let used = used.unwrap_or_else(|_| Err("the thread that measures died".to_owned()))?;
    let [first, second] = looks;
    let (first, second) = (first?, second?);
    let waiting = Awake { cpu_ns: second.cpu_ns - first.cpu_ns, wake_ups: second.wake_ups - first.wake_ups };
    Ok(Idle { used, waiting, waited_s: ms / 2e3 })
}

/// What sleeping tasks use themselves; how long they sleep does not count.
fn tasks_ms(bench: &Bench) -> Outcome<f64> {
    let task = Side::new("sleep", |_| {
        let mut command = Command::new("sleep");
        command.arg("0.01");
        command
    });
    let runs = alternate(&bench.place, ("goal 17, a task alone", SLOTS as usize), &[task])?;
    let each = median(&runs.ours(Used::cpu_ms)).ok_or("a task alone was not measured")?;
    Ok(each * SLOTS as f64)
}

fn and_floor(bench: &Bench, graph: &Graph, values: Theirs) -> Theirs {
    let mut values = values?;
    let program = bench.references.floor.clone()?;
    let dir = bench.place.fresh("idle-floor")?;
    let dag = bench.place.file("idle.dag", &forms::floor(graph))?;
    let ms = graph.ms.first().copied().unwrap_or(0);
    let mut command = Command::new(program);
    command
        .arg(dag)
        .arg(SLOTS.to_string())
        .args(["sqlite", "keeper", "/bin/sleep"])
        .arg(format!("{:.3}", ms as f64 / 1e3));
    values.push(meter::measure(&command, &dir)?.cpu_ms());
    Ok(values)
}

/// Orchestrator and keeper of the run in a directory.
fn awake(dir: &Path) -> Outcome<Awake> {
    let keeper = keeper(dir).ok_or("no keeper lives while its tasks sleep")?;
    let status = std::fs::read_to_string(format!("/proc/{keeper}/status")).unwrap_or_default();
    let orchestrator = field(&status, "PPid:").ok_or("the keeper has no parent")?;
    let mut sum = Awake::default();
    for thread in [keeper, orchestrator as u32].into_iter().flat_map(threads) {
        let read = |name: &str| std::fs::read_to_string(thread.join(name)).unwrap_or_default();
        sum.cpu_ns +=
            read("schedstat").split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0);
        sum.wake_ups += field(&read("status"), "voluntary_ctxt_switches:").unwrap_or(0.0);
    }
    Ok(sum)
}

fn threads(pid: u32) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

/// A number behind its name in a status of `/proc`.
fn field(status: &str, name: &str) -> Option<f64> {
    status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_status_are_found_by_their_whole_name() {
        let status = "PPid:\t12\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t99\n";
        assert_eq!(field(status, "voluntary_ctxt_switches:"), Some(7.0));
        assert_eq!([field(status, "PPid:"), field(status, "Pid:")], [Some(12.0), None]);
    }
}
