//! Markdown as a row of blocks with their places: headings, list items, paragraphs, fences, front matter.
//!
//! ```text
//! text --blocks--> Block { kind, pieces } --naming, listing--> files that it names --paths--> what is a file
//! ```
//! Knows neither epics nor phases. Nothing recurses; what a block says is taken from the source, because `__tests__`
//! in a path is no emphasis.

pub(crate) mod hours;
mod judged;
mod known;
mod listing;
pub(crate) mod naming;
pub(crate) mod paths;
mod pieces;
mod words;

use crate::tree::Span;
use pieces::pieces;
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// A document holds at most this many bytes.
pub const MAX_DOCUMENT_BYTES: usize = 4 << 20;

/// What a block is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A heading of a level, 1 to 6.
    Heading(u8),
    /// An entry of a list; whether its box is ticked, if it has one.
    Item(Option<bool>),
    /// A paragraph.
    Text,
    /// A cell of a table.
    Cell,
    /// A block of code: its language, and its lines.
    Fence(String, Vec<Span>),
    /// Front matter, without its dashes.
    Meta,
}

/// A block, where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Block {
    pub(crate) kind: Kind,
    /// What it says, without marks of lists and headings.
    pub(crate) span: Span,
    /// What it says, in pieces.
    pub(crate) pieces: Vec<Piece>,
    /// Its links, in order, with what they lead to.
    pub(crate) links: Vec<(Span, String)>,
}

/// A stretch of a block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Piece {
    pub(crate) text: String,
    pub(crate) span: Span,
    /// Between backticks.
    pub(crate) code: bool,
    /// Between double asterisks.
    pub(crate) bold: bool,
}

impl Block {
    /// What it says, as a line without marks.
    pub(crate) fn line(&self) -> String {
        let joined: String = self.pieces.iter().map(|piece| piece.text.as_str()).collect();
        joined.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// The blocks of a document, in order.
pub(crate) fn blocks(source: &str) -> Vec<Block> {
    let options = Options::ENABLE_TASKLISTS
        | Options::ENABLE_TABLES
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
        | Options::ENABLE_STRIKETHROUGH;
    let mut reader = Reader { source, found: Vec::new(), open: None };
    for (event, span) in Parser::new_ext(source, options).into_offset_iter() {
        reader.event(&event, span);
    }
    reader.close();
    reader.found
}

/// A block that is being read.
struct Open {
    kind: Kind,
    span: Option<Span>,
    codes: Vec<(Span, String)>,
    bolds: Vec<Span>,
    links: Vec<(Span, String)>,
}

struct Reader<'a> {
    source: &'a str,
    found: Vec<Block>,
    open: Option<Open>,
}

impl Reader<'_> {
    fn event(&mut self, event: &Event<'_>, span: Span) {
        match event {
            Event::Start(tag) => self.start(tag, span),
            Event::End(
                TagEnd::Heading(_)
                | TagEnd::Paragraph
                | TagEnd::Item
                | TagEnd::TableCell
                | TagEnd::CodeBlock
                | TagEnd::MetadataBlock(_),
            ) => self.close(),
            Event::TaskListMarker(ticked) => {
                if let Some(Open { kind: Kind::Item(mark), .. }) = &mut self.open {
                    *mark = Some(*ticked);
                }
            }
            Event::Text(_) => self.text(span),
            Event::Code(text) => {
                if let Some(open) = &mut self.open {
                    open.codes.push((span.clone(), text.to_string()));
                }
                self.widen(span);
            }
            Event::SoftBreak | Event::HardBreak | Event::InlineHtml(_) => self.widen(span),
            _ => {}
        }
    }

