//! Spec 3 "Schedule": what is started when under each schedule, and in which order.

use crate::world::{World, check, check_starts};

#[test]
fn dataflow_releases_a_node_when_its_own_predecessors_have_ended_well() {
    check_starts("a takes=5; slow takes=50; b(a) takes=5; c(slow)", "a@0 slow@0 b@5 c@50");
}

#[test]
fn waves_start_nothing_of_the_next_wave_before_the_wave_has_ended() {
    check_starts("! waves; a takes=5; slow takes=50; b(a) takes=5; c(slow)", "a@0 slow@0 b@50 c@50");
    check_starts("! waves; a retry=2 backoff=50 does=fail,ok; b; c(b)", "a@0 b@0 a@60 c@70");
}

#[test]
fn sequential_is_one_at_a_time_in_order_key() {
    check_starts("! sequential; a takes=5; slow takes=50; b(a); c(slow)", "a@0 slow@5 b@55 c@65");
    check_starts("! sequential; b; a; Z; é; c P0; d(b)", "c@0 Z@10 a@20 b@30 é@40 d@50");
}

#[test]
fn sequential_stays_with_its_node_until_it_is_terminal() {
    check_starts("! sequential; a retry=2 backoff=50 does=fail,ok; b", "a@0 a@60 b@70");
}

#[test]
fn sequential_passes_over_nodes_in_doubt() {
    check("! sequential; a does=lost; b; c(a)", "a in_doubt, b succeeded, c pending; paused (waiting)");
}

#[test]
fn admission_goes_by_priority_then_longest_remaining_path_then_order_key() {
    check_starts("! max=1; x est=5; long est=50; p P1 est=1; also est=5", "p@0 long@10 also@20 x@30");
    check_starts("! max=1; z; a; m(z) takes=1; n(m)", "z@0 m@10 a@11 n@21");
}

#[test]
fn within_a_wave_admission_goes_in_order_key_whatever_the_paths() {
    check_starts("! waves max=1; a est=1; b est=90; c P1 est=1", "c@0 a@10 b@20");
}

#[test]
fn wave_delay_is_a_pause_between_waves() {
    check_starts("! waves delay=100; a; b(a); c(b)", "a@0 b@110 c@220");
    check_starts("! delay=100; a; b(a)", "a@0 b@10"); // waves only
}

#[test]
fn per_wave_counts_live_nodes_of_one_wave_in_every_schedule() {
    check_starts("! wave=1; a takes=5; b; c(a) takes=20; d(a)", "a@0 b@5 c@5 d@25");
    check_starts("! waves wave=1; a takes=5; b; c(a) takes=20; d(a)", "a@0 b@5 c@15 d@35");
}

#[test]
fn an_aged_node_of_the_next_wave_does_not_hold_back_the_wave_before_it() {
    check_starts(
        "! waves max=2 tag.db=1 ageing=1; a tags=db takes=20 retry=2 backoff=5 does=fail,ok; b tags=db
         o takes=1; p takes=1; q takes=1; s takes=1; n(q) tags=db",
        "a@0 o@0 p@1 q@2 s@3 b@20 a@30 n@50",
    );
}

#[test]
fn an_empty_plan_is_valid_zero_waves_success() {
    for schedule in ["! max=1", "! waves", "! sequential"] {
        let world = World::ran(schedule);
        assert_eq!(world.result(), "; succeeded");
        assert_eq!(world.script.graph.waves(), 0);
        insta::allow_duplicates! { insta::assert_snapshot!(world.canonical(), @r#"
    {"key":"0.0.0.0","kind":"run_started","schedule_plan_hash":"56155eafa978da9b7eccdd6c5f6dc39ba778de9a6ead2fd123febf5352dde8fb","seq":1}
    {"key":"0.0.2.0","kind":"run_ended","seq":2,"status":"succeeded"}
    "#) };
    }
}

#[test]
fn wave_started_and_wave_ended_come_exactly_once_in_every_schedule() {
    let plan = "a; slow takes=50; b(a); c(b) does=fail; d(c); e(slow) when=false; f(e)";
    for schedule in ["! max=4", "! waves", "! sequential", "! stop", "! rollback"] {
        let world = World::ran(&format!("{schedule}; {plan}"));
        let mut seen: Vec<String> = world
            .only(&["wave_started", "wave_ended"])
            .lines()
            .map(|l| l.split_once(' ').unwrap().1.into())
            .collect();
        seen.sort_unstable();
        let expect: Vec<String> =
            ["ended", "started"].iter().flat_map(|e| (0..4).map(move |w| format!("wave_{e} {w}"))).collect();
        assert_eq!(seen, expect, "{schedule}");
    }
}

#[test]
fn an_estimate_of_0_is_a_milestone() {
    check_starts("! max=1; a takes=0 est=0; b(a) takes=0 est=0; c(b)", "a@0 b@0 c@0");
}
