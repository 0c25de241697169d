//! The verb `cost`: what a task costs us in CPU, and how long one task takes, beside references that do the same work.
//!
//! Bare reference and product take turns on fresh directories, nothing is deleted in between, and medians are
//! compared: a machine that is busy slows both. It knows how to run and print, not why a number is what it is.
//!
//! ```text
//! bare: posix_spawn + wait of the same program, nothing else        all CPU of both: children of children included
//! own cost of a task = (all CPU of regatta - what the tasks used under bare) / tasks        orchestrator + keeper
//! ```

mod meter;
mod noop;
mod wish;

use crate::cargo::{cargo, run as run_command};
use meter::{Used, measure, median, spread};
use std::path::{Path, PathBuf};
use std::process::Command;
use wish::Wish;

/// Tasks alive at a time.
const SLOTS: u64 = 8;
/// Goal 5: our own CPU for a task, in microseconds.
const OWN_GOAL_US: f64 = 200.0;
/// Goal 13: one task from a new store to the end, as a multiple of ninja with one edge.
const ONE_TASK_GOAL: f64 = 5.0;
/// Goal 13: `--version`, as a multiple of that of ninja.
const VERSION_GOAL: f64 = 1.5;

/// Builds, measures, prints. With `--check` a goal that is missed is an error.
pub(crate) fn run(root: &Path, args: &[String]) -> Result<(), String> {
    let wish = Wish::parse(args)?;
    let bench = Bench::prepare(root)?;
    let mut missed = bench.many(&wish)?;
    missed.extend(bench.one(&wish)?);
    // Only now: on some file systems making files is slow for minutes after a mass deletion.
    std::fs::remove_dir_all(&bench.place)
        .map_err(|e| format!("cannot remove {}: {e}", bench.place.display()))?;
    if wish.check && !missed.is_empty() {
        return Err(format!("missed: {}", missed.join(", ")));
    }
    Ok(())
}

/// The programs, and where they work.
struct Bench {
    regatta: PathBuf,
    bare: PathBuf,
    noop: PathBuf,
    place: PathBuf,
}

impl Bench {
    fn prepare(root: &Path) -> Result<Bench, String> {
        run_command(&mut cargo(root, &["build", "--release", "-p", "regatta"]))?;
        run_command(&mut cargo(
            root,
            &["build", "--release", "-p", "regatta-runtime", "--example", "bare_spawn"],
        ))?;
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let place = target.join(format!("cost-{}", std::process::id()));
        std::fs::create_dir_all(&place).map_err(|e| format!("cannot make {}: {e}", place.display()))?;
        let release = target.join("release");
        let noop = noop::write(&place)?;
        let bare = release.join("examples/bare_spawn");
        Ok(Bench { regatta: release.join("regatta"), bare, noop, place })
    }

    /// A new directory, the current one of the next command.
    fn fresh(&self, name: &str) -> Result<PathBuf, String> {
        let dir = self.place.join(name);
        std::fs::create_dir(&dir).map_err(|e| format!("cannot make {}: {e}", dir.display()))?;
        Ok(dir)
    }

    fn plan(&self, name: &str, tasks: u64, argv: &[&str]) -> Result<PathBuf, String> {
        let list: Vec<_> =
            (0..tasks).map(|n| serde_json::json!({ "id": format!("t{n:06}"), "run": argv })).collect();
        let limits = serde_json::json!({ "max_parallel": SLOTS });
        let plan =
            serde_json::json!({ "version": 1, "effect": "idempotent", "limits": limits, "tasks": list });
        let path = self.place.join(name);
        std::fs::write(&path, plan.to_string())
            .map_err(|e| format!("cannot write {}: {e}", path.display()))?;
        Ok(path)
    }

    fn regatta(&self, plan: &Path) -> Command {
        let mut command = Command::new(&self.regatta);
        command.arg("run").arg(plan).arg("--json");
        command
    }

