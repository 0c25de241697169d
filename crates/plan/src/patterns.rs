//! Patterns of files, and which of them overlap, as far as patterns alone can tell.
//!
//! A literal overlaps itself and every glob that matches it; two globs overlap when the literal beginning of one
//! begins the other's. Knows no files. Near-linear in the number of patterns.

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use std::collections::BTreeMap;

/// Why a text is no pattern.
pub(crate) fn refuse(pattern: &str) -> Option<String> {
    refuse_path(pattern).or_else(|| glob(pattern).err().map(|e| format!("is not a pattern: {}", e.kind())))
}

/// Why a text is no path of one file.
pub(crate) fn refuse_path(path: &str) -> Option<String> {
    if path.contains('\0') {
        return Some("holds a NUL character".to_owned());
    }
    let inside = !path.is_empty() && !path.starts_with('/') && path.split('/').all(|part| part != "..");
    (!inside).then(|| "is not a path inside the workspace".to_owned())
}

/// A pattern without a leading `./`.
pub(crate) fn plain(pattern: &str) -> &str {
    pattern.strip_prefix("./").unwrap_or(pattern)
}

/// True if it matches one path only.
pub(crate) fn is_literal(pattern: &str) -> bool {
    beginning(pattern).len() == pattern.len()
}

/// What stands before the first sign of a glob.
pub(crate) fn beginning(pattern: &str) -> &str {
    pattern.find(['*', '?', '[', '{', '\\']).map_or(pattern, |at| &pattern[..at])
}

/// A glob of its own.
pub(crate) fn glob(pattern: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(plain(pattern)).literal_separator(true).build()
}

/// Globs that can be asked which of them match a path.
pub(crate) struct Globs<'a> {
    patterns: Vec<&'a str>,
    set: GlobSet,
}

impl<'a> Globs<'a> {
    /// The globs among some patterns; what is no pattern is left out, it has been reported.
    pub(crate) fn of(patterns: impl Iterator<Item = &'a str>) -> Globs<'a> {
        let mut builder = GlobSetBuilder::new();
        let mut kept = Vec::new();
        for pattern in patterns.filter(|p| !is_literal(p)) {
            if let Ok(glob) = glob(pattern) {
                builder.add(glob);
                kept.push(pattern);
            }
        }
        Globs { patterns: kept, set: builder.build().unwrap_or_default() }
    }

    /// Those that match a path.
    pub(crate) fn matching(&self, path: &str) -> impl Iterator<Item = &'a str> + use<'_, 'a> {
        self.set.matches(path).into_iter().filter_map(|i| self.patterns.get(i).copied())
    }
}

/// Pairs of different globs that may meet, the first of them sorted before the second; at most `most`.
pub(crate) fn meeting_globs<'a>(
    globs: impl Iterator<Item = &'a str>,
    most: usize,
) -> Vec<(&'a str, &'a str)> {
    let mut beginnings: Vec<(&str, &str)> = globs.map(|glob| (beginning(glob), glob)).collect();
    beginnings.sort_unstable();
    let mut open: Vec<(&str, &str)> = Vec::new();
    let mut pairs = Vec::new();
    for (text, glob) in beginnings {
        while open.last().is_some_and(|(outer, _)| !text.starts_with(outer)) {
            open.pop();
        }
        let room = most.saturating_sub(pairs.len());
        pairs.extend(open.iter().take(room).map(|&(_, outer)| (outer.min(glob), outer.max(glob))));
        open.push((text, glob));
    }
    pairs
}

/// Each pattern's representative: the smallest pattern that it overlaps, directly or through others. The patterns
/// are sorted and unique.
pub(crate) fn group(patterns: &[String]) -> BTreeMap<String, String> {
    let index: BTreeMap<&str, usize> = patterns.iter().map(String::as_str).zip(0..).collect();
    let mut parent: Vec<usize> = (0..patterns.len()).collect();
    let globs = Globs::of(patterns.iter().map(String::as_str));
    for literal in patterns.iter().filter(|p| is_literal(p)) {
        for glob in globs.matching(literal) {
            join(&mut parent, index[literal.as_str()], index[glob]);
        }
    }
    let mut beginnings: Vec<(&str, usize)> =
        globs.patterns.iter().map(|p| (beginning(p), index[p])).collect();
    beginnings.sort_unstable();
    let mut open: Vec<(&str, usize)> = Vec::new();
    for (text, at) in beginnings {
        while open.last().is_some_and(|(outer, _)| !text.starts_with(outer)) {
            open.pop();
        }
        if let Some(&(_, outer)) = open.last() {
            join(&mut parent, at, outer);
        }
        open.push((text, at));
    }
    (0..patterns.len()).map(|i| (patterns[i].clone(), patterns[root(&mut parent, i)].clone())).collect()
}

fn join(parent: &mut [usize], a: usize, b: usize) {
    let (a, b) = (root(parent, a), root(parent, b));
    parent[a.max(b)] = a.min(b);
}

/// The root, with paths halved on the way.
fn root(parent: &mut [usize], mut i: usize) -> usize {
    while parent[i] != i {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    i
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(patterns: &[&str]) -> String {
        let mut sorted: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
        sorted.sort();
        let groups = group(&sorted);
        groups.iter().map(|(p, g)| format!("{p}={g}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn overlapping_patterns_share_one_name_and_others_do_not() {
        assert_eq!(groups(&["a", "b"]), "a=a b=b");
        assert_eq!(groups(&["src/*.rs", "src/a.rs"]), "src/*.rs=src/*.rs src/a.rs=src/*.rs");
        assert_eq!(groups(&["src/*.rs", "src/x/a.rs"]), "src/*.rs=src/*.rs src/x/a.rs=src/x/a.rs");
        assert_eq!(groups(&["src/**", "src/a/*", "docs/*"]), "docs/*=docs/* src/**=src/** src/a/*=src/**");
        assert_eq!(groups(&["a/*", "ab", "a*"]), "a*=a* a/*=a* ab=a*");
    }

    #[test]
    fn globs_that_may_meet_are_paired_with_every_one_they_may_meet() {
        let pairs = |globs: &[&str], most: usize| {
            let pairs = meeting_globs(globs.iter().copied(), most);
            pairs.iter().map(|(a, b)| format!("{a}~{b}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(pairs(&["src/**", "src/a/*", "src/b*", "docs/*"], 9), "src/**~src/a/* src/**~src/b*");
        assert_eq!(pairs(&["a*", "ab*", "abc*", "b*"], 9), "a*~ab* a*~abc* ab*~abc*");
        assert_eq!(pairs(&["a*", "ab*", "abc*"], 2), "a*~ab* a*~abc*");
    }

    #[test]
    fn a_pattern_outside_the_workspace_or_malformed_is_refused() {
        for bad in ["", "/etc/passwd", "../x", "a/../b", "a[", "{a", "a\0b", "\0"] {
            assert!(refuse(bad).is_some(), "{bad}");
        }
        for good in ["a", "./a", "a..b", "src/**/*.{rs,toml}", "[ab]?"] {
            assert_eq!(refuse(good), None, "{good}");
        }
    }
}
