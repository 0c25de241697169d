//! Spec 6 "Collect", filters: what belongs to git-lfs goes through it, or is refused; nothing raw is ever taken.

use crate::repo_world::{belongings, git, repository};
use crate::world::World;
use std::process::Command;

/// Whether git-lfs is there; a test that wants it says that it is skipped where it is not.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn has_lfs(test: &str) -> bool {
    let there = Command::new("git-lfs").arg("version").output().is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("{test}: skipped: git-lfs is not installed (scripts/setup-tests.sh installs it)");
    }
    there
}

/// A repository with `big.bin` kept by git-lfs, and a plan.
fn with_large_file(plan: &str) -> World {
    let world = repository();
    git(&world, &["lfs", "install", "--local", "--skip-repo"]);
    world.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
    world.write("big.bin", "content\n");
    git(&world, &["add", "-A"]);
    git(&world, &["commit", "-q", "-m", "large"]);
    assert!(git(&world, &["show", "HEAD:big.bin"]).starts_with("version https://git-lfs"));
    world.write("plan.yaml", &format!("version: 1\nisolation: worktree\neffect: idempotent\n{plan}"));
    world
}

const WORK: &str = "merge: { gates: ['grep -q more big.bin'] }
tasks:
  - { id: a, run: 'cat big.bin && echo more >>big.bin && cp big.bin two.bin' }
  - { id: b, needs: [a], run: 'grep -c . two.bin >lines.txt; git diff --quiet HEAD -- two.bin' }
";

#[test]
fn large_files_are_content_in_worktrees_pointers_in_commits_and_content_again_where_they_land() {
    if !has_lfs("large_files") {
        return;
    }
    for lfs in ["on", "auto"] {
        let world = with_large_file(&format!("worktree: {{ lfs: {lfs} }}\n{WORK}"));
        // The run has settings of its own, and needs none of the user's.
        git(&world, &["config", "--remove-section", "filter.lfs"]);
        world.regatta(&["run", "plan.yaml"]).exits(0);
        for name in ["big.bin", "two.bin"] {
            assert!(
                git(&world, &["show", &format!("main:{name}")]).starts_with("version https://git-lfs"),
                "{name}"
            );
            assert_eq!(world.read(name), "content\nmore\n", "{name}");
        }
        assert_eq!(world.read("lines.txt"), "2\n");
    }
}

/// The cause of a task's failure, and what was said of its last attempt.
fn failure(world: &World, task: &str) -> (String, String) {
    let row = world.regatta(&["status", "--json"]).json()["tasks"][task].clone();
    let said = world.regatta(&["explain", task]).out;
    (row["cause"].as_str().unwrap_or_default().to_owned(), said)
}

const RAW: &str = "echo raw >big.bin; id=$(git hash-object -w --no-filters big.bin); git update-index --cacheinfo 100644,$id,big.bin; git commit -qm raw";

#[test]
fn what_a_task_commits_raw_is_committed_again_as_a_pointer_also_if_it_is_hidden_from_git() {
    if !has_lfs("large_files") {
        return;
    }
    for script in [RAW.to_owned(), format!("{RAW}; git update-index --assume-unchanged big.bin")] {
        let world = with_large_file(&format!(
            "merge: {{ gates: ['true'] }}\ntasks: [ {{ id: a, run: '{script}' }} ]\n"
        ));
        world.regatta(&["run", "plan.yaml"]).exits(0);
        assert!(git(&world, &["show", "main:big.bin"]).starts_with("version https://git-lfs"), "{script}");
    }
}

#[test]
fn what_is_not_on_this_machine_stays_a_pointer_and_nothing_is_fetched() {
    if !has_lfs("large_files") {
        return;
    }
    let world = with_large_file(
        "merge: { gates: ['true'] }\ntasks: [ { id: a, run: 'head -n 1 big.bin >$REGATTA_WORKSPACE/seen.log; echo x >x.txt' } ]\n",
    );
    std::fs::remove_dir_all(world.path(".git/lfs")).unwrap();
    git(&world, &["config", "lfs.url", "file:///nowhere"]);
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(world.read("seen.log").starts_with("version https://git-lfs"));
    assert_eq!((world.read("x.txt").as_str(), world.read("big.bin").as_str()), ("x\n", "content\n"));
}

