//! Every code of a problem, with the place and the words that a person reads.
//!
//! `cargo xtask tidy` asks that each code occurs here.

use crate::world::{as_format, check, yaml};
use regatta_plan::{Format, Given};

/// A cap is told if it is at least the number of the tasks that it counts, and only then.
#[track_caller]
fn caps_that_never_bind() {
    let cap = |limits: &str, tasks: &str, expect: &str| {
        let gates = "gates: { ok: { person: look }, fast: { run: x } }\nagents: { bot: { command: [x] } }\n";
        let text = format!("version: 1\nlimits: {{ {limits} }}\n{gates}tasks: [ {tasks} ]\n");
        let expect = if expect.is_empty() { String::new() } else { format!("RG103 2:9 cap `{expect}") };
        check(&text, &expect);
    };
    let two = "{ id: a, tags: [db, db], run: x }, { id: b, needs: [a], tags: [db], run: x }";
    let bot = "{ id: a, agent: bot, prompt: x, accept: [y] }";
    cap("per_tag: { db: 1 }", two, "");
    cap("per_tag: { db: 2 }", two, "per_tag.db: 2` can never bind: 2 tasks count for it");
    cap("per_tag: { none: 1 }", two, "per_tag.none: 1` can never bind: 0 tasks count for it");
    cap("per_priority: { P2: 1 }", two, "");
    cap("per_priority: { P2: 2 }", two, "per_priority.P2: 2` can never bind: 2 tasks count for it");
    // What there is not has no tasks, which is another problem.
    let two_of =
        |limits: &str| yaml(&format!("version: 1\nlimits: {{ {limits} }}\ntasks: [ {two} ]\n")).facts();
    let said = |limits: &str| {
        two_of(limits).iter().map(|f| format!("{} {}:{}", f.code, f.line, f.column)).collect::<Vec<_>>()
    };
    assert_eq!(said("per_priority: { P9: 1 }"), ["RG003 2:27"]);
    assert_eq!(said("per_agent: { a: 1, bot: 1 }"), ["RG015 2:24", "RG015 2:30"]);
    cap("per_priority: { P0: 1 }", two, "per_priority.P0: 1` can never bind: 0 tasks count for it");
    cap("per_agent: { bot: 1 }", bot, "per_agent.bot: 1` can never bind: 1 task counts for it");
    cap("per_agent: { bot: 1 }", &format!("{bot}, {}", bot.replace("id: a", "id: b")), "");
    // Waves: what counts is the widest.
    cap("per_wave: 1", two, "per_wave: 1` can never bind: no wave has more than 1 task");
    cap("per_wave: 1", &format!("{two}, {{ id: c, run: x }}"), "");
    cap(
        "per_wave: 2",
        &format!("{two}, {{ id: c, run: x }}"),
        "per_wave: 2` can never bind: no wave has more than 2 tasks",
    );
    // Cells and items count; of a list that is not there yet, as many as there may be.
    let map = |list: &str| format!("{{ id: l, run: x }}, {{ id: m, tags: [db], for_each: {list}, run: x }}");
    cap("per_tag: { db: 2 }", &map("[u, v, w]"), "");
    cap("per_tag: { db: 3 }", &map("[u, v, w]"), "per_tag.db: 3` can never bind: 3 tasks count for it");
    cap("per_tag: { db: 9 }, per_wave: 99", &map("'${l.result}'"), "");
    cap("per_tag: { db: 1 }", "{ id: a, matrix: { os: [l, m] }, tags: [db], run: x }", "");
    // A person's gate holds nothing, a command is a task like any other.
    let gate = |id: &str| format!("{{ id: a, tags: [db], run: x }}, {{ id: g, tags: [db], gate: {id} }}");
    cap("per_tag: { db: 1 }", &gate("ok"), "per_tag.db: 1` can never bind: 1 task counts for it");
    cap("per_tag: { db: 1 }", &gate("fast"), "");
    // What the machine takes is no statement about the plan, and an empty plan says nothing.
    cap("max_parallel: 64", two, "");
    cap("per_wave: 4, per_tag: { db: 4 }", "", "");
}

