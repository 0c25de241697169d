//! The integration tests of the crate, in one binary.

#[cfg(test)] // tells clippy that helpers are test code too
mod owner;
mod transcripts;
