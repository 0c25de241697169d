//! Kills the processes of real runs and compares what is left with the undisturbed run. For development only.
//!
//! ```text
//! plans      built-in plans, and real workflows scaled to milliseconds; each task counts its effect
//! before     what happened in the workspace before
//! scenario   what a person does: run, resume, a command;  trial: one such story with one kill in it
//! matrix     every passage of every point x victim   -> verdicts -> table -> page
//! chaos      kills at random instants                   load  many tasks, much output, many pauses
//! fight      orchestrators that want the same leases
//! ```
//! Sees only what a user sees: exit codes, output, files, processes. Knows nothing of the engine.

pub mod before;
pub mod chaos;
pub mod fight;
pub mod judge;
pub mod load;
pub mod matrix;
pub mod page;
pub mod place;
pub mod plans;
pub mod processes;
pub mod repository;
pub mod scenario;
pub mod table;
pub mod workflows;

/// What went wrong, for people.
pub type Outcome<T> = Result<T, String>;
