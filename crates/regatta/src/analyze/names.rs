//! A list of names of files, as `git diff --name-only` and `find` print them: a name a line, git's way of quoting
//! unusual ones, or names with a NUL between them or behind each (`-z`, `-print0`).
//!
//! Told from a task list by its lines: none of them begins as Markdown does. A line that may be a name and may be
//! words is told, never dropped.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Names, and lines of which nobody can tell.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Names {
    /// Names, as they were given.
    pub(super) names: Vec<PathBuf>,
    /// Lines that may be words as well.
    pub(super) doubts: Vec<String>,
}

/// The names of a list; none if it is no list of names. What lies in `cwd` is a name, whatever it looks like.
#[must_use]
pub(super) fn names(bytes: &[u8], cwd: &Path) -> Option<Names> {
    if bytes.contains(&0) {
        // No name has one in it.
        let list = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let list = list.strip_suffix(b"\0").unwrap_or(list);
        let parts: Vec<&[u8]> = list.split(|byte| *byte == 0).collect();
        // A program or a picture has several of them in a row.
        let whole = parts.iter().all(|part| !part.is_empty());
        return whole.then(|| Names { names: parts.into_iter().map(path).collect(), doubts: Vec::new() });
    }
    let mut found = Names::default();
    for line in bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
        if let Some(name) = unquoted(line) {
            found.names.push(path(&name));
            continue;
        }
        let blank = line.iter().any(u8::is_ascii_whitespace);
        let marked = is_marked(line);
        if !marked && (!blank || is_path(line)) || is_there(cwd, line) {
            found.names.push(path(line));
        } else if marked {
            return None;
        } else {
            found.doubts.push(String::from_utf8_lossy(line).into_owned());
        }
    }
    // Words with a name among them are no list.
    (!found.names.is_empty() && found.names.len() > found.doubts.len()).then_some(found)
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// Begins as a line of Markdown does.
fn is_marked(line: &[u8]) -> bool {
    let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let numbered = digits > 0 && matches!(line.get(digits..), Some([b'.' | b')', b' ', ..]));
    numbered || line.first().is_some_and(|byte| b"#-*+`|><=".contains(byte))
}

fn is_there(cwd: &Path, line: &[u8]) -> bool {
    std::fs::symlink_metadata(cwd.join(path(line))).is_ok_and(|meta| !meta.is_dir())
}

/// With blanks: begins below a directory, goes on without another path, and ends as the name of a file does.
fn is_path(line: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(line) else { return false };
    let ends = |word: &str| {
        let letters =
            |end: &str| (1..=10).contains(&end.len()) && end.bytes().all(|b| b.is_ascii_alphanumeric());
        word.rsplit_once('.').is_some_and(|(stem, end)| !stem.is_empty() && letters(end))
    };
    let first = text.split(' ').next().unwrap_or_default();
    let name = text.rsplit('/').next().unwrap_or_default();
    first.contains('/') && !ends(first) && ends(name) && !text.contains([',', ';', ':', '`'])
}

/// What git wrote between double quotes, with the escapes of C; none if it is not that.
fn unquoted(line: &[u8]) -> Option<Vec<u8>> {
    let inner = line.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter().copied();
    while let Some(byte) = bytes.next() {
        let plain = match byte {
            b'"' => return None,
            b'\\' => match bytes.next()? {
                b'a' => 0x07,
                b'b' => 0x08,
                b't' => b'\t',
                b'n' => b'\n',
                b'v' => 0x0b,
                b'f' => 0x0c,
                b'r' => b'\r',
                other @ (b'"' | b'\\') => other,
                high @ b'0'..=b'3' => {
                    let mut digit = || bytes.next().filter(|b| (b'0'..=b'7').contains(b)).map(|b| b - b'0');
                    let (middle, low) = (digit()?, digit()?);
                    (high - b'0') * 64 + middle * 8 + low
                }
                _ => return None,
            },
            byte => byte,
        };
        out.push(plain);
    }
    (!out.is_empty() && !out.contains(&0)).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Option<(Vec<String>, Vec<String>)> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("my notes.md"), "").unwrap();
        std::fs::write(dir.path().join("- odd"), "").unwrap();
        let found = names(bytes, dir.path())?;
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        Some((found.names.iter().map(text).collect(), found.doubts))
    }

    #[test]
    fn names_are_lines_quoted_as_git_does_or_end_with_a_nul() {
        for (text, names, doubts) in [
            ("src/a.py\n\nMakefile\r\n", &["src/a.py", "Makefile"][..], &[][..]),
            ("src/b c.py\nx.py\n", &["src/b c.py", "x.py"], &[]),
            ("my notes.md\n- odd\n", &["my notes.md", "- odd"], &[]),
            (
                "x.py\ngone notes.md\nsrc/a.py and src/b.py\ny.py\nz.py",
                &["x.py", "y.py", "z.py"],
                &["gone notes.md", "src/a.py and src/b.py"],
            ),
            ("\"src/\\303\\244 \\\"\\\\\\t.py\"\n", &["src/ä \"\\\t.py"], &[]),
            ("\"no\\9.py\"\n\"a\"b\"\n", &["\"no\\9.py\"", "\"a\"b\""], &[]),
            ("src/b c.py\0# x\0", &["src/b c.py", "# x"], &[]),
            ("src/b.tsx\0src/api/a.py", &["src/b.tsx", "src/api/a.py"], &[]),
            ("src/b.tsx\0src/api/a.py\n", &["src/b.tsx", "src/api/a.py"], &[]),
            ("src/b.tsx\0\n", &["src/b.tsx"], &[]),
        ] {
            let found = read(text.as_bytes());
            let strings = |of: &[&str]| of.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            assert_eq!(found, Some((strings(names), strings(doubts))), "{text:?}");
        }
    }

    #[test]
    fn a_task_list_and_what_is_no_text_are_no_lists_of_names() {
        for text in [
            "# T\nsrc/a.py",
            "- src/a.py",
            "1. src/a.py",
            "We do much\nand more",
            "Hello\nWe do much\nand more",
            "NOTES\n\nfix src/b.tsx",
            "`a.py`",
            "\0\0",
            "a\0\0b\0",
            "a\0\0b",
            "\0a",
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text:?}");
        }
    }
}
