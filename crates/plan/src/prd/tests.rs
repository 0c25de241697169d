//! Tests of phases: the format as its page has it, every problem with file and line, the plan that follows.

use super::*;
use crate::domains::Domains;
use crate::model::{Action, Plan};
use crate::{Format, Given, load};
use proptest::prelude::*;

fn read(files: &[(&str, &str)]) -> Prd {
    let file = |(name, text): &(&str, &str)| PhaseFile {
        name: (*name).to_owned(),
        shown: format!("prd/{name}"),
        bytes: Ok(text.as_bytes().to_vec()),
    };
    prd(&files.iter().map(file).collect::<Vec<_>>())
}

/// All problems, a line each, without the directory.
fn problems(files: &[(&str, &str)]) -> Vec<String> {
    let shown = |f: &FiledFact| {
        format!("{}:{} {} {}", f.file.trim_start_matches("prd/"), f.fact.line, f.fact.code, f.fact.message)
    };
    read(files).facts().iter().map(shown).collect()
}

fn planned(prd: &Prd, helper: &Helper) -> (String, Plan) {
    let text = plan_of_prd(prd, ("shop", &[]), helper, &Domains::default());
    let loaded = load(("p.yaml", text.as_bytes()), Format::Yaml, &Given::default());
    let plan = loaded.plan.clone().unwrap_or_else(|| panic!("{}\n{text}", loaded.render(false)));
    (text, plan)
}

const MODELS: &str = "# Phase 1: Models\n\n## Estimated Time: 3 hours\n\n## Dependencies: None\n\n## Expected Outputs\n\n### Files to Create:\n\
    - `src/models/user.py` - users\n- src/models/order.py\n\n## Tasks\n\n1. Think of ${HOME} and `x.py`.\n\n## Success Criteria\n\n- [ ] tables exist\n- [x] tests pass\n";
const API: &str = "# Phase 2: API\n\n## Estimated Time: 1.5 hours\n\n## Dependencies\n\n- Phase 1 (models)\n\n## Expected Outputs\n\n### Files to Create:\n\n\
    ```\nsrc/\n├── api/\n│   └── orders.py\n```\n\n### Files to Modify:\n\n- `src/models/order.py`\n\n## Success Criteria\n\n- [ ] it answers\n";
const PAGES: &str = "# Phase 3: Pages\n\n**Dependencies**: 1, 2\n\n## Expected Outputs\n### Files to Create:\n- `src/pages/orders.tsx`\n\n## Success Criteria\n- [ ] it shows\n";
const DOCS: &str = "# Phase 4: Docs\n## Estimated Time: 30 minutes\n## Dependencies: All previous phases (1-3)\n## Expected Outputs\n### Files to Create:\n- `docs/orders.md`\n## Success Criteria\n- [ ] it is read\n";

fn shop() -> Vec<(&'static str, &'static str)> {
    vec![
        ("phase-1-models.md", MODELS),
        ("phase-2-api.md", API),
        ("phase-3-pages.md", PAGES),
        ("phase-4-docs.md", DOCS),
    ]
}

#[test]
fn needs_and_times_in_bold_are_read_wherever_labels_stand() {
    let with = |head: &str| {
        let text = format!(
            "# Phase 2: B\n\n{head}\n\n## Expected Outputs\n### Files to Create:\n- `b.py`\n\n## Success Criteria\n- [ ] x\n"
        );
        let first = "# Phase 1: A\n## Dependencies: None\n## Expected Outputs\n### Files to Create:\n- `a.py`\n## Success Criteria\n- [ ] x\n";
        let files = [("phase-1-a.md", first), ("phase-2-b.md", text.as_str())];
        assert_eq!(problems(&files), [""; 0], "{head}");
        let prd = read(&files);
        (prd.phases[1].estimate_ms, prd.phases[1].after.iter().copied().collect::<Vec<u32>>())
    };
    let both = (Some(5_400_000), vec![1]);
    for head in [
        "## Estimated Time: 1.5 hours\n**Dependencies**: 1",
        "## Estimated Time: 1.5 hours\n\n**Dependencies**: 1",
        "## Estimated Time\n1.5 hours\n\n**Dependencies:** 1",
        "## Dependencies: Phase 1\n**Estimated Time**: 1.5 hours",
        "**Estimated Time**: 1.5 hours\n**Dependencies**: Phase 1 (a)\n**Priority**: high",
        "**Priority**: high\n**Estimated Time:** 1.5 hours  \n**Dependencies:** 1",
        "- **Estimated Time**: 1.5 hours\n- **Dependencies**: 1",
    ] {
        assert_eq!(with(head), both, "{head}");
    }
}

