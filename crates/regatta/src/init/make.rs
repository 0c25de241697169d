//! Make: the targets that most makefiles have.

use super::{Dir, Part, Step, keep_known};

/// Id, what it does, names of targets for it, what comes before.
const KNOWN: [(&str, &str, &[&str], &[&str]); 5] = [
    (
        "format",
        "the code is formatted",
        &["fmt-check", "format-check", "check-format", "check-fmt", "formatcheck"],
        &[],
    ),
    ("build", "everything is built", &["build", "all"], &[]),
    ("lint", "the linter finds nothing", &["lint", "vet"], &["build"]),
    ("types", "types fit", &["typecheck", "type-check", "types", "mypy"], &[]),
    ("test", "all tests pass", &["test", "tests", "check"], &["build"]),
];

pub(super) fn look(dir: &Dir<'_>) -> Option<Part> {
    let file = dir.has(&["GNUmakefile", "makefile", "Makefile"])?;
    let text = dir.read(file);
    let targets = targets(&text);
    let mut steps: Vec<Step> = KNOWN
        .iter()
        .filter_map(|(id, title, names, needs)| {
            let target = names.iter().find(|name| targets.contains(*name))?;
            Some(Step::new(*id, *title, format!("make {target}")).after(needs))
        })
        .collect();
    if steps.is_empty() && !targets.is_empty() {
        steps.push(Step::new("build", "the default target is made", "make"));
    }
    keep_known(&mut steps);
    let files = vec![file.to_owned()];
    (!steps.is_empty()).then(|| Part {
        kind: "make",
        name: "Make".to_owned(),
        dir: String::new(),
        files,
        steps,
    })
}

/// Names before a single `:` at the beginning of a line; no variables, no patterns, no special targets.
fn targets(text: &str) -> Vec<&str> {
    let plain = |name: &&str| {
        !name.starts_with('.') && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/".contains(&b))
    };
    let rules = text.lines().filter(|line| !line.starts_with(['\t', ' ', '#']));
    let rules = rules.filter_map(|line| line.split_once(':'));
    let rules = rules.filter(|(names, rest)| !names.contains('=') && !rest.starts_with([':', '=']));
    rules.flat_map(|(names, _)| names.split_whitespace()).filter(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::targets;

    #[test]
    fn targets_are_names_before_a_colon_and_nothing_else() {
        let text = "CC := gcc\nA ?= b:c\n.PHONY: all test\nall test: x.o\n%.o: %.c\n\tcc: $<\nd::\n# no: comment\nx.o:\n";
        assert_eq!(targets(text), ["all", "test", "x.o"]);
    }
}
