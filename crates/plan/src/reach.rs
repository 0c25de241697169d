//! Who waits for whom, directly or through others: over plain indices and edges, without recursion.
//!
//! Knows no task.

use std::collections::BTreeSet;

/// Sources that one pass follows at once: one bit each.
const SOURCES_A_PASS: usize = 64;

/// The predecessors of each, one row behind the other.
pub(crate) struct Rows {
    /// Where each row begins, and the end of the last.
    starts: Vec<u32>,
    flat: Vec<u32>,
}

impl Rows {
    /// No row yet.
    pub(crate) fn new(rows: usize) -> Rows {
        let mut starts = Vec::with_capacity(rows + 1);
        starts.push(0);
        Rows { starts, flat: Vec::new() }
    }

    /// Adds the next row. Edges are bounded, so 32 bits count them.
    pub(crate) fn push(&mut self, row: impl Iterator<Item = u32>) {
        self.flat.extend(row);
        self.starts.push(u32::try_from(self.flat.len()).unwrap_or(u32::MAX));
    }

    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// The number of entries in all rows.
    pub(crate) fn edges(&self) -> usize {
        self.flat.len()
    }

    /// A row.
    pub(crate) fn row(&self, of: usize) -> impl Iterator<Item = usize> + Clone + '_ {
        self.flat[self.starts[of] as usize..self.starts[of + 1] as usize].iter().map(|&at| at as usize)
    }

    /// The other way round: for each, the rows that it is in, ascending.
    fn reversed(&self) -> Rows {
        let mut starts = vec![0_u32; self.len() + 1];
        self.flat.iter().for_each(|&at| starts[at as usize + 1] += 1);
        (1..starts.len()).for_each(|i| starts[i] += starts[i - 1]);
        let (mut next, mut flat) = (starts.clone(), vec![0; self.flat.len()]);
        for (of, row) in (0..).zip(self.starts.windows(2)) {
            for &at in &self.flat[row[0] as usize..row[1] as usize] {
                flat[next[at as usize] as usize] = of;
                next[at as usize] += 1;
            }
        }
        Rows { starts, flat }
    }
}

/// Who reaches whom.
pub(crate) struct Reach {
    preds: Rows,
    /// In topological order.
    order: Vec<usize>,
    position: Vec<usize>,
}

impl Reach {
    /// Of the predecessors of each, and a topological order of all.
    pub(crate) fn new(preds: Rows, order: Vec<usize>) -> Reach {
        let mut position = vec![0; preds.len()];
        order.iter().enumerate().for_each(|(at, &i)| position[i] = at);
        Reach { preds, order, position }
    }

    /// In topological order.
    pub(crate) fn sorted(&self, tasks: BTreeSet<usize>) -> Vec<usize> {
        let mut tasks: Vec<usize> = tasks.into_iter().collect();
        tasks.sort_unstable_by_key(|&i| self.position[i]);
        tasks
    }

    /// True if `to` waits for `from`, directly or not. Looks back from `to`, not beyond the place of `from`.
    pub(crate) fn reaches(&self, from: usize, to: usize) -> bool {
        let (mut open, mut seen) = (vec![to], BTreeSet::new());
        while let Some(next) = open.pop() {
            if next == from {
                return true;
            }
            let later = |p: &usize| self.position[*p] >= self.position[from];
            open.extend(self.preds.row(next).filter(later).filter(|&p| seen.insert(p)));
        }
        false
    }

    /// True if there is an order between any two of them: in topological order, if there is one between neighbours.
    pub(crate) fn is_chain(&self, tasks: BTreeSet<usize>) -> bool {
        self.sorted(tasks).windows(2).all(|pair| self.reaches(pair[0], pair[1]))
    }

    /// For each, whether one of those stands before it.
    pub(crate) fn behind(&self, is: impl Fn(usize) -> bool) -> Vec<bool> {
        let mut behind = vec![false; self.order.len()];
        for &i in &self.order {
            behind[i] = self.preds.row(i).any(|p| behind[p] || is(p));
        }
        behind
    }

    /// Tells each of those of `sources` that stand before those of `targets`, ascending, with whom it stands before.
    /// Linear in edges for every 64 sources.
    pub(crate) fn before(
        &self,
        sources: &[usize],
        targets: impl Iterator<Item = usize> + Clone,
        mut tell: impl FnMut(usize, usize),
    ) {
        for sources in sources.chunks(SOURCES_A_PASS) {
            let marks = self.marks(sources);
            for to in targets.clone() {
                let met = sources.iter().enumerate().filter(|(bit, _)| marks[to] & (1 << bit) != 0);
                met.filter(|(_, from)| **from != to).for_each(|(_, from)| tell(*from, to));
            }
        }
    }

