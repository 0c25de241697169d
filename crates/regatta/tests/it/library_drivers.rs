//! Drivers that a program brings: what is different about them, and what is not.

use crate::world::World;
use regatta::driver::{Attempt, Call, Desk, Driver, Effect, Ending, Failure};
use regatta::{Config, Doubt, ErrorKind, Orchestrator, Plan, RunState, TaskState};
use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Longer than any test.
const LONG: Duration = Duration::from_secs(300);

fn with(
    world: &World,
    work: impl Fn(&Attempt) -> Result<Value, Failure> + Send + Sync + 'static,
) -> Orchestrator {
    Orchestrator::new(world.root(), Config::new().impersonal().driver("mine", work)).unwrap()
}

/// A function that says when it is there and waits until it is cancelled.
fn waits(here: Sender<u32>) -> impl Fn(&Attempt) -> Result<Value, Failure> + Send + Sync + 'static {
    let here = Mutex::new(here);
    move |attempt| {
        here.lock().unwrap().send(attempt.number()).unwrap();
        match attempt.is_cancelled_within(LONG) {
            true => Err(Failure::new("it was ended")),
            false => Ok(json!(null)),
        }
    }
}

fn comes(here: &Receiver<u32>) -> u32 {
    here.recv_timeout(LONG).unwrap()
}

#[test]
fn a_task_of_a_driver_takes_references_and_gives_a_result_like_any_other() {
    let world = World::new();
    let regatta = with(&world, |attempt| {
        assert_eq!((attempt.task(), attempt.tool(), attempt.number()), ("b", "add/up", 1));
        assert!(attempt.cwd().ends_with(world_name(attempt)) && !attempt.undoes());
        assert!(!attempt.is_cancelled() && !attempt.idempotency_key().is_empty());
        Ok(json!({ "sum": attempt.params()["to"].as_u64().unwrap() + 1, "token": "tok-abcdefgh-12345" }))
    });
    let text = r#"version: 1
secrets: [TOKEN]
env: [PATH, TOKEN]
tasks:
  - { id: a, run: 'echo "{\"n\": 41}" >"$REGATTA_RESULT"' }
  - { id: b, tool: mine/add/up, params: { to: '${a.result.n}' } }
  - { id: c, run: 'echo ${b.result.sum} >sum' }
"#;
    let run = regatta.execute(text).unwrap();
    let result = run.wait().unwrap();
    assert!(result.is_success(), "{result:?}");
    assert_eq!(result.result("b").unwrap()["sum"], 42);
    assert_eq!(world.read("sum"), "42\n");
    // Nothing of it differs in the log.
    let ends = world.canonical().lines().filter(|line| line.contains("node_succeeded")).count();
    assert_eq!(ends, 3);
}

fn world_name(attempt: &Attempt) -> std::ffi::OsString {
    attempt.cwd().file_name().unwrap().to_owned()
}

