//! What a task does to the directory of its attempt, where its output and its result are stored.

use crate::world::{World, status};

/// A task that first does something to the directory of its attempt.
fn plan(does: &str) -> String {
    format!(
        "version: 1\ntasks:\n  - id: a\n    run: |\n      cd \"$(dirname \"$REGATTA_RESULT\")\"\n      {does}\n"
    )
}

#[test]
fn a_fifo_where_the_output_goes_hinders_nobody() {
    let world =
        World::with(&plan("mkfifo stdout stderr files.json result.stored.json; echo said; echo more >&2"));
    assert_eq!(status(&world.run(), "a"), "succeeded");
    assert_eq!(world.regatta(&["logs", "a"]).exits(0).out, "said\n");
    assert_eq!(world.regatta(&["logs", "a", "--stderr"]).exits(0).out, "more\n");
}

#[test]
fn no_link_in_it_is_followed_when_something_is_stored() {
    let world = World::new();
    world.write("victim", "untouched");
    let victim = world.path("victim").display().to_string();
    let links =
        format!("for name in stdout stderr result.stored.json files.json; do ln -s {victim} $name; done");
    let large = r#"printf '"%0100000d"' 7 >result.json"#;
    world.write(
        "plan.yaml",
        &format!("{}    files: [victim]\n", plan(&format!("{links}; {large}; echo said"))),
    );
    assert_eq!(status(&world.run(), "a"), "succeeded");
    assert_eq!(world.read("victim"), "untouched");
    assert_eq!(world.regatta(&["logs", "a"]).exits(0).out, "said\n");
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn a_directory_where_the_output_goes_fails_the_task_and_says_so() {
    let world = World::with(&plan("mkdir stdout; echo said"));
    let summary = world.run();
    assert_eq!(status(&summary, "a"), "failed");
    let said = world.regatta(&["explain", "a"]).exits(0).out;
    assert!(said.contains("could not be stored"), "{said}");
}
