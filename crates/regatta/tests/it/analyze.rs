//! `analyze`: the decision for task lists, plans and names of files; what it prints and writes.

use crate::repo_world::{git, repository};
use crate::world::World;
use serde_json::{Value, json};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::process::Stdio;

const TASKS: &str = "\
# Login

## Database
- `migrations/007_sessions.sql`: a table for sessions

## Backend
- `src/api/login.py`: the endpoint
- src/services/session.py - creates and ends sessions

## Frontend

```
src/
├── pages/
│   └── login.tsx     # the form
└── components/Field.tsx
```

### Acceptance criteria
- [ ] the form works without a mouse

## Tests
- **tests/test_login.py**: a wrong password is refused
";

const LIST: &str = "epics/EPIC-7-login/implementation-details/file-tasks.md";

fn world() -> World {
    let world = World::new();
    world.write(LIST, TASKS);
    world
}

/// Feeds standard input and answers the object.
fn piped(world: &World, text: &str, args: &[&str]) -> Value {
    let args = [&["analyze", "-", "--json"], args].concat();
    let mut child = world
        .command(&args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let said = child.wait_with_output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    serde_json::from_slice(&said.stdout).unwrap()
}

#[test]
fn what_analyze_prints_is_a_plan_that_check_accepts_with_the_decision_at_its_top() {
    let world = world();
    let said = world.regatta(&["analyze", "epics/EPIC-7-login"]).exits(0);
    assert_eq!(said.err, "");
    let head: Vec<&str> = said.out.lines().take(6).collect();
    assert_eq!(
        head,
        [
            "# parallel is worth it: 6 files in 4 domains, 0 % of them needed by several units, predicted speed-up 3",
            "# 6 files in all, 2 files for the longest unit",
            "#   database  1 file",
            "#   backend   2 files",
            "#   frontend  2 files",
            "#   tests     1 file",
        ]
    );
    world.write("plan.yaml", &said.out);
    let checked = world.regatta(&["check", "plan.yaml"]).exits(0);
    // Which commands are gates only a person knows.
    assert_eq!(checked.out, "plan.yaml: valid: 4 tasks, 1 warning\n");
    assert!(checked.err.contains("work lands without any gate"), "{}", checked.err);
    assert!(
        said.out.contains("epic: EPIC-7\n")
            && said.out.contains("order: [database, backend, frontend, tests]")
    );
    assert!(said.out.contains("      - the form works without a mouse\n"), "{}", said.out);
}

#[test]
fn names_with_a_nul_between_them_are_as_many_files_and_no_path_holds_one() {
    let world = World::new();
    let found = piped(&world, "src/b.tsx\0src/api/a.py", &[]);
    assert_eq!(found, piped(&world, "src/b.tsx\nsrc/api/a.py\n", &[]));
    assert_eq!(found["file_count"], 2);
    let plan = serde_json::json!({ "version": 1, "isolation": "locks", "tasks": [{ "id": "a", "run": "x", "files": ["a\0b"] }] });
    world.write("plan.json", &plan.to_string());
    let said = world.regatta(&["check", "plan.json"]).exits(3).err;
    assert!(said.contains("`a\\0b` of task `a` holds a NUL character"), "{said}");
}

#[test]
fn json_is_the_object_alone_and_says_the_same_from_a_pipe() {
    let world = world();
    let found = world.regatta(&["analyze", LIST, "--json"]).exits(0).json();
    let keys: Vec<&String> = found.as_object().unwrap().keys().collect();
    let exact =
        "viable reason file_count domain_count domains file_overlap_percentage recommendation parallel_plan";
    assert_eq!(keys, exact.split(' ').collect::<Vec<_>>());
    assert_eq!((&found["viable"], &found["recommendation"]), (&json!(true), &json!("parallel")));
    assert_eq!(found["domains"]["frontend"], json!(["src/components/Field.tsx", "src/pages/login.tsx"]));
    assert_eq!(
        found["parallel_plan"]["backend"],
        json!({
            "files": ["src/api/login.py", "src/services/session.py"],
            "task_description": "src/api/login.py: the endpoint\nsrc/services/session.py: creates and ends sessions",
        })
    );
    assert_eq!(piped(&world, TASKS, &[]), found);
}

#[test]
fn not_worth_it_is_an_answer_and_no_error() {
    let world = World::new();
    let said = world.regatta(&["analyze", "--files", "src/a.py", "src/b.py", "--json"]).exits(0);
    assert_eq!(
        (&said.json()["recommendation"], &said.json()["parallel_plan"]),
        (&json!("sequential"), &Value::Null)
    );
    let text = world.regatta(&["analyze", "--files", "src/a.py", "src/b.py"]).exits(0).out;
    assert!(
        text.starts_with("# parallel is not worth it: 2 files, fewer than 5; 1 domain, fewer than 2;"),
        "{text}"
    );
    assert!(text.contains("\nschedule: sequential\n"), "{text}");
}

#[test]
fn each_knob_is_an_option() {
    let world = World::new();
    let viable = |more: &[&str]| {
        let args = [&["analyze", "--json", "--files", "a.py", "b.css"], more].concat();
        world.regatta(&args).exits(0).json()["viable"].clone()
    };
    assert_eq!(viable(&[]), json!(false));
    assert_eq!(viable(&["--min-files", "2"]), json!(true));
    assert_eq!(viable(&["--min-files", "2", "--min-domains", "3"]), json!(false));
    assert_eq!(viable(&["--min-files", "2", "--max-overlap", "0"]), json!(false));
    assert_eq!(viable(&["--min-files", "2", "--min-speed-up", "2.1"]), json!(false));
    let said = world.regatta(&["analyze", "--files", "a", "--max-overlap=-1"]).exits(2);
    assert!(said.err.contains("--max-overlap"), "{}", said.err);
    world.regatta(&["analyze", "--files", "a", "--min-speed-up", "nan"]).exits(2);
}

#[test]
fn every_file_is_in_exactly_one_domain_whatever_it_is_called() {
    let world = World::new();
    let names = "Makefile .env .gitignore bin/run src/api/test_a.py tests/db/x.sql lib/x.ts migrations/1.sql README.service.md";
    let args = [&["analyze", "--json", "--files"], &names.split(' ').collect::<Vec<_>>()[..]].concat();
    let found = world.regatta(&args).exits(0).json();
    assert_eq!(
        found["domains"],
        json!({
            "database": ["migrations/1.sql"],
            "backend": ["README.service.md"],
            "tests": ["src/api/test_a.py", "tests/db/x.sql"],
            "other": [".env", ".gitignore", "Makefile", "bin/run", "lib/x.ts"],
        })
    );
    assert_eq!((&found["file_count"], &found["file_overlap_percentage"]), (&json!(9), &json!(11.11)));
    let found = piped(&world, "src/a.py\n./src/b.css\nMakefile\nsrc/a.py\n", &[]);
    assert_eq!(found["file_count"], json!(3));
}

#[test]
fn names_that_are_no_files_of_the_workspace_are_told() {
    let world = World::new();
    world.write("src/a.py", "");
    let said = world.regatta(&["analyze", "--json", "--files", "src", "../x.py", "src/a.py"]).exits(0);
    assert_eq!(said.json()["file_count"], json!(1));
    assert_eq!(
        said.err,
        "note: `src` is a directory: name its files\nnote: `../x.py` is not a file of the workspace\n"
    );
    let said = world.regatta(&["analyze", "--files", "src"]).exits(2);
    assert!(said.err.contains("`src` is a directory: name its files"), "{}", said.err);
}

#[test]
fn rules_of_domains_and_briefings_are_the_workspaces_to_change() {
    let world = world();
    world.write(".regatta/config.toml", "[domains]\nmobile = [\"src/pages/\", \"*.swift\"]\n");
    world.write(".regatta/briefings/mobile.md", "Think of small screens.\n");
    let text = world
        .regatta(&["analyze", "--files", "src/pages/a.ts", "b.swift", "c.css", "--agent", "claude"])
        .exits(0)
        .out;
    assert!(
        text.contains("      Think of small screens.\n") && text.contains("  claude: { preset: claude }\n"),
        "{text}"
    );
    assert!(text.contains("  order: [frontend, mobile]\n"), "{text}");
    world.write(".regatta/config.toml", "[domains]\nother = [\"x\"]\n\"a b\" = [\"a[\"]\n");
    let said = world.regatta(&["analyze", "--files", "a"]).exits(3);
    for part in [
        "config.toml:2:1",
        "domain `other` is what fits no rule",
        "domain `a b` is not a name",
        "`a[` of domain",
    ] {
        assert!(said.err.contains(part), "{part}: {}", said.err);
    }
    world.write(".regatta/config.toml", "");
    std::fs::remove_file(world.path(".regatta/briefings/mobile.md")).unwrap();
    std::fs::create_dir(world.path(".regatta/briefings/backend.md")).unwrap();
    let said = world.regatta(&["analyze", "--files", "a.py"]).exits(3);
    assert!(
        said.err.contains("briefings/backend.md") && said.err.contains("not a plain file"),
        "{}",
        said.err
    );
}

#[test]
fn write_makes_the_files_of_the_epic_and_replaces_nothing_unless_forced() {
    let world = world();
    let said = world.regatta(&["analyze", LIST, "--write"]).exits(0);
    let dir = ".workflow/outputs/EPIC-7";
    assert!(said.out.ends_with(&format!(
        "wrote {dir}/parallel_analysis.json\nwrote {dir}/execution_plan.json\nwrote {dir}/plan.yaml\n\
         next: regatta check {dir}/plan.yaml\nthen: regatta run {dir}/plan.yaml\n"
    )));
    let read = |name: &str| serde_json::from_str::<Value>(&world.read(&format!("{dir}/{name}"))).unwrap();
    assert_eq!(read("parallel_analysis.json"), world.regatta(&["analyze", LIST, "--json"]).json());
    assert_eq!(
        read("execution_plan.json"),
        json!({
            "execution_mode": "parallel",
            "parallel_viable": true,
            "reason": "6 files in 4 domains, 0 % of them needed by several units, predicted speed-up 3",
            "file_count": 6,
            "domain_count": 4,
            "file_overlap_percentage": 0.0,
            "parallel_analysis_file": ".workflow/outputs/EPIC-7/parallel_analysis.json",
        })
    );
    world.regatta(&["check", &format!("{dir}/plan.yaml")]).exits(0);
    world.write(&format!("{dir}/plan.yaml"), "mine");
    let said = world.regatta(&["analyze", LIST, "--write"]).exits(2);
    assert!(
        said.err.contains("are there already; nothing was written") && said.err.contains("--force"),
        "{}",
        said.err
    );
    assert_eq!(world.read(&format!("{dir}/plan.yaml")), "mine");
    let said = world.regatta(&["analyze", LIST, "--write", "--force", "--json"]).exits(0);
    assert!(said.json()["viable"].is_boolean() && said.err.contains("wrote "), "{}", said.err);
    assert!(world.read(&format!("{dir}/plan.yaml")).contains("isolation: worktree"));
    let left: Vec<String> = std::fs::read_dir(world.path(dir))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn write_follows_no_link_and_needs_an_epic() {
    let world = world();
    std::fs::create_dir(world.path("elsewhere")).unwrap();
    symlink(world.path("elsewhere"), world.path(".workflow")).unwrap();
    let said = world.regatta(&["analyze", LIST, "--write"]).exits(2);
    assert!(said.err.contains("is no directory; nothing was written"), "{}", said.err);
    assert_eq!(std::fs::read_dir(world.path("elsewhere")).unwrap().count(), 0);
    let said = world.regatta(&["analyze", "--files", "a", "--write"]).exits(2);
    assert!(said.err.contains("`--write` needs an epic") && said.err.contains("--epic ID"), "{}", said.err);
    let said = world.regatta(&["analyze", "--files", "a", "--write", "--epic", "../x"]).exits(2);
    assert!(said.err.contains("`--epic ../x` is not an id"), "{}", said.err);
}

#[test]
fn a_broken_or_empty_input_is_an_error_with_its_line() {
    let world = World::new();
    world.write("empty.md", " \n");
    world.write("none.md", "# Title\n\nNothing.\n");
    world.write("odd.md", "---\nepic: a b\n---\n- `a.py`\n");
    world.write("bad.yaml", "version: 1\ntasks: [ { id: a } ]\n");
    world.write("nofiles.yaml", "version: 1\ntasks: [ { id: a, run: x } ]\n");
    std::fs::create_dir(world.path("folder")).unwrap();
    for (args, code, says) in [
        (&["analyze", "missing.md"][..], 2, "`missing.md` cannot be opened"),
        (&["analyze", "folder"], 2, "`folder` has no task list"),
        (&["analyze"], 2, "required"),
        (&["analyze", "none.md", "--files", "a"], 2, "cannot be used with"),
        (&["analyze", "empty.md"], 3, "`empty.md` is empty"),
        (&["analyze", "none.md"], 3, "the task list names no file"),
        (&["analyze", "odd.md"], 3, "--> odd.md:2:7"),
        (&["analyze", "bad.yaml"], 3, "--> bad.yaml:2:16"),
        (&["analyze", "nofiles.yaml"], 3, "plan `nofiles.yaml` names no file"),
        (&["analyze", "/dev/null"], 2, "is not a plain file"),
    ] {
        let said = world.regatta(args).exits(code);
        assert!(said.err.contains(says) && said.out.is_empty(), "{args:?}: {}", said.err);
    }
}

#[test]
fn a_plan_is_judged_by_what_its_patterns_match_and_gets_worktrees_if_they_pay() {
    let world = World::with(
        "version: 1\nname: shop # ours\ntasks:\n  - { id: api, run: x, files: [\"src/api/**\"] }\n  \
         - { id: ui, run: x, files: [\"src/pages/*.tsx\"], reads: [src/api/a.py] }\n  - { id: t, run: x, files: [\"tests/**\"] }\n  \
         - { id: ship, needs: [api, ui, t], run: x }\n",
    );
    for file in
        ["src/api/a.py", "src/api/b.py", "src/api/c.py", "src/pages/a.tsx", "src/pages/b.tsx", "tests/a.py"]
    {
        world.write(file, "");
    }
    world.write("src/api/node_modules/x.js", "");
    world.write(".gitignore", "node_modules/\n");
    std::fs::create_dir(world.path(".git")).unwrap();
    let found = world.regatta(&["analyze", "plan.yaml", "--json"]).exits(0);
    assert_eq!(found.json()["file_count"], json!(6));
    assert_eq!(found.json()["domains"]["backend"], json!(["src/api/a.py", "src/api/b.py", "src/api/c.py"]));
    assert_eq!(found.json()["file_overlap_percentage"], json!(16.67));
    assert_eq!(found.err, "note: tasks that name no file are in no unit: ship\n");
    let text = world.regatta(&["analyze", "plan.yaml"]).exits(0).out;
    assert!(text.contains("name: shop # ours\nisolation: worktree\nmerge:\n"), "{text}");
    assert!(text.contains("#   src/api/a.py is needed by api, ui; api owns it\n"), "{text}");
    world.write("better.yaml", &text);
    world.regatta(&["check", "better.yaml"]).exits(0);
    let slow = world.regatta(&["analyze", "plan.yaml", "--min-speed-up", "9"]).exits(0).out;
    assert!(slow.contains("not worth it") && !slow.contains("isolation"), "{slow}");
}

#[test]
fn a_plan_that_worktrees_would_make_wrong_stays_as_it_is_and_says_why() {
    let plan = "version: 1\ntasks:\n  - { id: a, run: x, files: [a.py, b.py, c.py] }\n  - { id: b, run: x, files: [a.py, d.css, e.css] }\n";
    let world = World::with(plan);
    let said = world.regatta(&["analyze", "plan.yaml"]).exits(0);
    assert!(said.err.contains("error[RG016]: tasks `a` and `b` both own `a.py`"), "{}", said.err);
    assert!(said.out.starts_with("# parallel is worth it") && said.out.ends_with(plan), "{}", said.out);
    assert!(
        said.out.contains("# note: with `isolation: worktree` the plan would have the errors above"),
        "{}",
        said.out
    );
}

#[test]
fn the_epic_of_a_plan_is_what_it_says_else_its_name() {
    let text = "tasks:\n  - { id: a, run: x, files: [a.py] }\n";
    let world = World::with(&format!("version: 1\nepic: EPIC-3\n{text}"));
    world.write("shop.yaml", &format!("version: 1\n{text}"));
    for (file, epic) in [("plan.yaml", "EPIC-3"), ("shop.yaml", "shop")] {
        world.regatta(&["analyze", file, "--write"]).exits(0);
        assert!(world.path(&format!(".workflow/outputs/{epic}/plan.yaml")).exists(), "{epic}");
    }
}

#[test]
fn the_plan_runs_each_agent_makes_its_files_in_a_worktree_and_all_of_it_lands() {
    let world = repository();
    world.write("tasks.md", TASKS);
    let text = world.regatta(&["analyze", "tasks.md", "--epic", "EPIC-7"]).exits(0).out;
    // A scripted agent in place of the preset: it makes the files that its prompt lists.
    let script = "grep -o '^- [a-z/0-9_.A-Z]*' | cut -c3- | while read -r f; do mkdir -p \"$(dirname \"$f\")\"; echo made >\"$f\"; done";
    let agent = format!(
        "{{ command: [sh, -c, 'cat \"$1\" | {}', sh, \"{{prompt_file}}\"] }}",
        script.replace('\'', "''")
    );
    let text =
        text.replace("{ preset: codex }", &agent).replace("# gates: [\"make test\"]", "gates: [\"true\"]");
    world.write("plan.yaml", &text);
    world.regatta(&["check", "plan.yaml"]).exits(0);
    let said = world.regatta(&["run", "plan.yaml"]);
    let failed = world.regatta(&["explain"]).out;
    assert_eq!(said.code, Some(0), "{}{}{failed}", said.out, said.err);
    let owned = world.regatta(&["analyze", "tasks.md", "--json"]).json()["domains"].clone();
    let files = owned.as_object().unwrap().values().flat_map(|files| files.as_array().unwrap().clone());
    let files: Vec<String> = files.map(|file| file.as_str().unwrap().to_owned()).collect();
    assert_eq!(files.len(), 6);
    for file in files {
        assert_eq!(git(&world, &["show", &format!("main:{file}")]), "made", "{file}");
    }
}

#[test]
fn what_a_document_says_reaches_no_terminal_raw() {
    let world = World::new();
    world.write(
        "t.md",
        "# T\u{1b}[31m\u{202e}\n\n- `src/a.py`: \u{1b}]0;x\u{7} note\u{9b}\n- `b\u{202e}.py`\n",
    );
    let said = world.regatta(&["analyze", "t.md"]);
    for text in [&said.out, &said.err] {
        assert!(!text.contains(|c: char| c.is_control() && c != '\n' || c == '\u{202e}'), "{text:?}");
    }
    world.write("plan.yaml", &said.exits(0).out);
    world.regatta(&["check", "plan.yaml"]).exits(0);
}
