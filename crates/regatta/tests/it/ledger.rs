//! What a hand that can write the database can do to a run: alter an event, and mend the chains of
//! checksums over it.
//!
//! Writes the two chains down a second time, from the design page of the journal; knows no command.

use crate::world::World;
use rusqlite::{Connection, params};
use sha2::{Digest as _, Sha256};

/// Numbers of rows within a run are the low bits of their ids.
const ROW: i64 = (1 << 40) - 1;

/// Id, wall clock, body and result of an event.
type EventRow = (i64, i64, Vec<u8>, Option<Vec<u8>>);

/// The newest run's rows.
pub struct Ledger {
    db: Connection,
    run: String,
}

impl Ledger {
    pub fn open(world: &World) -> Ledger {
        let run = world.run_id();
        Ledger { db: Connection::open(world.path(".regatta/regatta.db")).unwrap(), run }
    }

    /// Replaces text in the first event that has it; answers the event's place.
    pub fn alter(&self, from: &str, to: &str) -> i64 {
        let sql = "SELECT id FROM events WHERE instr(body, ?1) > 0 ORDER BY id LIMIT 1";
        let id: i64 = self.db.query_row(sql, [from], |row| row.get(0)).unwrap();
        self.db
            .execute("UPDATE events SET body=replace(body, ?2, ?3) WHERE id=?1", params![id, from, to])
            .unwrap();
        id & ROW
    }

    /// Makes every checksum fit its row again, so that nothing but a replay can tell.
    pub fn mend(&self) {
        let mut link = start(b"regatta events 1\0", &self.run);
        let mut links = vec![link];
        for (id, wall, body, payload) in self.events() {
            let (body_len, payload_len) = (body.len() as u64, payload.as_ref().map_or(0, Vec::len) as u64);
            let mut hash = Sha256::new().chain_update(link);
            for n in [(id & ROW).cast_unsigned(), wall.cast_unsigned(), body_len] {
                hash.update(n.to_le_bytes());
            }
            hash.update([u8::from(payload.is_some())]);
            hash.update(payload_len.to_le_bytes());
            hash.update(&body);
            hash.update(payload.unwrap_or_default());
            link = cut(hash);
            links.push(link);
            self.db.execute("UPDATE events SET link=?2 WHERE id=?1", params![id, link]).unwrap();
        }
        let mut link = start(b"regatta turns 1\0", &self.run);
        for (id, numbers, inputs) in self.turns() {
            let mut hash = Sha256::new().chain_update(link).chain_update((id & ROW).to_le_bytes());
            numbers.iter().for_each(|n| hash.update(n.to_le_bytes()));
            hash.update((inputs.len() as u64).to_le_bytes());
            hash.update(&inputs);
            let last = usize::try_from(numbers[2] + numbers[3] - 1).unwrap();
            hash.update(links[last]);
            link = cut(hash);
            self.db.execute("UPDATE turns SET link=?2 WHERE id=?1", params![id, link]).unwrap();
        }
    }

    /// Says that another version ran the newest run, with a seal that fits.
    pub fn ran_by(&self, version: &str) {
        let set = "UPDATE runs SET engine_version=?2 WHERE run_id=?1";
        self.db.execute(set, params![self.run, version]).unwrap();
        let sql = "SELECT run_id, plan_name, plan, plan_digest, source, source_path, config, \
                   schedule_plan_hash, engine_version, mode, cohort, task_type, flags, retry_of, \
                   created_wall_ms, record_version \
                   FROM runs JOIN plans ON plans.run=runs.seq WHERE run_id=?1";
        // What may be missing is told from what is empty.
        const OPTIONAL: [usize; 4] = [4, 5, 11, 13];
        let seal = |row: &rusqlite::Row<'_>| {
            let mut hash = Sha256::new().chain_update(b"regatta row 1\0");
            for i in 0..16 {
                let value = row.get_ref(i)?;
                if OPTIONAL.contains(&i) {
                    hash.update(u64::from(value.as_str().is_ok()).to_le_bytes());
                }
                if let Ok(text) = value.as_str() {
                    hash.update((text.len() as u64).to_le_bytes());
                    hash.update(text);
                } else if let Ok(number) = value.as_i64() {
                    hash.update(number.to_le_bytes());
                }
            }
            Ok(cut(hash))
        };
        let seal = self.db.query_row(sql, [&self.run], seal).unwrap();
        self.db.execute("UPDATE runs SET seal=?2 WHERE run_id=?1", params![self.run, seal]).unwrap();
    }

    fn events(&self) -> Vec<EventRow> {
        let sql = "SELECT id, wall_ms, CAST(body AS BLOB), payload FROM events ORDER BY id";
        let mut rows = self.db.prepare(sql).unwrap();
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        rows.query_map([], read).unwrap().map(Result::unwrap).collect()
    }

    fn turns(&self) -> Vec<(i64, [i64; 4], Vec<u8>)> {
        let sql =
            "SELECT id, now_ms, wall_ms, first_pos, events, CAST(inputs AS BLOB) FROM turns ORDER BY id";
        let mut rows = self.db.prepare(sql).unwrap();
        let read = |row: &rusqlite::Row<'_>| {
            Ok((row.get(0)?, [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?], row.get(5)?))
        };
        rows.query_map([], read).unwrap().map(Result::unwrap).collect()
    }
}

fn start(chain: &[u8], run: &str) -> [u8; 16] {
    cut(Sha256::new().chain_update(chain).chain_update(run))
}

fn cut(hash: Sha256) -> [u8; 16] {
    let whole: [u8; 32] = hash.finalize().into();
    let mut link = [0; 16];
    link.copy_from_slice(&whole[..16]);
    link
}
