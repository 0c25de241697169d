//! A scenario: a random plan, settings, and what the world will do to each attempt. A function of the seed.
//!
//! Outcomes hang on (node, attempt number) alone, never on time, so two runs with other timing must agree.

use regatta_engine::breaker::{BreakerPolicy, WhenOpen, Window};
use regatta_engine::input::Expansion;
use regatta_engine::spec::{
    Asked, Claim, ClaimKind, EffectContract, GraphSpec, Limits, NodeSpec, OnFailure, Policy, Priority,
    ResourceSpec, RetryPolicy, RetryStrategy, RunConfig, Schedule,
};
use regatta_rng::Rng;
use std::collections::BTreeMap;

/// What an attempt does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// Ends well.
    Succeed,
    /// Ends with a non-zero exit code.
    Fail,
    /// Cannot be resolved: never retried.
    Unresolved,
    /// Never ends by itself; runs into its timeout.
    Hang,
}

/// What a condition answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    /// Run it.
    True,
    /// Skip it.
    False,
    /// The expression fails.
    Error,
}

/// A plan and its fate.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The seed it was made from.
    pub seed: u64,
    /// The plan.
    pub spec: GraphSpec,
    /// The settings.
    pub config: RunConfig,
    /// Fates by node, then by attempt number - 1; the last one repeats.
    pub fates: Vec<Vec<Fate>>,
    /// Conditions by node; asked of conditional nodes only.
    pub conditions: Vec<Condition>,
    /// Nodes whose work an earlier run did; asked of nodes that may be reused only.
    pub done_before: Vec<bool>,
    /// What each map finds when it is asked.
    pub items: Vec<Expansion>,
}

/// Nodes of a plan at most.
const MAX_NODES: u64 = 60;

impl Scenario {
    /// The scenario of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Scenario {
        let mut rng = Rng::new(seed, 1);
        let nodes = rng.between(1, MAX_NODES);
        Scenario::sized(seed, nodes, &mut rng)
    }

    /// A scenario with a given number of nodes.
    #[must_use]
    pub fn sized(seed: u64, nodes: u64, rng: &mut Rng) -> Scenario {
        let policies = (0..4).map(|_| policy(rng)).collect::<Vec<_>>();
        let resources = vec![
            ResourceSpec { name: "gpu".into(), capacity: Some(rng.between(1, 4) as u32), lease: false },
            ResourceSpec { name: "db".into(), capacity: None, lease: rng.one_in(2) },
        ];
        let density = rng.between(1, 4);
        let mut nodes: Vec<NodeSpec> =
            (0..nodes as u32).map(|i| node(rng, (i, density), &policies, &resources)).collect();
        // A stream of its own: older seeds keep their plans.
        let mut callers = Rng::new(seed, 2);
        for node in nodes.iter_mut().filter(|node| node.agent.is_none()) {
            node.tool = callers.one_in(3).then_some(0);
        }
        let (maps, items) = maps(&mut Rng::new(seed, 4), &mut nodes);
        let fates = (0..nodes.len()).map(|_| fates(rng)).collect();
        let conditions = (0..nodes.len()).map(|_| condition(rng)).collect();
        let count = nodes.len() as u32;
        let spec = GraphSpec {
            nodes,
            agents: vec!["codex".into()],
            tags: vec!["db".into(), "net".into()],
            resources,
            policies,
            tools: vec!["shell".into()],
            pinned: pinned(&mut Rng::new(seed, 3), count),
            maps,
            persons: persons(&mut Rng::new(seed, 5), count),
        };
        let config = RunConfig { breaker: breaker(&mut callers), ..config(rng) };
        let done_before = (0..spec.nodes.len()).map(|_| rng.one_in(2)).collect();
        Scenario { seed, spec, config, fates, conditions, done_before, items }
    }

    /// Whether a person decides `node`.
    #[must_use]
    pub fn is_persons(&self, node: usize) -> bool {
        self.spec.persons.keys().any(|&i| i as usize == node)
    }

    /// What attempt `number` (1-based) of `node` does.
    #[must_use]
    pub fn fate(&self, node: usize, number: u32) -> Fate {
        let fates = &self.fates[node];
        fates[(number as usize - 1).min(fates.len() - 1)]
    }
}

/// In some scenarios people decide some nodes: yes where their first attempt would succeed.
fn persons(rng: &mut Rng, count: u32) -> BTreeMap<u32, Asked> {
    let asked =
        |i: u32| Asked { gate: format!("g{i}"), question: "may it go on?".to_owned(), needs: Vec::new() };
    if rng.one_in(4) {
        (0..count).filter(|_| rng.one_in(8)).map(|i| (i, asked(i))).collect()
    } else {
        BTreeMap::new()
    }
}

/// In some scenarios one node becomes the first slot of a map, and what it finds when it is asked.
fn maps(rng: &mut Rng, nodes: &mut Vec<NodeSpec>) -> (Vec<Vec<u32>>, Vec<Expansion>) {
    if !rng.one_in(3) {
        return (Vec::new(), Vec::new());
    }
    let (first, count) = (rng.index(nodes.len()) as u32, nodes.len() as u32);
    let further: Vec<u32> = (count..count + rng.between(0, 4) as u32).collect();
    for (node, index) in further.iter().zip(1..) {
        let slot = nodes[first as usize].clone();
        nodes.push(NodeSpec { id: format!("{}[{index}]", slot.id), ..slot });
        debug_assert_eq!(nodes.len() as u32, node + 1);
    }
    for node in nodes.iter_mut().take(count as usize).filter(|node| node.needs.contains(&first)) {
        node.needs.extend(&further);
    }
    let slots: Vec<u32> = std::iter::once(first).chain(further).collect();
    let items = match rng.between(0, slots.len() as u64 + 1) {
        none if none > slots.len() as u64 => Expansion::Error("it is no list".into()),
        items => Expansion::Items(items as u32),
    };
    (vec![slots], vec![items])
}

