//! Goal 18: how long a run of sleeping tasks takes, beside the end that `plan --json` predicts for the same plan.

use crate::bench::{Bench, SLOTS};
use crate::forms::{self, Action, Manner};
use crate::graphs::Graph;
use crate::row::{Row, Unit};
use crate::turns::{Side, alternate};
use regatta_crash::Outcome;
use serde_json::Value;

/// Real runs by the prediction.
pub(super) fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let graph = Graph::sleeps(bench.options.scaled(400, 30), bench.options.seed);
    let plan = forms::plan_json(&graph, Manner::slots(SLOTS), Action::Sleep);
    let plan = bench.place.file("sleeps.json", &plan)?.display().to_string();
    let row =
        Row::of(18, format!("makespan, {} tasks of 5 to 200 ms, {SLOTS} slots", graph.len())).at_most(1.03);
    let said = bench.said(&bench.place.fresh("predicted")?, &["plan", &plan, "--json"])?;
    let predicted =
        serde_json::from_str::<Value>(&said).map_err(|e| format!("`plan --json` is no JSON: {e}"))?;
    let predicted = makespan_ms(&predicted)?;
    let ours = Side::new("regatta", |dir| bench.regatta(dir, &["run", &plan, "--json"]));
    let runs = alternate(&bench.place, ("goal 18", bench.options.pairs(5)), &[ours])?;
    let real = runs.told("regatta", "wall_ms")?;
    let bound = graph.lower_bound_ms(SLOTS);
    let predicted = vec![predicted; real.len()];
    let above = Row::of(18, "the same beside the lower bound");
    let above = above.ratio(Unit::Ms, real.clone(), ("lower bound", Ok(vec![bound; real.len()])));
    Ok(vec![row.ratio(Unit::Ms, real, ("predicted", Ok(predicted))), above])
}

/// What `plan --json` predicts: a schedule that takes any time at all.
fn makespan_ms(said: &Value) -> Outcome<f64> {
    let predicted = said["predicted"]["makespan_ms"].as_f64().filter(|ms| *ms > 0.0);
    predicted.ok_or_else(|| "`plan --json` tells no `predicted.makespan_ms`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_prediction_that_is_missing_fails_the_goal_and_is_not_passed_over() {
        let told = makespan_ms(&json!({ "predicted": { "makespan_ms": 1200 } }));
        assert!(told.is_ok_and(|ms| (1199.0..1201.0).contains(&ms)));
        for said in [json!({}), json!({ "predicted": null }), json!({ "predicted": { "makespan_ms": 0 } })] {
            assert!(makespan_ms(&said).unwrap_err().contains("predicted.makespan_ms"), "{said}");
        }
    }
}
