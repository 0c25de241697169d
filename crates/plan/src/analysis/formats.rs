//! A decision in the shapes of formats 5: `parallel_analysis` and `execution_plan`.
//!
//! Names of fields are exact, and their order is that of the format.

use super::{Division, Verdict};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The `parallel_analysis` object.
#[must_use]
pub fn parallel_analysis(division: &Division, verdict: &Verdict) -> Value {
    let mut files: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
    let mut told: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for share in &division.shares {
        files.entry(&share.unit.domain).or_default().extend(&share.owns);
        told.entry(&share.unit.domain).or_default().extend(share.unit.description.iter().cloned());
    }
    files.values_mut().for_each(|files| files.sort_unstable());
    let listed = |domain: &String| (domain.clone(), json!(files.get(domain.as_str())));
    let domains: Map<String, Value> = division.order.iter().map(listed).collect();
    let part = |domain: &String| {
        let description = told.get(domain.as_str()).map(|lines| lines.join("\n")).unwrap_or_default();
        (domain.clone(), json!({ "files": files.get(domain.as_str()), "task_description": description }))
    };
    let parts: Map<String, Value> = division.order.iter().map(part).collect();
    json!({
        "viable": verdict.viable,
        "reason": verdict.reason,
        "file_count": division.file_count,
        "domain_count": verdict.domain_count,
        "domains": domains,
        "file_overlap_percentage": verdict.overlap_percent,
        "recommendation": if verdict.viable { "parallel" } else { "sequential" },
        "parallel_plan": verdict.viable.then_some(parts),
    })
}

/// The `execution_plan` object; `analysis_file` is where the analysis lies.
#[must_use]
pub fn execution_plan(division: &Division, verdict: &Verdict, analysis_file: &str) -> Value {
    json!({
        "execution_mode": if verdict.viable { "parallel" } else { "sequential" },
        "parallel_viable": verdict.viable,
        "reason": verdict.reason,
        "file_count": division.file_count,
        "domain_count": verdict.domain_count,
        "file_overlap_percentage": verdict.overlap_percent,
        "parallel_analysis_file": analysis_file,
    })
}
