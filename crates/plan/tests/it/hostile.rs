//! Bytes that nobody meant as a plan: no panic, no endless work, the same answer twice.
//!
//! Properties over random bytes and over damaged real plans. Knows no particular problem.

use crate::world::as_format;
use proptest::prelude::*;
use regatta_plan::{Format, Given, load};

const PLAN: &str = r#"version: 1
name: p
limits: { max_parallel: 4, per_tag: { db: 1 }, output: 1MiB }
resources: { gpu: 2 }
inputs: { x: [1, { y: 2 }] }
tasks:
  - { id: a, run: "echo ${inputs.x}", tags: [db], locks: [ { resource: gpu, units: 2 } ] }
  - id: b
    tags: [db]
    matrix: { os: [l, m] }
    run: [echo, "${a.result.v}", "${matrix.os}"]
    when: 'a.result.n > 0 && tasks.all(t, tasks[t].status == "succeeded")'
  - { id: c, needs: [b], run: "cat <<E\n${a.stdout}\nE", files: ["src/**"], estimate: 1h30m }
"#;

/// One damage: where, how many bytes go, and what comes instead.
fn damage() -> impl Strategy<Value = Vec<(usize, usize, String)>> {
    let text = prop::sample::select(vec![
        "",
        "\"",
        "'",
        "{",
        "}",
        "[",
        "]",
        ":",
        "- ",
        "&a ",
        "*a",
        "!x ",
        "\t",
        "\n",
        "${",
        "$${",
        "}",
        "\u{0}",
        "\u{202e}",
        "é",
        "999999999999999999999",
        "-1",
        "1e9",
        "null",
        "~",
        "<<: ",
        "---\n",
        "...",
        "#",
        "|",
        ">",
        "a: &a [*a]",
        "\\",
        "\u{feff}",
    ]);
    prop::collection::vec((0..PLAN.len(), 0..40_usize, text.prop_map(str::to_owned)), 1..5)
}

fn apply(damages: &[(usize, usize, String)]) -> String {
    let mut text = PLAN.to_owned();
    for (at, drop, insert) in damages {
        let floor =
            |at: usize| (0..=at.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
        let (from, to) = (floor(*at), floor(at + drop));
        text.replace_range(from..to, insert);
    }
    text
}

#[test]
fn the_plan_that_is_damaged_is_a_good_one() {
    assert_eq!(as_format(PLAN, Format::Yaml).render(false), "");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_plans_get_an_answer_and_the_same_one_twice(damages in damage()) {
        let text = apply(&damages);
        let first = as_format(&text, Format::Yaml);
        let second = as_format(&text, Format::Yaml);
        prop_assert_eq!(&first.problems, &second.problems);
        prop_assert_eq!(first.plan.is_some(), first.errors() == 0);
        // What is shown is made of the same places, which may be anywhere.
        prop_assert_eq!(first.render(false), second.render(false));
    }

    #[test]
    fn random_bytes_get_an_answer_in_every_format(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for format in [Format::Yaml, Format::Json, Format::Toml] {
            let loaded = load(("p", &bytes), format, &Given::default());
            prop_assert!(loaded.plan.is_none() || loaded.errors() == 0);
            prop_assert!(loaded.render(true).len() < 1 << 20);
        }
    }
}
