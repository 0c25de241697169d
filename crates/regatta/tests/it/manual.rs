//! Completions, manual pages and the pages about the command line: all say what the binary knows.
//!
//! `docs/cli-reference.md` is a snapshot: `REGATTA_BLESS=1` writes it anew.

use crate::documents::{docs, snapshot};
use crate::world::World;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// What bash offers for the last of some words.
fn offered(script: &str, words: &[&str]) -> BTreeSet<String> {
    let last = words.len() - 1;
    let before = if last > 0 { words[last - 1] } else { "" };
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let line = format!(
        "{script}\nCOMP_WORDS=({})\nCOMP_CWORD={last}\n_regatta regatta '{}' '{before}'\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"",
        quoted.join(" "),
        words[last],
    );
    let mut bash = Command::new("bash");
    let mut child = bash.arg("--norc").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
    let said = child.wait_with_output().unwrap();
    assert!(said.status.success(), "{said:?}");
    String::from_utf8_lossy(&said.stdout).lines().map(str::to_owned).collect()
}

/// The verbs that `regatta help` lists.
fn verbs(world: &World) -> Vec<String> {
    let help = world.regatta(&["help"]).exits(0).out;
    let listed = help.split("Commands:").nth(1).and_then(|rest| rest.split("Options:").next()).unwrap();
    let words = listed.lines().filter(|l| l.starts_with("  ") && !l.starts_with("   "));
    words.filter_map(|l| l.split_whitespace().next()).filter(|v| *v != "help").map(str::to_owned).collect()
}

/// The long options in a help text.
fn options(help: &str) -> BTreeSet<String> {
    let rows = help.lines().map(str::trim_start).filter(|l| l.starts_with('-'));
    let long = rows.filter_map(|l| l.split([' ', ',']).find(|w| w.starts_with("--")));
    long.map(str::to_owned)
        .filter(|o| !["--help", "--version", "--workspace"].contains(&o.as_str()))
        .collect()
}

#[test]
fn bash_completes_verbs_options_and_values_and_no_verb_of_our_own() {
    let world = World::new();
    let script = world.regatta(&["completions", "bash"]).exits(0).out;
    let all = offered(&script, &["regatta", ""]);
    for verb in verbs(&world) {
        assert!(all.contains(&verb), "{verb}: {all:?}");
    }
    assert!(!all.contains("keeper"), "{all:?}");
    assert_eq!(offered(&script, &["regatta", "post-m"]), BTreeSet::from(["post-mortem".to_owned()]));
    let help = world.regatta(&["help", "run"]).out;
    let of_run = offered(&script, &["regatta", "run", "--"]);
    assert!(options(&help).is_subset(&of_run) && options(&help).len() > 8, "{of_run:?}");
    let offer = offered(&script, &["regatta", "completions", ""]);
    assert!(["bash", "fish", "zsh"].iter().all(|shell| offer.contains(*shell)), "{offer:?}");
    assert!(offered(&script, &["regatta", "lock", ""]).contains("acquire"));
}

#[test]
fn bash_completes_the_values_of_every_option_that_takes_one_of_few() {
    let world = World::new();
    let script = world.regatta(&["completions", "bash"]).exits(0).out;
    let all = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<BTreeSet<_>>();
    for verb in ["run", "plan", "export", "doctor"] {
        let offer = offered(&script, &["regatta", verb, "--schedule", ""]);
        assert_eq!(offer, all(&["dataflow", "sequential", "waves"]), "{verb}");
    }
    let offer = offered(&script, &["regatta", "export", "--format", ""]);
    assert_eq!(offer, all(&["dot", "mermaid", "svg"]));
    assert_eq!(offered(&script, &["regatta", "export", "--view", ""]), all(&["gantt", "graph"]));
    assert_eq!(offered(&script, &["regatta", "man", "post"]), all(&["post-mortem"]));
    let documents = offered(&script, &["regatta", "schema", ""]);
    assert!(all(&["batch", "plan", "request", "settings"]).is_subset(&documents), "{documents:?}");
}

#[test]
fn the_synopsis_of_a_manual_page_says_what_each_option_takes() {
    let world = World::new();
    let synopsis = |verb: &str| {
        let page = world.regatta(&["man", verb]).exits(0).out.replace('\\', "");
        page.split(".SH SYNOPSIS\n")
            .nth(1)
            .unwrap()
            .split("\n.SH ")
            .next()
            .unwrap()
            .replace("fB", "")
            .replace("fR", "")
    };
    let has = |verb: &str, words: &[&str]| {
        let synopsis = synopsis(verb);
        for word in words {
            assert!(synopsis.contains(word), "{verb}: {word}: {synopsis}");
        }
    };
    has("plan", &["regatta plan ", "[--max-parallel N]", "[--per-tag TAG=N...]", "[--out FILE]", "[--json]"]);
    has("plan", &["[--schedule dataflow|waves|sequential]", "[-h|--help]", " PLAN"]);
    has("run", &["[--state-file [PATH]]", "[--input NAME=VALUE...]", " PLAN"]);
    has("export", &["[--format mermaid|dot|svg]", "[--view gantt|graph]"]);
    has("answer", &["(--again | --succeeded | --failed | --allow | --deny)", "[--result JSON|@FILE]"]);
    has("analyze", &["--files FILE", "[--min-files N]"]);
    has("import", &["COMMAND"]);
    has("man", &["[--out DIR]", "[VERB]"]);
    has("post-mortem", &["regatta post-mortem "]);
    has("lock-acquire", &["regatta lock acquire "]);
}

