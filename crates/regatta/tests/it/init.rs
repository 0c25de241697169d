//! `init`: a plan for whatever repository it is; valid, runnable, and nothing is ever replaced.

use crate::world::World;
use serde_json::Value;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

/// Writes files, each with its text.
fn with(files: &[(&str, &str)]) -> World {
    let mut world = World::new();
    std::fs::create_dir(world.path("repo")).unwrap();
    for (name, text) in files {
        world.write(&format!("repo/{name}"), text);
    }
    world.set("REGATTA_WORKSPACE", world.path("repo").to_str().unwrap());
    world
}

/// The commands of the plan that `init` writes, by task; the plan has no error and no warning.
fn written(world: &World) -> Vec<(String, String)> {
    let said = world.regatta(&["init", "--json"]).exits(0).json();
    let path = said["plan"].as_str().unwrap();
    let checked = world.regatta(&["check", path]).exits(0);
    assert!(checked.out.contains("valid: ") && checked.err.is_empty(), "{}{}", checked.out, checked.err);
    world.regatta(&["plan", path]).exits(0);
    let text = std::fs::read_to_string(path).unwrap();
    let value =
        |line: &str, key: &str| line.trim().strip_prefix(key).map(|v| v.trim_matches(['\'', '"']).to_owned());
    let ids: Vec<String> = text.lines().filter_map(|l| value(l, "- id: ")).collect();
    let runs: Vec<String> = text.lines().filter_map(|l| value(l, "run: ")).collect();
    assert_eq!(said["tasks"], serde_json::json!(ids));
    ids.into_iter().zip(runs).collect()
}

fn pairs(found: &[(String, String)]) -> Vec<(&str, &str)> {
    found.iter().map(|(id, run)| (id.as_str(), run.as_str())).collect()
}

#[test]
fn a_crate_of_rust_gets_what_its_people_run() {
    let world =
        with(&[("Cargo.toml", "[package]\nname = \"x\"\n"), ("Cargo.lock", ""), ("fuzz/Cargo.toml", "")]);
    assert_eq!(
        pairs(&written(&world)),
        [
            ("format", "cargo fmt --all --check"),
            ("build", "cargo build --workspace --all-targets --locked"),
            ("lint", "cargo clippy --workspace --all-targets --locked -- -D warnings"),
            ("test", "cargo test --workspace --locked"),
        ]
    );
}

#[test]
fn a_package_of_node_is_run_by_its_own_manager_and_its_own_scripts() {
    let package = r#"{ "scripts": { "lint": "eslint .", "test": "vitest", "build": "vite build", "dev": "vite" },
        "devDependencies": { "prettier": "3", "typescript": "5" } }"#;
    let world = with(&[("package.json", package), ("pnpm-lock.yaml", ""), ("tsconfig.json", "{}")]);
    assert_eq!(
        pairs(&written(&world)),
        [
            ("install", "pnpm install --frozen-lockfile"),
            ("format", "pnpm exec prettier --check ."),
            ("lint", "pnpm run lint"),
            ("types", "pnpm exec tsc --noEmit"),
            ("build", "pnpm run build"),
            ("test", "pnpm run test"),
        ]
    );
    for (lock, text, first) in [
        ("package-lock.json", "{}", "npm ci"),
        ("yarn.lock", "# yarn lockfile v1\n", "yarn install --frozen-lockfile"),
        ("yarn.lock", "__metadata:\n", "yarn install --immutable"),
        ("bun.lock", "", "bun install --frozen-lockfile"),
    ] {
        let world = with(&[("package.json", package), (lock, text)]);
        assert_eq!(written(&world)[0].1, first);
    }
    let world = with(&[(
        "package.json",
        r#"{ "scripts": { "test": "echo \"Error: no test specified\" && exit 1" } }"#,
    )]);
    assert_eq!(written(&world)[0].0, "files", "a package without scripts is nothing to go by");
}

