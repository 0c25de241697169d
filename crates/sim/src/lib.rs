//! A seeded world that drives the shipped turn function with faults. For development only.
//!
//! ```text
//! seed -> Scenario (plan, settings, fates)  -> World: turn() + FaultyStore + Machine -> Outcome
//!                                           `-> model::expect, which knows nothing of the engine
//! ```

pub mod machine;
pub mod model;
pub mod rng;
pub mod scenario;
pub mod seed;
pub mod store;
pub mod world;
