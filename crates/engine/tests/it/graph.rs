//! Waves, order key, remaining paths, the schedule hash and the bounds, held against independent oracles.

use crate::random::{Rng, plan};
use crate::script::{Script, parse};
use petgraph::algo::{is_cyclic_directed, toposort};
use petgraph::graph::DiGraph;
use proptest::prelude::*;
use regatta_engine::build::GraphError;
use regatta_engine::graph::Graph;
use regatta_engine::ids::NodeId;
use regatta_engine::spec::{GraphSpec, Limits, NodeSpec, Policy};
use regatta_engine::{json, schedule};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Waves and remaining paths by petgraph's topological order.
fn oracle(spec: &GraphSpec, graph: &Graph) -> (Vec<u32>, Vec<u64>) {
    let n = spec.nodes.len() as u32;
    let edges = || (0..n).flat_map(|to| spec.nodes[to as usize].needs.iter().map(move |&from| (from, to)));
    let mut known: DiGraph<(), ()> = DiGraph::from_edges(edges());
    while known.node_count() < n as usize {
        known.add_node(());
    }
    let order = toposort(&known, None).unwrap();
    let (mut waves, mut remaining) = (vec![0; n as usize], vec![0; n as usize]);
    for node in &order {
        for pred in known.neighbors_directed(*node, petgraph::Incoming) {
            waves[node.index()] = waves[node.index()].max(waves[pred.index()] + 1);
        }
    }
    for node in order.iter().rev() {
        let after = known.neighbors(*node).map(|s| remaining[s.index()]).max().unwrap_or(0);
        remaining[node.index()] = after + graph.duration_ms(NodeId(node.index() as u32));
    }
    (waves, remaining)
}

#[test]
fn waves_ranks_and_remaining_paths_are_those_of_petgraph() {
    for seed in 0..100 {
        let (spec, ..) = parse(&plan(seed, 0, 5 + seed as usize * 2));
        let graph = Graph::build(spec.clone()).unwrap();
        let (waves, remaining) = oracle(&spec, &graph);
        let mut order: Vec<u32> = (0..graph.len() as u32).collect();
        order.sort_by_key(|&i| {
            (waves[i as usize], spec.nodes[i as usize].priority, spec.nodes[i as usize].id.clone())
        });
        assert_eq!(graph.order(), order.iter().map(|&i| NodeId(i)).collect::<Vec<_>>());
        for (pos, &i) in order.iter().enumerate() {
            let facts = graph.facts(NodeId(i));
            let rank =
                order[..pos].iter().filter(|&&o| waves[o as usize] == waves[i as usize]).count() as u32;
            assert_eq!((facts.wave, facts.remaining), (waves[i as usize], remaining[i as usize]));
            assert_eq!((facts.pos, facts.rank), (pos as u32, rank));
        }
    }
}

#[test]
fn a_cycle_is_found_where_petgraph_finds_one() {
    let mut found = 0;
    for seed in 1..400 {
        let mut rng = Rng::new(seed);
        let (n, m) = (rng.below(8) + 1, rng.below(10));
        let edges: Vec<(u32, u32)> = (0..m).map(|_| (rng.below(n) as u32, rng.below(n) as u32)).collect();
        let mut known: DiGraph<(), ()> = DiGraph::new();
        for _ in 0..n {
            known.add_node(());
        }
        known.extend_with_edges(edges.iter().copied());
        let needs = |to: u32| edges.iter().filter(|e| e.1 == to).map(|e| e.0).collect();
        let nodes =
            (0..n as u32).map(|i| NodeSpec { id: format!("n{i}"), needs: needs(i), ..NodeSpec::default() });
        let spec =
            GraphSpec { nodes: nodes.collect(), policies: vec![Policy::default()], ..GraphSpec::default() };
        let cyclic = matches!(Graph::build(spec), Err(GraphError::Cycle(_)));
        assert_eq!(cyclic, is_cyclic_directed(&known), "{edges:?}");
        found += u32::from(cyclic);
    }
    assert!(found > 50, "{found}");
}

#[test]
fn what_is_not_a_graph_is_an_error() {
    let node = |id: &str| NodeSpec { id: id.into(), ..NodeSpec::default() };
    let build =
        |nodes| Graph::build(GraphSpec { nodes, policies: vec![Policy::default()], ..GraphSpec::default() });
    let error = |nodes| build(nodes).map(|_| ()).unwrap_err().to_string();
    assert_eq!(error(vec![node("a"), NodeSpec { needs: vec![0], ..node("a") }]), "task `a` exists twice");
    assert_eq!(error(vec![NodeSpec { needs: vec![0], ..node("a") }]), "task `a` is part of a cycle");
    assert_eq!(
        error(vec![NodeSpec { needs: vec![9], ..node("a") }]),
        "task `a` names task 9, which does not exist"
    );
    assert_eq!(
        error(vec![NodeSpec { agent: Some(0), ..node("a") }]),
        "task `a` names agent 0, which does not exist"
    );
    assert_eq!(
        error(vec![NodeSpec { tags: vec![1], ..node("a") }]),
        "task `a` names tag 1, which does not exist"
    );
    assert_eq!(
        error(vec![NodeSpec { policy: 1, ..node("a") }]),
        "task `a` names policy 1, which does not exist"
    );
}

