//! MCP servers that a plan gives its agents: real agents call their tools, and no secret of theirs is left anywhere.

use crate::acp::old;
use crate::model::world_with;
use crate::real_agents::{CLAUDE, CODEX, GEMINI, OPENCODE, in_worktrees};
use crate::repo_world::with_plan;
use crate::world::{World, ends, signal};
use rustix::process::Signal;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const CALLS: &str = r#"SCRIPT: [{"call": "echo", "args": {"n": 1}}, {"text": "called"}]"#;

/// Gives a plan a server that writes what happens to it into `log`, with a secret of the vault.
fn with_server(world: &mut World) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/server.py");
    let log = world.path("log");
    let servers = format!(
        "version: 1\nvault: {{ key: {{ env: KEY }} }}\nmcp_servers: {{ s: {{ command: python3, args: ['{}', '{}', tells], env: {{ OWN: '${{vault.key}}' }} }} }}\n",
        script.display(),
        log.display()
    );
    world.set("KEY", "open-sesame-1");
    world.write("plan.yaml", &world.read("plan.yaml").replacen("version: 1\n", &servers, 1));
}

/// No file of the store has the secret.
fn is_secret(world: &World) {
    let mut grep = std::process::Command::new("grep");
    let found = grep.args(["-rl", "open-sesame-1", ".regatta"]).current_dir(world.root()).output().unwrap();
    assert!(found.stdout.is_empty(), "{}", String::from_utf8_lossy(&found.stdout));
}

#[test]
fn real_agents_call_the_tools_of_the_servers_that_they_get() {
    let claude = CLAUDE.replace("ANTHROPIC_BASE_URL]", "ANTHROPIC_BASE_URL, ENABLE_TOOL_SEARCH]");
    let gemini = GEMINI.replace("home: shared", "home: own");
    for (name, agent) in [("codex", CODEX), ("claude", &claude), ("gemini", &gemini), ("opencode", OPENCODE)]
    {
        let Some((mut world, _model)) = world_with(name) else { continue };
        world.set("ENABLE_TOOL_SEARCH", "false");
        in_worktrees(&world, &format!("{agent}, mcp: [s]"), &[("a", CALLS, "")], "true");
        with_server(&mut world);
        let summary = world.run();
        assert_eq!(summary["status"], "succeeded", "{name}: {summary:#}");
        let log = world.read("log");
        assert!(log.contains("own open-sesame-1") && log.contains("call echo {\"n\": 1}"), "{name}: {log}");
        is_secret(&world);
    }
}

#[test]
fn an_agent_that_may_only_read_is_refused_the_tools_of_its_servers() {
    let claude = CLAUDE.replace("ANTHROPIC_BASE_URL]", "ANTHROPIC_BASE_URL, ENABLE_TOOL_SEARCH]");
    for (name, agent) in [("codex", CODEX), ("claude", &claude), ("opencode", OPENCODE)] {
        let Some((mut world, _model)) = world_with(name) else { continue };
        world.set("ENABLE_TOOL_SEARCH", "false");
        in_worktrees(&world, &format!("{agent}, mcp: [s], permissions: deny"), &[("a", CALLS, "")], "true");
        with_server(&mut world);
        let summary = world.run();
        assert_eq!(summary["tasks"]["a"]["cause"], "permission", "{name}: {summary:#}");
        assert!(!world.read("log").contains("call echo"), "{name}");
    }
}

#[test]
fn an_agent_of_the_protocol_gets_its_servers_with_its_session() {
    let mut world = old("go");
    let sees = "*'\"session/new\"'*)\n        printf '%s\\n' \"$line\" >new\n        tr '\\0' ' ' </proc/$PPID/cmdline >args\n        ls \"$TMPDIR\" >tmp\n";
    world.write("agent.sh", &world.read("agent.sh").replace("*'\"session/new\"'*)\n", sees));
    world.write(
        "plan.yaml",
        &world.read("plan.yaml").replace("permissions: allow", "permissions: allow, mcp: [s]"),
    );
    with_server(&mut world);
    world.run();
    let new = world.read("new");
    for part in ["\"name\":\"s\"", "\"command\":\"python3\"", "\"name\":\"OWN\",\"value\":\"open-sesame-1\""]
    {
        assert!(new.contains(part), "{part}: {new}");
    }
    assert!(!world.read("args").contains("open-sesame-1"), "{}", world.read("args"));
    assert_eq!(world.read("tmp"), "mcp.json\n", "it is among what goes with the attempt");
    is_secret(&world);
}

