//! Spec 9 "Secrets": a declared value that also stands in the plan itself, or in an input, is told and shown by nobody.

use crate::mcp::Client;
use crate::mending::with_agent;
use crate::repo_world::with_plan;
use crate::world::{Said, World};
use serde_json::json;

const VALUE: &str = "value-of-the-deployer";
const MARKER: &str = "[REDACTED:env.DEPLOY_TOKEN]";

/// A plan that repeats the value wherever people write freely.
fn plan() -> String {
    "version: 1\nname: ship with VALUE\nenv: [DEPLOY_TOKEN]\ninputs: { where: none }\nvault: { gh: { file: .keys/gh } }\n\
     gates: { ok: { person: 'is VALUE good?' } }\non_end: [sh, -c, 'echo \"over: $REGATTA_PLAN_NAME\"']\n\
     tasks:\n  - { id: a, title: 'use VALUE', run: 'echo it failed; exit 3', retry: { max_attempts: 2, backoff: 0s } }\n  \
     - { id: b, title: 'second-secret', run: [\"./VALUE\"] }\n  \
     - { id: c, when: \"'VALUE' + 1 == ''\", run: 'true' }\n  \
     - { id: d, when: \"'VALUE'\", run: 'true' }\n  \
     - { id: e, for_each: '${inputs.where}', run: 'true' }\n  \
     - { id: g, title: 'gate of VALUE', gate: ok }\n  \
     - { id: h, tool: file_read, params: { path: 'VALUE/x' } }\n"
        .replace("VALUE", VALUE)
}

fn world() -> World {
    let mut world = World::with(&plan());
    world.set("DEPLOY_TOKEN", VALUE);
    world.write(".keys/gh", "second-secret\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(world.path(".keys/gh"), mode).unwrap();
    world
}

/// What the commands and the tools say of the newest run.
fn said_of(world: &World) -> Vec<(String, String)> {
    let verbs: [&[&str]; 16] = [
        &["status"],
        &["status", "--json"],
        &["events"],
        &["events", "--canonical"],
        &["ls"],
        &["ls", "--json"],
        &["post-mortem"],
        &["post-mortem", "--json"],
        &["explain"],
        &["explain", "g"],
        &["explain", "--json"],
        &["replay"],
        &["gc", "--dry-run", "--json"],
        &["plan", "plan.yaml"],
        &["export", "plan.yaml", "--format", "mermaid"],
        &["export", "plan.yaml", "--format", "dot"],
    ];
    let says = |args: &&[&str]| {
        let Said { out, err, .. } = world.regatta(args);
        (args.join(" "), [out, err].concat())
    };
    let mut all: Vec<(String, String)> = verbs.iter().map(says).collect();
    let mut client = Client::new(world, &[]);
    for tool in ["run_status", "run_events", "explain", "report"] {
        all.push((tool.to_owned(), client.call(tool, json!({})).to_string()));
    }
    let wait = json!({ "run_id": world.run_id() });
    all.push(("run_wait".to_owned(), client.call("run_wait", wait).to_string()));
    let listed = client.ask("resources/list", json!({}));
    all.push(("resources".to_owned(), listed.to_string()));
    for part in ["", "/result", "/events", "/report"] {
        let uri = format!("regatta://runs/{}{part}", world.run_id());
        all.push((uri.clone(), client.ask("resources/read", json!({ "uri": uri })).to_string()));
    }
    all
}

fn nowhere(all: &[(String, String)]) {
    for (name, text) in all {
        assert!(!text.contains(VALUE) && !text.contains("second-secret"), "{name} says it: {text}");
    }
}

#[test]
fn a_declared_value_that_stands_in_the_plan_is_told_before_the_run_and_shown_by_nobody() {
    let world = world();
    let input = format!("where={VALUE}");
    let said = world.regatta(&["run", "plan.yaml", "--input", &input]).exits(5);
    let line = said.err.lines().find(|line| line.starts_with("warning: a secret (env.DEPLOY_TOKEN)"));
    let line = line.unwrap_or_else(|| panic!("{}", said.err));
    for place in ["plan.yaml`", " name,", "inputs.where", "task `a`: title", "task `g`: gate.person"] {
        assert!(line.contains(place), "{place}: {line}");
    }
    let line =
        said.err.lines().find(|line| line.starts_with("warning: a secret (vault.gh) stands in plan `"));
    assert!(line.is_some_and(|line| line.contains("plan.yaml` at task `b`: title;")), "{}", said.err);
    let mut all = vec![("run".to_owned(), said.out + &said.err)];
    all.extend(said_of(&world));
    nowhere(&all);
    let status = world.regatta(&["status", "--json"]).json();
    assert_eq!(status["plan_name"], format!("ship with {MARKER}"));
    assert_eq!(status["questions"][0]["title"], format!("is {MARKER} good?"));
    let report = world.regatta(&["post-mortem"]).exits(0).out;
    assert!(report.contains("REDACTED:env.DEPLOY"), "{report}");
    let run = world.run_id();
    world.regatta(&["answer", &run, "g", "--deny"]).exits(0);
    let said = world.regatta(&["resume", &run]).exits(5);
    let mut all = vec![("resume".to_owned(), said.out + &said.err)];
    all.extend(said_of(&world));
    let said = world.regatta(&["retry", &run]);
    all.push(("retry".to_owned(), said.out + &said.err));
    all.extend(said_of(&world));
    let written = std::fs::read_dir(world.run_dir().join("escalations")).unwrap();
    all.extend(
        written
            .map(|file| file.unwrap().path())
            .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap())),
    );
    nowhere(&all);
}

