//! `import`: task lists and phases into plans; every problem with its file and line, and then no plan.

use crate::world::World;

const MODELS: &str = "# Phase 1: Models\n\n## Estimated Time: 3 hours\n\n## Dependencies: None\n\n## Expected Outputs\n\n\
    ### Files to Create:\n- `src/models/user.py`\n\n## Success Criteria\n- [ ] tables exist\n";
const API: &str = "# Phase 2: API\n\n## Estimated Time: 1.5 hours\n\n## Dependencies\n- Phase 1 (models)\n\n## Expected Outputs\n\n\
    ### Files to Create:\n- src/api/users.py\n\n## Success Criteria\n- [ ] it answers ${HOME}\n";

fn shop() -> World {
    let world = World::new();
    world.write("prd/phase-1-models.md", MODELS);
    world.write("prd/phase-2-api.md", API);
    world
}

#[test]
fn phases_become_a_plan_whose_prompts_are_the_phase_files() {
    let world = shop();
    world.write("prd/README.md", "# About\n");
    let said = world.regatta(&["import", "prd", "prd", "--agent", "codex"]).exits(0);
    assert_eq!(said.err, "note: no phases, and left out: README.md\n");
    let expected = "\
# Made of 2 phases in prd by `regatta import prd`.
version: 1
name: prd

# Each agent has a worktree of its own, and branches are merged only when all is done.
isolation: worktree

agents:
  codex: { preset: codex }

merge:
  policy: all-success
  order: [backend]
  # Nothing should land untested: put the commands in that must pass after each merge.
  # gates: [\"make test\"]
  # gate_each: true
  # on_gate_failure: stop

tasks:
  - id: phase-1-models
    title: Models
    agent: codex
    domain: backend
    estimate: 3h
    files:
      - src/models/user.py
    outputs:
      - src/models/user.py
    accept:
      - tables exist
    prompt: |-
      # Phase 1: Models

      ## Estimated Time: 3 hours

      ## Dependencies: None

      ## Expected Outputs

      ### Files to Create:
      - `src/models/user.py`

      ## Success Criteria
      - [ ] tables exist

  - id: phase-2-api
    title: API
    agent: codex
    domain: backend
    needs: [phase-1-models]
    estimate: 90m
    files:
      - src/api/users.py
    outputs:
      - src/api/users.py
    accept:
      - \"it answers ${HOME}\"
    prompt: |-
      # Phase 2: API

      ## Estimated Time: 1.5 hours

      ## Dependencies
      - Phase 1 (models)

      ## Expected Outputs

      ### Files to Create:
      - src/api/users.py

      ## Success Criteria
      - [ ] it answers $${HOME}
";
    assert_eq!(said.out, expected);
    let said = world.regatta(&["import", "prd", "prd", "--agent", "codex", "--out", "plan.yaml"]).exits(0);
    assert_eq!(said.out, "wrote plan.yaml\nnext: regatta check plan.yaml\n");
    assert_eq!(world.read("plan.yaml"), expected);
    world.regatta(&["check", "plan.yaml"]).exits(0);
    let said = world.regatta(&["import", "prd", "prd", "--out", "plan.yaml"]).exits(2);
    assert!(said.err.contains("plan.yaml` is there already; nothing was written"), "{}", said.err);
    assert_eq!(world.read("plan.yaml"), expected);
    world.regatta(&["import", "prd", "prd", "--out", "plan.yaml", "--force"]).exits(0);
    assert!(world.read("plan.yaml").contains("nobody: { preset: none }"));
}

#[test]
fn without_an_agent_the_plan_checks_but_does_not_run() {
    let world = shop();
    world.regatta(&["import", "prd", "prd", "--out", "plan.yaml"]).exits(0);
    world.regatta(&["check", "plan.yaml"]).exits(0);
    let said = world.regatta(&["run", "plan.yaml"]).exits(2);
    assert!(
        said.err.contains("agent `nobody` is nobody yet") && said.err.contains("hint: name one: codex"),
        "{}",
        said.err
    );
    assert!(!world.path(".regatta").exists());
}

