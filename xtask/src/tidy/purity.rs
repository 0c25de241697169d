//! The engine and the plan stay pure: nothing in their dependency trees brings a clock, a file or a thread along.
//!
//! It either compiles both for a target that has none of these, or holds the trees against a list of names.

use super::allow::PURE;
use super::deps::broken;
use super::finding::Finding;
use crate::cargo::{capture, cargo, query, run};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// A target without operating system.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Whether the toolchain can compile for the target.
pub(crate) fn wasm_installed(root: &Path) -> bool {
    let args = ["--print", "target-libdir", "--target", TARGET];
    capture(Command::new("rustc").args(args).current_dir(root))
        .is_ok_and(|path| Path::new(path.trim()).is_dir())
}

/// Compiles the pure crates for the target.
pub(crate) fn compile(root: &Path) -> Result<(), String> {
    let packages = PURE.iter().flat_map(|(package, _)| ["-p", *package]);
    let args: Vec<&str> = ["check", "--target", TARGET].into_iter().chain(packages).collect();
    run(&mut cargo(root, &args))
}

/// Crates in the trees of the pure crates that are not on the list.
pub(crate) fn check(root: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (package, allowed) in PURE {
        let args = ["tree", "--locked", "-e", "normal", "--prefix", "none", "--format", "{p}", "-p", package];
        match query(root, &args) {
            Ok(printed) => findings.extend(judge(package, allowed, &printed)),
            Err(message) => findings.push(*broken(message)),
        }
    }
    findings
}

fn judge(package: &str, allowed: &[&str], printed: &str) -> Vec<Finding> {
    let names: BTreeSet<&str> = printed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let strangers = names.into_iter().filter(|name| *name != package && !allowed.contains(name));
    strangers
        .map(|name| Finding {
            path: "Cargo.lock".to_owned(),
            line: 0,
            rule: "purity",
            message: format!("`{name}` is in the tree of `{package}`"),
            hint: "a pure crate: see `cargo tree -i` for who brings it; the list is in xtask/src/tidy/allow.rs",
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::finding::messages;
    use super::*;

    #[test]
    fn a_stranger_in_the_tree_is_found_once() {
        let printed = "regatta-engine v0.1.0 (/x)\nsha2 v0.11.1\nmio v1.0.0\nmio v1.0.0 (*)\n\n";
        let found = judge("regatta-engine", &["sha2"], printed);
        assert_eq!(messages(&found), ["Cargo.lock:0: `mio` is in the tree of `regatta-engine`"]);
    }
}
