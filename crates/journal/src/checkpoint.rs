//! Moves the write-ahead log into the database without holding up a turn.
//!
//! ```text
//! after some megabytes   a helper thread with a connection of its own does the bulk (fsyncs and all)
//! once it is through     the next append does the few pages left, so that the log starts over in the same file
//! idle, closing          the caller does it
//! ```
//! Nothing here is needed for durability: a commit is durable in the log. So failures are left to the next attempt,
//! and a full disk shows in the next commit.

use crate::db::{Access, Db};
use crate::place::Place;
use regatta_fault as fault;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

/// Log written since the last checkpoint, in bytes, that wakes the helper.
const BULK_BYTES: usize = 4 << 20;
/// What a commit writes beside its rows: one page of each hot table.
const COMMIT_BYTES: usize = 8192;
/// SQLite's own need is far below.
const STACK_BYTES: usize = 512 << 10;

/// Moves everything that no reader still needs; does not wait for readers or writers.
pub(crate) fn passive(db: &Db) -> rusqlite::Result<()> {
    db.conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}

/// Watches how much was written.
#[derive(Debug, Default)]
pub(crate) struct Checkpointer {
    written: usize,
    at_work: bool,
    helper: Option<Helper>,
}

#[derive(Debug)]
struct Helper {
    wake: Option<SyncSender<()>>,
    done: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// A commit wrote `bytes` of rows.
    pub(crate) fn committed(&mut self, db: &Db, bytes: usize) {
        self.written += bytes + COMMIT_BYTES;
        if self.at_work {
            if self.helper.as_ref().is_some_and(|h| h.done.try_recv().is_ok()) {
                self.at_work = false;
                self.written = 0;
                // Failing leaves the log as it is; see above.
                let _few_pages_left = passive(db);
            }
        } else if self.written >= BULK_BYTES {
            if self.helper.is_none() {
                self.helper = Helper::start(&db.place);
            }
            let wake = self.helper.as_ref().and_then(|h| h.wake.as_ref());
            self.at_work = wake.is_some_and(|wake| wake.try_send(()).is_ok());
        }
    }

    /// The caller moved everything.
    pub(crate) fn idle(&mut self) {
        self.written = 0;
    }
}

impl Helper {
    /// None where no thread or connection can be had: the log then grows until somebody is idle.
    fn start(place: &Place) -> Option<Helper> {
        let (wake, woken) = sync_channel::<()>(1);
        let (tell, done) = sync_channel::<()>(1);
        let place = place.clone();
        let work = move || {
            let Ok(db) = Db::open(place, Access::Write) else { return };
            while woken.recv().is_ok() {
                // Failing leaves the log as it is; the writer is told all the same and goes on.
                fault::point("checkpoint.before");
                let _moved = passive(&db);
                fault::point("checkpoint.after");
                if tell.send(()).is_err() {
                    return;
                }
            }
        };
        let thread = Builder::new().name("checkpoint".into()).stack_size(STACK_BYTES).spawn(work).ok()?;
        Some(Helper { wake: Some(wake), done, thread: Some(thread) })
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been told on stderr and concerns no turn.
            let _ended = thread.join();
        }
    }
}
