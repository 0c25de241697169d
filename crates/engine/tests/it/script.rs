//! Plans and outcomes as short text: `! max=2; a takes=5; b(a) P0 tags=db retry=3 does=fail,ok`.
//!
//! Knows the engine's input types only. The entry that begins with `!` sets the run; every other is a task, its
//! predecessors in brackets, then words. `m[0]`, `m[1]` and so on, which follow each other, are the slots of a map.

use regatta_engine::breaker::{WhenOpen, Window};
use regatta_engine::budget::Budget;
use regatta_engine::cause::Cause;
use regatta_engine::graph::Graph;
use regatta_engine::input::{ConditionAnswer, Expansion, Reconciliation};
use regatta_engine::spec::{
    Asked, Claim, ClaimKind, EffectContract, GraphSpec, NodeSpec, OnFailure, Policy, Priority, ResourceSpec,
    RetryStrategy, RunConfig, Schedule,
};
use std::sync::Arc;

/// What the world does when an attempt is started.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Does {
    Succeed,
    Fail(Cause),
    Hang,
    GetLost,
    /// Meets a rate limit of so many milliseconds.
    MeetLimit(u64),
}

/// How a task behaves in the world.
#[derive(Clone, Debug)]
pub(crate) struct Behaviour {
    pub(crate) takes: u64,
    pub(crate) dies: u64,
    pub(crate) does: Vec<Does>,
    pub(crate) undoes: Vec<Does>,
    pub(crate) when: ConditionAnswer,
    /// What is found when it is asked as the first slot of a map.
    pub(crate) items: Expansion,
    pub(crate) finds: Reconciliation,
    /// An earlier run did its work.
    pub(crate) done_before: bool,
    /// Tokens that each attempt reports.
    pub(crate) burns: Option<u64>,
}

/// A plan, its settings, and how its tasks behave.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) graph: Arc<Graph>,
    pub(crate) config: RunConfig,
    pub(crate) behaviours: Vec<Behaviour>,
}

impl Script {
    pub(crate) fn new(text: &str) -> Script {
        let (spec, config, behaviours) = parse(text);
        Script { graph: Arc::new(Graph::build(spec).unwrap()), config, behaviours }
    }
}

/// The plan of a script, not yet built.
pub(crate) fn parse(text: &str) -> (GraphSpec, RunConfig, Vec<Behaviour>) {
    let entries: Vec<&str> = text.split([';', '\n']).map(str::trim).filter(|e| !e.is_empty()).collect();
    let mut reader = Reader::default();
    let (settings, tasks): (Vec<&str>, Vec<&str>) = entries.into_iter().partition(|e| e.starts_with('!'));
    reader.ids = tasks.iter().map(|t| t.split(['(', ' ']).next().unwrap().to_owned()).collect();
    for entry in settings {
        entry[1..].split_whitespace().for_each(|word| reader.setting(word));
    }
    tasks.into_iter().for_each(|entry| reader.task(entry));
    (reader.spec, reader.config, reader.behaviours)
}

#[derive(Default)]
struct Reader {
    ids: Vec<String>,
    spec: GraphSpec,
    config: RunConfig,
    behaviours: Vec<Behaviour>,
}

