//! References in texts and scripts, and the edges that they imply.
//!
//! The shell's own `${…}` is never touched.

use crate::world::{check, yaml};
use regatta_plan::reference::{Script, Template};

#[test]
fn in_a_script_each_reference_becomes_a_variable_and_the_rest_belongs_to_the_shell() {
    let same = |text: &str, expect: &str| {
        let script = Script::parse(text).map(|s| s.script);
        assert_eq!(script, Ok(expect.to_owned()));
    };
    same("echo ${a.result.x}", "echo ${REGATTA_REF_1}");
    same("echo \"${a.result} ${b.status}\"", "echo \"${REGATTA_REF_1} ${REGATTA_REF_2}\"");
    same("echo ${HOME} ${x:-y} ${#x} $((1+2)) ${x%.*}", "echo ${HOME} ${x:-y} ${#x} $((1+2)) ${x%.*}");
    same("echo 'it is' \"${a.result}\"", "echo 'it is' \"${REGATTA_REF_1}\"");
    same("echo \"don't ${a.result}\"", "echo \"don't ${REGATTA_REF_1}\"");
    same("# don't\necho ${a.result}", "# don't\necho ${REGATTA_REF_1}");
    same("echo \\' ${a.result}", "echo \\' ${REGATTA_REF_1}");
    same("cat <<E\nit's ${a.result}\nE\n", "cat <<E\nit's ${REGATTA_REF_1}\nE\n");
    same("echo $((1<<2)) \"${a.result}\"", "echo $((1<<2)) \"${REGATTA_REF_1}\"");
    same("cat <<A <<B\nit's\nA\n${a.result}\nB\n", "cat <<A <<B\nit's\nA\n${REGATTA_REF_1}\nB\n");
    let case = "x=$(case $y in a) echo 1;; b) echo \"it's\";; esac) \"";
    same(&format!("{case}${{a.result}}\""), &format!("{case}${{REGATTA_REF_1}}\""));
    same("echo \"$(echo '('; echo \"${a.result}\")\"", "echo \"$(echo '('; echo \"${REGATTA_REF_1}\")\"");
}

#[test]
fn in_a_script_too_a_double_dollar_before_a_reference_is_the_text_itself() {
    let same = |text: &str, expect: &str| {
        let script = Script::parse(text).map(|s| (s.script, s.refs.len()));
        assert_eq!(script, Ok((expect.to_owned(), 0)));
    };
    same("echo $${a.stdout}", "echo \\${a.stdout}");
    same("echo \"$${a.stdout}\"", "echo \"\\${a.stdout}\"");
    same("echo '$${a.stdout}'", "echo '${a.stdout}'");
    same("cat <<'E'\n$${a.stdout}\nE\n", "cat <<'E'\n${a.stdout}\nE\n");
    same("cat <<E\n$${a.stdout}\nE\n", "cat <<E\n\\${a.stdout}\nE\n");
    let script = Script::parse("echo $$${a.stdout}").map(|s| s.script);
    assert_eq!(script, Ok("echo $$${REGATTA_REF_1}".to_owned()), "the number of the shell, then a reference");
    same("echo \\${a.stdout} $$ $${HOME}", "echo \\${a.stdout} $$ $${HOME}");
}

#[test]
fn numbers_of_the_shell_before_braces_that_it_expands_stay_its_own() {
    for text in ["echo $${1..3}", "echo $${a.txt,b.txt}", "echo $$ $${HOME}"] {
        let script = Script::parse(text).unwrap();
        assert_eq!((script.script.as_str(), script.dotted.len()), (text, 0), "{text}");
    }
}

#[test]
fn what_is_no_reference_to_a_task_is_the_text_itself_behind_two_dollars() {
    for malformed in ["a.stdout:-x", "a.map(f)", "a.result.", "a.x y"] {
        let plan = |dollars: &str| {
            format!(
                "version: 1\ntasks:\n  - {{ id: a, run: x }}\n  - {{ id: b, run: 'echo \"{dollars}{{{malformed}}}\"' }}\n"
            )
        };
        let codes = |text: &str| yaml(text).facts().iter().map(|fact| fact.code).collect::<Vec<_>>();
        assert_eq!(codes(&plan("$")), ["RG013"], "{malformed}");
        assert_eq!(codes(&plan("$$")), Vec::<&str>::new(), "{malformed}");
    }
}

