//! The crate as a library: runs, their events and progress, and what the command line sees of them.

use crate::world::{World, comes};
use regatta::{Config, ErrorKind, Event, Orchestrator, Plan, Program, Progress, RunState, Task, TaskState};
use serde_json::json;
use std::collections::BTreeSet;

/// An orchestrator that finds the binary by itself, and no settings of whoever runs the tests.
pub fn orchestrator(world: &World) -> Orchestrator {
    Orchestrator::new(world.root(), Config::new().impersonal()).unwrap()
}

/// Three waves, a retry, a condition that is false, a failure and what it blocks.
const MIXED: &str = r#"version: 1
name: mixed
limits: { max_parallel: 2 }
tasks:
  - { id: a, run: 'echo "{\"n\": 7}" >"$REGATTA_RESULT"', effect: pure }
  - { id: b, run: 'test "$REGATTA_ATTEMPT" = 2', retry: { max_attempts: 2, backoff: 1ms } }
  - { id: c, needs: [a], run: 'echo got ${a.result.n}' }
  - { id: d, needs: [b], when: 'a.result.n > 10', run: 'true' }
  - { id: e, needs: [c], run: 'exit 3' }
  - { id: f, needs: [e], run: 'true' }
"#;

#[test]
fn a_plan_runs_to_its_end_in_three_lines_with_results_in_hand() {
    let world = World::new();
    let regatta = orchestrator(&world);
    let run = regatta.execute(MIXED).unwrap();
    let result = run.wait().unwrap();
    assert_eq!((result.state(), result.exit_code(), result.is_success()), (RunState::Partial, 1, false));
    assert_eq!(result.result("a"), Some(&json!({ "n": 7 })));
    let states: Vec<(&str, TaskState)> =
        ["a", "b", "c", "d", "e", "f"].map(|id| (id, result.task(id).unwrap().state)).into();
    let expect = [
        ("a", TaskState::Succeeded),
        ("b", TaskState::Succeeded),
        ("c", TaskState::Succeeded),
        ("d", TaskState::Skipped),
        ("e", TaskState::Failed),
        ("f", TaskState::Blocked),
    ];
    assert_eq!(states, expect);
    let failed = result.task("e").unwrap();
    assert_eq!((failed.attempts, failed.cause, &*failed.why), (1, Some("exit"), "failed: exit 3"));
    let said = result.task("c").unwrap().files.as_ref().unwrap().join("stdout");
    assert_eq!(std::fs::read_to_string(said).unwrap(), "got 7\n");
    assert_eq!(
        result.summary(),
        &world.regatta(&["status", "--json"]).json().as_object().map(summary).unwrap()
    );
    assert!(run.is_complete().unwrap());
    assert_eq!(run.state().unwrap(), RunState::Partial);
    assert_eq!(regatta.runs(9).unwrap(), [run.id()]);
    // It was left as the command line leaves it.
    assert!(world.run_dir().join("events.snapshot.json").is_file());
    assert!(world.regatta(&["replay"]).exits(0).out.contains("no difference"));
}

/// The part of `status --json` that is the summary of a run.
fn summary(status: &serde_json::Map<String, serde_json::Value>) -> serde_json::Value {
    let mut summary = status.clone();
    ["plan_name", "orchestrator", "live_children"].iter().for_each(|key| drop(summary.remove(*key)));
    summary.into()
}

#[test]
fn events_of_a_run_are_those_of_the_command_line_byte_for_byte() {
    let world = World::new();
    let run = orchestrator(&world).execute(MIXED).unwrap();
    let mut last = 0;
    let mut lines = String::new();
    for event in run.events().unwrap() {
        let event = event.unwrap();
        assert_eq!(event.pos(), last + 1);
        last = event.pos();
        lines += &format!("{}\n", event.json());
    }
    assert_eq!(lines, world.regatta(&["events"]).exits(0).out);
    // A part of them, and once more when all is over.
    let rest: Vec<Event> = run.events_after(last - 2).unwrap().map(Result::unwrap).collect();
    assert_eq!(rest.len(), 2);
    assert_eq!((rest[1].kind(), rest[1].task(), rest[1].attempt()), ("run_ended", None, None));
    assert_eq!(rest[1].field("status"), Some(&json!("partial")));
    assert_eq!(run.events_after(last).unwrap().try_next().unwrap(), None);
    run.wait().unwrap();
}

