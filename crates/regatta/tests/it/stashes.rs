//! Spec 9 "Git": the stash is one for all worktrees, and it is the user's.

use crate::making::git_that;
use crate::repo_world::{git, with_plan};
use crate::world::World;

fn stash(world: &World) -> Vec<String> {
    git(world, &["stash", "list", "--format=%H"]).lines().map(str::to_owned).collect()
}

/// A person stashes a change of `src/a.txt`.
fn stashes(world: &World) {
    world.write("src/a.txt", "changed by a person\n");
    git(world, &["stash", "push", "-q", "-m", "mine"]);
}

#[test]
fn what_a_task_stashes_is_taken_out_of_the_users_stash_and_kept_and_said() {
    let meanwhile = "cd $REGATTA_WORKSPACE; echo meanwhile >src/b.txt; git stash push -q -m meanwhile";
    let world = with_plan(&format!(
        "merge: {{ gates: ['true'] }}
tasks:
  - {{ id: a, run: 'echo x >new.txt; git add new.txt; git stash push -q -m later; echo one >>src/a.txt; git stash -q; echo y >y.txt' }}
  - {{ id: person, needs: [a], isolation: none, run: '{meanwhile}' }}
  - {{ id: b, needs: [person, a], run: 'echo b >b.txt' }}
"
    ));
    stashes(&world);
    let before = stash(&world);
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    let after = stash(&world);
    assert_eq!((after.len(), &after[1..]), (2, &before[..]), "{}", said.out);
    assert!(git(&world, &["stash", "list"]).contains("meanwhile"));
    assert!(said.out.contains("it left an entry in the stash, which is the user's"), "{}", said.out);
    let kept = git(
        &world,
        &["for-each-ref", "--format=%(refname)", &format!("refs/regatta/{}/+stash", world.run_id())],
    );
    assert_eq!(kept.lines().count(), 2, "{kept}");
    let files: String =
        kept.lines().map(|name| git(&world, &["diff", "--name-only", &format!("{name}^1"), name])).collect();
    assert!(files.contains("new.txt") && files.contains("src/a.txt"), "{files}");
    assert_eq!((world.read("y.txt").as_str(), world.path("new.txt").exists()), ("y\n", false));
}

#[test]
fn what_vanishes_from_the_users_stash_while_a_task_works_is_kept_and_said() {
    // It means to stash something of its own, has nothing to stash, and takes the user's.
    let world = with_plan(
        "tasks: [ { id: a, run: 'git stash -q; git stash pop -q; git checkout -q .; echo a >a.txt' } ]\n",
    );
    stashes(&world);
    let theirs = stash(&world).remove(0);
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    let name = format!("refs/regatta/{}/+stash/{theirs}", world.run_id());
    assert!(said.out.contains(&format!("git stash store {name}")), "{}", said.out);
    git(&world, &["stash", "store", "-m", "mine", &name]);
    assert_eq!(stash(&world), [theirs]);
}

const STASHES: &str = "merge: { gates: ['true'] }
tasks: [ { id: a, run: 'echo one >>src/a.txt; git stash -q; echo a >a.txt' } ]
";

#[test]
fn what_a_person_stashes_while_an_entry_of_a_task_is_taken_out_stays_in_the_stash() {
    let mut world = with_plan(STASHES);
    stashes(&world);
    let before = stash(&world).remove(0);
    world.write("src/b.txt", "at that very moment\n");
    let theirs = git(&world, &["stash", "create", "meanwhile"]);
    git(&world, &["checkout", "-q", "."]);
    let top = world.root().display().to_string();
    let first = format!("echo \"$*\" | grep -q 'stash drop' && mkdir {top}/.git/once 2>/dev/null");
    git_that(&mut world, &first, &format!("git -C {top} stash store -m 'On main: meanwhile' {theirs}"));
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(world.path(".git/once").exists());
    assert_eq!(stash(&world), [theirs, before], "{}", said.out);
    assert!(git(&world, &["stash", "list"]).contains("On main: meanwhile"));
}

#[test]
fn a_stash_that_cannot_be_tidied_is_said_and_fails_no_task() {
    let mut world = with_plan(STASHES);
    git_that(&mut world, "echo \"$*\" | grep -q 'stash drop'", "echo planted failure >&2; exit 1");
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(said.out.contains("it left an entry in the stash, which stays there"), "{}", said.out);
    assert_eq!((stash(&world).len(), world.read("a.txt").as_str()), (1, "a\n"));
}
