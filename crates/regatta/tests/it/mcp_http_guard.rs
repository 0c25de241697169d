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
    let sent = std::thread::spawn(move || {
        sender.write_all(many.as_bytes()).unwrap();
        sender.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    sent.join().unwrap();
    assert!(text.contains("HTTP/1.1 429 ") && text.contains("retry-after: 1"));
    assert!(text.matches("HTTP/1.1 404 ").count() >= 400);
}

#[test]
fn so_many_connections_are_held_and_no_more() {
    let world = World::new();
    let server = Server::start(&world, &[]);
    let mut held: Vec<_> = (0..256).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    let mut more = TcpStream::connect(&server.address).unwrap();
    // It is closed without a word.
    assert_eq!(more.read(&mut [0; 1]).unwrap_or(0), 0);
    let mut first = held.swap_remove(0);
    first.write_all(b"GET /mcp HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    first.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 403 "), "{text}");
    // Its seat is free as soon as the server has seen it go.
    let mut again = String::new();
    while !again.starts_with("HTTP/1.1 403 ") {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        let sent = stream.write_all(b"GET /mcp HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n");
        again.clear();
        // Whoever had no seat was cut off.
        let _ = sent.and_then(|()| stream.read_to_string(&mut again));
    }
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
    // What the server tells to do with the file is what a shell makes a header of.
    let line = server.greeting.lines().find(|line| line.contains("claude mcp add")).unwrap();
    let header = line.split_once("--header ").unwrap().1;
    let shell = world.program("sh", &["-c", &format!("printf %s {header}")]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&shell.stdout), format!("Authorization: Bearer {}", server.token));
    let again = Server::start(&world, &[]);
    assert_eq!(again.token, server.token);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = world.regatta(&["mcp", "--http", "127.0.0.1:0"]).exits(4);
    assert!(said.err.contains("others may read it"), "{}", said.err);
}
