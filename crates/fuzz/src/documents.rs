//! Task lists of epics and phases of documents, in Markdown.
//!
//! Whatever the bytes are: an answer, the same one twice; every place inside the text; every file in exactly one unit; and
//! what has no error is a plan that loads.

use crate::corpus;
use crate::target::{Judge, Signature, Target, kind_of, must};
use regatta_plan::analysis::{Frame, Helper, Knobs, divide, judge as decide, of_epic, sketch};
use regatta_plan::domains::Domains;
use regatta_plan::epic::{Reading, epic};
use regatta_plan::prd::{PhaseFile, plan_of_prd, prd};
use regatta_plan::{Fact, Format, Given, load};

/// What stands between two phases of one input.
const BETWEEN: &str = "\n-----\n";
/// An input is at most so many phases.
const MAX_PHASES: usize = 20;

const WORDS: &[&str] = &[
    "\n",
    "\n\n",
    "# ",
    "## ",
    "### ",
    "- ",
    "- [ ] ",
    "1. ",
    "`",
    "```\n",
    "**",
    "__",
    "---\n",
    "epic: E-1\n",
    "> ",
    "| ",
    "├── ",
    "└── ",
    "│   ",
    "src/",
    "src/api/a.py",
    "tests/b.ts",
    "`c.sql`",
    ".env",
    "Makefile",
    "a.b",
    "../x.py",
    "src/**",
    "call()",
    "Domain: backend\n",
    "Estimate: 2 hours\n",
    "Backend",
    "Frontend",
    "Acceptance criteria\n",
    "References\n",
    "[a](b.py)",
    "\\_",
    "\t",
    "\u{0}",
    "\u{202e}",
    "\u{85}",
    "é",
    "${a.result}",
];

/// Task lists.
pub const EPICS: Target = Target {
    name: "epics",
    doc: "task lists of epics",
    words: WORDS,
    corpus: || corpus::files("epics"),
    judge: || {
        let domains = Domains::default();
        Ok(Box::new(move |bytes: &[u8]| list(bytes, &domains)) as Judge)
    },
};

/// Phases.
pub const PHASES: Target = Target {
    name: "phases",
    doc: "phases of documents, several in one input",
    words: &[
        BETWEEN,
        "# Phase 1: A\n",
        "# Phase 2: B\n",
        "## Dependencies: ",
        "## Dependencies\n\n- ",
        "**Dependencies**: ",
        "Phase 1",
        "Phase 2 (x)",
        "1, 2",
        "Phases 1-2",
        "All previous phases",
        " (1-4)",
        "None",
        " and ",
        "4294967295",
        "0-4294967295",
        "## Estimated Time: ",
        "3 hours",
        "1.5 h",
        "99999999999 hours",
        "## Expected Outputs\n",
        "### Files to Create:\n",
        "### Files to Modify:\n",
        "## Success Criteria\n",
        "- [ ] x\n",
        "- `src/a.py`\n",
        "- src/b.py - x\n",
        "```\nsrc/\n  c.py\n```\n",
        "`",
        "**",
        "\n",
        "(",
        ")",
        "–",
        "\u{0}",
        "é",
        "${a.result}",
    ],
    corpus: || corpus::files("phases"),
    judge: || {
        let domains = Domains::default();
        Ok(Box::new(move |bytes: &[u8]| phases(bytes, &domains)) as Judge)
    },
};

fn list(bytes: &[u8], domains: &Domains) -> Result<Signature, String> {
    let read = |strict: bool| epic(("x.md", bytes), Reading { domains, strict });
    let found = read(false);
    let again = read(false);
    must(found.problems == again.problems && found.files == again.files, || "two answers".to_owned())?;
    must(found.render(false).len() < 1 << 20, || "a complaint without an end".to_owned())?;
    must(found.problems.iter().all(|p| p.span.start <= p.span.end && p.span.end <= bytes.len()), || {
        "a place outside the text".to_owned()
    })?;
    must(read(true).errors() >= found.errors(), || "strict reading forgives".to_owned())?;
    let division = divide(&of_epic(&found, domains));
    let mut owned: Vec<&String> = division.shares.iter().flat_map(|share| &share.owns).collect();
    owned.sort();
    must(owned.iter().copied().eq(found.files.keys()), || {
        format!("{owned:?} are owned of {:?}", found.files)
    })?;
    let verdict = decide(&division, &Knobs::default());
    if found.errors() == 0 {
        let frame = Frame {
            name: found.title.clone().unwrap_or_default(),
            verdict: Some(&verdict),
            ..Frame::default()
        };
        loads(&sketch(&division, &frame))?;
    }
    let kinds =
        found.facts().into_iter().map(|fact: Fact| format!("{} {}", fact.code, kind_of(&fact.message)));
    let sizes =
        [format!("{} files", found.files.len().min(8)), format!("{} shared", division.shared.len().min(4))];
    Ok(Signature::of(kinds.chain(sizes).chain(division.order.iter().cloned())))
}

fn phases(bytes: &[u8], domains: &Domains) -> Result<Signature, String> {
    let text = String::from_utf8_lossy(bytes);
    let file = |(part, n): (&str, usize)| PhaseFile {
        name: format!("phase-{n}-p.md"),
        shown: format!("prd/phase-{n}-p.md"),
        bytes: Ok(part.as_bytes().to_vec()),
    };
    let mut files: Vec<PhaseFile> = text.split(BETWEEN).take(MAX_PHASES).zip(1..).map(file).collect();
    let found = prd(&files);
    files.reverse();
    let again = prd(&files);
    must(found.facts() == again.facts(), || "another answer in another order".to_owned())?;
    must(found.render(false).len() < 1 << 21, || "a complaint without an end".to_owned())?;
    if found.errors() == 0 {
        loads(&plan_of_prd(&found, ("x", &[]), &Helper::Usual, domains))?;
    }
    let kinds = found.facts().into_iter().map(|f| format!("{} {}", f.fact.code, kind_of(&f.fact.message)));
    Ok(Signature::of(kinds.chain([format!("{} phases", found.len().min(6))])))
}

/// What is written is a plan.
fn loads(text: &str) -> Result<(), String> {
    let loaded = load(("p.yaml", text.as_bytes()), Format::Yaml, &Given::default());
    must(loaded.errors() == 0, || format!("{}\n{text}", loaded.render(false)))
}
