//! What a phase says it depends on: `Phase 1 (models), Phase 2`, `1, 2`, `Phases 1-3`, `All previous phases (1-4)`, `None`.
//!
//! ```text
//! list = item (("," | ";" | "and" | "&" | "+") item)*        item = "None" | all | phases
//! all = "All" ["previous" | "prior" | "earlier"] ["phases"] ["(" numbers ")"]
//! phases = ["Phase" | "Phases"] number [("-" | "to" | "through") number] ["(" anything ")" | (":" | "–") anything]
//! ```
//! What does not fit is an error with its place: a dependency that is not understood would be one that is not kept.

use crate::tree::Span;

/// A dependency.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Need {
    /// Nothing.
    None,
    /// From one phase to another, both included.
    Phases(u32, u32),
    /// All phases before; what the text says they are.
    Previous(Option<(u32, u32)>),
}

/// What is not understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Misread {
    pub(super) span: Span,
    pub(super) text: String,
}

/// Reads a text that begins at a place of the document.
pub(super) fn read(text: &str, start: usize) -> (Vec<(Need, Span)>, Vec<Misread>) {
    let (mut found, mut misread) = (Vec::new(), Vec::new());
    for (at, item) in items(text) {
        let span = start + at..start + at + item.len();
        match need(item) {
            Some(need) => found.push((need, span)),
            None => misread.push(Misread { span, text: item.to_owned() }),
        }
    }
    (found, misread)
}

/// Between the last two of a list.
const AND: &str = "and ";

/// The items of a list, trimmed, each with its place; what stands in brackets separates nothing.
fn items(text: &str) -> Vec<(usize, &str)> {
    let mut cuts = Vec::new();
    let (mut depth, mut begin) = (0_usize, 0);
    let mut skip = 0;
    for (at, c) in text.char_indices() {
        if at < skip {
            continue;
        }
        let word = text.get(at..at + AND.len()).is_some_and(|word| word.eq_ignore_ascii_case(AND));
        let after_blank = at == 0 || text[..at].ends_with(char::is_whitespace);
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            ',' | ';' | '&' | '+' | '\n' if depth == 0 => {
                cuts.push(begin..at);
                begin = at + c.len_utf8();
            }
            _ if depth == 0 && after_blank && word => {
                cuts.push(begin..at);
                begin = at + AND.len();
                skip = begin;
            }
            _ => {}
        }
    }
    cuts.push(begin..text.len());
    let trimmed = cuts.into_iter().map(|cut| {
        let part = &text[cut.clone()];
        let lead = part.len() - part.trim_start().len();
        (cut.start + lead, part.trim())
    });
    trimmed.filter(|(_, item)| !item.is_empty()).collect()
}

fn need(item: &str) -> Option<Need> {
    // `[Phase 1](phase-1-models.md)`
    let link =
        item.strip_prefix('[').and_then(|rest| rest.split_once("](")).filter(|(_, to)| to.ends_with(')'));
    let item = link.map_or(item, |(text, _)| text);
    let lower = item.trim_matches(['*', '`', '.']).trim().to_lowercase();
    if let Some(rest) = ["none", "n/a", "no dependencies"].iter().find_map(|word| lower.strip_prefix(word)) {
        return is_remark(rest).then_some(Need::None);
    }
    if lower == "-" || lower == "–" || lower == "—" {
        return Some(Need::None);
    }
    if let Some(rest) = lower.strip_prefix("all ") {
        return previous(rest);
    }
    let rest = ["phases", "phase"].iter().find_map(|word| lower.strip_prefix(word)).unwrap_or(&lower);
    let rest = rest.trim_start().trim_start_matches(['-', '#']).trim_start();
    let ((from, to), rest) = range(rest)?;
    is_remark(rest).then_some(Need::Phases(from, to))
}

/// `previous phases (1-4)`, behind `all`.
fn previous(rest: &str) -> Option<Need> {
    let words = rest.split(['(', ':']).next().unwrap_or_default();
    let known =
        |word: &str| ["previous", "prior", "earlier", "preceding", "phases", "the", "of"].contains(&word);
    if !words.split_whitespace().all(known) || !words.contains("ph") && words.trim().is_empty() {
        return None;
    }
    let rest = rest[words.len()..].trim();
    if rest.is_empty() {
        return Some(Need::Previous(None));
    }
    let inner = rest.strip_prefix('(')?.strip_suffix(')')?.trim();
    let inner = ["phases", "phase"].iter().find_map(|word| inner.strip_prefix(word)).unwrap_or(inner);
    let (range, left) = range(inner.trim())?;
    left.trim().is_empty().then_some(Need::Previous(Some(range)))
}

