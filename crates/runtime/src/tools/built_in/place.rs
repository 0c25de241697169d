//! A directory that nothing leads out of: no link, no `..`, no absolute path.
//!
//! The kernel resolves each path (`openat2`, `RESOLVE_BENEATH`), so there is no moment between a check and its use. What
//! belongs to Regatta (`.regatta`) is not there at all, and what belongs to git is not written: a hook there would run.

use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, ResolveFlags, fstat, mkdirat, open, openat2, readlinkat, statat,
};
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Component, Path, PathBuf};

/// Our own directory, below the workspace.
pub(super) const OURS: &str = ".regatta";
/// Git's, anywhere.
pub(super) const GIT: &str = ".git";
/// Rights of new directories, before the mask of the user.
const DIRECTORY: Mode = Mode::RWXU.union(Mode::RWXG).union(Mode::RWXO);

/// So often a path is looked for anew when something was renamed meanwhile.
const MOST_TRIES: u32 = 1_000;

/// What a path is wanted for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum For {
    Reading,
    Writing,
}

/// The directory.
#[derive(Debug)]
pub(super) struct Place {
    root: OwnedFd,
    /// Where it really lies.
    path: PathBuf,
}

/// A name in a directory that is held open.
#[derive(Debug)]
pub(super) struct Spot {
    pub(super) dir: OwnedFd,
    pub(super) name: OsString,
}

impl Place {
    /// The working directory of this process.
    pub(super) fn here() -> io::Result<Place> {
        let root = open(".", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let path = real(&root)?;
        Ok(Place { root, path })
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A path as it is below the root.
    fn relative(&self, text: &str) -> Result<PathBuf, String> {
        let shown = text.escape_debug();
        if text.is_empty() || text.contains('\0') {
            return Err(format!("`{shown}` is no path"));
        }
        let path = Path::new(text);
        let path = match path.is_absolute() {
            true => path.strip_prefix(&self.path).map_err(|_| outside(text))?,
            false => path,
        };
        let path: PathBuf = path.components().filter(|c| *c != Component::CurDir).collect();
        Ok(if path.as_os_str().is_empty() { PathBuf::from(".") } else { path })
    }

    /// Opens something for nothing but looking at it, following links that stay inside.
    pub(super) fn find(&self, text: &str, purpose: For) -> Result<OwnedFd, String> {
        let path = self.relative(text)?;
        let found = self.beneath(&path, OFlags::PATH).map_err(|error| unusable(text, error))?;
        self.guard(
            text,
            &real(&found).map_err(|error| format!("`{}`: {error}", text.escape_debug()))?,
            purpose,
        )?;
        Ok(found)
    }

    /// Opens a plain file to read it. Nothing else is ever opened: a FIFO would wait, a device would act.
    pub(super) fn open(&self, text: &str) -> Result<File, String> {
        let found = self.find(text, For::Reading)?;
        let stat = fstat(&found).map_err(|error| unusable(text, error))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {}
            FileType::Directory => return Err(format!("`{}` is a directory", text.escape_debug())),
            _ => return Err(format!("`{}` is not a plain file", text.escape_debug())),
        }
        let again = format!("/proc/self/fd/{}", found.as_raw_fd());
        let file = open(again, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::empty());
        file.map(File::from).map_err(|error| unusable(text, error))
    }

    /// Opens a directory to list it.
    pub(super) fn directory(&self, text: &str) -> Result<OwnedFd, String> {
        let found = self.find(text, For::Reading)?;
        openat2(found, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty(), BENEATH)
            .map_err(|error| unusable(text, error))
    }

    /// The place of a name that is to be written, moved or replaced; its directories are made if `make` says so.
    pub(super) fn spot(&self, text: &str, make: bool) -> Result<Spot, String> {
        let path = self.relative(text)?;
        let (Some(Component::Normal(name)), Some(parent)) = (path.components().next_back(), path.parent())
        else {
            return Err(format!("`{}` names no file", text.escape_debug()));
        };
        // What is refused leaves no directories behind. Where `..` leads is known only on the way.
        if make && !path.components().any(|part| part == Component::ParentDir) {
            self.guard(text, &self.path.join(&path), For::Writing)?;
        }
        let dir = self.walk(text, parent, make)?;
        let real = real(&dir).map_err(|error| format!("`{}`: {error}", text.escape_debug()))?;
        self.guard(text, &real.join(name), For::Writing)?;
        Ok(Spot { dir, name: name.to_owned() })
    }

    /// The directory of a path, made step by step where it is missing.
    fn walk(&self, text: &str, parent: &Path, make: bool) -> Result<OwnedFd, String> {
        let directory = OFlags::PATH | OFlags::DIRECTORY;
        let fail = |error| unusable(text, error);
        let mut so_far = PathBuf::from(".");
        let mut dir = self.beneath(&so_far, directory).map_err(fail)?;
        for step in parent.components() {
            so_far.push(step);
            dir = match self.beneath(&so_far, directory) {
                Err(Errno::NOENT) if make => {
                    let here = real(&dir).map_err(|error| format!("`{}`: {error}", text.escape_debug()))?;
                    self.guard(text, &here.join(step), For::Writing)?;
                    match mkdirat(&dir, step.as_os_str(), DIRECTORY) {
                        // Another task makes it too.
                        Ok(()) | Err(Errno::EXIST) => {}
                        Err(error) => return Err(fail(error)),
                    }
                    self.beneath(&so_far, directory).map_err(fail)?
                }
                found => found.map_err(fail)?,
            };
        }
        Ok(dir)
    }

    fn beneath(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        for _ in 0..MOST_TRIES {
            // EAGAIN: something was renamed meanwhile, so the kernel could not tell.
            match openat2(&self.root, path, flags | OFlags::CLOEXEC, Mode::empty(), BENEATH) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                other => return other,
            }
        }
        Err(Errno::AGAIN)
    }

    /// Refuses what is Regatta's, and writing what is git's.
    fn guard(&self, text: &str, real: &Path, purpose: For) -> Result<(), String> {
        let inside = real.strip_prefix(&self.path).map_err(|_| outside(text))?;
        let is = |part: Component<'_>, name: &str| part.as_os_str() == OsStr::new(name);
        if inside.components().next().is_some_and(|part| is(part, OURS)) {
            return Err(format!("`{}` is Regatta's own", text.escape_debug()));
        }
        if purpose == For::Writing && inside.components().any(|part| is(part, GIT)) {
            return Err(format!("`{}` is git's own and is not written", text.escape_debug()));
        }
        Ok(())
    }
}

impl Spot {
    /// What stands there, links not followed; `None` for nothing.
    pub(super) fn stat(&self) -> Result<Option<Stat>, Errno> {
        match statat(&self.dir, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);

/// Where an open file lies.
fn real(fd: &OwnedFd) -> io::Result<PathBuf> {
    let path = readlinkat(CWD, format!("/proc/self/fd/{}", fd.as_raw_fd()), Vec::new())?;
    Ok(PathBuf::from(OsString::from_vec(path.into_bytes())))
}

fn outside(text: &str) -> String {
    format!("`{}` is outside the workspace", text.escape_debug())
}

/// Why a path cannot be used, for people.
pub(super) fn unusable(text: &str, error: Errno) -> String {
    match error {
        Errno::XDEV | Errno::LOOP => outside(text),
        Errno::NOENT => format!("`{}` does not exist", text.escape_debug()),
        Errno::NOSYS => "this system cannot confine paths (it has no openat2)".to_owned(),
        other => format!("`{}`: {}", text.escape_debug(), io::Error::from(other)),
    }
}
