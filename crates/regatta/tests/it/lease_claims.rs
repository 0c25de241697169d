//! Spec 4 "Leases": what a running attempt claims by itself, beside what its task declares.

use crate::lease_world::{REGATTA, held, holder, log, open, rows, taker, until, waiting};
use crate::world::{World, ends};
use std::process::Child;

/// A workspace in which run `h` holds `one` until `gate` is opened.
fn one_is_held() -> (World, Child) {
    let world = World::new();
    ["h.up", "gate"].iter().for_each(|name| world.fifo(name));
    holder(&world, "h", "one", "gate");
    let child = world.start(&["run", "h.yaml"]);
    assert_eq!(world.hear("h.up"), "up");
    (world, child)
}

#[test]
fn what_a_task_declares_stays_with_it_whatever_its_attempt_claims_and_gives_back() {
    let world = World::new();
    ["a.up", "gate"].iter().for_each(|name| world.fifo(name));
    world.write(
        "a.yaml",
        &format!(
            "version: 1\ntasks:\n  - id: a\n    locks: [db]\n    run: |\n      {REGATTA} lock acquire --shared db >/dev/null\n      \
             {REGATTA} locks >while\n      {REGATTA} lock release >/dev/null\n      echo a+ >>log; echo up >a.up; cat <gate >/dev/null; echo a- >>log\n"
        ),
    );
    let mut first = world.start(&["run", "a.yaml"]);
    assert_eq!(world.hear("a.up"), "up");
    assert!(world.read("while").starts_with("db  exclusive  held by a"), "{}", world.read("while"));
    taker(&world, "b", "{ resource: db, mode: shared }");
    let mut second = waiting(&world, "b.yaml");
    open(&world.path("gate"));
    assert_eq!((ends(&mut first), ends(&mut second)), (Some(0), Some(0)));
    assert_eq!(log(&world), "a+ a- b+ b-");
    assert!(rows(&world).is_empty());
}

#[test]
fn units_are_claimed_up_to_what_the_settings_say_and_only_of_what_is_counted() {
    let claims = [
        ("--units 9 gpu", 2, "`gpu` has 3 units"),
        ("gpu", 2, "`gpu` is counted"),
        ("--shared gpu", 2, "`gpu` is counted"),
        ("--units 1 db", 2, "`db` is not counted"),
        ("--units 0 gpu", 2, "0"),
        ("cpu", 2, "`cpu` is a resource of the plan"),
        ("--units 3 gpu", 0, ""),
        ("--units 1 gpu", 1, "the task itself has 3 of the 3 units of `gpu`"),
    ];
    let script: String = claims
        .iter()
        .enumerate()
        .map(|(n, (words, ..))| format!("      {REGATTA} lock acquire {words} 2>err.{n}; echo $? >>codes\n"))
        .collect();
    let world = World::with(&format!(
        "version: 1\nresources: {{ cpu: 2 }}\ntasks:\n  - id: a\n    run: |\n{script}      {REGATTA} locks >held\n"
    ));
    world.write(".regatta/config.toml", "[leases]\ngpu = 3\n");
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let codes: Vec<i32> = world.read("codes").lines().map(|line| line.parse().unwrap()).collect();
    for (n, (words, code, said)) in claims.iter().enumerate() {
        let err = world.read(&format!("err.{n}"));
        assert_eq!(codes.get(n), Some(code), "{words}: {err}");
        assert!(err.contains(said), "{words}: {err}");
    }
    let held = world.read("held");
    assert!(held.starts_with("gpu  3 of 3  held by a") && held.lines().count() == 1, "{held}");
}

#[test]
fn each_claim_of_an_attempt_has_a_place_in_the_line_of_its_own() {
    let (world, mut first) = one_is_held();
    ["i.up", "gate2", "one.up", "two.up"].iter().for_each(|name| world.fifo(name));
    holder(&world, "i", "two", "gate2");
    let mut second = world.start(&["run", "i.yaml"]);
    assert_eq!(world.hear("i.up"), "up");
    world.write(
        "a.yaml",
        &format!(
            "version: 1\ntasks:\n  - id: a\n    run: |\n      ({REGATTA} lock acquire one && echo one >one.up) &\n      \
             ({REGATTA} lock acquire two && echo two >two.up) &\n      wait\n"
        ),
    );
    let mut both = world.start(&["run", "a.yaml"]);
    let wanted = |name: &str| rows(&world).contains(&format!("{name} waiting by a"));
    until("both stand in the line", || wanted("one") && wanted("two"));
    // Somebody who asks later does not pass.
    taker(&world, "b", "two");
    let mut later = waiting(&world, "b.yaml");
    open(&world.path("gate2"));
    assert_eq!(world.hear("two.up"), "two");
    assert!(wanted("one"), "what is granted leaves the other claim where it stands");
    open(&world.path("gate"));
    assert_eq!(world.hear("one.up"), "one");
    for run in [&mut first, &mut second, &mut both, &mut later] {
        assert_eq!(ends(run), Some(0));
    }
}

