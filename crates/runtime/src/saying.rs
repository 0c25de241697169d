//! What commands said that are no attempts, `setup`, `verify` and those of a landing: it is redacted and kept for people, on a
//! thread of its own where there is much of it, so that the loop goes on meanwhile.
//!
//! Knows no loop and nothing that ends.

use crate::action::Kind;
use crate::driven::Ring;
use crate::judging::LARGE_BYTES;
use crate::redact::{Raw, Redactor};
use crate::{collect, private_file};
use regatta_engine::ids::AttemptId;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// So much of what a command said is answered, in bytes.
const TOLD_BYTES: u64 = 2_000;
/// Of that, the last lines.
const TOLD_LINES: usize = 5;

/// What a command said, and where it is kept.
pub(crate) struct Saying {
    pub(crate) redactor: Arc<Redactor>,
    /// Of more nothing is kept, in bytes.
    pub(crate) limit_bytes: u64,
    /// Standard output and standard error.
    pub(crate) streams: [Option<Raw>; 2],
    pub(crate) dir: PathBuf,
    /// Their files there.
    pub(crate) names: [String; 2],
}

/// A command of `setup` or `verify` that has ended.
pub(crate) struct Step {
    pub(crate) attempt: AttemptId,
    /// Which it is.
    pub(crate) kind: Kind,
    /// How it failed, if it did.
    pub(crate) failed: Option<String>,
}

/// A command of which all is kept that it said.
pub(crate) struct Kept {
    /// The number by which the keeper knows its end, which it may forget now: it fills the same files again.
    pub(crate) id: u64,
    /// What it was, if an attempt goes on with it.
    pub(crate) step: Option<Step>,
}

/// Threads that keep what was said: waited for when this is dropped.
#[derive(Default)]
pub(crate) struct Keepsakes {
    threads: Vec<JoinHandle<()>>,
    done: Arc<Mutex<Vec<Kept>>>,
    ring: Option<Ring>,
}

impl Keepsakes {
    /// Some that wake the loop when something is kept.
    pub(crate) fn new(ring: Ring) -> Keepsakes {
        let mut keepsakes = Keepsakes::default();
        keepsakes.ring = Some(ring);
        keepsakes
    }

    /// Keeps what a command said and tells its last words to `then`. Answers `kept` if that is done; else it comes with
    /// [`Keepsakes::take_done`].
    pub(crate) fn take(
        &mut self,
        (saying, kept): (Saying, Kept),
        then: impl FnOnce(String) + Send + 'static,
    ) -> Option<Kept> {
        if !saying.is_large() {
            then(saying.keep());
            return Some(kept);
        }
        let (done, ring) = (Arc::clone(&self.done), self.ring.clone());
        self.threads.retain(|thread| !thread.is_finished());
        self.threads.extend(saying.kept_beside(move |last| {
            then(last);
            lock(&done).push(kept);
            if let Some(ring) = ring {
                ring();
            }
        }));
        None
    }

    /// What is kept since the last call.
    pub(crate) fn take_done(&mut self) -> Vec<Kept> {
        std::mem::take(&mut *lock(&self.done))
    }
}

impl Drop for Keepsakes {
    fn drop(&mut self) {
        for thread in self.threads.drain(..) {
            // A panic of it was printed there.
            let _ = thread.join();
        }
    }
}

impl Saying {
    /// Keeps it on the thread that is answered, and tells its last words to `then`.
    fn kept_beside(self, then: impl FnOnce(String) + Send + 'static) -> Option<JoinHandle<()>> {
        let slot = Arc::new(Mutex::new(Some((self, then))));
        let theirs = Arc::clone(&slot);
        let thread = thread::Builder::new().name("saying".to_owned()).spawn(move || keep_and_tell(&theirs));
        if thread.is_err() {
            // Where there is no thread to be had it is kept here.
            keep_and_tell(&slot);
        }
        thread.ok()
    }

    fn is_large(&self) -> bool {
        self.streams.iter().flatten().filter_map(|raw| raw.bytes().ok()).sum::<u64>() > LARGE_BYTES
    }

    /// Answers the last words. What cannot be kept is missed by nobody but a person who looks for it.
    fn keep(&self) -> String {
        let mut last = String::new();
        if regatta_journal::private_dir(&self.dir).is_err() {
            return last;
        }
        let through = (&self.redactor, self.limit_bytes);
        for (stream, name) in self.streams.iter().zip(&self.names) {
            let kept = collect::stream(stream.as_ref(), (&self.dir, name), through);
            if matches!(kept, Ok(Some(digest)) if digest.bytes > 0) {
                last = last_lines(&self.dir.join(name)).unwrap_or(last);
            }
        }
        last
    }
}

fn keep_and_tell(slot: &Mutex<Option<(Saying, impl FnOnce(String))>>) {
    let taken = lock(slot).take();
    if let Some((saying, then)) = taken {
        // Somebody waits, also where reading it broke off.
        then(catch_unwind(AssertUnwindSafe(|| saying.keep())).unwrap_or_default());
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The end of a file, for people.
fn last_lines(path: &Path) -> io::Result<String> {
    let mut file = private_file::open(path)?;
    let bytes = file.metadata()?.len();
    file.seek(SeekFrom::Start(bytes.saturating_sub(TOLD_BYTES)))?;
    let mut text = Vec::new();
    file.take(TOLD_BYTES).read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    Ok(lines[lines.len().saturating_sub(TOLD_LINES)..].join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::sync::mpsc;

    #[test]
    fn much_that_a_command_said_is_kept_on_a_thread_of_its_own_and_little_at_once() {
        let dir = tempfile::tempdir().unwrap();
        for (lines, beside) in [(3, false), (100_000, true)] {
            let raw = dir.path().join("raw");
            fs::write(&raw, "said\n".repeat(lines)).unwrap();
            let saying = Saying {
                redactor: Arc::default(),
                limit_bytes: u64::MAX,
                streams: [Some(Raw::new(fs::File::open(&raw).unwrap())), None],
                dir: dir.path().join("kept"),
                names: ["out", "err"].map(str::to_owned),
            };
            let (tell, told) = mpsc::channel();
            let here = thread::current().id();
            let mut keepsakes = Keepsakes::default();
            let kept = keepsakes.take((saying, Kept { id: 7, step: None }), move |last| {
                tell.send((last, thread::current().id() != here)).unwrap();
            });
            assert_eq!(kept.is_none(), beside);
            let done = Arc::clone(&keepsakes.done);
            drop(keepsakes);
            assert_eq!(
                lock(&done).iter().map(|kept| kept.id).collect::<Vec<_>>(),
                [7][..usize::from(beside)]
            );
            let last = ["said"; TOLD_LINES][..lines.min(TOLD_LINES)].join(" | ");
            assert_eq!(told.try_recv().unwrap(), (last, beside));
            assert_eq!(fs::metadata(dir.path().join("kept/out")).unwrap().len(), 5 * lines as u64);
        }
    }
}
