//! References in scripts for the shell: where they may stand, and the script with variables in their place.
//!
//! Reads quotes, comments and here-documents as the shell does; knows no values.

use super::dotted::{Dotted, dotted};
use super::words::{Here, begins_command, here_document, is_for_a_shell};
use super::{Ref, RefError, parse_at};
use crate::tree::Span;
use std::collections::VecDeque;

/// A script whose references are variables.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Script {
    /// The script for `sh -c`.
    pub script: String,
    /// The references, in order: the n-th (from 1) is the variable `REGATTA_REF_n`.
    pub refs: Vec<Ref>,
    /// Names of `${name}` inside single quotes and quoted here-documents, where the shell fills in nothing. What stands behind
    /// `-c` is read by another shell, which does.
    pub literal: Vec<String>,
    /// What begins as a reference (`${`, the characters of an id, a dot) and is none, where the shell would fill it in. It is
    /// the shell's own, untouched, unless what stands before a dot is the id of a task.
    pub dotted: Vec<Dotted>,
}

/// How the shell would read the text at a place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
    Comment,
}

impl Script {
    /// Parses a script. `${x}` without a dot, `${x:-y}` and everything else belong to the shell, untouched.
    ///
    /// # Errors
    /// A reference where the shell would not expand it: inside single quotes or a quoted here-document.
    pub fn parse(text: &str) -> Result<Script, RefError> {
        let mut parser = ScriptParser {
            text,
            script: String::with_capacity(text.len()),
            refs: vec![],
            literal: vec![],
            dotted: vec![],
            is_script: false,
            quote: Quote::None,
            backquoted: None,
            stack: vec![],
            arithmetic: 0,
            cases: 0,
            here: None,
            next_here: VecDeque::new(),
            delimiter_end: 0,
        };
        parser.run()?;
        Ok(Script {
            script: parser.script,
            refs: parser.refs,
            literal: parser.literal,
            dotted: parser.dotted,
        })
    }
}

struct ScriptParser<'a> {
    text: &'a str,
    script: String,
    refs: Vec<Ref>,
    literal: Vec<String>,
    dotted: Vec<Dotted>,
    /// What stands in these single quotes is for another shell.
    is_script: bool,
    quote: Quote,
    /// Between backquotes, and what to come back to behind them: the text is read twice, and of what is escaped the first
    /// reading leaves less.
    backquoted: Option<Quote>,
    /// Open parentheses.
    stack: Vec<Paren>,
    /// How many of them are `((`.
    arithmetic: usize,
    /// Open `case` commands since the last open parenthesis: the `)` of their patterns closes nothing.
    cases: u32,
    /// The here-document around the place.
    here: Option<Here>,
    /// Those that begin with the next line.
    next_here: VecDeque<Here>,
    /// Where the delimiter of the last of them ends.
    delimiter_end: usize,
}

/// An open parenthesis, and what to come back to at its end.
struct Paren {
    quote: Quote,
    cases: u32,
    arithmetic: bool,
}

