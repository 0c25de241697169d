//! `regatta mcp --http` as a child, and a client that writes its requests by hand: every header is the test's own.

use crate::world::World;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};

/// A server that listens; killed when it is dropped.
pub struct Server {
    pub child: Child,
    /// `127.0.0.1:PORT`.
    pub address: String,
    pub token: String,
    /// What it said before it served.
    pub greeting: String,
}

impl Server {
    /// On a port that is free, for the workspace of the world.
    pub fn start(world: &World, args: &[&str]) -> Server {
        let root = world.root().to_str().unwrap();
        Server::anywhere(world, &[&["--workspace", root], args].concat())
    }

    /// As [`Server::start`], without a word about the workspace.
    pub fn anywhere(world: &World, args: &[&str]) -> Server {
        let all = [&["mcp", "--http", "127.0.0.1:0"], args].concat();
        let mut child = world.command(&all).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut greeting = String::new();
        while !greeting.contains("Ctrl-C") {
            assert!(out.read_line(&mut greeting).unwrap() > 0, "it does not serve: {greeting}");
        }
        let address = greeting.split_once("http://").unwrap().1.split_once("/mcp").unwrap().0.to_owned();
        let file = greeting.split_once("the token in ").unwrap().1.split_once(": `Authorization").unwrap().0;
        let token = std::fs::read_to_string(file).unwrap().trim().to_owned();
        Server { child, address, token, greeting }
    }

    /// Sends a request and reads the head of the answer.
    pub fn send(&self, method: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let length = body.len().to_string();
        let more = [("connection", "close"), ("content-length", length.as_str())];
        self.raw(&head(method, &[headers, &more].concat()), body.as_bytes())
    }

    /// Sends bytes and reads the head of what comes back.
    pub fn raw(&self, head: &str, body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        // A server that has refused the head need not read this.
        let _ = stream.write_all(body);
        Answer::read(stream)
    }

    /// What a well-behaved client sends with each request.
    pub fn usual(&self) -> Vec<(&str, String)> {
        vec![
            ("host", self.address.clone()),
            ("authorization", format!("Bearer {}", self.token)),
            ("accept", "application/json, text/event-stream".to_owned()),
            ("content-type", "application/json".to_owned()),
        ]
    }

    /// As [`Server::send`], with what is usual and more.
    pub fn ask(&self, method: &str, more: &[(&str, &str)], body: &Value) -> Answer {
        let usual = self.usual();
        let usual = usual.iter().map(|(name, value)| (*name, value.as_str()));
        let headers: Vec<_> = usual.chain(more.iter().copied()).collect();
        self.send(method, &headers, &if body.is_null() { String::new() } else { body.to_string() })
    }

    /// A request of revision 2026-07-28: alone, without a session.
    pub fn alone(&self, method: &str, params: Value) -> Answer {
        let mut params = params;
        for (name, value) in [("protocolVersion", json!("2026-07-28")), ("clientCapabilities", json!({}))] {
            params["_meta"][format!("io.modelcontextprotocol/{name}")] = value;
        }
        let mut headers = vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
        let name = params["name"].as_str().map(str::to_owned);
        headers.extend(name.as_deref().map(|name| ("mcp-name", name)));
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        self.ask("POST", &headers, &body)
    }

    /// A session of revision 2025-11-25 that has said hello.
    pub fn session(&self) -> Session<'_> {
        self.session_that_can(&json!({}))
    }

    /// As [`Server::session`], of a client with capabilities.
    pub fn session_that_can(&self, capabilities: &Value) -> Session<'_> {
        let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": { "name": "test", "version": "1" } } });
        let mut answer = self.ask("POST", &[], &hello);
        assert_eq!(answer.status, 200, "{}", answer.head);
        let id = answer.header("mcp-session-id").unwrap();
        let said = answer.answer();
        assert_eq!(said["result"]["protocolVersion"], "2025-11-25", "{said}");
        let session = Session { server: self, id, next: 0 };
        let told = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert_eq!(session.send(&told).status, 202);
        session
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The head of a request.
pub fn head(method: &str, headers: &[(&str, &str)]) -> String {
    let lines = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<String>();
    format!("{method} /mcp HTTP/1.1\r\n{lines}\r\n")
}

