//! The plan as text: tasks of every part, with comments for whoever has never seen one.
//!
//! Knows no file. What it writes is a valid plan whatever directories are called.

use super::{Git, Part, Step, Survey};
use crate::render::escape::escape;
use std::collections::{BTreeMap, BTreeSet};

/// Most letters of a directory in an id.
const MAX_PREFIX: usize = 40;

/// A plan as text, and what is in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sketch {
    /// The plan.
    pub text: String,
    /// Ids of its tasks, in order.
    pub tasks: Vec<String>,
    /// Programs that its tasks begin with, sorted.
    pub programs: Vec<String>,
}

/// The plan for what was found. `name` is what it shall be called, `file` what it will be written to.
#[must_use]
pub fn sketch(survey: &Survey, name: &str, file: &str) -> Sketch {
    let mut text = head(survey, name, file);
    let (mut tasks, mut programs) = (Vec::new(), BTreeSet::new());
    let mut taken = BTreeSet::new();
    for part in &survey.parts {
        let prefix = prefix(part, &survey.parts);
        let ids: BTreeMap<&str, String> =
            part.steps.iter().map(|step| (step.id.as_str(), id(&prefix, &step.id, &mut taken))).collect();
        let gap = if tasks.is_empty() { "" } else { "\n" };
        text.push_str(&format!("{gap}  # {}: {}\n", part.name, escape(&files(part))));
        for step in &part.steps {
            text.push_str(&task(part, step, (&ids, &prefix)));
            tasks.extend(ids.get(step.id.as_str()).cloned());
            programs.extend(program(&step.run));
        }
    }
    if survey.parts.is_empty() {
        let (ids, more) = example(survey.git);
        tasks = ids;
        text.push_str(more);
    }
    Sketch { text, tasks, programs: programs.into_iter().collect() }
}

fn head(survey: &Survey, name: &str, file: &str) -> String {
    let found: Vec<String> =
        survey.parts.iter().map(|part| format!("{} ({})", part.name, files(part))).collect();
    let found = match found[..] {
        [] => "Nothing was recognised here, so it is an example: put your own commands in.".to_owned(),
        _ => format!("Found: {}.", escape(&found.join(", "))),
    };
    let file = escape(file);
    let (name, resources) = (quoted(name), resources(&survey.parts));
    format!(
        "\
# A plan for this repository, written by `regatta init`. Change what you like.
# {found}
#
#   regatta check {file}     every problem at once
#   regatta plan {file}      what would run when; starts nothing
#   regatta run {file}       runs it; after a crash: regatta resume
version: 1
name: {name}

# A failed task keeps back what needs it, and nothing else. `stop` starts nothing new then.
on_failure: continue

# Doing these tasks twice does no harm: one that a crash interrupted is started again, and nobody is asked.
effect: idempotent

limits:
  max_parallel: 4           # tasks alive at once; `regatta run --max-parallel 8` wins over it
{resources}
# Further keys, with their defaults:
# timeout: {{ attempt: 30m, grace: 10s }}
# retry: {{ max_attempts: 1, backoff: 1s }}
# env: [NPM_TOKEN]          # variables that are passed on besides PATH, HOME and the like

tasks:
"
    )
}

fn task(part: &Part, step: &Step, (ids, prefix): (&BTreeMap<&str, String>, &str)) -> String {
    let mut text = format!("  - id: {}\n", ids.get(step.id.as_str()).map_or("", |id| id));
    text.push_str(&format!("    title: {}\n", quoted(&step.title)));
    if !part.dir.is_empty() {
        // In a working directory `${` begins a reference.
        text.push_str(&format!("    cwd: {}\n", quoted(&part.dir.replace("${", "$${"))));
    }
    let needs: Vec<&str> = step.needs.iter().filter_map(|need| ids.get(need)).map(String::as_str).collect();
    if !needs.is_empty() {
        text.push_str(&format!("    needs: [{}]\n", needs.join(", ")));
    }
    text.push_str(&format!("    run: {}\n", quoted(&step.run)));
    if let Some(resource) = resource(part, step, prefix) {
        text.push_str(&format!("    locks: [{{ resource: {resource}, units: 1 }}]\n"));
    }
    text
}

/// What a step uses alone, by name.
fn resource(part: &Part, step: &Step, prefix: &str) -> Option<String> {
    let name = step.alone?;
    Some(if part.dir.is_empty() { name.to_owned() } else { format!("{name}-{prefix}") })
}

/// The resources of all parts, as keys of the plan.
fn resources(parts: &[Part]) -> String {
    let of = |part: &Part| {
        let prefix = prefix(part, parts);
        part.steps.iter().filter_map(|step| resource(part, step, &prefix)).collect::<Vec<_>>()
    };
    let names: BTreeSet<String> = parts.iter().flat_map(of).collect();
    if names.is_empty() {
        return String::new();
    }
    let names: Vec<String> = names.into_iter().map(|name| format!("{name}: 1")).collect();
    format!(
        "\n# Whoever claims a unit by `locks` waits until one is free: of these tasks one runs at a time.\n\
         resources: {{ {} }}\n",
        names.join(", ")
    )
}