#[test]
fn library_and_command_line_leave_the_same_canonical_log() {
    let (by_library, by_hand) = (World::new(), World::with(MIXED));
    orchestrator(&by_library).execute(MIXED).unwrap().wait().unwrap();
    by_hand.regatta(&["run", "plan.yaml", "--json"]).exits(1);
    let canonical = by_library.canonical();
    assert!(canonical.lines().count() > 10, "{canonical}");
    assert_eq!(canonical, by_hand.canonical());
    // From a file it is the same plan too.
    let from_file = World::with(MIXED);
    let plan = Plan::from_file(from_file.path("plan.yaml")).unwrap();
    orchestrator(&from_file).execute(plan).unwrap().wait().unwrap();
    assert_eq!(canonical, from_file.canonical());
}

#[test]
fn a_plan_that_is_built_says_what_its_text_would_say() {
    let built = Plan::builder("built")
        .max_parallel(3)
        .task(Task::run("a", "echo one").env("X", "1").effect("pure"))
        .task(Task::command("b", ["sh", "-c", "exit 1"]).retry(2).set("allow_skipped", json!(true)))
        .task(Task::run("c", "true").needs(["a"]).when("a.stdout == 'no'"))
        .task(Task::call("d", "file_list", json!({ "path": "." })).timeout(std::time::Duration::from_secs(9)))
        .set("on_failure", json!("continue"));
    let text = "version: 1\nname: built\nlimits: { max_parallel: 3 }\non_failure: continue\ntasks:\n\
        - { id: a, run: echo one, env: { X: '1' }, effect: pure }\n\
        - { id: b, run: [sh, -c, exit 1], retry: { max_attempts: 2 }, allow_skipped: true }\n\
        - { id: c, run: 'true', needs: [a], when: \"a.stdout == 'no'\" }\n\
        - { id: d, tool: file_list, params: { path: . }, timeout: { attempt: 9s } }\n";
    let digest = |plan: Plan| {
        let world = World::new();
        let regatta = orchestrator(&world);
        assert_eq!(regatta.check(&plan).unwrap().iter().filter(|p| p.is_error).count(), 0);
        regatta.execute(plan).unwrap().wait().unwrap();
        world.canonical()
    };
    assert_eq!(digest(built.build()), digest(Plan::from_text(text)));
}

#[test]
fn progress_never_goes_back_and_is_whole_at_the_end() {
    let world = World::new();
    let run = orchestrator(&world).execute(MIXED).unwrap();
    let mut seen: Vec<Progress> = Vec::new();
    for event in run.events().unwrap() {
        event.unwrap();
        seen.push(run.progress().unwrap());
    }
    for pair in seen.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        assert!(before.percent <= after.percent && before.current_wave <= after.current_wave, "{pair:?}");
        for (was, is) in before.tasks.iter().zip(&after.tasks) {
            assert!(!was.state.has_ended() || was.state == is.state, "{was:?} {is:?}");
            assert!(was.attempts <= is.attempts);
        }
    }
    let last = seen.last().unwrap();
    assert_eq!((last.ended, last.total, last.percent, last.is_complete), (6, 6, 100, true));
    assert_eq!((last.waves, last.current_wave), (4, 3));
    assert_eq!(last.task("f").unwrap().wave, 3);
    run.wait().unwrap();
}

#[test]
fn a_plan_with_errors_tells_all_of_them_and_leaves_nothing_behind() {
    let world = World::new();
    let regatta = orchestrator(&world);
    let bad = "version: 1\ntasks:\n  - { id: a, run: x, needs: [b] }\n  - { id: c, tool: nobody/x }\n";
    let error = regatta.execute(bad).unwrap_err();
    assert_eq!((error.kind(), error.exit_code()), (ErrorKind::InvalidPlan, 3));
    assert_eq!(error.problems().iter().filter(|problem| problem.is_error).count(), 2);
    assert_eq!((error.problems()[0].line, error.problems()[0].code), (3, "RG011"));
    assert!(error.to_string().starts_with("the plan has 2 errors, first 3:"), "{error}");
    assert_eq!(regatta.check(bad).unwrap(), error.problems());
    assert!(!world.path(".regatta").exists());
    // As the command line says it: what is not built yet, caps that mean nothing, inputs that are none.
    let error = regatta.execute(Plan::from_text("version: 1\ntasks: [ { id: a, run: x } ]").input("no", "1"));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidPlan);
    let config = Config::new().impersonal().per_tag("none", 1);
    let capped = Orchestrator::new(world.root(), config).unwrap();
    let error = capped.execute("version: 1\ntasks: [ { id: a, run: x } ]").unwrap_err();
    assert_eq!((error.kind(), error.exit_code()), (ErrorKind::Refused, 2));
    assert_eq!(regatta.run("abc").unwrap_err().kind(), ErrorKind::Refused);
    assert!(regatta.runs(1).unwrap().is_empty());
    assert!(Orchestrator::new(world.path("no"), Config::new()).is_err());
}