#[test]
fn every_code_has_its_words_and_its_place() {
    check("version: 1\ntasks: [ !x { id: a, run: b } ]", "RG001 2:13 tags are not part of the plan language");
    check("version: 1\nzz: 1\ntasks: []", "RG003 2:1 unknown key `zz` in the plan");
    check("version: 1\nname: a\nname: b\ntasks: []", "RG004 3:1 key `name` stands twice in the plan");
    check("", "RG005 1:1 the plan must be a map, not nothing");
    check("# nothing", "RG005 1:1 the plan must be a map, not nothing");
    check("version: 1\ntasks: none", "RG005 2:8 `tasks` must be a list, not a plain value");
    check(
        "version: 1\nlimits: { max_parallel: 0 }\ntasks: []",
        "RG006 2:25 `max_parallel` must be a whole number from 1 to 1000000, not `0`",
    );
    check("tasks: []", "RG007 1:1 the plan has no `version`");
    check("version: 1\ntasks: [ { id: a } ]", "RG008 2:16 task `a` has no action");
    check("version: 1\ntasks: [ { id: ../a, run: x } ]", "RG009 2:16 `../a` is not an id");
    check(
        "version: 1\ntasks: [ { id: a, run: x }, { id: A, run: x } ]",
        "RG010 2:35 `a` and `A` differ only in case",
    );
    check(
        "version: 1\ntasks: [ { id: a, needs: [b], run: x } ]",
        "RG011 2:27 task `a` needs `b`, which does not exist",
    );
    check("version: 1\ntasks: [ { id: a, needs: [a], run: x } ]", "RG012 2:27 task `a` depends on itself");
    check(
        "version: 1\ntasks: [ { id: a, run: 'echo ${b.result}' } ]",
        "RG013 2:24 `${b.result}` in task `a` names no task",
    );
    check(
        "version: 1\ntasks: [ { id: a, run: x, when: 'b.status == 1' } ]",
        "RG014 2:33 `b` in the condition of task `a` names no task",
    );
    check(
        "version: 1\nlimits: { per_agent: { bob: 1 } }\ntasks: []",
        "RG015 2:24 `per_agent` names agent `bob`, which is not among `agents`",
    );
}

#[test]
fn every_warning_has_its_words() {
    check(
        "version: 1\nisolation: worktree\nmerge: { policy: all-success }\ntasks: [ { id: a, run: x } ]",
        "RG106 3:8 work lands without any gate: nothing checks what comes of the merges",
    );
    check(
        "version: 1\ntasks: [ {id: a, run: x}, {id: b, needs: [a], run: x}, {id: c, needs: [a, b], run: x} ]",
        "RG101 2:72 task `c` need not name `a`: `b` already waits for it",
    );
    check(
        "version: 1\nlimits: { per_tag: { db: 3 } }\ntasks: [ { id: a, tags: [db], run: x } ]",
        "RG103 2:9 cap `per_tag.db: 3` can never bind: 1 task counts for it",
    );
    caps_that_never_bind();
    check(
        "version: 1\nagents: { bot: { preset: codex } }\ntasks: [ { id: a, agent: bot, prompt: x } ]",
        "RG104 3:16 task `a` gives an agent no acceptance criteria",
    );
    check(
        "version: 1\nagents: { bot: { command: [x] } }\nbudget: { tokens: 9, usd: 0.5 }\n\
         tasks: [ { id: a, agent: bot, prompt: x, accept: [y] }, { id: b, agent: bot, prompt: x, accept: [y] } ]",
        "RG105 4:26 agent `bot` reports no tokens, which the budget is to count\n\
         RG105 4:26 agent `bot` reports no cost, which the budget is to count",
    );
    // Of an agent that helps a merge too: what it uses counts for the plan.
    check(
        "version: 1\nagents: { bot: { command: [x] } }\nbudget: { tokens: 9 }\ngates: { g: { run: x } }\n\
         merge: { gates: [g], fix: { agent: bot } }\nisolation: worktree\ntasks: [ { id: a, run: x } ]",
        "RG105 5:36 agent `bot` reports no tokens, which the budget is to count",
    );
    check(
        "version: 1\nisolation: worktree\nmerge: { gates: [x], strategy: rebase, message: m }\n\
         tasks: [ { id: a, run: x } ]",
        "RG107 3:49 `message` of `merge` has no effect with `strategy: rebase`, but where all work of a task becomes \
         one commit: commits keep what they say",
    );
    check(
        "version: 1\nagents: { bot: { acp: [x], permissions: ask } }\n\
         tasks: [ { id: a, agent: bot, prompt: x, accept: [y] } ]",
        "RG108 3:16 task `a` waits for a person when agent `bot` asks, and nothing but the default timeout of 60 \
         minutes ends that",
    );
    let mut chain = "version: 1\ntasks:\n  - { id: t10, run: x }\n".to_owned();
    for n in 11..21 {
        chain.push_str(&format!("  - {{ id: t{n}, needs: [t{}], run: x }}\n", n - 1));
    }
    check(&chain, "RG102 13:11 a chain of 11 tasks ends in `t20`");
}