#[test]
fn where_large_files_are_not_looked_after_they_stay_pointers_and_nobody_may_change_them() {
    if !has_lfs("large_files") {
        return;
    }
    let world = with_large_file(
        "worktree: { lfs: off }\ntasks: [ { id: a, run: 'head -n 1 big.bin >$REGATTA_WORKSPACE/seen.log; echo x >x.txt; echo raw >big.bin' } ]\n",
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    assert!(world.read("seen.log").starts_with("version https://git-lfs"));
    let (cause, said) = failure(&world, "a");
    assert!(cause == "ownership" && said.contains("not installed or not wanted: big.bin"), "{cause} {said}");
}

#[test]
fn lfs_on_without_git_lfs_or_with_programs_of_the_repositorys_starts_nothing_and_says_what_to_do() {
    let mut world = repository();
    world.write(
        "plan.yaml",
        "version: 1\nisolation: worktree\nworktree: { lfs: on }\ntasks: [ { id: a, run: x } ]\n",
    );
    std::fs::create_dir(world.path(".git/bin")).unwrap();
    // Git alone is found.
    let found = Command::new("sh").args(["-c", "command -v git"]).output().unwrap();
    let program = String::from_utf8_lossy(&found.stdout).trim().to_owned();
    std::os::unix::fs::symlink(program, world.path(".git/bin/git")).unwrap();
    let bin = world.path(".git/bin").display().to_string();
    world.set("PATH", &bin);
    let said = world.regatta(&["run", "plan.yaml"]).exits(4);
    assert!(said.err.contains("`worktree.lfs: on` cannot be: git-lfs is not installed"), "{}", said.err);
    assert!(said.err.contains("hint: install git-lfs"), "{}", said.err);
    if !has_lfs("large_files") {
        return;
    }
    world.unset("PATH");
    git(&world, &["config", "lfs.extension.x.clean", "touch ran; cat"]);
    let said = world.regatta(&["run", "plan.yaml"]).exits(4);
    assert!(said.err.contains("settings name programs for git-lfs to run"), "{}", said.err);
}

#[test]
fn a_task_that_uses_git_lfs_for_the_first_time_is_not_blamed_for_what_that_sets_up() {
    if !has_lfs("large_files") {
        return;
    }
    let world = repository();
    world.write(
        "plan.yaml",
        "version: 1\nisolation: worktree\nworktree: { lfs: on }\nmerge: { gates: ['true'] }
tasks: [ { id: a, run: 'git lfs install --local && git lfs track \"*.bin\" && echo content >big.bin && git add -A && git commit -qm large' } ]\n",
    );
    let before = belongings(&world);
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(git(&world, &["show", "main:big.bin"]).starts_with("version https://git-lfs"));
    assert!(said.out.contains("git-lfs set itself up in the repository"), "{}", said.out);
    // Our own calls run git-lfs, too, which writes one line.
    let is_setting = |line: &&str| line.contains('=') && *line != "lfs.repositoryformatversion=0";
    let settings = |all: &str| all.lines().filter(is_setting).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(settings(&belongings(&world)), settings(&before));
    assert!(!world.path(".git/hooks/pre-push").exists());
}

#[test]
fn programs_for_git_lfs_that_appear_while_a_run_goes_on_are_run_by_nobody() {
    if !has_lfs("large_files") {
        return;
    }
    let world = with_large_file(
        "worktree: { lfs: on }
tasks:
  - { id: a, run: 'echo a >a.txt' }
  - { id: person, needs: [a], isolation: none, run: 'cd $REGATTA_WORKSPACE; git config lfs.extension.x.clean \"touch $PWD/.git/ran; cat\"; git config lfs.extension.x.smudge cat; git config lfs.extension.x.priority 0' }
  - { id: b, needs: [a, person], run: 'echo more >>big.bin' }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    assert!(!world.path(".git/ran").exists());
    assert_eq!(failure(&world, "b").0, "ownership");
}

/// A repository whose `big.bin` is a pointer.
fn with_pointer() -> World {
    let world = repository();
    world.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
    let pointer =
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 8\n", "0".repeat(64));
    world.write("big.bin", &pointer);
    git(&world, &["-c", "filter.lfs.required=false", "-c", "filter.lfs.clean=", "add", "-A"]);
    git(&world, &["commit", "-q", "-m", "large"]);
    world
}

/// A directory of programs without git-lfs.
fn bin_without_lfs(world: &World) -> String {
    std::fs::create_dir(world.path(".git/bin")).unwrap();
    for program in ["git", "sh"] {
        let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output().unwrap();
        let found = String::from_utf8_lossy(&found.stdout).trim().to_owned();
        std::os::unix::fs::symlink(found, world.path(".git/bin").join(program)).unwrap();
    }
    world.path(".git/bin").display().to_string()
}

#[test]
fn large_files_without_git_lfs_start_nothing_unless_the_plan_wants_their_pointers() {
    let mut world = with_pointer();
    world.set("PATH", &bin_without_lfs(&world));
    let plan = |lfs: &str| {
        format!(
            "version: 1\nisolation: worktree\nworktree: {{ lfs: {lfs} }}\ntasks: [ {{ id: a, run: 'echo a >a.txt' }} ]\n"
        )
    };
    world.write("plan.yaml", &plan("auto"));
    let said = world.regatta(&["run", "plan.yaml"]).exits(4);
    assert!(said.err.contains("belong to git-lfs, which is not installed"), "{}", said.err);
    assert!(said.err.contains("lfs: off"), "{}", said.err);
    world.write("plan.yaml", &plan("off"));
    world.regatta(&["run", "plan.yaml"]).exits(0);
}

#[test]
fn a_run_that_was_begun_goes_on_without_git_lfs_where_it_did_without_before() {
    let mut world = with_pointer();
    let bin = bin_without_lfs(&world);
    // One that was never used: an earlier version began without asking for it at all.
    let program = world.path(".git/bin/git-lfs");
    std::os::unix::fs::symlink("/bin/true", &program).unwrap();
    world.set("PATH", &bin);
    world.write(
        "plan.yaml",
        "version: 1\nisolation: worktree\nmerge: { approve: true, gates: ['git --version'] }\ntasks: [ { id: a, run: 'echo a >a.txt' } ]\n",
    );
    world.regatta(&["run", "plan.yaml"]).exits(5);
    std::fs::remove_file(program).unwrap();
    world.regatta(&["merge", "--approve"]).exits(0);
    assert_eq!(world.read("a.txt"), "a\n");
}
