//! The evidence of a gate that is a task: only what its own attempt wrote counts, and what it says is found out once.
//!
//! ```text
//! before the start: how the files stand -> evidence.before.json     after the end: what they say -> evidence.json
//! ```
//! Both lie in the directory of the attempt, so whoever takes the attempt over finds them. Nothing of the user's is deleted.

use super::names::said;
use super::{place, read};
use crate::collect::write_private;
use crate::private_file;
use crate::redact::Redactor;
use regatta_plan::model::Evidence;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

const BEFORE: &str = "evidence.before.json";
const AFTER: &str = "evidence.json";
/// What we wrote ourselves is shorter: what is said is.
const MOST_BYTES: u64 = 64 << 20;

/// What one piece of evidence says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Told {
    /// Its kind, as in the plan.
    kind: String,
    /// The file.
    path: String,
    pub(crate) passed: bool,
    /// Why, for people; redacted and short.
    pub(crate) said: String,
}

impl Told {
    /// What was left cannot be read.
    pub(crate) fn unread(error: &io::Error) -> Told {
        let said = format!("its evidence was not read: {error}");
        Told { kind: "unread".to_owned(), path: String::new(), passed: false, said }
    }
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
    keep(&dir.join(BEFORE), &marks).map(drop)
}

/// What the evidence of an attempt says. It is read once: whoever asks again is told what was said then, or that nobody knows it
/// any more, and that is red. By then other files may lie there, or none.
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
    let told = |tell: &dyn Fn(&Evidence) -> Result<String, String>| -> Vec<Told> {
        let tell = |one: &Evidence| {
            let found = tell(one);
            let passed = found.is_ok();
            Told {
                kind: one.kind.clone(),
                path: one.path.clone(),
                passed,
                said: found.unwrap_or_else(|why| why),
            }
        };
        evidence.iter().map(tell).collect()
    };
    let red = |one: &Evidence, why: &str| Err(said(&format!("evidence `{}` {why}", one.path), redactor));
    let unread = |name: &str, why: &str| {
        told(&|one| red(one, &format!("is not known: our note `{name}` cannot be read: {why}")))
    };
    match load::<Vec<Told>>(&dir.join(AFTER)) {
        Ok(told) if told.iter().map(Told::of).eq(evidence.iter().map(|one| (&*one.kind, &*one.path))) => {
            return Ok(told);
        }
        Ok(_) => return Ok(unread(AFTER, "it tells of something else")),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Ok(unread(AFTER, &error.to_string())),
    }
    let told = match load::<BTreeMap<String, Mark>>(&dir.join(BEFORE)) {
        Ok(before) => told(&|one| {
            let now = mark(root, &one.path);
            match before.get(&one.path) {
                None => red(one, &format!("is not known: our note `{BEFORE}` tells nothing of it")),
                Some(then) if now.is_some() && *then == now => {
                    red(one, "is as it was before: it was not written")
                }
                Some(_) => read(one, root, redactor),
            }
        }),
        Err(error) => unread(BEFORE, &error.to_string()),
    };
    // What it was read from may be put back next, also on the disk.
    keep(&dir.join(AFTER), &told)?.sync_all()?;
    File::open(dir)?.sync_all()?;
    Ok(told)
}

impl Told {
    fn of(&self) -> (&str, &str) {
        (&self.kind, &self.path)
    }
}

/// Writes a note: the whole of it is there, or nothing.
fn keep(path: &Path, note: &impl Serialize) -> io::Result<File> {
    let begun = path.with_extension("new");
    let file = write_private(&begun, &serde_json::to_vec(note)?)?;
    fs::rename(begun, path)?;
    Ok(file)
}

/// What was kept.
fn load<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    let mut text = Vec::new();
    private_file::open(path)?.take(MOST_BYTES).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_note_that_cannot_be_read_is_red_and_nothing_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir(&root).unwrap();
        let evidence = [Evidence {
            kind: "json".to_owned(),
            path: "r".to_owned(),
            expression: Some("report.ok".to_owned()),
            ..Evidence::default()
        }];
        let redactor = Redactor::default();
        let begun = |name: &str| {
            let attempt = dir.path().join(name);
            fs::create_dir(&attempt).unwrap();
            let _ = fs::remove_file(root.join("r"));
            remember(&evidence, (&root, &attempt)).unwrap();
            fs::write(root.join("r"), "{\"ok\": true}").unwrap();
            attempt
        };
        let told = |attempt: &Path| judged(&evidence, (&root, attempt), &redactor).unwrap();
        let whole = begun("whole");
        assert!(told(&whole)[0].passed);
        for half in
            ["", "[", "[]", "[{\"kind\": \"json\", \"path\": \"other\", \"passed\": true, \"said\": \"\"}]"]
        {
            fs::write(whole.join(AFTER), half).unwrap();
            let told = told(&whole);
            assert!(!told[0].passed && told[0].said.contains("`evidence.json` cannot be read"), "{told:?}");
        }
        let half = begun("half");
        fs::write(half.join(BEFORE), "{").unwrap();
        let first = told(&half);
        assert!(!first[0].passed, "{first:?}");
        assert!(first[0].said.contains("`evidence.before.json` cannot be read"), "{first:?}");
        let gone = begun("gone");
        fs::remove_file(gone.join(BEFORE)).unwrap();
        assert!(!told(&gone)[0].passed);
    }

    #[test]
    fn what_is_said_is_short_whatever_stands_in_a_report_and_holds_no_half_of_a_secret() {
        let dir = tempfile::tempdir().unwrap();
        let (root, attempt) = (dir.path().join("root"), dir.path().join("attempt"));
        [&root, &attempt].into_iter().for_each(|dir| fs::create_dir(dir).unwrap());
        let secret = "a declared secret of some words";
        let value = regatta_redact::Value { name: "v".to_owned(), bytes: secret.as_bytes().to_vec() };
        let redactor = Redactor::new(&[value]);
        let name = |n: usize| format!("{}{secret}{}", "é".repeat(n), "x".repeat(100_000));
        let case = |n| format!("<testcase name=\"{}\"><failure/></testcase>", name(n));
        let long = "l".repeat(3_000_000);
        let reports = [
            ("junit", format!("<testsuite>{}</testsuite>", (70..110).map(case).collect::<String>())),
            ("junit", format!("<testsuite name=\"{}\" failures=\"1\"><testcase/></testsuite>", name(90))),
            ("junit", format!("<testsuite failures=\"{}\"/>", name(90))),
            ("junit", format!("<{long}/>")),
            ("junit", format!("<testsuite><{long}></testsuite>")),
            (
                "sarif",
                format!(
                    "{{\"runs\": [{{\"results\": [{{\"level\": \"error\", \"ruleId\": \"{}\"}}]}}]}}",
                    name(90)
                ),
            ),
        ];
        for (n, (kind, report)) in reports.into_iter().enumerate() {
            let evidence = [Evidence { kind: kind.to_owned(), path: format!("r{n}"), ..Evidence::default() }];
            let attempt = attempt.join(n.to_string());
            fs::create_dir(&attempt).unwrap();
            remember(&evidence, (&root, &attempt)).unwrap();
            fs::write(root.join(format!("r{n}")), report).unwrap();
            let told = judged(&evidence, (&root, &attempt), &redactor).unwrap();
            let said = &told[0].said;
            assert!(!told[0].passed && said.len() <= 3_000, "{n}: {} bytes", said.len());
            assert!(!said.contains("a declared"), "{n}: {said}");
            assert!(fs::metadata(attempt.join(AFTER)).unwrap().len() < 4_000);
        }
    }
}
