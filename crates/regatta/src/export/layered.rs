//! Places for the nodes of a graph in layers, so that edges are short and cross seldom.
//!
//! ```text
//! layer = wave;  an edge over several layers passes a joint in each of them; edges of one node share its joints
//! order within layers:  sweeps by the mean of the neighbours, the fewest crossings are kept (Sugiyama and others 1981)
//! places across:        each layer as near to its neighbours as its order and the sizes allow (isotonic regression),
//!                       then bands in which nothing stands are closed
//! ```
//! Knows no picture: sizes and places are numbers along the layers and across them. Deterministic; nothing recurses.

use regatta_engine::graph::Graph;
use regatta_engine::ids::NodeId;

/// Sweeps over all layers that look for an order, and for places.
const ORDER_SWEEPS: usize = 24;
const PLACE_SWEEPS: usize = 24;
/// Layers that all edges pass; where there would be more, edges are drawn straight.
const MOST_PASSED: usize = 400_000;

/// Something in a layer: a node, or a joint of edges that pass.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// The node; none for a joint.
    pub(super) node: Option<NodeId>,
    /// Its layer.
    pub(super) layer: usize,
    /// Its middle across the layers.
    pub(super) across: f64,
    size: f64,
}

/// A line between items of two layers, mostly neighbours; `ends` are the edges that it is part of.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) from: usize,
    pub(super) to: usize,
    /// The node whose edges these are, and those where they end.
    pub(super) source: NodeId,
    pub(super) targets: Vec<NodeId>,
}

/// A graph with places.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    pub(super) items: Vec<Item>,
    pub(super) lines: Vec<Line>,
    /// From the first edge of the first item to the last edge of the last.
    pub(super) across: f64,
}

/// Sizes across the layers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) node: f64,
    pub(super) joint: f64,
    pub(super) gap: f64,
}

/// Places for a graph.
pub(super) fn layout(graph: &Graph, sizes: Sizes) -> Layout {
    let mut layout = Layout::default();
    let mut layers = build(graph, sizes, &mut layout);
    let (above, below) = neighbours(&layout);
    order(&mut layers, &layout, (&above, &below));
    place(&layers, &mut layout, (&above, &below), sizes.gap);
    layout
}

/// The items of each layer in order key, and the lines.
fn build(graph: &Graph, sizes: Sizes, layout: &mut Layout) -> Vec<Vec<usize>> {
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); graph.waves() as usize];
    let mut of_node = vec![0_usize; graph.len()];
    for &node in graph.order() {
        let layer = graph.facts(node).wave as usize;
        of_node[node.index()] = layout.items.len();
        layers[layer].push(layout.items.len());
        layout.items.push(Item { node: Some(node), layer, across: 0.0, size: sizes.node });
    }
    let far = |node: NodeId| graph.succs(node).map(|s| graph.facts(s).wave as usize).max();
    let span = |node: NodeId| far(node).map_or(0, |last| last - graph.facts(node).wave as usize - 1);
    let passed = |node: NodeId| span(node) * graph.succs(node).len();
    let joined = graph.order().iter().map(|&n| passed(n)).sum::<usize>() <= MOST_PASSED;
    for &node in graph.order() {
        let mut here = of_node[node.index()];
        let first = graph.facts(node).wave as usize + 1;
        let last = far(node).unwrap_or(0);
        for (layer, items) in layers.iter_mut().enumerate().take(last + 1).skip(first) {
            let reached = |s: &NodeId| !joined || graph.facts(*s).wave as usize == layer;
            for next in graph.succs(node).filter(reached) {
                let to = of_node[next.index()];
                layout.lines.push(Line { from: here, to, source: node, targets: vec![next] });
            }
            if !joined {
                break;
            }
            let beyond: Vec<NodeId> =
                graph.succs(node).filter(|&s| graph.facts(s).wave as usize > layer).collect();
            if beyond.is_empty() {
                break;
            }
            let joint = layout.items.len();
            items.push(joint);
            layout.items.push(Item { node: None, layer, across: 0.0, size: sizes.joint });
            layout.lines.push(Line { from: here, to: joint, source: node, targets: beyond });
            here = joint;
        }
    }
    layers
}

/// For each item those that it is tied to in the layer before and in the layer after.
fn neighbours(layout: &Layout) -> (Vec<Vec<usize>>, Vec<Vec<usize>>) {
    let mut above = vec![Vec::new(); layout.items.len()];
    let mut below = vec![Vec::new(); layout.items.len()];
    for line in &layout.lines {
        above[line.to].push(line.from);
        below[line.from].push(line.to);
    }
    (above, below)
}

