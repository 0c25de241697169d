//! The spool: what was started, how it ended, what was acknowledged. Written before it is told, never synced: it
//! survives the death of any process, not a power cut (after which an attempt is lost, and its effect contract holds).
//!
//! A record is a length, the first eight bytes of the sha-256 of the body, and the body in JSON. A torn tail is cut off.

use super::message::Ended;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

const HEAD_BYTES: usize = 12;
/// A longer record is none of ours.
const MAX_RECORD_BYTES: usize = 1 << 20;

/// A record.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Record {
    /// A program runs.
    Started {
        /// The attempt.
        attempt: u64,
        /// Its leader.
        pid: u32,
        /// Start of the leader in clock ticks since boot.
        start_time_ticks: u64,
        /// Which start of the machine.
        boot_id: String,
    },
    /// An attempt ended.
    Ended(Ended),
    /// Its outcome is durable elsewhere.
    Acked {
        /// The attempt.
        attempt: u64,
    },
}

/// What an earlier keeper left.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Inherited {
    /// Ends that were not acknowledged, by attempt. What was written is lost.
    pub(super) ended: BTreeMap<u64, Ended>,
    /// Attempts that were started under this start of the machine.
    pub(super) started: BTreeSet<u64>,
    /// Something was started under another start of the machine.
    pub(super) boot_changed: bool,
}

/// The file.
#[derive(Debug)]
pub(super) struct Spool {
    file: File,
    /// Where the last whole record ends.
    end: u64,
}

impl Spool {
    /// Reads what is there, cuts off a torn tail, and goes on behind it.
    pub(super) fn open(mut file: File, boot_id: &str) -> io::Result<(Spool, Inherited)> {
        let mut bytes = Vec::new();
        file.rewind()?;
        file.read_to_end(&mut bytes)?;
        let (mut at, mut inherited) = (0, Inherited::default());
        while let Some((record, length)) = decode(&bytes[at..]) {
            at += length;
            inherited.take(record, boot_id);
        }
        inherited.forget_other_boots();
        file.set_len(at as u64)?;
        file.seek(SeekFrom::End(0))?;
        Ok((Spool { file, end: at as u64 }, inherited))
    }

    /// Adds records in one write.
    pub(super) fn append(&mut self, records: &[Record]) -> io::Result<()> {
        let mut bytes = Vec::new();
        for record in records {
            encode(&mut bytes, record)?;
        }
        let written = self.file.write_all(&bytes);
        match written {
            Ok(()) => self.end += bytes.len() as u64,
            // Half a record would hide all that follow it.
            Err(_) => {
                self.file.set_len(self.end)?;
                self.file.seek(SeekFrom::Start(self.end))?;
            }
        }
        written
    }

    /// Forgets everything, because nothing is owned.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.end = 0;
        self.file.rewind()
    }
}

impl Inherited {
    fn take(&mut self, record: Record, now: &str) {
        match record {
            Record::Started { attempt, boot_id, .. } => {
                if boot_id == now {
                    self.started.insert(attempt);
                } else {
                    self.boot_changed = true;
                }
            }
            Record::Ended(ended) => {
                let output_lost = ended.output_lost || ended.stdout || ended.stderr;
                let ended = Ended { stdout: false, stderr: false, output_lost, ..ended };
                self.ended.insert(ended.attempt, ended);
            }
            Record::Acked { attempt } => {
                self.ended.remove(&attempt);
            }
        }
    }
}

impl Inherited {
    /// Nothing was synced: an end may have reached the disk, and what it left not. So it is lost.
    fn forget_other_boots(&mut self) {
        if self.boot_changed {
            self.ended.retain(|attempt, _| self.started.contains(attempt));
        }
    }
}

fn encode(bytes: &mut Vec<u8>, record: &Record) -> io::Result<()> {
    let body = serde_json::to_vec(record)?;
    let length = u32::try_from(body.len()).map_err(io::Error::other)?;
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&Sha256::digest(&body)[..8]);
    bytes.extend_from_slice(&body);
    Ok(())
}

