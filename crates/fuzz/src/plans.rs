//! The plan readers: YAML, JSON, TOML.
//!
//! Whatever the bytes are: an answer, the same one twice; every place inside the text; a plan if and only if there is no
//! error; what loads is a graph, and the stored form of it is read back as the same plan with the same hashes.

use crate::corpus;
use crate::target::{Judge, Signature, Target, kind_of, must};
use regatta_engine::graph::Graph;
use regatta_engine::schedule;
use regatta_plan::{Format, Given, Loaded, Plan, canonical, conflicts, digest_of, load, lower};
use std::ops::Range;

/// YAML.
pub const YAML: Target = Target {
    name: "yaml",
    doc: "plans in YAML",
    words: &[
        "\n",
        "\n  - ",
        ": ",
        "- ",
        "&a ",
        "*a ",
        "!x ",
        "!!str ",
        "? ",
        "| ",
        "> ",
        "|-\n",
        "<<: ",
        "---\n",
        "...\n",
        "%YAML",
        "#",
        "\"",
        "'",
        "{",
        "}",
        "[",
        "]",
        ",",
        "~",
        "null",
        "\t",
        "\r",
        "\u{feff}",
        "\u{85}",
        "\u{2028}",
        "\\x",
        "\\u202e",
        "@",
        "`",
        "id: ",
        "run: ",
        "needs: [",
        "matrix: { a: [b, c] }",
        "when: ",
        "${a.result}",
        "${",
        "for_each: ",
        "locks: [ ",
        "env: { ",
        "tasks:",
        "version: 1",
        "priority: P0",
        "retry: { max_attempts: 3 }",
        "timeout: { attempt: 1s }",
        "files: [\"src/**\"]",
        "isolation: locks",
        "isolation: worktree",
        "effect: pure",
        "inputs: { x: 1 }",
        "limits: { per_tag: { t: 1 } }",
    ],
    corpus: || {
        let files = corpus::files("yaml")?;
        let crlf = files
            .iter()
            .map(|file| String::from_utf8_lossy(file).replace('\n', "\r\n").into_bytes())
            .collect();
        Ok([files, crlf, corpus::of_pages()?].concat())
    },
    judge: || Ok(judge(Format::Yaml)),
};

/// JSON with comments.
pub const JSON: Target = Target {
    name: "json",
    doc: "plans, requests and batches in JSON",
    words: &[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\u0000",
        "\\ud800",
        "\\u202e",
        "//",
        "/*",
        "*/",
        "null",
        "true",
        "1e9",
        "0.1",
        "\"version\": 1,",
        "\"tasks\": [",
        "\"commands\": [",
        "\"id\": \"a\",",
        "\"run\": ",
        "\"needs\": [",
        "\"tool\": \"shell\",",
        "\"params\": { \"cmd\": \"x\" },",
        "\"dependsOn\": [\"a\"],",
        "\"config\": {",
        "\"matrix\": { \"a\": [\"b\"] },",
        "'",
        "+1",
        "Infinity",
        "${a.result.x}",
        "\u{feff}",
        "\u{0}",
    ],
    corpus: || corpus::files("json"),
    judge: || Ok(judge(Format::Json)),
};

/// TOML.
pub const TOML: Target = Target {
    name: "toml",
    doc: "plans in TOML",
    words: &[
        "[",
        "]",
        "[[tasks]]\n",
        "= ",
        "\n",
        "\"\"\"",
        "'''",
        "'",
        "\"",
        "{",
        "}",
        ".",
        ",",
        "#",
        "inf",
        "nan",
        "1979-05-27",
        "0x",
        "1_000",
        "id = 'a'\n",
        "run = 'x'\n",
        "needs = ['a']\n",
        "[limits]\n",
        "[tasks.env]\n",
        "\\",
        "\\u0000",
        "\u{0}",
        "a.b.c = 1\n",
        "version = 1\n",
    ],
    corpus: || corpus::files("toml"),
    judge: || Ok(judge(Format::Toml)),
};

