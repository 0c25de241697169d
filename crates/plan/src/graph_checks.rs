//! Checks of the whole graph: edges in all, cycles, redundant edges, deep chains. Linear, without recursion.
//!
//! Looks at tasks sorted by id, so the same graph gives the same problems whatever the order of the file.

use crate::cycles;
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::placed::Placed;
use crate::reach::{Reach, Rows, sort};

/// Redundant edges are sought up to this many edges.
const MAX_EDGES_FOR_REDUNDANCY: usize = 20_000;
/// And while the ancestors of all tasks, a bit each, take no more memory than this many words.
const MAX_ANCESTOR_WORDS: usize = 64 << 20;
/// A longer chain is worth a warning.
const MAX_CHAIN: usize = 10;

/// Runs every check. Answers who reaches whom, unless there is a cycle.
pub(crate) fn check(placed: &[Placed], problems: &mut Problems) -> Option<Reach> {
    let mut preds = Rows::new(placed.len());
    placed.iter().for_each(|p| preds.push(p.needs.iter().map(|need| need.on)));
    let (order, open) = sort(&preds);
    if order.len() < placed.len() {
        cycles::report(placed, (&preds, &open), problems);
        return None;
    }
    report_depth(placed, &preds, &order, problems);
    report_redundant(placed, (&preds, &order), problems);
    Some(Reach::new(preds, order))
}

fn report_depth(placed: &[Placed], preds: &Rows, order: &[usize], problems: &mut Problems) {
    let mut depth = vec![1_usize; preds.len()];
    for &i in order {
        depth[i] = preds.row(i).map(|p| depth[p] + 1).max().unwrap_or(1);
    }
    let Some(deepest) = (0..preds.len()).rev().max_by_key(|&i| depth[i]) else { return };
    if depth[deepest] > MAX_CHAIN {
        let message = format!("a chain of {} tasks ends in `{}`", depth[deepest], placed[deepest].task.id);
        problems.push(Diagnostic::warning(Code::DeepChain, placed[deepest].id_span.wide(), message));
    }
}

/// A needed edge is redundant if another predecessor reaches its source. Ancestors as bit sets.
fn report_redundant(placed: &[Placed], (preds, order): (&Rows, &[usize]), problems: &mut Problems) {
    let edges = preds.edges();
    if edges == 0 {
        return;
    }
    let words = preds.len().div_ceil(64);
    if edges > MAX_EDGES_FOR_REDUNDANCY || words.saturating_mul(preds.len()) > MAX_ANCESTOR_WORDS {
        let message =
            format!("nobody looked for needless edges: the plan has {} tasks and {edges} edges", preds.len());
        problems.push(Diagnostic::warning(Code::RedundantEdge, 0..0, message));
        return;
    }
    let mut ancestors = vec![0_u64; words * preds.len()];
    for &i in order {
        for p in preds.row(i) {
            for w in 0..words {
                ancestors[i * words + w] |= ancestors[p * words + w];
            }
            ancestors[i * words + p / 64] |= 1 << (p % 64);
        }
    }
    let reaches = |from: usize, to: usize| ancestors[to * words + from / 64] & (1 << (from % 64)) != 0;
    let mut above = vec![0_u64; words];
    for (i, place) in placed.iter().enumerate() {
        let row = preds.row(i);
        // What any of the row waits for: only that can be redundant.
        above.fill(0);
        for p in row.clone() {
            for (all, more) in above.iter_mut().zip(&ancestors[p * words..]) {
                *all |= more;
            }
        }
        let redundant = |p: &usize| above[p / 64] & (1 << (p % 64)) != 0;
        for p in row.clone().filter(redundant) {
            let Some(named) = place.need(p).filter(|need| need.named) else { continue };
            let Some(via) = row.clone().find(|&q| q != p && reaches(p, q)) else { continue };
            let (task, need, via) = (&place.task.id, &placed[p].task.id, &placed[via].task.id);
            let message = format!("task `{task}` need not name `{need}`: `{via}` already waits for it");
            problems.push(Diagnostic::warning(Code::RedundantEdge, named.span(), message));
        }
    }
}
