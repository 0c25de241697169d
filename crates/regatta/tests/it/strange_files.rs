//! Spec 6 "Worktrees": what a task leaves that is no plain file with a plain name: links, pipes, names that are no text.

use crate::making::git_that;
use crate::repo_world::{failure, git, with_plan};
use crate::world::World;

/// A plan with one task of that script.
fn task(head: &str, script: &str) -> World {
    let script: String = script.lines().map(|line| format!("      {}\n", line.trim())).collect();
    with_plan(&format!("merge: {{ gates: ['true'] }}\n{head}tasks:\n  - id: a\n    run: |\n{script}"))
}

#[test]
fn a_committed_link_that_leads_out_lands_for_nobody_whatever_stands_in_its_place() {
    for hides in [
        "git update-index --skip-worktree leak; rm leak",
        "git update-index --assume-unchanged leak; rm leak; echo plain >leak",
        "git update-index --skip-worktree leak; rm leak; ln -s src leak",
    ] {
        let world = task("", &format!("ln -s /etc/passwd leak\ngit add leak\ngit commit -qm x\n{hides}"));
        let said = world.regatta(&["run", "plan.yaml"]);
        // Whether git was told to look at it again decides what is there: then it is no link any more, or one that stays.
        let landed = git(&world, &["ls-tree", "HEAD", "leak"]);
        assert!(
            !landed.starts_with("120000") || landed_text(&world) == "src",
            "{hides}: {landed}\n{}",
            said.out
        );
        assert!(said.code == Some(0) || failure(&world, "a").1.contains("lead out of its worktree: leak"));
    }
}

fn landed_text(world: &World) -> String {
    git(world, &["cat-file", "blob", "HEAD:leak"])
}

#[test]
fn a_link_that_leads_out_through_another_link_of_the_commit_is_refused() {
    let world =
        task("", "mkdir -p d/e\nln -s ../.. d/e/top\nln -s d/e/top/../x out\ngit add -A\ngit commit -qm x");
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let (cause, said) = failure(&world, "a");
    assert!(cause == "ownership" && said.contains("lead out of its worktree: out"), "{cause}: {said}");
}

#[test]
fn however_many_links_a_commit_has_they_are_read_by_one_call_of_git() {
    let script = "for i in $(seq 300); do ln -s ../src/a.txt many/new$i; done\nln -s top/../x out";
    let mut world = task("", script);
    std::fs::create_dir(world.path("many")).unwrap();
    for n in 0..300 {
        world.write("many/file", "");
        std::os::unix::fs::symlink("../src/b.txt", world.path(&format!("many/old{n}"))).unwrap();
    }
    std::os::unix::fs::symlink(".", world.path("top")).unwrap();
    git(&world, &["add", "-A"]);
    git(&world, &["commit", "-qm", "links"]);
    let log = world.path("log").display().to_string();
    git_that(&mut world, "echo \"$*\" | grep -q ' cat-file '", &format!("echo call >>{log}"));
    world.regatta(&["run", "plan.yaml"]).exits(1);
    assert!(failure(&world, "a").1.ends_with("lead out of its worktree: out"), "{:?}", failure(&world, "a"));
    let calls = world.read("log").lines().count();
    assert!(calls < 20, "{calls} calls");
}