impl Reader {
    fn setting(&mut self, word: &str) {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let number = || value.parse::<u32>().unwrap();
        let limits = &mut self.config.limits;
        match key {
            "reuse" => self.config.reuse = true,
            "conflicts_wait" => self.config.conflicts_wait = true,
            "waves" => self.config.schedule = Schedule::Waves,
            "sequential" => self.config.schedule = Schedule::Sequential,
            "stop" => self.config.on_failure = OnFailure::Stop,
            "rollback" => self.config.on_failure = OnFailure::Rollback,
            "max" => limits.max_parallel = number(),
            "wave" => limits.per_wave = Some(number()),
            "P0" | "P1" | "P2" | "P3" => limits.per_priority[priority(key).index()] = Some(number()),
            "run" => self.config.run_timeout_ms = Some(u64::from(number())),
            "delay" => self.config.wave_delay_ms = u64::from(number()),
            "ageing" => self.config.ageing_rounds = number(),
            "budget" | "hard_budget" => self.config.budget = Some(budget(key, number().into())),
            "breaker" | "cool" | "limit" | "window" | "fail_fast" => self.breaker(key, value),
            other => match other.split_once('.').unwrap() {
                ("tag", name) => {
                    let tag = index(&mut self.spec.tags, name) as usize;
                    limits.per_tag.resize(tag + 1, None);
                    limits.per_tag[tag] = Some(number());
                }
                ("agent", name) => {
                    let agent = index(&mut self.spec.agents, name) as usize;
                    limits.per_agent.resize(agent + 1, None);
                    limits.per_agent[agent] = Some(number());
                }
                ("has", name) => {
                    let capacity = Some(number());
                    self.spec.resources.push(ResourceSpec { name: name.to_owned(), capacity, lease: false });
                }
                _ => panic!("unknown setting `{word}`"),
            },
        }
    }

    fn breaker(&mut self, key: &str, value: &str) {
        let policy = self.config.breaker.get_or_insert_default();
        let number = |text: &str| text.parse::<u32>().unwrap();
        match key {
            "breaker" => policy.failures = number(value),
            "cool" => policy.cool_down_ms = number(value).into(),
            "limit" => policy.limit_ms = number(value).into(),
            "fail_fast" => policy.when_open = WhenOpen::Fail,
            _ => {
                let (failures, attempts) = value.split_once('/').unwrap();
                policy.window = Some(Window { attempts: number(attempts), failures: number(failures) });
            }
        }
    }

    fn task(&mut self, entry: &str) {
        let mut words = entry.split_whitespace();
        let head = words.next().unwrap();
        let (id, needs) = head.split_once('(').unwrap_or((head, ")"));
        let position = |name: &str| self.ids.iter().position(|i| i == name).unwrap() as u32;
        let needs = needs.trim_end_matches(')').split(',').filter(|n| !n.is_empty()).map(position).collect();
        let mut task = Task {
            node: NodeSpec { id: id.to_owned(), needs, ..NodeSpec::default() },
            policy: Policy { attempt_timeout_ms: None, ..Policy::default() },
            behaviour: Behaviour {
                takes: 10,
                dies: 1,
                does: vec![],
                undoes: vec![],
                when: ConditionAnswer::True,
                items: Expansion::Items(1),
                finds: Reconciliation::Unknown,
                done_before: false,
                burns: None,
            },
        };
        words.for_each(|word| task.word(&mut self.spec, word));
        let known = self.spec.policies.iter().position(|p| *p == task.policy);
        task.node.policy = known.unwrap_or_else(|| {
            self.spec.policies.push(task.policy);
            self.spec.policies.len() - 1
        }) as u32;
        if task.node.id.ends_with("[0]") {
            self.spec.maps.push(Vec::new());
        }
        if task.node.id.ends_with(']') {
            self.spec.maps.last_mut().unwrap().push(self.spec.nodes.len() as u32);
        }
        self.spec.nodes.push(task.node);
        self.behaviours.push(task.behaviour);
    }
}

struct Task {
    node: NodeSpec,
    policy: Policy,
    behaviour: Behaviour,
}

