//! Makes untrusted text safe to show: no escape of a task's output reaches the terminal raw.
//!
//! Control characters (C0 and C1), bidirectional and invisible format characters become visible `\u{…}`.

/// Escapes everything that could steer a terminal or mislead a reader; newlines and tabs are escaped too.
#[must_use]
pub fn escape(text: &str) -> String {
    escape_with(text, |_| false)
}

/// As [`escape`], but newlines and tabs stay: for whole outputs.
#[must_use]
pub fn escape_block(text: &str) -> String {
    escape_with(text, |c| c == '\n' || c == '\t')
}

fn escape_with(text: &str, keep: impl Fn(char) -> bool) -> String {
    if text.chars().all(|c| keep(c) || !is_dangerous(c)) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if keep(c) => out.push(c),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{1b}' => out.push_str("\\e"),
            c if is_dangerous(c) => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
            c => out.push(c),
        }
    }
    out
}

fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// At most `columns` characters, with `…` where something was cut.
#[must_use]
pub fn fit(text: &str, columns: usize) -> String {
    use unicode_width::UnicodeWidthChar as _;
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        if used + width > columns.saturating_sub(1) && unicode_width::UnicodeWidthStr::width(text) > columns {
            out.push('…');
            return out;
        }
        used += width;
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{escape, escape_block, fit};

    #[test]
    fn no_escape_of_a_task_reaches_the_terminal_raw() {
        let check = |input: &str, expect: &str| assert_eq!(escape(input), expect);
        check("plain text", "plain text");
        check("\u{1b}[31mred", "\\e[31mred");
        check("\u{1b}]0;title\u{7}", "\\e]0;title\\u{7}");
        check("c1 \u{9b}31m", "c1 \\u{9b}31m");
        check("bidi \u{202e}evil", "bidi \\u{202e}evil");
        check("two\nlines\r", "two\\nlines\\r");
        assert_eq!(escape_block("two\n\tlines\u{8}"), "two\n\tlines\\u{8}");
    }

    #[test]
    fn cut_text_says_so() {
        assert_eq!(fit("short", 10), "short");
        assert_eq!(fit("0123456789abc", 10), "012345678…");
        assert_eq!(fit("exactly 10", 10), "exactly 10");
    }
}
