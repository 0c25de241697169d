//! A story: what a person does with a plan, step by step, and where in it a process is killed.
//!
//! ```text
//! run      run (killed here), then resume until it has ended
//! resume   the orchestrator dies half-way; resume (killed here), resume
//! heir     orchestrator and keeper die half-way; resume (killed here), resume
//! command  the orchestrator dies half-way; skip (killed here), skip, resume
//! ```
//! The person knows what a task has done, and answers for those in doubt. What must be true in the end is not known here.

use crate::Outcome;
use crate::place::{Env, Place, Said};
use crate::plans::Plan;
use regatta_fault::POINTS;
use std::collections::BTreeMap;
use std::path::Path;

/// Whoever resumes more often than this resumes for ever.
const MOST_RESUMES: u32 = 12;
/// Armed in place of a kill that is not for this step.
const NOTHING: &str = "nothing:0";

/// What a person does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Story {
    /// Runs the plan.
    Run,
    /// Resumes a run whose orchestrator died.
    Resume,
    /// Resumes a run of which nothing lives.
    Heir,
    /// Tells a run without orchestrator to skip a task.
    Command,
}

/// Who dies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Victim {
    /// The process of `run` or `resume`.
    Orchestrator,
    /// The keeper of the run.
    Keeper,
    /// Both at the same point.
    Both,
}

impl Victim {
    /// Every victim.
    pub const ALL: [Victim; 3] = [Victim::Orchestrator, Victim::Keeper, Victim::Both];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Victim::Orchestrator => "orchestrator",
            Victim::Keeper => "keeper",
            Victim::Both => "both",
        }
    }
}

/// A kill: at which passage of which point, and who.
#[derive(Clone, Debug)]
pub struct Kill {
    /// The point.
    pub point: &'static str,
    /// Counted from 1.
    pub passage: u64,
    /// Who dies.
    pub victim: Victim,
}

impl Kill {
    fn by_keeper(&self) -> bool {
        self.point.starts_with("keeper.")
    }

    /// As the binary reads it.
    fn armed(&self) -> String {
        let victim = match (self.victim, self.by_keeper()) {
            (Victim::Both, _) => "both",
            (Victim::Orchestrator, false) | (Victim::Keeper, true) => "self",
            (Victim::Orchestrator, true) | (Victim::Keeper, false) => "other",
        };
        format!("{}:{}:{victim}", self.point, self.passage)
    }
}

/// How a story ended.
#[derive(Debug)]
pub struct Played {
    /// The workspace as it was left.
    pub place: Place,
    /// The exit code of the run.
    pub code: i32,
    /// Whether the kill happened.
    pub fired: bool,
    /// Whether a keeper died, so that work may be repeated.
    pub keeper_died: bool,
    /// Passages of points in the step that may be killed: the last before it, and the last.
    pub passed: BTreeMap<&'static str, (u64, u64)>,
}

/// Plays a story; `half` is the commit at which the orchestrator dies where the story begins with that.
///
/// # Errors
/// A verb hangs, ends otherwise than it may, or the run does not come to its end.
pub fn play(
    (plan, binary): (&Plan, &Path),
    (story, half): (Story, u64),
    kill: Option<&Kill>,
) -> Outcome<Played> {
    let place = Place::with(binary, &plan.text)?;
    let before = plan.before.happens(&place)?;
    let teller = Teller { place: &place, story, half, kill, before: before.as_deref() };
    let code = teller.tell(plan)?;
    plan.before.ends(&place, before.as_deref())?;
    let fired = place.path("fired").exists();
    let keeper_died =
        story == Story::Heir || (fired && kill.is_some_and(|k| k.victim != Victim::Orchestrator));
    let passed = teller.passed();
    Ok(Played { code, fired, keeper_died, passed, place })
}

struct Teller<'a> {
    place: &'a Place,
    story: Story,
    half: u64,
    kill: Option<&'a Kill>,
    /// The run that was there before.
    before: Option<&'a str>,
}