#[test]
fn a_task_without_estimate_takes_the_median_of_the_known_or_1() {
    let of = |text: &str| {
        let graph = Script::new(text).graph;
        graph.order().iter().map(|&n| graph.duration_ms(n)).collect::<Vec<_>>()
    };
    assert_eq!(of("a; b; c(a)"), [1, 1, 1]);
    assert_eq!(of("a est=5; b est=100; c est=7; d"), [5, 100, 7, 7]);
    assert_eq!(of("a est=0; b"), [0, 0]);
    // A map counts once: nobody knows how many of its slots there will be.
    assert_eq!(
        of("a est=5; b est=100; c est=7; d; m[0] est=1; m[1] est=1; m[2] est=1; m[3] est=1")[..4],
        [5, 100, 7, 7]
    );
}

/// The schedule as formats 3 has it, by general serialisation.
fn formats_3(graph: &Graph) -> Value {
    let names = |nodes: &[NodeId]| nodes.iter().map(|&n| graph.name(n).to_owned()).collect::<Vec<_>>();
    let waves: Vec<Value> =
        (0..graph.waves()).map(|w| json!({ "waveIndex": w, "nodeIds": names(graph.wave(w)) })).collect();
    let nodes = graph.order().iter().map(|&n| {
        let mut needs = names(&graph.preds(n).collect::<Vec<_>>());
        needs.sort_unstable();
        let facts = graph.facts(n);
        let mut node = json!({
            "nodeId": graph.name(n), "priority": facts.priority.name(), "dependsOn": needs, "waveIndex": facts.wave,
        });
        if let Some(agent) = facts.agent {
            node["agentId"] = json!(graph.agents[agent as usize]);
        }
        node
    });
    json!({ "waves": waves, "nodes": nodes.collect::<Vec<_>>() })
}

#[test]
fn the_schedule_hash_is_sha_256_of_the_canonical_json_of_waves_and_nodes() {
    for seed in 0..50 {
        let graph = Script::new(&plan(seed, 0, 5 + seed as usize * 3)).graph;
        let expect = serde_jcs::to_vec(&formats_3(&graph)).unwrap();
        assert_eq!(String::from_utf8(schedule::canonical(&graph)), String::from_utf8(expect.clone()));
        assert_eq!(schedule::hash(&graph), json::hex(&Sha256::digest(expect)));
    }
    let large =
        Script::new(&(0..4000).map(|i| format!("a-rather-long-name-{i}")).collect::<Vec<_>>().join(";"))
            .graph;
    assert_eq!(schedule::hash(&large), json::hex(&Sha256::digest(schedule::canonical(&large))));
    insta::assert_snapshot!(schedule::hash(&Script::new("").graph), @"56155eafa978da9b7eccdd6c5f6dc39ba778de9a6ead2fd123febf5352dde8fb");
}

#[test]
fn the_same_plan_in_any_order_has_the_same_schedule() {
    for seed in 0..30 {
        let hashes: Vec<String> =
            (0..5).map(|order| schedule::hash(&Script::new(&plan(seed, order, 60)).graph)).collect();
        assert!(hashes.iter().all(|h| *h == hashes[0]), "{hashes:?}");
    }
    let other = |text: &str| schedule::hash(&Script::new(text).graph);
    assert_ne!(other("a; b(a)"), other("a; b(a) P1"));
    assert_ne!(other("a; b(a)"), other("a; b"));
    assert_ne!(other("a; b(a)"), other("a; b(a) agent=x"));
    assert_eq!(other("a; b(a)"), other("b(a) retry=3 tags=x; a est=9")); // not part of the schedule
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn strings_are_written_as_rfc_8785_writes_them(text in any::<String>()) {
        let mut out = vec![];
        json::string(&mut out, &text);
        prop_assert_eq!(out, serde_jcs::to_vec(&text).unwrap());
    }
}

#[test]
fn critical_path_and_lower_bound() {
    let names = |text: &str| {
        let graph = Script::new(text).graph;
        schedule::critical_path(&graph)
            .into_iter()
            .map(|n| graph.name(n).to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(names("a est=5; b est=6; c(a) est=9; d(b) est=1; e(c,d) est=1"), "a c e");
    assert_eq!(names(""), "");
    let bound = |text: &str| {
        let script = Script::new(text);
        schedule::lower_bound_ms(&script.graph, &script.config.limits)
    };
    assert_eq!(bound(""), 0);
    assert_eq!(bound("! max=9; a est=5; b(a) est=7; c est=3"), 12);
    assert_eq!(bound("! max=2; a est=5; b est=5; c est=5"), 8);
    assert_eq!(bound("! max=9 P0=1; a P0 est=5; b P0 est=5; c est=6"), 10);
    assert_eq!(bound("! max=9 tag.t=2; a tags=t est=5; b tags=t est=5; c tags=t est=6"), 8);
    assert_eq!(bound("! max=9 agent.x=1; a agent=x est=5; b agent=x est=5"), 10);
    assert_eq!(bound("! max=9 wave=1; a est=5; b est=5; c(a) est=1"), 10);
    assert_eq!(bound("! max=9 has.gpu=4; a uses=gpu:3 est=8; b uses=gpu:3 est=8"), 12);
    assert_eq!(bound("! max=9 has.gpu=4; a lock=gpu est=8; b uses=gpu:2 est=8"), 12);
    assert_eq!(bound("! max=9; a lock=l est=8; b lock=l est=8; c share=l est=8"), 16);
    let graph = Script::new("a est=5; b est=7").graph;
    assert_eq!(schedule::sequential_ms(&graph), 12);
    assert_eq!(schedule::lower_bound_ms(&graph, &Limits::default()), 7);
}
