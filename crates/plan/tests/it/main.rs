//! Tests of the plan crate: every code once, and the sentences of the specification about plans.

#![expect(unreachable_pub, reason = "one binary of modules: `pub` is between them")]
#![expect(clippy::panic, reason = "a test that cannot go on says why")]
mod agents;
mod apart;
mod breaker;
mod codes;
mod conflicts;
mod hostile;
mod imported;
mod joins;
mod large;
mod maps;
mod names;
mod order;
mod prompt;
mod references;
mod refusals;
mod world;
