//! Formats 5: what a run of an epic in worktrees leaves for other tools, field by field.

use crate::repo_world::{git, with_plan};
use crate::world::World;
use serde_json::{Value, json};

const OUT: &str = ".workflow/outputs/EPIC-9";

fn read(world: &World, name: &str) -> Value {
    let text = world.read(&format!("{OUT}/{name}"));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}: {text}"))
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The files below a directory, by their names from there.
fn below(world: &World, dir: &str) -> Vec<String> {
    let entries = std::fs::read_dir(world.path(dir)).into_iter().flatten();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

const AGGREGATE: [&str; 7] =
    ["phase", "execution_mode", "epic_id", "timestamp", "domains", "domain_results", "summary"];
const RESULT: [&str; 8] = [
    "status",
    "epic_id",
    "domain",
    "worktree_path",
    "files_created",
    "files_modified",
    "issues_encountered",
    "completion_timestamp",
];
const SUMMARY: [&str; 7] = [
    "status",
    "execution_mode",
    "merge_order",
    "merged_domains",
    "conflicts",
    "worktrees_cleaned",
    "completion_timestamp",
];
const METADATA: [&str; 15] = [
    "name",
    "epic_id",
    "task_name",
    "path",
    "branch",
    "base_branch",
    "agent_id",
    "status",
    "created_at",
    "assigned_at",
    "completed_at",
    "merged_at",
    "cleaned_at",
    "commits",
    "error_message",
];

/// The keys of an object are these, in any order.
fn has(value: &Value, expected: &[&str]) {
    let sorted = |mut keys: Vec<&str>| -> Vec<String> {
        keys.sort_unstable();
        keys.into_iter().map(str::to_owned).collect()
    };
    assert_eq!(sorted(keys(value)), sorted(expected.to_vec()), "{value}");
}

const GOOD: &str = "epic: EPIC-9
merge: { order: [database, backend], gates: ['echo fine'] }
tasks:
  - { id: api, domain: backend, run: 'mkdir api; echo x >api/new.txt; echo y >>src/a.txt; rm src/b.txt' }
  - { id: more, domain: backend, needs: [api], run: 'echo z >>api/new.txt; echo \"{\\\"issues\\\": [ { \\\"description\\\": \\\"slow\\\", \\\"file\\\": \\\"api/new.txt\\\" } ], \\\"files_created\\\": [\\\"lie.txt\\\"]}\" >$REGATTA_RESULT' }
  - { id: table, domain: database, run: 'echo t >table.sql' }
";

#[test]
fn a_run_of_an_epic_leaves_what_each_domain_did_from_git_and_how_it_was_merged() {
    let world = with_plan(GOOD);
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(said.err.contains("of epic EPIC-9 to .workflow/outputs/EPIC-9\n"), "{}", said.err);
    let backend = read(&world, "backend_results.json");
    has(&backend, &RESULT);
    assert_eq!((&backend["status"], &backend["domain"]), (&"success".into(), &"backend".into()));
    // Not what a task says of itself.
    assert_eq!(backend["files_created"], json!(["api/new.txt"]));
    assert_eq!(backend["files_modified"], json!(["src/a.txt", "src/b.txt"]));
    let issue = json!({ "description": "slow", "file": "api/new.txt", "resolution": null });
    assert_eq!(backend["issues_encountered"], json!([issue]));
    let all = read(&world, "phase1_parallel_results.json");
    has(&all, &AGGREGATE);
    assert_eq!((&all["phase"], &all["execution_mode"]), (&"1B".into(), &"parallel".into()));
    assert_eq!(all["domains"], json!(["database", "backend"]));
    let row = &all["domain_results"]["backend"];
    has(
        row,
        &["status", "worktree_path", "worktree_branch", "files_created", "files_modified", "result_file"],
    );
    assert_eq!((&row["files_created"], &row["files_modified"]), (&1.into(), &2.into()));
    assert_eq!(row["result_file"], format!("{OUT}/backend_results.json"));
    let summary = json!({ "total_domains": 2, "successful": 2, "partial": 0, "failed": 0, "overall_status": "success" });
    assert_eq!(all["summary"], summary);
    let merged = read(&world, "merge_summary.json");
    has(&merged, &SUMMARY);
    assert_eq!((&merged["status"], &merged["worktrees_cleaned"]), (&"success".into(), &true.into()));
    assert_eq!(merged["merged_domains"], json!(["database", "backend"]));
    assert!(!world.path(&format!("{OUT}/merge_conflicts.json")).exists());
    let validation = read(&world, "validation/result.json");
    has(&validation, &["status", "attempts", "final_attempt_log", "timestamp"]);
    assert_eq!((&validation["status"], &validation["attempts"]), (&"passed".into(), &3.into()));
    let log = world.read(validation["final_attempt_log"].as_str().unwrap());
    assert!(log.starts_with("passed: echo fine after the merge of more\n    exit code 0: fine"), "{log}");
    // Worktrees that are gone are in the archive.
    let archived = below(&world, ".worktrees/.metadata/archived");
    assert_eq!(archived.len(), 3, "{archived:?}");
    let one: Value =
        serde_json::from_str(&world.read(&format!(".worktrees/.metadata/archived/{}", archived[0]))).unwrap();
    has(&one, &METADATA);
    assert_eq!(
        (&one["status"], &one["base_branch"], &one["task_name"]),
        (&"cleaned".into(), &"main".into(), &"api".into())
    );
    assert_eq!(one["commits"].as_array().unwrap().len(), 1);
    let (name, time) = archived[0].trim_end_matches(".json").rsplit_once('-').unwrap();
    assert!(name.starts_with(one["name"].as_str().unwrap()) && time.len() == 6, "{archived:?}");
}

#[test]
fn a_domain_without_a_result_has_a_placeholder_and_a_conflict_its_next_steps() {
    let world = with_plan(
        "epic: EPIC-9
merge: { gates: ['true'] }
tasks:
  - { id: a, domain: backend, run: 'echo A >src/b.txt' }
  - { id: b, domain: frontend, run: 'echo B >src/b.txt' }
  - { id: c, domain: docs, needs: [a], run: 'true', must_change: false }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let conflicts = read(&world, "merge_conflicts.json");
    let expected =
        ["status", "conflicted_domains", "resolution_required", "next_steps", "conflict_timestamp"];
    has(&conflicts, &expected);
    assert_eq!(
        (&conflicts["status"], &conflicts["resolution_required"]),
        (&"conflicts".into(), &true.into())
    );
    assert_eq!(conflicts["conflicted_domains"], json!(["frontend"]));
    let steps = conflicts["next_steps"].to_string();
    assert!(steps.contains("regatta retry ") && steps.contains("src/b.txt"), "{steps}");
    assert!(!world.path(&format!("{OUT}/merge_summary.json")).exists());
    let kept = below(&world, ".worktrees/.metadata");
    let of_b = kept.iter().find(|name| name.contains("-b-")).unwrap();
    let of_b: Value = serde_json::from_str(&world.read(&format!(".worktrees/.metadata/{of_b}"))).unwrap();
    has(&of_b, &METADATA);
    assert_eq!((&of_b["status"], &of_b["error_message"]), (&"conflict".into(), &Value::Null));
    let world = with_plan(
        "epic: EPIC-9
tasks:
  - { id: a, domain: backend, run: 'echo A >a.txt; exit 3' }
  - { id: b, domain: frontend, needs: [a], run: 'echo B >b.txt' }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let missing = read(&world, "frontend_results.json");
    has(&missing, &["status", "epic_id", "domain", "error", "completion_timestamp"]);
    assert_eq!((&missing["status"], &missing["error"]), (&"failed".into(), &"b: upstream".into()));
    let failed = read(&world, "backend_results.json");
    assert_eq!((&failed["status"], &failed["files_created"]), (&"failed".into(), &json!(["a.txt"])));
    assert_eq!(failed["issues_encountered"][0]["description"], "a: exit");
    let all = read(&world, "phase1_parallel_results.json");
    assert_eq!(all["domain_results"]["frontend"]["status"], "missing");
    assert_eq!(all["summary"]["overall_status"], "failed");
    assert!(!world.path(&format!("{OUT}/merge_summary.json")).exists(), "there was no merge");
}

#[test]
fn a_landing_that_waits_says_so_and_once_it_landed_only_that_is_left() {
    let world = with_plan(
        "epic: EPIC-9
merge: { on_conflict: manual-escalation, gates: ['true'] }
tasks:
  - { id: a, domain: backend, run: 'echo A >src/b.txt' }
  - { id: b, domain: frontend, run: 'echo B >src/b.txt' }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let conflicts = read(&world, "merge_conflicts.json");
    let steps = conflicts["next_steps"].as_array().unwrap();
    assert!(steps.last().unwrap().as_str().unwrap().contains("regatta resume "), "{steps:?}");
    let place = world.path(&format!(".regatta/worktrees/{}-integration", world.run_id()));
    std::fs::write(place.join("src/b.txt"), "AB\n").unwrap();
    crate::repo_world::git_in(&place, &["commit", "-qam", "resolved"]);
    world.regatta(&["resume"]).exits(0);
    assert!(!world.path(&format!("{OUT}/merge_conflicts.json")).exists());
    let summary = read(&world, "merge_summary.json");
    assert_eq!(summary["conflicts"][0]["resolved"]["src/b.txt"], "a person");
    assert_eq!(
        (below(&world, ".worktrees/.metadata"), world.read("src/b.txt")),
        (vec!["archived".to_owned()], "AB\n".to_owned())
    );
}

#[test]
fn files_of_another_run_are_moved_aside_and_those_of_nobody_stay() {
    let world = with_plan(GOOD);
    world.write(&format!("{OUT}/merge_summary.json"), "by hand");
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(
        said.err.contains("kept .workflow/outputs/EPIC-9/merge_summary.json, which was there\n"),
        "{}",
        said.err
    );
    assert_eq!(world.read(&format!("{OUT}/merge_summary.json")), "by hand");
    let (first, before) = (world.run_id(), world.read(&format!("{OUT}/backend_results.json")));
    git(&world, &["reset", "-q", "--hard", "HEAD~3"]);
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(
        said.err.contains(&format!("moved the files of run {first} to {OUT}/runs/{first}\n")),
        "{}",
        said.err
    );
    assert_eq!(world.read(&format!("{OUT}/runs/{first}/backend_results.json")), before);
    assert!(world.path(&format!("{OUT}/runs/{first}/validation/attempt_1.log")).exists());
    assert_ne!(world.read(&format!("{OUT}/backend_results.json")), before);
    assert_eq!(world.read(&format!("{OUT}/merge_summary.json")), "by hand");
    // Where the directory is a link, nothing is written through it.
    let world = with_plan(GOOD);
    std::fs::create_dir(world.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink("elsewhere", world.path(".workflow")).unwrap();
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(said.err.contains("warning: no files of the epic"), "{}", said.err);
    assert_eq!(below(&world, "elsewhere"), Vec::<String>::new());
}

#[test]
fn what_an_agent_did_about_red_gates_has_a_file_for_each_attempt() {
    let world = with_plan("");
    let bot = world.path(".git/bot.sh");
    let script = "#!/bin/sh\ntop=$REGATTA_WORKSPACE/.git\ntest -e $top/once && echo good >new.txt; touch $top/once; echo tried >tried.txt\n";
    std::fs::write(&bot, script).unwrap();
    std::fs::set_permissions(&bot, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let plan = format!(
        "epic: EPIC-9
agents: {{ bot: {{ command: ['{}', '{{prompt_file}}'] }} }}
merge: {{ gates: [lint], fix: {{ agent: bot, attempts: 2 }} }}
gates: {{ lint: {{ run: 'echo looking; grep -q good new.txt' }} }}
tasks: [ {{ id: a, domain: backend, run: 'echo new >new.txt' }} ]
",
        bot.display()
    );
    world.write("plan.yaml", &(world.read("plan.yaml") + &plan));
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let fix = |n: u32| read(&world, &format!("fix_attempt_{n}.json"));
    let fields = [
        "status",
        "attempt_number",
        "epic_id",
        "agent_type",
        "validation_results",
        "fixes_applied",
        "remaining_issues",
        "completion_timestamp",
    ];
    let (first, second) = (fix(1), fix(2));
    has(&first, &fields);
    assert_eq!((&first["status"], &second["status"]), (&"failed".into(), &"success".into()));
    assert_eq!((&second["agent_type"], &second["attempt_number"]), (&"bot".into(), &2.into()));
    has(&second["validation_results"], &["build", "lint", "format", "typecheck", "architecture"]);
    has(&second["validation_results"]["lint"], &["status", "command", "errors_found", "errors_fixed"]);
    assert_eq!(second["validation_results"]["lint"]["status"], "passed");
    has(&second["fixes_applied"][0], &["file", "issue", "fix"]);
    has(&first["remaining_issues"][0], &["file", "issue", "blocker_reason"]);
    let result = read(&world, "validation/result.json");
    assert_eq!((&result["status"], &result["attempts"]), (&"passed".into(), &3.into()));
    // The log has what the gate wrote.
    let log = world.read(result["final_attempt_log"].as_str().unwrap());
    assert!(log.contains("\n    looking\n"), "{log}");
}
