//! The directories of an agent's own: a home that lasts as long as its task, a place for temporary files that lasts as
//! long as the attempt.
//!
//! Login files are never copied: an own home is for agents that get a key. Toolchains stay the user's.

use crate::collect::TMP;
use crate::environment::Environment;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// Name of the directory of homes in that of the run.
const HOMES: &str = "homes";

/// What of the user's home stays in use under another one: variable, and path below the home.
const OF_USER: [(&str, &str); 6] = [
    ("CARGO_HOME", ".cargo"),
    ("RUSTUP_HOME", ".rustup"),
    ("NVM_DIR", ".nvm"),
    ("PYENV_ROOT", ".pyenv"),
    ("NPM_CONFIG_USERCONFIG", ".npmrc"),
    ("GIT_CONFIG_GLOBAL", ".gitconfig"),
];
/// Places that would lead out of an own home if they are passed on: variable, and path below the own home.
const OF_HOME: [(&str, &str); 4] = [
    ("XDG_CONFIG_HOME", ".config"),
    ("XDG_DATA_HOME", ".local/share"),
    ("XDG_STATE_HOME", ".local/state"),
    ("XDG_CACHE_HOME", ".cache"),
];

/// The home directory of whoever runs this program.
#[must_use]
pub fn user_home(environment: &Environment) -> Option<&Path> {
    environment.get("HOME").map(Path::new).filter(|home| home.is_absolute())
}

/// Makes the directory for temporary files of an attempt, and answers the variable that names it.
pub(super) fn tmp(attempt_dir: &Path) -> io::Result<(OsString, OsString)> {
    let tmp = attempt_dir.join(TMP);
    private(&tmp)?;
    Ok(("TMPDIR".into(), tmp.into_os_string()))
}

/// Makes the home of a task, and answers the variables that lead to it and to what stays the user's.
pub(super) fn own(
    run_dir: &Path,
    task: &str,
    environment: &Environment,
) -> io::Result<Vec<(OsString, OsString)>> {
    let home = home_dir(run_dir, task);
    private(&run_dir.join(HOMES))?;
    private(&home)?;
    let mut vars: Vec<(OsString, OsString)> = Vec::new();
    if let Some(user) = user_home(environment) {
        for (name, below) in OF_USER.iter().filter(|(name, _)| environment.get(name).is_none()) {
            let path = user.join(below);
            if path.exists() {
                vars.push(((*name).into(), path.into_os_string()));
            }
        }
        // The older place of git's settings is not the only one.
        let other = user.join(".config/git/config");
        let git = OsStr::new("GIT_CONFIG_GLOBAL");
        if environment.get("GIT_CONFIG_GLOBAL").is_none()
            && vars.iter().all(|(n, _)| n != git)
            && other.exists()
        {
            vars.push((git.to_owned(), other.into_os_string()));
        }
    }
    for (name, below) in OF_HOME.iter().filter(|(name, _)| environment.get(name).is_some()) {
        vars.push(((*name).into(), home.join(below).into_os_string()));
    }
    vars.push(("HOME".into(), home.into_os_string()));
    Ok(vars)
}

/// Deletes the home of a task that has ended, on a thread of its own: agents leave a lot there.
pub(crate) fn forget_home(run_dir: &Path, task: &str) {
    let home = home_dir(run_dir, task);
    if home.exists() {
        // Without a thread it stays until the run is removed.
        let _ = std::thread::Builder::new().name("homes".to_owned()).spawn(move || fs::remove_dir_all(home));
    }
}

/// Where the home of a task is, if its agent has one of its own. An id is a safe name of a file.
#[must_use]
pub fn home_dir(run_dir: &Path, task: &str) -> PathBuf {
    run_dir.join(HOMES).join(task)
}

fn private(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::clear_tmp;
    use crate::environment::Passing;

    #[test]
    fn an_own_home_leads_to_the_users_toolchains_and_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let user = dir.path().join("user");
        fs::create_dir_all(user.join(".cargo")).unwrap();
        fs::create_dir_all(user.join(".codex")).unwrap();
        fs::write(user.join(".gitconfig"), "").unwrap();
        let vars =
            [("HOME", user.to_str().unwrap()), ("XDG_CONFIG_HOME", "/elsewhere"), ("RUSTUP_HOME", "/given")];
        let vars = vars.map(|(n, v)| (OsString::from(n), OsString::from(v)));
        let environment = Environment::read(&Passing::Inherit, vars.into_iter());
        let found = own(dir.path(), "t", &environment).unwrap();
        let home = dir.path().join("homes/t");
        let expected: Vec<(OsString, OsString)> = [
            ("CARGO_HOME", user.join(".cargo")),
            ("GIT_CONFIG_GLOBAL", user.join(".gitconfig")),
            ("XDG_CONFIG_HOME", home.join(".config")),
            ("HOME", home.clone()),
        ]
        .map(|(n, v)| (n.into(), v.into_os_string()))
        .into();
        assert_eq!(found, expected);
        assert_eq!(fs::read_dir(&home).unwrap().count(), 0, "nothing is copied");
        assert!(own(dir.path(), "t", &environment).is_ok(), "it lasts");
    }

    #[test]
    fn temporary_files_of_an_attempt_are_deleted_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let (name, tmp) = tmp(dir.path()).unwrap();
        assert_eq!(name, "TMPDIR");
        fs::write(Path::new(&tmp).join("left"), "x").unwrap();
        clear_tmp(dir.path());
        assert!(!Path::new(&tmp).exists());
        clear_tmp(dir.path());
    }
}