#[test]
fn all_problems_of_all_phases_come_at_once_with_file_and_line() {
    let world = shop();
    world.write(
        "prd/phase-3-a.md",
        "# Phase 3: A\n## Dependencies: Phase 9, the rest\n## Estimated Time: soon\n",
    );
    world.write("prd/phase-4-b.md", "# Phase 4: B\n## Dependencies: Phase 5\n");
    world.write("prd/phase-5-c.md", "# Phase 5: C\n## Dependencies: Phase 4\n");
    world.write("prd/phase_6.md", "# Phase 6\n");
    world.write("prd/phase-07-d.md", "# Phase 7: D\n\n**Dependencies**: 1\n\n## Expected Outputs\n### Files to Create:\n- src/api/users.py\n- all of it\n");
    let said = world.regatta(&["import", "prd", "prd"]).exits(3);
    assert_eq!(said.out, "");
    for part in [
        "RG011]: phase 3 needs phase 9, which does not exist\n --> prd/phase-3-a.md:2:18",
        "RG006]: the dependency `the rest` is not understood\n --> prd/phase-3-a.md:2:27",
        "RG006]: `soon` is no estimated time\n --> prd/phase-3-a.md:3:20",
        "RG012]: phases depend on each other: phase 4 → phase 5 → phase 4\n --> prd/phase-4-b.md:2:4",
        "RG009]: `phase_6.md` is not called `phase-N-name.md`\n --> prd/phase_6.md:1:1",
        "RG006]: `all of it` names no file\n --> prd/phase-07-d.md:8:3",
        "error: the phases in `prd` have 6 errors",
    ] {
        assert!(said.err.contains(part), "{part}\n{}", said.err);
    }
}

#[test]
fn every_phase_that_cannot_be_read_is_told_beside_the_problems_of_the_others() {
    let world = shop();
    std::fs::create_dir(world.path("prd/phase-8-d.md")).unwrap();
    world.fifo("prd/phase-9-e.md");
    std::fs::File::create(world.path("prd/phase-10-f.md")).unwrap().set_len(8 << 30).unwrap();
    world.write("prd/phase-11-g.md", "# Phase 11: G\n## Dependencies: Phase 8, Phase 12\n");
    let said = world.regatta(&["import", "prd", "prd"]).exits(3);
    assert_eq!(said.out, "");
    for part in [
        "error[RG006]: the phase cannot be read: it is not a plain file\n --> prd/phase-8-d.md:1:1",
        "error[RG006]: the phase cannot be read: it is not a plain file\n --> prd/phase-9-e.md:1:1",
        "error[RG006]: the phase cannot be read: it has more than 4194304 bytes\n --> prd/phase-10-f.md:1:1",
        "help: a phase is a plain file of at most 4 MiB; call what is none something else",
        "error[RG011]: phase 11 needs phase 12, which does not exist\n --> prd/phase-11-g.md:2:27",
        "error: the phases in `prd` have 4 errors",
    ] {
        assert!(said.err.contains(part), "{part}\n{}", said.err);
    }
    // What is told once is not told again by whoever needs it.
    assert!(!said.err.contains("needs phase 8"), "{}", said.err);
}

#[test]
fn a_directory_without_phases_or_a_missing_one_is_an_error() {
    let world = World::new();
    world.write("empty/a.txt", "");
    assert!(world.regatta(&["import", "prd", "empty"]).exits(3).err.contains("`empty` has no phases"));
    assert!(world.regatta(&["import", "prd", "missing"]).exits(2).err.contains("`missing` cannot be read"));
    assert!(
        world
            .regatta(&["import", "prd", "empty", "--agent", "a b"])
            .exits(2)
            .err
            .contains("`--agent a b` is no name")
    );
    assert!(world.regatta(&["import"]).exits(2).err.contains("Usage"));
}

