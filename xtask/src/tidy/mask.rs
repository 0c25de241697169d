//! Source text with comments and literals blanked out, line for line.
//!
//! It knows the lexical forms of Rust (strings, raw strings, characters, lifetimes, nested comments), not its
//! grammar. Every other rule that reads code reads the masked text, so a word in a string is never taken for code.

/// Replaces every character of a comment or literal by a space; line breaks stay where they are.
pub(crate) fn mask(source: &str) -> String {
    let mut masker = Masker { input: source.chars().collect(), at: 0, output: String::new() };
    while masker.at < masker.input.len() {
        masker.piece();
    }
    masker.output
}

struct Masker {
    input: Vec<char>,
    at: usize,
    output: String,
}

impl Masker {
    fn piece(&mut self) {
        match (self.peek(0), self.peek(1)) {
            (Some('/'), Some('/')) => self.line_comment(),
            (Some('/'), Some('*')) => self.block_comment(),
            (Some('"'), _) => self.quoted('"'),
            (Some('\''), _) if self.is_char() => self.quoted('\''),
            (Some('r'), Some('"' | '#')) if self.is_raw_string() => self.raw_string(),
            _ => self.keep(),
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.input.get(self.at + ahead).copied()
    }

    fn before(&self, back: usize) -> Option<char> {
        self.at.checked_sub(back).and_then(|at| self.input.get(at)).copied()
    }

    fn keep(&mut self) {
        self.output.extend(self.peek(0));
        self.at += 1;
    }

    fn blank(&mut self, count: usize) {
        for _ in 0..count {
            let Some(character) = self.peek(0) else { return };
            self.output.push(if character == '\n' { '\n' } else { ' ' });
            self.at += 1;
        }
    }

    fn line_comment(&mut self) {
        while self.peek(0).is_some_and(|character| character != '\n') {
            self.blank(1);
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.input.len() {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => depth += 1,
                (Some('*'), Some('/')) => depth -= 1,
                _ => {
                    self.blank(1);
                    continue;
                }
            }
            self.blank(2);
            if depth == 0 {
                return;
            }
        }
    }

    /// A string or character with escapes; the quotes go too.
    fn quoted(&mut self, end: char) {
        self.blank(1);
        while let Some(character) = self.peek(0) {
            self.blank(if character == '\\' { 2 } else { 1 });
            if character == end {
                return;
            }
        }
    }

    /// `'x'` and `'\n'` are characters, `'a` in `&'a str` is a lifetime.
    fn is_char(&self) -> bool {
        self.peek(1) == Some('\\') || self.peek(2) == Some('\'')
    }

    /// `r"`, `r#"`, `br"` and `cr"`, but neither `r#type` nor the end of a longer word.
    fn is_raw_string(&self) -> bool {
        let prefixed = matches!(self.before(1), Some('b' | 'c'));
        let outside = self.before(if prefixed { 2 } else { 1 });
        let in_word = outside.is_some_and(|character| character.is_alphanumeric() || character == '_');
        !in_word && self.peek(1 + self.hashes(1)) == Some('"')
    }

    fn hashes(&self, from: usize) -> usize {
        (from..).take_while(|ahead| self.peek(*ahead) == Some('#')).count()
    }

    fn raw_string(&mut self) {
        let hashes = self.hashes(1);
        self.blank(2 + hashes);
        while self.at < self.input.len() {
            if self.peek(0) == Some('"') && self.hashes(1) >= hashes {
                return self.blank(1 + hashes);
            }
            self.blank(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expect: &str) {
        let masked = mask(source);
        assert_eq!(masked.chars().count(), source.chars().count(), "{source}");
        assert_eq!(masked.split_whitespace().collect::<Vec<_>>().join(" "), expect, "{source}");
    }

    #[test]
    fn comments_go_also_nested_ones() {
        check("a // fn {\nb", "a b");
        check("a /* x /* y */ { */ b", "a b");
        check("a /// doc }\nb", "a b");
        check("a /* never closed {", "a");
    }

    #[test]
    fn strings_go_with_their_escapes() {
        check(r#"a("{ \" }", b)"#, "a( , b)");
        check("a(b\"{\", c\"}\")", "a(b , c )");
        check("\"// no comment\" a", "a");
        check("\"üñ{\" a", "a");
    }

    #[test]
    fn raw_strings_end_at_their_own_hashes() {
        check("r#\"a \" { \"# b", "b");
        check("br\"\\\" b", "b b");
        check("r##\"x \"# y\"## z", "z");
        check("for\"x\" r#type", "for r#type");
    }

    #[test]
    fn characters_go_and_lifetimes_stay() {
        check("'{' '\\'' '\\u{7d}' b'\"' x", "b x");
        check("fn f<'a>(x: &'a str) -> &'static str {}", "fn f<'a>(x: &'a str) -> &'static str {}");
        check("'outer: loop { break 'outer }", "'outer: loop { break 'outer }");
    }

    #[test]
    fn lines_keep_their_numbers() {
        assert_eq!(mask("\"a\nb\"\nc").lines().count(), 3);
    }
}