#[test]
fn where_no_program_keeps_the_processes_every_place_is_named_and_nothing_is_recorded() {
    let world = World::new();
    let script = |name: &str, says: &str| {
        // By another process: one that is written here may be started only when no test has it open any more.
        let line = format!("printf '#!/bin/sh\\necho %s\\n' \"'{says}'\" >{name}; chmod +x {name}");
        assert!(world.program("sh", &["-c", &line]).status().unwrap().success());
        world.path(name)
    };
    let refused = |path: std::path::PathBuf| {
        let config = Config::new().impersonal().program(Program::at(&path));
        let regatta = Orchestrator::new(world.root(), config).unwrap();
        let error = regatta.execute("version: 1\ntasks: [ { id: a, run: x } ]").unwrap_err();
        assert_eq!((error.kind(), error.exit_code()), (ErrorKind::NoProgram, 4));
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        assert!(error.hint().unwrap().contains("serve_itself"));
        error.to_string()
    };
    assert!(refused(world.path("nothing")).contains("No such file"));
    let other = refused(script("old", "regatta 0.0.1, protocols 1 to 1"));
    assert!(other.contains("it is `regatta 0.0.1, protocols 1 to 1`, this is `regatta 0."), "{other}");
    assert!(refused(script("stranger", "hello")).contains("it is not regatta"));
    assert!(!world.path(".regatta").exists());
}

#[test]
fn several_orchestrators_in_one_program_do_not_disturb_each_other() {
    let (one, two) = (World::new(), World::new());
    let plan = |name: &str| {
        let tasks: String =
            (0..8).map(|n| format!("- {{ id: t{n}, run: 'echo {name}{n} >>{name}' }}\n")).collect();
        format!("version: 1\nname: {name}\ntasks:\n{tasks}")
    };
    let runs: Vec<_> = [(&one, "x"), (&two, "y"), (&one, "z")]
        .map(|(world, name)| (world, name, orchestrator(world).execute(plan(name)).unwrap()))
        .into();
    let ids: BTreeSet<&str> = runs.iter().map(|(.., run)| run.id()).collect();
    assert_eq!(ids.len(), 3);
    std::thread::scope(|scope| {
        for (world, name, run) in &runs {
            scope.spawn(move || {
                assert!(run.wait().unwrap().is_success());
                assert_eq!(world.read(name).lines().count(), 8);
            });
        }
    });
}

#[test]
fn handles_are_for_any_thread() {
    fn any<T: Send + Sync + Clone>() {}
    any::<Orchestrator>();
    any::<regatta::RunHandle>();
    fn sends<T: Send>() {}
    sends::<regatta::Events>();
    sends::<regatta::Error>();
}

#[test]
fn a_run_goes_on_when_its_handles_are_dropped() {
    let world = World::new();
    world.fifo("gate");
    let regatta = orchestrator(&world);
    let run = regatta.execute("version: 1\ntasks: [ { id: a, run: 'cat gate >got' } ]").unwrap();
    let id = run.id().to_owned();
    drop((run, regatta));
    std::fs::write(world.path("gate"), "through\n").unwrap();
    // Found again by an orchestrator that never had it, while this program runs it.
    let again = orchestrator(&world).run(&id[..8]).unwrap();
    assert!(again.wait().unwrap().is_success());
    assert_eq!(world.read("got"), "through\n");
}

