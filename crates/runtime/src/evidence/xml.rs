//! Walks the elements of an XML file that a tool wrote, whatever its names and its sums; it must be whole.
//!
//! Nothing is fetched and no entity is read: what a document type declares could hide an element. Knows no kind of report.

use quick_xml::events::{BytesStart, BytesText, Event};
use quick_xml::reader::Reader;
use std::io::BufRead;

/// Reports nest a few steps deep.
const MOST_OPEN: u64 = 1_000;

/// What is met.
pub(super) enum Step<'a> {
    /// An element begins.
    Open(&'a BytesStart<'a>),
    /// The one that began last and has not ended ends.
    Close,
}

/// Walks a document.
///
/// # Errors
/// It is no XML, it ends too early, or `step` refuses it.
pub(super) fn walk(
    reader: impl BufRead,
    mut step: impl FnMut(Step<'_>) -> Result<(), String>,
) -> Result<(), String> {
    let (mut reader, mut buffer) = (Reader::from_reader(reader), Vec::new());
    let (mut open, mut begun) = (0_u64, false);
    loop {
        match reader.read_event_into(&mut buffer).map_err(|error| error.to_string())? {
            Event::Start(tag) => {
                alone(open, begun)?;
                (open, begun) = (open + 1, true);
                if open > MOST_OPEN {
                    return Err(format!("its elements stand more than {MOST_OPEN} deep in each other"));
                }
                step(Step::Open(&tag))?;
            }
            Event::Empty(tag) => {
                alone(open, begun)?;
                begun = true;
                step(Step::Open(&tag))?;
                step(Step::Close)?;
            }
            Event::End(_) => {
                open = open.saturating_sub(1);
                step(Step::Close)?;
            }
            Event::Text(text) if open == 0 && !text.trim_ascii().is_empty() => {
                return Err("words stand outside of its root, so it is no XML".to_owned());
            }
            Event::DocType(text) => refuse_entities(&text)?,
            Event::GeneralRef(entity) if !entity.is_char_ref() && !usual(&entity) => {
                let name = String::from_utf8_lossy(&entity).escape_debug().to_string();
                return Err(format!("it speaks of the entity `{name}`, and entities are not read"));
            }
            Event::Eof if open > 0 => return Err("it ends too early".to_owned()),
            Event::Eof if !begun => return Err("it has no element, so it is no XML".to_owned()),
            Event::Eof => return Ok(()),
            _ => {}
        }
        buffer.clear();
    }
}

/// A document has one root.
fn alone(open: u64, begun: bool) -> Result<(), String> {
    if open == 0 && begun { Err("it goes on after its root has ended".to_owned()) } else { Ok(()) }
}

fn refuse_entities(doctype: &BytesText<'_>) -> Result<(), String> {
    if doctype.windows(8).any(|word| word == b"<!ENTITY") {
        return Err("its document type declares entities, which are not read".to_owned());
    }
    Ok(())
}

/// The entities that every document has.
fn usual(name: &[u8]) -> bool {
    matches!(name, b"lt" | b"gt" | b"amp" | b"quot" | b"apos")
}

/// What stands in an attribute, if it is there.
///
/// # Errors
/// The attributes of this element are not well formed.
pub(super) fn attribute(tag: &BytesStart<'_>, name: &str) -> Result<Option<String>, String> {
    let found = tag.try_get_attribute(name).map_err(|error| error.to_string())?;
    Ok(found.map(|found| {
        let raw = String::from_utf8_lossy(&found.value).into_owned();
        // An entity that is not known stays as it is written: it is for people.
        quick_xml::escape::unescape(&raw).map_or_else(|_| raw.clone(), std::borrow::Cow::into_owned)
    }))
}
