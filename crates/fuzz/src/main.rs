//! `regatta-fuzz [--seconds N | --inputs N] [--target NAME] [--seed N] [--input FILE] [--most-ms N]`.
//!
//! Without a target all of them take turns and share the time. Exit code 1 is a finding, 2 wrong use.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of the development loop that reports"
)]

use regatta_fuzz::target::Target;
use regatta_fuzz::targets::TARGETS;
use regatta_fuzz::watch;
use regatta_fuzz::worker::{self, Order, Until, last_input};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

const HINT: &str =
    "regatta-fuzz [--seconds N | --inputs N] [--target NAME] [--seed N] [--input FILE] [--most-ms N]";
/// The longest that an answer may take where the build is optimised, in milliseconds of CPU time: inputs are small.
const MOST_MS: u64 = 2_000;
/// Targets run on a thread with as much stack as the binary loads plans on.
const STACK_BYTES: usize = 8 << 20;
/// Inputs under way and inputs that found something, below the target directory of the workspace.
const DIR: &str = "target/fuzzing";

#[derive(Default)]
struct Options {
    seconds: Option<u64>,
    inputs: Option<u64>,
    seed: u64,
    most_ms: u64,
    target: Option<&'static Target>,
    input: Option<PathBuf>,
    worker: bool,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let options = match options(&args) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("error: {message}\nhint: {HINT}");
            return ExitCode::from(2);
        }
    };
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || run(&options));
    match thread.map(std::thread::JoinHandle::join) {
        Ok(Ok(Ok(()))) => ExitCode::SUCCESS,
        Ok(Ok(Err(found))) => {
            eprintln!("{found}");
            ExitCode::FAILURE
        }
        Ok(Err(_)) | Err(_) => ExitCode::from(3),
    }
}

fn options(args: &[String]) -> Result<Options, String> {
    let mut options = Options { seed: 1, most_ms: MOST_MS, ..Options::default() };
    let mut rest = args.iter();
    while let Some(name) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("`{name}` needs a value"));
        let number = |text: &String| text.parse::<u64>().map_err(|_| format!("`{text}` is not a number"));
        match name.as_str() {
            "--seconds" => options.seconds = Some(number(value()?)?),
            "--inputs" => options.inputs = Some(number(value()?)?),
            "--seed" => options.seed = number(value()?)?,
            "--most-ms" => options.most_ms = number(value()?)?,
            "--input" => options.input = Some(value()?.into()),
            "--target" | "--worker" => {
                let wanted = value()?;
                let found = TARGETS.iter().find(|target| target.name == wanted);
                options.target = Some(found.ok_or_else(|| unknown(wanted))?);
                options.worker = name == "--worker";
            }
            _ => return Err(format!("unknown option `{name}`")),
        }
    }
    if options.input.is_some() && options.target.is_none() {
        return Err("`--input` needs a `--target` to feed it to".to_owned());
    }
    Ok(options)
}

fn unknown(wanted: &str) -> String {
    let names: Vec<String> = TARGETS.iter().map(|t| format!("{} ({})", t.name, t.doc)).collect();
    format!("unknown target `{wanted}`; there are {}", names.join(", "))
}

fn run(options: &Options) -> Result<(), String> {
    let dir = Path::new(DIR);
    std::fs::create_dir_all(dir).map_err(|e| format!("{DIR}: {e}"))?;
    match (options.target, &options.input) {
        (Some(target), Some(input)) => {
            worker::judge_file(target, input, options.most_ms)?;
            println!("{}: {} is answered well", target.name, input.display());
            Ok(())
        }
        (Some(target), None) if options.worker => {
            let until = match options.inputs {
                Some(inputs) => Until::Inputs(inputs),
                None => Until::Time(Duration::from_secs(options.seconds.unwrap_or(10))),
            };
            let order = Order { seed: options.seed, until, most_ms: options.most_ms };
            let report = worker::feed(target, order, &last_input(dir, target))?;
            println!(
                "{:<12} {:>9} inputs  {:>5} kinds of answers  slowest {:>4} ms",
                target.name, report.inputs, report.kinds, report.slowest_ms
            );
            Ok(())
        }
        (target, _) => {
            let targets: Vec<&Target> =
                target.map_or_else(|| TARGETS.iter().collect(), |target| vec![target]);
            let share = options.seconds.unwrap_or(60).div_ceil(targets.len() as u64).max(1);
            let numbers = [("--seed", options.seed), ("--seconds", share), ("--most-ms", options.most_ms)];
            let word = |(name, n): (&str, u64)| [name.to_owned(), n.to_string()];
            let mut args: Vec<String> = numbers.into_iter().flat_map(word).collect();
            args.extend(options.inputs.iter().flat_map(|n| ["--inputs".to_owned(), n.to_string()]));
            println!("seed {}, {} targets, {share} s each", options.seed, targets.len());
            let found: Vec<String> =
                targets.iter().filter_map(|target| watch::run(target, &args, dir).err()).collect();
            if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
        }
    }
}
