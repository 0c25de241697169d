//! The directory of a workspace: who may look into it, who else may work in it, and where it is found.
//!
//! Looks at files as anybody could; what is in them is told elsewhere.

use crate::world::{World, ends};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Everything below a directory.
fn below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(below(&path));
        }
        found.push(path);
    }
    found
}

#[test]
fn everything_of_a_run_is_for_its_owner_alone_whatever_the_umask() {
    let world = World::with(
        "version: 1
effect: idempotent
tasks:
  - { id: out, run: 'umask 0; echo out; echo err >&2' }
  - { id: small, run: 'umask 0; echo 1 >\"$REGATTA_RESULT\"' }
  - { id: large, run: 'umask 0; { printf 1; head -c 70000 /dev/zero | tr ''\\0'' 0; } >\"$REGATTA_RESULT\"' }
  - { id: litter, run: 'umask 0; echo x; mkdir \"$(dirname \"$REGATTA_RESULT\")/mine\"' }
  - { id: killed, run: 'umask 0; test -e go || { touch go; kill -9 $(grep -o [0-9]* .regatta/runs/$REGATTA_RUN_ID/lock | head -n1) $PPID; sleep 60; }' }
",
    );
    let binary = env!("CARGO_BIN_EXE_regatta");
    for verb in ["run plan.yaml", "resume"] {
        let mut shell = std::process::Command::new("sh");
        shell
            .arg("-c")
            .arg(format!("umask 0; exec {binary} {verb} >/dev/null 2>&1"))
            .current_dir(world.root());
        shell.env_remove("REGATTA_WORKSPACE").status().unwrap();
    }
    let home = world.path(".regatta");
    let mode = |path: &Path| std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home), 0o700);
    let all = below(&home);
    assert!(all.len() > 12, "{all:?}");
    for path in all.iter().filter(|path| !path.ends_with("mine")) {
        let wanted = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(path), wanted, "{}", path.display());
    }
    assert!(!all.iter().any(|path| path.ends_with("result.json")), "raw results are deleted");
}

#[test]
fn runs_of_one_workspace_do_not_disturb_each_other() {
    let world = World::with(
        "version: 1\ntasks:\n  - { id: a, run: 'sleep 0.05' }\n  - { id: b, needs: [a], run: 'true' }\n",
    );
    let mut runs: Vec<_> = (0..6).map(|_| world.start(&["run", "plan.yaml"])).collect();
    let codes: Vec<_> = runs.iter_mut().map(ends).collect();
    assert_eq!(codes, [Some(0); 6]);
    let listed = world.regatta(&["ls", "--json"]).exits(0).json();
    for run in listed.as_array().unwrap() {
        assert_eq!(run["status"], "succeeded");
        world.regatta(&["replay", run["run_id"].as_str().unwrap()]).exits(0);
    }
    assert_eq!(listed.as_array().map(Vec::len), Some(6));
}

#[test]
fn the_plan_may_lie_anywhere_and_tasks_run_in_the_workspace() {
    let world = World::new();
    world.write("elsewhere/plan.yaml", "version: 1\ntasks:\n  - { id: a, run: pwd >here }\n");
    std::fs::create_dir_all(world.path("work/deep/er")).unwrap();
    let work = world.path("work").canonicalize().unwrap();
    let mut command = world.command(&["--workspace", "../..", "run", "../../../elsewhere/plan.yaml"]);
    assert_eq!(command.current_dir(world.path("work/deep/er")).output().unwrap().status.code(), Some(0));
    assert_eq!(world.read("work/here").trim(), work.display().to_string());
    let mut command = world.command(&["ls", "--json"]);
    let output = command.env("REGATTA_WORKSPACE", &work).current_dir("/").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"succeeded\""), "{output:?}");
}

#[test]
fn the_workspace_of_a_work_tree_is_found_from_below_and_never_above_it() {
    let world = World::with("version: 1\ntasks:\n  - { id: a, run: pwd >here }\n");
    world.regatta(&["run", "plan.yaml"]).exits(0);
    std::fs::create_dir_all(world.path("repo/.git")).unwrap();
    std::fs::create_dir_all(world.path("repo/src/deep")).unwrap();
    let below = world.path("repo/src/deep");
    let run = |args: &[&str]| world.command(args).current_dir(&below).output().unwrap();
    assert_eq!(run(&["run", "../../../plan.yaml"]).status.code(), Some(0));
    assert!(world.path("repo/.regatta").is_dir() && world.path("repo/here").exists());
    std::fs::create_dir(world.path("repo/src/.regatta")).unwrap();
    assert_eq!(run(&["run", "../../../plan.yaml"]).status.code(), Some(0));
    assert!(world.path("repo/src/here").exists(), "the nearest directory that has one");
}

