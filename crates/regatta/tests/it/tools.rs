//! Tools that need no server, called by the real binary: what they do, what they refuse, how they end.

use crate::world::World;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::symlink;

/// Runs one call and answers how it ended: its result, or cause and message.
fn call(world: &World, tool: &str, params: &Value) -> Result<Value, (String, String)> {
    let request = json!({ "tasks": [{ "id": "a", "tool": tool, "params": params }] });
    world.write("one.json", &request.to_string());
    let said = world.regatta(&["run", "one.json", "--json"]).json();
    let task = &said["tasks"]["a"];
    if task["status"] == "success" {
        return Ok(task["result"].clone());
    }
    let error = &task["error"];
    assert!(error.is_object(), "{said:#}");
    Err((error["code"].as_str().unwrap().to_owned(), error["message"].as_str().unwrap().to_owned()))
}

fn refused(world: &World, tool: &str, params: &Value, why: &str) {
    let (code, message) = call(world, tool, params).unwrap_err();
    assert!(code == "TASK_ERROR" && message.contains(why), "{tool} {params}: {code} {message}");
}

#[test]
fn a_chain_of_built_in_tools_hands_typed_results_on() {
    let world = World::with(
        "version: 1\ntasks:
  - { id: read, tool: file_read, params: { path: in.json } }
  - { id: parse, tool: json_query, params: { data: '${read.result}', path: '$.items[*].n' } }
  - { id: save, tool: file_write, params: { path: out/deep/list.json, content: '${parse.result}' } }
  - { id: text, tool: template, params: { text: 'n = {{ list|length }} of {{ total }}', vars: { list: '${parse.result}', total: '${save.result.bytes}' } } }
  - { id: keep, tool: file_write, params: { path: out/text, content: '${text.result}' } }\n",
    );
    world.write("in.json", r#"{"items":[{"n":1},{"n":2}]}"#);
    let summary = world.run();
    assert_eq!(summary["status"], "succeeded", "{summary:#}");
    assert_eq!(
        (world.read("out/deep/list.json"), world.read("out/text")),
        ("[1,2]".into(), "n = 2 of 5".into())
    );
}

#[test]
fn files_are_listed_matched_copied_and_moved_and_what_is_regattas_is_not_there() {
    let world = World::new();
    world.write("a/one.txt", "1");
    world.write("a/b/two.txt", "22");
    world.write("a/b/three.md", "3");
    assert_eq!(
        call(&world, "file_glob", &json!({ "pattern": "**/*.txt" })),
        Ok(json!(["a/b/two.txt", "a/one.txt"]))
    );
    assert_eq!(call(&world, "file_glob", &json!({ "pattern": "a/*.txt" })), Ok(json!(["a/one.txt"])));
    let listed = call(&world, "file_list", &json!({ "path": "a" })).unwrap();
    let expect =
        json!([{ "name": "b", "type": "directory" }, { "name": "one.txt", "type": "file", "bytes": 1 }]);
    assert_eq!(listed, expect);
    let all = call(&world, "file_list", &json!({ "path": "." })).unwrap();
    assert!(!all.to_string().contains(".regatta"), "{all}");
    call(&world, "file_copy", &json!({ "source": "a/one.txt", "dest": "c/copy.txt" })).unwrap();
    call(&world, "file_move", &json!({ "source": "a/b/two.txt", "dest": "c/moved.txt" })).unwrap();
    assert_eq!((world.read("c/copy.txt"), world.read("c/moved.txt")), ("1".into(), "22".into()));
    assert!(world.path("a/one.txt").exists() && !world.path("a/b/two.txt").exists());
    let root = world.root().canonicalize().unwrap().join("a/one.txt");
    assert_eq!(
        call(&world, "file_read", &json!({ "path": root })),
        Ok(json!("1")),
        "an absolute path inside"
    );
}

#[test]
fn no_path_leads_out_of_the_workspace_and_that_fails_the_task_alone() {
    let world = World::new();
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("secret"), "s").unwrap();
    world.write("in/x", "x");
    symlink(other.path(), world.path("out")).unwrap();
    symlink(other.path().join("secret"), world.path("file")).unwrap();
    symlink("in/x", world.path("inner")).unwrap();
    symlink(".regatta", world.path("ours")).unwrap();
    world.fifo("pipe");
    world.write(".regatta/config.toml", "");
    std::fs::create_dir(world.path(".git")).unwrap();
    let outside = "is outside the workspace";
    for path in ["../x", "in/../../x", "/etc/passwd", "out/secret", "file", "/proc/self/environ"] {
        refused(&world, "file_read", &json!({ "path": path }), outside);
        refused(&world, "file_copy", &json!({ "source": path, "dest": "got" }), outside);
    }
    for path in ["../x", "/tmp/regatta-never", "out/new", "out/deep/new"] {
        refused(&world, "file_write", &json!({ "path": path, "content": "x" }), outside);
        refused(&world, "file_copy", &json!({ "source": "in/x", "dest": path }), outside);
        refused(&world, "file_move", &json!({ "source": "in/x", "dest": path }), outside);
    }
    refused(&world, "file_glob", &json!({ "pattern": "../*" }), outside);
    refused(&world, "file_list", &json!({ "path": "out" }), outside);
    assert_eq!(std::fs::read_dir(other.path()).unwrap().count(), 1);
    for path in [".regatta/regatta.db", "ours/regatta.db", "./.regatta/config.toml"] {
        refused(&world, "file_read", &json!({ "path": path }), "Regatta's own");
        refused(&world, "file_write", &json!({ "path": path, "content": "x" }), "Regatta's own");
    }
    refused(&world, "file_write", &json!({ "path": ".git/hooks/pre-commit", "content": "x" }), "git's own");
    refused(&world, "file_write", &json!({ "path": "file", "content": "x" }), "not a plain file");
    for (path, why) in
        [("pipe", "not a plain file"), ("in", "is a directory"), ("none", "does not exist"), ("", "no path")]
    {
        refused(&world, "file_read", &json!({ "path": path }), why);
    }
    assert_eq!(
        call(&world, "file_read", &json!({ "path": "inner" })),
        Ok(json!("x")),
        "a link that stays inside"
    );
    assert!(!world.path("got").exists());
}