#[test]
fn a_run_started_by_a_tool_hides_what_its_plan_repeats_and_runs_with_it() {
    let mut world = World::new();
    world.set("DEPLOY_TOKEN", VALUE);
    let mut client = Client::new(&world, &[]);
    let plan = json!({ "version": 1, "name": VALUE, "env": ["DEPLOY_TOKEN"], "tasks": [
        { "id": "a", "title": format!("with {VALUE}"), "run": format!("test \"$DEPLOY_TOKEN\" = {VALUE} && echo same >same; exit 4") } ] });
    let started = client.call("run_start", json!({ "plan": plan }));
    let run = started["run_id"].as_str().unwrap_or_else(|| panic!("{started}"));
    let said = client.call("run_wait", json!({ "run_id": run }));
    assert_eq!(said["ended"], true, "{said:#}");
    assert_eq!(world.read("same"), "same\n", "what runs is the plan as it was written");
    nowhere(&said_of(&world)[..4]);
    nowhere(&[("run_wait".to_owned(), said.to_string())]);
    assert_eq!(client.call("run_status", json!({ "run_id": run }))["plan_name"], MARKER);
}

#[test]
fn the_message_of_a_commit_of_ours_has_a_marker_in_the_place_of_the_value() {
    let mut world = with_plan("");
    world.set("DEPLOY_TOKEN", VALUE);
    let plan = format!(
        "env: [DEPLOY_TOKEN]\nmerge: {{ message: 'Land {{title}} of {VALUE}' }}\n\
         tasks: [ {{ id: a, title: 'make it with {VALUE}', run: 'echo new >new.txt' }} ]\n"
    );
    world.write("plan.yaml", &(world.read("plan.yaml") + &plan));
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let log = world.program("git", &["log", "--all", "--format=%B"]).output().unwrap();
    let log = String::from_utf8_lossy(&log.stdout).into_owned();
    assert!(log.contains(MARKER) && !log.contains(VALUE), "{log}");
}

#[test]
fn a_red_gate_that_is_called_by_its_command_is_told_without_the_value() {
    let mut world = with_plan("");
    world.set("DEPLOY_TOKEN", VALUE);
    let plan = format!(
        "env: [DEPLOY_TOKEN]\nmerge: {{ gates: ['echo checks; test {VALUE} = other'] }}\n\
         tasks: [ {{ id: a, run: 'echo new >new.txt' }}, {{ id: g, run: 'true' }} ]\n"
    );
    world.write("plan.yaml", &(world.read("plan.yaml") + &plan));
    let said = world.regatta(&["run", "plan.yaml"]);
    assert!(!said.out.contains("run succeeded"), "{}", said.out);
    let landing = world.regatta(&["status", "--json"]).json()["landing"].to_string();
    assert!(landing.contains(&format!("test {MARKER} = other")), "{landing}");
    let mut all = vec![("run".to_owned(), said.out + &said.err)];
    all.extend(said_of(&world));
    nowhere(&all);
}