#[test]
fn nesting_deeper_than_64_is_refused_with_rg002() {
    let deep = format!("x: {}{}", "[".repeat(70), "]".repeat(70));
    check(&deep, "RG002 1:67 nesting is deeper than 64");
    let facts = as_format(&"[".repeat(100_000), Format::Json).facts();
    assert_eq!(facts[0].message, "nesting is deeper than 64");
    // In TOML, too, with its place: brackets, keys and headers.
    let dotted = vec!["a"; 100].join(".");
    for (line, column) in [
        (format!("x = {}{}", "[".repeat(100), "]".repeat(100)), 85),
        (format!("  {dotted} = 1"), 3),
        (format!("[{dotted}]"), 1),
    ] {
        let facts = as_format(&format!("version = 1\nname = \"x\"\n{line}\n"), Format::Toml).facts();
        let said: Vec<_> = facts.iter().map(|f| (f.code, f.line, f.column, f.message.as_str())).collect();
        assert_eq!(said, [("RG002", 3, column, "nesting is deeper than 64")]);
    }
}

#[test]
fn two_unordered_tasks_in_worktrees_that_own_the_same_file_are_rg016() {
    let plan = |tasks: &str| {
        format!("version: 1\nisolation: worktree\ntasks: [ {{ id: a, run: x, files: [src/a.rs] }}, {tasks} ]")
    };
    let both = |pattern: &str, at: usize| {
        format!("RG016 3:{at} tasks `a` and `b` both own `{pattern}` and no order is between them")
    };
    check(&plan("{ id: b, run: x, files: [./src/a.rs] }"), &both("src/a.rs", 54));
    check(&plan("{ id: b, run: x, files: ['src/*.rs'] }"), &both("src/a.rs", 54));
    check(&plan("{ id: b, run: x, files: ['src/**'], isolation: none }"), "");
    check(&plan("{ id: b, run: x, files: ['src/*/a.rs'] }"), "");
    check(&plan("{ id: b, run: x, files: [src/a.rs], needs: [a] }"), "");
    let chain =
        "{ id: c, run: x, needs: [b], files: ['src/**'] }, { id: b, run: x, needs: [a], when: 'true' }";
    check(&plan(chain), "");
}

#[test]
fn patterns_are_paths_inside_the_workspace() {
    check(
        "version: 1\ntasks: [ { id: a, run: x, files: [/etc], reads: ['../b', 'c['] } ]",
        "RG006 2:16 `/etc` of task `a` is not a path inside the workspace\n\
         RG006 2:16 `../b` of task `a` is not a path inside the workspace\n\
         RG006 2:16 `c[` of task `a` is not a pattern: unclosed character class; missing ']'",
    );
}

#[test]
fn all_problems_come_at_once() {
    let text = "version: 2\nzz: 1\nlimits: { max_parallel: -1 }\ntasks:\n\
                - { id: a, run: 'echo ${b.result}', needs: [c, c2], when: '1 +', timeout: { attempt: 5 } }\n\
                - { id: a, run: x, agent: y, retry: { max_attempts: 1.5, strategy: lineal } }\n\
                - { id: d, needs: [e], run: [] }\n- { id: e, needs: [d], run: x, locks: [{ units: 1 }] }\n";
    let codes: Vec<&str> = yaml(text).facts().iter().map(|f| f.code).collect();
    let expected = [
        "RG006", "RG003", "RG006", "RG013", "RG011", "RG011", "RG014", "RG006", "RG010", "RG008", "RG006",
        "RG006", "RG006", "RG012", "RG007",
    ];
    let sorted = |codes: &[&str]| {
        let mut codes: Vec<String> = codes.iter().map(|c| (*c).to_owned()).collect();
        codes.sort();
        codes
    };
    assert_eq!(sorted(&codes), sorted(&expected), "{}", yaml(text).render(false));
}

