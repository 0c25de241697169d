//! One call of git.
//!
//! Knows no subcommand.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// What every call turns off: programs that a repository names, work in the background, and what makes output differ.
const SETTINGS: [&str; 27] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.pager=cat",
    "core.editor=false",
    "core.askPass=",
    "core.sshCommand=false",
    "core.quotePath=false",
    "core.untrackedCache=false",
    "core.autocrlf=false",
    "core.safecrlf=false",
    "core.attributesFile=/dev/null",
    "commit.gpgSign=false",
    "tag.gpgSign=false",
    "gpg.program=false",
    "diff.external=",
    "diff.renames=false",
    "core.filesRefLockTimeout=3000",
    "core.packedRefsTimeout=3000",
    "merge.renames=true",
    "rerere.enabled=false",
    "submodule.recurse=false",
    "worktree.useRelativePaths=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
    "log.showSignature=false",
    "safe.directory=*",
];

/// A git call that did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The program cannot be started.
    #[error("git cannot be started: {0}")]
    Start(io::Error),
    /// It answered with an exit code that is an error.
    #[error("git {command} failed in {}: {said}", dir.display())]
    Failed {
        /// The subcommand and its first words.
        command: String,
        /// Where.
        dir: PathBuf,
        /// What it wrote on standard error, shortened.
        said: String,
        /// The exit code; `None` if a signal ended it.
        code: Option<i32>,
    },
    /// No turn among those who make worktrees can be had.
    #[error("{}: {source}", path.display())]
    Turn {
        /// The file of the lock.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It did not end in time, and was killed.
    #[error(
        "git {command} did not end within {seconds} s in {} and was killed; something that it reads there may have no end",
        dir.display()
    )]
    Late {
        /// The subcommand and its first words.
        command: String,
        /// Where.
        dir: PathBuf,
        /// How long it had, in seconds.
        seconds: u64,
    },
    /// It answered something that cannot be read.
    #[error("git {command} answered something that cannot be read")]
    Answer {
        /// The subcommand and its first words.
        command: String,
    },
}

/// So long a call may last unless it is said otherwise: what it waits for may have no end, such as a FIFO among the references.
const DEADLINE: Duration = Duration::from_mins(15);

/// Most bytes of what git says that are passed on.
const SAID_BYTES: usize = 600;

/// Starts git in a directory.
#[derive(Clone, Debug)]
pub struct Git {
    dir: PathBuf,
    vars: Arc<Vec<(OsString, OsString)>>,
    extra: Arc<Vec<String>>,
    /// The worktree, its own directory and the one that all share, if git is not to look for them.
    fixed: Option<Arc<[PathBuf; 3]>>,
    /// Held by every call while it lives, also when we are dead.
    held: Option<Arc<File>>,
    /// How long a call may last, if not for ever.
    within: Option<Duration>,
}

impl Git {
    /// Git in `dir`.
    #[must_use]
    pub fn at(dir: &Path) -> Git {
        let kept = |(name, _): &(OsString, OsString)| {
            let name = name.as_encoded_bytes();
            matches!(name, b"PATH" | b"HOME" | b"TMPDIR" | b"USER" | b"LOGNAME")
        };
        Git {
            dir: dir.to_owned(),
            vars: Arc::new(std::env::vars_os().filter(kept).collect()),
            extra: Arc::default(),
            fixed: None,
            held: None,
            within: Some(DEADLINE),
        }
    }

    /// The same in another directory.
    #[must_use]
    pub fn in_dir(&self, dir: &Path) -> Git {
        Git { dir: dir.to_owned(), fixed: None, ..self.clone() }
    }

    /// Git in a worktree whose directories are named: it does not look at what stands there.
    #[must_use]
    pub fn fixed(&self, (worktree, own, common): (&Path, &Path, &Path)) -> Git {
        let fixed = [worktree, own, common].map(Path::to_owned);
        Git { dir: worktree.to_owned(), fixed: Some(Arc::new(fixed)), ..self.clone() }
    }

