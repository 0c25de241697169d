//! A stored plan is a fact: a run that an earlier version accepted goes on, also if this one would refuse its plan.
//!
//! The record of an earlier version is that of a real run with its plan and its version replaced.

use crate::world::{World, status};
use regatta_journal::{Journal, NewRun, Reader, RunId, Which};
use serde_json::Value;

/// Macros four deep: what was accepted before there was a bound.
const DEEP: &str = "[1].all(a, [1].all(b, [1].all(c, [1].all(d, true))))";

/// A run that has not begun, as an earlier version would have left it; `change` makes its stored plan of one of ours.
fn stored(world: &World, change: impl Fn(&mut Value)) {
    record(world, None, change);
}

/// The same, of a plan whose text was `source`.
fn stored_with(world: &World, source: &str) {
    record(world, Some(source.to_owned()), |_| {});
}

fn record(world: &World, source: Option<String>, change: impl Fn(&mut Value)) {
    world.regatta(&["run", "plan.yaml"]);
    let reader = Reader::open(world.root()).unwrap().unwrap();
    let record = reader.run(&reader.resolve(Which::Newest).unwrap().run_id).unwrap();
    drop(reader);
    let mut plan: Value = serde_json::from_str(&record.run.plan).unwrap();
    change(&mut plan);
    let earlier = NewRun {
        run_id: RunId::new("earlier").unwrap(),
        plan: plan.to_string(),
        engine_version: "0.0.9".to_owned(),
        created_wall_ms: record.run.created_wall_ms + 1,
        plan_source: source.or(record.run.plan_source),
        ..record.run
    };
    Journal::open(world.root()).unwrap().create_run(&earlier).unwrap().close().unwrap();
}

#[test]
fn a_condition_that_is_refused_today_fails_its_task_and_the_stored_run_goes_on() {
    let world = World::with(
        "version: 1\ntasks: [ { id: a, run: 'true' }, { id: b, needs: [a], when: 'true', run: 'true' }, \
         { id: c, run: 'true' } ]\n",
    );
    stored(&world, |plan| plan["tasks"][1]["when"] = DEEP.into());
    std::fs::remove_file(world.path("plan.yaml")).unwrap();
    for look in [&["status", "earlier"][..], &["explain", "--run", "earlier", "b"], &["gc"]] {
        world.regatta(look).exits(0);
    }
    let summary = world.regatta(&["resume", "earlier", "--json"]).exits(1).json();
    assert_eq!([status(&summary, "a"), status(&summary, "c")], ["succeeded", "succeeded"]);
    assert_eq!(status(&summary, "b"), "failed");
    let why = world.regatta(&["explain", "--run", "earlier", "b"]).exits(0).out;
    assert!(why.contains("its macros are nested more than 3 deep"), "{why}");
}

#[test]
fn an_expression_of_a_gate_that_is_refused_today_fails_that_gate_and_the_stored_run_goes_on() {
    let world = World::with(
        "version: 1\ngates: { g: { expr: 'true' } }\n\
         tasks: [ { id: a, run: 'true' }, { id: g, needs: [a], gate: g } ]\n",
    );
    stored(&world, |plan| plan["tasks"][1]["gate"]["expr"] = DEEP.into());
    std::fs::remove_file(world.path("plan.yaml")).unwrap();
    let summary = world.regatta(&["resume", "earlier", "--json"]).exits(1).json();
    assert_eq!([status(&summary, "a"), status(&summary, "g")], ["succeeded", "failed"]);
    let why = world.regatta(&["explain", "--run", "earlier", "g"]).exits(0).out;
    assert!(why.contains("nested more than 3 deep"), "{why}");
}

#[test]
fn a_plan_file_that_did_not_change_never_stands_in_the_way_of_its_stored_run() {
    // This version finds an error in the file that the one that stored the run did not know.
    let text = format!("version: 1\ntasks: [ {{ id: a, when: \"{DEEP}\", run: 'true' }} ]\n");
    let world = World::with("version: 1\ntasks: [ { id: a, when: 'true', run: 'true' } ]\n");
    stored_with(&world, &text);
    world.write("plan.yaml", &text);
    world.regatta(&["check", "plan.yaml"]).exits(3);
    let said = world.regatta(&["resume", "earlier"]).exits(0);
    assert!(!said.err.contains("has changed"), "{}", said.err);
}

#[test]
fn a_plan_file_that_changed_and_has_errors_is_told_with_its_first_error() {
    let world = World::with("version: 1\ntasks: [ { id: a, run: 'true' } ]\n");
    stored(&world, |_| {});
    world.write("plan.yaml", "version: 1\ntasks: [ { id: '', run: 'true' } ]\n");
    let said = world.regatta(&["resume", "earlier"]).exits(3);
    assert!(said.err.contains("has changed and has errors now"), "{}", said.err);
    assert!(said.err.contains("RG009"), "{}", said.err);
    assert!(said.err.contains("hint: `regatta resume --stored`"), "{}", said.err);
    world.regatta(&["resume", "earlier", "--stored"]).exits(0);
}

#[test]
fn a_stored_plan_of_another_shape_is_told_with_the_version_that_reads_it_and_hides_no_other_run() {
    let world = World::with("version: 1\ntasks: [ { id: a, run: 'true' } ]\n");
    stored(&world, |plan| drop(plan.as_object_mut().unwrap().remove("dialect")));
    for verb in [
        &["status", "earlier"][..],
        &["resume", "earlier"],
        &["explain", "--run", "earlier"],
        &["replay", "earlier"],
    ] {
        let said = world.regatta(verb).exits(4);
        if verb[0] != "replay" {
            assert!(said.err.contains("the plan of run earlier cannot be read by regatta"), "{}", said.err);
            assert!(said.err.contains("hint: regatta 0.0.9 stored it"), "{}", said.err);
        }
    }
    assert!(world.regatta(&["ls"]).exits(0).out.contains("earlier"));
    world.regatta(&["gc"]).exits(0);
    world.regatta(&["run", "plan.yaml"]).exits(0);
}
