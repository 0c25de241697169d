//! References between tasks: types, errors, and that no value is ever parsed as code.

use crate::repo_world::with_plan;
use crate::world::{World, status};
use regatta_plan::reference::Script;
use std::process::Command;

#[test]
fn results_keep_their_type_and_text_is_embedded() {
    let world = World::with(
        "version: 1
inputs: { greeting: hello, list: [1, 2] }
tasks:
  - { id: src, run: 'printf ''{\"a\": [{\"b\": 7}], \"s\": \"x y\"}'' >\"$REGATTA_RESULT\"; echo out' }
  - id: use
    inputs: { whole: \"${src.result}\", number: \"${src.result.a.0.b}\", text: \"n=${src.result.a.0.b}\", n: \"${src.result.a.length}\" }
    env: { DIRECT: \"${src.result.s}\" }
    run: echo \"$REGATTA_INPUTS\" >inputs; echo \"$DIRECT|${src.result.s}|${src.stdout}|${inputs.greeting}\" >text
  - { id: argv, run: [sh, -c, 'echo \"$1\" >argv', x, '${src.result.s} $${literal}'] }
",
    );
    let summary = world.run();
    assert_eq!(summary["status"], "succeeded", "{summary}");
    let inputs: serde_json::Value = serde_json::from_str(&world.read("inputs")).unwrap();
    assert_eq!(inputs["whole"]["a"][0]["b"], 7);
    assert_eq!(inputs["number"], 7);
    assert_eq!(inputs["text"], "n=7");
    assert_eq!(inputs["n"], 1);
    assert_eq!(world.read("text"), "x y|x y|out|hello\n");
    assert_eq!(world.read("argv"), "x y ${literal}\n");
}

#[test]
fn a_missing_path_fails_the_task_and_names_what_was_there() {
    let world = World::with(
        "version: 1
tasks:
  - { id: src, run: 'echo ''{\"a\": 1}'' >\"$REGATTA_RESULT\"' }
  - { id: use, retry: { max_attempts: 3 }, run: 'echo \"${src.result.b}\" >never' }
",
    );
    let summary = world.run();
    assert_eq!(summary["tasks"]["use"]["cause"], "VARIABLE_RESOLUTION_ERROR");
    assert_eq!(summary["tasks"]["use"]["attempts"], 1, "resolution errors are never retried");
    let said = world.regatta(&["explain", "use"]).exits(0);
    assert!(said.out.contains("an object with the fields [a] and has no `b`"), "{}", said.out);
    assert!(!world.path("never").exists());
}

#[test]
fn references_in_scripts_cannot_inject_code_whatever_the_quotes() {
    let evil = r#"'; touch pwned; ' "; touch pwned; " $(touch pwned) `touch pwned` ${IFS} \ & touch pwned"#;
    for shell in ["dash", "bash"] {
        let world = World::new();
        let plan = serde_json::json!({
            "version": 1,
            "inputs": { "evil": evil },
            "tasks": [
                { "id": "src", "run": ["sh", "-c", "printf %s \"$1\" | sed 's/[\\\\\"]/\\\\&/g; s/.*/{\"v\": \"&\"}/' >\"$REGATTA_RESULT\"", "x", "${inputs.evil}"] },
                { "id": "double", "run": "echo \"got ${src.result.v} end\" >double" },
                { "id": "bare", "run": "echo ${src.result.v} >bare" },
                { "id": "nested", "run": format!("{shell} -c 'echo \"$1\" >nested' x \"${{src.result.v}}\"") },
                { "id": "here", "run": "cat >here <<E\n${src.result.v}\nE" },
                { "id": "input", "run": "echo \"$(echo \"${inputs.evil}\")\" >input" }
            ]
        });
        world.write("plan.json", &plan.to_string());
        let summary = world.regatta(&["run", "plan.json", "--json"]).json();
        for task in ["src", "double", "bare", "nested", "here", "input"] {
            assert_eq!(status(&summary, task), "succeeded", "{task}: {summary}");
        }
        assert!(!world.path("pwned").exists());
        assert_eq!(world.read("double"), format!("got {evil} end\n"));
        assert_eq!(world.read("here"), format!("{evil}\n"));
        assert_eq!(world.read("nested"), format!("{evil}\n"));
    }
}

#[test]
fn a_result_that_is_not_json_fails_the_task() {
    let world = World::with(
        "version: 1
tasks:
  - { id: file, run: 'echo not json >\"$REGATTA_RESULT\"' }
  - { id: out, result: stdout-json, run: echo not json }
  - { id: good, result: stdout-json, run: 'echo 5' }
",
    );
    let summary = world.run();
    assert_eq!(summary["tasks"]["file"]["cause"], "bad_result");
    assert_eq!(summary["tasks"]["out"]["cause"], "bad_result");
    assert_eq!(status(&summary, "good"), "succeeded");
}

#[test]
fn only_listed_variables_reach_a_task() {
    let mut world = World::with(
        "version: 1
env: [LISTED]
tasks:
  - { id: a, env: { OWN: mine }, run: 'echo \"$LISTED|$HIDDEN|$OWN|$REGATTA_TASK_ID|$REGATTA_ATTEMPT\" >seen' }
  - { id: b, run: 'echo \"${env.LISTED}\" >ref' }
",
    );
    world.set("LISTED", "yes");
    world.set("HIDDEN", "no");
    assert_eq!(world.run()["status"], "succeeded");
    assert_eq!(world.read("seen"), "yes||mine|a|1\n");
    assert_eq!(world.read("ref"), "yes\n");
}

#[test]
fn a_large_result_lives_outside_the_journal_and_is_still_whole() {
    let world = World::with(
        "version: 1
tasks:
  - { id: big, run: 'printf ''{\"n\": 9, \"pad\": \"%0200000d\"}'' 1 >\"$REGATTA_RESULT\"' }
  - { id: use, run: 'echo \"${big.result.n}\" >n' }
  - { id: much, run: 'echo \"${big.result.pad}\" >pad' }
",
    );
    let summary = world.run();
    assert_eq!(world.read("n"), "9\n", "{summary}");
    assert_eq!(summary["tasks"]["much"]["cause"], "VARIABLE_RESOLUTION_ERROR");
    let said = world.regatta(&["explain", "much"]).exits(0);
    assert!(said.out.contains("200000 bytes") && said.out.contains("result.stored.json"), "{}", said.out);
}

#[test]
fn matrix_cells_run_by_themselves_and_are_read_as_a_list() {
    let world = World::with(
        "version: 1
tasks:
  - { id: cell, matrix: { os: [mac, linux], ch: [s] }, result: stdout-json, run: 'echo ''\"''\"${matrix.os}\"''\"''' }
  - { id: all, inputs: { all: \"${cell.results}\" }, run: 'echo \"$REGATTA_INPUTS\" >all' }
",
    );
    let summary = world.run();
    assert_eq!(status(&summary, "cell[s][linux]"), "succeeded", "{summary}");
    assert_eq!(world.read("all"), "{\"all\":[\"mac\",\"linux\"]}\n");
}

#[test]
fn a_merging_run_hands_results_on_as_soon_as_they_are_collected() {
    let world = with_plan(
        "merge: {}
tasks:
  - { id: a, run: 'echo a >a.txt; printf ''{\"n\": 7}'' >\"$REGATTA_RESULT\"; echo said' }
  - { id: b, run: 'echo \"${a.result.n} ${a.status} ${a.stdout}\" >b.txt' }
  - { id: m, needs: [a], for_each: [x, y], when: \"a.status == 'succeeded'\", run: 'printf ''{\"%s\": 1}'' \"$item\" >\"$REGATTA_RESULT\"' }
  - { id: j, needs: [a, m], join: {} }
  - { id: c, run: [sh, -c, 'printf %s \"$1\" >c.txt', x, '${j.result.value}'] }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(world.read("b.txt"), "7 succeeded said\n");
    assert_eq!(world.read("c.txt"), "{\"n\":7,\"x\":1,\"y\":1}");
}

/// What a script says in each shell that is here.
fn said(text: &str) -> Vec<String> {
    let script = Script::parse(text).unwrap().script;
    let say = |shell: &str| {
        let out = Command::new(shell).args(["-c", &script]).output().ok()?;
        Some(String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
    };
    ["sh", "bash", "dash"].into_iter().filter_map(say).collect()
}

#[test]
fn the_text_itself_comes_out_of_every_quote_of_every_shell() {
    let says = |text: &str, expect: &str| {
        let all = said(text);
        assert!(!all.is_empty() && all.iter().all(|one| one == &format!("{expect}\n")), "{text}: {all:?}");
    };
    let it = "${a.stdout}";
    says("echo $${a.stdout}", it);
    says("echo \"$${a.stdout}\"", it);
    says("echo '$${a.stdout}'", it);
    // Between backquotes a text is read twice.
    says("x=`echo $${a.stdout}`; echo \"$x\"", it);
    says("echo `echo \"$${a.stdout}\"` `echo '$${a.stdout}'`", &format!("{it} {it}"));
    says("echo \"in `echo $${a.stdout}` and $${a.stdout}\"", &format!("in {it} and {it}"));
    says("cat <<E\n`echo $${a.stdout}` $${a.stdout}\nE\n", &format!("{it} {it}"));
    says("echo \\` $${a.stdout}; echo `echo` $${a.stdout}", &format!("` {it}\n{it}"));
    says("echo $(echo `echo $${a.stdout}` $${a.stdout}) '`' $${a.stdout} # `", &format!("{it} {it} ` {it}"));
    says("echo \"`echo '$${a.stdout}'` `echo \"$${a.stdout}\"` $${a.stdout}\"", &format!("{it} {it} {it}"));
    // A script in single quotes is read by another shell, a program in them is not.
    says("sh \\\n  -c 'echo $${a.stdout}'", it);
    says("flock . sh -c 'echo $${a.stdout}'", it);
    says("flock . python3 -c 'print(\"$${a.stdout}\")'", it);
    says("sh -c 'echo $${a.stdout}'", it);
    says("HOME=/x /bin/sh -ec 'echo $${a.stdout}'", it);
    says("echo `sh -c 'echo $${a.stdout}'`", it);
    says("true sh; printf '%s\\n' -c '$${a.stdout}'", &format!("-c\n{it}"));
    // What would be a malformed reference if there is a task `a`.
    says("echo \"$${a.stdout:-x}\" $${a.result.}", "${a.stdout:-x} ${a.result.}");
    says("echo \"$${a.map(f, g)} $${HOME}\" | sed 's/[0-9][0-9]*{/N{/'", "${a.map(f, g)} N{HOME}");
    says("echo \"`echo \"$${a.stdout:-'x'}\"`\"", "${a.stdout:-'x'}");
    says("cat <<E\n$${a.map(f)}\nE\n", "${a.map(f)}");
    // In single quotes it is not; a dollar before what another language fills in stays.
    says("echo '$${a.map(f)}'", "$${a.map(f)}");
}