#[test]
fn a_reference_where_the_shell_would_not_expand_it_is_an_error() {
    for text in ["echo '${a.result}'", "cat <<'E'\n${a.result}\nE\n", "cat <<\"E\"\n${a.result}\nE\n"]
        .into_iter()
        .chain(["echo $((1<<2))\necho '${a.result}'", "cat <<A <<'B'\nx\nA\n${a.result}\nB\n"])
        .chain([
            "x=$(case $y in a) echo '${a.result}';; esac)",
            "(case $y in a) :;; esac; echo '${a.result}')",
        ])
    {
        assert!(Script::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_reference_to_no_task_says_so_as_a_fact_and_not_in_words_alone() {
    let loaded = yaml(
        "version: 1\ntasks: [ { id: a, run: [echo, '${b.result}'] }, { id: c, run: [echo, '${a.nothing}'] }, { id: d, run: x, needs: [e] } ]",
    );
    let facts = loaded.facts();
    let missing: Vec<_> = facts.iter().map(|fact| (fact.code, fact.missing_task)).collect();
    assert_eq!(missing, [("RG013", true), ("RG013", false), ("RG011", true)], "{facts:#?}");
}

#[test]
fn in_other_texts_an_unknown_head_is_an_error_and_a_double_dollar_is_literal() {
    assert!(Template::parse("${HOME}").is_err());
    assert!(Template::parse("$${HOME} ${inputs.x}").is_ok());
    check(
        "version: 1\ntasks: [ { id: a, run: [echo, '${x}'] } ]",
        "RG013 2:24 a reference of task `a` cannot be used: `${` is not followed by a reference; \
         write `$${` for the text itself",
    );
}

#[test]
fn a_reference_implies_an_edge_also_in_a_condition() {
    let plan = yaml("version: 1\ntasks: [ { id: a, run: x }, { id: b-c, run: x }, { id: d, when: 'a.status == \"x\" && tasks[\"b-c\"].duration_ms > 1', run: x } ]").plan;
    assert_eq!(plan.map(|p| p.tasks[2].needs.clone()), Some(vec!["a".to_owned(), "b-c".to_owned()]));
}

#[test]
fn a_task_named_as_a_member_of_tasks_implies_an_edge_but_a_text_or_a_call_does_not() {
    let needs = |when: &str| {
        let text = format!(
            "{{\"version\":1,\"tasks\":[{{\"id\":\"a\",\"run\":\"x\"}},{{\"id\":\"d\",\"run\":\"x\",\"when\":{when:?}}}]}}"
        );
        yaml(&text).plan.map(|p| p.tasks[1].needs.join(","))
    };
    assert_eq!(needs("tasks.a.status == 'x'"), Some("a".to_owned()));
    assert_eq!(needs("size(tasks) > 0 && has(tasks . a)"), Some("a".to_owned()));
    assert_eq!(needs("'tasks.zz' == 'tasks[\\'zz\\']'"), Some(String::new()));
    assert_eq!(needs("tasks.size() >= 0"), Some(String::new()));
    assert_eq!(needs("tasks.zz.status == 'x'"), None);
    // Also in the keys and values of a map.
    assert_eq!(needs("{'k': tasks.a.status}.k == 'x'"), Some("a".to_owned()));
    assert_eq!(needs("'x' in {a.status: 1}"), Some("a".to_owned()));
    assert_eq!(needs("{'k': zz.status}.k == 'x'"), None);
}

#[test]
fn variables_of_a_comprehension_are_no_tasks_and_tasks_as_a_whole_adds_no_edge() {
    let needs = |when: &str| {
        let text = format!(
            "{{\"version\":1,\"tasks\":[{{\"id\":\"a\",\"run\":\"x\"}},{{\"id\":\"d\",\"run\":\"x\",\"when\":{when:?}}}]}}"
        );
        yaml(&text).plan.map(|p| p.tasks[1].needs.join(","))
    };
    assert_eq!(needs("tasks.all(k, tasks[k].status == 'succeeded')"), Some(String::new()));
    assert_eq!(needs("[1, 2].exists(n, n > a.result.limit)"), Some("a".to_owned()));
    assert_eq!(needs("inputs.list.map(tasks, tasks.zz).size() == 0"), Some(String::new()));
    assert_eq!(needs("[1].all(n, m > 0)"), None);
}

#[test]
fn references_of_prompts_parameters_and_for_each_imply_edges_too() {
    let plan = "version: 1\nagents: { bot: { preset: codex } }\nmcp_servers: { fs: { command: x } }\ntasks:\n\
                - { id: a, run: x }\n\
                - { id: b, agent: bot, accept: [ok], prompt: 'see ${a.result.x}' }\n\
                - { id: c, tool: fs/read, params: { deep: [ { path: '${b.result.p}' } ] } }\n\
                - { id: d, for_each: '${c.result.items}', run: [do, '${item}'] }\n";
    let loaded = yaml(plan);
    let needs: Vec<String> = loaded
        .plan
        .iter()
        .flat_map(|p| &p.tasks)
        .take(4)
        .map(|t| format!("{}:{}", t.id, t.needs.join(",")))
        .collect();
    assert_eq!(needs, ["a:", "b:a", "c:b", "d[0]:c"], "{}", loaded.render(false));
}

#[test]
fn a_path_below_what_is_one_value_is_an_error() {
    for field in ["status", "duration_ms", "exit_code"] {
        for run in [format!("[echo, '${{a.{field}.x}}']"), format!("'echo ${{a.{field}.x}}'")] {
            let text = format!("version: 1\ntasks: [ {{ id: a, run: x }}, {{ id: b, run: {run} }} ]");
            let loaded = yaml(&text);
            let said: Vec<_> = loaded.facts().iter().map(|f| (f.code, f.message.clone())).collect();
            let message = format!("`${{a.{field}.x}}` in task `b` goes into `{field}`, which is one value");
            assert_eq!(said, [("RG013", message)]);
        }
    }
}

#[test]
fn in_a_script_what_begins_as_a_reference_to_a_task_and_is_none_is_an_error() {
    let of = |script: &str| {
        let text = serde_json::json!({ "version": 1, "tasks": [
            { "id": "a", "run": "x" }, { "id": "a.b", "run": "x" },
            { "id": "m", "matrix": { "os": ["x"] }, "run": "x" }, { "id": "c", "run": script },
        ] });
        let loaded = yaml(&text.to_string());
        loaded.facts().iter().map(|f| format!("{} {}", f.code, f.message)).collect::<Vec<_>>()
    };
    for (script, told) in [
        ("echo ${a.result.}", "${a.result.}"),
        ("echo ${a.result..x}", "${a.result..x}"),
        ("echo ${a.result.0.}", "${a.result.0.}"),
        ("echo ${a.result[\"x\"]}", "${a.result[\"x\"]}"),
        ("echo \"${a.stdout:-x}\"", "${a.stdout:-x}"),
        ("echo ${a.stdout } y", "${a.stdout }"),
        ("echo ${a.result.x", "${a.result.x"),
        ("echo ${a.result.x and ${m[x].}", "${a.result.x"),
        ("echo ${a.}", "${a.}"),
        ("echo ${a.b.result.}", "${a.b.result.}"),
        ("echo ${m[x].result.}", "${m[x].result.}"),
        ("echo ${m.results.}", "${m.results.}"),
        ("cat <<E\n${a.result.}\nE", "${a.result.}"),
        ("echo 'x' ${a.result.}", "${a.result.}"),
    ] {
        let said = of(script);
        let message = format!("RG013 a reference of task `c` cannot be used: `{told}` is not one");
        assert_eq!(said.first(), Some(&message), "{script}: {said:?}");
    }
    for script in [
        "echo ${x.result.}",
        "echo ${a:-x.y}",
        "echo ${a%.*}",
        "# ${a.result.}",
        "echo \\${a.result.}",
        "${ab.c:-x}",
        // Where the shell fills in nothing, it is the text of another language.
        "node -e 'console.log(`${a.map(x)}`)'",
        "node -e 'console.log(`\\${a.map(x)}`)'",
        "sh -c 'echo ${a.result.}'",
        "echo '${''a.result}'",
        "node <<'EOF'\n${a.items | join}\nEOF",
        "cat <<E\n\\${a.result.}\nE",
    ] {
        assert_eq!(of(script), Vec::<String>::new(), "{script}");
    }
    // What can be one is told there as ever: nobody would fill it in.
    let delimiter = "in the delimiter of a here-document";
    for (script, place) in [
        ("echo '${a.result}'", "inside single quotes; use double quotes"),
        ("cat <<'E'\n${a.result}\nE", "inside a quoted here-document; use double quotes"),
        ("cat <<${a.result}\nx\n${a.result}\n", delimiter),
        ("cat <<-\"$${a.result}\"\nx\n", delimiter),
    ] {
        let message = format!("the shell does not expand references {place}");
        assert_eq!(of(script), [format!("RG013 a reference of task `c` cannot be used: {message}")]);
    }
}
