//! Sides that take turns: one run of each in a fresh directory, then the next pair, so that a busy machine slows all.
//!
//! It knows no side.

use crate::meter::{Used, measure};
use crate::place::Place;
use crate::references::Program;
use crate::row::Theirs;
use regatta_crash::Outcome;
use std::path::{Path, PathBuf};
use std::process::Command;

type Start<'a> = Box<dyn Fn(&Path) -> Command + 'a>;

/// How one of them is started in a fresh directory, or why it cannot be.
pub(crate) struct Side<'a> {
    name: &'static str,
    start: Result<Start<'a>, String>,
}

impl<'a> Side<'a> {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// One that is there.
    pub(crate) fn new(name: &'static str, start: impl Fn(&Path) -> Command + 'a) -> Side<'a> {
        Side { name, start: Ok(Box::new(start)) }
    }

    /// One that is there only if a program is.
    pub(crate) fn with(
        name: &'static str,
        program: &Program,
        start: impl Fn(&Path, &Path) -> Command + 'a,
    ) -> Side<'a> {
        let start = program.clone().map(|program| -> Start<'a> { Box::new(move |dir| start(&program, dir)) });
        Side { name, start }
    }
}

/// One run: what it used, and where it was.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) used: Used,
    pub(crate) dir: PathBuf,
}

impl Run {
    /// A number that the run told: a member of the JSON on its last line.
    pub(crate) fn told(&self, key: &str) -> Outcome<f64> {
        let text = std::fs::read_to_string(self.dir.join("stdout")).unwrap_or_default();
        let value = serde_json::from_str::<serde_json::Value>(text.lines().last().unwrap_or_default());
        let number = value.ok().and_then(|value| value[key].as_f64());
        number.ok_or_else(|| format!("the run in {} tells no `{key}`", self.dir.display()))
    }
}

/// The runs of each side, in the order of the pairs.
#[derive(Debug)]
pub(crate) struct Runs(Vec<(&'static str, Result<Vec<Run>, String>)>);

/// Lets every side run once for each pair. The first side is ours: if it fails, nothing was measured. A reference that
/// fails is missing from then on.
pub(crate) fn alternate(place: &Place, (name, pairs): (&str, usize), sides: &[Side<'_>]) -> Outcome<Runs> {
    let mut all: Vec<_> = sides.iter().map(|side| (side.name, Ok(Vec::new()))).collect();
    for pair in 1..=pairs {
        eprintln!("{name}: pair {pair} of {pairs}");
        for (number, (side, (_, runs))) in sides.iter().zip(&mut all).enumerate() {
            let Ok(before) = runs else { continue };
            match once(place, name, side) {
                Ok(run) => before.push(run),
                Err(why) if number == 0 => return Err(why),
                Err(why) => *runs = Err(why),
            }
        }
    }
    Ok(Runs(all))
}

fn once(place: &Place, name: &str, side: &Side<'_>) -> Outcome<Run> {
    let start = side.start.as_ref().map_err(Clone::clone)?;
    let dir = place.fresh(&format!("{name}-{}", side.name))?;
    Ok(Run { used: measure(&start(&dir), &dir)?, dir })
}

impl Runs {
    /// The runs of a side, or why there are none.
    pub(crate) fn side(&self, name: &str) -> Result<&[Run], String> {
        let found = self.0.iter().find(|(side, _)| *side == name).map(|(_, runs)| runs);
        found.map_or(Err(format!("`{name}` did not run")), |runs| runs.as_deref().map_err(Clone::clone))
    }

    /// One figure of each run of a side.
    pub(crate) fn of(&self, name: &str, figure: impl Fn(&Used) -> f64) -> Theirs {
        Ok(self.side(name)?.iter().map(|run| figure(&run.used)).collect())
    }

    /// One number that each run of a side told.
    pub(crate) fn told(&self, name: &str, key: &str) -> Theirs {
        self.side(name)?.iter().map(|run| run.told(key)).collect()
    }

    /// One figure of each run of ours.
    pub(crate) fn ours(&self, figure: impl Fn(&Used) -> f64) -> Vec<f64> {
        let runs = self.0.first().and_then(|(_, runs)| runs.as_ref().ok());
        runs.into_iter().flatten().map(|run| figure(&run.used)).collect()
    }

    /// The directory of the last run of a side.
    pub(crate) fn last_dir(&self, name: &str) -> Result<&Path, String> {
        let run = self.side(name)?.last().ok_or_else(|| format!("`{name}` did not run"))?;
        Ok(&run.dir)
    }
}
