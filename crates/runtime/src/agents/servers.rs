//! MCP servers for an agent: how each kind of agent is told of those that its plan gives it.
//!
//! ```text
//! servers, references replaced --by kind--> options, variables, a file (0600, gone with the attempt's temporary ones)
//! ```
//! A value of a server's `env` or `headers` may be a secret, so it is never an option.

use super::record::SERVERS_FILE;
use crate::collect::write_private;
use crate::environment::Environment;
use crate::scope::Refusal;
use crate::tools::Server;
use regatta_engine::cause::Cause;
use regatta_plan::model::McpServer;
use regatta_plan::reference::Template;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Path, PathBuf};

/// Servers by name.
pub(super) type Servers = BTreeMap<String, Server>;

/// How an agent is told of servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Telling {
    /// Not at all.
    No,
    /// Codex: options for its settings, values by variables that it passes on.
    CodexOptions,
    /// Claude Code: a file that an option names.
    ClaudeFile,
    /// Gemini CLI: the settings in its own home.
    GeminiHome,
    /// opencode: settings in a variable.
    OpencodeVariable,
    /// The Agent Client Protocol: in the request for a session.
    Protocol,
}

/// Leads from a home of the agent's own to the file, which is gone when the attempt is.
fn link(file: &Path, (home, (dir, name)): (&Path, (&str, &str))) -> std::io::Result<()> {
    let dir = home.join(dir);
    match DirBuilder::new().mode(0o700).create(&dir) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    // The agent of an earlier attempt could have left anything there.
    if !dir.symlink_metadata()?.is_dir() {
        return Err(std::io::Error::other(format!("{} is no directory", dir.display())));
    }
    match fs::remove_file(dir.join(name)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => symlink(file, dir.join(name)),
    }
}

/// What else decides how an agent is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ground<'a> {
    /// Its directory for temporary files.
    pub(super) tmp: &'a Path,
    /// It may use its servers unasked.
    pub(super) allowed: bool,
    /// It gets the key of its provider.
    pub(super) key: bool,
}

/// What an attempt gets so that its agent knows of its servers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Told {
    /// Options.
    pub(super) options: Vec<OsString>,
    /// Variables.
    pub(super) variables: Vec<(OsString, OsString)>,
    /// A file and what it holds.
    pub(super) file: Option<(PathBuf, String)>,
    /// Where the agent looks for that file below its own home: a directory and a name.
    pub(super) in_home: Option<(&'static str, &'static str)>,
}

impl Told {
    /// Adds its variables to those of an attempt, which stand over those that every attempt is passed, and writes its file
    /// into its temporary directory, which is there.
    ///
    /// # Errors
    /// The attempt has or is passed one of the variables with another value, or the file cannot be written.
    pub(super) fn give(
        &self,
        env: &mut Vec<(OsString, OsString)>,
        passed: &Environment,
    ) -> Result<(), Refusal> {
        for (name, value) in &self.variables {
            let own = env.iter().find(|(known, _)| known == name).map(|(_, known)| known.as_os_str());
            match own.or_else(|| passed.iter().find(|(known, _)| known == name).map(|(_, known)| known)) {
                Some(known) if known != value => {
                    let name = name.display();
                    let message = format!(
                        "variable `{name}` has one value for the agent and another for its MCP servers"
                    );
                    return Err(refuse(message));
                }
                Some(_) => {}
                None => env.push((name.clone(), value.clone())),
            }
        }
        let Some((path, text)) = &self.file else { return Ok(()) };
        let failed = |error: std::io::Error| Refusal {
            cause: Cause::Spawn,
            message: format!("{} cannot be written: {error}", path.display()),
        };
        write_private(path, text.as_bytes()).map_err(failed)?;
        let home = env.iter().find(|(name, _)| name == "HOME").map(|(_, home)| Path::new(home));
        match (self.in_home, home) {
            (Some(place), Some(home)) => link(path, (home, place)).map_err(failed),
            (Some(_), None) => Err(refuse("it needs a home of its own for its MCP servers".to_owned())),
            (None, _) => Ok(()),
        }
    }
}

