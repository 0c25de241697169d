//! How a picture gets onto a terminal and away again: a few cursor movements.
//!
//! ```text
//! cursor at the end of the last line --up, clear below--> lines that scroll --> the new picture, no newline at its end
//! ```
//! Lines end where their text ends, so that what is copied from the terminal is what was written. Pure but for the size.

use super::frame::Canvas;
use unicode_width::UnicodeWidthStr as _;

/// A terminal that is told nothing of its size.
const COMMON: (u16, u16) = (80, 24);

/// What is on the terminal now.
#[derive(Debug, Default)]
pub(super) struct Paint {
    /// How wide its lines are.
    drawn: Vec<usize>,
}

impl Paint {
    /// What to write so that `scroll`, whole lines, stands above a new picture; nothing where nothing changes.
    pub(super) fn change(&mut self, scroll: &str, picture: &[String], canvas: Canvas) -> String {
        if scroll.is_empty() && picture.is_empty() && self.drawn.is_empty() {
            return String::new();
        }
        let mut text = self.erase(canvas.columns);
        text.push_str(scroll);
        text.push_str(&picture.join("\n"));
        self.drawn = picture.iter().map(|line| line.width()).collect();
        text
    }

    /// Takes the picture away. A terminal that became narrower has broken its lines anew.
    fn erase(&self, columns: usize) -> String {
        let rows: usize = self.drawn.iter().map(|width| width.div_ceil(columns.max(1)).max(1)).sum();
        match rows {
            0 => String::new(),
            1 => "\r\u{1b}[J".to_owned(),
            rows => format!("\r\u{1b}[{}A\u{1b}[J", rows - 1),
        }
    }
}

/// The size of the terminal on standard output.
pub(super) fn canvas(unicode: bool) -> Canvas {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout());
    let (columns, lines) = size.map_or(COMMON, |size| (size.ws_col, size.ws_row));
    let or = |n: u16, common: u16| usize::from(if n == 0 { common } else { n });
    Canvas { columns: or(columns, COMMON.0), lines: or(lines, COMMON.1), unicode }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_taken_away_before_lines_scroll_and_the_next_one_comes() {
        let wide = Canvas { columns: 80, lines: 24, unicode: true };
        let picture = |lines: &[&str]| lines.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>();
        let mut paint = Paint::default();
        assert_eq!(paint.change("", &[], wide), "");
        assert_eq!(paint.change("one\n", &picture(&["a", "b"]), wide), "one\na\nb");
        assert_eq!(paint.change("two\n", &picture(&["c"]), wide), "\r\u{1b}[1A\u{1b}[Jtwo\nc");
        assert_eq!(paint.change("", &[], wide), "\r\u{1b}[J");
        assert_eq!(paint.change("three\n", &[], wide), "three\n");
        paint.change("", &picture(&["x".repeat(50).as_str(), "y"]), wide);
        let narrow = Canvas { columns: 20, ..wide };
        assert_eq!(
            paint.change("", &[], narrow),
            "\r\u{1b}[3A\u{1b}[J",
            "three rows of the long line, one of the short"
        );
    }
}