#[test]
fn a_task_list_becomes_one_task_for_each_domain() {
    let world = World::new();
    world.write(
        "EPIC-9-shop/file-tasks.md",
        "# Shop\n\n- `src/api/a.py`\n- `src/pages/b.tsx`\n\n## Success criteria\n- [ ] it sells\n",
    );
    let said =
        world.regatta(&["import", "epic", "EPIC-9-shop", "--agent", "bot", "--out", "plan.yaml"]).exits(0);
    let note = "note: agent `bot` is no preset and not in the settings; the plan has codex under that name";
    assert!(said.err.starts_with(note), "{}", said.err);
    let text = world.read("plan.yaml");
    for part in [
        "# Made of EPIC-9-shop/file-tasks.md by `regatta import epic`.\nversion: 1\nname: Shop\nepic: EPIC-9\n",
        "  bot: { preset: codex }   # `bot` is no preset and not in the settings, so it is codex; or: claude",
        "  - id: backend\n    agent: bot\n    domain: backend\n    files:\n      - src/api/a.py\n    accept:\n      - it sells\n",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains("schedule:"), "{text}");
    assert_eq!(world.regatta(&["check", "plan.yaml"]).exits(0).out, "plan.yaml: valid: 2 tasks, 1 warning\n");
}

#[test]
fn in_an_imported_task_list_what_may_be_a_file_is_an_error() {
    let world = World::new();
    world.write("t.md", "- `a.py`\n- `src/`\n- `user.email`\n\nSee `b.py`.\n");
    let said = world.regatta(&["import", "epic", "t.md"]).exits(3);
    for part in [
        "error[RG006]: `src/` names a directory, not its files\n --> t.md:2:3",
        "error[RG006]: `user.email` may be a file or not\n --> t.md:3:3",
        "warning[RG006]: `b.py` is spoken of, and no unit has it\n --> t.md:5:5",
        "error: task list `t.md` has 2 errors",
    ] {
        assert!(said.err.contains(part), "{part}\n{}", said.err);
    }
    assert_eq!(said.out, "");
}

#[test]
fn an_agent_of_the_settings_stays_what_it_is_in_plans_that_are_made_and_a_near_miss_is_refused() {
    let world = World::new();
    world.write("t.md", "- `src/api/a.py`\n- `src/pages/b.tsx`\n");
    world.write(
        "prd/phase-1-a.md",
        "# Phase 1: a\n\n## Files to Create\n- `a.py`\n\n## Dependencies\nNone\n\n## Success Criteria\n- ok\n",
    );
    world.write(
        ".regatta/config.toml",
        "[agents.bot]\ncommand = ['true']\n[agents.claude]\ncommand = ['true']\n",
    );
    let verbs: [&[&str]; 3] = [&["analyze", "t.md"], &["import", "epic", "t.md"], &["import", "prd", "prd"]];
    for verb in verbs {
        let with = |agent: &str| world.regatta(&[verb, &["--agent", agent]].concat());
        for agent in ["bot", "claude"] {
            let said = with(agent).exits(0);
            assert_eq!(said.err, "", "{verb:?}");
            let stands = format!(
                "\n# The agent `{agent}` stands in the settings of the workspace, `.regatta/config.toml`.\n"
            );
            assert!(said.out.contains(&stands) && !said.out.contains("agents:"), "{}", said.out);
            world.write("plan.yaml", &said.out);
            assert!(world.regatta(&["check", "plan.yaml"]).exits(0).out.contains("valid"));
        }
        for (agent, near) in [("bott", "bot"), ("codx", "codex")] {
            let said = with(agent).exits(2).err;
            assert!(said.contains(&format!("did you mean `{near}`?")), "{said}");
        }
        assert!(with("coder").exits(0).out.contains("coder: { preset: codex }"));
    }
}

#[test]
fn a_plan_that_goes_to_standard_output_is_all_that_goes_there() {
    let world = shop();
    world.regatta(&["import", "prd", "prd", "--out", "new.yaml"]).exits(0);
    let args = ["import", "prd", "prd", "--out", "/dev/stdout"];
    assert_eq!(world.regatta(&args).exits(0).out, world.read("new.yaml"));
    let to = std::fs::File::create(world.path("poured.yaml")).unwrap();
    assert!(world.command(&args).stdout(to).status().unwrap().success());
    assert_eq!(world.read("poured.yaml"), world.read("new.yaml"));
    world.regatta(&["check", "poured.yaml"]).exits(0);
}
