//! Is parallel worth it? Work divided into units, each file owned by exactly one, and a decision with its reason.
//!
//! ```text
//! task list, plan, list of files --> Work --divide--> Division --judge--> Verdict --> parallel_analysis, execution_plan
//!                                                        `--- sketch --> a plan ready to run
//! ```
//! Pure and independent of order: what is handed in is sorted, and so is every answer.

mod divide;
mod formats;
mod of_epic;
mod of_plan;
mod sketch;
mod verdict;

pub use divide::{Division, Share, divide};
pub use formats::{execution_plan, parallel_analysis};
pub use of_epic::{of_epic, of_files};
pub use of_plan::{TaskFiles, of_plan};
pub use sketch::{Frame, Helper, sketch};
pub use verdict::{Knobs, Verdict, Weight, judge};

use std::collections::{BTreeMap, BTreeSet};

/// What is to be done, before it is divided.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Work {
    /// Who does it, by id.
    pub units: BTreeMap<String, Unit>,
    /// Every file with the units that need it; at least one each.
    pub files: BTreeMap<String, BTreeSet<String>>,
    /// Files with the units that say that they write them: one of those owns it, if there is one.
    pub written: BTreeMap<String, BTreeSet<String>>,
    /// Domains in the order in which their work is merged.
    pub order: Vec<String>,
}

/// What one agent gets.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Unit {
    /// Its domain.
    pub domain: String,
    /// What it is to do, a line each.
    pub description: Vec<String>,
    /// Acceptance criteria.
    pub accept: Vec<String>,
    /// Expected duration.
    pub estimate_ms: Option<u64>,
    /// Units that come before.
    pub needs: BTreeSet<String>,
}

#[cfg(test)]
mod tests;