#[test]
fn phases_become_tasks_with_files_outputs_criteria_hours_and_their_text_as_prompt() {
    let prd = read(&shop());
    assert_eq!(prd.render(false), "");
    let (text, plan) = planned(&prd, &Helper::Named("claude".to_owned()));
    let needs: Vec<(&str, &[String])> =
        plan.tasks.iter().map(|t| (t.id.as_str(), t.needs.as_slice())).collect();
    let id = |n: usize| vec![plan.tasks[n].id.clone()];
    assert_eq!(needs.len(), 4);
    assert_eq!(needs[0], ("phase-1-models", &[][..]));
    assert_eq!((needs[1].1.to_vec(), needs[2].1.to_vec(), needs[3].1.to_vec()), (id(0), id(1), id(2)));
    let first = &plan.tasks[0];
    assert_eq!((first.title.as_deref(), first.estimate_ms), (Some("Models"), Some(10_800_000)));
    assert_eq!(first.files, ["src/models/order.py", "src/models/user.py"]);
    assert_eq!(first.accept, ["tables exist", "tests pass"]);
    let Action::Agent { agent, prompt } = &first.action else { panic!("{:?}", first.action) };
    assert_eq!(
        (agent.as_str(), prompt.as_deref()),
        ("claude", Some(MODELS.trim_end().replace("${", "$${").as_str()))
    );
    assert!(text.contains("  order: [backend, frontend, docs]\n"), "{text}");
    assert!(
        text.contains("    outputs:\n      - src/api/orders.py\n")
            && text.contains("claude: { preset: claude }"),
        "{text}"
    );
    assert_eq!(plan.tasks[1].files, ["src/api/orders.py", "src/models/order.py"]);
}

#[test]
fn the_order_in_which_phases_are_handed_in_means_nothing() {
    let mut back = shop();
    back.reverse();
    assert_eq!(planned(&read(&back), &Helper::Nobody).0, planned(&read(&shop()), &Helper::Nobody).0);
}

#[test]
fn what_is_not_understood_is_an_error_with_file_and_line_and_all_are_told_at_once() {
    let bad = "# Phase two: Things\n\n## Estimated Time: soon\n\n## Dependencies: Phase 1, the models\n\n## Expected Outputs\n\n- `stray.py`\n\n\
               ### Files to Create:\n- the model\n- `src/api/`\n- `a.py`\n- `a.py`\n\n## Success Criteria\n\nAll is well.\n\n- [ ] fine\n";
    assert_eq!(
        problems(&[
            ("phase-1-a.md", "# Phase 3: A\n## Dependencies: None\n"),
            ("phase-2-b.md", bad),
            ("phase_3.md", "x"),
            ("Phase-4-a.md", "x")
        ]),
        [
            "Phase-4-a.md:1 RG009 `Phase-4-a.md` is not called `phase-N-name.md`",
            "phase-1-a.md:1 RG006 the title says phase 3, the file is called phase 1",
            "phase-2-b.md:1 RG006 `Phase two: Things` is no title of a phase",
            "phase-2-b.md:3 RG006 `soon` is no estimated time",
            "phase-2-b.md:5 RG006 the dependency `the models` is not understood",
            "phase-2-b.md:9 RG006 `stray.py` is in no list of files",
            "phase-2-b.md:12 RG006 `the model` names no file",
            "phase-2-b.md:13 RG006 `src/api/` names a directory, not its files",
            "phase-2-b.md:15 RG004 `a.py` stands twice",
            "phase-2-b.md:19 RG006 `All is well.` is no criterion",
            "phase_3.md:1 RG009 `phase_3.md` is not called `phase-N-name.md`",
        ]
    );
}

#[test]
fn a_phase_that_says_too_little_or_a_thing_twice_is_told() {
    assert_eq!(
        problems(&[("phase-1-a.md", "text\n")]),
        [
            "phase-1-a.md:1 RG007 the phase has no title",
            "phase-1-a.md:1 RG007 the phase does not say what it depends on: it may begin at once",
        ]
    );
    let twice = "# Phase 1: A\n# Phase 1: B\n## Dependencies: None\n**Dependencies**: None\n## Estimated Time: 1 hour\n## Estimated Time: 2 hours\n";
    assert_eq!(
        problems(&[("phase-1-a.md", twice)]),
        [
            "phase-1-a.md:2 RG004 the phase has a second title",
            "phase-1-a.md:3 RG006 phase 1 says that it depends on nothing, and on something",
            "phase-1-a.md:4 RG004 `Dependencies` stands twice",
            "phase-1-a.md:6 RG004 `Estimated Time` stands twice",
            "phase-1-a.md:6 RG006 `2 hours` is no estimated time",
        ]
    );
}

fn phase(n: u32, needs: &str, files: &str) -> String {
    let files: String = files.split_whitespace().map(|f| format!("- `{f}`\n")).collect();
    let list = if files.is_empty() {
        String::new()
    } else {
        format!("## Expected Outputs\n### Files to Create:\n{files}")
    };
    format!("# Phase {n}: P\n## Dependencies: {needs}\n{list}")
}

fn all(needs: &[(&str, &str)]) -> Vec<String> {
    let texts: Vec<(String, String)> = needs
        .iter()
        .zip(1..)
        .map(|((need, files), n)| (format!("phase-{n}-p.md"), phase(n, need, files)))
        .collect();
    problems(&texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect::<Vec<_>>())
}

