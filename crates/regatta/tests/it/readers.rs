//! Who reads what a run prints, or does not.

use crate::world::{World, ends, status};
use std::io::Read as _;
use std::process::Stdio;

#[test]
fn a_reader_that_sleeps_over_the_lines_of_a_run_does_not_hold_it_up() {
    // More lines than a pipe holds, and a timeout that has to be kept meanwhile.
    let mut plan = "version: 1\nlimits: { max_parallel: 8 }\ntasks:\n".to_owned();
    for n in 0..1_000 {
        plan.push_str(&format!(
            "  - {{ id: quite-a-long-name-for-a-task-of-no-importance-{n}, run: [\"true\"] }}\n"
        ));
    }
    let world = World::with(&plan);
    let last = format!("echo up >{}/up", world.root().display());
    let needs: Vec<String> =
        (0..1_000).map(|n| format!("quite-a-long-name-for-a-task-of-no-importance-{n}")).collect();
    world.write(
        "plan.yaml",
        &format!("{plan}  - {{ id: last, needs: [{}], run: '{last}' }}\n", needs.join(", ")),
    );
    world.fifo("up");
    let mut command = world.command(&["run", "plan.yaml"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut unread = child.stdout.take().unwrap();
    assert_eq!(world.hear("up"), "up", "everything was done although nobody has read a line");
    let mut text = String::new();
    unread.read_to_string(&mut text).unwrap();
    assert_eq!(ends(&mut child), Some(0));
    assert!(text.len() > 60_000 && text.contains("run started"), "{}", text.len());
    assert_eq!(status(&world.regatta(&["status", "--json"]).json(), "last"), "succeeded");
}
