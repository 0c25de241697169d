//! Spec 3 "Validation": what was once taken without a word and meant something else, or nothing.

use crate::world::{check, yaml};

#[test]
fn a_secret_has_no_parts_and_a_path_into_one_is_an_error() {
    let with = |task: &str| {
        format!("version: 1\nenv: [HOME]\nvault: {{ x: {{ env: X }} }}\ntasks:\n- {{ id: a, {task} }}\n")
    };
    check(&with("run: 'echo ${vault.x}', env: { K: '${vault.x}' }"), "");
    for task in [
        "run: 'echo ${vault.x.y}'",
        "run: x, env: { K: '${vault.x.y}' }",
        "tool: fs/read, params: { k: '${vault.x.y}' }",
    ] {
        let loaded = yaml(&with(task));
        let told: Vec<_> = loaded.facts().into_iter().map(|f| (f.code, f.message, f.help)).collect();
        let text = "`${vault.x.y}` in task `a` goes into `x`, which is one text".to_owned();
        assert!(told.contains(&("RG013", text, Some("write `${vault.x}`".to_owned()))), "{task}: {told:?}");
    }
    let env = yaml(&with("run: 'echo ${env.HOME.y}'")).facts();
    assert!(env[0].message.contains("goes into `HOME`"), "{}", env[0].message);
}

#[test]
fn a_rule_below_another_is_never_asked_and_therefore_an_error() {
    let with = |rules: &str| {
        format!(
            "version: 1\ntasks:\n- {{ id: a, run: x }}\n- {{ id: j, needs: [a], join: {{ conflict: merge-with-rules, rules: {{ {rules} }} }} }}\n"
        )
    };
    check(&with("'$.x': last, '$.xy': first, '$.y.z': first, '*': last"), "");
    check(
        &with("'$.x': last, '$.x.y': first"),
        "RG006 4:82 the rule of `$.x.y` of task `j` is never asked: that of `$.x` decides all below it",
    );
    check(
        &with("'$[\"x\"]': last, '$.x[\"a b\"]': first"),
        "RG006 4:85 the rule of `$.x[\"a b\"]` of task `j` is never asked: that of `$.x` decides all below it",
    );
}

#[test]
fn a_problem_is_shown_at_its_line_and_column_however_long_lines_are() {
    for width in [10, 150, 180, 199, 200, 230, 390, 410, 1_000] {
        let long = "a".repeat(width);
        let text = format!(
            "version: 1\ntasks:\n- {{ id: kv, run: '{long}' }}\n- {{ id: low, run: 'k{long}'q' }}\n- {{ id: z, run: x }}\n"
        );
        let loaded = yaml(&text);
        let fact = loaded.facts().remove(0);
        let shown = loaded.render(false);
        assert!(
            shown.contains(&format!("plan:{}:{}\n", fact.line, fact.column)),
            "{width}: {fact:?}\n{shown}"
        );
        let marked = shown.lines().find(|line| line.contains("'q'")).unwrap_or_default();
        assert!(fact.line == 4 && marked.trim_start().starts_with("4 |"), "{width}: {shown}");
    }
}

#[test]
fn ids_of_gates_are_ids_and_a_person_has_a_name() {
    let with = |gates: &str| format!("version: 1\ngates: {{ {gates} }}\ntasks: [ {{ id: a, run: x }} ]\n");
    check(&with("'bad id': { run: x }, ok-1: { run: x }"), "RG009 2:10 `bad id` cannot be the id of a gate");
    check(&with("'../x': { run: x }"), "RG009 2:10 `../x` cannot be the id of a gate");
    check(
        &with("ok: { person: '' }"),
        "RG006 2:24 `person` of gate `ok` is empty: it says who is waited for",
    );
}

#[test]
fn placeholders_that_stand_for_nothing_are_told() {
    let merge = |message: &str| {
        format!(
            "version: 1\nisolation: worktree\nmerge: {{ gates: ['true'], message: '{message}' }}\ntasks: [ {{ id: a, run: x }} ]\n"
        )
    };
    check(&merge("Land {task}: {title}"), "");
    check(&merge("Land {taks}"), "RG015 3:36 `message` of `merge` names `{taks}`, which stands for nothing");
    let agent = |command: &str| {
        format!(
            "version: 1\nagents: {{ b: {{ command: [{command}] }} }}\ntasks: [ {{ id: a, agent: b, prompt: x, accept: [y] }} ]\n"
        )
    };
    check(&agent("x, '{prompt_file}', '--in={cwd}', '{\"a\": 1}', '${HOME}'"), "");
    check(
        &agent("x, '{promt}'"),
        "RG015 2:25 `command` of agent `b` names `{promt}`, which stands for nothing",
    );
}

#[test]
fn resume_session_has_no_effect_where_an_agent_tells_no_session() {
    let with = |agent: &str| {
        format!(
            "version: 1\nagents: {{ b: {{ {agent} }} }}\ntasks: [ {{ id: a, agent: b, prompt: x, accept: [y], retry: {{ resume_session: true }} }} ]\n"
        )
    };
    check(&with("preset: codex"), "");
    check(
        &with("command: [x, '{session}']"),
        "RG107 3:16 `resume_session` of task `a` resumes no session: agent `b` is a `command`, which tells none",
    );
}

#[test]
fn a_map_over_no_items_at_most_is_refused_as_one_over_too_many() {
    for most in ["0", "10001"] {
        let found = yaml(&format!(
            "version: 1\ntasks:\n- {{ id: l, run: x }}\n- {{ id: m, for_each: '${{l.result.x}}', max_items: {most}, run: x }}\n"
        ));
        let told: Vec<String> = found.facts().into_iter().map(|f| f.message).collect();
        assert!(told.len() == 1 && told[0].contains("from 1 to 10000"), "{most}: {told:?}");
    }
}

#[test]
fn a_command_of_the_vault_that_is_no_list_is_told_once() {
    check(
        "version: 1\nvault: { x: { command: 'pass x' } }\ntasks: [ { id: a, run: x } ]\n",
        "RG005 2:24 `command` must be a list, not a text",
    );
    let empty = yaml("version: 1\nvault: { x: { command: [] } }\ntasks: [ { id: a, run: x } ]\n").facts();
    assert!(empty.iter().any(|f| f.message == "the command of the secret `x` is empty"), "{empty:?}");
}
