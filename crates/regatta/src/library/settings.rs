//! What a program says once for all its runs: caps, containment, drivers, where the keeper's program is.

use super::attempt::Function;
use super::driver::{Attempt, Desk, Driver, Failure};
use super::program::Program;
use crate::args::CapArgs;
use regatta_runtime::driven::Drivers;
use regatta_runtime::keeper;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// What holds the processes of a task together, beside process group, subreaper and marker, which always do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Containment {
    /// A cgroup for each attempt, where the system permits it.
    Auto,
    /// Nothing else.
    Group,
}

impl From<Containment> for keeper::Containment {
    fn from(containment: Containment) -> keeper::Containment {
        match containment {
            Containment::Auto => keeper::Containment::Auto,
            Containment::Group => keeper::Containment::Group,
        }
    }
}

/// What a program says for all runs of an orchestrator.
///
/// It stands where options stand on the command line: above variables (`REGATTA_*`), plan, `.regatta/config.toml` of
/// the workspace, settings of the user, and defaults, which are all read as the command line reads them.
///
/// ```
/// use regatta::Config;
/// let config = Config::new().max_parallel(8).schedule("waves");
/// ```
#[derive(Clone, Default)]
pub struct Config {
    pub(super) caps: CapArgs,
    pub(super) containment: Option<Containment>,
    pub(super) impersonal: bool,
    pub(super) program: Option<Program>,
    pub(super) drivers: Drivers,
}

impl Config {
    /// Nothing said.
    #[must_use]
    pub fn new() -> Config {
        Config::default()
    }

    /// So many tasks alive at once.
    #[must_use]
    pub fn max_parallel(mut self, tasks: u32) -> Config {
        self.caps.max_parallel = Some(tasks);
        self
    }

    /// So many tasks alive at once of one wave.
    #[must_use]
    pub fn per_wave(mut self, tasks: u32) -> Config {
        self.caps.per_wave = Some(tasks);
        self
    }

    /// So many tasks alive at once with a tag. A plan without that tag is refused.
    #[must_use]
    pub fn per_tag(mut self, tag: &str, tasks: u32) -> Config {
        self.caps.per_tag.push(format!("{tag}={tasks}"));
        self
    }

    /// So many tasks alive at once of an agent. A plan without that agent is refused.
    #[must_use]
    pub fn per_agent(mut self, agent: &str, tasks: u32) -> Config {
        self.caps.per_agent.push(format!("{agent}={tasks}"));
        self
    }

    /// So many tasks alive at once of a priority, `P0` to `P3`.
    #[must_use]
    pub fn per_priority(mut self, priority: &str, tasks: u32) -> Config {
        self.caps.per_priority.push(format!("{priority}={tasks}"));
        self
    }

    /// `dataflow`, `waves` or `sequential`.
    #[must_use]
    pub fn schedule(mut self, schedule: &str) -> Config {
        self.caps.schedule = Some(schedule.to_owned());
        self
    }

    /// What holds the processes of tasks together.
    #[must_use]
    pub fn containment(mut self, containment: Containment) -> Config {
        self.containment = Some(containment);
        self
    }

    /// Reads neither variables (`REGATTA_*`) nor the settings of the user: what the workspace says stands.
    #[must_use]
    pub fn impersonal(mut self) -> Config {
        self.impersonal = true;
        self
    }

    /// The program that is started as the keeper of runs. Without it the `regatta` program is sought: see [`Program`].
    #[must_use]
    pub fn program(mut self, program: Program) -> Config {
        self.program = Some(program);
        self
    }

    /// Brings a driver: a task `tool: NAME/TOOL` is done by this function, on a thread of its own in this program.
    ///
    /// The function ends early when [`Attempt::is_cancelled`] says so; a panic is a failure of that attempt and of
    /// nothing else. What that means when the program is killed is said in [`crate::driver`].
    #[must_use]
    pub fn driver(
        self,
        name: &str,
        work: impl Fn(&Attempt) -> Result<Value, Failure> + Send + Sync + 'static,
    ) -> Config {
        let work = Arc::new(work);
        self.driver_with(name, move |desk| Box::new(Function::new(desk, Arc::clone(&work) as _)))
    }

    /// As [`Config::driver`], by the trait: `make` is called once for each run, on the thread of its loop.
    #[must_use]
    pub fn driver_with(
        mut self,
        name: &str,
        make: impl Fn(Desk) -> Box<dyn Driver> + Send + Sync + 'static,
    ) -> Config {
        self.drivers.0.insert(name.to_owned(), Arc::new(make));
        self
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Config")
            .field("caps", &self.caps)
            .field("containment", &self.containment)
            .field("impersonal", &self.impersonal)
            .field("program", &self.program)
            .field("drivers", &self.drivers)
            .finish()
    }
}
