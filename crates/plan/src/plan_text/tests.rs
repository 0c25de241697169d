//! Tests of the writer: whatever is written is read back as it was.

use super::*;
use crate::model::Action;
use crate::{FileSet, Format, Given, load};
use proptest::prelude::*;

fn any_text() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "\n",
        "\n\n",
        " ",
        "\t",
        "#",
        ": ",
        "- ",
        "\"",
        "'",
        "\\",
        "${a.result}",
        "$${",
        "{",
        "[",
        "*",
        "&",
        "!",
        "%",
        "@",
        "`",
        "|",
        ">",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\u{0}",
        "\u{7f}",
        "\u{202e}",
        "é",
        "yes",
        "1.0",
        "~",
        "---",
        "...",
        "\r",
    ]);
    prop::collection::vec(prop_oneof![odd.prop_map(str::to_owned), "[a-z ]{0,6}"], 0..12)
        .prop_map(|parts| parts.concat())
}

/// Paths that would be patterns.
const ODD_PATHS: [&str; 8] =
    ["app/[slug]/page.tsx", "app/s/page.tsx", "a{b}*.c", "ab.c", "a\\b.c", "x!.py", "-y.py", "é (1).md"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_written_is_read_back_as_it_was(
        texts in prop::collection::vec(any_text(), 4),
        accept in prop::collection::vec(any_text(), 0..3),
        estimate in prop::option::of(0_u64..100_000_000_000),
    ) {
        let entry = Entry {
            id: "a".to_owned(),
            title: Some(texts[0].clone()),
            domain: Some("tests".to_owned()),
            estimate_ms: estimate,
            files: ODD_PATHS.map(str::to_owned).to_vec(),
            accept: accept.clone(),
            prompt: texts[1].clone(),
            ..Entry::default()
        };
        let sheet = Sheet {
            head: vec![texts[2].clone()],
            name: format!("n{}", texts[3]),
            agent: ("coder".to_owned(), "{ preset: codex }".to_owned(), texts[2].clone()),
            tasks: vec![entry],
            ..Sheet::default()
        };
        let text = text(&sheet);
        let loaded = load(("p.yaml", text.as_bytes()), Format::Yaml, &Given::default());
        prop_assert_eq!(loaded.errors(), 0, "{}\n{}", loaded.render(false), text);
        let Some(plan) = loaded.plan else { return Ok(()) };
        let task = &plan.tasks[0];
        prop_assert_eq!(&plan.name, &format!("n{}", texts[3]));
        prop_assert_eq!(task.title.as_ref(), Some(&texts[0]));
        prop_assert_eq!(&task.accept, &accept);
        prop_assert_eq!(task.estimate_ms, estimate);
// Each pattern is of its own path and of no other.
        for (n, pattern) in task.files.iter().enumerate() {
            let set = FileSet::new(std::slice::from_ref(pattern));
            for (m, path) in ODD_PATHS.iter().enumerate() {
                prop_assert_eq!(set.has(path), n == m, "{} {}", pattern, path);
            }
        }
        let Action::Agent { prompt: Some(prompt), .. } = &task.action else { return Ok(()) };
        prop_assert_eq!(prompt, &texts[1].replace("${", "$${"));
    }
}
