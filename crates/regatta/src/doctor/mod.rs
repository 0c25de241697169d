//! What this machine and this workspace permit, found out by doing it: `regatta doctor`.
//! ```text
//! place        version, workspace, .regatta, store, file system, disk
//! settings     settings files, variables
//! probe        a file without a name in the workspace: write, sync, lock
//! containment  what ends a process tree: used by every run, or permitted
//! machine      git, limits, clock
//! agents       which are found, and what they may do
//! ```
//! Leaves nothing behind: files have no name, processes are ended and reaped, a cgroup is removed. Makes no
//! `.regatta` where none is. Knows no run.

mod agents;
mod cgroup;
mod containment;
mod machine;
mod place;
mod probe;
mod settings;

use crate::config::Config;
use crate::context::Context;
use crate::error::CliError;
use regatta_runtime::keeper::Containment as Wanted;

/// How a finding is to be taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Worth knowing; nothing is in the way.
    Note,
    /// A run will fail, or is less safe than promised.
    Problem,
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Note => "note",
            Verdict::Problem => "problem",
        }
    }
}

/// What was found out about one thing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The thing, a word or two; stable.
    pub name: &'static str,
    /// How it is to be taken.
    pub verdict: Verdict,
    /// What was found, for people.
    pub detail: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Finding {
    fn new(name: &'static str, verdict: Verdict, detail: impl Into<String>) -> Finding {
        Finding { name, verdict, detail: detail.into(), hint: None }
    }

    fn ok(name: &'static str, detail: impl Into<String>) -> Finding {
        Finding::new(name, Verdict::Ok, detail)
    }

    fn note(name: &'static str, detail: impl Into<String>) -> Finding {
        Finding::new(name, Verdict::Note, detail)
    }

    fn problem(name: &'static str, detail: impl Into<String>) -> Finding {
        Finding::new(name, Verdict::Problem, detail)
    }

    fn hint(mut self, hint: impl Into<String>) -> Finding {
        self.hint = Some(hint.into());
        self
    }
}

/// What there is to end a whole process tree.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Containment {
    /// What every run of this version uses, as far as it works here.
    pub used: Vec<&'static str>,
    /// A cgroup of its own per attempt would be permitted.
    pub cgroup: bool,
    /// A PID namespace of its own per attempt would be permitted; none if that cannot be told.
    pub pid_namespace: Option<bool>,
}

/// Everything that was found out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Findings {
    /// One for each thing, in a fixed order.
    pub findings: Vec<Finding>,
    /// What ends process trees.
    pub containment: Containment,
}

impl Findings {
    /// How many there are of a verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == verdict).count()
    }
}

/// Finds out everything; `max_parallel` tasks at once are to fit.
#[must_use]
pub fn examine(context: &Context, config: &Result<Config, CliError>, max_parallel: u32) -> Findings {
    let mut findings = place::examine(context);
    findings.extend(settings::examine(context, config));
    findings.extend(probe::examine(&place::probing_ground(&context.workspace)));
    findings.push(machine::disk(&context.workspace));
    // Settings that cannot be read say nothing here; they are a finding of their own.
    let wanted = config.as_ref().map_or_else(|_| Wanted::default(), Config::containment);
    let (ends, containment) = containment::examine(wanted);
    findings.extend(ends);
    findings.push(machine::git());
    findings.extend(machine::limits(max_parallel));
    findings.push(machine::clock());
    findings.push(agents::examine());
    Findings { findings, containment }
}