fn policy(rng: &mut Rng) -> Policy {
    let strategy = [RetryStrategy::Linear, RetryStrategy::Exponential, RetryStrategy::Fixed][rng.index(3)];
    let effect = [
        EffectContract::Pure,
        EffectContract::Idempotent,
        EffectContract::AtMostOnce,
        EffectContract::Reconcile,
    ][rng.index(4)];
    Policy {
        budget: None,
        retry: RetryPolicy {
            max_attempts: rng.between(1, 4) as u32,
            strategy,
            backoff_ms: rng.between(0, 2_000),
            max_backoff_ms: 5_000,
        },
        attempt_timeout_ms: Some(rng.between(200, 3_000)),
        idle_timeout_ms: None,
        grace_ms: rng.between(0, 500),
        effect,
        conditional: rng.one_in(4),
        allow_skipped: rng.one_in(3),
        undo: rng.one_in(2),
        cache: rng.one_in(6),
        collects: false,
        asks_on_conflict: false,
        told_late: false,
        max_lost: 1_000,
    }
}

fn node(
    rng: &mut Rng,
    (i, density): (u32, u64),
    policies: &[Policy],
    resources: &[ResourceSpec],
) -> NodeSpec {
    let mut needs = Vec::new();
    if i > 0 {
        for _ in 0..rng.between(0, density) {
            needs.push(rng.between(u64::from(i.saturating_sub(12)), u64::from(i) - 1) as u32);
        }
    }
    let mut claims = Vec::new();
    if rng.one_in(5) {
        let units = rng.between(1, u64::from(resources[0].capacity.unwrap_or(1))) as u32;
        claims.push(Claim { resource: 0, kind: ClaimKind::Units(units) });
    }
    if rng.one_in(6) {
        let kind = if rng.one_in(2) { ClaimKind::Shared } else { ClaimKind::Exclusive };
        claims.push(Claim { resource: 1, kind });
    }
    NodeSpec {
        id: format!("n{:03}", (i * 7_919) % 1_000 + 1_000 * i),
        needs,
        priority: Priority::ALL[rng.index(4)],
        agent: rng.one_in(4).then_some(0),
        tags: (0..2).filter(|_| rng.one_in(3)).collect(),
        claims,
        policy: rng.index(policies.len()) as u32,
        estimate_ms: rng.one_in(2).then(|| rng.between(0, 500)),
        tool: None,
    }
}

fn fates(rng: &mut Rng) -> Vec<Fate> {
    let last = match rng.between(0, 19) {
        0 => Fate::Fail,
        1 => Fate::Hang,
        2 => Fate::Unresolved,
        _ => Fate::Succeed,
    };
    let mut fates: Vec<Fate> = (0..rng.between(0, 3) * u64::from(rng.one_in(3)))
        .map(|_| if rng.one_in(3) { Fate::Hang } else { Fate::Fail })
        .collect();
    fates.push(last);
    fates
}

fn condition(rng: &mut Rng) -> Condition {
    match rng.between(0, 9) {
        0 => Condition::Error,
        1..=3 => Condition::False,
        _ => Condition::True,
    }
}

/// Mostly none; else some of the nodes in any order, as a person might have edited it.
fn pinned(rng: &mut Rng, nodes: u32) -> Vec<u32> {
    if !rng.one_in(3) {
        return Vec::new();
    }
    let mut keyed: Vec<(u64, u32)> = (0..nodes).map(|node| (rng.bits(), node)).collect();
    keyed.sort_unstable();
    let most = rng.between(0, u64::from(nodes)) as usize;
    keyed.into_iter().map(|(_, node)| node).take(most).collect()
}

fn breaker(rng: &mut Rng) -> Option<BreakerPolicy> {
    if rng.one_in(3) {
        return None;
    }
    let attempts = rng.between(1, 8) as u32;
    let window = Window { attempts, failures: rng.between(1, u64::from(attempts)) as u32 };
    Some(BreakerPolicy {
        failures: rng.between(1, 4) as u32,
        window: rng.one_in(2).then_some(window),
        cool_down_ms: rng.between(0, 4_000),
        when_open: if rng.one_in(4) { WhenOpen::Fail } else { WhenOpen::Wait },
        limit_ms: rng.between(0, 8_000),
    })
}

fn config(rng: &mut Rng) -> RunConfig {
    let cap = |rng: &mut Rng| rng.one_in(3).then(|| rng.between(1, 4) as u32);
    RunConfig {
        budget: None,
        mends: false,
        conflicts_wait: false,
        schedule: [Schedule::Dataflow, Schedule::Dataflow, Schedule::Waves, Schedule::Sequential]
            [rng.index(4)],
        on_failure: match rng.between(0, 5) {
            0 => OnFailure::Stop,
            1 => OnFailure::Rollback,
            _ => OnFailure::Continue,
        },
        limits: Limits {
            max_parallel: rng.between(1, 8) as u32,
            per_wave: cap(rng),
            per_priority: [cap(rng), None, cap(rng), None],
            per_agent: vec![cap(rng)],
            per_tag: vec![cap(rng), cap(rng)],
        },
        run_timeout_ms: None,
        reuse: rng.one_in(8),
        wave_delay_ms: if rng.one_in(4) { rng.between(1, 500) } else { 0 },
        ageing_rounds: rng.between(1, 32) as u32,
        breaker: None,
    }
}
