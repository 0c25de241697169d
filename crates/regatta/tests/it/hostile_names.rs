//! Spec 9 "Names" and "Terminal": ids keep one grammar whatever document they come from, and no text of a plan, a
//! task or a file name steers a terminal, wherever it is shown.

use crate::world::{Said, World};
use serde_json::{Value, json};

/// Texts that are no ids.
const NO_IDS: [&str; 26] = [
    "../x",
    "a/b",
    "a\\b",
    "/etc",
    ".hidden",
    "-rf",
    "--help",
    "a..b",
    "..",
    ".",
    "a b",
    "a;b",
    "$(x)",
    "`x`",
    "*",
    "a[1]",
    "${a}",
    "a\nb",
    "a\u{0}b",
    "\u{1b}[31m",
    "a\u{9b}m",
    "a\u{202e}b",
    "a\u{200b}b",
    "caf\u{e9}",
    "\u{430}\u{440}\u{456}",
    "\u{ff41}",
];

/// The messages of all problems with their codes.
fn problems(said: &Said) -> Vec<String> {
    let facts = said.json();
    let word = |fact: &Value, key: &str| fact[key].as_str().unwrap_or_default().to_owned();
    let all = facts["problems"].as_array().unwrap().iter();
    all.map(|fact| format!("{} {}", word(fact, "code"), word(fact, "message"))).collect()
}

