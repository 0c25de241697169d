//! Sentences about the command line: inputs, caps, logs, what is told when something fails.
//!
//! Sees only what a user sees.

use crate::world::World;

#[test]
fn an_input_keeps_the_type_of_its_default() {
    let world = World::with(
        "version: 1\ninputs: { text: '1.0', number: 1, list: [], free: null }\n\
         tasks: [ { id: a, run: 'printf %s \"$REGATTA_INPUTS\" >got', inputs: { t: '${inputs.text}', n: '${inputs.number}', l: '${inputs.list}' } } ]",
    );
    let said = world.regatta(&[
        "run",
        "plan.yaml",
        "--input",
        "text=1.10",
        "--input",
        "number=2.50",
        "--input",
        "list=[1]",
    ]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(world.read("got"), r#"{"l":[1],"n":2.5,"t":"1.10"}"#);
}

#[test]
fn a_cap_for_a_tag_or_agent_that_nobody_has_is_a_slip_and_refused() {
    let world = World::with("version: 1\ntasks: [ { id: a, run: touch ran, tags: [db] } ]");
    for (flag, expect) in [("--per-tag", "no task has this tag"), ("--per-agent", "no such agent")] {
        let said = world.regatta(&["run", "plan.yaml", flag, "dbb=1"]).exits(2);
        assert!(said.err.contains(expect), "{}", said.err);
    }
    assert!(!world.path("ran").exists() && !world.path(".regatta").exists());
}

#[test]
fn the_undo_of_a_task_has_logs_and_a_key_of_its_own_and_its_failure_is_told() {
    let world = World::with(
        "version: 1\non_failure: rollback\ntasks:\n\
         - { id: a, run: 'echo $REGATTA_IDEMPOTENCY_KEY', undo: 'echo $REGATTA_IDEMPOTENCY_KEY; exit 3' }\n\
         - { id: b, needs: [a], run: 'false' }\n",
    );
    let said = world.regatta(&["run", "plan.yaml"]).exits(1);
    assert!(said.out.contains("a: its undo failed: exit 3"), "{}", said.out);
    let done = world.regatta(&["logs", "a"]).exits(0).out;
    let undone = world.regatta(&["logs", "a", "--undo"]).exits(0).out;
    assert_eq!(format!("{}/undo\n", done.trim_end()), undone);
    assert!(world.regatta(&["logs", "b", "--undo"]).exits(2).err.contains("task `b` has no undo"));
}

#[test]
fn the_command_that_goes_on_can_be_run() {
    let world = World::with(
        "version: 1\ntasks: [ { id: src, run: 'true' }, { id: a, run: 'echo ${src.result.x}' } ]",
    );
    let said = world.regatta(&["run", "plan.yaml"]).exits(1);
    let next = said.out.lines().find_map(|l| l.strip_prefix("next: regatta ")).unwrap_or_default().to_owned();
    world.regatta(&next.split(' ').collect::<Vec<_>>()).exits(0);
}

#[test]
fn the_command_that_goes_on_shows_something() {
    for (script, escalated, next) in [
        ("exit 3", false, "explain --run RUN a"),
        ("echo; exit 3", false, "logs --run RUN a"),
        ("echo >&2; exit 3", false, "logs --run RUN a --stderr"),
        ("echo; echo >&2; exit 3", false, "logs --run RUN a --stderr"),
        ("exit 3", true, "explain --run RUN a"),
        ("echo; exit 3", true, "logs --run RUN a"),
    ] {
        let retry = if escalated { ", retry: { max_attempts: 2, backoff: 1ms }" } else { "" };
        let world = World::with(&format!("version: 1\ntasks: [ {{ id: a, run: '{script}'{retry} }} ]\n"));
        let said = world.regatta(&["run", "plan.yaml"]).exits(if escalated { 5 } else { 1 });
        let line = format!("next: regatta {}\n", next.replace("RUN", &world.run_id()));
        assert!(said.out.contains(&line), "{script}: {}", said.out);
        let words: Vec<&str> = line.trim().split(' ').skip(2).collect();
        assert!(!world.regatta(&words).exits(0).out.is_empty());
    }
}

#[test]
fn output_beyond_its_limit_is_not_kept() {
    let world = World::with(
        "version: 1\nlimits: { output: 1MiB }\ntimeout: { grace: 0 }\ntasks: [ { id: flood, run: 'head -c 9000000 /dev/zero; sleep 30' } ]",
    );
    let summary = world.run();
    assert_eq!(summary["tasks"]["flood"]["cause"], "output_limit");
    assert_eq!(world.regatta(&["logs", "flood"]).out.len(), 1 << 20);
}

#[test]
fn the_stdout_that_is_too_large_for_a_variable_is_named_by_a_file_that_exists() {
    let world = World::with(
        "version: 1\ntasks: [ { id: big, run: 'head -c 100000 /dev/zero | tr \"\\0\" x' }, { id: use, run: 'echo ${big.stdout}' } ]",
    );
    let summary = world.run();
    let why = summary["tasks"]["use"]["why"].as_str().unwrap_or_default().to_owned();
    let path = why.rsplit("read it from ").next().unwrap_or_default();
    assert_eq!(std::fs::metadata(path).map(|m| m.len()).ok(), Some(100_000), "{why}");
}

#[test]
fn resume_of_an_ended_run_tells_its_summary_and_exits_with_its_code() {
    let world = World::with("version: 1\ntasks: [ { id: a, run: 'exit 3' } ]");
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let said = world.regatta(&["resume", "--json"]).exits(1);
    assert_eq!(said.json()["tasks"]["a"]["why"], "failed: exit 3");
    assert!(world.regatta(&["resume"]).exits(1).out.contains("a: failed: exit 3"));
}
