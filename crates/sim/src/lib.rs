//! A seeded world that drives the shipped turn function with faults. For development only.
//!
//! ```text
//! seed -> Scenario (plan, settings, fates)  -> World: turn() + FaultyStore + Machine -> Outcome
//!                                           |-> model::expect, which knows nothing of the engine
//!                                           `-> Watch: who may start when, from the durable events alone
//! ```

pub mod asks;
pub mod machine;
pub mod model;
pub mod scenario;
pub mod seed;
pub mod store;
pub mod watch;
pub mod world;
