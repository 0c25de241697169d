//! Rust: a crate or a workspace of Cargo.

use super::{Dir, Part, Step};

/// Cargo lets one command at a time into a target directory.
const TARGET: &str = "cargo";

pub(super) fn look(dir: &Dir<'_>) -> Option<Part> {
    dir.has(&["Cargo.toml"])?;
    let mut files = vec!["Cargo.toml".to_owned()];
    let locked = if dir.has(&["Cargo.lock"]).is_some() { " --locked" } else { "" };
    files.extend(dir.has(&["Cargo.lock"]).map(str::to_owned));
    let build = format!("cargo build --workspace --all-targets{locked}");
    let lint = format!("cargo clippy --workspace --all-targets{locked} -- -D warnings");
    let test = format!("cargo test --workspace{locked}");
    let steps = vec![
        Step::new("format", "the Rust code is formatted", "cargo fmt --all --check"),
        Step::new("build", "everything compiles", build).alone(TARGET),
        Step::new("lint", "clippy finds nothing", lint).after(&["build"]).alone(TARGET),
        Step::new("test", "all tests pass", test).after(&["build"]).alone(TARGET),
    ];
    Some(Part { kind: "rust", name: "Rust".to_owned(), dir: String::new(), files, steps })
}
