//! Cycles: one of each group of tasks that all wait for each other. Linear, without recursion.
//!
//! Looks at tasks sorted by id, so the same graph gives the same cycles whatever the order of the file.

use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::placed::{NeedPlace, Placed};
use crate::reach::Rows;
use std::collections::BTreeMap;

/// Of a task that no group has yet.
const NONE: u32 = u32::MAX;

/// Reports a cycle of each group; `open` says how many predecessors of each are held back by one.
pub(crate) fn report(placed: &[Placed], (preds, open): (&Rows, &[usize]), problems: &mut Problems) {
    let groups = groups(preds, open);
    let mut size: BTreeMap<u32, usize> = BTreeMap::new();
    groups.iter().filter(|group| **group != NONE).for_each(|group| *size.entry(*group).or_insert(0) += 1);
    for (start, group) in groups.iter().enumerate() {
        // The first of a group is the smallest of it.
        if size.remove(group).is_some_and(|size| size > 1) {
            report_one(placed, preds, (&groups, start), problems);
        }
    }
}

/// The group of each task that is held back: tasks that reach each other share one (Tarjan's algorithm, its calls kept in
/// a list).
fn groups(preds: &Rows, open: &[usize]) -> Vec<u32> {
    let count = preds.len();
    let (mut met, mut low, mut groups) = (vec![NONE; count], vec![NONE; count], vec![NONE; count]);
    let (mut next, mut group) = (0_u32, 0_u32);
    let mut stack: Vec<usize> = Vec::new();
    for root in (0..count).filter(|&at| open[at] > 0) {
        if met[root] != NONE {
            continue;
        }
        let row = |of: usize| preds.row(of).filter(|&p| open[p] > 0);
        let mut calls = vec![(root, row(root))];
        (met[root], low[root]) = (next, next);
        next += 1;
        stack.push(root);
        while let Some((here, rest)) = calls.last_mut() {
            let here = *here;
            if let Some(pred) = rest.next() {
                if met[pred] == NONE {
                    (met[pred], low[pred]) = (next, next);
                    next += 1;
                    stack.push(pred);
                    calls.push((pred, row(pred)));
                } else if groups[pred] == NONE {
                    low[here] = low[here].min(met[pred]);
                }
                continue;
            }
            calls.pop();
            if let Some((above, _)) = calls.last() {
                low[*above] = low[*above].min(low[here]);
            }
            if low[here] == met[here] {
                while let Some(member) = stack.pop() {
                    groups[member] = group;
                    if member == here {
                        break;
                    }
                }
                group += 1;
            }
        }
    }
    groups
}

/// From the smallest id of a group always to the smallest predecessor in it: this walk must meet itself. The cycle is
/// told in the direction of the work, beginning with its smallest id.
fn report_one(placed: &[Placed], preds: &Rows, (groups, start): (&[u32], usize), problems: &mut Problems) {
    let (mut seen, mut walk, mut here) = (BTreeMap::new(), Vec::new(), start);
    let from = loop {
        if let Some(&at) = seen.get(&here) {
            break at;
        }
        seen.insert(here, walk.len());
        walk.push(here);
        match preds.row(here).filter(|&p| groups[p] == groups[start]).min() {
            Some(next) => here = next,
            None => return,
        }
    };
    let mut cycle: Vec<usize> = walk[from..].iter().rev().copied().collect();
    let smallest = cycle.iter().enumerate().min_by_key(|(_, n)| **n).map_or(0, |(at, _)| at);
    cycle.rotate_left(smallest);
    cycle.push(cycle[0]);
    let names: Vec<String> = cycle.iter().map(|&i| placed[i].task.id.clone()).collect();
    let span = |pair: &[usize]| placed[pair[1]].need(pair[0]).map(NeedPlace::span);
    let first = cycle.windows(2).find_map(span).unwrap_or(placed[start].id_span.wide());
    let shown = if names.len() > 12 {
        format!(
            "{} -> … ({} tasks) … -> {}",
            names[..6].join(" -> "),
            names.len() - 1,
            names[names.len() - 1]
        )
    } else {
        names.join(" -> ")
    };
    let mut problem =
        Diagnostic::error(Code::Cycle, first, format!("tasks depend on each other in a cycle: {shown}"));
    problem.cycle = names;
    problems.push(problem.help("remove one of these dependencies"));
}
