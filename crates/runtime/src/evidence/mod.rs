//! What a gate wrote beside its exit code: a report of tests (JUnit XML), of findings (SARIF), of coverage, or JSON, read and
//! counted by us.
//!
//! A report that is missing or cannot be read is no pass. Knows no gate.

mod coverage;
mod of_task;
mod place;

pub(crate) use of_task::{Told, judged, remember};

use coverage::Coverage;
use quick_junit::{Report, TestCaseStatus};
use regatta_plan::model::Evidence;
use regatta_plan::when::Condition;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;

/// A report may hold this much.
const MOST_BYTES: u64 = 64 << 20;
/// The stack of a thread that evaluates an expression.
const STACK_BYTES: usize = 8 << 20;
/// So many cases or findings are named.
const MOST_NAMES: usize = 5;

/// Deletes what an earlier run of a gate wrote: it is no evidence of the next.
pub(crate) fn forget(evidence: &[Evidence], dir: &Path) {
    for Evidence { path, .. } in evidence {
        // One that cannot be deleted is read, and what it says stands.
        let _ = place::delete(dir, path);
    }
}

/// Reads a report.
///
/// # Errors
/// It does not say that the gate passed; why, for people.
pub(crate) fn read(evidence: &Evidence, dir: &Path) -> Result<String, String> {
    let unread = |why: String| format!("evidence `{}` cannot be read: {why}", evidence.path);
    let file = place::read(dir, &evidence.path).map_err(|error| unread(error.to_string()))?;
    let bytes = file.metadata().map_or(0, |meta| meta.len());
    if bytes > MOST_BYTES {
        return Err(unread(format!("it has {bytes} bytes, more than 64 MiB")));
    }
    let reader = BufReader::new(file.take(MOST_BYTES));
    let told = match evidence.kind.as_str() {
        "junit" => Report::deserialize(reader).map(|report| junit(&report)).map_err(|e| e.to_string()),
        "lcov" | "cobertura" => coverage(evidence, reader),
        "json" => {
            serde_json::from_reader(reader).map_err(|e| e.to_string()).map(|report| holds(evidence, report))
        }
        _ => serde_json::from_reader(reader).map_err(|e| e.to_string()).and_then(|log| sarif(&log)),
    };
    told.map_err(unread)?
}

fn coverage(evidence: &Evidence, reader: impl BufRead) -> Result<Result<String, String>, String> {
    let found = match evidence.kind.as_str() {
        "lcov" => Coverage::of_lcov(reader)?,
        _ => Coverage::of_cobertura(reader)?,
    };
    Ok(found.judge((evidence.lines_percent, evidence.branches_percent)))
}

/// Whether what the plan says of a report is true of it.
fn holds(evidence: &Evidence, report: Value) -> Result<String, String> {
    let expression = evidence.expression.clone().unwrap_or_default();
    let text = expression.clone();
    let evaluate = move || Condition::parse(&text)?.evaluate(&BTreeMap::new(), &[("report", report)]);
    // An expression costs stack.
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(evaluate);
    let answer = thread.map_err(|error| error.to_string())?.join();
    match answer {
        Ok(Ok(true)) => Ok(format!("{expression}: true")),
        Ok(Ok(false)) => Err(format!("{expression}: false")),
        Ok(Err(why)) => Err(format!("{expression}: {why}")),
        Err(_) => Err(format!("{expression}: it cannot be evaluated")),
    }
}

/// Counts cases, whatever the sums in the report say.
fn junit(report: &Report) -> Result<String, String> {
    let cases = report.test_suites.iter().flat_map(|suite| &suite.test_cases);
    let (mut passed, mut skipped, mut bad) = (0_u64, 0_u64, Vec::new());
    for case in cases {
        match &case.status {
            TestCaseStatus::Success { .. } => passed += 1,
            TestCaseStatus::Skipped { .. } => skipped += 1,
            TestCaseStatus::NonSuccess { .. } => bad.push(case.name.as_str().to_owned()),
        }
    }
    match (bad.is_empty(), passed) {
        (true, 0) => Err(format!("no test passed, {skipped} were skipped")),
        (true, _) => Ok(format!("{passed} tests passed, {skipped} were skipped")),
        (false, _) => {
            Err(format!("{} of {} tests failed: {}", bad.len(), passed + bad.len() as u64, named(&bad)))
        }
    }
}

/// Counts findings of level `error` that are not suppressed.
fn sarif(log: &Value) -> Result<Result<String, String>, String> {
    let runs = log.get("runs").and_then(Value::as_array).ok_or("it has no `runs`")?;
    let mut bad = Vec::new();
    for result in runs.iter().filter_map(|run| run.get("results")?.as_array()).flatten() {
        let text =
            |key: &str, usual: &str| result.get(key).and_then(Value::as_str).unwrap_or(usual).to_owned();
        let suppressed =
            result.get("suppressions").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
        if text("level", "warning") == "error" && text("kind", "fail") == "fail" && !suppressed {
            bad.push(text("ruleId", "a finding"));
        }
    }
    Ok(match bad.len() {
        0 => Ok("no finding of level `error`".to_owned()),
        n => Err(format!("{n} findings of level `error`: {}", named(&bad))),
    })
}