#[test]
fn an_agent_of_the_protocol_that_takes_no_servers_at_an_address_has_failed_and_says_so() {
    let world = old("go");
    let plan = world.read("plan.yaml").replace("permissions: allow", "permissions: allow, mcp: [s]");
    let servers = "version: 1\nmcp_servers: { s: { url: 'http://127.0.0.1:9/mcp' } }\n";
    world.write("plan.yaml", &plan.replacen("version: 1\n", servers, 1));
    let why = world.run()["tasks"]["a"]["why"].as_str().unwrap().to_owned();
    assert!(why.contains("takes no MCP servers at an address"), "{why}");
}

#[test]
fn a_real_agent_of_the_protocol_starts_the_servers_that_it_gets() {
    let Some((mut world, _model)) = world_with("codex-acp") else { return };
    let agent = "acp: [codex-acp], env: [LOOP_API_KEY], home: shared, permissions: allow, mcp: [s]";
    in_worktrees(&world, agent, &[("a", CALLS, "")], "true");
    with_server(&mut world);
    let summary = world.run();
    assert_eq!(summary["status"], "succeeded", "{summary:#}");
    // Whether a tool may be called this agent lets a model of its own judge, and that is scripted here.
    assert!(world.read("log").contains("own open-sesame-1"), "{}", world.read("log"));
    is_secret(&world);
}

/// What an agent does that is told of its servers by a file: it says that it has it, and leaves no way to store its output.
const TOLD: &str = "#!/bin/sh\nls \"$TMPDIR\" >\"$SEEN\"\nmkdir -p \"$(dirname \"$REGATTA_PROMPT_FILE\")/stdout/x\"\necho lost\n";

/// A program called `claude` that does what it says, before all others.
fn as_claude(world: &mut World, does: &str) {
    let bin = world.root().join(".git/bin");
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::write(bin.join("claude"), does).unwrap();
    std::fs::set_permissions(bin.join("claude"), std::fs::Permissions::from_mode(0o755)).unwrap();
    world.set("PATH", &format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()));
    let seen = world.root().join(".git/seen");
    world.set("SEEN", seen.to_str().unwrap());
}

const BOT: &str = "agents: { bot: { preset: claude, env: [SEEN], mcp: [s] } }\n";

#[test]
fn the_file_that_tells_of_servers_is_gone_when_an_attempt_has_ended_however_it_is_judged() {
    let mut world = World::with(&format!(
        "version: 1\n{BOT}tasks: [ {{ id: a, agent: bot, prompt: x, accept: [y] }} ]\n"
    ));
    as_claude(&mut world, TOLD);
    with_server(&mut world);
    let summary = world.run();
    let why = summary["tasks"]["a"]["why"].as_str().unwrap();
    assert!(why.contains("could not be stored"), "{why}");
    assert_eq!(world.read(".git/seen"), "mcp.json\n");
    is_secret(&world);
}

/// A repository where `claude` is to mend a gate that is red.
fn mended_by(does: &str) -> World {
    let plan = format!(
        "{BOT}merge: {{ gates: [good], fix: {{ agent: bot, attempts: 1 }} }}\n\
         gates: {{ good: {{ run: 'false' }} }}\ntasks: [ {{ id: a, run: 'echo new >new.txt' }} ]\n"
    );
    let mut world = with_plan(&plan);
    as_claude(&mut world, does);
    with_server(&mut world);
    world
}

#[test]
fn the_file_that_tells_of_servers_is_gone_when_an_agent_that_helps_a_merge_has_ended_or_is_left() {
    let world = mended_by(TOLD);
    world.regatta(&["run", "plan.yaml"]);
    assert_eq!(world.read(".git/seen"), "mcp.json\n");
    is_secret(&world);
    let world = mended_by("#!/bin/sh\nls \"$TMPDIR\" >\"$SEEN\"\nexec sleep 97\n");
    world.fifo(".git/seen");
    let mut child = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear(".git/seen"), "mcp.json");
    signal(&child, Signal::INT);
    assert_eq!(ends(&mut child), Some(130));
    is_secret(&world);
}

#[test]
fn a_reference_that_codex_would_get_as_an_option_is_refused_and_never_on_a_command_line() {
    let mut world = World::with(
        "version: 1\nmcp_servers: { web: { url: 'http://127.0.0.1:9/mcp?key=${env.KEY}' } }\n\
         agents: { bot: { preset: codex, mcp: [web] } }\ntasks: [ { id: a, agent: bot, prompt: x, accept: [y] } ]\n",
    );
    world.set("KEY", "open-sesame-1");
    let why = world.run()["tasks"]["a"]["why"].as_str().unwrap().to_owned();
    assert!(why.contains("MCP server `web`") && why.contains("put it into its `headers`"), "{why}");
}
