//! Tools of servers over streamable HTTP: headers, sessions, event streams that break, answers that are none.

use crate::world::World;
use std::path::Path;
use std::process::{Child, Command};

/// A workspace with a server of its own and a plan that speaks to it at `path`; the server ends with it.
struct Web {
    world: World,
    server: Child,
}

impl Web {
    fn new(path: &str, tasks: &str) -> Web {
        let mut world = World::new();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/http_server.py");
        world.fifo("ready");
        let server = Command::new("python3")
            .arg(script)
            .args(["port", "log"])
            .current_dir(world.root())
            .spawn()
            .unwrap();
        assert_eq!(world.hear("ready"), "ready");
        let url = format!("http://127.0.0.1:{}{path}", world.read("port"));
        world.set("TOKEN", "t");
        world.write(
            "plan.yaml",
            &format!(
                "version: 1\ntimeout: {{ attempt: 50s }}\nmcp_servers: {{ w: {{ url: '{url}', headers: {{ Authorization: 'Bearer ${{env.TOKEN}}' }} }} }}\ntasks:\n{tasks}"
            ),
        );
        Web { world, server }
    }

    fn why(&self, id: &str) -> String {
        self.world.regatta(&["explain", id]).out
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[test]
fn a_server_over_http_answers_at_once_in_a_stream_or_in_a_stream_that_goes_on_after_a_break() {
    let web = Web::new(
        "/mcp",
        "  - { id: a, tool: w/plain, params: { n: 7 } }
  - { id: b, tool: w/stream, needs: [a] }
  - { id: c, tool: w/resumed, needs: [b] }
  - { id: d, tool: file_write, params: { path: out, content: '${a.result.args.n} ${b.result} ${c.result}' } }\n",
    );
    let summary = web.world.run();
    assert_eq!(summary["status"], "succeeded", "{summary:#}");
    assert_eq!(web.world.read("out"), "7 streamed after the break");
    assert!(web.world.regatta(&["logs", "b", "--stderr"]).out.contains("progress 1.0/2.0"));
    let log = web.world.read("log");
    assert_eq!(log.matches("session").count(), 1, "{log}");
    assert!(log.contains("resumed half") && log.contains("deleted"), "{log}");
}

#[test]
fn a_session_that_the_server_forgot_is_begun_again_because_nothing_was_done() {
    let web = Web::new("/mcp", "  - { id: a, tool: w/forget }\n  - { id: b, tool: w/plain, needs: [a] }\n");
    let summary = web.world.run();
    assert_eq!(summary["status"], "succeeded", "{summary:#}");
    let log = web.world.read("log");
    assert_eq!((log.matches("session").count(), log.matches("call plain").count()), (2, 1), "{log}");
}

#[test]
fn a_connection_that_is_cut_leaves_the_call_in_doubt_and_a_refusal_does_not() {
    let web = Web::new("/mcp", "  - { id: a, tool: w/cut }\n  - { id: b, tool: w/plian }\n");
    let said = web.world.regatta(&["run", "plan.yaml", "--json"]).exits(5).json();
    assert_eq!(
        (&said["tasks"]["a"]["status"], &said["tasks"]["b"]["cause"]),
        (&"in_doubt".into(), &"tool".into()),
        "{said:#}"
    );
    assert!(web.why("b").contains("did you mean `w/plain`?"), "{}", web.why("b"));
    assert_eq!(web.world.read("log").matches("call cut").count(), 1, "never twice");
}

#[test]
fn a_redirect_is_not_followed_and_a_wrong_header_is_told() {
    let web = Web::new("/away", "  - { id: a, tool: w/plain }\n");
    web.world.run();
    assert!(web.why("a").contains("307"), "{}", web.why("a"));
    assert_eq!(web.world.read("log"), "");
    let mut web = Web::new("/mcp", "  - { id: a, tool: w/plain }\n");
    web.world.set("TOKEN", "wrong");
    web.world.run();
    assert!(web.why("a").contains("401"), "{}", web.why("a"));
    web.world.unset("TOKEN");
    let summary = web.world.run();
    assert_eq!(summary["tasks"]["a"]["cause"], "VARIABLE_RESOLUTION_ERROR", "{summary:#}");
}

#[test]
fn a_server_over_http_that_cannot_be_had_is_told_of_in_sentences() {
    let check = |path: &str, task: &str, words: &str| {
        let web = Web::new(path, &format!("  - {{ id: a, tool: w/{task} }}\n"));
        web.world.regatta(&["run", "plan.yaml", "--json"]);
        let why = web.why("a");
        assert!(why.contains(&format!("server `w`: {words}")), "{path} {task}: {why}");
        assert!(!why.contains("::") && !why.contains("Some("), "{why}");
    };
    for (path, words) in [
        ("/page", "it did not initialise: it answers with `text/html` and not with JSON"),
        ("/refusal", "it did not initialise: it answers HTTP 403 Forbidden: not for you"),
        ("/gateway", "it did not initialise: it answers HTTP 502"),
        ("/broken", "it did not initialise: its answer is no message of the protocol: `{oops`"),
        ("/void", "it did not initialise: its answer is empty"),
    ] {
        check(path, "plain", words);
    }
    for (task, words) in [
        ("gateway", "it answers HTTP 502; whether it did its work cannot be told"),
        (
            "broken",
            "its answer is no message of the protocol: `{oops`; whether it did its work cannot be told",
        ),
        ("void", "its answer is empty; whether it did its work cannot be told"),
    ] {
        check("/mcp", task, words);
    }
    let world = World::with(
        "version: 1\nmcp_servers: { w: { url: 'http://127.0.0.1:1/mcp?key=hidden' } }\ntasks: [ { id: a, tool: w/x } ]\n",
    );
    world.run();
    let why = world.regatta(&["explain", "a"]).out;
    let words = "server `w`: it did not initialise: it cannot be reached: Connection refused";
    assert!(why.contains(words) && !why.contains("hidden"), "{why}");
}

#[test]
fn a_server_over_http_that_wants_a_rest_gets_it_and_one_that_is_slow_is_told_to_stop() {
    let web = Web::new("/mcp", "  - { id: a, tool: w/busy }\n");
    web.world.regatta(&["run", "plan.yaml", "--detach"]).exits(0);
    web.world.follow("hold_started", 1);
    web.world.regatta(&["cancel"]).exits(0);
    web.world.follow("run_ended", 1);
    let web = Web::new("/mcp", "  - { id: a, tool: w/slow, params: { up: up } }\n");
    web.world.fifo("up");
    web.world.regatta(&["run", "plan.yaml", "--detach"]).exits(0);
    web.world.hear("up");
    web.world.regatta(&["cancel"]).exits(0);
    web.world.follow("dispatch_cancelled", 1);
    assert!(web.world.read("log").contains("cancelled"), "{}", web.world.read("log"));
}

#[test]
fn a_server_over_http_that_knows_no_handshake_is_spoken_to_in_the_revision_without_one() {
    let web = Web::new("/newer", "  - { id: a, tool: w/plain }\n  - { id: b, tool: w/plain, needs: [a] }\n");
    let summary = web.world.run();
    assert_eq!(summary["status"], "succeeded", "{summary:#}");
    assert_eq!(web.world.read("log"), "newer server/discover\nnewer tools/call\nnewer tools/call\n");
}