impl Teller<'_> {
    fn tell(&self, plan: &Plan) -> Outcome<i32> {
        let mut said = self.place.say(&["run", "plan.yaml"], &self.env(Story::Run))?;
        let mut code = judge_code("run", &said)?;
        let before = self.place.read("trace.Run.keeper");
        self.place.write("trace.half", &before)?;
        if self.story == Story::Command {
            self.command(plan.spare.unwrap_or_default())?;
        }
        for _ in 0..MOST_RESUMES {
            match code {
                Some(code @ (0 | 1)) => return Ok(code),
                Some(_) => self.answer()?,
                None => {}
            }
            let Some(run) = self.place.run_id()?.filter(|id| Some(id.as_str()) != self.before) else {
                // It died before the run was recorded.
                code = judge_code("run", &self.place.say(&["run", "plan.yaml"], &Env::new())?)?;
                continue;
            };
            said = self.place.say(&["resume", &run], &self.env(Story::Resume))?;
            code = judge_code("resume", &said)?;
        }
        let Said { code, out, err } = said;
        Err(format!("the run does not come to its end; the last `resume` ended with {code:?}\n{out}{err}"))
    }

    /// What is armed in a step.
    fn env(&self, step: Story) -> Env {
        let mut env = Env::new();
        let here = self.place.root().display();
        env.insert("REGATTA_FAULT_FIRED", format!("{here}/fired"));
        env.insert("REGATTA_FAULT_TRACE", format!("{here}/trace.{step:?}"));
        let half = match self.story {
            Story::Run => None,
            Story::Resume | Story::Command => Some(format!("commit.after:{}", self.half)),
            Story::Heir => Some(format!("commit.after:{}:both", self.half)),
        };
        // The keeper of a resumed run has the environment of the first step.
        let kill = self.kill.filter(|kill| match (self.story, step) {
            (Story::Run, step) => step == Story::Run,
            (Story::Resume, Story::Run) => kill.by_keeper(),
            (Story::Resume | Story::Heir, step) => step == Story::Resume,
            (Story::Command, step) => step == Story::Command,
        });
        let kill = kill.map_or(NOTHING.to_owned(), Kill::armed);
        let half = half.filter(|_| step == Story::Run).unwrap_or(NOTHING.to_owned());
        env.insert("REGATTA_FAULT", format!("{kill},{half}"));
        env
    }

    /// Says it again if it was killed; by then it may have been obeyed.
    fn command(&self, task: &str) -> Outcome<()> {
        let said = self.place.say(&["skip", task], &self.env(Story::Command))?;
        match said.code {
            Some(0) => Ok(()),
            None => match self.place.say(&["skip", task], &Env::new())? {
                Said { code: Some(0 | 2), .. } => Ok(()),
                said => Err(format!("a second `skip` ended with {:?}\n{}", said.code, said.err)),
            },
            code => Err(format!("`skip` ended with {code:?}\n{}", said.err)),
        }
    }

    /// Settles what is in doubt: whoever has had its effect was done.
    fn answer(&self) -> Outcome<()> {
        let tasks = statuses(self.place)?;
        let done = self.place.read("done");
        for (task, _) in tasks.iter().filter(|(_, status)| *status == "in_doubt") {
            let was_done = done.lines().any(|line| line.rsplit_once('.').is_some_and(|(id, _)| id == task));
            let how = if was_done { "--succeeded" } else { "--again" };
            self.place.expect(&["answer", task, how], 0)?;
        }
        Ok(())
    }

    fn passed(&self) -> BTreeMap<&'static str, (u64, u64)> {
        let count = |file: &str, point: &str| {
            let text = self.place.read(file);
            let n = text.lines().find_map(|line| line.strip_prefix(point)?.strip_prefix(' ')?.parse().ok());
            n.unwrap_or(0_u64)
        };
        let of = |point: &'static str| {
            let keeper = point.starts_with("keeper.");
            let (before, all) = match (self.story, keeper) {
                (Story::Run, false) => (0, count("trace.Run", point)),
                (Story::Run, true) => (0, count("trace.Run.keeper", point)),
                (Story::Resume, true) => (count("trace.half", point), count("trace.Run.keeper", point)),
                (Story::Resume | Story::Heir, false) => (0, count("trace.Resume", point)),
                (Story::Heir, true) => (0, count("trace.Resume.keeper", point)),
                (Story::Command, _) => (0, count("trace.Command", point)),
            };
            (point, (before, all))
        };
        POINTS.iter().map(|(point, _)| of(point)).filter(|(_, (before, all))| before < all).collect()
    }
}

/// Killed, or an exit code with which a run may go on or end.
fn judge_code(verb: &str, said: &Said) -> Outcome<Option<i32>> {
    match said.code {
        None | Some(0 | 1 | 5) => Ok(said.code),
        Some(code) => Err(format!("`{verb}` ended with {code}\n{}{}", said.out, said.err)),
    }
}

/// The status of each task of the newest run.
///
/// # Errors
/// It cannot be read.
pub fn statuses(place: &Place) -> Outcome<BTreeMap<String, String>> {
    let said = place.expect(&["status", "--json"], 0)?;
    let facts: serde_json::Value =
        serde_json::from_str(&said.out).map_err(|e| format!("`status --json` is no JSON: {e}"))?;
    let tasks = facts["tasks"].as_object().into_iter().flatten();
    let status = |task: &serde_json::Value| task["status"].as_str().unwrap_or_default().to_owned();
    Ok(tasks.map(|(id, task)| (id.clone(), status(task))).collect())
}
