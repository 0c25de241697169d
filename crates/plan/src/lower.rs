//! Lowers a plan to what the engine takes: indices, claims, policies.
//!
//! Node i is task i of the plan. Names that tasks share become table entries in bytewise order.

use crate::apart::Check as Gate;
use crate::ids::{self, Ids};
use crate::model::{
    Action, Breaker as PlanBreaker, Budget as PlanBudget, Claim as PlanClaim, Plan, Share, Task,
};
use crate::reach::{Reach, Rows, sort};
use regatta_engine::breaker::{BreakerPolicy, WhenOpen, Window};
use regatta_engine::budget::Budget;
use regatta_engine::spec::{
    Asked, Claim, ClaimKind, EffectContract, GraphSpec, Limits, NodeSpec, OnFailure, Policy, Priority,
    ResourceSpec, RetryPolicy, RetryStrategy, RunConfig, Schedule,
};
use std::collections::{BTreeMap, BTreeSet};

/// The graph and the settings of a plan.
#[must_use]
pub fn lower(plan: &Plan) -> (GraphSpec, RunConfig) {
    let index = Index::of(plan);
    let tags = table(plan.tasks.iter().flat_map(|t| &t.tags).chain(plan.limits.per_tag.keys()));
    let agents = table(plan.agents.keys());
    let tools: BTreeSet<&str> = plan.tasks.iter().filter_map(Task::tool).collect();
    let tools: Table<'_> = tools.into_iter().zip(0..).collect();
    let locks = plan.tasks.iter().flat_map(|t| &t.locks).map(|l| &l.resource);
    let resources = table(locks.chain(plan.resources.keys()));
    let mut policies: Vec<Policy> = Vec::new();
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let mut last = 0;
    let maps = plan.maps();
    let nodes: Vec<NodeSpec> = plan
        .tasks
        .iter()
        .map(|task| {
            let policy = policy(plan, task);
            // Most tasks have the policy of the one before.
            if policies.get(last as usize) != Some(&policy) {
                last = *seen.entry(format!("{policy:?}")).or_insert_with(|| {
                    policies.push(policy);
                    policies.len() as u32 - 1
                });
            }
            let number = last;
            let tool = task.tool().and_then(|tool| tools.get(tool).copied());
            let recorded = || plan.recorded.get(&task.id).copied();
            let estimate_ms = task.estimate_ms.or_else(recorded);
            NodeSpec { tool, estimate_ms, ..node(task, (&index, number), (&tags, &agents, &resources)) }
        })
        .collect();
    let spec = GraphSpec {
        resources: resources
            .keys()
            .map(|name| ResourceSpec {
                name: (*name).to_owned(),
                capacity: plan.resources.get(*name).or_else(|| plan.leases.get(*name)).copied(),
                lease: !plan.resources.contains_key(*name),
            })
            .collect(),
        agents: agents.keys().map(|s| (*s).to_owned()).collect(),
        tags: tags.keys().map(|s| (*s).to_owned()).collect(),
        policies,
        tools: tools.keys().map(|s| (*s).to_owned()).collect(),
        pinned: pinned(plan, &maps, &index),
        maps,
        persons: persons(plan, &nodes),
        nodes,
    };
    (spec, config(plan, &tags, &agents))
}

