//! What stands on a drawing: times, and titles of bounded length without characters that steer.
//!
//! Knows no format; each escapes the rest for itself.

use super::Drawing;
use crate::render::escape::{escape, fit};
use crate::render::{count, duration};
use regatta_engine::ids::NodeId;

/// Characters of a title.
const TITLE: usize = 60;

/// A time, or a number of steps where no duration is known.
pub(super) fn time(drawing: &Drawing<'_>, ms: u64) -> String {
    if drawing.predicted.is_known() { duration(ms) } else { count(ms, "step") }
}

/// How long a node takes; nothing where nobody knows anything.
pub(super) fn length(drawing: &Drawing<'_>, node: NodeId) -> Option<String> {
    let length = |ms| if ms == 0 { "milestone".to_owned() } else { duration(ms) };
    drawing.predicted.is_known().then(|| length(drawing.expected_ms(node)))
}

/// An id of at most so many characters: its end says more than its middle.
pub(super) fn short(id: &str, most: usize) -> String {
    let chars: Vec<char> = id.chars().collect();
    if chars.len() <= most {
        return id.to_owned();
    }
    let head = most.saturating_sub(1) * 2 / 5;
    let tail = most.saturating_sub(1) - head;
    chars[..head].iter().chain(&['…']).chain(&chars[chars.len() - tail..]).collect()
}

/// The title of a task.
pub(super) fn title(drawing: &Drawing<'_>, node: NodeId) -> Option<String> {
    drawing.task(node).title.as_deref().map(|title| fit(&escape(title), TITLE))
}

/// The name of the plan.
pub(super) fn plan_name(drawing: &Drawing<'_>) -> String {
    fit(&escape(&drawing.plan.name), TITLE)
}

/// The numbers below the name: `12 tasks · predicted 3.4 s · …`.
pub(super) fn summary(drawing: &Drawing<'_>) -> String {
    let predicted = drawing.predicted;
    let tasks = count(drawing.plan.tasks.len() as u64, "task");
    if drawing.plan.tasks.is_empty() {
        return tasks;
    }
    [
        tasks,
        format!("predicted {}", time(drawing, predicted.schedule.makespan_ms)),
        format!("lower bound {}", time(drawing, predicted.lower_bound_ms)),
        format!("sequential {}", time(drawing, predicted.sequential_ms)),
    ]
    .join(" · ")
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn a_long_id_keeps_its_begin_and_its_end() {
        assert_eq!(short("build", 10), "build");
        assert_eq!(short("NFCORE.BACASS.UNICYCLER_5", 15), "NFCOR…ICYCLER_5");
        assert_eq!(short("abcdef", 1), "…");
    }
}
