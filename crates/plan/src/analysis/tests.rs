//! Tests of division and decision: tables.
//!
//! Properties over any task list are in `properties`.

use super::*;
use crate::domains::Domains;
use crate::epic::{Epic, Reading, epic};
use crate::model::Plan;
use crate::{Format, Given, load};
use serde_json::{Value, json};

mod properties;

fn listed(text: &str) -> Epic {
    epic(("tasks.md", text.as_bytes()), Reading { domains: &Domains::default(), strict: false })
}

fn analysis(work: &Work) -> Value {
    let division = divide(work);
    parallel_analysis(&division, &judge(&division, &Knobs::default()))
}

fn of_text(text: &str) -> Value {
    analysis(&of_epic(&listed(text), &Domains::default()))
}

fn of_names(names: &str) -> Value {
    analysis(&of_files(&names.split_whitespace().map(str::to_owned).collect(), &Domains::default()))
}

const LOGIN: &str = "# Login\n\n## Backend\n- `src/api/login.py`: the endpoint\n- `src/models/user.py`\n\n## Frontend\n- `src/pages/login.tsx`\n\
    - `src/components/Field.tsx`\n\n## Tests\n- `tests/test_login.py`\n";

#[test]
fn work_of_several_domains_is_parallel_and_says_why() {
    let found = of_text(LOGIN);
    assert_eq!(
        found,
        json!({
            "viable": true,
            "reason": "5 files in 3 domains, 0 % of them needed by several units, predicted speed-up 2.5",
            "file_count": 5,
            "domain_count": 3,
            "domains": {
                "backend": ["src/api/login.py", "src/models/user.py"],
                "frontend": ["src/components/Field.tsx", "src/pages/login.tsx"],
                "tests": ["tests/test_login.py"],
            },
            "file_overlap_percentage": 0.0,
            "recommendation": "parallel",
            "parallel_plan": {
                "backend": {
                    "files": ["src/api/login.py", "src/models/user.py"],
                    "task_description": "src/api/login.py: the endpoint\nsrc/models/user.py",
                },
                "frontend": {
                    "files": ["src/components/Field.tsx", "src/pages/login.tsx"],
                    "task_description": "src/components/Field.tsx\nsrc/pages/login.tsx",
                },
                "tests": { "files": ["tests/test_login.py"], "task_description": "tests/test_login.py" },
            },
        })
    );
    let keys: Vec<&String> = found.as_object().into_iter().flat_map(|o| o.keys()).collect();
    let exact =
        "viable reason file_count domain_count domains file_overlap_percentage recommendation parallel_plan";
    assert_eq!(keys, exact.split(' ').collect::<Vec<_>>());
}

#[test]
fn work_that_is_not_viable_is_sequential_and_no_error() {
    let found = of_names("src/a.py src/b.py");
    assert_eq!((&found["viable"], &found["recommendation"]), (&json!(false), &json!("sequential")));
    assert_eq!(found["parallel_plan"], Value::Null);
    assert_eq!(
        found["reason"],
        "2 files, fewer than 5; 1 domain, fewer than 2; predicted speed-up 1, less than 1.5"
    );
    assert_eq!(found["domains"], json!({ "backend": ["src/a.py", "src/b.py"] }));
}

#[test]
fn files_of_no_known_domain_are_other_and_never_dropped() {
    let found = of_names("Makefile .gitignore src/lib.ts a.py b.css .env");
    assert_eq!(found["domains"]["other"], json!([".env", ".gitignore", "Makefile", "src/lib.ts"]));
    assert_eq!((&found["file_count"], &found["domain_count"]), (&json!(6), &json!(3)));
}

#[test]
fn an_overlap_of_thirty_percent_is_too_much_and_less_is_not() {
    // Ten files; so many of them stand under both headings.
    let text = |shared: usize| {
        let list = |names: &[String]| names.iter().map(|n| format!("- `{n}`\n")).collect::<String>();
        let own: Vec<String> =
            (shared..10).map(|i| if i % 2 == 0 { format!("a{i}.py") } else { format!("b{i}.tsx") }).collect();
        let both: Vec<String> = (0..shared).map(|i| format!("lib/c{i}.ts")).collect();
        let (back, front): (Vec<String>, Vec<String>) = own.into_iter().partition(|n| n.ends_with("py"));
        format!("## Backend\n{}{}\n## Frontend\n{}{}", list(&back), list(&both), list(&front), list(&both))
    };
    let knobs = Knobs { min_speed_up: 1.0, ..Knobs::default() };
    for (shared, viable, percent) in [(0, true, 0.0), (2, true, 20.0), (3, false, 30.0), (4, false, 40.0)] {
        let division = divide(&of_epic(&listed(&text(shared)), &Domains::default()));
        let verdict = judge(&division, &knobs);
        assert_eq!(
            (division.file_count, verdict.viable, verdict.overlap_percent),
            (10, viable, percent),
            "{}",
            verdict.reason
        );
        assert!(division.shared.values().all(|by| by == &["backend", "frontend"]));
    }
    let found = of_text(&text(3));
    assert!(
        found["reason"].as_str().is_some_and(|r| r.contains("30 % of the files are needed by several units"))
    );
}

