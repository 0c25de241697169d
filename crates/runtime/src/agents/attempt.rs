//! An attempt of an agent, ready to be started: prompt, command line, environment, record.
//!
//! Makes the directories of its own; starts nothing.

use super::home;
use super::items::{Known, items, summary};
use super::preset::preset;
use super::record::{AgentRecord, BILL_FILE, PROMPT_FILE};
use super::servers::{self, Telling};
use super::stream::Dialect;
use super::template::{Session, Values, command, is_told, of_preset};
use crate::action::{Actions, Prepared, Site, cwd_in};
use crate::collect::{self, write_private};
use crate::keeper::HELPER;
use crate::outputs::Outputs;
use crate::redact::safe;
use crate::scope::{Refusal, inputs, resolve_text};
use regatta_engine::cause::Cause;
use regatta_engine::ids::{AttemptId, NodeId};
use regatta_engine::json::hex;
use regatta_plan::model::{Action, Agent, Driver, Permissions, Task};
use regatta_plan::prompt::{HARD_CAP_TOKENS, Prompt, compose};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::ffi::OsString;
use std::path::Path;

/// What is known of an attempt that is to be made.
#[derive(Debug)]
pub(crate) struct Brief<'a> {
    /// Its node.
    pub(crate) node: NodeId,
    /// The attempt.
    pub(crate) attempt: AttemptId,
    /// Its number.
    pub(crate) number: u32,
    /// What other tasks left.
    pub(crate) outputs: &'a Outputs,
    /// The directory of the run.
    pub(crate) run_dir: &'a Path,
    /// Its own directory, which exists.
    pub(crate) dir: &'a Path,
    /// How the last attempt failed: its number, what was said.
    pub(crate) failure: Option<(u32, String)>,
    /// What the last attempt said, if its session is to go on.
    pub(crate) resume: Option<AgentRecord>,
    /// The worktree that it works in.
    pub(crate) worktree: Option<Site>,
}

/// An attempt ready to be started, and what is to be kept of it.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) prepared: Prepared,
    pub(crate) prompt: Prompt,
    pub(crate) record: AgentRecord,
}

impl Work {
    /// Writes prompt, bill and record into the attempt's directory.
    ///
    /// # Errors
    /// They cannot be written.
    pub(crate) fn store(&self, dir: &Path) -> std::io::Result<()> {
        write_private(&dir.join(PROMPT_FILE), self.prompt.text.as_bytes())?;
        write_private(&dir.join(BILL_FILE), format!("{:#}\n", bill(&self.prompt)).as_bytes())?;
        super::record::store(dir, &self.record)
    }
}

/// The bill of a prompt.
#[must_use]
pub fn bill(prompt: &Prompt) -> Value {
    let over = prompt.estimated_tokens > HARD_CAP_TOKENS;
    json!({
        "estimated_tokens": prompt.estimated_tokens,
        "hard_cap_tokens": HARD_CAP_TOKENS,
        "over_hard_cap": over,
        "items": prompt.bill,
    })
}

impl Actions {
    /// How the output of a node's agent is read, and by which agent it is made; `None` where no agent does it.
    pub(crate) fn dialect(&self, node: NodeId) -> Option<(Dialect, &Agent)> {
        let agent = self.agent(self.task(node))?.1;
        Some((Dialect::of(agent), agent))
    }

    /// True if an attempt of `node` cannot be judged without its standard output.
    pub(crate) fn needs_stdout(&self, node: NodeId) -> bool {
        self.result_is_stdout(node)
            || self.dialect(node).is_some_and(|(dialect, _)| dialect != Dialect::Plain)
    }

    /// True if an attempt of `node` has a way of its own to end what it started.
    pub(crate) fn ends_by_itself(&self, node: NodeId) -> bool {
        self.dialect(node).is_some_and(|(dialect, _)| dialect == Dialect::Acp)
    }

