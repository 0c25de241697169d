//! A start in the form the kernel takes it: C strings, the candidates for the program, the working directory.
//! Everything is made before the clone. It does not know processes, files or attempts.

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::MARKER;
use super::message::StartSpec;
use super::spawn::{Failure, Step};

/// A checked command, ready for exec.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) programs: Vec<CString>,
    pub(super) argv: Vec<CString>,
    pub(super) envp: Vec<CString>,
    pub(super) cwd: CString,
}

/// Why a start cannot be put into that form, or why it failed, in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) errno: i32,
    pub(super) message: String,
}

impl Refusal {
    fn invalid(message: String) -> Refusal {
        Refusal { errno: libc::EINVAL, message }
    }

    /// The output files could not be made.
    pub(super) fn of_output(error: &std::io::Error) -> Refusal {
        let errno = error.raw_os_error().unwrap_or(libc::EIO);
        Refusal { errno, message: format!("cannot make an output file: {}", reason(errno)) }
    }

    /// The process was started, could not be watched and was killed.
    pub(super) fn of_watching(error: &std::io::Error) -> Refusal {
        let errno = error.raw_os_error().unwrap_or(libc::EIO);
        Refusal { errno, message: format!("cannot watch the process: {}", reason(errno)) }
    }
}

impl Command {
    /// Checks a start and converts it. The marker replaces one that was inherited.
    pub(super) fn new(spec: &StartSpec) -> Result<Command, Refusal> {
        let argv = spec
            .argv
            .iter()
            .enumerate()
            .map(|(n, arg)| {
                c_string(arg).ok_or_else(|| Refusal::invalid(format!("argument {n} has a NUL byte")))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let program = spec.argv.first().filter(|program| !program.is_empty());
        let program = program.ok_or_else(|| Refusal::invalid("the command is empty".to_owned()))?;
        let cwd = c_string(spec.cwd.as_os_str())
            .ok_or_else(|| Refusal::invalid(format!("directory {:?} has a NUL byte", spec.cwd)))?;
        Ok(Command { programs: programs(program, spec)?, argv, envp: environment(spec)?, cwd })
    }
}

/// The failure of a start in words a user can act on.
pub(super) fn explain(failure: &Failure, spec: &StartSpec) -> Refusal {
    let Failure { step, errno } = *failure;
    let program = spec.argv.first().map(OsStr::new).unwrap_or_default();
    let why = reason(errno);
    let message = match step {
        Step::Clone => format!("cannot make a process for {program:?}: {why}"),
        Step::Setup => format!("cannot prepare a process for {program:?}: {why}"),
        Step::Directory => format!("cannot enter directory {:?}: {why}", spec.cwd),
        Step::Exec => format!("cannot execute {program:?}: {}", exec_reason(errno, program, spec)),
    };
    Refusal { errno, message }
}

fn exec_reason(errno: i32, program: &OsStr, spec: &StartSpec) -> String {
    let bare = !program.as_bytes().contains(&b'/');
    match errno {
        libc::ENOENT if bare => "not found in PATH of the task".to_owned(),
        libc::ENOENT if spec.cwd.join(program).exists() => "its interpreter does not exist".to_owned(),
        libc::ENOEXEC => "neither a program nor a script that names its interpreter".to_owned(),
        libc::E2BIG => "arguments and environment are too long".to_owned(),
        _ => reason(errno),
    }
}

/// The system's text for an error number.
fn reason(errno: i32) -> String {
    let text = std::io::Error::from_raw_os_error(errno).to_string().to_lowercase();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// The paths to try, in order. A name with `/` is its own and only path.
fn programs(program: &OsStr, spec: &StartSpec) -> Result<Vec<CString>, Refusal> {
    let place =
        |directory: &[u8]| c_string(Path::new(OsStr::from_bytes(directory)).join(program).as_os_str());
    if program.as_bytes().contains(&b'/') {
        return Ok(c_string(program).into_iter().collect());
    }
    let path = spec.env.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| value);
    let missing = || Refusal {
        errno: libc::ENOENT,
        message: format!("cannot look up {program:?}: the task has no PATH"),
    };
    // An empty part is the working directory, which `join` turns into the bare name: the child is there by then.
    Ok(path.ok_or_else(missing)?.as_bytes().split(|byte| *byte == b':').filter_map(place).collect())
}

fn environment(spec: &StartSpec) -> Result<Vec<CString>, Refusal> {
    let marker = [MARKER, spec.marker.as_bytes()].concat();
    if spec.marker.is_empty() {
        return Err(Refusal::invalid("the marker is empty".to_owned()));
    }
    let marker =
        CString::new(marker).map_err(|_| Refusal::invalid("the marker has a NUL byte".to_owned()))?;
    let mut envp = Vec::with_capacity(spec.env.len() + 1);
    envp.push(marker); // first, so that the sweep finds it in the first bytes
    for (name, value) in &spec.env {
        if MARKER.strip_suffix(b"=") == Some(name.as_bytes()) {
            continue;
        }
        if name.is_empty() || name.as_bytes().contains(&b'=') {
            return Err(Refusal::invalid(format!("{name:?} cannot be the name of a variable")));
        }
        let pair = [name.as_bytes(), b"=", value.as_bytes()].concat();
        envp.push(
            CString::new(pair).map_err(|_| Refusal::invalid(format!("variable {name:?} has a NUL byte")))?,
        );
    }
    Ok(envp)
}

fn c_string(text: &OsStr) -> Option<CString> {
    CString::new(text.as_bytes()).ok()
}
