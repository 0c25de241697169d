//! Unix sockets in the directory of a run: frames, descriptors, who may come in. Shared by keeper and control.
//!
//! Knows no message.

pub(crate) mod door;
pub(crate) mod wire;