#[test]
fn the_command_line_sees_a_run_of_a_program_and_a_program_one_of_the_command_line() {
    let world = World::with(
        "version: 1\ntasks: [ { id: a, run: 'echo up >up; cat gate' }, { id: b, needs: [a], run: 'true' } ]",
    );
    ["up", "gate"].iter().for_each(|name| world.fifo(name));
    let regatta = orchestrator(&world);
    let plan = Plan::from_file(world.path("plan.yaml")).unwrap();
    let run = regatta.execute(&plan).unwrap();
    world.hear("up");
    let status = world.regatta(&["status"]).exits(0).out;
    assert!(status.contains(&format!("by process {} on", std::process::id())), "{status}");
    assert!(status.contains("running"), "{status}");
    assert!(world.regatta(&["pause"]).exits(0).out.contains("nothing new starts"));
    assert_eq!(run.state().unwrap(), RunState::Paused);
    world.regatta(&["resume"]).exits(0);
    std::fs::write(world.path("gate"), "").unwrap();
    assert!(run.wait().unwrap().is_success());

    let mut child = world.start(&["run", "plan.yaml"]);
    world.hear("up");
    let theirs = regatta.run(&world.run_id()).unwrap();
    assert_eq!(theirs.state().unwrap(), RunState::Running);
    let mut events = theirs.events().unwrap();
    assert_eq!(events.next().unwrap().unwrap().kind(), "run_started");
    assert_eq!(theirs.progress().unwrap().task("a").unwrap().state, TaskState::Running);
    assert!(theirs.cancel().unwrap().contains("being ended"), "what it means is told");
    assert_eq!(theirs.wait().unwrap().state(), RunState::Cancelled);
    assert_eq!(events.last().unwrap().unwrap().kind(), "run_ended");
    assert_eq!(crate::world::ends(&mut child), Some(1));
}

#[test]
fn a_paused_run_starts_nothing_until_it_is_resumed() {
    let world = World::new();
    ["up", "gate"].iter().for_each(|name| world.fifo(name));
    let text =
        "version: 1\ntasks: [ { id: a, run: 'echo up >up; cat gate' }, { id: b, needs: [a], run: 'true' } ]";
    let run = orchestrator(&world).execute(text).unwrap();
    world.hear("up");
    run.pause().unwrap();
    assert_eq!(run.state().unwrap(), RunState::Paused);
    std::fs::write(world.path("gate"), "").unwrap();
    let mut events = run.events().unwrap().map(Result::unwrap);
    assert!(events.by_ref().any(|event| event.kind() == "node_succeeded"));
    assert_eq!(run.progress().unwrap().task("b").unwrap().state, TaskState::Ready);
    run.resume().unwrap();
    assert!(run.wait().unwrap().is_success());
    let rest: Vec<String> = events.map(|event| event.kind().to_owned()).collect();
    let resumed = rest.iter().position(|kind| kind == "run_resumed").unwrap();
    assert!(rest.iter().position(|kind| kind == "dispatch_started").unwrap() > resumed, "{rest:?}");
    // What does not fit is refused, as by the command line.
    let error = run.resume().unwrap_err();
    assert_eq!((error.kind(), error.exit_code()), (ErrorKind::Refused, 2));
}

#[test]
fn a_run_that_is_interrupted_can_be_resumed_from_the_same_handle() {
    let world = World::new();
    ["up", "gate"].iter().for_each(|name| world.fifo(name));
    let text = "version: 1\neffect: idempotent\ntasks:\n\
        - { id: a, run: 'echo once >>a' }\n\
        - { id: b, needs: [a], run: 'echo $$ >up; cat gate' }\n";
    let run = orchestrator(&world).execute(text).unwrap();
    let first = world.hear("up");
    let left = run.interrupt().unwrap();
    assert_eq!((left.state(), left.exit_code()), (RunState::Interrupted, 130));
    assert!(!crate::world::lives(&first), "what ran is dead when it is left");
    assert!(run.events().unwrap().any(|event| event.unwrap().kind() == "dispatch_interrupted"));
    run.resume().unwrap();
    assert_ne!(world.hear("up"), first);
    std::fs::write(world.path("gate"), "").unwrap();
    assert!(run.wait().unwrap().is_success());
    assert_eq!(world.read("a"), "once\n", "what is done is not done again");
}

#[test]
fn a_task_in_doubt_is_answered_and_the_run_resumed() {
    let world = World::new();
    world.fifo("up");
    let text = "version: 1\neffect: at-most-once\ntasks: [ { id: a, run: 'echo up >up; exec sleep 300' } ]";
    let run = orchestrator(&world).execute(text).unwrap();
    world.hear("up");
    run.interrupt().unwrap();
    run.resume().unwrap();
    let waits = run.wait().unwrap();
    assert_eq!((waits.state(), waits.exit_code()), (RunState::Waiting, 5));
    assert_eq!(waits.task("a").unwrap().state, TaskState::InDoubt);
    run.answer("a", regatta::Doubt::Succeeded(Some(json!([1])))).unwrap();
    run.resume().unwrap();
    let done = run.wait().unwrap();
    assert_eq!((done.state(), done.result("a")), (RunState::Succeeded, Some(&json!([1]))));
    assert!(run.skip("a").unwrap_err().hint().is_some());
}

