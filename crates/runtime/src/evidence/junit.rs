//! What a report of tests says: JUnit XML as its many writers write it, each case counted by us, wherever it stands.
//!
//! There is no one form: suites nest or stand alone, times have zones or have none, names are left out. Only what says whether
//! a case is good is read. Knows no gate.

use super::names::{Names, begin};
use super::xml::{Step, attribute, walk};
use quick_xml::events::BytesStart;
use std::io::BufRead;

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Tests {
    /// Cases that ran and are good,
    pub(super) passed: u64,
    /// did not run,
    pub(super) skipped: u64,
    /// and failed or broke; a suite that broke as a whole is here too.
    pub(super) bad: Names,
    /// The first suite whose own sums tell of failures.
    pub(super) told: Option<Sum>,
}

/// What a suite tells of itself.
#[derive(Debug)]
pub(super) struct Sum {
    /// Its name; it may have none.
    pub(super) suite: String,
    pub(super) number: String,
    pub(super) what: &'static str,
}

/// An element that has begun.
enum Open {
    Suite { name: String, bad: bool },
    Case { name: String, bad: bool, skipped: bool },
    Other,
}

/// The elements that have begun and not ended.
#[derive(Default)]
struct Path {
    open: Vec<Open>,
    /// Which of them are cases,
    cases: Vec<usize>,
    /// and which suites.
    suites: Vec<usize>,
}

/// Counts cases.
///
/// # Errors
/// It is no report of tests, or not a whole one.
pub(super) fn count(reader: impl BufRead) -> Result<Tests, String> {
    let (mut tests, mut path) = (Tests::default(), Path::default());
    walk(reader, |step| match step {
        Step::Open(tag) => tests.begin(tag, &mut path),
        Step::Close => {
            tests.end(path.pop());
            Ok(())
        }
    })?;
    Ok(tests)
}

impl Tests {
    fn begin(&mut self, tag: &BytesStart<'_>, path: &mut Path) -> Result<(), String> {
        let kind = tag.local_name();
        let begun = match kind.as_ref() {
            b"testsuites" | b"testsuite" => {
                let name = attribute(tag, "name")?.unwrap_or_default();
                self.sums(tag, &name)?;
                Open::Suite { name, bad: false }
            }
            other if path.open.is_empty() => {
                let name = String::from_utf8_lossy(other).escape_debug().to_string();
                return Err(format!("its root is `{name}`, neither `testsuites` nor `testsuite`"));
            }
            b"testcase" => case(tag)?,
            b"failure" | b"error" | b"rerunFailure" | b"rerunError" => {
                path.worsen();
                Open::Other
            }
            b"skipped" => {
                if let Some(Open::Case { skipped, .. }) = path.open.last_mut() {
                    *skipped = true;
                }
                Open::Other
            }
            _ => Open::Other,
        };
        path.push(begun);
        Ok(())
    }

    /// The sums of a suite are believed where they tell of failures, never where they tell of none.
    fn sums(&mut self, tag: &BytesStart<'_>, name: &str) -> Result<(), String> {
        for what in ["failures", "errors"] {
            let text = attribute(tag, what)?.unwrap_or_default();
            let number = text.trim().replace(',', "");
            let number = if number.is_empty() { Some(0.0) } else { number.parse::<f64>().ok() };
            match number {
                Some(n) if n > 0.0 => {
                    let (suite, number) = (begin(name).to_owned(), begin(text.trim()).to_owned());
                    self.told.get_or_insert(Sum { suite, number, what });
                }
                Some(_) => {}
                None => return Err(format!("`{what}` is `{}`, no number", text.escape_debug())),
            }
        }
        Ok(())
    }

    fn end(&mut self, ended: Option<Open>) {
        match ended {
            Some(Open::Suite { name, bad: true } | Open::Case { name, bad: true, .. }) => {
                self.bad.push(&name)
            }
            Some(Open::Case { skipped: true, .. }) => self.skipped += 1,
            Some(Open::Case { .. }) => self.passed += 1,
            Some(Open::Suite { .. } | Open::Other) | None => {}
        }
    }
}

/// A case, good until something in it says otherwise. Some writers say it by an attribute alone.
fn case(tag: &BytesStart<'_>) -> Result<Open, String> {
    let text = |name: &str| attribute(tag, name).map(Option::unwrap_or_default);
    let said = [text("status")?, text("result")?].map(|word| word.to_ascii_lowercase());
    let is = |words: &[&str]| said.iter().any(|word| words.contains(&word.as_str()));
    let names = [text("name")?, text("classname")?, "a case without a name".to_owned()];
    Ok(Open::Case {
        name: names.into_iter().find(|name| !name.trim().is_empty()).unwrap_or_default(),
        bad: is(&["failed", "fail", "failure", "error", "errored", "broken"]),
        skipped: is(&["notrun", "skipped", "disabled", "suppressed", "ignored"]),
    })
}

impl Path {
    fn push(&mut self, begun: Open) {
        match begun {
            Open::Case { .. } => self.cases.push(self.open.len()),
            Open::Suite { .. } => self.suites.push(self.open.len()),
            Open::Other => {}
        }
        self.open.push(begun);
    }

    fn pop(&mut self) -> Option<Open> {
        let ended = self.open.pop();
        match ended {
            Some(Open::Case { .. }) => drop(self.cases.pop()),
            Some(Open::Suite { .. }) => drop(self.suites.pop()),
            Some(Open::Other) | None => {}
        }
        ended
    }

    /// What tells of a failure belongs to the case in which it stands, else to the suite.
    fn worsen(&mut self) {
        let at = self.cases.last().or(self.suites.last());
        match at.and_then(|at| self.open.get_mut(*at)) {
            Some(Open::Case { bad, .. } | Open::Suite { bad, .. }) => *bad = true,
            Some(Open::Other) | None => {}
        }
    }
}
