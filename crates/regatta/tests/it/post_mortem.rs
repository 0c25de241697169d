//! `regatta post-mortem` on the real binary: facts of the journal in the sections of the format, nothing made up.

use crate::world::World;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;

const PLAN: &str = "version: 1
name: \"night *run*\\n---\\nepic_id: evil\"
breaker: { failures: 2, cool_down: 10ms }
limits: { max_parallel: 1 }
tasks:
  - { id: good, priority: P0, run: echo fine }
  - { id: flaky, priority: P1, tags: [net], retry: { max_attempts: 3, backoff: 1ms }, run: test $REGATTA_ATTEMPT = 3 }
  - id: worn
    title: \"a | b <i>\\e[31m`x`\"
    retry: { max_attempts: 2, backoff: 1ms }
    run: echo gone >&2; exit 4
  - { id: child, needs: [worn], run: 'true' }
";

/// The text with everything masked that differs from run to run.
fn masked(world: &World, text: &str) -> String {
    let time = |word: &str| word.len() == 26 && word.starts_with("\"20") && word.ends_with("Z\"");
    let mut out = String::new();
    for line in text.replace(&world.run_id(), "RUN").lines() {
        if let Some((before, after)) = line.split_once("/attempts/") {
            // Who comes first after a back-off is timing.
            let (_, name) = after.split_once('/').unwrap();
            out.push_str(&format!("{before}/attempts/N/{name}\n"));
            continue;
        }
        let mut words: Vec<&str> = line.split(' ').collect();
        for i in 0..words.len() {
            if time(words[i]) || words[i].len() == 24 && words[i].ends_with('Z') {
                words[i] = "WALL";
            }
            let unit =
                words.get(i + 1).is_some_and(|next| matches!(next.trim_end_matches([',', '.']), "ms" | "s"));
            let metric = i >= 3 && words[1].ends_with("_ms") && words[i].parse::<u64>().is_ok();
            if metric || unit && words[i].parse::<f64>().is_ok() {
                words[i] = "N";
            }
            if i > 0 && words[i - 1] == "N" && words[i].starts_with(['m', 's']) {
                words[i] = if words[i].ends_with('.') { "UNIT." } else { "UNIT" };
            }
        }
        out.push_str(&words.join(" "));
        out.push('\n');
    }
    out
}

