//! The prediction for programs, as members of `plan --json`.
//!
//! Members in sorted order, written straight into a buffer: a plan may have a million tasks.

use super::{Improved, Predicted};
use regatta_engine::ids::NodeId;
use regatta_engine::json::{self, Object};

/// `{"critical_path", "lower_bound_ms", "makespan_ms", "nodes": {id: {"duration_from", "end_ms", "slot", "start_ms"}},
/// "sequential_ms"}`.
pub fn predicted(out: &mut Vec<u8>, found: &Predicted) {
    let graph = found.graph();
    let mut object = Object::open(out);
    json::array(object.key("critical_path"), &found.critical_path, |out, &n| {
        json::string(out, graph.name(n));
    });
    object.int("lower_bound_ms", signed(found.lower_bound_ms));
    object.int("makespan_ms", signed(found.schedule.makespan_ms));
    let mut nodes = Object::open(object.key("nodes"));
    // Nodes are numbered by id.
    for node in (0..graph.len() as u32).map(NodeId) {
        let planned = found.at(node);
        let mut row = Object::open(nodes.key(graph.name(node)));
        row.text("duration_from", found.durations_from[node.index()].name());
        row.int("end_ms", signed(planned.end_ms));
        row.int("slot", i64::from(planned.slot));
        row.int("start_ms", signed(planned.start_ms));
        row.close();
    }
    nodes.close();
    object.int("sequential_ms", signed(found.sequential_ms));
    object.close();
}

/// `{"after_ms", "before_ms", "lower_bound_ms", "perturbations", "seed"}`.
pub fn improved(out: &mut Vec<u8>, found: &Improved, lower_bound_ms: u64) {
    let mut object = Object::open(out);
    object.int("after_ms", signed(found.after_ms));
    object.int("before_ms", signed(found.before_ms));
    object.int("lower_bound_ms", signed(lower_bound_ms));
    object.int("perturbations", i64::from(found.effort.perturbations));
    object.int("seed", signed(found.effort.seed));
    object.close();
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}