/// Tells an agent of servers.
///
/// # Errors
/// It cannot be told of one of them.
pub(super) fn tell(
    telling: Telling,
    servers: &Servers,
    Ground { tmp, allowed, key }: Ground<'_>,
) -> Result<Told, Refusal> {
    if servers.is_empty() {
        return Ok(Told::default());
    }
    let path = tmp.join(SERVERS_FILE);
    let in_file = |text: Value| Some((path.clone(), text.to_string()));
    let option = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    Ok(match telling {
        Telling::No => return Err(refuse("this agent cannot be told of MCP servers".to_owned())),
        Telling::CodexOptions => return codex(servers, allowed),
        Telling::ClaudeFile => {
            let mut options = option(&["--mcp-config"]);
            options.push(path.clone().into());
            if allowed {
                let tools: Vec<String> = servers.keys().map(|name| format!("mcp__{name}")).collect();
                options.extend(option(&["--allowedTools", &tools.join(",")]));
            }
            Told { options, file: in_file(json!({ "mcpServers": each(servers, claude) })), ..Told::default() }
        }
        Telling::GeminiHome => {
            let of = |server: &Server| with(gemini(server), "trust", allowed.into());
            let mut settings = json!({ "mcpServers": each(servers, of) });
            if key {
                // What it finds out by itself from the variable of the key it does not beside one of an address.
                settings =
                    with(settings, "security", json!({ "auth": { "selectedType": "gemini-api-key" } }));
            }
            let in_home = Some((".gemini", "settings.json"));
            Told { file: in_file(settings), in_home, ..Told::default() }
        }
        Telling::OpencodeVariable => {
            let mut settings = json!({ "mcp": each(servers, opencode) });
            if !allowed {
                let asks = servers.keys().map(|name| (format!("{name}_*"), Value::from("ask")));
                settings = with(settings, "permission", Value::Object(asks.collect()));
            }
            let variable = ("OPENCODE_CONFIG_CONTENT".into(), settings.to_string().into());
            Told { variables: vec![variable], ..Told::default() }
        }
        Telling::Protocol => {
            let mut options = option(&["--servers-file"]);
            options.push(path.clone().into());
            let list = servers.iter().map(|(name, server)| protocol(name, server)).collect();
            Told { options, file: in_file(Value::Array(list)), ..Told::default() }
        }
    })
}

/// Refuses servers whose open texts hold references, where these texts would be options: everybody on the machine can read
/// those.
///
/// # Errors
/// One of them holds one.
pub(super) fn refuse_open<'a>(
    telling: Telling,
    servers: impl Iterator<Item = (&'a String, &'a McpServer)>,
) -> Result<(), Refusal> {
    if telling != Telling::CodexOptions {
        return Ok(());
    }
    for (name, server) in servers {
        // What cannot be read is told where it is resolved.
        let references = |text: &String| Template::parse(text).is_ok_and(|text| text.refs().next().is_some());
        if let Some(text) = server.open_texts().find(|text| references(text)) {
            let (what, where_to) = match server {
                McpServer::Program { .. } => ("command line", "env"),
                McpServer::Address { .. } => ("address", "headers"),
            };
            let message = format!(
                "codex gets the {what} of MCP server `{name}` as an option, which others can read, so `{text}` may hold no reference: put it into its `{where_to}`"
            );
            return Err(refuse(message));
        }
    }
    Ok(())
}

fn refuse(message: String) -> Refusal {
    Refusal { cause: Cause::Plan, message }
}

fn each(servers: &Servers, of: impl Fn(&Server) -> Value) -> Value {
    Value::Object(servers.iter().map(|(name, server)| (name.clone(), of(server))).collect::<Map<_, _>>())
}

fn with(mut map: Value, key: &str, value: Value) -> Value {
    if let Value::Object(map) = &mut map {
        map.insert(key.to_owned(), value);
    }
    map
}

/// Program and arguments.
fn split(argv: &[String]) -> (&str, &[String]) {
    argv.split_first().map_or(("", &[]), |(program, args)| (program, args))
}

fn claude(server: &Server) -> Value {
    match server {
        Server::Program { argv, env } => {
            let (command, args) = split(argv);
            json!({ "type": "stdio", "command": command, "args": args, "env": env })
        }
        Server::Address { url, headers } => json!({ "type": "http", "url": url, "headers": headers }),
    }
}

fn gemini(server: &Server) -> Value {
    match server {
        Server::Program { argv, env } => {
            let (command, args) = split(argv);
            json!({ "command": command, "args": args, "env": env })
        }
        Server::Address { url, headers } => json!({ "httpUrl": url, "headers": headers }),
    }
}

