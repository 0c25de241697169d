//! Command lines of agents: the templates of presets and of plans, filled.
//!
//! Each placeholder is replaced once: what comes in its place is never looked at again. Knows no process.

use super::preset::Preset;
use crate::scope::Refusal;
use regatta_engine::cause::Cause;
use regatta_plan::model::{Agent, Permissions};
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// An argument may not be longer, in bytes: the system takes 128 KiB, its NUL included.
pub(super) const MAX_PROMPT_BYTES: usize = 100_000;

/// The session of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Session<'a> {
    /// A new one; the name is for agents that let it be chosen.
    New(&'a str),
    /// One that goes on.
    Resumed(&'a str),
}

impl<'a> Session<'a> {
    fn name(self) -> &'a str {
        match self {
            Session::New(name) | Session::Resumed(name) => name,
        }
    }
}

/// What takes the place of placeholders.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values<'a> {
    pub(super) prompt: &'a str,
    pub(super) instruction: &'a str,
    pub(super) prompt_file: &'a Path,
    pub(super) cwd: &'a Path,
    pub(super) session: Session<'a>,
    /// Options that tell of MCP servers.
    pub(super) servers: &'a [OsString],
    /// Options that tell where a person is asked for permissions; none where nobody is.
    pub(super) asks: &'a [OsString],
}

/// The command line of a plan's template.
pub(super) fn command(template: &[String], values: &Values<'_>) -> Result<Vec<OsString>, Refusal> {
    template.iter().map(|text| fill(text, values)).collect()
}

/// True if a preset is told what it may do: inside a worktree, and everywhere that it may only read.
pub(super) fn is_told(agent: &Agent, in_worktree: bool) -> bool {
    in_worktree || agent.permissions == Permissions::Deny
}

/// The command line of a preset.
pub(super) fn of_preset(
    preset: &Preset,
    (agent, in_worktree): (&Agent, bool),
    values: &Values<'_>,
) -> Result<Vec<OsString>, Refusal> {
    let template = match values.session {
        Session::Resumed(_) if !preset.resume.is_empty() => preset.resume,
        Session::Resumed(_) | Session::New(_) => preset.start,
    };
    let mut argv = vec![OsString::from(preset.program)];
    for part in template {
        match *part {
            "{permissions}" if is_told(agent, in_worktree) => {
                argv.extend(preset.permission_flags(agent.permissions).iter().map(OsString::from));
            }
            "{permissions}" => {}
            "{servers}" => argv.extend(values.servers.iter().cloned()),
            "{model}" => argv.extend(model(preset, agent)?),
            "{args}" => argv.extend(agent.args.iter().map(OsString::from)),
            other => argv.push(fill(other, values)?),
        }
    }
    Ok(argv)
}

fn model(preset: &Preset, agent: &Agent) -> Result<Vec<OsString>, Refusal> {
    match &agent.model {
        None => Ok(vec![]),
        Some(model) if preset.model.is_empty() => {
            let message = format!("preset `{}` takes no model, so not `{model}`", preset.name);
            Err(Refusal { cause: Cause::Plan, message })
        }
        Some(model) => Ok(vec![preset.model.into(), model.into()]),
    }
}