#[test]
fn agents_tools_servers_gates_and_secrets_that_are_named_must_exist() {
    let unknown =
        |task: &str, expect: &str| check(&format!("version: 1\ntasks: [ {{ id: a, {task} }} ]"), expect);
    let with =
        "mcp_servers: { fs: { command: x } }\nvault: { gh: { env: T } }\ngates: { ok: { person: look } }\n";
    let known = |task: &str| check(&format!("version: 1\n{with}tasks: [ {{ id: a, {task} }} ]"), "");
    unknown("gate: ok", "RG015 2:25 task `a` names gate `ok`, which is not among `gates`");
    unknown("tool: fs/read", "RG015 2:25 task `a` names MCP server `fs`, which is not among `mcp_servers`");
    unknown(
        "tool: file_raed",
        "RG015 2:25 task `a` names tool `file_raed`, which is not built in and of no server",
    );
    unknown(
        "run: x, undo: { tool: fs/del }",
        "RG015 2:41 task `a` names MCP server `fs`, which is not among `mcp_servers`",
    );
    unknown(
        "run: x, env: { T: '${vault.gh}' }",
        "RG013 2:37 `${vault.gh}` in task `a` names no secret of the plan's `vault`",
    );
    unknown("run: [x, '${item}']", "RG013 2:24 `${item}` in task `a` stands in a task without `for_each`");
    known("gate: ok");
    known("tool: fs/read, params: { t: '${vault.gh}' }");
    known("tool: file_read, params: { path: x }");
    known("run: [x, '${item}'], for_each: [1, 2]");
}

#[test]
fn a_missing_dependency_is_never_reported_as_a_cycle() {
    check(
        "version: 1\ntasks: [ { id: a, needs: [b], run: x }, { id: c, needs: [a, d], run: x } ]",
        "RG011 2:27 task `a` needs `b`, which does not exist\nRG011 2:61 task `c` needs `d`, which does not exist",
    );
}

#[test]
fn the_same_graph_gives_the_same_cycle_in_any_order_of_the_file() {
    let tasks =
        ["{ id: a, needs: [c], run: x }", "{ id: b, needs: [a], run: x }", "{ id: c, needs: [b], run: x }"];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let list: Vec<&str> = order.iter().map(|&i| tasks[i]).collect();
        let facts = yaml(&format!("version: 1\ntasks: [ {} ]", list.join(", "))).facts();
        assert_eq!(facts[0].cycle, ["a", "b", "c", "a"]);
    }
}

#[test]
fn every_group_of_tasks_that_wait_for_each_other_is_told_with_one_cycle() {
    check(
        "version: 1\ntasks:\n  - { id: a, needs: [b], run: x }\n  - { id: b, needs: [a], run: x }\n  \
         - { id: c, needs: [b, q], run: x }\n  - { id: e, run: 'echo ${f.result}' }\n  \
         - { id: f, run: x, when: 'e.status == \"succeeded\"' }\n  - { id: p, needs: [q, r], run: x }\n  \
         - { id: q, needs: [p], run: x }\n  - { id: r, needs: [q], run: x }",
        "RG012 4:22 tasks depend on each other in a cycle: a -> b -> a\n\
         RG012 7:28 tasks depend on each other in a cycle: e -> f -> e\n\
         RG012 9:22 tasks depend on each other in a cycle: p -> q -> p",
    );
}

#[test]
fn a_long_cycle_is_found_without_recursion() {
    let mut text = String::from("version: 1\ntasks:\n");
    for n in 0..50_000 {
        text.push_str(&format!("  - {{ id: t{n}, needs: [t{}], run: x }}\n", (n + 1) % 50_000));
    }
    let facts = yaml(&text).facts();
    assert_eq!((facts.len(), facts[0].cycle.len()), (1, 50_001));
}

