//! The machine room of Regatta: processes, effects and the one loop.
//!
//! ```text
//! orchestrator: inbox -> turn (engine, store, driver) -> local driver -> keeper (a process) -> owner (processes)
//!                 ^----------- reports, signals ----------------------------'
//! ```
//! Knows what a task runs; the engine knows when.

pub mod action;
pub mod clock;
pub mod collect;
pub mod control;
pub mod environment;
mod judge;
pub mod keeper;
pub mod local;
pub mod metrics;
pub mod orchestrator;
pub mod outputs;
pub mod owner;
mod recovery;
pub mod redact;
pub mod run_error;
mod socket;
pub mod turn;
pub mod workspace;