fn judge(format: Format) -> Judge {
    Box::new(move |bytes| {
        let loaded = read(bytes, format);
        places(&loaded, bytes)?;
        let again = read(bytes, format);
        must(again.problems == loaded.problems && again.plan == loaded.plan, || {
            "two readings differ".to_owned()
        })?;
        must(loaded.plan.is_some() == (loaded.errors() == 0), || {
            format!("{} errors, and a plan: {}", loaded.errors(), loaded.plan.is_some())
        })?;
        if let Some(plan) = &loaded.plan {
            stored(plan)?;
            if format == Format::Json {
                other_format(plan, bytes)?;
            }
        }
        let kinds = loaded.problems.iter().map(|p| format!("{}{}", p.code.name(), kind_of(&p.message)));
        let dialect = format!("{:?} {}", loaded.dialect, loaded.plan.is_some());
        Ok(Signature::of(kinds.chain([dialect])))
    })
}

fn read(bytes: &[u8], format: Format) -> Loaded {
    load(("fuzz", bytes), format, &Given::default())
}

/// Every place is inside the text and at a character; facts and pictures are made of it without harm.
fn places(loaded: &Loaded, bytes: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(bytes);
    let inside = |span: &Range<usize>| text.get(span.clone()).is_some();
    for problem in &loaded.problems {
        let all = std::iter::once(&problem.span).chain(problem.also.iter().map(|(span, _)| span));
        for span in all {
            must(inside(span), || {
                format!("{span:?} is no place of {} bytes: {}", text.len(), problem.message)
            })?;
        }
        must(problem.message.len() < 2_000, || format!("a message of {} bytes", problem.message.len()))?;
    }
    let lines = text.matches('\n').count() + 1;
    let facts = loaded.facts();
    must(facts.len() == loaded.problems.len(), || "a problem without facts".to_owned())?;
    must(facts.iter().all(|f| (1..=lines).contains(&f.line) && f.column >= 1), || {
        "a line outside".to_owned()
    })?;
    let shown = loaded.render(false);
    must(shown.len() < 2 << 20, || format!("{} bytes are shown", shown.len()))?;
    let raw = shown.chars().find(|c| c.is_control() && *c != '\n' && *c != '\t');
    must(raw.is_none(), || format!("{raw:?} is shown raw"))
}

/// The stored form is read back as the same plan, and both are the same graph.
fn stored(plan: &Plan) -> Result<(), String> {
    let bytes = canonical(plan).map_err(|e| format!("no canonical form: {e}"))?;
    let back: Plan =
        serde_json::from_slice(&bytes).map_err(|e| format!("the stored plan is not read: {e}"))?;
    let again = canonical(&back).map_err(|e| format!("no canonical form: {e}"))?;
    must(digest_of(&again) == digest_of(&bytes), || "another digest after storing".to_owned())?;
    must(back == *plan, || "another plan after storing".to_owned())?;
    must(graph_hash(plan)? == graph_hash(&back)?, || "another schedule after storing".to_owned())?;
    let found = conflicts(plan);
    must(found.found.iter().all(|c| c.a < c.b), || "a conflict of a task with itself".to_owned())
}

fn graph_hash(plan: &Plan) -> Result<String, String> {
    let (spec, _) = lower(plan);
    let graph = Graph::build(spec).map_err(|e| format!("a valid plan is no graph: {e}"))?;
    must(graph.len() == plan.tasks.len(), || "a task is no node".to_owned())?;
    Ok(schedule::hash(&graph))
}

/// JSON is YAML: where both readers take it, it is the same plan. A request or a batch is JSON only.
fn other_format(plan: &Plan, bytes: &[u8]) -> Result<(), String> {
    let Some(other) = read(bytes, Format::Yaml).plan else { return Ok(()) };
    let digest = |plan: &Plan| canonical(plan).map(|bytes| digest_of(&bytes)).map_err(|e| e.to_string());
    must(other.dialect != plan.dialect || digest(&other)? == digest(plan)?, || {
        "another plan when it is read as YAML".to_owned()
    })
}
