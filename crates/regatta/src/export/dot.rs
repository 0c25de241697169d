//! The graph as text for Graphviz.
//!
//! Names are quoted; backslashes and quotes in them are escaped, so nothing of a title is read as an escape of Graphviz.

use super::{Drawing, label};
use regatta_engine::ids::NodeId;
use std::fmt::Write as _;

/// The text.
pub(super) fn graph(drawing: &Drawing<'_>) -> String {
    let mut out = format!("digraph {} {{\n", quoted(&label::plan_name(drawing)));
    out.push_str("  rankdir=LR;\n");
    out.push_str("  node [shape=box, style=\"rounded,filled\", fillcolor=\"#eef2ff\", color=\"#4263eb\", fontname=\"Helvetica\"];\n");
    out.push_str("  edge [color=\"#868e96\"];\n");
    for node in drawing.nodes() {
        let look = if drawing.is_critical(node) { ", fillcolor=\"#ffe8cc\", color=\"#d9480f\"" } else { "" };
        let (name, text) = (quoted(drawing.name(node)), lines(drawing, node));
        // Writing into a string cannot fail.
        let _ = writeln!(out, "  {name} [label={text}{look}];");
    }
    for node in drawing.nodes() {
        for next in drawing.predicted.graph().succs(node) {
            let look =
                if drawing.is_critical_edge(node, next) { " [color=\"#d9480f\", penwidth=2]" } else { "" };
            let _ =
                writeln!(out, "  {} -> {}{look};", quoted(drawing.name(node)), quoted(drawing.name(next)));
        }
    }
    let graph = drawing.predicted.graph();
    for wave in 0..graph.waves() {
        let names: Vec<String> = graph.wave(wave).iter().map(|&n| quoted(drawing.name(n))).collect();
        let _ = writeln!(out, "  {{ rank=same; {}; }}", names.join("; "));
    }
    out.push_str("}\n");
    out
}

/// Id, title and duration, a line each.
fn lines(drawing: &Drawing<'_>, node: NodeId) -> String {
    let parts =
        [Some(drawing.name(node).to_owned()), label::title(drawing, node), label::length(drawing, node)];
    let parts: Vec<String> = parts.into_iter().flatten().map(|part| inner(&part)).collect();
    format!("\"{}\"", parts.join("\\n"))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", inner(text))
}

fn inner(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn nothing_in_a_name_ends_it_or_is_an_escape() {
        assert_eq!(quoted(r#"a"]; b\N"#), r#""a\"]; b\\N""#);
    }
}