#[test]
fn each_knob_moves_its_own_criterion() {
    let division = divide(&of_epic(&listed(LOGIN), &Domains::default()));
    let base = Knobs::default();
    assert!(judge(&division, &base).viable);
    for (knobs, says) in [
        (Knobs { min_files: 6, ..base }, "5 files, fewer than 6"),
        (Knobs { min_domains: 4, ..base }, "3 domains, fewer than 4"),
        (
            Knobs { max_overlap_percent: 0.0, ..base },
            "0 % of the files are needed by several units, not less than 0 %",
        ),
        (Knobs { min_speed_up: 2.51, ..base }, "predicted speed-up 2.5, less than 2.51"),
    ] {
        let verdict = judge(&division, &knobs);
        assert_eq!((verdict.viable, verdict.reason.as_str()), (false, says));
    }
}

#[test]
fn estimates_weigh_where_every_unit_has_one() {
    let text = |tests: &str| {
        format!(
            "## Backend\nEstimate: 4 hours\n- `a.py`\n- `b.py`\n- `c.py`\n## Tests\n{tests}\n- `tests/x.py`\n- `tests/y.py`\n"
        )
    };
    let judged = |text: &str| judge(&divide(&of_epic(&listed(text), &Domains::default())), &Knobs::default());
    let with = judged(&text("Estimate: 1 hour"));
    assert_eq!((with.weight, with.speed_up, with.viable), (Weight::EstimatesMs, 1.25, false));
    let without = judged(&text("text"));
    assert_eq!((without.weight, without.speed_up, without.viable), (Weight::Files, 1.67, true));
}

#[test]
fn a_file_of_several_units_is_owned_by_the_first_in_merge_order_and_read_by_the_others() {
    let text = "## Tests\n- `docs/api.md`\n- `lib/x.ts`\n## Backend\n- `lib/x.ts`\n- `a.py`\n";
    let division = divide(&of_epic(&listed(text), &Domains::default()));
    let shown: Vec<String> = division
        .shares
        .iter()
        .map(|s| format!("{}: {} < {}", s.id, s.owns.join(" "), s.reads.join(" ")))
        .collect();
    assert_eq!(shown, ["backend: a.py lib/x.ts < ", "tests: docs/api.md < lib/x.ts"]);
    assert_eq!(division.empty, ["docs"]);
    assert_eq!(division.shared["docs/api.md"], ["tests", "docs"]);
}

#[test]
fn a_file_that_several_tasks_name_is_shared_by_the_domains_of_those_tasks() {
    let text = "## Task 1: users\n- `src/models/user.py`\n- `src/api/user.py`\n- `tests/test_user.py`\n- `lib/types.ts`\n\
                ## Task 2: profile\n- `src/pages/p.tsx`\n- `src/ui/q.tsx`\n- `lib/types.ts`\n";
    let division = divide(&of_epic(&listed(text), &Domains::default()));
    assert_eq!(division.shared.len(), 1);
    assert_eq!(division.shared["lib/types.ts"], ["backend", "frontend"]);
    // A heading that only lists is nobody's.
    let all = "- `src/models/user.py`\n- `src/api/user.py`\n- `src/pages/p.tsx`\n- `src/ui/q.tsx`\n- `lib/types.ts`\n";
    let listed_too =
        divide(&of_epic(&listed(&format!("## Files to change\n{all}{text}")), &Domains::default()));
    assert_eq!(listed_too.shared, division.shared);
    let tests = division.shares.iter().find(|share| share.id == "tests");
    assert_eq!(tests.map(|share| share.owns.as_slice()), Some(&["tests/test_user.py".to_owned()][..]));
}

fn plan(text: &str) -> Plan {
    let loaded = load(("p.yaml", text.as_bytes()), Format::Yaml, &Given::default());
    loaded.plan.clone().unwrap_or_else(|| panic!("{}\n{text}", loaded.render(false)))
}

