//! Spec 6 "Conflicts": a file of one side stands where the other has a directory. Git gives the file a name of its own beside the
//! directory, and no such name lands unless a person commits it.

use crate::mending::with_agent;
use crate::repo_world::{
    belongings, commit_by_hand, git, git_in, integration_worktree, with_plan, worktree_at, worktrees,
};
use crate::world::World;
use serde_json::Value;
use std::path::Path;

/// Two tasks whose work meets: the file is ours where `a` makes it, and theirs where `b` does.
fn tasks(file_is_ours: bool) -> String {
    let (file, directory) = ("echo file >b.txt", "mkdir b.txt; echo x >b.txt/x");
    let (a, b) = if file_is_ours { (file, directory) } else { (directory, file) };
    format!("tasks:\n  - {{ id: a, run: '{a}' }}\n  - {{ id: b, run: '{b}' }}\n")
}

const RESOLVER: &str =
    "on_conflict: resolver, resolver: { agent: bot, attempts: 2 }, gates: ['test ! -e red']";

/// What an agent does that moves the file to where it belongs, and notes what it was told.
const MOVES: &str = "echo x >>$top/calls; cp \"$1\" $top/prompt; mv b.txt~* b.txt/README";

fn landing(world: &World) -> Value {
    world.regatta(&["status", "--json"]).json()["landing"].clone()
}

fn files(world: &World) -> String {
    git(world, &["ls-tree", "-r", "--name-only", "main"])
        .replace(".gitignore\n", "")
        .replace("\nsrc/a.txt\nsrc/b.txt", "")
}

/// A person moves the file to where it belongs, and commits.
fn moved_by_hand(place: &Path) {
    let names = std::fs::read_dir(place).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names = names.map(|name| name.to_string_lossy().into_owned());
    let left = names.find(|name| name.starts_with("b.txt~")).unwrap();
    std::fs::rename(place.join(left), place.join("b.txt/by-hand")).unwrap();
    git_in(place, &["add", "--all"]);
    commit_by_hand(place);
}

#[test]
fn an_agent_says_where_a_file_goes_that_meets_a_directory() {
    for ours in [true, false] {
        let world = with_agent(MOVES, &format!("merge: {{ {RESOLVER} }}\n{}", tasks(ours)));
        world.regatta(&["run", "plan.yaml"]).exits(0);
        assert_eq!(files(&world), "b.txt/README\nb.txt/x");
        assert_eq!(
            (world.read("b.txt/README").as_str(), world.read(".git/calls").as_str()),
            ("file\n", "x\n")
        );
        let prompt = world.read(".git/prompt");
        assert!(prompt.contains("git calls the file `b.txt` of one side so"), "{prompt}");
        let resolved = landing(&world)["conflicts"][0]["resolved"].clone();
        assert_eq!(resolved, serde_json::json!({ "b.txt": "agent bot" }));
    }
}

#[test]
fn a_name_that_git_gave_a_file_beside_a_directory_is_refused_if_an_agent_leaves_it() {
    for ours in [true, false] {
        let world = with_agent("echo x >>$top/calls", &format!("merge: {{ {RESOLVER} }}\n{}", tasks(ours)));
        let before = belongings(&world);
        let said = world.regatta(&["run", "plan.yaml"]).exits(5);
        assert!(said.out.contains("the work of `b` conflicts in b.txt"), "{}", said.out);
        assert_eq!((belongings(&world), world.read(".git/calls").as_str()), (before, "x\nx\n"));
        let tries = landing(&world)["tries"].clone();
        let why = tries[1]["said"].as_str().unwrap();
        assert!(why.starts_with("b.txt~") && why.contains("is left, as git calls the file `b.txt`"), "{why}");
        // What a person commits there lands as they committed it.
        let place = integration_worktree(&world).unwrap();
        moved_by_hand(&place);
        world.regatta(&["resume"]).exits(0);
        assert_eq!((files(&world).as_str(), worktrees(&world)), ("b.txt/by-hand\nb.txt/x", 0));
    }
}

#[test]
fn where_a_file_went_is_not_lost_when_the_target_moves_before_it_lands() {
    for ours in [true, false] {
        let plan = format!("merge: {{ approve: true, {RESOLVER} }}\n{}", tasks(ours));
        let world = with_agent(MOVES, &plan);
        world.regatta(&["run", "plan.yaml"]).exits(5);
        world.regatta(&["resume"]).exits(5);
        assert_eq!(world.read(".git/calls"), "x\n", "the same commits meet, so nobody is asked twice");
        git(
            &world,
            &["-c", "user.name=P", "-c", "user.email=p@x", "commit", "-q", "--allow-empty", "-m", "by hand"],
        );
        world.regatta(&["resume"]).exits(5);
        world.regatta(&["merge", "--approve"]).exits(0);
        assert_eq!(files(&world), "b.txt/README\nb.txt/x");
        assert_eq!(world.read("b.txt/README"), "file\n");
    }
}

const AFTER: &str = "  - { id: c, needs: [a, b], run: 'find b.txt* -type f | sort >seen-by-c' }
  - { id: d, needs: [a, b], run: 'find b.txt* -type f | sort >seen-by-d' }
";

#[test]
fn what_a_task_begins_from_has_the_file_where_the_agent_put_it() {
    for ours in [true, false] {
        let world = with_agent(MOVES, &format!("merge: {{ {RESOLVER} }}\n{}{AFTER}", tasks(ours)));
        world.regatta(&["run", "plan.yaml"]).exits(0);
        let seen = "b.txt/README\nb.txt/x\n";
        assert_eq!((world.read("seen-by-c").as_str(), world.read("seen-by-d").as_str()), (seen, seen));
        assert_eq!(files(&world), "b.txt/README\nb.txt/x\nseen-by-c\nseen-by-d");
        // Once for both bases, and once where work lands: other commits meet there.
        assert_eq!(world.read(".git/calls"), "x\nx\n");
    }
}

#[test]
fn what_a_task_begins_from_has_the_file_where_a_person_put_it() {
    for ours in [true, false] {
        let world = with_plan(&format!(
            "merge: {{ on_conflict: manual-escalation, gates: ['true'] }}\n{}{AFTER}",
            tasks(ours)
        ));
        world.regatta(&["run", "plan.yaml"]).exits(5);
        let place = worktree_at(&world, "-base-c-").unwrap();
        moved_by_hand(&place);
        // Both dependants go on, and the landing asks for itself: other commits meet there.
        world.regatta(&["resume"]).exits(5);
        let place = integration_worktree(&world).unwrap();
        moved_by_hand(&place);
        world.regatta(&["resume"]).exits(0);
        let seen = "b.txt/by-hand\nb.txt/x\n";
        assert_eq!((world.read("seen-by-c").as_str(), world.read("seen-by-d").as_str()), (seen, seen));
        assert_eq!(files(&world), "b.txt/by-hand\nb.txt/x\nseen-by-c\nseen-by-d");
    }
}

#[test]
fn a_name_that_is_no_text_is_left_to_a_person_also_beside_a_file_that_meets_a_directory() {
    let tasks = tasks(true).replace("run: '", "run: 'echo $REGATTA_TASK_ID >$(printf \"caf\\351.txt\"); ");
    let agent = format!("{MOVES}; for name in caf*; do echo both >$name; done");
    let world = with_agent(&agent, &format!("merge: {{ {RESOLVER} }}\n{tasks}{AFTER}"));
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let why = world.regatta(&["explain", "c"]).out;
    assert!(why.contains("its name is no text"), "{why}");
    assert_eq!(world.read(".git/calls"), "x\n", "asked once");
}
