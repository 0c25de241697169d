//! The house rules as a program: every finding at once, each with its place and a hint.
//!
//! It gathers what the rules in the submodules find and prints it; it knows no rule by heart.

mod allow;
mod deps;
mod diagnostics;
mod finding;
mod functions;
mod golden;
mod headers;
mod licences;
mod links;
mod lints;
mod mask;
mod modules;
mod names;
mod paths;
mod purity;
mod ratchet;
mod sizes;
mod spdx;
mod stats;
mod text;
mod tree;

use finding::Finding;
use std::path::Path;
use tree::Tree;

/// The verb `tidy`: every rule, then the sizes.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let tree = Tree::read(root)?;
    let (findings, report) = check(root, &tree)?;
    println!("{report}");
    conclude(findings)
}

/// The rules about documentation alone.
pub(crate) fn run_docs(root: &Path) -> Result<(), String> {
    let tree = Tree::read(root)?;
    conclude([headers::check(&tree), diagnostics::check(&tree), links::check(&tree)].concat())
}

/// Purity by compiling for a target without clock, threads and files, or by the allow-list where it is absent.
pub(crate) fn run_purity(root: &Path) -> Result<(), String> {
    if purity::wasm_installed(root) {
        return purity::compile(root);
    }
    println!("{} is not installed: the dependency trees are held against the allow-list", purity::TARGET);
    conclude(purity::check(root))
}

fn check(root: &Path, tree: &Tree) -> Result<(Vec<Finding>, String), String> {
    let ratchet = ratchet::Ratchet::read(tree)?;
    let (mut findings, report) = sizes::check(tree, &ratchet);
    for found in [
        deps::check(root, tree),
        purity::check(root),
        lints::check(tree),
        modules::check(tree),
        headers::check(tree),
        diagnostics::check(tree),
        golden::check(tree),
        text::check(tree),
        names::check(tree),
        links::check(tree),
        licences::check(root),
    ] {
        findings.extend(found);
    }
    findings.sort();
    Ok((findings, report))
}

fn conclude(findings: Vec<Finding>) -> Result<(), String> {
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        1 => Err("1 finding".to_owned()),
        many => Err(format!("{many} findings")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let root = crate::cargo::root().unwrap();
        let (findings, _) = check(&root, &Tree::read(&root).unwrap()).unwrap();
        let shown: Vec<String> = findings.iter().map(Finding::to_string).collect();
        assert!(shown.is_empty(), "{} findings\n{}", shown.len(), shown.join("\n"));
    }
}
