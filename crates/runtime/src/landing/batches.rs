//! Pieces come in by batches: merged one after the other, then the gates run once; a red batch is halved until it is clear
//! whose work made it red.
//!
//! ```text
//! green tip -> merge a, b, c, d -> gates     green: all four are in
//!                                  red       back to the tip; a, b as a batch, then c, d on what came of it
//!                                  red, one  its agent may mend it; then it is taken out, or nothing lands
//! ```
//! A batch of one is each piece by itself. Halves are merged as their batch was, so they stand at commits that were looked at
//! already, and what gates said of those is not asked for again. What does not merge is met on a tip whose gates have passed,
//! never beside work that may be taken out. What a batch came to is in the journal before anything follows from it.

use super::errand::Order;
use super::integrate::{Bench, Outcome, Step};
use super::{Batch, Cargo, Dock, LandError, Piece, Report, Verdict};
use regatta_engine::cause::Cause;
use regatta_engine::input;
use regatta_fault as fault;
use std::sync::atomic::Ordering;

/// What came of a batch.
enum Tried<'a> {
    /// What merged is in, or left out, and this is still to come.
    Rest(Vec<&'a Piece>),
    /// It is red, and it is not clear by whom: what was merged, and what is still to come.
    Red(Vec<&'a Piece>, Vec<&'a Piece>),
    /// The whole stops here.
    Ends(Verdict),
}

/// What of a batch is merged.
struct Merged<'a> {
    /// The pieces.
    pieces: Vec<&'a Piece>,
    /// Those that moved the tip.
    moved: Vec<String>,
    /// What did not come in so easily, and what follows it.
    rest: Vec<&'a Piece>,
    /// An agent resolved the conflict of the first.
    by_agent: bool,
}

impl Dock {
    /// Brings pieces in until none is left. Answers what stops the whole, if anything does.
    pub(super) fn bring_in(
        &self,
        cargo: &Cargo,
        bench: &mut Bench,
        (report, left_out): Outcome<'_>,
    ) -> Result<Option<Verdict>, LandError> {
        let size = if self.merge.gate_each { self.merge.batch as usize } else { cargo.pieces.len() };
        let all: Vec<&Piece> = cargo.pieces.iter().collect();
        // The next one is the last.
        let mut open: Vec<Vec<&Piece>> = all.chunks(size.max(1)).rev().map(<[_]>::to_vec).collect();
        while let Some(batch) = open.pop() {
            match self.try_batch((cargo, &batch), bench, (report, left_out))? {
                Tried::Rest(rest) if rest.is_empty() => {}
                Tried::Rest(rest) => open.push(rest),
                Tried::Red(mut first, rest) => {
                    let second = first.split_off(first.len().div_ceil(2));
                    open.extend([rest, second, first].into_iter().filter(|pieces| !pieces.is_empty()));
                }
                Tried::Ends(verdict) => return Ok(Some(verdict)),
            }
        }
        Ok(None)
    }