    /// Many static no-ops: CPU of all processes for each.
    fn many(&self, wish: &Wish) -> Result<Vec<String>, String> {
        let noop = self.noop.display().to_string();
        let plan = self.plan("many.json", wish.tasks, &[&noop])?;
        let (mut bare, mut tasks_us, mut ours) = (Vec::new(), Vec::new(), Vec::new());
        for pair in 0..wish.pairs {
            let mut command = Command::new(&self.bare);
            command.args([&wish.tasks.to_string(), &SLOTS.to_string(), &noop]);
            let dir = self.fresh(&format!("bare-{pair}"))?;
            bare.push(measure(&mut command, &dir)?);
            tasks_us.push(meter::told(&dir.join("children_ticks"))? / wish.tasks as f64);
            ours.push(measure(&mut self.regatta(&plan), &self.fresh(&format!("many-{pair}"))?)?);
        }
        let per_task =
            |all: &[Used]| -> Vec<f64> { all.iter().map(|used| used.cpu_us / wish.tasks as f64).collect() };
        let (bare_us, ours_us) = (per_task(&bare), per_task(&ours));
        let own: Vec<f64> = ours_us.iter().zip(&tasks_us).map(|(ours, tasks)| ours - tasks).collect();
        println!(
            "{} static no-ops, {SLOTS} slots, {} pairs; CPU us a task, all processes",
            wish.tasks, wish.pairs
        );
        println!("{:<34} {:>8}  (spread)", "", "median");
        let lines =
            [("bare spawn and wait", &bare_us), ("the tasks in it", &tasks_us), ("regatta run", &ours_us)];
        for (what, values) in lines {
            println!("{what:<34} {:>8.1}  ({})", median(values), spread(values));
        }
        let wall: Vec<f64> = ours.iter().map(|used| used.wall_us / wish.tasks as f64).collect();
        println!("{:<34} {:>8.1}  ({})", "regatta run, wall us a task", median(&wall), spread(&wall));
        println!("{:<34} {:>8.2}", "regatta / bare", median(&ours_us) / median(&bare_us));
        let row = verdict("own cost of a task, us", median(&own), OWN_GOAL_US);
        println!("{}  ({})\n", row.0, spread(&own));
        Ok(row.1.into_iter().collect())
    }

    /// Start-up: a plan of one task from a new store to the end, and `--version`.
    fn one(&self, wish: &Wish) -> Result<Vec<String>, String> {
        let plan = self.plan("one.json", 1, &["sh", "-c", "true"])?;
        let ninja = self.ninja()?;
        let version = |program: &Path| {
            let mut command = Command::new(program);
            command.arg("--version");
            command
        };
        let mut wall: [Vec<f64>; 4] = Default::default();
        for turn in 0..wish.pairs * 5 {
            let mut commands = vec![version(&self.regatta), self.regatta(&plan)];
            if let Some((program, edge)) = &ninja {
                let mut one = Command::new(program);
                one.arg("-f").arg(edge);
                commands.extend([version(program), one]);
            }
            for (n, mut command) in commands.into_iter().enumerate() {
                let used = measure(&mut command, &self.fresh(&format!("one-{turn}-{n}"))?)?;
                wall[n].push(used.wall_us / 1e3);
            }
        }
        println!("start-up, wall ms, median of {}", wish.pairs * 5);
        let names = ["regatta --version", "regatta run, one task", "ninja --version", "ninja, one edge"];
        for (name, values) in names.iter().zip(&wall).filter(|(_, values)| !values.is_empty()) {
            println!("{name:<34} {:>8.2}  ({})", median(values), spread(values));
        }
        if ninja.is_none() {
            println!("ninja is not installed: nothing to compare with");
            return Ok(Vec::new());
        }
        let rows = [
            verdict("--version, of ninja's", median(&wall[0]) / median(&wall[2]), VERSION_GOAL),
            verdict("one task, of ninja's", median(&wall[1]) / median(&wall[3]), ONE_TASK_GOAL),
        ];
        rows.iter().for_each(|(line, _)| println!("{line}"));
        Ok(rows.into_iter().filter_map(|(_, missed)| missed).collect())
    }

    /// The reference that keeps a log, with one edge, if it is installed.
    fn ninja(&self) -> Result<Option<(PathBuf, PathBuf)>, String> {
        let edge = self.place.join("build.ninja");
        std::fs::write(&edge, "rule r\n  command = true\nbuild x: r\n")
            .map_err(|e| format!("cannot write {}: {e}", edge.display()))?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).map(|dir| dir.join("ninja")).find(|file| file.is_file());
        Ok(found.map(|program| (program, edge)))
    }
}

/// A line that says whether a value meets its goal, and the name of what missed it.
fn verdict(what: &str, value: f64, goal: f64) -> (String, Option<String>) {
    let pass = value <= goal;
    let line = format!("{what:<34} {value:>8.2}  goal {goal}: {}", if pass { "pass" } else { "MISS" });
    (line, (!pass).then(|| what.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::verdict;

    #[test]
    fn a_value_over_its_goal_is_a_miss_with_its_name() {
        assert_eq!(verdict("a", 1.0, 1.0).1, None);
        let (line, missed) = verdict("cost", 2.5, 2.0);
        assert!(line.ends_with("2.50  goal 2: MISS"), "{line}");
        assert_eq!(missed.as_deref(), Some("cost"));
    }
}
