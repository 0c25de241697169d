//! Spec 9 "Files" and the rest of "Store": what was made wider, linked elsewhere or put in the place of ours before
//! anybody looked, and numbers of processes that mean somebody else by now.

use crate::world::{World, ends, signal};
use rustix::process::Signal;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

const PLAN: &str = "version: 1
effect: idempotent
tasks:
  - { id: out, run: 'echo out; echo err >&2' }
  - { id: worn, run: exit 1, retry: { max_attempts: 2, backoff: 1ms } }
  - { id: slow, needs: [out], run: 'echo up >up; test -e go' }
  - { id: last, needs: [slow], run: 'echo 1 >\"$REGATTA_RESULT\"', locks: [l] }
";

/// A run whose orchestrator and keeper are dead, in the midst of a task.
fn interrupted() -> World {
    let world = World::with(&PLAN.replace("test -e go", "test -e go || sleep 60"));
    world.fifo("up");
    let mut child = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear("up"), "up");
    signal(&child, Signal::INT);
    assert_eq!(ends(&mut child), Some(130));
    world.write("go", "");
    std::fs::remove_file(world.path("up")).unwrap();
    world
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn widen(path: &Path) {
    assert!(Command::new("chmod").args(["-R", "a+rwx"]).arg(path).status().unwrap().success());
}

#[test]
fn a_home_that_anybody_could_enter_is_private_again_before_a_run_is_started_or_taken_up() {
    let world = interrupted();
    let home = world.path(".regatta");
    for args in [&["resume"][..], &["run", "plan.yaml"], &["status"], &["ls"]] {
        widen(&home);
        world.regatta(args);
        assert_eq!(mode(&home), 0o700, "{args:?}");
        if args[0] == "status" || args[0] == "ls" {
            continue;
        }
        // What a run of its own uses is private by itself too; the rest is out of reach.
        let run = world.run_dir();
        for dir in
            [home.join("runs"), run.clone(), run.join("out"), run.join("attempts"), run.join("escalations")]
        {
            assert_eq!(mode(&dir), 0o700, "{args:?}: {}", dir.display());
        }
        let names =
            ["lock", "keeper.lock", "keeper.log", "keeper.spool", "keeper.alive", "events.snapshot.json"]
                .into_iter()
                .chain(["escalations/worn.md", "escalations/worn.json"]);
        let files = names.map(|name| run.join(name));
        for file in files.chain([home.join("regatta.db"), home.join("leases.db")]) {
            assert_eq!(mode(&file), 0o600, "{args:?}: {}", file.display());
        }
    }
}

/// What links must not lead to: a directory with a file, and what they are like.
struct Victim(PathBuf, String, u32);

impl Victim {
    fn new(world: &World) -> Victim {
        world.write("victim/file", "untouched");
        let dir = world.path("victim");
        widen(&dir);
        Victim(dir.clone(), listing(&dir), mode(&dir.join("file")))
    }

    fn is_untouched(&self, what: &str) {
        assert_eq!(listing(&self.0), self.1, "{what}");
        assert_eq!(std::fs::read_to_string(self.0.join("file")).unwrap(), "untouched", "{what}");
        assert_eq!(mode(&self.0.join("file")), self.2, "{what}: its rights");
    }
}

fn listing(dir: &Path) -> String {
    let mut names: Vec<String> =
        std::fs::read_dir(dir).unwrap().map(|entry| format!("{:?}", entry.unwrap().file_name())).collect();
    names.sort();
    names.join(" ")
}

#[test]
fn no_link_in_the_place_of_something_of_ours_is_followed() {
    for (place, to) in [
        (".regatta", "victim"),
        (".regatta/runs", "victim"),
        (".regatta/regatta.db", "victim/file"),
        (".regatta/regatta.db", "nowhere"),
        (".regatta/leases.db", "victim/file"),
        (".regatta/.gitignore", "victim/file"),
    ] {
        let world = World::with(PLAN);
        world.write("go", "");
        let victim = Victim::new(&world);
        let path = world.path(place);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(world.path(to), &path).unwrap();
        let said = world.regatta(&["run", "plan.yaml"]);
        victim.is_untouched(place);
        assert!(!world.path("nowhere").exists(), "{place}");
        if place.ends_with(".gitignore") {
            continue;
        }
        assert_eq!(said.code, Some(4), "{place}: {}{}", said.out, said.err);
        let name = place.rsplit('/').next().unwrap();
        assert!(said.err.contains(name) && said.err.contains("link"), "{place}: {}", said.err);
    }
}

