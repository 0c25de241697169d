//! Spec 3 "Admission": `explain` names the reason for every way to wait, one snapshot each.

use crate::world::World;
use regatta_engine::explain::Why;
use regatta_engine::input::Input;
use regatta_engine::report::Report;

/// The sentence for node `x` of `plan` at `at`.
#[track_caller]
fn check(at: u64, plan: &str, expect: &str) {
    assert_eq!(World::at(at, plan).why("x"), expect, "plan: {plan}");
}

#[test]
fn explain_has_a_sentence_for_every_reason() {
    check(5, "a; b; x(a,b)", "waits for `a`, `b`");
    check(15, "a retry=2 does=fail; x(a)", "waits for `a`");
    check(2500, "x takes=9999", "attempt 1 runs since 0.000 s");
    check(25, "x does=hang timeout=20 dies=50", "attempt 1 is being ended (timeout)");
    check(15, "x retry=3 backoff=2000 does=fail", "backs off before attempt 2 until 2.010 s");
    check(5, "! max=1; a P0; x", "held back by limits.max_parallel, in use by `a`");
    check(5, "! wave=1; a P0; x", "held back by limits.per_wave (wave 1), in use by `a`");
    check(5, "! P1=1; a P1; x P1", "held back by limits.per_priority.P1, in use by `a`");
    check(
        5,
        "! agent.codex=1; a agent=codex; x agent=codex",
        "held back by limits.per_agent.codex, in use by `a`",
    );
    check(5, "! tag.db=1; a tags=db; x tags=db", "held back by limits.per_tag.db, in use by `a`");
    check(
        5,
        "! has.gpu=4; a uses=gpu:2; b uses=gpu; x uses=gpu:2",
        "held back by resource `gpu`, in use by `a`, `b`",
    );
    check(5, "a lock=dev-db; x share=dev-db", "held back by lock `dev-db`, in use by `a`");
    check(15, "! waves; a; b takes=50; x(a)", "waits for the end of wave 1");
    check(15, "! waves delay=50; a; x(a)", "the pause after wave 1 lasts until 0.060 s");
    check(5, "! sequential; a; x", "`a` has the turn (schedule: sequential)");
    check(
        15,
        "x does=lost",
        "in doubt: an attempt was lost and may have had its effect; a person must answer",
    );
    check(10, "x reconcile does=lost", "its `reconcile` command is being asked");
    check(15, "x collects", "its work is committed and waits for landing");
    check(15, "x", "succeeded");
    check(15, "x does=fail", "failed (exit)");
    check(15, "a does=fail; x(a)", "blocked because of `a`");
    check(15, "a when=false; x(a)", "skipped because of `a`");
}

#[test]
fn explain_says_for_whom_a_resource_is_reserved() {
    let mut world = World::at(
        25,
        "! has.gpu=2 ageing=1; big P3 uses=gpu:2
         a1 uses=gpu; a2(a1) uses=gpu; a3(a2) uses=gpu; b1 uses=gpu takes=15; b2(b1) uses=gpu; b3(b2) uses=gpu takes=20
         a4(a3) uses=gpu",
    );
    world.until(35);
    assert_eq!(world.why("a4"), "resource `gpu` is reserved for `big`, which waited longer");
}

#[test]
fn explain_says_what_holds_the_whole_run() {
    let world = World::new("x");
    assert_eq!(world.why("x"), "the run has not begun");
    let mut world = World::at(5, "! max=1; a; x");
    world.send(Input::Pause);
    assert_eq!(world.why("x"), "the run is paused (user)");
    let world = World::at(15, "! stop; a does=fail; b takes=50; x(b)");
    assert_eq!(world.why("x"), "waits for `b`");
}

#[test]
fn explain_counts_who_stands_before() {
    let mut world = World::at(5, "! max=2; a P0 takes=50; b P0 takes=50; c; d P1; e P1; x");
    let mut limits = world.engine.state().limits.clone();
    limits.max_parallel = 9;
    let input = Input::LimitsChanged { limits: Box::new(limits) };
    let _step = world.engine.step(regatta_engine::ids::Timestamp(5), input); // before the turn settles
    assert_eq!(world.why("x"), "3 ready tasks stand before it");
    assert_eq!(world.why("d"), "is next to start");
}

#[test]
fn explain_says_that_a_condition_is_open_between_question_and_answer() {
    let world = World::at(5, "a; x(a) when=true");
    let attempt = world.attempt("a");
    let mut engine = world.engine.clone();
    let ended = regatta_engine::input::Ended {
        attempt,
        verdict: regatta_engine::input::Verdict::Succeeded,
        report: Report::default(),
    };
    let step = engine.step(regatta_engine::ids::Timestamp(10), Input::AttemptEnded(ended));
    assert!(step.effects[0].is_query());
    assert_eq!(engine.explain(world.node("x")), Why::Condition);
    assert_eq!(Why::Condition.sentence(&world.script.graph), "its `when` condition is being evaluated");
}

#[test]
fn explain_names_at_most_eight() {
    check(
        5,
        "a; b; c; d; e; f; g; h; i; j; x(a,b,c,d,e,f,g,h,i,j)",
        "waits for `a`, `b`, `c`, `d`, `e`, `f`, `g`, `h` and 2 more",
    );
}
