//! The words of a block as far as files go: what each looks like, and links, which are the file that they name.
//!
//! Knows single words and links; what stands where in a block is told by `naming`.

use super::Block;
use super::paths::{Look, look, look_code, without_lines};
use super::words::{Word, words};
use crate::tree::Span;

/// What a word looks like; the line that it names in a file is none of its name.
pub(super) fn judged(word: &Word) -> Look {
    if !word.code {
        return look(&word.text);
    }
    match look_code(without_lines(&word.text)) {
        file @ Look::File(_) => file,
        _ => look_code(&word.text),
    }
}

/// The words of a block, and the files outside the workspace that links of it lead to.
///
/// A link is one word: the file that its text names, else the one that it leads to.
pub(super) fn judged_words(block: &Block, source: &str) -> (Vec<Word>, Vec<(String, Span)>) {
    let mut rest = words(block).into_iter().peekable();
    let (mut found, mut outside) = (Vec::new(), Vec::new());
    for (link, target) in &block.links {
        while let Some(word) = rest.next_if(|word| word.span.end <= link.start) {
            found.push(word);
        }
        let covered: Vec<Word> =
            std::iter::from_fn(|| rest.next_if(|word| word.span.start < link.end)).collect();
        let path = match named(source.get(link.clone()).unwrap_or_default()).or_else(|| led_to(target)) {
            Some(path) if path.starts_with("../") => {
                outside.push((path, link.clone()));
                None
            }
            path => path,
        };
        match (path, covered.first(), covered.last()) {
            (Some(text), Some(first), Some(last)) => found.push(Word {
                text,
                after: last.after.clone(),
                span: first.span.start..last.span.end,
                code: true,
                bold: covered.iter().any(|word| word.bold),
            }),
            _ => found.extend(covered),
        }
    }
    found.extend(rest);
    (found, outside)
}

/// The file that the text of a link names.
fn named(link: &str) -> Option<String> {
    let end = link.rfind("](").or_else(|| link.rfind("][")).unwrap_or(link.len());
    let text = link.get(..end)?.trim_matches(['[', ']', '`', '*', ' ']);
    let file = |look: Look| if let Look::File(path) = look { Some(path) } else { None };
    let mut words =
        text.split_whitespace().map(|word| word.trim_matches(['`', '*', '"', ',', ':', '(', ')']));
    file(look_code(without_lines(text))).or_else(|| words.find_map(|word| file(look(without_lines(word)))))
}

/// The file that a link leads to, without its anchor.
fn led_to(target: &str) -> Option<String> {
    let path = target.split('#').next().unwrap_or_default().replace("%20", " ");
    let below = path.trim_start_matches("../");
    match look_code(below) {
        Look::File(_) if below.len() < path.len() => Some(path),
        Look::File(file) => Some(file),
        _ => None,
    }
}