    fn start(&mut self, tag: &Tag<'_>, span: Span) {
        match tag {
            Tag::Heading { level, .. } => self.begin(Kind::Heading(number(*level))),
            Tag::Item => self.begin(Kind::Item(None)),
            Tag::Paragraph => {
                let fresh =
                    self.open.as_ref().is_some_and(|o| o.span.is_none() && matches!(o.kind, Kind::Item(_)));
                if !fresh {
                    self.begin(Kind::Text);
                }
            }
            Tag::TableCell => self.begin(Kind::Cell),
            Tag::CodeBlock(CodeBlockKind::Fenced(info)) => {
                self.begin(Kind::Fence(info.to_string(), Vec::new()))
            }
            Tag::CodeBlock(CodeBlockKind::Indented) => self.begin(Kind::Fence(String::new(), Vec::new())),
            Tag::MetadataBlock(_) => self.begin(Kind::Meta),
            Tag::List(_) | Tag::BlockQuote(_) | Tag::Table(_) | Tag::HtmlBlock => self.close(),
            Tag::Strong => {
                if let Some(open) = &mut self.open {
                    open.bolds.push(span.clone());
                }
                self.widen(span);
            }
            Tag::Link { dest_url, .. } => {
                if let Some(open) = &mut self.open {
                    open.links.push((span.clone(), dest_url.to_string()));
                }
                self.widen(span);
            }
            Tag::Emphasis | Tag::Strikethrough | Tag::Image { .. } => self.widen(span),
            _ => {}
        }
    }

    fn text(&mut self, span: Span) {
        if let Some(Open { kind: Kind::Fence(_, lines), .. }) = &mut self.open {
            let mut at = span.start;
            for line in self.source.get(span.clone()).unwrap_or_default().split_inclusive('\n') {
                lines.push(at..at + line.trim_end_matches(['\n', '\r']).len());
                at += line.len();
            }
        }
        self.widen(span);
    }

    fn begin(&mut self, kind: Kind) {
        self.close();
        self.open = Some(Open { kind, span: None, codes: Vec::new(), bolds: Vec::new(), links: Vec::new() });
    }

    fn widen(&mut self, span: Span) {
        if let Some(open) = &mut self.open {
            let old = open.span.clone().unwrap_or(span.clone());
            open.span = Some(old.start.min(span.start)..old.end.max(span.end));
        }
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let Some(span) = open.span else { return };
        let pieces = match open.kind {
            Kind::Fence(..) | Kind::Meta => Vec::new(),
            Kind::Heading(_) | Kind::Item(_) | Kind::Text | Kind::Cell => {
                pieces(self.source, &span, (&open.codes, &open.bolds))
            }
        };
        self.found.push(Block { kind: open.kind, span, pieces, links: open.links });
    }
}

fn number(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &str) -> Vec<String> {
        let mark = |block: &Block| match &block.kind {
            Kind::Heading(level) => format!("h{level} {}", block.line()),
            Kind::Item(None) => format!("- {}", block.line()),
            Kind::Item(Some(ticked)) => format!("- [{ticked}] {}", block.line()),
            Kind::Text | Kind::Cell => format!("p {}", block.line()),
            Kind::Fence(info, lines) => {
                let lines: Vec<&str> = lines.iter().map(|line| &source[line.clone()]).collect();
                format!("fence {info}: {}", lines.join("|"))
            }
            Kind::Meta => format!("meta {}", source[block.span.clone()].trim_end()),
        };
        blocks(source).iter().map(mark).collect()
    }

    #[test]
    fn blocks_come_in_order_and_say_what_stands_there() {
        let source = "---\nepic: E-1\n---\n# Title\n\nText\nmore\n\n- [ ] a `b`\n- src/__tests__/x.ts\n  - deep\n\n  loose\n\n1. one\n\n```py\na\n\nb\n```\n";
        assert_eq!(
            shown(source),
            [
                "meta epic: E-1",
                "h1 Title",
                "p Text more",
                "- [false] a b",
                "- src/__tests__/x.ts",
                "- deep",
                "p loose",
                "- one",
                "fence py: a||b",
            ]
        );
    }

    #[test]
    fn bold_and_code_are_pieces_with_their_places() {
        let source = "- **File**: `a b` and **`c.py`** end";
        let found = blocks(source);
        let shown: Vec<String> = found[0]
            .pieces
            .iter()
            .map(|p| {
                format!(
                    "{}{}{}@{}",
                    if p.bold { "*" } else { "" },
                    if p.code { "`" } else { "" },
                    p.text,
                    p.span.start
                )
            })
            .collect();
        assert_eq!(shown, ["*File@4", ": @10", "`a b@12", " and @17", "*`c.py@24", " end@32"]);
    }
}
