//! What a command and all that came of it used: wall time, CPU of every descendant, memory, wake-ups.
//!
//! ```text
//! measure: this program again, as `meter FILE PROGRAM ARG…`
//!            becomes the one to whom orphans fall, starts PROGRAM, waits until no descendant is left,
//!            and writes what the system counted for them into FILE        so nobody's children are missed
//! ```
//! It knows no program.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use regatta_crash::Outcome;
use regatta_crash::processes::{gone, kill};
use rustix::process::{WaitOptions, getpid, set_child_subreaper, wait};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The word after which this program is the meter of one command.
pub(crate) const WORD: &str = "meter";
/// Nothing that is measured takes so long; what does is ended.
const PATIENCE: Duration = Duration::from_secs(1_200);
/// Whoever outlives the command is ended after this time.
const LINGER: Duration = Duration::from_secs(10);
/// How often those who outlive it are looked for.
const LOOK: Duration = Duration::from_millis(2);

/// What a command used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Used {
    /// From its start to its end, not to that of its descendants.
    pub(crate) wall_us: f64,
    /// User and system time of it and of all descendants.
    pub(crate) cpu_us: f64,
    /// The largest of these processes, at its largest.
    pub(crate) peak_kib: f64,
}

impl Used {
    pub(crate) fn wall_ms(&self) -> f64 {
        self.wall_us / 1e3
    }

    pub(crate) fn cpu_ms(&self) -> f64 {
        self.cpu_us / 1e3
    }

    pub(crate) fn peak_mib(&self) -> f64 {
        self.peak_kib / 1024.0
    }

    /// For the file of results.
    pub(crate) fn as_json(&self) -> Value {
        json!({ "wall_us": self.wall_us, "cpu_us": self.cpu_us, "peak_kib": self.peak_kib })
    }
}

/// Runs a command in a directory, with what it says in `stdout` and `stderr` there. Its exit code must be 0.
pub(crate) fn measure(command: &Command, dir: &Path) -> Outcome<Used> {
    let told = dir.join("used.json");
    let mut outer = Command::new("/proc/self/exe");
    outer.arg(WORD).arg(&told).arg(command.get_program()).args(command.get_args());
    outer.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let file =
        |name: &str| std::fs::File::create(dir.join(name)).map_err(|e| format!("cannot write `{name}`: {e}"));
    outer.current_dir(dir).stdin(Stdio::null()).stdout(file("stdout")?).stderr(file("stderr")?);
    let status = outer.status().map_err(|e| format!("cannot start the meter: {e}"))?;
    let name =
        Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    if !status.success() {
        return Err(format!("`{name}` ended with {status}: {}", last_line(&dir.join("stderr"))));
    }
    let text =
        std::fs::read_to_string(&told).map_err(|e| format!("the meter of `{name}` told nothing: {e}"))?;
    let value: Value = serde_json::from_str(&text).map_err(|e| format!("the meter of `{name}`: {e}"))?;
    let number =
        |key: &str| value[key].as_f64().ok_or_else(|| format!("the meter of `{name}` told no {key}"));
    Ok(Used { wall_us: number("wall_us")?, cpu_us: number("cpu_us")?, peak_kib: number("peak_kib")? })
}

fn last_line(file: &Path) -> String {
    let bytes = std::fs::read(file).unwrap_or_default();
    String::from_utf8_lossy(&bytes).lines().last().unwrap_or("it said nothing").to_owned()
}

/// The meter itself: `FILE PROGRAM ARG…`. Answers the exit code of the program.
pub(crate) fn inside(args: &[String]) -> Outcome<u8> {
    let [file, program, args @ ..] = args else {
        return Err("the meter wants a file and a program".to_owned());
    };
    set_child_subreaper(Some(getpid())).map_err(|e| format!("no subreaper: {e}"))?;
    let began = Instant::now();
    let mut child =
        Command::new(program).args(args).spawn().map_err(|e| format!("cannot start {program}: {e}"))?;
    let in_time = gone(child.id(), PATIENCE);
    if !in_time {
        kill(child.id());
    }
    let status = child.wait().map_err(|e| format!("cannot wait for {program}: {e}"))?;
    let wall_us = began.elapsed().as_secs_f64() * 1e6;
    outlived()?;
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|e| format!("no usage: {e}"))?;
    let cpu_us = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    let used = Used { wall_us, cpu_us: cpu_us as f64, peak_kib: usage.max_rss() as f64 };
    std::fs::write(file, used.as_json().to_string()).map_err(|e| format!("cannot write {file}: {e}"))?;
    if !in_time {
        return Err(format!("{program} took longer than {} s and was ended", PATIENCE.as_secs()));
    }
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(137))
}

/// Waits for those who outlived the command; ends them when that takes too long.
fn outlived() -> Outcome<()> {
    let began = Instant::now();
    loop {
        match wait(WaitOptions::NOHANG) {
            Err(rustix::io::Errno::CHILD) => return Ok(()),
            Ok(Some(_)) => continue,
            Ok(None) if began.elapsed() > LINGER => children().into_iter().for_each(kill),
            Ok(None) => {}
            Err(e) => return Err(format!("cannot wait for descendants: {e}")),
        }
        std::thread::sleep(LOOK);
    }
}

fn children() -> Vec<u32> {
    let path = format!("/proc/self/task/{}/children", getpid().as_raw_nonzero());
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}
