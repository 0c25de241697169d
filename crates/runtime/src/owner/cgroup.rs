//! Cgroups of version 2, one for each attempt that lives: whoever is born in one stays in it, whatever it does to its
//! group, its session, its parents and its environment. It does not know attempts, and signals nobody but by the
//! kernel's own word for all of a cgroup.
//!
//! ```text
//! <our own cgroup>/regatta-<run>/0, 1, 2, …     made on demand, empty when given back, used again
//! ```
//! A cgroup is optional: where none can be made, or none can be joined, group, subreaper and marker do the work alone.
//! Source of the rules: the kernel's Documentation/admin-guide/cgroup-v2.rst.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// Names that are tried for the home of a run: those before it belong to keepers that were killed.
const MOST_HOMES: u32 = 1_000;
/// Cgroups that a task made below its own are followed so deep.
const DEEPEST: u32 = 32;
/// More than `populated 0` and `frozen 0` take.
const EVENTS_BYTES: usize = 64;

/// The directory of the cgroup that this process is in; `None` where version 2 is not mounted.
#[must_use]
pub fn own_cgroup() -> Option<PathBuf> {
    let inside = fs::read_to_string("/proc/self/cgroup").ok()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    directory(&inside, &mounts)
}

/// Makes a cgroup below our own for all that one run starts.
///
/// # Errors
/// There is none of version 2, we may not make one, or the kernel cannot kill one (Linux before 5.14).
pub fn make_cgroup(run: &str) -> io::Result<PathBuf> {
    let own = own_cgroup().ok_or(io::ErrorKind::Unsupported)?;
    for n in 0..MOST_HOMES {
        let name = if n == 0 { format!("regatta-{run}") } else { format!("regatta-{run}.{n}") };
        let home = own.join(name);
        match fs::create_dir(&home) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(()) if home.join("cgroup.kill").exists() => return Ok(home),
            Ok(()) => {
                fs::remove_dir(&home)?;
                return Err(io::ErrorKind::Unsupported.into());
            }
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// One cgroup, held open.
#[derive(Debug)]
pub(super) struct Cgroup {
    path: PathBuf,
    /// For the kernel, to start somebody in it.
    pub(super) directory: File,
    events: File,
}

impl Cgroup {
    fn make(path: PathBuf) -> io::Result<Cgroup> {
        fs::create_dir(&path)?;
        let opened = || -> io::Result<(File, File)> {
            Ok((File::open(&path)?, File::open(path.join("cgroup.events"))?))
        };
        match opened() {
            Ok((directory, events)) => Ok(Cgroup { path, directory, events }),
            Err(error) => {
                fs::remove_dir(&path)?;
                Err(error)
            }
        }
    }

    /// Whether anybody lives in it or below. The dead that nobody has reaped do not count.
    pub(super) fn is_populated(&self) -> bool {
        !self.says(b"populated 0")
    }

    /// As it was when it was made: nothing below it, and whoever joins may run.
    fn is_as_new(&self) -> bool {
        !self.says(b"frozen 1") && self.directory.metadata().is_ok_and(|data| data.nlink() <= 2)
    }

    fn says(&self, event: &[u8]) -> bool {
        let mut text = [0; EVENTS_BYTES];
        let read = self.events.read_at(&mut text, 0).unwrap_or(0);
        text[..read].split(|byte| *byte == b'\n').any(|line| line == event)
    }

    /// Who lives in it and below.
    pub(super) fn members(&self) -> Vec<u32> {
        members(&self.path)
    }

    /// KILL to all of it, also to what is being born.
    pub(super) fn kill(&self) {
        kill(&self.path);
    }
}

/// The cgroups of this owner.
#[derive(Debug)]
pub(super) struct Cgroups {
    /// Where they are made; none if they cannot be had.
    home: Option<PathBuf>,
    /// What owners that were killed left behind.
    left: Vec<PathBuf>,
    free: Vec<Cgroup>,
    made: u64,
}

impl Cgroups {
    /// `home` is ours alone; `left` were the homes of owners that are dead.
    pub(super) fn new(home: Option<PathBuf>, left: Vec<PathBuf>) -> Cgroups {
        Cgroups { home, left, free: Vec::new(), made: 0 }
    }

    /// An empty one.
    pub(super) fn take(&mut self) -> Option<Cgroup> {
        if let Some(free) = self.free.pop() {
            return Some(free);
        }
        let path = self.home.as_ref()?.join(self.made.to_string());
        self.made += 1;
        // Too many of them, or no descriptor to spare: this attempt has to do without.
        Cgroup::make(path).ok()
    }

    /// One in which nobody lives any more. It is of no use if a task changed it, or if it was killed: whoever is born in a
    /// cgroup that ever was is killed at birth (Linux compares a count of its kills with that of the parent's).
    pub(super) fn give_back(&mut self, cgroup: Cgroup, unharmed: bool) {
        if unharmed && cgroup.is_as_new() {
            self.free.push(cgroup);
        } else {
            remove_cgroup(&cgroup.path);
        }
    }

    /// Nobody may join: no attempt gets one any more.
    pub(super) fn give_up(&mut self) {
        self.close();
        self.home = None;
    }

    /// Who lives in what dead owners left behind.
    pub(super) fn left_members(&self) -> Vec<u32> {
        self.left.iter().flat_map(|left| members(left)).collect()
    }

    /// KILL to all of that.
    pub(super) fn kill_left(&self) {
        self.left.iter().for_each(|left| kill(left));
    }

    /// Nobody lives there any more.
    pub(super) fn remove_left(&mut self) {
        self.left.drain(..).for_each(|left| remove_cgroup(&left));
    }

    fn close(&mut self) {
        self.free.clear();
        if let Some(home) = &self.home {
            remove_cgroup(home);
        }
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        self.close();
    }
}

fn kill(path: &Path) {
    // Whoever is not reached is found alive at the next look, and the deadline of the sweep or of the attempt stands.
    let _ =
        File::options().write(true).open(path.join("cgroup.kill")).and_then(|mut file| file.write_all(b"1"));
}

fn members(path: &Path) -> Vec<u32> {
    let (mut found, mut open) = (Vec::new(), vec![(path.to_owned(), DEEPEST)]);
    while let Some((path, deep)) = open.pop() {
        let text = fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
        found.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()));
        if deep > 0 {
            open.extend(below(&path).map(|path| (path, deep - 1)));
        }
    }
    found
}

