//! References in scripts for the shell: where they may stand, and the script with variables in their place.
//!
//! Reads quotes, comments and here-documents as the shell does; knows no values.

use super::{Ref, RefError, parse_at};

/// A script whose references are variables.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Script {
    /// The script for `sh -c`.
    pub script: String,
    /// The references, in order: the n-th (from 1) is the variable `REGATTA_REF_n`.
    pub refs: Vec<Ref>,
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
            quote: Quote::None,
            stack: vec![],
            here: None,
            next_here: None,
        };
        parser.run()?;
        Ok(Script { script: parser.script, refs: parser.refs })
    }
}

struct ScriptParser<'a> {
    text: &'a str,
    script: String,
    refs: Vec<Ref>,
    quote: Quote,
    /// Quotes around `$(`, to come back to at `)`.
    stack: Vec<Quote>,
    /// The here-document around the place.
    here: Option<Here>,
    /// The one that begins with the next line.
    next_here: Option<Here>,
}

/// A here-document.
struct Here {
    delimiter: String,
    /// Its body is not expanded.
    quoted: bool,
}

impl ScriptParser<'_> {
    fn run(&mut self) -> Result<(), RefError> {
        let mut at = 0;
        while at < self.text.len() {
            if at == 0 || self.text.as_bytes()[at - 1] == b'\n' {
                self.begin_line(at);
            }
            if self.quote == Quote::None && self.here.is_none() && self.text[at..].starts_with("<<") {
                self.next_here = self.next_here.take().or_else(|| here_document(&self.text[at..]));
            }
            at = self.step(at)?;
        }
        Ok(())
    }

    /// A here-document begins after the line that names it and ends with its delimiter.
    fn begin_line(&mut self, at: usize) {
        self.here = self.here.take().or_else(|| self.next_here.take());
        let line = self.text[at..].split('\n').next().unwrap_or_default();
        if self.here.as_ref().is_some_and(|h| h.delimiter == line.trim_start_matches('\t')) {
            self.here = None;
        }
    }

    /// Copies what stands at `at` and answers where to go on.
    fn step(&mut self, at: usize) -> Result<usize, RefError> {
        let rest = &self.text[at..];
        let quoted = self.here.as_ref().is_some_and(|h| h.quoted);
        if rest.starts_with("${")
            && let Some(reference) = parse_at(self.text, at).filter(belongs_to_us)
        {
            return self.reference(reference, quoted);
        }
        let c = rest.chars().next().unwrap_or('\0');
        let escaped = c == '\\' && !quoted && matches!(self.quote, Quote::None | Quote::Double);
        let mut length = c.len_utf8();
        if escaped {
            length += rest[1..].chars().next().map_or(0, char::len_utf8);
        } else if self.here.is_none() {
            self.requote(c, at);
        }
        self.script.push_str(&rest[..length]);
        Ok(at + length)
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

    fn requote(&mut self, c: char, at: usize) {
        let before = self.text[..at].chars().next_back();
        let word_start = before.is_none_or(|b| b.is_whitespace() || matches!(b, ';' | '&' | '|' | '('));
        match (self.quote, c) {
            (Quote::None, '\'') => self.quote = Quote::Single,
            (Quote::Single, '\'') => self.quote = Quote::None,
            (Quote::None, '#') if word_start => self.quote = Quote::Comment,
            (Quote::Comment, '\n') => self.quote = Quote::None,
            (Quote::None, '"') => self.quote = Quote::Double,
            (Quote::Double, '"') => self.quote = Quote::None,
            (Quote::None | Quote::Double, '(') if before == Some('$') => {
                self.stack.push(self.quote);
                self.quote = Quote::None;
            }
            (Quote::None, '(') => self.stack.push(Quote::None),
            (Quote::None, ')') => self.quote = self.stack.pop().unwrap_or(Quote::None),
            _ => {}
        }
    }
}

/// In a script, `${x.y}` is ours only if it can be a reference of the plan language; the shell has no dots in names.
fn belongs_to_us(reference: &Ref) -> bool {
    !reference.path.is_empty()
}

/// The here-document that begins here, if one does (`<<<` begins none).
fn here_document(rest: &str) -> Option<Here> {
    let word = rest.strip_prefix("<<").filter(|w| !w.starts_with('<'))?;
    let word = word.strip_prefix('-').unwrap_or(word).trim_start_matches([' ', '\t']);
    let line = word.split('\n').next().unwrap_or_default();
    let end = line
        .find(|c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | ')' | '>'))
        .unwrap_or(line.len());
    let quoted = line[..end].contains(['\'', '"', '\\']);
    let delimiter: String = line[..end].chars().filter(|c| !matches!(c, '\'' | '"' | '\\')).collect();
    (!delimiter.is_empty()).then_some(Here { delimiter, quoted })
}
