//! A workspace that is a git repository, and what git says of it when a run has ended: the same, whoever died.
//!
//! Ids of commits differ from run to run, because they know when they were made: trees, subjects and names do not.

use crate::Outcome;
use crate::place::Place;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// What a story leaves in the workspace beside the work.
const IGNORED: &str = ".env\nplan.yaml\ndone\nout\nfired*\ntrace.*\nsaid.*\n";

/// Makes the workspace a repository with a commit, and files that are in none.
///
/// # Errors
/// Git fails.
pub fn make(place: &Place) -> Outcome<()> {
    place.write("one.txt", "1\n")?;
    place.write(".gitignore", IGNORED)?;
    place.write(".env", "TOKEN=1\n")?;
    let calls: [&[&str]; 5] = [
        &["init", "-q", "-b", "main"],
        &["config", "user.name", "Person"],
        &["config", "user.email", "person@example.com"],
        &["add", "-A"],
        &["commit", "-q", "-m", "first"],
    ];
    calls.iter().try_for_each(|args| git(place, args).map(|_| ()))
}

/// What git says, and what lies in its directory and in that of the worktrees; nothing where there is no repository.
///
/// # Errors
/// Git fails.
pub fn told(place: &Place) -> Outcome<String> {
    if !place.path(".git").exists() {
        return Ok(String::new());
    }
    let run = place.run_id()?.unwrap_or_default();
    let mut out = String::new();
    let mut tell = |what: &str, text: &str| out.push_str(&format!("{what}:\n{text}\n"));
    tell("target", &git(place, &["log", "--first-parent", "--format=%T %s", "main"])?);
    tell("commits", &sorted(&git(place, &["log", "--format=%T %an, %cn: %s", "main"])?));
    tell("checkout", &git(place, &["status", "--porcelain", "--branch"])?);
    tell(
        "worktrees",
        &git(place, &["worktree", "list", "--porcelain"])?.matches("worktree ").count().to_string(),
    );
    let refs = git(place, &["for-each-ref", "--format=%(refname) %(tree)"])?.replace(&run, "RUN");
    let (kept, refs): (Vec<&str>, Vec<&str>) =
        refs.lines().partition(|line| line.starts_with("refs/regatta/"));
    tell("refs", &refs.join("\n"));
    // An attempt that was lost is tried again under another number; what it had so far is kept besides.
    let kept: BTreeSet<String> =
        kept.into_iter().filter(|line| !line.contains("/left-before-")).map(unnumbered).collect();
    tell("kept", &kept.into_iter().collect::<Vec<_>>().join("\n"));
    tell("unsound", &git(place, &["fsck", "--connectivity-only", "--no-dangling", "--no-progress"])?);
    tell("left", &left(place, &run).join("\n"));
    Ok(out)
}

fn sorted(text: &str) -> String {
    text.lines().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join("\n")
}

/// `refs/regatta/RUN/TASK/N TREE` without the number.
fn unnumbered(line: &str) -> String {
    let (name, tree) = line.split_once(' ').unwrap_or((line, ""));
    format!("{} {tree}", name.rsplit_once('/').map_or(name, |(task, _)| task))
}

/// Locks that nobody holds, and directories of worktrees.
fn left(place: &Place, run: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![place.path(".git")];
    while let Some(dir) = open.pop() {
        for path in entries(&dir) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ext| ext == "lock") && !path.ends_with("regatta.lock") {
                found.push(path.strip_prefix(place.root()).unwrap_or(&path).display().to_string());
            }
        }
    }
    let dirs = entries(&place.path(".regatta/worktrees"));
    let name = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().replace(run, "RUN");
        // The end is a hash of run and task.
        match name.rsplit_once('-') {
            Some((task, hash)) if hash.len() == 8 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
                task.to_owned()
            }
            _ => name,
        }
    };
    found.extend(dirs.iter().map(name));
    found.sort();
    found
}

fn entries(dir: &Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn git(place: &Place, args: &[&str]) -> Outcome<String> {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"GIT_")) {
        command.env_remove(name);
    }
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C");
    let output = command.current_dir(place.root()).args(args).output();
    let output = output.map_err(|e| format!("git cannot be started: {e}"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(format!("git {args:?}: {said}"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}
