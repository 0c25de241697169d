//! What we are compared with: ninja, strace, and programs in C that the command builds. A missing one has a reason.
//!
//! It knows what they are called and how they are built, not what they are compared for.

use regatta_crash::Outcome;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program, or why there is none.
pub(crate) type Program = Result<PathBuf, String>;

/// The programs beside us.
#[derive(Clone, Debug)]
pub(crate) struct References {
    /// The fastest peer that keeps a log.
    pub(crate) ninja: Program,
    /// Counts syncs.
    pub(crate) strace: Program,
    /// Our own loop without features, in C.
    pub(crate) floor: Program,
    /// Commits of the embedded database alone, in C.
    pub(crate) sqlite: Program,
    /// vfork, exec and wait, in C.
    pub(crate) spawn: Program,
}

impl References {
    /// Finds the one and builds the others from `trials/floors` into a directory.
    pub(crate) fn find(trials: Option<&Path>, into: &Path) -> References {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let on_path = |name: &str| {
            let mut files = std::env::split_paths(&path).map(|dir| dir.join(name));
            files.find(|file| file.is_file()).ok_or_else(|| format!("`{name}` is not installed"))
        };
        let compiler = on_path("cc");
        let build = |name: &str, library: &[&str]| {
            let compiler = compiler.clone()?;
            let floors = trials.ok_or("no `--trials DIR` was given")?.join("floors");
            compiled(&compiler, (&floors.join(format!("{name}.c")), library), &into.join(name))
        };
        References {
            ninja: on_path("ninja"),
            strace: on_path("strace"),
            floor: build("loop", &["-lsqlite3"]),
            sqlite: build("sqlite", &["-lsqlite3"]),
            spawn: build("spawn", &[]),
        }
    }

    /// One line for each of them.
    pub(crate) fn report(&self) -> String {
        let line = |name: &str, program: &Program| match program {
            Ok(_) => format!("{name}: found\n"),
            Err(why) => format!("{name}: missing: {why}\n"),
        };
        let all = [
            ("ninja", &self.ninja),
            ("strace", &self.strace),
            ("floor", &self.floor),
            ("sqlite", &self.sqlite),
            ("spawn", &self.spawn),
        ];
        all.map(|(name, program)| line(name, program)).concat()
    }
}

/// Compiles one file. A reason names no place of this machine: it may come to stand in a page.
fn compiled(compiler: &Path, (source, library): (&Path, &[&str]), to: &Path) -> Program {
    let name = source.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if !source.is_file() {
        return Err(format!("`floors/{name}` is not in the directory of `--trials`"));
    }
    let mut command = Command::new(compiler);
    command.args(["-O2", "-w", "-o"]).arg(to).arg(source).args(library);
    let output = command.output().map_err(|e| format!("`cc` cannot be started: {e}"))?;
    if output.status.success() {
        return Ok(to.to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let why = said.lines().find_map(|line| line.split_once("error: ")).map_or("", |(_, why)| why);
    Err(format!("`cc` refuses `floors/{name}`: {why}"))
}

/// How often a command syncs a file: by process, most first.
pub(crate) fn syncs(strace: &Program, command: &Command, dir: &Path) -> Outcome<Vec<usize>> {
    let file = dir.join("syncs");
    let mut traced = Command::new(strace.clone()?);
    traced.args(["-f", "--seccomp-bpf", "-qq", "-e", "trace=fsync,fdatasync", "-e", "signal=none", "-o"]);
    traced.arg(&file).arg(command.get_program()).args(command.get_args());
    crate::meter::measure(&traced, dir)?;
    let text = std::fs::read_to_string(&file).map_err(|e| format!("strace wrote nothing: {e}"))?;
    Ok(counted(&text))
}

/// Calls of each thread, most first; a call that strace shows in two parts counts once.
fn counted(trace: &str) -> Vec<usize> {
    let mut threads = std::collections::BTreeMap::new();
    for line in trace.lines().filter(|line| line.contains("sync(")) {
        *threads.entry(line.split(' ').next().unwrap_or_default()).or_insert(0) += 1;
    }
    let mut counts: Vec<usize> = threads.into_values().collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_directory_or_file_has_a_reason_that_names_no_place() {
        let into = std::env::temp_dir();
        let none = References::find(None, &into);
        assert_eq!(none.floor.clone().unwrap_err(), "no `--trials DIR` was given");
        assert!(none.report().contains("spawn: missing: no `--trials DIR` was given\n"));
        let empty = References::find(Some(Path::new("no/such")), &into);
        let why = "`floors/sqlite.c` is not in the directory of `--trials`";
        assert_eq!(empty.sqlite.unwrap_err(), why);
    }

    #[test]
    fn what_the_compiler_refuses_is_told() {
        let dir = std::env::temp_dir().join(format!("regatta-bench-cc-{}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        let source = dir.join("bad.c");
        std::fs::write(&source, "int main(void){return nothing;}\n").unwrap();
        let refused = compiled(Path::new("cc"), (&source, &[]), &dir.join("bad"));
        std::fs::write(&source, "int main(void){return 0;}\n").unwrap();
        let built = compiled(Path::new("cc"), (&source, &[]), &dir.join("good")).map(|file| file.is_file());
        std::fs::remove_dir_all(&dir).unwrap();
        let why = refused.unwrap_err();
        assert!(why.starts_with("`cc` refuses `floors/bad.c`: ") && why.contains("nothing"), "{why}");
        assert_eq!(built, Ok(true));
    }

    #[test]
    fn syncs_are_counted_by_thread_and_once() {
        let trace = "7 fdatasync(3) = 0\n7 fsync(4 <unfinished ...>\n8 fdatasync(5) = 0\n7 <... fsync resumed>) = 0\n";
        assert_eq!(counted(trace), [2, 1]);
    }
}
