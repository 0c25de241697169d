//! Lists of node indices in one flat array (compressed sparse rows).
//!
//! Knows nothing of what the numbers mean.

use crate::ids::NodeId;

/// Lists of small integers, one per row, in one flat array.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rows {
    start: Vec<u32>,
    items: Vec<u32>,
}

impl Rows {
    /// No rows yet.
    pub(crate) fn new() -> Rows {
        Rows { start: vec![0], items: Vec::new() }
    }

    /// Adds the next row; `None` if there are more than `u32::MAX` items.
    pub(crate) fn push_row(&mut self, row: impl IntoIterator<Item = u32>) -> Option<()> {
        self.items.extend(row);
        self.start.push(u32::try_from(self.items.len()).ok()?);
        Some(())
    }

    /// The row of a node.
    #[must_use]
    pub fn row(&self, node: NodeId) -> &[u32] {
        let i = node.index();
        &self.items[self.start[i] as usize..self.start[i + 1] as usize]
    }

    /// The number of items in all rows.
    #[must_use]
    pub fn total(&self) -> usize {
        self.items.len()
    }

    /// The same edges seen from their targets; `rows` rows.
    pub(crate) fn transposed(&self, rows: usize) -> Rows {
        let mut start = vec![0_u32; rows + 1];
        for &x in &self.items {
            start[x as usize + 1] += 1;
        }
        for i in 0..rows {
            start[i + 1] += start[i];
        }
        let mut next = start.clone();
        let mut items = vec![0_u32; self.items.len()];
        for row in 0..rows {
            for k in self.start[row]..self.start[row + 1] {
                let slot = &mut next[self.items[k as usize] as usize];
                items[*slot as usize] = row as u32;
                *slot += 1;
            }
        }
        Rows { start, items }
    }
}
