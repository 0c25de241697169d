//! The graph: a box for each task, layers by wave, an arrow for each dependency.
//!
//! Wide graphs run from left to right, deep ones from top to bottom. Knows no time but expected durations.

use super::{
    CRITICAL, HEAD, INK, Key, MARGIN, MONO, MONO_WIDTH, PLAIN, Pen, Picture, SMALL, SOFT, filled, px, xml,
};
use crate::export::layered::{Layout, Line, Sizes, layout};
use crate::export::{Drawing, label};
use crate::prediction::DurationFrom;
use regatta_engine::ids::NodeId;
use std::fmt::Write as _;

/// Characters of an id in its box.
const NAME: usize = 30;
/// Size of the ids.
const FONT: f64 = 12.0;
/// Space between layers.
const BETWEEN: f64 = 64.0;
/// A picture that is no wider runs from left to right.
const COMFORTABLE: f64 = 1_500.0;
/// The head needs so much width.
const LEAST_WIDTH: f64 = 560.0;

/// Where boxes and lines stand.
struct Frame {
    layout: Layout,
    /// Layers follow each other downwards.
    down: bool,
    width: f64,
    height: f64,
}

impl Frame {
    /// The middle of an item.
    fn middle(&self, item: usize) -> (f64, f64) {
        let item = &self.layout.items[item];
        let along = if self.down { self.height } else { self.width };
        let along = item.layer as f64 * (along + BETWEEN) + along / 2.0;
        let (x, y) = if self.down { (item.across, along) } else { (along, item.across) };
        (MARGIN + x, MARGIN + HEAD + y)
    }

    /// Width and height of the whole picture.
    fn size(&self, layers: u32) -> (f64, f64) {
        let along = if self.down { self.height } else { self.width };
        let along = f64::from(layers) * (along + BETWEEN) - BETWEEN;
        let (x, y) = if self.down { (self.layout.across, along) } else { (along, self.layout.across) };
        ((x.max(0.0) + 2.0 * MARGIN).max(LEAST_WIDTH), y.max(0.0) + HEAD + 2.0 * MARGIN)
    }
}

/// The picture.
pub(in crate::export) fn graph(drawing: &Drawing<'_>) -> String {
    let waves = drawing.predicted.graph().waves();
    let (across, down) = (frame(drawing, false), frame(drawing, true));
    let largest = |frame: &Frame| frame.size(waves).0.max(frame.size(waves).1);
    let wide = across.size(waves).0 > COMFORTABLE && largest(&down) < largest(&across);
    let frame = if wide { down } else { across };
    let mut picture = Picture::new();
    let (width, height) = frame.size(waves);
    picture.head(drawing, width, &legend(drawing));
    picture.put(
        "<defs><marker id=\"plain\" viewBox=\"0 0 8 8\" refX=\"7.5\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto\"><path d=\"M0 0.8L8 4L0 7.2Z\" fill=\"#7b8794\"/></marker><marker id=\"critical\" \
         viewBox=\"0 0 8 8\" refX=\"7.5\" refY=\"4\" markerWidth=\"5\" markerHeight=\"5\" orient=\"auto\">\
         <path d=\"M0 0.8L8 4L0 7.2Z\" fill=\"#d9480f\"/></marker></defs>",
    );
    picture.put("<g fill=\"none\" stroke=\"#9aa5b1\" stroke-width=\"1.1\">");
    let critical = |line: &&Line| line.targets.iter().any(|&t| drawing.is_critical_edge(line.source, t));
    for line in frame.layout.lines.iter().filter(|line| !critical(line)) {
        edge(&mut picture, &frame, line, "plain");
    }
    picture.put("</g>\n<g fill=\"none\" stroke=\"#d9480f\" stroke-width=\"2\">");
    for line in frame.layout.lines.iter().filter(critical) {
        edge(&mut picture, &frame, line, "critical");
    }
    picture.put("</g>");
    for (item, node) in frame.layout.items.iter().enumerate().filter_map(|(i, item)| Some((i, item.node?))) {
        task(&mut picture, drawing, &frame, (item, node));
    }
    picture.finish(drawing, "graph", (width, height))
}

