//! The process owner against real processes. This file is the world the tests speak to; the tests are below `owner/`.
//! Nothing sleeps: tests meet their children at FIFOs and at reports.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use regatta_runtime::owner::{Config, Report, Request, StartSpec, Status, Usage};

mod alone;
mod bounds;
mod cgroups;
mod endings;
mod measure;
mod starts;
mod strays;
mod sweeps;
mod thread;

use thread::OwnerThread;

/// Far longer than anything here takes: only a hang meets it.
const HANG: Duration = Duration::from_secs(60);

/// An owner with a directory, a run name of its own and its reports.
struct Rig {
    owner: Option<OwnerThread>,
    dir: tempfile::TempDir,
    run: String,
    inbox: Receiver<Vec<Report>>,
    early: VecDeque<Report>,
}

/// [`Report::Exited`] with its output read.
#[derive(Debug, PartialEq, Eq)]
struct End {
    attempt: u64,
    status: Status,
    stdout: Option<String>,
    stderr: Option<String>,
    leaked: u32,
    killed: bool,
    usage: Usage,
}

/// A name that no other test has.
fn new_run() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

impl Rig {
    /// An owner in a process with other children.
    fn new() -> Rig {
        Rig::with(false)
    }

    fn with(sole_parent: bool) -> Rig {
        Rig::configured(new_run(), |config| config.sole_parent = sole_parent)
    }

    fn configured(run: String, alter: impl FnOnce(&mut Config)) -> Rig {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config {
            tmp_dir: dir.path().to_owned(),
            sole_parent: false,
            cgroup: None,
            open_files: None,
            left_cgroups: Vec::new(),
        };
        alter(&mut config);
        let (owner, inbox) = OwnerThread::start(config);
        Rig { owner: Some(owner), dir, run, inbox, early: VecDeque::new() }
    }

    /// A start of a program with its arguments, without limits.
    fn spec(&self, attempt: u64, argv: &[&str]) -> StartSpec {
        StartSpec {
            attempt,
            argv: argv.iter().map(OsString::from).collect(),
            env: vec![
                ("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into()),
                ("DIR".into(), self.dir.path().into()),
            ],
            cwd: self.dir.path().to_owned(),
            marker: format!("{}/{attempt}", self.run),
            output_limit_bytes: u64::MAX,
            idle_ms: None,
            grace_ms: 10_000,
            leader_first: false,
        }
    }

    fn sh(&self, attempt: u64, script: &str) -> StartSpec {
        self.spec(attempt, &["/bin/sh", "-c", script])
    }

    fn send(&self, requests: Vec<Request>) {
        self.owner.as_ref().unwrap().send(requests);
    }

    fn start(&self, spec: StartSpec) {
        self.send(vec![Request::Start(Box::new(spec))]);
    }

    fn end(&self, attempt: u64, grace_ms: u64) {
        self.send(vec![Request::End { attempt, grace_ms }]);
    }

    /// The next report of any kind.
    fn report(&mut self) -> Report {
        while self.early.is_empty() {
            self.early.extend(self.inbox.recv_timeout(HANG).expect("a report in time"));
        }
        self.early.pop_front().unwrap()
    }

    fn started(&mut self) -> u32 {
        match self.report() {
            Report::Started { pid, start_time_ticks, .. } => {
                assert!(start_time_ticks > 0);
                pid
            }
            other => panic!("not a start: {other:?}"),
        }
    }

    /// The next report that is not a start.
    fn after_starts(&mut self) -> Report {
        loop {
            match self.report() {
                Report::Started { .. } => {}
                other => return other,
            }
        }
    }

    fn ended(&mut self) -> End {
        match self.after_starts() {
            Report::Exited {
                attempt,
                status,
                stdout,
                stderr,
                stdout_bytes,
                stderr_bytes,
                leaked,
                usage,
                killed,
                ran_ms: _,
            } => {
                let (stdout, stderr) = (stdout.map(text), stderr.map(text));
                assert_eq!(stdout.as_ref().map_or(0, String::len) as u64, stdout_bytes);
                assert_eq!(stderr.as_ref().map_or(0, String::len) as u64, stderr_bytes);
                End { attempt, status, stdout, stderr, leaked, killed, usage }
            }
            other => panic!("not an end: {other:?}"),
        }
    }

    /// Error number and message of the next report, a failed start.
    fn refused(&mut self) -> (i32, String) {
        match self.report() {
            Report::SpawnFailed { errno, message, .. } => (errno, message),
            other => panic!("not a refusal: {other:?}"),
        }
    }

    /// Runs one script to its end.
    fn run(&mut self, attempt: u64, script: &str) -> End {
        self.start(self.sh(attempt, script));
        self.ended()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A FIFO in the directory, which scripts see as `$DIR/name`.
    fn fifo(&self, name: &str) {
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, self.path(name), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    }

    /// All that one writer puts into a FIFO, trimmed.
    fn word(&self, name: &str) -> String {
        let (path, (sender, word)) = (self.path(name), channel());
        std::thread::spawn(move || sender.send(text(File::open(path).unwrap())));
        word.recv_timeout(HANG).expect("a word in time").trim().to_owned()
    }

    /// Lets a child go on that reads from a FIFO.
    fn go(&self, name: &str) {
        let (path, (sender, done)) = (self.path(name), channel());
        std::thread::spawn(move || sender.send(std::fs::write(path, "go\n")));
        done.recv_timeout(HANG).expect("a reader in time").unwrap();
    }

    /// The number that a child writes into a FIFO.
    fn pid(&self, name: &str) -> u32 {
        self.word(name).parse().unwrap()
    }
}

fn text(mut file: File) -> String {
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    text
}

/// Whether a process of this number runs; a zombie does not.
fn alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Runs one ignored test of this binary in a process of its own, prepared by a shell prefix such as `ulimit -n 40;`.
fn alone(prefix: &str, test: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(format!("{prefix} exec \"$0\" \"$@\"")).arg(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "--ignored",
        "--nocapture",
        "--test-threads=1",
        &format!("owner::alone::{test}"),
    ]);
    command
}

/// The children of this process that are dead and not reaped.
fn zombies() -> Vec<String> {
    let own = std::process::id().to_string();
    let stats = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        std::fs::read_to_string(Path::new("/proc").join(entry.unwrap().file_name()).join("stat")).ok()
    });
    stats.filter(|stat| stat.contains(&format!(") Z {own} "))).collect()
}
