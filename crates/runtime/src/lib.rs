//! The machine room of Regatta: processes, effects and the one loop.
//!
//! ```text
//! orchestrator: inbox -> turn (engine, store, driver) -> local driver -> keeper (a process) -> owner (processes)
//!                 ^----------- reports, signals ----------------------------'
//! ```
//! Knows what a task runs; the engine knows when.

pub mod acp;
pub mod action;
pub mod agents;
mod agreeing;
mod apart;
mod asking;
mod attempt_dirs;
pub mod began_on;
pub mod callers;
mod calling;
pub mod clock;
pub mod collect;
mod conditions;
pub mod connecting;
pub mod control;
mod docking;
pub mod docks;
pub mod driven;
mod driving;
mod employment;
pub mod environment;
pub mod escalation;
pub mod escape;
mod evidence;
mod exact;
mod foreseeing;
mod gating;
pub mod gc;
pub mod git;
mod helping;
mod hosted;
mod hosting;
mod joining;
mod judge;
pub mod keeper;
mod kept_id;
pub mod landing;
pub mod leases;
mod leasing;
mod lists;
pub mod local;
pub mod looking;
mod lost;
mod mapping;
pub mod matching;
pub mod merge_order;
pub mod metrics;
mod moving_in;
pub mod observer;
pub mod on_end;
pub mod orchestrator;
mod ordering;
pub mod outputs;
pub mod owner;
mod permissions;
mod private_file;
pub mod rate_limit;
mod reading;
mod readying;
pub mod recorded;
mod recovery;
pub mod redact;
mod replaced;
pub mod reuse;
pub mod run_error;
pub mod scope;
mod socket;
mod synced_lines;
pub mod told_plan;
mod tool_files;
pub mod tools;
pub mod turn;
pub mod vault;
mod waiting;
mod weighing;
mod working_apart;
pub mod works;
pub mod workspace;
pub mod worktrees;
pub mod yard;
