//! No value of a reference is ever parsed as code: not by dash, not by bash, wherever in a script it
//! stands, and not on its way through arguments, environment and working directory.
//!
//! Each value tries to make the file `pwned`; each place must hand it on byte for byte.

use crate::world::{World, status};
use serde_json::{Value, json};

/// Values that a careless shell would obey.
const EVIL: [&str; 32] = [
    "; touch pwned",
    "$(touch pwned)",
    "`touch pwned`",
    "\"; touch pwned; \"",
    "'; touch pwned; '",
    "\"$(touch pwned)\"",
    "two\nlines; touch pwned\nthree",
    "\ntouch pwned\n#",
    "E",
    "x\nE\ntouch pwned",
    "\\",
    "ends with \\",
    "\\$(touch pwned)",
    "\\\"; touch pwned; \\\"",
    "-n",
    "--help",
    "-rf /",
    "-e\\nx",
    "*",
    "?[a-z]*",
    "~",
    "${IFS}touch${IFS}pwned",
    "$REGATTA_REF_1 $0 $$",
    "a${src.result.0}",
    "& touch pwned &",
    "| tee pwned",
    "> pwned",
    "!! !$ ^a^b",
    "%s%n %d",
    "# no comment",
    " \t spaces \t ",
    "caf\u{e9} \u{202e}\u{1b}[31m\u{7f}",
];

/// A world with the values as JSON in a file, and as a file each.
fn world() -> World {
    let world = World::new();
    world.write("values.json", &json!(EVIL).to_string());
    for (n, value) in EVIL.iter().enumerate() {
        world.write(&format!("values/{n}"), value);
    }
    std::fs::create_dir(world.path("out")).unwrap();
    world
}

/// Places of a script for `REF` that hand it on whole, to `FILE`.
const PLACES: [(&str, &str); 6] = [
    ("double", "printf %s \"REF\" >FILE\n"),
    ("within", "printf %s \"<REF>\" | sed '1s/^<//; $s/>$//' | tr -d '\\n' >FILE\n"),
    ("assigned", "v=REF; printf %s \"$v\" >FILE\n"),
    ("nested", "printf %s \"$(printf %s \"REF\"; echo .)\" >FILE\n"),
    ("here", "cat >FILE <<E\nREF\nE\n"),
    ("here-tabs", "cat >FILE <<-E\nREF\n\tE\n"),
];

/// What a place hands on of a value.
fn handed(place: &str, value: &str) -> String {
    match place {
        "within" => value.replace('\n', ""),
        "nested" => format!("{value}."),
        "here" | "here-tabs" => format!("{value}\n"),
        _ => value.to_owned(),
    }
}

/// The script that hands on all values at one place; `reference` gives the text of the n-th.
fn script((place, pattern): (&str, &str), reference: impl Fn(usize) -> String) -> String {
    let line = |n| pattern.replace("REF", &reference(n)).replace("FILE", &format!("out/{place}.{n}"));
    (0..EVIL.len()).map(line).collect()
}

fn nothing_was_obeyed(world: &World) {
    assert!(!world.path("pwned").exists(), "a value was obeyed");
    assert!(!world.path("out/pwned").exists(), "a value was obeyed");
}

#[test]
fn results_in_a_script_are_handed_on_whole_wherever_they_stand() {
    let world = world();
    let mut tasks = vec![json!({ "id": "src", "run": "cat values.json >\"$REGATTA_RESULT\"" })];
    for place in PLACES {
        let run = script(place, |n| format!("${{src.result.{n}}}"));
        tasks.push(json!({ "id": place.0, "run": run }));
    }
    let bare: String = (0..EVIL.len()).map(|n| format!("set -- ${{src.result.{n}}}; : \"$@\"\n")).collect();
    tasks.push(json!({ "id": "bare", "run": bare + "touch bare-ended" }));
    world.write("plan.json", &json!({ "version": 1, "tasks": tasks }).to_string());
    let summary = world.regatta(&["run", "plan.json", "--json"]).json();
    assert_eq!(summary["status"], "succeeded", "{summary}");
    nothing_was_obeyed(&world);
    assert!(world.path("bare-ended").exists());
    for (n, value) in EVIL.iter().enumerate() {
        for (place, _) in PLACES {
            assert_eq!(world.read(&format!("out/{place}.{n}")), handed(place, value), "{place}: {value:?}");
        }
    }
}

#[test]
fn a_batch_hands_output_on_whole_to_dash_and_to_bash() {
    for shell in ["dash", "bash"] {
        let world = world();
        let mut commands: Vec<Value> = (0..EVIL.len())
            .map(|n| json!({ "id": format!("v{n}"), "cmd": format!("cat values/{n}"), "shell": shell }))
            .collect();
        for place in PLACES {
            let cmd = script(place, |n| format!("${{v{n}.stdout}}"));
            commands.push(json!({ "id": place.0, "cmd": cmd }));
        }
        let cmd = "case $BASH_VERSION in ?*) echo bash ;; *) echo dash ;; esac >shell";
        commands.push(json!({ "id": "which", "cmd": cmd }));
        let batch = json!({ "commands": commands, "config": { "defaultShell": shell } });
        world.write("batch.json", &batch.to_string());
        let said = world.regatta(&["run", "batch.json"]);
        assert_eq!(said.code, Some(0), "{}", said.out);
        nothing_was_obeyed(&world);
        assert_eq!(world.read("shell"), format!("{shell}\n"));
        for (n, value) in EVIL.iter().enumerate() {
            for (place, _) in PLACES {
                let file = format!("out/{place}.{n}");
                assert_eq!(world.read(&file), handed(place, value), "{shell}, {place}: {value:?}");
            }
        }
    }
}

