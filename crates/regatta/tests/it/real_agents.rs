//! Real Codex and real Claude Code against a scripted model server: what they are told, what they say, what they cost.
//!
//! Each prompt carries the script that the server plays. The usage that is told must be what the server billed.

use crate::model::{Model, world_with};
use crate::world::{World, ends, status};
use serde_json::Value;

const CODEX: &str = "preset: codex, env: [LOOP_API_KEY], home: shared";
const CLAUDE: &str = "preset: claude, env: [ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL]";
/// Writes a file and says so.
const WRITES: &str = r#"SCRIPT: [{"write": "hello.txt", "content": "hi\n"}, {"text": "wrote it"}]"#;

/// A plan with one agent; each task is an id, what its prompt says, and further keys.
fn plan(world: &World, agent: &str, tasks: &[(&str, &str, &str)]) {
    let mut text = format!("version: 1\nagents:\n  coder: {{ {agent} }}\ntasks:\n");
    for (id, prompt, more) in tasks {
        text.push_str(&format!("- id: {id}\n  agent: coder\n  accept: [done]\n{more}  prompt: |\n"));
        prompt.lines().for_each(|line| text.push_str(&format!("    {line}\n")));
    }
    world.write("plan.yaml", &text);
}

/// What the run says it used, as the server counts: input with cached, cached, output, reasoning.
fn told(summary: &Value) -> [u64; 4] {
    let of = |name: &str| summary["usage"][name].as_u64().unwrap();
    let (cached, output) = (of("cached_tokens"), of("output_tokens"));
    [of("input_tokens") + cached, cached, output, of("reasoning_tokens")]
}