#[test]
fn pipes_where_git_reads_keep_nobody_waiting_and_the_work_is_kept() {
    let world = task(
        "",
        "mkdir -p d inner/.git; mkfifo d/.gitignore d/.gitattributes .gitmodules inner/.git/HEAD
        mkfifo $(git rev-parse --git-dir)/COMMIT_EDITMSG
        rm $(git rev-parse --git-dir)/index; mkfifo $(git rev-parse --git-dir)/index
        echo a >d/a.txt",
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let (cause, said) = failure(&world, "a");
    let what = "which would wait for it for ever; removed: .gitmodules, d/.gitattributes, d/.gitignore, inner/.git/HEAD";
    assert!(cause == "ownership" && said.contains(what), "{cause}: {said}");
    let kept = git(&world, &["for-each-ref", "--format=%(refname)", "refs/regatta"]);
    let kept = kept.lines().find(|name| name.ends_with("/a/1")).unwrap_or_else(|| panic!("{kept}"));
    assert_eq!(git(&world, &["cat-file", "blob", &format!("{kept}:d/a.txt")]), "a");
}

#[test]
fn a_pipe_that_setup_leaves_where_git_reads_fails_the_task_by_name() {
    let world = task("worktree: { setup: ['mkfifo .gitattributes'] }\n", "echo a >a.txt");
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let (cause, said) = failure(&world, "a");
    assert!(cause == "worktree" && said.contains(".gitattributes"), "{cause}: {said}");
}

#[test]
fn pipes_and_files_without_an_end_in_the_place_of_what_names_a_worktree_are_not_read() {
    let world = task(
        "",
        "rm .git; truncate -s 1T .git
        mkdir -p $REGATTA_WORKSPACE/.git/worktrees/mine; mkfifo $REGATTA_WORKSPACE/.git/worktrees/mine/gitdir
        echo a >a.txt",
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let (cause, said) = failure(&world, "a");
    assert!(cause == "tampered" && said.contains("changed `.git` of its worktree"), "{cause}: {said}");
}

#[test]
fn settings_of_a_worktree_without_an_end_are_not_read_when_work_begins_there() {
    let world = task(
        "worktree: { setup: ['truncate -s 1T $(git rev-parse --git-dir)/config.worktree'] }\n",
        "echo a >a.txt",
    );
    std::fs::write(
        world.path("plan.yaml"),
        world
            .read("plan.yaml")
            .replace("    run:", "    retry: { max_attempts: 2, keep_worktree: true }\n    run:"),
    )
    .unwrap();
    world.regatta(&["run", "plan.yaml"]);
    let (cause, said) = failure(&world, "a");
    assert!(cause == "worktree" && said.contains("it is longer than"), "{cause}: {said}");
}

#[test]
fn a_name_with_a_newline_that_setup_left_hides_nothing_of_the_tasks_work() {
    let world = task(
        "worktree: { setup: ['touch \"$(printf ''a\\nwork'')\"'] }\n",
        "mkdir -p work\necho a >work/a.txt\necho b >b.txt\necho c >a_work",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!((world.read("work/a.txt"), world.read("b.txt")), ("a\n".to_owned(), "b\n".to_owned()));
    let landed = git(&world, &["ls-tree", "-r", "--name-only", "HEAD"]);
    assert_eq!(landed, ".gitignore\na_work\nb.txt\nsrc/a.txt\nsrc/b.txt\nwork/a.txt");
}

#[test]
fn a_name_that_is_no_text_and_that_setup_left_is_no_work_and_one_that_a_task_left_is() {
    let world = task(
        "worktree: { setup: ['touch \"$(printf ''b\\377'')\"'] }\n",
        "echo a >\"$(printf 'a\\377')\"\nmkdir -p \"$(printf 'i\\377')\"",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let landed = git(&world, &["-c", "core.quotePath=true", "ls-tree", "--name-only", "HEAD"]);
    assert!(landed.contains("a\\377") && !landed.contains("b\\377"), "{landed}");
}

#[test]
fn a_repository_inside_whose_name_is_no_text_keeps_no_work_from_being_kept() {
    let world = task(
        "",
        "d=\"$(printf 'i\\377')\"; git init -q \"$d\"; git -C \"$d\" -c user.name=x -c user.email=x@x commit -q --allow-empty -m x
        git update-index --add --cacheinfo \"160000,$(git -C \"$d\" rev-parse HEAD),$d\"
        git commit -qm x; echo a >a.txt",
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let (cause, said) = failure(&world, "a");
    assert!(cause == "ownership", "{cause}: {said}");
    let kept = git(&world, &["for-each-ref", "--format=%(refname)", "refs/regatta"]);
    assert!(kept.lines().any(|name| name.ends_with("/a/1")), "{kept}");
}