/// A plan for a place of which nothing is known; it can be run as it stands.
fn example(git: Git) -> (Vec<String>, &'static str) {
    let ids = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    match git {
        Git::WorkTree => (
            ids(&["whitespace", "changes", "report"]),
            "  - id: whitespace
    title: no conflict marks and no stray spaces in what is about to be committed
    run: git diff --check && git diff --check --cached

  - id: changes
    title: how much has changed and is not committed
    run: git status --porcelain | wc -l

  - id: report
    needs: [whitespace]
    # ${TASK.stdout} is what another task wrote; naming it makes this task wait for it.
    run: echo \"not committed:\" ${changes.stdout}
",
        ),
        Git::Bare | Git::None => (
            ids(&["files", "report"]),
            "  - id: files
    title: how many files there are
    run: find . -type f -not -path './.regatta/*' | wc -l

  - id: report
    # ${TASK.stdout} is what another task wrote; naming it makes this task wait for it.
    run: echo \"files:\" ${files.stdout}
",
        ),
    }
}

fn files(part: &Part) -> String {
    let place = |file: &String| match part.dir.as_str() {
        "" => file.clone(),
        dir => format!("{dir}/{file}"),
    };
    part.files.iter().map(place).collect::<Vec<_>>().join(", ")
}

/// What tells the tasks of one part from those of another: nothing where there is only one.
fn prefix(part: &Part, all: &[Part]) -> String {
    if all.len() == 1 {
        return String::new();
    }
    let letter = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let dir: String = part.dir.chars().map(letter).collect();
    let dir = dir.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
    let dir = dir.get(..MAX_PREFIX).map_or(dir.clone(), str::to_owned);
    let shared = all.iter().filter(|other| other.dir == part.dir).count() > 1;
    match (dir.is_empty(), shared) {
        (true, _) => part.kind.to_owned(),
        (false, true) => format!("{dir}-{}", part.kind),
        (false, false) => dir,
    }
}

/// An id that no other task has, not even in another case.
fn id(prefix: &str, step: &str, taken: &mut BTreeSet<String>) -> String {
    let wanted = if prefix.is_empty() { step.to_owned() } else { format!("{prefix}-{step}") };
    let numbered = (2..).map(|n| format!("{wanted}-{n}"));
    let free = std::iter::once(wanted.clone()).chain(numbered).find(|id| !taken.contains(&id.to_lowercase()));
    let free = free.unwrap_or(wanted);
    taken.insert(free.to_lowercase());
    free
}

/// The program that a command begins with; none where it begins with something of the shell.
fn program(run: &str) -> Option<String> {
    let word = run.split_whitespace().next()?;
    word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+".contains(&b)).then(|| word.to_owned())
}

/// A text of YAML: as it is where nobody could take it for something else, else in quotes.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || " ./_-+=@,".contains(c);
    let letter = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let taken = word.contains(&text.to_ascii_lowercase().as_str()) || text.ends_with(' ');
    if letter && !taken && text.chars().all(plain) {
        return text.to_owned();
    }
    if !text.contains(char::is_control) && text.contains(['"', '\\']) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    // JSON is YAML.
    serde_json::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use regatta_plan::{Format, Given, load};

    fn part(kind: &'static str, dir: &str) -> Part {
        let steps = vec![
            Step::new("build", "it's built: \"well\"", "make 'a b' \"$x\" # no comment"),
            Step::new("test", "yes", "echo \\ ${HOME}").after(&["build"]).alone("tool"),
        ];
        Part { kind, name: "X".into(), dir: dir.into(), files: vec!["f".into()], steps }
    }

    #[test]
    fn whatever_directories_are_called_the_plan_is_valid_and_says_them_as_they_are() {
        let dirs = [
            "", "a b", "A B", "it's", "x: y # z", "- [", "${HOME}", "ünï", "a/b", "a-b", "", "yes", "1.0",
            "...",
        ];
        for n in 1..=dirs.len() {
            let kinds = ["rust", "node"];
            let parts: Vec<Part> =
                dirs[..n].iter().enumerate().map(|(i, dir)| part(kinds[i % 2], dir)).collect();
            let survey = Survey { git: Git::None, parts, left_out: vec![] };
            let made = sketch(&survey, "my: \"plan\"", "plan.yaml");
            let loaded = load(("p.yaml", made.text.as_bytes()), Format::Yaml, &Given::default());
            assert!(loaded.problems.is_empty(), "{}\n{}", loaded.render(false), made.text);
            let Some(plan) = loaded.plan else { continue };
            assert_eq!((plan.name.as_str(), plan.tasks.len()), ("my: \"plan\"", 2 * n));
            let mut found: Vec<String> =
                plan.tasks.iter().map(|t| t.cwd.clone().unwrap_or_default().replace("$${", "${")).collect();
            let mut wanted: Vec<String> =
                dirs[..n].iter().flat_map(|d| [(*d).to_owned(), (*d).to_owned()]).collect();
            found.sort();
            wanted.sort();
            assert_eq!(found, wanted);
        }
    }

    #[test]
    fn a_plan_for_a_place_of_which_nothing_is_known_is_valid_too() {
        for git in [Git::WorkTree, Git::None] {
            let survey = Survey { git, parts: vec![], left_out: vec![] };
            let made = sketch(&survey, "x", "plan.yaml");
            let loaded = load(("p.yaml", made.text.as_bytes()), Format::Yaml, &Given::default());
            assert!(loaded.problems.is_empty(), "{}", loaded.render(false));
            assert_eq!(loaded.plan.map(|p| p.tasks.len()), Some(made.tasks.len()));
        }
    }
}
