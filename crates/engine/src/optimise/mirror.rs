//! The graph seen from its end: edges turned, classes too, so that the engine can play a schedule backwards.
//!
//! Knows no schedule. The cap `per_wave` counts the waves from the end there, so it is met exactly forward only.

use crate::spec::{GraphSpec, Priority, RunConfig};

/// The mirrored nodes and settings.
pub(super) fn mirrored(spec: &GraphSpec, config: &RunConfig) -> (GraphSpec, RunConfig) {
    let mut turned = spec.clone();
    turned.pinned = Vec::new();
    for node in &mut turned.nodes {
        node.needs.clear();
        // Whoever is served first ends the schedule when it is read backwards.
        node.priority = Priority::ALL[Priority::ALL.len() - 1 - node.priority.index()];
    }
    for (node, index) in spec.nodes.iter().zip(0..) {
        for &need in &node.needs {
            turned.nodes[need as usize].needs.push(index);
        }
    }
    let mut config = config.clone();
    config.limits.per_priority.reverse();
    (turned, config)
}
