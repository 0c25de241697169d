//! The short verbs: `fix`, `docs`, `sim`, `fuzz`, `crash` and `bench`.
//!
//! Each one is a few cargo commands; their arguments are the only thing known here.

use crate::cargo::{cargo, query, run};
use crate::tidy;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the tests are built with.
pub(crate) const FAULTS: &str = "regatta/faults";

/// How many seeds a run of the simulator has when nobody says otherwise.
pub(crate) const DEFAULT_SEEDS: &str = "2000";

/// Lets clippy and rustfmt mend what they can.
pub(crate) fn fix(root: &Path) -> Result<(), String> {
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--fix",
        "--allow-dirty",
        "--allow-staged",
    ];
    run(&mut cargo(root, &clippy))?;
    run(&mut cargo(root, &["fmt", "--all"]))
}

/// Writes the pages that the program itself makes, builds the documentation, then checks pages, links and headers.
pub(crate) fn docs(root: &Path) -> Result<(), String> {
    let pages =
        ["test", "--quiet", "-p", "regatta", "--test", "it", "--", "documents::", "manual::the_reference"];
    run(cargo(root, &pages).env("REGATTA_BLESS", "1"))?;
    run(&mut doc_command(root))?;
    tidy::run_docs(root)
}

/// The documentation build in which every warning is an error.
pub(crate) fn doc_command(root: &Path) -> Command {
    let mut command = cargo(root, &["doc", "--workspace", "--no-deps", "--all-features"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    command
}

/// Runs the simulator; its arguments are passed through as they are.
pub(crate) fn sim(root: &Path, args: &[String]) -> Result<(), String> {
    run(&mut sim_command(root, args))
}

/// The simulator, built with optimisation and with all checks; without arguments it gets the default number of seeds.
pub(crate) fn sim_command(root: &Path, args: &[String]) -> Command {
    let mut command = cargo(root, &["run", "--profile", "fuzz", "--quiet", "-p", "regatta-sim", "--"]);
    if args.is_empty() {
        command.args(["--seeds", DEFAULT_SEEDS]);
    }
    command.args(args);
    command
}

/// The short round of the fuzzer, with patience for a build without optimisation.
const SHORT_ROUND: [&str; 4] = ["--seconds", "10", "--most-ms", "60000"];

/// Feeds damaged input to the readers; the arguments are passed through as they are.
pub(crate) fn fuzz(root: &Path, args: &[String]) -> Result<(), String> {
    run(&mut fuzz_command(root, args))
}

/// The short round of the fuzzer in `ci`.
pub(crate) fn fuzz_short(root: &Path) -> Result<(), String> {
    run(as_tested(root, "regatta-fuzz").args(SHORT_ROUND))
}

/// The default number of seeds in `ci`.
pub(crate) fn sim_short(root: &Path) -> Result<(), String> {
    run(as_tested(root, "regatta-sim").args(["--seeds", DEFAULT_SEEDS]))
}

/// A program as the tests are built, so that nothing more is compiled after them: an optimised build of what it needs takes
/// longer than what is saved.
fn as_tested(root: &Path, bin: &str) -> Command {
    cargo(root, &["run", "--quiet", "--bin", bin, "--features", FAULTS, "--"])
}

/// The fuzzer, built with optimisation and with all checks.
fn fuzz_command(root: &Path, args: &[String]) -> Command {
    let mut command = cargo(root, &["run", "--profile", "fuzz", "--quiet", "-p", "regatta-fuzz", "--"]);
    command.args(args);
    command
}

/// The pages with the figures of `crash` and `bench`.
const RELIABILITY: &str = "docs/reliability.md";
const BENCHMARKS: &str = "docs/benchmarks.md";

/// The program that measures, and crates with examples that only measure: those lie beside the code they measure.
const MEASURING: [&str; 5] =
    ["regatta-bench", "regatta-engine", "regatta-plan", "regatta-journal", "regatta-runtime"];

/// Builds the binary with its fault points and kills it; `--write` among the arguments stands for the page of figures.
pub(crate) fn crash(root: &Path, args: &[String]) -> Result<(), String> {
    run(&mut cargo(root, &["build", "-p", "regatta", "--features", "faults"]))?;
    run(&mut crash_command(root, &target(root)?.join("debug/regatta"), args))
}

/// Where cargo puts what it builds.
fn target(root: &Path) -> Result<PathBuf, String> {
    let text = query(root, &["metadata", "--format-version", "1", "--no-deps"])?;
    let metadata: serde_json::Value =
        serde_json::from_str(&text).map_err(|e| format!("`cargo metadata` is no JSON: {e}"))?;
    let target = metadata["target_directory"].as_str().ok_or("`cargo metadata` names no target directory")?;
    Ok(PathBuf::from(target))
}

/// The program that kills; its arguments are passed through as they are but for `--write`.
fn crash_command(root: &Path, binary: &Path, args: &[String]) -> Command {
    let mut command = cargo(root, &["run", "--quiet", "-p", "regatta-crash", "--", "--binary"]);
    command.arg(binary).args(with_page(args, RELIABILITY));
    command
}

/// Builds with optimisation what is measured, by itself as it is shipped, then what measures, and measures.
pub(crate) fn bench(root: &Path, args: &[String]) -> Result<(), String> {
    run(&mut cargo(root, &["build", "--release", "-p", "regatta"]))?;
    run(&mut measuring_build(root))?;
    let release = target(root)?.join("release");
    let mut command = Command::new(release.join("regatta-bench"));
    command.arg("--binary").arg(release.join("regatta")).args(with_page(args, BENCHMARKS)).current_dir(root);
    run(&mut command)
}

fn measuring_build(root: &Path) -> Command {
    let mut command = cargo(root, &["build", "--release", "--bins", "--examples"]);
    command.args(MEASURING.iter().flat_map(|name| ["-p", name]));
    command
}

/// Arguments as they are, the page behind `--write`.
fn with_page<'a>(args: &'a [String], page: &'a str) -> impl Iterator<Item = &'a str> {
    args.iter().flat_map(move |arg| [Some(arg.as_str()), (arg == "--write").then_some(page)]).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::show;

    #[test]
    fn the_simulator_gets_its_arguments_unchanged() {
        let args = ["--seeds".to_owned(), "1".to_owned(), "--from".to_owned(), "77".to_owned()];
        let shown = show(&sim_command(Path::new("."), &args));
        assert_eq!(shown, "cargo run --profile fuzz --quiet -p regatta-sim -- --seeds 1 --from 77");
        assert!(show(&sim_command(Path::new("."), &[])).ends_with("-- --seeds 2000"));
    }

    #[test]
    fn the_fuzzer_is_built_with_all_checks_and_gets_its_arguments_unchanged() {
        let args = ["--target", "yaml", "--seconds", "5"].map(str::to_owned);
        let shown = show(&fuzz_command(Path::new("."), &args));
        let expect = "cargo run --profile fuzz --quiet -p regatta-fuzz -- --target yaml --seconds 5";
        assert_eq!(shown, expect);
    }

    #[test]
    fn the_page_of_figures_is_written_where_it_lies() {
        let args = ["--seed", "7", "--write"].map(str::to_owned);
        let shown = show(&crash_command(Path::new("."), Path::new("b/regatta"), &args));
        let expect = "-- --binary b/regatta --seed 7 --write docs/reliability.md";
        assert!(shown.ends_with(expect), "{shown}");
        let args = ["--write", "--check"].map(str::to_owned);
        assert_eq!(
            with_page(&args, BENCHMARKS).collect::<Vec<_>>(),
            ["--write", "docs/benchmarks.md", "--check"]
        );
    }
}
