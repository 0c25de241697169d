//! Each crate depends on what its allow-list names, and the crates of the house look one way only.
//!
//! It compares manifests with the tables in `allow`; what a dependency is good for stands in docs/dependencies.md.

use super::allow::{Allowed, CRATES};
use super::finding::Finding;
use super::tree::Tree;
use crate::cargo::{capture, query};
use serde::Deserialize;
use std::path::Path;
use std::process::Command;

const GUIDE: &str = "docs/dependencies.md";

/// The part of `cargo metadata` that the rules read.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
    pub(crate) source: Option<String>,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

impl Metadata {
    /// The members of the workspace alone.
    fn read_members(root: &Path) -> Result<Self, Box<Finding>> {
        Self::read(root, &["metadata", "--format-version", "1", "--no-deps"])
    }

    /// Every crate that this machine would build.
    pub(crate) fn read_tree(root: &Path) -> Result<Self, Box<Finding>> {
        let host = capture(Command::new("rustc").args(["--print", "host-tuple"]).current_dir(root));
        let host = host.map_err(broken)?;
        Self::read(root, &["metadata", "--format-version", "1", "--locked", "--filter-platform", host.trim()])
    }

    fn read(root: &Path, args: &[&str]) -> Result<Self, Box<Finding>> {
        query(root, args).and_then(|text| Self::parse(&text)).map_err(broken)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| format!("`cargo metadata` is not understood: {error}"))
    }
}

/// A manifest that cargo cannot read is a finding like any other.
pub(crate) fn broken(message: String) -> Box<Finding> {
    let hint = "mend the manifests or Cargo.lock first";
    Box::new(Finding { path: "Cargo.toml".to_owned(), line: 0, rule: "deps", message, hint })
}

/// Dependencies that are not listed, entries nobody uses, crates without a line in the guide.
pub(crate) fn check(root: &Path, tree: &Tree) -> Vec<Finding> {
    match Metadata::read_members(root) {
        Ok(metadata) => [members(&metadata, tree, CRATES), guide(tree)].concat(),
        Err(finding) => vec![*finding],
    }
}

fn members(metadata: &Metadata, tree: &Tree, crates: &[Allowed]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in &metadata.packages {
        let Some(allowed) = crates.iter().find(|allowed| allowed.name == package.name) else {
            let message = format!("crate `{}` has no allow-list", package.name);
            let hint = "add it to xtask/src/tidy/allow.rs";
            findings.push(Finding { path: "Cargo.toml".to_owned(), line: 0, rule: "deps", message, hint });
            continue;
        };
        for (kind, list) in
            [(None, allowed.normal), (Some("dev"), allowed.dev), (Some("build"), allowed.build)]
        {
            let used = package.dependencies.iter().filter(|dependency| dependency.kind.as_deref() == kind);
            let used: Vec<&str> = used.map(|dependency| dependency.name.as_str()).collect();
            findings.extend(compare(tree, allowed, (kind.unwrap_or("normal"), list, &used)));
        }
    }
    findings
}

fn compare(tree: &Tree, allowed: &Allowed, (kind, list, used): (&str, &[&str], &[&str])) -> Vec<Finding> {
    let path = format!("{}/Cargo.toml", allowed.directory);
    let text = tree.get(&path).map_or("", |file| file.text.as_str());
    let line = |name: &str| text.lines().position(|line| line.starts_with(name)).map_or(0, |index| index + 1);
    let find = |name: &str, message, hint| Finding {
        path: path.clone(),
        line: line(name),
        rule: "deps",
        message,
        hint,
    };
    let ours = |name: &str| name.starts_with("regatta");
    let mut findings = Vec::new();
    for name in used.iter().filter(|name| !list.contains(name)) {
        let hint = if ours(name) {
            "the direction law: engine <- plan, journal <- runtime <- regatta, sim"
        } else {
            "a new one needs a reason in docs/dependencies.md and an entry in xtask/src/tidy/allow.rs"
        };
        findings.push(find(
            name,
            format!("`{}` may not have the {kind} dependency `{name}`", allowed.name),
            hint,
        ));
    }
    // What is ours may be left unused: the law says who may look where, not who must.
    for name in list.iter().filter(|name| !ours(name) && !used.contains(name)) {
        let message = format!("`{}` no longer has the {kind} dependency `{name}`", allowed.name);
        findings.push(find(name, message, "remove it from xtask/src/tidy/allow.rs"));
    }
    findings
}

