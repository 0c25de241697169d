//! The snapshot files of a run (formats 4): schedule, canonical log, attempts. Byte-equal between runs with the same
//! outcomes.
//!
//! Written when a run ends, anew if missing; `replay` compares them.

use crate::error::CliError;
use regatta_engine::Engine;
use regatta_engine::canonical::CanonicalLog;
use regatta_engine::event::Event;
use regatta_engine::schedule;
use regatta_fault as fault;
use regatta_runtime::escape::escape_path;
use std::io::Write as _;
use std::path::Path;

/// Names of the files, with what they hold.
pub const FILES: [&str; 3] = ["schedule.snapshot.json", "events.snapshot.json", "attempts.snapshot.json"];

/// Gathers events in arrival order.
#[derive(Debug, Default)]
pub struct Collector {
    events: Vec<Event>,
}

impl Collector {
    /// Takes the next event.
    pub fn push(&mut self, event: &Event) {
        self.events.push(event.clone());
    }

    /// The bytes of each file of [`FILES`].
    #[must_use]
    pub fn files(&self, engine: &Engine) -> [Vec<u8>; 3] {
        let graph = engine.graph();
        let log = || {
            let mut log = CanonicalLog::new();
            self.events.iter().for_each(|e| log.push(graph, e));
            log
        };
        let mut schedule = schedule::canonical(graph);
        schedule.push(b'\n');
        [schedule, log().write(graph), log().attempts(graph)]
    }

    /// Writes the files that are missing. Each gets its name when it is whole: who dies on the way leaves none behind
    /// that lacks its end.
    ///
    /// # Errors
    /// One cannot be written.
    pub fn write(&self, engine: &Engine, run_dir: &Path) -> Result<(), CliError> {
        if FILES.iter().all(|name| run_dir.join(name).exists()) {
            return Ok(());
        }
        for (name, bytes) in FILES.iter().zip(self.files(engine)) {
            let path = run_dir.join(name);
            if path.exists() {
                continue;
            }
            write_whole(&path, &bytes)
                .map_err(|e| CliError::environment(format!("cannot write `{}`: {e}", escape_path(&path))))?;
        }
        Ok(())
    }
}

/// Two processes may write the same bytes at the same time: each has a file of its own until then.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let unnamed = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file = regatta_journal::create_private(&unnamed).map_err(|e| e.to_string())?;
    let written = file.write_all(bytes).and_then(|()| {
        fault::point("snapshot.written");
        std::fs::rename(&unnamed, path)
    });
    if written.is_err() {
        // What is not whole is nobody's; the next one to write begins anew.
        let _ = std::fs::remove_file(&unnamed);
    }
    written.map_err(|e| e.to_string())
}
