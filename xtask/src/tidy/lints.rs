//! The lint settings of the pure crates hold what the root's hold, and the bans besides.
//!
//! Clippy reads the nearest `clippy.toml` only: one in a crate replaces the root's, so its keys are repeated there.

use super::finding::Finding;
use super::tree::Tree;

const PURE: [&str; 3] = ["crates/engine/clippy.toml", "crates/plan/clippy.toml", "crates/redact/clippy.toml"];
const BANS: [&str; 8] = [
    "std::time::Instant",
    "std::time::SystemTime",
    "std::env::",
    "std::fs::",
    "std::thread::",
    "std::collections::HashMap",
    "std::sync::Mutex",
    "std::cell::RefCell",
];

/// Missing files, missing keys, missing bans, and members that do not take the workspace's lints.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |path: &str, message, hint| {
        findings.push(Finding { path: path.to_owned(), line: 0, rule: "lints", message, hint });
    };
    let root = tree.get("clippy.toml").map_or("", |file| file.text.as_str());
    for path in PURE {
        let Some(file) = tree.get(path) else {
            find(
                path,
                "a pure crate has no bans of its own".to_owned(),
                "start from crates/engine/clippy.toml",
            );
            continue;
        };
        for key in
            root.lines().filter(|line| line.contains(" = ") && !file.text.lines().any(|own| own == *line))
        {
            find(
                path,
                format!("`{key}` of the root is not repeated"),
                "clippy reads only the nearest clippy.toml",
            );
        }
        for ban in BANS.iter().filter(|ban| !file.text.contains(*ban)) {
            find(
                path,
                format!("`{ban}` is not banned"),
                "time, files and threads are arguments or absent here",
            );
        }
    }
    for file in tree.files.iter().filter(|file| file.path.ends_with("/Cargo.toml")) {
        let member = file.text.contains("\n[package]") || file.text.starts_with("[package]");
        if member && !file.text.contains("[lints]\nworkspace = true") {
            find(
                &file.path,
                "the lints of the workspace are not taken".to_owned(),
                "add [lints] workspace = true",
            );
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::finding::messages;
    use super::*;

    #[test]
    fn a_pure_crate_repeats_the_root_and_adds_the_bans() {
        let bans = BANS.join(" ");
        let good = format!("a = 1\n{bans}");
        let tree =
            Tree::of(&[("clippy.toml", "a = 1\n"), (PURE[0], &good), (PURE[1], &bans), (PURE[2], &good)]);
        assert_eq!(
            messages(&check(&tree)),
            ["crates/plan/clippy.toml:0: `a = 1` of the root is not repeated"]
        );
        assert_eq!(check(&Tree::of(&[])).len(), 3);
        let tree = Tree::of(&[(PURE[0], ""), (PURE[1], &bans), (PURE[2], &bans)]);
        assert_eq!(check(&tree).len(), BANS.len());
    }

    #[test]
    fn every_member_takes_the_lints_of_the_workspace() {
        let bans = BANS.join(" ");
        let tree = Tree::of(&[
            (PURE[0], &bans),
            (PURE[1], &bans),
            (PURE[2], &bans),
            ("a/Cargo.toml", "[package]\n"),
        ]);
        assert_eq!(messages(&check(&tree)), ["a/Cargo.toml:0: the lints of the workspace are not taken"]);
    }
}