#[test]
fn a_whole_path_that_lies_inside_the_workspace_is_as_good_as_one_from_there() {
    let world = World::new();
    world.write("sub/x", "x");
    let root = world.root().canonicalize().unwrap();
    let whole = |path: &str| root.join(path).display().to_string();
    assert_eq!(call(&world, "file_glob", &json!({ "pattern": whole("sub/*") })), Ok(json!(["sub/x"])));
    let batch = json!({ "commands": [
        { "id": "a", "cmd": "pwd", "cwd": whole("sub") }, { "id": "b", "cmd": "pwd", "cwd": whole("") } ] });
    world.write("b.json", &batch.to_string());
    let said = world.regatta(&["run", "b.json", "--json"]).exits(0).json();
    let found = ["a", "b"].map(|id| said["commands"][id]["stdout"].as_str().unwrap().trim().to_owned());
    assert_eq!(found, [whole("sub"), root.display().to_string()]);
    refused(&world, "file_glob", &json!({ "pattern": "/etc/*" }), "is outside the workspace");
    for cwd in ["/etc".to_owned(), whole("../x"), format!("{}x", root.display())] {
        world.write("b.json", &json!({ "commands": [{ "id": "a", "cmd": "pwd", "cwd": cwd }] }).to_string());
        world.regatta(&["run", "b.json", "--json"]).exits(3);
    }
    world.write("plan.yaml", &format!("version: 1\ntasks:\n  - {{ id: a, run: 'echo {} >\"$REGATTA_RESULT\"' }}\n  - {{ id: b, cwd: '${{a.result}}', run: pwd }}\n",
        serde_json::to_string(&whole("sub")).unwrap().replace('"', "\\\"")));
    world.regatta(&["run", "plan.yaml"]).exits(0);
}

#[test]
fn a_whole_path_through_the_link_by_which_the_workspace_is_named_lies_inside_too() {
    let mut world = World::new();
    world.write("real/sub/x", "x");
    std::os::unix::fs::symlink("real", world.path("link")).unwrap();
    let (real, link) = (world.path("real").canonicalize().unwrap(), world.path("link"));
    let plan = |cwd: &std::path::Path| {
        let text = format!("version: 1\ntasks: [ {{ id: a, cwd: '{}', run: pwd }} ]\n", cwd.display());
        world.write("plan.yaml", &text);
    };
    for cwd in [&link, &real] {
        plan(&cwd.join("sub"));
        world.regatta(&["run", "plan.yaml", "--workspace", link.to_str().unwrap()]).exits(0);
        assert_eq!(
            world.regatta(&["logs", "a", "--workspace", "link"]).out.trim(),
            real.join("sub").to_str().unwrap()
        );
    }
    plan(&link.join("sub"));
    world.regatta(&["run", "plan.yaml", "--workspace", "real"]).exits(3);
    // Whoever came there through the link names it by the link.
    git_init(&real);
    world.set("PWD", link.join("sub").to_str().unwrap());
    let mut there = world.command(&["run", "../../plan.yaml"]);
    assert!(there.current_dir(real.join("sub")).output().unwrap().status.success());
    world.set("PWD", "/");
    let mut there = world.command(&["run", "../../plan.yaml"]);
    assert!(!there.current_dir(real.join("sub")).output().unwrap().status.success());
}

