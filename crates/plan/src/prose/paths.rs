//! What is the name of a file, and what only looks like one: a call, a version, a route, a word with a slash.
//!
//! Judges single words. Knows no document and no disk.

use super::known::{EXTENSIONS, MEDIA, NAMES, PRODUCTS, PROSE};

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
    let directory = word.ends_with('/');
    let whole = word.trim_end_matches('/');
    let segments: Vec<&str> = whole.trim_start_matches(['/', '~']).split('/').collect();
    if whole.is_empty() || !segments.iter().all(|segment| is_segment(segment)) {
        return Look::Other;
    }
    let last = segments.last().copied().unwrap_or_default();
    if word.starts_with(['/', '~']) || segments.contains(&"..") {
        // A route such as `/api/users` is no path at all.
        let route = word.starts_with('/') && !named(last);
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
    c.is_alphanumeric() || "._-+@~[]$%&=^".contains(c)
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