fn below(path: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path())
}

/// Removes a cgroup and those below it, as far as nobody lives there.
pub fn remove_cgroup(path: &Path) {
    remove_below(path, DEEPEST);
    // One that is not empty, or belongs to somebody else, stays.
    let _ = fs::remove_dir(path);
}

fn remove_below(path: &Path, deep: u32) {
    if deep == 0 {
        return;
    }
    for path in below(path) {
        remove_below(&path, deep - 1);
        let _ = fs::remove_dir(path); // as above
    }
}

/// Our cgroup from the texts of `/proc/self/cgroup` and `/proc/self/mountinfo`.
fn directory(inside: &str, mounts: &str) -> Option<PathBuf> {
    let path = inside.lines().find_map(|line| line.strip_prefix("0::"))?;
    let (root, point) = mounts.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut fields = before.split(' ').skip(3);
        after.starts_with("cgroup2 ").then_some((fields.next()?, fields.next()?))
    })?;
    let below = Path::new(path).strip_prefix(root).ok()?;
    Some(Path::new(point).join(below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_cgroup_is_found_below_its_mount() {
        let mount = |root: &str, point: &str| {
            format!(
                "1 2 0:3 / /proc rw - proc proc rw\n4 5 0:6 {root} {point} rw shared:1 - cgroup2 cgroup2 rw\n"
            )
        };
        let find = |inside: &str, mounts: &str| directory(inside, mounts).map(|p| p.display().to_string());
        let session = "0::/user.slice/u.scope\n";
        assert_eq!(
            find(session, &mount("/", "/sys/fs/cgroup")).as_deref(),
            Some("/sys/fs/cgroup/user.slice/u.scope")
        );
        assert_eq!(find("1:cpu:/x\n0::/\n", &mount("/", "/c")).as_deref(), Some("/c/"));
        assert_eq!(find("0::/a/b\n", &mount("/a", "/c")).as_deref(), Some("/c/b"));
        assert_eq!(find("0::/a/b\n", &mount("/z", "/c")), None);
        assert_eq!(find("1:cpu:/x\n", &mount("/", "/c")), None);
        assert_eq!(find(session, "1 2 0:3 / /proc rw - proc proc rw\n"), None);
    }
}