    /// The agent of a task, by its name.
    pub(crate) fn agent<'a>(&'a self, task: &'a Task) -> Option<(&'a str, &'a Agent)> {
        let name = task.action.agent()?;
        Some((name, self.plan().agents.get(name)?))
    }

    /// Makes an attempt of an agent ready.
    ///
    /// # Errors
    /// A reference has no value, the prompt does not fit, or a directory cannot be made.
    pub(crate) fn prepare_agent(&self, brief: &Brief<'_>) -> Result<Work, Refusal> {
        let task = self.task(brief.node);
        let Some((name, agent)) = self.agent(task) else {
            return Err(Refusal { cause: Cause::Plan, message: "its agent is not known".to_owned() });
        };
        let known = self.known(task, brief)?;
        let instruction = self.redactor().text(known.instruction.clone());
        // Redacted first, then estimated and composed.
        let prompt = compose(&safe(items(task, known), self.redactor()));
        let scope = self.scope(task, brief.outputs);
        let root = brief.worktree.as_ref().map_or(self.workspace(), |site| &site.path);
        let cwd = cwd_in(root, task, &scope)?;
        let in_worktree = brief.worktree.is_some();
        let servers = self.servers_told((name, agent), (brief.dir, in_worktree))?;
        let fresh = session_name(self.run_id(), &task.id, brief.number);
        let resumed = brief.resume.as_ref().and_then(|record| record.session.clone());
        let values = Values {
            prompt: &prompt.text,
            instruction: &instruction,
            prompt_file: &brief.dir.join(PROMPT_FILE),
            cwd: &cwd,
            session: resumed.as_deref().map_or(Session::New(&fresh), Session::Resumed),
            servers: &servers.options,
            asks: &self.asking_options(agent, brief),
        };
        let argv = argv((agent, in_worktree), &values)?;
        let mut env = self.agent_variables((task, agent), brief)?;
        servers.give(&mut env, self.environment())?;
        let record = AgentRecord {
            agent: name.to_owned(),
            driver: driver_name(&agent.driver).to_owned(),
            in_worktree,
            before: brief.resume.as_ref().and_then(|record| record.told),
            resumed,
            ..AgentRecord::default()
        };
        Ok(Work { prepared: Prepared { argv, env, cwd, call: None }, prompt, record })
    }

    fn known(&self, task: &Task, brief: &Brief<'_>) -> Result<Known, Refusal> {
        let scope = self.scope(task, brief.outputs);
        let Action::Agent { prompt, .. } = &task.action else { return Ok(Known::default()) };
        let instruction = match prompt {
            Some(prompt) => resolve_text(prompt, &scope)?,
            None => task.title.clone().unwrap_or_default(),
        };
        let said = |id: &String| {
            let result = brief.outputs.result(self.node_of(id)?)?;
            Some((id.clone(), summary(&result)?.to_owned()))
        };
        Ok(Known {
            instruction,
            inputs: if task.inputs.is_empty() { None } else { Some(inputs(&task.inputs, &scope)?) },
            before: task.needs.iter().filter_map(said).collect(),
            failure: brief.failure.clone(),
        })
    }

    /// Later ones stand over earlier ones: what the preset needs, what the agent is given, what every attempt is told,
    /// the places of its own, what the task sets.
    fn agent_variables(
        &self,
        (task, agent): (&Task, &Agent),
        brief: &Brief<'_>,
    ) -> Result<Vec<(OsString, OsString)>, Refusal> {
        let scope = self.scope(task, brief.outputs);
        let mut vars = self.given_variables(agent, brief.worktree.is_some());
        let own = self.own_variables(
            task,
            brief.number,
            (&brief.dir.join(collect::RESULT), brief.worktree.as_ref()),
        );
        vars.extend(own.into_iter().map(|(name, value)| (name.into(), value)));
        vars.extend(self.own_places(agent, brief.dir, (brief.run_dir, &task.id))?);
        for (name, text) in &task.env {
            vars.push((name.into(), resolve_text(text, &scope)?.into()));
        }
        if !task.inputs.is_empty() {
            vars.push(("REGATTA_INPUTS".into(), inputs(&task.inputs, &scope)?.to_string().into()));
        }
        Ok(last_of_each(vars))
    }

    /// What stands first for every agent: what its preset needs, what tells it what it may do, and what it is given.
    pub(super) fn given_variables(&self, agent: &Agent, in_worktree: bool) -> Vec<(OsString, OsString)> {
        let of_preset = match &agent.driver {
            Driver::Preset(name) => preset(name),
            Driver::Command(_) | Driver::Acp(_) => None,
        };
        let told = of_preset.filter(|_| is_told(agent, in_worktree));
        let allowed = told.map(|p| p.permission_variables(agent.permissions));
        let needed = of_preset.map_or(&[][..], |preset| preset.env).iter();
        let of_preset = needed.chain(allowed.into_iter().flatten());
        let given = |name: &String| Some((name.into(), self.given_var(name)?.to_owned()));
        let of_preset = of_preset.map(|(name, value)| (name.into(), value.into()));
        of_preset.chain(agent.env.iter().filter_map(given)).collect()
    }

    /// How an agent whose permissions a person gives reaches whoever can be asked; nothing for others.
    fn asking_options(&self, agent: &Agent, brief: &Brief<'_>) -> Vec<OsString> {
        if agent.permissions != Permissions::Ask {
            return Vec::new();
        }
        let mut options = vec!["--run-dir".into(), brief.run_dir.into()];
        options.extend(["--attempt".into(), brief.attempt.to_string().into()]);
        if let Some(idle_ms) = self.policy(brief.node).idle_ms {
            options.extend(["--idle-ms".into(), idle_ms.to_string().into()]);
        }
        options
    }

    /// How an agent is told of the MCP servers that it gets. They may be used unasked inside a worktree, except by an agent
    /// that only reads.
    ///
    /// # Errors
    /// A server is not there, one of its references has no value, or the agent cannot be told.
    pub(super) fn servers_told(
        &self,
        (name, agent): (&str, &Agent),
        (dir, in_worktree): (&Path, bool),
    ) -> Result<servers::Told, Refusal> {
        let (telling, keys) = match &agent.driver {
            Driver::Preset(name) => preset(name).map_or((Telling::No, &[][..]), |p| (p.servers, p.keys)),
            Driver::Command(_) => (Telling::No, &[][..]),
            Driver::Acp(_) => (Telling::Protocol, &[][..]),
        };
        let allowed = in_worktree && matches!(agent.permissions, Permissions::Edit | Permissions::Allow);
        let of_agent =
            |refused: Refusal| Refusal { message: format!("agent `{name}`: {}", refused.message), ..refused };
        let written = self.plan().mcp_servers.iter().filter(|(name, _)| agent.mcp.contains(name));
        servers::refuse_open(telling, written).map_err(of_agent)?;
        let servers = self.servers_named(&agent.mcp)?;
        let key = keys.first().is_some_and(|key| agent.env.iter().any(|name| name == key));
        let ground = servers::Ground { tmp: &dir.join(collect::TMP), allowed, key };
        servers::tell(telling, &servers, ground).map_err(of_agent)
    }

    /// The places of its own that every attempt of an agent has: its prompt, a directory for temporary files, and a home
    /// where the agent has one.
    ///
    /// # Errors
    /// A directory cannot be made.
    pub(super) fn own_places(
        &self,
        agent: &Agent,
        dir: &Path,
        (run_dir, home): (&Path, &str),
    ) -> Result<Vec<(OsString, OsString)>, Refusal> {
        let no_room = |error: std::io::Error| Refusal {
            cause: Cause::Spawn,
            message: format!("a directory for the agent cannot be made: {error}"),
        };
        let mut vars = vec![("REGATTA_PROMPT_FILE".into(), dir.join(PROMPT_FILE).into_os_string())];
        vars.push(home::tmp(dir).map_err(no_room)?);
        if agent.own_home {
            vars.extend(home::own(run_dir, home, self.environment()).map_err(no_room)?);
        }
        Ok(vars)
    }
}

