//! Spec 3 "Admission", 11 "Ageing": caps, counted resources, locks, passing, ageing, reservation, high-water marks.

use crate::script::Script;
use crate::world::{World, check_starts};
use regatta_engine::build::GraphError;
use regatta_engine::graph::Graph;
use regatta_engine::input::Input;
use regatta_engine::spec::{Limits, RunConfig};

#[test]
fn a_node_starts_only_when_every_cap_has_room() {
    check_starts("! max=2; a; b; c", "a@0 b@0 c@10");
    check_starts("! P1=1; a P1; b P1; c", "a@0 c@0 b@10");
    check_starts("! agent.x=1; a agent=x; b agent=x; c agent=y", "a@0 c@0 b@10");
    check_starts("! tag.db=1 tag.net=1; a tags=db,net takes=5; b tags=db; c tags=net", "a@0 b@5 c@5");
    check_starts("! has.gpu=3; a uses=gpu:2; b uses=gpu:2; c uses=gpu", "a@0 c@0 b@10");
}

#[test]
fn live_work_never_exceeds_a_cap_and_the_high_water_mark_of_every_cap_is_recorded() {
    let world = World::ran(
        "! max=5 wave=4 P0=1 P1=2 agent.x=2 tag.db=2 has.gpu=4
         a P0 agent=x tags=db uses=gpu:2; b P0 agent=x tags=db uses=gpu:3; c P1 uses=gpu:2; d P1 agent=x; e P1 tags=db
         f tags=db uses=gpu; g uses=gpu; h agent=x; i; j(a) lock=l; k(b) share=l; m(c) share=l; n(d) lock=l",
    ); // `check()` holds every cap after each turn
    insta::assert_debug_snapshot!(world.engine.state().high_water, @"
    InUse {
        total: 5,
        waves: [
            4,
            2,
        ],
        priorities: [
            1,
            2,
            3,
            0,
        ],
        agents: [
            2,
        ],
        tags: [
            2,
        ],
        resources: [
            Held {
                units: 4,
                shared: 0,
                exclusive: false,
            },
            Held {
                units: 0,
                shared: 2,
                exclusive: true,
            },
        ],
    }
    ");
}

#[test]
fn later_ready_nodes_that_fit_pass_a_head_held_back_by_a_narrower_cap() {
    check_starts("! max=2 tag.db=1; a P0 tags=db; b P0 tags=db; c P3", "a@0 c@0 b@10");
}

#[test]
fn leases_are_granted_all_at_once_or_none() {
    check_starts("a lock=x takes=5; b lock=x,y; c lock=y takes=30", "a@0 c@0 b@30");
    check_starts("a lock=l; b share=l; c share=l; d lock=l", "a@0 b@10 c@10 d@20");
    check_starts("! has.gpu=2; a uses=gpu; b lock=gpu; c uses=gpu", "a@0 c@0 b@10");
}

#[test]
fn claims_of_one_resource_are_one_claim() {
    check_starts("! has.gpu=3; a uses=gpu:1,gpu:1; b uses=gpu:2", "a@0 b@10");
    check_starts("a lock=l share=l; b share=l", "a@0 b@10");
    let (spec, ..) = crate::script::parse("! has.gpu=3; a uses=gpu:2,gpu:2");
    let found = Graph::build(spec);
    assert_eq!(found, Err(GraphError::Claim { task: "a".into(), resource: "gpu".into(), units: 4 }));
}

fn groups(plan: &str) -> u32 {
    let script = Script::new(plan);
    script.graph.groups(&script.config.limits)
}

#[test]
fn locks_that_nobody_shares_part_no_groups() {
    assert_eq!(groups("a lock=a1,b1; b lock=b2; c uses=own; d; e P0"), 2);
    assert_eq!(groups("a lock=l; b lock=l; c"), 2);
    assert_eq!(groups("a lease=l; b; c"), 2);
}

#[test]
fn a_tag_parts_groups_only_where_it_has_a_cap() {
    assert_eq!(groups("a tags=s; b tags=t; c tags=s,t; d"), 1);
    assert_eq!(groups("! tag.t=1; a tags=s; b tags=t; c tags=s,t; d"), 2);
}

#[test]
fn age_lifts_a_refused_node_one_class_every_so_many_rounds() {
    assert_eq!(RunConfig::default().ageing_rounds, 32);
    // Refused in round 1; two classes up in round 5, before the fresh P2 node.
    check_starts(
        "! max=2 tag.db=1 ageing=2; low P3 tags=db; h1 tags=db; h2(h1) tags=db; h3(h2) tags=db; h4(h3) tags=db
         h5(h4) tags=db; h6(h5) tags=db; h7(h6) tags=db; h8(h7) tags=db",
        "h1@0 h2@10 h3@20 h4@30 h5@40 low@50 h6@60 h7@70 h8@80",
    );
}

#[test]
fn a_node_that_is_refused_while_no_global_slot_is_free_does_not_age() {
    check_starts(
        "! max=1 tag.db=1 ageing=2; low P3 tags=db; h1 tags=db; h2(h1) tags=db; h3(h2) tags=db; h4(h3) tags=db
         h5(h4) tags=db; h6(h5) tags=db; h7(h6) tags=db; h8(h7) tags=db",
        "h1@0 h2@10 h3@20 h4@30 h5@40 h6@50 h7@60 h8@70 low@80",
    );
}

/// Small claims that overlap keep a large one out for ever, unless it reserves.
const STARVING: &str = "big P3 uses=gpu:2
    a1 uses=gpu; a2(a1) uses=gpu; a3(a2) uses=gpu; a4(a3) uses=gpu; a5(a4) uses=gpu; a6(a5) uses=gpu
    b1 uses=gpu takes=15; b2(b1) uses=gpu; b3(b2) uses=gpu; b4(b3) uses=gpu; b5(b4) uses=gpu; b6(b5) uses=gpu";

#[test]
fn a_node_aged_past_p0_reserves_what_it_lacks() {
    check_starts(
        &format!("! has.gpu=2 ageing=1; {STARVING}"),
        "a1@0 b1@0 a2@10 b2@15 a3@20 b3@25 big@35 a4@45 b4@45 a5@55 b5@55 a6@65 b6@65",
    );
    check_starts(
        &format!("! has.gpu=2 ageing=32; {STARVING}"),
        "a1@0 b1@0 a2@10 b2@15 a3@20 b3@25 a4@30 b4@35 a5@40 b5@45 a6@50 b6@55 big@65",
    );
}

#[test]
fn what_needs_nothing_of_the_reserved_passes_all_the_same() {
    let world = World::ran(&format!("! has.gpu=2 ageing=1; {STARVING}; w takes=28; x(w) P3"));
    assert!(world.starts().contains("x@28 big@35"), "{}", world.starts());
}

#[test]
fn caps_and_log_use_the_declared_priority() {
    let world = World::at(
        55,
        "! max=2 tag.db=1 P3=1 ageing=2; low P3 tags=db; h1 tags=db; h2(h1) tags=db; h3(h2) tags=db
        h4(h3) tags=db; h5(h4) tags=db; h6(h5) tags=db",
    );
    assert_eq!(world.state("low"), "running"); // lifted to P1
    assert_eq!(world.engine.state().used.priorities, [0, 0, 0, 1]);
    assert!(world.canonical().contains(r#""node_id":"low","priority":"P3""#));
}

#[test]
fn limits_changed_takes_force_at_the_next_turn_and_ends_nothing() {
    let mut world = World::at(5, "a takes=20; b takes=30; c; d; e");
    let limits = |max_parallel| Input::LimitsChanged {
        limits: Box::new(Limits { max_parallel, ..Limits::default() }),
    };
    world.send(limits(1));
    assert_eq!(world.starts(), "a@0 b@0 c@0 d@0");
    world.until(25);
    assert_eq!(world.starts(), "a@0 b@0 c@0 d@0"); // b is still alive
    world.send(limits(2));
    assert_eq!(world.starts(), "a@0 b@0 c@0 d@0 e@25");
    world.run();
    assert_eq!(world.result(), "a succeeded, b succeeded, c succeeded, d succeeded, e succeeded; succeeded");
}

#[test]
fn limits_changed_keeps_ages_and_finds_every_ready_node_again() {
    let mut world = World::at(
        25,
        "! max=2 tag.db=1 ageing=2; low P3 tags=db; h1 tags=db; h2(h1) tags=db; h3(h2) tags=db; h4(h3) tags=db
         h5(h4) tags=db; h6(h5) tags=db; h7(h6) tags=db",
    );
    let mut limits = world.engine.state().limits.clone();
    limits.per_wave = Some(7);
    world.send(Input::LimitsChanged { limits: Box::new(limits) });
    world.run();
    assert_eq!(world.starts(), "h1@0 h2@10 h3@20 h4@30 h5@40 low@50 h6@60 h7@70");
}
