//! The schedule as data: `schedule_plan_hash` (formats 3), lower bound, critical path.
//!
//! Pure functions of a [`Graph`]; knows nothing of states. The admission itself lives in `engine`.

use crate::graph::Graph;
use crate::ids::NodeId;
use crate::json::{self, Object};
use crate::spec::{ClaimKind, Limits};
use sha2::{Digest, Sha256};

/// Bytes that are gathered before they are hashed.
const CHUNK: usize = 64 * 1024;

/// The canonical JSON of formats 3 without the hash: `{"nodes":[…],"waves":[…]}`, nodes in order key.
#[must_use]
pub fn canonical(graph: &Graph) -> Vec<u8> {
    let mut out = Vec::with_capacity(graph.len() * 96);
    write(graph, &mut out, &mut |_| {});
    out
}

/// `schedule_plan_hash`: sha-256 of [`canonical`], lower-case hexadecimal; never holds the whole text.
#[must_use]
pub fn hash(graph: &Graph) -> String {
    let mut hasher = Sha256::new();
    let mut out = Vec::with_capacity(2 * CHUNK);
    write(graph, &mut out, &mut |out| {
        if out.len() >= CHUNK {
            hasher.update(&*out);
            out.clear();
        }
    });
    hasher.update(&out);
    json::hex(&hasher.finalize())
}

/// Writes the canonical JSON and hands the buffer to `full` after each node.
fn write(graph: &Graph, out: &mut Vec<u8>, full: &mut impl FnMut(&mut Vec<u8>)) {
    let mut object = Object::open(out);
    json::array(object.key("nodes"), sure(graph, graph.order()), |out, node| {
        write_node(graph, node, out);
        full(out);
    });
    json::array(object.key("waves"), 0..graph.waves(), |out, wave| {
        let mut object = Object::open(out);
        json::array(object.key("nodeIds"), sure(graph, graph.wave(wave)), |out, n| {
            json::string(out, graph.name(n));
            full(out);
        });
        object.int("waveIndex", i64::from(wave));
        object.close();
    });
    object.close();
}

/// What the schedule is sure of: a map is its first slot.
fn sure<'a>(graph: &'a Graph, nodes: &'a [NodeId]) -> impl Iterator<Item = NodeId> + 'a {
    nodes.iter().copied().filter(|&node| graph.is_sure(node))
}

fn write_node(graph: &Graph, node: NodeId, out: &mut Vec<u8>) {
    let facts = graph.facts(node);
    let mut object = Object::open(out);
    if let Some(agent) = facts.agent {
        object.text("agentId", &graph.agents[agent as usize]);
    }
    let mut needs: Vec<&str> =
        graph.preds(node).filter(|&p| graph.is_sure(p)).map(|p| graph.name(p)).collect();
    needs.sort_unstable();
    json::array(object.key("dependsOn"), needs, json::string);
    object.text("nodeId", graph.name(node));
    object.text("priority", facts.priority.name());
    object.int("waveIndex", i64::from(facts.wave));
    object.close();
}

/// The nodes of a longest path, first to last; ties go to the smaller order key.
#[must_use]
pub fn critical_path(graph: &Graph) -> Vec<NodeId> {
    let best = |nodes: &mut dyn Iterator<Item = NodeId>| {
        nodes.min_by_key(|&n| (core::cmp::Reverse(graph.facts(n).remaining), graph.facts(n).pos))
    };
    let mut path = Vec::new();
    let mut next = best(&mut graph.order().iter().copied().filter(|&n| graph.preds(n).len() == 0));
    while let Some(node) = next {
        path.push(node);
        next = best(&mut graph.succs(node));
    }
    path
}

/// The sum of all expected durations in milliseconds: the predicted time of one node after the other.
#[must_use]
pub fn sequential_ms(graph: &Graph) -> u64 {
    graph.order().iter().fold(0, |sum, &n| sum.saturating_add(graph.duration_ms(n)))
}

/// Lower bound of the makespan in milliseconds for the expected durations: max(critical path, work / capacity over
/// every cap and resource).
#[must_use]
pub fn lower_bound_ms(graph: &Graph, limits: &Limits) -> u64 {
    lower_bound_of(graph, limits, &|node| graph.duration_ms(node))
}

/// [`lower_bound_ms`] for other durations, for instance those that were measured.
#[must_use]
pub fn lower_bound_of(graph: &Graph, limits: &Limits, duration_ms: &dyn Fn(NodeId) -> u64) -> u64 {
    let limits = graph.fit(limits.clone());
    let mut work = Work::none(graph);
    let mut finish = vec![0_u64; graph.len()];
    for &node in graph.order() {
        let ms = duration_ms(node);
        work.add(graph, node, ms);
        let start = graph.preds(node).map(|p| finish[p.index()]).max().unwrap_or(0);
        finish[node.index()] = start.saturating_add(ms);
    }
    let mut bounds = vec![share(work.total, Some(limits.max_parallel))];
    bounds.extend(work.waves.iter().map(|&w| share(w, limits.per_wave)));
    bounds.extend(work.priorities.iter().zip(limits.per_priority).map(|(&w, cap)| share(w, cap)));
    bounds.extend(work.agents.iter().zip(&limits.per_agent).map(|(&w, &cap)| share(w, cap)));
    bounds.extend(work.tags.iter().zip(&limits.per_tag).map(|(&w, &cap)| share(w, cap)));
    let capacities = graph.resources.iter().map(|r| r.capacity.unwrap_or(1));
    bounds.extend(work.resources.iter().zip(capacities).map(|(&w, capacity)| share(w, Some(capacity))));
    bounds.extend(finish);
    bounds.into_iter().max().unwrap_or(0)
}

/// Expected work in milliseconds (times units) by every cap.
struct Work {
    total: u128,
    waves: Vec<u128>,
    priorities: [u128; 4],
    agents: Vec<u128>,
    tags: Vec<u128>,
    resources: Vec<u128>,
}

impl Work {
    fn none(graph: &Graph) -> Work {
        Work {
            total: 0,
            waves: vec![0; graph.waves() as usize],
            priorities: [0; 4],
            agents: vec![0; graph.agents.len()],
            tags: vec![0; graph.tag_names.len()],
            resources: vec![0; graph.resources.len()],
        }
    }

    fn add(&mut self, graph: &Graph, node: NodeId, ms: u64) {
        let (facts, ms) = (graph.facts(node), u128::from(ms));
        self.total += ms;
        self.waves[facts.wave as usize] += ms;
        self.priorities[facts.priority.index()] += ms;
        if let Some(agent) = facts.agent {
            self.agents[agent as usize] += ms;
        }
        for &tag in graph.tags(node) {
            self.tags[tag as usize] += ms;
        }
        for claim in graph.claims(node) {
            let units = match claim.kind {
                ClaimKind::Units(units) => units,
                ClaimKind::Exclusive => graph.resources[claim.resource as usize].capacity.unwrap_or(1),
                ClaimKind::Shared => 0, // bounds nothing
            };
            self.resources[claim.resource as usize] += ms * u128::from(units);
        }
    }
}

fn share(work: u128, capacity: Option<u32>) -> u64 {
    let Some(capacity) = capacity else { return 0 };
    u64::try_from(work.div_ceil(u128::from(capacity.max(1)))).unwrap_or(u64::MAX)
}