#[test]
fn unknown_phases_cycles_and_contradictions_are_errors_with_their_line() {
    assert_eq!(
        all(&[("None", ""), ("Phase 1, 7", "")]),
        ["phase-2-p.md:2 RG011 phase 2 needs phase 7, which does not exist"]
    );
    assert_eq!(all(&[("Phase 1", "")]), ["phase-1-p.md:2 RG012 phase 1 depends on itself"]);
    assert_eq!(
        all(&[("None", ""), ("Phase 4", ""), ("Phase 2", ""), ("Phase 3", ""), ("Phase 4", "")]),
        ["phase-2-p.md:2 RG012 phases depend on each other: phase 2 → phase 4 → phase 3 → phase 2"]
    );
    assert_eq!(
        all(&[("None", ""), ("None, 1", "")]),
        ["phase-2-p.md:2 RG006 phase 2 says that it depends on nothing, and on something"]
    );
    assert_eq!(
        all(&[("None", ""), ("1", ""), ("All previous phases (1-4)", "")]),
        ["phase-3-p.md:2 RG006 `1-4` are not all phases before phase 3: they are 1-2"]
    );
    assert_eq!(all(&[("None", ""), ("Phases 2-1", "")]), ["phase-2-p.md:2 RG006 `2-1` counts downwards"]);
    assert_eq!(
        problems(&[
            ("phase-1-a.md", "# Phase 1: A\n## Dependencies: None"),
            ("phase-01-b.md", "# Phase 1: A\n## Dependencies: None")
        ]),
        ["phase-1-a.md:1 RG010 phase 1 exists twice: prd/phase-01-b.md:1 is one too"]
    );
}

#[test]
fn a_file_is_made_by_one_phase_and_changed_by_phases_in_order_only() {
    assert_eq!(
        all(&[("None", "a.py"), ("Phase 1", "b.py a.py")]),
        ["phase-2-p.md:6 RG016 `a.py` is made by phase 1 too (prd/phase-1-p.md:5)"]
    );
    let changes = |n: u32, needs: &str| {
        format!(
            "# Phase {n}: P\n## Dependencies: {needs}\n## Expected Outputs\n### Files to Modify:\n- `a.py`\n"
        )
    };
    let made = phase(1, "None", "a.py");
    let found = |third: &str| {
        problems(&[
            ("phase-1-p.md", &made),
            ("phase-2-p.md", &changes(2, "Phase 1")),
            ("phase-3-p.md", &changes(3, third)),
        ])
    };
    assert_eq!(found("Phases 1-2"), [""; 0]);
    assert_eq!(found("1"), ["phase-3-p.md:5 RG016 `a.py` belongs to phase 2 too (prd/phase-2-p.md:5)"]);
}

#[test]
fn a_file_whose_name_is_half_a_pattern_is_an_output_as_it_stands() {
    let text = "# Phase 1: A\n## Dependencies: None\n## Expected Outputs\n### Files to Create:\n- `src/[a/b.py`\n- `app/[id]/p.tsx`\n";
    let prd = read(&[("phase-1-a.md", text)]);
    let (_, plan) = planned(&prd, &Helper::Usual);
    let worktree = plan.tasks[0].worktree.as_ref();
    assert_eq!(
        worktree.map(|w| w.outputs.clone()),
        Some(vec!["src/[a/b.py".to_owned(), "app/[id]/p.tsx".to_owned()])
    );
}

#[test]
fn without_an_agent_the_plan_can_be_checked_and_not_run() {
    let (text, plan) = planned(&read(&shop()), &Helper::Nobody);
    assert!(text.contains("nobody: { preset: none }   # nobody yet"), "{text}");
    assert_eq!(crate::unassigned(&plan), ["nobody"]);
    let (_, plan) = planned(&read(&shop()), &Helper::Usual);
    assert!(crate::unassigned(&plan).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_phases_get_an_answer_and_what_has_no_error_is_a_plan(
        which in 0_usize..4,
        cuts in prop::collection::vec((0_usize..400, 0..20_usize, "[-#`*|>\\[\\]() \n\t0-9a-zP:,./_~+]{0,6}"), 1..5),
    ) {
        let mut files: Vec<(String, String)> = shop().iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect();
        for (at, drop, insert) in cuts {
            let text = &mut files[which].1;
            let floor = |at: usize| (0..=at.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
            let (from, to) = (floor(at), floor(at + drop));
            text.replace_range(from..to, &insert);
        }
        let files: Vec<(&str, &str)> = files.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect();
        let (first, second) = (read(&files), read(&files));
        prop_assert_eq!(first.facts(), second.facts());
        prop_assert_eq!(first.render(false), second.render(false));
        let text = plan_of_prd(&first, ("shop", &[]), &Helper::Usual, &Domains::default());
        if first.errors() == 0 {
            let loaded = load(("p.yaml", text.as_bytes()), Format::Yaml, &Given::default());
            prop_assert_eq!(loaded.errors(), 0, "{}\n{}", loaded.render(false), text);
        }
    }
}