#[test]
fn no_link_in_the_directory_of_a_run_is_followed_when_it_is_taken_up() {
    for (name, to) in [
        ("lock", "victim/file"),
        ("keeper.lock", "victim/file"),
        ("keeper.log", "victim/file"),
        ("keeper.spool", "victim/file"),
        ("out", "victim"),
        ("attempts", "victim"),
        ("escalations", "victim"),
        ("events.snapshot.json", "victim/file"),
    ] {
        let world = interrupted();
        let victim = Victim::new(&world);
        let path = world.run_dir().join(name);
        if path.is_dir() {
            std::fs::rename(&path, world.path("aside")).unwrap();
        } else {
            // What is not there yet is made in this place.
            let _ = std::fs::remove_file(&path);
        }
        symlink(world.path(to), &path).unwrap();
        let said = world.regatta(&["resume"]);
        victim.is_untouched(name);
        assert!(!said.err.contains("panicked"), "{name}: {}", said.err);
        assert_ne!(said.code, None, "{name}");
    }
}

#[test]
fn special_files_in_the_place_of_ours_are_refused_and_nobody_waits_for_their_other_end() {
    for name in ["regatta.db", "leases.db", "runs", "config.toml"] {
        let world = World::with(PLAN);
        world.write("go", "");
        std::fs::create_dir(world.path(".regatta")).unwrap();
        world.fifo(&format!(".regatta/{name}"));
        let said = world.regatta(&["run", "plan.yaml"]);
        assert!(matches!(said.code, Some(3 | 4)), "{name}: {:?} {}", said.code, said.out);
        assert!(said.err.contains(name), "{name}: {}", said.err);
    }
    for name in
        ["lock", "keeper.lock", "keeper.spool", "keeper.log", "escalations/worn.md", "escalations/worn.json"]
    {
        let world = interrupted();
        let path = world.run_dir().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = std::fs::remove_file(&path);
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let said = world.regatta(&["resume"]);
        assert!(matches!(said.code, Some(4 | 5)), "{name}: {:?} {}{}", said.code, said.out, said.err);
    }
}

#[test]
fn a_dead_holder_whose_process_number_is_somebody_elses_by_now_holds_nothing() {
    let world = interrupted();
    let lock = world.run_dir().join("lock");
    let text = std::fs::read_to_string(&lock).unwrap();
    let mut bystander = Command::new("sleep").arg("60").spawn().unwrap();
    let dead: u64 = serde_json::from_str::<serde_json::Value>(&text).unwrap()["pid"].as_u64().unwrap();
    std::fs::write(&lock, text.replace(&dead.to_string(), &bystander.id().to_string())).unwrap();
    let facts = world.regatta(&["status", "--json"]).exits(0).json();
    assert_eq!((&facts["status"], &facts["orchestrator"]), (&"interrupted".into(), &serde_json::Value::Null));
    let said = world.regatta(&["resume", "--json"]).exits(5).json();
    assert_eq!(said["tasks"]["last"]["status"], "succeeded");
    assert!(bystander.try_wait().unwrap().is_none(), "nobody touched it");
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[test]
fn what_a_task_leaves_elsewhere_keeps_its_rights_and_a_state_file_is_private() {
    let world = World::with("version: 1\ntasks: [ { id: a, run: 'umask 022; echo x >mine' } ]\n");
    world.regatta(&["run", "plan.yaml", "--state-file"]).exits(0);
    assert_eq!(mode(&world.path("mine")), 0o644);
    assert_eq!(mode(&world.path("parallel-state.json")), 0o600);
    assert_eq!(std::fs::metadata(world.path("parallel-state.json")).unwrap().nlink(), 1);
}