    fn try_batch<'a>(
        &self,
        (cargo, batch): (&'a Cargo, &[&'a Piece]),
        bench: &mut Bench,
        (report, left_out): Outcome<'_>,
    ) -> Result<Tried<'a>, LandError> {
        let (before, conflicts) = (bench.tip.clone(), report.conflicts.len());
        let Merged { pieces, moved, rest, by_agent } =
            match self.merge_batch((cargo, batch), bench, (report, left_out))? {
                Ok(merged) => merged,
                Err(verdict) => return Ok(Tried::Ends(verdict)),
            };
        let names = || pieces.iter().map(|piece| piece.task.clone());
        let Some((last, others)) = moved.split_last().filter(|_| self.merge.gate_each) else {
            report.merged.extend(names());
            return Ok(Tried::Rest(rest));
        };
        bench.with = others.to_vec();
        let alone = pieces.len() == 1;
        let said =
            if alone { self.gated(bench, Some(last), report)? } else { self.passes(bench, last, report)? };
        bench.with.clear();
        let Some(passed) = said else { return Ok(Tried::Ends(Verdict::Stop)) };
        if !self.told((&pieces, passed), bench, report) {
            return Ok(Tried::Ends(Verdict::Stop));
        }
        if passed {
            self.proven(bench)?;
            report.merged.extend(names());
            return Ok(Tried::Rest(rest));
        }
        bench.unproven = None;
        bench.tip = before;
        bench.stand_at_tip()?;
        if !alone {
            // They are met again.
            report.conflicts.truncate(conflicts);
            return Ok(Tried::Red(pieces, rest));
        }
        let step = if by_agent {
            // Its resolution is not good enough: a person is asked.
            report.conflicts.last_mut().into_iter().for_each(|conflict| conflict.resolved.clear());
            self.unresolved(pieces[0], bench, report)?
        } else {
            Step::Out(Cause::Gate)
        };
        Ok(match self.goes_out((pieces[0], step), (report, left_out)) {
            Some(verdict) => Tried::Ends(verdict),
            None => Tried::Rest(rest),
        })
    }

    /// Merges the pieces of a batch one after the other.
    fn merge_batch<'a>(
        &self,
        (cargo, batch): (&'a Cargo, &[&'a Piece]),
        bench: &mut Bench,
        (report, left_out): Outcome<'_>,
    ) -> Result<Result<Merged<'a>, Verdict>, LandError> {
        let mut merged = Merged { pieces: Vec::new(), moved: Vec::new(), rest: Vec::new(), by_agent: false };
        for (i, &piece) in batch.iter().enumerate() {
            if self.stop.load(Ordering::SeqCst) {
                return Ok(Err(Verdict::Stop));
            }
            if left_out.contains_key(&piece.task) {
                continue;
            }
            if piece.ancestors.iter().any(|task| left_out.contains_key(task)) {
                left_out.insert(piece.task.clone(), Cause::Upstream);
                continue;
            }
            let in_it = |other: &&Piece| {
                report.merged.contains(&other.task) || merged.pieces.iter().any(|one| one.task == other.task)
            };
            let others: Vec<&Piece> = cargo.pieces.iter().filter(in_it).collect();
            let (alone, tip) = (merged.moved.is_empty() || !self.merge.gate_each, bench.tip.clone());
            match self.take_in((piece, &others), (bench, alone), report)? {
                Step::In { by_agent } => {
                    if bench.tip != tip {
                        merged.moved.push(piece.task.clone());
                    }
                    merged.by_agent = by_agent;
                    merged.pieces.push(piece);
                }
                Step::Later => {
                    merged.rest = batch[i..].to_vec();
                    break;
                }
                step => {
                    if let Some(verdict) = self.goes_out((piece, step), (report, left_out)) {
                        return Ok(Err(verdict));
                    }
                }
            }
        }
        Ok(Ok(merged))
    }

    /// A piece does not come in: it is left out, or that is the end of the whole.
    fn goes_out(&self, (piece, step): (&Piece, Step), (report, left_out): Outcome<'_>) -> Option<Verdict> {
        match step {
            Step::Out(cause) if self.leaves_out(cause) => {
                left_out.insert(piece.task.clone(), cause);
                None
            }
            Step::Out(cause) => {
                report.left_out.insert(piece.task.clone(), cause.code().to_owned());
                Some(Verdict::Nothing(cause))
            }
            Step::Other(verdict) => Some(verdict),
            Step::In { .. } | Step::Later => None,
        }
    }

    /// Tells the journal and the report what a batch came to. Answers whether the run goes on.
    fn told(&self, (pieces, passed): (&[&Piece], bool), bench: &Bench, report: &mut Report) -> bool {
        if self.merge.batch < 2 {
            return true;
        }
        let batch = Batch {
            tasks: pieces.iter().map(|piece| piece.task.clone()).collect(),
            tip: bench.tip.to_string(),
            passed,
        };
        if report.batches.contains(&batch) {
            return true;
        }
        let tested = input::Batch {
            nodes: pieces.iter().map(|piece| piece.node).collect(),
            tip: batch.tip.as_str().into(),
            passed,
        };
        report.batches.push(batch);
        let goes_on = self.carry_out(Order::Tell(Box::new(tested))).is_some();
        fault::point("landing.tested");
        goes_on
    }
}
