//! Real merges: what the product foresees of each, by the code that lands, beside what git and people made of it.
//!
//! ```text
//! merges.json   ours, theirs        -> the tree of a clean merge; the files of a conflict, and the pair foreseen
//! waves.json    base, branches      -> each step in order, onto what people had by then; every pair; the tree in the end
//! ```
//! Repositories are mirrors that somebody has; one that is not had is told by name and counts as nothing.

use super::{Findings, make};
use crate::cargo::{cargo, run as run_command};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Right ones, and all.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally(u64, u64);

impl Tally {
    fn count(&mut self, right: bool) {
        self.0 += u64::from(right);
        self.1 += 1;
    }

    fn add(&mut self, other: Tally) {
        self.0 += other.0;
        self.1 += other.1;
    }

    fn text(self) -> String {
        if self.1 == 0 { "-".to_owned() } else { format!("{} of {}", self.0, self.1) }
    }
}

/// What is counted of a repository, in the order of the columns.
type Row = [Tally; 6];
/// Clean steps of waves,
const STEP: usize = 2;
/// their conflicts,
const STEP_CONFLICT: usize = 3;
/// pairs of both files,
const PAIR: usize = 4;
/// and trees in the end.
const FINAL: usize = 5;

/// A question to the product, and how its answer is judged.
struct Case<'a> {
    name: String,
    ask: Value,
    wanted: Wanted<'a>,
}

enum Wanted<'a> {
    /// One merge.
    Merge(&'a Value),
    /// The pair of both sides of one merge.
    Sides(&'a Value),
    /// A wave.
    Wave(&'a Value),
}

/// Asks about every case whose repository is had.
pub(super) fn judge(root: &Path, data: &Path, repositories: Option<&Path>) -> Result<Findings, String> {
    run_command(&mut cargo(root, &["build", "-p", "regatta-runtime", "--example", "merges"]))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let program = target.join("debug/examples/merges");
    let (merges, waves) = (read(&data.join("merges/merges.json"))?, read(&data.join("merges/waves.json"))?);
    let all = || merges.iter().chain(&waves);
    let names: BTreeSet<&str> = all().filter_map(|case| case["repo"].as_str()).collect();
    let mut findings = Findings::default();
    findings.lines.extend([
        "| repository | clean merges: the tree | conflicts: the files | clean steps of waves | conflicts of waves | pairs | trees in the end |".to_owned(),
        "|---|---|---|---|---|---|---|".to_owned(),
    ]);
    let (mut sum, mut not_had) = (Row::default(), Vec::new());
    for name in names {
        let Some(mirror) = repositories.and_then(|dir| find(dir, name)) else {
            not_had.push(name);
            findings
                .lines
                .push(format!("| {name} | not had | not had | not had | not had | not had | not had |"));
            continue;
        };
        let place = target.join(format!("merges-{}", std::process::id()));
        make(&place)?;
        let of = |cases: &'_ [Value]| {
            cases.iter().filter(|case| case["repo"] == name).cloned().collect::<Vec<_>>()
        };
        let (merges, waves) = (of(&merges), of(&waves));
        let row = asked((&program, &mirror, &place), &cases(&merges, &waves), &mut findings.wrong)?;
        std::fs::remove_dir_all(&place).map_err(|e| format!("{}: {e}", place.display()))?;
        findings.lines.push(line(name, &row));
        sum.iter_mut().zip(row).for_each(|(all, one)| all.add(one));
    }
    findings.lines.push(line("all that were had", &sum));
    findings.lines.extend([String::new(), words(&not_had)]);
    Ok(findings)
}

fn words(not_had: &[&str]) -> String {
    match not_had {
        [] => "Every repository was had.".to_owned(),
        names => format!("Not had, so not judged: {}.", names.join(", ")),
    }
}

fn line(name: &str, row: &Row) -> String {
    format!("| {name} | {} |", row.map(Tally::text).join(" | "))
}

fn read(path: &Path) -> Result<Vec<Value>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
}

/// The git directory of a mirror below a directory.
fn find(dir: &Path, name: &str) -> Option<PathBuf> {
    let flat = dir.join(name.replace('/', "+"));
    let nested = dir.join(name);
    let bare = dir.join(format!("{name}.git"));
    let places = [
        flat.join("repo/.git"),
        flat.join("repo"),
        flat.join(".git"),
        flat,
        bare,
        nested.join(".git"),
        nested,
    ];
    places.into_iter().find(|place| place.join("HEAD").is_file() && place.join("objects").is_dir())
}