#[test]
fn the_units_of_a_plan_are_its_tasks_and_a_chain_is_no_faster() {
    let found = |plan: &Plan| -> BTreeMap<String, TaskFiles> {
        let set = |names: &[String]| names.iter().cloned().collect();
        let of =
            |t: &crate::model::Task| (t.id.clone(), TaskFiles { files: set(&t.files), reads: set(&t.reads) });
        plan.tasks.iter().map(of).collect()
    };
    let text = |needs: &str| {
        format!(
            "version: 1\ntasks:\n  - {{ id: a, run: x, files: [a.py, c.py], estimate: 2h }}\n  \
             - {{ id: b, run: x, {needs} files: [b.css, d.css], reads: [a.py], estimate: 1h, title: the look }}\n  \
             - {{ id: c, run: x, {needs} files: [tests/e.py], estimate: 1h }}\n  - {{ id: d, run: x }}"
        )
    };
    let judged = |text: &str| {
        let plan = plan(text);
        let (work, left) = of_plan(&plan, &found(&plan), &Domains::default());
        assert_eq!(left, ["d"]);
        let division = divide(&work);
        assert_eq!(division.shared["a.py"], ["a", "b"]);
        judge(&division, &Knobs::default())
    };
    let free = judged(&text(""));
    assert_eq!((free.viable, free.speed_up, free.overlap_percent), (true, 2.0, 20.0));
    let chain = judged(&text("needs: [a],"));
    assert_eq!((chain.viable, chain.speed_up, chain.work), (false, 1.33, (14_400_000, 10_800_000)));
}

#[test]
fn a_plan_says_domains_and_their_order_itself() {
    let text = "version: 1\nisolation: worktree\nmerge: { policy: all-success, order: [tests, web] }\ntasks:\n  - { id: a, run: x, files: [a.py], domain: web }\n  \
                - { id: b, run: x, files: [b.py] }\n  - { id: c, run: x, files: [tests/c.py] }";
    let plan = plan(text);
    let of = |t: &crate::model::Task| {
        (t.id.clone(), TaskFiles { files: t.files.iter().cloned().collect(), ..TaskFiles::default() })
    };
    let found: BTreeMap<String, TaskFiles> = plan.tasks.iter().map(of).collect();
    let division = divide(&of_plan(&plan, &found, &Domains::default()).0);
    assert_eq!(division.order, ["tests", "web", "backend"]);
}

#[test]
fn who_writes_a_file_owns_it_although_a_reader_comes_first() {
    let plan = plan(
        "version: 1\ntasks: [ { id: a, run: x, files: [x.sql], reads: [y.md] }, { id: b, run: x, files: [y.md] } ]",
    );
    let files = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    let found = BTreeMap::from([
        ("a".to_owned(), TaskFiles { files: files(&["x.sql"]), reads: files(&["y.md"]) }),
        ("b".to_owned(), TaskFiles { files: files(&["y.md"]), reads: files(&[]) }),
    ]);
    let division = divide(&of_plan(&plan, &found, &Domains::default()).0);
    assert_eq!(division.shared["y.md"], ["b", "a"]);
}

#[test]
fn the_plan_is_valid_and_says_what_each_agent_owns() {
    let division = divide(&of_epic(&listed(LOGIN), &Domains::default()));
    let verdict = judge(&division, &Knobs::default());
    let briefings = BTreeMap::from([("tests".to_owned(), "Test it well.\n".to_owned())]);
    let frame = Frame {
        name: "Login".to_owned(),
        epic: Some("EPIC-7".to_owned()),
        briefings,
        verdict: Some(&verdict),
        ..Frame::default()
    };
    let text = sketch(&division, &frame);
    let plan = plan(&text);
    let ids: Vec<(&str, &[String])> =
        plan.tasks.iter().map(|t| (t.id.as_str(), t.files.as_slice())).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(ids[2], ("tests", &["tests/test_login.py".to_owned()][..]));
    assert!(
        text.contains("  order: [backend, frontend, tests]\n") && text.contains("isolation: worktree\n"),
        "{text}"
    );
    assert!(
        text.contains(
            "      Test it well.\n\n      Your part of EPIC-7, Login:\n      - tests/test_login.py\n"
        ),
        "{text}"
    );
    assert!(
        text.contains("coder: { preset: codex }   # or: claude") && !text.contains("schedule:"),
        "{text}"
    );
    let slow = Verdict { viable: false, ..verdict.clone() };
    assert!(sketch(&division, &Frame { verdict: Some(&slow), ..frame }).contains("\nschedule: sequential\n"));
}
