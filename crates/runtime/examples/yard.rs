//! Worktrees as a run makes them, beside `git worktree add`: `yard FILES` makes a repository of so many files in the present
//! directory, then one worktree, several at once and a used one again, by both. `cargo xtask bench` runs it. At the end it
//! prints what each took: `{"add_ms": …}`. It knows no run.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a measuring program")]

use regatta_engine::ids::NodeId;
use regatta_plan::{Format, Given, load};
use regatta_runtime::git::Repo;
use regatta_runtime::yard::{Done, Errand, Ground, Workers};
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Worktrees that are made at once.
const AT_ONCE: u32 = 4;
/// Files in a directory.
const EACH: u32 = 50;
/// A file has so many lines.
const LINES: u32 = 40;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Outcome<()> {
    let files: u32 = std::env::args().nth(1).ok_or("how many files?")?.parse()?;
    let here = std::env::current_dir()?;
    let (top, run_dir) = (here.join("repo"), here.join("run"));
    fs::create_dir_all(&run_dir)?;
    make_repository(&top, files)?;
    let plan = "version: 1\nisolation: worktree\ntasks: [ { id: a, run: x } ]\n";
    let plan = load(("plan.yaml", plan.as_bytes()), Format::Yaml, &Given::default()).plan;
    let rules = plan.and_then(|plan| plan.worktrees).ok_or("the plan has no worktrees")?;
    let repo = Repo::find(&top)?;
    let head = repo.commit("HEAD")?;
    let ground = Arc::new(Ground::of((repo, head), (&top, &run_dir, "run"), rules)?);
    let (tell, done) = channel();
    let told = move |word| {
        // Nobody waits for what comes too late.
        let _ = tell.send(word);
    };
    let workers = Workers::start(Arc::clone(&ground), Arc::new(told));
    let ours = Ours { workers, done };

    let add_ms = timed(|| add(&top, "plain-0"))?;
    let make_ms = timed(|| ours.make(0..1))?;
    let status_ms = |dir: &Path| timed(|| git(dir, &["status", "--porcelain"]));
    let add_status_ms = status_ms(&here.join("plain-0"))?;
    let made = ground.path("t0");
    let make_status_ms = status_ms(&made)?;
    let serial_ms = timed(|| (1..=AT_ONCE).try_for_each(|n| add(&top, &format!("plain-{n}"))))?;
    let at_once_ms = timed(|| ours.make(1..AT_ONCE + 1))?;
    let floor_ms = timed(|| add_at_once(&top, &here))?;
    use_it(&made)?;
    ground.release("t0");
    let recycle_ms = timed(|| ours.make(9..10))?;
    if made.exists() {
        return Err("the used worktree was not used again".into());
    }
    if !git_says(&ground.path("t9"), &["status", "--porcelain"])?.is_empty() {
        return Err("the used worktree is not clean".into());
    }
    let again_ms = timed(|| add(&top, "plain-again"))?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share_ms = serial_ms / f64::from(AT_ONCE.min(u32::try_from(cores)?));
    println!(
        "{{\"add_ms\":{add_ms},\"make_ms\":{make_ms},\"add_status_ms\":{add_status_ms},\"make_status_ms\":{make_status_ms},\
         \"share_ms\":{share_ms},\"at_once_ms\":{at_once_ms},\
         \"floor_ms\":{floor_ms},\"recycle_ms\":{recycle_ms},\"again_ms\":{again_ms}}}"
    );
    Ok(())
}

struct Ours {
    workers: Workers,
    done: Receiver<Done>,
}

impl Ours {
    /// Makes the worktrees of some tasks at once.
    fn make(&self, tasks: std::ops::Range<u32>) -> Outcome<()> {
        for n in tasks.clone() {
            self.workers.ask(Errand::Make {
                node: NodeId(n),
                task: format!("t{n}"),
                heads: Vec::new(),
                attempt: None,
            });
        }
        for _ in tasks {
            match self.done.recv()? {
                Done::Made { made, .. } => drop(made?),
                Done::Removed { .. }
                | Done::Remembered { .. }
                | Done::Collected { .. }
                | Done::Foreseen(..) => {
                    return Err("nobody asked for that".into());
                }
            }
        }
        Ok(())
    }
}

fn timed(what: impl FnOnce() -> Outcome<()>) -> Outcome<f64> {
    let began = Instant::now();
    what()?;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

fn add(top: &Path, name: &str) -> Outcome<()> {
    git(top, &["worktree", "add", "--quiet", "-b", name, &format!("../{name}"), "HEAD"])
}

/// Git alone, as many at once as there are cores: entries one after the other, since git cannot do better, then the files.
fn add_at_once(top: &Path, here: &Path) -> Outcome<()> {
    let cores = u32::try_from(std::thread::available_parallelism().map_or(1, usize::from))?;
    let entry = Mutex::new(());
    let one = |name: &str| {
        let turn = entry.lock().map_err(|e| e.to_string())?;
        let path = format!("../{name}");
        let add = ["worktree", "add", "--quiet", "--no-checkout", "-b", name, path.as_str(), "HEAD"];
        git(top, &add).map_err(|e| e.to_string())?;
        drop(turn);
        git(&here.join(name), &["reset", "--hard", "--quiet"]).map_err(|e| e.to_string())
    };
    std::thread::scope(|scope| {
        let hands: Vec<_> = (0..cores)
            .map(|core| {
                scope.spawn(move || {
                    let mine = (0..AT_ONCE).filter(|n| n % cores == core);
                    mine.map(|n| format!("floor-{n}")).try_for_each(|name| one(&name))
                })
            })
            .collect();
        let ends = hands.into_iter().map(|hand| hand.join().map_err(|_| "it panicked".to_owned()));
        ends.collect::<Vec<_>>().into_iter().try_for_each(|end| Ok(end??))
    })
}

fn make_repository(top: &Path, files: u32) -> Outcome<()> {
    fs::create_dir_all(top)?;
    for n in 0..files {
        let dir = top.join(format!("d{}", n / EACH));
        if n % EACH == 0 {
            fs::create_dir_all(&dir)?;
        }
        let text: String = (0..LINES).map(|line| format!("line {line} of file {n}\n")).collect();
        fs::write(dir.join(format!("f{n}.txt")), text)?;
    }
    git(top, &["init", "-q", "-b", "main"])?;
    git(top, &["config", "user.name", "bench"])?;
    git(top, &["config", "user.email", "bench@localhost"])?;
    git(top, &["add", "-A"])?;
    git(top, &["commit", "-q", "-m", "all"])
}

/// As a task leaves its worktree: some files changed, some new, some of them ignored.
fn use_it(worktree: &Path) -> Outcome<()> {
    for n in 0..20 {
        fs::write(worktree.join(format!("d0/f{n}.txt")), "changed\n")?;
    }
    let built = worktree.join("built");
    fs::create_dir_all(&built)?;
    (0..200).try_for_each(|n| fs::write(built.join(format!("o{n}")), "built\n"))?;
    git(worktree, &["add", "-A"])?;
    git(worktree, &["commit", "-q", "-m", "work"])
}

fn git(dir: &Path, args: &[&str]) -> Outcome<()> {
    git_says(dir, args).map(drop)
}

fn git_says(dir: &Path, args: &[&str]) -> Outcome<String> {
    let mut command = Command::new("git");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    let output = command.current_dir(dir).args(args).output()?;
    if !output.status.success() {
        return Err(format!("git {args:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
