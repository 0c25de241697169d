//! Spec 9 "MCP and HTTP": the loopback only, `Host` and `Origin` before anything is read, a token for every call, bounds.

use crate::mcp_http_server::{Server, head};
use crate::world::World;
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn only_the_loopback_is_listened_on() {
    let world = World::new();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80", "example.org:80", "nonsense"] {
        let said = world.regatta(&["mcp", "--http", address]).exits(2);
        assert!(said.err.contains(address) && said.err.contains("hint: --http 127.0.0.1"), "{}", said.err);
    }
    assert!(!world.path("nobody/state").exists());
    let said = world.regatta(&["mcp", "--http", "127.0.0.1:0", "--workspace", "/"]).exits(2);
    assert!(said.err.contains("it is everything you have"), "{}", said.err);
    world.regatta(&["mcp", "--token-file", "x"]).exits(2);
    let server = Server::start(&world, &[]);
    let said = world.regatta(&["mcp", "--http", &server.address]).exits(4);
    assert!(said.err.contains("cannot be listened on") && said.err.contains("127.0.0.1:0"), "{}", said.err);
}

#[test]
fn host_origin_and_token_are_looked_at_before_a_body_is_read() {
    let world = World::new();
    let server = Server::start(&world, &[]);
    let (host, bearer) = (server.address.as_str(), format!("Bearer {}", server.token));
    let right = ("authorization", bearer.as_str());
    let evil = [("host", "evil.example"), right];
    let page = [("host", host), right, ("origin", "http://evil.example")];
    let nobody = [("host", host)];
    let wrong = [("host", host), ("authorization", "Bearer 0123456789abcdef0123456789abcdef")];
    for (headers, expected) in [(&evil[..], 403), (&page, 403), (&nobody, 401), (&wrong, 401)] {
        for method in ["POST", "GET", "DELETE", "OPTIONS"] {
            // The body never comes, and nobody waits for it.
            let headers = [headers, &[("content-length", "10"), ("connection", "close")]].concat();
            let answer = server.raw(&head(method, &headers), b"");
            assert_eq!(answer.status, expected, "{method} {headers:?}");
            assert!(!answer.head.contains("access-control"), "{}", answer.head);
            assert_eq!(answer.header("www-authenticate").is_some(), expected == 401);
        }
    }
    let answer = server.raw("POST /mcp HTTP/1.0\r\n\r\n", b"");
    assert_eq!(answer.status, 403);
    let mut local = server.ask("POST", &[("origin", "http://localhost:3000")], &json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": { "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } } }));
    assert!(local.status == 200 && !local.head.contains("access-control"), "{}", local.head);
    assert_eq!(local.answer()["result"]["serverInfo"]["name"], "regatta");
}

