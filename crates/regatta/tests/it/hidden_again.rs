//! Spec 9 "Secrets": what a run knew to be a secret is one for whatever is told of its plan and for each run that follows it.

use crate::repo_world::with_plan;
use crate::world::World;
use std::path::{Path, PathBuf};

const VALUE: &str = "hunter2hunter2";

/// A secret of the vault that a command prints: whoever only looks does not run it.
const BY_COMMAND: &str = "vault: { pw: { command: [cat, pw] } }";

fn world(vault: &str, run: &str) -> World {
    let world = World::with(&format!(
        "version: 1\n{vault}\ntasks:\n  - {{ id: a, title: 'login, for long, to all of these machines with {VALUE}', run: '{run}' }}\n"
    ));
    world.write("pw", &format!("{VALUE}\n"));
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(world.path("pw"), mode).unwrap();
    world
}

fn change(world: &World, from: &str, to: &str) {
    let text = world.read("plan.yaml");
    assert!(text.contains(from), "{text}");
    world.write("plan.yaml", &text.replace(from, to));
}

#[test]
fn what_changed_of_a_plan_is_told_without_the_secrets_that_it_repeats() {
    for vault in [BY_COMMAND, "vault: { pw: { file: pw } }"] {
        let world = world(vault, &format!("echo login {VALUE}; false"));
        world.regatta(&["run", "plan.yaml"]).exits(1);
        change(&world, "; false", "; true");
        change(&world, "login, for", "log in, for");
        let said = world.regatta(&["retry"]).exits(3);
        assert!(!said.err.contains("hunter"), "{}", said.err);
        let run = "`run` was \"echo login [REDACTED:vault.pw]; false\", is \"echo login [REDACTED:vault.pw]; true\"";
        assert!(said.err.contains(run) && said.err.contains("log in, for long"), "{}", said.err);
        // A secret that was changed since is one still.
        world.write("pw", "another-one-now");
        let said = world.regatta(&["retry"]).exits(3);
        assert!(!said.err.contains("hunter") && said.err.contains("[REDACTED:vault.pw]"), "{}", said.err);
        // Of a new text nothing is told if a secret cannot be had: it may stand there.
        std::fs::remove_file(world.path("pw")).unwrap();
        change(&world, "; true", " another-one-now");
        let said = world.regatta(&["retry"]).exits(3);
        assert!(!said.err.contains("hunter") && !said.err.contains("another"), "{}", said.err);
        assert!(said.err.contains("task `a`: `run` has changed"), "{}", said.err);
        world.write(
            "plan.yaml",
            &world.read("plan.yaml").replace("id: a", &format!("id: a, cwd: ../{VALUE}")),
        );
        let said = world.regatta(&["retry"]).exits(3);
        assert!(said.err.contains("has errors now") && !said.err.contains("hunter"), "{}", said.err);
    }
}

/// A task that is not done again says why; that is journaled.
#[test]
fn why_work_is_not_reused_is_told_without_the_secrets_of_the_plan() {
    let world = world(BY_COMMAND, &format!("echo login {VALUE}"));
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let first = world.run_id();
    let more = "and a long end of it, so that much of it is cut away when it is told";
    change(&world, VALUE, &format!("to all of the machines that there are {VALUE} {more}"));
    world.regatta(&["run", "plan.yaml", "--reuse", &first]).exits(0);
    let said = world.regatta(&["explain", "a"]).exits(0).out + &world.regatta(&["events"]).exits(0).out;
    assert!(said.contains("`run` was") && !said.contains("hunter"), "{said}");
}

