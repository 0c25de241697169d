//! Spec 10 "Gates", spec 6 "Merge": what must be green, and whom a person or an agent is asked before the target moves.

use crate::repo_world::{belongings, git, with_plan, worktrees};
use crate::world::World;
use serde_json::Value;

fn landing(world: &World) -> Value {
    world.regatta(&["status", "--json"]).json()["landing"].clone()
}

const APPROVED: &str = "merge: { approve: true, gates: ['true'] }
tasks: [ { id: a, run: 'echo new >new.txt; echo new >src/b.txt' } ]
";

#[test]
fn with_approve_the_target_moves_only_after_a_person_said_yes_to_that_very_tip() {
    let world = with_plan(APPROVED);
    let before = belongings(&world);
    let said = world.regatta(&["run", "plan.yaml"]).exits(5);
    let next = format!("next: regatta merge {} --approve", world.run_id());
    assert!(said.out.contains("may the target move?") && said.out.contains(&next), "{}", said.out);
    assert_eq!(belongings(&world), before);
    let tip = landing(&world)["tip"].as_str().unwrap().to_owned();
    assert_eq!(landing(&world)["asks"][0]["text"], "may the target move?");
    // Nobody answered: it asks again, about the same commit.
    world.regatta(&["resume"]).exits(5);
    assert_eq!((belongings(&world), landing(&world)["tip"].as_str().unwrap()), (before, tip.as_str()));
    let said = world.regatta(&["merge", "--approve"]).exits(0);
    assert!(said.err.contains(&format!("approved for {}", &tip[..10])), "{}", said.err);
    assert_eq!((git(&world, &["rev-parse", "main"]), worktrees(&world)), (tip, 0));
    assert!(
        world.regatta(&["merge", &world.run_id(), "--approve"]).exits(2).err.contains("asks for no approval")
    );
}

#[test]
fn an_approval_is_for_that_tip_only_and_a_tip_that_is_built_anew_is_asked_about_again() {
    let world = with_plan(APPROVED);
    world.regatta(&["run", "plan.yaml"]).exits(5);
    // The person's own files stand in the way, so the run waits once more, but not for an approval.
    world.write("src/b.txt", "mine\n");
    let said = world.regatta(&["merge", "--approve"]).exits(5);
    assert!(said.out.contains("are in the way"), "{}", said.out);
    git(&world, &["checkout", "-q", "--", "src/b.txt"]);
    git(&world, &["commit", "-q", "--allow-empty", "-m", "theirs"]);
    let said = world.regatta(&["resume"]).exits(5);
    assert!(said.out.contains("may the target move?"), "{}", said.out);
    assert_eq!(git(&world, &["log", "-1", "--format=%s", "main"]), "theirs");
    world.regatta(&["merge", "--approve"]).exits(0);
    assert_eq!(git(&world, &["log", "--first-parent", "--format=%s", "-2", "main"]), "Merge a: a\ntheirs");
}

#[test]
fn an_approval_outlives_what_stands_between_it_and_the_landing() {
    let world = with_plan(APPROVED);
    world.regatta(&["run", "plan.yaml"]).exits(5);
    world.write("src/b.txt", "mine\n");
    world.regatta(&["merge", "--approve"]).exits(5);
    git(&world, &["checkout", "-q", "--", "src/b.txt"]);
    // It is not asked twice.
    world.regatta(&["resume"]).exits(0);
    assert_eq!(world.read("new.txt"), "new\n");
}
