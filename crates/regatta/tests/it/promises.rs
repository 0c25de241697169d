//! The table of promises in `docs/reliability.md`: it names a test for each, and each test that it names is there.
//!
//! Reads sources; runs nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The page between the marks of the table.
fn table() -> String {
    let page = std::fs::read_to_string(root().join("docs/reliability.md")).unwrap();
    let (_, rest) = page.split_once("<!-- promises:begin -->").unwrap();
    rest.split_once("<!-- promises:end -->").unwrap().0.to_owned()
}

/// `module::test` for each test of the integration tests in a directory.
fn tests_in(dir: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_string_lossy().into_owned();
        if path.is_dir() || path.extension().is_none_or(|e| e != "rs") {
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = source.lines().map(str::trim).collect();
        for pair in lines.windows(2).filter(|pair| pair[0] == "#[test]") {
            let name = pair[1].strip_prefix("fn ").and_then(|rest| rest.split('(').next());
            found.insert(format!("{module}::{}", name.unwrap_or_default()));
        }
    }
}

#[test]
fn every_promise_of_the_table_names_tests_that_exist() {
    let mut known = BTreeSet::new();
    tests_in(&root().join("crates/regatta/tests/it"), &mut known);
    let table = table();
    let is_row = |line: &&str| line.starts_with("| ") && !line.starts_with("| promise |");
    let rows: Vec<&str> = table.lines().filter(is_row).collect();
    assert!(rows.len() >= 40, "{} rows", rows.len());
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [promise, tests] = cells[..] else { panic!("not two cells: {row}") };
        assert!(promise.len() > 5, "{row}");
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test: {row}");
        for name in named {
            assert!(known.contains(name), "`{name}` is no test in crates/regatta/tests/it: {row}");
        }
    }
}

#[test]
fn the_table_has_every_paragraph_whose_features_exist() {
    let table = table();
    for paragraph in ["Plan", "Names", "Processes", "Files", "Store", "Secrets", "Terminal"] {
        assert!(table.contains(&format!("### {paragraph}\n")), "{paragraph}");
    }
}
