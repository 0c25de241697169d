//! Agents whose permissions a person gives (`permissions: ask`): asked, answered, over every change of orchestrators.

use crate::acp::old_with;
use crate::model::world_with;
use crate::world::{World, ends, gone, signal, status};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

/// The agent asks whether it may write `x`.
pub fn asking() -> World {
    let world = old_with("permissions: ask", "go", ", timeout: { attempt: 5m }");
    world.fifo("up");
    world.fifo("gate");
    world
}

/// Waits until the agent of a run that was started asks.
pub fn until_asked(world: &World) {
    assert_eq!(world.hear("up"), "up");
    std::fs::write(world.path("gate"), "go\n").unwrap();
    world.follow("permission_asked", 1);
}

fn kinds_of_permissions(world: &World) -> Vec<String> {
    world.kinds().into_iter().filter(|kind| kind.starts_with("permission_")).collect()
}

#[test]
fn an_agent_that_asks_waits_until_somebody_answers() {
    let world = asking();
    let lines = std::fs::File::create(world.path("lines")).unwrap();
    let mut child = world.command(&["run", "plan.yaml"]).stdout(lines).spawn().unwrap();
    until_asked(&world);
    let run = world.run_id();
    let next = |indent: &str| {
        let command = |answer| format!("regatta answer {run} a {answer} --question 1.1");
        format!("{indent}to allow: {}\n{indent}to deny:  {}\n", command("--allow"), command("--deny"))
    };
    let said = world.regatta(&["status"]).exits(0).out;
    assert!(said.contains("attempt 1 asks (edit) \"Write x\"; a person must answer"), "{said}");
    assert!(said.contains(&format!("  asks: task a asks (edit) \"Write x\"\n{}", next("    "))), "{said}");
    let question = &world.regatta(&["status", "--json"]).json()["questions"][0];
    let found = [&question["task"], &question["title"], &question["tool_kind"]];
    assert_eq!(
        (found, &question["question"]),
        (["a", "Write x", "edit"].map(Value::from).each_ref(), &"1.1".into())
    );
    assert_eq!(question["allow"], format!("regatta answer {run} a --allow --question 1.1"));
    assert!(world.regatta(&["explain", "a"]).exits(0).out.contains(&next("  ")));
    let refused = world.regatta(&["answer", "a", "--allow", "--question", "1.2"]).exits(2);
    assert!(
        refused.err.contains("has no question 1.2; open: question 1.1: (edit) \"Write x\""),
        "{}",
        refused.err
    );
    let refused = world.regatta(&["answer", "a", "--again"]).exits(2);
    assert!(refused.err.contains("is not in doubt"), "{}", refused.err);
    assert!(!world.path("x").exists());
    let said = world.regatta(&["answer", &run, "a", "--allow"]).exits(0).out;
    assert_eq!(said, "task `a` may do (edit) \"Write x\" (question 1.1)\n");
    assert_eq!(ends(&mut child), Some(0));
    assert_eq!(world.read("x"), "x\n");
    assert_eq!(kinds_of_permissions(&world), ["permission_asked", "permission_answered"]);
    let lines = world.read("lines");
    let asks = format!("asks       a: (edit) \"Write x\"\n{}", next("           "));
    assert!(lines.contains(&asks), "{lines}");
    assert!(lines.contains("allowed    a: question 1.1"), "{lines}");
    world.regatta(&["replay", &run]).exits(0);
}

#[test]
fn a_denied_question_is_a_refusal_and_the_attempt_has_failed() {
    let world = asking();
    let mut child = world.start(&["run", "plan.yaml"]);
    until_asked(&world);
    world.regatta(&["answer", "a", "--deny"]).exits(0);
    assert_eq!(ends(&mut child), Some(1));
    let summary = world.regatta(&["status", "--json"]).json();
    assert_eq!(summary["tasks"]["a"]["cause"], "permission", "{summary:#}");
    assert_eq!(summary["questions"], Value::Array(vec![]));
    let why = world.regatta(&["explain", "a"]).exits(0).out;
    assert!(why.contains("the agent was refused Write x: a person refused it"), "{why}");
    assert!(!world.path("x").exists());
}