impl Task {
    fn word(&mut self, spec: &mut GraphSpec, word: &str) {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let number = || value.parse::<u64>().unwrap();
        let (policy, behaviour) = (&mut self.policy, &mut self.behaviour);
        match key {
            "P0" | "P1" | "P2" | "P3" => self.node.priority = priority(key),
            "tags" => self.node.tags = value.split(',').map(|t| index(&mut spec.tags, t)).collect(),
            "agent" => self.node.agent = Some(index(&mut spec.agents, value)),
            "tool" => self.node.tool = Some(index(&mut spec.tools, value)),
            "est" => self.node.estimate_ms = Some(number()),
            "uses" | "lock" | "share" | "lease" => value.split(',').for_each(|c| self.claim(spec, (key, c))),
            "retry" => policy.retry.max_attempts = number() as u32,
            "backoff" => policy.retry.backoff_ms = number(),
            "max_backoff" => policy.retry.max_backoff_ms = number(),
            "linear" => policy.retry.strategy = RetryStrategy::Linear,
            "exponential" => policy.retry.strategy = RetryStrategy::Exponential,
            "fixed" => policy.retry.strategy = RetryStrategy::Fixed,
            "timeout" => policy.attempt_timeout_ms = Some(number()),
            "idle" => policy.idle_timeout_ms = Some(number()),
            "grace" => policy.grace_ms = number(),
            "max_lost" => policy.max_lost = number() as u32,
            "pure" => policy.effect = EffectContract::Pure,
            "idempotent" => policy.effect = EffectContract::Idempotent,
            "reconcile" => policy.effect = EffectContract::Reconcile,
            "allow_skipped" => policy.allow_skipped = true,
            "undo" => policy.undo = true,
            "cache" => policy.cache = true,
            "done_before" => behaviour.done_before = true,
            "collects" => policy.collects = true,
            "told_late" => policy.told_late = true,
            "asks" => {
                let (gate, needs) = value.split_once('+').unwrap_or((value, ""));
                let at = |id: &str| spec.nodes.iter().position(|node| node.id == id).unwrap() as u32;
                let needs = needs.split('+').filter(|id| !id.is_empty()).map(at).collect();
                let asked = Asked { gate: gate.to_owned(), question: "may it go on?".to_owned(), needs };
                spec.persons.insert(spec.nodes.len() as u32, asked);
            }
            "when" => {
                policy.conditional = true;
                behaviour.when = match value {
                    "true" => ConditionAnswer::True,
                    "false" => ConditionAnswer::False,
                    other => ConditionAnswer::Error(other.into()),
                };
            }
            "items" => {
                behaviour.items =
                    value.parse().map_or_else(|_| Expansion::Error(value.into()), Expansion::Items);
            }
            "takes" => behaviour.takes = number(),
            "burns" => behaviour.burns = Some(number()),
            "budget" | "hard_budget" => policy.budget = Some(budget(key, number())),
            "dies" => behaviour.dies = number(),
            "does" => behaviour.does = value.split(',').map(does).collect(),
            "undoes" => behaviour.undoes = value.split(',').map(does).collect(),
            "finds" => {
                behaviour.finds = match value {
                    "done" => Reconciliation::Done(None),
                    "not_done" => Reconciliation::NotDone,
                    _ => Reconciliation::Unknown,
                }
            }
            _ => panic!("unknown word `{word}`"),
        }
    }

    fn claim(&mut self, spec: &mut GraphSpec, (key, text): (&str, &str)) {
        let (name, units) = text.split_once(':').unwrap_or((text, "1"));
        let known = spec.resources.iter().position(|r| r.name == name);
        let resource = known.unwrap_or_else(|| {
            spec.resources.push(ResourceSpec {
                name: name.to_owned(),
                capacity: None,
                lease: key == "lease",
            });
            spec.resources.len() - 1
        }) as u32;
        let kind = match key {
            "lock" | "lease" => ClaimKind::Exclusive,
            "share" => ClaimKind::Shared,
            _ => ClaimKind::Units(units.parse().unwrap()),
        };
        self.node.claims.push(Claim { resource, kind });
    }
}

fn index(names: &mut Vec<String>, name: &str) -> u32 {
    let known = names.iter().position(|n| n == name);
    known.unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    }) as u32
}

/// A budget of tokens.
fn budget(key: &str, tokens: u64) -> Budget {
    Budget { tokens: Some(tokens), micro_usd: None, hard: key == "hard_budget" }
}

fn priority(name: &str) -> Priority {
    Priority::ALL.into_iter().find(|p| p.name() == name).unwrap()
}

fn does(word: &str) -> Does {
    match word {
        "ok" => Does::Succeed,
        "fail" => Does::Fail(Cause::Exit),
        "hang" => Does::Hang,
        "lost" => Does::GetLost,
        word if word.starts_with("held:") => Does::MeetLimit(word[5..].parse().unwrap()),
        code => Does::Fail(Cause::from_code(code).unwrap()),
    }
}
