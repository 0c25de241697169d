//! Every diagnostic code has a page and a test, and every page has a code.
//!
//! It finds codes by their shape in the text of the plan crate; what they mean is written on their pages.

use super::finding::Finding;
use super::functions::lines_without_tests;
use super::paths;
use super::tree::Tree;
use std::collections::{BTreeMap, BTreeSet};

const SOURCE: &str = "crates/plan/src/";
const CRATE: &str = "crates/plan/";
const PAGES: &str = "docs/errors/";
const INDEXES: [&str; 2] = ["README", "index"];

/// Codes without page or test, pages without code.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut codes: BTreeMap<String, (String, usize)> = BTreeMap::new();
    let mut tested: BTreeSet<String> = BTreeSet::new();
    for file in tree.under(CRATE).filter(|file| !file.path.ends_with(".md")) {
        let shipped =
            file.path.starts_with(SOURCE) && file.path.ends_with(".rs") && !paths::is_test(&file.path);
        let first_test = if shipped { lines_without_tests(&file.code) } else { 0 };
        for (index, line) in file.text.lines().enumerate() {
            for code in codes_in(line) {
                if index < first_test {
                    codes.entry(code.to_owned()).or_insert_with(|| (file.path.clone(), index + 1));
                } else {
                    tested.insert(code.to_owned());
                }
            }
        }
    }
    let mut findings = Vec::new();
    for (code, (path, line)) in &codes {
        let mut find = |message, hint| {
            findings.push(Finding { path: path.clone(), line: *line, rule: "code", message, hint });
        };
        if tree.get(&format!("{PAGES}{code}.md")).is_none() {
            find(format!("{code} has no page {PAGES}{code}.md"), "write the page: what, why, how to mend it");
        }
        if !tested.contains(code) {
            find(format!("{code} occurs in no test of the plan crate"), "add a snapshot test that shows it");
        }
    }
    findings.extend(orphans(tree, &codes));
    findings
}

fn orphans(tree: &Tree, codes: &BTreeMap<String, (String, usize)>) -> Vec<Finding> {
    let pages = tree.under(PAGES).filter_map(|file| file.path.strip_prefix(PAGES)?.strip_suffix(".md"));
    let orphans = pages.filter(|page| !INDEXES.contains(page) && !codes.contains_key(*page));
    orphans
        .map(|page| Finding {
            path: format!("{PAGES}{page}.md"),
            line: 1,
            rule: "code",
            message: format!("{page} is not a code of the plan crate"),
            hint: "remove the page, or name it after the code it explains",
        })
        .collect()
}

/// `RG` and exactly three digits, standing alone.
fn codes_in(line: &str) -> impl Iterator<Item = &str> {
    let word = |character: char| character.is_alphanumeric() || character == '_';
    line.split(move |character| !word(character)).filter(|part| {
        part.strip_prefix("RG")
            .is_some_and(|digits| digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::messages;
    use super::*;

    #[test]
    fn a_code_needs_a_page_and_a_test_and_a_page_needs_a_code() {
        let tree = Tree::of(&[
            ("crates/plan/src/a.rs", "\nconst A: &str = \"RG101\"; // RG1024, XRG103\n"),
            ("docs/errors/RG999.md", ""),
            ("docs/errors/README.md", ""),
        ]);
        let expect = [
            "crates/plan/src/a.rs:2: RG101 has no page docs/errors/RG101.md",
            "crates/plan/src/a.rs:2: RG101 occurs in no test of the plan crate",
            "docs/errors/RG999.md:1: RG999 is not a code of the plan crate",
        ];
        assert_eq!(messages(&check(&tree)), expect);
    }

    #[test]
    fn tests_inside_and_beside_the_source_count() {
        let source = "\"RG101\" \"RG102\"\n#[cfg(test)]\nmod tests {\n \"RG101\"\n}\n";
        let tree = Tree::of(&[
            ("crates/plan/src/a.rs", source),
            ("crates/plan/tests/it/snapshots/b.snap", "error[RG102]"),
            ("docs/errors/RG101.md", ""),
            ("docs/errors/RG102.md", ""),
        ]);
        assert!(check(&tree).is_empty());
    }
}
