//! Plans that hold and take leases, and what can be told of them from outside.

use crate::world::World;
use rustix::process::Pid;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// The binary, for tasks that call it.
pub const REGATTA: &str = env!("CARGO_BIN_EXE_regatta");
/// The longest a test waits until something is so.
const PATIENCE: Duration = Duration::from_secs(60);

/// A plan whose task holds `db` as long as nobody opens `gate`.
pub fn holder(world: &World, name: &str, lock: &str, gate: &str) {
    world.write(
        &format!("{name}.yaml"),
        &format!(
            "version: 1\neffect: idempotent\ntasks:\n  \
             - {{ id: {name}, locks: [{lock}], run: 'echo {name}+ >>log; echo up >{name}.up; cat <{gate} >/dev/null; echo {name}- >>log' }}\n"
        ),
    );
}

/// A plan whose task takes `lock` for a moment.
pub fn taker(world: &World, name: &str, lock: &str) {
    let text = format!(
        "version: 1\neffect: idempotent\ntasks:\n  - {{ id: {name}, locks: [{lock}], run: 'echo {name}+ >>log; echo {name}- >>log' }}\n"
    );
    world.write(&format!("{name}.yaml"), &text);
}

pub fn open(path: &Path) {
    std::fs::write(path, "go\n").unwrap();
}

/// A workspace with a run whose task `a` holds `lock` until `gate` is opened.
pub fn held(lock: &str) -> (World, Child) {
    let world = World::new();
    ["a.up", "gate"].iter().for_each(|name| world.fifo(name));
    holder(&world, "a", lock, "gate");
    let child = world.start(&["run", "a.yaml"]);
    assert_eq!(world.hear("a.up"), "up");
    (world, child)
}

pub fn log(world: &World) -> String {
    world.read("log").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The keeper of a run, found by its command line.
pub fn keeper_of(world: &World, run: &str) -> Pid {
    let dir = world.root().canonicalize().unwrap().join(".regatta/runs").join(run);
    let is_it = |entry: &std::fs::DirEntry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        line.split(|b| *b == 0).any(|arg| arg == dir.as_os_str().as_encoded_bytes())
    };
    let found = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok).find(is_it).unwrap();
    Pid::from_raw(found.file_name().to_str().unwrap().parse().unwrap()).unwrap()
}

/// Starts a plan and waits until it waits for a lease.
pub fn waiting(world: &World, plan: &str) -> Child {
    told(world, &["run", plan], " waiting ")
}

/// Starts a command and waits until it has said `what`.
pub fn told(world: &World, args: &[&str], what: &str) -> Child {
    let mut child = world.command(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains(what)), "it never says `{what}`");
    child
}

/// A lease as `locks` shows it: name, task, and whether it is held.
pub fn rows(world: &World) -> Vec<String> {
    let rows = world.regatta(&["locks", "--json"]).exits(0).json();
    let text = |row: &Value, field: &str| row[field].as_str().unwrap_or("-").to_owned();
    let row = |row: &Value| format!("{} {} by {}", text(row, "name"), text(row, "state"), text(row, "task"));
    rows.as_array().unwrap().iter().map(row).collect()
}

/// Looks until it is so.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it is never so: {what}");
    }
}
