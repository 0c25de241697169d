//! Nothing is called by an empty name: not a task, and nothing that tasks and caps name.
//!
//! The grammar of ids has its line in `codes`.

use crate::world::{as_format, check};
use regatta_plan::{Format, settings};

/// Compares all problems of a JSON document, as `CODE message`, a line each.
fn check_json(text: &str, expect: &str) {
    let loaded = as_format(text, Format::Json);
    let found: Vec<String> = loaded.facts().iter().map(|f| format!("{} {}", f.code, f.message)).collect();
    assert_eq!(found.join("\n"), expect, "{text}");
    assert!(loaded.plan.is_none(), "{text}");
}

#[test]
fn an_empty_id_is_no_id_in_plans_requests_and_batches() {
    check(
        "version: 1\ntasks: [ { id: '', run: a }, { id: '', run: b }, { id: c, run: d } ]",
        "RG009 2:16 `id` must not be empty\nRG009 2:36 `id` must not be empty",
    );
    check(
        "version: 1\ntasks: [ { id: '', run: a, matrix: { os: [l] } } ]",
        "RG009 2:16 `id` must not be empty",
    );
    check_json(
        r#"{"version":1,"tasks":[{"id":"c","run":"b","needs":[""]}]}"#,
        "RG011 task `c` needs ``, which does not exist",
    );
    check_json(
        r#"{"tasks":[{"id":"","tool":"shell","params":{"cmd":"a"}}]}"#,
        "RG009 `id` must not be empty",
    );
    check_json(r#"{"commands":[{"id":"","cmd":"a"}]}"#, "RG009 `id` must not be empty");
}

#[test]
fn a_task_without_an_id_is_called_by_its_number() {
    for nothing in ["null", "~", ""] {
        check(&format!("version: 1\ntasks:\n  - id: {nothing}\n    run: x"), "RG007 3:5 task 1 has no `id`");
    }
    check_json(r#"{"version":1,"tasks":[{"id":null,"run":"x"}]}"#, "RG007 task 1 has no `id`");
}

#[test]
fn nothing_that_a_plan_or_settings_name_has_an_empty_name() {
    let with = |text: &str, expect: &str| {
        check(&format!("version: 1\n{text}\ntasks: [ {{ id: a, run: x }} ]"), expect);
    };
    with("name: ''", "RG009 2:7 `name` must not be empty");
    with("agents: { '': { preset: codex } }", "RG009 2:11 `agents` has an empty name");
    with("limits: { per_tag: { '': 1 } }", "RG009 2:22 `per_tag` has an empty name");
    with("inputs: { '': 1 }", "RG009 2:11 `inputs` has an empty name");
    with("resources: { '': 1 }", "RG009 2:14 `resources` has an empty name");
    check(
        "version: 1\ntasks: [ { id: a, run: x, tags: [''] } ]",
        "RG009 2:34 an entry of `tags` must not be empty",
    );
    check(
        "version: 1\ntasks: [ { id: a, run: x, locks: [''] } ]",
        "RG009 2:35 an entry of `locks` must not be empty",
    );
    check_json(
        r#"{"config":{"defaultShell":""},"commands":[{"id":"a","cmd":"x","shell":""}]}"#,
        "RG009 `defaultShell` must not be empty\nRG009 `shell` must not be empty",
    );
    let settings = settings(("config.toml", "[limits]\nper_tag = { \"\" = 1 }\n[leases]\n\"\" = 2\n"));
    let found = settings.render(false);
    assert!(found.contains("`per_tag` has an empty name"), "{found}");
    assert!(found.contains("`leases` has an empty name"), "{found}");
}
