//! Large files: where git-lfs is there, our git calls run it, by settings of ours; nothing raw is ever taken for a pointer.
//!
//! ```text
//! checkout: pointer -> what this machine has of it, else the pointer     commit: content -> pointer, kept in the repository
//! ```
//! Nothing is fetched: no call of ours goes to a remote. Knows no task.

use super::{Change, ChangeKind, Git, GitError, Oid, Repo, RepoError};
use std::os::unix::fs::PermissionsExt as _;

/// The program.
const PROGRAM: &str = "git-lfs";
/// The filter's name in attributes.
pub const FILTER: &str = "lfs";
/// The settings by which git runs it.
pub const SETTINGS: [(&str, &str); 4] = [
    ("filter.lfs.clean", "git-lfs clean -- %f"),
    ("filter.lfs.smudge", "git-lfs smudge -- %f"),
    ("filter.lfs.process", "git-lfs filter-process"),
    ("filter.lfs.required", "true"),
];
/// What keeps our own calls from fetching: an object that is not here stays a pointer.
pub const NO_FETCH: [(&str, &str); 4] = [
    ("lfs.standalonetransferagent", ""),
    ("lfs.url", "file:///regatta/fetches/nothing"),
    ("lfs.skipdownloaderrors", "true"),
    ("lfs.transfer.maxretries", "1"),
];
/// What git-lfs writes into settings and as hooks when it is first used in a repository.
const OWN_LINES: [&str; 8] = [
    "[lfs]",
    "repositoryformatversion = 0",
    "[filter \"lfs\"]",
    "clean = git-lfs clean -- %f",
    "smudge = git-lfs smudge -- %f",
    "smudge = git-lfs smudge --skip -- %f",
    "process = git-lfs filter-process",
    "required = true",
];
const OWN_HOOKS: [&str; 4] =
    ["hooks/post-checkout", "hooks/post-commit", "hooks/post-merge", "hooks/pre-push"];
/// How a pointer begins, and how large one is at most, in bytes.
const BEGINNING: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";
const MOST_BYTES: usize = 1_024;

/// Whether large files are looked after in a run that begins from `base`; `asked` is `on`, `off` or `auto`.
///
/// # Errors
/// They are to be, and cannot.
pub fn looked_after(repo: &Repo, asked: &str, base: &Oid) -> Result<bool, RepoError> {
    if asked == "off" {
        return Ok(false);
    }
    if asked == "auto" && !is_there() {
        // Whoever has such files and no git-lfs would find out at the end of a task.
        return if has_files(repo, base)? { Err(RepoError::NoLfs(repo.top.clone())) } else { Ok(false) };
    }
    // Where it was never used it would begin with settings and hooks of its own in the user's repository.
    if asked == "auto" && repo.git.ask(&["config", "lfs.repositoryformatversion"], &[0, 1])?.0 != 0 {
        return Ok(false);
    }
    let why = match (is_there(), has_programs(&repo.git)?) {
        (true, false) => return Ok(true),
        (false, _) => "git-lfs is not installed",
        (true, true) => "the repository's settings name programs for git-lfs to run",
    };
    if asked == "on" { Err(RepoError::Lfs(why)) } else { Ok(false) }
}

/// Whether the program is found where programs are looked for.
fn is_there() -> bool {
    let dirs = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&dirs).any(|dir| {
        let meta = std::fs::metadata(dir.join(PROGRAM));
        meta.is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    })
}

/// Whether a commit has files that belong to git-lfs.
fn has_files(repo: &Repo, base: &Oid) -> Result<bool, GitError> {
    let has = |args: &[&str]| Ok::<bool, GitError>(repo.git.ask(args, &[0, 1])?.0 == 0);
    let attributes = ":(top,glob)**/.gitattributes";
    let pointer = String::from_utf8_lossy(BEGINNING).trim_end().to_owned();
    // All files are looked at only where attributes speak of it.
    Ok(has(&["grep", "-q", "-F", "filter=lfs", base.as_str(), "--", attributes])?
        && has(&["grep", "-q", "-I", "-F", &pointer, base.as_str(), "--"])?)
}

/// Programs that git-lfs would run beside itself, by settings as this git sees them.
///
/// # Errors
/// They cannot be read.
pub fn has_programs(git: &Git) -> Result<bool, GitError> {
    let args = [
        "config",
        "--null",
        "--name-only",
        "--get-regexp",
        r"^lfs\.(.*\.)?(extension|customtransfer|standalonetransferagent)",
    ];
    Ok(git.ask(&args, &[0, 1])?.0 == 0)
}