fn git_init(dir: &std::path::Path) {
    let init = std::process::Command::new("git").args(["init", "-q"]).current_dir(dir).status();
    assert!(init.unwrap().success());
}

#[test]
fn null_is_data_as_good_as_any_and_a_whole_number_may_be_written_with_a_point() {
    let world = World::new();
    assert_eq!(call(&world, "json_query", &json!({ "data": null, "path": "$" })), Ok(Value::Null));
    call(&world, "file_write", &json!({ "path": "out", "content": null })).unwrap();
    assert_eq!(world.read("out"), "null");
    world.write(
        "r.json",
        r#"{"tasks":[{"id":"a","tool":"template","params":{"text":"x"},"timeout":20000.0,"priority":5.0}]}"#,
    );
    world.regatta(&["run", "r.json", "--json"]).exits(0);
    world.write("r.json", r#"{"tasks":[{"id":"a","tool":"template","params":{"text":"x"},"priority":5.5}]}"#);
    world.regatta(&["run", "r.json", "--json"]).exits(3);
    world.write("one.json", r#"{"tasks":[{"id":"a","tool":"file_read","params":{"path":null}}]}"#);
    world.regatta(&["run", "one.json", "--json"]).exits(3);
}

#[test]
fn what_is_too_large_or_no_text_is_refused() {
    let world = World::new();
    std::fs::write(world.path("bytes"), [0xff, 0xfe]).unwrap();
    std::fs::File::create(world.path("large")).unwrap().set_len(8 << 30).unwrap();
    refused(&world, "file_read", &json!({ "path": "bytes" }), "not UTF-8");
    refused(&world, "file_read", &json!({ "path": "large" }), "more than 16 MiB");
    refused(&world, "file_copy", &json!({ "source": "large", "dest": "x" }), "more than 1024 MiB");
    std::fs::write(world.path("blob"), vec![b'x'; 200_000]).unwrap();
    let text = call(&world, "file_read", &json!({ "path": "blob" })).unwrap();
    assert_eq!(text.as_str().unwrap().len(), 200_000, "a result larger than the journal takes is a blob");
}

#[test]
fn a_call_without_what_it_needs_or_with_what_nobody_knows_is_refused_before_anything_starts() {
    let world = World::with(
        "version: 1\ntasks:
  - { id: a, tool: file_read, params: { pth: x } }
  - { id: b, tool: file_raed, params: { path: x } }
  - { id: c, tool: sleep, params: { ms: 1 }, cwd: x }
  - { id: d, tool: nobody/x }\n",
    );
    let said = world.regatta(&["check", "plan.yaml"]).exits(3);
    for word in [
        "without `path`",
        "did you mean `path`?",
        "did you mean `file_read`?",
        "belongs to a command",
        "MCP server `nobody`",
    ] {
        assert!(said.err.contains(word), "{word}: {}", said.err);
    }
    world.write("r.json", r#"{"tasks":[{"id":"a","tool":"file_raed","params":{}}]}"#);
    let said = world.regatta(&["run", "r.json", "--json"]).exits(3).json();
    assert_eq!(said["error"]["code"], "UNKNOWN_TOOL", "{said:#}");
}

#[test]
fn a_call_that_takes_too_long_is_timed_out_and_one_that_is_cancelled_ends() {
    let world = World::with(
        "version: 1\ntasks: [ { id: a, tool: sleep, params: { ms: 600000 }, timeout: { attempt: 200ms } } ]\n",
    );
    let summary = world.run();
    assert_eq!(
        (&summary["tasks"]["a"]["status"], &summary["tasks"]["a"]["cause"]),
        (&"timed_out".into(), &"timeout".into())
    );
    let world = World::with("version: 1\ntasks: [ { id: a, tool: sleep, params: { ms: 600000 } } ]\n");
    world.regatta(&["run", "plan.yaml", "--detach"]).exits(0);
    world.follow("dispatch_started", 1);
    world.regatta(&["cancel"]).exits(0);
    world.follow("dispatch_cancelled", 1);
}

/// Answers each request by its path, and tells what it was sent.
fn server(answers: usize) -> (u16, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        let mut heard = Vec::new();
        for _ in 0..answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = vec![0; 65_536];
            let mut got = 0;
            let text = loop {
                got += stream.read(&mut bytes[got..]).unwrap();
                let text = String::from_utf8_lossy(&bytes[..got]).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = head
                    .to_ascii_lowercase()
                    .split("content-length: ")
                    .nth(1)
                    .map_or(0, |rest| rest.lines().next().unwrap().trim().parse::<usize>().unwrap());
                if body.len() >= length {
                    break text;
                }
            };
            let path = text.split(' ').nth(1).unwrap().to_owned();
            let (status, extra, body) = match path.as_str() {
                "/json" => ("200 OK", "content-type: application/json\r\n", "{\"n\":7}"),
                "/away" => ("302 Found", "location: /json\r\n", ""),
                "/round" => ("302 Found", "location: /round\r\n", ""),
                "/inside" => ("302 Found", "location: http://127.0.0.2:9/\r\n", ""),
                "/busy" => ("429 Too Many Requests", "retry-after: 7\r\n", ""),
                "/bad" => ("404 Not Found", "", "no such thing"),
                _ => ("200 OK", "", "hello"),
            };
            write!(
                stream,
                "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{extra}\r\n{body}",
                body.len()
            )
            .unwrap();
            heard.push(text);
        }
        heard
    });
    (port, thread)
}