#[test]
fn who_asked_and_went_away_leaves_the_line() {
    let (world, mut first) = one_is_held();
    ["go", "a.up", "gate2"].iter().for_each(|name| world.fifo(name));
    world.write(
        "a.yaml",
        &format!(
            "version: 1\ntasks:\n  - id: a\n    run: |\n      {REGATTA} lock acquire one & asked=$!\n      cat <go\n      \
             kill $asked; wait $asked; echo up >a.up; cat <gate2\n"
        ),
    );
    let mut patient = world.start(&["run", "a.yaml"]);
    until("`a` waits", || rows(&world).contains(&"one waiting by a".to_owned()));
    open(&world.path("go"));
    assert_eq!(world.hear("a.up"), "up");
    until("`a` waits no more", || rows(&world) == ["one held by h"]);
    taker(&world, "b", "one");
    let mut second = waiting(&world, "b.yaml");
    open(&world.path("gate"));
    assert_eq!((ends(&mut first), ends(&mut second)), (Some(0), Some(0)));
    open(&world.path("gate2"));
    assert_eq!(ends(&mut patient), Some(0));
}

#[test]
fn a_lease_goes_back_if_who_asked_for_it_dies_before_it_hears_so() {
    let (world, mut first) = one_is_held();
    ["asked", "go", "a.up", "gate2"].iter().for_each(|name| world.fifo(name));
    world.write(
        "a.yaml",
        &format!(
            "version: 1\ntasks:\n  - id: a\n    run: |\n      {REGATTA} lock acquire one & asked=$!\n      cat <asked\n      \
             kill -STOP $asked; echo up >a.up; cat <go\n      kill -KILL $asked; wait $asked; cat <gate2\n"
        ),
    );
    let mut patient = world.start(&["run", "a.yaml"]);
    until("`a` waits", || rows(&world).contains(&"one waiting by a".to_owned()));
    open(&world.path("asked"));
    assert_eq!(world.hear("a.up"), "up");
    open(&world.path("gate"));
    assert_eq!(ends(&mut first), Some(0));
    until("`a` has it", || rows(&world) == ["one held by a"]);
    open(&world.path("go"));
    until("`a` has it no more", || rows(&world).is_empty());
    open(&world.path("gate2"));
    assert_eq!(ends(&mut patient), Some(0));
    let kinds = world.kinds();
    assert!(
        kinds.contains(&"lease_taken".to_owned()) && kinds.contains(&"lease_dropped".to_owned()),
        "{kinds:?}"
    );
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn a_shared_lease_becomes_exclusive_when_the_others_have_gone() {
    let (world, mut first) = held("{ resource: db, mode: shared }");
    ["u.up", "gate2"].iter().for_each(|name| world.fifo(name));
    world.write(
        "u.yaml",
        &format!(
            "version: 1\ntasks:\n  - id: u\n    locks: [{{ resource: db, mode: shared }}]\n    run: |\n      {REGATTA} lock acquire db >/dev/null\n      \
             echo up >u.up; cat <gate2; {REGATTA} lock release db; echo u- >>log; {REGATTA} locks >left\n"
        ),
    );
    let mut second = world.start(&["run", "u.yaml"]);
    until("`u` waits for the other to go", || rows(&world).contains(&"db waiting by u".to_owned()));
    open(&world.path("gate"));
    assert_eq!(world.hear("u.up"), "up");
    taker(&world, "b", "{ resource: db, mode: shared }");
    let mut third = waiting(&world, "b.yaml");
    open(&world.path("gate2"));
    for run in [&mut first, &mut second, &mut third] {
        assert_eq!(ends(run), Some(0));
    }
    assert!(world.read("left").contains("db  shared  held by u"), "{}", world.read("left"));
}