/// What a person is asked, of each task that is a gate which one decides; with all tasks before it that are a gate which
/// it needs.
fn persons(plan: &Plan, nodes: &[NodeSpec]) -> BTreeMap<u32, Asked> {
    let gates = || plan.tasks.iter().enumerate().filter_map(|(i, task)| Some((i, task.gate.as_ref()?)));
    let asking: Vec<(usize, &Gate)> = gates().filter(|(_, gate)| gate.person.is_some()).collect();
    let needed: BTreeSet<&String> = asking.iter().flat_map(|(_, gate)| &gate.needs).collect();
    let sources: Vec<usize> =
        gates().filter(|(_, gate)| needed.contains(&gate.name)).map(|(i, _)| i).collect();
    let mut before: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    if !sources.is_empty() {
        let mut preds = Rows::new(nodes.len());
        nodes.iter().for_each(|node| preds.push(node.needs.iter().copied()));
        let (order, _) = sort(&preds);
        let names = |at: usize| plan.tasks[at].gate.as_ref().map(|gate| gate.name.as_str());
        Reach::new(preds, order).before(&sources, asking.iter().map(|(i, _)| *i), |from, to| {
            let gate = plan.tasks[to].gate.as_ref();
            if gate.is_some_and(|gate| gate.needs.iter().any(|need| names(from) == Some(need))) {
                before.entry(to).or_default().extend(u32::try_from(from));
            }
        });
    }
    let asked = |(i, gate): (usize, &Gate)| {
        let needs = before.remove(&i).unwrap_or_default();
        let question = gate.person.clone()?;
        Some((u32::try_from(i).ok()?, Asked { gate: gate.name.clone(), question, needs }))
    };
    asking.into_iter().filter_map(asked).collect()
}

/// The pinned order; items of a map that are not named are where its first one was put.
fn pinned(plan: &Plan, maps: &[Vec<u32>], index: &Index<'_>) -> Vec<u32> {
    let named: Vec<u32> = plan.order.iter().filter_map(|id| index.find(id)).collect();
    if maps.is_empty() {
        return named;
    }
    let all: BTreeMap<u32, &Vec<u32>> =
        maps.iter().filter_map(|slots| Some((*slots.first()?, slots))).collect();
    let apart: BTreeSet<u32> = named.iter().copied().collect();
    let at_once = |at: u32| {
        let others = all.get(&at).into_iter().flat_map(|slots| slots.iter().copied());
        std::iter::once(at).chain(others.filter(|slot| !apart.contains(slot)))
    };
    named.iter().flat_map(|at| at_once(*at)).collect()
}

/// The place of each task, by id.
struct Index<'a> {
    ids: Ids<'a>,
    /// The place in the plan of each in the order of ids; empty where the plan has that order, as validated ones have.
    places: Vec<u32>,
}

impl<'a> Index<'a> {
    fn of(plan: &'a Plan) -> Index<'a> {
        let ids: Vec<&str> = plan.tasks.iter().map(|task| task.id.as_str()).collect();
        if ids.is_sorted_by(|a, b| a < b) {
            return Index { ids: Ids::new(ids), places: Vec::new() };
        }
        let mut places = ids::order(&ids);
        places.dedup_by_key(|at| ids[*at as usize]);
        Index { ids: Ids::new(places.iter().map(|at| ids[*at as usize]).collect()), places }
    }

    fn find(&self, id: &str) -> Option<u32> {
        let at = self.ids.find(id)?;
        if self.places.is_empty() { u32::try_from(at).ok() } else { self.places.get(at).copied() }
    }
}

type Table<'a> = BTreeMap<&'a str, u32>;

fn table<'a>(names: impl Iterator<Item = &'a String>) -> Table<'a> {
    let names: BTreeSet<&str> = names.map(String::as_str).collect();
    names.into_iter().zip(0..).collect()
}