#[test]
fn what_a_driver_answers_is_redacted_before_it_is_kept() {
    let world = World::new();
    world.write("secret", "tok-abcdefgh-12345\n");
    std::fs::set_permissions(world.path("secret"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    let regatta = with(&world, |attempt| match attempt.tool() {
        "ok" => Ok(json!({ "seen": attempt.params()["key"] })),
        _ => Err(Failure::new(format!("cannot log in with {}", attempt.params()["key"]))),
    });
    let text = "version: 1\nvault: { k: { file: secret } }\ntasks:\n\
        - { id: a, tool: mine/ok, params: { key: '${vault.k}' } }\n\
        - { id: b, tool: mine/bad, params: { key: '${vault.k}' } }\n";
    let result = regatta.execute(text).unwrap().wait().unwrap();
    assert_eq!(result.state(), RunState::Partial);
    let told = format!("{result:?}") + &world.regatta(&["events"]).out;
    assert!(told.contains("cannot log in") && told.contains("seen"), "{told}");
    assert!(!told.contains("tok-abcdefgh"), "{told}");
}

#[test]
fn a_failure_a_panic_and_an_unknown_end_are_contained_and_retried_as_the_plan_says() {
    let world = World::new();
    let regatta = with(&world, |attempt| match (attempt.tool(), attempt.number()) {
        ("flaky", 1) => Err(Failure::new("not yet")),
        ("panics", 1) => panic!("no such luck"),
        ("unknown", _) => Err(Failure::unknown("the line went dead")),
        ("limited", _) if !attempt.cwd().join("asked").exists() => {
            std::fs::write(attempt.cwd().join("asked"), "")?;
            Err(Failure::rate_limited(Duration::from_secs(1), "too fast"))
        }
        _ => Ok(json!(attempt.number())),
    });
    let text = "version: 1\nretry: { max_attempts: 2, backoff: 1ms }\ntasks:\n\
        - { id: flaky, tool: mine/flaky }\n\
        - { id: panics, tool: mine/panics }\n\
        - { id: limited, tool: mine/limited }\n\
        - { id: unknown, tool: mine/unknown }\n\
        - { id: shell, run: 'true' }\n";
    let run = regatta.execute(text).unwrap();
    let result = run.wait().unwrap();
    for (id, number) in [("flaky", 2), ("panics", 2), ("limited", 1)] {
        assert_eq!(result.result(id), Some(&json!(number)), "{id}: {}", result.task(id).unwrap().why);
    }
    assert_eq!(result.task("shell").unwrap().state, TaskState::Succeeded);
    // A tool is done once at most unless the plan says otherwise.
    assert_eq!(result.task("unknown").unwrap().state, TaskState::InDoubt);
    assert_eq!(result.exit_code(), 5);
    let messages: Vec<String> = run
        .events()
        .unwrap()
        .filter_map(|event| Some(event.unwrap().field("message")?.as_str()?.to_owned()))
        .collect();
    assert!(messages.contains(&"the driver panicked: no such luck".to_owned()), "{messages:?}");
    assert!(messages.contains(&"not yet".to_owned()), "{messages:?}");
    run.answer("unknown", Doubt::Failed).unwrap();
    run.resume().unwrap();
    assert_eq!(run.wait().unwrap().state(), RunState::Partial);
}

#[test]
fn cancel_timeout_and_interruption_reach_the_function() {
    let (here, came) = channel();
    let world = World::new();
    let regatta = with(&world, waits(here));
    // The timeout.
    let text = "version: 1\ntasks: [ { id: a, tool: mine/x, timeout: { attempt: 50ms } } ]";
    let result = regatta.execute(text).unwrap().wait().unwrap();
    assert_eq!((comes(&came), result.task("a").unwrap().state), (1, TaskState::TimedOut));
    // A cancelled task, while the rest goes on.
    let text = "version: 1\ntasks: [ { id: a, tool: mine/x }, { id: b, run: 'true' } ]";
    let run = regatta.execute(text).unwrap();
    comes(&came);
    run.cancel_task("a").unwrap();
    let result = run.wait().unwrap();
    assert_eq!(result.task("a").unwrap().state, TaskState::Cancelled);
    assert_eq!(result.task("b").unwrap().state, TaskState::Succeeded);
    // An interruption: idempotent work begins again.
    let text = "version: 1\ntasks: [ { id: a, tool: mine/x, effect: idempotent } ]";
    let run = regatta.execute(text).unwrap();
    comes(&came);
    assert_eq!(run.interrupt().unwrap().state(), RunState::Interrupted);
    run.resume().unwrap();
    assert_eq!(comes(&came), 1, "an interrupted attempt does not count");
    run.cancel().unwrap();
    assert_eq!(run.wait().unwrap().state(), RunState::Cancelled);
}

#[test]
fn a_driver_counts_under_the_caps_of_the_run() {
    let world = World::new();
    let live = Arc::new(Mutex::new((0, 0)));
    let seen = Arc::clone(&live);
    let regatta = with(&world, move |attempt| {
        let mut at_once = live.lock().unwrap();
        at_once.0 += 1;
        at_once.1 = at_once.1.max(at_once.0);
        drop(at_once);
        // Long enough for another one to come, if it may.
        let _ = attempt.is_cancelled_within(Duration::from_millis(20));
        live.lock().unwrap().0 -= 1;
        Ok(json!(true))
    });
    let tasks: String = (0..12).map(|n| format!("- {{ id: t{n}, tool: mine/x }}\n")).collect();
    let text = format!("version: 1\nlimits: {{ max_parallel: 3 }}\ntasks:\n{tasks}");
    assert!(regatta.execute(text).unwrap().wait().unwrap().is_success());
    assert!((1..=3).contains(&seen.lock().unwrap().1));
}

#[test]
fn what_a_driver_did_is_undone_by_it_when_the_run_rolls_back() {
    let world = World::new();
    let regatta = with(&world, |attempt| {
        let line = format!("{} {}\n", attempt.tool(), attempt.undoes());
        let path = attempt.cwd().join("log");
        let log = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(path, log + &line)?;
        Ok(json!(null))
    });
    let text = "version: 1\non_failure: rollback\ntasks:\n\
        - { id: a, tool: mine/do, undo: { tool: mine/undo } }\n\
        - { id: b, needs: [a], run: 'exit 1' }\n";
    assert_eq!(regatta.execute(text).unwrap().wait().unwrap().state(), RunState::Failed);
    assert_eq!(world.read("log"), "do false\nundo true\n");
}

/// A driver by the trait: it answers at once, from `perform`, and remembers what it was given.
struct Bare(Desk, Sender<(Call, bool)>);

impl Driver for Bare {
    fn perform(&mut self, effect: &Effect) {
        if let Effect::Start { attempt, number, .. } = effect {
            let call = self.0.call(*attempt).unwrap();
            self.1.send((call, *number == 1)).unwrap();
            self.0.end(*attempt, Ending::Done(json!("x".repeat(100_000))));
            // The first word counts.
            self.0.end(*attempt, Ending::Failed("too late".to_owned()));
        }
    }
}

#[test]
fn a_driver_by_the_trait_answers_from_its_desk_and_large_results_are_kept_whole() {
    let world = World::new();
    let (to, from) = channel();
    let config = Config::new()
        .impersonal()
        .driver_with("bare", move |desk| Box::new(Bare(desk, to.clone())) as Box<dyn Driver>);
    let regatta = Orchestrator::new(world.root(), config).unwrap();
    let text = "version: 1\ntasks: [ { id: a, tool: bare/x, params: { n: [1] }, timeout: { grace: 3s } } ]";
    let result = regatta.execute(text).unwrap().wait().unwrap();
    assert_eq!(result.result("a").unwrap().as_str().map(str::len), Some(100_000));
    let (call, first) = from.try_recv().unwrap();
    assert_eq!(
        (&*call.task, &*call.tool, call.params["n"][0].as_u64(), call.grace_ms),
        ("a", "x", Some(1), 3_000)
    );
    assert!(first);
}

#[test]
fn the_death_of_the_keeper_takes_nothing_from_a_driver() {
    let world = World::new();
    world.fifo("up");
    let (here, came) = channel();
    let (go, gate) = channel::<()>();
    let (here, gate) = (Mutex::new(here), Mutex::new(gate));
    let regatta = with(&world, move |attempt| {
        here.lock().unwrap().send(attempt.number())?;
        gate.lock().unwrap().recv()?;
        Ok(json!("whole"))
    });
    let text = "version: 1\neffect: idempotent\ntasks:\n\
        - { id: a, tool: mine/x }\n\
        - { id: b, run: 'echo $PPID >up; test -e again || exec sleep 300' }\n";
    let run = regatta.execute(text).unwrap();
    comes(&came);
    let keeper: u32 = world.hear("up").parse().unwrap();
    world.write("again", "");
    regatta_crash::processes::kill(keeper);
    // The shell that was killed may have left the FIFO only now.
    while world.hear("up").is_empty() {}
    go.send(()).unwrap();
    let result = run.wait().unwrap();
    assert!(result.is_success(), "{result:?}");
    assert_eq!((result.result("a"), result.task("a").unwrap().attempts), (Some(&json!("whole")), 1));
    assert!(came.try_recv().is_err(), "it was not begun again");
}

#[test]
fn a_plan_that_names_a_driver_runs_only_where_it_is() {
    let world = World::new();
    let text = "version: 1\ntasks: [ { id: a, tool: mine/x } ]";
    let plain = Orchestrator::new(world.root(), Config::new().impersonal()).unwrap();
    let error = plain.execute(text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidPlan);
    assert!(error.problems()[0].message.contains("`mine`"), "{error}");

    let (here, came) = channel();
    let regatta = with(&world, waits(here));
    assert_eq!(regatta.check(text).unwrap(), []);
    let run = regatta.execute(text).unwrap();
    comes(&came);
    run.interrupt().unwrap();
    // It may be looked at, and what is known of it said, from anywhere; going on is for whoever has the driver.
    let said = world.regatta(&["resume"]).exits(4);
    assert!(
        said.err.contains("task `a` wants driver `mine`, which this program does not have"),
        "{}",
        said.err
    );
    assert!(said.err.contains("hint: the program that started the run"), "{}", said.err);
    let error = plain.run(run.id()).unwrap().resume().unwrap_err();
    assert_eq!((error.kind(), error.exit_code()), (ErrorKind::Environment, 4));
    world.regatta(&["answer", "a", "--failed"]).exits(0);
    // Nothing is left that wants it.
    world.regatta(&["resume"]).exits(1);
    // A server of the same name would be something else.
    let both = "version: 1\nmcp_servers: { mine: { command: x } }\ntasks: [ { id: a, tool: mine/x } ]";
    assert!(regatta.execute(Plan::from_text(both)).unwrap_err().to_string().contains("both a driver"));
}

/// A driver by the trait that cannot do what it is told to.
struct Panics(Desk);

impl Driver for Panics {
    fn perform(&mut self, effect: &Effect) {
        match effect {
            Effect::Start { attempt, .. } => match &*self.0.call(*attempt).unwrap().tool {
                "start" => panic!("no such luck"),
                "end" => {}
                _ => self.0.end(*attempt, Ending::Done(json!("done"))),
            },
            Effect::End { .. } => panic!("not even that"),
            _ => {}
        }
    }
}

#[test]
fn a_driver_by_the_trait_that_panics_fails_its_task_and_the_run_goes_on() {
    let world = World::new();
    let config = Config::new()
        .impersonal()
        .driver_with("bad", |desk| Box::new(Panics(desk)) as Box<dyn Driver>)
        .driver_with("unmade", |_| -> Box<dyn Driver> { panic!("it cannot be made") });
    let regatta = Orchestrator::new(world.root(), config).unwrap();
    let text = "version: 1\ntasks:\n\
        - { id: start, tool: bad/start }\n\
        - { id: end, tool: bad/end, timeout: { attempt: 50ms } }\n\
        - { id: unmade, tool: unmade/x }\n\
        - { id: fine, tool: bad/fine }\n\
        - { id: shell, run: 'true' }\n\
        - { id: after, needs: [start], run: 'true' }\n";
    let run = regatta.execute(text).unwrap();
    let result = run.wait().unwrap();
    assert_eq!(result.state(), RunState::Partial, "{result:?}");
    let task = |id: &str| result.task(id).unwrap();
    for id in ["fine", "shell"] {
        assert_eq!(task(id).state, TaskState::Succeeded, "{id}");
    }
    for (id, why) in
        [("start", "the driver panicked: no such luck"), ("unmade", "the driver panicked: it cannot be made")]
    {
        assert_eq!(task(id).state, TaskState::Failed, "{id}");
        assert!(task(id).why.contains(why), "{id}: {}", task(id).why);
    }
    assert_eq!(task("end").state, TaskState::TimedOut, "{}", task("end").why);
    assert_eq!(task("after").state, TaskState::Blocked);
}

/// Tells, when it is dropped, whether its run could be taken up by somebody else already.
struct LastWords(Sender<bool>, std::path::PathBuf);

impl Driver for LastWords {
    fn perform(&mut self, _: &Effect) {}
}

impl Drop for LastWords {
    fn drop(&mut self) {
        let runs = std::fs::read_dir(self.1.join(".regatta/runs")).unwrap();
        let lock = std::fs::File::open(runs.last().unwrap().unwrap().path().join("lock")).unwrap();
        self.0.send(flock(lock, FlockOperation::NonBlockingLockShared).is_ok()).unwrap();
    }
}

#[test]
fn a_run_is_let_go_only_when_everything_of_its_drivers_is_gone() {
    let world = World::new();
    let (to, dropped) = channel();
    let root = world.root().to_owned();
    let (here, came) = channel();
    let config = Config::new()
        .impersonal()
        .driver("mine", waits(here))
        .driver_with("last", move |_| Box::new(LastWords(to.clone(), root.clone())) as Box<dyn Driver>);
    let regatta = Orchestrator::new(world.root(), config).unwrap();
    // Interrupted, so that it is open and would be free without its lock.
    let text = "version: 1\ntasks: [ { id: a, tool: mine/x, effect: idempotent } ]";
    let run = regatta.execute(text).unwrap();
    comes(&came);
    assert_eq!(run.interrupt().unwrap().state(), RunState::Interrupted);
    assert!(!dropped.try_recv().unwrap(), "its lock was gone before its drivers were");
    // The same where the loop has to leave in the middle: nothing can be recorded any more.
    run.resume().unwrap();
    comes(&came);
    let store = rusqlite::Connection::open(world.path(".regatta/regatta.db")).unwrap();
    let broken = "CREATE TRIGGER broken BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'it breaks'); END";
    store.execute_batch(broken).unwrap();
    // It is told only what cannot be recorded.
    let _ = run.cancel();
    assert_eq!(run.wait().unwrap_err().exit_code(), 4);
    assert!(!dropped.try_recv().unwrap(), "its lock was gone before its drivers were");
    store.execute_batch("DROP TRIGGER broken").unwrap();
    run.resume().unwrap();
    comes(&came);
    run.cancel().unwrap();
    assert_eq!(run.wait().unwrap().state(), RunState::Cancelled);
}
