//! Files of a workspace that patterns mean, as a person sees them: what git ignores is nobody's work.
//!
//! Names only; nothing is opened. Links are not followed.

use crate::workspace::DOT_DIR;
use ignore::WalkBuilder;
use regatta_plan::FileSet;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

/// Directories that are nobody's work.
const NOT_OURS: [&str; 2] = [".git", DOT_DIR];

/// Paths of the files that `patterns` mean, relative to the workspace; a name that is not UTF-8 is left out.
///
/// # Errors
/// A directory cannot be read, or there are more files than `most`.
pub fn matching(workspace: &Path, patterns: &[String], most: usize) -> io::Result<BTreeSet<String>> {
    let set = FileSet::new(patterns);
    let mut found = BTreeSet::new();
    for root in set.roots() {
        let start = workspace.join(root);
        if std::fs::symlink_metadata(&start).is_err() {
            continue;
        }
        let mut walk = WalkBuilder::new(&start);
        walk.hidden(false).follow_links(false);
        walk.filter_entry(|entry| !NOT_OURS.iter().any(|name| entry.file_name() == *name));
        for entry in walk.build() {
            let entry = entry.map_err(io::Error::other)?;
            let Ok(path) = entry.path().strip_prefix(workspace) else { continue };
            let Some(name) = path.to_str().filter(|name| set.has(name)) else { continue };
            if !entry.file_type().is_some_and(|kind| kind.is_dir()) {
                found.insert(name.to_owned());
            }
            if found.len() > most {
                return Err(io::Error::other(format!("more than {most} files match")));
            }
        }
    }
    Ok(found)
}
