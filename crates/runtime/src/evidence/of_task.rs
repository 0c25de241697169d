//! The evidence of a gate that is a task: only what its own attempt wrote counts, and what it says is found out once.
//!
//! ```text
//! before the start: how the files stand -> evidence.before.json     after the end: what they say -> evidence.json
//! ```
//! Both lie in the directory of the attempt, so whoever takes the attempt over finds them. Nothing of the user's is deleted.

use super::{place, read};
use crate::collect::write_private;
use crate::private_file;
use crate::redact::Redactor;
use regatta_plan::model::Evidence;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

const BEFORE: &str = "evidence.before.json";
const AFTER: &str = "evidence.json";
/// What we wrote ourselves is shorter.
const MOST_BYTES: u64 = 1 << 20;

/// What one piece of evidence says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    /// Its kind, as in the plan.
    kind: String,
    /// The file.
    path: String,
    pub(crate) passed: bool,
    /// Why, for people; redacted.
    pub(crate) said: String,
}

/// How a file stands; nothing if it is not there. Whoever writes it changes one of these.
type Mark = Option<[i64; 7]>;

fn mark(root: &Path, path: &str) -> Mark {
    let meta = place::look(root, path).ok()?;
    // Which numbers they are does not matter, only whether they are the same.
    let [dev, ino, size] = [meta.dev(), meta.ino(), meta.size()].map(u64::cast_signed);
    Some([dev, ino, size, meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec()])
}

/// Takes note of what lies there before an attempt begins.
///
/// # Errors
/// The note cannot be written.
pub(crate) fn remember(evidence: &[Evidence], (root, dir): (&Path, &Path)) -> io::Result<()> {
    if evidence.is_empty() {
        return Ok(());
    }
    let marks: BTreeMap<&str, Mark> =
        evidence.iter().map(|one| (one.path.as_str(), mark(root, &one.path))).collect();
    write_private(&dir.join(BEFORE), &serde_json::to_vec(&marks)?).map(drop)
}

/// What the evidence of an attempt says.
///
/// # Errors
/// It cannot be kept, so that it could not be told once more when the files are gone.
pub(crate) fn judged(
    evidence: &[Evidence],
    (root, dir): (&Path, &Path),
    redactor: &Redactor,
) -> io::Result<Vec<Told>> {
    if evidence.is_empty() {
        return Ok(Vec::new());
    }
    if let Some(told) = load(&dir.join(AFTER)) {
        return Ok(told);
    }
    let before: BTreeMap<String, Mark> = load(&dir.join(BEFORE)).unwrap_or_default();
    let tell = |one: &Evidence| {
        let now = mark(root, &one.path);
        let found = match before.get(&one.path) {
            Some(then) if now.is_some() && *then == now => {
                Err(format!("evidence `{}` is as it was before: it was not written", one.path))
            }
            _ => read(one, root),
        };
        let passed = found.is_ok();
        // The names in a report are what a process wrote.
        let said = redactor.text(found.unwrap_or_else(|why| why));
        Told { kind: one.kind.clone(), path: one.path.clone(), passed, said }
    };
    let told: Vec<Told> = evidence.iter().map(tell).collect();
    write_private(&dir.join(AFTER), &serde_json::to_vec(&told)?)?;
    Ok(told)
}

/// What was kept; nothing if it is not there, or only half of it.
fn load<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let file = private_file::open(path).ok()?;
    let mut text = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_report_that_an_attempt_did_not_write_is_no_evidence_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let (root, first, second) =
            (dir.path().join("root"), dir.path().join("first"), dir.path().join("second"));
        [&root, &first, &second].into_iter().for_each(|dir| fs::create_dir(dir).unwrap());
        let evidence = [Evidence {
            kind: "json".to_owned(),
            path: "r".to_owned(),
            expression: Some("report.ok".to_owned()),
            ..Evidence::default()
        }];
        fs::write(root.join("r"), "{\"ok\": true}").unwrap();
        let redactor = Redactor::default();
        remember(&evidence, (&root, &first)).unwrap();
        let told = judged(&evidence, (&root, &first), &redactor).unwrap();
        assert!(!told[0].passed && told[0].said.contains("it was not written"), "{told:?}");
        // What was said stays said, whatever becomes of the file.
        remember(&evidence, (&root, &second)).unwrap();
        fs::remove_file(root.join("r")).unwrap();
        fs::write(root.join("r"), "{\"ok\": true }").unwrap();
        assert!(judged(&evidence, (&root, &second), &redactor).unwrap()[0].passed);
        fs::remove_file(root.join("r")).unwrap();
        assert!(judged(&evidence, (&root, &second), &redactor).unwrap()[0].passed);
        assert!(!judged(&evidence, (&root, &first), &redactor).unwrap()[0].passed);
    }
}