fn named(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(MOST_NAMES).map(String::as_str).collect();
    match names.len().checked_sub(MOST_NAMES) {
        Some(more) if more > 0 => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn check(kind: &str, text: &str, expect: Result<&str, &str>) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("r"), text).unwrap();
        let (kind, expression) = kind.split_once(' ').unwrap_or((kind, ""));
        let expression = (!expression.is_empty()).then(|| expression.to_owned());
        let evidence =
            Evidence { kind: kind.to_owned(), path: "r".to_owned(), expression, ..Evidence::default() };
        let found = read(&evidence, dir.path());
        match (&found, expect) {
            (Ok(said), Ok(part)) | (Err(said), Err(part)) => assert!(said.contains(part), "{said}"),
            _ => panic!("{found:?}"),
        }
        forget(std::slice::from_ref(&evidence), dir.path());
        assert!(read(&evidence, dir.path()).unwrap_err().contains("cannot be read"));
    }

    #[test]
    fn a_report_of_tests_passes_only_if_a_test_passed_and_none_failed() {
        let suite = |cases: &str| {
            format!(
                "<testsuites><testsuite name=\"s\" tests=\"9\" failures=\"0\" errors=\"0\">{cases}</testsuite></testsuites>"
            )
        };
        check("junit", &suite("<testcase name=\"a\" classname=\"c\"/>"), Ok("1 tests passed"));
        let failed = "<testcase name=\"a\"/><testcase name=\"b\"><failure message=\"no\"/></testcase>";
        check("junit", &suite(failed), Err("1 of 2 tests failed: b"));
        check("junit", &suite("<testcase name=\"a\"><error/></testcase>"), Err("failed: a"));
        check("junit", &suite("<testcase name=\"a\"><skipped/></testcase>"), Err("no test passed"));
        check("junit", &suite(""), Err("no test passed"));
        check("junit", "<testsuites><testsuite", Err("cannot be read"));
        check("junit", "", Err(""));
    }

    #[test]
    fn a_report_to_which_a_link_leads_out_is_none_and_is_not_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let (root, out) = (dir.path().join("root"), dir.path().join("out"));
        [&root, &out].into_iter().for_each(|dir| fs::create_dir(dir).unwrap());
        fs::write(out.join("r"), "true").unwrap();
        symlink(&out, root.join("whole")).unwrap();
        symlink("../out", root.join("relative")).unwrap();
        symlink(out.join("r"), root.join("r")).unwrap();
        for path in ["whole/r", "relative/r", "r"] {
            let evidence = Evidence {
                kind: "json".to_owned(),
                path: path.to_owned(),
                expression: Some("report".to_owned()),
                ..Evidence::default()
            };
            let said = read(&evidence, &root).unwrap_err();
            assert!(said.contains(&format!("evidence `{path}` cannot be read")), "{said}");
            forget(std::slice::from_ref(&evidence), &root);
        }
        assert_eq!(fs::read(out.join("r")).unwrap(), b"true");
        // A link to another place inside is one of those ways.
        fs::create_dir(root.join("inside")).unwrap();
        fs::write(root.join("inside/r"), "true").unwrap();
        symlink("inside", root.join("here")).unwrap();
        let evidence = Evidence {
            kind: "json".to_owned(),
            path: "here/r".to_owned(),
            expression: Some("report == true".to_owned()),
            ..Evidence::default()
        };
        assert_eq!(read(&evidence, &root).unwrap(), "report == true: true");
    }

    #[test]
    fn what_is_said_of_a_report_in_json_must_be_true() {
        check("json report.errors == 0", "{\"errors\": 0}", Ok("report.errors == 0: true"));
        check("json report.errors == 0", "{\"errors\": 2}", Err("report.errors == 0: false"));
        check("json report.errors == 0", "{}", Err("report.errors == 0: "));
        check("json size(report) > 1", "[1, 2]", Ok("true"));
        check("json report", "3", Err("not true or false"));
        check("json report.ok", "{\"ok\": tru", Err("cannot be read"));
    }

    #[test]
    fn a_report_of_coverage_is_judged_by_its_kind() {
        check("lcov", "SF:a\nDA:1,1\n", Ok("1 of 1 lines covered"));
        check("lcov", "SF:a\nDA:1,0\n", Err("less than 80 %"));
        check("cobertura", "<c><line number=\"1\" hits=\"1\"/></c>", Ok("1 of 1 lines covered"));
        check("cobertura", "<c><line number", Err("cannot be read"));
    }

    #[test]
    fn findings_of_level_error_that_are_not_suppressed_are_red() {
        let log = |results: &str| {
            format!("{{\"version\": \"2.1.0\", \"runs\": [ {{ \"results\": [{results}] }} ]}}")
        };
        check("sarif", &log(""), Ok("no finding"));
        check(
            "sarif",
            &log("{\"ruleId\": \"x\"}, {\"ruleId\": \"y\", \"level\": \"note\"}"),
            Ok("no finding"),
        );
        check(
            "sarif",
            &log("{\"ruleId\": \"x\", \"level\": \"error\"}"),
            Err("1 findings of level `error`: x"),
        );
        check(
            "sarif",
            &log("{\"level\": \"error\", \"suppressions\": [{\"kind\": \"inSource\"}]}"),
            Ok("no finding"),
        );
        check("sarif", "{}", Err("no `runs`"));
        check("sarif", "[", Err("cannot be read"));
    }
}