impl ScriptParser<'_> {
    fn run(&mut self) -> Result<(), RefError> {
        let mut at = 0;
        while at < self.text.len() {
            if at == 0 || self.text.as_bytes()[at - 1] == b'\n' {
                self.begin_line(at);
            }
            if self.quote == Quote::None && self.here.is_none() {
                self.note_words(at);
            }
            at = self.step(at)?;
        }
        Ok(())
    }

    /// Here-documents, and `case` with its end, where the shell would see them.
    fn note_words(&mut self, at: usize) {
        let (before, rest) = (&self.text[..at], &self.text[at..]);
        if rest.starts_with("<<") && self.arithmetic == 0 && !before.ends_with('<') {
            let here = here_document(rest);
            self.delimiter_end = here.as_ref().map_or(self.delimiter_end, |here| at + here.word_end);
            self.next_here.extend(here);
        }
        let ends = |c: char| c.is_whitespace() || matches!(c, ';' | ')' | '&' | '|');
        // The words come first: what stands before a place may be long.
        let case = rest.strip_prefix("case").is_some_and(|r| r.starts_with([' ', '\t']));
        let esac = rest.strip_prefix("esac").is_some_and(|r| r.is_empty() || r.starts_with(ends));
        if case && begins_command(before) {
            self.cases += 1;
        } else if esac && begins_command(before) {
            self.cases = self.cases.saturating_sub(1);
        }
    }

    /// A here-document begins after the line that names it and ends with its delimiter.
    fn begin_line(&mut self, at: usize) {
        let ended = self.text[..at.saturating_sub(1)].rsplit('\n').next().unwrap_or_default();
        if self.here.as_ref().is_some_and(|h| h.delimiter == ended.trim_start_matches('\t')) {
            self.here = None;
        }
        self.here = self.here.take().or_else(|| self.next_here.pop_front());
    }

    /// Copies what stands at `at` and answers where to go on.
    fn step(&mut self, at: usize) -> Result<usize, RefError> {
        let rest = &self.text[at..];
        let quoted = self.here.as_ref().is_some_and(|h| h.quoted);
        if rest.starts_with("$${")
            && let Some(meant) = parse_at(self.text, at + 1).filter(belongs_to_us)
        {
            self.check_delimiter(&meant)?;
            return Ok(self.text_itself(meant.span, quoted));
        }
        let filled_in = !quoted && matches!(self.quote, Quote::None | Quote::Double);
        if filled_in
            && rest.starts_with("$${")
            && let Some(like) = dotted(&rest[1..])
        {
            return Ok(self.like_a_reference(&like, at));
        }
        if rest.starts_with("${")
            && let Some(reference) = parse_at(self.text, at).filter(belongs_to_us)
        {
            self.check_delimiter(&reference)?;
            return self.reference(reference, quoted);
        }
        let in_single = self.quote == Quote::Single;
        if quoted || in_single && !self.is_script {
            self.literal.extend(rest.strip_prefix("${").and_then(name).map(str::to_owned));
        }
        // Where the shell fills in nothing stands the text of another language, which has `${…}` of its own.
        if filled_in {
            self.dotted.extend(dotted(rest));
        }
        let c = rest.chars().next().unwrap_or('\0');
        let escaped = c == '\\' && filled_in;
        // Of three the first two are the number of the shell.
        let mut length = if rest.starts_with("$$$") { 2 } else { c.len_utf8() };
        if escaped {
            length += rest[1..].chars().next().map_or(0, char::len_utf8);
        } else if c == '`' && filled_in {
            // A command begins there, whatever is around it.
            match self.backquoted.take() {
                Some(around) => self.quote = around,
                None => self.backquoted = Some(std::mem::replace(&mut self.quote, Quote::None)),
            }
        } else if self.here.is_none() {
            self.requote(c, at);
        }
        self.script.push_str(&rest[..length]);
        Ok(at + length)
    }

    /// The text of a reference, which the shell is not to fill in either; answers where to go on.
    fn text_itself(&mut self, span: Span, in_literal: bool) -> usize {
        let filled_in = matches!(self.quote, Quote::None | Quote::Double) || self.is_inner();
        if filled_in && !in_literal {
            self.script.push_str(if self.backquoted.is_some() { "\\\\" } else { "\\" });
        }
        self.script.push_str(&self.text[span.clone()]);
        span.end
    }

    /// What begins as a reference and is none is the text itself behind two dollars, too. Braces that the shell expands are its
    /// own, and so is the number before them. Answers where to go on.
    fn like_a_reference(&mut self, like: &Dotted, at: usize) -> usize {
        if like.is_expanded() && self.quote == Quote::None && self.here.is_none() {
            self.script.push_str("$$");
            return at + 2;
        }
        self.text_itself(at + 1..at + 3, false)
    }

    /// The end of a here-document is told letter by letter.
    fn check_delimiter(&self, reference: &Ref) -> Result<(), RefError> {
        if reference.span.start >= self.delimiter_end {
            return Ok(());
        }
        let message = "the shell does not expand references in the delimiter of a here-document".to_owned();
        Err(RefError { span: reference.span.clone(), message })
    }

    /// True inside single quotes that hold a script for another shell.
    fn is_inner(&self) -> bool {
        self.quote == Quote::Single && self.is_script
    }

    fn reference(&mut self, reference: Ref, in_literal: bool) -> Result<usize, RefError> {
        if self.quote == Quote::Single || in_literal {
            let place = if in_literal { "a quoted here-document" } else { "single quotes" };
            return Err(RefError {
                span: reference.span,
                message: format!("the shell does not expand references inside {place}; use double quotes"),
            });
        }
        let end = reference.span.end;
        if self.quote == Quote::Comment {
            self.script.push_str(&self.text[reference.span.clone()]);
            return Ok(end);
        }
        self.refs.push(reference);
        self.script.push_str(&format!("${{REGATTA_REF_{}}}", self.refs.len()));
        Ok(end)
    }

    fn open(&mut self, at: usize) {
        let arithmetic = self.text[at..].starts_with("((");
        self.arithmetic += usize::from(arithmetic);
        self.stack.push(Paren { quote: self.quote, cases: self.cases, arithmetic });
        (self.quote, self.cases) = (Quote::None, 0);
    }

    fn requote(&mut self, c: char, at: usize) {
        let before = self.text[..at].chars().next_back();
        let word_start = before.is_none_or(|b| b.is_whitespace() || matches!(b, ';' | '&' | '|' | '('));
        match (self.quote, c) {
            (Quote::None, '\'') => {
                self.quote = Quote::Single;
                self.is_script = is_for_a_shell(&self.text[..at]);
            }
            (Quote::Single, '\'') => self.quote = Quote::None,
            (Quote::None, '#') if word_start => self.quote = Quote::Comment,
            (Quote::Comment, '\n') => self.quote = Quote::None,
            (Quote::None, '"') => self.quote = Quote::Double,
            (Quote::Double, '"') => self.quote = Quote::None,
            (Quote::None | Quote::Double, '(') if before == Some('$') => self.open(at),
            (Quote::None, '(') => self.open(at),
            (Quote::None, ')') if self.cases == 0 => {
                let back = self.stack.pop();
                self.arithmetic -= usize::from(back.as_ref().is_some_and(|p| p.arithmetic));
                self.cases = back.as_ref().map_or(0, |p| p.cases);
                self.quote = back.map_or(Quote::None, |p| p.quote);
            }
            _ => {}
        }
    }
}

/// In a script, `${x.y}` is ours only if it can be a reference of the plan language; the shell has no dots in names.
fn belongs_to_us(reference: &Ref) -> bool {
    !reference.path.is_empty()
}

/// The name of a variable before the brace that closes it.
fn name(rest: &str) -> Option<&str> {
    let name = &rest[..rest.find('}')?];
    (!name.is_empty() && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric())).then_some(name)
}