/// The agent, with something else in its place.
fn change(world: &World, from: &str, to: &str) {
    let agent = world.read("agent.sh");
    assert!(agent.contains(from));
    world.write("agent.sh", &agent.replace(from, to));
}

#[test]
fn an_answer_is_for_the_question_that_was_shown_and_for_no_other() {
    let world = asking();
    // What it does after the first answer is to ask once more.
    let again = r#"say '{"jsonrpc":"2.0","id":78,"method":"session/request_permission","params":{"sessionId":"s1","toolCall":{"toolCallId":"t2","title":"rm -rf /","kind":"execute"},"options":[{"optionId":"n","name":"No","kind":"reject_once"},{"optionId":"w","name":"Yes","kind":"allow_once"}]}}'"#;
    let tail = "    case \"$line\" in *'\"optionId\"'*)\n";
    change(&world, tail, &format!("    case \"$line\" in *'\"id\":77'*) {again}; continue ;; esac\n{tail}"));
    let mut child = world.start(&["run", "plan.yaml"]);
    until_asked(&world);
    let of = |args: &[&str]| world.regatta(&[&["answer", "a"][..], args].concat());
    // A name that another attempt had, or none of the form.
    let other = of(&["--allow", "--question", "7.1"]).exits(2).err;
    assert!(other.contains("has no question 7.1; open: question 1.1"), "{other}");
    assert!(of(&["--allow", "--question", "1"]).exits(2).err.contains("ATTEMPT.NUMBER"));
    of(&["--allow"]).exits(0);
    world.follow("permission_asked", 2);
    // Pasted once more.
    let bare = of(&["--allow"]).exits(2).err;
    assert!(
        bare.contains(
            "asks more than once; say which with `--question`; open: question 1.2: (execute) \"rm -rf /\""
        ),
        "{bare}"
    );
    let first = of(&["--allow", "--question", "1.1"]).exits(2).err;
    assert!(first.contains("its question 1.1 was allowed already; open: question 1.2"), "{first}");
    of(&["--deny", "--question", "1.2"]).exits(0);
    assert_eq!(ends(&mut child), Some(1));
}