fn fill(text: &str, values: &Values<'_>) -> Result<OsString, Refusal> {
    let known: [(&str, &OsStr); 5] = [
        ("{prompt}", OsStr::new(values.prompt)),
        ("{instruction}", OsStr::new(values.instruction)),
        ("{prompt_file}", values.prompt_file.as_os_str()),
        ("{cwd}", values.cwd.as_os_str()),
        ("{session}", OsStr::new(values.session.name())),
    ];
    let (mut filled, mut rest) = (OsString::new(), text);
    while let Some(at) = rest.find('{') {
        filled.push(&rest[..at]);
        rest = &rest[at..];
        match known.iter().find(|(name, _)| rest.starts_with(name)) {
            Some((name, value)) => {
                if value.len() > MAX_PROMPT_BYTES {
                    let message = format!(
                        "`{name}` has {} bytes, more than {MAX_PROMPT_BYTES}: let the agent read `{{prompt_file}}`",
                        value.len()
                    );
                    return Err(Refusal { cause: Cause::Spawn, message });
                }
                filled.push(value);
                rest = &rest[name.len()..];
            }
            None => {
                filled.push("{");
                rest = &rest[1..];
            }
        }
    }
    filled.push(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::super::preset::preset;
    use super::*;
    use regatta_plan::model::Driver;

    fn values<'a>(prompt: &'a str, session: Session<'a>) -> Values<'a> {
        Values {
            prompt,
            instruction: "do",
            prompt_file: Path::new("/p/f"),
            cwd: Path::new("/w"),
            session,
            servers: &[],
            asks: &[],
        }
    }

    fn agent(permissions: Permissions) -> Agent {
        Agent {
            driver: Driver::Preset("codex".into()),
            model: Some("m".into()),
            args: vec!["--flag".into()],
            env: vec![],
            permissions,
            own_home: false,
            mcp: vec![],
            idle_timeout_ms: None,
            role: None,
        }
    }

    fn shown(argv: Result<Vec<OsString>, Refusal>) -> String {
        let argv = argv.unwrap();
        argv.iter().map(|a| a.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn placeholders_are_replaced_once_and_other_braces_stay() {
        let template: Vec<String> =
            ["a", "--x={prompt}{session}", "{instruction}", "{\"k\": {prompt_file}}", "{cwd}", "{nope}", "{"]
                .map(String::from)
                .into();
        let filled = command(&template, &values("say {cwd}", Session::New("s"))).unwrap();
        assert_eq!(filled, ["a", "--x=say {cwd}s", "do", "{\"k\": /p/f}", "/w", "{nope}", "{"]);
    }

    #[test]
    fn a_prompt_that_is_too_long_for_an_argument_is_an_error_that_names_the_file() {
        let long = "x".repeat(MAX_PROMPT_BYTES + 1);
        let error = command(&["{prompt}".into()], &values(&long, Session::New(""))).unwrap_err();
        assert!(error.message.contains("{prompt_file}"), "{}", error.message);
        assert!(command(&["{prompt_file}".into()], &values(&long, Session::New(""))).is_ok());
    }

    #[test]
    fn a_preset_is_told_what_it_may_do_inside_a_worktree_and_everywhere_that_it_may_only_read() {
        let codex = preset("codex").unwrap();
        let line = |permissions, in_worktree, session| {
            shown(of_preset(codex, (&agent(permissions), in_worktree), &values("P", session)))
        };
        let new = Session::New("n");
        assert_eq!(
            line(Permissions::Edit, false, new),
            "codex exec --json --skip-git-repo-check -m m --flag P"
        );
        assert_eq!(
            line(Permissions::Deny, false, new),
            "codex exec --json --skip-git-repo-check -s read-only -m m --flag P"
        );
        assert_eq!(
            line(Permissions::Edit, true, new),
            "codex exec --json --skip-git-repo-check -s workspace-write -m m --flag P"
        );
        assert_eq!(
            line(Permissions::Allow, true, Session::Resumed("ID")),
            "codex exec --skip-git-repo-check -s danger-full-access -m m --flag --json resume ID P"
        );
        assert_eq!(
            line(Permissions::Deny, true, new),
            "codex exec --json --skip-git-repo-check -s read-only -m m --flag P"
        );
    }

    #[test]
    fn the_table_has_the_presets_that_plans_are_checked_by_and_each_can_be_started() {
        let known: Vec<&str> = regatta_plan::model::PRESETS.iter().map(|known| known.name).collect();
        assert_eq!(super::super::preset::PRESETS.iter().map(|p| p.name).collect::<Vec<_>>(), known);
        for preset in &super::super::preset::PRESETS {
            assert!(
                preset.start.contains(&"{prompt}") && preset.start.contains(&"{args}"),
                "{}",
                preset.name
            );
            let resumable = preset.resume.is_empty() || preset.resume.contains(&"{session}");
            assert!(resumable, "{}", preset.name);
        }
    }

    #[test]
    fn a_model_for_a_preset_that_takes_none_is_refused() {
        let vibe = preset("vibe").unwrap();
        let refused = of_preset(vibe, (&agent(Permissions::Edit), true), &values("P", Session::New("")));
        assert_eq!(refused.unwrap_err().message, "preset `vibe` takes no model, so not `m`");
    }
}
