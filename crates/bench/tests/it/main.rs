//! The program that measures, from outside: its words, its files, its exit codes, and the meter below it.
//!
//! What is measured here is a script in the place of the product: no test depends on a time.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A directory with a product in `built/release`, removed at the end.
struct Place(PathBuf);

impl Place {
    fn with(name: &str, product: &str) -> Place {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{name}-{}", std::process::id()));
        let release = dir.join("built/release");
        std::fs::create_dir_all(&release).unwrap();
        std::fs::create_dir(dir.join("empty")).unwrap();
        let place = Place(dir);
        std::fs::write(place.product(), format!("#!/bin/sh\n{product}\n")).unwrap();
        std::fs::set_permissions(place.product(), std::fs::Permissions::from_mode(0o755)).unwrap();
        place
    }

    fn product(&self) -> PathBuf {
        self.0.join("built/release/regatta")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn bench(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_regatta-bench"));
        command.arg("--binary").arg(self.product()).args(words).current_dir(&self.0);
        command
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_goal_that_cannot_be_measured_yet_has_a_row_in_the_table_the_json_and_the_page() {
    let place = Place::with("rows", "exit 0");
    let page = "before\n<!-- bench:begin -->\n| 1 | old |\n| 19 | old |\n<!-- bench:end -->\nafter\n";
    std::fs::write(place.path("page.md"), page).unwrap();
    let words = ["--goals", "19", "--check", "--json", "all.json", "--write", "page.md"];
    let output = place.bench(&words).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(out(&output).contains("0 pass, 0 missed, 1 not measured, 0 failed"), "{output:?}");
    let all: Value = serde_json::from_str(&std::fs::read_to_string(place.path("all.json")).unwrap()).unwrap();
    assert_eq!(all["command"], "cargo xtask bench --goals 19");
    assert_eq!((&all["rows"][0]["goal"], &all["rows"][0]["verdict"]), (&19.into(), &"notmeasured".into()));
    let page = std::fs::read_to_string(place.path("page.md")).unwrap();
    assert!(
        page.starts_with(
            "before\n<!-- bench:begin -->\nGoals 19 by `cargo xtask bench --goals 19 --write` on "
        )
    );
    assert!(page.ends_with("<!-- bench:end -->\nafter\n") && page.contains("\n| 1 | old |\n"), "{page}");
    assert!(
        !page.contains("| 19 | old |") && page.contains("not measured: by `cargo xtask trials` |\n"),
        "{page}"
    );
    // Everything that was made is gone.
    assert_eq!(std::fs::read_dir(place.path("built")).unwrap().count(), 1);
}

#[test]
fn a_reference_that_is_not_installed_is_told_in_the_row_and_is_no_miss() {
    let place = Place::with("missing", "exit 0");
    let words = ["--goals", "13", "--pairs", "1", "--check", "--trials", "empty"];
    let output = place.bench(&words).env("PATH", place.path("empty")).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let lines: Vec<String> = out(&output).lines().map(str::to_owned).collect();
    assert!(lines[1].ends_with("not measured: `ninja` is not installed"), "{output:?}");
    assert!(lines[2].contains("ninja: missing") && lines[2].contains("not measured: `cc` is not installed"));
}

#[test]
fn a_product_that_fails_is_a_failure_whatever_was_asked_for() {
    let place = Place::with("fails", "echo broken >&2; exit 4");
    let output = place.bench(&["--goals", "13", "--pairs", "1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(out(&output).contains("FAILED: `regatta` ended with exit status: 4: broken"), "{output:?}");
}

#[test]
fn a_word_that_nobody_knows_is_wrong_use() {
    let place = Place::with("words", "exit 0");
    let output = place.bench(&["--fast"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(err.starts_with("error: unknown option `--fast`\nhint: cargo xtask bench "), "{err}");
}

#[test]
fn the_meter_counts_those_who_outlive_the_command_and_passes_its_exit_code_on() {
    let place = Place::with("meter", "exit 0");
    let busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done >orphan";
    let mut command = Command::new(env!("CARGO_BIN_EXE_regatta-bench"));
    command.args(["meter", "used.json", "sh", "-c", &format!("({busy}) & exit 7")]).current_dir(&place.0);
    assert_eq!(command.status().unwrap().code(), Some(7));
    assert!(place.path("orphan").is_file(), "it was waited for");
    let used: Value =
        serde_json::from_str(&std::fs::read_to_string(place.path("used.json")).unwrap()).unwrap();
    let number = |key: &str| used[key].as_f64().unwrap();
    // The command itself did next to nothing: this is what the orphan used.
    assert!(number("cpu_us") > 5_000.0, "{used}");
    assert!(number("peak_kib") > 100.0, "{used}");
}
