//! All that is looked for, in one text at a time.
//!
//! Knows declared values and the rules; a stream is cut into texts elsewhere.

use crate::declared::{Declared, Value};
use crate::names::is_secret_name;
use crate::private_key;
use crate::rules;
use crate::span::{self, MARKER, Span, united};
use crate::view::Seen;
use serde_json::Value as Json;

/// A text in JSON in JSON is looked at as it was.
const MOST_WRAPPINGS: usize = 2;

/// What is looked for.
#[derive(Debug, Default)]
pub struct Redactor {
    declared: Option<Declared>,
}

impl Redactor {
    /// Looks for these values and by the rules. Values of fewer than [`crate::MIN_DECLARED_BYTES`] are left out.
    #[must_use]
    pub fn new(values: &[Value]) -> Redactor {
        Redactor { declared: Declared::new(values) }
    }

    /// A whole text with every secret replaced.
    #[must_use]
    pub fn text(&self, text: String) -> String {
        let spans = self.find(text.as_bytes());
        if spans.is_empty() {
            return text;
        }
        let mut out = Vec::with_capacity(text.len());
        span::write(text.as_bytes(), (0, text.len()), &spans, &mut out);
        // A span may end within a character only where an encoding of a value does.
        String::from_utf8_lossy(&out).into_owned()
    }

    /// A text with every secret replaced, if a declared value stands in it; what only a rule would find is left.
    #[must_use]
    pub fn declared(&self, text: &str) -> Option<String> {
        self.holds_declared(text.as_bytes()).then(|| self.text(text.to_owned()))
    }

    /// Whether a declared value stands in a text.
    #[must_use]
    pub fn holds_declared(&self, text: &[u8]) -> bool {
        self.declared.as_ref().is_some_and(|declared| declared.is_in(text))
    }

    /// The end of a longer text: without the line that it begins within, and without what may be the rest of a secret
    /// that began before it.
    #[must_use]
    pub fn end_of_text(&self, text: &[u8]) -> String {
        let mut lines = text.split_inclusive(|b| *b == b'\n' || *b == b'\r').skip(1).peekable();
        while lines.next_if(|line| private_key::looks_inside(line)).is_some() {}
        let rest = lines.fold(Vec::new(), |rest, line| [&rest, line].concat());
        self.text(String::from_utf8_lossy(&rest).into_owned())
    }

    /// A JSON text with every secret replaced, and still JSON: as text where that leaves it whole, else each of its
    /// strings for itself. `None` if it was no JSON.
    #[must_use]
    pub fn json(&self, text: &str) -> Option<Json> {
        let original: Json = serde_json::from_str(text).ok()?;
        let redacted = self.text(text.to_owned());
        if redacted == text {
            return Some(self.value(original));
        }
        let value = serde_json::from_str(&redacted).unwrap_or(original);
        Some(self.value(value))
    }

    /// A value with every secret in its strings replaced, and what stands below the name of a secret.
    #[must_use]
    pub fn value(&self, mut value: Json) -> Json {
        let mut open = vec![&mut value];
        while let Some(value) = open.pop() {
            match value {
                Json::String(text) => *text = self.text(std::mem::take(text)),
                Json::Array(items) => open.extend(items),
                Json::Object(map) => {
                    let named = map.keys().any(|key| !self.find(key.as_bytes()).is_empty());
                    if named {
                        *map = std::mem::take(map).into_iter().map(|(k, v)| (self.text(k), v)).collect();
                    }
                    for (key, value) in map.iter_mut() {
                        match value {
                            Json::String(text) if is_secret_name(key) && self.is_value(key, text) => {
                                *text = format!("{MARKER}key-value]");
                            }
                            _ => open.push(value),
                        }
                    }
                }
                Json::Number(number) => {
                    let text = number.to_string();
                    if self.declared.as_ref().is_some_and(|declared| declared.is_in(text.as_bytes())) {
                        *value = Json::String(self.text(text));
                    }
                }
                Json::Null | Json::Bool(_) => {}
            }
        }
        value
    }

    /// True if the rules would take `text` for a secret below this key.
    fn is_value(&self, key: &str, text: &str) -> bool {
        let line =
            Json::from([(key.to_owned(), Json::from(text))].into_iter().collect::<serde_json::Map<_, _>>());
        !self.find(line.to_string().as_bytes()).is_empty()
    }

    /// Everything that is found, in order, nothing overlapping.
    pub(crate) fn find<'a>(&'a self, text: &[u8]) -> Vec<Span<'a>> {
        let mut spans = Vec::new();
        self.look_through(text, MOST_WRAPPINGS, &mut spans);
        united(spans)
    }

    /// Looks at a text, and at it as it is seen without its colours and out of its wrapping in JSON.
    fn look_through<'a>(&'a self, text: &[u8], wrappings: usize, spans: &mut Vec<Span<'a>>) {
        self.look(text, spans);
        if let Some(seen) = Seen::uncoloured(text) {
            self.look_at(&seen, 0, spans);
        }
        if wrappings > 0
            && let Some(seen) = Seen::unescaped(text)
        {
            self.look_at(&seen, wrappings - 1, spans);
        }
    }

    fn look_at<'a>(&'a self, seen: &Seen, wrappings: usize, spans: &mut Vec<Span<'a>>) {
        let mut found = Vec::new();
        self.look_through(&seen.text, wrappings, &mut found);
        for mut span in found {
            (span.start, span.end) = seen.original((span.start, span.end));
            spans.push(span);
        }
    }

    fn look<'a>(&'a self, text: &[u8], spans: &mut Vec<Span<'a>>) {
        if let Some(declared) = &self.declared {
            declared.find(text, spans);
        }
        rules::find(text, spans);
    }

    /// How many bytes at the end could become a declared value with what follows.
    pub(crate) fn could_become(&self, text: &[u8]) -> usize {
        self.declared.as_ref().map_or(0, |declared| declared.could_become(text))
    }
}
