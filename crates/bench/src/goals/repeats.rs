//! Goal 15: finished work that runs again, and tasks of which two copies live, after `kill -9` at points from a seed.
//!
//! Two victims: everything, and the tool alone, which is started again at once. ninja is killed at the same points, so
//! it is seen that the measurement sees what it looks for.

use crate::bench::{Bench, SLOTS};
use crate::forms::Action;
use crate::graphs::Graph;
use crate::row::{Row, Theirs, Unit};
use crate::victims::{alone, everything, log, numbers, started};
use crate::work::Work;
use regatta_crash::Outcome;
use regatta_crash::processes::keeper;
use regatta_rng::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;

/// Who dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Everything,
    /// The process that was started: the orchestrator, or ninja.
    Tool,
}

/// One kill: who, and when so many lines are in the log.
type Kill = (Victim, usize);

/// What the kills of one victim came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Toll {
    again: usize,
    twice: usize,
}

/// The toll of ours and of ninja, for both victims.
pub(super) fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let tasks = bench.options.scaled(200, 40);
    let script = Action::Script("exec sh mark.sh {}");
    let work = Work::new(bench, "repeats", (&Graph::independent(tasks), SLOTS), script)?;
    let mut rows = Vec::new();
    for (victim, who) in [(Victim::Everything, "everything"), (Victim::Tool, "the tool alone")] {
        rows.extend(kills(bench, &work, (victim, who))?);
    }
    Ok(rows)
}

fn kills(bench: &Bench, work: &Work, (victim, who): (Victim, &str)) -> Outcome<[Row; 2]> {
    let kills = bench.options.scaled(20, 2);
    let (mut ours, mut ninja) = (Toll::default(), Ok(Toll::default()));
    let mut rng = Rng::new(bench.options.seed, 15 + victim as u64);
    for number in 1..=kills {
        eprintln!("goal 15: {who}, kill {number} of {kills}");
        // Not at the very end: eight tasks are always under way.
        let at = rng.between(work.tasks as u64 / 10, work.tasks as u64 * 2 - 20) as usize;
        ours = ours.and(killed(bench, work, (victim, at))?);
        ninja = ninja.and_then(|toll| Ok(toll.and(ninja_killed(bench, work, (victim, at))?)));
    }
    let row = |what: &str, count: fn(&Toll) -> usize| {
        let theirs: Theirs = ninja.as_ref().map(|toll| vec![count(toll) as f64]).map_err(Clone::clone);
        Row::of(15, format!("{what}: {kills} kills of {who} during {} tasks", work.tasks))
            .absolute(Unit::Count, vec![count(&ours) as f64])
            .beside("ninja", theirs)
            .at_most(0.0)
    };
    Ok([row("finished work run again", |toll| toll.again), row("tasks alive twice", |toll| toll.twice)])
}

impl Toll {
    fn and(self, other: Toll) -> Toll {
        Toll { again: self.again + other.again, twice: self.twice + other.twice }
    }

    /// From what the tasks wrote, and who of them was not to run again.
    fn of(log: &str, finished: &BTreeSet<String>) -> Toll {
        let mut begun: BTreeMap<&str, usize> = BTreeMap::new();
        numbers(log, "began").for_each(|number| *begun.entry(number).or_default() += 1);
        let again = finished.iter().filter(|number| begun.get(number.as_str()).is_some_and(|n| *n > 1));
        Toll { again: again.count(), twice: numbers(log, "twice").count() }
    }
}

/// One kill of ours, and the run carried through.
fn killed(bench: &Bench, work: &Work, (victim, at): Kill) -> Outcome<Toll> {
    let dir = bench.place.fresh("repeats")?;
    let tool = started(work.ours(bench, &dir), &dir, at)?;
    let finished = match victim {
        Victim::Everything => everything(tool, keeper(&dir).ok_or("no keeper was found")?, &dir)?,
        Victim::Tool => alone(tool, &dir)?,
    };
    bench.said(&dir, &["resume", "--json"])?;
    let log = log(&dir);
    match numbers(&log, "done").collect::<BTreeSet<_>>().len() {
        all if all == work.tasks => Ok(Toll::of(&log, &finished)),
        some => Err(format!("only {some} of {} tasks ran to their end", work.tasks)),
    }
}

/// One kill of ninja, and a second ninja at once.
fn ninja_killed(bench: &Bench, work: &Work, (victim, at): Kill) -> Outcome<Toll> {
    let ninja = bench.references.ninja.clone()?;
    let dir = bench.place.fresh("repeats-ninja")?;
    let tool = started(work.ninja(&ninja, &dir), &dir, at)?;
    let owner = tool.id();
    let finished = match victim {
        Victim::Everything => everything(tool, owner, &dir)?,
        Victim::Tool => alone(tool, &dir)?,
    };
    let again = work.ninja(&ninja, &dir).stdout(Stdio::null()).status();
    match again.map_err(|e| format!("cannot start ninja: {e}"))? {
        status if status.success() => Ok(Toll::of(&log(&dir), &finished)),
        status => Err(format!("ninja ended with {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_finished_work_counts_as_run_again() {
        let log = "began 1\ndone 1\nbegan 2\nbegan 1\ntwice 2\nbegan 2\n";
        let finished = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!(Toll::of(log, &finished(&["1"])), Toll { again: 1, twice: 1 });
        assert_eq!(Toll::of(log, &finished(&["3"])), Toll { again: 0, twice: 1 });
        let sum = Toll { again: 1, twice: 2 }.and(Toll { again: 3, twice: 4 });
        assert_eq!(sum, Toll { again: 4, twice: 6 });
    }
}