/// A session of a client.
pub struct Session<'a> {
    server: &'a Server,
    pub id: String,
    next: u64,
}

impl Session<'_> {
    /// Sends any message in this session.
    pub fn send(&self, body: &Value) -> Answer {
        self.request("POST", &[], body)
    }

    /// Any request in this session.
    pub fn request(&self, method: &str, more: &[(&str, &str)], body: &Value) -> Answer {
        let ours = [("mcp-session-id", self.id.as_str()), ("mcp-protocol-version", "2025-11-25")];
        self.server.ask(method, &[&ours, more].concat(), body)
    }

    /// Sends a request; the answer is still to come.
    pub fn order(&mut self, method: &str, params: Value) -> (u64, Answer) {
        self.next += 1;
        let body = json!({ "jsonrpc": "2.0", "id": self.next, "method": method, "params": params });
        (self.next, self.send(&body))
    }

    pub fn tell(&self, method: &str, params: Value) {
        let body = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        assert_eq!(self.send(&body).status, 202);
    }

    /// The structured answer of a tool.
    pub fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let (_, mut answer) = self.order("tools/call", json!({ "name": tool, "arguments": arguments }));
        answer.answer()["result"]["structuredContent"].take()
    }
}

/// An answer whose body may still be coming.
pub struct Answer {
    pub status: u16,
    pub head: String,
    body: Box<dyn std::io::BufRead>,
    /// The id of the last event that had one.
    pub last_event: Option<String>,
}

impl Answer {
    fn read(stream: TcpStream) -> Answer {
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(stream.read_line(&mut head).unwrap() > 0, "no answer: {head}");
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let head = head.to_lowercase();
        let chunked = head.contains("transfer-encoding: chunked");
        let body: Box<dyn std::io::BufRead> = match chunked {
            true => Box::new(BufReader::new(Chunks { stream, left: 0 })),
            false => Box::new(stream),
        };
        Answer { status, head, body, last_event: None }
    }

    pub fn header(&self, name: &str) -> Option<String> {
        let line = self.head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.map(str::to_owned)
    }

    /// The next message of a stream; `None` at its end.
    pub fn message(&mut self) -> Option<Value> {
        let mut line = String::new();
        while self.body.read_line(&mut line).unwrap() > 0 {
            if let Some(id) = line.strip_prefix("id:") {
                self.last_event = Some(id.trim().to_owned());
            }
            let data = line.strip_prefix("data:").map(str::trim).filter(|data| !data.is_empty());
            if let Some(data) = data {
                return Some(serde_json::from_str(data).unwrap());
            }
            line.clear();
        }
        None
    }

    /// The answer as one JSON document.
    pub fn json(&mut self) -> Value {
        let mut text = String::new();
        self.body.read_to_string(&mut text).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The answer itself, behind whatever is told before it.
    pub fn answer(&mut self) -> Value {
        loop {
            let message = self.message().unwrap_or_else(|| panic!("no answer came\n{}", self.head));
            if message.get("method").is_none() {
                return message;
            }
        }
    }
}

/// A body in chunks.
struct Chunks {
    stream: BufReader<TcpStream>,
    left: usize,
}

impl Read for Chunks {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            let mut line = String::new();
            // The end of the chunk before.
            while line.trim().is_empty() {
                line.clear();
                if self.stream.read_line(&mut line)? == 0 {
                    return Ok(0);
                }
            }
            self.left = usize::from_str_radix(line.trim(), 16).map_err(std::io::Error::other)?;
            if self.left == 0 {
                return Ok(0);
            }
        }
        let most = into.len().min(self.left);
        let n = self.stream.read(&mut into[..most])?;
        self.left -= n;
        Ok(n)
    }
}
