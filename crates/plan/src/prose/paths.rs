//! What is the name of a file, and what only looks like one: a call, a version, a route, a word with a slash.
//!
//! Judges single words. Knows no document and no disk.

use super::known::{COMMANDS, EXTENSIONS, MEDIA, NAMES, PRODUCTS, PROSE, ROOTS};

/// What a word is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Look {
    /// A file for certain, whatever stands beside it.
    File(String),
    /// A file if it stands alone: a name with a slash and without an extension.
    Perhaps(String),
    /// Something that may be a file; nobody can tell.
    Unclear,
    /// A directory.
    Directory,
    /// A pattern of files.
    Pattern,
    /// A path that is not below the workspace.
    Outside,
    /// No file.
    Other,
}

/// A longer word is no path that could be used.
const MAX_PATH_BYTES: usize = 512;

/// Judges a word: no blanks, punctuation around it removed.
pub(crate) fn look(word: &str) -> Look {
    let word = word.strip_prefix("./").unwrap_or(word);
    if word.is_empty() || !word.contains(|c: char| c.is_alphabetic()) {
        return Look::Other;
    }
    if word.len() > MAX_PATH_BYTES {
        return if word.contains('/') { Look::Unclear } else { Look::Other };
    }
    if word.contains(['*', '?', '{', '}']) {
        let plain = word.chars().all(|c| is_letter(c) || "*?{},/!".contains(c));
        let inside = !word.starts_with('/') && (word.contains('/') || word.contains("*."));
        return if plain && inside { Look::Pattern } else { Look::Other };
    }
    if let Some(look) = of_windows(word) {
        return look;
    }
    let directory = word.ends_with('/');
    let whole = word.trim_end_matches('/');
    let segments: Vec<&str> = whole.trim_start_matches(['/', '~']).split('/').collect();
    let last = segments.last().copied().unwrap_or_default();
    if whole.is_empty() || !segments.iter().all(|segment| is_segment(segment)) {
        return if is_odd(&segments, last) { Look::Unclear } else { Look::Other };
    }
    if word.starts_with(['/', '~']) || segments.contains(&"..") {
        // A route such as `/api/users` is no path at all.
        let rooted = segments.len() > 1 && segments.first().is_some_and(|first| ROOTS.contains(first));
        let route = word.starts_with('/') && !named(last) && !rooted;
        return if route { Look::Other } else { Look::Outside };
    }
    if segments.contains(&".") {
        return Look::Unclear;
    }
    if directory {
        return Look::Directory;
    }
    match segments.len() {
        1 => alone(whole),
        _ => below(whole, (&segments, last)),
    }
}

/// Without the lines that are named behind a name: `a.py:42`, `a.py:12-40`, `a.py:1:5`, `a.py#L10-L20`.
pub(crate) fn without_lines(text: &str) -> &str {
    let digits = |part: &str| {
        let part = part.strip_prefix('L').unwrap_or(part);
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let lines = |part: &str| part.split(['-', '–']).all(digits);
    if let Some((name, part)) = text.rsplit_once('#') {
        return if part.starts_with('L') && lines(part) { name } else { text };
    }
    let cut = |text| match str::rsplit_once(text, ':') {
        Some((name, part)) if lines(part) => name,
        _ => text,
    };
    cut(cut(text))
}

/// Judges what stands between backticks: blanks may belong to a path, or it is a command with its words.
pub(crate) fn look_code(text: &str) -> Look {
    let mut words = text.split_whitespace();
    let first = words.next().unwrap_or_default();
    let rest: Vec<&str> = words.collect();
    if rest.is_empty() {
        return look(text);
    }
    let typed = COMMANDS.contains(&first) || rest.iter().any(|word| word.starts_with(['-', '/', '~']));
    let joined: String = text.chars().map(|c| if c.is_whitespace() { '_' } else { c }).collect();
    let Look::File(_) = look(&joined) else { return Look::Other };
    let last = text.rsplit('/').next().unwrap_or_default().replace(char::is_whitespace, "_");
    if typed || !named(&last) || matches!(look(first), Look::File(_)) {
        Look::Other
    } else if first.contains('/') {
        Look::File(text.strip_prefix("./").unwrap_or(text).to_owned())
    } else {
        Look::Unclear
    }
}

/// A path as Windows writes it: never one of the workspace when it has a drive or a host, else for nobody to tell.
fn of_windows(word: &str) -> Option<Look> {
    let mut chars = word.chars();
    let drive = chars.next().is_some_and(|c| c.is_ascii_alphabetic())
        && chars.next() == Some(':')
        && chars.next().is_some_and(|c| c == '\\' || c == '/');
    if drive || word.starts_with("\\\\") && word.len() > 2 {
        return Some(Look::Outside);
    }
    let segments: Vec<&str> = word.split('\\').collect();
    let last = segments.last().copied().unwrap_or_default();
    let path = segments.len() > 1 && segments.iter().all(|segment| is_segment(segment)) && named(last);
    path.then_some(Look::Unclear)
}

/// Below a directory, with the extension of a file and with signs that are rare in names.
fn is_odd(segments: &[&str], last: &str) -> bool {
    let inner = |c: char| is_letter(c) || ",;!#'()".contains(c);
    segments.len() > 1
        && named(last)
        && !segments.iter().any(|segment| segment.is_empty() || segment.starts_with(['\'', '(']))
        && segments.iter().all(|segment| segment.chars().all(inner) && !segment.contains("()"))
        && segments.first().is_some_and(|first| !first.contains('('))
}

/// A name without a slash.
fn alone(name: &str) -> Look {
    let lower = name.to_ascii_lowercase();
    if let Some(rest) = lower.strip_prefix('.') {
        // `.py` is an extension that somebody speaks of, and `.NET` a product.
        let speaks = EXTENSIONS.contains(&rest) && rest != "env" || rest.len() < 3 || lower == ".net";
        return if speaks { Look::Other } else { Look::File(name.to_owned()) };
    }
    if PRODUCTS.contains(&lower.as_str()) {
        Look::Other
    } else if named(name) {
        Look::File(name.to_owned())
    } else if extension(name).is_some() {
        Look::Unclear
    } else {
        Look::Other
    }
}

/// A name with a slash.
fn below(path: &str, (segments, last): (&[&str], &str)) -> Look {
    if named(last) || extension(last).is_some() || last.starts_with('.') {
        return Look::File(path.to_owned());
    }
    let two = segments.len() == 2;
    let first = segments.first().copied().unwrap_or_default();
    let prose = PROSE.contains(&path.to_ascii_lowercase().as_str());
    let scoped = two && first.starts_with('@');
    if prose || scoped || two && MEDIA.contains(&first) {
        Look::Other
    } else {
        Look::Perhaps(path.to_owned())
    }
}

/// A name that is a file's for certain: a known one, or with a known extension.
fn named(name: &str) -> bool {
    NAMES.contains(&name)
        || extension(name)
            .is_some_and(|extension| EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str()))
        || name.split_once('.').is_some_and(|(stem, _)| stem == "Dockerfile")
}

