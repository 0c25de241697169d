//! The durable journal of Regatta runs: one SQLite database for a workspace, one lock for a run.
//!
//! Synchronous. Knows no process, plan, task output or tokio; time and ids are arguments.
//! ```text
//! Journal::open -> create_run | open_run -> RunJournal: Store    one transaction a turn, then durable
//!                                              `-- holds the RunLock: one orchestrator per run
//! Reader::open  -> runs, events, turns, fold                     never blocks a writer
//! Remover       -> runs that have ended are removed whole
//! Turn -> record (JSON) -> chain (checksum) -> rows of `turns` and `events`
//! ```

mod chain;
mod checkpoint;
mod damage;
mod db;
mod error;
mod holder;
mod instant;
mod journal;
mod leases;
mod limits;
mod lock;
mod network;
mod place;
mod public;
mod reader;
pub mod record;
mod removal;
mod run;
mod run_id;
mod run_row;
mod run_table;
mod schema;
mod soundness;
mod store;
mod verify;
mod version;
mod wal;

pub use damage::put_aside;
pub use error::StoreError;
pub use holder::Holder;
pub use instant::rfc3339;
pub use journal::Journal;
pub use leases::{Claim, Claimant, Claimed, Grant, LeaseKind, LeaseRow, LeaseWant, Leases, Refusal};
pub use limits::MAX_PAYLOAD_BYTES;
pub use lock::{RunLock, is_locked};
pub use network::network_file_system;
pub use place::{Place, create_private, private_dir};
pub use public::{PublicRun, event_json};
pub use reader::{Reader, Which};
pub use removal::{Keeping, NotRemoved, Remover};
pub use run::RunJournal;
pub use run_id::RunId;
pub use run_row::{NewRun, RunRecord, RunState, RunSummary};
pub use soundness::{Soundness, examine_store};
pub use store::{Payload, Store, StoredEvent, StoredTurn, Turn};
pub use version::SchemaVersion;