#[test]
fn on_end_runs_and_what_it_says_is_nobodys() {
    let world = World::new();
    world.fifo("told");
    let text = "version: 1\non_end: [sh, -c, 'echo loud; echo $REGATTA_RUN_STATUS >told; exit 4']\ntasks: [ { id: a, run: 'true' } ]";
    let run = orchestrator(&world).execute(text).unwrap();
    let fifo = std::fs::OpenOptions::new().read(true).write(true).open(world.path("told")).unwrap();
    assert!(comes(&fifo));
    let result = run.wait().unwrap();
    assert!(result.is_success());
    assert!(result.notes()[0].contains("ended with exit status: 4"), "{:?}", result.notes());
}

#[test]
fn what_a_program_says_stands_above_plan_and_settings_and_settings_are_read() {
    let world = World::new();
    world.write(".regatta/config.toml", "[limits]\nmax_parallel = 2\n[timeout]\nattempt = \"7s\"\n");
    let text = "version: 1\ninputs: { who: you }\ntasks: [ { id: a, run: 'echo ${inputs.who} >who' } ]";
    let most = |config: Config, plan: Plan| {
        let regatta = Orchestrator::new(world.root(), config.impersonal()).unwrap();
        let result = regatta.execute(plan).unwrap().wait().unwrap();
        assert!(result.is_success());
        result.summary()["max_parallel"].clone()
    };
    assert_eq!(most(Config::new(), Plan::from_text(text)), 2);
    assert_eq!(world.read("who"), "you\n");
    assert_eq!(most(Config::new().max_parallel(1), Plan::from_text(text).input("who", "me")), 1);
    assert_eq!(world.read("who"), "me\n");
    let wrong = Orchestrator::new(world.root(), Config::new().impersonal().schedule("someday")).unwrap();
    let error = wrong.execute(text).unwrap_err();
    assert!(error.to_string().contains("someday") && error.hint().is_some(), "{error}");
    world.write(".regatta/config.toml", "[limits]\nmost = 2\n");
    assert_eq!(orchestrator(&world).execute(text).unwrap_err().kind(), ErrorKind::InvalidPlan);
}

#[test]
fn a_call_that_no_server_has_is_refused_with_its_reason() {
    let world = World::new();
    let text = "version: 1\nmcp_servers: { s: { command: /nowhere } }\ntasks: [ { id: a, tool: lost } ]";
    let error = orchestrator(&world).execute(text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidPlan);
    assert!(error.to_string().contains("server `s`"), "{error}");
    assert!(!world.path(".regatta/runs").exists());
}

#[test]
fn of_a_map_a_program_sees_the_items_that_there_are() {
    let world = World::new();
    let plan = r#"version: 1
tasks:
  - { id: list, run: 'echo "[1, 2]" >"$REGATTA_RESULT"' }
  - { id: m, for_each: '${list.result}', run: 'echo $item >"$REGATTA_RESULT"' }
"#;
    let run = orchestrator(&world).execute(plan).unwrap();
    let result = run.wait().unwrap();
    let tasks: Vec<&str> = result.tasks().iter().map(|task| task.task.as_str()).collect();
    assert_eq!(tasks, ["list", "m[0]", "m[1]"]);
    assert_eq!(result.result("m[1]"), Some(&json!(2)));
    let progress = run.progress().unwrap();
    assert_eq!((progress.total, progress.ended, progress.percent), (3, 3, 100));
}

#[test]
fn a_builder_takes_keys_in_any_order_and_whatever_was_set_before() {
    let task = Task::command("a", ["true"]).set("retry", json!(3)).retry(2).set("timeout", json!("5m"));
    let task = task.timeout(std::time::Duration::from_secs(1)).set("env", json!([])).env("K", "v");
    let plan = Plan::builder("p").set("limits", json!(7)).max_parallel(2).task(task).build();
    assert!(orchestrator(&World::new()).check(&plan).is_ok());
}