/// A run that takes over work of another is told about that run's plan: what was a secret then is one.
#[test]
fn why_work_is_not_reused_is_told_without_a_secret_that_was_changed_since() {
    for more in [&[][..], &["--detach"]] {
        let world = world(BY_COMMAND, &format!("echo login {VALUE}"));
        world.regatta(&["run", "plan.yaml"]).exits(0);
        let first = world.run_id();
        world.write("pw", "another-one-now");
        change(&world, &format!("login {VALUE}"), "login ${vault.pw}");
        let said = world.regatta(&[&["run", "plan.yaml", "--reuse", &first], more].concat()).exits(0);
        world.follow("run_ended", 1);
        assert_ne!(world.run_id(), first);
        let shown = said.out
            + &said.err
            + &world.regatta(&["explain", "a"]).exits(0).out
            + &world.regatta(&["events"]).exits(0).out
            + &world.regatta(&["status"]).exits(0).out;
        let was = "`run` was \"echo login [REDACTED:vault.pw]\"";
        assert!(shown.contains(was) && !shown.contains("hunter"), "{shown}");
        // The old value stands in the title of the new plan, too.
        assert_eq!(files_with(&world.run_dir(), "hunter2"), Vec::<PathBuf>::new());
    }
}

#[test]
fn of_texts_that_may_hold_a_secret_that_nobody_can_tell_only_the_key_is_journaled() {
    let both = "vault: { pw: { command: [cat, pw] }, more: { command: [cat, more] } }";
    let world = world(both, &format!("echo login {VALUE}second-secret"));
    world.write("more", "second-secret");
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let first = world.run_id();
    world.write("pw", "another-one-now");
    world.write("more", "one-more-of-today");
    change(&world, "echo login", "echo a login");
    let said = world.regatta(&["run", "plan.yaml", "--reuse", &first]).exits(0);
    // What the title says is known for sure; of the rest somebody is told.
    assert!(said.err.contains(&format!("warning: what run {first} knew to be secret")), "{}", said.err);
    let shown = world.regatta(&["explain", "a"]).exits(0).out + &world.regatta(&["events"]).exits(0).out;
    assert!(shown.contains("task `a`: `run` has changed") && !shown.contains("hunter"), "{shown}");
    assert!(!shown.contains("second-secret"), "{shown}");
}

/// One text of which the secrets cannot be told keeps nobody from those of the others.
#[test]
fn a_secret_that_a_plan_repeats_for_sure_is_known_though_another_text_leaves_it_open() {
    let both = "vault: { pw: { command: [cat, pw] }, more: { command: [cat, more] } }";
    let world = world(both, &format!("echo login {VALUE}; false {VALUE}second-secret"));
    world.write("more", "second-secret");
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let first = world.run_id();
    world.write("pw", "another-one-now");
    world.write("more", "one-more-of-today");
    let said = world.regatta(&["retry"]).exits(1);
    assert!(said.err.contains(&format!("warning: what run {first} knew to be secret")), "{}", said.err);
    let logs = world.regatta(&["logs", "a"]).out;
    assert!(logs.contains("login [REDACTED:vault.pw]") && !logs.contains("hunter"), "{logs}");
}

#[test]
fn a_secret_that_was_changed_is_hidden_in_what_a_retry_writes_too() {
    let world = world(BY_COMMAND, &format!("echo login {VALUE}; false"));
    world.regatta(&["run", "plan.yaml"]).exits(1);
    world.write("pw", "another-one-now");
    world.regatta(&["retry"]).exits(1);
    let said = world.regatta(&["logs", "a"]).out + &world.regatta(&["status"]).out;
    assert!(said.contains("login [REDACTED:vault.pw]") && !said.contains("hunter"), "{said}");
}

/// Every file of the store that says it.
fn files_with(dir: &Path, text: &str) -> Vec<PathBuf> {
    let all = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let says = |path: PathBuf| match path.is_dir() {
        true => files_with(&path, text),
        false => {
            let bytes = std::fs::read(&path).unwrap_or_default();
            let found = bytes.windows(text.len()).any(|part| part == text.as_bytes());
            if found { vec![path] } else { vec![] }
        }
    };
    all.flat_map(says).collect()
}

