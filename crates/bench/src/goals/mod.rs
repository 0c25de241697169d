//! The goals, those of the specification (1 to 19) and two of ours, in groups that share runs. Which group measures which goal is known here, no more.

mod floods;
mod idle;
mod journal;
mod large;
mod makespan;
mod memory;
mod overhead;
mod own_cost;
mod repeats;
mod resume;
mod start_up;
mod status;
mod tool_calls;
mod worktrees;

use crate::bench::Bench;
use crate::row::Row;
use regatta_crash::Outcome;

/// Measurements that belong together.
struct Group {
    goals: &'static [u8],
    name: &'static str,
    measure: fn(&Bench) -> Outcome<Vec<Row>>,
}

const GROUPS: [Group; 15] = [
    Group { goals: &[1, 2, 3, 4], name: "overhead of a task", measure: overhead::measure },
    Group { goals: &[5], name: "our own cost", measure: own_cost::measure },
    Group { goals: &[6], name: "memory of a run", measure: memory::measure },
    Group { goals: &[6, 7, 8], name: "a plan of a million tasks", measure: large::measure },
    Group { goals: &[9], name: "durable events", measure: journal::measure },
    Group { goals: &[10, 11, 12], name: "worktrees", measure: worktrees::measure },
    Group { goals: &[19], name: "elsewhere", measure: elsewhere },
    Group { goals: &[13], name: "start-up", measure: start_up::measure },
    Group { goals: &[14], name: "resume", measure: resume::measure },
    Group { goals: &[15], name: "work after a kill", measure: repeats::measure },
    Group { goals: &[16], name: "status during a run", measure: status::measure },
    Group { goals: &[17], name: "idle", measure: idle::measure },
    Group { goals: &[18], name: "makespan", measure: makespan::measure },
    Group { goals: &[20], name: "calls of tools", measure: tool_calls::measure },
    Group { goals: &[21], name: "floods of output", measure: floods::measure },
];

/// Every row of the goals that are wanted, in order of goal. What fails is a row too.
pub(crate) fn measure(bench: &Bench) -> Vec<Row> {
    let mut rows = Vec::new();
    for group in &GROUPS {
        let Some(first) = group.goals.iter().copied().find(|goal| bench.options.wants(*goal)) else {
            continue;
        };
        match (group.measure)(bench) {
            Ok(found) => rows.extend(found.into_iter().filter(|row| bench.options.wants(row.goal))),
            Err(why) => rows.push(Row::of(first, group.name).failed(why)),
        }
    }
    rows.sort_by_key(|row| row.goal);
    rows
}

/// Goals that this command does not measure, so that none is missing in silence.
fn elsewhere(_: &Bench) -> Outcome<Vec<Row>> {
    Ok(vec![Row::of(19, "quality of the predicted schedule").not_measured("by `cargo xtask trials`")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_goal_of_the_table_belongs_to_a_group() {
        let mut all: Vec<u8> = GROUPS.iter().flat_map(|group| group.goals).copied().collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all, (1..=21).collect::<Vec<u8>>());
    }
}