fn cases<'a>(merges: &'a [Value], waves: &'a [Value]) -> Vec<Case<'a>> {
    let short = |value: &Value| value.as_str().and_then(|id| id.get(..10)).unwrap_or_default().to_owned();
    let mut all = Vec::new();
    for case in merges {
        let name =
            format!("merge {} of {}", short(&case["merge"]), case["repo"].as_str().unwrap_or_default());
        let one = json!({ "from": case["ours"], "branches": [case["theirs"]], "trees": [] });
        let two = json!({ "from": case["base"], "branches": [case["ours"], case["theirs"]], "trees": [] });
        all.push(Case { name: name.clone(), ask: one, wanted: Wanted::Merge(case) });
        all.push(Case { name: format!("both sides of {name}"), ask: two, wanted: Wanted::Sides(case) });
    }
    for case in waves {
        let name =
            format!("wave at {} of {}", short(&case["base"]), case["repo"].as_str().unwrap_or_default());
        let trees: Vec<&Value> =
            case["steps"].as_array().into_iter().flatten().map(|step| &step["tree"]).collect();
        let ask = json!({ "from": case["base"], "branches": case["branches"], "trees": trees });
        all.push(Case { name, ask, wanted: Wanted::Wave(case) });
    }
    all
}

/// Asks the product about cases of one repository.
fn asked(
    (program, mirror, place): (&Path, &Path, &Path),
    cases: &[Case<'_>],
    wrong: &mut Vec<String>,
) -> Result<Row, String> {
    let failed = |e: std::io::Error| format!("{}: {e}", program.display());
    let mut child = Command::new(program)
        .arg(mirror)
        .current_dir(place)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let lines: String = cases.iter().map(|case| format!("{}\n", case.ask)).collect();
    let pipe = child.stdin.take();
    let feeder = std::thread::spawn(move || pipe.map(|mut pipe| pipe.write_all(lines.as_bytes())));
    let output = child.wait_with_output().map_err(failed)?;
    // Whoever wants no more of it says so by its exit code.
    let _ = feeder.join();
    if !output.status.success() {
        return Err(format!("{} fails: {}", program.display(), output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let answers: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    if answers.len() != cases.len() {
        return Err(format!("{} answers for {} cases", answers.len(), cases.len()));
    }
    let mut row = Row::default();
    for (case, answer) in cases.iter().zip(&answers) {
        if let Some(missing) = answer["missing"].as_str() {
            wrong.push(format!("{}: the mirror has no {missing}", case.name));
            continue;
        }
        let mut tell = |what: &str| wrong.push(format!("{}: {what}", case.name));
        match case.wanted {
            Wanted::Merge(wanted) => of_merge((wanted, answer), &mut row, &mut tell),
            Wanted::Sides(wanted) => of_sides((wanted, answer), &mut row, &mut tell),
            Wanted::Wave(wanted) => of_wave((wanted, answer), &mut row, &mut tell),
        }
    }
    Ok(row)
}

type Tell<'a> = &'a mut dyn FnMut(&str);

/// A clean merge has its tree, a conflict exactly its files.
fn step(
    (wanted, tree, found): (&Value, &Value, &Value),
    (clean, conflict): (&mut Tally, &mut Tally),
    tell: Tell<'_>,
) {
    let is_clean = wanted["clean"] == true;
    let right = found["clean"] == wanted["clean"]
        && if is_clean { found["tree"] == *tree } else { found["paths"] == wanted["conflict_files"] };
    if is_clean {
        clean.count(right)
    } else {
        conflict.count(right)
    }
    if !right {
        tell(&format!("foreseen {found}, wanted tree {tree} or the files {}", wanted["conflict_files"]));
    }
}

fn of_merge((wanted, answer): (&Value, &Value), row: &mut Row, tell: Tell<'_>) {
    let [clean, conflict, ..] = row;
    step((wanted, &wanted["merged_tree"], &answer["steps"][0]), (clean, conflict), tell);
}

/// The two sides conflict as a pair if and only if their merge does.
fn of_sides((wanted, answer): (&Value, &Value), row: &mut Row, tell: Tell<'_>) {
    let foreseen = !answer["pairs"].as_array().is_none_or(Vec::is_empty);
    let right = foreseen != (wanted["clean"] == true);
    row[PAIR].count(right);
    if !right {
        tell(if foreseen { "a pair is foreseen that merges" } else { "the pair is not foreseen" });
    }
}

fn of_wave((wanted, answer): (&Value, &Value), row: &mut Row, tell: Tell<'_>) {
    let steps = wanted["steps"].as_array().cloned().unwrap_or_default();
    for (i, one) in steps.iter().enumerate() {
        let (clean, conflict) = row.split_at_mut(STEP_CONFLICT);
        let found = &answer["steps"][i];
        step((one, &one["tree"], found), (&mut clean[STEP], &mut conflict[0]), &mut |what| {
            tell(&format!("step {}: {what}", i + 1));
        });
    }
    // Pairs that are not listed touch nothing together and merge.
    let mut pairs: BTreeMap<String, (bool, Value)> = BTreeMap::new();
    for pair in wanted["overlapping_pairs"].as_array().into_iter().flatten() {
        pairs.insert(pair["pair"].to_string(), (pair["clean"] == true, pair["conflict_files"].clone()));
    }
    let mut found: BTreeMap<String, Value> = BTreeMap::new();
    for pair in answer["pairs"].as_array().into_iter().flatten() {
        found.insert(json!([pair[0], pair[1]]).to_string(), pair[2].clone());
    }
    for (pair, (clean, files)) in &pairs {
        // The data lists fifty files of a pair at most.
        let told = found.remove(pair).map(|files| {
            Value::from(files.as_array().map_or(&[][..], |all| &all[..all.len().min(50)]).to_vec())
        });
        let right = if *clean { told.is_none() } else { told.as_ref() == Some(files) };
        row[PAIR].count(right);
        if !right {
            tell(&format!("pair {pair}: foreseen {told:?}, wanted {files}"));
        }
    }
    for (pair, files) in found {
        row[PAIR].count(false);
        tell(&format!("pair {pair} is foreseen in {files} and merges"));
    }
    if steps.iter().all(|one| one["clean"] == true) {
        let right = answer["final"] == wanted["final_tree"];
        row[FINAL].count(right);
        if !right {
            tell(&format!("the tree in the end is {}, wanted {}", answer["final"], wanted["final_tree"]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_is_right_by_its_tree_and_a_conflict_by_exactly_its_files() {
        let judged = |wanted: Value, found: Value| {
            let (mut row, mut told) = (Row::default(), Vec::new());
            of_merge((&wanted, &json!({ "steps": [found] })), &mut row, &mut |what| {
                told.push(what.to_owned())
            });
            (row[0], row[1], told.len())
        };
        let clean = json!({ "clean": true, "merged_tree": "t", "conflict_files": [] });
        assert_eq!(
            judged(clean.clone(), json!({ "clean": true, "tree": "t" })),
            (Tally(1, 1), Tally(0, 0), 0)
        );
        assert_eq!(judged(clean, json!({ "clean": true, "tree": "u" })), (Tally(0, 1), Tally(0, 0), 1));
        let conflict = json!({ "clean": false, "conflict_files": ["a", "b"] });
        assert_eq!(judged(conflict.clone(), json!({ "clean": false, "paths": ["a", "b"] })).1, Tally(1, 1));
        assert_eq!(judged(conflict.clone(), json!({ "clean": false, "paths": ["a"] })).1, Tally(0, 1));
        assert_eq!(judged(conflict, json!({ "clean": true, "tree": "t" })).1, Tally(0, 1));
    }

    #[test]
    fn pairs_and_the_tree_in_the_end_of_a_wave_are_judged_too() {
        let wanted = json!({ "steps": [{ "clean": true, "tree": "t" }], "final_tree": "t",
            "overlapping_pairs": [{ "pair": [0, 1], "clean": true, "conflict_files": [] }, { "pair": [0, 2], "clean": false, "conflict_files": ["a"] }] });
        let judged = |pairs: Value| {
            let answer = json!({ "steps": [{ "clean": true, "tree": "t" }], "pairs": pairs, "final": "t" });
            let (mut row, mut told) = (Row::default(), Vec::new());
            of_wave((&wanted, &answer), &mut row, &mut |what| told.push(what.to_owned()));
            (row[STEP], row[PAIR], row[FINAL], told.len())
        };
        assert_eq!(judged(json!([[0, 2, ["a"]]])), (Tally(1, 1), Tally(2, 2), Tally(1, 1), 0));
        assert_eq!(judged(json!([])).1, Tally(1, 2));
        assert_eq!(judged(json!([[0, 2, ["a"]], [1, 2, ["b"]]])).1, Tally(2, 3));
    }

    #[test]
    fn a_mirror_is_found_under_either_name_and_one_that_is_not_had_is_named() {
        let dir = std::env::temp_dir().join(format!("mirrors-{}", std::process::id()));
        for place in ["a+b/repo", "c/d.git"] {
            std::fs::create_dir_all(dir.join(place).join("objects")).unwrap();
            std::fs::write(dir.join(place).join("HEAD"), "").unwrap();
        }
        assert_eq!(find(&dir, "a/b"), Some(dir.join("a+b/repo")));
        assert_eq!((find(&dir, "c/d"), find(&dir, "e/f")), (Some(dir.join("c/d.git")), None));
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!(words(&["e/f"]), "Not had, so not judged: e/f.");
    }
}