#[test]
fn a_run_that_is_taken_back_keeps_its_secrets() {
    for (more, warns) in [(&[][..], false), (&["--detach"], true)] {
        let mut world = with_plan(&format!(
            "{BY_COMMAND}\nenv: [DEPLOY_TOKEN, COLOUR]\nmerge: {{ gates: ['echo gate {VALUE} $DEPLOY_TOKEN $COLOUR'] }}\n\
             mcp_servers: {{ none: {{ command: no-such-program, env: {{ API_TOKEN: literal-of-it }} }} }}\n\
             tasks: [ {{ id: a, run: 'echo new >new.txt' }} ]\n"
        ));
        world.set("DEPLOY_TOKEN", "value-of-the-deployer");
        world.set("COLOUR", "blue");
        world.write("pw", VALUE);
        world.regatta(&["run", "plan.yaml"]).exits(0);
        // What cannot be had any more keeps nobody from it, and was a secret all the same.
        world.write("pw", if warns { "" } else { VALUE });
        let said = world.regatta(&[&["revert", &world.run_id()], more].concat()).exits(0);
        assert_eq!(said.err.contains("warning: the secret `pw` of the vault"), warns, "{}", said.err);
        world.follow("run_ended", 1);
        assert_eq!(world.regatta(&["status", "--json"]).json()["status"], "succeeded");
        for secret in ["hunter2", "value-of-the-deployer"] {
            let found = files_with(&world.run_dir(), secret);
            assert!(
                found.is_empty() && !(said.out.clone() + &said.err).contains(secret),
                "{found:?} {}",
                said.err
            );
        }
        let marked =
            files_with(&world.run_dir(), "gate [REDACTED:vault.pw] [REDACTED:env.DEPLOY_TOKEN] blue");
        assert!(!marked.is_empty(), "the gate has the variables that it had");
    }
}

/// The process that runs it is another one than the one that began it, and what the earlier run knew stands in no record but its own.
#[test]
fn what_a_run_knew_to_be_a_secret_is_one_for_whoever_takes_it_back_by_himself_or_goes_on_with_that() {
    let world = with_plan("");
    let old = world.path("old.log").display().to_string();
    let plan = format!(
        "{BY_COMMAND}\nmerge: {{ approve: true, gates: ['cat {old}'] }}\n\
         tasks: [ {{ id: a, run: 'echo new >new.txt # {VALUE}' }} ]\n"
    );
    world.write("plan.yaml", &(world.read("plan.yaml") + &plan));
    world.write("old.log", VALUE);
    world.write("pw", VALUE);
    world.regatta(&["run", "plan.yaml"]).exits(5);
    world.regatta(&["merge", "--approve"]).exits(0);
    let first = world.run_id();
    world.write("pw", "another-one-now");
    world.regatta(&["revert", &first, "--detach"]).exits(0);
    world.follow("run_paused", 1);
    let found = files_with(&world.run_dir(), "hunter2");
    assert!(found.is_empty(), "{found:?}");
    assert!(!files_with(&world.run_dir(), "[REDACTED:vault.pw]").is_empty(), "its gate saw the old value");
    // As long as it has not ended it needs that record.
    let kept = world.regatta(&["gc", "--keep", "0", "--older-than", "0", "--delete", "--json"]).exits(0);
    assert!(world.regatta(&["status", &first]).code == Some(0), "{}", kept.out);
    // A revert of the revert knows it too, and so does whoever goes on with it.
    world.regatta(&["merge", "--approve"]).exits(0);
    world.regatta(&["revert", &world.run_id()]).exits(5);
    world.regatta(&["merge", "--approve"]).exits(0);
    let found = files_with(&world.run_dir(), "hunter2");
    assert!(found.is_empty(), "{found:?}");
}

