//! The journal on real SQLite and real files. Test names are sentences of the specification.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]
mod append;
mod damage;
mod files;
mod golden;
mod leases;
mod lock;
mod public;
mod reader;
mod samples;
mod wal_tail;
mod world;