fn opencode(server: &Server) -> Value {
    match server {
        Server::Program { argv, env } => {
            json!({ "type": "local", "command": argv, "environment": env, "enabled": true })
        }
        Server::Address { url, headers } => {
            json!({ "type": "remote", "url": url, "headers": headers, "enabled": true })
        }
    }
}

/// As the request for a session has it, in both versions of the protocol.
fn protocol(name: &str, server: &Server) -> Value {
    let pairs = |map: &BTreeMap<String, String>| -> Vec<Value> {
        map.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
    };
    match server {
        Server::Program { argv, env } => {
            let (command, args) = split(argv);
            json!({ "type": "stdio", "name": name, "command": command, "args": args, "env": pairs(env) })
        }
        Server::Address { url, headers } => {
            json!({ "type": "http", "name": name, "url": url, "headers": pairs(headers) })
        }
    }
}

/// Codex passes on variables of its own by name, so the values of its servers become variables of the attempt.
fn codex(servers: &Servers, allowed: bool) -> Result<Told, Refusal> {
    let mut told = Told::default();
    let mut given: BTreeMap<String, &str> = BTreeMap::new();
    for (at, (name, server)) in servers.iter().enumerate() {
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
            let message =
                format!("codex takes no MCP server with the name `{name}`: letters, digits, `-` and `_`");
            return Err(refuse(message));
        }
        let mut set = |key: &str, value: &Value| {
            told.options.push("-c".into());
            told.options.push(format!("mcp_servers.{name}.{key}={}", toml(value)).into());
        };
        if allowed {
            set("default_tools_approval_mode", &"approve".into());
        }
        match server {
            Server::Program { argv, env } => {
                let (command, args) = split(argv);
                set("command", &command.into());
                set("args", &json!(args));
                set("env_vars", &json!(env.keys().collect::<Vec<_>>()));
                for (variable, value) in env {
                    if given.insert(variable.clone(), value).is_some_and(|other| other != value) {
                        let message =
                            format!("codex cannot give two MCP servers different values of `{variable}`");
                        return Err(refuse(message));
                    }
                }
            }
            Server::Address { url, headers } => {
                set("url", &url.as_str().into());
                let names = headers.iter().enumerate();
                let names =
                    names.map(|(n, (header, value))| (header, format!("REGATTA_MCP_{at}_{n}"), value));
                let names: Vec<(&String, String, &String)> = names.collect();
                let table: Map<String, Value> = names
                    .iter()
                    .map(|(header, variable, _)| ((*header).clone(), variable.clone().into()))
                    .collect();
                set("env_http_headers", &table.into());
                given.extend(names.into_iter().map(|(_, variable, value)| (variable, value.as_str())));
            }
        }
    }
    told.variables = given.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    Ok(told)
}