/// What the second run knew it knew by the first one, of which the third says nothing.
#[test]
fn what_a_run_knew_by_the_one_whose_work_it_took_is_known_to_whoever_takes_it_back_and_told_if_that_is_gone()
{
    let world = with_plan("");
    let old = world.path("old.log").display().to_string();
    let head = world.read("plan.yaml");
    let plan = |task: &str| {
        let gates = format!("{BY_COMMAND}\nmerge: {{ gates: ['cat {old}'] }}\n");
        format!("{head}{gates}tasks: [ {{ id: a, run: '{task}' }} ]\n")
    };
    world.write("old.log", VALUE);
    world.write("pw", VALUE);
    world.write("plan.yaml", &plan(&format!("echo one >one.txt # {VALUE}")));
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let first = world.run_id();
    world.write("pw", "another-one-now");
    world.write("plan.yaml", &plan("echo two >two.txt"));
    world.regatta(&["run", "plan.yaml", "--reuse", &first]).exits(0);
    world.regatta(&["revert", &world.run_id(), "--detach"]).exits(0);
    world.follow("run_ended", 1);
    let found = files_with(&world.run_dir(), "hunter2");
    assert!(found.is_empty(), "{found:?}");
    assert!(!files_with(&world.run_dir(), "[REDACTED:vault.pw]").is_empty(), "its gate saw the old value");
    world.regatta(&["gc", "--keep", "1", "--older-than", "0", "--delete"]).exits(0);
    world.regatta(&["status", &first]).exits(2);
    let said = world.regatta(&["revert", &world.run_id()]).exits(0);
    let gone = format!("warning: run {first} is gone, and with it what it knew to be secret");
    assert!(said.err.contains(&gone), "{}", said.err);
}

/// One that asks a person for a code asks once, and whoever goes on by itself once more.
#[test]
fn a_secret_of_a_command_is_fetched_once_by_each_process_that_takes_a_run_back() {
    for (more, times) in [(&[][..], 1), (&["--detach"], 2)] {
        let world = with_plan(
            "vault: { pw: { command: [sh, -c, 'echo asked >>asked.log; echo hunter2hunter2'] } }\n\
             merge: { gates: ['true'] }\ntasks: [ { id: a, run: 'echo new >new.txt' } ]\n",
        );
        world.regatta(&["run", "plan.yaml"]).exits(0);
        std::fs::remove_file(world.path("asked.log")).unwrap();
        world.regatta(&[&["revert", &world.run_id()], more].concat()).exits(0);
        world.follow("run_ended", 1);
        assert_eq!(world.read("asked.log").lines().count(), times);
    }
}

#[test]
fn a_command_at_the_end_that_cannot_be_run_is_told_without_secrets_and_steers_no_terminal() {
    let world = World::with(&format!(
        "version: 1\n{BY_COMMAND}\non_end: [\"./\\e[31m{VALUE}\"]\ntasks: [ {{ id: a, run: 'true' }} ]\n"
    ));
    world.write("pw", VALUE);
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(said.err.contains("warning: on_end: `") && said.err.contains("cannot be run"), "{}", said.err);
    assert!(!said.err.contains('\u{1b}') && !said.err.contains("hunter"), "{}", said.err);
}

#[test]
fn every_place_of_a_plan_that_repeats_a_secret_is_hidden_or_told_to_be_a_name() {
    let mut world = with_plan("");
    world.set("DEPLOY_TOKEN", VALUE);
    let plan = format!(
        "env: [DEPLOY_TOKEN]\nagents: {{ r: {{ command: ['true'], model: {VALUE} }} }}\nmerge: {{ gates: ['test {VALUE}'] }}\n\
         tasks:\n  - {{ id: t, tool: template, params: {{ text: t, vars: {{ {VALUE}: 1 }} }} }}\n  - {{ id: a, run: 'echo new >new.txt' }}\n"
    );
    world.write("plan.yaml", &(world.read("plan.yaml") + &plan));
    let said = world.regatta(&["run", "plan.yaml"]);
    let line = |end: &str| {
        let found =
            said.err.lines().find(|line| line.starts_with("warning: a secret") && line.ends_with(end));
        found.unwrap_or_else(|| panic!("{end}: {}", said.err)).to_owned()
    };
    let hidden = line("let tasks have it by `vault`");
    assert!(hidden.contains("agents.r.model") && hidden.contains("merge.gates.0.name"), "{hidden}");
    assert!(line("call it something else").contains("task `t`: params.vars.[REDACTED"), "{}", said.err);
    assert!(!said.err.contains(VALUE), "{}", said.err);
}
