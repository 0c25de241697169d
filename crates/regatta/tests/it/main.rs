//! Tests of the real binary: real SQLite, real processes, real signals.
//!
//! One world in one file (`world.rs`); each module is a chapter of the specification.

#![expect(unreachable_pub, reason = "one binary of modules: `pub` is between them")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod acp;
mod agents;
mod analyze;
mod attempt_dir;
mod breaker;
mod caps;
mod command_line;
mod config;
mod conflicts;
mod containment;
mod control;
#[cfg(feature = "faults")]
mod crash;
mod data_flow;
mod descriptors;
mod disk;
mod doctor;
mod documents;
mod effects;
mod endings;
mod epic_files;
mod escalation;
mod export;
mod faces;
mod follow;
mod forecast;
mod gates;
mod gc;
mod holders;
mod hostile_files;
mod hostile_names;
mod hostile_plans;
mod hostile_processes;
mod hostile_values;
mod import;
mod init;
mod injection;
mod keeper;
mod lease_claims;
mod lease_deaths;
mod lease_world;
mod leases;
mod ledger;
mod live;
mod load;
mod making;
mod manual;
mod mending;
mod merging;
mod model;
mod on_end;
mod outcomes;
mod part;
mod places;
mod plans;
mod post_mortem;
mod predict;
mod promises;
mod readers;
mod real_agents;
mod recycling;
mod refusals;
mod repeat;
mod replay;
mod repo_world;
mod results;
mod retry;
mod retry_apart;
mod reuse;
mod revert;
mod signals;
mod state_file;
mod store;
mod store_bits;
mod syncs;
mod takeover;
mod tools;
mod trees;
mod worktree_verbs;
mod worktrees;
mod world;