#[test]
fn a_project_of_python_gets_the_tools_that_it_names() {
    let project = "[build-system]\nrequires = []\n[tool.ruff]\n[tool.mypy]\n[tool.pytest.ini_options]\n";
    let world = with(&[("pyproject.toml", project), ("uv.lock", "")]);
    assert_eq!(
        pairs(&written(&world)),
        [
            ("format", "uv run ruff format --check ."),
            ("lint", "uv run ruff check ."),
            ("types", "uv run mypy ."),
            ("test", "uv run python3 -m pytest"),
            ("build", "uv build"),
        ]
    );
    let world = with(&[("setup.py", ""), ("tests/test_x.py", "")]);
    let found = written(&world);
    assert!(found[0].1.contains("ast.parse"), "{found:?}");
    assert_eq!(found[1].1, "python3 -m unittest discover -s tests -t .");
}

#[test]
fn modules_of_go_makefiles_and_cmake_are_known() {
    let world = with(&[("go.mod", "module x\n"), (".golangci.yml", ""), ("Makefile", "lint:\n")]);
    let found = written(&world);
    assert_eq!(
        found.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(),
        ["format", "build", "lint", "test"]
    );
    assert_eq!(found[2].1, "golangci-lint run");
    let world = with(&[("Makefile", ".PHONY: all\nall: x\nx:\n\ttouch x\nlint:\ncheck: all\nV := 1\n")]);
    assert_eq!(
        pairs(&written(&world)),
        [("build", "make all"), ("lint", "make lint"), ("test", "make check")]
    );
    let cmake = "cmake_minimum_required(VERSION 3)\nproject(x C)\nenable_testing()\n";
    let world = with(&[("CMakeLists.txt", cmake), (".clang-format", "")]);
    let ids: Vec<String> = written(&world).into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, ["format", "configure", "build", "test"]);
}

