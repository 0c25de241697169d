//! The variables that begin with `REGATTA_`: which set something, which are given to tasks, and which mean nothing.
//!
//! Reads no environment.

use crate::config;
use crate::overrides;
use std::collections::BTreeMap;

/// Names the workspace.
const WORKSPACE: &str = "REGATTA_WORKSPACE";
/// Variables that tasks are given, and their names' beginnings; seen where a task calls Regatta.
const OF_TASKS: [&str; 16] = [
    "REGATTA_RUN_ID",
    "REGATTA_RUN_STATUS",
    "REGATTA_PLAN_NAME",
    "REGATTA_TASK_ID",
    "REGATTA_ATTEMPT",
    "REGATTA_IDEMPOTENCY_KEY",
    "REGATTA_MARKER",
    "REGATTA_RESULT",
    "REGATTA_RETRY_AFTER",
    "REGATTA_LEASE_EPOCH",
    "REGATTA_INPUTS",
    "REGATTA_MATRIX_",
    "REGATTA_REF_",
    "REGATTA_FAULT",
    "REGATTA_BLESS",
    "REGATTA_TEST",
];

/// Variables that nothing reads, each with the one that may be meant.
#[must_use]
pub fn unknown(variables: &BTreeMap<String, String>) -> Vec<(&str, Option<&'static str>)> {
    let known: Vec<&'static str> = std::iter::once(WORKSPACE)
        .chain(config::VARIABLES.iter().map(|(_, variable)| *variable))
        .chain(overrides::variables())
        .collect();
    let strange = variables
        .keys()
        .filter(|name| !known.contains(&name.as_str()) && !OF_TASKS.iter().any(|of| name.starts_with(of)));
    strange.map(|name| (name.as_str(), regatta_plan::nearest(name, known.iter().copied()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_nothing_reads_is_told_with_the_one_that_may_be_meant() {
        let names = ["REGATTA_MAX_PARALEL", "REGATTA_MAX_PARALLEL", "REGATTA_RUN_ID", "REGATTA_REF_12"];
        let all = names.map(|name| (name.to_owned(), String::new())).into_iter().collect();
        assert_eq!(unknown(&all), [("REGATTA_MAX_PARALEL", Some("REGATTA_MAX_PARALLEL"))]);
    }
}