/// A variable that is named twice has its last value.
pub(super) fn last_of_each(vars: Vec<(OsString, OsString)>) -> Vec<(OsString, OsString)> {
    let last: std::collections::BTreeMap<OsString, OsString> = vars.into_iter().collect();
    last.into_iter().collect()
}

pub(super) fn argv(
    (agent, in_worktree): (&Agent, bool),
    values: &Values<'_>,
) -> Result<Vec<OsString>, Refusal> {
    match &agent.driver {
        Driver::Preset(name) => match preset(name) {
            Some(preset) => of_preset(preset, (agent, in_worktree), values),
            None => Err(Refusal { cause: Cause::Plan, message: format!("preset `{name}` is not known") }),
        },
        Driver::Command(template) => {
            let mut argv = command(template, values)?;
            argv.extend(agent.args.iter().map(OsString::from));
            Ok(argv)
        }
        Driver::Acp(program) => {
            let permissions = match agent.permissions {
                // A person decides, wherever it works.
                Permissions::Ask if !values.asks.is_empty() => Permissions::Ask,
                permissions if in_worktree => permissions,
                _ => Permissions::Deny,
            };
            let mut argv: Vec<OsString> = vec![OURSELVES.into(), HELPER.into(), "acp-agent".into()];
            argv.extend(values.servers.iter().cloned());
            argv.extend(["--permissions".into(), permissions.name().into()]);
            argv.extend(values.asks.iter().cloned());
            argv.extend(["--prompt-file".into(), values.prompt_file.into()]);
            if let Session::Resumed(session) = values.session {
                argv.extend(["--resume".into(), session.into()]);
            }
            argv.push("--".into());
            argv.extend(program.iter().chain(&agent.args).map(OsString::from));
            Ok(argv)
        }
    }
}

/// The program that the keeper runs, which is this one, also when its file was replaced meanwhile.
const OURSELVES: &str = "/proc/self/exe";

pub(super) fn driver_name(driver: &Driver) -> &str {
    match driver {
        Driver::Preset(name) => name,
        Driver::Command(_) => "command",
        Driver::Acp(_) => "acp",
    }
}

/// A name for a new session, in the form of a UUID, which some agents ask for.
pub(super) fn session_name(run_id: &str, task: &str, number: u32) -> String {
    let hash = hex(&Sha256::digest(format!("{run_id}/{task}/{number}")));
    format!("{}-{}-4{}-8{}-{}", &hash[..8], &hash[8..12], &hash[13..16], &hash[17..20], &hash[20..32])
}