    /// The same, and each call that is fed nothing has an empty file as its standard input: whoever has locked that file
    /// shares the lock with it. So a successor can wait for git that has outlived us.
    #[must_use]
    pub fn holding(&self, file: File) -> Git {
        Git { held: Some(Arc::new(file)), ..self.clone() }
    }

    /// The same, and a call that has not ended in that time is killed.
    #[cfg(test)]
    fn within(&self, limit: Duration) -> Git {
        Git { within: Some(limit), ..self.clone() }
    }

    /// The same, and a call lasts as long as it lasts: what writes a checkout of the user's is not to be killed halfway.
    #[must_use]
    pub fn without_limit(&self) -> Git {
        Git { within: None, ..self.clone() }
    }

    /// The same with more settings, `key=value`.
    #[must_use]
    pub fn with(&self, settings: impl IntoIterator<Item = String>) -> Git {
        let mut extra = (*self.extra).clone();
        extra.extend(settings);
        Git { extra: Arc::new(extra), ..self.clone() }
    }

    /// Where it runs.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Standard output of a call that succeeds.
    ///
    /// # Errors
    /// It cannot be started, or fails.
    pub fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Vec<u8>, GitError> {
        self.feed(args, b"")
    }

    /// The same with something on standard input.
    ///
    /// # Errors
    /// It cannot be started, or fails.
    pub fn feed<S: AsRef<OsStr>>(&self, args: &[S], stdin: &[u8]) -> Result<Vec<u8>, GitError> {
        let output = self.call(args, stdin, &[])?;
        if output.status.success() { Ok(output.stdout) } else { Err(self.failed(args, &output)) }
    }

    /// Exit code and standard output of a call that may answer by its exit code: `good` lists the codes that are answers.
    ///
    /// # Errors
    /// It cannot be started, or ends with another code.
    pub fn ask<S: AsRef<OsStr>>(&self, args: &[S], good: &[i32]) -> Result<(i32, Vec<u8>), GitError> {
        let output = self.call(args, b"", &[])?;
        match output.status.code() {
            Some(code) if good.contains(&code) => Ok((code, output.stdout)),
            _ => Err(self.failed(args, &output)),
        }
    }

    /// [`Git::run`] with variables, such as who commits.
    ///
    /// # Errors
    /// It cannot be started, or fails.
    pub fn run_as<S: AsRef<OsStr>>(
        &self,
        args: &[S],
        (stdin, vars): (&[u8], &[(&str, String)]),
    ) -> Result<Vec<u8>, GitError> {
        let output = self.call(args, stdin, vars)?;
        if output.status.success() { Ok(output.stdout) } else { Err(self.failed(args, &output)) }
    }

    fn call<S: AsRef<OsStr>>(
        &self,
        args: &[S],
        stdin: &[u8],
        vars: &[(&str, String)],
    ) -> Result<Output, GitError> {
        let mut command = Command::new("git");
        command.current_dir(&self.dir).env_clear().envs(self.vars.iter().map(|(k, v)| (k, v)));
        command.envs([
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_PROTOCOL_FROM_USER", "0"),
            ("LC_ALL", "C"),
            ("TZ", "UTC"),
        ]);
        if let Some([worktree, own, common]) = self.fixed.as_deref() {
            command.envs([("GIT_WORK_TREE", worktree), ("GIT_DIR", own), ("GIT_COMMON_DIR", common)]);
        }
        command.envs(vars.iter().map(|(name, value)| (name, value)));
        for setting in SETTINGS.iter().copied().chain(self.extra.iter().map(String::as_str)) {
            command.args(["-c", setting]);
        }
        command.args(args).stdin(match &self.held {
            _ if !stdin.is_empty() => told(stdin).map_err(GitError::Start)?.into(),
            Some(file) => file.try_clone().map_err(GitError::Start)?.into(),
            None => Stdio::null(),
        });
        // A group of its own: it is killed with what it started, and no Ctrl-C meant for us reaches it.
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let child = command.spawn().map_err(GitError::Start)?;
        self.awaited(args, child)
    }

