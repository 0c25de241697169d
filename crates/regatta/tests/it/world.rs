//! A workspace of its own and the binary in it. Speaks the verbs of the command line.
//!
//! Sees only what a user sees: exit codes, output, files.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// The longest a test waits for anything; far more than it takes on a busy machine.
const PATIENCE: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };

/// A workspace.
pub struct World {
    dir: tempfile::TempDir,
    /// The user's own, if it is not that of whoever runs the tests.
    home: Option<tempfile::TempDir>,
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
        World { dir: tempfile::tempdir().unwrap(), home: None, env: BTreeMap::new() }
    }

    /// A workspace with `plan.yaml`.
    pub fn with(plan: &str) -> World {
        let world = World::new();
        world.write("plan.yaml", plan);
        world
    }

    /// The user gets a home with these files and no others.
    pub fn lives_at_home(&mut self, files: &[(&str, &str)]) {
        let home = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = home.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        self.set("HOME", home.path().to_str().unwrap());
        self.set("XDG_CONFIG_HOME", home.path().join(".config").to_str().unwrap());
        self.home = Some(home);
    }

    /// A file of the user's own, in the home that they were given.
    pub fn at_home(&self, name: &str) -> PathBuf {
        self.home.as_ref().unwrap().path().join(name)
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
        self.program(env!("CARGO_BIN_EXE_regatta"), args)
    }

    /// Any program as if a user of this workspace started it.
    pub fn program(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.root()).stdin(Stdio::null());
        command.env_remove("REGATTA_WORKSPACE").env("NO_COLOR", "1").env("LC_ALL", "C");
        // Whoever runs the tests may have settings.
        command.env("XDG_CONFIG_HOME", self.path("nobody")).env("XDG_STATE_HOME", self.path("nobody/state"));
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

    /// Makes a FIFO: by it a task tells that it has come to a place.
    pub fn fifo(&self, name: &str) {
        assert!(Command::new("mkfifo").arg(self.path(name)).status().unwrap().success());
    }

    /// Waits until somebody writes into a FIFO and answers what.
    pub fn hear(&self, name: &str) -> String {
        let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let mut bytes = [0; 4096];
        loop {
            let mut fifo =
                OpenOptions::new().read(true).custom_flags(nonblock).open(self.path(name)).unwrap();
            assert!(comes(&fifo), "nobody writes into `{name}`");
            let n = fifo.read(&mut bytes).unwrap();
            // Nothing comes where somebody who was heard before only leaves.
            if n > 0 {
                return String::from_utf8_lossy(&bytes[..n]).trim().to_owned();
            }
        }
    }

    /// Follows the events of the newest run until there were `most` of a kind in all.
    pub fn follow(&self, kind: &str, most: usize) {
        let mut child = self.command(&["events", "--follow"]).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let wanted = format!("\"kind\":\"{kind}\"");
        let found = lines.map_while(Result::ok).filter(|line| line.contains(&wanted)).take(most).count();
        assert_eq!(found, most, "{kind}");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// The id of the newest run.
    pub fn run_id(&self) -> String {
        self.regatta(&["ls", "--json"]).json()[0]["run_id"].as_str().unwrap().to_owned()
    }

    /// The directory of the newest run.
    pub fn run_dir(&self) -> PathBuf {
        self.path(".regatta/runs").join(self.run_id())
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

/// Waits until a descriptor can be read.
pub fn comes(what: impl AsFd) -> bool {
    poll(&mut [PollFd::new(&what, PollFlags::IN)], Some(&PATIENCE)).unwrap() > 0
}

/// Waits for the end of a child; `None` if a signal ended it.
pub fn ends(child: &mut Child) -> Option<i32> {
    let handle = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).unwrap();
    assert!(comes(&handle), "process {} does not end", child.id());
    child.wait().unwrap().code()
}

/// Waits until a process that is nobody's child here is gone; it may have been reaped already.
pub fn gone(pid: Pid) -> bool {
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(handle) => comes(&handle),
        Err(error) => error == Errno::SRCH,
    }
}

/// Sends a signal to a child.
pub fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// True while a process with this number, as text, is there and no zombie.
pub fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim().starts_with('Z'))
}

/// The status of a task in a summary.
pub fn status<'a>(summary: &'a Value, task: &str) -> &'a str {
    summary["tasks"][task]["status"].as_str().unwrap_or("missing")
}