#[test]
fn completions_of_every_shell_know_the_verbs_and_need_no_workspace() {
    let mut world = World::new();
    world.set("REGATTA_WORKSPACE", "/nowhere/at/all");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let text = world.regatta(&["completions", shell]).exits(0).out;
        assert!(text.contains("post-mortem") && text.contains("max-parallel"), "{shell}");
        assert!(!text.contains("keeper"), "{shell}");
    }
    let said = world.regatta(&["completions", "tcsh"]).exits(2);
    assert!(said.err.contains("possible values") && said.out.is_empty(), "{}", said.err);
}

#[test]
fn there_is_a_manual_page_for_every_verb_and_a_formatter_takes_it_without_a_complaint() {
    let world = World::new();
    let said = world.regatta(&["man", "--out", "man/man1"]).exits(0);
    let mut names: Vec<String> = std::fs::read_dir(world.path("man/man1"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(said.out, format!("{} pages in man/man1\n", names.len()));
    for verb in verbs(&world) {
        assert!(names.contains(&format!("regatta-{verb}.1")), "{verb}: {names:?}");
    }
    assert!(
        names.contains(&"regatta-lock-acquire.1".to_owned()) && !names.iter().any(|n| n.contains("keeper"))
    );
    for name in &names {
        let formatted = Command::new("groff")
            .args(["-man", "-Tascii", "-P-cbou", "-ww"])
            .arg(world.path("man/man1").join(name))
            .output()
            .unwrap();
        let (text, complaint) =
            (String::from_utf8_lossy(&formatted.stdout), String::from_utf8_lossy(&formatted.stderr));
        assert!(formatted.status.success() && complaint.is_empty(), "{name}: {complaint}");
        assert!(text.contains("SYNOPSIS") && text.contains("regatta"), "{name}: {text}");
    }
    assert_eq!(world.regatta(&["man", "run"]).exits(0).out, world.read("man/man1/regatta-run.1"));
    assert_eq!(
        world.regatta(&["man"]).exits(0).out.lines().count(),
        world.read("man/man1/regatta.1").lines().count()
    );
}

#[test]
fn a_manual_that_cannot_be_written_or_is_of_no_verb_is_told() {
    let world = World::new();
    world.write("file", "");
    let said = world.regatta(&["man", "--out", "file/below"]).exits(4);
    assert!(said.err.contains("cannot write `file/below`"), "{}", said.err);
    assert!(world.regatta(&["man", "no\u{1b}verb"]).exits(2).err.contains("no verb `no\\u{1b}verb`"));
}

#[test]
fn the_reference_of_the_command_line_is_what_the_binary_says() {
    let mut world = World::new();
    world.set("COLUMNS", "100");
    let mut page = "# Command line reference\n\n\
        What `regatta help` and `regatta help VERB` print, verb by verb. This page is made by the binary itself \
        (`cargo xtask docs` makes it anew). What each verb does, with its output, is in [the command line](cli.md).\n"
        .to_owned();
    let section = |page: &mut String, title: &str, args: &[&str]| {
        let said = world.regatta(args).exits(0);
        page.push_str(&format!("\n## {title}\n\n```text\n{}\n```\n", said.out.trim_end()));
    };
    section(&mut page, "regatta", &["help"]);
    for verb in verbs(&world) {
        section(&mut page, &format!("regatta {verb}"), &["help", &verb]);
    }
    section(&mut page, "regatta lock acquire", &["help", "lock", "acquire"]);
    section(&mut page, "regatta lock release", &["help", "lock", "release"]);
    section(&mut page, "regatta import epic", &["help", "import", "epic"]);
    section(&mut page, "regatta import prd", &["help", "import", "prd"]);
    let page: String = page.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    snapshot("cli-reference.md", &page);
}

#[test]
fn the_page_about_the_command_line_speaks_of_every_verb_and_every_option() {
    let world = World::new();
    let page = std::fs::read_to_string(docs("cli.md")).unwrap();
    for verb in verbs(&world) {
        assert!(page.contains(&format!("| [`{verb}`](#")), "`{verb}` is not in the table of verbs");
        let help = world.regatta(&["help", &verb]).exits(0).out;
        assert!(help.contains("Example"), "the help of `{verb}` has no example");
        let title = |line: &&str| {
            line.strip_prefix("## ").is_some_and(|t| t.split([' ', ',']).any(|word| word == verb))
        };
        let heading = page.lines().find(title).unwrap_or_else(|| panic!("no section speaks of `{verb}`"));
        let section = page.split(&format!("{heading}\n")).nth(1).unwrap().split("\n## ").next().unwrap();
        let common = page.split("## In common").nth(1).unwrap().split("\n## ").next().unwrap();
        for option in options(&help) {
            let told = section.contains(&option) || common.contains(&format!("`{option} "));
            assert!(told, "`{heading}` does not speak of `{option}`");
        }
    }
}