#[test]
fn a_post_mortem_has_the_sections_of_the_format_and_says_what_it_does_not_know() {
    let world = World::with(PLAN);
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let said = world.regatta(&["post-mortem"]).exits(0);
    assert_eq!(world.regatta(&["post-mortem"]).out, said.out, "the same journal gives the same bytes");
    insta::assert_snapshot!(masked(&world, &said.out), @r#"
    ---
    epic_id: "RUN"
    title: "night *run*\\n---\\nepic_id: evil"
    completed_at: WALL
    execution_mode: "dataflow"
    parallel_agents: 1
    ---

    # Post-mortem: night \*run\*\\n---\\nepic\_id: evil

    ## Summary

    - The run ended as partial: 2 succeeded, 1 exhausted, 1 blocked.
    - 6 attempts took N UNIT in all, within N UNIT.

    ## Execution Details

    - run: RUN
    - status: partial
    - started: WALL
    - waves: 2
    - taken up again: 0

    | task | status | attempts | time | cause |
    |---|---|---|---|---|
    | good | succeeded | 1 | N UNIT |  |
    | flaky | succeeded | 3 | N UNIT |  |
    | worn: a \| b \<i\>\\e\[31m\`x\` | exhausted | 2 | N UNIT | exit |
    | child | blocked | 0 | N UNIT | upstream |

    ## What Worked Well

    - 1 of 4 tasks succeeded at the first attempt.
    - Succeeded after further attempts: flaky.
    - The breaker of tag net closed again.

    ## Challenges

    ### Challenge 1

    - Description: task flaky: succeeded after 3 attempts (1 succeeded, 2 failed)
    - Impact: N UNIT of attempts that did not succeed
    - Root cause: cause exit; why is not analysed
    - Resolution: a further attempt succeeded
    - Lesson: not analysed

    ### Challenge 2

    - Description: task worn: exhausted after 2 attempts (2 failed)
    - Impact: blocks directly: child; N UNIT of attempts that did not succeed
    - Root cause: attempt 2 failed: exit 4; why is not analysed
    - Resolution: open: escalated
    - Lesson: not analysed

    ### Challenge 3

    - Description: tag net: its breaker opened once
    - Impact: its tasks did not start meanwhile
    - Root cause: not analysed
    - Resolution: a task that tried succeeded
    - Lesson: not analysed

    ## Recommendations

    - task worn: `regatta logs --run RUN worn --stderr` shows what it wrote last
    - the run: `regatta retry RUN` runs what did not succeed again as a new run, with the results of what did
    - Anything more is not analysed.

    ## Metrics

    | metric | value |
    |---|---|
    | attempts | 6 |
    | retries | 3 |
    | lost_or_interrupted | 0 |
    | held | 0 |
    | breaker_opens | 1 |
    | wall_ms | N |
    | sum_ms | N |
    | lower_bound_ms | N |
    | max_parallel | 1 |
    | most_at_once | 1 |
    | token_input | 0 |
    | token_output | 0 |

    ## Artifacts

    - `.regatta/runs/RUN/schedule.snapshot.json`
    - `.regatta/runs/RUN/events.snapshot.json`
    - `.regatta/runs/RUN/attempts.snapshot.json`
    - `.regatta/runs/RUN/escalations/worn.md`
    - `.regatta/runs/RUN/attempts/N/stdout`
    - `.regatta/runs/RUN/attempts/N/stderr`
    "#);
}

#[test]
fn a_post_mortem_as_json_has_the_same_facts_and_goes_where_it_is_told() {
    let world = World::with(PLAN);
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let report = world.regatta(&["post-mortem", "--json"]).exits(0).json();
    let keys: Vec<&str> = report.as_object().unwrap().keys().map(String::as_str).collect();
    let expect = [
        "epic_id",
        "title",
        "completed_at",
        "execution_mode",
        "parallel_agents",
        "summary",
        "execution_details",
        "what_worked_well",
        "challenges",
        "recommendations",
        "metrics",
        "artifacts",
    ];
    assert_eq!(keys, expect);
    assert_eq!((&report["epic_id"], &report["parallel_agents"]), (&world.run_id().into(), &1.into()));
    let challenge = &report["challenges"][1];
    assert_eq!(challenge["description"], "task worn: exhausted after 2 attempts (2 failed)");
    assert_eq!(
        (&challenge["lesson"], &challenge["resolution"]),
        (&"not analysed".into(), &"open: escalated".into())
    );
    assert_eq!((&report["metrics"]["attempts"], &report["metrics"]["breaker_opens"]), (&6.into(), &1.into()));
    for path in report["artifacts"].as_array().unwrap() {
        assert!(world.path(path.as_str().unwrap()).exists(), "{path}");
    }
    let id = world.run_id();
    let said = world.regatta(&["post-mortem", &id[..8], "--json", "--out", "report.json"]).exits(0);
    assert_eq!(said.out, "");
    assert_eq!(serde_json::from_str::<Value>(&world.read("report.json")).unwrap(), report);
    let said = world.regatta(&["post-mortem", "--out", "missing/report.md"]).exits(4);
    assert!(said.err.starts_with("error: cannot write `"), "{}", said.err);
    assert!(said.err.contains("/missing/report.md`: "), "{}", said.err);
    // What is there is replaced with force only.
    let said = world.regatta(&["post-mortem", "--out", "report.json"]).exits(2);
    assert!(said.err.contains("report.json` is there already; nothing was written"), "{}", said.err);
    assert_eq!(serde_json::from_str::<Value>(&world.read("report.json")).unwrap(), report);
    world.regatta(&["post-mortem", "--out", "report.json", "--force"]).exits(0);
    assert!(world.read("report.json").starts_with("---\n"), "{}", world.read("report.json"));
    world.regatta(&["post-mortem", "--force"]).exits(2);
    world.regatta(&["post-mortem", "nope"]).exits(2);
}

#[test]
fn a_run_that_has_not_ended_has_a_post_mortem_too() {
    let world = World::with("version: 1\ntasks:\n  - { id: a, run: 'echo up >begun; sleep 60' }\n");
    world.fifo("begun");
    let mut child = world.start(&["run", "plan.yaml"]);
    world.hear("begun");
    crate::world::signal(&child, rustix::process::Signal::INT);
    crate::world::ends(&mut child);
    let report = world.regatta(&["post-mortem", "--json"]).exits(0).json();
    assert_eq!(report["completed_at"], Value::Null);
    assert_eq!(report["challenges"][0]["resolution"], "open: waits for a person's answer");
    assert_eq!(report["summary"][0], "The run has not ended: interrupted: 1 open.");
    let id = world.run_id();
    assert_eq!(report["recommendations"][0]["command"], format!("regatta answer {id} a --again"));
}

#[test]
fn a_post_mortem_is_written_under_the_id_of_its_epic_and_replaces_nothing_unless_forced() {
    let world = World::with("version: 1\ntasks: [ { id: a, run: echo fine } ]");
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let said = world.regatta(&["post-mortem", "--write", "--epic", "EPIC-7"]).exits(0);
    assert_eq!(said.out, "wrote .workflow/post-mortem/EPIC-7.md\n");
    let text = world.read(".workflow/post-mortem/EPIC-7.md");
    assert!(text.starts_with("---\nepic_id: \"EPIC-7\"\n"), "{text}");
    let sections: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let exact = "Summary|Execution Details|What Worked Well|Challenges|Recommendations|Metrics|Artifacts";
    assert_eq!(sections, exact.split('|').collect::<Vec<_>>());
    world.write(".workflow/post-mortem/EPIC-7.md", "a lesson");
    let said = world.regatta(&["post-mortem", "--write", "--epic", "EPIC-7"]).exits(2);
    assert!(said.err.contains("is there already; nothing was written"), "{}", said.err);
    assert_eq!(world.read(".workflow/post-mortem/EPIC-7.md"), "a lesson");
    world.regatta(&["post-mortem", "--write", "--epic", "EPIC-7", "--force"]).exits(0);
    assert_eq!(world.read(".workflow/post-mortem/EPIC-7.md"), text);
    world.regatta(&["post-mortem", "--write", "--epic", "../x"]).exits(2);
    world.regatta(&["post-mortem", "--write"]).exits(0);
    assert!(world.path(".workflow/post-mortem").join(world.run_id() + ".md").exists());
}

#[test]
fn a_run_of_an_epic_leaves_its_post_mortem_and_never_writes_over_one() {
    let world = World::with("version: 1\nepic: EPIC-8\ntasks: [ { id: a, run: echo fine } ]");
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(said.err.contains("wrote .workflow/post-mortem/EPIC-8.md\n"), "{}", said.err);
    let text = world.read(".workflow/post-mortem/EPIC-8.md");
    assert!(text.starts_with("---\nepic_id: \"EPIC-8\"\n") && text.contains("1 succeeded"), "{text}");
    assert_eq!(text, world.regatta(&["post-mortem"]).out);
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(said.err.contains("kept .workflow/post-mortem/EPIC-8.md, which was there\n"), "{}", said.err);
    assert_eq!(world.read(".workflow/post-mortem/EPIC-8.md"), text);
}

#[test]
fn an_epic_that_is_no_id_is_told_before_anything_runs() {
    for epic in ["../../x", "É 7", "a b"] {
        let world = World::with(&format!("version: 1\nepic: {epic}\ntasks: [ {{ id: a, run: echo fine }} ]"));
        for verb in ["check", "run"] {
            let said = world.regatta(&[verb, "plan.yaml"]).exits(3);
            let told = format!("error[RG009]: `{epic}` is not an id\n --> plan.yaml:2:7");
            assert!(said.err.contains(&told), "{}", said.err);
        }
        assert!(!world.path(".regatta").exists() && !world.path(".workflow").exists());
    }
}

#[test]
fn where_a_run_failed_without_an_escalation_the_commands_that_go_on_are_recommended() {
    let world = World::with(
        "version: 1\ntasks:\n  - { id: a, run: echo gone >&2; exit 3 }\n  - { id: b, needs: [a], run: 'true' }\n  \
         - { id: mute, run: exit 4 }\n",
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let text = world.regatta(&["post-mortem"]).exits(0).out.replace(&world.run_id(), "RUN");
    let (_, below) = text.split_once("## Recommendations\n\n").unwrap();
    assert!(
        below.starts_with(
            "- task a: `regatta logs --run RUN a --stderr` shows what it wrote, or where it stands\n\
             - task mute: `regatta explain --run RUN mute` shows what it wrote, or where it stands\n\
             - the run: `regatta retry RUN` runs what did not succeed again as a new run, with the results of what did\n\
             - Anything more is not analysed.\n"
        ),
        "{below}"
    );
    let world = World::with("version: 1\ntasks: [ { id: a, run: 'true' } ]");
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(!world.regatta(&["post-mortem"]).exits(0).out.contains("regatta retry"));
}

/// An agent that keeps what it was told, and says what `answer` says.
fn judge(world: &World) -> String {
    let here = world.root().display();
    format!(
        "command: [sh, -c, 'cp \"$1\" {here}/told; pwd >{here}/place; ls -A >{here}/seen; cat {here}/answer', sh, '{{prompt_file}}']"
    )
}

/// A run with one failure and an agent that judges it.
fn judging(answer: &str) -> World {
    let world = World::new();
    world.write(
        "plan.yaml",
        &format!(
            "version: 1\nagents: {{ judge: {{ {} }} }}\ntasks: [ {{ id: worn, run: 'echo ${{HOME}} >&2; exit 4' }} ]\n",
            judge(&world)
        ),
    );
    world.write("answer", answer);
    world.regatta(&["run", "plan.yaml"]).exits(1);
    world
}

const ANSWER: &str = r#"{"what_worked_well": ["It *stopped* early."], "challenges": [{"root_cause": "the disk\nwas full", "lesson": "look <b>before"}], "recommendations": ["Clean up."]}"#;

#[test]
fn an_agent_writes_the_judgements_in_a_run_of_its_own_and_changes_no_fact() {
    let world = judging(ANSWER);
    let run = world.run_id();
    let before = world.regatta(&["post-mortem", "--json"]).exits(0).json();
    let said = world.regatta(&["post-mortem", "--agent", "judge", "--json"]).exits(0);
    let after = said.json();
    let challenge = &after["challenges"][0];
    let fact = before["challenges"][0]["root_cause"]
        .as_str()
        .unwrap()
        .replace("why is not analysed", "the disk was full");
    assert_eq!(
        (challenge["root_cause"].as_str(), &challenge["lesson"]),
        (Some(fact.as_str()), &"look <b>before".into())
    );
    assert_eq!(after["analysis"]["agent"], "judge");
    for fact in
        ["summary", "execution_details", "what_worked_well", "metrics", "artifacts", "recommendations"]
    {
        assert_eq!(before[fact], after[fact], "{fact}");
    }
    assert!(after["analysis"]["run_id"] != run.as_str(), "the run that judges is one of its own");
    assert!(said.err.contains("judged by judge in run"), "{}", said.err);
    assert!(!said.err.contains("warning"), "what we plan ourselves nobody can mend: {}", said.err);
    let told = world.read("told");
    assert!(told.contains("task worn: failed after 1 attempt"), "{told}");
    let text = world.regatta(&["post-mortem", &run, "--agent", "judge"]).exits(0).out;
    for line in [
        "- It \\*stopped\\* early.",
        "; the disk was full",
        "- Lesson: look \\<b\\>before",
        "- Clean up.",
        "Judged by judge in run",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("not analysed"), "{text}");
}

#[test]
fn an_agent_that_is_not_there_or_gives_no_judgement_is_an_error_and_nothing_is_written() {
    let world = judging("no JSON");
    let run = world.run_id();
    let args = ["post-mortem", &run, "--agent", "judge", "--out", "report.md"];
    let said = world.regatta(&args).exits(1);
    assert!(said.err.contains("agent `judge` gave no judgement in run"), "{}", said.err);
    world.write("answer", r#"{"challenges": "all of them"}"#);
    assert!(world.regatta(&args).exits(1).err.contains("gave no judgement"));
    let said = world.regatta(&["post-mortem", &run, "--agent", "nobody", "--out", "report.md"]).exits(3);
    assert!(said.err.contains("neither the run's plan nor the settings have it"), "{}", said.err);
    assert!(!world.path("report.md").exists());
}

#[test]
fn who_judges_works_in_an_empty_place_of_its_own_and_its_run_is_none_of_the_workspace() {
    let world = judging(ANSWER);
    let run = world.run_id();
    for number in [1, 2] {
        world.regatta(&["post-mortem", "--agent", "judge"]).exits(0);
        let desk = world.run_dir().join(format!("judging/{number}"));
        assert_eq!(world.read("place").trim(), desk.to_str().unwrap());
        assert_eq!(world.read("seen"), ".regatta\n");
    }
    assert_eq!(world.regatta(&["ls", "--json"]).exits(0).json().as_array().unwrap().len(), 1);
    assert_eq!(world.regatta(&["status", "--json"]).json()["run_id"], run.as_str());
    assert_eq!(
        world.regatta(&["post-mortem", "--json"]).exits(0).json()["execution_details"]["run_id"],
        run.as_str()
    );
}

#[test]
fn who_judges_may_only_read_also_where_the_settings_say_otherwise() {
    let mut world = judging(ANSWER);
    let bin = world.path("bin");
    let says = format!("#!/bin/sh\nprintf '%s\\n' \"$@\" >{}\n", world.path("given").display());
    world.write("bin/codex", &says);
    std::fs::set_permissions(bin.join("codex"), std::fs::Permissions::from_mode(0o755)).unwrap();
    world.set("PATH", &format!("{}:/usr/bin:/bin", bin.display()));
    world.write(".mcp.json", r#"{"mcpServers":{"s":{"command":"server"}}}"#);
    world.write(
        ".regatta/config.toml",
        "[agents.far]\npreset = 'codex'\npermissions = 'allow'\nmcp = ['s']\n",
    );
    // It says nothing, so it gave no judgement.
    world.regatta(&["post-mortem", "--agent", "far"]).exits(1);
    let given = world.read("given");
    assert!(given.contains("-s\nread-only\n"), "{given}");
    assert!(!given.contains("mcp_servers"), "{given}");
}

#[test]
fn an_agent_that_cannot_be_told_to_only_read_does_not_judge() {
    let world = judging(ANSWER);
    for preset in ["pi", "kimi", "vibe"] {
        world.write(".regatta/config.toml", &format!("[agents.far]\npreset = '{preset}'\n"));
        let said = world.regatta(&["post-mortem", "--agent", "far"]).exits(2);
        assert!(said.err.contains("acts unasked and cannot be told to only read"), "{}", said.err);
        assert!(said.err.contains("hint: "), "{}", said.err);
    }
}

#[test]
fn a_big_run_that_failed_is_told_within_bounds_and_what_failed_comes_first() {
    let world = World::new();
    let title = "t".repeat(900);
    let task = |n: u32| {
        let run = if n < 120 { "true" } else { "false" };
        format!("  - {{ id: task-{n}, title: '{title}', effect: pure, run: '{run}' }}\n")
    };
    let tasks: String = (0..240).map(task).collect();
    let agent = judge(&world).replace("'{prompt_file}']", "'{prompt_file}', '{prompt}']");
    world.write("plan.yaml", &format!("version: 1\nagents: {{ judge: {{ {agent} }} }}\ntasks:\n{tasks}"));
    world.write("answer", ANSWER);
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let said = world.regatta(&["post-mortem", "--agent", "judge", "--json"]).exits(0).json();
    assert!(said["challenges"][0]["lesson"] == "look <b>before", "{said:#}");
    let told = world.read("told");
    assert!(told.len() < 70_000, "{}", told.len());
    let facts = told.lines().find(|line| line.starts_with('{')).unwrap();
    let facts: Value = serde_json::from_str(facts).unwrap();
    assert_eq!(facts["challenges"].as_array().unwrap().len(), 100);
    let rows = facts["tasks"].as_array().unwrap();
    assert!(rows[0]["status"] == "failed", "{}", rows[0]);
    assert_eq!(facts["left_out"]["tasks"].as_u64().unwrap(), 240 - rows.len() as u64);
}

#[test]
fn what_cannot_be_written_is_refused_before_an_agent_is_asked() {
    let world = judging(ANSWER);
    world.regatta(&["post-mortem", "--write", "--epic", "EPIC-9"]).exits(0);
    for epic in ["EPIC-9", "../x"] {
        world.regatta(&["post-mortem", "--write", "--epic", epic, "--agent", "judge"]).exits(2);
        assert!(!world.path("told").exists(), "{epic}");
    }
    let args = ["post-mortem", "--write", "--epic", "EPIC-9", "--agent", "judge", "--force"];
    world.regatta(&args).exits(0);
    assert!(world.read(".workflow/post-mortem/EPIC-9.md").contains("Clean up"));
}

#[test]
fn an_agent_whose_settings_are_wrong_is_not_called_unknown() {
    let world = judging(ANSWER);
    world.write(".regatta/config.toml", "[agents.far]\npreset = 'codex'\nhome = 'mars'\n");
    let said = world.regatta(&["post-mortem", "--agent", "far"]).exits(3);
    assert!(said.err.contains("config.toml:3") && !said.err.contains("neither"), "{}", said.err);
}
