//! Settings and hooks of the repository as they were when the run began. What an agent changed there is put back, also what
//! all its worktrees ignore and which attributes they see.
//!
//! Refs are not looked at: what moves them outside of a run's own names is the user's business.

use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The files of settings that all worktrees share, or that are those of the user's checkout.
const SETTINGS: [&str; 5] =
    ["config", "config.worktree", "info/attributes", "info/exclude", "info/sparse-checkout"];

/// The copy that is put back.
#[derive(Debug)]
pub(super) struct Pinned {
    common_dir: PathBuf,
    /// Files of settings, as they were; nothing for one that was not there.
    settings: Vec<(&'static str, Option<Vec<u8>>)>,
    hooks: BTreeMap<String, [u8; 32]>,
    /// The hooks themselves.
    bodies: BTreeMap<String, (Vec<u8>, fs::Permissions)>,
}

impl Pinned {
    /// Takes note of how they are now.
    pub(super) fn take(common_dir: &Path) -> io::Result<Pinned> {
        let bodies = hooks(common_dir)?;
        Ok(Pinned {
            settings: SETTINGS
                .into_iter()
                .map(|name| Ok((name, content(&common_dir.join(name))?)))
                .collect::<io::Result<_>>()?,
            hooks: bodies.iter().map(|(name, (body, _))| (name.clone(), digest(body))).collect(),
            common_dir: common_dir.to_owned(),
            bodies,
        })
    }

    /// Puts back what is not as it was; answers what that is, for people.
    pub(super) fn restore(&self) -> io::Result<Vec<String>> {
        let mut changed = Vec::new();
        for (name, was) in &self.settings {
            let path = self.common_dir.join(name);
            if content(&path).is_ok_and(|now| now == *was) {
                continue;
            }
            changed.push((*name).to_owned());
            let Some(was) = was else {
                fs::remove_file(&path)?;
                continue;
            };
            // Through a new file: whoever has the old one open changes nothing more.
            let new = self.common_dir.join("config.regatta");
            fs::create_dir_all(path.parent().unwrap_or(&self.common_dir))?;
            fs::write(&new, was)?;
            fs::rename(&new, &path)?;
        }
        let now = hooks(&self.common_dir)?;
        for name in now.keys().filter(|name| !self.hooks.contains_key(*name)) {
            changed.push(format!("hooks/{name}"));
            fs::remove_file(self.common_dir.join("hooks").join(name))?;
        }
        for (name, (body, rights)) in &self.bodies {
            if now.get(name).is_some_and(|(now, _)| digest(now) == self.hooks[name]) {
                continue;
            }
            changed.push(format!("hooks/{name}"));
            let path = self.common_dir.join("hooks").join(name);
            // What stands there may be a link.
            let _ = fs::remove_file(&path);
            fs::create_dir_all(self.common_dir.join("hooks"))?;
            fs::write(&path, body)?;
            fs::set_permissions(&path, rights.clone())?;
        }
        Ok(changed)
    }
}

/// What a file holds, if it is there.
fn content(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The plain files among the hooks.
fn hooks(common_dir: &Path) -> io::Result<BTreeMap<String, (Vec<u8>, fs::Permissions)>> {
    let mut found = BTreeMap::new();
    let entries = match fs::read_dir(common_dir.join("hooks")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let Ok(meta) = entry.metadata() else { continue };
        if meta.is_dir() {
            continue;
        }
        // A link that leads nowhere is a hook that is not run.
        let body = fs::read(entry.path()).unwrap_or_default();
        found.insert(entry.file_name().to_string_lossy().into_owned(), (body, meta.permissions()));
    }
    Ok(found)
}
