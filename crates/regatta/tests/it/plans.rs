//! Bad input never starts anything, never leaves a half-made directory, never panics.

use crate::world::World;

fn refused(world: &World, args: &[&str], code: i32, text: &str) {
    let said = world.regatta(args).exits(code);
    assert!(said.err.contains(text), "{text:?} is not in:\n{}", said.err);
    assert!(!world.path(".regatta").exists(), "nothing is left behind");
}

#[test]
fn every_problem_is_told_at_once_with_its_place() {
    let world = World::with(
        "version: 1
tasks:
  - { id: a, runn: 'true', run: 'true' }
  - { id: a, run: 'true' }
  - { id: b, needs: [c], run: 'true' }
  - { id: d, needs: [e], run: 'true' }
  - { id: e, needs: [d], run: 'true' }
",
    );
    let said = world.regatta(&["run", "plan.yaml"]).exits(3);
    for text in ["RG003", "did you mean `run`", "RG010", "RG011", "RG012", "d -> e -> d", "plan.yaml:3"] {
        assert!(said.err.contains(text), "{text} is not in:\n{}", said.err);
    }
    assert!(!world.path(".regatta").exists());
    let facts = world.regatta(&["check", "plan.yaml", "--json"]).exits(3).json();
    assert_eq!(facts["problems"].as_array().unwrap().len(), 4, "{facts}");
}

#[test]
fn what_later_work_brings_is_checked_but_not_run() {
    let world = World::with("version: 1\ntasks:\n  - { id: ask, handoff: { to: b }, run: 'true' }\n");
    world.regatta(&["check", "plan.yaml"]).exits(0);
    refused(&world, &["run", "plan.yaml"], 2, "task `ask` needs `handoff`");
}

#[test]
fn a_device_a_directory_a_pipe_and_bad_text_are_refused() {
    let world = World::with("version: 1\ntasks: [ {id: a, run: \u{0} } ]");
    refused(&world, &["run", "/dev/zero"], 2, "is not a plain file");
    refused(&world, &["run", "."], 2, "is not a plain file");
    refused(&world, &["run", "missing.yaml"], 2, "cannot be opened");
    std::fs::write(world.path("latin.yaml"), b"version: 1\nname: caf\xe9\n").unwrap();
    refused(&world, &["run", "latin.yaml"], 3, "not UTF-8");
    std::fs::File::create(world.path("sparse.yaml")).unwrap().set_len(8 << 30).unwrap();
    refused(&world, &["run", "sparse.yaml"], 3, "more than 256 MiB");
    let status = std::process::Command::new("mkfifo").arg(world.path("fifo")).status().unwrap();
    assert!(status.success());
    refused(&world, &["run", "fifo"], 2, "is not a plain file");
}

#[test]
fn hostile_documents_are_refused_in_bounded_time() {
    let world = World::new();
    world.write("deep.json", &"[".repeat(100_000));
    refused(&world, &["run", "deep.json"], 3, "nesting is deeper than 64");
    world.write("deep.yaml", &"[".repeat(100_000));
    refused(&world, &["run", "deep.yaml"], 3, "nesting is deeper than 64");
    let mut bomb = String::from("a: &a [x, x, x, x, x, x, x, x, x, x]\n");
    for (name, last) in ('b'..='h').zip('a'..) {
        bomb.push_str(&format!("{name}: &{name} [{}]\n", vec![format!("*{last}"); 10].join(", ")));
    }
    world.write("bomb.yaml", &bomb);
    refused(&world, &["run", "bomb.yaml"], 3, "anchors and aliases stand for more than");
}

#[test]
fn a_plan_can_come_from_standard_input() {
    use std::io::Write as _;
    let world = World::new();
    let mut command = world.command(&["run", "-", "--json"]);
    let mut child =
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"{\"version\": 1, /* c */ \"tasks\": [{\"id\": \"a\", \"run\": \"true\"}]}")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn toml_says_the_same_as_yaml() {
    let world = World::with(
        "version: 1\nname: p\ntasks:\n  - { id: b, needs: [a], run: [echo, hi] }\n  - { id: a, run: 'true' }\n",
    );
    world.write(
        "plan.toml",
        "version = 1\nname = 'p'\n[[tasks]]\nid = 'a'\nrun = 'true'\n[[tasks]]\nid = 'b'\nneeds = ['a']\nrun = ['echo', 'hi']\n",
    );
    let hash =
        |file: &str| world.regatta(&["plan", file, "--json"]).exits(0).json()["schedulePlanHash"].clone();
    assert_eq!(hash("plan.yaml"), hash("plan.toml"));
}
