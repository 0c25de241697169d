//! Random plans: the laws hold for all of them, and the canonical log knows no timing.
//!
//! A seed names a plan, another one its timing and the order in which its tasks are written.

use crate::script::Script;
use crate::world::World;
use proptest::prelude::*;
use regatta_engine::event::EventKind;
use regatta_engine::graph::Graph;
use regatta_engine::ids::NodeId;
use regatta_engine::input::{ConditionAnswer, Input};
use regatta_engine::outcome::NodeOutcome;
use std::collections::BTreeMap;

/// xorshift64* (Vigna 2016).
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Rng {
        Rng(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % n
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u64) as usize]
    }
}

/// A plan of `n` tasks under many caps. `timing` draws durations and the order in the file, nothing else.
pub(crate) fn plan(seed: u64, timing: u64, n: usize) -> String {
    let (mut rng, mut clock) = (Rng::new(seed + 1), Rng::new(timing * 7919 + seed));
    let settings = format!(
        "! max={} tag.db=2 tag.net=3 agent.x=2 P0={} has.gpu=4 ageing={} {} {}",
        rng.below(8) + 1,
        rng.below(3) + 1,
        rng.below(4) + 1,
        rng.of(&["", "", "waves", "waves delay=3", "sequential"]),
        rng.of(&["", "", "wave=3"]),
    );
    let mut tasks: Vec<String> = (0..n).map(|i| task(&mut rng, &mut clock, i)).collect();
    if timing > 0 {
        for i in (1..n).rev() {
            tasks.swap(i, clock.below(i as u64 + 1) as usize);
        }
    }
    format!("{settings}\n{}", tasks.join("\n"))
}

fn task(rng: &mut Rng, clock: &mut Rng, i: usize) -> String {
    let mut needs: Vec<String> = vec![];
    for _ in 0..rng.below(4) {
        if i > 0 {
            let near = rng.below(i.min(12) as u64) as usize;
            needs.push(format!("t{}", i - 1 - near));
        }
    }
    let words = [
        rng.of(&["P0", "P1", "", "", "P3"]),
        rng.of(&["", "", "", "tags=db", "tags=net", "tags=db,net"]),
        rng.of(&["", "", "", "agent=x", "agent=y"]),
        rng.of(&["", "", "", "uses=gpu:1", "uses=gpu:3", "lock=l", "share=l", "lock=k,l"]),
        rng.of(&["", "", "est=5", "est=50"]),
        rng.of(&["", "", "", "", "", "when=true", "when=false", "when=oops"]),
        rng.of(&["", "", "allow_skipped"]),
        rng.of(&[
            "",
            "",
            "",
            "",
            "does=fail",
            "retry=3 backoff=4 does=fail,fail,ok",
            "retry=2 backoff=9 does=fail",
            "retry=2 backoff=3 timeout=30 does=hang,ok",
            "timeout=40 does=hang",
            "retry=3 does=VARIABLE_RESOLUTION_ERROR",
        ]),
    ];
    format!(
        "t{i}({}) pure takes={} dies={} {}",
        needs.join(","),
        clock.below(25),
        1 + clock.below(5),
        words.join(" ")
    )
}

/// How every node must end under `on_failure: continue`: a function of predecessors, conditions and outcomes alone.
fn model(script: &Script) -> BTreeMap<NodeId, NodeOutcome> {
    let graph: &Graph = &script.graph;
    let mut ends: BTreeMap<NodeId, NodeOutcome> = BTreeMap::new();
    for &node in graph.order() {
        let (policy, behaviour) = (graph.policy(node), &script.behaviours[node.index()]);
        let before: Vec<NodeOutcome> = graph.preds(node).map(|p| ends[&p]).collect();
        let bad = before.iter().any(|o| !matches!(o, NodeOutcome::Succeeded | NodeOutcome::Skipped));
        let end = if bad {
            NodeOutcome::Blocked
        } else if before.contains(&NodeOutcome::Skipped) && !policy.allow_skipped {
            NodeOutcome::Skipped
        } else if policy.conditional && behaviour.when != ConditionAnswer::True {
            if behaviour.when == ConditionAnswer::False { NodeOutcome::Skipped } else { NodeOutcome::Failed }
        } else {
            attempts(policy.retry.max_attempts, &format!("{:?}", behaviour.does))
        };
        ends.insert(node, end);
    }
    ends
}

fn attempts(max: u32, does: &str) -> NodeOutcome {
    match does {
        "[]" => NodeOutcome::Succeeded,
        ends if ends.ends_with("Succeed]") => NodeOutcome::Succeeded,
        "[Fail(Resolution)]" => NodeOutcome::Failed,
        "[Hang]" if max == 1 => NodeOutcome::TimedOut,
        _ if max == 1 => NodeOutcome::Failed,
        _ => NodeOutcome::Exhausted,
    }
}

