//! Inputs to begin with: files of this crate, and the plans that the pages of errors show.
//!
//! Read where they lie, in order of name, so that a seed means the same everywhere.

use std::path::{Path, PathBuf};

/// All files of `corpus/<name>`.
///
/// # Errors
/// One cannot be read.
pub fn files(name: &str) -> Result<Vec<Vec<u8>>, String> {
    read_all(&here().join("corpus").join(name))
}

/// Each of them split into what stands between lines of dashes.
///
/// # Errors
/// One cannot be read.
pub fn pieces(name: &str) -> Result<Vec<Vec<u8>>, String> {
    let mut pieces = Vec::new();
    for file in files(name)? {
        let text = String::from_utf8_lossy(&file).into_owned();
        pieces.extend(text.split("\n-----\n").map(|piece| piece.trim_end_matches('\n').as_bytes().to_vec()));
    }
    Ok(pieces)
}

/// Plans that the pages of errors show.
///
/// # Errors
/// A page cannot be read.
pub fn of_pages() -> Result<Vec<Vec<u8>>, String> {
    let pages = read_all(&here().join("../../docs/errors"))?;
    let fenced = |page: Vec<u8>| {
        let page = String::from_utf8_lossy(&page).into_owned();
        let (_, rest) = page.split_once("```yaml\n")?;
        rest.split_once("```").map(|(plan, _)| plan.as_bytes().to_vec())
    };
    Ok(pages.into_iter().filter_map(fenced).collect())
}

/// The golden records of the journal's tests: the `record` of each line.
///
/// # Errors
/// They cannot be read.
pub fn golden(name: &str) -> Result<Vec<Vec<u8>>, String> {
    let path = here().join("../journal/tests/it/golden").join(name);
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let record = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(value.get("record")?.to_string().into_bytes())
    };
    Ok(text.lines().filter_map(record).collect())
}

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read_all(dir: &Path) -> Result<Vec<Vec<u8>>, String> {
    let fail = |e: std::io::Error| format!("{}: {e}", dir.display());
    let entries: Result<Vec<PathBuf>, _> =
        std::fs::read_dir(dir).map_err(fail)?.map(|e| e.map(|e| e.path())).collect();
    let mut paths = entries.map_err(fail)?;
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).map_err(fail)).collect()
}
