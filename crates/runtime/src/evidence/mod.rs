//! What a gate wrote beside its exit code: a report of tests (JUnit XML), of findings (SARIF), of coverage, or JSON, read and
//! counted by us.
//!
//! A report that is missing or cannot be read is no pass. Knows no gate.

mod coverage;
mod json;
mod junit;
mod names;
mod of_task;
mod place;
mod sarif;
mod xml;

pub(crate) use of_task::{Told, judged, remember};

use crate::redact::Redactor;
use coverage::Coverage;
use junit::{Sum, Tests};
use names::{Names, said, shown};
use regatta_plan::model::Evidence;
use regatta_plan::when::Condition;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

/// A report may hold this much.
const MOST_BYTES: u64 = 64 << 20;
/// The stack of a thread that evaluates an expression.
const STACK_BYTES: usize = 8 << 20;

/// Deletes what an earlier run of a gate wrote: it is no evidence of the next.
pub(crate) fn forget(evidence: &[Evidence], dir: &Path) {
    for Evidence { path, .. } in evidence {
        // One that cannot be deleted is read, and what it says stands.
        let _ = place::delete(dir, path);
    }
}

/// Reads a report. What is said of it is redacted, for its names are what a process wrote, and short.
///
/// # Errors
/// It does not say that the gate passed; why, for people.
pub(crate) fn read(evidence: &Evidence, dir: &Path, redactor: &Redactor) -> Result<String, String> {
    match look(evidence, dir, redactor) {
        Ok(text) => Ok(said(&text, redactor)),
        Err(why) => Err(said(&why, redactor)),
    }
}

fn look(evidence: &Evidence, dir: &Path, redactor: &Redactor) -> Result<String, String> {
    let unread = |why: String| format!("evidence `{}` cannot be read: {why}", evidence.path);
    let file = place::read(dir, &evidence.path).map_err(|error| unread(error.to_string()))?;
    let bytes = file.metadata().map_or(0, |meta| meta.len());
    if bytes > MOST_BYTES {
        return Err(unread(format!("it has {bytes} bytes, more than 64 MiB")));
    }
    let reader = without_mark(BufReader::new(file.take(MOST_BYTES))).map_err(|e| unread(e.to_string()))?;
    let told = match evidence.kind.as_str() {
        "junit" => junit::count(reader).map(|found| tests(found, redactor)),
        "lcov" | "cobertura" => coverage(evidence, reader),
        "json" => json::read(reader, None).map(|report| holds(evidence, report)),
        _ => json::read(reader, Some(sarif::KEYS))
            .and_then(|log| sarif::errors(&log))
            .map(|bad| findings(&bad, redactor)),
    };
    told.map_err(unread)?
}

/// Some tools begin a file with the mark of UTF-8.
fn without_mark(mut reader: impl BufRead) -> io::Result<impl BufRead> {
    if reader.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        reader.consume(3);
    }
    Ok(reader)
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

/// At least one case, none failed or broken, and no sum that says otherwise.
fn tests(found: Tests, redactor: &Redactor) -> Result<String, String> {
    let Tests { passed, skipped, bad, told } = found;
    if bad.count() > 0 {
        let all = passed + bad.count();
        return Err(format!("{} of {all} tests failed: {}", bad.count(), bad.told(redactor)));
    }
    match (told, passed) {
        (Some(Sum { suite, number, what }), _) => {
            let who = match shown(&suite, redactor) {
                name if name.is_empty() => "a suite".to_owned(),
                name => format!("the suite `{name}`"),
            };
            let number = shown(&number, redactor);
            Err(format!("{who} tells of {number} {what}, though no case of the report failed"))
        }
        (None, 0) => Err(format!("no test passed, {skipped} were skipped")),
        (None, _) => Ok(format!("{passed} tests passed, {skipped} were skipped")),
    }
}