#[test]
fn a_request_over_http_answers_status_headers_and_body_and_follows_redirects_within_bounds() {
    let world = World::new();
    let (port, thread) = server(11);
    let at = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let answer = call(&world, "http_request", &json!({ "url": at("/json") })).unwrap();
    assert_eq!((&answer["status"], &answer["json"]["n"]), (&200.into(), &7.into()), "{answer}");
    let sent =
        json!({ "url": at("/text"), "method": "post", "headers": { "x-key": "k" }, "body": { "a": 1 } });
    assert_eq!(call(&world, "http_request", &sent).unwrap()["body"], "hello");
    let followed = call(&world, "http_request", &json!({ "url": at("/away") })).unwrap();
    assert_eq!(followed["json"]["n"], 7);
    refused(&world, "http_request", &json!({ "url": at("/bad") }), "HTTP 404 Not Found: no such thing");
    refused(&world, "http_request", &json!({ "url": at("/round") }), "redirects more than 5 times");
    let heard = thread.join().unwrap();
    assert!(
        heard[1].starts_with("POST /text")
            && heard[1].contains("x-key: k")
            && heard[1].ends_with("{\"a\":1}"),
        "{}",
        heard[1]
    );
    refused(&world, "http_request", &json!({ "url": "ftp://127.0.0.1/" }), "no address for HTTP");
}

#[test]
fn an_address_that_came_from_elsewhere_must_be_public_and_the_plans_own_may_be_any() {
    let (port, thread) = server(2);
    let world = World::with(&format!(
        "version: 1\ninputs: {{ host: 'http://127.0.0.1:{port}', path: json }}\ntasks:
  - {{ id: own, tool: http_request, params: {{ url: 'http://127.0.0.1:{port}/${{inputs.path}}' }} }}
  - {{ id: others, needs: [own], tool: http_request, params: {{ url: '${{inputs.host}}/json' }} }}
  - {{ id: name, needs: [own], tool: http_request, params: {{ url: '${{inputs.host}}', headers: {{}} }} }}
  - {{ id: away, needs: [own], tool: http_request, params: {{ url: 'http://127.0.0.1:{port}/inside' }} }}\n"
    ));
    let summary = world.run();
    thread.join().unwrap();
    let tasks = &summary["tasks"];
    assert_eq!(tasks["own"]["status"], "succeeded", "{summary:#}");
    for id in ["others", "name", "away"] {
        assert_eq!(
            (&tasks[id]["status"], &tasks[id]["cause"]),
            (&"failed".into(), &"tool".into()),
            "{summary:#}"
        );
        let why = world.regatta(&["explain", id]).out;
        assert!(why.contains("is no public address"), "{why}");
    }
}

