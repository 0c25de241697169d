//! How deep the brackets of a condition nest, told before a recursive parser sees it.
//!
//! Reads texts and comments as CEL does: what stands in them nests nothing.

/// The greatest depth of `(`, `[` and `{` in a source.
pub(super) fn brackets(source: &str) -> usize {
    let (mut rest, mut depth, mut deepest, mut word) = (source, 0_usize, 0, "");
    while let Some(c) = rest.chars().next() {
        match c {
            '"' | '\'' => {
                // `r'…'`, also `br'…'`: no backslash means anything.
                let raw =
                    word.len() <= 2 && word.chars().all(|c| "rRbB".contains(c)) && word.contains(['r', 'R']);
                rest = after_text(rest, c, raw);
                word = "";
                continue;
            }
            '/' if rest.starts_with("//") => {
                rest = rest.find('\n').map_or("", |at| &rest[at..]);
                word = "";
                continue;
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
        let letters = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        word = &rest[..letters];
        rest = &rest[if letters == 0 { c.len_utf8() } else { letters }..];
    }
    deepest
}

/// What follows a text that begins here, nothing if it does not end.
fn after_text(rest: &str, quote: char, raw: bool) -> &str {
    let three = [quote; 3].iter().collect::<String>();
    let delimiter = if rest.starts_with(&three) { three.as_str() } else { &three[..1] };
    let mut rest = &rest[delimiter.len()..];
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(delimiter) {
            return after;
        }
        let skip = if rest.starts_with('\\') && !raw { 2 } else { 1 };
        rest = rest.char_indices().nth(skip).map_or("", |(at, _)| &rest[at..]);
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::brackets;

    #[test]
    fn brackets_count_where_the_language_sees_them() {
        let check = |source: &str, depth: usize| assert_eq!(brackets(source), depth, "{source}");
        check("a == 1", 0);
        check("(([{}]))", 4);
        check("() () [[]]", 2);
        check("'((' + \"((\" + '\\'((' + (a)", 1);
        check("r'\\' + ((a))", 2);
        check("bR\"\\\" + ((a))", 2);
        check("bar'\\' + ((a))'", 0);
        check("'''(\n'' \\''' (''' + (a)", 1);
        check("// ((( '\n((a))", 2);
        check("'(( é", 0);
    }
}
