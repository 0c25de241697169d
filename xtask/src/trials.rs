//! The verb `trials`: real workflows and standard task graphs through `regatta plan --json`, judged by a checker that is
//! not ours, and real merges beside what git and people made of them.
//!
//! ```text
//! instance -> plan file -> regatta plan --json -> starts and ends -> sched.py check      feasible? how far from the best?
//!                                                                    sched.py baseline   the same of a list scheduler
//! graph    -> plan file -> regatta plan --json | the refusal that names the cycle
//! merge    -> the forecast of the landing      | its tree, or its conflicts
//! secrets  -> the output of tasks of real runs | nothing of them comes out, and nothing else changes
//! ```
//! It knows how schedules are made and compared, not what makes one good.

mod graphs;
mod instance;
mod merges;
mod page;
mod secrets;
mod sets;
mod wish;

use crate::cargo::{cargo, run as run_command};
use std::path::{Path, PathBuf};
use std::process::Command;
use wish::{Part, Wish};

/// Where the results are written.
const PAGE: &str = "docs/benchmarks.md";
/// And those of merges.
const RELIABILITY: &str = "docs/reliability.md";

/// What was found: lines for the page, what is wrong in any case, and the goals that were missed.
#[derive(Debug, Default)]
struct Findings {
    lines: Vec<String>,
    wrong: Vec<String>,
    missed: Vec<String>,
}

/// Builds, plans, judges, prints; `--write` puts the tables into the page. A schedule that breaks a rule, or a graph that
/// is judged wrongly, is an error; with `--check` a missed goal is one too.
pub(crate) fn run(root: &Path, args: &[String]) -> Result<(), String> {
    let wish = Wish::parse(args)?;
    let asked = |part: Part| wish.only.is_none_or(|only| only == part);
    if asked(Part::Merges) {
        let findings = merges::judge(root, &wish.data, wish.repositories.as_deref())?;
        told(&findings, wish.write.then(|| root.join(RELIABILITY)), "merges")?;
    }
    if wish.only == Some(Part::Merges) {
        return Ok(());
    }
    run_command(&mut cargo(root, &["build", "--release", "-p", "regatta"]))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let place = target.join(format!("trials-{}", std::process::id()));
    make(&place)?;
    let trials = Trials { binary: target.join("release/regatta"), data: wish.data, place };
    let mut found: Vec<(&str, Findings)> = Vec::new();
    if asked(Part::Schedules) {
        found.push(("trials", schedules(&trials)?));
    }
    if asked(Part::Secrets) {
        found.push(("secrets", secrets::judge(&trials)?));
    }
    std::fs::remove_dir_all(&trials.place).map_err(|e| format!("{}: {e}", trials.place.display()))?;
    for (section, findings) in &found {
        told(findings, wish.write.then(|| root.join(PAGE)), section)?;
    }
    let missed: Vec<String> = found.into_iter().flat_map(|(_, findings)| findings.missed).collect();
    if !missed.is_empty() {
        println!("\nmissed: {}", missed.join(", "));
    }
    if wish.check && !missed.is_empty() {
        return Err("goals were missed".to_owned());
    }
    Ok(())
}

fn schedules(trials: &Trials) -> Result<Findings, String> {
    let mut findings = sets::judge(trials)?;
    let graphs = graphs::judge(trials)?;
    findings.lines.push(String::new());
    findings.lines.extend(graphs.lines);
    findings.wrong.extend(graphs.wrong);
    Ok(findings)
}

/// Prints what was found, into a section of a page too if there is one. What is wrong is an error.
fn told(findings: &Findings, page: Option<PathBuf>, section: &str) -> Result<(), String> {
    let text = findings.lines.join("\n");
    println!("{text}");
    if let Some(page) = page {
        page::write(&page, section, &text)?;
    }
    if findings.wrong.is_empty() { Ok(()) } else { Err(findings.wrong.join("\n")) }
}

/// The binary, the data, and a directory to work in.
struct Trials {
    binary: PathBuf,
    data: PathBuf,
    place: PathBuf,
}

impl Trials {
    /// Files of a folder whose names end so, in order.
    fn files(&self, folder: &str, end: &str) -> Result<Vec<PathBuf>, String> {
        let dir = self.data.join(folder);
        let entries = std::fs::read_dir(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| path.to_string_lossy().ends_with(end));
        paths.sort();
        Ok(paths)
    }

    /// Writes a file to work with.
    fn file(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let path = self.place.join(name);
        std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(path)
    }

    /// `regatta` in the directory to work in.
    fn regatta(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg("--workspace").arg(&self.place).args(args).current_dir(&self.place);
        command
    }

    /// The checker.
    fn checker(&self, args: &[&str]) -> Command {
        let mut command = Command::new("python3");
        command.arg(self.data.join("tools/sched.py")).args(args);
        command
    }
}

fn make(dir: &Path) -> Result<(), String> {
    std::fs::create_dir_all(dir).map_err(|e| format!("{}: {e}", dir.display()))
}
