//! Spec 3 "Schedule": `plan` predicts what `run` does when the expectations are right, says where they come from, and
//! improves the order when asked.

use crate::world::{Said, World};
use serde_json::{Value, json};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

/// Two slots; the longest task first wastes one of them.
const PACK: &str = "version: 1
name: pack
limits: { max_parallel: 2 }
tasks:
  - { id: a, estimate: 3s, run: 'true' }
  - { id: b, estimate: 3s, run: 'true' }
  - { id: c, estimate: 2s, run: 'true' }
  - { id: d, estimate: 2s, run: 'true' }
  - { id: e, estimate: 2s, run: 'true' }
";

fn plan(world: &World, args: &[&str]) -> Value {
    world.regatta(&[&["plan", "plan.yaml", "--json"], args].concat()).exits(0).json()
}

/// The ids of tasks in the order in which the newest run started them.
fn started(world: &World) -> Vec<String> {
    let text = world.regatta(&["events"]).exits(0).out;
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let starts = events.filter(|event| event["kind"] == "dispatch_started");
    starts.map(|event| event["node_id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn plan_predicts_when_each_task_runs_under_all_caps_and_resources() {
    let world = World::with(
        "version: 1
name: caps
limits: { max_parallel: 3, per_tag: { db: 1 } }
resources: { gpu: 2 }
tasks:
  - { id: seed, estimate: 1s, tags: [db], run: x }
  - { id: migrate, estimate: 2s, tags: [db], run: x }
  - { id: train, needs: [seed], estimate: 4s, locks: [ { resource: gpu, units: 2 } ], run: x }
  - { id: score, needs: [seed], estimate: 1s, locks: [ { resource: gpu, units: 1 } ], run: x }
  - { id: done, needs: [train, score, migrate], estimate: 0s, run: x }
",
    );
    let found = plan(&world, &[]);
    let row = |slot: u32, start: u32, end: u32| json!({ "duration_from": "estimate", "slot": slot, "start_ms": start, "end_ms": end });
    let nodes = json!({
        "seed": row(0, 0, 1_000),
        "migrate": row(1, 1_000, 3_000),
        "train": row(0, 1_000, 5_000),
        "score": row(0, 5_000, 6_000),
        "done": row(0, 6_000, 6_000),
    });
    let expect = json!({
        "critical_path": ["seed", "train", "done"],
        "lower_bound_ms": 5_000,
        "makespan_ms": 6_000,
        "nodes": nodes,
        "sequential_ms": 8_000,
    });
    assert_eq!(found["predicted"], expect, "{found}");
    assert_eq!(found["order"], json!([]));
    let alone = plan(&world, &["--max-parallel", "1"]);
    assert_eq!(alone["predicted"]["makespan_ms"], 8_000, "the caps of the command line count");
}

#[test]
fn plan_draws_waves_critical_path_and_the_predicted_schedule_as_text() {
    let world = World::with(
        "version: 1
name: order
limits: { max_parallel: 2 }
tasks:
  - { id: quick, estimate: 100ms, run: x }
  - { id: slow, estimate: 600ms, run: x }
  - { id: after-quick, needs: [quick], estimate: 400ms, run: x }
  - { id: last, needs: [slow, after-quick], run: x }
",
    );
    insta::assert_snapshot!(world.regatta(&["plan", "plan.yaml"]).exits(0).out, @"
    plan order: 4 tasks in 3 waves, 3 dependencies, schedule dataflow
      caps: max_parallel 2
      wave 1 of 3  quick slow
      wave 2 of 3  after-quick
      wave 3 of 3  last
    critical path  slow -> last  (1.0 s)
    durations      3 estimated, 1 unknown (the median of the known)
    sequential     1.5 s
    predicted      1.0 s  (speed-up 1.5, at most 2 at once)
    lower bound    1.0 s
      slow         ##############################                      600 ms
      quick        =====                                               100 ms
      after-quick       ====================                           400 ms
      last                                       ####################  400 ms
    hash           a3b492e0391ae6ca1580aef93d057849efed11bd89710e15221aeb095c832574
    ");
    let dry = world.regatta(&["run", "plan.yaml", "--dry-run"]).exits(0).out;
    assert_eq!(dry, world.regatta(&["plan", "plan.yaml"]).out, "`run --dry-run` says the same");
    assert!(!world.path(".regatta").exists(), "and neither leaves anything behind");
}

#[test]
fn without_any_duration_no_time_is_made_up() {
    let world = World::with("version: 1\ntasks: [ {id: a, run: x}, {id: b, needs: [a], run: x} ]");
    let text = world.regatta(&["plan", "plan.yaml"]).exits(0).out;
    assert!(text.contains("durations      none is known: each task counts as one step"), "{text}");
    assert!(text.contains("predicted      2 steps") && text.contains("lower bound    2 steps"), "{text}");
    let found = plan(&world, &[]);
    assert_eq!(found["predicted"]["nodes"]["b"]["duration_from"], "default");
    assert_eq!(found["predicted"]["makespan_ms"], 2, "1 each");
}

#[test]
fn durations_of_earlier_runs_stand_in_for_missing_estimates_and_are_pinned_in_the_run() {
    let world = World::with(
        "version: 1\nname: known\nlimits: { max_parallel: 1 }\ntasks:\n  - { id: a, run: 'true' }\n  - { id: b, run: sleep 0.2 }\n  - { id: c, estimate: 50ms, run: 'true' }\n",
    );
    world.run();
    let found = plan(&world, &[]);
    let nodes = &found["predicted"]["nodes"];
    assert_eq!(nodes["b"]["duration_from"], "recorded", "{found}");
    assert_eq!(nodes["c"]["duration_from"], "estimate");
    assert!(nodes["b"]["end_ms"].as_u64() >= Some(200));
    let text = world.regatta(&["plan", "plan.yaml"]).exits(0).out;
    assert!(text.contains("durations      1 estimated, 2 recorded (the median of earlier runs)"), "{text}");
    world.run();
    assert_eq!(started(&world)[0], "b", "the longest path is known now");
    world.regatta(&["replay"]).exits(0);
    // A plan of another name is another plan.
    world.write("plan.yaml", &world.read("plan.yaml").replace("name: known", "name: unknown"));
    assert_eq!(plan(&world, &[])["predicted"]["nodes"]["b"]["duration_from"], "default");
}

#[test]
fn what_is_recorded_is_the_median_of_the_runs_that_ended() {
    let world = World::with("version: 1\nname: m\ntasks: [ { id: a, run: '. ./work' } ]");
    for work in ["sleep 0.4", "true", "true", "exit 3"] {
        world.write("work", work);
        world.regatta(&["run", "plan.yaml"]);
    }
    let end = plan(&world, &[])["predicted"]["nodes"]["a"]["end_ms"].as_u64();
    assert!(end < Some(400), "neither the slow one nor the failed one: {end:?}");
}

fn optimised(said: &Said) -> (u64, u64, u64) {
    let found = said.json();
    let of = |key: &str| found["optimised"][key].as_u64().unwrap();
    (of("before_ms"), of("after_ms"), of("lower_bound_ms"))
}

#[test]
fn optimise_shows_before_after_and_lower_bound_and_is_the_same_for_the_same_seed() {
    let world = World::with(PACK);
    let args = ["plan", "plan.yaml", "--optimise", "20", "--seed", "7", "--json"];
    let said = world.regatta(&args).exits(0);
    assert_eq!(optimised(&said), (7_000, 6_000, 6_000));
    assert_eq!(said.json()["predicted"]["makespan_ms"], 6_000, "what is predicted is with the order");
    assert_eq!(said.out, world.regatta(&args).out, "the same seed, the same bytes");
    let text = world.regatta(&["plan", "plan.yaml", "--optimise", "20"]).exits(0).out;
    let line = "optimised      7.0 s -> 6.0 s (14.2 % less), lower bound 6.0 s; 20 perturbations, seed 1";
    assert!(text.contains(line), "{text}");
}

#[test]
fn an_order_is_written_into_the_plan_and_leads_to_what_was_promised() {
    let world = World::with(&format!("# pack\n{PACK}"));
    let args = ["plan", "plan.yaml", "--optimise", "20", "--out", "better.yaml", "--json"];
    let promised = world.regatta(&args).exits(0).json();
    let written = world.read("better.yaml");
    assert!(written.starts_with("# pack\n") && written.contains("order: [\n"), "{written}");
    let kept = world.regatta(&["plan", "better.yaml", "--json"]).exits(0).json();
    assert_eq!((&kept["predicted"], &kept["order"]), (&promised["predicted"], &promised["order"]));
    assert_eq!(
        kept["schedulePlanHash"], promised["schedulePlanHash"],
        "the order is no part of the schedule"
    );
    let again = world.regatta(&["plan", "better.yaml", "--optimise", "0"]).exits(0).out;
    assert!(again.contains("6.0 s is the lower bound already; nothing was to be found"), "{again}");
}

#[test]
fn run_pins_the_order_that_it_found() {
    let world = World::with(&PACK.replace("max_parallel: 2", "max_parallel: 1").replace("2s", "1s"));
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(started(&world), ["a", "b", "c", "d", "e"]);
    world.write("plan.yaml", PACK);
    let order = plan(&world, &["--optimise", "20"])["order"].clone();
    let said = world.regatta(&["run", "plan.yaml", "--optimise", "20"]).exits(0);
    assert!(said.err.contains("order: 7.0 s -> 6.0 s"), "{}", said.err);
    assert_eq!(json!(started(&world)), order, "tasks that end at once start in the order itself");
    world.regatta(&["replay"]).exits(0);
    let quiet = world.regatta(&["run", "plan.yaml", "--optimise", "20", "--json"]).exits(0);
    assert!(!quiet.err.contains("order:"));
}

#[test]
fn an_order_is_not_written_under_a_name_that_says_another_format() {
    let world = World::with(PACK);
    world.write("plan.json", r#"{"version": 1, "tasks": [{"id": "a", "run": "x"}]}"#);
    world.write("plain", PACK);
    let written = |plan: &str, out: &str| world.regatta(&["plan", plan, "--optimise", "5", "--out", out]);
    for (plan, out, hint) in [
        ("plan.yaml", "new.json", "hint: `--out new.yaml`"),
        ("plan.yaml", "new.toml", "hint: `--out new.yaml`"),
        ("plain", "new.json", "hint: `--out new.yaml`"),
        ("plan.json", "new.yaml", "hint: `--out new.json`"),
    ] {
        let said = written(plan, out).exits(2);
        assert!(said.err.contains("read as another format") && said.err.contains(hint), "{}", said.err);
        assert!(!world.path(out).exists());
    }
    written("plan.yaml", "new.yml").exits(0);
    world.regatta(&["check", "new.yml"]).exits(0);
    written("plan.yaml", "new").exits(0);
}

/// What a file holds that a command gets as its standard output, or its standard error.
fn poured(world: &World, args: &[&str], out_of: (&str, &str)) -> (String, String) {
    let [out, err] = [out_of.0, out_of.1].map(|name| std::fs::File::create(world.path(name)).unwrap());
    world.command(args).stdout(out).stderr(err).status().unwrap();
    (world.read(out_of.0), world.read(out_of.1))
}

#[test]
fn a_plan_that_goes_to_standard_output_is_all_that_goes_there() {
    let world = World::with(PACK);
    world.regatta(&["plan", "plan.yaml", "--optimise", "5", "--out", "new.yaml"]).exits(0);
    let text = world.read("new.yaml");
    for json in [&[][..], &["--json"]] {
        for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
            let args = [&["plan", "plan.yaml", "--optimise", "5", "--out", name], json].concat();
            let said = world.regatta(&args).exits(0);
            assert_eq!(said.out, text, "{name}");
            assert!(
                said.err.contains(if json.is_empty() { "wave 1 of 1" } else { "\"makespan_ms\":" }),
                "{}",
                said.err
            );
            let (out, err) = poured(&world, &args, ("out", "err"));
            assert_eq!((out, err), (said.out, said.err), "{name}");
        }
    }
    // Where nobody listens nothing is said elsewhere.
    let null = std::fs::File::create("/dev/null").unwrap();
    let mut command = world.command(&["plan", "plan.yaml", "--optimise", "5", "--out", "/dev/null"]);
    let said = command.stdout(null).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stderr), "");
}

#[test]
fn a_plan_that_goes_to_standard_error_stands_whole_between_what_else_is_said_there() {
    let world = World::with(PACK);
    world.write("best.yaml", "version: 1\ntasks: [ { id: a, run: 'true' } ]\n");
    let args = ["plan", "best.yaml", "--optimise", "1", "--out", "/dev/stderr"];
    let err = std::fs::File::create(world.path("err")).unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    world.command(&args).stdout(full).stderr(err).status().unwrap();
    let told = world.read("err");
    let expected =
        format!("no better order was found: the plan is written as it is\n{}", world.read("best.yaml"));
    assert!(told.starts_with(&expected), "{told}");
    assert!(told[expected.len()..].contains("standard output cannot be written"), "{told}");
}

#[test]
fn an_order_that_counts_for_nothing_is_told_so() {
    let text = format!("{PACK}order: [e]\n");
    let world = World::with(&text);
    let line = || {
        let said = world.regatta(&["plan", "plan.yaml"]).exits(0).out;
        said.lines().find(|line| line.starts_with("order ")).map(str::to_owned)
    };
    assert_eq!(line().as_deref(), Some("order          as the plan says"));
    for schedule in ["waves", "sequential"] {
        world.write("plan.yaml", &format!("{text}schedule: {schedule}\n"));
        assert_eq!(line(), Some(format!("order          of no effect with schedule {schedule}")));
        let said = world.regatta(&["check", "plan.yaml"]).exits(0).err;
        assert!(said.contains("warning[RG107]: `order` has no effect with `schedule:"), "{said}");
    }
}

#[test]
fn only_dataflow_has_an_order_to_improve() {
    let world = World::with(PACK);
    for args in [["plan", "plan.yaml"], ["run", "plan.yaml"]] {
        let args = [&args[..], &["--optimise", "1", "--schedule", "waves"]].concat();
        let said = world.regatta(&args).exits(2);
        assert!(said.err.contains("improves `schedule: dataflow`, not `waves`"), "{}", said.err);
    }
    let said = world.regatta(&["plan", "plan.yaml", "--seed", "3"]).exits(2);
    assert!(said.err.contains("--optimise"), "{}", said.err);
    world.regatta(&["plan", "plan.yaml", "--out", "x"]).exits(2);
    world.regatta(&["plan", "plan.yaml", "--optimise", "1", "--only", "a", "--out", "x"]).exits(2);
    assert!(!world.path(".regatta").exists() && !world.path("x").exists());
}

#[test]
fn a_file_that_is_there_is_replaced_with_force_only_also_the_plan_itself() {
    let text = "{ // mine\n \"version\": 1, \"limits\": {\"max_parallel\": 2},\n \"order\": /* by hand */ [\"a\", \"b\", \"c\"],\n         \"tasks\": [ {\"id\": \"a\", \"run\": \"x\", \"estimate\": \"1s\"}, {\"id\": \"b\", \"run\": \"x\", \"estimate\": \"1s\"}, // short\n         {\"id\": \"c\", \"run\": \"x\", \"estimate\": \"2s\"} ] }\n";
    let world = World::new();
    world.write("plan.json", text);
    world.write("there.json", "mine");
    let optimise = |out: &str, more: &[&str]| {
        world.regatta(&[&["plan", "plan.json", "--optimise", "5", "--out", out], more].concat())
    };
    for out in ["there.json", "plan.json"] {
        let said = optimise(out, &[]).exits(2);
        assert!(said.err.contains("is there already; nothing was written"), "{}", said.err);
        assert!(said.err.contains("hint: `--force`"), "{}", said.err);
        assert_eq!(said.out, "");
    }
    assert_eq!((world.read("there.json").as_str(), world.read("plan.json").as_str()), ("mine", text));
    assert!(optimise(".", &["--force"]).exits(2).err.contains("is not a plain file"));
    optimise("/dev/null", &[]).exits(0);
    world.regatta(&["plan", "plan.json", "--force"]).exits(2);
    // A link is followed, and who may read the file stays.
    std::os::unix::fs::symlink("there.json", world.path("link.json")).unwrap();
    std::fs::set_permissions(world.path("there.json"), Permissions::from_mode(0o640)).unwrap();
    optimise("link.json", &["--force"]).exits(0);
    assert!(world.path("link.json").symlink_metadata().unwrap().is_symlink());
    assert_eq!(world.path("there.json").metadata().unwrap().permissions().mode() & 0o777, 0o640);
    optimise("plan.json", &["--force"]).exits(0);
    let written = world.read("plan.json");
    assert_eq!(written, world.read("there.json"));
    assert_eq!(written.replace("[\n   \"b\", \"c\", \"a\" ]", "[\"a\", \"b\", \"c\"]"), text);
}
