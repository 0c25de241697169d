//! Cuts what a block says where code or bold begins and ends.
//!
//! Code and bold stand in order, so that one walk finds what a stretch belongs to: a block may have a million of them.

use super::Piece;
use crate::tree::Span;

/// The pieces of a block: `codes` with what they say, and `bolds`, each in order of place.
pub(super) fn pieces(source: &str, span: &Span, (codes, bolds): (&[(Span, String)], &[Span])) -> Vec<Piece> {
    // Only asterisks: underscores belong to names such as `__init__.py`.
    let asterisks = |bold: &&Span| {
        let text = source.get((*bold).clone()).unwrap_or_default();
        text.len() > 4 && text.starts_with("**") && text.ends_with("**")
    };
    let bolds: Vec<&Span> = bolds.iter().filter(asterisks).collect();
    let marks = |bold: &&Span| [bold.start..bold.start + 2, bold.end - 2..bold.end];
    let mut marks: Vec<Span> = bolds.iter().flat_map(marks).collect();
    marks.sort_unstable_by_key(|mark| (mark.start, mark.end));
    let mut cuts: Vec<usize> = vec![span.start, span.end];
    cuts.extend(codes.iter().flat_map(|(code, _)| [code.start, code.end]));
    cuts.extend(marks.iter().flat_map(|mark| [mark.start, mark.end]));
    cuts.sort_unstable();
    cuts.dedup();
    let mut codes = codes.iter().peekable();
    let mut bolds = bolds.into_iter().peekable();
    // The end of the bold that reaches farthest of those that have begun: they may lie in each other.
    let mut bold_until = 0;
    let mut pieces = Vec::new();
    for pair in cuts.windows(2) {
        let part = pair[0]..pair[1];
        while let Some(bold) = bolds.next_if(|bold| bold.start <= part.start) {
            bold_until = bold_until.max(bold.end);
        }
        while codes.next_if(|(code, _)| code.end <= part.start).is_some() {}
        if marks.binary_search_by_key(&(part.start, part.end), |mark| (mark.start, mark.end)).is_ok() {
            continue;
        }
        let code = codes.peek().filter(|(code, _)| code.contains(&part.start));
        let (text, span) = match code {
            Some((code, _)) if code.start != part.start => continue,
            Some((code, text)) => (text.clone(), code.clone()),
            None => (source.get(part.clone()).unwrap_or_default().to_owned(), part),
        };
        if !text.is_empty() {
            pieces.push(Piece { text, code: code.is_some(), bold: span.start < bold_until, span });
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use crate::prose::blocks;

    /// Looking through all of them for each of them would take hours here.
    #[test]
    fn a_block_of_a_hundred_thousand_codes_and_bolds_is_read_in_one_walk() {
        let source = "`a` **b** ".repeat(100_000);
        let found = blocks(&source);
        let of = |wanted: fn(&super::Piece) -> bool| found[0].pieces.iter().filter(|p| wanted(p)).count();
        assert_eq!((found.len(), of(|p| p.code), of(|p| p.bold)), (1, 100_000, 100_000));
    }

    #[test]
    fn a_bold_within_a_bold_ends_neither() {
        let found = blocks("**a **b `c` d** e** f");
        let bold: String = found[0].pieces.iter().filter(|p| p.bold).map(|p| p.text.as_str()).collect();
        assert_eq!(bold, "a b c d e");
    }
}
