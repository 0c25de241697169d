//! Every Rust file opens with a sentence that says what it is.
//!
//! It sees that the sentence is there; whether it is true is for the reader.

use super::finding::Finding;
use super::tree::Tree;

/// Fewer words than this are a title, not a sentence.
const MIN_WORDS: usize = 4;

/// Files whose first lines are not a `//!` header with a full sentence.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let bare = tree.rust().filter(|file| !has_sentence(&header(&file.text)));
    bare.map(|file| Finding {
        path: file.path.clone(),
        line: 1,
        rule: "header",
        message: "no `//!` header with a full sentence on the first line".to_owned(),
        hint: "say what the file is and what it does not know",
    })
    .collect()
}

fn header(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(str::trim).collect::<Vec<_>>().join(" ")
}

fn has_sentence(header: &str) -> bool {
    let ends = header.match_indices('.').map(|(at, _)| at);
    let mut sentences = ends.filter(|at| header[at + 1..].is_empty() || header[at + 1..].starts_with(' '));
    sentences.any(|end| header[..end].split_whitespace().count() >= MIN_WORDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(text: &str) -> bool {
        check(&Tree::of(&[("a.rs", text)])).is_empty()
    }

    #[test]
    fn a_header_is_a_full_sentence_on_the_first_lines() {
        assert!(passes("//! What a thing is.\nfn a() {}"));
        assert!(passes("//! What a thing is\n//! and is not. More\n"));
        assert!(!passes("//! Things.\n"));
        assert!(!passes("//! what this is without an end\n"));
        assert!(!passes("//! it reads lib.rs files only\n"));
        assert!(!passes("use a::b;\n//! What a thing is.\n"));
        assert!(!passes(""));
    }
}
