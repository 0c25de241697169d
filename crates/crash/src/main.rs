//! `regatta-crash --binary FILE [--trials DIR] [--seed N] [--sample | --load] [--write PAGE]`
//!
//! Exit code 0: everything was survived; 1: something was not; 2: wrong use. `cargo xtask crash` builds the binary.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of the development loop that reports"
)]

use regatta_crash::matrix::{self, Report, Share};
use regatta_crash::scenario::Victim;
use regatta_crash::{Outcome, chaos, fight, load, page, plans, table, workflows};
use regatta_rng::Rng;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use std::time::Instant;

const USAGE: &str =
    "regatta-crash --binary FILE [--trials DIR] [--seed N] [--sample | --load] [--write PAGE]";
/// Of a larger workflow a connected part of so many tasks is run.
const MOST_TASKS: usize = 120;
/// Kills in each workflow.
const KILLS_EACH: usize = 60;
/// Random plans for each victim, and kills in each.
const RANDOM: (u64, u64) = (6, 25);

/// Tasks of the large run.
const LOAD_TASKS: u64 = 10_000;
/// Pauses of a live run.
const PAUSES: u64 = 1_000;
/// The fight for leases.
const FIGHT: fight::Size = fight::Size { orchestrators: 8, tasks: 50, kills_each: 12, seed: 1 };
/// A request to end a run is answered within this time, and everything of it is dead within that one.
const ANSWERED: Duration = Duration::from_secs(3);
const CLEANED: Duration = Duration::from_secs(10);
/// What an orchestrator or a keeper may take at most.
const MOST_MEMORY_BYTES: u64 = 128 << 20;

struct Options {
    binary: PathBuf,
    trials: Option<PathBuf>,
    seed: u64,
    sample: bool,
    load: bool,
    write: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let options = match options(&args) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("error: {message}\nhint: {USAGE}");
            return ExitCode::from(2);
        }
    };
    // A build that goes on meanwhile replaces the file: what is killed is a copy.
    let killed = tempfile::tempdir().map_err(|e| e.to_string()).and_then(|dir| {
        let copy = dir.path().join("regatta");
        std::fs::copy(&options.binary, &copy).map_err(|e| format!("`--binary`: {e}"))?;
        crash(&Options { binary: copy, ..options })
    });
    match killed {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn options(args: &[String]) -> Outcome<Options> {
    let mut options =
        Options { binary: PathBuf::new(), trials: None, seed: 1, sample: false, load: false, write: None };
    let mut rest = args.iter();
    while let Some(name) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("`{name}` needs a value"));
        match name.as_str() {
            "--sample" => options.sample = true,
            "--load" => options.load = true,
            "--binary" => options.binary = PathBuf::from(value()?),
            "--trials" => options.trials = Some(PathBuf::from(value()?)),
            "--write" => options.write = Some(PathBuf::from(value()?)),
            "--seed" => options.seed = value()?.parse().map_err(|e| format!("`--seed`: {e}"))?,
            _ => return Err(format!("unknown option `{name}`")),
        }
    }
    if !options.binary.is_file() {
        return Err("`--binary` names no file".to_owned());
    }
    Ok(options)
}

/// Whether everything was survived.
fn crash(options: &Options) -> Outcome<bool> {
    if options.load {
        return heavy(options);
    }
    let began = Instant::now();
    let mut rng = Rng::new(options.seed, 0);
    let share = if options.sample { Share::Each(1) } else { Share::All };
    let mut report = Report::default();
    for plan in [plans::layers(), plans::fat(), plans::asks(&options.binary)] {
        report.merge(told(&plan.name, matrix::run(&plan, &options.binary, (share, &mut rng))?));
    }
    let mut words = String::new();
    if let Some(dir) = &options.trials {
        words = real(options, dir, (&mut rng, &mut report))?;
    }
    if !options.sample {
        words.push_str(&random(options, &mut report)?);
    }
    println!("\n{}\nin each cell: kills/survived/effects repeated", table::text(&report));
    println!("{}\n{words}{:.0} s", table::totals(&report), began.elapsed().as_secs_f64());
    for failure in &report.failures {
        println!("\nnot survived: {failure}");
    }
    if let Some(file) = &options.write {
        let text = format!(
            "`cargo xtask crash{} --seed {}`: {}.\nIn each cell: kills/survived/effects repeated.\n\n{}\n{words}",
            if options.trials.is_some() { " --trials DIR" } else { "" },
            options.seed,
            table::totals(&report),
            table::markdown(&report)
        );
        page::write(file, "crash", &text)?;
    }
    Ok(report.failures.is_empty())
}

fn told(name: &str, report: Report) -> Report {
    println!("{name}: {}", table::totals(&report));
    report
}

