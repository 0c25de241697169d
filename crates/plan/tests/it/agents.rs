//! Agents and budgets of a plan: what is read, what is refused, and that plans without them keep their digest.

use crate::world::{check, plan, yaml};
use regatta_plan::model::{Budget, Driver, Permissions, Task};
use regatta_plan::{Defaults, Format, Given, Plan, canonical, load};
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
    // Who names it makes no second mistake.
    check(
        &format!(
            "version: 1\nagents: {{ bot: {{ preset: codx }} }}\nmerge: {{ gates: [x], fix: {{ agent: bot }} }}\nisolation: worktree\n{TASK}"
        ),
        "RG015 2:26 agent `bot` has preset `codx`, which is not known",
    );
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
fn an_agent_that_asks_is_warned_of_without_a_timeout_that_somebody_thought_of() {
    let of = |plan: &str, task: &str| {
        format!(
            "version: 1\n{plan}agents: {{ bot: {{ acp: [x], permissions: ask }} }}\n\
             tasks: [ {{ id: a, agent: bot, prompt: x, accept: [y]{task} }} ]"
        )
    };
    check(
        &of("", ""),
        "RG108 3:16 task `a` waits for a person when agent `bot` asks, and nothing but the default timeout of 60 \
         minutes ends that",
    );
    for text in [of("timeout: { attempt: 1h }\n", ""), of("", ", timeout: { attempt: 1h }")] {
        assert!(plan(&text).unbuilt.is_empty());
        check(&text, "");
    }
}

#[test]
fn nobody_is_asked_while_work_is_merged() {
    check(
        "version: 1\nagents: { bot: { acp: [x], permissions: ask } }\ngates: { g: { run: x } }\n\
         merge: { gates: [g], fix: { agent: bot } }\nisolation: worktree\ntasks: [ { id: a, run: x } ]",
        "RG006 4:36 agent `bot` has `permissions: ask`, but nobody is asked while work is merged",
    );
}

#[test]
fn only_an_agent_that_speaks_the_protocol_can_ask_a_person() {
    let of =
        |driver: &str| format!("version: 1\nagents: {{ bot: {{ {driver}, permissions: ask }} }}\n{TASK}");
    check(
        &of("preset: codex"),
        "RG006 2:46 agent `bot` has `permissions: ask`, but preset `codex` asks nobody while it works",
    );
    check(
        &of("command: [x]"),
        "RG006 2:45 agent `bot` has `permissions: ask`, but a `command` asks nobody while it works",
    );
}

#[test]
fn the_servers_that_an_agent_gets_must_be_there_and_it_must_be_one_that_can_be_told() {
    let of = |driver: &str, servers: &str| {
        format!(
            "version: 1\nmcp_servers: {{ fs: {{ command: x }}, gs: {{ command: y }} }}\nagents: {{ bot: {{ {driver}, mcp: [{servers}] }} }}\n{TASK}"
        )
    };
    for driver in
        ["preset: codex", "preset: claude", "preset: gemini, home: own", "preset: opencode", "acp: [x]"]
    {
        let plan = plan(&of(driver, "fs"));
        assert_eq!(plan.mcp_servers.keys().collect::<Vec<_>>(), ["fs"], "only what somebody names is kept");
        assert_eq!((&plan.agents["bot"].mcp, plan.unbuilt.len()), (&vec!["fs".to_owned()], 0));
    }
    check(
        &of("preset: codex", "fs, fz"),
        "RG015 3:43 agent `bot` names MCP server `fz`, which is not among `mcp_servers`",
    );
    check(
        &of("preset: gemini", "fs"),
        "RG006 3:39 agent `bot` has `mcp`, but preset `gemini` is told of MCP servers in a home of its own",
    );
    check(
        &of("preset: aider", "fs"),
        "RG006 3:38 agent `bot` has `mcp`, but preset `aider` has no way to be told of MCP servers",
    );
    check(
        &of("command: [x]", "fs"),
        "RG006 3:37 agent `bot` has `mcp`, but a `command` has no way to be told of MCP servers",
    );
}

/// What a plan is read with where settings have these agents.
fn settled(text: &str) -> Given<'static> {
    let settings = regatta_plan::settings(("config.toml", text));
    assert_eq!(settings.errors(), 0, "{}", settings.render(false));
    let values: Vec<_> = settings.values.into_iter().map(|s| (s.key, s.value)).collect();
    let defaults = Defaults::new(values.iter().map(|(key, value)| (key.as_str(), value)));
    Given { defaults, ..Given::default() }
}

#[test]
fn a_plan_takes_from_the_settings_the_agents_that_it_names_and_does_not_have() {
    let given = settled(
        "[agents.bot]\ncommand = ['theirs']\nidle_timeout = '5s'\n[agents.fixer]\npreset = 'codex'\n\
         [agents.other]\ncommand = ['never named']\n",
    );
    let read = |text: &str| {
        let loaded = load(("plan.yaml", text.as_bytes()), Format::Yaml, &given);
        assert!(loaded.plan.is_some(), "{}", loaded.render(false));
        loaded.plan.unwrap()
    };
    let plan = read(&format!("version: 1\n{TASK}"));
    assert_eq!(plan.agents.keys().collect::<Vec<_>>(), ["bot"]);
    assert_eq!(plan.agents["bot"].driver, Driver::Command(vec!["theirs".into()]));
    assert_eq!(plan.tasks[0].timeout.idle_ms, Some(5_000));
    let own = read(&format!("version: 1\nagents: {{ bot: {{ command: [ours] }} }}\n{TASK}"));
    assert_eq!(own.agents["bot"].driver, Driver::Command(vec!["ours".into()]));
    assert_eq!(own.tasks[0].timeout.idle_ms, None, "an entry is taken whole");
    let helped = read(&format!(
        "version: 1\nisolation: worktree\nmerge: {{ gates: ['true'], fix: {{ agent: fixer }} }}\n{TASK}"
    ));
    assert_eq!(helped.agents.keys().collect::<Vec<_>>(), ["bot", "fixer"]);
    let missing =
        load(("p", b"version: 1\ntasks: [ { id: a, agent: fixr, prompt: x } ]"), Format::Yaml, &given);
    assert!(missing.render(false).contains("did you mean `fixer`?"), "{}", missing.render(false));
}

#[test]
fn what_settings_say_wrong_of_an_agent_is_told_with_its_place() {
    let wrong = |text: &str, line: &str, expect: &str| {
        let settings = regatta_plan::settings(("config.toml", text));
        let told = settings.render(false);
        assert!(settings.errors() > 0 && told.contains(expect) && told.contains(line), "{told}");
    };
    wrong("[agents.bot]\npreset = 'codex'\nmodle = 'x'\n", "config.toml:3", "did you mean `model`?");
    wrong("[agents.bot]\npreset = 'codx'\n", "config.toml:2", "which is not known");
    wrong("[agents.bot]\nmodel = 'x'\n", "config.toml:1", "driver");
    wrong("[agents.bot]\ncommand = ['x']\nmcp = ['fs']\n", "config.toml:3", "no way to be told");
    let given = settled("[agents.bot]\nacp = ['x']\nmcp = ['fs']\n");
    let text = format!("version: 1\n{TASK}");
    let told = load(("p", text.as_bytes()), Format::Yaml, &given).render(false);
    assert!(told.contains("agent `bot` of the settings names MCP server `fs`"), "{told}");
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