fn findings(bad: &Names, redactor: &Redactor) -> Result<String, String> {
    match bad.count() {
        0 => Ok("no finding of level `error`".to_owned()),
        n => Err(format!("{n} findings of level `error`: {}", bad.told(redactor))),
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
        let found = read(&evidence, dir.path(), &Redactor::default());
        match (&found, expect) {
            (Ok(said), Ok(part)) | (Err(said), Err(part)) => assert!(said.contains(part), "{said}"),
            _ => panic!("{found:?}"),
        }
        forget(std::slice::from_ref(&evidence), dir.path());
        assert!(read(&evidence, dir.path(), &Redactor::default()).unwrap_err().contains("cannot be read"));
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
            let said = read(&evidence, &root, &Redactor::default()).unwrap_err();
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
        assert_eq!(read(&evidence, &root, &Redactor::default()).unwrap(), "report == true: true");
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

    #[test]
    fn a_failure_counts_wherever_it_stands_and_a_sum_that_tells_of_one_is_believed() {
        let nested = "<testsuites><testsuite name=\"outer\"><testsuite name=\"inner\"><testcase name=\"y\">\
                      <failure message=\"m\">x</failure></testcase></testsuite><testcase name=\"k\"/></testsuite></testsuites>";
        check("junit", nested, Err("1 of 2 tests failed: y"));
        let one = |attributes: &str| format!("<testsuite {attributes}><testcase name=\"a\"/></testsuite>");
        check("junit", &one("name=\"s\" failures=\"1\""), Err("`s` tells of 1 failures"));
        check("junit", &one("name=\"s\" errors=\"2\""), Err("`s` tells of 2 errors"));
        check(
            "junit",
            &one("failures=\" 0 \" errors=\"\" skipped=\"4\" disabled=\"4\""),
            Ok("1 tests passed"),
        );
        check("junit", &one("failures=\"many\""), Err("cannot be read: `failures` is `many`"));
        let all = |attributes: &str| format!("<testsuites {attributes}>{}</testsuites>", one("name=\"s\""));
        check("junit", &all("failures=\"1\""), Err("tells of 1 failures"));
        check("junit", &all("name=\"all\" errors=\"1\""), Err("`all` tells of 1 errors"));
        let odd = |inner: &str| format!("<testsuite name=\"s\"><testcase name=\"a\"/>{inner}</testsuite>");
        check("junit", &odd("<error message=\"no such module\"/>"), Err("failed: s"));
        check("junit", &odd("<testcase name=\"b\" status=\"failed\"/>"), Err("failed: b"));
        check("junit", &odd("<testcase name=\"b\"><rerunFailure/></testcase>"), Err("failed: b"));
        check("junit", &odd("<testcase name=\"b\"><skipped/><failure/></testcase>"), Err("failed: b"));
        check("junit", &odd("<testcase classname=\"c\"><failure/></testcase>"), Err("failed: c"));
        check("junit", &odd("<testcase name=\"a &amp; &#98;\"><failure/></testcase>"), Err("failed: a & b"));
    }

    #[test]
    fn reports_of_tests_as_the_usual_tools_write_them_are_read() {
        let pytest = "<?xml version=\"1.0\" encoding=\"utf-8\"?><testsuites name=\"pytest tests\"><testsuite name=\"pytest\" errors=\"0\" \
            failures=\"0\" skipped=\"1\" tests=\"2\" time=\"0.034\" timestamp=\"2024-03-01T12:34:56.123456\" hostname=\"h\">\
            <testcase classname=\"test_a\" name=\"test_x[1-&lt;]\" time=\"0.001\" /><testcase classname=\"test_a\" name=\"y\" time=\"\">\
            <skipped type=\"pytest.skip\" message=\"no\">t.py:1: no</skipped></testcase></testsuite></testsuites>";
        check("junit", pytest, Ok("1 tests passed, 1 were skipped"));
        let surefire = "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<!-- of ours -->\n<testsuite \
            xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:noNamespaceSchemaLocation=\"https://x/y.xsd\" name=\"a.BTest\" \
            time=\"1,000.5\" tests=\"2\" errors=\"0\" skipped=\"0\" failures=\"0\" flakes=\"1\" timestamp=\"2024-03-01T12:34:56\">\
            <properties><property name=\"p\" value=\"a&#10;b\"/></properties><testcase name=\"one\" classname=\"a.BTest\" time=\"1,000.5\">\
            <system-out><![CDATA[<failure>no, only said</failure>]]></system-out></testcase><testcase name=\"two\"><flakyFailure message=\"m\" \
            type=\"t\"><stackTrace><![CDATA[at x]]></stackTrace></flakyFailure></testcase></testsuite>\n";
        check("junit", surefire, Ok("2 tests passed, 0 were skipped"));
        let jest = "<testsuites name=\"jest tests\" tests=\"1\" failures=\"0\" errors=\"0\" time=\"0.9\"><testsuite tests=\"0\"/>\
            <testsuite name=\"undefined\" errors=\"0\" failures=\"0\" skipped=\"0\" timestamp=\"2024-03-01T12:34:56\" tests=\"1\">\
            <testcase classname=\" x\" name=\" x\" time=\"0\"></testcase></testsuite></testsuites>";
        check("junit", jest, Ok("1 tests passed, 0 were skipped"));
        let google = "<testsuites tests=\"2\" failures=\"0\" disabled=\"1\" errors=\"0\" time=\"0.\" timestamp=\"2024-03-01T12:34:56.000\">\
            <testsuite name=\"A\"><testcase name=\"x\" status=\"run\" result=\"completed\"/><testcase name=\"DISABLED_y\" \
            status=\"notrun\" result=\"suppressed\"/></testsuite></testsuites>";
        check("junit", google, Ok("1 tests passed, 1 were skipped"));
        let named =
            "<j:testsuite xmlns:j=\"urn:j\"><j:testcase name=\"a\"><j:failure/></j:testcase></j:testsuite>";
        check("junit", named, Err("failed: a"));
        let typed = "<!DOCTYPE testsuite SYSTEM \"junit.dtd\"><testsuite><testcase/></testsuite>";
        check("junit", typed, Ok("1 tests passed"));
    }

    #[test]
    fn what_is_no_report_of_tests_is_told_and_nothing_of_other_files_is_fetched() {
        check("junit", "<html/>", Err("its root is `html`"));
        check("junit", "just words", Err("cannot be read"));
        check(
            "junit",
            "<testsuite><testcase/></testsuite><testsuite><testcase><failure/>",
            Err("cannot be read"),
        );
        check("junit", "<testsuite><testcase></testsuite>", Err("cannot be read"));
        check("junit", "<testsuite><testcase/>", Err("it ends too early"));
        let entity = |what: &str| {
            format!("<!DOCTYPE t [<!ENTITY f {what}>]><testsuite><testcase>&f;</testcase></testsuite>")
        };
        check("junit", &entity("\"<failure/>\""), Err("entities"));
        check("junit", &entity("SYSTEM \"file:///etc/passwd\""), Err("entities"));
        let outside = "<!DOCTYPE t SYSTEM \"t.dtd\"><testsuite><testcase>&f;</testcase></testsuite>";
        check("junit", outside, Err("entities"));
        let fine = "<!DOCTYPE t SYSTEM \"t.dtd\"><testsuite><testcase>&lt;&#10;&apos;</testcase></testsuite>";
        check("junit", fine, Ok("1 tests passed"));
    }

    #[test]
    fn a_finding_has_the_level_of_its_rule_where_it_names_none_of_its_own() {
        let log = |rules: &str, results: &str| {
            format!(
                "\u{feff}{{\"runs\": [{{\"tool\": {{\"driver\": {{\"name\": \"t\", \"rules\": [{rules}]}}}}, \"results\": [{results}]}}]}}"
            )
        };
        let rules = "{\"id\": \"soft\", \"defaultConfiguration\": {\"level\": \"note\"}}, {\"id\": \"hard\", \"defaultConfiguration\": {\"level\": \"error\"}}";
        let red = Err("1 findings of level `error`: hard");
        check(
            "sarif",
            &log(rules, "{\"ruleId\": \"hard\"}, {\"ruleId\": \"soft\"}, {\"ruleId\": \"none\"}"),
            red,
        );
        check("sarif", &log(rules, "{\"ruleIndex\": 1}"), red);
        check("sarif", &log(rules, "{\"rule\": {\"index\": 1}}"), red);
        check("sarif", &log(rules, "{\"rule\": {\"id\": \"hard\"}}"), red);
        check(
            "sarif",
            &log(rules, "{\"ruleId\": \"hard/part\", \"level\": null}"),
            Err("1 findings of level `error`: hard/part"),
        );
        check("sarif", &log(rules, "{\"ruleId\": \"hard\", \"level\": \"warning\"}"), Ok("no finding"));
        check("sarif", &log(rules, "{\"ruleId\": \"hard\", \"kind\": \"pass\"}"), Ok("no finding"));
        check("sarif", &log(rules, "{\"ruleId\": \"soft\", \"ruleIndex\": -1}"), Ok("no finding"));
        let suppressed =
            |status: &str| log(rules, &format!("{{\"ruleId\": \"hard\", \"suppressions\": [{{{status}}}]}}"));
        check("sarif", &suppressed("\"status\": \"accepted\""), Ok("no finding"));
        check("sarif", &suppressed("\"status\": \"rejected\""), red);
        check("sarif", &suppressed("\"status\": \"underReview\""), red);
        let plug = "{\"runs\": [{\"tool\": {\"driver\": {\"name\": \"t\"}, \"extensions\": [{\"rules\": [{\"id\": \"x\"}, {\"id\": \"hard\", \
            \"defaultConfiguration\": {\"level\": \"error\"}}]}]}, \"results\": [{\"rule\": {\"index\": 1, \"toolComponent\": {\"index\": 0}}}]}]}";
        check("sarif", plug, red);
        let by_id = plug.replace(
            "{\"rule\": {\"index\": 1, \"toolComponent\": {\"index\": 0}}}",
            "{\"ruleId\": \"hard\"}",
        );
        check("sarif", &by_id, red);
    }

    #[test]
    fn a_log_whose_findings_stand_elsewhere_or_whose_tool_broke_is_no_pass() {
        let run = |more: &str| format!("{{\"runs\": [{{{more}}}]}}");
        check("sarif", &run("\"results\": {}"), Err("cannot be read"));
        check(
            "sarif",
            &run("\"externalPropertyFileReferences\": {\"results\": [{}]}"),
            Err("in other files"),
        );
        check(
            "sarif",
            &run("\"results\": [], \"invocations\": [{\"executionSuccessful\": false}]"),
            Err("did not succeed"),
        );
        check(
            "sarif",
            &run("\"results\": [], \"invocations\": [{\"executionSuccessful\": true}]"),
            Ok("no finding"),
        );
    }

    #[test]
    fn a_report_that_is_made_to_be_hard_to_read_is_told_and_never_takes_long() {
        let deep = format!("<testsuite>{}", "<a>".repeat(2_000_000));
        check("junit", &deep, Err("its elements stand more than 1000 deep in each other"));
        let flat = "<error/>".repeat(200_000);
        let nested = format!("<testsuite name=\"s\"><testcase name=\"c\">{}{flat}", "<a>".repeat(900));
        check("junit", &nested, Err("it ends too early"));
        let ends = format!("{nested}{}</testcase></testsuite>", "</a>".repeat(900));
        check("junit", &ends, Err("1 of 1 tests failed: c"));
        check(
            "json true",
            &format!("[{}0]", "{\"a\":0},".repeat(500_000)),
            Err("more than 256 MiB of memory"),
        );
        let slashes = "a/".repeat(700_000);
        let log = |rules: &str, results: &str| {
            format!(
                "{{\"runs\": [{{\"results\": [{results}], \"tool\": {{\"driver\": {{\"rules\": [{rules}]}}}}}}]}}"
            )
        };
        let finding = format!("{{\"ruleId\": \"{slashes}\"}}");
        check("sarif", &log("", &finding), Err("the id of a rule has 1400000 bytes, more than 1024"));
        let own = finding.replace('}', ", \"level\": \"error\"}");
        check("sarif", &log("", &own), Err("1 findings of level `error`: a/a/a/"));
        let rules: Vec<String> = (0..20_000).map(|n| format!("{{\"id\": \"r{n:05}\"}}")).collect();
        let results: Vec<String> = (0..20_000).map(|n| format!("{{\"ruleId\": \"r{n:05}/x/y\"}}")).collect();
        check("sarif", &log(&rules.join(","), &results.join(",")), Ok("no finding"));
    }

    #[test]
    fn what_nobody_asks_for_in_a_log_of_findings_takes_no_memory() {
        let flows = "{\"message\": {\"text\": \"m\"}},".repeat(500_000);
        let result = format!("{{\"ruleId\": \"x\", \"level\": \"error\", \"codeFlows\": [{flows}0]}}");
        let log = format!("{{\"runs\": [{{\"artifacts\": [{flows}0], \"results\": [{result}]}}]}}");
        check("sarif", &log, Err("1 findings of level `error`: x"));
    }

    #[test]
    fn a_rule_is_found_by_the_longest_part_of_an_id_that_some_rule_has() {
        let rule = |id: &str, level: &str| {
            format!("{{\"id\": \"{id}\", \"defaultConfiguration\": {{\"level\": \"{level}\"}}}}")
        };
        let log = |driver: &[String], extension: &[String], result: &str| {
            format!(
                "{{\"runs\": [{{\"tool\": {{\"driver\": {{\"rules\": [{}]}}, \"extensions\": [{{\"rules\": [{}]}}]}}, \"results\": [{result}]}}]}}",
                driver.join(","),
                extension.join(",")
            )
        };
        let driver = [rule("a", "error"), rule("a/b/c", "note"), rule("a/b!", "note"), rule("b", "note")];
        let extension = [rule("a/b", "note"), rule("b", "error"), rule("c", "error")];
        for (id, red) in [
            ("a", true),
            ("a/x", true),
            ("a/c", true),
            ("a/b", false),
            ("a/b/x", false),
            ("a/b/c", false),
            ("a/b/c/d", false),
            ("a/bx/y", true),
            ("ab", false),
            ("b/x", false),
            ("c/x", true),
            ("", false),
            ("/", false),
        ] {
            let by_id = log(&driver, &extension, &format!("{{\"ruleId\": \"{id}\"}}"));
            check("sarif", &by_id, if red { Err("findings of level `error`") } else { Ok("no finding") });
        }
        let of_part = "{\"rule\": {\"id\": \"b/x\", \"toolComponent\": {\"index\": 0}}}";
        check("sarif", &log(&driver, &extension, of_part), Err("findings of level `error`: b/x"));
    }
}
