//! A workspace of its own and the binary in it. Speaks the verbs of the command line.
//!
//! Sees only what a user sees: exit codes, output, files.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A workspace.
pub struct World {
    dir: tempfile::TempDir,
    env: BTreeMap<String, String>,
}

/// What a command said.
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl World {
    /// An empty workspace.
    pub fn new() -> World {
        World { dir: tempfile::tempdir().unwrap(), env: BTreeMap::new() }
    }

    /// A workspace with `plan.yaml`.
    pub fn with(plan: &str) -> World {
        let world = World::new();
        world.write("plan.yaml", plan);
        world
    }

    /// Sets a variable for every further command.
    pub fn set(&mut self, name: &str, value: &str) {
        self.env.insert(name.to_owned(), value.to_owned());
    }

    /// Removes a variable.
    pub fn unset(&mut self, name: &str) {
        self.env.remove(name);
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The text of a file, empty if it is not there.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// A command ready to be started.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_regatta"));
        command.args(args).current_dir(self.root()).stdin(Stdio::null());
        command.env_remove("REGATTA_WORKSPACE").env("NO_COLOR", "1").env("LC_ALL", "C");
        command.envs(&self.env);
        command
    }

    pub fn regatta(&self, args: &[&str]) -> Said {
        let output: Output = self.command(args).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Starts a command and leaves it running.
    pub fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Runs `plan.yaml` and answers its summary.
    pub fn run(&self) -> Value {
        self.regatta(&["run", "plan.yaml", "--json"]).json()
    }

    pub fn canonical(&self) -> String {
        self.regatta(&["events", "--canonical"]).out
    }

    /// The names of all event kinds of the newest run, in order of arrival.
    pub fn kinds(&self) -> Vec<String> {
        let text = self.regatta(&["events"]).out;
        let kind =
            |line: &str| serde_json::from_str::<Value>(line).unwrap()["kind"].as_str().unwrap().to_owned();
        text.lines().map(kind).collect()
    }
}

impl Said {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}\n{}", self.out, self.err))
    }

    /// Fails with everything that was said unless the exit code is as expected.
    pub fn exits(self, code: i32) -> Said {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        self
    }
}

/// The status of a task in a summary.
pub fn status<'a>(summary: &'a Value, task: &str) -> &'a str {
    summary["tasks"][task]["status"].as_str().unwrap_or("missing")
}
