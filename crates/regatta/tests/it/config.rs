//! Settings: which layer wins, where each value comes from, and what a slip is told.

use crate::world::{Said, World};
use serde_json::{Value, json};

const PLAN: &str = "version: 1\nlimits: { per_wave: 7 }\ntasks:\n  - { id: a, run: 'true', tags: [db] }\n";

/// The row of a setting: value, origin, source.
fn row(facts: &Value, key: &str) -> (Value, String, Option<String>) {
    let found = facts["settings"].as_array().unwrap().iter().find(|row| row["key"] == key);
    let found = found.unwrap_or_else(|| panic!("no `{key}`: {facts}"));
    let text = |name: &str| found[name].as_str().map(str::to_owned);
    (found["value"].clone(), text("origin").unwrap(), text("source"))
}

/// A world with a home of its own.
fn at_home() -> World {
    let mut world = World::new();
    let home = world.path("home");
    world.set("HOME", home.to_str().unwrap());
    world.set("XDG_CONFIG_HOME", "");
    std::fs::create_dir(world.path("work")).unwrap();
    world.set("REGATTA_WORKSPACE", world.path("work").to_str().unwrap());
    world
}

fn shown(world: &World, args: &[&str]) -> Value {
    world.regatta(&[&["doctor", "--config", "--json"], args].concat()).exits(0).json()
}

#[test]
fn each_layer_wins_over_the_one_below_and_is_named_as_the_origin() {
    let mut world = at_home();
    world.write("plan.yaml", PLAN);
    let key = "limits.per_wave";
    let plan = ["--plan", "plan.yaml"];
    assert_eq!(row(&shown(&world, &[]), key), (Value::Null, "default".into(), None));
    world.write("home/.config/regatta/config.toml", "[limits]\nper_wave = 2\nmax_parallel = 9\n");
    let facts = shown(&world, &[]);
    assert_eq!((row(&facts, key).0, row(&facts, key).1), (json!(2), "user".into()));
    assert!(row(&facts, key).2.unwrap().ends_with("home/.config/regatta/config.toml:2"));
    world.write("work/.regatta/config.toml", "# ours\n\n[limits]\nper_wave = 3\n");
    let facts = shown(&world, &[]);
    assert_eq!((row(&facts, key).0, row(&facts, key).1), (json!(3), "project".into()));
    assert!(row(&facts, key).2.unwrap().ends_with("work/.regatta/config.toml:4"));
    assert_eq!(row(&facts, "limits.max_parallel").1, "user", "keys are merged one by one");
    assert_eq!(row(&shown(&world, &plan), key), (json!(7), "plan".into(), Some("plan.yaml:2".into())));
    world.set("REGATTA_PER_WAVE", "5");
    let of_variable = (json!(5), "environment".into(), Some("$REGATTA_PER_WAVE".into()));
    assert_eq!(row(&shown(&world, &plan), key), of_variable);
    let of_flag = (json!(6), "flag".into(), Some("--per-wave".into()));
    assert_eq!(row(&shown(&world, &[&plan[..], &["--per-wave", "6"]].concat()), key), of_flag);
}

#[test]
fn what_a_layer_says_is_what_a_run_does() {
    let mut world = at_home();
    world.write(
        "plan.yaml",
        "version: 1\ntasks:\n  - { id: a, run: 'false', tags: [db] }\n  - { id: b, run: 'true' }\n",
    );
    let caps = |world: &World| {
        let text = world.regatta(&["plan", "plan.yaml"]).exits(0).out;
        text.lines().find(|l| l.contains("caps:")).unwrap().trim().to_owned()
    };
    assert_eq!(caps(&world), "caps: max_parallel 4");
    let settings = "schedule = \"sequential\"\non_failure = \"stop\"\n[limits]\nmax_parallel = 2\n\
                    per_tag = { db = 1, nobody = 1 }\nper_priority = { P1 = 3 }\n[retry]\nmax_attempts = 2\nbackoff = \"0\"\n";
    world.write("work/.regatta/config.toml", settings);
    assert_eq!(caps(&world), "caps: max_parallel 2, P1 3, tag db 1", "a tag that nobody has is left out");
    let summary = world.regatta(&["run", "plan.yaml", "--json"]).json();
    assert_eq!(summary["max_parallel"], 2);
    assert_eq!(summary["tasks"]["a"]["status"], "exhausted", "retried by the settings: {summary}");
    assert_eq!(summary["tasks"]["b"]["status"], "skipped", "sequential and stop: {summary}");
    world.set("REGATTA_MAX_PARALLEL", "3");
    world.set("REGATTA_PER_TAG", "db=2, nobody=1");
    world.set("REGATTA_SCHEDULE", "waves");
    assert_eq!(caps(&world), "caps: max_parallel 3, P1 3, tag db 2");
    for (name, value, told) in [
        ("REGATTA_PER_PRIORITY", "P4=1", "`$REGATTA_PER_PRIORITY P4=…`: there is no such priority"),
        ("REGATTA_PER_TAG", "db=1,db=2", "`$REGATTA_PER_TAG db=2` and `db=1` are two caps of one name"),
    ] {
        let said = world.command(&["plan", "plan.yaml"]).env(name, value).output().unwrap();
        let err = String::from_utf8(said.stderr).unwrap();
        assert!(said.status.code() == Some(2) && err.contains(told), "{err}");
    }
    let text = world.regatta(&["plan", "plan.yaml", "--max-parallel", "8"]).exits(0).out;
    assert!(text.contains("max_parallel 8") && text.contains("schedule waves"), "{text}");
}