    /// How many tasks there are before each on the longest way to it.
    pub(crate) fn depths(&self) -> Vec<usize> {
        let mut depth = vec![0; self.order.len()];
        for &i in &self.order {
            depth[i] = self.preds.row(i).map(|p| depth[p] + 1).max().unwrap_or(0);
        }
        depth
    }

    /// Those of `pairs` without an order between them. Linear in edges for every 64 different first ones; looks at
    /// no more than `most_steps` nodes and edges, and answers whether that was enough.
    pub(crate) fn unordered(
        &self,
        pairs: impl Iterator<Item = (usize, usize)>,
        most_steps: usize,
    ) -> (Vec<(usize, usize)>, bool) {
        let mut by_source: Vec<(usize, usize, (usize, usize))> = pairs
            .map(|(a, b)| {
                // Only the earlier one can be waited for.
                let (from, to) = if self.position[a] < self.position[b] { (a, b) } else { (b, a) };
                (from, to, (a, b))
            })
            .collect();
        by_source.sort_unstable();
        let steps_a_pass = (self.preds.edges() + self.preds.len()).max(1);
        let mut passes_left = (most_steps / steps_a_pass).max(1);
        let (mut found, mut rest) = (Vec::new(), by_source.as_slice());
        while !rest.is_empty() && passes_left > 0 {
            passes_left -= 1;
            let (sources, taken) = first_sources(rest);
            let marks = self.marks(&sources);
            let (now, later) = rest.split_at(taken);
            rest = later;
            found.extend(now.iter().filter(|(from, to, _)| {
                let bit = sources.binary_search(from).unwrap_or_default();
                marks[*to] & (1 << bit) == 0
            }));
        }
        let mut unordered: Vec<(usize, usize)> = found.into_iter().map(|(_, _, pair)| pair).collect();
        unordered.sort_unstable();
        (unordered, rest.is_empty())
    }

    /// Those of many pairs, each with the earlier one first, without an order between them: sought from one to the other where
    /// they stand near each other, else with all at once.
    pub(crate) fn apart(&self, pairs: &BTreeSet<(usize, usize)>) -> BTreeSet<(usize, usize)> {
        let looks: usize = pairs.iter().map(|(a, b)| self.position[*b] - self.position[*a]).sum();
        let passes = pairs.len().div_ceil(SOURCES_A_PASS);
        if looks > passes.saturating_mul(self.preds.len()) {
            return self.unordered(pairs.iter().copied(), usize::MAX).0.into_iter().collect();
        }
        pairs.iter().copied().filter(|(a, b)| !self.reaches(*a, *b)).collect()
    }

    /// For each node, which of the sources it is or waits for.
    fn marks(&self, sources: &[usize]) -> Vec<u64> {
        let mut marks = vec![0_u64; self.preds.len()];
        sources.iter().enumerate().for_each(|(bit, &source)| marks[source] |= 1 << bit);
        for &i in &self.order {
            marks[i] = self.preds.row(i).fold(marks[i], |all, p| all | marks[p]);
        }
        marks
    }
}

/// The first different sources of sorted pairs, and how many pairs those have.
fn first_sources(pairs: &[(usize, usize, (usize, usize))]) -> (Vec<usize>, usize) {
    let mut sources: Vec<usize> = Vec::with_capacity(SOURCES_A_PASS);
    for (at, (from, ..)) in pairs.iter().enumerate() {
        if sources.last() != Some(from) {
            if sources.len() == SOURCES_A_PASS {
                return (sources, at);
            }
            sources.push(*from);
        }
    }
    (sources, pairs.len())
}

/// Kahn's algorithm: a topological order of what is not held back by a cycle, and the open counts.
pub(crate) fn sort(preds: &Rows) -> (Vec<usize>, Vec<usize>) {
    let succs = preds.reversed();
    let mut open: Vec<usize> = (0..preds.len()).map(|i| preds.row(i).count()).collect();
    let mut order: Vec<usize> = (0..preds.len()).filter(|&i| open[i] == 0).collect();
    let mut head = 0;
    while let Some(&i) = order.get(head) {
        head += 1;
        for s in succs.row(i) {
            open[s] -= 1;
            if open[s] == 0 {
                order.push(s);
            }
        }
    }
    (order, open)
}
