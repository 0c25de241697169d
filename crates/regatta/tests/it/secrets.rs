//! Spec 9 "Secrets": what went in comes out nowhere, each sentence with its test.
//!
//! Every file below `.regatta` and everything that a command says is searched for the secret itself.

use crate::repo_world::with_plan;
use crate::world::{Said, World, comes, ends, gone, signal};
use rustix::process::{Pid, Signal};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

const SECRET: &str = "kX7-quartz/Vellum&91 \"o\"";

/// A token of a shape that the public rules know, put together here so that no scanner finds it in the source.
fn token() -> String {
    format!("gh{}_{}", 'p', "R4nD0mQ7vXk2LsT9bWzYc5HdJfMgPe8AuNi3")
}

/// Every byte of every file below a directory, with its path.
fn files(dir: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files(&path, found),
            Ok(kind) if kind.is_file() => {
                found.push((path.display().to_string(), std::fs::read(&path).unwrap_or_default()));
            }
            _ => {}
        }
    }
}

/// Fails if any of `secrets` is in a file of the store or in what the commands of a person say.
fn nowhere(world: &World, secrets: &[&str]) {
    let mut all = Vec::new();
    files(&world.path(".regatta"), &mut all);
    assert!(!all.is_empty(), "nothing was stored");
    let says = |args: &[&str]| {
        let Said { out, err, .. } = world.regatta(args);
        (args.join(" "), [out, err].concat().into_bytes())
    };
    all.extend([
        says(&["status"]),
        says(&["status", "--json"]),
        says(&["events"]),
        says(&["events", "--canonical"]),
        says(&["ls", "--json"]),
        says(&["post-mortem"]),
        says(&["explain", "a"]),
        says(&["logs", "a"]),
        says(&["logs", "a", "--stderr"]),
        says(&["replay"]),
    ]);
    for (name, bytes) in &all {
        for secret in secrets {
            let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!found, "`{secret}` is in {name}: {}", String::from_utf8_lossy(bytes));
        }
    }
}

fn private(world: &World, name: &str, text: &str, mode: u32) {
    world.write(name, text);
    std::fs::set_permissions(world.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn declared_values_are_redacted_in_their_common_encodings() {
    let mut world = World::with(
        "version: 1\nenv: [DEPLOY_TOKEN, PLAIN_NAME]\nsecrets: [QUIET]\n\
         vault: { file: { file: .keys/db }, out: { command: [sh, .keys/print] } }\n\
         tasks:\n  - id: a\n    env: { DB: '${vault.file}' }\n    run: |\n      \
         quiet=quiet-value; printf '%s\\n' \"$DB\" \"$DEPLOY_TOKEN\" \"${vault.out}\" \"$quiet-here\" \"$PLAIN_NAME\"\n      \
         printf '%s' \"$DB\" | base64 -w0; echo\n      printf 'x%s' \"$DB\" | base64 -w0; echo\n      \
         printf 'xy%s' \"$DB\" | base64 -w0; echo\n      printf '%s' \"$DB\" | od -An -tx1 | tr -d ' \\n'; echo\n      \
         printf '%s' \"$DB\" | od -An -tx1 | tr -d ' \\n' | tr a-f A-F; echo\n      \
         echo 'kX7-quartz%2FVellum%2691%20%22o%22'\n      echo 'kX7-quartz/Vellum&91 \\\"o\\\"'\n",
    );
    private(&world, ".keys/db", &format!("{SECRET}\n"), 0o600);
    private(&world, ".keys/print", "echo printed-by-a-command", 0o600);
    world.set("DEPLOY_TOKEN", "token-by-its-name");
    world.set("PLAIN_NAME", "an-ordinary-value");
    world.set("QUIET", "quiet-value-here");
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let said = world.regatta(&["logs", "a"]).exits(0).out;
    let lines: Vec<&str> = said.lines().collect();
    let plain =
        ["vault.file", "env.DEPLOY_TOKEN", "vault.out", "env.QUIET"].map(|n| format!("[REDACTED:{n}]"));
    assert_eq!(lines[..4], plain, "{said}");
    assert_eq!(lines[4], "an-ordinary-value", "other passed variables are not secret");
    for line in &lines[5..] {
        assert!(line.contains("[REDACTED:vault.file]") && line.len() < 30, "{line}\n{said}");
    }
    let hex: String = SECRET.bytes().map(|b| format!("{b:02x}")).collect();
    nowhere(&world, &[SECRET, "token-by-its-name", "printed-by-a-command", "quiet-value-here", &hex]);
}

#[test]
fn the_vault_of_a_request_reaches_its_call_and_nothing_else() {
    let mut world = World::new();
    world.write(
        "request.json",
        r#"{ "tasks": [
            { "id": "a", "tool": "shell", "vault": "GH_KEY",
              "params": { "cmd": "printf %s \"${vault.GH_KEY}\" | md5sum | cut -c1-32 >seen; echo \"it is ${vault.GH_KEY}\"" } },
            { "id": "b", "tool": "template", "vault": "file:.keys/db", "params": { "text": "{{ v }}", "vars": { "v": "${vault.db}" } } } ] }"#,
    );
    private(&world, ".keys/db", &format!("{SECRET}\n"), 0o600);
    world.set("GH_KEY", "hidden-value-of-the-caller");
    let said = world.regatta(&["run", "request.json", "--json"]).exits(0).json();
    assert_eq!(said["tasks"]["a"]["result"]["stdout"], "it is [REDACTED:vault.GH_KEY]\n", "{said:#}");
    assert_eq!(said["tasks"]["b"]["result"], "[REDACTED:vault.db]");
    assert_eq!(world.read("seen").trim(), "0fbc1d21304248c580886752316a7413");
    nowhere(&world, &[SECRET, "hidden-value-of-the-caller"]);
}

