//! Real agents against a scripted model server: what they are told, what they say, what they cost.
//!
//! Each prompt carries the script that the server plays. The usage that is told must be what the server billed.

use crate::model::{Model, world_with};
use crate::world::{World, ends, status};
use serde_json::Value;

pub const CODEX: &str = "preset: codex, env: [LOOP_API_KEY], home: shared";
pub const CLAUDE: &str = "preset: claude, env: [ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL]";
pub const GEMINI: &str = "preset: gemini, env: [GEMINI_API_KEY, GOOGLE_GEMINI_BASE_URL], home: shared";
pub const OPENCODE: &str = "preset: opencode, home: shared";
const AIDER: &str = "preset: aider, env: [OPENAI_API_KEY, OPENAI_API_BASE], home: shared, model: openai/scripted, args: [--edit-format, diff]";
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

/// A repository with the plan's work in worktrees, which lands behind a gate.
pub fn in_worktrees(world: &World, agent: &str, tasks: &[(&str, &str, &str)], gate: &str) {
    let git = |args: &[&str]| {
        let mut command = std::process::Command::new("git");
        let who = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"];
        assert!(
            command.args(who).args(args).current_dir(world.root()).status().unwrap().success(),
            "{args:?}"
        );
    };
    world.write(".gitignore", "home/\n.regatta/\nplan.yaml\nup\nlog\n");
    git(&["init", "-q", "-b", "main"]);
    git(&["add", ".gitignore"]);
    git(&["commit", "-qm", "base"]);
    plan(world, agent, tasks);
    let apart = format!("isolation: worktree\nmerge: {{ gates: [{gate}] }}\ntasks:\n");
    world.write("plan.yaml", &world.read("plan.yaml").replace("tasks:\n", &apart));
}

#[test]
fn agents_may_change_files_inside_a_worktree_and_their_work_lands() {
    for (name, agent, tells) in [
        ("codex", CODEX, 4),
        ("claude", CLAUDE, 3),
        ("gemini", GEMINI, 4),
        ("opencode", OPENCODE, 4),
        ("aider", AIDER, 0),
    ] {
        let Some((world, model)) = world_with(name) else { continue };
        in_worktrees(&world, agent, &[("a", WRITES, "")], "test -f hello.txt");
        let summary = world.run();
        assert_eq!(summary["status"], "succeeded", "{name}: {summary:#}");
        assert_eq!(world.read("hello.txt"), "hi\n", "{name}: the checkout follows its branch");
        assert_eq!(record(&world, 1)["in_worktree"], true);
        // Claude Code does not tell of reasoning, and aider of nothing.
        if tells > 0 {
            assert_eq!(told(&summary)[..tells], model.billed()[..tells], "{name}");
        }
    }
}

#[test]
fn agents_that_may_only_read_inside_a_worktree_change_nothing() {
    for (name, agent) in [("gemini", GEMINI), ("opencode", OPENCODE)] {
        let Some((world, model)) = world_with(name) else { continue };
        in_worktrees(&world, &format!("{agent}, permissions: deny"), &[("a", WRITES, "")], "true");
        let summary = world.run();
        assert!(!world.path("hello.txt").exists(), "{name}");
        if name == "gemini" {
            // Its tools that write are not offered to the model, so there is nothing that it could be refused.
            assert_eq!(record(&world, 1)["tool_calls"], 0);
        } else {
            assert_eq!(summary["tasks"]["a"]["cause"], "permission", "{summary:#}");
            let why = summary["tasks"]["a"]["why"].as_str().unwrap();
            assert!(why.contains("refused write"), "{why}");
        }
        billed(&model, &summary);
    }
}

#[test]
fn agents_that_may_edit_run_no_commands_and_those_that_may_all_do() {
    for (name, agent) in [("gemini", GEMINI), ("opencode", OPENCODE)] {
        for (permissions, runs) in [("edit", false), ("allow", true)] {
            let Some((world, model)) = world_with(name) else { continue };
            let script = r#"SCRIPT: [{"shell": "echo x > by-command"}, {"text": "done"}]"#;
            let agent = format!("{agent}, permissions: {permissions}");
            in_worktrees(&world, &agent, &[("a", script, "")], "true");
            let summary = world.run();
            assert_eq!(world.path("by-command").exists(), runs, "{name} {permissions}: {summary:#}");
            assert_eq!(summary["status"] == "succeeded", runs || name == "gemini", "{name}: {summary:#}");
            billed(&model, &summary);
        }
    }
}

#[test]
fn gemini_refuses_a_folder_that_is_not_trusted_outside_a_worktree() {
    let Some((world, _model)) = world_with("gemini") else { return };
    plan(&world, GEMINI, &[("a", WRITES, "")]);
    let summary = world.run();
    assert_eq!(summary["tasks"]["a"]["why"], "failed: exit 55", "{summary:#}");
    assert!(!world.path("hello.txt").exists());
}

#[test]
fn the_session_of_gemini_and_of_opencode_goes_on_in_the_next_attempt_and_is_counted_once() {
    for (name, agent) in [("gemini", GEMINI), ("opencode", OPENCODE)] {
        let Some((world, model)) = world_with(name) else { continue };
        let more =
            "  result: stdout-json\n  retry: { max_attempts: 2, backoff: 1ms, resume_session: true }\n";
        in_worktrees(&world, agent, &[("a", r#"SCRIPT: [{"text": "no JSON"}]"#, more)], "true");
        let summary = world.run();
        assert_eq!(summary["tasks"]["a"]["cause"], "bad_result", "{name}: {summary:#}");
        let (first, second) = (record(&world, 1), record(&world, 2));
        assert!(first["session"].is_string(), "{name}: {first:#}");
        assert_eq!(
            (&second["resumed"], &second["session"]),
            (&first["session"], &first["session"]),
            "{name}"
        );
        billed(&model, &summary);
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
fn a_cancelled_agent_leaves_none_of_its_tools_behind() {
    let codex = format!("{CODEX}, permissions: allow");
    let (gemini, opencode) =
        (format!("{GEMINI}, permissions: allow"), format!("{OPENCODE}, permissions: allow"));
    for (name, agent) in [("codex", codex), ("gemini", gemini), ("opencode", opencode)] {
        let Some((world, _model)) = world_with(name) else { continue };
        world.fifo("up");
        let up = world.path("up").display().to_string();
        let script = format!(r#"SCRIPT: [{{"shell": "echo $$ >{up}; exec sleep 97"}}, {{"text": "done"}}]"#);
        in_worktrees(&world, &agent, &[("a", &script, "  timeout: { grace: 500ms }\n")], "true");
        let mut child = world.start(&["run", "plan.yaml"]);
        let tool = world.hear("up");
        assert!(crate::world::lives(&tool), "{name}: the tool runs as {tool}");
        world.regatta(&["cancel"]).exits(0);
        assert_eq!(ends(&mut child), Some(1), "{name}");
        assert!(!crate::world::lives(&tool), "{name}");
        assert_eq!(world.regatta(&["status", "--json"]).json()["status"], "cancelled", "{name}");
    }
}
