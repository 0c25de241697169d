//! The reasons of `explain` as sentences for people, and the names of caps.
//!
//! Text only; decides nothing.

use crate::caps::CapRef;
use crate::cause::Cause;
use crate::explain::Why;
use crate::graph::Graph;
use crate::ids::NodeId;
use crate::words::{cap_name, list, seconds};

impl Why {
    /// One sentence for people, without a full stop; times in engine time.
    #[must_use]
    pub fn sentence(&self, graph: &Graph) -> String {
        let names = |nodes: &[NodeId]| list(graph, nodes);
        match self {
            Why::Predecessors(open) => format!("waits for {}", names(open)),
            Why::Condition => "its `when` condition is being evaluated".to_owned(),
            Why::Running { number, since, ending: None, .. } => {
                format!("attempt {number} runs since {}", seconds(*since))
            }
            Why::Running { number, ending: Some(cause), .. } => {
                format!("attempt {number} is being ended ({})", cause.code())
            }
            Why::Asking { number, question, open, .. } => {
                let more = open - 1;
                let more = if more > 0 { format!(", and {more} more") } else { String::new() };
                format!("attempt {number} asks {}{more}; a person must answer", question.words())
            }
            Why::Backoff { until, next } => {
                format!("backs off before attempt {next} until {}", seconds(*until))
            }
            Why::Paused(reason) => format!("the run is paused ({})", reason.name()),
            Why::NotBegun => "the run has not begun".to_owned(),
            Why::Cap { cap, holders } if holders.is_empty() => {
                format!("held back by {}", cap_name(graph, *cap))
            }
            Why::Cap { cap, holders } => {
                format!("held back by {}, in use by {}", cap_name(graph, *cap), names(holders))
            }
            Why::Lease { resource, by } => {
                format!("held back by {}, held by {by}", cap_name(graph, CapRef::Resource(*resource)))
            }
            Why::Reserved { cap, node } => {
                format!(
                    "{} is reserved for `{}`, which waited longer",
                    cap_name(graph, *cap),
                    graph.name(*node)
                )
            }
            Why::Barrier { wave, until: None } => format!("waits for the end of wave {}", wave + 1),
            Why::Barrier { wave, until: Some(until) } => {
                format!("the pause after wave {} lasts until {}", wave + 1, seconds(*until))
            }
            Why::Turn(node) => format!("`{}` has the turn (schedule: sequential)", graph.name(*node)),
            Why::Queue(0) => "is next to start".to_owned(),
            Why::Queue(ahead) => format!("{ahead} ready tasks stand before it"),
            Why::InDoubt { asking, cause, .. } => in_doubt(*asking, *cause).to_owned(),
            Why::Person(node) => graph
                .asked(*node)
                .map_or_else(String::new, |asked| format!("a person must answer: {}", asked.words())),
            Why::Barred(bar) => bar.sentence(graph),
            Why::Held { until } => format!("a rate limit holds it until {}", seconds(*until)),
            Why::Collected => "its work is committed and waits for landing".to_owned(),
            Why::Ended { outcome, cause: None, .. } => outcome.name().to_owned(),
            Why::Ended { outcome, cause: Some(cause), upstream } if upstream.is_empty() => {
                format!("{} ({})", outcome.name(), cause.code())
            }
            Why::Ended { outcome, cause: Some(Cause::RedGate), upstream } => {
                format!("{}: not asked, because it needs {} to have passed", outcome.name(), names(upstream))
            }
            Why::Ended { outcome, upstream, .. } => {
                format!("{} because of {}", outcome.name(), names(upstream))
            }
        }
    }
}

fn in_doubt(asking: bool, cause: Cause) -> &'static str {
    if asking {
        "its `reconcile` command is being asked"
    } else if cause == Cause::RateLimit {
        "held by rate limits too many times in a row; a person must answer"
    } else if cause == Cause::MergeConflict {
        "what its predecessors left conflicts; a person must resolve that"
    } else if cause == Cause::JoinConflict {
        "the results that it joins disagree; a person must give its result"
    } else {
        "in doubt: an attempt was lost and may have had its effect; a person must answer"
    }
}
