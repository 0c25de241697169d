//! Reads /proc: one process, all processes, the marker in an environment, the children of this process.
//! It does not know which process belongs to whom, and signals nobody.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileExt, MetadataExt};

use super::MARKER;

/// Most bytes of a /proc file read at once.
const CHUNK: usize = 64 * 1024;
/// The kernel's thread daemon: its children are kernel threads, which have no environment.
const KTHREADD: u32 = 2;

/// The kernel's flag of a thread that has begun to exit.
const PF_EXITING: u32 = 4;

/// One process as /proc/<pid>/stat shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) parent: u32,
    pub(super) group: u32,
    /// Clock ticks since boot: with the number it names a process for good.
    pub(super) start: u64,
    /// Dead and not reaped.
    pub(super) zombie: bool,
    /// On its way there, still with its children, but without an environment to read.
    pub(super) exiting: bool,
}

/// What the environment of a process says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mark {
    /// The value of the marker.
    Is(Vec<u8>),
    /// It has an environment without the marker, or one that we may not read.
    No,
    /// It has none: empty by intent, in the middle of an exec, or of its exit (when it still has children). Look again.
    Empty,
}

/// A reader with one buffer for all of its work.
#[derive(Debug)]
pub(super) struct Proc {
    own: u32,
    user: u32,
    /// The list of the main thread's children, which is where the kernel puts orphans of a subreaper.
    children: Option<File>,
    buffer: Vec<u8>,
}

impl Proc {
    /// Looks at the process it is called in.
    pub(super) fn new() -> Proc {
        let own = std::process::id();
        Proc {
            own,
            user: rustix::process::geteuid().as_raw(),
            children: File::open(format!("/proc/{own}/task/{own}/children")).ok(),
            buffer: vec![0; CHUNK],
        }
    }

    /// The number of this process.
    pub(super) fn own(&self) -> u32 {
        self.own
    }

    /// One process; `None` if there is none of that number.
    pub(super) fn process(&mut self, pid: u32) -> io::Result<Option<Process>> {
        let file = match File::open(format!("/proc/{pid}/stat")) {
            Err(error) if gone(&error) => return Ok(None),
            result => result?,
        };
        match file.read_at(&mut self.buffer, 0) {
            Err(error) if gone(&error) => Ok(None),
            result => Ok(parse_stat(self.buffer.get(..result?).unwrap_or_default())),
        }
    }

    /// All processes, zombies included, this one excluded.
    pub(super) fn processes(&mut self) -> io::Result<Vec<Process>> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            all.extend(self.process(pid)?.filter(|process| process.pid != self.own));
        }
        Ok(all)
    }

    /// Children of the main thread: orphans that came to this process, and what the host started there itself.
    /// The kernel may skip an entry when the one before it is reaped during the reading. What vanished cannot be in the
    /// next reading, so two equal readings in a row are complete; an empty one is complete by itself.
    pub(super) fn children(&mut self) -> io::Result<Vec<u32>> {
        let Some(list) = self.children.take() else {
            let own = self.own;
            let all = self.processes()?.into_iter();
            return Ok(all.filter(|process| process.parent == own).map(|process| process.pid).collect());
        };
        let found = self.read_list(&list);
        self.children = Some(list);
        found
    }

    fn read_list(&mut self, list: &File) -> io::Result<Vec<u32>> {
        let (mut text, mut offset) = (Vec::new(), 0);
        loop {
            let count = list.read_at(&mut self.buffer, offset)?;
            if count == 0 {
                break;
            }
            text.extend_from_slice(self.buffer.get(..count).unwrap_or_default());
            offset += count as u64;
        }
        Ok(text.split(|byte| *byte == b' ').filter_map(number).collect())
    }

    /// The marker of a live process of this user.
    pub(super) fn mark(&mut self, process: &Process) -> Mark {
        let pid = process.pid;
        if process.zombie || pid == self.own || pid == KTHREADD || process.parent == KTHREADD {
            return Mark::No;
        }
        if std::fs::metadata(format!("/proc/{pid}")).map(|data| data.uid()).ok() != Some(self.user) {
            return Mark::No;
        }
        match environ(pid) {
            Ok(mut file) => find_marker(&mut file, &mut self.buffer),
            // Also "permission denied": the kernel gives the files of an exiting process to root.
            Err(_) => Mark::Empty,
        }
    }
}