/// Characters that steer a terminal or mislead a reader.
fn is_evil(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\r' && c != '\t')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}' | '\u{61c}' | '\u{feff}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

/// All of them that a terminal obeys: C0, ESC sequences, OSC, C1, bidi, invisible ones.
const EVIL: &str = "\u{1b}[31m\u{1b}]0;own\u{7}\u{8}\u{9b}32m\u{9d}0;x\u{9c}\u{202e}\u{2066}\u{200b}\u{61c}\u{feff}\u{e0041}\u{7f}";

fn harmless(text: &str, what: &str) {
    assert!(!text.chars().any(is_evil), "{what}: {:?}", text.chars().take(2_000).collect::<String>());
}

#[test]
fn every_id_of_every_document_keeps_one_grammar_and_the_message_shows_it_harmless() {
    let world = World::new();
    let long = "x".repeat(129);
    for id in NO_IDS.into_iter().chain([long.as_str()]) {
        let documents = [
            json!({ "version": 1, "tasks": [ { "id": id, "run": "x" } ] }),
            json!({ "version": 1, "tasks": [ { "id": "m", "run": "x", "matrix": { "a": [id] } } ] }),
            json!({ "version": 1, "tasks": [ { "id": "m", "run": "x", "matrix": { id: ["a"] } } ] }),
            json!({ "tasks": [ { "id": id, "tool": "shell", "params": { "cmd": "x" } } ] }),
            json!({ "commands": [ { "id": id, "cmd": "x" } ] }),
        ];
        for document in documents {
            world.write("plan.json", &document.to_string());
            let said = world.regatta(&["check", "plan.json", "--json"]).exits(3);
            harmless(&said.out, "json");
            let found = problems(&said);
            assert!(
                found.iter().any(|p| p.starts_with("RG009") && p.ends_with("is not an id")
                    || p.contains("has 134 bytes, more than 128")),
                "{document}: {found:?}"
            );
            let said = world.regatta(&["run", "plan.json"]).exits(3);
            harmless(&said.err, "text");
        }
    }
    assert!(!world.path(".regatta").exists());
    let longest = "x".repeat(128);
    world.write(
        "good.yaml",
        &format!("version: 1\ntasks: [ {{ id: {longest}, run: 'true' }}, {{ id: _.-, run: 'true' }} ]\n"),
    );
    let summary = world.regatta(&["run", "good.yaml", "--json"]).exits(0).json();
    assert_eq!(summary["tasks"][longest.as_str()]["status"], "succeeded");
}

#[test]
fn the_id_of_a_cell_is_an_id_too_and_no_longer_than_one() {
    let world = World::new();
    let value = "v".repeat(60);
    let axes = |most: usize| (0..most).map(|n| format!("a{n}: [{value}]")).collect::<Vec<_>>().join(", ");
    let plan =
        |axes: &str| format!("version: 1\ntasks: [ {{ id: m, run: 'true', matrix: {{ {axes} }} }} ]\n");
    world.write("short.yaml", &plan(&axes(2)));
    let summary = world.regatta(&["run", "short.yaml", "--json"]).exits(0).json();
    assert_eq!(summary["tasks"].as_object().unwrap().len(), 1);
    world.write("long.yaml", &plan(&axes(3)));
    let said = world.regatta(&["check", "long.yaml"]).exits(3);
    assert!(
        said.err.contains("the longest id of a cell of task `m` has 187 bytes, more than 128"),
        "{}",
        said.err
    );
    world.write("twice.yaml", &plan("a: [x, y, x, X]"));
    let said = world.regatta(&["check", "twice.yaml", "--json"]).exits(3);
    let expect = [
        "RG010 axis `a` of task `m` has `x` twice",
        "RG010 `x` and `X` of axis `a` of task `m` differ only in case",
    ];
    assert_eq!(problems(&said), expect);
}

#[test]
fn ids_that_differ_only_in_case_or_in_unicode_form_are_refused() {
    let world = World::new();
    let check = |ids: [&str; 2]| {
        let tasks: Vec<Value> = ids.iter().map(|id| json!({ "id": id, "run": "touch ran" })).collect();
        world.write("plan.json", &json!({ "version": 1, "tasks": tasks }).to_string());
        world.regatta(&["run", "plan.json"]).exits(3);
        problems(&world.regatta(&["check", "plan.json", "--json"]).exits(3))
    };
    assert_eq!(check(["Build", "build"]), ["RG010 `Build` and `build` differ only in case"]);
    assert_eq!(check(["build", "build"]), ["RG010 task `build` exists twice"]);
    // Composed and decomposed, wide and narrow, the sign for kelvin and the letter: neither form is an id at all.
    for ids in [["caf\u{e9}", "cafe\u{301}"], ["\u{ff42}uild", "build"], ["\u{212a}", "k"], ["ß", "SS"]] {
        let found = check(ids);
        assert!(!found.is_empty() && found.iter().all(|p| p.ends_with("is not an id")), "{found:?}");
    }
    assert!(!world.path("ran").exists());
}

#[test]
fn free_text_of_a_plan_is_shown_escaped_wherever_it_is_shown() {
    let world = World::new();
    let task = json!({
        "id": "a", "title": EVIL, "run": ["sh", "-c", "printf '%s\\n' \"$1\" >&2; exit 3", "x", EVIL],
        "retry": { "max_attempts": 2, "backoff": "1ms" }, "accept": [EVIL], "tags": [EVIL], "locks": [EVIL],
    });
    let other = json!({ "id": "b", "when": format!("'{EVIL}' == 1"), "run": "x" });
    let missing = json!({ "id": "c", "run": [format!("/no/such/{EVIL}")] });
    let plan =
        json!({ "version": 1, "name": EVIL, "tasks": [task, other, missing], "inputs": { EVIL: EVIL } });
    world.write("plan.json", &plan.to_string());
    for args in [&["run", "plan.json"][..], &["check", "plan.json"], &["plan", "plan.json"]]
        .into_iter()
        .chain([&["status"][..], &["ls"], &["explain"], &["explain", "a"], &["replay"], &["post-mortem"]])
        .chain([&["locks"][..], &["run", "plan.json", "--json"], &["status", "--json"], &["ls", "--json"]])
        .chain([
            &["explain", "--json"][..],
            &["events"],
            &["events", "--canonical"],
            &["plan", "plan.json", "--json"],
        ])
        .chain([&["post-mortem", "--json"][..], &["locks", "--json"], &["resume"], &["retry"]])
    {
        let said = world.regatta(args);
        assert!(!said.out.is_empty() || !said.err.is_empty() || args[0] == "locks", "{args:?}");
        harmless(&said.out, &args.join(" "));
        harmless(&said.err, &args.join(" "));
    }
    assert_eq!(world.regatta(&["ls", "--json"]).json()[0]["plan_name"], EVIL, "as data it is whole");
    for path in below(&world.path(".regatta/runs")) {
        // What people read as files: escalations. What a task wrote is its own.
        if path.extension().is_some_and(|e| e == "md") {
            harmless(&std::fs::read_to_string(&path).unwrap(), &path.display().to_string());
        }
    }
}

/// Everything below a directory.
fn below(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut open = vec![dir.to_owned()];
    let mut found = Vec::new();
    while let Some(next) = open.pop() {
        if next.is_dir() {
            open.extend(std::fs::read_dir(&next).unwrap().map(|entry| entry.unwrap().path()));
        }
        found.push(next);
    }
    found
}

#[test]
fn errors_show_what_is_wrong_escaped_with_the_names_of_files_too() {
    let world = World::new();
    let name = format!("{}.json", EVIL.replace('/', ""));
    let bad = json!({
        "version": 1, EVIL: 1, "schedule": EVIL, "limits": { EVIL: 1, "per_agent": { EVIL: 1 } },
        "env": [format!("{EVIL}=1")],
        "tasks": [
            { "id": EVIL, "run": "x" },
            { "id": "b", "run": format!("echo '${{{}.result}}'", "x"), "needs": [EVIL], "when": format!("{EVIL} +") },
            { "id": "c", "priority": EVIL, "agent": EVIL, "estimate": EVIL, "cwd": format!("../{EVIL}"), EVIL: EVIL },
            { "id": "d", "run": "x", "env": { format!("{EVIL}="): "x" }, "files": [format!("/{EVIL}")] },
        ],
    });
    world.write(&name, &bad.to_string());
    let yaml = format!("version: 1\nname: \"{}\"\n", EVIL);
    std::fs::write(world.path("raw.yaml"), yaml).unwrap();
    std::fs::write(world.path("raw.toml"), format!("version = 1\n{EVIL} = 2\n")).unwrap();
    std::fs::write(world.path("raw.json"), format!("{{\"version\": {EVIL}}}")).unwrap();
    for file in [&name, "raw.yaml", "raw.toml", "raw.json", &format!("missing{EVIL}")] {
        for args in [&["check", file][..], &["run", file], &["plan", file], &["check", file, "--json"]] {
            let said = world.regatta(args);
            assert!(matches!(said.code, Some(2 | 3)), "{args:?}: {}", said.err);
            harmless(&said.out, "out");
            harmless(&said.err, "err");
        }
    }
    world.write("plan.yaml", "version: 1\ntasks: [ { id: a, run: 'true' } ]\n");
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let input = format!("{EVIL}=1");
    for args in [&["explain", EVIL][..], &["logs", EVIL], &["status", EVIL], &["check", "--state", EVIL]]
        .into_iter()
        .chain([&["--workspace", EVIL, "ls"][..], &["run", "plan.yaml", "--input", EVIL]])
        .chain([&["run", "plan.yaml", "--input", &input][..], &["run", "plan.yaml", "--per-tag", &input]])
    {
        let said = world.regatta(args);
        assert!(said.code != Some(0) && !said.err.is_empty(), "{args:?}");
        harmless(&said.err, &args.join(" "));
    }
}

#[test]
fn no_name_of_a_file_makes_lines_of_its_own_in_an_error() {
    const FORGED: &str = "plan\nerror: forged\rx.yaml";
    let world = World::with("version: 1\ntasks: [ { id: a, run: 'true' } ]\n");
    std::fs::create_dir(world.path(FORGED)).unwrap();
    world.write("no-list.md", "nothing");
    let below = format!("{FORGED}/below");
    for (args, code) in [
        (&["check", FORGED][..], 2),
        (&["run", &below], 2),
        (&["plan", "plan.yaml", "--optimise", "1", "--out", FORGED], 2),
        (&["export", "plan.yaml", "--out", FORGED], 2),
        (&["export", "plan.yaml", "--out", FORGED, "--force"], 2),
        (&["analyze", &below], 2),
        (&["import", "prd", &below], 2),
        (&["check", "--state", FORGED], 2),
        (&["man", "--out", "plan.yaml"], 4),
        (&["--workspace", &below, "ls"], 4),
        (&["--workspace", FORGED, "status"], 2),
        (&["--workspace", FORGED, "logs", "a"], 2),
    ] {
        let said = world.regatta(args).exits(code);
        assert!(!said.err.contains("\nerror: forged") && !said.err.contains('\r'), "{args:?}: {}", said.err);
        assert!(said.err.starts_with("error: "), "{args:?}: {}", said.err);
    }
    // Where the whole workspace is called so, its journal too.
    world.regatta(&["--workspace", FORGED, "run", "plan.yaml"]).exits(0);
    std::fs::write(world.path(FORGED).join(".regatta/regatta.db"), "no database at all, but long enough")
        .unwrap();
    let said = world.regatta(&["--workspace", FORGED, "status"]).exits(4);
    assert!(
        said.err.contains("plan\\nerror: forged") && !said.err.contains("\nerror: forged"),
        "{}",
        said.err
    );
}

#[test]
fn a_message_is_bounded_however_long_what_it_names_is() {
    let world = World::new();
    let long = "x".repeat(200_000);
    let plan = json!({
        "version": 1, &long: 1, "schedule": long,
        "tasks": [ { "id": long, "run": "x", "needs": [format!("n{long}")], "priority": long, "estimate": long } ],
    });
    world.write("plan.json", &plan.to_string());
    let said = world.regatta(&["check", "plan.json"]).exits(3);
    assert!(said.err.len() < 20_000 && said.err.contains(" bytes … "), "{} bytes", said.err.len());
    let said = world.regatta(&["check", "plan.json", "--json"]).exits(3);
    assert!(said.out.len() < 20_000, "{} bytes", said.out.len());
}