#[test]
fn a_rule_whose_command_fails_is_told_without_the_value_and_its_log_is_found_by_what_is_told() {
    let mut world = with_plan("");
    world.set("DEPLOY_TOKEN", VALUE);
    let plan = format!(
        "env: [DEPLOY_TOKEN]\nmerge: {{ policy: merge-succeeded, on_conflict: merge-with-rules, gates: ['true'],\n  \
         rules: [ {{ paths: '*.lock', use: regenerate, run: 'T={VALUE} false || {{ echo it failed; exit 3; }}' }} ] }}\n\
         tasks: [ {{ id: a, run: 'echo a >all.lock' }}, {{ id: b, run: 'echo b >all.lock' }}, \
         {{ id: c, needs: [a, b], run: 'true' }} ]\n"
    );
    world.write("plan.yaml", &(world.read("plan.yaml") + &plan));
    let said = world.regatta(&["run", "plan.yaml"]);
    let landing = world.regatta(&["status", "--json"]).json()["landing"].clone();
    let told = format!("T={MARKER} false || {{ echo it failed; exit 3; }}");
    assert_eq!(landing["conflicts"][0]["failed"]["run"], told.as_str(), "{landing}");
    let log = world.regatta(&["logs", "--gate", &told]).exits(0);
    assert_eq!(log.out, "it failed\n");
    let mut all = vec![("run".to_owned(), said.out + &said.err)];
    for args in [&["status"][..], &["explain", "b"], &["explain", "c"], &["merge", "--dry-run"]] {
        let said = world.regatta(args);
        all.push((args.join(" "), said.out + &said.err));
    }
    nowhere_in_landing(&world, all);
}

/// Neither in what was said, nor in the report of a landing, nor in anything that the run says of itself.
fn nowhere_in_landing(world: &World, mut all: Vec<(String, String)>) {
    let report = std::fs::read_to_string(world.run_dir().join("landing.json")).unwrap();
    all.push(("landing.json".to_owned(), report));
    all.extend(said_of(world));
    nowhere(&all);
}

#[test]
fn a_gate_of_the_merge_that_is_an_expression_is_told_without_the_value() {
    let mut world = with_plan("");
    world.set("DEPLOY_TOKEN", VALUE);
    let plan = format!(
        "env: [DEPLOY_TOKEN]\nmerge: {{ gates: [fits] }}\ngates: {{ fits: {{ expr: \"a.status == '{VALUE}'\", name: 'fits {VALUE}' }} }}\n\
         tasks: [ {{ id: a, run: 'echo new >new.txt' }} ]\n"
    );
    world.write("plan.yaml", &(world.read("plan.yaml") + &plan));
    let said = world.regatta(&["run", "plan.yaml"]);
    let landing = world.regatta(&["status", "--json"]).json()["landing"].to_string();
    assert!(landing.contains(&format!("a.status == '{MARKER}': false")), "{landing}");
    let explained = world.regatta(&["explain", "a"]);
    let all = vec![("run".to_owned(), said.out + &said.err), ("explain".to_owned(), explained.out)];
    nowhere_in_landing(&world, all);
}

