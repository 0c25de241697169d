//! What one seed checks: the scenario in fair and foul weather, against the reference model and against itself.
//!
//! Prints nothing; the binary and the tests show what went wrong.

use crate::model;
use crate::scenario::Scenario;
use crate::world::{Outcome, Weather, World};
use regatta_engine::breaker::WhenOpen;
use regatta_engine::spec::OnFailure;
use std::rc::Rc;

/// What a seed went through, for totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Events in all worlds.
    pub events: u64,
    /// Crashes in all worlds.
    pub crashes: u64,
    /// Breakers that opened in all worlds.
    pub openings: u64,
    /// Questions of attempts that people answered in all worlds.
    pub answers: u64,
    /// Attempts that met a rate limit in all worlds.
    pub holds: u64,
}

/// Plays a seed in every weather.
///
/// # Errors
/// The first broken law, with the weather in which it broke.
pub fn check(seed: u64) -> Result<Seen, String> {
    let scenario = Rc::new(Scenario::of(seed));
    check_scenario(&scenario)
}

/// Plays a scenario in every weather.
///
/// # Errors
/// The first broken law, with the weather in which it broke.
pub fn check_scenario(scenario: &Rc<Scenario>) -> Result<Seen, String> {
    let fair =
        Weather { timing: 1, crashes: false, keeper: false, people: false, limits: false, asks: false };
    let weathers = [
        fair,
        Weather { timing: 2, limits: true, ..fair },
        Weather { timing: 3, crashes: true, ..fair },
        Weather { timing: 4, crashes: true, keeper: true, limits: true, asks: true, ..fair },
        Weather { timing: 5, crashes: true, people: true, asks: true, ..fair },
    ];
    let mut seen = Seen::default();
    let mut first: Option<Outcome> = None;
    for weather in weathers {
        let play = World::new(scenario, weather).and_then(World::run);
        let outcome = play.map_err(|e| format!("{e} ({weather:?})"))?;
        seen.events += outcome.events as u64;
        seen.crashes += u64::from(outcome.crashes);
        seen.openings += u64::from(outcome.openings);
        seen.holds += u64::from(outcome.holds);
        seen.answers += u64::from(outcome.answers);
        let fails = scenario.config.breaker.is_some_and(|policy| policy.when_open == WhenOpen::Fail);
        if scenario.config.on_failure == OnFailure::Continue && !fails {
            compare(scenario, &outcome, first.as_ref()).map_err(|e| format!("{e} ({weather:?})"))?;
        }
        first.get_or_insert(outcome);
    }
    Ok(seen)
}

/// Against the model, and against the first weather: the same outcomes give the same bytes (law 3).
fn compare(scenario: &Scenario, outcome: &Outcome, first: Option<&Outcome>) -> Result<(), String> {
    for (i, expected) in model::expect(scenario).iter().enumerate() {
        if outcome.states[i] != expected.state {
            let id = &scenario.spec.nodes[i].id;
            return Err(format!("node {id} is {}, the model says {}", outcome.states[i], expected.state));
        }
    }
    let Some(first) = first else { return Ok(()) };
    if first.status != outcome.status {
        return Err(format!("the run is {:?}, it was {:?}", outcome.status, first.status));
    }
    match differing_line(&first.canonical, &outcome.canonical) {
        None => Ok(()),
        Some((n, before, now)) => Err(format!("law 3: canonical line {n} is\n  {now}\nit was\n  {before}")),
    }
}

fn differing_line(a: &[u8], b: &[u8]) -> Option<(usize, String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (a, b) = (text(a), text(b));
    let (mut left, mut right) = (a.lines(), b.lines());
    for n in 1.. {
        match (left.next(), right.next()) {
            (None, None) => return None,
            (l, r) if l == r => {}
            (l, r) => return Some((n, l.unwrap_or("nothing").to_owned(), r.unwrap_or("nothing").to_owned())),
        }
    }
    None
}
