//! What stands in a worktree and is no file that others could have: links that lead out of it, pipes, sockets, devices.
//!
//! Git keeps links as texts and passes the rest over without a word, unless it is to read it: that is removed. The rest is
//! looked at only; nothing is opened.

use super::forbidden::named;
use super::making::TASK_DIR;
use crate::git::{Change, Git, GitError, Oid};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// The mode of a link.
const LINK: &str = "120000";

/// A link that is longer leads nowhere on any file system.
const MOST_BYTES: u64 = 4_096;
/// Links are followed so often.
const MOST_LINKS: usize = 40;
/// Files that git reads wherever they stand: it would wait for whoever writes into a pipe of that name.
const READ_BY_GIT: [&str; 3] = [".gitattributes", ".gitignore", ".gitmodules"];

/// Links of a commit or tree, by path, each with what it says; nothing if that is too long.
type Links = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Changed links that lead out of the worktree, for people: by what the commit or tree `at` has, and by what they come to
/// where they stand.
///
/// # Errors
/// Git fails.
pub(super) fn links_out(git: &Git, at: &Oid, changes: &[Change]) -> Result<Option<String>, GitError> {
    let changed: Vec<&str> =
        changes.iter().filter(|change| change.mode == LINK).map(|change| change.path.as_str()).collect();
    if changed.is_empty() {
        return Ok(None);
    }
    let all = links(git, at)?;
    // Bytes that are no text were replaced in the names of changes.
    let mut by_name: BTreeMap<Cow<'_, str>, Vec<&[u8]>> = BTreeMap::new();
    for name in all.keys() {
        by_name.entry(String::from_utf8_lossy(name)).or_default().push(name);
    }
    let out = |path: &str| {
        let mut same = by_name.get(path).into_iter().flatten();
        same.any(|name| leads_out(&all, name)) || comes_out(git.dir(), Path::new(path))
    };
    let out: Vec<&str> = changed.into_iter().filter(|path| out(path)).collect();
    Ok((!out.is_empty()).then(|| format!("it made links that lead out of its worktree: {}", named(&out))))
}

/// All links of a commit or tree.
fn links(git: &Git, at: &Oid) -> Result<Links, GitError> {
    let listed = git.run(&["ls-tree", "-r", "-l", "-z", "--full-tree", at.as_str()])?;
    let (mut found, mut short) = (BTreeMap::new(), BTreeSet::new());
    for entry in listed.split(|b| *b == 0) {
        let Some(tab) = entry.iter().position(|b| *b == b'\t') else { continue };
        let head = String::from_utf8_lossy(&entry[..tab]);
        let words: Vec<&str> = head.split_ascii_whitespace().collect();
        let [LINK, _, blob, bytes] = words[..] else { continue };
        let said = bytes.parse::<u64>().is_ok_and(|bytes| bytes <= MOST_BYTES).then(|| blob.to_owned());
        short.extend(said.clone());
        found.insert(entry[tab + 1..].to_vec(), said);
    }
    let texts = blobs(git, &short)?;
    let text = |blob: String| texts.get(&blob).cloned();
    Ok(found.into_iter().map(|(path, blob)| (path, blob.and_then(text))).collect())
}

/// What is in some blobs, by their names, read by one call of git.
///
/// # Errors
/// Git fails, or one of them is not there, or is no blob.
pub(super) fn blobs(git: &Git, names: &BTreeSet<String>) -> Result<BTreeMap<String, Vec<u8>>, GitError> {
    let mut found = BTreeMap::new();
    if names.is_empty() {
        return Ok(found);
    }
    let asked: String = names.iter().map(|name| format!("{name}\n")).collect();
    let out = git.feed(&["cat-file", "--batch"], asked.as_bytes())?;
    let mut rest = &out[..];
    while let Some(end) = rest.iter().position(|b| *b == b'\n') {
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = &rest[end + 1..];
        // `NAME blob BYTES`, then so many bytes and the end of a line; or `NAME missing`.
        let blob = head.split_once(" blob ").and_then(|(name, bytes)| Some((name, bytes.parse().ok()?)));
        let Some((name, bytes)) = blob.filter(|(_, bytes): &(&str, usize)| *bytes < rest.len()) else {
            let (command, dir) = ("cat-file --batch".to_owned(), git.dir().to_owned());
            return Err(GitError::Failed { command, dir, said: head.escape_debug().to_string(), code: None });
        };
        found.insert(name.to_owned(), rest[..bytes].to_vec());
        rest = &rest[bytes + 1..];
    }
    Ok(found)
}

/// Whether a link of a commit leads out of it, by what it says or through others of its links.
fn leads_out(links: &Links, link: &[u8]) -> bool {
    let parts = |path: &[u8]| -> Vec<Vec<u8>> { path.split(|b| *b == b'/').map(<[u8]>::to_vec).collect() };
    let (mut at, mut to_go) = (Vec::new(), parts(link));
    to_go.reverse();
    let mut followed = 0;
    while let Some(part) = to_go.pop() {
        match &*part {
            b"" | b"." => {}
            b".." if at.pop().is_none() => return true,
            b".." => {}
            _ => at.push(part),
        }
        let Some(said) = links.get(&at.join(&b'/')) else { continue };
        let Some(said) = said.as_ref().filter(|said| said.first() != Some(&b'/')) else { return true };
        followed += 1;
        if followed > MOST_LINKS {
            // In a circle, which leads nowhere.
            return false;
        }
        at.pop();
        to_go.extend(parts(said).into_iter().rev());
    }
    false
}

