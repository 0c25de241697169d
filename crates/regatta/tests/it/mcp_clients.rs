//! Spec 10 "MCP server" with the official clients in TypeScript and Python, over standard input and over HTTP, in both
//! revisions. `scripts/setup-mcp.sh` installs them; where one is missing, a test says that it is skipped.

use crate::mcp_http_server::Server;
use crate::model::cache;
use crate::world::World;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mcp");

/// What a script of a client saw of a server; the script runs where it finds its packages.
fn seen(world: &World, program: &Path, args: &[&str]) -> Value {
    world.fifo("go");
    let server = args.contains(&"http").then(|| Server::start(world, &[]));
    let mut command = world.program(program.to_str().unwrap(), args);
    command.env("REGATTA_BINARY", env!("CARGO_BIN_EXE_regatta")).env("REGATTA_ROOT", world.root());
    if let Some(server) = &server {
        command
            .env("REGATTA_URL", format!("http://{}/mcp", server.address))
            .env("REGATTA_TOKEN", &server.token);
    }
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{args:?}\n{out}\n{err}");
    serde_json::from_str(out.trim()).unwrap_or_else(|e| panic!("{e}: {out}\n{err}"))
}

/// What every client must have seen.
fn judge(seen: &Value, era: &str) {
    assert!(seen["tools"].as_array().unwrap().contains(&json!("parallel_execute")), "{seen:#}");
    assert_eq!(seen["modern"], era == "modern", "{seen:#}");
    assert_eq!(seen["diamond"]["summary"]["succeeded"], 4, "{seen:#}");
    assert_eq!(seen["diamond"]["tasks"]["bottom"]["result"], "one", "{seen:#}");
    assert_eq!(seen["progress"][0].as_f64(), Some(1.0), "{seen:#}");
    assert_eq!(
        (&seen["cancelled"], &seen["status"], &seen["end"]),
        (&json!(true), &json!("running"), &json!("succeeded")),
        "{seen:#}"
    );
}

/// Where a folder of the cache lies; tells that the test is skipped where it is not there.
#[expect(clippy::print_stderr, reason = "a test that cannot run says so")]
fn installed(folder: &str) -> Option<PathBuf> {
    let place = cache()?.join(folder);
    if !place.exists() {
        eprintln!("SKIPPED: {folder} is not installed (scripts/setup-mcp.sh)");
    }
    place.exists().then_some(place)
}

fn typescript(generation: &str, era: &str) {
    let (Some(packages), Some(node)) = (installed("mcp-typescript"), installed("node")) else { return };
    for transport in ["stdio", "http"] {
        let world = World::new();
        // Packages are looked for beside the script, so a copy of it stands beside them.
        let script = world.path("client.mjs");
        std::fs::copy(Path::new(SCRIPTS).join("client.mjs"), &script).unwrap();
        std::os::unix::fs::symlink(packages.join("node_modules"), world.path("node_modules")).unwrap();
        let node = node.join("node_modules/node/bin/node");
        judge(&seen(&world, &node, &[script.to_str().unwrap(), generation, transport, era]), era);
    }
}

#[test]
fn the_typescript_client_of_the_second_generation_runs_a_diamond_and_takes_a_wait_back() {
    typescript("v2", "modern");
}

#[test]
fn the_typescript_client_of_the_first_generation_runs_a_diamond_and_takes_a_wait_back() {
    typescript("v1", "legacy");
}

#[test]
fn the_python_client_runs_a_diamond_and_takes_a_wait_back_in_both_revisions() {
    let Some(place) = installed("mcp-python") else { return };
    for era in ["legacy", "modern"] {
        for transport in ["stdio", "http"] {
            let (world, script) = (World::new(), format!("{SCRIPTS}/client.py"));
            judge(&seen(&world, &place.join("bin/python"), &[&script, transport, era]), era);
        }
    }
}
