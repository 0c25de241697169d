//! Text that does not belong in the repository: places of one machine, unfinished notes, stray white space.
//!
//! It looks at lines and knows no syntax. The words it looks for are split here, so that this file passes itself.

use super::finding::Finding;
use super::paths;
use super::tree::{File, Tree};

/// A piece of text, why it is refused, and how to mend it.
struct Ban {
    text: &'static str,
    hint: &'static str,
}

const PLACE: &str = "a clone lives anywhere: use a relative path";
const HOST: &str = "registries are configured outside the repository";
const NOTE: &str = "do it, or open an issue and say so there";

/// Refused in every file, when nothing word-like stands before it.
const EVERYWHERE: [Ban; 8] = [
    Ban { text: concat!("/wo", "rk/"), hint: PLACE },
    Ban { text: concat!("far", "m-"), hint: PLACE },
    Ban { text: concat!("index.", "crates.io"), hint: HOST },
    Ban { text: concat!("static.", "crates.io"), hint: HOST },
    Ban { text: concat!("registry.", "npmjs.org"), hint: HOST },
    Ban { text: concat!("pypi", ".org"), hint: HOST },
    Ban { text: concat!("pythonhosted", ".org"), hint: HOST },
    Ban { text: concat!("deb.", "debian.org"), hint: HOST },
];

/// Refused in code, as whole words.
const NOTES: [Ban; 3] = [
    Ban { text: concat!("TO", "DO"), hint: NOTE },
    Ban { text: concat!("FIX", "ME"), hint: NOTE },
    Ban { text: concat!("X", "XX"), hint: NOTE },
];

const CODE: [&str; 7] = [".rs", ".sh", ".toml", ".yml", ".yaml", ".js", ".css"];

/// Forbidden words, trailing blanks, tabs in Rust, carriage returns.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files.iter().flat_map(|file| words(file).chain(blanks(file))).collect()
}

fn words(file: &File) -> impl Iterator<Item = Finding> {
    let code = CODE.iter().any(|end| file.path.ends_with(end)) || file.path == ".ci/run";
    file.text.lines().enumerate().flat_map(move |(index, line)| {
        let places = EVERYWHERE.iter().filter(|ban| stands_alone(line, ban.text, false));
        let notes = NOTES.iter().filter(move |ban| code && stands_alone(line, ban.text, true));
        places
            .chain(notes)
            .map(move |ban| find(file, index, format!("`{}` does not belong here", ban.text), ban.hint))
    })
}

fn find(file: &File, index: usize, message: String, hint: &'static str) -> Finding {
    Finding { path: file.path.clone(), line: index + 1, rule: "text", message, hint }
}

/// Whether the text occurs with nothing word-like before it and, for whole words, after it.
fn stands_alone(line: &str, text: &str, whole: bool) -> bool {
    let word = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(text).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + text.len()..].chars().next();
        let inside_path = text.starts_with('/') && before.is_some_and(|character| "}.-".contains(character));
        let inside_word = before.is_some_and(word) || (whole && after.is_some_and(word));
        !inside_word && !inside_path
    })
}

fn blanks(file: &File) -> impl Iterator<Item = Finding> {
    let exact = paths::is_test_data(&file.path);
    let rust = file.path.ends_with(".rs");
    file.text.split('\n').enumerate().filter(move |_| !exact).filter_map(move |(index, line)| {
        let (message, hint) = if line.ends_with('\r') {
            ("carriage return at the end of the line", "save the file with line feeds only")
        } else if line.ends_with([' ', '\t']) {
            ("white space at the end of the line", "remove it; in a literal write an escape")
        } else if rust && line.contains('\t') {
            ("tab in Rust source", "indent with spaces; in a literal write \\t")
        } else {
            return None;
        };
        Some(find(file, index, message.to_owned(), hint))
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::messages;
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        messages(&check(&Tree::of(&[(path, text)])))
    }

    #[test]
    fn places_of_one_machine_are_refused_everywhere() {
        let place = concat!("/wo", "rk/main");
        assert_eq!(
            found("a.md", &format!("x\ncd {place}")),
            [format!("a.md:2: `{}` does not belong here", &place[..6])]
        );
        assert_eq!(found("a.md", &format!("src{place} ../a{place} .{place}")), [""; 0]);
        assert_eq!(
            found("a.md", &format!("a {}1, but a plat{}", concat!("far", "m-"), concat!("far", "m-"))).len(),
            1
        );
        assert_eq!(found("a.toml", concat!("https://files.pythonhosted", ".org/x")).len(), 1);
        assert_eq!(found("Cargo.lock", "registry+https://github.com/rust-lang/crates.io-index"), [""; 0]);
    }

    #[test]
    fn notes_are_refused_in_code_only() {
        let note = concat!("// TO", "DO: later");
        assert_eq!(found("a.rs", note).len(), 1);
        assert_eq!(found("a.md", note), [""; 0]);
        assert_eq!(found("a.sh", "mktemp a.XXXXXX"), [""; 0]);
    }

    #[test]
    fn stray_white_space_is_refused_but_not_in_test_data() {
        assert_eq!(
            found("a.md", "x \ny\r\nz"),
            ["a.md:1: white space at the end of the line", "a.md:2: carriage return at the end of the line",]
        );
        assert_eq!(found("a.rs", "\tx"), ["a.rs:1: tab in Rust source"]);
        assert_eq!(found("Makefile", "\tx"), [""; 0]);
        assert_eq!(found("crates/plan/tests/it/a.yaml", "x \r\n"), [""; 0]);
    }
}