/// Whether a link that stands in a worktree comes to something outside, through whatever else stands there.
fn comes_out(top: &Path, link: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).ok();
    let is_link = top.join(link).symlink_metadata().is_ok_and(|meta| meta.is_symlink());
    // One that leads to nothing leads nowhere else.
    is_link && real(top).zip(real(&top.join(link))).is_some_and(|(top, real)| !real.starts_with(top))
}

/// Removes what is no file from where git would read it in a worktree, and wait for ever: settings of its own, and anything in
/// a repository inside. Answers what was there, sorted.
///
/// # Errors
/// One cannot be removed.
pub(super) fn unblock(top: &Path) -> io::Result<Vec<String>> {
    let (mut open, mut found) = (vec![(PathBuf::new(), false)], BTreeSet::new());
    while let Some((dir, in_git)) = open.pop() {
        // Git cannot read it either.
        for entry in fs::read_dir(top.join(&dir)).into_iter().flatten().flatten() {
            let (Ok(kind), name) = (entry.file_type(), entry.file_name()) else { continue };
            let path = dir.join(&name);
            if kind.is_dir() {
                // That of the worktree itself is a file, put back by whoever asks.
                let is_git = name == ".git";
                open.extend((!is_git || !dir.as_os_str().is_empty()).then_some((path, in_git || is_git)));
            } else if is_special(kind) && (in_git || READ_BY_GIT.iter().any(|read| name == *read)) {
                fs::remove_file(top.join(&path))?;
                found.insert(path);
            }
        }
    }
    Ok(found.iter().map(|path| path.to_string_lossy().into_owned()).collect())
}

/// Removes what is no file from a directory that git keeps for a worktree.
///
/// # Errors
/// One cannot be removed.
pub(super) fn remove_special(admin: &Path) -> io::Result<()> {
    for dir in [admin.to_owned(), admin.join("info"), admin.join("logs")] {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(is_special) {
                fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

fn is_special(kind: fs::FileType) -> bool {
    !kind.is_file() && !kind.is_dir() && !kind.is_symlink()
}

/// What was removed by [`unblock`], for people.
pub(super) fn would_wait(paths: &[String]) -> Option<String> {
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let said = "it left what is no file where git reads, which would wait for it for ever; removed";
    (!paths.is_empty()).then(|| format!("{said}: {}", named(&paths)))
}

/// Pipes, sockets and devices in a worktree that git does not ignore, sorted.
///
/// # Errors
/// Git fails.
pub(super) fn special(git: &Git, top: &Path) -> Result<Vec<PathBuf>, GitError> {
    let args = ["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"];
    let ignored = git.run(&args)?;
    let ignored = ignored.split(|b| *b == 0).filter_map(|entry| entry.strip_suffix(b"/"));
    let ignored: BTreeSet<PathBuf> = ignored.map(|path| PathBuf::from(OsStr::from_bytes(path))).collect();
    let (mut open, mut found) = (vec![PathBuf::new()], BTreeSet::new());
    while let Some(dir) = open.pop() {
        // What cannot be read holds nothing that could be committed.
        for entry in fs::read_dir(top.join(&dir)).into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            let path = dir.join(entry.file_name());
            if kind.is_dir() {
                let ours = entry.file_name() == ".git" || path == Path::new(TASK_DIR);
                open.extend(Some(path).filter(|path| !ours && !ignored.contains(path)));
            } else if is_special(kind) {
                found.insert(path);
            }
        }
    }
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let mut asked = Vec::new();
    for path in &found {
        asked.extend_from_slice(path.as_os_str().as_bytes());
        asked.push(0);
    }
    let ignored = match git.feed(&["check-ignore", "-z", "--stdin"], &asked) {
        Ok(ignored) => ignored,
        // None of them.
        Err(GitError::Failed { code: Some(1), .. }) => Vec::new(),
        Err(error) => return Err(error),
    };
    let ignored: BTreeSet<&[u8]> = ignored.split(|b| *b == 0).collect();
    found.retain(|path| !ignored.contains(path.as_os_str().as_bytes()));
    Ok(found.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_out_by_what_it_says_or_through_others_whatever_stands_in_the_worktree() {
        let link = |path: &str, said: &str| (path.as_bytes().to_vec(), Some(said.as_bytes().to_vec()));
        let links = Links::from([
            link("in", "d/../file"),
            link("d/up", ".."),
            link("abs", "/etc/passwd"),
            link("d/out", "../../x"),
            link("top", "d/deep/er"),
            link("d/deep/er", "../.."),
            link("through", "d/deep/er/../x"),
            link("circle", "circle"),
            (b"long".to_vec(), None),
        ]);
        let out: Vec<&str> = links
            .keys()
            .filter(|path| leads_out(&links, path))
            .map(|p| std::str::from_utf8(p).unwrap())
            .collect();
        assert_eq!(out, ["abs", "d/out", "long", "through"]);
    }

    #[test]
    fn blobs_are_read_whole_whatever_is_in_them_and_one_that_is_missing_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let git = Git::at(dir.path());
        git.run(&["init", "-q"]).unwrap();
        let texts: [&[u8]; 4] = [b"", b"plain", b"two\nlines\n", b"\xff\0 blob 3\nabc\n"];
        let write = |text: &[u8]| {
            std::fs::write(dir.path().join("file"), text).unwrap();
            String::from_utf8(git.run(&["hash-object", "-w", "file"]).unwrap()).unwrap().trim().to_owned()
        };
        let wanted: BTreeMap<String, Vec<u8>> =
            texts.into_iter().map(|text| (write(text), text.to_vec())).collect();
        let mut names: BTreeSet<String> = wanted.keys().cloned().collect();
        assert_eq!(blobs(&git, &names).unwrap(), wanted);
        names.insert("1".repeat(40));
        let why = blobs(&git, &names).unwrap_err().to_string();
        assert!(why.contains("missing"), "{why}");
    }
}
