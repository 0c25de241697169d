//! The verbs of the tests: a workspace, runs in it, turns, a second connection, a crash.

use regatta_engine::event::{Event, EventKind};
use regatta_engine::ids::{AttemptId, NodeId, Timestamp};
use regatta_engine::input::Input;
use regatta_engine::outcome::{AttemptOutcome, RunStatus};
use regatta_engine::report::{Digest, Report};
use regatta_journal::{
    Journal, NewRun, Payload, Reader, RunId, RunJournal, Store, StoreError, StoredEvent, Turn,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) fn id(text: &str) -> RunId {
    RunId::new(text).unwrap()
}

pub(crate) fn new_run(run: &str) -> NewRun {
    NewRun {
        run_id: id(run),
        plan_name: "quickstart".into(),
        plan: r#"{"tasks":[]}"#.into(),
        plan_digest: "d".repeat(64),
        plan_source: Some("tasks: []\n".into()),
        source_path: Some("plan.yaml".into()),
        config: "{}".into(),
        schedule_plan_hash: "a".repeat(64),
        engine_version: "0.1.0".into(),
        mode: "hybrid".into(),
        cohort: 100,
        task_type: None,
        flags: "{}".into(),
        retry_of: None,
        created_wall_ms: 1_000,
    }
}

/// A workspace of its own.
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> World {
        World { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path().join(".regatta")
    }

    pub(crate) fn db(&self) -> PathBuf {
        self.home().join("regatta.db")
    }

    pub(crate) fn wal(&self) -> PathBuf {
        self.home().join("regatta.db-wal")
    }

    pub(crate) fn create(&self, run: &str) -> RunJournal {
        Journal::open(self.path()).unwrap().create_run(&new_run(run)).unwrap()
    }

    pub(crate) fn resume(&self, run: &str) -> Result<RunJournal, StoreError> {
        Journal::open(self.path())?.open_run(&id(run), 2_000)
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::open(self.path()).unwrap().unwrap()
    }

    /// A second connection, for what nobody of us would do.
    pub(crate) fn hand(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.db()).unwrap()
    }

    /// The workspace as a killed process leaves it: its files copied while it lives.
    pub(crate) fn crashed(&self) -> World {
        let copy = self.crashed_as_is();
        std::fs::remove_file(copy.home().join("regatta.db-shm")).unwrap();
        copy
    }

    /// A copy of a workspace that nobody has open.
    pub(crate) fn crashed_as_is(&self) -> World {
        let copy = World::new();
        copy_tree(&self.home(), &copy.home());
        copy
    }
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub(crate) fn event(at: u64, kind: EventKind) -> Event {
    Event { at: Timestamp(at), kind }
}

/// The events of a task that succeeds, as the product writes them.
pub(crate) fn task(n: u32) -> Vec<Event> {
    let (node, attempt, at) = (NodeId(n), AttemptId(u64::from(n) + 1), u64::from(n) * 10);
    let report = Report { exit: Some(0), ..Report::default() };
    vec![
        event(at, EventKind::NodeReady { node, number: 1 }),
        event(at, EventKind::DispatchStarted { node, attempt, number: 1, delay_before_ms: 0, round: n }),
        event(
            at + 5,
            EventKind::DispatchEnded {
                node,
                attempt,
                number: 1,
                outcome: AttemptOutcome::Succeeded,
                cause: None,
                duration_ms: 5,
                report: Box::new(report),
            },
        ),
    ]
}

pub(crate) fn turn(n: u32) -> Turn {
    Turn {
        now: Timestamp(u64::from(n) * 10 + 5),
        wall_ms: 1_700_000_000_000 + u64::from(n),
        inputs: vec![Input::Settle],
        events: task(n),
        payloads: vec![],
        shared: vec![],
    }
}

/// A turn whose one attempt gives `bytes` as its result.
pub(crate) fn turn_with_result(n: u32, bytes: &[u8]) -> Turn {
    let mut turn = turn(n);
    let digest = Digest { sha256: [7; 32], bytes: bytes.len() as u64 };
    if let EventKind::DispatchEnded { report, attempt, .. } = &mut turn.events[2].kind {
        report.result = Some(digest);
        turn.payloads.push(Payload { attempt: *attempt, bytes: Arc::from(bytes) });
    }
    turn
}

pub(crate) fn started() -> Turn {
    let kind = EventKind::RunStarted { schedule_plan_hash: "a".repeat(64).into() };
    Turn { wall_ms: 5_000, inputs: vec![Input::Begin], events: vec![event(0, kind)], ..Turn::default() }
}

pub(crate) fn ended(status: RunStatus) -> Turn {
    Turn {
        wall_ms: 9_000,
        inputs: vec![Input::Settle],
        events: vec![event(99, EventKind::RunEnded { status })],
        ..Turn::default()
    }
}

pub(crate) fn all(store: &mut dyn Store) -> Vec<StoredEvent> {
    let mut events = Vec::new();
    store
        .fold(&mut |event| {
            events.push(event);
            Ok(())
        })
        .unwrap();
    events
}

pub(crate) fn fold_error(store: &mut dyn Store) -> StoreError {
    store.fold(&mut |_| Ok(())).unwrap_err()
}