#[test]
fn units_that_one_task_claims_of_one_resource_are_counted_together() {
    let plan = |locks: &str| {
        format!(
            "version: 1\nresources: {{ gpu: 2, cpu: 4 }}\ntasks: [ {{ id: a, run: x, locks: [{locks}] }} ]"
        )
    };
    let units = |resource: &str, units: u32| format!("{{ resource: {resource}, units: {units} }}");
    check(
        &plan(&[units("gpu", 1), units("cpu", 4), units("gpu", 2)].join(", ")),
        "RG015 3:16 task `a` claims 3 units of `gpu` in all, which has 2",
    );
    check(
        &plan(&[units("gpu", 3), units("gpu", 1)].join(", ")),
        "RG015 3:16 task `a` claims 3 units of `gpu`, which has 2",
    );
    check(&plan(&[units("gpu", 1), units("gpu", 1)].join(", ")), "");
}

#[test]
fn a_duration_that_is_too_long_is_told_from_what_is_none() {
    let with = |estimate: &str| format!("version: 1\ntasks: [ {{ id: a, run: x, estimate: {estimate} }} ]");
    check(&with("3660d"), "");
    check(&with("3661d"), "RG006 2:37 `estimate` is longer than 3660 days: `3661d`");
    check(
        &with("99999999999999999999s"),
        "RG006 2:37 `estimate` is longer than 3660 days: `99999999999999999999s`",
    );
    check(&with("3661x"), "RG006 2:37 `estimate` is not a duration: `3661x`");
}

#[test]
fn no_and_on_and_1_0_stay_text_where_text_is_asked() {
    let plan = yaml("version: 1\nname: no\ntasks: [ { id: on, title: 1.0, run: 'true' } ]").plan;
    let plan = plan.into_iter().next();
    assert_eq!(plan.as_ref().map(|p| p.name.as_str()), Some("no"));
    assert_eq!(plan.and_then(|p| p.tasks[0].title.clone()), Some("1.0".to_owned()));
}

#[test]
fn a_chain_of_200_000_tasks_validates_without_recursion() {
    let mut text = String::from("{\"version\": 1, \"tasks\": [{\"id\": \"t0\", \"run\": \"x\"}");
    for n in 1..200_000 {
        text.push_str(&format!(",{{\"id\":\"t{n}\",\"run\":\"x\",\"needs\":[\"t{}\"]}}", n - 1));
    }
    text.push_str("]}");
    let loaded = as_format(&text, Format::Json);
    assert_eq!(loaded.errors(), 0);
    assert_eq!(loaded.plan.map(|p| p.tasks.len()), Some(200_000));
}

#[test]
fn the_digest_does_not_hang_on_the_order_of_the_file() {
    let digest = |text: &str| yaml(text).plan.and_then(|p| regatta_plan::plan_digest(&p).ok());
    let one = digest("version: 1\ntasks: [ { id: a, run: x }, { id: b, needs: [a], run: y } ]");
    let two = digest("version: 1\ntasks: [ { run: y, id: b, needs: [a] }, { id: a, run: x } ]");
    assert!(one.is_some() && one == two);
}

#[test]
fn problems_are_shown_with_their_line_and_carets_and_control_characters_are_not_shown_raw() {
    let text = yaml("version: 1\ntasks:\n  - { id: a, needs: [bild], run: x }\n  - { id: build, run: x }\n")
        .render(false);
    for part in ["error[RG011]", "plan:3:22", "^^^^", "did you mean `build`?"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let text = yaml("version: 1\n\"\\e[31mevil\": 1\ntasks: []\n").render(false);
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn a_secret_in_the_plan_is_an_error_and_hidden_in_what_is_shown_of_it() {
    let token = format!("gh{}_{}", 'p', "R4nD0mQ7vXk2LsT9bWzYc5HdJfMgPe8AuNi3");
    let text = format!(
        "version: 1\ntasks: [ {{ id: a, run: x, env: {{ T: {token} }} }}, {{ id: b, run: x, env: {{ DB_PASSWORD: w0lf#hound99 }} }} ]\n"
    );
    let loaded = regatta_plan::load(("plan.yaml", text.as_bytes()), Format::Yaml, &Given::default());
    let shown = loaded.render(false);
    assert!(loaded.plan.is_none() && !shown.contains("R4nD0m") && !shown.contains("w0lf"), "{shown}");
    assert!(shown.contains("error[RG020]: a secret stands in the plan (rule github-pat)"), "{shown}");
    assert!(shown.contains("warning[RG020]: this looks like a secret (rule "), "{shown}");
}
