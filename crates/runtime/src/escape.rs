//! Makes untrusted text safe to show: no escape of a task's output reaches a terminal raw.
//!
//! Control characters (C0 and C1), bidirectional and invisible format characters become visible `\u{…}`. Knows no
//! terminal.

use std::borrow::Cow;
use std::path::Path;

/// Escapes everything that could steer a terminal or mislead a reader; newlines and tabs are escaped too.
#[must_use]
pub fn escape(text: &str) -> String {
    escape_with(text, |_| false)
}

/// A path in one line, whatever its name is.
#[must_use]
pub fn escape_path(path: &Path) -> String {
    escape(&path.display().to_string())
}

/// As [`escape`], but newlines and tabs stay: for whole outputs.
#[must_use]
pub fn escape_block(text: &str) -> String {
    escape_with(text, |c| c == '\n' || c == '\t')
}

/// JSON texts, a line each, in which the same characters stand as `\u…`: the same data, and safe to show. What JSON
/// must escape itself is escaped already.
#[must_use]
pub fn escape_json(json: &str) -> Cow<'_, str> {
    // Below DEL nothing is left for us.
    if json.bytes().all(|b| b < 0x7f) || !json.chars().any(|c| c >= '\u{7f}' && is_dangerous(c)) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if c >= '\u{7f}' && is_dangerous(c) {
            let mut units = [0; 2];
            c.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// As [`escape`], and no character has a meaning in Markdown any more: for a line of a document.
#[must_use]
pub fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for (i, c) in escape(text).chars().enumerate() {
        if r"\`*_{}[]<>#|~&$".contains(c) || i == 0 && "-+=".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Lines as a fenced block of Markdown that nothing in them can end.
#[must_use]
pub fn fenced<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let body: String = lines.map(|line| escape_block(line) + "\n").collect();
    let longest = body.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{body}{fence}\n")
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

#[cfg(test)]
mod tests {
    use super::{escape, escape_block, escape_json, fenced, markdown};

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
    fn json_that_is_safe_to_show_says_the_same() {
        let evil = "\u{1b}[31m\u{9b}31m\u{7f}\u{202e}\u{e0041}\u{feff}caf\u{e9}\n";
        let json = serde_json::to_string(&[evil]).unwrap();
        let safe = escape_json(&json);
        assert!(safe.chars().all(|c| c == '\u{e9}' || (' '..='~').contains(&c)), "{safe:?}");
        assert_eq!(serde_json::from_str::<[String; 1]>(&safe).unwrap(), [evil]);
        assert_eq!(escape_json("{\"caf\u{e9}\":\"\u{1f600}\"}"), "{\"caf\u{e9}\":\"\u{1f600}\"}");
    }

    #[test]
    fn no_text_of_a_task_is_read_as_markdown() {
        assert_eq!(markdown("exit 3: it's 50 % done."), "exit 3: it's 50 % done.");
        assert_eq!(markdown("# [x](y) <b> `c` *d*"), r"\# \[x\](y) \<b\> \`c\` \*d\*");
        assert_eq!(markdown("- a-b (c) &amp; x_y"), r"\- a-b (c) \&amp; x\_y");
        assert_eq!(markdown("a\nb"), r"a\\nb");
        assert_eq!(fenced(["a", "```", "# b"].into_iter()), "````text\na\n```\n# b\n````\n");
        assert_eq!(fenced(["a"].into_iter()), "```text\na\n```\n");
    }
}