/// `1`, `1-3`, `1 to 3`, and what follows.
fn range(text: &str) -> Option<((u32, u32), &str)> {
    let (from, rest) = number(text)?;
    let trimmed = rest.trim_start();
    let words = ["-", "–", "—", "to ", "through ", ".."];
    let second = words.iter().find_map(|word| {
        number(trimmed.strip_prefix(word)?.trim_start().trim_start_matches("phase ").trim_start())
    });
    match second {
        Some((to, rest)) => Some(((from, to), rest)),
        None => Some(((from, from), rest)),
    }
}

fn number(text: &str) -> Option<(u32, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number = text.get(..digits)?.parse().ok()?;
    let rest = &text[digits..];
    // `1.5` and `1a` are no phases.
    let joined = rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let decimal = rest.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    (!joined && !decimal).then_some((number, rest))
}

/// Nothing, or words in brackets, or behind a colon or dash: they say what the phase is about.
fn is_remark(rest: &str) -> bool {
    let rest = rest.trim().trim_end_matches('.');
    rest.is_empty()
        || rest.starts_with('(')
            && rest.ends_with(')')
            && rest.matches('(').count() == rest.matches(')').count()
        || rest.strip_prefix([':', '-', '–', '—']).is_some_and(|words| words.contains(char::is_alphabetic))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let (found, misread) = read(text, 0);
        let need = |(need, _): &(Need, Span)| match need {
            Need::None => "none".to_owned(),
            Need::Phases(a, b) if a == b => format!("{a}"),
            Need::Phases(a, b) => format!("{a}..{b}"),
            Need::Previous(None) => "all".to_owned(),
            Need::Previous(Some((a, b))) => format!("all({a}..{b})"),
        };
        let misread = misread.iter().map(|m| format!("?{}@{}", m.text, m.span.start));
        found.iter().map(need).chain(misread).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn dependencies_are_read_in_every_spelling_of_the_format() {
        for (text, expect) in [
            ("Phase 1 (models), Phase 2", "1 2"),
            ("1, 2", "1 2"),
            ("Phase 1 (models, and views) and Phase 3", "1 3"),
            ("Phases 1-3", "1..3"),
            ("Phases 1–3, 5", "1..3 5"),
            ("Phases 1, 2 and 4", "1 2 4"),
            ("Phases 1 through 3", "1..3"),
            ("phase 1 to phase 3", "1..3"),
            ("All previous phases (1-4)", "all(1..4)"),
            ("all previous phases", "all"),
            ("All phases (1-2)", "all(1..2)"),
            ("None", "none"),
            ("None (first phase).", "none"),
            ("n/a", "none"),
            ("—", "none"),
            ("Phase 1: Models", "1"),
            ("Phase 1 - Models; Phase 2 — Views", "1 2"),
            ("[Phase 1](phase-1-models.md) & [2](b.md)", "1 2"),
            ("**Phase 1**", "1"),
            ("phase-1", "1"),
            ("Phase 01", "1"),
        ] {
            assert_eq!(shown(text), expect, "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_told_with_its_place() {
        for (text, expect) in [
            ("Phase 1, the models", "1 ?the models@9"),
            ("Phase X", "?Phase X@0"),
            ("Phase 1.5", "?Phase 1.5@0"),
            ("Phase 1a", "?Phase 1a@0"),
            ("Phase 1 must be done", "?Phase 1 must be done@0"),
            ("models", "?models@0"),
            ("All the things", "?All the things@0"),
            ("All previous phases (some)", "?All previous phases (some)@0"),
            ("None of the above", "?None of the above@0"),
            ("Phase 99999999999", "?Phase 99999999999@0"),
            ("Phase 1 (a", "?Phase 1 (a@0"),
        ] {
            assert_eq!(shown(text), expect, "{text}");
        }
    }
}