#[test]
fn a_secret_that_is_split_over_writes_is_found_and_nothing_of_it_is_shown_early() {
    let mut world = World::with(
        "version: 1\nenv: [A_TOKEN]\ntasks:\n  - { id: a, run: 'echo first; printf %s \"see split-in\"; echo up >up; cat gate; \
         echo \"-two-halves end\"' }\n",
    );
    ["up", "gate"].iter().for_each(|name| world.fifo(name));
    world.set("A_TOKEN", "split-in-two-halves");
    let mut run = world.start(&["run", "plan.yaml"]);
    world.hear("up");
    let mut follow = world.command(&["logs", "a", "--follow"]);
    let mut follow = follow.stdout(Stdio::piped()).spawn().unwrap();
    let mut out = follow.stdout.take().unwrap();
    assert!(comes(&out));
    let mut bytes = [0; 100];
    let n = out.read(&mut bytes).unwrap();
    let early = String::from_utf8_lossy(&bytes[..n]).into_owned();
    assert!(early.starts_with("first\n") && !early.contains("split"), "{early}");
    std::fs::write(world.path("gate"), "").unwrap();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(early + &rest, "first\nsee [REDACTED:env.A_TOKEN] end\n");
    assert_eq!((ends(&mut follow), ends(&mut run)), (Some(0), Some(0)));
    assert_eq!(world.regatta(&["logs", "a"]).out, "first\nsee [REDACTED:env.A_TOKEN] end\n");
    nowhere(&world, &["split-in-two-halves"]);
}

#[test]
fn while_a_task_writes_its_output_has_no_name_and_dies_with_its_holder() {
    let mut world = World::with(
        "version: 1\nvault: { k: { env: K } }\ntasks: [ { id: a, env: { K: '${vault.k}' }, run: 'echo $K; echo up >up; cat gate' } ]\n",
    );
    ["up", "gate"].iter().for_each(|name| world.fifo(name));
    world.set("K", "raw-output-of-a-task");
    let mut run = world.start(&["run", "plan.yaml"]);
    world.hear("up");
    let mut all = Vec::new();
    files(world.root(), &mut all);
    let named = all.iter().find(|(_, bytes)| String::from_utf8_lossy(bytes).contains("raw-output-of-a-task"));
    assert!(named.is_none(), "{named:?}");
    std::fs::write(world.path("gate"), "").unwrap();
    assert_eq!(ends(&mut run), Some(0));
    nowhere(&world, &["raw-output-of-a-task"]);
}

