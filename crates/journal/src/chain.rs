//! The chained checksums of a run: each row's link covers the row before it.
//!
//! SQLite does not notice a flipped bit in a row or in its WAL; this does. Truncated SHA-256: 2^-128 for an accident
//! to pass. Two chains, so that a page of events can be verified without the turns:
//! ```text
//! events: link(pos)  = H(link(pos-1),  pos, wall, body, payload)
//! turns:  link(turn) = H(link(turn-1), turn, now, wall, first, count, inputs, link of the last event so far)
//! ```

use crate::run_id::RunId;
use sha2::{Digest as _, Sha256};

/// Length of a link in bytes.
const BYTES: usize = 16;

/// One link of a chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Link([u8; BYTES]);

/// The numbers of a turn's row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TurnHead {
    pub(crate) turn: u64,
    pub(crate) now_ms: u64,
    pub(crate) wall_ms: u64,
    pub(crate) first_pos: u64,
    pub(crate) events: u64,
}

impl Link {
    /// The link before the first event of a run: rows of another run do not follow it.
    pub(crate) fn before_events(run: &RunId) -> Link {
        Link::of(Sha256::new().chain_update(b"regatta events 1\0").chain_update(run.as_str()))
    }

    /// The link before the first turn of a run.
    pub(crate) fn before_turns(run: &RunId) -> Link {
        Link::of(Sha256::new().chain_update(b"regatta turns 1\0").chain_update(run.as_str()))
    }

    /// The link of the event that follows, at `pos` and `wall_ms`.
    pub(crate) fn event(self, (pos, wall_ms): (u64, u64), body: &[u8], payload: Option<&[u8]>) -> Link {
        let mut head = [0; BYTES + 33];
        head[..16].copy_from_slice(&self.0);
        head[16..24].copy_from_slice(&pos.to_le_bytes());
        head[24..32].copy_from_slice(&wall_ms.to_le_bytes());
        head[32..40].copy_from_slice(&(body.len() as u64).to_le_bytes());
        head[40] = u8::from(payload.is_some());
        head[41..].copy_from_slice(&(payload.map_or(0, <[u8]>::len) as u64).to_le_bytes());
        let hash = Sha256::new().chain_update(head).chain_update(body);
        Link::of(hash.chain_update(payload.unwrap_or_default()))
    }

    /// The link of the turn that follows; `events` is the link of the last event so far.
    pub(crate) fn turn(self, head: TurnHead, inputs: &[u8], events: Link) -> Link {
        let numbers = [head.turn, head.now_ms, head.wall_ms, head.first_pos, head.events];
        let mut hash = Sha256::new().chain_update(self.0);
        for n in numbers {
            hash.update(n.to_le_bytes());
        }
        Link::of(
            hash.chain_update((inputs.len() as u64).to_le_bytes())
                .chain_update(inputs)
                .chain_update(events.0),
        )
    }

    /// A link as stored; none if it has another length.
    pub(crate) fn stored(bytes: &[u8]) -> Option<Link> {
        bytes.try_into().ok().map(Link)
    }

    /// The bytes to store.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn of(hash: Sha256) -> Link {
        let whole: [u8; 32] = hash.finalize().into();
        let mut link = [0; BYTES];
        link.copy_from_slice(&whole[..BYTES]);
        Link(link)
    }
}

/// A checksum over the columns of a row that stands alone; lengths keep neighbours apart.
pub(crate) struct Seal(Sha256);

impl Seal {
    pub(crate) fn new() -> Seal {
        Seal(Sha256::new().chain_update(b"regatta row 1\0"))
    }

    pub(crate) fn text(self, text: &str) -> Seal {
        let Seal(hash) = self.number(text.len() as u64);
        Seal(hash.chain_update(text))
    }

    pub(crate) fn number(self, n: u64) -> Seal {
        Seal(self.0.chain_update(n.to_le_bytes()))
    }

    pub(crate) fn optional(self, text: Option<&str>) -> Seal {
        match text {
            Some(text) => self.number(1).text(text),
            None => self.number(0),
        }
    }

    pub(crate) fn optional_number(self, n: Option<u64>) -> Seal {
        match n {
            Some(n) => self.number(1).number(n),
            None => self.number(0),
        }
    }

    pub(crate) fn bytes(self) -> [u8; BYTES] {
        Link::of(self.0).0
    }
}