#[test]
fn gates_that_differ_only_in_what_is_not_shown_are_two_and_who_mends_is_told_their_commands() {
    let mut world = with_agent("cp \"$1\" $top/prompt; touch ok", "");
    world.set("DEPLOY_TOKEN", VALUE);
    // The same value once more, as base64 writes it.
    let encoded = "dmFsdWUtb2YtdGhlLWRlcGxveWVy";
    let plan = format!(
        "env: [DEPLOY_TOKEN]\nmerge: {{ fix: {{ agent: bot, attempts: 1 }}, gates: ['T={VALUE} test -e ok', 'T={encoded} test -e ok'] }}\n\
         tasks: [ {{ id: a, run: 'echo new >new.txt' }} ]\n"
    );
    world.write("plan.yaml", &(world.read("plan.yaml") + &plan));
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    let prompt = world.read(".git/prompt");
    let command = format!("command: T={MARKER} test -e ok");
    assert_eq!(prompt.matches(&command).count(), 2, "{prompt}");
    let gates = world.regatta(&["status", "--json"]).json()["landing"]["gates"].clone();
    let ids: Vec<&str> = gates.as_array().unwrap().iter().map(|gate| gate["id"].as_str().unwrap()).collect();
    let (one, other) = (format!("T={MARKER} test -e ok"), format!("T={MARKER} test -e ok (2)"));
    assert_eq!(ids, [&one, &other, &one, &other], "{gates}");
    let file = std::fs::read_to_string(world.run_dir().join("gates.jsonl")).unwrap();
    assert_eq!(file.lines().count(), 4, "{file}");
    world.regatta(&["logs", "--gate", &other]).exits(0);
    nowhere(&[("run".to_owned(), said.out + &said.err), ("gates.jsonl".to_owned(), file)]);
}

#[test]
fn a_secret_of_a_server_of_the_workspace_is_told_with_the_file_that_it_stands_in() {
    let world = World::with("version: 1\ntasks: [ { id: a, tool: web/x } ]\n");
    let headers = json!({ "Authorization": format!("Bearer {VALUE}") });
    let web = json!({ "url": "http://127.0.0.1:9/mcp", "headers": headers });
    world.write(".mcp.json", &json!({ "mcpServers": { "web": web } }).to_string());
    let said = world.regatta(&["run", "plan.yaml"]).exits(1);
    let line = said.err.lines().find(|line| line.starts_with("warning: a secret (mcp.web.Authorization)"));
    let line = line.unwrap_or_else(|| panic!("{}", said.err));
    assert!(line.contains("stands in `.mcp.json` of the workspace at mcp_servers.web"), "{line}");
    assert!(!line.contains("plan.yaml"), "{line}");
}

#[test]
fn a_secret_of_a_server_is_told_with_the_file_that_declares_it_also_where_names_or_texts_are_alike() {
    let tool = |name: &str, value: &str| json!({ "command": "no-such-program", "env": { "API_TOKEN": value } , "args": [name] });
    let (web, dotted) = (tool("web", "value-of-the-web"), tool("dotted", "value-of-the-dotted"));
    let (twice, beside) = (tool("twice", "value-of-both-of-them"), tool("beside", "value-of-the-other"));
    let plan = json!({ "version": 1, "mcp_servers": { "web.x": dotted, "twice": twice }, "tasks": [
        { "id": "a", "tool": "web.x/t" }, { "id": "b", "tool": "twice/t" }, { "id": "c", "tool": "web/t" } ] });
    let world = World::new();
    world.write("plan.json", &plan.to_string());
    let lent = json!({ "mcpServers": { "web": web, "twice": twice, "beside": beside } });
    world.write(".mcp.json", &lent.to_string());
    let told = |said: &Said| {
        let line = |rule: &str| {
            let begins = format!("warning: a secret ({rule}) stands in ");
            let found = said.err.lines().find_map(|line| line.strip_prefix(&begins));
            found.unwrap_or_else(|| panic!("{rule}: {}", said.err)).to_owned()
        };
        assert!(line("mcp.web.API_TOKEN").starts_with("`.mcp.json` of the workspace at mcp_servers.web.env"));
        for (rule, server) in [("mcp.web.x.API_TOKEN", "web.x"), ("mcp.twice.API_TOKEN", "twice")] {
            let line = line(rule);
            let place = format!("plan.json` at mcp_servers.{server}.env");
            assert!(line.starts_with("plan `") && line.contains(&place), "{line}");
        }
    };
    told(&world.regatta(&["run", "plan.json"]).exits(1));
    // Who runs it again is told the same, whatever the file says now.
    std::fs::remove_file(world.path(".mcp.json")).unwrap();
    told(&world.regatta(&["retry", "--stored"]).exits(1));
}
