//! What ends a whole process tree here, tried on a small tree of our own: a shell that leaves a child behind.
//!
//! Every run uses process group, child subreaper, marker and pidfd, and a cgroup for each task where that is permitted
//! and wanted. A PID namespace is told as permitted or not: this version does not use it.

use super::{Containment, Finding, cgroup};
use regatta_runtime::keeper::Containment as Wanted;
use regatta_runtime::owner::{MARKER_VARIABLE, live_attempts};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, getpid, kill_process_group, pidfd_open, set_child_subreaper,
    waitpid,
};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};

/// Leaves a child behind that lives until its input ends, tells its number, and waits with it if asked to.
const LEAVES_A_CHILD: &str = "exec 3<&0; cat <&3 & echo $!; $1";
/// Sees the end of a process, and contains nobody.
const PIDFD: &str = "pidfd";
/// The longest that the kernel is waited for.
const PATIENCE: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };

/// What is used and what is permitted.
pub(super) fn examine(wanted: Wanted) -> (Vec<Finding>, Containment) {
    let mut containment = Containment::default();
    let mut findings = Vec::new();
    let tries = [
        ("process group", group(), "a signal reaches a whole group", "a signal does not reach a whole group"),
        ("subreaper", adoption(), "orphans of tasks come to us", "orphans of tasks are lost from sight"),
        ("marker", marker(), "processes are found by their environment", "processes cannot be found"),
        (PIDFD, handle(), "an end is told by the kernel", "an end is not told by the kernel"),
    ];
    for (name, tried, good, bad) in tries {
        if tried.is_ok() && name != PIDFD {
            containment.used.push(name);
        }
        findings.push(match tried {
            Ok(()) => Finding::ok(name, format!("{good}; used")),
            Err(why) => Finding::problem(name, format!("{bad}: {why}"))
                .hint("Linux 5.4 or newer, /proc, `sh` and `cat` are needed"),
        });
    }
    let cgroup = cgroup::tried();
    containment.cgroup = cgroup.is_ok();
    if containment.cgroup && wanted == Wanted::Auto {
        containment.used.push("cgroup");
    }
    findings.push(match cgroup {
        Ok(at) if wanted == Wanted::Group => Finding::note(
            "cgroup",
            format!("permitted below {at}; not used, because the settings say `group`"),
        ),
        Ok(at) => Finding::ok("cgroup", format!("permitted below {at}, one for each task; used")),
        Err(why) => Finding::note("cgroup", format!("not permitted: {why}; the other means are used")),
    });
    let (namespace, permitted) = namespace();
    containment.pid_namespace = permitted;
    findings.push(namespace);
    (findings, containment)
}

/// A shell, in a group of its own, that has left a child behind; and the number of that child.
struct Tree {
    shell: Child,
    said: BufReader<ChildStdout>,
    child: Pid,
}

impl Tree {
    fn grow(then: &str) -> io::Result<Tree> {
        let mut shell = quiet("sh", &["-c", LEAVES_A_CHILD, "sh", then]).stdout(Stdio::piped()).spawn()?;
        let mut said = BufReader::new(shell.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let mut line = String::new();
        said.read_line(&mut line)?;
        let child = line.trim().parse().ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Tree { shell, said, child })
    }
}

/// A command with an input that lasts until we let go, in a group of its own.
fn quiet(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Both of a tree die by one signal: nobody is left who could write to us.
fn group() -> Result<(), String> {
    let tried = || -> io::Result<bool> {
        let mut tree = Tree::grow("wait")?;
        kill_process_group(Pid::from_child(&tree.shell), Signal::KILL)?;
        let dead = comes(tree.said.get_ref())?;
        tree.shell.wait()?;
        Ok(dead)
    };
    judge(tried(), "a child of a child lives on")
}

/// The child that a shell leaves behind becomes ours.
fn adoption() -> Result<(), String> {
    let tried = || -> io::Result<bool> {
        set_child_subreaper(Some(getpid()))?;
        let mut tree = Tree::grow("exit")?;
        // Kept open: `wait` would close it, and the child would end.
        let input = tree.shell.stdin.take();
        tree.shell.wait()?;
        let adopted = parent(tree.child) == Some(getpid());
        drop(input);
        if adopted {
            waitpid(Some(tree.child), WaitOptions::empty())?;
        }
        Ok(adopted)
    };
    let told = judge(tried(), "an orphan got another parent");
    // Nobody else is started that could be orphaned.
    let _ = set_child_subreaper(None);
    told
}

/// The number of the parent, from /proc.
fn parent(pid: Pid) -> Option<Pid> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    Pid::from_raw(rest.split_ascii_whitespace().nth(1)?.parse().ok()?)
}

/// A process is found as the sweep finds it.
fn marker() -> Result<(), String> {
    let run = format!("doctor-{}", uuid::Uuid::new_v4().simple());
    let tried = || -> io::Result<bool> {
        let mut cat = quiet("cat", &[]);
        let mut child = cat.env(MARKER_VARIABLE, format!("{run}/1")).stdout(Stdio::piped()).spawn()?;
        // In the middle of its exec a process has no environment: it answers first.
        child.stdin.as_mut().map_or(Ok(()), |input| input.write_all(b"."))?;
        child.stdout.as_mut().map_or(Ok(()), |said| said.read_exact(&mut [0]))?;
        let found = live_attempts(&run).contains(&1);
        child.wait()?;
        Ok(found)
    };
    judge(tried(), "/proc does not show our own child, or not its environment")
}

/// The end of a process can be waited for with others.
fn handle() -> Result<(), String> {
    let tried = || -> io::Result<bool> {
        let mut child = quiet("cat", &[]).spawn()?;
        let ended = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).map_err(io::Error::from);
        drop(child.stdin.take());
        let seen = ended.and_then(comes);
        child.wait()?;
        seen
    };
    judge(tried(), "its end is not told")
}

fn comes(what: impl AsFd) -> io::Result<bool> {
    Ok(poll(&mut [PollFd::new(&what, PollFlags::IN)], Some(&PATIENCE))? > 0)
}

fn judge(tried: io::Result<bool>, why: &str) -> Result<(), String> {
    match tried {
        Ok(true) => Ok(()),
        Ok(false) => Err(why.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// A user and a PID namespace, by the program that makes them.
fn namespace() -> (Finding, Option<bool>) {
    const NAME: &str = "pid namespace";
    let mut unshare = Command::new("unshare");
    unshare.args(["--user", "--map-root-user", "--pid", "--fork", "true"]).stdin(Stdio::null());
    match unshare.output() {
        Ok(said) if said.status.success() => {
            (Finding::ok(NAME, "permitted; not used by this version"), Some(true))
        }
        Ok(said) => {
            let text = String::from_utf8_lossy(&said.stderr);
            let why = text.lines().next().unwrap_or("no reason was given").to_owned();
            (Finding::note(NAME, format!("not permitted: {why}; not used by this version")), Some(false))
        }
        Err(error) => (Finding::note(NAME, format!("not tried: `unshare` does not start: {error}")), None),
    }
}
