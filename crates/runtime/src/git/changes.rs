//! What differs between two commits, and what a worktree holds beside its commit.
//!
//! Renames are a delete and a create: both paths must be owned.

use super::call::words;
use super::{Git, GitError, Oid};
use std::collections::BTreeMap;

/// How a path changed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ChangeKind {
    /// It is new.
    Created,
    /// Its content, mode or kind changed.
    Modified,
    /// It is gone.
    Deleted,
}

/// A path that changed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Change {
    /// The path from the top of the repository; bytes that are no text are replaced.
    pub path: String,
    /// How.
    pub kind: ChangeKind,
    /// The mode that it has now: `100644`, `100755`, `120000` a link, `160000` a submodule; zeros if it is gone.
    pub mode: String,
}

/// Lines that a change adds and deletes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LineCounts {
    /// Added.
    pub added: u64,
    /// Deleted.
    pub deleted: u64,
}

impl Git {
    /// What changed from one commit to another, by path.
    ///
    /// # Errors
    /// Git fails.
    pub fn changes(&self, from: &Oid, to: &Oid) -> Result<Vec<Change>, GitError> {
        let args = [
            "diff-tree",
            "-r",
            "-z",
            "--raw",
            "--no-renames",
            "--no-ext-diff",
            "--no-textconv",
            "--ignore-submodules=none",
            "--end-of-options",
            from.as_str(),
            to.as_str(),
        ];
        let out = self.run(&args)?;
        parse_raw(&out).ok_or_else(|| GitError::Answer { command: words(&args) })
    }

    /// What changed from one commit to another as a patch, or as one line for each file.
    ///
    /// # Errors
    /// Git fails.
    pub fn patch(&self, (from, to): (&Oid, &Oid), stat: bool) -> Result<Vec<u8>, GitError> {
        let mut args = vec!["diff", "--no-color", "--no-renames", "--no-ext-diff", "--no-textconv"];
        // Names from the top of the repository, and the prefixes that every reader of patches knows.
        args.extend(["--no-relative", "--src-prefix=a/", "--dst-prefix=b/", "--submodule=short"]);
        args.push(if stat { "--stat=100" } else { "--full-index" });
        args.extend(if stat { [].as_slice() } else { ["--binary"].as_slice() });
        args.extend(["--end-of-options", from.as_str(), to.as_str(), "--"]);
        self.run(&args)
    }

    /// Lines added and deleted from one commit to another, by path; binary files are left out.
    ///
    /// # Errors
    /// Git fails.
    pub fn line_counts(&self, (from, to): (&Oid, &Oid)) -> Result<BTreeMap<String, LineCounts>, GitError> {
        let args = ["diff-tree", "-r", "-z", "--numstat", "--no-renames", "--no-ext-diff", "--no-textconv"];
        let args: Vec<&str> =
            args.into_iter().chain(["--end-of-options", from.as_str(), to.as_str()]).collect();
        let out = self.run(&args)?;
        let counted = |row: &[u8]| {
            let row = String::from_utf8_lossy(row).into_owned();
            let mut words = row.splitn(3, '\t');
            let lines =
                LineCounts { added: words.next()?.parse().ok()?, deleted: words.next()?.parse().ok()? };
            Some((words.next()?.to_owned(), lines))
        };
        Ok(out.split(|b| *b == 0).filter_map(counted).collect())
    }

    /// Whether a worktree holds anything that is not in its commit: changed, staged, or new and not excluded.
    ///
    /// # Errors
    /// Git fails.
    pub fn is_dirty(&self) -> Result<bool, GitError> {
        Ok(!self.status()?.is_empty())
    }

    /// Where a worktree stands, by the full name of the branch if it is on one, and the paths that are not as its commit has
    /// them, each file by itself.
    ///
    /// # Errors
    /// Git fails.
    pub fn stands(&self) -> Result<(Option<String>, Vec<Vec<u8>>), GitError> {
        let args = ["status", "--porcelain=v2", "--branch", "-z", "--no-renames", "--untracked-files=all"];
        let out = self.run(&args)?;
        let (mut branch, mut paths) = (None, Vec::new());
        for entry in out.split(|b| *b == 0) {
            let words = |n: usize| entry.splitn(n, |b| *b == b' ').last().map(<[u8]>::to_vec);
            match entry.first() {
                Some(b'#') => {
                    let name = entry.strip_prefix(b"# branch.head ").filter(|name| *name != b"(detached)");
                    branch =
                        branch.or(name.map(|name| format!("refs/heads/{}", String::from_utf8_lossy(name))));
                }
                Some(b'1') => paths.extend(words(9)),
                Some(b'u') => paths.extend(words(11)),
                Some(b'?') => paths.extend(words(2)),
                _ => {}
            }
        }
        Ok((branch, paths))
    }

    /// The paths in a worktree that are not as its commit has them: changed, staged, or new and not excluded. Of a new
    /// directory only its name.
    ///
    /// # Errors
    /// Git fails.
    pub fn unsaved(&self) -> Result<Vec<String>, GitError> {
        let status = self.status()?;
        // Two letters and a blank stand before each path.
        let paths = status.split(|b| *b == 0).filter_map(|entry| entry.get(3..));
        Ok(paths.map(|path| String::from_utf8_lossy(path).into_owned()).collect())
    }

    fn status(&self) -> Result<Vec<u8>, GitError> {
        let args = [
            "status",
            "--porcelain=v1",
            "-z",
            "--untracked-files=normal",
            "--ignore-submodules=none",
            "--no-renames",
        ];
        self.run(&args)
    }
}

/// `:oldmode newmode oldid newid STATUS\0path\0` and so on.
fn parse_raw(out: &[u8]) -> Option<Vec<Change>> {
    let mut parts = out.split(|b| *b == 0);
    let mut changes = Vec::new();
    while let Some(head) = parts.next().filter(|head| !head.is_empty()) {
        let head = std::str::from_utf8(head).ok()?.strip_prefix(':')?;
        let mut words = head.split(' ');
        let mode = words.nth(1)?.to_owned();
        let kind = match words.nth(2)?.bytes().next()? {
            b'A' => ChangeKind::Created,
            b'D' => ChangeKind::Deleted,
            _ => ChangeKind::Modified,
        };
        let path = String::from_utf8_lossy(parts.next()?).into_owned();
        changes.push(Change { path, kind, mode });
    }
    changes.sort();
    Some(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_differences_are_read_with_any_path() {
        let zero = "0".repeat(40);
        let raw = format!(
            ":100644 100755 {zero} {zero} M\0a b\0:000000 120000 {zero} {zero} A\0new\nline\0:100644 000000 {zero} {zero} D\0z\0"
        );
        let found = parse_raw(raw.as_bytes()).unwrap();
        let short: Vec<(&str, ChangeKind, &str)> =
            found.iter().map(|c| (c.path.as_str(), c.kind, c.mode.as_str())).collect();
        let expect = [
            ("a b", ChangeKind::Modified, "100755"),
            ("new\nline", ChangeKind::Created, "120000"),
            ("z", ChangeKind::Deleted, "000000"),
        ];
        assert_eq!(short, expect);
        assert_eq!(parse_raw(b""), Some(vec![]));
        assert_eq!(parse_raw(b"nonsense\0"), None);
    }
}
