//! Red gates, and the agent that mends them.
//!
//! ```text
//! gates -> red -> agent -> a commit after the merge -> gates -> …   at most its attempts, then it is red
//! ```
//! Knows no policy: what red means is said by who asks.

use super::gates::Said;
use super::integrate::Bench;
use super::tries::{Ask, Tried, foreign};
use super::{Dock, GateResult, LandError, Report};
use crate::collect;
use crate::git::{Change, Oid};
use crate::workspace;
use regatta_plan::model::{Action, Helper};
use regatta_plan::prompt::{Item, Part};
use std::collections::BTreeSet;

/// So many files that merged work changed are named to the agent.
const MOST_FILES: usize = 200;

impl Dock {
    /// Lets the gates run, and an agent mend what is red. Nothing if the run is being left.
    pub(super) fn gated(
        &self,
        bench: &mut Bench,
        after: Option<&str>,
        report: &mut Report,
    ) -> Result<Option<bool>, LandError> {
        match (self.gates(bench, after, report)?, &self.merge.fix) {
            (Said::Green, _) => Ok(Some(true)),
            (Said::Left, _) => Ok(None),
            (Said::Red(red), Some(helper)) => self.mend(helper, (bench, after), report, red),
            (Said::Red(_) | Said::Asks(_), _) => Ok(Some(false)),
        }
    }

    /// The same, with nobody to mend: it is not clear yet whose work is to be mended.
    pub(super) fn passes(
        &self,
        bench: &mut Bench,
        after: &str,
        report: &mut Report,
    ) -> Result<Option<bool>, LandError> {
        Ok(match self.gates(bench, Some(after), report)? {
            Said::Green => Some(true),
            Said::Left => None,
            Said::Red(_) | Said::Asks(_) => Some(false),
        })
    }

    fn mend(
        &self,
        helper: &Helper,
        (bench, after): (&mut Bench, Option<&str>),
        report: &mut Report,
        mut red: Vec<GateResult>,
    ) -> Result<Option<bool>, LandError> {
        let merged = bench.tip.clone();
        let mut failed: Vec<String> = Vec::new();
        for _ in 0..helper.attempts {
            if self.is_past_mending(&red) {
                break;
            }
            let mut items = self.findings(&red);
            items.extend(self.changed((bench, &merged), report)?);
            items.extend(
                failed
                    .iter()
                    .enumerate()
                    .map(|(i, said)| foreign(Part::Failure, format!("attempt {}", i + 1), said.clone())),
            );
            let names: Vec<&str> = red.iter().map(|gate| gate.id.as_str()).collect();
            let place = after.map_or("all merges".to_owned(), |task| format!("the merge of {task}"));
            let ask = Ask {
                role: "fix",
                helper,
                head: None,
                after,
                before: None,
                nth: failed.len(),
                title: format!("Mend what is red after {place}"),
                instruction: format!(
                    "Work of several tasks was merged, and these gates are red: {}. Change the files so that they pass. Keep \
                     what the tasks were to do, and weaken, skip or delete no check.",
                    names.join(", ")
                ),
                red: names.iter().map(|name| (*name).to_owned()).collect(),
                items,
                finds: bench.git.tree(&bench.tip)?,
                refuses: &|changes: &[Change]| changes.is_empty().then(|| "it changed nothing".to_owned()),
            };
            let tried = match self.attempt(ask, bench, report)? {
                Tried::Left => return Ok(None),
                Tried::Unpaid => break,
                Tried::Done(tried) => tried,
            };
            let Some(commit) = tried.commit.as_deref().and_then(Oid::parse) else {
                failed.push(tried.said);
                continue;
            };
            bench.tip = commit;
            bench.stand_at_tip()?;
            failed.clear();
            match self.gates(bench, after, report)? {
                Said::Green => return Ok(Some(true)),
                Said::Left => return Ok(None),
                Said::Red(now) => red = now,
                Said::Asks(_) => return Ok(Some(false)),
            }
        }
        Ok(Some(false))
    }

    /// Whether a gate that blocks is red whatever is committed: an expression over results, or one that needs such a gate.
    fn is_past_mending(&self, red: &[GateResult]) -> bool {
        let mut fixed: BTreeSet<&str> = BTreeSet::new();
        // Each stands after what it needs.
        for check in &self.merge.gates {
            let id = self.called(&check.name);
            let Some(gate) = red.iter().find(|gate| gate.id == id) else { continue };
            let needs = check.needs.iter().any(|need| fixed.contains(need.as_str()));
            if if gate.ran { check.expr.is_some() } else { needs } {
                if gate.blocking {
                    return true;
                }
                fixed.insert(&check.name);
            }
        }
        false
    }

    /// What each red gate said: its command, how it ended, the end of its output.
    pub(super) fn findings(&self, red: &[GateResult]) -> Vec<Item> {
        let dir = workspace::landing_dir(&self.run_dir);
        let finding = |gate: &GateResult| {
            let check = self.merge.gates.iter().find(|check| self.called(&check.name) == gate.id);
            let command = match check.map(|check| &check.action) {
                Some(Action::Shell { script, .. }) => script.clone(),
                Some(Action::Argv(argv)) => argv.join(" "),
                Some(
                    Action::Agent { .. } | Action::Tool { .. } | Action::Join { .. } | Action::Gate { .. },
                )
                | None => String::new(),
            };
            let mut text = format!("command: {command}\n{}\n", gate.said);
            for name in gate.log.iter().flat_map(|log| [format!("{log}.stdout"), format!("{log}.stderr")]) {
                text.extend(collect::tail(&dir.join(&name)).map(|tail| format!("\n{tail}\n")));
            }
            foreign(Part::Finding, format!("gate {}", gate.id), text)
        };
        red.iter().map(finding).collect()
    }

    /// The files that were changed since the target.
    fn changed(&self, (bench, tip): (&Bench, &Oid), report: &Report) -> Result<Option<Item>, LandError> {
        let Some(from) = Oid::parse(&report.from) else { return Ok(None) };
        let changes = bench.git.changes(&from, tip)?;
        let mut text: String = changes
            .iter()
            .take(MOST_FILES)
            .map(|change| format!("- {}\n", change.path.escape_debug()))
            .collect();
        if changes.len() > MOST_FILES {
            text.push_str(&format!("- and {} more\n", changes.len() - MOST_FILES));
        }
        Ok(Some(foreign(Part::Changed, "git".to_owned(), text)))
    }
}
