//! Agents of settings files: which layer wins, what of it is in a run, and where it is shown.

use crate::world::{World, ends, signal};
use rustix::process::Signal;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;

const PLAN: &str = "version: 1\ntasks: [ { id: a, agent: bot, prompt: x, accept: [y] } ]\n";

/// A world with a home of its own, whose workspace is where commands are given.
fn at_home() -> World {
    let mut world = World::new();
    let home = world.path("home");
    world.set("HOME", home.to_str().unwrap());
    world.set("XDG_CONFIG_HOME", "");
    std::fs::create_dir(&home).unwrap();
    world
}

/// An agent that leaves its name.
fn entry(name: &str) -> String {
    format!("[agents.bot]\ncommand = ['sh', '-c', 'echo {name} >who; echo done']\n")
}

#[test]
fn an_agent_of_the_settings_does_the_work_of_a_plan_and_the_nearer_layer_wins() {
    let world = at_home();
    world.write("plan.yaml", PLAN);
    let said = world.regatta(&["run", "plan.yaml"]).exits(3);
    assert!(said.err.contains("agent `bot`, which is not among `agents`"), "{}", said.err);
    world.write("home/.config/regatta/config.toml", &entry("user"));
    assert_eq!((&world.run()["status"], world.read("who").as_str()), (&"succeeded".into(), "user\n"));
    world.write(".regatta/config.toml", &entry("project"));
    assert_eq!((&world.run()["status"], world.read("who").as_str()), (&"succeeded".into(), "project\n"));
    let own = "agents: { bot: { command: [sh, -c, 'echo plan >who; echo done'] } }";
    world.write("plan.yaml", &PLAN.replace("tasks:", &format!("{own}\ntasks:")));
    assert_eq!((&world.run()["status"], world.read("who").as_str()), (&"succeeded".into(), "plan\n"));
}

#[test]
fn an_agent_of_the_settings_is_pinned_in_the_run() {
    let world = at_home();
    world.fifo("up");
    let pinned = entry("pinned").replace("echo done", "test -e good && echo done");
    world.write(".regatta/config.toml", &pinned);
    world.write(
        "plan.yaml",
        &PLAN.replace("accept: [y] }", "accept: [y], needs: [before] }, { id: before, effect: pure, run: 'test -e go || { echo up >up; sleep 97; }' }"),
    );
    let mut child = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear("up"), "up");
    signal(&child, Signal::INT);
    assert_eq!(ends(&mut child), Some(130));
    world.write("go", "");
    world.write(".regatta/config.toml", &entry("changed"));
    world.regatta(&["resume"]).exits(1);
    assert_eq!(world.read("who"), "pinned\n");
    world.write("who", "");
    world.write("good", "");
    world.write(".regatta/config.toml", "");
    world.regatta(&["retry"]).exits(0);
    assert_eq!(world.read("who"), "pinned\n", "what was pinned is read again as it was");
}

#[test]
fn agents_of_the_settings_are_shown_with_their_origin() {
    let mut world = at_home();
    world.write("bin/mine", "#!/bin/sh\n");
    std::fs::set_permissions(world.path("bin/mine"), std::fs::Permissions::from_mode(0o755)).unwrap();
    world.set("PATH", &format!("{}:/usr/bin:/bin", world.path("bin").display()));
    world.write("home/.config/regatta/config.toml", "[agents.far]\npreset = 'codex'\nmodel = 'm'\n");
    world.write(".regatta/config.toml", "# ours\n[agents.bot]\ncommand = ['mine']\n");
    let facts = world.regatta(&["doctor", "--config", "--json"]).exits(0).json();
    let of = |key: &str| {
        facts["settings"].as_array().unwrap().iter().find(|row| row["key"] == key).cloned().unwrap()
    };
    let bot = of("agents.bot");
    assert_eq!((&bot["value"]["command"][0], &bot["origin"]), (&"mine".into(), &"project".into()), "{bot:#}");
    assert!(bot["source"].as_str().unwrap().ends_with(".regatta/config.toml:2"), "{bot:#}");
    assert_eq!(of("agents.far")["origin"], "user");
    let text = world.regatta(&["doctor", "--config"]).exits(0).out;
    assert!(text.contains("agents.bot") && text.contains("mine"), "{text}");
    let rows = world.regatta(&["agents", "--json"]).exits(0).json();
    let row = |name: &str| rows.as_array().unwrap().iter().find(|row| row["name"] == name).cloned().unwrap();
    let bot = row("bot");
    assert_eq!(
        (&bot["driver"], &bot["program"], &bot["origin"]),
        (&"command".into(), &"mine".into(), &"project".into()),
        "{bot:#}"
    );
    assert_eq!(bot["path"], world.path("bin/mine").display().to_string());
    assert_eq!((&row("far")["driver"], &row("far")["path"]), (&"codex".into(), &Value::Null));
    assert_eq!(row("codex")["origin"], Value::Null, "a preset is of nobody's settings");
    let text = world.regatta(&["agents"]).exits(0).out;
    assert!(text.contains("bot") && text.contains("config.toml:2"), "{text}");
    world.write(".regatta/config.toml", "[agents.bot]\ncommand = ['mine']\nhome = 'mars'\n");
    let said = world.regatta(&["agents"]).exits(3);
    assert!(said.err.contains("config.toml:3") && said.err.contains("own, shared"), "{}", said.err);
}

#[test]
fn an_agent_of_the_settings_that_cannot_ask_a_person_is_refused_by_a_check_already() {
    let world = at_home();
    world.write("plan.yaml", PLAN);
    for driver in ["preset = 'codex'", "command = ['x']"] {
        world.write(".regatta/config.toml", &format!("[agents.bot]\n{driver}\npermissions = 'ask'\n"));
        let said = world.regatta(&["check", "plan.yaml"]).exits(3).err;
        assert!(said.contains("asks nobody while it works") && said.contains("config.toml:3"), "{said}");
    }
    world.write(".regatta/config.toml", "[agents.bot]\nacp = ['x']\npermissions = 'ask'\n");
    assert!(world.regatta(&["check", "plan.yaml"]).exits(0).err.contains("warning[RG108]"));
}
