//! Spec 4 "Leases", 11 "Leases": the rules of the table, and that it survives the death of a process.

use crate::world::World;
use regatta_journal::{Claim, Claimant, Claimed, Grant, LeaseKind, LeaseWant, Leases, Refusal};

fn open(world: &World) -> Leases {
    drop(world.create("r0"));
    Leases::open(world.path(), (1_000, "boot-1")).unwrap()
}

fn fresh() -> (World, Leases) {
    let world = World::new();
    let leases = open(&world);
    (world, leases)
}

fn who(name: &str) -> Claimant {
    Claimant { run: "r".into(), task: name.into() }
}

/// `db`, `db:s` shared, `db:2` units of 3.
fn wants(text: &str) -> Vec<LeaseWant> {
    let want = |word: &str| {
        let (name, how) = word.split_once(':').unwrap_or((word, ""));
        let kind = match how {
            "" => LeaseKind::Exclusive,
            "s" => LeaseKind::Shared,
            units => LeaseKind::Units { units: units.parse().unwrap(), capacity: 3 },
        };
        LeaseWant { name: name.into(), kind }
    };
    text.split(' ').map(want).collect()
}

fn claim(name: &str, text: &str, (priority, by_attempt): (&str, bool)) -> Claim {
    let (who, wants, priority) = (who(name), wants(text), priority.to_owned());
    Claim { who, wants, priority, by_attempt, ticket: None, wall_ms: 5 }
}

fn ask(leases: &Leases, name: &str, text: &str, how: (&str, bool)) -> Claimed {
    leases.claim(&claim(name, text, how)).unwrap().0
}

/// The claim of a running attempt that has waited so far is tried again.
fn again(leases: &Leases, name: &str, text: &str, before: &Claimed) -> Claimed {
    let Claimed::Waits { ticket, .. } = before else { panic!("{before:?}") };
    leases.claim(&Claim { ticket: Some(*ticket), ..claim(name, text, ("P2", true)) }).unwrap().0
}

/// A task that is to start claims.
fn got(leases: &Leases, name: &str, text: &str) -> bool {
    matches!(ask(leases, name, text, ("P2", false)), Claimed::Granted(_))
}

#[test]
fn who_goes_with_whom() {
    let cases = [
        ("db", "db", false),
        ("db:s", "db:s", true),
        ("db:s", "db", false),
        ("db", "db:s", false),
        ("gpu:1", "gpu:2", true),
        ("gpu:2", "gpu:2", false),
        ("gpu:1", "gpu", false),
        ("a b", "c d", true),
        ("a b", "b c", false),
    ];
    for (first, second, together) in cases {
        let (_world, leases) = fresh();
        assert!(got(&leases, "a", first));
        assert_eq!(got(&leases, "b", second), together, "{first} then {second}");
    }
}

#[test]
fn all_or_nothing_and_in_the_order_of_the_line() {
    let (_world, leases) = fresh();
    assert!(got(&leases, "a", "x"));
    assert!(!got(&leases, "b", "w x"), "`x` is taken, so `w` is not taken either");
    assert!(!got(&leases, "c", "w"), "`b` asked for `w` before");
    assert_eq!(leases.end_attempt(&who("a"), false).unwrap(), ["r"], "the run of `b` waits for `x`");
    assert!(!got(&leases, "c", "w"), "its turn has not come");
    assert!(got(&leases, "b", "w x"));
    leases.end_attempt(&who("b"), false).unwrap();
    assert!(got(&leases, "c", "w"));
}

#[test]
fn shared_claims_do_not_pass_an_exclusive_one_that_waits() {
    let (_world, leases) = fresh();
    assert!(got(&leases, "a", "db:s"));
    assert!(!got(&leases, "b", "db"));
    assert!(!got(&leases, "c", "db:s"));
}

#[test]
fn epochs_grow_also_after_a_start_of_the_machine_which_frees_everything() {
    let world = World::new();
    let leases = open(&world);
    let Claimed::Granted(Grant { epoch: first, .. }) = ask(&leases, "a", "db", ("P2", false)) else {
        panic!()
    };
    drop(leases);
    let leases = Leases::open(world.path(), (10, "boot-1")).unwrap();
    assert_eq!(leases.all().unwrap().len(), 1, "it survives its process");
    drop(leases);
    let leases = Leases::open(world.path(), (10, "boot-2")).unwrap();
    assert!(leases.all().unwrap().is_empty());
    let Claimed::Granted(Grant { epoch: second, .. }) = ask(&leases, "b", "db", ("P2", false)) else {
        panic!()
    };
    assert!(second > first && first > 1_000);
}