fn record(world: &World, attempt: u64) -> Value {
    let path = world.run_dir().join(format!("attempts/{attempt}/agent.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn billed(model: &Model, summary: &Value) {
    assert_eq!(told(summary), model.billed(), "{summary:#}");
}

#[test]
fn codex_works_says_so_and_is_billed_and_the_next_task_hears_of_it() {
    let Some((world, model)) = world_with("codex") else { return };
    let agent = format!("{CODEX}, args: [-s, danger-full-access]");
    plan(&world, &agent, &[("a", WRITES, ""), ("b", r#"SCRIPT: [{"text": "read it"}]"#, "  needs: [a]\n")]);
    let summary = world.run();
    assert_eq!(summary["status"], "succeeded", "{summary:#}");
    assert_eq!(world.read("hello.txt"), "hi\n");
    assert_eq!(told(&summary), [3_000, 600, 150, 30]);
    assert_eq!(
        (&summary["agents"]["coder"]["tokens"], &summary["tasks"]["b"]["usage"]["tokens"]),
        (&3_150.into(), &1_050.into())
    );
    billed(&model, &summary);
    let (first, prompt) =
        (record(&world, 1), std::fs::read_to_string(world.run_dir().join("attempts/2/prompt.md")));
    assert_eq!((&first["message"], &first["tool_calls"]), (&"wrote it".into(), &1.into()));
    assert!(first["session"].as_str().is_some_and(|id| id.len() == 36));
    assert!(prompt.unwrap().contains("wrote it"));
}

#[test]
fn codex_and_claude_may_change_files_inside_a_worktree_and_their_work_lands() {
    for (name, agent) in [("codex", CODEX), ("claude", CLAUDE)] {
        let Some((world, model)) = world_with(name) else { return };
        let git = |args: &[&str]| {
            let mut command = std::process::Command::new("git");
            let who = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"];
            assert!(
                command.args(who).args(args).current_dir(world.root()).status().unwrap().success(),
                "{args:?}"
            );
        };
        world.write(".gitignore", "home/\n.regatta/\nplan.yaml\n");
        git(&["init", "-q", "-b", "main"]);
        git(&["add", ".gitignore"]);
        git(&["commit", "-qm", "base"]);
        plan(&world, agent, &[("a", WRITES, "")]);
        world.write(
            "plan.yaml",
            &world
                .read("plan.yaml")
                .replace("tasks:\n", "isolation: worktree\nmerge: { gates: [test -f hello.txt] }\ntasks:\n"),
        );
        let summary = world.run();
        assert_eq!(summary["status"], "succeeded", "{name}: {summary:#}");
        assert_eq!(world.read("hello.txt"), "hi\n", "{name}: the checkout follows its branch");
        assert_eq!(record(&world, 1)["in_worktree"], true);
        assert_eq!(told(&summary)[..3], model.billed()[..3], "{name}");
    }
}

#[test]
fn codex_that_fails_is_heard_with_its_reason_and_its_session_goes_on_in_the_next_attempt() {
    let Some((world, model)) = world_with("codex") else { return };
    let script = r#"SCRIPT: {"steps": [{"shell": "true"}, {"text": "done"}], "faults": [{"kind": "status", "status": 400, "n": [2]}]}"#;
    let retry = "  retry: { max_attempts: 2, backoff: 1ms, resume_session: true }\n";
    plan(&world, &format!("{CODEX}, args: [-s, danger-full-access]"), &[("a", script, retry)]);
    let summary = world.run();
    assert_eq!(status(&summary, "a"), "succeeded", "{summary:#}");
    let (first, second) = (record(&world, 1), record(&world, 2));
    assert!(first["error"].as_str().is_some_and(|why| why.contains("400")), "{first:#}");
    assert_eq!((&second["resumed"], &second["session"]), (&first["session"], &first["session"]));
    billed(&model, &summary);
}

#[test]
fn usage_that_codex_counts_from_the_beginning_of_its_session_is_counted_once() {
    let Some((world, model)) = world_with("codex") else { return };
    let more = "  result: stdout-json\n  retry: { max_attempts: 2, backoff: 1ms, resume_session: true }\n";
    plan(&world, CODEX, &[("a", r#"SCRIPT: [{"text": "no JSON"}]"#, more)]);
    let summary = world.run();
    assert_eq!(summary["tasks"]["a"]["cause"], "bad_result", "{summary:#}");
    assert_eq!(record(&world, 2)["told"]["output_tokens"], 100);
    assert_eq!(record(&world, 2)["usage"]["output_tokens"], 50);
    billed(&model, &summary);
}

#[test]
fn claude_that_is_refused_a_tool_has_failed_although_it_exits_with_0() {
    let Some((world, model)) = world_with("claude") else { return };
    plan(&world, CLAUDE, &[("a", WRITES, "")]);
    let summary = world.run();
    assert_eq!(summary["tasks"]["a"]["cause"], "permission", "{summary:#}");
    let why = summary["tasks"]["a"]["why"].as_str().unwrap();
    assert!(why.contains("refused Write") && why.contains("worktree"), "{why}");
    assert!(!world.path("hello.txt").exists());
    assert_eq!(told(&summary)[..3], model.billed()[..3], "it does not tell of reasoning");
}

#[test]
fn claude_works_with_a_home_of_its_own_and_its_cost_is_counted() {
    let Some((world, model)) = world_with("claude") else { return };
    plan(&world, &format!("{CLAUDE}, args: [--permission-mode, acceptEdits]"), &[("a", WRITES, "")]);
    let summary = world.run();
    assert_eq!(summary["status"], "succeeded", "{summary:#}");
    assert_eq!(world.read("hello.txt"), "hi\n");
    assert!(summary["usage"]["cost_micro_usd"].as_u64().is_some_and(|cost| cost > 0));
    let [input, cached, output, _] = told(&summary);
    assert_eq!([input, cached, output], model.billed()[..3], "it does not tell of reasoning");
    assert!(!world.path("home/.claude").exists(), "it had a home of its own");
}

#[test]
fn a_cancelled_codex_leaves_none_of_its_tools_behind() {
    let Some((world, _model)) = world_with("codex") else { return };
    world.fifo("up");
    let up = world.path("up").display().to_string();
    let script = format!(r#"SCRIPT: [{{"shell": "echo $$ >{up}; exec sleep 97"}}, {{"text": "done"}}]"#);
    plan(&world, &format!("{CODEX}, args: [-s, danger-full-access]"), &[("a", &script, "")]);
    let mut child = world.start(&["run", "plan.yaml"]);
    let tool = world.hear("up");
    assert!(crate::world::lives(&tool), "the tool runs as {tool}");
    world.regatta(&["cancel"]).exits(0);
    assert_eq!(ends(&mut child), Some(1));
    assert!(!crate::world::lives(&tool));
    assert_eq!(world.regatta(&["status", "--json"]).json()["status"], "cancelled");
}
