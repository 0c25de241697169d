//! The process of a server: what it is started with, what it says on standard error, and how it comes to its end.
//!
//! It leads a group of its own and carries a marker of its own, by which everything that it left is found. Who drops it
//! kills it. Knows no protocol.

use crate::environment::is_passed;
use crate::tools::order::Server;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// The variable that marks what a server of a run started; it is set for nobody else.
pub const MARKER: &str = "REGATTA_TOOL_SERVER";
/// The end of standard error that is kept for messages.
const LAST_WORDS_BYTES: usize = 2 << 10;
/// So often strays are looked for; each look ends all that are there.
const LOOKS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(2);

/// Tells servers apart.
static NUMBER: AtomicU64 = AtomicU64::new(1);

/// A server that runs.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    marker: String,
    last_words: Arc<Mutex<Vec<u8>>>,
    over: bool,
}

impl Process {
    /// Starts a server in a directory.
    ///
    /// # Errors
    /// Why not, for people.
    pub(super) fn start(
        (argv, env): (&[String], &BTreeMap<String, String>),
        root: &Path,
    ) -> Result<(Process, ChildStdin, ChildStdout), String> {
        let (program, args) = argv.split_first().ok_or("it names no program")?;
        if is_ourselves(program, path_of(env).as_deref(), root) {
            return Err(format!(
                "`{program}` is this program itself, which is never started as a server of its own run"
            ));
        }
        let marker = format!("{}.{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut command = Command::new(program);
        command.args(args).current_dir(root).process_group(0).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // The keeper's marker goes along, so that what outlives us is found.
        let passed =
            std::env::vars_os().filter(|(name, _)| is_passed(name) || name == crate::owner::MARKER_VARIABLE);
        command.env_clear().envs(passed).envs(env).env(MARKER, &marker);
        let mut child = command.spawn().map_err(|error| format!("`{program}` cannot be started: {error}"))?;
        let last_words = Arc::<Mutex<Vec<u8>>>::default();
        let (Some(stdin), Some(stdout), Some(mut stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err("it has no pipes".to_owned());
        };
        let words = Arc::clone(&last_words);
        tokio::spawn(async move {
            let mut chunk = [0; 4_096];
            while let Ok(n @ 1..) = stderr.read(&mut chunk).await {
                let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
                words.extend_from_slice(&chunk[..n]);
                let extra = words.len().saturating_sub(LAST_WORDS_BYTES);
                words.drain(..extra);
            }
        });
        Ok((Process { child, marker, last_words, over: false }, stdin, stdout))
    }

    /// The last line of standard error, for people; empty if there is none.
    pub(super) fn last_words(&self) -> String {
        let words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&words);
        text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned()
    }

    /// How it ended, if it has, for people.
    pub(super) async fn ended(&mut self) -> Option<String> {
        // Its pipes are gone, so it is about to go.
        let status = timeout(Duration::from_millis(200), self.child.wait()).await.ok()?.ok()?;
        Some(status.to_string())
    }

    /// Brings it to its end, within `grace_ms`; its standard input is closed. Nothing of it lives then.
    pub(super) async fn end(mut self, grace_ms: u64) {
        let step = Duration::from_millis((grace_ms / 3).min(1_000));
        if timeout(step, self.child.wait()).await.is_err() {
            self.signal(Signal::TERM);
            if timeout(step, self.child.wait()).await.is_err() {
                self.signal(Signal::KILL);
                // It cannot refuse.
                let _ = self.child.wait().await;
            }
        }
        self.over = true;
        for _ in 0..LOOKS {
            if !end_marked(&self.marker) {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Sends a signal to its group, as long as it has not been reaped: its number is its own until then.
    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        if let Some(pid) = pid {
            // It may have ended just now.
            let _ = kill_process_group(pid, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.over {
            self.signal(Signal::KILL);
            end_marked(&self.marker);
        }
    }
}

/// Ends every process of this user that carries a marker; answers whether there was one.
fn end_marked(marker: &str) -> bool {
    let wanted = format!("{MARKER}={marker}");
    let mut found = false;
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        let Some(pid) = pid else { continue };
        let is_marked = || {
            let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
        };
        if !is_marked() {
            continue;
        }
        // The handle is of whoever has the number now: it is looked at once more through it.
        if let Ok(handle) = pidfd_open(pid, PidfdFlags::empty())
            && is_marked()
        {
            found = true;
            // It may have ended just now.
            let _ = pidfd_send_signal(handle, Signal::KILL);
        }
    }
    found
}

/// Whether a server is this program itself, which is never started as a server of its own run.
pub(crate) fn is_ours(server: &Server, root: &Path) -> bool {
    let Server::Program { argv, env } = server else { return false };
    argv.first().is_some_and(|program| is_ourselves(program, path_of(env).as_deref(), root))
}

/// Where a server's program is looked for.
fn path_of(env: &BTreeMap<String, String>) -> Option<OsString> {
    env.get("PATH").map(OsString::from).or_else(|| std::env::var_os("PATH"))
}

/// Whether a program is this one, whatever it is called.
fn is_ourselves(program: &str, path: Option<&OsStr>, root: &Path) -> bool {
    let id = |path: PathBuf| std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    let ours = id(PathBuf::from("/proc/self/exe"));
    let found = if program.contains('/') {
        id(root.join(program))
    } else {
        std::env::split_paths(path.unwrap_or_default()).find_map(|dir| id(root.join(dir).join(program)))
    };
    found.is_some() && found == ours
}
