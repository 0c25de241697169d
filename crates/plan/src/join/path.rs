//! A path into JSON as rules and winners write it: `$`, `$.deps.serde`, `$["a name"].x` (RFC 9535, names only).
//!
//! Two ways to write one path are one path.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;

/// A path of member names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct JsonPath {
    text: String,
}

impl JsonPath {
    /// The whole value.
    #[must_use]
    pub fn root() -> JsonPath {
        JsonPath { text: "$".to_owned() }
    }

    /// A member of what is here.
    #[must_use]
    pub fn member(&self, name: &str) -> JsonPath {
        let mut path = self.clone();
        path.enter(name);
        path
    }

    /// Goes on to a member of what is here.
    fn enter(&mut self, name: &str) {
        if is_plain(name) {
            self.text.push('.');
            self.text.push_str(name);
        } else {
            self.text.push_str(&format!("[{}]", serde_json::Value::from(name)));
        }
    }

    /// True if one of these leads through here.
    pub(crate) fn is_above_one<T>(&self, paths: &BTreeMap<String, T>) -> bool {
        [".", "["].iter().any(|next| {
            let below = format!("{}{next}", self.text);
            let mut from = paths.range::<str, _>((Bound::Included(below.as_str()), Bound::Unbounded));
            from.next().is_some_and(|(path, _)| path.starts_with(&below))
        })
    }

    /// Reads a path.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<JsonPath, String> {
        let wrong = || format!("`{}` is no path like `$.deps` or `$[\"a name\"]`", text.escape_debug());
        let mut rest = text.strip_prefix('$').ok_or_else(wrong)?;
        let mut path = JsonPath::root();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                let name = after.get(..end).filter(|name| is_plain(name)).ok_or_else(wrong)?;
                path.enter(name);
                rest = &after[end..];
                continue;
            }
            let quoted = rest.strip_prefix('[').ok_or_else(wrong)?;
            let mut names = serde_json::Deserializer::from_str(quoted).into_iter::<String>();
            let name = names.next().and_then(Result::ok).ok_or_else(wrong)?;
            rest = quoted.get(names.byte_offset()..).and_then(|r| r.strip_prefix(']')).ok_or_else(wrong)?;
            path.enter(&name);
        }
        Ok(path)
    }
}

/// True for a name that needs no quotes.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
