//! Which files some patterns mean: a name means the file, or everything below the directory; a glob what it matches.
//!
//! Works on paths relative to the workspace, with `/`. Knows no files.

use crate::patterns::{beginning, glob, is_literal, plain};
use globset::{GlobSet, GlobSetBuilder};

/// A set of files by patterns.
#[derive(Debug)]
pub struct FileSet {
    names: Vec<String>,
    globs: GlobSet,
    roots: Vec<String>,
}

impl FileSet {
    /// The files of `patterns`; what is no pattern means nothing, a validated plan has none.
    #[must_use]
    pub fn new(patterns: &[String]) -> FileSet {
        let mut builder = GlobSetBuilder::new();
        let (mut names, mut roots) = (Vec::new(), Vec::new());
        for pattern in patterns.iter().map(|p| plain(p)) {
            let fixed = beginning(pattern);
            if is_literal(pattern) {
                names.push(pattern.trim_end_matches('/').to_owned());
                roots.push(pattern.trim_end_matches('/').to_owned());
            } else if let Ok(glob) = glob(pattern) {
                builder.add(glob);
                roots.push(fixed.rsplit_once('/').map_or("", |(dir, _)| dir).to_owned());
            }
        }
        roots.sort_unstable();
        roots.dedup();
        let mut kept: Vec<String> = Vec::new();
        for root in roots {
            if !kept.iter().any(|outer| is_below(&root, outer)) {
                kept.push(root);
            }
        }
        FileSet { names, globs: builder.build().unwrap_or_default(), roots: kept }
    }

    /// True if the set has this file.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.names.iter().any(|name| is_below(path, name)) || self.globs.is_match(path)
    }

    /// Where to look for the files: none of these lies below another; empty for the whole workspace.
    pub fn roots(&self) -> impl Iterator<Item = &str> {
        self.roots.iter().map(String::as_str)
    }
}

/// True for the path itself and what lies below it.
fn is_below(path: &str, outer: &str) -> bool {
    match path.strip_prefix(outer) {
        Some(rest) => outer.is_empty() || rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::FileSet;

    fn set(patterns: &[&str]) -> FileSet {
        FileSet::new(&patterns.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_name_means_the_file_or_everything_below_it_and_a_glob_what_it_matches() {
        let files = set(&["src", "./docs/a.md", "lib/*.rs", "data/**/x.json"]);
        for path in ["src/a/b.rs", "docs/a.md", "lib/a.rs", "data/x.json", "data/1/2/x.json"] {
            assert!(files.has(path), "{path}");
        }
        for path in ["srcs/a", "docs/b.md", "lib/a/b.rs", "data/y.json"] {
            assert!(!files.has(path), "{path}");
        }
    }

    #[test]
    fn it_is_looked_for_where_the_patterns_begin() {
        let roots = |patterns: &[&str]| set(patterns).roots().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(roots(&["src/a/*.rs", "src/a/b", "docs/x.md"]), ["docs/x.md", "src/a"]);
        assert_eq!(roots(&["*.rs", "src/a"]), [""]);
        assert_eq!(roots(&["src/ab*", "src"]), ["src"]);
        assert!(roots(&[]).is_empty());
    }
}
