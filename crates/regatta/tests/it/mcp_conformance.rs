//! The public conformance suite of the protocol against the server over HTTP, in both revisions: once the binary, once the same
//! server with what the suite wants to find in it (`mcp_fixture.rs`).
//!
//! What is expected to fail is the two lists in docs/mcp.md, by scenario or by check. Anything else that fails, and anything
//! of the lists that does not, fails the test. The suite cannot send a token: a proxy of the test adds it.

use crate::mcp_fixture::Served;
use crate::mcp_http_server::Server;
use crate::model::installed;
use crate::world::World;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/mcp.md");
const PROXY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mcp/with_token.mjs");
const REVISIONS: [&str; 2] = ["2025-11-25", "2026-07-28"];

/// Adds the token to requests; ended when it is dropped.
struct Proxy {
    child: Child,
    port: String,
}

impl Proxy {
    fn start(world: &World, (address, token): (&str, &str)) -> Proxy {
        let mut command = world.program("node", &[PROXY]);
        command.env("REGATTA_TO", address).env("REGATTA_TOKEN", token);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Proxy { child, port: port.trim().to_owned() }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What may fail: of each scenario its checks, or all of them.
type Expected = BTreeMap<String, BTreeSet<String>>;

/// The rows of a list of the page that hold for a revision.
fn listed(list: &str, revision: &str) -> Expected {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let begin = format!("<!-- {list}:begin -->");
    let rows = page.split_once(&begin).unwrap().1.split_once(&format!("<!-- {list}:end -->")).unwrap().0;
    let mut expected = Expected::new();
    for row in rows.lines().filter(|row| row.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        if cells[2] == "both" || cells[2] == revision {
            for name in cells[1].split(", ") {
                let name = name.trim_matches('`');
                let (scenario, check) = name.split_once(':').unwrap_or((name, ""));
                expected.entry(scenario.to_owned()).or_default().insert(check.to_owned());
            }
        }
    }
    expected
}

/// Of each scenario that ran, the checks that failed and why.
type Ran = BTreeMap<String, BTreeMap<String, String>>;

/// Runs everything that a revision requires.
fn ran(world: &World, port: &str, revision: &str) -> Ran {
    let out = format!("results-{revision}-{port}");
    let url = format!("http://127.0.0.1:{port}/mcp");
    let args = ["server", "--url", &url, "--requirements", revision, "-o", &out];
    let said = world.program("conformance", &args).output().unwrap();
    let text = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    let mut failed = Ran::new();
    for scenario in text.lines().filter_map(|line| line.strip_prefix("=== Running scenario: ")) {
        failed.insert(scenario.trim_end_matches(" ===").to_owned(), BTreeMap::new());
    }
    for dir in std::fs::read_dir(world.path(&out)).unwrap_or_else(|e| panic!("{e}: {text}")) {
        let dir = dir.unwrap();
        let name = dir.file_name().into_string().unwrap();
        let scenario = failed
            .keys()
            .filter(|scenario| name.starts_with(&format!("server-{scenario}-20")))
            .max_by_key(|name| name.len());
        let scenario = scenario.unwrap_or_else(|| panic!("{name}\n{text}")).clone();
        let checks = std::fs::read_to_string(dir.path().join("checks.json"));
        // A scenario that broke off has none.
        let checks: Value =
            serde_json::from_str(&checks.unwrap_or("[{\"status\":\"FAILURE\",\"id\":\"broke-off\"}]".into()))
                .unwrap();
        let checks = checks.as_array().unwrap().iter().filter(|check| check["status"] == "FAILURE");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let told = checks.map(|check| (text(&check["id"]), text(&check["errorMessage"])));
        failed.get_mut(&scenario).unwrap().extend(told);
    }
    assert!(failed.len() > 25, "{text}");
    failed
}

/// What is not as the lists say.
fn differences(ran: &Ran, expected: &Expected) -> String {
    let (mut wrong, none) = (String::new(), BTreeSet::new());
    for (scenario, failed) in ran {
        let excused = expected.get(scenario).unwrap_or(&none);
        if excused.contains("") && failed.is_empty() {
            wrong.push_str(&format!("{scenario} is listed and passes\n"));
        }
        if excused.contains("") {
            continue;
        }
        for (check, why) in failed.iter().filter(|(check, _)| !excused.contains(*check)) {
            wrong.push_str(&format!("{scenario}:{check} fails: {why}\n"));
        }
        for check in excused.iter().filter(|check| !failed.contains_key(*check)) {
            wrong.push_str(&format!("{scenario}:{check} is listed and passes\n"));
        }
    }
    for scenario in expected.keys().filter(|scenario| !ran.contains_key(*scenario)) {
        wrong.push_str(&format!("{scenario} is listed and does not run\n"));
    }
    wrong
}

/// A world whose PATH leads to the suite and to node.
fn suite() -> Option<World> {
    let bins = installed("conformance", "mcp-conformance")?;
    let mut world = World::new();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(bins.into_iter().chain(std::env::split_paths(&path)));
    world.set("PATH", path.unwrap().to_str().unwrap());
    Some(world)
}

#[test]
fn the_conformance_suite_passes_in_all_that_is_declared_with_what_it_wants_to_find() {
    let Some(world) = suite() else { return };
    let served = Served::start(world.root());
    let proxy = Proxy::start(&world, (&served.address, &served.token));
    let wrong = REVISIONS
        .map(|revision| differences(&ran(&world, &proxy.port, revision), &listed("undeclared", revision)));
    assert_eq!(wrong, ["", ""], "{}\n{}", wrong[0], wrong[1]);
}

#[test]
fn the_conformance_suite_passes_with_the_binary_in_all_that_needs_no_fixture() {
    let Some(world) = suite() else { return };
    let server = Server::start(&world, &[]);
    let proxy = Proxy::start(&world, (&server.address, &server.token));
    let wrong = REVISIONS.map(|revision| {
        let mut expected = listed("undeclared", revision);
        for (scenario, checks) in listed("fixtures", revision) {
            expected.entry(scenario).or_default().extend(checks);
        }
        differences(&ran(&world, &proxy.port, revision), &expected)
    });
    assert_eq!(wrong, ["", ""], "{}\n{}", wrong[0], wrong[1]);
}