#[test]
fn a_circle_is_broken_by_the_lowest_priority_then_the_highest_key() {
    for (a, b, refused) in [("P1", "P3", "b"), ("P3", "P1", "a"), ("P2", "P2", "b")] {
        let (_world, leases) = fresh();
        let (a, b) = ((a, true), (b, true));
        assert!(matches!(ask(&leases, "a", "one", a), Claimed::Granted(_)));
        assert!(matches!(ask(&leases, "b", "two", b), Claimed::Granted(_)));
        let first = ask(&leases, "a", "two", a);
        let last = ask(&leases, "b", "one", b);
        let first = again(&leases, "a", "two", &first);
        let (denied, waits) = if refused == "b" { (last, first) } else { (first, last) };
        let Claimed::Refused(Refusal::Endless(circle)) = denied else { panic!("{denied:?}") };
        assert!(circle.contains("`a` of run r waits for `b` of run r"), "{circle}");
        assert!(matches!(waits, Claimed::Waits { .. }), "{waits:?}");
    }
}

#[test]
fn what_has_not_started_gives_up_its_place_before_anybody_is_refused() {
    let (_world, leases) = fresh();
    let running = ("P2", true);
    assert!(matches!(ask(&leases, "a", "one", running), Claimed::Granted(_)));
    assert!(!got(&leases, "t", "one two"), "it waits for `one`, and asked for `two` before `a`");
    let waits = ask(&leases, "a", "two", running);
    assert!(matches!(again(&leases, "a", "two", &waits), Claimed::Granted(_)));
}

#[test]
fn each_claim_of_an_attempt_stands_in_the_line_by_itself() {
    let (_world, leases) = fresh();
    let running = ("P2", true);
    assert!(got(&leases, "h", "one") && got(&leases, "i", "two"));
    let one = ask(&leases, "a", "one", running);
    let two = ask(&leases, "a", "two", running);
    assert!(!got(&leases, "b", "two"), "`a` asked before");
    leases.end_attempt(&who("i"), false).unwrap();
    assert!(!got(&leases, "b", "two"), "its turn has not come");
    assert!(matches!(again(&leases, "a", "two", &two), Claimed::Granted(_)), "although it waits for `one`");
    let one = again(&leases, "a", "one", &one);
    leases.end_attempt(&who("h"), false).unwrap();
    assert!(!got(&leases, "c", "one"), "the other claim was not forgotten when one was granted");
    assert!(matches!(again(&leases, "a", "one", &one), Claimed::Granted(_)));
}

#[test]
fn a_later_claim_of_an_attempt_that_waits_passes_nobody() {
    let (_world, leases) = fresh();
    let running = ("P2", true);
    assert!(got(&leases, "h", "one") && got(&leases, "i", "two"));
    ask(&leases, "a", "one", running);
    assert!(!got(&leases, "b", "two"));
    let two = ask(&leases, "a", "two", running);
    leases.end_attempt(&who("i"), false).unwrap();
    assert!(matches!(again(&leases, "a", "two", &two), Claimed::Waits { .. }), "`b` asked before");
    assert!(got(&leases, "b", "two"));
}

#[test]
fn a_refusal_that_nobody_heard_is_not_that_of_the_next_claim() {
    let (world, leases) = fresh();
    let (low, high) = (("P3", true), ("P1", true));
    assert!(got(&leases, "b", "x"));
    assert!(matches!(ask(&leases, "a", "one", high), Claimed::Granted(_)));
    assert!(matches!(ask(&leases, "b", "two", low), Claimed::Granted(_)));
    ask(&leases, "b", "one", low);
    ask(&leases, "a", "two", high);
    // `b` is refused, and its attempt ends before it has heard so.
    leases.end_attempt(&who("b"), false).unwrap();
    assert!(got(&leases, "b", "x"), "the next attempt has asked for nothing of the kind");
    let file = rusqlite::Connection::open(world.home().join("leases.db")).unwrap();
    let left: u32 = file.query_row("SELECT count(*) FROM denied", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0, "nobody will ever ask for it");
}

#[test]
fn who_waits_for_units_is_refused_only_if_nobody_could_give_enough_back() {
    let running = ("P2", true);
    for others_wait in [false, true] {
        let (_world, leases) = fresh();
        for (name, text) in [("h", "gpu:1"), ("a", "gpu:1"), ("b", "gpu:1"), ("b", "x")] {
            assert!(matches!(ask(&leases, name, text, running), Claimed::Granted(_)));
        }
        assert!(matches!(ask(&leases, "a", "x", running), Claimed::Waits { .. }));
        if others_wait {
            assert!(matches!(ask(&leases, "h", "x", running), Claimed::Waits { .. }));
        }
        // `a` waits for `b`, which wants a unit; `h` may give one back, unless it waits for `b` too.
        let more = ask(&leases, "b", "gpu:1", running);
        let refused = matches!(more, Claimed::Refused(Refusal::Endless(_)));
        assert_eq!(refused, others_wait, "{more:?}");
    }
}

