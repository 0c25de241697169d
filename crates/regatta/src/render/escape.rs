//! Text that is safe to show, and fits where it is shown.
//!
//! What is escaped is decided in the runtime, which writes files that people read too.

pub use regatta_runtime::escape::{escape, escape_block, escape_path};

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
    use super::fit;

    #[test]
    fn cut_text_says_so() {
        assert_eq!(fit("short", 10), "short");
        assert_eq!(fit("0123456789abc", 10), "012345678…");
        assert_eq!(fit("exactly 10", 10), "exactly 10");
    }
}
