//! Files in a block of code: a list, a tree drawn with lines or by indentation, or a comment that names what follows.
//!
//! In code, what is called or read is no file: only a line that is a name and nothing else counts.

use super::naming::{Doubt, Named, Naming};
use super::paths::{Look, look, look_code, without_lines};
use crate::tree::Span;

/// Languages of blocks that list files; in every other one code is expected.
const LISTS: [&str; 6] = ["", "text", "txt", "plain", "plaintext", "tree"];
/// How the comment of a line begins.
const COMMENTS: [&str; 8] = ["#", "//", "--", "/*", "<!--", "<-", "←", ";"];

/// A line that is a name.
struct Entry<'a> {
    /// The column where the name begins, in characters.
    column: usize,
    word: &'a str,
    span: Span,
    note: String,
}

/// Reads a block of code.
pub(crate) fn read(info: &str, lines: &[Span], source: &str, naming: &mut Naming) {
    let language = info.split([' ', ',', '{', ':']).next().unwrap_or_default().to_ascii_lowercase();
    let text = |line: &Span| source.get(line.clone()).unwrap_or_default();
    if !LISTS.contains(&language.as_str()) {
        for line in lines {
            in_code(text(line), line.start, naming);
        }
        return;
    }
    let entries: Vec<Entry<'_>> = lines.iter().filter_map(|line| entry(text(line), line.start)).collect();
    tree(&entries, naming);
    naming.doubts.extend(lines.iter().filter_map(|line| with_blanks(text(line), line.start)));
}

/// A line that is a path with blanks in it, or a command: nobody can tell.
fn with_blanks(line: &str, start: usize) -> Option<Doubt> {
    let end = COMMENTS.iter().filter_map(|mark| line.find(&format!(" {mark}"))).min().unwrap_or(line.len());
    let text = line[..end].trim();
    let blank = text.contains(char::is_whitespace);
    let at = start + line.find(text)?;
    let doubt = || Doubt { word: text.to_owned(), span: at..at + text.len(), look: Look::Unclear };
    (blank && matches!(look_code(text), Look::File(_))).then(doubt)
}

/// In code, a comment names the file that the code is, and a line may be nothing but a path.
fn in_code(line: &str, start: usize, naming: &mut Naming) {
    let trimmed = line.trim();
    let comment = COMMENTS.iter().find_map(|mark| trimmed.strip_prefix(mark));
    let word = comment.unwrap_or(trimmed).trim_end_matches("*/").trim_end_matches("-->").trim();
    let (Look::File(path), true) = (look(word), comment.is_some() || word.contains('/')) else { return };
    let at = start + line.find(word).unwrap_or(0);
    naming.files.push(Named { path, span: at..at + word.len(), note: String::new() });
}

/// A line as an entry of a list or tree.
fn entry(line: &str, start: usize) -> Option<Entry<'_>> {
    let glyphs = |c: char| "│├└─┬┌┐┘┤┼|`\u{a0}".contains(c) || c.is_whitespace();
    let mut rest = line.trim_start_matches(glyphs);
    let drawn = line[..line.len() - rest.len()].contains(['├', '└', '│', '|', '─']);
    if drawn {
        rest = rest.trim_start_matches(['-', '+', ' ']);
    }
    for mark in ["- ", "* ", "+ ", "M ", "A ", "D ", "R ", "?? "] {
        rest = rest.strip_prefix(mark).unwrap_or(rest);
    }
    rest = rest.trim_start();
    let whole = rest.split(char::is_whitespace).next()?.trim_end_matches([',', ':']);
    let word = without_lines(whole);
    let after = rest[whole.len()..].trim_start_matches([',', ':']).trim();
    let mark = COMMENTS.iter().find(|mark| after.starts_with(**mark));
    let parts = after.is_empty() || mark.is_some() || after.starts_with(['-', '–', '—', '(', '[', '*']);
    let sure = matches!(look(word), Look::File(path) if path.contains('/'));
    if word.is_empty() || !(parts || sure) {
        return None;
    }
    let at = line.len() - rest.len();
    let note =
        after.trim_start_matches(mark.copied().unwrap_or_default()).trim_start_matches(['-', '–', '—', ' ']);
    Some(Entry {
        column: line[..at].chars().count(),
        word,
        span: start + at..start + at + word.len(),
        note: note.chars().take(300).collect(),
    })
}

/// Puts directories before what is drawn below them.
fn tree(entries: &[Entry<'_>], naming: &mut Naming) {
    let mut above: Vec<(usize, String)> = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        while above.last().is_some_and(|(column, _)| *column >= entry.column) {
            above.pop();
        }
        let parent = above.last().map_or("", |(_, path)| path.as_str());
        let opens = entries.get(place + 1).is_some_and(|next| next.column > entry.column);
        let name = entry.word.trim_end_matches('/');
        if entry.word == "." || entry.word == "./" {
            above.push((entry.column, String::new()));
            continue;
        }
        let bare = matches!(look(name), Look::Other | Look::Perhaps(_) | Look::Unclear | Look::Directory);
        let directory = opens && (entry.word.ends_with('/') || bare && is_name(name));
        if directory {
            let path = format!("{parent}{name}/");
            above.push((entry.column, path));
            continue;
        }
        let path = format!("{parent}{}", entry.word);
        let named = Named { path: String::new(), span: entry.span.clone(), note: entry.note.clone() };
        let itself = look(entry.word);
        let (path, found) = match itself {
            Look::Outside => (entry.word.to_owned(), itself),
            _ => (path.clone(), look(&path)),
        };
        match found {
            Look::File(path) | Look::Perhaps(path) => naming.files.push(Named { path, ..named }),
            Look::Other => {}
            look @ (Look::Unclear | Look::Directory | Look::Pattern | Look::Outside) => {
                naming.doubts.push(Doubt { word: path, span: entry.span.clone(), look });
            }
        }
    }
}

/// A word that may be the name of a directory.
fn is_name(word: &str) -> bool {
    !word.is_empty()
        && word.chars().all(|c| c.is_alphanumeric() || "._-@/[]()".contains(c))
        && !word.contains("()")
}
