//! `doctor`: what the machine and the workspace permit, found out by doing it, with nothing left behind.

use crate::world::{Said, World};
use serde_json::{Value, json};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};

/// What `doctor --json` says of a thing.
fn check<'a>(facts: &'a Value, name: &str) -> (&'a str, &'a str) {
    let found = facts["checks"].as_array().unwrap().iter().find(|c| c["name"] == name);
    let found = found.unwrap_or_else(|| panic!("nothing is said of `{name}`: {facts}"));
    (found["status"].as_str().unwrap(), found["detail"].as_str().unwrap())
}

fn doctor(world: &World) -> Said {
    world.regatta(&["doctor", "--json"])
}

#[test]
fn a_healthy_workspace_has_no_problem_and_nothing_is_left_behind() {
    let mut world = World::new();
    world.set("DOCTOR_WAS_HERE", world.root().to_str().unwrap().to_owned().as_str());
    let facts = doctor(&world).exits(0).json();
    let mut used = vec!["process group", "subreaper", "marker"];
    used.extend((facts["containment"]["permitted"]["cgroup"] == json!(true)).then_some("cgroup"));
    assert_eq!((&facts["ok"], &facts["containment"]["used"]), (&json!(true), &json!(used)));
    for name in
        ["private", "store", "writes", "locks", "process group", "subreaper", "marker", "pidfd", "clock"]
    {
        assert_eq!(check(&facts, name).0, "ok", "{name}: {facts}");
    }
    assert!(
        check(&facts, "store").1.contains("none yet") && check(&facts, "version").1.starts_with("regatta 0.")
    );
    assert!(
        check(&facts, "clock")
            .1
            .contains(std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap().trim())
    );
    assert_eq!(std::fs::read_dir(world.root()).unwrap().count(), 0, "no workspace is made");
    let mine = world.root().to_str().unwrap().as_bytes().to_owned();
    let left = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok).filter(|entry| {
        let environ = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        environ.split(|b| *b == 0).any(|v| v.strip_prefix(b"DOCTOR_WAS_HERE=") == Some(&mine[..]))
    });
    assert_eq!(left.count(), 0, "a process lives on");
}

#[test]
fn what_is_permitted_is_said_with_whether_it_is_used() {
    let world = World::new();
    let facts = doctor(&world).exits(0).json();
    let permitted = &facts["containment"]["permitted"];
    for (name, told) in [("cgroup", &permitted["cgroup"]), ("pid namespace", &permitted["pid_namespace"])] {
        let (status, detail) = check(&facts, name);
        assert_eq!(
            (status, *told == json!(true)),
            (if detail.starts_with("permitted") { "ok" } else { "note" }, status == "ok")
        );
    }
    let (_, namespace) = check(&facts, "pid namespace");
    assert!(
        namespace.contains("not used by this version") || namespace.starts_with("not tried"),
        "{namespace}"
    );
    let used = |facts: &Value| {
        let used = facts["containment"]["used"].as_array().unwrap();
        used.contains(&json!("cgroup"))
    };
    assert_eq!(json!(used(&facts)), permitted["cgroup"], "all that is permitted is used");
    std::fs::create_dir(world.path(".regatta")).unwrap();
    world.write(".regatta/config.toml", "containment = \"group\"\n");
    let facts = doctor(&world).exits(0).json();
    assert!(!used(&facts));
    assert_eq!(check(&facts, "cgroup").0, "note");
}

#[test]
fn a_store_is_verified_to_its_last_event_and_damage_is_told_without_touching_it() {
    let world = World::with("version: 1\ntasks:\n  - { id: a, run: 'true' }\n");
    world.run();
    let events = world.regatta(&["events"]).out.lines().count();
    let facts = doctor(&world).exits(0).json();
    let sound = format!("sound: schema version 2, {events} events of 1 run verified");
    assert_eq!(check(&facts, "store"), ("ok", sound.as_str()));
    let db = rusqlite::Connection::open(world.path(".regatta/regatta.db")).unwrap();
    db.execute("UPDATE events SET body = replace(body, 'succeeded', 'succeedeX')", []).unwrap();
    drop(db);
    let facts = doctor(&world).exits(4).json();
    assert_eq!((&facts["ok"], check(&facts, "store").0), (&json!(false), "problem"));
    assert!(check(&facts, "store").1.contains("damaged"), "{facts}");
    let db = rusqlite::Connection::open(world.path(".regatta/regatta.db")).unwrap();
    db.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(db);
    assert!(check(&doctor(&world).exits(4).json(), "store").1.contains("99"));
    std::fs::write(world.path(".regatta/regatta.db"), "no database").unwrap();
    let said = world.regatta(&["doctor"]).exits(4);
    assert!(said.out.contains("problem  store") && said.out.contains(", 1 problem\n"), "{}", said.out);
    let names = std::fs::read_dir(world.path(".regatta")).unwrap().map(|e| e.unwrap().file_name());
    let copies = names.filter(|name| name.to_string_lossy().contains("damaged"));
    assert_eq!(copies.count(), 0, "who only looks copies nothing");
}

