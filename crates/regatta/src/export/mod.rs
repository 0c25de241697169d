//! A plan drawn for a document: Mermaid, Graphviz or SVG; its graph, or its predicted schedule over time.
//!
//! Deterministic: the same plan gives the same bytes. Free text is escaped for each format. Knows no files.

mod dot;
mod label;
mod layered;
mod mermaid;
mod svg;

use crate::args::{ExportFormat, ExportView};
use crate::error::CliError;
use crate::prediction::Predicted;
use regatta_engine::ids::NodeId;
use regatta_plan::Plan;
use regatta_plan::model::Task;
use std::collections::BTreeMap;

/// Tasks of a graph that is drawn as a picture; beyond it the layout takes long and nobody can read it.
const MOST_IN_PICTURE: usize = 2_000;
/// Tasks of a schedule that is drawn as a picture.
const MOST_IN_GANTT: usize = 20_000;

/// What is drawn.
#[derive(Debug)]
pub struct Drawing<'a> {
    plan: &'a Plan,
    predicted: &'a Predicted,
    /// The critical path: each node with the next one on it.
    critical: BTreeMap<NodeId, Option<NodeId>>,
}

impl<'a> Drawing<'a> {
    /// Of a plan and what is predicted of it.
    #[must_use]
    pub fn new(plan: &'a Plan, predicted: &'a Predicted) -> Drawing<'a> {
        let path = &predicted.critical_path;
        let next = path.iter().copied().skip(1).map(Some).chain([None]);
        Drawing { plan, predicted, critical: path.iter().copied().zip(next).collect() }
    }

    /// The text of the drawing.
    ///
    /// # Errors
    /// The plan is too large for a picture.
    pub fn draw(&self, format: ExportFormat, view: ExportView) -> Result<String, CliError> {
        let tasks = self.plan.tasks.len();
        let too_large = |most: usize| {
            let message = format!("a picture of {tasks} tasks could not be read; at most {most} are drawn");
            Err(CliError::usage(message).hint("`--format dot` and `--format mermaid` take any number"))
        };
        match (format, view) {
            (ExportFormat::Svg, ExportView::Graph) if tasks > MOST_IN_PICTURE => too_large(MOST_IN_PICTURE),
            (ExportFormat::Svg, ExportView::Gantt) if tasks > MOST_IN_GANTT => too_large(MOST_IN_GANTT),
            (ExportFormat::Svg, ExportView::Graph) => Ok(svg::graph(self)),
            (ExportFormat::Svg, ExportView::Gantt) => Ok(svg::gantt(self)),
            (ExportFormat::Mermaid, ExportView::Graph) => Ok(mermaid::graph(self)),
            (ExportFormat::Mermaid, ExportView::Gantt) => Ok(mermaid::gantt(self)),
            (ExportFormat::Dot, _) => Ok(dot::graph(self)),
        }
    }

    fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.predicted.graph().order().iter().copied()
    }

    fn name(&self, node: NodeId) -> &str {
        self.predicted.graph().name(node)
    }

    /// Node i is task i of the plan.
    fn task(&self, node: NodeId) -> &'a Task {
        &self.plan.tasks[node.index()]
    }

    fn is_critical(&self, node: NodeId) -> bool {
        self.critical.contains_key(&node)
    }

    /// An edge of the critical path itself.
    fn is_critical_edge(&self, from: NodeId, to: NodeId) -> bool {
        self.critical.get(&from) == Some(&Some(to))
    }

    fn expected_ms(&self, node: NodeId) -> u64 {
        self.predicted.graph().duration_ms(node)
    }
}
