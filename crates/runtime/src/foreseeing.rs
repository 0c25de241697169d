//! How the driver looks for conflicts among what was collected, as soon as both sides are, and tells them.
//!
//! A part of the driver: it never waits. A landing begins when all that is being looked for was found.

use crate::apart::Apart;
use crate::local::Local;
use crate::works::Piece;
use crate::yard::{AttributesError, Errand, Pair};
use regatta_engine::input::Input;

/// At most so many paths are named.
const MAX_PATHS: usize = 20;

impl Local {
    /// Looks for conflicts of what was collected since the last time.
    pub(crate) fn foresee(&mut self) {
        let Some(apart) = self.apart.as_mut() else { return };
        let grown = apart.works.collected.iter().any(|node| !apart.outlook.seen.contains(node));
        if !grown || apart.works.plan.merge.is_none() {
            return;
        }
        for (piece, others) in new_pieces(apart) {
            apart.outlook.open += 1;
            apart.workers.ask(Errand::Foresee(Box::new(piece), others));
        }
    }

    /// Some were found, or none. What cannot be foreseen is met when it is merged.
    pub(crate) fn foreseen(&mut self, found: Result<Vec<Pair>, AttributesError>) {
        let Some(apart) = self.apart.as_mut() else { return };
        apart.outlook.open = apart.outlook.open.saturating_sub(1);
        for pair in found.unwrap_or_default() {
            let graph = &apart.works.graph;
            let (Some(first), Some(second)) = (graph.find(&pair.first), graph.find(&pair.second)) else {
                continue;
            };
            let (with, node) = apart.works.in_merge_order(first, second);
            if !apart.works.has_told(node, with) {
                let paths = named(&pair.paths).into();
                self.arrivals.push_back(Input::ConflictPredicted { node, with, paths }.into());
            }
        }
        if apart.outlook.open == 0 && std::mem::take(&mut apart.outlook.lands) {
            self.land();
        }
    }
}

/// What was collected and not compared yet, each with all that was collected before it.
fn new_pieces(apart: &mut Apart) -> Vec<(Piece, Vec<Piece>)> {
    let new: Vec<_> = apart.works.collected.difference(&apart.outlook.seen).copied().collect();
    let mut pieces = Vec::new();
    for node in new {
        let earlier = apart.outlook.seen.iter().filter_map(|other| apart.works.piece(*other)).collect();
        pieces.extend(apart.works.piece(node).map(|piece| (piece, earlier)));
        apart.outlook.seen.insert(node);
    }
    pieces
}

/// Paths for people.
fn named(paths: &[String]) -> String {
    let listed = paths.iter().take(MAX_PATHS).cloned().collect::<Vec<_>>().join(", ");
    match paths.len().saturating_sub(MAX_PATHS) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}