#[test]
fn a_body_a_head_and_a_rate_that_are_too_much_are_refused() {
    let world = World::new();
    let server = Server::start(&world, &[]);
    let bearer = format!("Bearer {}", server.token);
    let ours = [("host", server.address.as_str()), ("authorization", bearer.as_str())];
    let said = [&ours[..], &[("content-length", "99999999"), ("connection", "close")]].concat();
    assert_eq!(server.raw(&head("POST", &said), b"").status, 413);
    let chunked = [&ours[..], &[("transfer-encoding", "chunked"), ("connection", "close")]].concat();
    let chunk = [format!("{:x}\r\n", 1 << 20).into_bytes(), vec![b' '; 1 << 20], b"\r\n".to_vec()].concat();
    assert_eq!(server.raw(&head("POST", &chunked), &chunk.repeat(17)).status, 413);
    let long = "x".repeat(200_000);
    let answer = server.raw(&head("POST", &[&ours[..], &[("long", long.as_str())]].concat()), b"");
    assert_eq!(answer.status, 431);
    // More than come in a burst, on one connection: only a server that takes seconds for them would admit all.
    let many =
        format!("GET /none HTTP/1.1\r\nhost: localhost\r\nauthorization: {bearer}\r\n\r\n").repeat(5_000);
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let mut sender = stream.try_clone().unwrap();
    // It has the token, so it is told and not closed.
    let sent = std::thread::spawn(move || {
        sender.write_all(many.as_bytes()).unwrap();
        sender.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let text = all_said(&mut stream);
    sent.join().unwrap();
    assert!(text.contains("HTTP/1.1 429 ") && text.contains("retry-after: 1"));
    assert!(text.matches("HTTP/1.1 404 ").count() >= 400);
}

/// Sends bytes and reads what comes back until the other side closes.
fn said_to(address: &str, bytes: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    // Whoever is cut off says no more either.
    let _ = stream.write_all(bytes.as_bytes());
    all_said(&mut stream)
}

/// Everything that comes until the other side closes, or cuts off.
fn all_said(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    String::from_utf8(said).unwrap()
}

#[test]
fn so_many_connections_with_the_token_are_held_and_no_more() {
    let world = World::new();
    let server = Server::start(&world, &[]);
    let ask =
        format!("GET /none HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\r\n", server.token);
    let let_in = || {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.write_all(ask.as_bytes()).unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        (stream, String::from_utf8_lossy(&head[9..]).into_owned())
    };
    let held: Vec<_> = (0..256).map(|_| let_in()).collect();
    assert!(held.iter().all(|(_, status)| status == "404"));
    let (mut more, status) = let_in();
    let mut rest = String::new();
    more.read_to_string(&mut rest).unwrap();
    assert!(
        status == "503" && rest.contains("retry-after: 1") && rest.contains("connection: close"),
        "{rest}"
    );
    drop(held);
    // Seats are free as soon as the server has seen somebody go.
    while let_in().1 != "404" {}
}

#[test]
fn whoever_is_refused_is_told_why_once_and_closed() {
    let world = World::new();
    let server = Server::start(&world, &[]);
    let (host, bearer) = (server.address.as_str(), format!("Bearer {}", server.token));
    let right = ("authorization", bearer.as_str());
    let refused = [
        (403, vec![("host", "evil.example"), right]),
        (401, vec![("host", host)]),
        (401, vec![("host", host), ("content-length", "10")]),
        (413, vec![("host", host), right, ("content-length", "99999999")]),
    ];
    for (status, headers) in refused {
        let said = said_to(host, &head("POST", &headers).repeat(3));
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{said}");
        assert!(said.to_lowercase().contains("\r\nconnection: close\r\n"), "{said}");
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{said}");
    }
}

#[test]
fn whoever_has_the_token_gets_in_however_many_there_are_without_it() {
    let world = World::new();
    let server = Server::start(&world, &[]);
    let silent: Vec<_> = (0..600).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    assert_eq!(
        server.session().call("plan_check", json!({ "plan": "version: 1\ntasks: []" }))["valid"],
        true
    );
    let refused = || {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        // It may be cut off before it has said all, and it does not go by itself.
        let _ = stream.write_all(head("GET", &[("host", "localhost")]).repeat(2).as_bytes());
        stream
    };
    let refused: Vec<_> = (0..600).map(|_| refused()).collect();
    assert_eq!(
        server.session().call("plan_check", json!({ "plan": "version: 1\ntasks: []" }))["valid"],
        true
    );
    drop((silent, refused));
}

#[test]
fn the_token_is_made_once_in_a_private_file_and_is_shown_nowhere() {
    let world = World::new();
    let server = Server::start(&world, &[]);
    let file = world.path("nobody/state/regatta/mcp-token");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
    assert!(server.token.len() == 64 && !server.greeting.contains(&server.token), "{}", server.greeting);
    assert!(server.greeting.contains(file.to_str().unwrap()), "{}", server.greeting);
    let environment = json!({ "commands": [ { "id": "a", "cmd": "env; cat /proc/$PPID/cmdline" } ] });
    let said = server.session().call("shell_batch", environment).to_string();
    assert!(!said.contains(&server.token), "{said}");
    let found = std::process::Command::new("grep")
        .args(["-rlaF", &server.token])
        .arg(world.path(".regatta"))
        .output();
    assert_eq!(String::from_utf8_lossy(&found.unwrap().stdout), "");
    let again = Server::start(&world, &[]);
    assert_eq!(again.token, server.token);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = world.regatta(&["mcp", "--http", "127.0.0.1:0"]).exits(4);
    assert!(said.err.contains("others may read it"), "{}", said.err);
}

/// What a client named so is started with when somebody types what the server says: its arguments, a line each, and the
/// variable.
fn typed(world: &World, server: &Server, (client, heading, next): (&str, &str, &str)) -> (String, String) {
    let script = "#!/bin/sh\nprintf '%s\\n' \"$@\" >argv\nprintf %s \"$REGATTA_MCP_TOKEN\" >variable\n";
    world.write(&format!("bin/{client}"), script);
    let path = world.path(&format!("bin/{client}"));
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let typed = server.greeting.split_once(heading).unwrap().1.split_once(next).unwrap().0;
    let shell =
        world.program("sh", &["-eu", "-c", &format!("PATH=$PWD/bin:$PATH\n{typed}")]).output().unwrap();
    assert!(shell.status.success(), "{typed}{}", String::from_utf8_lossy(&shell.stderr));
    (world.read("argv"), world.read("variable"))
}

#[test]
fn what_the_server_tells_to_type_puts_the_token_on_no_command_line() {
    let world = World::new();
    let file = "to'ken $HOME";
    let server = Server::start(&world, &["--token-file", file]);
    let token = server.token.as_str();
    let sections = [("claude", "Claude Code:", "Codex:"), ("codex", "Codex:", "clients with a file:")];
    for section in sections {
        let (argv, variable) = typed(&world, &server, section);
        assert!(!argv.contains(token), "{argv}");
        assert_eq!(variable, token);
        // The client fills it in itself.
        assert!(argv.contains("REGATTA_MCP_TOKEN"), "{argv}");
        assert_eq!(argv.contains("Authorization: Bearer ${REGATTA_MCP_TOKEN}"), section.0 == "claude");
    }
    let guide = include_str!("../../../../docs/mcp.md");
    let headers: Vec<&str> = guide.lines().filter(|line| line.contains("--header")).collect();
    assert!(!headers.is_empty() && headers.iter().all(|line| !line.contains("$(")), "{headers:?}");
}

#[test]
fn a_task_that_gets_hold_of_the_token_cannot_print_it() {
    for file in [None, Some("own-token")] {
        let world = World::new();
        let args: Vec<&str> = file.map_or_else(Vec::new, |file| vec!["--token-file", file]);
        let server = Server::start(&world, &args);
        let (path, token) = (world.path(file.unwrap_or("nobody/state/regatta/mcp-token")), &server.token);
        let cmd = format!("cat '{0}' | tee $REGATTA_WORKSPACE/seen; base64 -w0 '{0}'", path.display());
        let said = server.session().call("shell_batch", json!({ "commands": [ { "id": "a", "cmd": cmd } ] }));
        assert_eq!(world.read("seen").trim(), token, "the task had it");
        let out = said["commands"]["a"]["stdout"].as_str().unwrap_or_else(|| panic!("{said}"));
        assert!(out.contains("[REDACTED:") && !out.contains(token.as_str()), "{out}");
        let found =
            std::process::Command::new("grep").args(["-rlaF", token]).arg(world.path(".regatta")).output();
        assert_eq!(String::from_utf8_lossy(&found.unwrap().stdout), "");
    }
}
