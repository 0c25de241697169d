//! Large files: where git-lfs is there, our git calls run it, by settings of ours; nothing raw is ever taken for a pointer.
//!
//! ```text
//! checkout: pointer -> what this machine has of it, else the pointer     commit: content -> pointer, kept in the repository
//! ```
//! Nothing is fetched: no call of ours goes to a remote. Knows no task.

use super::{Change, ChangeKind, Git, GitError, Repo, RepoError};
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
/// How a pointer begins, and how large one is at most, in bytes.
const BEGINNING: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";
const MOST_BYTES: usize = 1_024;

/// Whether large files are looked after in a run; `asked` is `on`, `off` or `auto`.
///
/// # Errors
/// They are to be, and cannot.
pub fn looked_after(repo: &Repo, asked: &str) -> Result<bool, RepoError> {
    if asked == "off" {
        return Ok(false);
    }
    // Where it was never used it would begin with settings and hooks of its own in the user's repository.
    if asked == "auto" && repo.git.ask(&["config", "lfs.repositoryformatversion"], &[0, 1])?.0 != 0 {
        return Ok(false);
    }
    let why = match (is_there(), has_extensions(repo)?) {
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

/// Programs that git-lfs would run beside itself.
fn has_extensions(repo: &Repo) -> Result<bool, GitError> {
    let args = [
        "config",
        "--null",
        "--name-only",
        "--get-regexp",
        r"^lfs\.(.*\.)?(extension|customtransfer|standalonetransferagent)",
    ];
    Ok(repo.git.ask(&args, &[0, 1])?.0 == 0)
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
