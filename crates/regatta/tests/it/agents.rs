//! Agents with a template of the plan: a scripted agent, the real keeper, a real run.
//!
//! The agent is a shell script; it says what it was given.

use crate::world::{World, status};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;

/// A workspace with `agent.sh`, which does what `does` says.
fn world(agent: &str, does: &str, tasks: &str) -> World {
    let world = World::with(&format!("version: 1\nagents:\n  bot: {{ {agent} }}\ntasks:\n{tasks}"));
    world.write("agent.sh", &format!("#!/bin/sh\n{does}\n"));
    std::fs::set_permissions(world.path("agent.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    world
}

/// A file of the newest attempt of a task.
fn of_attempt(world: &World, attempt: u64, name: &str) -> String {
    let path = world.run_dir().join("attempts").join(attempt.to_string()).join(name);
    std::fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn an_agent_gets_its_prompt_and_its_last_words_are_the_result_that_the_next_one_is_told() {
    let tasks = "  - { id: a, agent: bot, prompt: 'write ${inputs.what}', accept: [it is there], files: [x.txt] }\n\
                 \x20 - { id: b, agent: bot, prompt: go on, needs: [a] }\n\
                 \x20 - { id: c, run: ['./show', '${a.result.summary}'] }\n";
    let world = world(
        "command: [./agent.sh, '{instruction}', '{prompt_file}', '{cwd}']",
        "echo \"$1\" >>said; cp \"$2\" \"prompt.$REGATTA_TASK_ID\"; pwd >\"cwd\"; [ \"$3\" = \"$(pwd)\" ]\n\
         [ \"$2\" = \"$REGATTA_PROMPT_FILE\" ] || exit 7\necho working; echo \"I did $REGATTA_TASK_ID\"",
        tasks,
    );
    let plan = world.read("plan.yaml").replace("tasks:\n", "inputs: { what: x }\ntasks:\n");
    world.write("plan.yaml", &plan);
    world.write("show", "#!/bin/sh\nprintf %s \"$1\" >shown\n");
    std::fs::set_permissions(world.path("show"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let summary = world.run();
    assert_eq!(summary["status"], "succeeded", "{summary:#}");
    assert_eq!(world.read("said"), "write x\ngo on\n");
    assert_eq!(world.read("shown"), "working\nI did a");
    let (first, second) = (world.read("prompt.a"), world.read("prompt.b"));
    for part in ["# Task a", "write x", "- it is there", "- x.txt", "This prompt was made of"] {
        assert!(first.contains(part), "{part} is not in\n{first}");
    }
    assert!(second.contains("comes from task a") && second.contains("I did a"), "{second}");
    assert_eq!(of_attempt(&world, 1, "prompt.md"), first);
    let bill: Value = serde_json::from_str(&of_attempt(&world, 1, "prompt.json")).unwrap();
    assert_eq!(bill["items"][0]["part"], "title");
    for name in ["prompt.md", "prompt.json", "agent.json"] {
        let path = world.run_dir().join("attempts/1").join(name);
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn the_next_attempt_is_told_how_the_last_one_failed() {
    let world = world(
        "command: [./agent.sh, '{prompt}', '{session}']",
        "printf %s \"$1\" >prompt.$REGATTA_ATTEMPT; echo \"$2\" >>sessions\n\
         [ \"$REGATTA_ATTEMPT\" = 2 ] || { echo 'no such module' >&2; exit 3; }",
        "  - { id: a, agent: bot, prompt: do it, retry: { max_attempts: 2, backoff: 1ms } }\n",
    );
    let summary = world.run();
    assert_eq!(status(&summary, "a"), "succeeded", "{summary:#}");
    assert!(!world.read("prompt.1").contains("last attempt"));
    let second = world.read("prompt.2");
    for part in ["How the last attempt failed", "exit code 3", "no such module", "task a (attempt 1)"] {
        assert!(second.contains(part), "{part} is not in\n{second}");
    }
    let sessions = world.read("sessions");
    let sessions: Vec<&str> = sessions.lines().collect();
    assert!(sessions.len() == 2 && sessions[0] != sessions[1] && sessions[0].len() == 36, "{sessions:?}");
}

#[test]
fn a_prompt_that_fits_no_argument_names_the_file_in_which_it_is() {
    let long = "x".repeat(100_001);
    let tasks = format!("  - {{ id: a, agent: bot, prompt: '{long}' }}\n");
    let world_of = |agent| world(agent, "wc -c <\"$1\" >size", &tasks);
    let refused = world_of("command: [./agent.sh, '{prompt}']").run();
    let why = refused["tasks"]["a"]["why"].as_str().unwrap();
    assert!(why.contains("let the agent read `{prompt_file}`"), "{why}");
    let by_file = world_of("command: [./agent.sh, '{prompt_file}']");
    let warned = by_file.regatta(&["context", "a", "--plan", "plan.yaml"]).exits(0).err;
    assert!(warned.contains("more than 20000; nothing is cut yet"), "{warned}");
    assert_eq!(by_file.run()["status"], "succeeded");
    assert!(by_file.read("size").trim().parse::<usize>().unwrap() > 100_001);
}

#[test]
fn an_agent_has_a_place_for_temporary_files_and_a_home_where_it_has_a_key() {
    let tasks = "  - { id: a, agent: bot, prompt: x }\n  - { id: b, run: 'echo ${BOT_API_KEY:-none} $HOME >other' }\n";
    let does = "echo \"$HOME\" >home; echo \"$TMPDIR\" >tmp; touch \"$TMPDIR/left\" \"$HOME/left\"\n\
                echo \"$BOT_API_KEY\" >key; readlink /proc/self/fd/0 >stdin";
    let mut own = world("command: [./agent.sh], env: [BOT_API_KEY]", does, tasks);
    own.set("BOT_API_KEY", "sk-1");
    let user = own.root().join("user");
    std::fs::create_dir(&user).unwrap();
    own.set("HOME", user.to_str().unwrap());
    assert_eq!(own.run()["status"], "succeeded");
    let attempts = own.run_dir().join("attempts/1");
    assert_eq!(own.read("tmp").trim(), attempts.join("tmp").to_str().unwrap());
    assert!(attempts.exists() && !attempts.join("tmp").exists(), "it is gone with the attempt");
    assert_eq!(own.read("home").trim(), own.run_dir().join("homes/a").to_str().unwrap());
    assert_eq!((own.read("key").as_str(), own.read("stdin").as_str()), ("sk-1\n", "/dev/null\n"));
    assert_eq!(own.read("other").trim(), format!("none {}", user.display()), "a key is the agent's alone");
    assert_eq!(std::fs::read_dir(&user).unwrap().count(), 0);

    let mut shared = world("command: [./agent.sh]", does, tasks);
    shared.set("HOME", user.to_str().unwrap());
    assert_eq!(shared.run()["status"], "succeeded");
    assert_eq!(shared.read("home").trim(), user.to_str().unwrap());
}

#[test]
fn a_silent_agent_is_ended_after_its_idle_timeout() {
    let world = world(
        "command: [./agent.sh], idle_timeout: 1s",
        "exec sleep 60",
        "  - { id: a, agent: bot, prompt: x }\n",
    );
    let summary = world.run();
    assert_eq!((status(&summary, "a"), summary["tasks"]["a"]["cause"].as_str()), ("timed_out", Some("idle")));
}

#[test]
fn a_prompt_is_shown_before_a_run_and_of_an_attempt() {
    let tasks = "  - { id: a, agent: bot, prompt: 'write ${inputs.what}', accept: [it is there] }\n\
                 \x20 - { id: b, agent: bot, prompt: 'read ${a.result.summary}', needs: [a] }\n\
                 \x20 - { id: c, run: 'true' }\n";
    let world = world("command: [./agent.sh]", "echo did it", tasks);
    world.write("plan.yaml", &world.read("plan.yaml").replace("tasks:\n", "inputs: { what: x }\ntasks:\n"));
    let before = |task: &str| world.regatta(&["context", task, "--plan", "plan.yaml", "--input", "what=y"]);
    assert!(before("a").exits(0).out.contains("write y\n"));
    let shown = before("b").exits(0).out;
    assert!(shown.contains("read ${a.result.summary}") && shown.contains("once it has ended"), "{shown}");
    assert!(before("c").exits(2).err.contains("no agent does task `c`"));
    assert!(before("z").exits(2).err.contains("no task `z`"));
    assert!(!world.path(".regatta").exists(), "nothing was started");

    assert_eq!(world.run()["status"], "succeeded");
    let of_run = world.regatta(&["context", "b"]).exits(0).out;
    assert_eq!(of_run, of_attempt(&world, attempt_of(&world, "b"), "prompt.md"));
    assert!(of_run.contains("read did it"), "{of_run}");
    let facts = world.regatta(&["context", "b", "--attempt", "1", "--json"]).exits(0).json();
    assert_eq!(facts["prompt"], of_run);
    assert!(facts["items"].as_array().unwrap().iter().any(|item| item["source"] == "task a"));
    assert!(world.regatta(&["context", "c"]).exits(2).err.contains("has no prompt"));
    assert!(world.regatta(&["context", "b", "--attempt", "7"]).exits(2).err.contains("no attempt 7"));
}

/// The id of the first attempt of a task.
fn attempt_of(world: &World, task: &str) -> u64 {
    let events = world.regatta(&["events"]).out;
    let mut events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let start = events.find(|event| event["kind"] == "dispatch_started" && event["node_id"] == task);
    start.unwrap()["attempt_id"].as_u64().unwrap()
}

#[test]
fn known_agents_are_listed_with_what_is_found_and_what_was_verified() {
    let mut world = World::new();
    world.write("bin/codex", "#!/bin/sh\n[ \"$1\" = --version ] && echo 'codex-cli 9.8.7'\n");
    world.write("bin/pi", "#!/bin/sh\nexec sleep 0\n");
    for name in ["bin/codex", "bin/pi"] {
        std::fs::set_permissions(world.path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    world.write("home/.codex/auth.json", "a secret that nobody reads");
    std::fs::set_permissions(world.path("home/.codex/auth.json"), std::fs::Permissions::from_mode(0o000))
        .unwrap();
    let (bin, home) = (world.path("bin").display().to_string(), world.path("home").display().to_string());
    world.set("PATH", &format!("{bin}:/usr/bin:/bin"));
    world.set("HOME", &home);
    world.set("ANTHROPIC_API_KEY", "sk-never-shown");
    let said = world.regatta(&["agents", "--json"]).exits(0);
    let rows = said.json();
    let of = |name: &str| rows.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone();
    let codex = of("codex");
    assert_eq!(
        (&codex["version"], &codex["login"]["files"][0]),
        (&"9.8.7".into(), &".codex/auth.json".into())
    );
    assert_eq!((&codex["verified_version"], &codex["verified_by"]), (&"0.169.0".into(), &"tests".into()));
    assert_eq!(
        (&of("claude")["path"], &of("claude")["login"]["variables"][0]),
        (&Value::Null, &"ANTHROPIC_API_KEY".into())
    );
    assert_eq!((&of("pi")["version"], &of("pi")["acts_unasked"]), (&Value::Null, &true.into()));
    let text = world.regatta(&["agents"]).exits(0).out;
    assert!(text.contains("codex     9.8.7") && text.contains("~/.codex/auth.json"), "{text}");
    assert!(!(text + &said.out).contains("sk-never-shown"));
    let doctor = world.regatta(&["doctor", "--json"]).json();
    let agents = doctor["checks"].as_array().unwrap().iter().find(|check| check["name"] == "agents").unwrap();
    let detail = agents["detail"].as_str().unwrap();
    assert!(detail.contains("codex: told what they may do inside a worktree only"), "{detail}");
    assert!(detail.contains("pi: change files and run commands unasked"), "{detail}");
}

#[test]
fn a_budget_that_is_used_up_is_told_and_the_rest_is_not_started() {
    let world = world(
        "acp: [./agent.sh]",
        "while read -r line; do id=$(printf %s \"$line\" | sed -n 's/.*\"id\":\\(\"[^\"]*\"\\|[0-9]*\\).*/\\1/p')\n\
         case \"$line\" in *initialize*) r='\"protocolVersion\":1' ;; *session/new*) r='\"sessionId\":\"s\"' ;;\n\
         *) r='\"stopReason\":\"end_turn\",\"usage\":{\"inputTokens\":90,\"outputTokens\":20,\"totalTokens\":110}' ;; esac\n\
         echo \"{\\\"jsonrpc\\\":\\\"2.0\\\",\\\"id\\\":$id,\\\"result\\\":{$r}}\"; done",
        "  - { id: a, agent: bot, prompt: x }\n  - { id: b, agent: bot, prompt: x, needs: [a] }\n  - { id: c, run: 'true', needs: [a] }\n",
    );
    world.write(
        "plan.yaml",
        &world.read("plan.yaml").replace("tasks:\n", "budget: { tokens: 100 }\ntasks:\n"),
    );
    let summary = world.run();
    assert_eq!(summary["tasks"]["a"]["usage"]["tokens"], 110, "{summary:#}");
    assert_eq!(
        (status(&summary, "a"), status(&summary, "b"), status(&summary, "c")),
        ("succeeded", "failed", "succeeded")
    );
    assert_eq!(summary["tasks"]["b"]["cause"], "budget");
    assert_eq!(world.kinds().iter().filter(|kind| *kind == "budget_exhausted").count(), 1);
    let said = world.regatta(&["status"]).exits(0).out;
    assert!(said.contains("failed (budget)"), "{said}");
    assert!(world.regatta(&["replay"]).exits(0).err.is_empty());
}
