//! Tests of what is hidden in a plan, and of what stays.

use super::*;
use crate::{Format, Given, canonical, load};

#[test]
fn what_people_wrote_freely_is_shown_with_a_marker_and_names_stay() {
    let text = "version: 1\nname: of s3cret\ninputs: { n: 1 }\ntasks:\n  - { id: a, title: 's3cret', run: [x, s3cret], tags: [s3cret] }\n  \
                - { id: s3cret, tool: template, params: { text: t, vars: { 'a/b': [s3cret, 77] } } }\n";
    let plan = load(("p.yaml", text.as_bytes()), Format::Yaml, &Given::default()).plan.unwrap();
    let stored = canonical(&plan).unwrap();
    let clean = |text: &str| {
        (text.contains("s3cret") || text == "77").then(|| text.replace("s3cret", "*").replace("77", "#"))
    };
    let hidden = Hidden::find(&stored, &clean).unwrap();
    let (places, names) = hidden.places();
    let expect = [
        "name",
        "task `a`: run",
        "task `a`: title",
        "task `s3cret`: params.vars.a/b.0",
        "task `s3cret`: params.vars.a/b.1",
    ];
    let words = |places: &[Place]| places.iter().map(|place| place.words.clone()).collect::<Vec<_>>();
    assert_eq!(words(places), expect);
    assert_eq!(words(names), ["task `a`: tags.0", "task `s3cret`: id"]);
    assert_eq!(names[1].shown, "*");
    assert_eq!(hidden.text("/name"), Some("of *"));
    let shown = hidden.show(std::str::from_utf8(&stored).unwrap()).unwrap();
    assert_eq!((shown.name.as_str(), shown.tasks[0].title.as_deref()), ("of *", Some("*")));
    assert_eq!((shown.tasks[1].id.as_str(), shown.tasks[0].tags[0].as_str()), ("s3cret", "s3cret"));
    let told = serde_json::to_string(&shown.tasks[1].action).unwrap();
    assert!(told.contains("\"a/b\":[\"*\",\"#\"]"), "{told}");
    // Stored and read again it says the same.
    let again: Hidden = serde_json::from_str(&serde_json::to_string(&hidden).unwrap()).unwrap();
    assert_eq!(again.show(std::str::from_utf8(&stored).unwrap()).unwrap(), shown);
}

fn found(text: &str) -> (Hidden, Vec<u8>) {
    let plan = load(("p.yaml", text.as_bytes()), Format::Yaml, &Given::default());
    let stored = canonical(plan.plan.as_ref().unwrap_or_else(|| panic!("{}", plan.render(false)))).unwrap();
    let clean = |text: &str| text.contains("s3cret").then(|| text.replace("s3cret", "[REDACTED:v]"));
    (Hidden::find(&stored, &clean).unwrap(), stored)
}

#[test]
fn all_that_may_be_a_secret_is_hidden_or_told_to_be_a_name() {
    let (hidden, stored) = found(
        "version: 1\nagents: { c: { preset: codex, model: of-s3cret } }\nisolation: worktree\n\
         merge: { on_conflict: merge-with-rules, gates: ['echo s3cret'], rules: [ { paths: 's3cret/*', use: union } ] }\n\
         tasks:\n  - { id: a, agent: c, prompt: p, files: [x] }\n  \
         - { id: t, tool: template, params: { text: t, vars: { s3cret: 1 } } }\n  \
         - { id: j, needs: [t], join: { conflict: merge-with-rules, rules: { '$.s3cret': union } } }\n",
    );
    let (places, names) = hidden.places();
    let words = |places: &[Place]| places.iter().map(|place| place.words.clone()).collect::<Vec<_>>();
    assert_eq!(words(places), ["agents.c.model", "merge.gates.0.run", "merge.gates.0.name"]);
    let expect = ["merge.rules.0.paths", "task `j`: join.rules.$.s3cret", "task `t`: params.vars.s3cret"];
    assert_eq!(words(names), expect);
    let shown = hidden.show(std::str::from_utf8(&stored).unwrap()).unwrap();
    assert_eq!(shown.merge.unwrap().gates[0].name, "echo [REDACTED:v]");
    assert_eq!(shown.agents["c"].model.as_deref(), Some("of-[REDACTED:v]"));
}

#[test]
fn a_word_of_the_language_is_no_secret_of_anybody() {
    let clean = |text: &str| text.contains("secret").then(|| "[REDACTED:v]".to_owned());
    let stored = br#"{"secrets":["DB_PASSWORD"],"vault":{"secret":{"env":"X"}}}"#;
    let hidden = Hidden::find(stored, &clean).unwrap();
    assert_eq!(
        hidden.places().1.iter().map(|place| place.words.as_str()).collect::<Vec<_>>(),
        ["vault.secret"]
    );
}

#[test]
fn what_was_hidden_is_known_again_from_the_plan() {
    let (hidden, stored) = found(
        "version: 1\ntasks:\n  - { id: a, title: 's3cret', run: 'log s3cret; log s3cret; log s3cret' }\n",
    );
    let repeated = hidden.repeated(std::str::from_utf8(&stored).unwrap());
    let values = vec![("v".to_owned(), "s3cret".to_owned())];
    assert_eq!(repeated, Repeated { values, all_known: true });
    let one = |rule: &str, value: &str| (rule.to_owned(), value.to_owned());
    assert_eq!(replaced("a b c", "a [REDACTED:v] c"), Some(vec![one("v", "b")]));
    let two = replaced("x=one,y=two;", "x=[REDACTED:v],y=[REDACTED:w];");
    assert_eq!(two, Some(vec![one("v", "one"), one("w", "two")]));
    assert_eq!(replaced("one two three", "[REDACTED:v] [REDACTED:w]"), None, "which of them has two words?");
    assert_eq!(replaced("onetwo", "[REDACTED:v][REDACTED:w]"), None);
    assert_eq!(replaced("quite another", "a [REDACTED:v]"), None);
    let nothing = Repeated { values: vec![], all_known: true };
    assert_eq!(Hidden::default().repeated("no plan"), nothing);
    let unknown = Repeated { values: vec![], all_known: false };
    assert_eq!(hidden.repeated("no plan"), unknown);
}

#[test]
fn what_one_text_leaves_open_is_no_secret_less_in_another() {
    let (hidden, stored) = found(
        "version: 1\ntasks:\n  - { id: a, title: 'log in as s3cret', run: 'log s3crets3cret' }\n  \
         - { id: b, run: 's3cret' }\n",
    );
    let repeated = hidden.repeated(std::str::from_utf8(&stored).unwrap());
    let values = vec![("v".to_owned(), "s3cret".to_owned())];
    assert_eq!(repeated, Repeated { values, all_known: false });
}

#[test]
fn of_thousands_of_secrets_in_one_text_nothing_is_told_unless_they_are_one() {
    let text = |hide: &dyn Fn(usize) -> String| -> String {
        (0..30_000).map(|i| format!("{} of place {i}, ", hide(i))).collect()
    };
    let shown = text(&|_| "[REDACTED:v]".to_owned());
    let one = replaced(&text(&|_| "s3cret".to_owned()), &shown).unwrap();
    assert!(one.len() == 30_000 && one.iter().all(|(_, value)| value == "s3cret"));
    // Each end stands there once, which nobody looks for so often.
    assert_eq!(replaced(&text(&|i| format!("s3cret-{i}-")), &shown), None);
}