#[test]
fn a_yes_that_would_be_for_always_says_so_and_where_there_is_none_nobody_is_asked() {
    let world = asking();
    change(&world, "allow_once", "allow_always");
    let mut child = world.start(&["run", "plan.yaml"]);
    until_asked(&world);
    let said = world.regatta(&["status"]).exits(0).out;
    assert!(said.contains("asks: task a asks (edit; yes means always) \"Write x\"\n"), "{said}");
    assert_eq!(world.regatta(&["status", "--json"]).json()["questions"][0]["always"], true);
    world.regatta(&["answer", "a", "--allow"]).exits(0);
    assert_eq!(ends(&mut child), Some(0));

    let world = old_with("permissions: ask", "go", "");
    change(&world, r#",{"optionId":"y","name":"No","kind":"allow_once"}"#, "");
    assert_eq!(world.run()["tasks"]["a"]["cause"], "permission");
    let why = world.regatta(&["explain", "a"]).exits(0).out;
    assert!(why.contains("nobody was asked: the agent offers no way to allow it"), "{why}");
    assert!(kinds_of_permissions(&world).is_empty());
}

#[test]
fn a_question_outlives_its_orchestrator_and_the_next_one_hears_it_once() {
    let world = asking();
    let mut child = world.start(&["run", "plan.yaml"]);
    until_asked(&world);
    child.kill().unwrap();
    child.wait().unwrap();
    let said = world.regatta(&["status"]).exits(0).out;
    assert!(
        said.contains("asks: task a asked before its orchestrator went away (edit) \"Write x\"\n"),
        "{said}"
    );
    let mut resumed = world.start(&["resume"]);
    world.follow("dispatch_adopted", 1);
    let said = world.regatta(&["answer", "a", "--allow"]).exits(0).out;
    assert!(said.contains("may do"), "{said}");
    assert_eq!(ends(&mut resumed), Some(0));
    assert_eq!(kinds_of_permissions(&world), ["permission_asked", "permission_answered"]);
    assert_eq!(world.read("x"), "x\n");
}

#[test]
fn an_answer_that_nobody_was_there_to_hear_is_recorded_and_given_by_the_next_orchestrator() {
    let world = asking();
    let mut child = world.start(&["run", "plan.yaml"]);
    until_asked(&world);
    child.kill().unwrap();
    child.wait().unwrap();
    let said = world.regatta(&["answer", "a", "--allow"]).exits(0).out;
    assert!(said.contains("recorded, to be obeyed first"), "{said}");
    let again = world.regatta(&["answer", "a", "--deny"]).exits(2).err;
    assert!(again.contains("its question 1.1 was allowed already; nothing is open"), "{again}");
    world.regatta(&["resume"]).exits(0);
    assert_eq!(kinds_of_permissions(&world), ["permission_asked", "permission_answered"]);
    assert_eq!(world.read("x"), "x\n");
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn an_answer_to_an_attempt_that_died_with_its_orchestrator_is_refused() {
    let world = asking();
    change(
        &world,
        "read -r word <gate;",
        "cut -d' ' -f4 </proc/$PPID/stat >keeper; echo $PPID >client; read -r word <gate;",
    );
    let mut child = world.start(&["run", "plan.yaml"]);
    until_asked(&world);
    child.kill().unwrap();
    child.wait().unwrap();
    let pid = |name: &str| Pid::from_raw(world.read(name).trim().parse().unwrap()).unwrap();
    kill_process(pid("keeper"), Signal::KILL).unwrap();
    assert!(gone(pid("keeper")) && gone(pid("client")));
    let said = world.regatta(&["status"]).exits(0).out;
    assert!(said.contains("attempt 1 asked (edit) \"Write x\" when the orchestrator went away"), "{said}");
    let refused = world.regatta(&["answer", "a", "--allow"]).exits(2).err;
    assert!(refused.contains("attempt 1 asks nothing any more"), "{refused}");
    assert_eq!(kinds_of_permissions(&world), ["permission_asked"]);
}

#[test]
fn a_question_that_is_asked_while_nobody_orchestrates_is_heard_by_the_next_one() {
    let world = old_with("permissions: ask, idle_timeout: 300ms", "go", ", timeout: { attempt: 5m }");
    ["up", "gate", "late"].iter().for_each(|name| world.fifo(name));
    // It asks at once, and the idle timeout is over several times before anybody listens.
    let later = "read -r word <gate; (sleep 3; echo late >late) </dev/null >/dev/null 2>&1 &";
    change(&world, "read -r word <gate;", &format!("{later}\n"));
    let mut child = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear("up"), "up");
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::write(world.path("gate"), "go\n").unwrap();
    assert_eq!(world.hear("late"), "late");
    let mut resumed = world.start(&["resume"]);
    world.follow("permission_asked", 1);
    world.regatta(&["answer", "a", "--allow"]).exits(0);
    assert_eq!(ends(&mut resumed), Some(0));
}

#[test]
fn a_cancel_closes_a_question() {
    let world = asking();
    let mut child = world.start(&["run", "plan.yaml"]);
    until_asked(&world);
    world.regatta(&["cancel"]).exits(0);
    assert_eq!(ends(&mut child), Some(1));
    let summary = world.regatta(&["status", "--json"]).json();
    assert_eq!((status(&summary, "a"), &summary["questions"]), ("cancelled", &Value::Array(vec![])));
    assert_eq!(world.read("told"), "cancelled\nclosed\n");
    let refused = world.regatta(&["answer", &world.run_id(), "a", "--allow"]).exits(2).err;
    assert!(refused.contains("the run has ended"), "{refused}");
}

#[test]
fn the_timeout_of_an_attempt_goes_on_while_a_question_is_open_and_its_idle_timeout_does_not() {
    let world = old_with("permissions: ask, idle_timeout: 300ms", "go", ", timeout: { attempt: 4s }");
    let summary = world.run();
    let task = &summary["tasks"]["a"];
    assert_eq!((&task["status"], &task["cause"]), (&"timed_out".into(), &"timeout".into()), "{summary:#}");
    assert_eq!(kinds_of_permissions(&world), ["permission_asked"]);
}

#[test]
fn a_question_can_be_answered_while_everything_stands_still() {
    let world = asking();
    let mut child = world.start(&["run", "plan.yaml"]);
    until_asked(&world);
    world.regatta(&["pause", "--now"]).exits(0);
    world.regatta(&["answer", "a", "--allow"]).exits(0);
    assert!(!world.path("x").exists());
    world.regatta(&["resume"]).exits(0);
    assert_eq!(ends(&mut child), Some(0));
    assert_eq!(world.read("x"), "x\n");
}

/// Speaks to the socket of the run itself.
const SPEAKER: &str = r#"
import glob, json, socket, struct
body = json.dumps({"permit": {"task": "a", "question": None, "allow": True}}).encode()
with socket.socket(socket.AF_UNIX) as s:
    s.connect(glob.glob(".regatta/runs/*/c")[0])
    s.sendall(struct.pack(">I", len(body)) + body)
    print(s.recv(65536)[4:].decode())
"#;

#[test]
fn an_attempt_cannot_answer_for_a_person_however_it_is_started() {
    let world = asking();
    world.fifo("try");
    world.fifo("tried");
    world.write("speak.py", SPEAKER);
    let regatta = env!("CARGO_BIN_EXE_regatta");
    // As it is; without the marker; and past the command, to the socket. Each from an orphan with a session of its own.
    let attack = format!(
        "while read -r word <try; do {{ {regatta} answer a --allow; \
         env -i PATH=\"$PATH\" {regatta} --workspace \"$PWD\" answer a --allow; \
         env -i PATH=\"$PATH\" python3 speak.py; }} >said 2>&1; echo tried >tried; done"
    );
    let begin = format!("(setsid sh -c '{attack}' </dev/null >/dev/null 2>&1 &)\nwhile read -r line; do\n");
    world.write("agent.sh", &world.read("agent.sh").replacen("while read -r line; do\n", &begin, 1));
    let mut child = world.start(&["run", "plan.yaml"]);
    until_asked(&world);
    let refused = |count: usize| {
        std::fs::write(world.path("try"), "now\n").unwrap();
        assert_eq!(world.hear("tried"), "tried");
        let said = world.read("said");
        assert_eq!(said.matches("an answer is a person's: whoever gives this one").count(), count, "{said}");
        assert_eq!(kinds_of_permissions(&world), ["permission_asked"]);
    };
    refused(3);
    // Without an orchestrator an answer would be recorded by the command itself.
    child.kill().unwrap();
    child.wait().unwrap();
    refused(2);
    world.regatta(&["answer", "a", "--deny"]).exits(0);
    world.regatta(&["resume"]).exits(1);
    assert!(!world.path("x").exists());
}

#[test]
fn a_whole_run_that_a_task_runs_is_answered_by_that_task() {
    let inner = old_with("permissions: ask", "go", "");
    let regatta = env!("CARGO_BIN_EXE_regatta");
    let there = inner.root().display();
    let script = format!(
        "unset REGATTA_WORKSPACE; cd '{there}' && {regatta} run plan.yaml | while read -r line; do \
         case \"$line\" in *'to allow: regatta '*) {regatta} ${{line#*to allow: regatta }} ;; esac; done >said 2>&1 && test -s said"
    );
    let world = World::with("version: 1\ntasks: [ { id: outer, run: 'sh script.sh' } ]\n");
    world.write("script.sh", &script);
    let summary = world.run();
    assert_eq!(status(&summary, "outer"), "succeeded", "{}", inner.read("said"));
    assert_eq!((inner.read("x").as_str(), inner.read("said").contains("may do")), ("x\n", true));
}

#[test]
fn a_question_that_is_told_again_and_again_is_recorded_once() {
    let world = asking();
    let question = r#"{"permission": {"attempt": 1, "question": 1, "title": "Write x", "tool": "edit", "always": False}}"#;
    let speak = SPEAKER.replace(r#"{"permit": {"task": "a", "question": None, "allow": True}}"#, question);
    world
        .write("speak.py", &speak.replace("print(s.recv(65536)[4:].decode())", "s.shutdown(socket.SHUT_WR)"));
    let mut child = world.start(&["run", "plan.yaml"]);
    until_asked(&world);
    let told = || {
        let db = rusqlite::Connection::open(world.path(".regatta/regatta.db")).unwrap();
        let sql = "SELECT count(*) FROM turns WHERE instr(inputs, 'permission_asked') > 0";
        db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    for _ in 0..5 {
        assert!(world.program("python3", &["speak.py"]).status().unwrap().success());
    }
    // Whoever comes now is served after them.
    world.regatta(&["status"]).exits(0);
    assert_eq!(told(), 1);
    world.regatta(&["cancel"]).exits(0);
    assert_eq!(ends(&mut child), Some(1));
}

#[test]
fn only_an_agent_that_asks_may_open_a_question() {
    let world = World::with("version: 1\ntasks: [ { id: a, run: 'python3 speak.py >said' } ]\n");
    let question =
        r#"{"permission": {"attempt": 1, "question": 1, "title": "t", "tool": "", "always": False}}"#;
    let asked = SPEAKER.replace(r#"{"permit": {"task": "a", "question": None, "allow": True}}"#, question);
    world.write("speak.py", &asked);
    let summary = world.run();
    assert_eq!(status(&summary, "a"), "succeeded");
    assert!(world.read("said").contains("has no `permissions: ask`"), "{}", world.read("said"));
    assert!(kinds_of_permissions(&world).is_empty());
}

#[test]
fn a_real_agent_of_version_2_is_set_to_ask_and_does_what_it_was_allowed() {
    let Some((world, _model)) = world_with("codex-acp") else { return };
    world.write(
        "plan.yaml",
        "version: 1\nagents: { coder: { acp: [codex-acp], permissions: ask, env: [LOOP_API_KEY], home: shared } }\n\
         tasks:\n- id: a\n  agent: coder\n  timeout: { attempt: 5m }\n  accept: [y]\n  prompt: |\n    \
         SCRIPT: [{\"shell\": \"echo hi >hello\", \"args\": {\"sandbox_permissions\": \"require_escalated\", \
         \"justification\": \"why not\"}}, {\"text\": \"written\"}]\n",
    );
    let mut child = world.start(&["run", "plan.yaml", "--detach"]);
    assert_eq!(ends(&mut child), Some(0));
    world.follow("permission_asked", 1);
    let asked = world.regatta(&["status", "--json"]).json()["questions"][0]["title"].clone();
    assert_eq!(asked, "Run command? echo hi >hello");
    world.regatta(&["answer", "a", "--allow"]).exits(0);
    world.follow("run_ended", 1);
    let summary = world.regatta(&["status", "--json"]).json();
    assert_eq!((status(&summary, "a"), world.read("hello").as_str()), ("succeeded", "hi\n"), "{summary:#}");
}

#[test]
fn an_attempt_that_asks_while_nobody_listens_says_that_it_waits_and_can_be_cancelled() {
    let world = old_with("permissions: ask", "go", "");
    world.write("prompt", "go");
    let desk = ["--run-dir", ".", "--attempt", "1", "--idle-ms", "300"];
    let agent = ["--prompt-file", "prompt", "--", "./agent.sh"];
    let args = [&["acp-agent", "--permissions", "ask"][..], &desk, &agent].concat();
    let mut child = world.command(&args).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let waits = |line: &String| line.contains(r#""kind":"waits""#);
    assert_eq!(lines.by_ref().filter(waits).take(3).count(), 3);
    signal(&child, Signal::TERM);
    assert!(lines.any(|line| line.contains(r#""stop_reason":"cancelled""#)));
    assert_eq!(ends(&mut child), Some(1));
    assert_eq!(world.read("told").lines().next(), Some("cancelled"));
}