#[test]
fn settings_that_change_later_do_not_change_a_plan_that_runs_under_them() {
    let world = at_home();
    world.write(
        "plan.yaml",
        "version: 1\ntasks:\n  - { id: a, effect: idempotent, run: 'test -e again || { touch again; kill -INT \
         $(grep -o [0-9]* .regatta/runs/$REGATTA_RUN_ID/lock | head -n1); sleep 60; }' }\n",
    );
    world.write("work/.regatta/config.toml", "[limits]\nmax_parallel = 2\n[timeout]\ngrace = \"1s\"\n");
    world.regatta(&["run", "plan.yaml"]).exits(130);
    world.write("work/.regatta/config.toml", "[limits]\nmax_parallel = 1\n[timeout]\ngrace = \"2s\"\n");
    let summary = world.regatta(&["resume", "--json"]).exits(0).json();
    assert_eq!(summary["max_parallel"], 2, "it goes on as it began");
}

#[test]
fn a_slip_in_a_settings_file_is_told_with_its_place_and_a_near_name_and_nothing_starts() {
    let world = at_home();
    world.write("plan.yaml", "version: 1\ntasks: [ { id: a, run: touch ran } ]\n");
    world.write(
        "work/.regatta/config.toml",
        "[limits]\nmax_paralel = 2\nper_wave = -1\n\n[gc]\nolder_than = \"a week\"\n",
    );
    for args in [&["run", "plan.yaml"][..], &["check", "plan.yaml"], &["doctor", "--config"]] {
        let said: Said = world.regatta(args).exits(3);
        assert!(said.err.contains("config.toml` have 3 errors"), "{}", said.err);
        assert!(
            said.err.contains("config.toml:2") && said.err.contains("did you mean `max_parallel`?"),
            "{}",
            said.err
        );
        assert!(said.err.contains("config.toml:3") && said.err.contains("config.toml:6"), "{}", said.err);
    }
    assert!(!world.path("work/ran").exists() && !world.path("work/.regatta/runs").exists());
    let facts = world.regatta(&["doctor", "--json"]).exits(4).json();
    let found = facts["checks"].as_array().unwrap().iter().find(|c| c["name"] == "settings").unwrap();
    assert_eq!(found["status"], "problem", "{facts}");
}

#[test]
fn a_variable_that_is_no_number_or_that_nothing_reads_is_told() {
    let mut world = at_home();
    world.write("plan.yaml", PLAN);
    world.set("REGATTA_MAX_PARALLEL", "many");
    let said = world.regatta(&["run", "plan.yaml"]).exits(2);
    assert!(said.err.contains("`$REGATTA_MAX_PARALLEL` is `many`, no whole number"), "{}", said.err);
    world.set("REGATTA_MAX_PARALLEL", "0");
    assert!(world.regatta(&["plan", "plan.yaml"]).exits(2).err.contains("`$REGATTA_MAX_PARALLEL 0`"));
    world.unset("REGATTA_MAX_PARALLEL");
    world.set("REGATTA_MAX_PARALEL", "3");
    let said = world.regatta(&["doctor", "--config"]).exits(0);
    assert!(
        said.out.contains("nothing reads $REGATTA_MAX_PARALEL; did you mean $REGATTA_MAX_PARALLEL?"),
        "{}",
        said.out
    );
    assert!(
        world.regatta(&["doctor"]).out.contains("note     variables      nothing reads $REGATTA_MAX_PARALEL")
    );
}

#[test]
fn without_a_home_or_with_a_relative_one_there_are_no_settings_of_the_user() {
    let mut world = at_home();
    for (home, xdg) in [("", ""), ("relative", ""), ("", "relative")] {
        world.set("HOME", home);
        world.set("XDG_CONFIG_HOME", xdg);
        world.write("relative/.config/regatta/config.toml", "[limits]\nmax_parallel = 2\n");
        world.write("relative/regatta/config.toml", "[limits]\nmax_parallel = 2\n");
        let facts = shown(&world, &[]);
        assert_eq!(row(&facts, "limits.max_parallel").1, "default");
        assert_eq!(facts["files"].as_array().map(Vec::len), Some(1), "{facts}");
    }
    let xdg = world.path("xdg");
    world.set("XDG_CONFIG_HOME", xdg.to_str().unwrap());
    world.write("xdg/regatta/config.toml", "[limits]\nmax_parallel = 2\n");
    assert_eq!(row(&shown(&world, &[]), "limits.max_parallel").1, "user");
}

#[test]
fn a_settings_file_that_is_none_is_refused_with_its_path() {
    let world = at_home();
    world.write("plan.yaml", PLAN);
    std::fs::create_dir_all(world.path("work/.regatta/config.toml")).unwrap();
    let said = world.regatta(&["run", "plan.yaml"]).exits(3);
    assert!(
        said.err.contains("config.toml`: it is not a plain file") && said.err.contains("hint:"),
        "{}",
        said.err
    );
    std::fs::remove_dir(world.path("work/.regatta/config.toml")).unwrap();
    world.fifo("work/.regatta/config.toml");
    world.regatta(&["run", "plan.yaml"]).exits(3);
}

#[test]
fn a_request_takes_settings_where_it_says_nothing() {
    let world = at_home();
    world.write(
        "request.json",
        r#"{ "tasks": [ { "id": "a", "tool": "shell", "params": { "cmd": "true" } } ] }"#,
    );
    let slots = |world: &World| {
        let facts = shown(world, &["--plan", "request.json"]);
        (row(&facts, "limits.max_parallel").0, row(&facts, "limits.max_parallel").1)
    };
    assert_eq!(slots(&world), (json!(10), "plan".into()));
    world.write("work/.regatta/config.toml", "[limits]\nmax_parallel = 3\n");
    assert_eq!(slots(&world).0, json!(3));
}
