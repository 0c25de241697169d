//! Kills at random instants: a random plan, and processes that die between two looks at the clock.
//!
//! Chance is seeded; instants are not, so a seed repeats the plan and the pauses, and the kills only roughly.

use crate::Outcome;
use crate::judge::{Reference, judge};
use crate::place::{Env, Place};
use crate::plans::{EFFECT, Plan};
use crate::processes::{keeper, kill};
use crate::scenario::{Played, Story, Victim, play};
use regatta_rng::Rng;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Tasks of a random plan.
const TASKS: u64 = 40;

/// What random kills came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Toll {
    /// Kills that happened.
    pub kills: u64,
    /// Effects that were had again, as their contract allows.
    pub repeats: u64,
}

/// Runs the random plan of a seed, kills the victim at most `most` times, and compares with the undisturbed run.
///
/// # Errors
/// The run does not survive, or does not end as the undisturbed one.
pub fn run(binary: &Path, (seed, victim): (u64, Victim), most: u64) -> Outcome<Toll> {
    let mut rng = Rng::new(seed, victim as u64);
    let plan = plan(&mut rng);
    let reference = Reference::of(&play((&plan, binary), (Story::Run, 0), None)?)?;
    let place = Place::with(binary, &plan.text)?;
    let killer = Killer { victim: Some(victim), pauses_ms: (5, 250) };
    let (code, kills) = killer.carry_through(&place, most, &mut rng)?;
    let keeper_died = victim != Victim::Orchestrator;
    let played = Played { place, code, fired: kills > 0, keeper_died, passed: BTreeMap::new() };
    Ok(Toll { kills, repeats: judge(&played, &plan, &reference)? })
}

fn plan(rng: &mut Rng) -> Plan {
    let tasks = (0..TASKS).map(|n| {
        let some = rng.between(0, 2) as usize;
        let needs: Vec<String> = rng.some((0..n).collect(), some).iter().map(|n| format!("t{n}")).collect();
        let run = format!("sleep 0.0{}; {EFFECT}; echo '{{\"n\":{n}}}' >$REGATTA_RESULT", rng.between(0, 4));
        serde_json::json!({ "id": format!("t{n}"), "needs": needs, "run": run })
    });
    let tasks: Vec<serde_json::Value> = tasks.collect();
    let limits = serde_json::json!({ "max_parallel": 6 });
    let plan = serde_json::json!({
        "version": 1, "effect": "idempotent", "max_lost": 1_000, "limits": limits, "tasks": tasks
    });
    Plan { name: "random".to_owned(), text: plan.to_string(), once: vec![], points: &[], spare: None }
}

/// Who is killed, and how long a process lives at least and at most before it.
#[derive(Clone, Copy, Debug)]
pub struct Killer {
    /// Who; chance says it for each kill where nobody is named.
    pub victim: Option<Victim>,
    /// The pause before a kill.
    pub pauses_ms: (u64, u64),
}

impl Killer {
    /// Runs `plan.yaml` and resumes it until it has ended; answers its exit code and how many kills happened.
    ///
    /// # Errors
    /// A verb hangs, or ends otherwise than by a kill or as a run ends.
    pub fn carry_through(&self, place: &Place, most: u64, rng: &mut Rng) -> Outcome<(i32, u64)> {
        let (mut words, mut kills): (&[&str], u64) = (&["run", "plan.yaml"], 0);
        loop {
            let child = place.start(words, &Env::new())?;
            while kills < most && !child.ends(self.pause(rng)) {
                kills += u64::from(self.strike(place, child.pid(), rng));
            }
            let said = child.wait()?;
            match said.code {
                Some(code @ (0 | 1)) => return Ok((code, kills)),
                // Killed: whoever comes next goes on.
                None => {}
                Some(code) => return Err(format!("{words:?} ended with {code}\n{}", said.err)),
            }
            words = if place.run_id()?.is_some() { &["resume"] } else { &["run", "plan.yaml"] };
        }
    }

    fn pause(&self, rng: &mut Rng) -> Duration {
        Duration::from_millis(rng.between(self.pauses_ms.0, self.pauses_ms.1))
    }

    fn strike(&self, place: &Place, orchestrator: u32, rng: &mut Rng) -> bool {
        let chance = rng.some(Victim::ALL.to_vec(), 1);
        let Some(victim) = self.victim.or_else(|| chance.first().copied()) else { return false };
        let keeper = keeper(place.root()).filter(|_| victim != Victim::Orchestrator);
        if victim != Victim::Keeper {
            kill(orchestrator);
        }
        keeper.iter().for_each(|pid| kill(*pid));
        victim != Victim::Keeper || keeper.is_some()
    }
}
