//! The journal on real SQLite and real files. Test names are sentences of the specification.

mod append;
mod damage;
mod files;
mod golden;
mod lock;
mod public;
mod reader;
mod samples;
mod wal_tail;
mod world;
