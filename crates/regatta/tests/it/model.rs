//! A scripted model server on the loopback, and real agents that are pointed at it.
//!
//! The agents are installed by `scripts/setup-agents.sh`, outside the repository. Where one is missing, a test says that
//! it is skipped.

use crate::world::World;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A running server; ended when it is dropped.
pub struct Model {
    child: Child,
    address: String,
}

impl Model {
    /// Starts it; agents are led to files of this workspace only.
    pub fn start(world: &World) -> Model {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/agents/model_server.py");
        let mut command = Command::new("python3");
        command.arg(script).args(["--port", "0", "--root"]).arg(world.root()).current_dir(world.root());
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit_once("//").unwrap().1.to_owned();
        Model { child, address }
    }

    /// Where it listens.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it billed: input with cached, cached, output with reasoning, reasoning.
    pub fn billed(&self) -> [u64; 4] {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let request = format!("GET /__stats HTTP/1.0\r\nHost: {}\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let stats: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        ["input", "cached", "output", "reasoning"]
            .map(|name| stats["usage_total"][name].as_u64().unwrap_or(0))
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where the scripts of setup put what tests start.
pub fn cache() -> Option<PathBuf> {
    let var = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = || var("XDG_CACHE_HOME").or_else(|| Some(var("HOME")?.join(".cache")));
    var("REGATTA_TEST_AGENTS").or_else(|| Some(cache()?.join("regatta-tests")))
}

/// Where a program of a folder lies, and that of node; tells that the test is skipped where one is missing.
#[expect(clippy::print_stderr, reason = "a test that cannot run says so")]
pub fn installed(program: &str, folder: &str) -> Option<[PathBuf; 2]> {
    let place = cache()?;
    let bins = [place.join(folder).join("node_modules/.bin"), place.join("node/node_modules/node/bin")];
    let found = bins[0].join(program).exists() && bins[1].join("node").exists();
    if !found {
        eprintln!("SKIPPED: {program} is not installed (scripts/setup-tests.sh)");
    }
    found.then_some(bins)
}

/// As [`installed`], for aider, which comes from Python's registry and is installed on demand only.
#[expect(clippy::print_stderr, reason = "a test that cannot run says so")]
fn aider_installed() -> Option<Vec<PathBuf>> {
    let bin = cache()?.join("aider/bin");
    let found = bin.join("aider").exists();
    if !found {
        eprintln!("SKIPPED: aider is not installed (scripts/setup-agents.sh --aider)");
    }
    found.then(|| vec![bin])
}

/// A workspace whose PATH leads to an agent and whose home tells it of a scripted model server.
pub fn world_with(agent: &str) -> Option<(World, Model)> {
    let bins = if agent == "aider" { aider_installed()? } else { installed(agent, agent)?.into() };
    let mut world = World::new();
    let model = Model::start(&world);
    let path = std::env::join_paths(
        bins.into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    world.set("PATH", path.unwrap().to_str().unwrap());
    let home = world.path("home");
    std::fs::create_dir(&home).unwrap();
    world.set("HOME", home.to_str().unwrap());
    world.set("ANTHROPIC_BASE_URL", &model.base());
    world.set("ANTHROPIC_API_KEY", "sk-dummy");
    world.set("LOOP_API_KEY", "sk-dummy");
    world.write("home/.codex/config.toml", &codex_config(&model.base()));
    // Without one aider writes a name into the settings of the repository, which no task may.
    world.write("home/.gitconfig", "[user]\nname = t\nemail = t@example.invalid\n");
    world.set("GEMINI_API_KEY", "sk-dummy");
    world.set("GOOGLE_GEMINI_BASE_URL", &model.base());
    world.write("home/.gemini/settings.json", GEMINI);
    world.write("home/.config/opencode/opencode.json", &opencode_config(&model.base()).to_string());
    world.set("OPENCODE_DISABLE_MODELS_FETCH", "1");
    world.set("OPENAI_API_KEY", "sk-dummy");
    world.set("OPENAI_API_BASE", &format!("{}/v1", model.base()));
    Some((world, model))
}

/// Settings of Gemini CLI that keep it from asking for a login and from its maker's servers.
const GEMINI: &str = r#"{
    "security": { "auth": { "selectedType": "gemini-api-key" } },
    "general": { "enableAutoUpdate": false },
    "privacy": { "usageStatisticsEnabled": false },
    "telemetry": { "enabled": false }
}"#;

fn opencode_config(base: &str) -> Value {
    let options = json!({ "baseURL": format!("{base}/v1"), "apiKey": "sk-dummy" });
    let scripted = json!({
        "name": "scripted",
        "tool_call": true,
        "limit": { "context": 100_000, "output": 8_000 },
    });
    let provider = json!({
        "npm": "@ai-sdk/openai-compatible",
        "name": "loop",
        "options": options,
        "models": { "scripted": scripted },
    });
    json!({
        "autoupdate": false,
        "share": "disabled",
        "model": "loop/scripted",
        "small_model": "loop/scripted",
        "provider": { "loop": provider },
    })
}

fn codex_config(base: &str) -> String {
    format!(
        "model = \"scripted\"\nmodel_provider = \"loop\"\ncheck_for_update_on_startup = false\n\
         [model_providers.loop]\nname = \"loop\"\nbase_url = \"{base}/v1\"\nwire_api = \"responses\"\n\
         env_key = \"LOOP_API_KEY\"\nrequest_max_retries = 1\nstream_max_retries = 1\nstream_idle_timeout_ms = 15000\n"
    )
}