/// The first record and how long it is; none if it is torn or not ours.
fn decode(bytes: &[u8]) -> Option<(Record, usize)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = u32::from_be_bytes(*length) as usize;
    let (sum, rest) = rest.split_first_chunk::<8>()?;
    let body = rest.get(..length).filter(|_| length <= MAX_RECORD_BYTES)?;
    if Sha256::digest(body)[..8] != *sum {
        return None;
    }
    Some((serde_json::from_slice(body).ok()?, HEAD_BYTES + length))
}

#[cfg(test)]
mod tests {
    use super::super::message::How;
    use super::*;

    fn started(attempt: u64) -> Record {
        Record::Started { attempt, pid: 7, start_time_ticks: 9, boot_id: "now".to_owned() }
    }

    fn ended(attempt: u64) -> Ended {
        Ended { stdout: true, ..Ended::not_started(attempt, "x".to_owned()) }
    }

    fn written(records: &[Record]) -> File {
        let file = tempfile::tempfile().unwrap();
        let (mut spool, _) = Spool::open(file.try_clone().unwrap(), "now").unwrap();
        spool.append(records).unwrap();
        file
    }

    #[test]
    fn the_next_keeper_inherits_ends_that_were_not_acknowledged_without_their_output() {
        let records = [
            started(1),
            started(2),
            started(3),
            Record::Ended(ended(1)),
            Record::Ended(ended(2)),
            Record::Acked { attempt: 1 },
        ];
        let (_, inherited) = Spool::open(written(&records), "now").unwrap();
        assert_eq!(inherited.started, BTreeSet::from([1, 2, 3]));
        let left: Vec<(u64, bool, bool)> =
            inherited.ended.iter().map(|(a, e)| (*a, e.stdout, e.output_lost)).collect();
        assert_eq!((left, inherited.boot_changed), (vec![(2, false, true)], false));
    }

    #[test]
    fn after_a_restart_of_the_machine_no_recorded_end_stands() {
        let records = [started(1), Record::Ended(ended(1))];
        let (mut spool, inherited) = Spool::open(written(&records), "later").unwrap();
        assert!(inherited.boot_changed && inherited.ended.is_empty());
        let now = Record::Started { attempt: 2, pid: 7, start_time_ticks: 9, boot_id: "later".to_owned() };
        spool.append(&[now, Record::Ended(ended(2))]).unwrap();
        let (_, inherited) = Spool::open(spool.file, "later").unwrap();
        assert_eq!(inherited.ended.keys().copied().collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn a_torn_or_flipped_tail_is_cut_off_and_what_follows_is_whole() {
        let whole = written(&[started(1), Record::Ended(ended(1))]);
        let length = whole.metadata().unwrap().len();
        for cut in 1..30 {
            let mut file = written(&[started(1), Record::Ended(ended(1))]);
            file.set_len(length - cut).unwrap();
            let (mut spool, inherited) = Spool::open(file.try_clone().unwrap(), "now").unwrap();
            assert_eq!((inherited.started.len(), inherited.ended.len()), (1, 0));
            spool.append(&[Record::Ended(Ended { how: How::Code(3), ..ended(1) })]).unwrap();
            file.rewind().unwrap();
            let (_, inherited) = Spool::open(file, "now").unwrap();
            assert_eq!(inherited.ended.get(&1).map(|e| e.how.clone()), Some(How::Code(3)));
        }
    }

    #[test]
    fn a_spool_that_was_cleared_is_empty() {
        let file = written(&[started(1)]);
        let (mut spool, _) = Spool::open(file.try_clone().unwrap(), "now").unwrap();
        spool.clear().unwrap();
        assert_eq!(Spool::open(file, "now").unwrap().1, Inherited::default());
    }
}
