//! Spec 9 "Plan": whatever a document says wrong is told with its place, and whatever it tries is refused in bounded
//! time and memory, before anything starts.
//!
//! What the file itself may be instead of a plan is in `refusals`.

use crate::world::{Said, World};
use std::process::Command;

/// Memory and CPU time that a command may have here: less than a bomb takes, more than a small plan needs.
const LIMITS: &str = "ulimit -v 1048576; ulimit -t 60; exec \"$0\" \"$@\"";

/// Runs a command within [`LIMITS`].
fn confined(world: &World, args: &[&str]) -> Said {
    let mut command = Command::new("sh");
    command.args(["-c", LIMITS, env!("CARGO_BIN_EXE_regatta")]).args(args).current_dir(world.root());
    command.env_remove("REGATTA_WORKSPACE").env("NO_COLOR", "1").stdin(std::process::Stdio::null());
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// Fails unless `check` and `run` refuse the document within limits, say this, and leave nothing behind.
fn refused(world: &World, name: &str, text: &str, says: &str) {
    world.write(name, text);
    for verb in ["check", "run"] {
        let said = confined(world, &[verb, name]).exits(3);
        assert!(said.err.contains(says), "{verb} {name}: {says:?} is not in:\n{:.2000}", said.err);
        assert!(!said.err.contains("panicked"), "{name}: {:.2000}", said.err);
        assert!(said.err.len() < 1 << 20, "{name}: the answer is bounded too");
    }
    assert!(!world.path(".regatta").exists() && !world.path("ran").exists(), "{name}");
}

/// The facts of all problems, a line each: `CODE line:column message`.
fn facts(world: &World, name: &str, text: &str) -> String {
    world.write(name, text);
    let facts = world.regatta(&["check", name, "--json"]).exits(3).json();
    let mut lines = String::new();
    for fact in facts["problems"].as_array().unwrap() {
        let word = |key: &str| fact[key].as_str().unwrap_or_default().to_owned();
        lines.push_str(&format!(
            "{} {}:{} {}\n",
            word("code"),
            fact["line"],
            fact["column"],
            word("message")
        ));
    }
    lines
}

#[test]
fn each_mistake_in_a_graph_is_told_with_its_line() {
    let world = World::new();
    let text = "version: 1\ntasks:\n\
                - { id: self, needs: [self], run: 'true' }\n\
                - { id: a, needs: [b], run: 'true' }\n\
                - { id: b, run: 'echo ${a.result}' }\n\
                - { id: c, needs: [nobody], run: 'true' }\n\
                - { id: c, run: 'true' }\n";
    let expect = "RG012 3:23 task `self` depends on itself\n\
                  RG012 5:17 tasks depend on each other in a cycle: a -> b -> a\n\
                  RG011 6:20 task `c` needs `nobody`, which does not exist\n\
                  RG010 7:9 task `c` exists twice\n";
    assert_eq!(facts(&world, "graph.yaml", text), expect);
}

#[test]
fn unknown_and_doubled_keys_and_wrong_types_are_told_with_their_line_in_every_format() {
    let world = World::new();
    let yaml = "version: 1\nzz: 1\nlimits: 4\nname: [a]\nname: b\ntasks:\n- { id: a, needs: {}, run: 1, run: x }\n- b\n";
    let expect = "RG003 2:1 unknown key `zz` in the plan\n\
                  RG005 3:9 `limits` must be a map, not a plain value\n\
                  RG005 4:7 `name` must be a text, not a list\n\
                  RG004 5:1 key `name` stands twice in the plan\n\
                  RG005 7:19 `needs` must be a list, not a map\n\
                  RG004 7:31 key `run` stands twice in task `a`\n\
                  RG005 8:3 task 2 must be a map, not a plain value\n";
    assert_eq!(facts(&world, "types.yaml", yaml), expect);
    let json = "{\"version\": 1,\n\"zz\": 1,\n\"limits\": 4,\n\"name\": [\"a\"],\n\"name\": \"b\",\n\"tasks\": [\n\
                {\"id\": \"a\", \"needs\": {}, \"run\": \"x\",\n\"run\": \"y\"},\n\"b\"]}";
    let expect = "RG003 2:1 unknown key `zz` in the plan\n\
                  RG005 3:11 `limits` must be a map, not a number\n\
                  RG005 4:9 `name` must be a text, not a list\n\
                  RG004 5:1 key `name` stands twice in the plan\n\
                  RG005 7:22 `needs` must be a list, not a map\n\
                  RG004 8:1 key `run` stands twice in task `a`\n\
                  RG005 9:1 task 2 must be a map, not a text\n";
    assert_eq!(facts(&world, "types.json", json), expect);
    let toml = "version = 1\nzz = 1\nlimits = 4\nname = ['a']\n[[tasks]]\nid = 'a'\nneeds = {}\nrun = 'x'\n";
    let expect = "RG003 2:1 unknown key `zz` in the plan\n\
                  RG005 3:10 `limits` must be a map, not a number\n\
                  RG005 4:8 `name` must be a text, not a list\n\
                  RG005 7:9 `needs` must be a list, not a map\n";
    assert_eq!(facts(&world, "types.toml", toml), expect);
    let doubled = facts(&world, "doubled.toml", "version = 1\nversion = 1\n");
    assert_eq!(doubled, "RG001 2:1 this is not TOML: duplicate key\n");
}

#[test]
fn no_number_but_a_whole_one_in_its_range_is_taken_in_any_format() {
    let world = World::new();
    let every = ["-1", "0", "1.5", "1e3", "99999999999999999999999", "4294967296", "-0"];
    let formats: [(&str, &str, &[&str]); 3] = [
        (
            "number.yaml",
            "version: 1\ntasks: []\nlimits:\n  max_parallel: N\n",
            &[
                ".nan", ".inf", "-.inf", "NaN", "Infinity", "0x10", "0o17", "1_000", "+1", "1e999", "yes",
                "on",
            ],
        ),
        (
            "number.json",
            "{\"version\": 1, \"tasks\": [],\n\"limits\":\n{\n\"max_parallel\": N}}",
            &["NaN", "Infinity", "-Infinity", "0x10", "+1", "1e999", "\"4\"", "true", "01", ".5", "5."],
        ),
        (
            "number.toml",
            "version = 1\ntasks = []\n[limits]\nmax_parallel = N\n",
            &["nan", "inf", "-inf", "+nan", "'4'", "true", "01", "2020-01-01", "4.5"],
        ),
    ];
    for (name, text, more) in formats {
        for number in every.iter().chain(more) {
            let facts = facts(&world, name, &text.replace('N', number));
            assert!(facts.lines().count() == 1 && facts.contains(" 4:"), "{name}: {number}: {facts}");
        }
    }
    for (key, value) in [("timeout", "{ attempt: -1s }"), ("estimate", "1.5s"), ("estimate", "5")]
        .into_iter()
        .chain([("estimate", "99999999999999999999s"), ("estimate", "NaN"), ("estimate", "4000d")])
        .chain([("retry", "{ max_attempts: 0 }"), ("max_retries", "18446744073709551615")])
        .chain([("locks", "[ { resource: gpu, units: 0 } ]"), ("for_each", "x, max_items: -3")])
    {
        let text =
            format!("version: 1\nresources: {{ gpu: 1 }}\ntasks:\n- {{ id: a, run: x, {key}: {value} }}\n");
        let facts = facts(&world, "keys.yaml", &text);
        assert!(facts.starts_with("RG006 4:"), "{key}: {value}: {facts}");
    }
}

#[test]
fn a_number_that_cannot_be_kept_as_it_is_is_refused_where_any_value_is_asked_for() {
    let world = World::new();
    for number in
        ["1e999", "-1e999", "18446744073709551616", "-9223372036854775809", "12345678901234567890123"]
    {
        let found = facts(
            &world,
            "p.json",
            &format!("{{\"version\":1,\"tasks\":[],\n\"inputs\":{{\"x\":[{number}]}}}}"),
        );
        assert_eq!(found, format!("RG006 2:16 `{number}` is a number that cannot be kept as it is\n"));
    }
    for number in ["nan", "-inf", "1e999"] {
        let found = facts(&world, "p.toml", &format!("version = 1\ntasks = []\ninputs.x = {number}\n"));
        assert!(found.starts_with("RG006 3:12") || found.starts_with("RG001 3:12"), "{number}: {found}");
    }
    let yaml = |value: &str| format!("version: 1\ntasks: []\ninputs: {{ x: {value} }}\n");
    let found = facts(&world, "p.yaml", &yaml("12345678901234567890123"));
    assert_eq!(found, "RG006 3:14 `12345678901234567890123` is a number that cannot be kept as it is\n");
    for number in
        ["18446744073709551615", "-9223372036854775808", "0.1", "1e300", "'12345678901234567890123'"]
    {
        world.write("p.yaml", &yaml(number));
        world.regatta(&["check", "p.yaml"]).exits(0);
    }
}

#[test]
fn a_yaml_bomb_of_any_kind_is_refused_in_bounded_time_and_memory() {
    let world = World::new();
    let names: Vec<char> = ('a'..='z').collect();
    let mut lists = format!("a: &a [{}]\n", ["x"; 10].join(", "));
    let mut maps = "inputs:\n  a: &a { k: v }\n".to_owned();
    for pair in names.windows(2).take(12) {
        let (last, name) = (pair[0], pair[1]);
        lists.push_str(&format!("{name}: &{name} [{}]\n", vec![format!("*{last}"); 10].join(", ")));
        maps.push_str(&format!("  {name}: &{name} {{ p: *{last}, q: *{last}, r: *{last}, s: *{last} }}\n"));
    }
    let text = format!("inputs:\n  a: &a '{}'\n  b: [{}]\n", "x".repeat(1_000_000), "*a, ".repeat(100_000));
    let anchors: String = (0..60).map(|n| format!("&a{n} [")).collect();
    let anchors = format!("inputs:\n  a: {anchors}{}{}\n", "x, ".repeat(300_000), "]".repeat(60));
    let many =
        format!("inputs:\n  a: [{}]\n", (0..1_000_001).map(|n| format!("&{n} x,")).collect::<String>());
    for bomb in [lists, maps, text, anchors, many] {
        let says = "anchors and aliases stand for more than 1000000 values or 64 MiB of text";
        refused(&world, "bomb.yaml", &format!("version: 1\n{bomb}tasks: []\n"), says);
    }
    refused(&world, "self.yaml", "inputs: { a: &a [*a] }", "this alias names the value that it is part of");
    refused(&world, "merge.yaml", "x: &x { run: 'true' }\ntasks: [ { id: a, <<: *x } ]", "unknown key `<<`");
}

#[test]
fn tags_directives_and_further_documents_are_refused() {
    let world = World::new();
    let tag = "version: !!int 1\ntasks: !!python/object/apply:os.system ['touch ran']\n";
    refused(&world, "tag.yaml", tag, "tags are not part of the plan language");
    refused(&world, "tag.yaml", "version: 1\ntasks: [ !!binary aGk= ]\n", "tags are not part");
    refused(&world, "yaml.yaml", "%YAML 1.1\n---\nversion: 1\n", "directives are disallowed");
    refused(&world, "tags.yaml", "%TAG ! tag:evil,2000:\n---\nversion: 1\n", "directives are disallowed");
    refused(&world, "two.yaml", "version: 1\ntasks: []\n---\nversion: 1\n", "a second one begins here");
}

#[test]
fn nesting_of_100_000_levels_is_refused_in_bounded_time_and_memory_in_every_format() {
    let world = World::new();
    let says = "nesting is deeper than 64";
    let block: String = (0..2_000).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    for text in ["[", "{a: ", "- ", "? ", "[{"] {
        refused(&world, "deep.yaml", &text.repeat(100_000), says);
    }
    refused(&world, "block.yaml", &block, says);
    for text in ["[", "{\"a\":"] {
        refused(&world, "deep.json", &text.repeat(100_000), says);
    }
    let dotted = vec!["a"; 100_000].join(".");
    for text in [format!("a = {}", "[".repeat(100_000)), format!("a = {}", "{a=".repeat(100_000))]
        .into_iter()
        .chain([format!("{dotted} = 1"), format!("[{dotted}]"), format!("[[{dotted}]]")])
    {
        refused(&world, "deep.toml", &text, says);
    }
    let condition = |when: &str| format!("version: 1\ntasks: [ {{ id: a, run: x, when: \"{when}\" }} ]\n");
    for text in ["(", "[", "{'a':"] {
        refused(&world, "when.yaml", &condition(&text.repeat(200)), "it is nested too deeply");
    }
    refused(&world, "when.yaml", &condition(&"1+".repeat(100_000)), "more than 1024");
}

#[test]
fn words_that_other_readers_take_for_something_else_stay_text_where_a_text_is_asked() {
    let world = World::new();
    let words = ["no", "on", "yes", "off", "1.0", "1.10", "12e03", "0777", "0x1F", "0o17", "1_000", "null"]
        .into_iter()
        .chain(["true", "~", "2024-01-01", "1:30", ".inf", ".nan", "="]);
    let words: Vec<&str> = words.collect();
    let vars: Vec<String> = words.iter().zip(0..).map(|(w, n)| format!("V{n}: {w}")).collect();
    let list = words.join(", ");
    world.write(
        "plan.yaml",
        &format!(
            "version: 1\nname: 1.0\ntasks:\n\
             - {{ id: on, run: [sh, -c, 'echo \"$@\" >args', x, {list}] }}\n\
             - {{ id: 1.0, needs: [on], env: {{ {} }}, run: 'env | grep ^V | sort -V >vars' }}\n",
            vars.join(", ")
        ),
    );
    let summary = world.regatta(&["run", "plan.yaml", "--json"]).exits(0).json();
    assert_eq!(summary["tasks"]["1.0"]["status"], "succeeded", "{summary}");
    assert_eq!(world.regatta(&["ls", "--json"]).json()[0]["plan_name"], "1.0");
    assert_eq!(world.read("args"), format!("{}\n", words.join(" ")));
    let expect: String = words.iter().zip(0..).map(|(w, n)| format!("V{n}={w}\n")).collect();
    assert_eq!(world.read("vars"), expect);
}

#[test]
fn a_chain_of_200_000_tasks_and_a_mesh_of_84_000_edges_validate_without_recursion() {
    let world = World::new();
    let mut chain = "{\"version\":1,\"tasks\":[{\"id\":\"t0\",\"run\":\"x\"}".to_owned();
    for n in 1..200_000 {
        chain.push_str(&format!(",{{\"id\":\"t{n}\",\"run\":\"x\",\"needs\":[\"t{}\"]}}", n - 1));
    }
    world.write("chain.json", &format!("{chain}]}}"));
    let said = world.regatta(&["check", "chain.json"]).exits(0);
    assert_eq!(said.out, "chain.json: valid: 200000 tasks, 2 warnings\n");
    world.write(
        "cycle.json",
        &format!("{chain}]}}").replacen("\"run\"", "\"needs\":[\"t199999\"],\"run\"", 1),
    );
    let said = world.regatta(&["check", "cycle.json"]).exits(3);
    assert!(said.err.contains("… (200000 tasks) …"), "{:.500}", said.err);
    let (mut mesh, mut edges) = ("version: 1\ntasks:\n".to_owned(), 0);
    for layer in 0..211 {
        let above: Vec<String> = (0..20).map(|n| format!("l{}n{n}", layer - 1)).collect();
        for n in 0..20 {
            let needs = if layer == 0 { &[][..] } else { &above };
            edges += needs.len();
            mesh.push_str(&format!("- {{ id: l{layer}n{n}, run: x, needs: [{}] }}\n", needs.join(", ")));
        }
    }
    assert_eq!(edges, 84_000);
    world.write("mesh.yaml", &mesh);
    assert!(world.regatta(&["check", "mesh.yaml"]).exits(0).out.contains("valid: 4220 tasks"));
}

#[test]
fn more_cells_edges_or_tasks_than_a_plan_may_have_are_refused_before_they_are_made() {
    let world = World::new();
    let values = |most: usize| (0..most).map(|n| format!("v{n}")).collect::<Vec<_>>().join(", ");
    let axes: Vec<String> = (0..30).map(|n| format!("a{n}: [{}]", values(10))).collect();
    let cells = format!("version: 1\ntasks: [ {{ id: m, run: x, matrix: {{ {} }} }} ]\n", axes.join(", "));
    refused(&world, "cells.yaml", &cells, "the plan has more than 2000000 tasks");
    let mut edges =
        format!("version: 1\ntasks:\n- {{ id: m, run: x, matrix: {{ a: [{}] }} }}\n", values(1_000));
    edges.extend((0..17_000).map(|n| format!("- {{ id: t{n}, run: x, needs: [m] }}\n")));
    world.write("edges.yaml", &edges);
    // Almost all of the edges that there may be are made: that takes more memory than bombs are given.
    let said = world.regatta(&["check", "edges.yaml"]).exits(3);
    assert!(said.err.contains("the plan has more than 16000000 edges"), "{:.500}", said.err);
}

#[test]
fn many_mistakes_cost_one_pass_and_guesses_at_what_was_meant_are_bounded() {
    let world = World::new();
    let mut text = "version: 1\ntasks:\n".to_owned();
    for n in 0..20_000 {
        text.push_str(&format!(
            "- {{ id: t{n}, needs: [z{n}], run: 'echo ${{y{n}.result}}', when: x{n} }}\n"
        ));
    }
    refused(&world, "many.yaml", &text, "and 59800 more problems");
    // Comparing two long names costs the product of their lengths.
    let (long, other) = ("x".repeat(1_000_000), "y".repeat(1_000_000));
    let text = format!("version: 1\ntasks:\n- id: {long}\n  run: x\n  needs: [{other}]\n");
    refused(&world, "long.yaml", &text, "RG009");
}

#[test]
fn a_script_is_read_for_references_in_one_pass_whatever_stands_in_it() {
    let world = World::new();
    for piece in ["${", "<<A ", "<<A\\n", "<<", "( <<", "((", "case x in ", "    ", "${x", "$${", "'", "\\\\"]
    {
        let script = format!(": {}", piece.repeat(100_000));
        world.write("script.yaml", &format!("version: 1\ntasks: [ {{ id: a, run: \"{script}\" }} ]\n"));
        confined(&world, &["check", "script.yaml"]).exits(0);
    }
}

#[test]
fn the_digest_of_what_was_validated_is_in_the_run_and_is_that_of_the_stored_plan() {
    use sha2::{Digest as _, Sha256};
    let world = World::with("version: 1\ntasks: [ { id: b, run: 'true' }, { id: a, run: 'true' } ]\n");
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let row = || -> (String, String) {
        let db = rusqlite::Connection::open(world.path(".regatta/regatta.db")).unwrap();
        let sql = "SELECT plan_digest, plan FROM runs JOIN plans ON run = seq ORDER BY seq DESC LIMIT 1";
        db.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    let (digest, plan) = row();
    assert_eq!(digest, regatta_engine::json::hex(&Sha256::digest(plan.as_bytes())));
    world.write(
        "plan.yaml",
        "tasks:\n- { run: 'true', id: a } # first\n- { run: 'true', id: b }\nversion: 1\n",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(row().0, digest, "the same plan");
    world.write("plan.yaml", "version: 1\ntasks: [ { id: b, run: 'true' }, { id: a, run: 'false' } ]\n");
    world.regatta(&["run", "plan.yaml"]).exits(1);
    assert_ne!(row().0, digest, "another plan");
}