#[test]
fn arguments_environment_and_inputs_hand_values_on_whole() {
    let world = world();
    let mut tasks = vec![json!({ "id": "src", "run": "cat values.json >\"$REGATTA_RESULT\"" })];
    for n in 0..EVIL.len() {
        let value = format!("${{src.result.{n}}}");
        let argv = format!("printf %s \"$1\" >out/argv.{n}");
        tasks.push(json!({ "id": format!("argv{n}"), "run": ["sh", "-c", argv, "x", value] }));
        let run = format!("printf %s \"$V\" >out/env.{n}; printf %s \"$REGATTA_INPUTS\" >out/inputs.{n}");
        tasks.push(
            json!({ "id": format!("env{n}"), "env": { "V": value }, "inputs": { "v": value }, "run": run }),
        );
    }
    world.write("plan.json", &json!({ "version": 1, "tasks": tasks }).to_string());
    let summary = world.regatta(&["run", "plan.json", "--json"]).json();
    assert_eq!(summary["status"], "succeeded", "{summary}");
    nothing_was_obeyed(&world);
    for (n, value) in EVIL.iter().enumerate() {
        assert_eq!(world.read(&format!("out/argv.{n}")), *value);
        assert_eq!(world.read(&format!("out/env.{n}")), *value);
        let inputs: Value = serde_json::from_str(&world.read(&format!("out/inputs.{n}"))).unwrap();
        assert_eq!(inputs["v"], *value);
    }
}

#[test]
fn a_working_directory_from_a_reference_is_a_name_and_stays_inside_the_workspace() {
    let world = World::new();
    let odd = "; touch pwned $(touch pwned) '\" -n";
    std::fs::create_dir(world.path(odd)).unwrap();
    std::os::unix::fs::symlink("/", world.path("out")).unwrap();
    let values = json!({ "odd": odd, "up": "a/../..", "root": "/", "link": "out/tmp", "none": "nowhere" });
    world.write("values.json", &values.to_string());
    let mut tasks = vec![json!({ "id": "src", "run": "cat values.json >\"$REGATTA_RESULT\"" })];
    for name in ["odd", "up", "root", "link", "none"] {
        let run = format!("echo ran >\"$REGATTA_WORKSPACE/{name}\"; touch here");
        tasks.push(json!({ "id": name, "cwd": format!("${{src.result.{name}}}"), "run": run }));
    }
    world.write("plan.json", &json!({ "version": 1, "tasks": tasks }).to_string());
    let summary = world.regatta(&["run", "plan.json", "--json"]).json();
    assert_eq!(status(&summary, "odd"), "succeeded", "{summary}");
    assert!(world.path(odd).join("here").exists());
    for name in ["up", "root", "link", "none"] {
        assert_eq!(status(&summary, name), "failed", "{name}: {summary}");
        assert!(!world.path(name).exists(), "{name} ran");
    }
    let said = world.regatta(&["explain", "link"]).exits(0);
    assert!(said.out.contains("cwd `out/tmp` is outside the workspace"), "{}", said.out);
    nothing_was_obeyed(&world);
}

#[test]
fn a_value_that_no_variable_or_argument_can_hold_fails_the_task_alone() {
    let world = World::new();
    world.write("values.json", r#"{ "nul": "a\u0000b", "fine": "x" }"#);
    let tasks = json!([
        { "id": "src", "run": "cat values.json >\"$REGATTA_RESULT\"" },
        { "id": "script", "run": "echo \"${src.result.nul}\"; touch ran" },
        { "id": "argv", "run": ["touch", "ran", "${src.result.nul}"] },
        { "id": "env", "env": { "V": "${src.result.nul}" }, "run": "touch ran" },
        { "id": "cwd", "cwd": "${src.result.nul}", "run": "touch ran" },
        { "id": "fine", "run": "test \"${src.result.fine}\" = x" }
    ]);
    world.write("plan.json", &json!({ "version": 1, "tasks": tasks }).to_string());
    let summary = world.regatta(&["run", "plan.json", "--json"]).exits(1).json();
    for task in ["script", "argv", "env", "cwd"] {
        assert_eq!(status(&summary, task), "failed", "{task}: {summary}");
    }
    assert_eq!(status(&summary, "fine"), "succeeded");
    assert!(!world.path("ran").exists());
}

#[test]
fn a_reference_where_the_shell_would_not_expand_it_is_an_error_before_anything_starts() {
    for run in ["echo '${src.stdout}'", "cat <<'E'\n${src.stdout}\nE", "cat <<\\E\n${src.stdout}\nE"] {
        let world = World::new();
        let plan =
            json!({ "version": 1, "tasks": [{ "id": "src", "run": "echo x" }, { "id": "a", "run": run }] });
        world.write("plan.json", &plan.to_string());
        let said = world.regatta(&["run", "plan.json"]).exits(3);
        assert!(said.err.contains("the shell does not expand references inside"), "{}", said.err);
        assert!(!world.path(".regatta").exists());
    }
}