#[test]
fn worktrees_are_made_of_the_whole_repository_so_a_workspace_below_its_top_is_refused_for_them() {
    let world = crate::repo_world::repository();
    world.write(
        "sub/plan.yaml",
        "version: 1\neffect: idempotent\ntasks: [ { id: a, run: 'pwd >here.log' } ]\n",
    );
    std::fs::create_dir_all(world.path("sub/.regatta")).unwrap();
    let run = |given: &[&str]| world.regatta(&[given, &["run", "sub/plan.yaml"]].concat());
    // Without worktrees it is a workspace like any other.
    run(&["--workspace", "sub"]).exits(0);
    assert!(world.read("sub/here.log").trim_end().ends_with("/sub"));
    let apart = world.read("sub/plan.yaml").replace("effect:", "isolation: worktree\neffect:");
    world.write("sub/plan.yaml", &apart);
    let said = run(&["--workspace", "sub"]).exits(4).err;
    assert!(
        said.contains("is not the top of its repository") && said.contains("`--workspace` names the top"),
        "{said}"
    );
    assert!(!world.path("sub/.regatta/worktrees").exists());
    // The top may be called by another name.
    std::os::unix::fs::symlink(world.root(), world.path("top.log")).unwrap();
    run(&["--workspace", "top.log"]).exits(0);
}

/// A directory of that many bytes in its path.
fn deep(world: &World, bytes: usize) -> PathBuf {
    let mut path = std::fs::canonicalize(world.root()).unwrap();
    while path.as_os_str().len() < bytes {
        let left = bytes - path.as_os_str().len() - 1;
        // One more name needs two bytes at least.
        let name = if left <= 200 { left } else { 200.min(left - 2) };
        path.push("x".repeat(name));
    }
    assert_eq!(path.as_os_str().len(), bytes);
    std::fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn a_workspace_with_a_path_that_no_socket_takes_works_and_one_that_no_database_takes_is_told_before_anything_is_made()
 {
    let binary = env!("CARGO_BIN_EXE_regatta");
    let plan = format!(
        "version: 1\ntasks:\n  - {{ id: a, run: '{binary} lock acquire db && {binary} lock release && echo up >up && read -r word <go' }}\n  \
         - {{ id: t, tool: file_list, params: {{ path: . }} }}\n"
    );
    let world = World::with(&plan);
    // 20 bytes are those of /.regatta/regatta.db.
    let longest = deep(&world, 504 - 20);
    let at = longest.to_str().unwrap();
    for name in ["up", "go"] {
        assert!(std::process::Command::new("mkfifo").arg(longest.join(name)).status().unwrap().success());
    }
    let mut child = world.start(&["--workspace", at, "run", "plan.yaml"]);
    std::fs::read_to_string(longest.join("up")).unwrap();
    assert!(world.regatta(&["--workspace", at, "pause"]).exits(0).out.contains("is paused"));
    assert!(world.regatta(&["--workspace", at, "resume"]).exits(0).out.contains("goes on"));
    std::fs::write(longest.join("go"), "on\n").unwrap();
    assert_eq!(ends(&mut child), Some(0));
    world.regatta(&["--workspace", at, "replay"]).exits(0);

    let longer = deep(&world, 504 - 20 + 3);
    let said = world.regatta(&["--workspace", longer.to_str().unwrap(), "run", "plan.yaml"]).exits(4);
    let database = longer.join(".regatta/regatta.db");
    let told =
        format!("error: the path `{}` has 507 bytes, and that of a journal 504 at most", database.display());
    assert!(said.err.contains(&told), "{}", said.err);
    assert!(said.err.contains("hint: use a workspace whose path is 3 bytes shorter"), "{}", said.err);
    assert!(!longer.join(".regatta").exists(), "nothing is half made");
}
