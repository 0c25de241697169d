//! Agents and budgets of a plan: what is read, what is refused, and that plans without them keep their digest.

use crate::world::{check, plan, yaml};
use regatta_plan::model::{Budget, Driver, Permissions, Task};
use regatta_plan::{Plan, canonical};
use std::sync::Arc;

const TASK: &str = "tasks: [ { id: a, agent: bot, prompt: x, accept: [y] } ]";

#[test]
fn an_agent_is_read_with_its_defaults() {
    let plan =
        plan(&format!("version: 1\nagents: {{ bot: {{ preset: codex, env: [CODEX_API_KEY] }} }}\n{TASK}"));
    let bot = &plan.agents["bot"];
    assert_eq!(bot.driver, Driver::Preset("codex".into()));
    assert_eq!((bot.permissions, bot.own_home), (Permissions::Edit, true));
    assert_eq!(plan.unbuilt, vec![]);
    let shared = yaml(&format!("version: 1\nagents: {{ bot: {{ command: [x], env: [LOOP_URL] }} }}\n{TASK}"));
    assert_eq!(shared.plan.map(|p| p.agents["bot"].own_home), Some(false));
}

#[test]
fn idle_timeout_and_role_of_an_agent_hold_where_a_task_names_none() {
    let text = "version: 1\ntimeout: { idle: 9s }\n\
                agents: { bot: { command: [x], idle_timeout: 5s, role: docs } }\n\
                tasks:\n- { id: a, agent: bot, prompt: x }\n\
                - { id: b, agent: bot, prompt: x, timeout: { idle: 1s }, role: security }\n- { id: c, run: x }\n";
    let plan = plan(text);
    let found: Vec<_> =
        plan.tasks.iter().map(|t| (t.timeout.idle_ms, t.role.as_deref(), t.timeout.attempt_ms)).collect();
    let expected = [
        (Some(5_000), Some("docs"), 3_600_000),
        (Some(1_000), Some("security"), 3_600_000),
        (Some(9_000), None, 1_800_000),
    ];
    assert_eq!(found, expected);
}

#[test]
fn tasks_that_say_the_same_of_their_terms_have_them_once_unless_agent_or_worktree_differ() {
    let text = "version: 1\nagents:\n  bot: { command: [x], idle_timeout: 5s }\n  seer: { command: [x], role: docs }\n\
                tasks:\n- { id: a, agent: bot, prompt: x }\n- { id: b, agent: bot, prompt: y }\n\
                - { id: c, agent: seer, prompt: x }\n\
                - { id: d, agent: seer, prompt: x, isolation: worktree }\n\
                - { id: e, agent: seer, prompt: x, isolation: worktree, budget: { tokens: 1 } }\n";
    let tasks = plan(text).tasks;
    let same = |tasks: &[Task]| -> Vec<bool> {
        tasks.windows(2).map(|pair| Arc::ptr_eq(&pair[0].terms, &pair[1].terms)).collect()
    };
    assert_eq!(same(&tasks), [true, false, false, false]);
    let stored = serde_json::from_slice::<Plan>(&canonical(&plan(text)).unwrap()).unwrap().tasks;
    assert_eq!((same(&stored), &stored), (same(&tasks), &tasks));
    let found: Vec<_> = tasks.iter().map(|t| (t.timeout.idle_ms, t.role.as_deref())).collect();
    let docs = (None, Some("docs"));
    assert_eq!(found, [(Some(5_000), None), (Some(5_000), None), docs, docs, docs]);
    assert_eq!(
        tasks.iter().map(|t| t.worktree.is_some()).collect::<Vec<_>>(),
        [false, false, false, true, true]
    );
    assert_eq!(
        tasks.iter().map(|t| t.budget.is_some()).collect::<Vec<_>>(),
        [false, false, false, false, true]
    );
}

#[test]
fn what_an_agent_says_wrong_is_told_with_its_place() {
    let wrong = |agent: &str, expect: &str| {
        check(&format!("version: 1\nagents: {{ bot: {{ {agent} }} }}\ntasks: []"), expect);
    };
    wrong("preset: codx", "RG015 2:26 agent `bot` has preset `codx`, which is not known");
    wrong("command: []", "RG006 2:27 `command` of agent `bot` names no command");
    wrong("acp: ['']", "RG006 2:23 `acp` of agent `bot` names no command");
    wrong(
        "preset: codex, command: [x]",
        "RG008 2:33 `bot` of `agents` has more than one driver: `command` too",
    );
    wrong(
        "preset: codex, permissions: all",
        "RG006 2:46 `permissions` must be one of deny, edit, allow, ask, not `all`",
    );
    check(
        "version: 1\nagents: { bot: { preset: codex } }\ntasks: [ { id: a, agent: bot, accept: [y] } ]",
        "RG007 3:16 task `a` tells its agent nothing: it has neither `prompt` nor `title`",
    );
    check(
        "version: 1\nbudget: { hard: true }\ntasks: []",
        "RG006 2:9 the budget of the plan names neither `tokens` nor `usd`",
    );
}

#[test]
fn what_is_not_built_of_agents_is_named() {
    let plan = plan(&format!(
        "version: 1\nagents: {{ bot: {{ preset: codex, permissions: ask, mcp: [fs] }} }}\n{TASK}"
    ));
    let keys: Vec<&str> = plan.unbuilt.iter().map(|u| u.key.as_str()).collect();
    assert_eq!(keys, ["agents.bot.mcp", "agents.bot.permissions: ask"]);
}

#[test]
fn budgets_are_kept_in_millionths_of_a_dollar() {
    let plan = plan(
        "version: 1\nbudget: { tokens: 2000000, usd: 20 }\n\
                     tasks: [ { id: a, run: x, budget: { usd: 0.000001, hard: true } } ]",
    );
    assert_eq!(
        plan.budget,
        Some(Budget { tokens: Some(2_000_000), micro_usd: Some(20_000_000), hard: false })
    );
    assert_eq!(plan.tasks[0].budget, Some(Budget { tokens: None, micro_usd: Some(1), hard: true }));
}

#[test]
fn the_digest_of_a_plan_without_agents_is_what_it_was() {
    let plan = plan("version: 1\ntasks: [ { id: a, run: x }, { id: b, needs: [a], run: y } ]");
    let digest = regatta_plan::plan_digest(&plan).ok();
    assert_eq!(digest.as_deref(), Some("10ee8d4984e322e02ef1132ee38091c8684995ef94d10bc76671bfaa56958956"));
}
