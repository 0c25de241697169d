//! What differs between two commits, and what a worktree holds beside its commit.
//!
//! Renames are a delete and a create: both paths must be owned.

use super::call::words;
use super::{Git, GitError, Oid};
use std::collections::BTreeMap;

/// Tells what differs, by path.
const RAW: [&str; 8] = [
    "diff-tree",
    "-r",
    "-z",
    "--raw",
    "--no-renames",
    "--no-ext-diff",
    "--no-textconv",
    "--ignore-submodules=none",
];

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
    /// What it is now; nothing if it is gone.
    pub object: Option<Oid>,
}

/// A path that differs, with what it is on both sides: mode and object, `100644 …`, or nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Difference {
    /// The path from the top of the repository, as git has it.
    pub path: Vec<u8>,
    /// What it was.
    pub before: Option<String>,
    /// What it is.
    pub after: Option<String>,
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
        Ok(self.differences(from, to)?.into_iter().map(Change::from).collect())
    }

    /// The same with what each path is on both sides.
    ///
    /// # Errors
    /// Git fails.
    pub fn differences(&self, from: &Oid, to: &Oid) -> Result<Vec<Difference>, GitError> {
        let args: Vec<&str> =
            RAW.into_iter().chain(["--end-of-options", from.as_str(), to.as_str()]).collect();
        let out = self.run(&args)?;
        let parsed = parse_raw(out.split(|b| *b == 0));
        parsed.ok_or_else(|| GitError::Answer { command: words(&args) })
    }

    /// The paths that the commits of `tip` write which are not in `base`, each with a commit that does, also where a later one
    /// takes them away again.
    ///
    /// # Errors
    /// Git fails.
    pub fn written_between(&self, base: &Oid, tip: &Oid) -> Result<BTreeMap<String, Oid>, GitError> {
        let commits: String =
            self.commits_between(base, tip)?.iter().map(|commit| format!("{commit}\n")).collect();
        if commits.is_empty() {
            return Ok(BTreeMap::new());
        }
        let args: Vec<&str> = RAW.into_iter().chain(["--stdin", "-m", "--root", "--diff-filter=d"]).collect();
        let out = self.feed(&args, commits.as_bytes())?;
        let (mut written, mut commit) = (BTreeMap::new(), None);
        let mut parts = out.split(|b| *b == 0);
        while let Some(head) = parts.next().filter(|head| !head.is_empty()) {
            if head.first() != Some(&b':') {
                commit = Oid::parse(String::from_utf8_lossy(head).trim());
                continue;
            }
            let path = parts.next().map(|path| String::from_utf8_lossy(path).into_owned());
            let Some((path, commit)) = path.zip(commit.clone()) else {
                return Err(GitError::Answer { command: words(&args) });
            };
            written.insert(path, commit);
        }
        Ok(written)
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

    /// The same, each file by itself, as bytes, and whether it is a repository inside: of such a directory git says no more.
    ///
    /// # Errors
    /// Git fails.
    pub fn each_unsaved(&self) -> Result<Vec<(Vec<u8>, bool)>, GitError> {
        let status = self.status_with("--untracked-files=all")?;
        let entry = |entry: &[u8]| {
            let (word, path) = (entry.get(..3)?, entry.get(3..)?);
            let inner = path.strip_suffix(b"/").filter(|_| word == b"?? ");
            Some((inner.unwrap_or(path).to_vec(), inner.is_some()))
        };
        Ok(status.split(|b| *b == 0).filter_map(entry).collect())
    }

    fn status(&self) -> Result<Vec<u8>, GitError> {
        self.status_with("--untracked-files=normal")
    }

    fn status_with(&self, untracked: &str) -> Result<Vec<u8>, GitError> {
        let args = ["status", "--porcelain=v1", "-z", untracked, "--ignore-submodules=none", "--no-renames"];
        self.run(&args)
    }
}

impl From<Difference> for Change {
    fn from(differs: Difference) -> Change {
        let mode =
            |side: &Option<String>| side.as_ref().and_then(|side| Some(side.split_once(' ')?.0.to_owned()));
        let kind = match (&differs.before, &differs.after) {
            (None, _) => ChangeKind::Created,
            (_, None) => ChangeKind::Deleted,
            _ => ChangeKind::Modified,
        };
        let object = differs.after.as_deref().and_then(|after| Oid::parse(after.split_once(' ')?.1));
        let mode = mode(&differs.after).unwrap_or_else(|| "000000".to_owned());
        Change { path: String::from_utf8_lossy(&differs.path).into_owned(), kind, mode, object }
    }
}

/// `:oldmode newmode oldid newid STATUS\0path\0` and so on.
fn parse_raw<'a>(mut parts: impl Iterator<Item = &'a [u8]>) -> Option<Vec<Difference>> {
    let mut found = Vec::new();
    while let Some(head) = parts.next().filter(|head| !head.is_empty()) {
        let head = std::str::from_utf8(head).ok()?.strip_prefix(':')?;
        let mut words = head.split(' ');
        let mut word = || words.next();
        let (old, new, old_id, new_id) = (word()?, word()?, word()?, word()?);
        word()?;
        let side = |mode: &str, id: &str| (mode != "000000").then(|| format!("{mode} {id}"));
        let path = parts.next()?.to_vec();
        found.push(Difference { path, before: side(old, old_id), after: side(new, new_id) });
    }
    found.sort();
    Some(found)
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
        let parse = |raw: &str| parse_raw(raw.as_bytes().split(|b| *b == 0));
        let found: Vec<Change> = parse(&raw).unwrap().into_iter().map(Change::from).collect();
        let short: Vec<(&str, ChangeKind, &str)> =
            found.iter().map(|c| (c.path.as_str(), c.kind, c.mode.as_str())).collect();
        let expect = [
            ("a b", ChangeKind::Modified, "100755"),
            ("new\nline", ChangeKind::Created, "120000"),
            ("z", ChangeKind::Deleted, "000000"),
        ];
        assert_eq!(short, expect);
        assert_eq!(parse(""), Some(vec![]));
        assert_eq!(parse("nonsense\0"), None);
    }
}
