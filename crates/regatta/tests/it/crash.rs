//! `kill -9` of the orchestrator and of the keeper at every fault point of a 30-task plan: the run ends as the
//! undisturbed one and no finished task has run twice.

use crate::world::World;
use regatta_runtime::fault::POINTS;
use std::collections::BTreeMap;

/// Thirty tasks in layers; each appends a line when it has done its work.
fn plan() -> String {
    let mut plan =
        "version: 1\nname: thirty\neffect: idempotent\nlimits: { max_parallel: 4 }\ntasks:\n".to_owned();
    for n in 0..30 {
        let needs = match n {
            0..=4 => "[]".to_owned(),
            _ => format!("[t{:02}, t{:02}]", n - 5, n - 3),
        };
        let run = match n {
            7 => "test $REGATTA_ATTEMPT -ge 2 && echo t07 >>done".to_owned(),
            9 => "printf ''{\\\"pad\\\": \\\"%070000d\\\"}'' 1 >\\\"$REGATTA_RESULT\\\"; echo t09 >>done"
                .to_owned(),
            _ => format!("echo t{n:02} >>done"),
        };
        let run = run.replace("''", "'");
        plan.push_str(&format!(
            "  - {{ id: t{n:02}, needs: {needs}, retry: {{ max_attempts: 2, backoff: 1ms }}, run: \"{run}\" }}\n"
        ));
    }
    plan
}

/// How often each point is passed in an undisturbed run.
fn passages() -> (BTreeMap<String, u64>, String) {
    let mut world = World::with(&plan());
    let trace = world.path("trace").display().to_string();
    world.set("REGATTA_FAULT_TRACE", &trace);
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let counts = (world.read("trace") + &world.read("trace.keeper"))
        .lines()
        .map(|line| {
            let (point, n) = line.split_once(' ').unwrap();
            (point.to_owned(), n.parse().unwrap())
        })
        .collect();
    (counts, world.canonical())
}

#[test]
fn every_fault_point_is_reached() {
    let (counts, _) = passages();
    for point in POINTS {
        assert!(counts.contains_key(point), "fault point {point} is never reached: {counts:?}");
    }
}

#[test]
fn after_kill_9_at_any_instant_the_run_ends_as_the_undisturbed_one() {
    let (counts, undisturbed) = passages();
    let mut kills = 0;
    for (point, &most) in &counts {
        for n in 1..=most {
            kills += u32::from(crash_at(point, n, &undisturbed));
        }
    }
    assert!(kills > 60, "only {kills} kills happened");
}

/// Kills at one passage of a point and resumes. A run may pass a point less often when its timing differs.
fn crash_at(point: &str, n: u64, undisturbed: &str) -> bool {
    let mut world = World::with(&plan());
    world.set("REGATTA_FAULT", &format!("{point}:{n}"));
    world.set("REGATTA_FAULT_FIRED", &world.path("fired").display().to_string());
    let said = world.regatta(&["run", "plan.yaml"]);
    let killed = world.path("fired").exists();
    let by_keeper = point.starts_with("keeper.");
    let code = if killed && !by_keeper { None } else { Some(0) };
    assert_eq!(said.code, code, "a run survives its keeper ({point}:{n})\n{}{}", said.out, said.err);
    world.unset("REGATTA_FAULT");
    let before = finished(&world);
    world.regatta(&["resume"]).exits(0);
    assert_eq!(world.canonical(), undisturbed, "{point}:{n}");
    let mut lines: BTreeMap<String, u32> = BTreeMap::new();
    for line in world.read("done").lines() {
        *lines.entry(line.to_owned()).or_default() += 1;
    }
    assert_eq!(lines.len(), 30, "{point}:{n}");
    for task in before {
        assert_eq!(lines[&task], 1, "{task} was finished and ran again ({point}:{n})");
    }
    killed
}

/// Tasks whose success is in the journal, before anything was lost.
fn finished(world: &World) -> Vec<String> {
    let said = world.regatta(&["events"]);
    said.out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .take_while(|event| event["kind"] != "dispatch_lost")
        .filter(|event| event["kind"] == "node_succeeded")
        .map(|event| event["node_id"].as_str().unwrap().to_owned())
        .collect()
}
