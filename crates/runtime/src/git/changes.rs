//! What differs between two commits, and what a worktree holds beside its commit.
//!
//! Renames are a delete and a create: both paths must be owned.

use super::call::words;
use super::{Git, GitError, Oid};

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

    /// Whether a worktree holds anything that is not in its commit: changed, staged, or new and not excluded.
    ///
    /// # Errors
    /// Git fails.
    pub fn is_dirty(&self) -> Result<bool, GitError> {
        let args = [
            "status",
            "--porcelain=v1",
            "-z",
            "--untracked-files=normal",
            "--ignore-submodules=none",
            "--no-renames",
        ];
        Ok(!self.run(&args)?.is_empty())
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