/// A task that lives at random.
#[derive(Clone, Debug, Default)]
enum Life {
    #[default]
    Idle,
    Wants(&'static str),
    Runs(Option<(&'static str, Claimed)>),
}

/// One moment of it; `ending` it wants nothing new.
fn moment(leases: &Leases, name: &str, life: Life, (dice, ending): (u64, bool)) -> Life {
    let (declared, own) =
        (["x", "x y", "x:s", "g:2", "y g:1", "g:1"], ["x", "y", "y:s", "x y", "g:1", "g:2", "g:3"]);
    let pick = |of: &[&'static str]| of[(dice / 16) as usize % of.len()];
    match life {
        Life::Idle if ending => Life::Idle,
        Life::Idle => Life::Wants(pick(&declared)),
        Life::Wants(text) if got(leases, name, text) => Life::Runs(None),
        Life::Wants(text) => Life::Wants(text),
        Life::Runs(Some((text, waits @ Claimed::Waits { .. }))) => {
            Life::Runs(Some((text, again(leases, name, text, &waits))))
        }
        Life::Runs(_) if ending || dice % 4 == 0 => {
            leases.end_attempt(&who(name), false).unwrap();
            Life::Idle
        }
        Life::Runs(_) if dice % 4 == 1 => {
            leases.give_back(&who(name), &[]).unwrap();
            Life::Runs(None)
        }
        Life::Runs(_) => {
            let (text, priority) = (pick(&own), ["P1", "P2"][(dice / 4) as usize % 2]);
            Life::Runs(Some((text, ask(leases, name, text, (priority, true)))))
        }
    }
}

/// No name is held by those that do not go together.
fn check(leases: &Leases) {
    let held: Vec<_> = leases.all().unwrap().into_iter().filter(|row| row.epoch.is_some()).collect();
    for a in &held {
        let of_name = held.iter().filter(|b| b.want.name == a.want.name);
        let units: u32 = of_name
            .clone()
            .map(|b| if let LeaseKind::Units { units, .. } = b.want.kind { units } else { 0 })
            .sum();
        assert!(units <= 3, "{held:?}");
        let alone = a.want.kind != LeaseKind::Exclusive || of_name.clone().all(|b| b.who == a.who);
        assert!(alone, "{held:?}");
    }
}

#[test]
fn whatever_is_claimed_by_chance_nobody_overlaps_and_everybody_comes_to_an_end() {
    let mut circles = 0;
    for seed in 1..=40_u64 {
        let (_world, leases) = fresh();
        let (mut dice, mut lives) = (seed, vec![Life::Idle; 6]);
        for step in 0..400 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let n = (dice >> 33) as usize % lives.len();
            let life = std::mem::take(&mut lives[n]);
            lives[n] = moment(&leases, &format!("t{n}"), life, (dice >> 40, step > 200));
            circles += u32::from(matches!(lives[n], Life::Runs(Some((_, Claimed::Refused(_))))));
            check(&leases);
        }
        // Whoever waits now waits for somebody who goes on.
        for _ in 0..20 {
            for (n, life) in lives.iter_mut().enumerate() {
                *life = moment(&leases, &format!("t{n}"), std::mem::take(life), (0, true));
            }
        }
        assert!(lives.iter().all(|life| matches!(life, Life::Idle)), "seed {seed}: {lives:?}");
        assert!(leases.all().unwrap().is_empty());
    }
    assert!(circles > 40, "chance should have made circles: {circles}");
}

#[test]
fn the_next_attempt_keeps_its_grant_and_its_place_when_the_one_before_has_ended() {
    let (_world, leases) = fresh();
    let running = ("P2", true);
    assert!(got(&leases, "a", "x"));
    assert!(matches!(ask(&leases, "a", "own", running), Claimed::Granted(_)));
    assert!(got(&leases, "a", "x"), "granted anew before the end of the attempt before is done with");
    leases.end_attempt(&who("a"), true).unwrap();
    let held: Vec<String> = leases.all().unwrap().into_iter().map(|row| row.want.name).collect();
    assert_eq!(held, ["x"], "what the attempt took by itself went with it");
    // Somebody asked meanwhile: what the dead attempt held is free for it, and the next attempt stands behind it.
    assert!(!got(&leases, "b", "x") && !got(&leases, "a", "x"));
    leases.end_attempt(&who("a"), false).unwrap();
    assert!(got(&leases, "b", "x") && !got(&leases, "a", "x"));
    leases.end_attempt(&who("b"), false).unwrap();
    assert!(got(&leases, "a", "x"));
}

#[test]
fn what_a_task_declares_is_never_touched_by_what_its_attempt_claims() {
    let running = ("P2", true);
    for (declared, own, left) in [
        ("db", "db:s", "db"),
        ("db", "db", "db"),
        ("db:s", "db", "db:s"),
        ("db:s", "db:s", "db:s"),
        ("gpu:1", "gpu:2", "gpu:1"),
    ] {
        let (_world, leases) = fresh();
        assert!(got(&leases, "a", declared));
        assert!(matches!(ask(&leases, "a", own, running), Claimed::Granted(_)), "{own}");
        let other = if declared.starts_with("gpu") { "gpu:1" } else { "db:s" };
        let weak = (declared, own) == ("db:s", "db:s");
        assert_eq!(got(&leases, "b", other), weak, "{declared} and {own} beside {other}: units are added");
        let (gone, _) = leases.give_back(&who("a"), &[]).unwrap();
        let weaker = declared == "db" || weak;
        assert_eq!(gone, if weaker { vec![] } else { wants(own) }, "what it did not have before");
        leases.withdraw(&who("b")).unwrap();
        let held: Vec<LeaseWant> = leases.all().unwrap().into_iter().map(|row| row.want).collect();
        assert_eq!(held, wants(left), "{declared}, then {own} given back");
    }
}

#[test]
fn who_has_a_lease_and_asks_again_has_it_whoever_stands_in_the_line() {
    let running = ("P2", true);
    for declared in [false, true] {
        let (_world, leases) = fresh();
        assert!(matches!(ask(&leases, "a", "db", ("P2", !declared)), Claimed::Granted(_)));
        assert!(matches!(ask(&leases, "b", "db", running), Claimed::Waits { .. }));
        let same = ask(&leases, "a", "db", running);
        assert!(matches!(&same, Claimed::Granted(grant) if grant.got.is_empty()), "{same:?}");
    }
}

#[test]
fn no_more_units_are_granted_than_there_are_whoever_holds_none_yet() {
    for by_attempt in [false, true] {
        let (_world, leases) = fresh();
        let Claimed::Refused(Refusal::Unfit(why)) = ask(&leases, "a", "gpu:9", ("P2", by_attempt)) else {
            panic!("it is granted, or waits for ever")
        };
        assert_eq!(why, "`gpu` has 3 units, not 9");
        assert!(leases.all().unwrap().is_empty());
    }
    let (_world, leases) = fresh();
    assert!(got(&leases, "a", "gpu:2"));
    assert!(matches!(ask(&leases, "a", "gpu:1", ("P2", true)), Claimed::Granted(_)));
    let more = ask(&leases, "a", "gpu:1", ("P2", true));
    assert!(matches!(&more, Claimed::Refused(Refusal::Endless(why)) if why.contains("itself")), "{more:?}");
}

#[test]
fn a_run_is_forgotten_but_for_its_live_tasks() {
    let (_world, leases) = fresh();
    assert!(got(&leases, "a", "x") && got(&leases, "b", "y") && !got(&leases, "c", "x"));
    leases.forget_run("r", &["b"]).unwrap();
    let left: Vec<String> = leases.all().unwrap().into_iter().map(|row| row.who.task).collect();
    assert_eq!(left, ["b"]);
}

#[test]
fn a_file_that_is_no_database_is_an_error() {
    let world = World::new();
    drop(open(&world));
    std::fs::write(world.home().join("leases.db"), vec![7; 8192]).unwrap();
    let error = Leases::open(world.path(), (1, "b")).unwrap_err().to_string();
    assert!(error.contains("leases.db` is damaged"), "{error}");
}

#[test]
fn a_file_that_cannot_be_used_is_made_anew_only_if_nobody_loses_a_lease_by_it() {
    let world = World::new();
    drop(open(&world));
    let file = world.home().join("leases.db");
    let renew = |boot: &str, nobody_lives: bool| {
        Leases::open_or_renew(world.path(), (9_000, boot), &|| nobody_lives).map_err(|e| e.to_string())
    };
    std::fs::write(&file, vec![7; 8192]).unwrap();
    assert!(renew("boot-1", false).unwrap_err().contains("is damaged"));
    let anew = renew("boot-1", true).unwrap();
    let Claimed::Granted(Grant { epoch, .. }) = ask(&anew, "a", "db", ("P2", false)) else { panic!() };
    assert!(epoch > 9_000, "epochs go on from the clock");
    std::fs::write(&file, vec![7; 8192]).unwrap();
    assert!(renew("boot-1", true).is_err(), "somebody has it open");
    drop(anew);
    // In another boot nobody can hold anything, whoever lives by now.
    drop(renew("boot-2", false).unwrap());
    let other = rusqlite::Connection::open(&file).unwrap();
    other.pragma_update(None, "user_version", 7).unwrap();
    drop(other);
    assert!(
        renew("boot-2", false).unwrap_err().ends_with("leases.db` is of version 7, this regatta knows 1")
    );
    assert!(renew("boot-2", true).unwrap().all().unwrap().is_empty());
}
