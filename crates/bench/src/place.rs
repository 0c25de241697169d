//! Fresh directories for everything that is run, removed together at the end.
//!
//! Only then: on some file systems making files is slow for minutes after a mass deletion.

use regatta_crash::Outcome;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The directory of one benchmark.
#[derive(Debug)]
pub(crate) struct Place {
    root: PathBuf,
    made: AtomicU64,
}

impl Place {
    /// A new directory in `beside`.
    pub(crate) fn new(beside: &Path) -> Outcome<Place> {
        let beside = std::fs::canonicalize(beside).map_err(|e| format!("`{}`: {e}", beside.display()))?;
        let root = beside.join(format!("bench-{}", std::process::id()));
        std::fs::create_dir(&root).map_err(|e| format!("cannot make {}: {e}", root.display()))?;
        Ok(Place { root, made: AtomicU64::new(0) })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A directory that nobody used before.
    pub(crate) fn fresh(&self, name: &str) -> Outcome<PathBuf> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let dir = self.root.join(format!("{number:04}-{name}"));
        std::fs::create_dir(&dir).map_err(|e| format!("cannot make {}: {e}", dir.display()))?;
        Ok(dir)
    }

    /// A file that several runs read.
    pub(crate) fn file(&self, name: &str, text: &str) -> Outcome<PathBuf> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let path = self.root.join(format!("{number:04}-{name}"));
        std::fs::write(&path, text).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What is left lies in the target directory, where nobody takes it for more than that.
        let _ = std::fs::remove_dir_all(&self.root);
    }
}