#[test]
fn after_kill_9_the_output_of_what_lives_on_is_redacted_by_whoever_resumes() {
    let mut world = World::with(
        "version: 1\nvault: { k: { env: K } }\ntasks: [ { id: a, effect: idempotent, env: { K: '${vault.k}' }, \
         run: 'echo $K; echo $K >&2; echo up >up; cat gate; echo \"{\\\"k\\\": \\\"$K\\\"}\" >$REGATTA_RESULT' } ]\n",
    );
    ["up", "gate"].iter().for_each(|name| world.fifo(name));
    world.set("K", "before-and-after-the-kill");
    let mut run = world.start(&["run", "plan.yaml"]);
    world.hear("up");
    let pid = Pid::from_child(&run);
    signal(&run, Signal::KILL);
    ends(&mut run);
    assert!(gone(pid));
    let mut resume = world.start(&["resume"]);
    std::fs::write(world.path("gate"), "").unwrap();
    assert_eq!(ends(&mut resume), Some(0));
    assert_eq!(world.regatta(&["logs", "a"]).out, "[REDACTED:vault.k]\n");
    assert_eq!(world.regatta(&["logs", "a", "--stderr"]).out, "[REDACTED:vault.k]\n");
    nowhere(&world, &["before-and-after-the-kill"]);
}

