//! Tests of the plan crate: every code once, and the sentences of the specification about plans.

#![expect(unreachable_pub, reason = "one binary of modules: `pub` is between them")]
mod codes;
mod hostile;
mod imported;
mod large;
mod references;
mod world;