    /// What a call answers; what it started itself is killed with it.
    fn awaited<S: AsRef<OsStr>>(&self, args: &[S], child: Child) -> Result<Output, GitError> {
        let pid = Pid::from_child(&child);
        // What cannot be watched is waited for, as without a limit.
        let watched = self.within.and_then(|limit| Some((limit, pidfd_open(pid, PidfdFlags::empty()).ok()?)));
        let watcher = watched.and_then(|(limit, handle)| {
            let watch = move || {
                let late = !ends_within(&handle, limit);
                if late {
                    let _ = kill_process_group(pid, Signal::KILL);
                }
                late
            };
            Some((limit, thread::Builder::new().name("git deadline".to_owned()).spawn(watch).ok()?))
        });
        let output = child.wait_with_output().map_err(GitError::Start);
        match watcher.map(|(limit, watcher)| (limit, watcher.join())) {
            Some((limit, Ok(true))) => {
                Err(GitError::Late { command: words(args), dir: self.dir.clone(), seconds: limit.as_secs() })
            }
            _ => output,
        }
    }

    fn failed<S: AsRef<OsStr>>(&self, args: &[S], output: &Output) -> GitError {
        // One line for people, without the advice.
        let said = String::from_utf8_lossy(&output.stderr);
        let lines = said.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("hint:"));
        let said = lines.collect::<Vec<_>>().join(" ");
        let end = said.trim().char_indices().map(|(i, c)| i + c.len_utf8()).take_while(|&i| i <= SAID_BYTES);
        let said = &said.trim()[..end.last().unwrap_or(0)];
        GitError::Failed {
            command: words(args),
            dir: self.dir.clone(),
            said: if said.is_empty() { format!("{}", output.status) } else { said.to_owned() },
            code: output.status.code(),
        }
    }
}

/// What a call is fed, as a file without a name: whoever answers before it has read everything stands still for nobody.
fn told(stdin: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("git", MemfdFlags::CLOEXEC)?);
    file.write_all(stdin)?;
    file.rewind()?;
    Ok(file)
}

/// Whether a process ends in time.
fn ends_within(process: &OwnedFd, limit: Duration) -> bool {
    let by = Instant::now() + limit;
    loop {
        let left = by.saturating_duration_since(Instant::now());
        let left = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&left)) {
            Err(Errno::INTR) => {}
            Ok(0) => return false,
            _ => return true,
        }
    }
}

/// The subcommand and what follows it, as far as it is short.
pub(super) fn words<S: AsRef<OsStr>>(args: &[S]) -> String {
    let words = args.iter().map(|a| a.as_ref().to_string_lossy().into_owned());
    words.take(4).collect::<Vec<_>>().join(" ").escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_does_not_end_in_time_is_killed_and_named_and_one_that_does_answers() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Command::new("mkfifo").arg(dir.path().join("fifo")).status().unwrap().success());
        let git = Git::at(dir.path());
        let late = git.within(Duration::ZERO).run(&["hash-object", "--no-filters", "fifo"]).unwrap_err();
        let said = late.to_string();
        assert!(said.contains("git hash-object --no-filters fifo did not end within 0 s"), "{said}");
        let patient = git.within(Duration::from_secs(600));
        assert_eq!(patient.feed(&["hash-object", "--stdin"], b"").unwrap().len(), 41);
        assert!(matches!(patient.run(&["no-such-command"]), Err(GitError::Failed { .. })));
        let unlimited = git.within(Duration::ZERO).without_limit();
        assert_eq!(unlimited.feed(&["hash-object", "--stdin"], b"x").unwrap().len(), 41);
    }

    #[test]
    fn who_answers_before_it_has_read_everything_stands_still_for_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let git = Git::at(dir.path());
        git.run(&["init", "--quiet"]).unwrap();
        let asked = format!("{}\n", "a".repeat(40)).repeat(20_000);
        let said = git.feed(&["cat-file", "--batch-check"], asked.as_bytes()).unwrap();
        assert_eq!(said.iter().filter(|b| **b == b'\n').count(), 20_000);
        assert_eq!(git.feed(&["hash-object", "--stdin"], b"").unwrap().len(), 41);
    }
}
