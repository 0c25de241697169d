//! A workspace of its own and the binary in it: the verbs of the command line, each with a time limit.
//!
//! Sees exit codes, output and files only.

use crate::Outcome;
use crate::processes::{gone, kill};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FileType, Mode, OFlags};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// No verb takes so long, however busy the machine is: what does hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A workspace.
#[derive(Debug)]
pub struct Place {
    dir: TempDir,
    binary: PathBuf,
    started: AtomicU64,
}

/// A command under way.
#[derive(Debug)]
pub struct Started {
    child: Child,
    /// What it says on standard output and error.
    files: [PathBuf; 2],
    words: String,
}

impl Started {
    /// The number of its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it ends, at most so long; answers whether it has.
    #[must_use]
    pub fn ends(&self, most: Duration) -> bool {
        gone(self.pid(), most)
    }

    /// Kills it, unless it has ended already; answers whether it was killed.
    #[must_use]
    pub fn kill_if_alive(&self) -> bool {
        let alive = !self.ends(Duration::ZERO);
        if alive {
            kill(self.pid());
        }
        alive
    }

    /// Waits for its end and answers what it said.
    ///
    /// # Errors
    /// It does not end; it is killed then.
    pub fn wait(mut self) -> Outcome<Said> {
        let ended = self.ends(PATIENCE);
        if !ended {
            kill(self.pid());
        }
        let status = self.child.wait().map_err(|e| format!("cannot wait for `{}`: {e}", self.words))?;
        let [out, err] = self.files.map(|file| {
            let bytes = std::fs::read(&file).unwrap_or_default();
            // A directory full of them would slow the machine down, no more.
            let _ = std::fs::remove_file(&file);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let said = Said { code: status.code(), out, err };
        if ended { Ok(said) } else { Err(format!("`{}` hangs\n{}{}", self.words, said.out, said.err)) }
    }
}

/// What a command said; no code if a signal ended it.
#[derive(Debug)]
pub struct Said {
    /// The exit code.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Variables of one command.
pub type Env = BTreeMap<&'static str, String>;

impl Place {
    /// An empty workspace with `plan.yaml`.
    ///
    /// # Errors
    /// The system refuses a directory.
    pub fn with(binary: &Path, plan: &str) -> Outcome<Place> {
        let dir = tempfile::tempdir().map_err(|e| format!("no directory for a workspace: {e}"))?;
        let place = Place { dir, binary: binary.to_owned(), started: AtomicU64::new(0) };
        place.write("plan.yaml", plan)?;
        Ok(place)
    }

    /// Its path.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// A path in it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// The text of a file, empty if it is not there.
    #[must_use]
    pub fn read(&self, name: &str) -> String {
        let bytes = std::fs::read(self.path(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Writes a file.
    ///
    /// # Errors
    /// The system refuses.
    pub fn write(&self, name: &str, text: &str) -> Outcome<()> {
        std::fs::write(self.path(name), text).map_err(|e| format!("cannot write `{name}`: {e}"))
    }

    /// Starts a command; what it says goes into files of its own.
    ///
    /// # Errors
    /// The system refuses.
    pub fn start(&self, words: &[&str], env: &Env) -> Outcome<Started> {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let files = ["out", "err"].map(|name| self.path(&format!("said.{number}.{name}")));
        let file =
            |path: &Path| File::create(path).map_err(|e| format!("cannot write `{}`: {e}", path.display()));
        let mut command = Command::new(&self.binary);
        command.args(words).current_dir(self.root()).stdin(Stdio::null());
        command.stdout(file(&files[0])?).stderr(file(&files[1])?);
        command.env_remove("REGATTA_WORKSPACE").env("NO_COLOR", "1").env("LC_ALL", "C").envs(env);
        let child = command.spawn().map_err(|e| format!("cannot start {}: {e}", self.binary.display()))?;
        Ok(Started { child, files, words: words.join(" ") })
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// It cannot be started, or does not end.
    pub fn say(&self, words: &[&str], env: &Env) -> Outcome<Said> {
        self.start(words, env)?.wait()
    }

    /// As [`Place::say`]; the exit code must be this one.
    ///
    /// # Errors
    /// It is another one; everything that was said is told.
    pub fn expect(&self, words: &[&str], code: i32) -> Outcome<Said> {
        let said = self.say(words, &Env::new())?;
        if said.code == Some(code) {
            return Ok(said);
        }
        Err(format!("{words:?} ended with {:?}, not {code}\n{}{}", said.code, said.out, said.err))
    }

    /// Makes a FIFO: by it a task tells that it has come to a place, or waits.
    ///
    /// # Errors
    /// The system refuses.
    pub fn fifo(&self, name: &str) -> Outcome<()> {
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::mknodat(CWD, self.path(name), FileType::Fifo, mode, 0)
            .map_err(|e| format!("cannot make the FIFO `{name}`: {e}"))
    }

    /// Waits until a task writes into a FIFO.
    ///
    /// # Errors
    /// None does.
    pub fn hear(&self, name: &str) -> Outcome<()> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fifo = rustix::fs::open(self.path(name), flags, Mode::empty())
            .map_err(|e| format!("cannot open the FIFO `{name}`: {e}"))?;
        let time = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
        match poll(&mut [PollFd::new(&fifo, PollFlags::IN)], Some(&time)) {
            Ok(n) if n > 0 => Ok(()),
            _ => Err(format!("nobody writes into `{name}`")),
        }
    }

    /// The id of the newest run; none if no run was recorded.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn run_id(&self) -> Outcome<Option<String>> {
        let said = self.expect(&["ls", "--json"], 0)?;
        let rows: serde_json::Value =
            serde_json::from_str(&said.out).map_err(|e| format!("`ls --json` is no JSON: {e}"))?;
        Ok(rows[0]["run_id"].as_str().map(str::to_owned))
    }
}