fn node(
    task: &Task,
    (index, policy): (&Index<'_>, u32),
    (tags, agents, resources): (&Table<'_>, &Table<'_>, &Table<'_>),
) -> NodeSpec {
    NodeSpec {
        id: task.id.clone(),
        needs: task.needs.iter().filter_map(|need| index.find(need)).collect(),
        priority: priority(&task.priority),
        agent: task.action.agent().and_then(|a| agents.get(a).copied()),
        tags: task.tags.iter().filter_map(|t| tags.get(t.as_str()).copied()).collect(),
        claims: task
            .locks
            .iter()
            .filter_map(|lock| {
                let kind = match lock.claim {
                    PlanClaim::Units(units) => ClaimKind::Units(units),
                    PlanClaim::Shared => ClaimKind::Shared,
                    PlanClaim::Exclusive => ClaimKind::Exclusive,
                };
                Some(Claim { resource: resources.get(lock.resource.as_str()).copied()?, kind })
            })
            .collect(),
        policy,
        estimate_ms: None,
        tool: None,
    }
}

fn priority(name: &str) -> Priority {
    Priority::ALL.into_iter().find(|p| p.name() == name).unwrap_or_default()
}

fn policy(plan: &Plan, task: &Task) -> Policy {
    Policy {
        retry: RetryPolicy {
            max_attempts: task.retry.max_attempts,
            strategy: match task.retry.strategy.as_str() {
                "exponential" => RetryStrategy::Exponential,
                "fixed" => RetryStrategy::Fixed,
                _ => RetryStrategy::Linear,
            },
            backoff_ms: task.retry.backoff_ms,
            max_backoff_ms: task.retry.max_backoff_ms,
        },
        attempt_timeout_ms: Some(task.timeout.attempt_ms),
        idle_timeout_ms: task.timeout.idle_ms,
        grace_ms: task.timeout.grace_ms,
        effect: match task.effect.as_str() {
            "pure" => EffectContract::Pure,
            "idempotent" => EffectContract::Idempotent,
            "reconcile" => EffectContract::Reconcile,
            _ => EffectContract::AtMostOnce,
        },
        conditional: task.when.is_some(),
        allow_skipped: task.allow_skipped || matches!(task.action, Action::Join { .. }),
        cache: task.cache,
        undo: task.undo.is_some(),
        collects: plan.merge.is_some() && task.worktree.is_some() && task.gate.is_none(),
        asks_on_conflict: matches!(&task.action, Action::Join { conflict, .. } if conflict == "manual-escalation"),
        told_late: task.gate.as_ref().is_some_and(|gate| !gate.blocking),
        max_lost: plan.max_lost,
        budget: task.budget.as_ref().map(budget),
    }
}

fn budget(budget: &PlanBudget) -> Budget {
    Budget { tokens: budget.tokens, micro_usd: budget.micro_usd, hard: budget.hard }
}

fn breaker(breaker: &PlanBreaker) -> BreakerPolicy {
    let window = |share: Share| Window {
        attempts: share.window,
        failures: (share.window * share.permille).div_ceil(1_000),
    };
    BreakerPolicy {
        failures: breaker.failures,
        window: breaker.share.map(window),
        cool_down_ms: breaker.cool_down_ms,
        when_open: if breaker.when_open == "fail" { WhenOpen::Fail } else { WhenOpen::Wait },
        limit_ms: breaker.limit_ms,
    }
}

fn config(plan: &Plan, tags: &Table<'_>, agents: &Table<'_>) -> RunConfig {
    let limits = &plan.limits;
    let per_priority = Priority::ALL.map(|p| limits.per_priority.get(p.name()).copied());
    RunConfig {
        schedule: match plan.schedule.as_str() {
            "waves" => Schedule::Waves,
            "sequential" => Schedule::Sequential,
            _ => Schedule::Dataflow,
        },
        on_failure: match plan.on_failure.as_str() {
            "stop" => OnFailure::Stop,
            "rollback" => OnFailure::Rollback,
            _ => OnFailure::Continue,
        },
        limits: Limits {
            max_parallel: limits.max_parallel,
            per_wave: limits.per_wave,
            per_priority,
            per_agent: agents.keys().map(|a| limits.per_agent.get(*a).copied()).collect(),
            per_tag: tags.keys().map(|t| limits.per_tag.get(*t).copied()).collect(),
        },
        run_timeout_ms: plan.run_timeout_ms,
        wave_delay_ms: plan.wave_delay_ms,
        reuse: plan.reuse,
        ageing_rounds: plan.ageing,
        breaker: plan.breaker.as_ref().map(breaker),
        budget: plan.budget.as_ref().map(budget),
        mends: plan.merge.as_ref().is_some_and(|merge| merge.fix.is_some()),
        conflicts_wait: plan.merge.as_ref().is_some_and(|merge| merge.asks_person()),
    }
}
