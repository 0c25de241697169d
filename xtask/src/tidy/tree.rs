//! The text files of the repository, read once.
//!
//! Git says which files count: tracked ones and new ones that are not ignored. The rules see paths and text only.

use super::mask::mask;
use crate::cargo::capture;
use std::path::Path;
use std::process::Command;

/// A file; `code` is its text with comments and literals blanked out, empty unless it is Rust.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) code: String,
}

impl File {
    fn new(path: &str, text: String) -> Self {
        let code = if path.ends_with(".rs") { mask(&text) } else { String::new() };
        Self { path: path.to_owned(), text, code }
    }
}

/// Every text file, sorted by path.
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
    /// All paths, those of binary files included.
    pub(crate) paths: Vec<String>,
}

impl Tree {
    /// Reads what git lists; files that are gone or not UTF-8 have no text.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        // Continuous integration may run as another user than the one who cloned; listing files is harmless.
        let trust = ["-c", "safe.directory=*"];
        let args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let listed = capture(Command::new("git").args(trust).args(args).current_dir(root))?;
        let mut paths: Vec<String> = listed.split_terminator('\0').map(str::to_owned).collect();
        paths.retain(|path| root.join(path).is_file());
        paths.sort();
        paths.dedup();
        let mut files = Vec::new();
        for path in &paths {
            let bytes =
                std::fs::read(root.join(path)).map_err(|error| format!("cannot read {path}: {error}"))?;
            if let Ok(text) = String::from_utf8(bytes) {
                files.push(File::new(path, text));
            }
        }
        Ok(Self { files, paths })
    }

    /// A tree out of literals, for tests.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let paths = files.iter().map(|(path, _)| (*path).to_owned()).collect();
        let files = files.iter().map(|(path, text)| File::new(path, (*text).to_owned())).collect();
        Self { files, paths }
    }

    /// The file at exactly this path.
    pub(crate) fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The Rust files.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    /// The files below a directory, given with its trailing slash.
    pub(crate) fn under<'a>(&'a self, directory: &'a str) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(move |file| file.path.starts_with(directory))
    }
}

/// The 1-based line of a byte offset.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_from_one() {
        assert_eq!(line_at("a\nb\nc", 0), 1);
        assert_eq!(line_at("a\nb\nc", 4), 3);
    }

    #[test]
    fn the_repository_lists_this_file() {
        let tree = Tree::read(&crate::cargo::root().unwrap()).unwrap();
        assert!(tree.get("xtask/src/tidy/tree.rs").is_some_and(|file| !file.code.is_empty()));
        assert!(tree.under("xtask/src/").count() > 10);
    }
}
