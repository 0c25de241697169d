//! Problems as text: source line, carets, label, help, code; or one line of facts each for machines.
//!
//! Hands only the lines near a place to the renderer, because a plan may be very large. Untrusted text is escaped, and what looks
//! like a secret is told by nobody.

use crate::diagnostic::{Diagnostic, Severity};
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use regatta_redact::Redactor;
use serde::Serialize;

/// At most this many problems are shown; the rest is counted.
const MAX_SHOWN: usize = 200;
/// Lines shown around a place.
const CONTEXT_LINES: usize = 1;
/// A source line is shown up to this many bytes.
const MAX_LINE_BYTES: usize = 400;

/// A problem for machines.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Fact {
    /// The code.
    pub code: &'static str,
    /// `error` or `warning`.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// 1-based line.
    pub line: usize,
    /// 1-based column in characters.
    pub column: usize,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The cycle, first = last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cycle: Vec<String>,
    /// It names a task that there is none of: as one that is needed, or in a reference.
    #[serde(skip)]
    pub missing_task: bool,
}

/// A problem as a fact.
#[must_use]
pub fn fact(problem: &Diagnostic, source: &str) -> Fact {
    let newlines = source[..floor(source, problem.span.start)].bytes().filter(|b| *b == b'\n').count();
    fact_on(problem, source, newlines + 1)
}

/// Problems as facts. Lines are counted onwards from problem to problem, so that many problems of a large plan,
/// which are in order of place, cost one pass.
pub(crate) fn facts(problems: &[Diagnostic], source: &str) -> Vec<Fact> {
    let (mut from, mut line) = (0, 1);
    let mut facts = Vec::with_capacity(problems.len());
    for problem in problems {
        let at = floor(source, problem.span.start);
        if at < from {
            (from, line) = (0, 1);
        }
        line += source[from..at].bytes().filter(|b| *b == b'\n').count();
        from = at;
        facts.push(fact_on(problem, source, line));
    }
    facts
}

fn fact_on(problem: &Diagnostic, source: &str, line: usize) -> Fact {
    let at = floor(source, problem.span.start);
    let line_start = source[..at].rfind('\n').map_or(0, |i| i + 1);
    Fact {
        code: problem.code.name(),
        severity: problem.severity,
        message: safe(&problem.message),
        line,
        column: source[line_start..at].chars().count() + 1,
        help: problem.help.as_deref().map(safe),
        cycle: problem.cycle.iter().map(|id| safe(id)).collect(),
        missing_task: problem.missing_task,
    }
}

/// All problems as text.
#[must_use]
pub fn render(problems: &[Diagnostic], (name, source): (&str, &str), color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let name = &visible(name);
    let mut out = String::new();
    for problem in problems.iter().take(MAX_SHOWN) {
        out.push_str(&render_one(&renderer, problem, (name, source)));
        out.push_str("\n\n");
    }
    if problems.len() > MAX_SHOWN {
        out.push_str(&format!("and {} more problems\n", problems.len() - MAX_SHOWN));
    }
    // What stands partly inside of a place and partly beside it is found in the whole only.
    safe(&out)
}

/// Without what looks like a secret: a plan may have one where nobody would look for it, such as in a name.
fn safe(text: &str) -> String {
    Redactor::default().text(text.to_owned())
}

fn render_one(renderer: &Renderer, problem: &Diagnostic, (name, source): (&str, &str)) -> String {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let message = visible(&problem.message);
    let help = problem.help.as_deref().map(visible);
    let places = std::iter::once((&problem.span, problem.label.as_str(), true))
        .chain(problem.also.iter().map(|(span, label)| (span, label.as_str(), false)));
    let windows: Vec<Window> =
        places.map(|(span, label, primary)| Window::around(source, span, (label, primary))).collect();
    let mut group = Group::with_title(level.primary_title(message.as_str()).id(problem.code.name()));
    for window in &windows {
        let kind = if window.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
        let annotation = kind.span(window.span.clone()).label(window.label.as_str());
        let snippet =
            Snippet::source(window.text.as_str()).line_start(window.first_line).annotation(annotation);
        group = match window.place {
            None => group.element(snippet.path(name)),
            Some((line, column)) => {
                group.element(Origin::path(name).line(line).char_column(column)).element(snippet)
            }
        };
    }
    if let Some(help) = &help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
}

/// A few lines of the source around a place.
struct Window {
    text: String,
    first_line: usize,
    /// Line and column, where the text begins within the line and so does not tell.
    place: Option<(usize, usize)>,
    span: std::ops::Range<usize>,
    label: String,
    primary: bool,
}

impl Window {
    fn around(source: &str, span: &std::ops::Range<usize>, (label, primary): (&str, bool)) -> Window {
        let start = floor(source, span.start);
        let end = floor(source, span.end.max(span.start)).max(start);
        let line_start = source[..start].rfind('\n').map_or(0, |i| i + 1);
        let mut from = line_start;
        for _ in 0..CONTEXT_LINES {
            from = source[..from.saturating_sub(1)].rfind('\n').map_or(0, |i| i + 1).min(from);
        }
        // Long lines: first the context goes, then the beginning of the line itself.
        let mut place = None;
        if start - from > MAX_LINE_BYTES {
            from = line_start;
        }
        let first_line = source[..from].bytes().filter(|b| *b == b'\n').count() + 1;
        if start - from > MAX_LINE_BYTES {
            from = floor(source, start - MAX_LINE_BYTES / 2);
            place = Some((first_line, source[line_start..start].chars().count() + 1));
        }
        // A place of many lines is shown by its first.
        let end = source[start..end].find('\n').map_or(end, |i| start + i);
        let mut to = source[end..].find('\n').map_or(source.len(), |i| end + i);
        if to - start > MAX_LINE_BYTES {
            to = floor(source, start + MAX_LINE_BYTES);
        }
        let end = end.min(to);
        let [head, marked, tail] =
            [from..start, start..end, end..to].map(|part| safe(&visible_lines(&source[part])));
        let span = head.len()..head.len() + marked.len();
        Window {
            text: format!("{head}{marked}{tail}"),
            first_line,
            place,
            span,
            label: visible(label),
            primary,
        }
    }
}

fn floor(source: &str, at: usize) -> usize {
    (0..=at.min(source.len())).rev().find(|&i| source.is_char_boundary(i)).unwrap_or(0)
}

fn visible(text: &str) -> String {
    text.chars().map(shown).collect()
}

fn visible_lines(text: &str) -> String {
    text.chars().map(|c| if c == '\n' || c == '\t' { c } else { shown(c) }).collect()
}

/// Control, bidirectional and invisible characters are shown as a replacement character.
fn shown(c: char) -> char {
    let hidden = c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    if hidden { '\u{fffd}' } else { c }
}
