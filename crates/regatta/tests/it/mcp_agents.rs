//! Spec 10 "MCP server" with real clients: Codex and Claude Code hand over a graph to `regatta mcp`. A scripted model tells them to.

use crate::mcp_http_server::Server;
use crate::model::world_with;
use crate::world::World;
use serde_json::{Value, json};
use std::process::Command;

const BINARY: &str = env!("CARGO_BIN_EXE_regatta");

/// The script of the model: one call of a tool of ours, then a word.
fn script(tool: &str, arguments: &Value) -> String {
    format!("SCRIPT: {}", json!([ { "call": tool, "args": arguments }, { "text": "handed over" } ]))
}

/// Three files that are written at once and one that is made of them.
fn graph() -> Value {
    let write = |id: &str, after: &[&str], text: &str| json!({ "id": id, "tool": "file_write", "dependsOn": after, "params": { "path": format!("{id}.txt"), "content": text } });
    json!({ "tasks": [
        write("a", &[], "one"), write("b", &[], "two"),
        { "id": "read", "tool": "file_read", "dependsOn": ["a", "b"], "params": { "path": "a.txt" } },
        write("sum", &["read"], "${read.result} and more"),
    ] })
}

/// What a program says, to whomever.
fn said(mut program: Command) -> String {
    let output = program.output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

fn is_done(world: &World, said: &str) {
    let newest = world.regatta(&["status", "--json"]).json();
    assert_eq!(newest["status"], "succeeded", "{newest:#}\n{said}");
    assert_eq!((world.read("b.txt"), world.read("sum.txt")), ("two".into(), "one and more".into()), "{said}");
    assert!(said.contains("handed over"), "{said}");
}

#[test]
fn claude_hands_over_a_graph_in_one_call() {
    let Some((mut world, _model)) = world_with("claude") else { return };
    world.set("ENABLE_TOOL_SEARCH", "false");
    world.set("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
    let root = world.root().to_str().unwrap().to_owned();
    let servers =
        json!({ "mcpServers": { "regatta": { "command": BINARY, "args": ["mcp", "--workspace", root] } } });
    let prompt = script("mcp__regatta__parallel_execute", &graph());
    let allowed = "mcp__regatta__parallel_execute";
    let args = [
        "-p",
        &prompt,
        "--output-format",
        "stream-json",
        "--verbose",
        "--mcp-config",
        &servers.to_string(),
        "--allowedTools",
        allowed,
    ];
    is_done(&world, &said(world.program("claude", &args)));
}

#[test]
fn codex_hands_over_a_graph_in_one_call() {
    let Some((world, _model)) = world_with("codex") else { return };
    let root = world.root().display().to_string();
    let config = world.read("home/.codex/config.toml");
    let server =
        format!("[mcp_servers.regatta]\ncommand = {BINARY:?}\nargs = [\"mcp\", \"--workspace\", {root:?}]\n");
    world.write("home/.codex/config.toml", &format!("{config}{server}"));
    let prompt = script("parallel_execute", &graph());
    let args = ["exec", "--json", "--skip-git-repo-check", "-s", "danger-full-access", &prompt];
    is_done(&world, &said(world.program("codex", &args)));
}

/// The lines that the server says for a client: those between two of its headings.
fn section<'a>(server: &'a Server, from: &str, to: &str) -> &'a str {
    server.greeting.split_once(from).unwrap().1.split_once(to).unwrap().0
}

#[test]
fn claude_hands_over_a_graph_over_http_with_the_file_that_the_server_tells_to_write() {
    let Some((mut world, _model)) = world_with("claude") else { return };
    world.set("ENABLE_TOOL_SEARCH", "false");
    world.set("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
    let server = Server::start(&world, &[]);
    world.set("REGATTA_MCP_TOKEN", &server.token);
    let file = section(&server, "clients with a file:", "Ctrl-C").trim();
    let tool = "mcp__regatta__parallel_execute";
    let prompt = script(tool, &graph());
    let args = [
        "-p",
        &prompt,
        "--output-format",
        "stream-json",
        "--verbose",
        "--mcp-config",
        file,
        "--allowedTools",
        tool,
    ];
    is_done(&world, &said(world.program("claude", &args)));
}

#[test]
fn codex_hands_over_a_graph_over_http_with_the_commands_that_the_server_tells_to_type() {
    let Some((world, _model)) = world_with("codex") else { return };
    let server = Server::start(&world, &[]);
    let commands = section(&server, "Codex:", "clients with a file:");
    let exec = "exec codex exec --json --skip-git-repo-check -s danger-full-access \"$PROMPT\"";
    let mut shell = world.program("sh", &["-ec", &format!("{commands}\n{exec}")]);
    shell.env("PROMPT", script("parallel_execute", &graph()));
    is_done(&world, &said(shell));
}

#[test]
fn claude_hands_over_a_graph_over_http_with_the_commands_that_the_server_tells_to_type() {
    let Some((mut world, _model)) = world_with("claude") else { return };
    world.set("ENABLE_TOOL_SEARCH", "false");
    world.set("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
    let server = Server::start(&world, &[]);
    let commands = section(&server, "Claude Code:", "Codex:");
    let tool = "mcp__regatta__parallel_execute";
    let exec =
        format!("exec claude -p \"$PROMPT\" --output-format stream-json --verbose --allowedTools {tool}");
    let mut shell = world.program("sh", &["-ec", &format!("{commands}\n{exec}")]);
    shell.env("PROMPT", script(tool, &graph()));
    is_done(&world, &said(shell));
}