/// Each dependency of the root manifest has a line in the guide.
fn guide(tree: &Tree) -> Vec<Finding> {
    let manifest = tree.get("Cargo.toml").map_or("", |file| file.text.as_str());
    let guide = tree.get(GUIDE).map_or("", |file| file.text.as_str());
    let mut inside = false;
    let mut findings = Vec::new();
    for (index, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            inside = line == "[workspace.dependencies]";
            continue;
        }
        let Some((name, _)) =
            line.split_once(" = ").filter(|(name, _)| inside && !name.starts_with("regatta"))
        else {
            continue;
        };
        if !guide.contains(&format!("`{name}`")) {
            let message = format!("`{name}` has no line in {GUIDE}");
            let hint = "say what it is for, what it replaces, its licence and its trap";
            findings.push(Finding {
                path: "Cargo.toml".to_owned(),
                line: index + 1,
                rule: "deps",
                message,
                hint,
            });
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::finding::messages;
    use super::*;

    const PLAN: Allowed = Allowed {
        name: "regatta-plan",
        directory: "crates/plan",
        normal: &["regatta-engine", "serde"],
        dev: &["insta"],
        build: &[],
    };

    fn found(dependencies: &str) -> Vec<String> {
        let text = format!(
            r#"{{"packages": [{{"name": "regatta-plan", "version": "1.0.0", "license": null, "source": null, "dependencies": [{dependencies}]}}]}}"#
        );
        let tree =
            Tree::of(&[("crates/plan/Cargo.toml", "[dependencies]\nserde = 1\nregatta-journal = 1\n")]);
        messages(&members(&Metadata::parse(&text).unwrap(), &tree, &[PLAN]))
    }

    #[test]
    fn what_is_listed_passes_and_ours_may_be_unused() {
        assert_eq!(found(r#"{"name": "serde", "kind": null}, {"name": "insta", "kind": "dev"}"#), [""; 0]);
    }

    #[test]
    fn what_is_not_listed_or_not_used_is_found() {
        let got = found(r#"{"name": "regatta-journal", "kind": null}, {"name": "serde", "kind": "dev"}"#);
        let expect = [
            "crates/plan/Cargo.toml:3: `regatta-plan` may not have the normal dependency `regatta-journal`",
            "crates/plan/Cargo.toml:2: `regatta-plan` no longer has the normal dependency `serde`",
            "crates/plan/Cargo.toml:2: `regatta-plan` may not have the dev dependency `serde`",
            "crates/plan/Cargo.toml:0: `regatta-plan` no longer has the dev dependency `insta`",
        ];
        assert_eq!(got, expect);
    }

    #[test]
    fn an_unknown_crate_needs_a_list() {
        let text = r#"{"packages": [{"name": "new", "version": "1.0.0", "license": null, "source": null, "dependencies": []}]}"#;
        let found = members(&Metadata::parse(text).unwrap(), &Tree::of(&[]), &[PLAN]);
        assert_eq!(messages(&found), ["Cargo.toml:0: crate `new` has no allow-list"]);
    }

    #[test]
    fn the_guide_names_every_dependency_of_the_root() {
        let manifest = "[workspace.dependencies]\nregatta = 1\nserde = 1\ntoml = { version = 1 }\n[profile.dev]\nx = 1\n";
        let tree = Tree::of(&[("Cargo.toml", manifest), (GUIDE, "| `serde` | x |")]);
        assert_eq!(messages(&guide(&tree)), ["Cargo.toml:4: `toml` has no line in docs/dependencies.md"]);
    }
}
