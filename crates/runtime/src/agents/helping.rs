//! An attempt of an agent that helps a merge, ready to be started. It has no task: what it does is in its prompt.
//!
//! Makes the directories of its own; starts nothing.

use super::attempt::{Work, argv, driver_name, last_of_each, session_name};
use super::record::{AgentRecord, PROMPT_FILE};
use super::template::{Session, Values};
use crate::action::{Actions, Prepared};
use crate::collect;
use crate::landing::AgentOrder;
use crate::scope::Refusal;
use crate::yard::TASK_DIR;
use regatta_engine::cause::Cause;
use regatta_plan::model::Agent;
use regatta_plan::prompt::Prompt;
use std::ffi::OsString;
use std::path::Path;

/// What is known of an attempt of an agent that helps.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) order: &'a AgentOrder,
    /// Its own directory, which exists.
    pub(crate) dir: &'a Path,
    pub(crate) run_dir: &'a Path,
    /// What is told to everything in the worktree.
    pub(crate) vars: Vec<(String, String)>,
    /// The name of its home.
    pub(crate) home: String,
}

impl Actions {
    /// An agent of the plan.
    pub(crate) fn agent_named(&self, name: &str) -> Option<&Agent> {
        self.plan().agents.get(name)
    }

    /// Makes an attempt of an agent ready that helps a merge.
    ///
    /// # Errors
    /// The agent is not known, its command line cannot be made, or a directory cannot.
    pub(crate) fn prepare_helper(&self, call: Call<'_>) -> Result<Work, Refusal> {
        let order = call.order;
        let name = order.helper.agent.as_str();
        let Some(agent) = self.agent_named(name) else {
            return Err(Refusal { cause: Cause::Plan, message: format!("agent `{name}` is not known") });
        };
        let clean = |text: &str| self.redactor().text(text.to_owned());
        let prompt = Prompt { text: clean(&order.prompt.text), ..order.prompt.clone() };
        let instruction = clean(&order.instruction);
        let fresh = session_name(self.run_id(), order.role, order.number);
        let servers = self.servers_told((name, agent), (call.dir, true))?;
        let values = Values {
            prompt: &prompt.text,
            instruction: &instruction,
            prompt_file: &call.dir.join(PROMPT_FILE),
            cwd: &order.dir,
            session: Session::New(&fresh),
            servers: &servers.options,
            asks: &[],
        };
        let argv = argv((agent, true), &values)?;
        let mut env = self.helper_variables(agent, &call)?;
        servers.give(&mut env, self.environment())?;
        let record = AgentRecord {
            agent: name.to_owned(),
            driver: driver_name(&agent.driver).to_owned(),
            in_worktree: true,
            ..AgentRecord::default()
        };
        Ok(Work { prepared: Prepared { argv, env, cwd: order.dir.clone(), call: None }, prompt, record })
    }

    /// Later ones stand over earlier ones, as for the agent of a task.
    fn helper_variables(&self, agent: &Agent, call: &Call<'_>) -> Result<Vec<(OsString, OsString)>, Refusal> {
        let mut vars = self.given_variables(agent, true);
        vars.extend(call.vars.iter().map(|(name, value)| (name.into(), value.into())));
        let worktree = &call.order.dir;
        let result = worktree.join(TASK_DIR).join(collect::RESULT);
        for (name, path) in [
            ("REGATTA_WORKSPACE", self.workspace().to_owned()),
            ("REGATTA_WORKTREE", worktree.clone()),
            ("REGATTA_RESULT", result),
        ] {
            vars.push((name.into(), path.into_os_string()));
        }
        vars.extend(self.own_places(agent, call.dir, (call.run_dir, &call.home))?);
        Ok(last_of_each(vars))
    }
}