#[test]
fn several_parts_have_ids_and_directories_of_their_own() {
    let world = with(&[
        ("Cargo.toml", ""),
        ("Makefile", "test:\n"),
        ("web/package.json", r#"{ "scripts": { "test": "x" } }"#),
        ("web/node_modules/dep/package.json", r#"{ "scripts": { "test": "x" } }"#),
        ("web/packages/ui/package.json", r#"{ "scripts": { "test": "x" } }"#),
        ("tools/a b/pyproject.toml", "[tool.ruff]\n"),
        ("tools/go/go.mod", ""),
    ]);
    let ids: Vec<String> = written(&world).into_iter().map(|(id, _)| id).collect();
    assert_eq!(
        ids,
        [
            "rust-format",
            "rust-build",
            "rust-lint",
            "rust-test",
            "web-test",
            "tools-a-b-format",
            "tools-a-b-lint",
            "tools-go-format",
            "tools-go-build",
            "tools-go-lint",
            "tools-go-test",
        ]
    );
    let text = world.read("repo/plan.yaml");
    assert!(text.contains("cwd: tools/a b\n") && text.contains("cwd: web\n"), "{text}");
}

#[test]
fn the_plan_of_a_real_crate_runs_and_finds_what_is_wrong_with_it() {
    let world = with(&[
        ("Cargo.toml", "[package]\nname = \"x\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"),
        ("src/lib.rs", "#[test]\nfn it_works() {\n    assert_eq!(1 + 1, 2);\n}\n"),
    ]);
    written(&world);
    let summary = world.regatta(&["run", "repo/plan.yaml", "--json"]).exits(0).json();
    assert_eq!(summary["status"], "succeeded", "{summary}");
    world.write("repo/src/lib.rs", "#[test]\nfn it_works() {\n    assert_eq!(1 + 1, 3);\n  }\n");
    let summary = world.regatta(&["run", "repo/plan.yaml", "--json"]).exits(1).json();
    let failed: Vec<&str> = ["format", "build", "lint", "test"]
        .into_iter()
        .filter(|id| summary["tasks"][*id]["status"] == "failed")
        .collect();
    assert_eq!(failed, ["format", "test"], "{summary}");
}

#[test]
fn where_nothing_is_known_the_example_can_be_run_with_git_and_without() {
    let world = with(&[("notes.txt", "")]);
    let said = world.regatta(&["init"]).exits(0).out;
    assert!(said.contains("nothing was recognised here"), "{said}");
    assert_eq!(world.regatta(&["run", "repo/plan.yaml", "--json"]).exits(0).json()["status"], "succeeded");
    assert!(world.regatta(&["logs", "report"]).out.contains("files: 2"));
    let world = with(&[("notes.txt", "")]);
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=x", "-c", "user.email=x@example.org"]).args(args);
        assert!(git.current_dir(world.path("repo")).output().unwrap().status.success(), "{args:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "notes.txt"]);
    git(&["commit", "-qm", "x"]);
    world.regatta(&["init"]).exits(0);
    assert_eq!(world.regatta(&["run", "repo/plan.yaml", "--json"]).exits(0).json()["status"], "succeeded");
    assert!(world.regatta(&["logs", "report"]).out.contains("not committed: 1"));
}

#[test]
fn nothing_that_is_there_is_replaced_not_even_behind_a_link() {
    let world = with(&[("plan.yaml", "mine"), (".regatta/config.toml", "# mine\n")]);
    let said = world.regatta(&["init"]).exits(2);
    assert!(
        said.err.contains("is there already; nothing was written") && said.err.contains("hint:"),
        "{}",
        said.err
    );
    assert_eq!(
        (world.read("repo/plan.yaml"), world.read("repo/.regatta/config.toml")),
        ("mine".into(), "# mine\n".into())
    );
    let said = world.regatta(&["init", "repo/other.yaml"]).exits(0);
    assert!(
        said.out.contains("kept .regatta/config.toml")
            && said.out.contains("next: regatta plan repo/other.yaml"),
        "{}",
        said.out
    );
    assert_eq!(world.read("repo/.regatta/config.toml"), "# mine\n");
    symlink(world.path("victim"), world.path("repo/link.yaml")).unwrap();
    world.regatta(&["init", "repo/link.yaml"]).exits(2);
    assert!(!world.path("victim").exists());
}

#[test]
fn a_dash_prints_the_plan_and_writes_nothing() {
    let world = with(&[("Cargo.toml", "")]);
    let said = world.regatta(&["init", "-"]).exits(0);
    assert!(said.out.starts_with("# A plan for this repository") && said.err.is_empty());
    let names: Vec<_> =
        std::fs::read_dir(world.path("repo")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["Cargo.toml"]);
    world.regatta(&["init", "-", "--json"]).exits(2);
}

#[test]
fn the_settings_file_says_what_holds_anyway_and_every_line_of_it_may_be_used() {
    let world = with(&[]);
    world.regatta(&["init"]).exits(0);
    let rows =
        |world: &World| world.regatta(&["doctor", "--config", "--json"]).exits(0).json()["settings"].clone();
    let values = |rows: &Value| -> Vec<(Value, Value)> {
        rows.as_array().unwrap().iter().map(|r| (r["key"].clone(), r["value"].clone())).collect()
    };
    let before = values(&rows(&world));
    let text = world.read("repo/.regatta/config.toml");
    let used: String = text
        .lines()
        .filter(|l| !l.is_empty())
        .map(|l| {
            let bare = l.strip_prefix("# ").filter(|bare| bare.contains(" = ")).unwrap_or(l);
            format!("{bare}\n")
        })
        .collect();
    world.write("repo/.regatta/config.toml", &used);
    let after = rows(&world);
    let ours = |row: &Value| row["origin"] == "project" || row["value"].is_null();
    assert!(after.as_array().unwrap().iter().all(ours), "{after}");
    let same = values(&after).into_iter().filter(|row| before.contains(row)).count();
    assert_eq!((same, before.len()), (17, 17), "all but the lease");
    // Every key that there is stands in it; whole tables are uncommented with their own lines.
    let schema = world.regatta(&["schema", "settings"]).exits(0).json();
    for key in schema["properties"].as_object().unwrap().keys() {
        assert!(text.contains(&format!("{key} = ")) || text.contains(&format!("[{key}")), "{key}: {text}");
    }
    let limits = "max_parallel per_wave per_priority per_tag per_agent output";
    assert!(limits.split(' ').all(|key| text.contains(&format!("{key} = "))), "{text}");
    let all: Vec<&str> = text.lines().map(|l| l.split_once(" for example: ").map_or(l, |(_, l)| l)).collect();
    let all: String = all
        .iter()
        .map(|l| {
            format!(
                "{}\n",
                l.strip_prefix('#').filter(|l| l.starts_with('[') || l.contains(" = ")).unwrap_or(l)
            )
        })
        .collect();
    world.write("repo/.regatta/config.toml", &all);
    let rows = rows(&world).to_string();
    for key in [
        "limits.per_priority.P3",
        "limits.per_tag.db",
        "limits.per_agent.reviewer",
        "domains.web",
        "agents.reviewer",
    ] {
        assert!(rows.contains(&format!("\"{key}\"")), "{key}: {rows}");
    }
    let mode = std::fs::metadata(world.path("repo/.regatta")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_bare_repository_or_a_place_where_nothing_can_be_written_is_told_and_nothing_is_left() {
    let world = with(&[]);
    assert!(
        Command::new("git")
            .args(["init", "-q", "--bare"])
            .arg(world.path("repo"))
            .status()
            .unwrap()
            .success()
    );
    let said = world.regatta(&["init"]).exits(2);
    assert!(
        said.err.contains("is a bare repository") && said.err.contains("git worktree add"),
        "{}",
        said.err
    );
    assert!(!world.path("repo/.regatta").exists() && !world.path("repo/plan.yaml").exists());
    let world = with(&[]);
    world.write("repo/.regatta", "a file");
    let said = world.regatta(&["init"]).exits(4);
    assert!(said.err.contains(".regatta"), "{}", said.err);
    assert!(!world.path("repo/plan.yaml").exists(), "nothing is half made");
    world.regatta(&["init", "nowhere/plan.yaml"]).exits(4);
}

#[test]
fn from_a_directory_below_the_plan_goes_to_the_top_and_the_commands_that_follow_work() {
    let mut world = with(&[("Makefile", "test:\n"), ("src/deep/x", "")]);
    world.unset("REGATTA_WORKSPACE");
    std::fs::create_dir(world.path("repo/.git")).unwrap();
    let below = world.path("repo/src/deep");
    let said = world.command(&["init"]).current_dir(&below).output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let next = said.lines().find_map(|l| l.strip_prefix("next: regatta ")).unwrap();
    assert_eq!(next, "plan ../../plan.yaml", "{said}");
    let args: Vec<&str> = next.split(' ').collect();
    assert!(world.command(&args).current_dir(&below).output().unwrap().status.success());
    assert!(world.path("repo/plan.yaml").exists());
}

#[test]
fn a_program_that_is_missing_is_told_before_a_task_fails_for_it() {
    let mut world = with(&[("go.mod", "")]);
    let empty = world.path("bin");
    std::fs::create_dir(&empty).unwrap();
    world.set("PATH", empty.to_str().unwrap());
    let said = world.regatta(&["init"]).exits(0).out;
    assert!(said.contains("note: `go` is not on your PATH"), "{said}");
}

#[test]
fn a_plan_is_written_under_a_name_by_which_it_is_read_and_the_commands_that_follow_work() {
    let world = with(&[]);
    for (name, format, better) in
        [("x.toml", "TOML", "x.yaml"), ("a b.json", "JSON", "'a b.yaml'"), ("x.jsonc", "JSON", "x.yaml")]
    {
        let said = world.regatta(&["init", name]).exits(2);
        assert!(
            said.err.contains(&format!("`{name}` is read as {format}, and `init` writes YAML")),
            "{}",
            said.err
        );
        assert!(said.err.contains(&format!("hint: `regatta init {better}`")), "{}", said.err);
        assert!(!world.path(name).exists() && !world.path("repo/.regatta").exists());
    }
    for name in ["a b.yaml", "./-x.yml", "plain"] {
        let said = world.regatta(&["init", name]).exits(0).out;
        let next = said.lines().find_map(|line| line.strip_prefix("next: regatta ")).unwrap();
        let words: Vec<&str> = next.splitn(2, ' ').map(|word| word.trim_matches('\'')).collect();
        world.regatta(&words).exits(0);
    }
}
