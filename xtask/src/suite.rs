//! Runs every test of the workspace and adds up what the test binaries report.
//!
//! It reads cargo's output while it passes it on; it knows no single test.

use crate::cargo::{cargo, run, show};
use crate::verbs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Tests that passed and failed, over all binaries.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} passed, {} failed", self.passed, self.failed)
    }
}

impl Tally {
    fn read(&mut self, line: &str) {
        let Some(counts) = line.trim_end().strip_prefix("test result: ") else { return };
        // "ok. 3 passed; 0 failed; …": the word after a number says what it counts.
        let words: Vec<&str> = counts.split([' ', ';']).collect();
        for pair in words.windows(2) {
            let Ok(number) = pair[0].parse::<u64>() else { continue };
            match pair[1] {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                _ => {}
            }
        }
    }
}

/// The verb `test`: prints the total as the last line.
pub(crate) fn run_alone(root: &Path) -> Result<(), String> {
    let (tally, result) = run_all(root);
    println!("\n{tally}");
    result
}

/// Installs what the tests need and runs them all, also after a failure.
pub(crate) fn run_all(root: &Path) -> (Tally, Result<(), String>) {
    let mut tally = Tally::default();
    let result =
        setup(root).and_then(|()| stream(&mut test_command(root), &mut tally, &mut std::io::stdout()));
    // A test binary that aborts or does not compile reports no count; it must not read as "0 failed".
    if result.is_err() && tally.failed == 0 {
        tally.failed = 1;
    }
    (tally, result)
}

/// The one invocation that runs all tests, the kill-point tests of the binary included.
pub(crate) fn test_command(root: &Path) -> Command {
    cargo(root, &["test", "--workspace", "--features", verbs::FAULTS, "--no-fail-fast"])
}

fn setup(root: &Path) -> Result<(), String> {
    run(Command::new("bash").arg("scripts/setup-tests.sh").current_dir(root))
}

/// Passes the output on while it counts.
fn stream(command: &mut Command, tally: &mut Tally, out: &mut impl Write) -> Result<(), String> {
    let shown = show(command);
    let mut child =
        command.stdout(Stdio::piped()).spawn().map_err(|error| format!("cannot start `{shown}`: {error}"))?;
    let mut reader = BufReader::new(child.stdout.take().ok_or("the child has no standard output")?);
    let mut line = Vec::new();
    loop {
        line.clear();
        let length =
            reader.read_until(b'\n', &mut line).map_err(|error| format!("reading `{shown}`: {error}"))?;
        if length == 0 {
            break;
        }
        out.write_all(&line).map_err(|error| format!("writing the output: {error}"))?;
        tally.read(&String::from_utf8_lossy(&line));
    }
    let status = child.wait().map_err(|error| format!("waiting for `{shown}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{shown}` ended with {status}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_added_up_and_other_lines_ignored() {
        let mut tally = Tally::default();
        for line in [
            "running 4 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 9 filtered out; finished in 0.00s\n",
            "test result: FAILED. 2 passed; 5 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
            "7 passed; 7 failed",
        ] {
            tally.read(line);
        }
        assert_eq!(tally, Tally { passed: 5, failed: 5 });
        assert_eq!(tally.to_string(), "5 passed, 5 failed");
    }

    #[test]
    fn output_is_counted_while_it_streams_and_a_bad_exit_is_an_error() {
        let mut tally = Tally::default();
        let script = "echo 'test result: ok. 2 passed; 0 failed;'; exit 3";
        // Not our own standard output: whoever counts the tests of xtask would count this line too.
        let mut out = Vec::new();
        let error = stream(Command::new("sh").args(["-c", script]), &mut tally, &mut out).unwrap_err();
        assert_eq!(out, b"test result: ok. 2 passed; 0 failed;\n");
        assert_eq!(tally, Tally { passed: 2, failed: 0 });
        assert!(error.contains("exit status: 3"), "{error}");
    }
}
