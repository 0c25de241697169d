//! How long files and functions are, tests apart.
//!
//! It measures and reports; which sizes are excused is known by the ratchet.

use super::finding::Finding;
use super::functions::{functions, lines_without_tests, without_tests};
use super::paths;
use super::ratchet::{Kind, Measure, Ratchet};
use super::stats::{Target, line};
use super::tree::Tree;

const FILES: Target = Target { what: "files", median: 150, p90: 300, max: 500 };
const FUNCTIONS: Target = Target { what: "functions", median: 8, p90: 35, max: 70 };

/// The ground floor keeps its files smaller than the rest of the house.
const STRICT: [&str; 2] = ["crates/engine/", "crates/plan/"];
const STRICT_FILE_LINES: usize = 300;

/// Findings, and the figures for people.
pub(crate) fn check(tree: &Tree, ratchet: &Ratchet) -> (Vec<Finding>, String) {
    let measures = measure(tree);
    let of = |kind| -> Vec<usize> {
        measures.iter().filter(|measure| measure.kind == kind).map(|measure| measure.lines).collect()
    };
    let tests = tree.rust().filter(|file| paths::is_test(&file.path)).map(|file| file.code.lines().count());
    let tests: Vec<usize> = tests.collect();
    let report = [
        line(&FILES, &of(Kind::File)),
        line(&FUNCTIONS, &of(Kind::Function)),
        format!("{:<12} {:>5}  lines: max {}", "test files", tests.len(), tests.iter().max().unwrap_or(&0)),
    ];
    (ratchet.check(tree, &measures), report.join("\n"))
}

fn measure(tree: &Tree) -> Vec<Measure> {
    let mut measures = Vec::new();
    for file in tree.rust().filter(|file| !paths::is_test(&file.path)) {
        let strict = STRICT.iter().any(|start| file.path.starts_with(start));
        measures.push(Measure {
            kind: Kind::File,
            key: file.path.clone(),
            path: file.path.clone(),
            line: 0,
            lines: lines_without_tests(&file.code),
            limit: if strict { STRICT_FILE_LINES } else { FILES.max },
        });
        for function in functions(&without_tests(&file.code)) {
            measures.push(Measure {
                kind: Kind::Function,
                key: format!("{}::{}", file.path, function.name),
                path: file.path.clone(),
                line: function.line,
                lines: function.lines,
                limit: FUNCTIONS.max,
            });
        }
    }
    measures
}

#[cfg(test)]
mod tests {
    use super::super::finding::messages;
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        messages(&check(&Tree::of(&[(path, text)]), &Ratchet::default()).0)
    }

    #[test]
    fn files_have_a_limit_which_is_smaller_on_the_ground_floor() {
        let text = "//\n".repeat(301);
        assert_eq!(found("crates/runtime/src/a.rs", &text), [""; 0]);
        let expect = "crates/plan/src/a.rs:0: file `crates/plan/src/a.rs` has 301 lines, limit 300";
        assert_eq!(found("crates/plan/src/a.rs", &text), [expect]);
    }

    #[test]
    fn tests_are_not_counted() {
        let tests = format!("//\n#[cfg(test)]\nmod tests {{\n{}}}\n", "//\n".repeat(600));
        assert_eq!(found("crates/plan/src/a.rs", &tests), [""; 0]);
        assert_eq!(found("crates/plan/tests/it/a.rs", &"//\n".repeat(600)), [""; 0]);
    }

    #[test]
    fn a_long_function_is_named_with_its_line() {
        let text = format!("\nfn long() {{\n{}}}\n", "//\n".repeat(69));
        assert_eq!(
            found("src/a.rs", &text),
            ["src/a.rs:2: function `src/a.rs::long` has 71 lines, limit 70"]
        );
    }
}
