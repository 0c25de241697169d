//! Properties of division and decision over any task list.

use super::*;
use proptest::prelude::*;

/// Sections of a task list, each a heading with files.
fn sections() -> impl Strategy<Value = Vec<String>> {
    let heading = prop::sample::select(vec![
        "## Backend",
        "## Frontend",
        "## Tests",
        "## Task 1: x",
        "## Notes",
        "## Database (x)",
        "## b.py",
    ]);
    let file = prop::sample::select(vec![
        "a.py",
        "src/api/a.py",
        "tests/a.py",
        "x.sql",
        "tests/db/x.sql",
        "docs/a.md",
        "Makefile",
        ".env",
        "lib/a.ts",
        "README.service.md",
        "user.email",
        "src/",
        "save()",
        "../x.py",
    ]);
    let spelling = prop::sample::select(vec!["- `{}`", "- {}", "**{}**: x", "- {} - note", "```\n{}\n```"]);
    let item = (spelling, file).prop_map(|(spelling, file)| spelling.replace("{}", file));
    let section = (heading, prop::collection::vec(item, 0..6))
        .prop_map(|(h, items)| format!("{h}\n\n{}\n", items.join("\n\n")));
    prop::collection::vec(section, 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_file_is_owned_by_exactly_one_unit_and_the_order_of_sections_means_nothing(sections in sections(), seed in 0_usize..720) {
        let domains = Domains::default();
        let read = listed(&sections.join("\n"));
        let work = of_epic(&read, &domains);
        let division = divide(&work);
        let mut owned: Vec<&String> = division.shares.iter().flat_map(|share| &share.owns).collect();
        owned.sort();
        prop_assert_eq!(owned, read.files.keys().collect::<Vec<_>>());
        let found = analysis(&work);
        let listed_files = found["domains"].as_object().map_or(0, |d| d.values().filter_map(Value::as_array).map(Vec::len).sum());
        prop_assert_eq!(json!(listed_files), found["file_count"].clone());

        // The same sections in another order; two of one name are one section only to their domain.
        let mut other = sections.clone();
        let mut n = seed;
        for i in (1..other.len()).rev() {
            other.swap(i, n % (i + 1));
            n /= i + 1;
        }
        prop_assert_eq!(analysis(&of_epic(&listed(&other.join("\n")), &domains)), found);

        // The plan of whatever was divided can be read.
        if !division.shares.is_empty() {
            let text = sketch(&division, &Frame { name: "x".to_owned(), ..Frame::default() });
            let loaded = load(("p.yaml", text.as_bytes()), Format::Yaml, &Given::default());
            // A person must name the gates.
            let said: Vec<&str> = loaded.facts().iter().map(|fact| fact.code).collect();
            prop_assert_eq!(said, ["RG106"], "{}", loaded.render(false));
        }
    }

    #[test]
    fn damaged_markdown_gets_an_answer_and_the_same_one_twice(
        cuts in prop::collection::vec((0..LOGIN.len(), 0..20_usize, "[-#`*|>\\[\\]() \n\ta-z./_~+]{0,6}"), 1..6),
        strict in any::<bool>(),
    ) {
        let mut text = LOGIN.to_owned();
        for (at, drop, insert) in cuts {
            let floor = |at: usize| (0..=at.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
            let (from, to) = (floor(at), floor(at + drop));
            text.replace_range(from..to, &insert);
        }
        let domains = Domains::default();
        let read = || epic(("x", text.as_bytes()), Reading { domains: &domains, strict });
        let (first, second) = (read(), read());
        prop_assert_eq!(&first.problems, &second.problems);
        prop_assert_eq!(first.render(false), second.render(false));
        prop_assert!(first.problems.iter().all(|p| p.span.end <= text.len()));
        prop_assert_eq!(analysis(&of_epic(&first, &domains)), analysis(&of_epic(&second, &domains)));
    }
}
