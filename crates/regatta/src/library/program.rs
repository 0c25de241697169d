//! Where the program is that serves as the keeper of runs, and whether it is of this version.
//!
//! ```text
//! Config::program, else `regatta`: beside this executable -> one and two directories above it -> $PATH
//! ```
//! Asks a program who it is (`regatta-helper about`); starts no keeper.

use super::error::{Error, ErrorKind};
use super::serving::ABOUT;
use crate::found_agents::is_program;
use regatta_runtime::escape::escape_path;
use regatta_runtime::keeper::{HELPER, OLDEST_PROTOCOL, PROTOCOL};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

/// The name of our program.
const NAME: &str = "regatta";
/// This program, also when its file was replaced meanwhile.
const OURSELVES: &str = "/proc/self/exe";
/// So many directories above an executable are looked at: cargo puts tests into `deps` and examples into `examples`.
const ABOVE: usize = 2;
/// A program has so long to say who it is.
const PATIENCE: Duration = Duration::from_secs(10);
/// And says so at most so many bytes long.
const MAX_BYTES: u64 = 1_024;

/// The program that is started as the keeper of runs.
///
/// A run has a second process, the keeper, which owns the processes of tasks and outlives a crash of this one. It is the
/// `regatta` program, or this program itself:
///
/// - [`crate::serve_itself`], called first thing in `main`, makes this program its own keeper. Nothing else is needed.
/// - [`Program::at`] names the `regatta` program.
/// - Without either it is sought: beside the current executable, one and two directories above it, in `PATH`.
///
/// Whichever it is must be of the version of this library: that is asked before the first run of an orchestrator, and
/// where there is none, the error says every place that was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program(PathBuf);

impl Program {
    /// The `regatta` program at this path.
    pub fn at(path: impl Into<PathBuf>) -> Program {
        Program(path.into())
    }

    pub(super) fn itself() -> Program {
        Program(PathBuf::from(OURSELVES))
    }
}

/// The program to start, after asking it who it is.
///
/// # Errors
/// There is none of this version.
pub(super) fn find(given: Option<&Program>) -> Result<PathBuf, Error> {
    if let Some(Program(path)) = given {
        return match path.as_os_str() == OURSELVES {
            // Its `main` may say something else before it serves; it is of this version whatever it says.
            true => Ok(path.clone()),
            false => ask(path).map(|()| path.clone()).map_err(|why| none(&[(path.clone(), why)])),
        };
    }
    let mut looked = Vec::new();
    for path in places() {
        let found = if is_program(&path) { ask(&path) } else { Err("not there".to_owned()) };
        match found {
            Ok(()) => return Ok(path),
            Err(why) => looked.push((path, why)),
        }
    }
    Err(none(&looked))
}

/// Every place to look at, in order.
fn places() -> Vec<PathBuf> {
    let own = std::env::current_exe().unwrap_or_default();
    let near = own.ancestors().skip(1).take(1 + ABOVE).map(Path::to_owned);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = near.chain(std::env::split_paths(&path)).filter(|dir| dir.is_absolute());
    let mut places: Vec<PathBuf> = Vec::new();
    for place in all.map(|dir| dir.join(NAME)) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

fn none(looked: &[(PathBuf, String)]) -> Error {
    let places: Vec<String> =
        looked.iter().map(|(path, why)| format!("`{}` ({why})", escape_path(path))).collect();
    let message = format!("no program serves as the keeper of runs: {}", places.join(", "));
    Error::new(ErrorKind::NoProgram, message).hinted(format!(
        "call `regatta::serve_itself` first thing in `main`, or install regatta {} and name it by `Config::program`",
        env!("CARGO_PKG_VERSION")
    ))
}

/// Whether a program is of this version; why not.
fn ask(program: &Path) -> Result<(), String> {
    let mut command = Command::new(program);
    command.args([HELPER, ABOUT]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|e| e.to_string())?;
    let (to, from) = channel();
    let out = child.stdout.take();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        // What is no text is no answer.
        let _ = out.map(|out| out.take(MAX_BYTES).read_to_string(&mut text));
        // Whoever asked may have gone on.
        let _ = to.send(text);
    });
    let said = from.recv_timeout(PATIENCE);
    // It has said what it had to say, or nothing in time.
    let _ = child.kill();
    let _ = child.wait();
    if said.is_ok() {
        // It has sent its last word.
        let _ = reader.join();
    }
    match said {
        Ok(text) if text.trim() == about() => Ok(()),
        Ok(text) if text.starts_with(NAME) => Err(format!("it is `{}`, this is `{}`", text.trim(), about())),
        Ok(_) => Err(format!("it is not {}", about())),
        Err(_) => Err("it does not answer".to_owned()),
    }
}

/// Who this version is.
pub(super) fn about() -> String {
    format!("{NAME} {}, protocols {OLDEST_PROTOCOL} to {PROTOCOL}", env!("CARGO_PKG_VERSION"))
}
