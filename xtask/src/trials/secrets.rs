//! Texts with and without secrets as the output of tasks of real runs, judged by a scanner that is not ours.
//!
//! ```text
//! case -> two files -> task `cat a b` of one run -> regatta logs -> scan.py score          is every secret gone, what else changed?
//!                                                   .regatta     -> scan.py corpus | rules  is one of them in any file of the store?
//! ```
//! Declared values are given as variables that the plan names in `secrets`. It knows no rule.

use super::{Findings, Trials, instance, make};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;

/// The folder of the data.
const FOLDER: &str = "secrets";
/// So much of ordinary text stays as it is, in hundredths.
const KEPT_PERCENT: usize = 97;

/// Runs all cases and judges what came out.
pub(super) fn judge(trials: &Trials) -> Result<Findings, String> {
    let corpus = trials.data.join(FOLDER).join("corpus.jsonl.gz");
    let cases = instance::lines(&corpus)?.iter().map(|line| read(line)).collect::<Result<Vec<Value>, _>>()?;
    let ordinary = trials.data.join(FOLDER).join("negatives.json");
    let ordinary = std::fs::read_to_string(&ordinary).map_err(|e| format!("{}: {e}", ordinary.display()))?;
    let ordinary = read(&ordinary)?;
    // A text that may stay can hold most of a secret that may not, so each kind has a store of its own.
    let out = run(&apart(trials, "cases")?, &cases.iter().collect::<Vec<_>>())?;
    let may_stay = cases.iter().filter(|case| case["expect"] != "redact");
    let texts: Vec<&Value> = may_stay.chain(ordinary.as_array().into_iter().flatten()).collect();
    let secret: Vec<&Value> = cases.iter().filter(|case| case["expect"] == "redact").collect();
    run(&apart(trials, "secret")?, &secret)?;
    let mut findings = Findings::default();
    let line = |(case, text): (&Value, &String)| json!({ "id": case["id"], "text": text }).to_string() + "\n";
    let outputs = trials.file("outputs.jsonl", &cases.iter().zip(&out).map(line).collect::<String>())?;
    let store = trials.place.join("secret/.regatta");
    // The database has hashes of everything, which look like keys to a rule.
    let files = store.join("runs").display().to_string();
    let [corpus, outputs, store] = [&corpus, &outputs, &store].map(|path| path.display().to_string());
    let score = scan(trials, &["score", &corpus, &outputs])?;
    findings.lines.push("| class | level | right |".to_owned());
    findings.lines.push("|---|---|---|".to_owned());
    for words in score.0.iter().map(|line| line.split_whitespace().collect::<Vec<_>>()) {
        match words[..] {
            [class, level, good, "/", all, share] => {
                findings.lines.push(format!("| {class} | {level} | {good} of {all}, {share} |"));
            }
            ["LEAK", id] => findings.wrong.push(format!("a secret came through: {id}")),
            _ => {}
        }
    }
    for what in [["corpus", corpus.as_str(), store.as_str()].as_slice(), &["rules", &files]] {
        let (mut lines, _) = scan(trials, what)?;
        // Our own marker, taken for a password of `curl`.
        lines.retain(|line| !line.contains(": '[RE") && !line.contains(": [RE"));
        let good = lines.len() == 1;
        findings.lines.push(format!(
            "\n`scan.py {}` over the store: {}",
            what[0],
            if good { "nothing" } else { "found" }
        ));
        if !good {
            findings.wrong.extend(lines.into_iter().take(10));
        }
    }
    kept(&texts, &run(&apart(trials, "ordinary")?, &texts)?, &mut findings);
    Ok(findings)
}

/// Counts ordinary texts that are as they were.
fn kept(texts: &[&Value], out: &[String], findings: &mut Findings) {
    let ordinary = texts.iter().zip(out).filter(|(text, _)| text["expect"] != "redact");
    let (same, changed): (Vec<_>, Vec<_>) = ordinary.partition(|(text, out)| text["text"] == **out);
    let all = same.len() + changed.len();
    findings.lines.push(format!("\nordinary texts: {} of {all} stay as they are", same.len()));
    for (text, out) in &changed {
        findings.lines.push(format!("- changed: `{}`", out.replace('`', "'").escape_debug()));
        findings.lines.push(format!("  (a text beside the rule {})", text["rule"]));
    }
    if same.len() * 100 < all * KEPT_PERCENT {
        findings.missed.push(format!("{KEPT_PERCENT} % of ordinary texts stay as they are"));
    }
}

/// One run, a task for each text. What is declared is declared to all of it.
fn run(trials: &Trials, texts: &[&Value]) -> Result<Vec<String>, String> {
    let mut declared: BTreeMap<String, String> = BTreeMap::new();
    for text in texts.iter().filter_map(|text| text["declared"].as_str()) {
        let name = format!("DECLARED_{}", declared.len());
        if !declared.values().any(|known| known == text) {
            declared.insert(name, text.to_owned());
        }
    }
    let mut tasks = Vec::new();
    for (n, case) in texts.iter().enumerate() {
        let text = case["text"].as_str().unwrap_or_default();
        let split = usize::try_from(case["split"].as_u64().unwrap_or(0)).unwrap_or(0).min(text.len());
        let (first, rest) = text.as_bytes().split_at(split);
        let names = [(format!("{n}.a"), first), (format!("{n}.b"), rest)];
        for (name, bytes) in &names {
            let path = trials.place.join(name);
            std::fs::write(&path, bytes).map_err(|e| format!("{}: {e}", path.display()))?;
        }
        tasks.push(json!({ "id": format!("t{n}"), "run": ["cat", names[0].0, names[1].0] }));
    }
    let names: Vec<&String> = declared.keys().collect();
    let plan = json!({ "version": 1, "name": "secrets", "secrets": names, "tasks": tasks });
    let plan = trials.file("secrets.json", &plan.to_string())?.display().to_string();
    let mut command = trials.regatta(&["run", &plan]);
    let run = command.envs(&declared).output().map_err(|e| format!("regatta: {e}"))?;
    if !run.status.success() {
        return Err(format!("the run failed: {}", String::from_utf8_lossy(&run.stderr)));
    }
    (0..texts.len()).map(|n| said(trials, n)).collect()
}

/// A workspace of its own.
fn apart(trials: &Trials, name: &str) -> Result<Trials, String> {
    let place = trials.place.join(name);
    make(&place)?;
    Ok(Trials { binary: trials.binary.clone(), data: trials.data.clone(), place })
}

/// What a task wrote, as it is shown.
fn said(trials: &Trials, n: usize) -> Result<String, String> {
    let output = trials.regatta(&["logs", &format!("t{n}")]).output().map_err(|e| format!("regatta: {e}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What the scanner says, and whether it found nothing.
fn scan(trials: &Trials, args: &[&str]) -> Result<(Vec<String>, bool), String> {
    let mut command = Command::new("python3");
    command.arg(trials.data.join(FOLDER).join("scan.py")).args(args);
    let output = command.output().map_err(|e| format!("python3: {e}"))?;
    if !output.stderr.is_empty() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stdout);
    Ok((said.lines().map(str::to_owned).collect(), output.status.success()))
}

fn read(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|e| format!("a case cannot be read: {e}"))
}