/// Orders the layers by sweeps down and up; keeps the order with the fewest crossings.
fn order(layers: &mut Vec<Vec<usize>>, layout: &Layout, (above, below): (&[Vec<usize>], &[Vec<usize>])) {
    let mut rank = vec![0_usize; layout.items.len()];
    let number = |layers: &[Vec<usize>], rank: &mut [usize]| {
        for layer in layers {
            layer.iter().enumerate().for_each(|(place, &item)| rank[item] = place);
        }
    };
    number(layers, &mut rank);
    let (mut best, mut fewest) = (layers.clone(), crossings(layers, &rank, below));
    for sweep in 0..ORDER_SWEEPS {
        if fewest == 0 {
            break;
        }
        let down = sweep % 2 == 0;
        let tied = if down { above } else { below };
        let count = layers.len();
        for step in 0..count {
            let layer = &mut layers[if down { step } else { count - 1 - step }];
            let key = |item: &usize| mean(&tied[*item], &rank).unwrap_or(rank[*item] as f64);
            let mut keyed: Vec<(f64, usize)> = layer.iter().map(|item| (key(item), *item)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            *layer = keyed.into_iter().map(|(_, item)| item).collect();
            layer.iter().enumerate().for_each(|(place, &item)| rank[item] = place);
        }
        let found = crossings(layers, &rank, below);
        if found < fewest {
            (best, fewest) = (layers.clone(), found);
        }
    }
    *layers = best;
}

fn mean(items: &[usize], rank: &[usize]) -> Option<f64> {
    let sum: usize = items.iter().map(|&item| rank[item]).sum();
    (!items.is_empty()).then(|| sum as f64 / items.len() as f64)
}

/// Pairs of lines between neighbouring layers that cross: inversions, counted with a tree of sums (Barth and others 2002).
fn crossings(layers: &[Vec<usize>], rank: &[usize], below: &[Vec<usize>]) -> u64 {
    let mut all = 0;
    for pair in layers.windows(2) {
        let mut tree = vec![0_u64; pair[1].len() + 1];
        let mut seen = 0_u64;
        for &item in &pair[0] {
            let mut ends: Vec<usize> = below[item].iter().map(|&to| rank[to]).collect();
            ends.retain(|&end| end < pair[1].len());
            for &end in &ends {
                let (mut at, mut before) = (end + 1, 0);
                while at > 0 {
                    before += tree[at];
                    at &= at - 1;
                }
                all += seen - before;
            }
            for &end in &ends {
                seen += 1;
                let mut at = end + 1;
                while at < tree.len() {
                    tree[at] += 1;
                    at += at & at.wrapping_neg();
                }
            }
        }
    }
    all
}

/// Places across: sweeps that draw each layer to its neighbours.
fn place(
    layers: &[Vec<usize>],
    layout: &mut Layout,
    (above, below): (&[Vec<usize>], &[Vec<usize>]),
    gap: f64,
) {
    for layer in layers {
        let mut at = 0.0;
        for &item in layer {
            let half = layout.items[item].size / 2.0;
            layout.items[item].across = at + half;
            at += 2.0 * half + gap;
        }
    }
    for sweep in 0..PLACE_SWEEPS {
        let down = sweep % 2 == 0;
        for step in 0..layers.len() {
            let layer = &layers[if down { step } else { layers.len() - 1 - step }];
            let wishes: Vec<(f64, f64)> = layer
                .iter()
                .map(|&item| {
                    let (first, second) = if down { (above, below) } else { (below, above) };
                    wish(layout, item, if first[item].is_empty() { &second[item] } else { &first[item] })
                })
                .collect();
            settle(layer, layout, &wishes, gap);
        }
    }
    close(layout, gap);
    let edge = |item: &Item, sign: f64| item.across + sign * item.size / 2.0;
    let first = layout.items.iter().map(|item| edge(item, -1.0)).fold(f64::INFINITY, f64::min);
    let last = layout.items.iter().map(|item| edge(item, 1.0)).fold(f64::NEG_INFINITY, f64::max);
    if first.is_finite() {
        layout.items.iter_mut().for_each(|item| item.across -= first);
        layout.across = last - first;
    }
}

/// Closes bands in which nothing stands in any layer: parts that nothing ties to each other drift apart.
fn close(layout: &mut Layout, gap: f64) {
    let mut order: Vec<usize> = (0..layout.items.len()).collect();
    let from = |item: &Item| item.across - item.size / 2.0;
    order.sort_by(|&a, &b| from(&layout.items[a]).total_cmp(&from(&layout.items[b])));
    let (mut end, mut closed) = (f64::INFINITY, 0.0);
    for at in order {
        let item = &mut layout.items[at];
        item.across -= closed;
        let free = from(item) - end - gap;
        if free > 0.0 {
            item.across -= free;
            closed += free;
        }
        let to = item.across + item.size / 2.0;
        end = if end.is_finite() { end.max(to) } else { to };
    }
}

/// Where an item would like to be, and how much: joints hold lines straight.
fn wish(layout: &Layout, item: usize, tied: &[usize]) -> (f64, f64) {
    let weight = if layout.items[item].node.is_none() { 4.0 } else { 1.0 };
    if tied.is_empty() {
        return (layout.items[item].across, 0.2);
    }
    let sum: f64 = tied.iter().map(|&other| layout.items[other].across).sum();
    (sum / tied.len() as f64, weight)
}

/// The places nearest to the wishes, in the order of the layer and without overlap: the least weighted sum of squares,
/// by pooling neighbours that want to pass each other.
fn settle(layer: &[usize], layout: &mut Layout, wishes: &[(f64, f64)], gap: f64) {
    let mut offset = vec![0.0; layer.len()];
    for i in 1..layer.len() {
        let sizes = layout.items[layer[i - 1]].size + layout.items[layer[i]].size;
        offset[i] = offset[i - 1] + sizes / 2.0 + gap;
    }
    // Blocks of items that stand side by side: sum of weighted wishes, of weights, how many.
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    for (i, &(wish, weight)) in wishes.iter().enumerate() {
        let mut block = ((wish - offset[i]) * weight, weight, 1);
        while let Some(&(sum, weights, count)) = blocks.last()
            && sum / weights >= block.0 / block.1
        {
            blocks.pop();
            block = (block.0 + sum, block.1 + weights, block.2 + count);
        }
        blocks.push(block);
    }
    let mut i = 0;
    for (sum, weights, count) in blocks {
        for _ in 0..count {
            layout.items[layer[i]].across = sum / weights + offset[i];
            i += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Layout, Sizes, layout};
    use regatta_engine::graph::Graph;
    use regatta_engine::spec::{GraphSpec, NodeSpec, Policy};

    const SIZES: Sizes = Sizes { node: 20.0, joint: 4.0, gap: 10.0 };

    /// Nodes as `id:needs`, needs as numbers.
    fn of(text: &str) -> (Graph, Layout) {
        let node = |word: &str| {
            let (id, needs) = word.split_once(':').unwrap();
            let needs = needs.split(',').filter_map(|n| n.parse().ok()).collect();
            NodeSpec { id: id.to_owned(), needs, ..NodeSpec::default() }
        };
        let nodes = text.split(' ').map(node).collect();
        let spec = GraphSpec { nodes, policies: vec![Policy::default()], ..GraphSpec::default() };
        let graph = Graph::build(spec).unwrap();
        let layout = layout(&graph, SIZES);
        (graph, layout)
    }

    #[test]
    fn nothing_overlaps_and_every_line_goes_to_the_next_layer() {
        let (_, found) = of("a: b: c:0 d:0,1 e:1 f:2,3 g:0 h:5,1,6 i:7,0");
        for (n, a) in found.items.iter().enumerate() {
            for b in found.items[n + 1..].iter().filter(|b| b.layer == a.layer) {
                let apart = (a.across - b.across).abs();
                assert!(apart >= (a.size + b.size) / 2.0 + SIZES.gap - 1e-6, "{a:?} {b:?}");
            }
            assert!(a.across - a.size / 2.0 >= -1e-6 && a.across + a.size / 2.0 <= found.across + 1e-6);
        }
        for line in &found.lines {
            assert_eq!(found.items[line.from].layer + 1, found.items[line.to].layer);
        }
    }

    #[test]
    fn lines_that_need_not_cross_do_not_cross() {
        let (graph, found) = of("a: b: c: x:2 y:0 z:1");
        let at = |name: &str| found.items.iter().find(|i| i.node == graph.find(name)).unwrap().across;
        for (one, other) in [("a", "b"), ("b", "c"), ("a", "c")] {
            let below = |name| match name {
                "a" => "y",
                "b" => "z",
                _ => "x",
            };
            assert_eq!(at(one) < at(other), at(below(one)) < at(below(other)));
        }
    }

    #[test]
    fn a_task_that_stands_alone_is_as_near_as_others_although_an_edge_passes_several_layers() {
        // build, tiny, a, b, c, d, e; the edge from build to e passes two joints.
        let (graph, found) = of("build: tiny: a:0 b:0 c:0 d:2,3,4 e:0,5");
        let three = 3.0 * SIZES.node + 2.0 * SIZES.gap;
        let joint = SIZES.joint + SIZES.gap;
        assert!(found.across <= three + joint + SIZES.node + SIZES.gap + 1e-6, "{}", found.across);
        let at = |name: &str| found.items.iter().find(|i| i.node == graph.find(name)).unwrap().across;
        assert!((at("build") - at("tiny")).abs() >= SIZES.node + SIZES.gap - 1e-6);
    }

    #[test]
    fn a_chain_is_straight_and_edges_of_one_node_share_its_joints() {
        let (_, chain) = of("a: b:0 c:1 d:2");
        assert!(chain.items.iter().all(|item| (item.across - 10.0).abs() < 1e-6));
        let (_, shared) = of("a: b:0 c:1 d:2,0 e:2,0");
        assert_eq!(shared.items.iter().filter(|item| item.node.is_none()).count(), 2);
        assert_eq!(of("a:").1.across, 20.0);
    }
}
