//! A whole look at a store, for whoever asks whether it is sound: the write-ahead log, SQLite's own structure, and the
//! chained checksums of runs. Changes nothing and copies nothing aside.

use crate::db::Access;
use crate::error::StoreError;
use crate::journal::refuse_hole;
use crate::reader::Reader;
use crate::schema;
use crate::version::SchemaVersion;
use std::path::Path;

/// What a sound store holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Soundness {
    /// The version of its tables.
    pub schema: SchemaVersion,
    /// Runs whose every event was verified: the newest ones.
    pub runs: usize,
    /// Their events.
    pub events: u64,
}

/// Looks at the whole store of `workspace` and at the events of its newest `most_runs` runs; none if it has no store.
///
/// # Errors
/// Whatever is wrong with it.
pub fn examine_store(workspace: &Path, most_runs: usize) -> Result<Option<Soundness>, StoreError> {
    let Some(reader) = Reader::open(workspace)? else { return Ok(None) };
    refuse_hole(reader.place(), Access::Read)?;
    let db = reader.db();
    let said: String =
        db.conn.pragma_query_value(None, "quick_check", |row| row.get(0)).map_err(|e| db.fault("read", e))?;
    if said != "ok" {
        return Err(db.damaged(said));
    }
    let mut sound = Soundness { schema: schema::version(db)?, runs: 0, events: 0 };
    for run in reader.runs(most_runs)? {
        sound.runs += 1;
        reader.fold(&run.run_id, &mut |_| {
            sound.events += 1;
            Ok(())
        })?;
    }
    Ok(Some(sound))
}
