//! Pictures: the parts that both have. Colours, text, a head with name, numbers and legend.
//!
//! Presentation by attributes only, so that every reader of SVG shows the same. Free text is escaped here.

mod gantt;
mod graph;

pub(super) use gantt::gantt;
pub(super) use graph::graph;

use super::{Drawing, label};
use std::fmt::Write as _;

/// Around everything.
const MARGIN: f64 = 24.0;
/// Height of the head.
const HEAD: f64 = 68.0;
/// Ink, from dark to light, and the paper.
const INK: &str = "#1f2933";
const SOFT: &str = "#52606d";
const PALE: &str = "#cbd2d9";
const FAINT: &str = "#f1f4f8";
const PAPER: &str = "#ffffff";
/// A task, one on the critical path, one of which no duration is known: fill and edge.
const PLAIN: (&str, &str) = ("#bac8ff", "#4263eb");
const CRITICAL: (&str, &str) = ("#ffc078", "#d9480f");
/// Fonts: ids stand in one of fixed width, so that it is known how wide they are.
const SANS: &str = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif";
const MONO: &str = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace";
/// Width of a character of the fixed font, for a size of 1.
const MONO_WIDTH: f64 = 0.603;
/// Mean width of a character of the other font, generously.
const SANS_WIDTH: f64 = 0.56;

/// A picture under construction.
struct Picture {
    body: String,
}

/// How text is written.
#[derive(Clone, Copy)]
struct Pen {
    size: f64,
    font: &'static str,
    color: &'static str,
    anchor: &'static str,
    bold: bool,
}

const SMALL: Pen = Pen { size: 11.0, font: SANS, color: SOFT, anchor: "start", bold: false };

impl Picture {
    fn new() -> Picture {
        Picture { body: String::new() }
    }

    /// A line of markup.
    fn put(&mut self, text: &str) {
        self.body.push_str(text);
        self.body.push('\n');
    }

    fn text(&mut self, (x, y): (f64, f64), pen: Pen, text: &str) {
        let bold = if pen.bold { " font-weight=\"bold\"" } else { "" };
        let anchor =
            if pen.anchor == "start" { String::new() } else { format!(" text-anchor=\"{}\"", pen.anchor) };
        // Writing into a string cannot fail.
        let _ = writeln!(
            self.body,
            "<text x=\"{}\" y=\"{}\" font-family=\"{}\" font-size=\"{}\" fill=\"{}\"{anchor}{bold}>{}</text>",
            px(x),
            px(y),
            pen.font,
            px(pen.size),
            pen.color,
            xml(text)
        );
    }

    fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), look: &str) {
        let _ = writeln!(
            self.body,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" {look}/>",
            px(x),
            px(y),
            px(width),
            px(height)
        );
    }

    fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), look: &str) {
        let _ = writeln!(
            self.body,
            "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" {look}/>",
            px(x1),
            px(y1),
            px(x2),
            px(y2)
        );
    }

    /// Name, numbers and legend of a picture that is so wide.
    fn head(&mut self, drawing: &Drawing<'_>, width: f64, legend: &[Key]) {
        let pen = Pen { size: 18.0, color: INK, bold: true, ..SMALL };
        self.text((MARGIN, MARGIN + 14.0), pen, &label::plan_name(drawing));
        let numbers = label::summary(drawing);
        self.text((MARGIN, MARGIN + 34.0), Pen { size: 12.0, ..SMALL }, &numbers);
        let needed: f64 = legend.iter().map(Key::width).sum();
        let used = (numbers.chars().count() as f64 * 12.0 * SANS_WIDTH)
            .max(label::plan_name(drawing).chars().count() as f64 * 18.0 * 0.62);
        let free = width - 2.0 * MARGIN - used;
        // Beside the numbers if there is room, else below them.
        let (mut x, y) =
            if needed > free { (MARGIN, MARGIN + 53.0) } else { (width - MARGIN - needed, MARGIN + 34.0) };
        for key in legend {
            key.draw(self, (x, y));
            x += key.width();
        }
    }

    /// The whole document.
    fn finish(self, drawing: &Drawing<'_>, what: &str, (width, height): (f64, f64)) -> String {
        let (width, height) = (width.ceil(), height.ceil());
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"title desc\">\n\
             <title id=\"title\">{} · {what}</title>\n<desc id=\"desc\">{}</desc>\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"{PAPER}\"/>\n{}</svg>\n",
            xml(&label::plan_name(drawing)),
            xml(&label::summary(drawing)),
            self.body
        )
    }
}

/// An entry of a legend.
#[derive(Clone, Copy)]
enum Key {
    Box(&'static str, (&'static str, &'static str), bool),
    Diamond(&'static str),
    Dashed(&'static str),
}

impl Key {
    fn word(&self) -> &'static str {
        match self {
            Key::Box(word, ..) | Key::Diamond(word) | Key::Dashed(word) => word,
        }
    }

    fn width(&self) -> f64 {
        self.word().chars().count() as f64 * 11.0 * SANS_WIDTH + 34.0
    }

    /// Draws it so that its text stands on `y`.
    fn draw(&self, picture: &mut Picture, (x, y): (f64, f64)) {
        match self {
            Key::Box(_, look, unknown) => picture.rect((x, y - 9.0), (16.0, 10.0), &filled(*look, *unknown)),
            Key::Diamond(_) => picture.put(&diamond((x + 8.0, y - 4.0), 5.5)),
            Key::Dashed(_) => picture.line((x, y - 4.0), (x + 16.0, y - 4.0), BOUND),
        }
        picture.text((x + 21.0, y), SMALL, self.word());
    }
}

/// The line of the lower bound.
const BOUND: &str = "stroke=\"#2b8a3e\" stroke-width=\"1.5\" stroke-dasharray=\"5 3\"";

/// A box; one of which nothing is known is dashed.
fn filled((fill, edge): (&str, &str), unknown: bool) -> String {
    let dashed = if unknown { " stroke-dasharray=\"3 2\" fill-opacity=\"0.45\"" } else { "" };
    format!("rx=\"3\" fill=\"{fill}\" stroke=\"{edge}\"{dashed}")
}

/// A milestone.
fn diamond((x, y): (f64, f64), r: f64) -> String {
    let (left, right, top, bottom) = (px(x - r), px(x + r), px(y - r), px(y + r));
    let (x, y) = (px(x), px(y));
    format!("<path d=\"M{left} {y}L{x} {top}L{right} {y}L{x} {bottom}Z\" fill=\"{INK}\"/>")
}

/// Pixels with one decimal place at most.
fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    let short = text.strip_suffix(".0").unwrap_or(&text);
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}

/// Text of XML; what must not stand in XML at all was made visible before.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{px, xml};

    #[test]
    fn text_stays_text_and_numbers_stay_short() {
        assert_eq!(xml("a < b & \"c\"</title>"), "a &lt; b &amp; &quot;c&quot;&lt;/title&gt;");
        assert_eq!([px(1.0), px(1.25), px(-0.01)], ["1", "1.2", "0"]);
    }
}
