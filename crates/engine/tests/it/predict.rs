//! Spec 3 "Schedule": the predicted schedule is what the engine does when the expectations are right, and an order that
//! was looked for ends no later.

use crate::random::{Rng, plan};
use crate::script::{Behaviour, Script, parse};
use crate::world::World;
use proptest::prelude::*;
use regatta_engine::graph::Graph;
use regatta_engine::ids::NodeId;
use regatta_engine::input::{ConditionAnswer, Expansion, Reconciliation};
use regatta_engine::optimise::{Optimised, optimise};
use regatta_engine::predict::{Prediction, Predictor};
use regatta_engine::schedule;
use regatta_engine::spec::{Claim, ClaimKind, GraphSpec, NodeSpec, Policy, Priority, RunConfig, Schedule};
use std::sync::Arc;

fn predictor(text: &str) -> Predictor {
    let (spec, config, _) = parse(text);
    Predictor::new(Graph::build(spec).unwrap(), config)
}

/// `a@0-10/0`: who runs from when to when in which slot, in order of starts.
fn shown(graph: &Graph, found: &Prediction) -> String {
    let row = |&node: &NodeId| {
        let planned = found.nodes[node.index()];
        format!("{}@{}-{}/{}", graph.name(node), planned.start_ms, planned.end_ms, planned.slot)
    };
    found.starts.iter().map(row).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(text: &str, expect: &str) {
    let predictor = predictor(text);
    let found = predictor.predict().unwrap();
    assert_eq!(shown(predictor.graph(), &found), expect, "plan: {text}");
    assert_eq!(found.makespan_ms, found.nodes.iter().map(|n| n.end_ms).max().unwrap_or(0));
}

#[test]
fn attempts_take_as_long_as_expected_and_start_as_the_engine_starts_them() {
    check("! max=2; x est=5; long est=50; p P1 est=1; also est=5", "p@0-1/0 long@0-50/1 also@1-6/0 x@6-11/0");
    check("! waves; a est=5; slow est=50; b(a) est=5", "a@0-5/0 slow@0-50/1 b@50-55/0");
    check("! sequential; b est=5; a est=7", "a@0-7/0 b@7-12/0");
    check("! tag.db=1; a tags=db est=5; b tags=db est=4; c est=3", "a@0-5/0 c@0-3/1 b@5-9/0");
    check(
        "! has.gpu=3; a uses=gpu:2 est=9; b uses=gpu:2 est=8; c uses=gpu est=2",
        "a@0-9/0 c@0-2/1 b@9-17/0",
    );
    check("a share=l est=4; b lock=l est=3; c share=l est=4", "a@0-4/0 c@0-4/1 b@4-7/0");
    check("", "");
}

#[test]
fn an_estimate_of_0_takes_no_time() {
    check("! max=1; a est=0; b(a) est=0; c(b) est=4", "a@0-0/0 b@0-0/0 c@0-4/0");
}

#[test]
fn without_any_estimate_a_node_takes_1_each_else_the_median_of_the_known() {
    check("! max=1; a; b(a)", "a@0-1/0 b@1-2/0");
    check("! max=1; a est=3; b(a) est=8; c(b); d(c) est=20", "a@0-3/0 b@3-11/0 c@11-19/0 d@19-39/0");
}

#[test]
fn the_pause_between_waves_is_predicted() {
    check("! waves delay=100; a est=10; b(a) est=10", "a@0-10/0 b@110-120/0");
}

#[test]
fn the_prediction_supposes_that_all_goes_well() {
    let asks = "a est=90 timeout=30 when=false; b(a) est=5 cache lease=l; c(b) est=2 collects";
    check(&format!("! stop reuse breaker=1 run=40; {asks}"), "a@0-90/0 b@90-95/0 c@95-97/0");
}

#[test]
fn a_node_that_can_never_start_is_told() {
    let (spec, mut config, _) = parse("a; b");
    config.limits.max_parallel = 0;
    assert_eq!(Predictor::new(Graph::build(spec).unwrap(), config).predict(), None);
}

#[test]
fn a_chain_of_200_000_is_predicted_without_recursion() {
    let node = |i: u32| NodeSpec {
        id: i.to_string(),
        needs: i.checked_sub(1).into_iter().collect(),
        ..NodeSpec::default()
    };
    let nodes = (0..200_000).map(node).collect();
    let spec = GraphSpec { nodes, policies: vec![Policy::default()], ..GraphSpec::default() };
    let found = Predictor::new(Graph::build(spec).unwrap(), RunConfig::default()).predict().unwrap();
    assert_eq!(found.makespan_ms, 200_000);
}

fn names(graph: &Graph, order: &[NodeId]) -> String {
    order.iter().map(|&n| graph.name(n)).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_pinned_order_stands_in_for_the_path_below_the_class() {
    let (mut spec, config, _) = parse("! max=1; a est=1; b est=9; c est=5; d est=3; urgent P0 est=1");
    spec.pinned = vec![3, 0];
    let found = Predictor::new(Graph::build(spec.clone()).unwrap(), config.clone());
    let starts = found.predict().unwrap().starts;
    assert_eq!(
        names(found.graph(), &starts),
        "urgent d a b c",
        "what the order leaves out comes after, by path"
    );
    let waves = RunConfig { schedule: Schedule::Waves, ..config };
    let starts = Predictor::new(Graph::build(spec).unwrap(), waves).predict().unwrap().starts;
    assert_eq!(names(found.graph(), &starts), "urgent a b c d", "under `waves` the order key decides");
}

#[test]
fn an_order_that_names_nobody_is_refused() {
    let (mut spec, ..) = parse("a; b");
    spec.pinned = vec![2];
    assert_eq!(Graph::build(spec).unwrap_err().to_string(), "the order names task 2, which does not exist");
}

/// Draws of a seed.
fn drawn(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut rng = Rng::new(seed);
    move |n| rng.below(n)
}

fn optimised((spec, config): (&GraphSpec, &RunConfig), perturbations: u32, seed: u64) -> Optimised {
    optimise(spec, config, perturbations, &mut drawn(seed)).unwrap().unwrap()
}

#[test]
fn passes_find_an_order_where_the_longest_path_misleads() {
    let (mut spec, config, _) = parse("! max=2; a est=3; b est=3; c est=2; d est=2; e est=2");
    let found = optimised((&spec, &config), 20, 1);
    assert_eq!((found.before.makespan_ms, found.after.makespan_ms), (7, 6));
    assert_eq!(found.order, found.after.starts, "it reads as the schedule runs");
    spec.nodes[0].priority = Priority::P0;
    spec.nodes[1].priority = Priority::P0;
    let found = optimised((&spec, &config), 20, 1);
    assert_eq!(found.after.makespan_ms, 7, "the class stands above the order");
}

#[test]
fn nothing_better_is_no_order() {
    let (spec, config, _) = parse("! max=2; a est=3; b est=3; c(a) est=2");
    let found = optimised((&spec, &config), 5, 1);
    assert_eq!((found.order, found.before), (vec![], found.after));
}

/// A random plan of which all goes well, with durations of its own.
fn calm(seed: u64, n: usize) -> (GraphSpec, RunConfig) {
    let (mut spec, config, _) = parse(&plan(seed, 0, n));
    let mut rng = Rng::new(seed ^ 99);
    for policy in &mut spec.policies {
        *policy = Policy { attempt_timeout_ms: None, ..Policy::default() };
    }
    for node in &mut spec.nodes {
        let drawn = rng.below(40);
        node.estimate_ms = (drawn > 3).then_some(drawn * drawn / 8);
    }
    (spec, config)
}

/// The starts of a run in the fake world, in which every attempt takes as long as expected.
fn real(spec: &GraphSpec, config: &RunConfig) -> (String, u64) {
    let graph = Graph::build(spec.clone()).unwrap();
    let behaviour = |takes| Behaviour {
        takes,
        dies: 1,
        does: vec![],
        undoes: vec![],
        when: ConditionAnswer::True,
        items: Expansion::Items(1),
        finds: Reconciliation::Unknown,
        done_before: false,
        burns: None,
    };
    let behaviours = (0..graph.len() as u32).map(|i| behaviour(graph.duration_ms(NodeId(i)))).collect();
    let mut world = World::of(Script { graph: Arc::new(graph), config: config.clone(), behaviours });
    world.begin();
    world.run();
    (world.starts(), world.now)
}

/// Precedence, slots, every cap and every claim hold at every moment; checked from start and end alone.
fn feasible(graph: &Graph, config: &RunConfig, found: &Prediction) {
    let nodes = || graph.order().iter().copied();
    let at = |n: NodeId| found.nodes[n.index()];
    let limits = graph.fit(config.limits.clone());
    for node in nodes() {
        assert_eq!(at(node).end_ms - at(node).start_ms, graph.duration_ms(node));
        assert!(at(node).slot < limits.max_parallel);
        assert!(graph.preds(node).all(|p| at(p).end_ms <= at(node).start_ms), "{}", graph.name(node));
        let live: Vec<NodeId> =
            nodes().filter(|&n| (at(n).start_ms..at(n).end_ms).contains(&at(node).start_ms)).collect();
        let count = |is: &dyn Fn(NodeId) -> bool| live.iter().filter(|&&n| is(n)).count() as u32;
        let room =
            |cap: Option<u32>, used: u32| assert!(cap.is_none_or(|cap| used <= cap), "{used} of {cap:?}");
        room(Some(limits.max_parallel), live.len() as u32);
        let mut slots: Vec<u32> = live.iter().map(|&n| at(n).slot).collect();
        slots.sort_unstable();
        slots.dedup();
        assert_eq!(slots.len(), live.len(), "two in one slot");
        let facts = graph.facts(node);
        room(limits.per_wave, count(&|n| graph.facts(n).wave == facts.wave));
        let p = facts.priority;
        room(limits.per_priority[p.index()], count(&|n| graph.facts(n).priority == p));
        for (agent, cap) in limits.per_agent.iter().enumerate() {
            room(*cap, count(&|n| graph.facts(n).agent == Some(agent as u32)));
        }
        for (tag, cap) in limits.per_tag.iter().enumerate() {
            room(*cap, count(&|n| graph.tags(n).contains(&(tag as u32))));
        }
        let claims = live.iter().flat_map(|&n| graph.claims(n).iter().copied()).collect::<Vec<Claim>>();
        for (index, resource) in graph.resources.iter().enumerate() {
            let of = || claims.iter().filter(|c| c.resource as usize == index).map(|c| c.kind);
            let units: u32 = of().map(|k| if let ClaimKind::Units(n) = k { n } else { 0 }).sum();
            room(Some(resource.capacity.unwrap_or(1)), units);
            assert!(of().all(|kind| kind != ClaimKind::Exclusive) || of().count() == 1);
        }
    }
}

/// Ages are counted by groups, so a prediction that had groups of its own was another engine.
#[test]
fn a_prediction_ages_what_is_refused_as_the_run_does() {
    let (spec, config) = calm(572_354_007_453_648_966, 62);
    let predictor = Predictor::new(Graph::build(spec.clone()).unwrap(), config.clone());
    let found = predictor.predict().unwrap();
    let graph = predictor.graph();
    let starts =
        found.starts.iter().map(|&n| format!("{}@{}", graph.name(n), found.nodes[n.index()].start_ms));
    let (started, _) = real(&spec, &config);
    assert_eq!(starts.collect::<Vec<_>>().join(" "), started);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_predicted_is_what_happens_when_the_expectations_are_right(
        seed in 0..u64::MAX / 2, n in 1..70_usize,
    ) {
        let (spec, config) = calm(seed, n);
        let predictor = Predictor::new(Graph::build(spec.clone()).unwrap(), config.clone());
        let found = predictor.predict().unwrap();
        let graph = predictor.graph();
        let starts = found.starts.iter().map(|&n| format!("{}@{}", graph.name(n), found.nodes[n.index()].start_ms));
        let (started, ended) = real(&spec, &config);
        prop_assert_eq!(starts.collect::<Vec<_>>().join(" "), started);
        prop_assert_eq!(found.makespan_ms, ended);
    }

    #[test]
    fn no_predicted_schedule_breaks_precedence_a_cap_a_resource_or_a_lock_or_ends_before_the_lower_bound(
        seed in 0..u64::MAX / 2, n in 1..60_usize,
    ) {
        let (spec, config) = calm(seed, n);
        let graph = Graph::build(spec.clone()).unwrap();
        let found = Predictor::new(graph.clone(), config.clone()).predict().unwrap();
        feasible(&graph, &config, &found);
        let bound = schedule::lower_bound_ms(&graph, &config.limits);
        prop_assert!(bound <= found.makespan_ms, "{} {bound}", found.makespan_ms);
        let better = optimised((&spec, &config), 3, seed);
        feasible(&graph, &config, &better.after);
        prop_assert!(bound <= better.after.makespan_ms);
    }

    #[test]
    fn what_was_looked_for_ends_no_later_and_the_pinned_order_leads_to_it(
        seed in 0..u64::MAX / 2, n in 1..50_usize, perturbations in 0..4_u32,
    ) {
        let (mut spec, config) = calm(seed, n);
        let found = optimised((&spec, &config), perturbations, seed);
        prop_assert_eq!(&found, &optimised((&spec, &config), perturbations, seed), "the same draws, the same order");
        prop_assert!(found.after.makespan_ms <= found.before.makespan_ms);
        prop_assert_eq!(found.order.is_empty(), found.after == found.before);
        prop_assert!(found.order.is_empty() || found.after.makespan_ms < found.before.makespan_ms);
        spec.pinned = found.order.iter().map(|n| n.0).collect();
        let again = Predictor::new(Graph::build(spec).unwrap(), config).predict().unwrap();
        prop_assert_eq!(again, found.after);
    }

    #[test]
    fn the_order_in_the_file_does_not_matter_to_the_prediction(seed in 0..u64::MAX / 2, n in 1..40_usize) {
        let by_name = |spec: GraphSpec, config: &RunConfig| {
            let predictor = Predictor::new(Graph::build(spec).unwrap(), config.clone());
            shown(predictor.graph(), &predictor.predict().unwrap())
        };
        let (spec, config) = calm(seed, n);
        let mut turned = spec.clone();
        turned.nodes.reverse();
        let last = n as u32 - 1;
        turned.nodes.iter_mut().flat_map(|node| &mut node.needs).for_each(|need| *need = last - *need);
        prop_assert_eq!(by_name(spec, &config), by_name(turned, &config));
    }
}
