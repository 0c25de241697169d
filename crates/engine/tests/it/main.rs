//! Tests of the engine, through its public interface only.
//!
//! Each test is named as the sentence of the spec that it holds.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod admission;
mod breaker;
mod budgets;
mod canonical;
mod control;
mod explain;
mod failure;
mod flow;
mod fold;
mod graph;
mod landing;
mod leases;
mod maps;
mod permissions;
mod persons;
mod predict;
mod random;
mod recovery;
mod retry;
mod reuse;
mod schedule;
mod script;
mod world;