#[test]
fn rules_find_known_tokens_and_names_of_keys_and_leave_ordinary_text() {
    let ordinary = "commit 4dc90792 by A <a@example.org>, call +49 30 1234567\nchecksum = \"4aa5a6d107b0811a\"\n\
                    api_key: ${API_KEY}\ntotal_tokens: 1234567\nThe secret of it is the path.\n";
    let world = World::with("version: 1\ntasks: [ { id: a, run: [cat, text] } ]\n");
    let pem = format!(
        "-----BEGIN RSA {0} KEY-----\n{1}\n{1}\n-----END RSA {0} KEY-----",
        "PRIVATE",
        "Ab9/".repeat(16)
    );
    world.write(
        "text",
        &format!("{ordinary}x {}\n{pem}\ndb_password = 'w0lf#hound'\npostgres://u:p4ss-w0rd@h/d\n", token()),
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let said = world.regatta(&["logs", "a"]).out;
    let expect = "x [REDACTED:github-pat]\n[REDACTED:private-key]\ndb_password = '[REDACTED:key-value]'\n\
                  postgres://u:[REDACTED:url-credentials]@h/d\n";
    assert_eq!(said, format!("{ordinary}{expect}"));
    nowhere(&world, &[&token(), "w0lf#hound", "p4ss-w0rd", "Ab9/Ab9/"]);
}

#[test]
fn results_and_standard_output_of_tasks_are_the_redacted_text_and_stay_json() {
    let world = World::with(
        "version: 1\ntasks:\n  - { id: a, result: stdout-json, run: [cat, answer] }\n  \
         - { id: b, run: 'printf \"%s|%s|%s\" \"${a.result.key}\" \"${a.result.n}\" \"${a.stdout}\" >seen' }\n",
    );
    world.write("answer", &format!("{{\"key\": \"{0}\", \"password\": \"w0lf#hound\", \"n\": 7}}", token()));
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let seen = world.read("seen");
    assert!(seen.starts_with("[REDACTED:github-pat]|7|{"), "{seen}");
    assert!(!seen.contains("w0lf"), "{seen}");
    nowhere(&world, &[&token(), "w0lf#hound"]);
}

#[test]
fn a_reference_into_replaced_text_warns_with_the_rule() {
    let world = World::with(
        "version: 1\ntasks:\n  - { id: b, run: [cat, text] }\n  - { id: a, run: 'echo \"${b.stdout}\"' }\n",
    );
    world.write("text", &token());
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    let warning = "`${b.stdout}` is text in which a secret was replaced (rule github-pat); a secret goes from task to \
                   task by `vault`";
    let events = world.regatta(&["events"]).out;
    assert!(events.contains(warning), "{events}");
    assert!(
        said.err.contains("rule github-pat") || said.out.contains("rule github-pat"),
        "{}{}",
        said.out,
        said.err
    );
}

#[test]
fn a_secret_reaches_the_call_by_environment_and_never_by_argv() {
    let mut world = World::with(
        "version: 1\nvault: { k: { env: K } }\ntasks:\n  - { id: a, env: { MINE: '${vault.k}' }, \
         run: 'printf %s \"$MINE\" | cksum >mine; printf %s \"${vault.k}\" | cksum >ref; tr \"\\\\0\" \" \" </proc/$$/cmdline >argv' }\n",
    );
    world.set("K", "the-value-of-the-call");
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let output = Command::new("sh").args(["-c", "printf %s the-value-of-the-call | cksum"]).output().unwrap();
    let sum = String::from_utf8(output.stdout).unwrap();
    assert_eq!((world.read("mine"), world.read("ref")), (sum.clone(), sum));
    assert!(
        world.read("argv").contains("cksum") && !world.read("argv").contains("the-value"),
        "{}",
        world.read("argv")
    );
    nowhere(&world, &["the-value-of-the-call"]);
    for place in
        ["run: [echo, '${vault.k}']", "run: x, cwd: '${vault.k}'", "run: x, inputs: { i: '${vault.k}' }"]
    {
        world.write(
            "plan.yaml",
            &format!("version: 1\nvault: {{ k: {{ env: K }} }}\ntasks: [ {{ id: a, {place} }} ]\n"),
        );
        let said = world.regatta(&["check", "plan.yaml"]).exits(3);
        assert!(
            said.err.contains("`${vault.k}` in task `a` stands where the secret could be seen"),
            "{}",
            said.err
        );
    }
}

#[test]
fn a_secret_that_cannot_be_had_is_an_error_before_anything_starts() {
    let world = World::new();
    private(&world, "open", "readable-by-all", 0o644);
    let cases = [
        (
            "env: NOT_SET_ANYWHERE",
            "is in the variable `NOT_SET_ANYWHERE`, which is not set",
            "set NOT_SET_ANYWHERE",
        ),
        ("file: open", "is open to others (mode 0644, it must be 0600)", "chmod 600"),
        ("file: missing", "cannot be read from", "see `vault` of the plan"),
        ("command: [sh, -c, 'echo not-to-be-told; exit 3']", "ended with exit status: 3", "see `vault`"),
        ("command: ['true']", "is empty", "see `vault`"),
    ];
    for (source, what, hint) in cases {
        world.write(
            "plan.yaml",
            &format!(
                "version: 1\nvault: {{ k: {{ {source} }} }}\ntasks: [ {{ id: a, run: 'echo x >ran' }} ]\n"
            ),
        );
        let said = world.regatta(&["run", "plan.yaml"]).exits(4);
        assert!(said.err.contains(what) && said.err.contains(hint), "{source}: {}", said.err);
        assert!(
            !said.err.contains("readable-by-all") && !said.err.contains("not-to-be-told"),
            "{}",
            said.err
        );
        assert!(
            !world.path("ran").exists()
                && world.regatta(&["ls", "--json"]).json().as_array().unwrap().is_empty()
        );
    }
}

#[test]
fn a_literal_in_the_plan_that_matches_a_rule_is_an_error_with_the_hint_vault() {
    let world = World::with(&format!(
        "version: 1\ntasks:\n  - {{ id: a, run: x, env: {{ T: {0} }} }}\n  - {{ id: b, run: 'curl https://u:{0}@h' }}\n",
        token()
    ));
    for args in [&["check", "plan.yaml"][..], &["run", "plan.yaml"], &["check", "plan.yaml", "--json"]] {
        let said = world.regatta(args).exits(3);
        let all = format!("{}{}", said.out, said.err);
        assert!(
            all.contains("a secret stands in the plan (rule github-pat)") && all.contains("vault"),
            "{all}"
        );
        assert!(!all.contains(&token()), "{all}");
    }
    world.write("plan.yaml", "version: 1\ninputs: { i: '' }\ntasks: [ { id: a, run: x } ]\n");
    let said = world.regatta(&["run", "plan.yaml", "--input", &format!("i={}", token())]).exits(3);
    assert!(said.err.contains("the input `i` is a secret (rule github-pat)"), "{}", said.err);
    assert!(!said.err.contains(&token()), "{}", said.err);
}

#[test]
fn values_of_fewer_than_six_bytes_are_not_looked_for() {
    let mut world = World::with("version: 1\nenv: [A_TOKEN]\ntasks: [ { id: a, run: 'echo $A_TOKEN' } ]\n");
    world.set("A_TOKEN", "abcde");
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(world.regatta(&["logs", "a"]).out, "abcde\n");
}

#[test]
fn error_texts_reports_state_file_and_escalations_carry_the_redacted_text() {
    let mut world = World::with(
        "version: 1\nenv: [A_TOKEN]\ntasks:\n  - { id: a, run: 'echo \"denied for $A_TOKEN\" >&2; exit 1' }\n  \
         - { id: b, run: 'echo \"{ \\\"x\\\": $A_TOKEN\" >$REGATTA_RESULT' }\n  \
         - { id: c, needs: [d], when: 'd.result.x == 1', run: x }\n  \
         - { id: d, run: 'echo \"{ \\\"x\\\": \\\"$A_TOKEN\\\" }\" >$REGATTA_RESULT' }\n",
    );
    world.set("A_TOKEN", "value-in-every-error");
    let said = world.regatta(&["run", "plan.yaml", "--state-file"]).exits(1);
    assert!(!said.err.contains("value-in-every-error") && !said.out.contains("value-in-every-error"));
    assert_eq!(world.regatta(&["logs", "a", "--stderr"]).out, "denied for [REDACTED:env.A_TOKEN]\n");
    nowhere(&world, &["value-in-every-error"]);
}

#[test]
fn personal_data_is_removed_from_prompts_and_not_from_logs() {
    let world = World::with(
        "version: 1\nagents: { bot: { command: [sh, -c, 'cat \"$REGATTA_PROMPT_FILE\" >seen'] } }\ntasks:\n  \
         - { id: b, run: [cp, answer, said], result: stdout-json }\n  - { id: a, needs: [b], agent: bot, prompt: go, accept: [x] }\n",
    );
    let summary =
        "mail jo@example.org or +49 30 901820, card 4111 1111 1111 1111, DE89 3704 0044 0532 0130 00";
    world.write("plan.yaml", &world.read("plan.yaml").replace("[cp, answer, said]", "[cat, answer]"));
    world.write("answer", &format!("{{\"summary\": \"{summary}\"}}"));
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let seen = world.read("seen");
    let clean = "mail [REDACTED:mail] or [REDACTED:phone], card [REDACTED:card], [REDACTED:iban]";
    assert!(seen.contains(clean), "{seen}");
    assert!(world.regatta(&["logs", "b"]).out.contains(summary));
}

#[test]
fn prompts_and_what_agents_say_are_redacted_and_their_streams_are_still_read() {
    let mut world = World::with(
        "version: 1\nenv: [A_TOKEN]\nagents: { bot: { preset: codex } }\ntasks:\n  \
         - { id: b, run: [cat, answer], result: stdout-json }\n  \
         - { id: a, needs: [b], agent: bot, prompt: go, accept: [x] }\n",
    );
    world.set("A_TOKEN", "value-the-agent-repeats");
    world.write("answer", &format!("{{\"summary\": \"use {} now\"}}", token()));
    let line = |kind: &str, item: &str| format!("echo '{{\"type\":\"{kind}\",{item}}}'\n");
    let script = format!(
        "#!/bin/sh\n{}{}{}{}",
        line("thread.started", "\"thread_id\":\"t-1\""),
        "printf '{\"type\":\"item.completed\",\"item\":{\"type\":\"agent_message\",\"text\":\"done with %s\"}}\\n' \"$A_TOKEN\"\n",
        line(
            "turn.completed",
            "\"usage\":{\"input_tokens\":5,\"cached_input_tokens\":0,\"output_tokens\":2}"
        ),
        "exit 0\n"
    );
    private(&world, "bin/codex", &script, 0o755);
    let path = std::env::var("PATH").unwrap();
    world.set("PATH", &format!("{}:{path}", world.path("bin").display()));
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let mut all = Vec::new();
    files(&world.run_dir(), &mut all);
    let holds = |name: &str, text: &str| {
        all.iter().any(|(path, bytes)| path.ends_with(name) && String::from_utf8_lossy(bytes).contains(text))
    };
    assert!(holds("prompt.md", "use [REDACTED:github-pat] now"));
    assert!(holds("agent.json", "done with [REDACTED:env.A_TOKEN]") && holds("agent.json", "t-1"));
    nowhere(&world, &["value-the-agent-repeats", &token()]);
}

#[test]
fn the_version_of_the_rules_is_written_into_the_run() {
    let world = World::with("version: 1\ntasks: [ { id: a, run: 'true' } ]\n");
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let db = rusqlite::Connection::open(world.path(".regatta/regatta.db")).unwrap();
    let flags: String = db.query_row("SELECT flags FROM plans", [], |row| row.get(0)).unwrap();
    assert!(flags.contains("\"redaction\":\"gitleaks-b58d3f102cf3+own-6\""), "{flags}");
}

#[test]
fn what_gates_and_helping_agents_say_is_redacted_in_reports_prompts_and_evidence() {
    let world = with_plan("");
    let inside = world.path(".git").display().to_string();
    std::fs::write(world.path(".git/token"), token()).unwrap();
    let bot = "#!/bin/sh\nt=$(cat TOP/token); cp \"$1\" TOP/prompt-$REGATTA_ATTEMPT\necho \"used $t\"; echo \"err $t\" >&2\n\
               printf '{\"status\": \"partial\", \"summary\": \"tried %s\"}' $t >$REGATTA_RESULT; echo x >>x.txt\n";
    private_program(&world, ".git/bot.sh", &bot.replace("TOP", &inside));
    let gate = "t=$(cat TOP/token); echo \"looked at $t\"; mkdir -p out; printf \"<testsuites><testsuite name='s' tests='1' \
                failures='1' errors='0'><testcase name='of $t'><failure/></testcase></testsuite></testsuites>\" >out/r.xml";
    private_program(&world, ".git/gate.sh", &format!("#!/bin/sh\n{}\n", gate.replace("TOP", &inside)));
    let plan = "agents: { bot: { command: ['TOP/bot.sh', '{prompt_file}'] } }\n\
                merge: { gates: [shown, said], fix: { agent: bot, attempts: 2 } }\n\
                gates:\n  shown: { run: ['TOP/gate.sh'], evidence: ['junit:out/r.xml'] }\n  \
                said: { run: 'cat TOP/token; exit 1' }\n\
                tasks: [ { id: a, run: 'echo new >new.txt' } ]\n";
    world.write("plan.yaml", &(world.read("plan.yaml") + &plan.replace("TOP", &inside)));
    world.regatta(&["run", "plan.yaml"]);
    let landing = world.regatta(&["status", "--json"]).json()["landing"].to_string();
    for part in ["1 of 1 tests failed: of [REDACTED:github-pat]", "`partial`: tried [REDACTED:github-pat]"] {
        assert!(landing.contains(part), "{part} is not in {landing}");
    }
    let prompt = world.read(".git/prompt-2");
    assert!(prompt.contains("[REDACTED:github-pat]") && !prompt.contains(&token()), "{prompt}");
    nowhere(&world, &[&token()]);
}

#[test]
fn what_on_end_writes_is_redacted_on_its_way_to_standard_error() {
    let mut world = World::with(
        "version: 1\nsecrets: [QUIET]\non_end: [sh, -c, 'cat told; echo \"$(cat quiet)\" >&2; echo over']\n\
         tasks: [ { id: a, run: 'true' } ]\n",
    );
    world.write("told", &format!("see {}\n", token()));
    world.write("quiet", "quiet-value-here");
    world.set("QUIET", "quiet-value-here");
    let said = world.regatta(&["run", "plan.yaml"]).exits(0).err;
    assert!(said.ends_with("see [REDACTED:github-pat]\n[REDACTED:env.QUIET]\nover\n"), "{said}");
    nowhere(&world, &[&token(), "quiet-value-here"]);
}

fn private_program(world: &World, name: &str, text: &str) {
    std::fs::write(world.path(name), text).unwrap();
    std::fs::set_permissions(world.path(name), std::fs::Permissions::from_mode(0o700)).unwrap();
}