/// Whether a file of a repository differs only by what git-lfs writes when it is first used there.
#[must_use]
pub fn set_itself_up(name: &str, was: Option<&[u8]>, is: Option<&[u8]>) -> bool {
    let Some(is) = is.and_then(|is| std::str::from_utf8(is).ok()) else { return false };
    if name == "config" {
        let mut was = was.unwrap_or_default().split(|b| *b == b'\n').peekable();
        let new = |line: &&str| was.next_if(|old| *old == line.as_bytes()).is_none();
        let added: Vec<&str> = is.split('\n').filter(new).collect();
        return was.next().is_none() && added.iter().all(|line| OWN_LINES.contains(&line.trim()));
    }
    let hook = name.trim_start_matches("hooks/");
    let mut lines = is.lines();
    OWN_HOOKS.contains(&name)
        && was.is_none()
        && lines.next() == Some("#!/bin/sh")
        && lines.next().is_some_and(is_own_check)
        && lines.next() == Some(&format!("git lfs {hook} \"$@\""))
        && lines.next().is_none()
}

/// Whether it is the line by which a hook of git-lfs says that the program is not there: the words differ with its version, and
/// nothing in them is a command.
fn is_own_check(line: &str) -> bool {
    let said = line.strip_prefix("command -v git-lfs >/dev/null 2>&1 || { ").and_then(|rest| {
        let rest = rest
            .strip_prefix("printf >&2 \"\\n%s\\n\\n\" \"")
            .or_else(|| rest.strip_prefix("echo >&2 \""))?;
        rest.strip_suffix("\"; exit 2; }")
    });
    said.is_some_and(|said| !said.contains(['"', '$', '`']))
}

/// Those of some changed paths that are no pointers in a commit or tree.
///
/// # Errors
/// Git fails.
pub fn raw(git: &Git, at: &str, changes: &[&Change]) -> Result<Vec<String>, GitError> {
    let files: Vec<&&Change> = changes
        .iter()
        .filter(|change| change.kind != ChangeKind::Deleted && change.mode.starts_with("100"))
        .collect();
    let mut raw = Vec::new();
    for change in files {
        let name = format!("{at}:{}", change.path);
        let size = git.run(&["cat-file", "-s", &name])?;
        let size: usize = String::from_utf8_lossy(&size).trim().parse().unwrap_or(usize::MAX);
        // An empty file is its own pointer.
        let pointer =
            size == 0 || size <= MOST_BYTES && git.run(&["cat-file", "blob", &name])?.starts_with(BEGINNING);
        if !pointer {
            raw.push(change.path.clone());
        }
    }
    Ok(raw)
}

#[cfg(test)]
mod tests {
    use super::set_itself_up;

    #[test]
    fn what_git_lfs_writes_when_it_is_first_used_is_told_from_what_looks_like_it() {
        let was = "[core]\n\tbare = false\n[user]\n\tname = x\n";
        let config = |is: &str| set_itself_up("config", Some(was.as_bytes()), Some(is.as_bytes()));
        assert!(config(&format!("{was}[lfs]\n\trepositoryformatversion = 0\n")));
        assert!(!config(&format!("{was}[lfs]\n\turl = x\n")));
        assert!(!config("[core]\n\tbare = false\n[lfs]\n\trepositoryformatversion = 0\n"));
        let with = |check: &str, name: &str, last: &str| {
            let body = format!("#!/bin/sh\n{check}\n{last}\n");
            set_itself_up(name, None, Some(body.as_bytes()))
        };
        let missing = "command -v git-lfs >/dev/null 2>&1 || {";
        let said = "This repository is configured for Git LFS but 'git-lfs' was not found on your path.";
        let printed = format!("{missing} printf >&2 \"\\n%s\\n\\n\" \"{said}\"; exit 2; }}");
        let hook = |name: &str, last: &str| with(&printed, name, last);
        assert!(hook("hooks/pre-push", "git lfs pre-push \"$@\""));
        assert!(!hook("hooks/pre-push", "git lfs pre-push \"$@\"\nevil"));
        let checked = |check: &str| with(check, "hooks/pre-push", "git lfs pre-push \"$@\"");
        assert!(checked(&format!("{missing} echo >&2 \"\\n{said}\\n\"; exit 2; }}")));
        assert!(!checked("command -v git-lfs >/dev/null 2>&1; evil"));
        assert!(!checked(&format!("{missing} echo >&2 \"$(evil)\"; exit 2; }}")));
        assert!(!checked(&format!("{missing} echo >&2 \"\"; evil; \"\"; exit 2; }}")));
        assert!(!hook("hooks/pre-commit", "git lfs pre-commit \"$@\""));
        assert!(!set_itself_up("hooks/pre-push", None, None));
    }
}
