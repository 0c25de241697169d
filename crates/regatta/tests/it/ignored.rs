//! Spec 6, spec 9: what the user's own git ignores is no task's work, and is not overwritten.

use crate::repo_world::{git, with_plan};

#[test]
fn what_the_user_ignores_wherever_they_are_is_never_committed_by_us_or_by_an_agent_that_adds_everything() {
    let tasks = "merge: { gates: ['true'] }
tasks:
  - { id: a, run: 'mkdir -p .venv deep/.claude; echo x >.venv/x; echo s >.env.local; echo l >deep/.claude/settings.local.json; echo a >a' }
  - { id: b, needs: [a], run: 'echo x >.env.local; echo b >b; git add -A; git commit -qm b' }
";
    let ignored = ".venv/\n.env.local\n**/.claude/settings.local.json";
    for named in [false, true] {
        let mut world = with_plan(tasks);
        let person = "[user]\n name = P\n email = p@x\n";
        let config = format!("{person}[core]\n excludesFile = ~/my ignores\n");
        let files = match named {
            true => [(".gitconfig", &*config), ("my ignores", ignored)],
            false => [(".gitconfig", person), (".config/git/ignore", ignored)],
        };
        world.lives_at_home(&files);
        world.regatta(&["run", "plan.yaml"]).exits(0);
        let tree = git(&world, &["ls-tree", "-r", "--name-only", "main"]);
        assert_eq!(tree, ".gitignore\na\nb\nsrc/a.txt\nsrc/b.txt", "{named}");
    }
}

#[test]
fn what_the_user_ignored_when_a_run_began_is_ignored_when_it_is_gone_on_with() {
    let mut world = with_plan(
        "merge: { gates: ['true'] }
gates: { ok: { person: go on } }
tasks:
  - { id: a, run: 'echo a >a; echo s >.secret' }
  - { id: ask, needs: [a], gate: ok }
  - { id: b, needs: [ask], run: 'echo b >b; echo s >.secret' }
",
    );
    let person = "[user]\n name = P\n email = p@x\n";
    world.lives_at_home(&[(".gitconfig", person), (".config/git/ignore", ".secret\n")]);
    world.regatta(&["run", "plan.yaml"]).exits(5);
    std::fs::write(world.at_home(".config/git/ignore"), "").unwrap();
    world.regatta(&["answer", &world.run_id(), "ask", "--succeeded"]);
    world.regatta(&["resume"]).exits(0);
    let tree = git(&world, &["ls-tree", "-r", "--name-only", "main"]);
    assert_eq!(tree, ".gitignore\na\nb\nsrc/a.txt\nsrc/b.txt");
}

#[test]
fn a_file_of_the_users_that_is_ignored_is_not_overwritten_by_what_lands() {
    let world = with_plan(
        "merge: { gates: ['true'] }
tasks: [ { id: a, run: 'echo theirs >x.log; git add -f x.log; git commit -qm log' } ]
",
    );
    world.write("x.log", "mine\n");
    let said = world.regatta(&["run", "plan.yaml"]).exits(5);
    assert!(said.err.contains("x.log") || said.out.contains("x.log"), "{} {}", said.out, said.err);
    assert_eq!(world.read("x.log"), "mine\n");
    std::fs::remove_file(world.path("x.log")).unwrap();
    world.regatta(&["resume"]).exits(0);
    assert_eq!(world.read("x.log"), "theirs\n");
}
