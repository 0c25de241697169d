//! Every passage of every fault point x every victim, or a seeded sample of them.
//!
//! Two stories are played at a time. What a story is, and what must be true in the end, is known elsewhere.

use crate::Outcome;
use crate::before::Before;
use crate::judge::{Reference, judge};
use crate::plans::Plan;
use crate::scenario::{Kill, Story, Victim, play};
use regatta_rng::Rng;
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Stories that are played at a time.
const AT_ONCE: usize = 2;

/// How many kills.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Share {
    /// Each passage of each point with each victim.
    All,
    /// So many passages of each point with each victim.
    Each(usize),
    /// So many in all.
    Some(usize),
}

/// What became of the kills at one point with one victim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Kills that happened.
    pub kills: u64,
    /// After which the run ended as it must.
    pub survived: u64,
    /// Effects that were had again, as their contract allows.
    pub repeats: u64,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// By point and victim.
    pub cells: BTreeMap<(&'static str, Victim), Cell>,
    /// Passages of each point in the undisturbed stories.
    pub passages: BTreeMap<&'static str, u64>,
    /// What was not survived, with the command of it.
    pub failures: Vec<String>,
}

impl Report {
    /// Takes another one in.
    pub fn merge(&mut self, other: Report) {
        for (key, cell) in other.cells {
            let sum = self.cells.entry(key).or_default();
            sum.kills += cell.kills;
            sum.survived += cell.survived;
            sum.repeats += cell.repeats;
        }
        for (point, n) in other.passages {
            *self.passages.entry(point).or_default() += n;
        }
        self.failures.extend(other.failures);
    }

    /// Kills that happened.
    #[must_use]
    pub fn kills(&self) -> u64 {
        self.cells.values().map(|cell| cell.kills).sum()
    }
}

/// An undisturbed story, and what is killed in it.
struct Act<'a> {
    plan: &'a Plan,
    story: Story,
    half: u64,
    reference: Reference,
    kills: Vec<Kill>,
}

/// Plays every story of a plan undisturbed, then with kills.
///
/// # Errors
/// An undisturbed story goes wrong.
pub fn run(plan: &Plan, binary: &Path, (share, rng): (Share, &mut Rng)) -> Outcome<Report> {
    let mut report = Report::default();
    let acts = acts(plan, binary, &mut report)?;
    let mut jobs: Vec<(usize, Kill)> = Vec::new();
    for (index, act) in acts.iter().enumerate() {
        jobs.extend(act.kills.iter().map(|kill| (index, kill.clone())));
    }
    let jobs = choose(jobs, (share, rng));
    let (queue, report) = (Mutex::new(VecDeque::from(jobs)), Mutex::new(report));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((index, kill)) = next(&queue) {
                    let verdict = acts.get(index).map(|act| trial(act, binary, &kill));
                    let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
                    if let (Some(act), Some(verdict)) = (acts.get(index), verdict) {
                        note(&mut report, (act, &kill), verdict);
                    }
                }
            });
        }
    });
    Ok(report.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn next(queue: &Mutex<VecDeque<(usize, Kill)>>) -> Option<(usize, Kill)> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

/// The stories that fit a plan, played undisturbed.
fn acts<'a>(plan: &'a Plan, binary: &Path, report: &mut Report) -> Outcome<Vec<Act<'a>>> {
    let stories = match (plan.points.is_empty(), plan.spare) {
        (false, _) if !matches!(plan.before, Before::DeadNeighbour | Before::Repository) => vec![Story::Run],
        (_, None) => vec![Story::Run, Story::Resume, Story::Heir],
        (_, Some(_)) => vec![Story::Run, Story::Resume, Story::Heir, Story::Command],
    };
    let (mut acts, mut half) = (Vec::new(), 0);
    for story in stories {
        let played = play((plan, binary), (story, half), None)
            .map_err(|e| format!("plan {}, story {story:?}, undisturbed: {e}", plan.name))?;
        if story == Story::Run {
            half = played.passed.get("commit.after").map_or(1, |(_, all)| all / 2);
        }
        let reference = Reference::of(&played)?;
        let wanted = |point: &str| plan.points.is_empty() || plan.points.contains(&point);
        let mut kills = Vec::new();
        for (&point, &(before, all)) in played.passed.iter().filter(|(point, _)| wanted(point)) {
            *report.passages.entry(point).or_default() += all - before;
            for victim in Victim::ALL {
                kills.extend((before + 1..=all).map(|passage| Kill { point, passage, victim }));
            }
        }
        acts.push(Act { plan, story, half, reference, kills });
    }
    Ok(acts)
}

/// The share of the kills that are made, in their order.
fn choose(jobs: Vec<(usize, Kill)>, (share, rng): (Share, &mut Rng)) -> Vec<(usize, Kill)> {
    match share {
        Share::All => jobs,
        Share::Some(most) => rng.some(jobs, most),
        Share::Each(most) => {
            let mut groups: BTreeMap<(&str, Victim), Vec<(usize, Kill)>> = BTreeMap::new();
            for job in jobs {
                groups.entry((job.1.point, job.1.victim)).or_default().push(job);
            }
            groups.into_values().flat_map(|group| rng.some(group, most)).collect()
        }
    }
}

/// Whether the kill happened, and how many effects were repeated.
fn trial(act: &Act<'_>, binary: &Path, kill: &Kill) -> Outcome<Option<u64>> {
    let played = play((act.plan, binary), (act.story, act.half), Some(kill))?;
    let repeats = judge(&played, act.plan, &act.reference)?;
    Ok(played.fired.then_some(repeats))
}

fn note(report: &mut Report, (act, kill): (&Act<'_>, &Kill), verdict: Outcome<Option<u64>>) {
    let cell = report.cells.entry((kill.point, kill.victim)).or_default();
    match verdict {
        // With another timing the point was not passed so often, or there was nobody to be killed.
        Ok(None) => {}
        Ok(Some(repeats)) => {
            cell.kills += 1;
            cell.survived += 1;
            cell.repeats += repeats;
        }
        Err(why) => {
            cell.kills += 1;
            let Kill { point, passage, victim } = kill;
            let (plan, story) = (&act.plan.name, act.story);
            report.failures.push(format!(
                "plan {plan}, story {story:?}, {} killed at {point}:{passage}: {why}",
                victim.name()
            ));
        }
    }
}