/// A value as TOML writes it on one line. A text of JSON is one of TOML too.
fn toml(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let pairs =
                map.iter().map(|(key, value)| format!("{} = {}", Value::from(key.as_str()), toml(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Passing;

    fn ground() -> Ground<'static> {
        Ground { tmp: Path::new("/tmp/t"), allowed: true, key: false }
    }

    fn servers() -> Servers {
        let of = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let fs = Server::Program {
            argv: ["fs-server", "--root", "a \"b\""].map(String::from).into(),
            env: of(&[("FS_TOKEN", "a-secret-value")]),
        };
        let web = Server::Address {
            url: "https://x.test/mcp".to_owned(),
            headers: of(&[("Authorization", "Bearer a-secret-value")]),
        };
        [("fs".to_owned(), fs), ("web".to_owned(), web)].into()
    }

    #[test]
    fn a_secret_of_a_server_is_never_an_option() {
        for telling in [
            Telling::CodexOptions,
            Telling::ClaudeFile,
            Telling::GeminiHome,
            Telling::OpencodeVariable,
            Telling::Protocol,
        ] {
            let told = tell(telling, &servers(), ground()).unwrap();
            let options = told.options.iter().map(|o| o.to_string_lossy().into_owned()).collect::<Vec<_>>();
            assert!(!options.join(" ").contains("a-secret-value"), "{telling:?}: {options:?}");
            let elsewhere = format!("{:?}{:?}", told.variables, told.file);
            assert!(elsewhere.contains("a-secret-value"), "{telling:?}: {elsewhere}");
        }
    }

    #[test]
    fn codex_is_told_by_options_in_toml_and_by_names_of_variables() {
        let told = tell(Telling::CodexOptions, &servers(), ground()).unwrap();
        let options: Vec<String> = told.options.iter().map(|o| o.to_string_lossy().into_owned()).collect();
        let asked = Ground { allowed: false, ..ground() };
        let unasked = tell(Telling::CodexOptions, &servers(), asked).unwrap();
        assert_eq!(unasked.options.len() + 4, options.len());
        let expected = [
            "mcp_servers.fs.default_tools_approval_mode=\"approve\"",
            "mcp_servers.fs.command=\"fs-server\"",
            "mcp_servers.fs.args=[\"--root\", \"a \\\"b\\\"\"]",
            "mcp_servers.fs.env_vars=[\"FS_TOKEN\"]",
            "mcp_servers.web.default_tools_approval_mode=\"approve\"",
            "mcp_servers.web.url=\"https://x.test/mcp\"",
            "mcp_servers.web.env_http_headers={\"Authorization\" = \"REGATTA_MCP_1_0\"}",
        ];
        assert_eq!(options.chunks(2).map(|pair| pair[1].as_str()).collect::<Vec<_>>(), expected);
        let mut clash = servers();
        let other = Server::Program {
            argv: vec!["y".to_owned()],
            env: [("FS_TOKEN".to_owned(), "another".to_owned())].into(),
        };
        clash.insert("gs".to_owned(), other.clone());
        let refused = tell(Telling::CodexOptions, &clash, ground()).unwrap_err();
        assert!(refused.message.contains("FS_TOKEN"), "{}", refused.message);
        let odd: Servers = [("a.b".to_owned(), other)].into();
        assert!(tell(Telling::CodexOptions, &odd, ground()).is_err());
    }

    #[test]
    fn a_variable_of_a_server_replaces_none_that_the_agent_has_or_is_passed() {
        let told =
            |name: &str| Told { variables: vec![(name.into(), "the-server's".into())], ..Told::default() };
        let vars = [("HOME", "/home/me"), ("PATH", "/bin")].map(|(name, value)| (name.into(), value.into()));
        let passed = Environment::read(&Passing::Names(vec![]), vars.into_iter());
        for name in ["HOME", "PATH", "OWN"] {
            let refused =
                told(name).give(&mut vec![("OWN".into(), "the-agent's".into())], &passed).unwrap_err();
            assert!(refused.message.contains(&format!("`{name}` has one value")), "{}", refused.message);
        }
        let mut env = Vec::new();
        told("FREE").give(&mut env, &passed).unwrap();
        assert_eq!(env, [("FREE".into(), "the-server's".into())]);
    }

    #[test]
    fn what_codex_would_get_as_an_option_holds_no_reference() {
        let named = |server: McpServer| [("web".to_owned(), server)];
        let refused = |telling, server: &[(String, McpServer)]| {
            refuse_open(telling, server.iter().map(|(name, server)| (name, server))).map_err(|r| r.message)
        };
        let at = |url: &str| McpServer::Address { url: url.to_owned(), headers: BTreeMap::new() };
        let secret = named(at("https://x.test/mcp?key=${vault.key}"));
        let message = refused(Telling::CodexOptions, &secret).unwrap_err();
        assert!(message.contains("`web`") && message.contains("put it into its `headers`"), "{message}");
        assert_eq!(refused(Telling::ClaudeFile, &secret), Ok(()));
        assert_eq!(refused(Telling::CodexOptions, &named(at("https://x.test/$${a}"))), Ok(()));
        let argv = ["server", "--key=${env.KEY}"].map(String::from).into();
        let program = named(McpServer::Program { argv, env: BTreeMap::new() });
        assert!(refused(Telling::CodexOptions, &program).unwrap_err().contains("put it into its `env`"));
    }

    #[test]
    fn without_servers_nothing_is_told_and_who_cannot_be_told_is_refused() {
        let none = Servers::new();
        assert_eq!(tell(Telling::No, &none, ground()).unwrap(), Told::default());
        assert!(tell(Telling::No, &servers(), ground()).is_err());
    }
}
