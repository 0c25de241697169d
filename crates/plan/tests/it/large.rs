//! Large and hostile plans: what is read is bounded, and the time for it does not grow with the square.
//!
//! These tests hang, or run out of memory or stack, when a bound is lost.

use crate::world::{as_format, check, plan, yaml};
use regatta_plan::Format;

#[test]
fn many_problems_of_a_large_plan_cost_one_pass() {
    let mut text = String::from("version: 1\ntasks:\n");
    for n in 0..20_000 {
        text.push_str(&format!("  - {{ id: t{n}, run: x, priority: high }}\n"));
    }
    let facts = yaml(&text).facts();
    assert_eq!(facts.len(), 20_000);
    assert!(facts.iter().zip(3..).all(|(fact, line)| fact.line == line && fact.code == "RG006"));
}

#[test]
fn a_map_of_many_keys_is_searched_for_duplicates_in_one_pass() {
    let keys: Vec<String> = (0..100_000).map(|n| format!("\"k{n}\":1")).collect();
    let text = format!("{{\"version\":1,\"tasks\":[],{}}}", keys.join(","));
    assert_eq!(as_format(&text, Format::Json).errors(), 100_000);
}

#[test]
fn the_cells_of_all_matrices_together_are_bounded() {
    let axis = |name: &str| {
        let values: Vec<String> = (0..120).map(|n| format!("v{n}")).collect();
        format!("{name}: [{}]", values.join(", "))
    };
    let matrix = format!("{{ {}, {}, {}, {} }}", axis("a"), axis("b"), axis("c"), axis("d"));
    let text = format!("version: 1\ntasks: [ {{ id: m, run: x, matrix: {matrix} }} ]");
    check(&text, "RG002 2:16 with the 207360000 cells of task `m` the plan has more than 2000000 tasks");
}

#[test]
fn a_deeply_dotted_toml_key_is_refused_without_recursion() {
    let loaded = as_format(&format!("{} = 1", vec!["a"; 50_000].join(".")), Format::Toml);
    assert!(loaded.plan.is_none() && loaded.errors() > 0);
}

#[test]
fn the_names_that_were_probably_meant_are_sought_within_one_bound() {
    let mut text = String::from("version: 1\ntasks:\n");
    for n in 0..200 {
        let needs: Vec<String> = (0..20).map(|m| format!("{:x>110}y{m}", n)).collect();
        text.push_str(&format!("  - {{ id: {n:x>100}, run: x, needs: [{}] }}\n", needs.join(", ")));
    }
    let facts = yaml(&text).facts();
    assert_eq!(facts.len(), 4_000);
    let guessed = facts.iter().filter(|fact| fact.help.is_some()).count();
    assert!((1..=50).contains(&guessed), "{guessed}");
}

#[test]
fn commands_that_prepare_or_verify_a_worktree_are_at_most_a_hundred() {
    let commands = |n: usize| vec!["x"; n].join(", ");
    let of = |setup: usize, verify: usize| {
        format!(
            "version: 1\nisolation: worktree\nworktree: {{ setup: [{}] }}\ntasks: [ {{ id: a, run: x, verify: [{}] }} ]",
            commands(setup),
            commands(verify)
        )
    };
    assert_eq!(yaml(&of(100, 100)).errors(), 0);
    check(&of(101, 1), "RG002 3:321 `setup` has more than 100 commands");
    check(&of(1, 101), "RG002 4:336 `verify` has more than 100 commands");
}

#[test]
fn the_rules_of_a_join_are_compared_with_those_above_them_in_one_pass() {
    let of = |rules: &[String]| {
        let rules: Vec<String> = rules.iter().map(|path| format!("{path:?}:\"last\"")).collect();
        let join = format!("{{\"conflict\":\"merge-with-rules\",\"rules\":{{{}}}}}", rules.join(","));
        let text = format!(
            "{{\"version\":1,\"tasks\":[{{\"id\":\"a\",\"run\":\"x\"}},{{\"id\":\"j\",\"needs\":[\"a\"],\"join\":{join}}}]}}"
        );
        as_format(&text, Format::Json)
    };
    let apart: Vec<String> = (0..50_000).map(|n| format!("$.member{n}")).collect();
    assert_eq!(of(&apart).errors(), 0);
    let below: Vec<String> = apart.iter().map(|path| format!("{path}.x")).collect();
    assert_eq!(of(&[apart, below].concat()).errors(), 50_000);
    assert_eq!(of(&[format!("${}", ".m".repeat(200_000))]).errors(), 0);
}

#[test]
fn a_known_key_that_stands_many_times_is_judged_in_one_pass() {
    let names = vec!["\"name\":\"x\""; 100_000].join(",");
    assert_eq!(as_format(&format!("{{\"version\":1,\"tasks\":[],{names}}}"), Format::Json).errors(), 99_999);
}

#[test]
fn what_must_have_passed_before_persons_are_asked_is_found_in_one_pass() {
    let mut text = String::from(
        "version: 1\ngates: { first: { run: 'true' }, ok: { person: go on?, needs: [first] } }\ntasks:\n  - { id: t00000, gate: first }\n",
    );
    for n in 1..20_000 {
        let action = if n % 10 == 0 { "gate: ok" } else { "run: x" };
        text.push_str(&format!("  - {{ id: t{n:05}, needs: [t{:05}], {action} }}\n", n - 1));
    }
    let (spec, _) = regatta_plan::lower(&plan(&text));
    assert_eq!(spec.persons.len(), 1_999);
    assert!(spec.persons.values().all(|asked| asked.needs == [0]));
}

#[test]
fn evidence_of_many_pairs_of_gates_is_judged_wherever_they_stand() {
    const GATES: usize = 300;
    let gates: String =
        (0..GATES).map(|k| format!("  g{k}: {{ run: x, evidence: ['junit:r{k}.xml'] }}\n")).collect();
    let mut tasks = String::new();
    for at in 0..2 * GATES {
        let needs = if at == 0 { String::new() } else { format!(", needs: [t{}]", at - 1) };
        tasks += &format!("  - {{ id: t{at}, gate: g{}{needs} }}\n", at % GATES);
    }
    let said = |more: &str| {
        let loaded = crate::world::yaml(&format!("version: 1\ngates:\n{gates}tasks:\n{tasks}{more}"));
        loaded.facts().into_iter().filter(|f| f.severity.is_error()).map(|f| f.message).collect::<Vec<_>>()
    };
    assert_eq!(said(""), Vec::<String>::new());
    let found = said("  - { id: z, gate: g7 }\n");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("`z`") && found[0].contains("both have `r7.xml` as evidence"), "{found:?}");
}