/// Real workflows, each with kills that chance chooses.
fn real(options: &Options, dir: &std::path::Path, (rng, report): (&mut Rng, &mut Report)) -> Outcome<String> {
    let (mut count, mut kills) = (0, 0);
    for plan in workflows::load(dir, MOST_TASKS, rng)? {
        let most = if options.sample { 3 } else { KILLS_EACH };
        let one = told(&plan.name, matrix::run(&plan, &options.binary, (Share::Some(most), rng))?);
        (count, kills) = (count + 1, kills + one.kills());
        report.merge(one);
    }
    Ok(format!(
        "{kills} of these kills hit {count} real workflows of up to {MOST_TASKS} tasks, their durations scaled to\nmilliseconds. "
    ))
}

/// Random plans, killed at random instants.
fn random(options: &Options, report: &mut Report) -> Outcome<String> {
    let mut words = "At random instants:\n".to_owned();
    for victim in Victim::ALL {
        let (mut kills, mut repeats) = (0, 0);
        for n in 0..RANDOM.0 {
            let seed = options.seed + n;
            match chaos::run(&options.binary, (seed, victim), RANDOM.1) {
                Ok(toll) => (kills, repeats) = (kills + toll.kills, repeats + toll.repeats),
                Err(why) => report.failures.push(format!("random plan {seed}, {}: {why}", victim.name())),
            }
        }
        println!("random plans, {}: {kills} kills, {repeats} effects repeated", victim.name());
        writeln!(words, "{kills} kills of {}, {repeats} effects repeated;", victim.name())
            .map_err(|e| e.to_string())?;
    }
    Ok(words.trim_end_matches([';', '\n']).to_owned() + ".\n")
}

/// The full load, and whether it stayed within its bounds.
fn heavy(options: &Options) -> Outcome<bool> {
    let done = load::transient(&options.binary, (LOAD_TASKS, options.seed), (100, 3_000))?;
    let (share, bound) = done.share();
    let mut rows = vec![format!(
        "| {LOAD_TASKS} tasks, one in nine failing first, {} kills of orchestrator, keeper or both | {} succeeded \
         ({:.2} %, at least {:.2} % with 95 % confidence), {} retries, {} attempts lost, {:.0} s | 99 % |",
        done.kills,
        done.succeeded,
        share * 100.0,
        bound * 100.0,
        done.retries,
        done.lost,
        done.time.as_secs_f64()
    )];
    let flood = load::flood(&options.binary, 64, 16 << 20)?;
    let mib = |bytes: u64| bytes >> 20;
    rows.push(format!(
        "| 64 tasks at a time, {} MiB of output in all | most memory: orchestrator {} MiB, keeper {} MiB; {:.0} s | 128 MiB |",
        mib(flood.bytes),
        mib(flood.orchestrator_bytes),
        mib(flood.keeper_bytes),
        flood.time.as_secs_f64()
    ));
    let pauses = load::pauses(&options.binary, PAUSES)?;
    rows.push(format!(
        "| {PAUSES} cycles of `pause` (every second `--now`) and `resume` | every effect once; {:.0} s | |",
        pauses.as_secs_f64()
    ));
    let fight = fight::leases(&options.binary, fight::Size { seed: options.seed, ..FIGHT })?;
    rows.push(format!(
        "| {} orchestrators, {} tasks each, all of which want the same two leases; {} kills of orchestrator, keeper or both | \
         {} times held, never by two at once, {} waits for another run, {} attempts lost, nothing left over; {:.0} s | |",
        FIGHT.orchestrators,
        FIGHT.tasks,
        fight.kills,
        fight.held,
        fight.waited,
        fight.lost,
        fight.time.as_secs_f64()
    ));
    let (answered, ended) = load::abort(&options.binary, 32)?;
    rows.push(format!(
        "| `cancel` of 32 trees that do not listen to TERM, each with a child that left its group, grace 5 s | \
         answered after {:.2} s, everything dead after {:.1} s | 3 s, 10 s |",
        answered.as_secs_f64(),
        ended.as_secs_f64()
    ));
    let text = format!("| load | what came of it | bound |\n|---|---|---|\n{}\n", rows.join("\n"));
    println!("{text}");
    if let Some(file) = &options.write {
        let command = format!("`cargo xtask crash --load --seed {}`", options.seed);
        page::write(file, "load", &format!("{command}:\n\n{text}"))?;
    }
    let in_time = answered <= ANSWERED && ended <= CLEANED;
    Ok(in_time && bound >= 0.99 && flood.orchestrator_bytes.max(flood.keeper_bytes) <= MOST_MEMORY_BYTES)
}