#[test]
fn a_secret_in_the_address_or_the_method_of_a_request_is_in_no_message_whatever_becomes_of_it() {
    let mut world = World::new();
    world.set("WHERE", r#"it's-a#Secret\of"us"#);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = |rest: &str| json!({ "url": rest.replace("PORT", &free.to_string()) });
    let calls = [
        url("http://127.0.0.1:PORT/x/${vault.WHERE}?q"),
        url("http://127.0.0.1:PORT/?q=${vault.WHERE}"),
        url("http://${vault.WHERE}.test:PORT/"),
        url("http://127.0.0.1:PORT${vault.WHERE}"),
        url("${vault.WHERE}"),
        url("${vault.WHERE}://x.test/"),
        json!({ "url": "https://x.test/", "method": "${vault.WHERE}" }),
        json!({ "url": "https://x.test/", "method": "get ${vault.WHERE}" }),
    ];
    for params in calls {
        let request =
            json!({ "tasks": [{ "id": "a", "tool": "http_request", "vault": "WHERE", "params": params }] });
        world.write("one.json", &request.to_string());
        let said = world.regatta(&["run", "one.json", "--json"]).exits(1).json();
        let message = said["tasks"]["a"]["error"]["message"].as_str().unwrap().to_lowercase();
        let parts = ["it's", "it%27", "-a#", "a%23", "secret", "%22us", "of\""];
        assert!(!parts.iter().any(|part| message.contains(part)), "{params}: {message}");
    }
    refused(&world, "http_request", &url("http://127.0.0.1:PORT/x"), &format!("http://127.0.0.1:{free}"));
}

#[test]
fn a_provider_that_asks_for_a_rest_is_left_alone_and_no_attempt_is_used_up() {
    let (port, thread) = server(1);
    let world = World::with(&format!(
        "version: 1\ntasks: [ {{ id: a, tool: http_request, params: {{ url: 'http://127.0.0.1:{port}/busy' }} }} ]\n"
    ));
    world.regatta(&["run", "plan.yaml", "--detach"]).exits(0);
    world.follow("hold_started", 1);
    thread.join().unwrap();
    let events = world.regatta(&["events"]).out;
    assert!(events.contains("dispatch_held") && !events.contains("dispatch_failed"), "{events}");
    world.regatta(&["cancel"]).exits(0);
    world.follow("run_ended", 1);
}

#[test]
fn what_failed_is_undone_by_tools_too() {
    let world = World::with(
        "version: 1\non_failure: rollback\ntasks:
  - { id: a, tool: file_write, params: { path: made, content: x }, undo: { tool: file_move, params: { source: made, dest: 'n${a.result.bytes}' } } }
  - { id: b, needs: [a], run: 'false' }\n",
    );
    let summary = world.run();
    assert_eq!(summary["status"], "failed", "{summary:#}");
    assert!(world.path("n1").exists() && !world.path("made").exists());
}

#[test]
fn a_path_that_ends_with_a_slash_is_no_file_to_be_written() {
    let world = World::new();
    world.write("in.txt", "x");
    let why = "names a directory, not a file";
    refused(&world, "file_write", &json!({ "path": "x/", "content": "x" }), why);
    refused(&world, "file_copy", &json!({ "source": "in.txt", "dest": "x/" }), why);
    assert!(!world.path("x").exists());
}

#[test]
fn a_whole_number_of_a_built_in_tool_may_be_written_with_a_fraction_that_is_none() {
    let world = World::new();
    for ms in [json!(5.0), json!("5"), json!("5.0")] {
        assert_eq!(call(&world, "sleep", &json!({ "ms": ms })), Ok(json!({ "slept_ms": 5 })), "{ms}");
    }
    for ms in [json!(5.5), json!(-1.0), json!(1e300), json!("soon"), json!([5])] {
        let request = json!({ "tasks": [{ "id": "a", "tool": "sleep", "params": { "ms": ms } }] });
        world.write("one.json", &request.to_string());
        let said = world.regatta(&["run", "one.json", "--json"]);
        assert!(said.code != Some(0) && said.out.contains("must be a whole number"), "{ms}: {}", said.out);
    }
}

#[test]
fn a_file_that_is_refused_leaves_no_directories_behind() {
    let world = World::new();
    world.write("in", "x");
    for path in ["sub/x/.git/config", "sub/.git", ".regatta/sub/y"] {
        let (_, message) = call(&world, "file_write", &json!({ "path": path, "content": "x" })).unwrap_err();
        assert!(message.contains("own"), "{message}");
        call(&world, "file_copy", &json!({ "source": "in", "dest": path })).unwrap_err();
    }
    assert!(!world.path("sub").exists() && !world.path(".regatta/sub").exists());
}