/// What stands behind the last dot, if it may be an extension: `1.5` has none.
fn extension(name: &str) -> Option<&str> {
    let (stem, extension) = name.rsplit_once('.')?;
    let good = (1..=10).contains(&extension.len())
        && extension.bytes().all(|b| b.is_ascii_alphanumeric())
        && extension.bytes().any(|b| b.is_ascii_alphabetic());
    (good && !stem.is_empty()).then_some(extension)
}

/// A part between slashes. Brackets and groups are names of routes in some frameworks; a call is none.
fn is_segment(segment: &str) -> bool {
    let group = segment.strip_prefix('(').and_then(|s| s.strip_suffix(')'));
    let inner = group.unwrap_or(segment);
    !inner.is_empty() && inner.chars().all(is_letter)
}

fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || "._-+@~[]$%&=^".contains(c) || is_foreign(c)
}

/// A sign of another script or a picture, as in decomposed letters; not punctuation, arrows or lines.
fn is_foreign(c: char) -> bool {
    let marks =
        ['\u{80}'..='\u{bf}', '\u{2000}'..='\u{206f}', '\u{2190}'..='\u{25ff}', '\u{3000}'..='\u{303f}'];
    !c.is_ascii() && !c.is_control() && !c.is_whitespace() && !marks.iter().any(|range| range.contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(word: &str) -> &'static str {
        match look(word) {
            Look::File(_) => "file",
            Look::Perhaps(_) => "perhaps",
            Look::Unclear => "unclear",
            Look::Directory => "directory",
            Look::Pattern => "pattern",
            Look::Outside => "outside",
            Look::Other => "other",
        }
    }

    #[test]
    fn files_are_told_from_what_only_looks_like_them() {
        for (expect, words) in [
            (
                "file",
                "src/a.py ./src/a.py a.py Makefile Dockerfile.dev .gitignore .env .env.local .eslintrc.json bin/x.unknown src/.keep app/[slug]/page.tsx app/(auth)/page.tsx ünï/é.md a/Makefile go.mod",
            ),
            ("perhaps", "bin/run scripts/deploy feature/x"),
            ("unclear", "user.email request.body e.g"),
            ("directory", "src/ src/api/"),
            ("pattern", "src/**/*.py *.py src/{a,b}.ts"),
            ("outside", "../a.py /etc/passwd.txt ~/x a/../b.py"),
            (
                "other",
                "user.save() api/users() login 1.5 v1 2024/01 /api/users /api/{id} http://x.y/z.py Node.js .py .NET and/or application/json @scope/pkg a//b.py x:y.py 'a.py'",
            ),
        ] {
            for word in words.split(' ') {
                assert_eq!(shown(word), expect, "{word}");
            }
        }
    }
}
