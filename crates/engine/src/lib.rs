//! The pure engine of Regatta: graph, schedule, state machine, views.
//!
//! Knows no tokio, file, environment, clock, randomness, command line, prompt or path. Time, ids and outcomes are
//! arguments; what must be done is returned as data.
//! ```text
//! GraphSpec -> Graph -> Engine::step(now, Input) -> Step { events, effects }
//!                              Engine::apply(&Event)     the one fold
//! ```
#![deny(clippy::wildcard_enum_match_arm)]

mod answers;
pub mod breaker;
pub mod budget;
pub mod build;
pub mod canonical;
pub mod caps;
pub mod cause;
mod decide;
pub mod effect;
pub mod engine;
pub mod escalation;
pub mod event;
pub mod explain;
pub mod graph;
mod groups;
pub mod ids;
pub mod input;
pub mod json;
pub mod key;
mod kind;
pub mod maps;
pub mod optimise;
pub mod outcome;
pub mod permission;
mod policy;
pub mod predict;
pub mod priority;
pub mod queue;
pub mod report;
pub mod rows;
pub mod schedule;
pub mod scope;
pub mod sentence;
pub mod spec;
pub mod state;
pub mod step;
pub mod words;

pub use engine::Engine;
pub use step::Step;