/// No node was started before each of its predecessors had ended as it must have.
fn respects_dependencies(world: &World) {
    let graph = &world.script.graph;
    let mut ends: BTreeMap<NodeId, NodeOutcome> = BTreeMap::new();
    for event in &world.events {
        match &event.kind {
            EventKind::NodeEnded { node, outcome, .. } => assert_eq!(ends.insert(*node, *outcome), None),
            EventKind::DispatchStarted { node, .. } => {
                for pred in graph.preds(*node) {
                    let good = match ends.get(&pred) {
                        Some(NodeOutcome::Succeeded) => true,
                        Some(NodeOutcome::Skipped) => graph.policy(*node).allow_skipped,
                        _ => false,
                    };
                    assert!(good, "{} was started before {}", world.name(*node), world.name(pred));
                }
            }
            _ => {}
        }
    }
}

#[test]
fn dependencies_are_respected_in_200_random_dags_of_5_to_200_tasks() {
    for seed in 0..200 {
        let n = 5 + (seed as usize * 195) / 199;
        let world = World::ran(&plan(seed, 1, n));
        respects_dependencies(&world);
        for (node, outcome) in model(&world.script) {
            assert_eq!(
                world.engine.state().node(node).outcome(),
                Some(outcome),
                "seed {seed} {}",
                world.name(node)
            );
        }
        assert!(world.left.is_some(), "seed {seed}");
    }
}

/// Kills the orchestrator, interrupts or pauses the run now and then.
fn disturb(world: &mut World, rng: &mut Rng) {
    for _ in 0..rng.below(6) {
        let at = world.now + rng.below(60);
        world.until(at);
        match rng.below(4) {
            0 => world.crash(true),
            1 => world.crash(false),
            2 => {
                world.send(Input::Interrupt { hard: rng.below(2) == 0 });
                world.until(world.now + rng.below(9));
                world.crash(rng.below(2) == 0);
            }
            _ => {
                world.send(Input::Pause);
                world.until(world.now + rng.below(30));
                world.send(Input::Unpause);
            }
        }
    }
    world.run();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_canonical_log_is_the_same_whatever_the_timing_and_the_order_in_the_file(
        seed in 0..u64::MAX / 2, timing in 1..1_000_000_u64, n in 2..60_usize,
    ) {
        let (one, other) = (World::ran(&plan(seed, 0, n)), World::ran(&plan(seed, timing, n)));
        prop_assert_eq!(one.canonical(), other.canonical());
        prop_assert_eq!(one.attempts(), other.attempts());
    }

    #[test]
    fn lost_and_interrupted_attempts_and_pauses_leave_no_trace_in_the_canonical_log(
        seed in 0..u64::MAX / 2, timing in 1..1_000_000_u64, n in 2..40_usize,
    ) {
        let quiet = World::ran(&plan(seed, 0, n));
        let mut world = World::new(&plan(seed, timing, n));
        world.begin();
        disturb(&mut world, &mut Rng::new(timing));
        prop_assert_eq!(quiet.canonical(), world.canonical());
        prop_assert_eq!(quiet.attempts(), world.attempts());
    }

    #[test]
    fn people_and_signals_break_no_law(seed in 0..u64::MAX / 2, n in 2..40_usize) {
        let mut rng = Rng::new(seed);
        let mode = rng.of(&["! stop", "! rollback", "! run=60"]);
        let mut world = World::new(&format!("{}\n{mode}", plan(seed, 3, n).replace(" pure ", rng.of(&[" pure ", " undo ", " "]))));
        world.begin();
        for _ in 0..rng.below(5) {
            let at = world.now + rng.below(30);
            world.until(at);
            let node = NodeId(rng.below(n as u64) as u32);
            match rng.below(5) {
                0 => world.send(Input::Cancel { node: Some(node) }),
                1 => world.send(Input::Skip { node }),
                2 => world.crash(false),
                3 => world.send(Input::Interrupt { hard: false }),
                _ => world.send(Input::Pause),
            }
        }
        world.send(Input::Cancel { node: None });
        world.run();
        prop_assert!(world.result().ends_with("; cancelled") || world.result().ends_with("; failed")
            || world.result().ends_with("; partial") || world.result().ends_with("; succeeded"), "{}", world.result());
    }
}

#[test]
fn the_set_of_started_nodes_is_the_only_timing_that_a_stop_lets_through() {
    let started = |world: &World| {
        let mut names: Vec<String> =
            world.starts().split(' ').map(|s| s.split('@').next().unwrap_or("").into()).collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    let mut logs: BTreeMap<(u64, Vec<String>), String> = BTreeMap::new();
    let mut same = 0;
    for seed in 0..60 {
        for timing in 0..20 {
            let text =
                plan(seed, timing, 14).replace("does=hang,ok", "does=ok").replace("does=hang", "does=fail");
            let world = World::ran(&format!("{text}\n! stop"));
            let tries = world.attempts(); // the outcomes of the attempts
            let log = world.canonical();
            let mut key = started(&world);
            key.push(tries);
            if let Some(known) = logs.insert((seed, key), log.clone()) {
                assert_eq!(known, log, "seed {seed} timing {timing}");
                same += 1;
            }
        }
    }
    assert!(same > 300, "{same}");
}