fn frame(drawing: &Drawing<'_>, down: bool) -> Frame {
    let longest = drawing.plan.tasks.iter().map(|t| t.id.len().min(NAME)).max().unwrap_or(0);
    let notes =
        drawing.nodes().filter_map(|n| note(drawing, n)).map(|n| n.chars().count()).max().unwrap_or(0);
    let width = (longest as f64 * FONT * MONO_WIDTH).max(notes as f64 * 10.0 * 0.56) + 22.0;
    let height = if notes > 0 { 36.0 } else { 26.0 };
    let sizes =
        Sizes { node: if down { width } else { height }, joint: 6.0, gap: if down { 18.0 } else { 12.0 } };
    Frame { layout: layout(drawing.predicted.graph(), sizes), down, width, height }
}

fn legend(drawing: &Drawing<'_>) -> Vec<Key> {
    let mut legend = vec![Key::Box("critical path", CRITICAL, false), Key::Box("other tasks", PLAIN, false)];
    if drawing.predicted.is_known() && drawing.predicted.durations_from.contains(&DurationFrom::Default) {
        legend.push(Key::Box("duration unknown", PLAIN, true));
    }
    legend
}

/// What stands below an id: the duration, and a priority that is not the usual one.
fn note(drawing: &Drawing<'_>, node: NodeId) -> Option<String> {
    let priority = Some(drawing.task(node).priority.clone()).filter(|p| p != "P2");
    let parts: Vec<String> = label::length(drawing, node).into_iter().chain(priority).collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}

/// A line from the edge of one item to the edge of the next; it passes a joint straight.
fn edge(picture: &mut Picture, frame: &Frame, line: &Line, look: &str) {
    let half = if frame.down { frame.height / 2.0 } else { frame.width / 2.0 };
    let along = |(x, y): (f64, f64), by: f64| if frame.down { (x, y + by) } else { (x + by, y) };
    let (from, to) = (along(frame.middle(line.from), half), along(frame.middle(line.to), -half));
    let (one, other) = if frame.down {
        let half_way = (from.1 + to.1) / 2.0;
        ((from.0, half_way), (to.0, half_way))
    } else {
        let half_way = (from.0 + to.0) / 2.0;
        ((half_way, from.1), (half_way, to.1))
    };
    let mut path = format!("M{} {}", px(from.0), px(from.1));
    if line_is_straight(from, to, frame.down) {
        let _ = write!(path, "L{} {}", px(to.0), px(to.1));
    } else {
        let points = [one, other, to].map(|(x, y)| format!("{} {}", px(x), px(y)));
        let _ = write!(path, "C{}", points.join(","));
    }
    let joint = frame.layout.items[line.to].node.is_none();
    let arrow = if joint { String::new() } else { format!(" marker-end=\"url(#{look})\"") };
    if joint {
        let end = along(to, 2.0 * half);
        let _ = write!(path, "L{} {}", px(end.0), px(end.1));
    }
    picture.put(&format!("<path d=\"{path}\"{arrow}/>"));
}

fn line_is_straight(from: (f64, f64), to: (f64, f64), down: bool) -> bool {
    let apart = if down { from.0 - to.0 } else { from.1 - to.1 };
    apart.abs() < 0.05
}

fn task(picture: &mut Picture, drawing: &Drawing<'_>, frame: &Frame, (item, node): (usize, NodeId)) {
    let (x, y) = frame.middle(item);
    let look = if drawing.is_critical(node) { CRITICAL } else { PLAIN };
    let unknown = drawing.predicted.is_known()
        && drawing.predicted.durations_from[node.index()] == DurationFrom::Default;
    let title = label::title(drawing, node).map(|title| format!(": {title}")).unwrap_or_default();
    let _ = writeln!(picture.body, "<g><title>{}{}</title>", drawing.name(node), xml(&title));
    let corner = (x - frame.width / 2.0, y - frame.height / 2.0);
    // Lines end at the edge of a box and must not show through it.
    picture.rect(corner, (frame.width, frame.height), "rx=\"3\" fill=\"#ffffff\"");
    picture.rect(corner, (frame.width, frame.height), &filled(look, unknown));
    let pen = Pen { size: FONT, font: MONO, color: INK, anchor: "middle", bold: false };
    let name = label::short(drawing.name(node), NAME);
    match note(drawing, node) {
        Some(note) => {
            picture.text((x, y - 2.0), pen, &name);
            picture.text((x, y + 12.0), Pen { size: 10.0, color: SOFT, anchor: "middle", ..SMALL }, &note);
        }
        None => picture.text((x, y + FONT * 0.35), pen, &name),
    }
    picture.put("</g>");
}
