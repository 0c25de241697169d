//! The graphs that are run: edges, and durations where tasks sleep. Made by rules and seeds; no format and no program
//! is known here.

use regatta_crash::workflows::Workflow;
use regatta_rng::Rng;
use std::collections::BTreeMap;

/// Tasks by number; every task needs only smaller ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Graph {
    pub(crate) needs: Vec<Vec<u32>>,
    /// How long each task takes; empty if tasks do nothing.
    pub(crate) ms: Vec<u64>,
}

impl Graph {
    /// So many tasks without an edge.
    pub(crate) fn independent(tasks: u32) -> Graph {
        Graph { needs: vec![Vec::new(); tasks as usize], ms: Vec::new() }
    }

    /// Each task after the one before.
    pub(crate) fn chain(tasks: u32) -> Graph {
        Graph { needs: (0..tasks).map(|n| n.checked_sub(1).into_iter().collect()).collect(), ms: Vec::new() }
    }

    /// Layers of a width; each task needs three of the layer above, drawn from a seed.
    pub(crate) fn layers(width: u32, depth: u32, seed: u64) -> Graph {
        let mut rng = Rng::new(seed, 2);
        let mut needs = vec![Vec::new(); width as usize];
        for layer in 1..depth {
            let above: Vec<u32> = ((layer - 1) * width..layer * width).collect();
            needs.extend((0..width).map(|_| rng.some(above.clone(), 3)));
        }
        Graph { needs, ms: Vec::new() }
    }

    /// Layers of a thousand with 1.4 edges a task: the shape `layered` of the example `million` of the engine.
    pub(crate) fn large(tasks: u32) -> Graph {
        let width = 1_000;
        let of = |n: u32| {
            let mut needs: Vec<u32> = n.checked_sub(width).into_iter().collect();
            let other = |above: u32| above - n % width + (n * 7) % width;
            needs.extend(needs.first().copied().filter(|_| n % 5 < 2).map(other));
            needs.sort_unstable();
            needs.dedup();
            needs
        };
        Graph { needs: (0..tasks).map(of).collect(), ms: Vec::new() }
    }

    /// Tasks of 5 to 200 ms, each after up to three of the forty before it, drawn from a seed.
    pub(crate) fn sleeps(tasks: u32, seed: u64) -> Graph {
        let mut rng = Rng::new(seed, 3);
        let mut graph = Graph::default();
        for n in 0..tasks {
            let many = [0, 1, 1, 2, 3][rng.between(0, 4) as usize];
            graph.needs.push(rng.some((n.saturating_sub(40)..n).collect(), many));
            graph.ms.push(rng.between(5, 200));
        }
        graph
    }

    /// A real workflow whose tasks sleep for so long in all, each in the share it had; a millisecond at least.
    pub(crate) fn workflow(workflow: &Workflow, total_ms: f64) -> Graph {
        let order = order(workflow);
        let total: f64 = workflow.nodes.values().map(|(duration, _)| duration).sum();
        let place: BTreeMap<&str, u32> = (0..).zip(&order).map(|(n, id)| (*id, n)).collect();
        let mut graph = Graph::default();
        for (duration, needs) in order.iter().filter_map(|id| workflow.nodes.get(*id)) {
            graph.needs.push(needs.iter().filter_map(|id| place.get(id.as_str()).copied()).collect());
            graph.ms.push((duration / total * total_ms).round().max(1.0) as u64);
        }
        graph
    }

    pub(crate) fn len(&self) -> usize {
        self.needs.len()
    }

    /// What no schedule can beat: the longest path, or all work shared among the slots.
    pub(crate) fn lower_bound_ms(&self, slots: u64) -> f64 {
        let mut ends: Vec<u64> = Vec::with_capacity(self.len());
        for (needs, ms) in self.needs.iter().zip(&self.ms) {
            let begin = needs.iter().filter_map(|need| ends.get(*need as usize)).max().copied();
            ends.push(begin.unwrap_or(0) + ms);
        }
        let path = ends.into_iter().max().unwrap_or(0) as f64;
        path.max(self.ms.iter().sum::<u64>() as f64 / slots as f64)
    }
}

/// The ids of a workflow so that each comes after those it needs.
fn order(workflow: &Workflow) -> Vec<&str> {
    let mut open: BTreeMap<&str, usize> =
        workflow.nodes.iter().map(|(id, (_, needs))| (id.as_str(), needs.len())).collect();
    let mut after: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, (_, needs)) in &workflow.nodes {
        needs.iter().for_each(|need| after.entry(need).or_default().push(id));
    }
    let mut order: Vec<&str> = open.iter().filter(|(_, open)| **open == 0).map(|(id, _)| *id).collect();
    let mut done = 0;
    while let Some(id) = order.get(done).copied() {
        done += 1;
        for next in after.get(id).into_iter().flatten() {
            let Some(left) = open.get_mut(next) else { continue };
            *left -= 1;
            if *left == 0 {
                order.push(next);
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(graph: &Graph) -> usize {
        graph.needs.iter().map(Vec::len).sum()
    }

    #[test]
    fn every_task_needs_smaller_ones_only() {
        let all = [
            (Graph::independent(10), 0),
            (Graph::chain(10), 9),
            (Graph::layers(10, 4, 1), 90),
            (Graph::large(3_000), 2_796),
            (Graph::sleeps(300, 1), 399),
        ];
        for (graph, count) in all {
            let smaller = |(n, needs): (usize, &Vec<u32>)| needs.iter().all(|need| (*need as usize) < n);
            assert!(graph.needs.iter().enumerate().all(smaller));
            assert_eq!(edges(&graph), count, "{} tasks", graph.len());
        }
        assert_eq!(Graph::sleeps(50, 7), Graph::sleeps(50, 7));
        assert!(Graph::sleeps(300, 1).ms.iter().all(|ms| (5..=200).contains(ms)));
    }

    #[test]
    fn a_workflow_keeps_its_edges_and_the_shares_of_its_tasks() {
        let node = |duration, needs: &[&str]| (duration, needs.iter().map(|id| (*id).to_owned()).collect());
        let nodes = [("a", node(8.0, &["z"])), ("b", node(2.0, &["a"])), ("z", node(0.0, &[]))];
        let nodes = nodes.map(|(id, node)| (id.to_owned(), node)).into();
        let graph = Graph::workflow(&Workflow { name: "w".to_owned(), nodes }, 1_000.0);
        assert_eq!(graph.needs, [vec![], vec![0], vec![1]]);
        assert_eq!(graph.ms, [1, 800, 200]);
    }

    #[test]
    fn the_bound_is_the_longest_path_or_the_work_of_a_slot() {
        let needs = vec![vec![], vec![], vec![0], vec![0, 1]];
        let graph = Graph { needs, ms: vec![10, 30, 10, 10] };
        assert_eq!([graph.lower_bound_ms(1), graph.lower_bound_ms(8)], [60.0, 40.0]);
    }
}