#[test]
fn a_home_that_is_not_ours_or_open_to_others_is_told() {
    let world = World::with("version: 1\ntasks:\n  - { id: a, run: 'true' }\n");
    world.run();
    let home = world.path(".regatta");
    std::fs::set_permissions(&home, PermissionsExt::from_mode(0o755)).unwrap();
    let facts = doctor(&world).exits(0).json();
    assert_eq!(check(&facts, "private").0, "note");
    assert!(check(&facts, "private").1.contains("mode 0755"), "{facts}");
    assert_eq!(check(&doctor(&world).exits(0).json(), "private").0, "ok", "it was made private again");
    std::fs::rename(&home, world.path("elsewhere")).unwrap();
    symlink(world.path("elsewhere"), &home).unwrap();
    let facts = doctor(&world).exits(4).json();
    assert_eq!((check(&facts, "private").0, check(&facts, "store").0), ("problem", "problem"));
    std::fs::remove_file(&home).unwrap();
    std::fs::write(&home, "").unwrap();
    assert!(check(&doctor(&world).exits(4).json(), "private").1.ends_with("is no directory"));
}

#[test]
fn limits_are_held_against_the_tasks_that_are_asked_for() {
    let world = World::new();
    let line = format!("ulimit -n 44; exec {} doctor --max-parallel \"$0\"", env!("CARGO_BIN_EXE_regatta"));
    let under = |tasks: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", &line, tasks]).current_dir(world.root()).stdin(Stdio::null());
        let said = command.output().unwrap();
        (said.status.code(), String::from_utf8_lossy(&said.stdout).into_owned())
    };
    let (code, said) = under("100");
    assert_eq!(code, Some(4), "{said}");
    assert!(
        said.contains("problem  open files     44 free: enough for 2 tasks at once, 100 asked for"),
        "{said}"
    );
    assert!(said.contains("hint: raise the limit (`ulimit -n`), or lower `max_parallel` to 2"), "{said}");
    assert_eq!(under("2").0, Some(0));
    world.regatta(&["doctor", "--max-parallel", "0"]).exits(2);
}

#[test]
fn what_a_run_needs_and_is_not_there_is_told() {
    let mut world = World::new();
    world.set("PATH", world.root().to_str().unwrap().to_owned().as_str());
    let facts = doctor(&world).exits(4).json();
    assert_eq!((check(&facts, "git").0, check(&facts, "process group").0), ("note", "problem"));
    assert!(check(&facts, "pid namespace").1.starts_with("not tried"), "{facts}");
    assert_eq!(facts["containment"]["permitted"]["pid_namespace"], Value::Null);
    assert_eq!(facts["containment"]["used"], json!([]));
    let hints = facts["checks"].as_array().unwrap().iter().filter(|c| c["status"] == "problem");
    assert!(hints.into_iter().all(|c| c["hint"].is_string()), "{facts}");
}

#[test]
fn the_workspace_is_told_with_the_reason_why_it_is_that_one() {
    let mut world = World::new();
    std::fs::create_dir_all(world.path("repo/.git")).unwrap();
    std::fs::create_dir_all(world.path("repo/deep")).unwrap();
    let told = |world: &World, dir: &str, args: &[&str]| {
        let mut command = world.command(&[args, &["doctor", "--json"]].concat());
        let said = command.current_dir(world.path(dir)).output().unwrap();
        let facts: Value = serde_json::from_slice(&said.stdout).unwrap();
        check(&facts, "workspace").1.rsplit_once(", ").unwrap().1.to_owned()
    };
    assert_eq!(told(&world, "", &[]), "the working directory");
    assert_eq!(told(&world, "repo/deep", &[]), "the root of the git work tree");
    std::fs::create_dir(world.path("repo/deep/.regatta")).unwrap();
    assert_eq!(told(&world, "repo/deep", &[]), "the nearest directory with `.regatta/`");
    world.set("REGATTA_WORKSPACE", world.root().to_str().unwrap().to_owned().as_str());
    assert_eq!(told(&world, "repo/deep", &[]), "named by $REGATTA_WORKSPACE");
    assert_eq!(told(&world, "", &["--workspace", "repo"]), "given by --workspace");
}