/// The environment of a process, through another thread where the first one has ended before the others.
fn environ(pid: u32) -> io::Result<File> {
    let first = File::open(format!("/proc/{pid}/environ"));
    if first.is_ok() {
        return first;
    }
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"))?;
    tasks.flatten().find_map(|task| File::open(task.path().join("environ")).ok()).map_or(first, Ok)
}

/// The process ended between two calls, or the system hides it from us (hidepid), so it is not of this user.
fn gone(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied)
        || error.raw_os_error() == Some(libc::ESRCH)
}

/// Searches a stream of NUL-ended variables in bounded memory: no more is kept of one than a buffer holds.
fn find_marker(environ: &mut impl Read, buffer: &mut [u8]) -> Mark {
    let (mut variable, mut any) = (Vec::new(), false);
    loop {
        let count = match environ.read(buffer) {
            Ok(0) if !any => return Mark::Empty,
            Ok(0) => return value_of(&variable).map_or(Mark::No, Mark::Is),
            Ok(count) => count,
            Err(_) => return Mark::Empty,
        };
        any = true;
        let mut parts = buffer.get(..count).unwrap_or_default().split(|byte| *byte == 0).peekable();
        while let Some(part) = parts.next() {
            if variable.len() < CHUNK {
                variable.extend_from_slice(part);
            }
            if parts.peek().is_some() {
                if let Some(value) = value_of(&variable) {
                    return Mark::Is(value);
                }
                variable.clear();
            }
        }
    }
}

fn value_of(variable: &[u8]) -> Option<Vec<u8>> {
    variable.strip_prefix(MARKER).map(<[u8]>::to_vec)
}

/// The name in parentheses may hold anything, so fields count from the last one: state, parent, group, three others,
/// flags, ten others, number of threads, one other, start.
fn parse_stat(line: &[u8]) -> Option<Process> {
    let pid = number(line.split(|byte| *byte == b' ').next()?)?;
    let close = line.iter().rposition(|byte| *byte == b')')?;
    let mut fields = line.get(close + 2..)?.split(|byte| *byte == b' ');
    let state = fields.next()?;
    let parent = number(fields.next()?)?;
    let group = number(fields.next()?)?;
    let flags = number(fields.nth(3)?)?;
    let alone = number(fields.nth(10)?)? <= 1;
    let start = std::str::from_utf8(fields.nth(1)?).ok()?.parse().ok()?;
    let zombie = alone && matches!(state, b"Z" | b"X");
    Some(Process { pid, parent, group, start, zombie, exiting: alone && !zombie && flags & PF_EXITING != 0 })
}

fn number(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_whatever_the_name_of_the_program() {
        let stat = |state: &str, flags: u32, threads: u32| {
            let line = format!(
                "71 (a) Z (b) {state} 5 70 9 0 -1 {flags} 1 0 0 0 0 0 0 0 20 0 {threads} 0 8123456 1 2\n"
            );
            parse_stat(line.as_bytes()).unwrap()
        };
        let live = Process { pid: 71, parent: 5, group: 70, start: 8_123_456, zombie: false, exiting: false };
        assert_eq!(stat("S", 0x40_0000, 1), live);
        assert_eq!(stat("R", 0x40_0004, 1), Process { exiting: true, ..live });
        assert_eq!(stat("Z", 0x40_0004, 1), Process { zombie: true, ..live });
        assert_eq!(stat("Z", 0x40_0004, 2), live, "only its first thread has ended");
        assert_eq!(parse_stat(b"71 (short) S 5"), None);
    }

    #[test]
    fn this_process_is_found_with_its_parent_and_start() {
        let mut proc = Proc::new();
        let own = proc.process(std::process::id()).unwrap().unwrap();
        assert_eq!(own.parent, std::os::unix::process::parent_id());
        assert!(own.start > 0 && !own.zombie);
        assert!(proc.processes().unwrap().iter().all(|process| process.pid != own.pid));
    }

    #[test]
    fn a_marker_is_found_across_chunks_and_only_at_the_start_of_a_variable() {
        let find = |text: &[u8], chunk: usize| find_marker(&mut { text }, &mut vec![0; chunk]);
        for chunk in [1, 7, 64] {
            assert_eq!(find(b"A=1\0REGATTA_MARKER=r/1\0B=2\0", chunk), Mark::Is(b"r/1".to_vec()));
            assert_eq!(find(b"A=REGATTA_MARKER=r/1\0XREGATTA_MARKER=r/2\0", chunk), Mark::No);
            assert_eq!(find(b"REGATTA_MARKER=no-end", chunk), Mark::Is(b"no-end".to_vec()));
            assert_eq!(find(b"", chunk), Mark::Empty);
        }
    }
}
